//! Schedules that break what designs without a leader do not promise, as they are shipped, without any deliberate bug.
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
