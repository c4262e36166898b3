//! A stack: Last in, first out.

use super::Spec;
use super::collection::{self, Collecting, Next};

/// See the head of this file.
pub const STACK: Spec = Spec {
    name: "stack",
    about: "last in, first out; empty at first",
    calls: "push v, pop (answer: v; null, or fail with error `precondition`: it was empty)",
    judge: |records, options| collection::judge(KIND, records, options),
};

const KIND: Collecting = Collecting { model: "stack", next: Next::Last, put: &["push"], take: &["pop"] };
