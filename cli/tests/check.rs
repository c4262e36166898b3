//! `perjury check --model`: histories of other tools, in every notation, with evidence, and with words for what is wrong.

mod binary;

use binary::{Ended, folder, perjury};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// One register: written by one client, read by another one afterwards.
const HELD: &str = r#"{"process":0,"type":"invoke","f":"write","value":1}
{"process":0,"type":"ok","f":"write","value":1}
{"process":1,"type":"invoke","f":"read","value":null}
{"process":1,"type":"ok","f":"read","value":1}
{"process":0,"type":"invoke","f":"cas","value":[2,3]}
{"process":0,"type":"fail","f":"cas","value":[2,3],"error":"precondition"}
"#;

/// The same with a read of what was there before.
fn violated() -> String {
    HELD.replace(r#""read","value":1"#, r#""read","value":null"#)
}

/// The same as Jepsen writes it.
const EDN: &str = "; written by hand
[#jepsen.history.Op{:index 0, :process 0, :type :invoke, :f :write, :value 1}
 {:index 1, :process :nemesis, :type :info, :f :start, :value #{:n1 :n2}}
 {:index 2, :process 0, :type :ok, :f :write, :value 1}
 {:index 3, :process 1, :type :invoke, :f :read, :value nil} #_(not this)
 {:index 4, :process 1, :type :ok, :f :read, :value 1N}]
";

fn write(dir: &Path, name: &str, text: &str) {
    fs::write(dir.join(name), text).expect("written");
}

/// Each file's object.
fn objects(ended: &Ended) -> Vec<Value> {
    ended.out.lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect()
}

fn refused(dir: &Path, words: &str, expected: &[&str]) {
    let ended = perjury(dir, words);
    assert_eq!((ended.code, ended.out.as_str()), (64, ""), "perjury {words}: {ended:?}");
    for expected in expected {
        assert!(ended.err.contains(expected), "perjury {words}: no \"{expected}\" in\n{}", ended.err);
    }
}

#[test]
fn every_notation_is_found_out_and_judged() {
    let dir = folder();
    let array = format!("[{}]", HELD.trim().replace('\n', ",\n"));
    let one_a_line = EDN.replace(['[', ']'], "");
    let cases = [("h", HELD), ("h.json", &array), ("h.edn", EDN), ("lines.edn", &one_a_line)];
    for (name, text) in cases {
        write(dir.path(), name, text);
        let ended = perjury(dir.path(), &format!("check {name} --model cas-register"));
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{name}: {ended:?}");
        assert!(ended.out.starts_with(&format!("{name}: held: linearizable (")), "{}", ended.out);
    }
    let mut gzip = std::process::Command::new("gzip");
    if gzip.arg("-k").arg(dir.path().join("h")).status().is_ok_and(|status| status.success()) {
        assert_eq!(perjury(dir.path(), "check h.gz --model cas-register").code, 0);
    }
}

#[test]
fn the_worst_of_several_files_counts_and_a_line_sums_them_up() {
    let dir = folder();
    write(dir.path(), "a", HELD);
    write(dir.path(), "b", &violated());
    write(dir.path(), "c", "");
    let ended = perjury(dir.path(), "check a b c a --model cas-register --jobs 2");
    assert_eq!(ended.code, 1, "{ended:?}");
    let lines: Vec<&str> = ended.out.lines().filter(|line| !line.starts_with("  ")).collect();
    let begins = ["a: held", "b: violated: linearizable, stale-after-ack (3 operations", "c: vacuous", "a: held"];
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}");
    }
    assert_eq!(lines[4..], ["4 files: 2 held, 1 violated, 0 unknown, 1 vacuous"]);
    assert!(ended.out.contains("process 1 read"), "{}", ended.out);
    assert_eq!(perjury(dir.path(), "check a c --model cas-register").code, 3, "vacuous is worse than held");
    assert_eq!(perjury(dir.path(), "check a --model cas-register --initial 7").code, 0);
}

#[test]
fn json_carries_the_evidence() {
    let dir = folder();
    write(dir.path(), "a", HELD);
    write(dir.path(), "b", &violated());
    write(dir.path(), "c", "");
    let ended = perjury(dir.path(), "check a b c --model cas-register --json");
    assert_eq!(ended.code, 1, "{ended:?}");
    let objects = objects(&ended);
    let all = |key: &str| objects.iter().map(|object| object[key].clone()).collect::<Vec<Value>>();
    assert_eq!(all("file"), ["a", "b", "c"]);
    assert_eq!(all("verdict"), ["held", "violated", "vacuous"]);
    assert_eq!(all("exit"), [0, 1, 3]);
    assert_eq!(all("operations"), [3, 3, 0]);
    assert_eq!(all("events"), [6, 6, 0]);
    assert!(objects.iter().all(|object| object["format"] == 1 && object["milliseconds"].is_number()));
    // Places of invocations: the write, then the read, then the compare-and-set that found nothing.
    assert_eq!(objects[0]["evidence"], serde_json::json!({"length": 3, "order": [0, 2, 4]}));
    let evidence = &objects[1]["evidence"];
    assert_eq!((&evidence["confirmed"], &evidence["by"]), (&true.into(), &"plain search".into()), "{evidence}");
    assert!(evidence["window"].is_array() && evidence["calls"][0][0] == "line", "{evidence}");
    assert!(evidence["sentences"][0].as_str().is_some_and(|first| first.contains("process 1 read")), "{evidence}");
    assert!(objects[2]["evidence"]["why"].is_string());
}

