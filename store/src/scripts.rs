//! Schedules that break what a design as it is shipped does not promise: one for each way in which a cell of the matrix is violated.
//!
//! What random faults find in some seeds, a script shows in one run, and a person can read why. Each must come to exactly the
//! class that it names, and to nothing else.

use crate::mutants::Script;

/// A schedule and what comes of it.
#[derive(Clone, Copy, Debug)]
pub struct Scripted {
    /// The design, without any deliberate bug.
    pub design: &'static str,
    /// What clients ask, and so whose checkers judge.
    pub workload: &'static str,
    /// The faults whose mechanism it shows, by the names of their nemeses.
    pub faults: &'static [&'static str],
    /// Who sees it.
    pub checker: &'static str,
    /// What is seen.
    pub class: &'static str,
    /// The schedule.
    pub script: Script,
}

macro_rules! scripted {
    ($design:literal $workload:literal $faults:expr, $checker:literal $class:literal $file:literal) => {
        Scripted {
            design: $design,
            workload: $workload,
            faults: &$faults,
            checker: $checker,
            class: $class,
            script: Script { name: $file, text: include_str!(concat!("../scripts/", $file)) },
        }
    };
}

/// Every schedule, by design.
#[rustfmt::skip]
pub const SCRIPTS: &[Scripted] = &[
    scripted!("sl-async-fr" "register" ["calm"], "linearizable" "stale-after-ack" "sl-async-fr-read-behind.txt"),
    scripted!("sl-async-fo" "registration" ["isolate-leader", "halves"], "uniqueness" "double-ack" "sl-async-fo-two-leaders.txt"),
    scripted!("sl-async-fo" "set" ["kill", "power-loss"], "set" "lost" "sl-async-fo-dies-with-it.txt"),
    scripted!("sl-async-fo" "set" ["one-way"], "set" "lost" "sl-async-fo-muted.txt"),
    scripted!("sl-async-fo" "register" ["pause"], "linearizable" "stale-after-ack" "sl-async-fo-wakes-up.txt"),
    scripted!("sl-async-fo" "register" ["delay"], "linearizable" "stale-after-ack" "sl-async-fo-slow-links.txt"),
    scripted!("sl-async-fo" "bank" ["isolate-leader", "halves"], "bank-ledger" "lost" "sl-async-fo-lost-transfer.txt"),
    scripted!("sl-sync-fr" "register" ["calm"], "linearizable" "new-then-old" "sl-sync-fr-here-not-there.txt"),
    scripted!("sl-sync-fr" "register" ["isolate-leader", "halves"], "linearizable" "dirty-then-vanished" "sl-sync-fr-given-up.txt"),
    scripted!("sl-semi" "set" ["delay+kill"], "set" "lost" "sl-semi-fell-back.txt"),
    scripted!("sl-semi" "registration" ["isolate-leader", "one-way"], "uniqueness" "double-ack" "sl-semi-two-leaders.txt"),
    scripted!("sl-semi" "set" ["halves"], "set" "lost" "sl-semi-in-the-minority.txt"),
    scripted!("sl-semi" "register" ["pause"], "linearizable" "stale-after-ack" "sl-semi-wakes-up.txt"),
    scripted!("raft" "register" ["wipe"], "linearizable" "stale-after-ack" "raft-wiped-voter.txt"),
    scripted!("raft-localread" "register" ["isolate-leader", "halves"], "linearizable" "stale-after-ack" "raft-localread-isolated.txt"),
    scripted!("raft-localread" "register" ["pause"], "linearizable" "stale-after-ack" "raft-localread-wakes-up.txt"),
    scripted!("raft-localread" "register" ["delay"], "linearizable" "stale-after-ack" "raft-localread-slow-links.txt"),
    scripted!("raft-localread" "register" ["bridge"], "linearizable" "stale-after-ack" "raft-localread-bridge.txt"),
    scripted!("raft-lease" "register" ["isolate-slow-leader"], "linearizable" "stale-after-ack" "raft-lease-slow-leader.txt"),
    scripted!("raft-lease" "register" ["isolate-beside-fast"], "linearizable" "stale-after-ack" "raft-lease-fast-followers.txt"),
    scripted!("raft-fr" "register" ["calm"], "linearizable" "stale-after-ack" "raft-fr-read-behind.txt"),
    scripted!("ll-weak" "register" ["calm"], "linearizable" "stale-after-ack" "ll-weak-read-elsewhere.txt"),
    scripted!("ll-quorum" "register" ["calm"], "linearizable" "new-then-old" "ll-quorum-new-then-old.txt"),
    scripted!("ll-quorum" "register" ["calm"], "linearizable" "lost-update" "ll-quorum-two-from-one.txt"),
    scripted!("ll-abd" "registration" ["calm"], "uniqueness" "double-ack" "ll-abd-two-owners.txt"),
    scripted!("ll-sloppy" "register" ["isolate-leader", "halves"], "linearizable" "stale-after-ack" "ll-sloppy-stands-in.txt"),
    scripted!("ll-sloppy" "register" ["kill"], "linearizable" "stale-after-ack" "ll-sloppy-homes-die.txt"),
    scripted!("ml-lww" "registration" ["calm"], "uniqueness" "double-ack" "ml-lww-two-owners.txt"),
    scripted!("ml-lww" "bank" ["calm"], "bank-ledger" "lost" "ml-lww-lost-transfer.txt"),
    scripted!("ml-dvv" "register" ["calm"], "linearizable" "siblings" "ml-dvv-side-by-side.txt"),
    scripted!("ml-dvv" "registration" ["calm"], "uniqueness" "double-ack" "ml-dvv-two-owners.txt"),
    scripted!("ml-vv-naive" "set" ["calm"], "set" "lost" "ml-vv-naive-same-context.txt"),
    scripted!("ml-vv-naive" "no-claim-lost" ["calm"], "silent-loss" "lost" "ml-vv-naive-lost-claim.txt"),
    scripted!("ml-crdt" "bank" ["calm"], "bank-total" "overdrawn" "ml-crdt-overdrawn.txt"),
    scripted!("ml-crdt" "registration" ["calm"], "uniqueness" "double-ack" "ml-crdt-two-owners.txt"),
];
