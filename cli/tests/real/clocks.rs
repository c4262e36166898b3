//! A clock that is 100 s wrong, on one node of a real database: measured by what the database itself tells, and gone afterwards.

use crate::binary::{Ended, folder, perjury};
use crate::skipped;
use serde_json::{Value, json};

const SECOND: u64 = 1_000_000;

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

/// The clock of the first node, by so many seconds.
fn clock(seconds: i64) -> Value {
    json!({"clock": {"target": {"node": 0}, "offset": seconds * SECOND as i64, "rate": 100}})
}

#[test]
fn a_redis_tells_a_time_that_is_100_s_ahead_or_behind_and_the_right_one_afterwards() {
    if skipped("redis") {
        return;
    }
    // Killed in between, it comes back with a right clock, which is set wrong again.
    let strikes = [(4, clock(100), 10), (7, json!({"kill": {"node": 0}}), 2), (18, clock(-100), 5)];
    let (ended, _dir) = run("--database redis:mode=single,fsync=always --workload set --time 26s", &strikes);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    // As it began and as it ended, each from and to.
    let wrong: Vec<f64> = deviations(&ended.out);
    assert!(wrong.len() >= 8, "{}", ended.out);
    assert!(wrong.iter().all(|seconds| (99.0..101.0).contains(&seconds.abs())), "{}", ended.out);
    assert!(wrong.iter().any(|seconds| *seconds > 0.0) && wrong.iter().any(|seconds| *seconds < 0.0));
}

#[test]
fn every_process_of_a_postgres_tells_a_wrong_time_and_the_right_one_afterwards() {
    wrong_both_ways("postgres", "--database postgres --nodes 1");
}

#[test]
fn a_galera_tells_a_wrong_time_and_the_right_one_afterwards() {
    if std::env::var_os("PERJURY_LONG").is_none() {
        eprintln!("skipped: galera is tested in the long lane, with PERJURY_LONG=1");
        return;
    }
    wrong_both_ways("galera", "--database galera --nodes 1");
}

/// Ahead, and then behind. A clock that is still wrong after its fault ends the run as a trouble.
fn wrong_both_ways(name: &str, words: &str) {
    if skipped(name) {
        return;
    }
    let (ended, _dir) = run(&format!("{words} --workload set --time 18s"), &[(4, clock(100), 4), (12, clock(-100), 4)]);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    let wrong = deviations(&ended.out);
    assert!(wrong.len() >= 8 && wrong.iter().all(|seconds| (99.0..101.0).contains(&seconds.abs())), "{}", ended.out);
    assert!(wrong.iter().any(|seconds| *seconds > 0.0) && wrong.iter().any(|seconds| *seconds < 0.0));
}

/// By how much the first node's clock was off each time that it was asked, from and to, in seconds.
fn deviations(out: &str) -> Vec<f64> {
    let measured = out.lines().filter_map(|line| line.split_once("n1 was off by ")).map(|(_, words)| words);
    let signed = measured.flat_map(|words| words.split_whitespace().filter(|word| word.starts_with(['+', '-'])));
    signed.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn an_etcd_stamps_its_log_100_s_ahead_and_rightly_afterwards() {
    if skipped("etcd") {
        return;
    }
    let cut = json!({"partition": {"isolate": {"node": 0}}});
    let strikes = [(4, clock(100), 9), (7, cut.clone(), 4), (15, cut, 3)];
    let (ended, dir) = run("--database etcd --workload register --time 21s", &strikes);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    // In whole seconds, so that each time that it was asked leaves more than one.
    let wrong = deviations(&ended.out);
    assert!(wrong.len() >= 4 && wrong.iter().all(|seconds| (98.0..102.0).contains(seconds)), "{}", ended.out);
    let stamps = |node: &str| stamps(&dir.path().join(format!("runs/latest/nodes/{node}-etcd.log")));
    let (own, other) = (stamps("n1"), stamps("n2"));
    let began = own[0];
    let ahead = |stamp: &f64| (100.0..190.0).contains(&(stamp - began));
    let wrong = own.iter().rposition(ahead).expect("it wrote something while its clock was wrong");
    assert!(own[wrong + 1..].iter().any(|stamp| (0.0..90.0).contains(&(stamp - began))), "it came right: {own:?}");
    assert!(!other.iter().any(ahead), "another node's clock was right all along: {other:?}");
}

/// When each line of a log was written, by the clock of who wrote it, in seconds since 1970.
fn stamps(log: &std::path::Path) -> Vec<f64> {
    let text = std::fs::read_to_string(log).expect("the log was kept");
    let stamp = |line: &str| {
        let stamp = serde_json::from_str::<Value>(line).ok()?["ts"].as_str()?.to_string();
        let time = humantime::parse_rfc3339(&stamp).ok()?;
        Some(time.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?.as_secs_f64())
    };
    text.lines().filter_map(stamp).collect()
}

#[test]
fn a_clock_that_nobody_reads_was_not_set_wrong_and_that_is_no_pass() {
    if skipped("redis") {
        return;
    }
    let (ended, _dir) = run(
        "--database redis --workload set --time 20s",
        &[(4, json!({"kill": {"node": 2}}), 8), (6, clock_of(2), 3), (14, clock_of(2), 3)],
    );
    assert_eq!(ended.code, 3, "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("had no effect (the clock of n3 did not tell another time"), "{}", ended.out);
}

fn clock_of(node: u8) -> Value {
    json!({"clock": {"target": {"node": node}, "offset": 5 * SECOND, "rate": 100}})
}

#[test]
fn a_rate_is_refused_before_anything_is_started() {
    let faster = json!({"clock": {"target": "leader", "offset": 0, "rate": 200}});
    let (ended, dir) = run("--database redis", &[(4, faster, 2)]);
    assert_eq!(ended.code, 64, "{}{}", ended.out, ended.err);
    assert!(ended.err.contains("do not run at 200 %"), "{}", ended.err);
    let ended = perjury(dir.path(), "run --database redis --nemesis clock-half-leader");
    assert_eq!(ended.code, 64, "{}{}", ended.out, ended.err);
    assert!(ended.err.contains("clocks' offsets"), "{}", ended.err);
    assert!(!dir.path().join("runs").exists());
}
