//! Seam 1: a protocol without IO, clock or chance. Inputs in, effects out.
//!
//! The same `step` runs in the simulator and as a real process on TCP with a real disk. The shape is
//! that of etcd raft's `Ready` and toydb's `node.step`.

use crate::op::Op;
use crate::outcome::Outcome;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fmt::{self, Debug};
use std::hash::Hash;

/// A node of a cluster, counted from zero; people read `n1`, `n2`, ….
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u8);

impl NodeId {
    /// As an index into tables of nodes.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0 + 1)
    }
}

/// Names one request for ever: the process that asked (its session with the store) and its how-manieth request it is.
/// A retry carries the same one, so that a store can recognise it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId {
    /// A process of the history.
    pub session: u32,
    /// Counts from 1 within the session.
    pub number: u32,
}

/// What a node's own clocks read, skewed as the nemesis likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalClock {
    /// The clock on the wall: offsets move it, backward too.
    pub wall: Time,
    /// The clock that only a wrong rate moves. Counts from the node's first start.
    pub monotonic: Time,
}

/// A small dense set of timers: `index` is below [`Timer::COUNT`].
pub trait Timer: Copy + Debug + Eq + Hash + 'static {
    /// How many there are.
    const COUNT: usize;
    /// Which one this is.
    fn index(self) -> usize;
    /// The inverse of [`Timer::index`].
    fn at(index: usize) -> Self;
    /// As scripts spell it.
    fn name(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// Declares a [`Timer`]: an enum with a doc comment for each.
#[macro_export]
macro_rules! timers {
    ($(#[$about:meta])* $vis:vis enum $name:ident { $($(#[$each:meta])* $timer:ident),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name { $($(#[$each])* $timer),+ }

        impl $crate::node::Timer for $name {
            const COUNT: usize = [$($name::$timer),+].len();
            fn index(self) -> usize {
                self as usize
            }
            fn at(index: usize) -> Self {
                [$($name::$timer),+][index]
            }
        }
    };
}

/// Declares a [`Mark`]: an enum with a doc comment and a name for each, which may have none.
#[macro_export]
macro_rules! marks {
    ($(#[$about:meta])* $vis:vis enum $name:ident { $($(#[$each:meta])* $mark:ident = $text:literal),* $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $vis enum $name { $($(#[$each])* $mark),* }

        impl $crate::node::Mark for $name {
            fn name(self) -> &'static str {
                match self { $($name::$mark => $text),* }
            }
        }
    };
}

/// Something worth knowing that happened inside a node; a closed enum with a name for each.
pub trait Mark: Copy + Debug + Eq + Hash + 'static {
    /// As it stands in plans and histories, e.g. `voted`.
    fn name(self) -> &'static str;
}

/// A protocol that takes part in a cluster.
pub trait Node: Clone + Debug + Hash + Eq + 'static {
    /// What the node is told about its cluster before its first step.
    type Config: Clone + Debug + 'static;
    /// What nodes say to each other.
    type Message: Clone + Debug + Hash + Eq + 'static;
    /// Its timers.
    type Timer: Timer;
    /// Its marks.
    type Mark: Mark;
    /// One write to the disk, typed: bytes and codecs belong to the real disk.
    type Record: Clone + Debug + Hash + Eq + 'static;
    /// What all synced records amount to.
    type Durable: Default + Clone + Debug + Hash + Eq + 'static;

    /// Adds one record to what is durable. A snapshot record replaces what was there, atomically.
    fn fold(durable: &mut Self::Durable, record: Self::Record);
    /// A node that has just been plugged in. A restart is `new`, then [`Input::Start`].
    fn new(config: &Self::Config, id: NodeId) -> Self;
    /// Takes one input and says what is to be done. Never blocks, never fails; a panic is a finding.
    fn step(&mut self, clock: LocalClock, input: Input<Self>, out: &mut Outbox<Self>);
    /// What an observer may know at this moment. Called after every step, so it is cheap.
    fn view(&self) -> View;
    /// A digest of the data that this node would serve, for convergence after quiescence.
    fn digest(&self) -> u64;

    /// The first record on the disk of a machine that takes the place of a node that has left: what it needs to know to be
    /// let in again. `number` is that of the dismissal. `None`, unless a design says more: its members never change.
    fn newcomer(number: u64) -> Option<Self::Record> {
        let _ = number;
        None
    }
    /// An operator wants these nodes to leave the cluster, all in one change, each under the number of its dismissal. Numbers grow;
    /// whoever has not left is named again. A node that cannot do it now does nothing: it is told again and again.
    fn dismiss(&mut self, clock: LocalClock, leaving: &[(NodeId, u64)], out: &mut Outbox<Self>) {
        let _ = (clock, leaving, out);
    }
    /// Who belongs to the cluster, as far as this node knows for sure; `None` where members never change.
    fn membership(&self) -> Option<Membership> {
        None
    }
}

