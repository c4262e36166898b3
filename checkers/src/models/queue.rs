//! A queue: First in, first out.

use super::Spec;
use super::collection::{self, Collecting, Next};

/// See the head of this file.
pub const QUEUE: Spec = Spec {
    name: "queue",
    about: "first in, first out; empty at first",
    calls: "enqueue v, dequeue (answer: v; null, or fail with error `precondition`: it was empty)",
    judge: |records, options| collection::judge(KIND, records, options),
};

const KIND: Collecting = Collecting { model: "queue", next: Next::First, put: &["enqueue"], take: &["dequeue"] };
