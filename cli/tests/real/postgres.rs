//! PostgreSQL: what its manual warns of is found, and what it promises holds.

use crate::binary::{Ended, folder, perjury};
use crate::{logs, skipped, until};

/// A run that must be violated in this class.
fn found(class: &str, words: &str) {
    if skipped("postgres") {
        return;
    }
    let (ended, dir) = until(1, 3, &format!("--database {words} --time 28s"));
    assert!(ended.out.contains(class), "{}", ended.out);
    assert!(ended.out.contains("packets stopped"), "{}", ended.out);
    assert!(logs(dir.path()).iter().all(|log| log.contains("starting PostgreSQL")), "each node has said something");
}

/// A run that must hold; one that is over before its second fault has met anything says nothing, and the next seed is taken.
fn holds(words: &str) -> Option<Ended> {
    (!skipped("postgres")).then(|| until(0, 3, &format!("--database {words} --time 36s")).0)
}

#[test]
fn what_a_primary_acknowledges_while_it_is_cut_off_is_lost() {
    found(
        "bank-ledger, lost",
        "postgres:failover=promote,isolation=serializable --workload bank --nemesis isolate-leader",
    );
}

#[test]
fn what_a_standby_has_confirmed_is_never_lost() {
    let sync = "postgres:replication=sync,failover=promote,isolation=serializable";
    let Some(ended) = holds(&format!("{sync} --workload bank --nemesis isolate-leader")) else { return };
    assert!(ended.err.contains("n2 is elected") || ended.err.contains("n3 is elected"), "{}", ended.err);
}

#[test]
fn two_primaries_give_a_name_to_two_owners() {
    found("uniqueness, double-ack", "postgres:failover=promote --workload registration --nemesis isolate-leader");
}

#[test]
fn one_primary_gives_a_name_to_one_owner() {
    holds("postgres --nodes 1 --workload registration --nemesis kill+pause");
}

#[test]
fn a_standby_that_is_cut_off_is_read_as_it_was() {
    found("stale-after-ack", "postgres:reads=standby --workload register --nemesis isolate-leader");
}

#[test]
fn transactions_that_are_not_serializable_sell_what_is_not_there() {
    if skipped("postgres") {
        return;
    }
    let dir = folder();
    let words =
        "run --workload inventory --nemesis calm --time 10s --rate 120 --nodes 1 --database postgres:isolation=";
    let weak = perjury(dir.path(), &format!("{words}repeatable-read"));
    assert!(weak.code == 1 && weak.out.contains("oversold"), "{}{}", weak.out, weak.err);
    let strong = perjury(dir.path(), &format!("{words}serializable"));
    assert_eq!(strong.code, 0, "{}{}", strong.out, strong.err);
}
