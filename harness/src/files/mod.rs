//! What a run leaves behind, and how it is read again.

pub mod adapter;
pub mod edn;
mod edn_atoms;
pub mod foreign;
mod foreign_calls;
mod foreign_json;
pub mod history;
pub mod plan;
mod values;

/// A file that is not what it should be: where, what is wrong, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {wrong}\n  expected: {expected}")]
pub struct Malformed {
    /// File, and line where there is one.
    pub place: String,
    /// What is wrong with it.
    pub wrong: String,
    /// What should stand there.
    pub expected: String,
}

impl Malformed {
    /// A complaint in three parts.
    pub fn new(place: impl Into<String>, wrong: impl ToString, expected: impl Into<String>) -> Malformed {
        Malformed { place: place.into(), wrong: wrong.to_string(), expected: expected.into() }
    }
}

/// What serde complains of, without the place that it counts in its own way.
fn words(error: &serde_json::Error) -> String {
    let words = error.to_string();
    words.split(" at line ").next().unwrap_or_default().to_string()
}
