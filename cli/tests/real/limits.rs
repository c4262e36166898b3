//! Real databases that are short of time on the processor, or of memory.

use crate::binary::{folder, perjury_words};
use crate::{SECOND, only_in_the_long_lane, refused, run, skipped, skipped_for, until};
use databases::real::Needed;
use serde_json::{Value, json};

fn cpu(node: u8, percent: u32, period: u64) -> Value {
    json!({"cpu-limit": {"target": {"node": node}, "percent": percent, "period": period}})
}

fn memory(node: u8, spare: u64) -> Value {
    json!({"memory-limit": {"target": {"node": node}, "spare": spare}})
}

#[test]
fn a_primary_that_hardly_runs_is_replaced_and_loses_what_it_acknowledged_when_it_did_run() {
    if only_in_the_long_lane() || skipped("redis") {
        return;
    }
    // A tenth of two election time-outs.
    let limit = |at| (at, json!({"cpu-limit": {"target": "leader", "percent": 10, "period": 2 * SECOND}}), 8);
    let mut runs = (1..=3).map(|seed| {
        run(&format!("--database redis --workload set --time 24s --seed {seed}"), &[limit(4), limit(14)]).0
    });
    let ended = runs.find(|ended| ended.code == 1).expect("one of three runs loses something");
    assert!(ended.out.contains("set: violated: lost"), "{}", ended.out);
    assert!(ended.out.contains("redis of n1 was held for"), "{}", ended.out);
}

#[test]
fn a_leader_that_hardly_runs_on_a_local_node_answers_what_is_stale() {
    if skipped("etcd") {
        return;
    }
    let words = "--database etcd:reads=serializable --tier local --workload register --nemesis cpu-limit --time 20s";
    let (ended, _dir) = until(1, 3, words);
    assert!(ended.out.contains("stale-after-ack"), "{}", ended.out);
}

#[test]
fn an_etcd_that_gets_no_memory_ends_and_is_no_finding_and_what_a_majority_confirms_holds() {
    if only_in_the_long_lane() || skipped("etcd") {
        return;
    }
    let limit = |at| (at, json!({"memory-limit": {"target": "leader", "spare": 0}}), 8);
    let (ended, _dir) = run("--database etcd --workload register --time 28s", &[limit(4), limit(15)]);
    // Now and then one asks for nothing all the while, and such a run is vacuous.
    assert!([0, 3].contains(&ended.code), "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("and ended by itself"), "{}", ended.out);
    assert!(!ended.out.contains("gave up"), "{}", ended.out);
}

/// A set that forgets its oldest element where it gets no memory for a new one, and says that all is well.
const FORGETFUL: &str = r#"name = "forgetful"
nodes = 1
ports = [7100]
ready = ["python3", "PROGRAM", "ready", "{at:7100}"]
[[daemon]]
name = "forgetful"
start = ["python3", "PROGRAM", "serve", "{listen}"]
"#;

#[test]
fn a_program_that_forgets_where_it_gets_no_memory_is_found() {
    if skipped_for(&PYTHON) {
        return;
    }
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/forgetful.py");
    let dir = folder();
    std::fs::write(dir.path().join("forgetful.toml"), FORGETFUL.replace("PROGRAM", program)).expect("written");
    let mut words: Vec<String> =
        "run --system forgetful.toml --workload set --time 16s".split(' ').map(String::from).collect();
    words.extend(["--adapter".to_string(), format!("python3 {program}")]);
    let with = |more: &[&str]| [&words[..], &more.iter().map(|word| word.to_string()).collect::<Vec<_>>()].concat();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let ended = perjury_words(dir.path(), &with(&["--nemesis", "memory-limit"]));
            assert_eq!(ended.code, 1, "{}{}", ended.out, ended.err);
            assert!(
                ended.out.contains("set: violated: lost") && ended.out.contains("the oldest element goes"),
                "{}",
                ended.out
            );
        });
        // The same program, short of something that it can do without.
        scope.spawn(|| {
            let ended = perjury_words(dir.path(), &with(&["--nemesis", "cpu-limit"]));
            assert!(!ended.out.contains("set: violated"), "{}{}", ended.out, ended.err);
        });
    });
}

const PYTHON: Needed = Needed { what: "a set in Python", programs: &["python3"], packages: &["python3"] };

#[test]
fn a_limit_that_nobody_feels_did_nothing_and_that_is_no_pass() {
    if skipped("redis") {
        return;
    }
    let redis = "--database redis:mode=single,fsync=always --workload set --time 14s";
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (ended, _dir) = run(redis, &[(3, memory(0, 1 << 30), 3), (8, memory(0, 1 << 30), 3)]);
            assert_eq!(ended.code, 3, "{}{}", ended.out, ended.err);
            assert!(ended.out.contains("nobody was seen to ask for more"), "{}", ended.out);
        });
        scope.spawn(|| {
            let kill = json!({"kill": {"node": 0}});
            let (ended, _dir) = run(redis, &[(3, kill, 6), (5, cpu(0, 10, 100_000), 2)]);
            assert_eq!(ended.code, 3, "{}{}", ended.out, ended.err);
            assert!(ended.out.contains("nothing ran that could be held"), "{}", ended.out);
        });
    });
}

#[test]
fn limits_that_nobody_can_bear_are_refused_before_anything_is_started() {
    let strike = |fault: Value| json!([{"when": {"at": SECOND}, "fault": fault, "lasts": SECOND}]).to_string();
    let dir = folder();
    for (name, fault) in [("all", cpu(0, 100, SECOND)), ("fast", cpu(0, 10, 1)), ("cpu", cpu(0, 10, SECOND))] {
        std::fs::write(dir.path().join(name), strike(fault)).expect("written");
    }
    let cases = [
        ("run --database redis --plan all", "100 % of the time; 1 to 99 can be left to a process"),
        ("run --database redis --plan fast", "every 10 ms to 1 minute"),
        ("run --design raft --plan cpu", "is for real databases: use --database"),
        ("run --design raft --tier local --plan cpu", "is for real databases: use --database"),
        ("run --design raft --nemesis memory-limit", "cannot be done to the bundled store"),
        ("run --database redis --url 127.0.0.1:1 --nemesis cpu-limit", "never touched"),
    ];
    refused(dir.path(), &cases);
}
