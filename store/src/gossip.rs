//! The anti-entropy that makes replicas agree in the end: two nodes compare, and where they differ tell each other everything.

use harness::NodeId;
use serde::{Deserialize, Serialize};

/// What two nodes say to each other in a round; `T` is everything that a node holds, or news of a part of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Gossip<T> {
    /// Do you hold the same as I?
    Compare {
        /// Of everything that I hold.
        digest: u64,
    },
    /// I hold this, which is not what you hold; tell me yours.
    Exchange(T),
    /// I hold this.
    Tell(T),
}

/// How to answer, with everything that a node holds.
pub type Answer<T> = fn(T) -> Gossip<T>;

impl<T> Gossip<T> {
    /// What there is to take from it, and how to answer once that is taken.
    pub fn open(self, digest: impl FnOnce() -> u64) -> (Option<T>, Option<Answer<T>>) {
        match self {
            Gossip::Compare { digest: theirs } if theirs == digest() => (None, None),
            Gossip::Compare { .. } => (None, Some(Gossip::Exchange)),
            Gossip::Exchange(news) => (Some(news), Some(Gossip::Tell)),
            Gossip::Tell(news) => (Some(news), None),
        }
    }
}

/// Who compares with whom: one peer after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rounds {
    next: u8,
}

impl Rounds {
    /// Begins with the node behind `me`.
    pub fn new(me: NodeId) -> Rounds {
        Rounds { next: me.0 }
    }
    /// The next peer; `None` in a cluster of one.
    pub fn next(&mut self, me: NodeId, nodes: u8) -> Option<NodeId> {
        self.next = (self.next + 1) % nodes;
        if self.next == me.0 {
            self.next = (self.next + 1) % nodes;
        }
        (self.next != me.0).then_some(NodeId(self.next))
    }
}

/// Every node but `me`.
pub fn peers(me: NodeId, nodes: u8) -> impl Iterator<Item = NodeId> {
    (0..nodes).map(NodeId).filter(move |peer| *peer != me)
}
