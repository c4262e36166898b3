//! Redis: what others have published about Sentinel is found, and one server that syncs before it answers loses nothing.

use crate::binary::{folder, perjury};
use crate::{SLOW_LINKS, logs, refused, skipped, skipped_for, until};

#[test]
fn a_primary_that_is_cut_off_with_its_clients_loses_what_it_acknowledged() {
    if skipped("redis") {
        return;
    }
    let (ended, dir) = until(1, 3, "--database redis --workload set --nemesis isolate-leader --time 40s");
    assert!(ended.out.contains("set: violated: lost"), "{}", ended.out);
    assert!(ended.out.contains("packets stopped"), "{}", ended.out);
    let logs = logs(dir.path());
    assert_eq!(logs.len(), 6, "three data servers and three Sentinels");
    assert!(logs.iter().any(|log| log.contains("+failover-end") || log.contains("+switch-master")));
}

#[test]
fn a_primary_and_its_successor_give_one_name_to_two_owners() {
    if skipped("redis") {
        return;
    }
    let (ended, _) = until(1, 3, "--database redis --workload registration --nemesis isolate-leader --time 40s");
    assert!(ended.out.contains("uniqueness: violated: double-ack"), "{}", ended.out);
}

#[test]
fn a_primary_whose_links_are_narrow_loses_what_it_acknowledged() {
    if skipped("redis") || skipped_for(&SLOW_LINKS) {
        return;
    }
    let (ended, _) = until(1, 3, "--database redis --workload set --nemesis bandwidth --time 24s");
    assert!(ended.out.contains("set: violated: lost"), "{}", ended.out);
    assert!(ended.out.contains("narrow the links of") && ended.out.contains(" dropped; "), "{}", ended.out);
}

/// Its links are slow for ten seconds. Sentinels replace it within four, and it goes on answering the clients beside it, as long as nobody
/// has told it: those read there what has been overwritten elsewhere.
#[test]
fn a_primary_that_is_heard_too_late_answers_beside_its_successor() {
    if skipped("redis") || skipped_for(&SLOW_LINKS) {
        return;
    }
    let (ended, _) = until(1, 3, "--database redis --workload register --nemesis delay --time 24s");
    assert!(ended.out.contains("linearizable: violated: stale-after-ack"), "{}", ended.out);
    assert!(ended.out.contains("requests came to a deposed leader"), "{}", ended.out);
}

/// One server that syncs before it answers, killed again and again.
fn holds_alone(workload: &str) {
    if !skipped("redis") {
        let words = "--database redis:mode=single,fsync=always --nemesis kill --time 40s --workload";
        until(0, 2, &format!("{words} {workload}"));
    }
}

#[test]
fn one_server_that_syncs_before_it_answers_loses_no_element_when_it_is_killed() {
    holds_alone("set");
}

#[test]
fn one_server_that_syncs_before_it_answers_gives_a_name_to_one_owner() {
    holds_alone("registration");
}

#[test]
fn every_workload_is_served_and_held_while_nobody_hurts_it() {
    if skipped("redis") {
        return;
    }
    // Each waits for most of its time.
    std::thread::scope(|scope| {
        for workload in ["register", "bank", "inventory", "sessions"] {
            let words = format!("--database redis --workload {workload} --nemesis calm --time 6s");
            scope.spawn(move || until(0, 1, &words));
        }
    });
}

#[test]
fn one_server_has_no_links_that_could_be_cut_and_that_is_no_pass() {
    if skipped("redis") {
        return;
    }
    let dir = folder();
    let ended = perjury(dir.path(), "run --database redis:mode=single --nemesis isolate-leader --time 20s --every 6s");
    assert_eq!(ended.code, 3, "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("had no effect (0 packets stopped"), "{}", ended.out);
}

#[test]
fn what_cannot_be_chosen_is_refused_with_what_can() {
    let dir = folder();
    let choices = "mode=sentinel|single, fsync=everysec|always";
    let cases =
        ["redis:mode=cluster", "redis:fsync=never", "redis:quorum=2"].map(|name| format!("run --database {name}"));
    refused(dir.path(), &cases.each_ref().map(|words| (words.as_str(), choices)));
}
