//! The proof of a violation: its class, the few operations that show it, and plain words.

use serde::{Deserialize, Serialize};

/// A broken promise, as a person reads it. Checkers fill it, reports draw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Anomaly {
    /// The promise, e.g. `uniqueness`.
    pub property: String,
    /// How it was broken, in the field's own name, e.g. `double-ack`.
    pub class: String,
    /// Why, in sentences that stand alone.
    pub sentences: Vec<String>,
    /// Indexes into the history of the events that prove it, ascending.
    pub events: Vec<usize>,
    /// Rows that show it at a glance; the first is the heading. Empty where words suffice.
    pub table: Vec<Vec<String>>,
}
