//! Was the answer allowed? Each file here judges one promise from what clients were told.
//!
//! A checker reads no clock and draws no chance: the same run gives the same opinion. To add one, write a file with a
//! `const` of type [`Checker`], its `mod` line and its line in [`CHECKERS`].

pub mod availability;
pub mod bank_ledger;
pub mod bank_total;
mod calls;
pub mod convergence;
pub mod engine;
pub mod failed_ops;
pub mod invariants;
pub mod linearizable;
pub mod model;
pub mod models;
pub mod monitors;
pub mod oversold;
pub mod plain;
pub mod prefix;
pub mod script;
pub mod sessions;
pub mod set;
pub mod silent_loss;
pub mod uniqueness;
mod words;

pub use availability::AVAILABILITY;
pub use bank_ledger::BANK_LEDGER;
pub use bank_total::BANK_TOTAL;
pub use convergence::CONVERGENCE;
pub use failed_ops::FAILED_OPS;
pub use invariants::INVARIANTS;
pub use linearizable::{LINEARIZABLE, NO_STALE_AFTER_ACK};
pub use oversold::OVERSOLD;
pub use prefix::CONSISTENT_PREFIX;
pub use sessions::{MONOTONIC_READS, MONOTONIC_WRITES, READ_YOUR_WRITES, SESSIONS, WRITES_FOLLOW_READS};
pub use set::{NO_SILENT_LOSS, SET};
pub use silent_loss::SILENT_LOSS;
pub use uniqueness::UNIQUENESS;

use harness::Checker;

/// Every checker, in the order in which they are listed to users.
pub const CHECKERS: &[Checker] = &[
    LINEARIZABLE,
    UNIQUENESS,
    BANK_TOTAL,
    BANK_LEDGER,
    SET,
    SILENT_LOSS,
    OVERSOLD,
    SESSIONS,
    READ_YOUR_WRITES,
    MONOTONIC_READS,
    MONOTONIC_WRITES,
    WRITES_FOLLOW_READS,
    NO_STALE_AFTER_ACK,
    NO_SILENT_LOSS,
    CONSISTENT_PREFIX,
    CONVERGENCE,
    AVAILABILITY,
    INVARIANTS,
    FAILED_OPS,
];

/// The checker of this name, as on the command line.
pub fn find(name: &str) -> Option<&'static Checker> {
    CHECKERS.iter().find(|checker| checker.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::{Budget, Verdict};
    use std::collections::BTreeSet;

    #[test]
    fn every_checker_is_caught_by_its_own_trap() {
        for checker in CHECKERS {
            let run = (checker.trap)();
            assert_eq!(run.history.check(), Ok(()), "{}", checker.name);
            assert!(run.history.events.len() <= 60, "{}: a trap is tiny", checker.name);
            match (checker.check)(&run, Budget::default()).verdict {
                Verdict::Violated(anomaly) => {
                    assert_eq!(anomaly.property, checker.name);
                    assert!(!anomaly.class.is_empty() && !anomaly.sentences.is_empty() && !anomaly.events.is_empty());
                    assert!(anomaly.events.is_sorted(), "{}", checker.name);
                    assert!(anomaly.events.iter().all(|event| *event < run.history.events.len()));
                }
                other => panic!("{}: {other:?}", checker.name),
            }
        }
    }

    #[test]
    fn names_are_unique_and_found() {
        let names: BTreeSet<&str> = CHECKERS.iter().map(|checker| checker.name).collect();
        assert_eq!(names.len(), CHECKERS.len());
        assert!(names.iter().all(|name| find(name).is_some_and(|found| found.name == *name)));
        assert!(find("nobody").is_none());
    }
}
