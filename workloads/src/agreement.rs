//! Registers as in `register`, with the smallest promise: in the end all nodes hold the same.

use crate::register::REGISTER;
use checkers::{AVAILABILITY, CONVERGENCE, INVARIANTS};
use harness::Workload;

/// Convergence and nothing else.
pub const AGREEMENT: Workload = Workload {
    name: "agreement",
    about: "clients read and change a few registers; in the end all nodes must hold the same",
    checkers: &[CONVERGENCE, INVARIANTS, AVAILABILITY],
    ..REGISTER
};
