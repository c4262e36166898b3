//! Seam 2: a running system. Simulated nodes and real processes look the same from here.

use crate::fault::{Effect, Fault};
use crate::history::ProcessId;
use crate::node::NodeId;
use crate::op::Op;
use crate::outcome::Outcome;
use crate::time::Time;
use std::borrow::Cow;

/// The operator or the machine failed: what, where, and how to mend it. Never a verdict on the system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}\n  to mend it: {mend}")]
pub struct Trouble {
    /// What could not be done, and to what.
    pub what: String,
    /// Why not.
    pub why: String,
    /// What a person can do about it.
    pub mend: String,
}

impl Trouble {
    /// A trouble in three parts.
    pub fn new(what: impl Into<String>, why: impl ToString, mend: impl Into<String>) -> Self {
        Trouble { what: what.into(), why: why.to_string(), mend: mend.into() }
    }
}

/// Names an injected fault until it is lifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FaultId(pub u32);

/// Something that the controller is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// A request ended.
    Answered(ProcessId, Outcome),
    /// A node hit a mark. What follows in its step waits until the next call of [`Cluster::advance`].
    Marked(NodeId, Cow<'static, str>),
    /// An invariant was broken: its name, and what was seen.
    Found(&'static str, String),
}

/// A running system under test.
pub trait Cluster {
    /// Since the cluster was started.
    fn now(&self) -> Time;
    /// Marks that some strike waits for: drivers may skip work for others of their own.
    fn watch(&mut self, marks: &[String]);
    /// True when clients can be served: somebody leads, where the design has leaders.
    fn ready(&mut self) -> bool;
    /// Asks on behalf of a process, which has no other request open: `first` before all others, where somebody is named.
    fn submit(&mut self, process: ProcessId, op: &Op, first: Option<NodeId>) -> Result<(), Trouble>;
    /// Hurts the cluster. Returns the fault with its targets resolved.
    fn inject(&mut self, fault: &Fault) -> Result<(FaultId, Fault), Trouble>;
    /// Ends a fault and says what it did.
    fn lift(&mut self, fault: FaultId) -> Result<Effect, Trouble>;
    /// Lets time pass until something happens or `until` is reached.
    fn advance(&mut self, until: Time) -> Result<Option<Happening>, Trouble>;
    /// The data that each living node holds now, where the cluster can say.
    fn digests(&mut self) -> Result<Vec<(NodeId, u64)>, Trouble>;
}
