//! Recorded histories with known verdicts, if they are there: one call for each folder and model gives every verdict.
//!
//! What each file must give stands in its folder's table, in its name, or in the name of its folder; see the README beside
//! them.

// It makes new folders too, but these histories have theirs.
#[allow(dead_code)]
mod binary;

use binary::perjury;
use serde_json::Value;
use std::path::{Path, PathBuf};

const HELD: &str = "held";
const VIOLATED: &str = "violated";

fn corpus() -> Option<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/linearizability");
    if !corpus.is_dir() {
        println!("skipped: there is no {}", corpus.display());
        return None;
    }
    Some(corpus)
}

/// The histories of a folder whose names begin so, in order.
fn files(corpus: &Path, folder: &str, begins: &str) -> Vec<String> {
    let entries = std::fs::read_dir(corpus.join(folder)).expect("a folder");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let mut names: Vec<String> = names
        .filter(|name| name.starts_with(begins) && !name.ends_with(".tsv"))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    names.sort();
    names
}

/// The verdict in the table of a folder.
fn tabled(corpus: &Path, file: &str) -> &'static str {
    let (folder, name) = file.split_once('/').expect("a folder and a name");
    let table = std::fs::read_to_string(corpus.join(folder).join("VERDICTS.tsv")).expect("a table of verdicts");
    let row = table.lines().find(|row| row.split('\t').next() == Some(name)).expect("a row");
    if row.split('\t').any(|field| field == "Ok") { HELD } else { VIOLATED }
}

/// Judges all files in one call, and compares each verdict. Every one must come with its evidence.
fn compare(corpus: &Path, files: &[String], flags: &str, expected: impl Fn(&str) -> &'static str) {
    let ended = perjury(corpus, &format!("check {} {flags} --json", files.join(" ")));
    assert_eq!(ended.err, "", "{flags}");
    let found: Vec<Value> = ended.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(found.len(), files.len(), "{flags}");
    let mut wrong = Vec::new();
    for (file, found) in files.iter().zip(&found) {
        assert_eq!(found["file"], file.as_str());
        let (verdict, evidence) = (found["verdict"].as_str().expect("a verdict"), &found["evidence"]);
        let by = evidence["by"].as_str().unwrap_or_default();
        println!("{file}: {verdict} {by}, {} ms, {} steps", found["milliseconds"], found["steps"]);
        let proved = match verdict {
            HELD => evidence["order"].as_array().is_some_and(|order| !order.is_empty()),
            VIOLATED => evidence["sentences"][0].is_string() && evidence["window"].is_array(),
            _ => true,
        };
        assert!(proved, "{file}: {verdict} without evidence: {evidence}");
        if verdict != expected(file) {
            wrong.push(format!("{file}: {verdict}, not {}: {}", expected(file), evidence["why"]));
        }
    }
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), files.len(), wrong.join("\n"));
    let worst = if files.iter().any(|file| expected(file) == VIOLATED) { 1 } else { 0 };
    assert_eq!(ended.code, worst, "{flags}");
}

#[test]
fn the_logs_of_an_early_etcd() {
    let Some(corpus) = corpus() else { return };
    let files = files(&corpus, "etcd", "");
    assert_eq!(files.len(), 60);
    compare(&corpus, &files, "--model cas-register", |file| tabled(&corpus, file));
}

#[test]
fn histories_with_one_subtly_wrong_read() {
    let Some(corpus) = corpus() else { return };
    let files = files(&corpus, "subtle", "");
    assert_eq!(files.len(), 40);
    compare(&corpus, &files, "--model cas-register", |file| tabled(&corpus, file));
}

#[test]
fn what_knossos_is_tested_with() {
    let Some(corpus) = corpus() else { return };
    let all = [files(&corpus, "knossos/good", ""), files(&corpus, "knossos/bad", "")].concat();
    assert_eq!(all.len(), 49);
    compare(&corpus, &all, "--model cas-register", |file| if file.contains("/good/") { HELD } else { VIOLATED });
}

#[test]
fn maps_of_strings() {
    let Some(corpus) = corpus() else { return };
    let files = files(&corpus, "kv", "");
    assert_eq!(files.len(), 4);
    compare(&corpus, &files, "--model kv", |file| if file.contains("-ok.") { HELD } else { VIOLATED });
}

#[test]
fn generated_histories() {
    let Some(corpus) = corpus() else { return };
    let calls = [
        ("reg", "--model cas-register", 45),
        ("kv_", "--model cas-register --independent", 4),
        ("set_", "--model set", 4),
        ("queue_", "--model queue", 10),
    ];
    for (begins, flags, count) in calls {
        let files = files(&corpus, "generated", begins);
        assert_eq!(files.len(), count, "{begins}");
        compare(&corpus, &files, flags, |file| if file.contains("_ok.") { HELD } else { VIOLATED });
    }
}
