//! Claims as in `registration`, with a smaller promise: two may be told that they own a name, but nobody is forgotten
//! without a word.

use crate::registration::REGISTRATION;
use checkers::{AVAILABILITY, CONVERGENCE, FAILED_OPS, INVARIANTS, SILENT_LOSS};
use harness::Workload;

/// No silent loss.
pub const NO_CLAIM_LOST: Workload = Workload {
    name: "no-claim-lost",
    about: "clients claim the same few names; whoever was told that it owns one must be seen there in the end",
    checkers: &[FAILED_OPS, SILENT_LOSS, CONVERGENCE, INVARIANTS, AVAILABILITY],
    ..REGISTRATION
};
