//! Real databases, each on nodes of its own. They take real time and wait for most of it, so they are one test
//! program, whose tests run side by side.
#![allow(clippy::disallowed_methods)] // Real databases keep real time.

#[path = "../binary/mod.rs"]
mod binary;
mod clocks;
mod damage;
mod ends;
mod etcd;
mod galera;
mod limits;
mod ordinary;
mod own;
mod places;
mod postgres;
mod redis;

use binary::{Ended, folder, perjury};
use databases::real::{Needed, choose};
use serde_json::{Value, json};
use std::env;
use std::path::Path;

/// In microseconds, as plans have it.
const SECOND: u64 = 1_000_000;

/// Whether a test must be skipped since this machine has not what it needs; says why. No excuse where skipping is forbidden.
fn skipped(database: &str) -> bool {
    skipped_for(&choose(database).expect("it is in the table").expect("its choices are known").database.needed())
}

/// The same for anything that is needed besides nodes in namespaces.
fn skipped_for(needed: &Needed) -> bool {
    let forbidden = hosts::netns::possible_somehow().err().map(|error| error.to_string());
    missing(needed) || skip(needed, forbidden)
}

/// The same where nodes need nothing.
fn missing(needed: &Needed) -> bool {
    skip(needed, needed.missing().first().map(|program| format!("there is no program {program}")))
}

/// Whether a test is left to the long lane; says so.
fn only_in_the_long_lane() -> bool {
    let short = env::var_os("PERJURY_LONG").is_none();
    if short {
        eprintln!("skipped: tested in the long lane, with PERJURY_LONG=1");
    }
    short
}

/// What links need to be slow or narrow.
const SLOW_LINKS: Needed = Needed { what: "slow links", programs: &["iptables-restore"], packages: &["iptables"] };

fn skip(needed: &Needed, why: Option<String>) -> bool {
    if let Some(why) = &why {
        assert!(env::var_os("PERJURY_NO_SKIP").is_none(), "{} is wanted: {why}", needed.what);
        eprintln!("skipped: {why}");
    }
    why.is_some()
}

/// Runs with seeds from 1 on until one ends with this code; gives it back with its folder. Where a run must hold, one that does not
/// is never made up for by a later one.
fn until(code: i32, most: u64, words: &str) -> (Ended, tempfile::TempDir) {
    for seed in 1..=most {
        let dir = folder();
        let ended = perjury(dir.path(), &format!("run {words} --seed {seed}"));
        if ended.code == code {
            return (ended, dir);
        }
        println!("seed {seed} ended with {}: {}{}", ended.code, ended.out, ended.err);
        assert!(code != 0 || ended.code != 1, "a run of {words} that must hold was violated");
    }
    panic!("none of {most} runs of {words} ended with {code}");
}

/// Runs with faults written by hand: when, what, for how long, in seconds.
fn run(words: &str, strikes: &[(u64, Value, u64)]) -> (Ended, tempfile::TempDir) {
    let dir = folder();
    let strike = |(at, fault, lasts): &(u64, Value, u64)| json!({"when": {"at": at * SECOND}, "fault": fault, "lasts": lasts * SECOND});
    let strikes: Vec<Value> = strikes.iter().map(strike).collect();
    let file = dir.path().join("strikes.json");
    std::fs::write(&file, json!(strikes).to_string()).expect("the folder is ours");
    let ended = perjury(dir.path(), &format!("run {words} --plan {}", file.display()));
    (ended, dir)
}

/// The logs of the nodes of the only run in a folder.
fn logs(dir: &Path) -> Vec<String> {
    let nodes = std::fs::read_dir(dir.join("runs/latest/nodes")).expect("the nodes' logs were kept");
    nodes.map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a log is text")).collect()
}

/// Each of these commands is bad input, is told so in these words, and starts nothing.
fn refused(dir: &Path, cases: &[(&str, &str)]) {
    for (words, expected) in cases {
        let ended = perjury(dir, words);
        assert_eq!(ended.code, 64, "{words}: {}{}", ended.out, ended.err);
        assert!(ended.err.contains(expected), "{words}: {}", ended.err);
    }
    assert!(!dir.join("runs").exists());
}