/// What a node reacts to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Input<N: Node> {
    /// The process is up, with what its disk holds.
    Start(N::Durable),
    /// A peer said something.
    Receive {
        /// Who.
        from: NodeId,
        /// What.
        message: N::Message,
    },
    /// A client asks.
    Request {
        /// The same for every retry of one operation.
        id: RequestId,
        /// What it asks.
        op: Op,
    },
    /// A timer that was set has run out.
    Fire(N::Timer),
    /// So many more records, in the order of their writing, will now survive a loss of power.
    Persisted {
        /// How many.
        records: usize,
    },
}

/// What a node wants done.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Effect<N: Node> {
    /// Say `message` to `to`, once, over a link that may lose it.
    Send {
        /// A peer, never the node itself.
        to: NodeId,
        /// What to say.
        message: N::Message,
    },
    /// Answer a client.
    Reply {
        /// Whose request.
        to: RequestId,
        /// How it ended.
        outcome: Outcome,
    },
    /// Write; durable only once [`Input::Persisted`] counts it. At most one a step. Messages and votes that
    /// depend on it are held by the node until then.
    Persist(N::Record),
    /// Fire `timer` once, after a span that the driver draws from `low..=high` by the node's own clock. Setting replaces.
    SetTimer {
        /// Which.
        timer: N::Timer,
        /// At the earliest.
        low: Time,
        /// At the latest.
        high: Time,
    },
    /// Do not fire `timer`.
    CancelTimer(N::Timer),
    /// Something worth knowing happened at this point of the step; a fault that waits for it strikes here and
    /// what follows in the step may never happen.
    Mark(N::Mark),
}

/// Where a step puts its effects, in order.
#[derive(Clone, Debug)]
pub struct Outbox<N: Node> {
    effects: VecDeque<Effect<N>>,
}

impl<N: Node> Default for Outbox<N> {
    fn default() -> Self {
        Outbox { effects: VecDeque::new() }
    }
}

impl<N: Node> Outbox<N> {
    /// [`Effect::Send`].
    pub fn send(&mut self, to: NodeId, message: N::Message) {
        self.effects.push_back(Effect::Send { to, message });
    }
    /// [`Effect::Reply`].
    pub fn reply(&mut self, to: RequestId, outcome: Outcome) {
        self.effects.push_back(Effect::Reply { to, outcome });
    }
    /// [`Effect::Persist`].
    pub fn persist(&mut self, record: N::Record) {
        self.effects.push_back(Effect::Persist(record));
    }
    /// [`Effect::SetTimer`].
    pub fn set_timer(&mut self, timer: N::Timer, low: Time, high: Time) {
        self.effects.push_back(Effect::SetTimer { timer, low, high });
    }
    /// [`Effect::CancelTimer`].
    pub fn cancel_timer(&mut self, timer: N::Timer) {
        self.effects.push_back(Effect::CancelTimer(timer));
    }
    /// [`Effect::Mark`].
    pub fn mark(&mut self, mark: N::Mark) {
        self.effects.push_back(Effect::Mark(mark));
    }
    /// Everything so far, taken out in order.
    pub fn drain(&mut self) -> std::collections::vec_deque::Drain<'_, Effect<N>> {
        self.effects.drain(..)
    }
    /// The first effect, taken out.
    pub fn pop(&mut self) -> Option<Effect<N>> {
        self.effects.pop_front()
    }
    /// Forgets all of it.
    pub fn clear(&mut self) {
        self.effects.clear();
    }
    /// Nothing to do?
    pub fn is_empty(&self) -> bool {
        self.effects.is_empty()
    }
}

/// Who belongs to a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Membership {
    /// The number of the latest dismissal that was carried out; 0 before the first one.
    pub number: u64,
    /// Whose word counts, as bits.
    pub voters: u32,
}

/// What an observer may know about a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct View {
    /// True if it takes commands as leader or primary: the target of a fault on `leader`.
    pub leads: bool,
    /// Its term, where the design has terms in which at most one node may lead.
    pub term: Option<u64>,
    /// How many log entries it holds for committed and a digest of exactly these, where the design promises
    /// that committed prefixes agree.
    pub committed: Option<(u64, u64)>,
}
