//! Bad input ends with 64, words that say what, where and how to mend it, and nothing half-written.

mod binary;

use binary::{Ended, folder, perjury};
use std::fs;
use std::path::Path;

/// Refused, with these words, and no folder of runs was begun.
fn refused(dir: &Path, words: &str, expected: &[&str]) -> Ended {
    let ended = perjury(dir, words);
    assert_eq!(ended.code, 64, "perjury {words}: {ended:?}");
    assert_eq!(ended.out, "", "perjury {words}");
    assert!(!ended.err.contains("panicked"), "perjury {words}: {}", ended.err);
    for expected in expected {
        assert!(ended.err.contains(expected), "perjury {words}: no \"{expected}\" in\n{}", ended.err);
    }
    let left: Vec<_> =
        fs::read_dir(dir).expect("the folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert!(!left.iter().any(|name| name == "runs"), "perjury {words} left {left:?}");
    ended
}

#[test]
fn unknown_names_show_the_names_that_there_are() {
    let dir = folder();
    let designs: Vec<&str> = store::designs().map(|design| design.name).collect();
    let workloads: Vec<&str> =
        workloads::WORKLOADS.iter().chain(workloads::CLAIMS).map(|workload| workload.name).collect();
    let nemeses: Vec<&str> = nemesis::NEMESES.iter().map(|nemesis| nemesis.name).collect();
    let checkers: Vec<&str> = checkers::CHECKERS.iter().map(|checker| checker.name).collect();
    let formats: Vec<&str> = reports::FORMATS.iter().map(|format| format.name).collect();
    let switches: Vec<&str> =
        store::designs().next().expect("a design").switches.iter().map(|switch| switch.name).collect();
    fs::write(dir.path().join("h.jsonl"), "").expect("written");
    let databases: Vec<&str> = databases::DATABASES.iter().map(|database| database.name).collect();
    let cases: [(&str, &str, &[&str]); 12] = [
        ("run --database meteor", "database", &databases),
        ("run --design meteor", "design", &designs),
        ("run --workload meteor", "workload", &workloads),
        ("run --nemesis meteor", "nemesis", &nemeses),
        ("run --nemesis kill+meteor", "nemesis", &nemeses),
        ("run --switch meteor", "raft switch", &switches),
        ("check h.jsonl --checker meteor", "checker", &checkers),
        ("report h.jsonl --format meteor", "format", &formats),
        ("campaign --design meteor", "design", &designs),
        ("campaign --workload meteor", "workload", &workloads),
        ("campaign --fault meteor", "nemesis", &nemeses),
        (
            "list meteor",
            "table",
            &["designs", "switches", "databases", "workloads", "claims", "nemeses", "checkers", "models", "formats"],
        ),
    ];
    for (words, kind, known) in cases {
        let ended = refused(dir.path(), words, &[&format!("there is no {kind} \"meteor\"")]);
        let shown: Vec<&str> = ended.err.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
        assert_eq!(shown, known, "perjury {words}");
    }
    refused(dir.path(), "run --design ml-lww --switch no-dedup", &["there is no ml-lww switch \"no-dedup\""]);
}

#[test]
fn flags_out_of_range_say_what_they_take() {
    let dir = folder();
    let cases = [
        ("run --meteor", "unexpected argument '--meteor'"),
        ("meteor", "unrecognized subcommand 'meteor'"),
        ("run --time 0", "--time takes 1 second to 1 day"),
        ("run --time 5parsecs", "\"parsecs\" is no unit: use ms, s, m or h"),
        ("run --time 1.2.3s", "is no span"),
        ("run --time -1", "is no span: use for example 500ms, 30s or 2m"),
        ("run --every 0s", "--every takes 1 second to 1 day"),
        ("run --nodes 0", "--nodes takes 1 to 32"),
        ("run --nodes 33", "--nodes takes 1 to 32"),
        ("run --nodes 2 --nemesis majorities-ring", "takes three nodes or more, and there are 2"),
        ("run --nodes 2 --nemesis thirds", "takes three nodes or more, and there are 2"),
        ("run --nodes -1", "invalid value '-1' for '--nodes"),
        ("run --clients 0", "--clients takes 1 to 1000"),
        ("run --rate -1", "--rate takes more than 0"),
        ("run --rate NaN", "--rate takes more than 0"),
        ("run --seeds 0", "invalid value '0' for '--seeds"),
        ("run --seed 18446744073709551615 --seeds 2", "beyond the last seed"),
        ("run --tier moon", "[possible values: sim, local, netns, ssh]"),
        ("run --nemesis power-loss --tier local", "power-loss cannot be done to real processes: use --tier sim"),
        ("run --nemesis kill+power-loss --tier local", "power-loss cannot be done to real processes"),
        ("campaign --seeds 0", "invalid value '0' for '--seeds"),
        ("campaign --design raft --fault nothing", "no cell is left"),
    ];
    for (words, expected) in cases {
        refused(dir.path(), words, &[expected]);
    }
}

#[test]
fn missing_files_are_named() {
    let dir = folder();
    for words in
        ["check no.jsonl", "replay no", "replay no/plan.json", "report no", "campaign no.toml", "run --plan no.json"]
    {
        refused(dir.path(), words, &["cannot read no", "No such file"]);
    }
    fs::create_dir(dir.path().join("empty")).expect("a folder");
    for words in ["check empty", "replay empty", "report empty"] {
        refused(dir.path(), words, &["cannot read empty/"]);
    }
}

#[test]
fn a_malformed_history_names_file_line_and_what_was_expected() {
    let dir = folder();
    let ask = r#"{"process":0,"type":"invoke","f":"read","value":["x",null]}"#;
    let answer = r#"{"process":0,"type":"ok","f":"read","value":["x",1]}"#;
    let cases = [
        (format!("{ask}\n{{\n"), 2, "expected:"),
        (format!("{ask}\n{answer}\n{ask}\n{ask}"), 4, "asks before it was answered"),
        (answer.to_string(), 1, "that it asked before"),
        (ask.replace("read", "fly"), 1, "read, write, cas, claim"),
        (format!("{ask}\n{}", answer.replace("ok", "done")), 2, "invoke, ok, fail or info"),
        (ask.replace("\"type\":\"invoke\",", ""), 1, "missing field `type`"),
        (ask.replace('0', "\"n0\""), 1, "expected:"),
        (ask.replace('0', "-4"), 1, "expected:"),
    ];
    for (text, line, expected) in cases {
        fs::write(dir.path().join("h.jsonl"), text).expect("written");
        refused(dir.path(), "check h.jsonl", &[&format!("h.jsonl:{line}:"), expected]);
    }
    // All files are read before the first is judged.
    fs::write(dir.path().join("good.jsonl"), format!("{ask}\n{answer}\n")).expect("written");
    refused(dir.path(), "check good.jsonl h.jsonl", &["h.jsonl:1:"]);
    let most = ask.replace("\"process\":0", "\"process\":4294967295");
    fs::write(dir.path().join("most.jsonl"), most).expect("written");
    assert_eq!(perjury(dir.path(), "check most.jsonl").code, 3, "the last process there can be, and nothing to judge");
}

const CELL: &str = "[[cell]]
design = \"raft\"
workload = \"set\"
nemesis = \"kill\"
expected = \"held\"
";

#[test]
fn a_bad_campaign_file_says_where() {
    let dir = folder();
    let cases = [
        (CELL.replace("nemesis", "nemisis"), "c.toml:4: unknown field `nemisis`"),
        (CELL.replace("\"kill\"", "7"), "c.toml:4: invalid type: integer"),
        (CELL.replace("held", "maintained"), "c.toml:5: unknown variant `maintained`"),
        (CELL.replace("design = \"raft\"\n", ""), "missing field `design`"),
        (CELL.replace("[[cell]]", "[[cell]"), "c.toml:1: "),
        (CELL.replace("raft", "paxos"), "c.toml, cell 1: there is no design \"paxos\"; there are:\n  raft"),
        (CELL.replace("set", "sets"), "c.toml, cell 1: there is no workload \"sets\""),
        (CELL.replace("kill", "kill+meteor"), "c.toml, cell 1: there is no nemesis \"meteor\""),
        (format!("{CELL}switches = [\"meteor\"]"), "c.toml, cell 1: there is no raft switch \"meteor\""),
        (format!("{CELL}nodes = 0"), "c.toml, cell 1: --nodes takes 1 to 32"),
        (format!("{CELL}seeds = 0"), "c.toml, cell 1: 0 seeds"),
        (format!("{CELL}classes = [\"lost\"]"), "c.toml, cell 1: classes of a cell that must hold"),
        (CELL.replace("held", "violated"), "c.toml, cell 1: no classes are named"),
        (format!("{CELL}[cell.settings]\nelection_low = 0"), "c.toml, cell 1: settings: election_low takes"),
        (format!("{CELL}[cell.settings]\nhartbeat = 5"), "c.toml:7: unknown field `hartbeat`"),
        (format!("{CELL}{}", CELL.replace("set", "sets")), "c.toml, cell 2: there is no workload \"sets\""),
        ("cell = []".to_string(), "the campaign has no [[cell]]"),
        (String::new(), "missing field `cell`"),
    ];
    for (text, expected) in cases {
        fs::write(dir.path().join("c.toml"), text).expect("written");
        refused(dir.path(), "campaign c.toml", &[expected]);
    }
}

#[test]
fn a_bad_plan_says_where() {
    let good = folder();
    assert_eq!(perjury(good.path(), "run --nemesis kill").code, 0);
    let text = fs::read_to_string(good.path().join("runs/latest/plan.json")).expect("a plan");
    let plan: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let with = |key: &str, value: serde_json::Value| {
        let mut plan = plan.clone();
        *plan.pointer_mut(key).expect("the key is there") = value;
        plan.to_string()
    };
    let far = serde_json::json!([{"when": {"at": 1}, "fault": {"kill": {"node": 5}}, "lasts": 1}]);
    let frozen = serde_json::json!([{"when": {"at": 1}, "fault": {"clock": {"target": "leader", "offset": 0, "rate": 0}}, "lasts": 1}]);
    let moving = |offset: i64, motion: serde_json::Value| {
        let clock = serde_json::json!({"target": "leader", "offset": offset, "rate": 100, "motion": motion});
        serde_json::json!([{"when": {"at": 1}, "fault": {"clock": clock}, "lasts": 1}])
    };
    let typo = serde_json::json!([{"when": {"at": 1}, "fault": {"kil": {"node": 0}}, "lasts": 1}]);
    let power = serde_json::json!([{"when": {"at": 1}, "fault": {"power-loss": "all"}, "lasts": 1}]);
    let cases = [
        ("{".to_string(), "plan.json:1:"),
        ("[]".to_string(), "plan.json:1:"),
        (text.replace("\"nodes\"", "\"nods\""), "unknown field `nods`"),
        (with("/format", 2.into()), "plan.json: format 2 is unknown"),
        (with("/design", "paxos".into()), "there is no design \"paxos\"; there are:"),
        (with("/workload", "sets".into()), "there is no workload \"sets\""),
        (with("/switches", serde_json::json!(["meteor"])), "there is no raft switch \"meteor\""),
        (with("/nodes", 0.into()), "1 to 32 nodes"),
        (with("/clients", 3.into()), "asks, but there are 3 clients"),
        (with("/settings/heartbeat", 0.into()), "settings: heartbeat takes"),
        (with("/settings/delay_low", 9_000_000.into()), "settings: delay_low is above delay_high"),
        (with("/strikes", far.clone()), "strike 1 cannot be done: there is no node 5; a cluster of 5 has nodes 0 to 4"),
        (with("/strikes", frozen), "a clock's rate of 0 %"),
        (with("/strikes", moving(1, serde_json::json!({"strobe": 0}))), "a clock can jump every 50 ms to a day"),
        (with("/strikes", moving(0, serde_json::json!({"strobe": 300000}))), "a clock that jumps needs an offset"),
        (with("/strikes", moving(0, serde_json::json!({"drift": -101}))), "a clock that gains -101 %"),
        (with("/strikes", typo.clone()), "unknown variant `kil`"),
    ];
    let dir = folder();
    for (text, expected) in cases {
        fs::write(dir.path().join("plan.json"), text).expect("written");
        refused(dir.path(), "replay plan.json", &["plan.json", expected]);
        refused(dir.path(), "replay .", &["plan.json", expected]);
    }
    for (strikes, flags, expected) in [
        (far, "", "strike 1 cannot be done: there is no node 5"),
        (typo, "", "s.json:1:"),
        (power, " --tier local", "a loss of power cannot be done to real processes"),
    ] {
        fs::write(dir.path().join("s.json"), strikes.to_string()).expect("written");
        refused(dir.path(), &format!("run --plan s.json{flags}"), &[expected]);
    }
}

#[test]
fn help_and_version_are_no_mistakes() {
    let dir = folder();
    for command in ["", "run ", "campaign ", "replay ", "check ", "report ", "list ", "doctor ", "completions ", "man "]
    {
        let ended = perjury(dir.path(), &format!("{command}--help"));
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{command}--help");
        assert!(ended.out.contains("Usage: perjury"), "{}", ended.out);
    }
    let version = perjury(dir.path(), "--version");
    assert_eq!((version.code, version.out.as_str()), (0, concat!("perjury ", env!("CARGO_PKG_VERSION"), "\n")));
    let help = perjury(dir.path(), "--help").out;
    for words in ["Examples:", "perjury campaign", "perjury replay runs/latest", "Exit codes:", "64 bad input"] {
        assert!(help.contains(words), "no \"{words}\" in\n{help}");
    }
    for (words, expected) in [("completions bash", "_perjury"), ("man", ".TH perjury"), ("list designs", "sl-async-fo")]
    {
        let ended = perjury(dir.path(), words);
        assert_eq!(ended.code, 0, "perjury {words}");
        assert!(ended.out.contains(expected), "perjury {words}");
    }
    let left = fs::read_dir(dir.path()).expect("the folder").count();
    assert_eq!(left, 0, "nothing was written");
}

#[test]
fn written_strikes_replace_the_nemesis_by_name_too() {
    let dir = folder();
    assert_eq!(perjury(dir.path(), "run --nemesis kill").code, 0);
    let ended = perjury(dir.path(), "run --plan runs/latest/plan.json --nemesis calm");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("raft under written, workload registration"), "{}", ended.out);
    // Written strikes are counted like drawn ones: none of them is no pass, whatever nemesis stands on the line.
    fs::write(dir.path().join("none.json"), "[]").expect("written");
    assert_eq!(perjury(dir.path(), "run --plan none.json --nemesis calm").code, 3);
}

#[test]
fn a_reader_that_leaves_early_is_no_failure_of_ours() {
    use std::process::{Command, Stdio};
    let mut child = Command::new(env!("CARGO_BIN_EXE_perjury"));
    let mut child = child.arg("list").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    // Nobody listens from the start.
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(141 | 0)) && said.is_empty(), "{:?} {said}", output.status);
}

#[cfg(not(feature = "ssh"))]
#[test]
fn a_program_without_ssh_says_how_to_build_one_that_has_it() {
    let dir = folder();
    fs::write(dir.path().join("hosts.toml"), "").expect("written");
    for words in ["--tier ssh", "--hosts hosts.toml", "--tier ssh --hosts hosts.toml"] {
        let words = format!("run --database etcd {words}");
        refused(dir.path(), &words, &["built without SSH", "cargo build --release -p perjury --features ssh"]);
    }
}
