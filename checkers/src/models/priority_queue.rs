//! A priority queue: the lowest number comes out first, whenever it was put in.

use super::Spec;
use super::collection::{self, Collecting, Next};

/// See the head of this file.
pub const PRIORITY_QUEUE: Spec = Spec {
    name: "priority-queue",
    about: "the lowest whole number comes out first; empty at first",
    calls: "insert n or add n, delete-min (answer: n; null, or fail with error `precondition`: it was empty)",
    judge: |records, options| collection::judge(KIND, records, options),
};

const KIND: Collecting =
    Collecting { model: "priority-queue", next: Next::Lowest, put: &["insert", "add"], take: &["delete-min"] };
