//! A moment of a cluster: nodes and disks, what is on the way, who waits, and as much of the past as promises are about.
//!
//! Two ways to the same moment must give equal states, else the explorer walks in circles. So there is no clock in it, no
//! sequence number that only counts up, and of the clients' history only what was over before what.

use crate::bounds::MOST_NODES;
use crate::order::Call;
use harness::invariants::Invariants;
use harness::world::World;
use harness::{Node, NodeId};
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::Arc;

/// A moment. Whatever did not change is shared with the moment before.
#[derive(Clone, Debug)]
pub struct State<N: Node> {
    pub(crate) world: World<N>,
    /// A digest of each node with its disk, taken when it changes, so that no node is hashed twice.
    pub(crate) digests: [u64; MOST_NODES as usize],
    /// Timers that are set, as bits, by node.
    pub(crate) armed: [u32; MOST_NODES as usize],
    pub(crate) links: Links<N>,
    /// What became of each operation; `None` if it was not asked yet.
    pub(crate) calls: Vec<Option<Call>>,
    pub(crate) invariants: Arc<Invariants>,
    pub(crate) spent: Spent,
    /// A broken promise. Nothing happens after it.
    pub(crate) broken: Option<Arc<Broken>>,
}

/// How much of the bounds is used up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Spent {
    pub crashes: u8,
    pub drops: u8,
    /// How often limited timers have run out, in the order of the bounds.
    pub fires: Vec<u8>,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// One of [`harness::invariants`], or [`crate::LINEARIZABLE`].
    pub property: &'static str,
    /// How.
    pub sentence: String,
}

/// With seeds of its own, so that a state has the same digest in every run.
fn hasher() -> ahash::AHasher {
    ahash::RandomState::with_seeds(1, 2, 3, 4).build_hasher()
}

impl<N: Node> State<N> {
    /// Takes the digest of a node that has changed.
    pub(crate) fn changed(&mut self, node: NodeId) {
        let mut hasher = hasher();
        self.world.hash_node(node, &mut hasher);
        self.digests[node.index()] = hasher.finish();
    }
    /// The broken promise, if one is.
    pub fn broken(&self) -> Option<&Broken> {
        self.broken.as_deref()
    }
    /// The calls that are over, as bits.
    pub(crate) fn over(&self) -> u16 {
        let over = |call: &Option<Call>| call.as_ref().is_some_and(|call| call.outcome.is_some());
        self.calls.iter().enumerate().filter(|(_, call)| over(call)).fold(0, |bits, (index, _)| bits | 1 << index)
    }
}

impl<N: Node> PartialEq for State<N> {
    fn eq(&self, other: &State<N>) -> bool {
        let property = |state: &State<N>| state.broken().map(|broken| broken.property);
        self.world == other.world
            && self.armed == other.armed
            && self.links == other.links
            && self.calls == other.calls
            && self.invariants == other.invariants
            && self.spent == other.spent
            && property(self) == property(other)
    }
}

impl<N: Node> Hash for State<N> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.digests.hash(hasher);
        self.armed.hash(hasher);
        self.links.hash(hasher);
        self.calls.hash(hasher);
        self.invariants.hash(hasher);
        self.spent.hash(hasher);
        self.broken().map(|broken| broken.property).hash(hasher);
    }
}

/// What is on the way. Each link delivers in order, as TCP does; between two links there is none.
#[derive(Clone, Debug)]
pub(crate) struct Links<N: Node> {
    /// By link, and on each link oldest first.
    messages: Vec<(Link, Arc<Message<N>>)>,
}

/// From whom to whom.
pub(crate) type Link = (NodeId, NodeId);

/// A message with its digest, so that it is hashed once.
#[derive(Debug)]
struct Message<N: Node> {
    digest: u64,
    message: N::Message,
}

impl<N: Node> Links<N> {
    pub fn new() -> Links<N> {
        Links { messages: Vec::new() }
    }
    /// Every link on which something is, in order.
    pub fn busy(&self) -> impl Iterator<Item = Link> {
        self.messages.chunk_by(|one, other| one.0 == other.0).map(|link| link[0].0)
    }
    /// Puts a message at a link's end.
    pub fn send(&mut self, link: Link, message: N::Message) {
        let mut hasher = hasher();
        message.hash(&mut hasher);
        let end = self.messages.partition_point(|(other, _)| *other <= link);
        self.messages.insert(end, (link, Arc::new(Message { digest: hasher.finish(), message })));
    }
    /// Takes the oldest message off a link.
    pub fn take(&mut self, link: Link) -> Option<N::Message> {
        let oldest = self.messages.iter().position(|(other, _)| *other == link)?;
        let (_, message) = self.messages.remove(oldest);
        Some(Arc::try_unwrap(message).map_or_else(|shared| shared.message.clone(), |own| own.message))
    }
    /// Loses everything on the way to a node.
    pub fn lose(&mut self, node: NodeId) {
        self.messages.retain(|((_, to), _)| *to != node);
    }
}

impl<N: Node> PartialEq for Links<N> {
    fn eq(&self, other: &Links<N>) -> bool {
        let messages = |links: &Links<N>| {
            links.messages.iter().map(|(link, message)| (*link, message.message.clone())).collect::<Vec<_>>()
        };
        self.messages.len() == other.messages.len() && messages(self) == messages(other)
    }
}

impl<N: Node> Hash for Links<N> {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.messages.len().hash(hasher);
        self.messages.iter().for_each(|(link, message)| (link, message.digest).hash(hasher));
    }
}
