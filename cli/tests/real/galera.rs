//! MariaDB with Galera: what others have published of it is found without any fault, and what it promises holds under faults. Only in the
//! long lane, and one after the other: three servers copy their data when they start, and wait for no processor then.

use crate::binary::{folder, perjury};
use crate::{logs, only_in_the_long_lane, skipped, until};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The right to have the one cluster that runs at a time; none where the test must be skipped.
fn turn() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    (!only_in_the_long_lane() && !skipped("galera")).then(|| TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

#[test]
fn what_is_read_and_written_back_destroys_what_others_wrote() {
    let Some(_turn) = turn() else { return };
    let (ended, dir) = until(1, 2, "--database galera --workload bank --nemesis calm --time 20s --rate 150");
    assert!(ended.out.contains("bank-total: violated: torn-transfer"), "{}", ended.out);
    assert!(ended.out.contains("bank-ledger: held"), "every transfer itself is there: {}", ended.out);
    assert!(logs(dir.path()).iter().all(|log| log.contains("Synchronized with group")), "each node has said something");
}

#[test]
fn what_is_locked_when_it_is_read_is_not_destroyed() {
    let Some(_turn) = turn() else { return };
    until(0, 1, "--database galera:updates=locked --workload bank --nemesis calm --time 20s --rate 150");
}

#[test]
fn a_node_is_read_before_it_has_what_another_one_acknowledged() {
    let Some(_turn) = turn() else { return };
    let (ended, _) = until(1, 2, "--database galera --workload register --nemesis calm --time 20s --rate 600");
    let stale = ["linearizable, stale-after-ack", "linearizable, new-then-old"];
    assert!(stale.iter().any(|seen| ended.out.contains(seen)), "{}", ended.out);
}

#[test]
fn a_node_that_waits_for_the_others_is_never_read_too_early() {
    let Some(_turn) = turn() else { return };
    until(0, 1, "--database galera:wsrep_sync_wait=15 --workload register --nemesis calm --time 20s --rate 600");
}

/// Those who agree on who is there must hear each other's messages before they suspect each other, or the whole group stands still.
#[test]
fn nodes_let_each_other_in_again_soon_after_a_cut() {
    let Some(_turn) = turn() else { return };
    let words = "--database galera:wsrep_sync_wait=15 --workload register --nemesis halves --time 40s";
    let (ended, _) = until(0, 2, words);
    assert!(ended.out.contains("packets stopped"), "{}", ended.out);
}

/// How soon a node that was killed serves again depends on how busy the machine is: only what was answered is judged here.
#[test]
fn what_is_answered_under_a_partition_and_a_kill_is_right() {
    let Some(_turn) = turn() else { return };
    let dir = folder();
    let words = "run --database galera:wsrep_sync_wait=15 --workload register --nemesis halves+kill --time 40s";
    let ended = perjury(dir.path(), words);
    for told in ["failed-ops: held", "linearizable: held", "invariants: held", "packets stopped", "was gone after"] {
        assert!(ended.out.contains(told), "{told}: {}{}", ended.out, ended.err);
    }
}