#[test]
fn keys_are_objects_of_their_own_and_budgets_end_a_search() {
    let dir = folder();
    let keyed =
        HELD.replace(r#""value":1}"#, r#""value":["x",1]}"#).replace(r#""value":null"#, r#""value":["x",null]"#);
    let keyed = keyed.replace("[2,3]", r#"["y",[2,3]]"#);
    write(dir.path(), "h", &keyed);
    let ended = perjury(dir.path(), "check h --model cas-register --independent --json");
    assert_eq!((ended.code, &objects(&ended)[0]["objects"]), (0, &2.into()), "{ended:?}");
    write(dir.path(), "h", HELD);
    refused(dir.path(), "check h --model cas-register --independent", &["h:1:1: ", "[key, value]"]);
    // Twenty clients write at the same time, then one reads something else: nothing is decided in one step.
    let line = |process: usize, kind: &str, f: &str, value: &str| {
        format!(r#"{{"process":{process},"type":"{kind}","f":"{f}","value":{value}}}"#)
    };
    let mut lines: Vec<String> = (0..20).map(|p| line(p, "invoke", "enqueue", &(p % 3).to_string())).collect();
    lines.extend((0..20).map(|p| line(p, "ok", "enqueue", &(p % 3).to_string())));
    lines
        .extend((0..20).flat_map(|p| {
            [line(p, "invoke", "dequeue", "null"), line(p, "ok", "dequeue", &((p + 1) % 3).to_string())]
        }));
    write(dir.path(), "q", &lines.join("\n"));
    let ended = perjury(dir.path(), "check q --model queue --budget 1 --json");
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(objects(&ended)[0]["evidence"]["why"].as_str().is_some_and(|why| why.contains("1 step")), "{ended:?}");
}

#[test]
fn what_cannot_be_understood_is_refused_with_its_place() {
    let dir = folder();
    write(dir.path(), "good", HELD);
    write(dir.path(), "bad", "{\"process\":0}\n");
    write(dir.path(), "cut", &HELD[..HELD.len() - 20]);
    write(dir.path(), "odd", &HELD.replace("write", "fly"));
    write(dir.path(), "cut.edn", &EDN[..EDN.len() - 10]);
    let models: Vec<&str> = checkers::models::MODELS.iter().map(|model| model.name).collect();
    let unknown = [&["there is no model \"meteor\"; there are:"], models.as_slice()].concat();
    let cases: [(&str, &[&str]); 13] = [
        ("check good --model meteor", &unknown),
        ("check good none --model register", &["cannot read none: No such file"]),
        ("check . --model register", &["cannot read ./history.jsonl: No such file"]),
        ("check good bad --model cas-register", &["bad:1:1: no type", "expected: "]),
        ("check cut --model cas-register", &["cut:6:", "EOF", "expected: "]),
        ("check cut.edn --model cas-register", &["cut.edn:6:", "never closed", "expected: "]),
        ("check good odd --model cas-register", &["odd:1:1: ", "`fly`", "read, write and cas"]),
        ("check good --model cas-register --initial", &["--initial"]),
        ("check good --model cas-register --initial one", &["one: a bare word", "\"text\", :keyword"]),
        ("check good --model cas-register --memory 1gib", &["is no amount of memory: use for example 512MiB"]),
        ("check good --model cas-register --jobs 0", &["invalid value '0' for '--jobs"]),
        ("check good --model cas-register --checker set", &["--model is for the checker linearizable"]),
        ("check good --independent", &["--model"]),
    ];
    for (words, expected) in cases {
        refused(dir.path(), words, expected);
    }
    refused(dir.path(), "check cut.edn", &["cut.edn:1:", "say with --model"]);
}

#[test]
fn a_run_of_our_own_can_be_checked_by_a_model_too() {
    let dir = folder();
    assert_eq!(perjury(dir.path(), "run --workload register --nemesis kill --seed 1").code, 0);
    let ended = perjury(dir.path(), "check runs/latest --model cas-register --independent --json");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(objects(&ended)[0]["operations"].as_u64().is_some_and(|operations| operations > 100), "{ended:?}");
}

#[test]
fn models_are_listed() {
    let dir = folder();
    let ended = perjury(dir.path(), "list models");
    let listed: Vec<&str> = ended.out.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    let models: Vec<&str> = checkers::models::MODELS.iter().map(|model| model.name).collect();
    assert_eq!((ended.code, listed), (0, models), "{}", ended.out);
}
