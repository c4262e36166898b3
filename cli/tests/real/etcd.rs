//! etcd: what others have published about it is found, and what it promises holds.

use crate::binary::{folder, perjury};
use crate::{SLOW_LINKS, logs, refused, skipped, skipped_for, until};

#[test]
fn a_serializable_read_beside_a_cut_off_leader_is_stale() {
    if skipped("etcd") {
        return;
    }
    let words = "--database etcd:reads=serializable --workload register --nemesis isolate-leader --time 20s";
    let (ended, dir) = until(1, 3, words);
    assert!(ended.out.contains("stale-after-ack"), "{}", ended.out);
    assert!(ended.out.contains("packets stopped"), "{}", ended.out);
    assert_eq!(logs(dir.path()).len(), 5);
    assert!(logs(dir.path()).iter().all(|log| log.contains("raft")), "each node has said something");
}

/// One run under faults on links, which all did something, and no false alarm: what comes late or again is no lie.
fn bears(nemesis: &str, workload: &str, effect: &str) {
    if skipped("etcd") || nemesis != "loss" && skipped_for(&SLOW_LINKS) {
        return;
    }
    let (ended, _dir) = until(0, 2, &format!("--database etcd --workload {workload} --nemesis {nemesis} --time 40s"));
    assert!(ended.out.contains(effect), "{}", ended.out);
}

#[test]
fn registers_are_linearizable_while_packets_are_lost() {
    bears("loss", "register", "packets lost");
}

/// Not registers, here and under `bandwidth`: a leader that is deposed and does not know it was once seen to answer a linearizable read
/// from what it had (3.4.23, as in etcd's issue 20418).
#[test]
fn no_element_is_lost_while_the_leader_is_heard_late() {
    bears("delay", "set", "packets held back by 1.500 s");
}

#[test]
fn registers_are_linearizable_while_packets_overtake_each_other() {
    bears("reorder", "register", "packets held back by up to 0.250 s");
}

#[test]
fn no_element_is_lost_while_the_leader_cannot_say_all_that_it_is_told() {
    bears("bandwidth", "set", " dropped; ");
}

/// What etcd confirms by a majority holds through cuts, kills and pauses.
fn holds(workload: &str, nemesis: &str) {
    if !skipped("etcd") {
        until(0, 2, &format!("--database etcd --workload {workload} --nemesis {nemesis} --time 40s"));
    }
}

#[test]
fn registers_are_linearizable_whatever_strikes() {
    holds("register", "mixed");
}

#[test]
fn a_name_has_one_owner_where_nobody_has_a_majority_and_where_everybody_has_another_one() {
    holds("registration", "thirds+majorities-ring");
}

#[test]
fn a_ledger_is_whole_whatever_strikes() {
    holds("bank", "mixed");
}

#[test]
fn a_finding_and_its_control_are_told_in_one_table() {
    if skipped("etcd") {
        return;
    }
    let dir = folder();
    let ended = perjury(dir.path(), "reproduce etcd-stale-reads --time 40s");
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    let rows: Vec<&str> = ended.out.lines().filter(|line| line.contains("etcd-stale-reads")).collect();
    assert_eq!(rows.len(), 2, "{}", ended.out);
    assert!(rows[0].contains("violated: stale-after-ack") && rows[1].contains("| held | held |"), "{}", ended.out);
}

#[test]
fn a_fault_that_nobody_can_do_to_it_is_refused_before_anything_is_started() {
    let dir = folder();
    // Wipes n1 at 8 s; a nemesis would be refused by its name, a plan of one's own is by what it asks for.
    let wipe = r#"[{"when": {"at": 8000000}, "fault": {"wipe": {"node": 0}}, "lasts": 1000000}]"#;
    std::fs::write(dir.path().join("wipe.json"), wipe).expect("written");
    let twice = wipe.replace(r#"{"wipe": {"node": 0}}"#, r#"{"links": {"loss": 0, "duplicate": 50, "delay": 0}}"#);
    std::fs::write(dir.path().join("twice.json"), twice).expect("written");
    let narrow = |rate: u64| {
        let fault = format!(r#"{{"bandwidth": {{"target": "leader", "rate": {rate}}}}}"#);
        wipe.replace(r#"{"wipe": {"node": 0}}"#, &fault)
    };
    std::fs::write(dir.path().join("narrowest.json"), narrow(99)).expect("written");
    std::fs::write(dir.path().join("narrow.json"), narrow(100)).expect("written");
    let cases = [
        (
            "run --database etcd --nemesis wipe",
            "wipe cannot be done to a real database; there can be calm, isolate-leader",
        ),
        (
            "run --database etcd --plan wipe.json",
            "strike 1 cannot be done: \"wipe the disk of n1\" is for the bundled store",
        ),
        ("run --database etcd --nemesis duplicate", "duplicate cannot be done to a real database"),
        ("run --database etcd --plan twice.json", "TCP hides from real nodes what comes twice"),
        ("run --database etcd --plan narrowest.json", "a link of 99 bytes a second; 100 to 10000000 can be set"),
        ("run --design raft --plan narrow.json", "messages of the bundled store have no size"),
        ("run --design raft --nemesis bandwidth", "bandwidth cannot be done to the bundled store"),
        ("run --design raft --tier local --nemesis bandwidth", "it is for real databases"),
        (
            "run --database etcd --url 127.0.0.1:1 --plan wipe.json",
            "strike 1 cannot be done: what runs already is never touched",
        ),
        ("run --database etcd:reads=quick", "reads=linearizable|serializable"),
        ("run --database raft", "etcd"),
        ("run --design etcd", "--database etcd"),
        ("run --design raft --tier netns", "--tier sim or --tier local"),
        ("run --database etcd --tier sim", "--tier netns"),
    ];
    refused(dir.path(), &cases);
}
