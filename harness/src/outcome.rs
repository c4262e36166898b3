//! How a request ended, as its client knows it. A timeout is never a failure.

use crate::node::NodeId;
use crate::op::Reply;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How one request ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// It was answered. A false precondition is an answer: `Ok(Reply::No)`.
    Ok(Reply),
    /// It certainly did not happen.
    Failed(Reason),
    /// It may have happened, or may yet. The process that asked is retired.
    Unknown(Reason),
}

/// Why a request was not answered.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// This node does not lead; `hint` is who it believes does.
    NotLeader {
        /// Whom to ask instead.
        hint: Option<NodeId>,
    },
    /// No process listened.
    Refused,
    /// No answer in time.
    TimedOut,
    /// The node could not serve it now, in its own words.
    Unavailable(String),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NotLeader { hint: Some(node) } => write!(f, "not-leader, ask {node}"),
            Reason::NotLeader { hint: None } => write!(f, "not-leader"),
            Reason::Refused => write!(f, "refused"),
            Reason::TimedOut => write!(f, "timed-out"),
            Reason::Unavailable(why) => write!(f, "unavailable: {why}"),
        }
    }
}

impl Reason {
    /// What [`fmt::Display`] wrote, read again.
    pub fn parse(text: &str) -> Reason {
        let hint = |node: &str| node.strip_prefix('n')?.parse::<u8>().ok()?.checked_sub(1).map(NodeId);
        match text {
            "not-leader" => Reason::NotLeader { hint: None },
            "refused" => Reason::Refused,
            "timed-out" => Reason::TimedOut,
            other => match other.strip_prefix("not-leader, ask ") {
                Some(node) => Reason::NotLeader { hint: hint(node) },
                None => Reason::Unavailable(other.strip_prefix("unavailable: ").unwrap_or(other).to_string()),
            },
        }
    }
}
