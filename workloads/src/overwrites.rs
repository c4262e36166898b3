//! Registers that everybody overwrites, with the smallest promise: in the end all nodes hold the same.

use crate::read_write::READ_WRITE;
use checkers::{AVAILABILITY, CONVERGENCE, INVARIANTS};
use harness::Workload;

/// Convergence and nothing else.
pub const OVERWRITES: Workload = Workload {
    name: "overwrites",
    about: "clients overwrite a few registers; in the end all nodes must hold the same",
    checkers: &[CONVERGENCE, INVARIANTS, AVAILABILITY],
    ..READ_WRITE
};
