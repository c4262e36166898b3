//! What one object does, seen by one client after the other: the sequential specification that a history is held against.
//!
//! A model is a small value with a state and a step, after Herlihy and Wing (1990). Everything that decides
//! linearizability here goes by it: the engine, the plain search that confirms a violation, and the replay of an order.

use std::hash::Hash;

/// An object as one client after the other sees it.
pub trait Model {
    /// What it holds. Compared and hashed once for each distinct state.
    type State: Clone + Eq + Hash;
    /// What can be asked of it.
    type Op: Clone + Eq + Hash;
    /// What it can answer.
    type Reply: Clone + Eq + Hash;

    /// What it holds at first.
    fn init(&self) -> Self::State;

    /// What it holds after `op` was answered with `reply`, or `None` if it cannot answer so in this state. Without a reply,
    /// `op` took effect and nobody knows what it would have answered.
    fn step(&self, state: &Self::State, op: &Self::Op, reply: Option<&Self::Reply>) -> Option<Self::State>;

    /// How `op` with this reply treats every state. A promise that makes the search fast; it is asserted wherever a step is
    /// taken. [`Kind::Other`] promises nothing and is always right.
    fn kind(&self, _op: &Self::Op, _reply: Option<&Self::Reply>) -> Kind {
        Kind::Other
    }

    /// About how many bytes a state takes, for the budget of memory.
    fn weight(&self, _state: &Self::State) -> usize {
        size_of::<Self::State>()
    }
}

/// How a call treats states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Wherever it is possible, it leaves the state as it is.
    Pure,
    /// It is possible in every state, and always leads to the same one.
    Overwrite,
    /// Anything else.
    Other,
}

/// One call on one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Called<Op, Reply> {
    /// What was asked.
    pub op: Op,
    /// Where the question stands in the one order of all questions and answers, such as an event's index.
    pub invoked: usize,
    /// Where the answer stands in that order, and what it says. `None`: nobody knows; it may take effect at any later time,
    /// once or never.
    pub answer: Option<(usize, Reply)>,
}

impl<Op, Reply> Called<Op, Reply> {
    /// Where it returned; `usize::MAX` if it never did.
    pub fn returned(&self) -> usize {
        self.answer.as_ref().map_or(usize::MAX, |(returned, _)| *returned)
    }
}

/// How much may be spent on one object before the answer is unknown. Counted, not timed: the same on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Configurations looked at.
    pub steps: u64,
    /// Memory of the search in bytes, beside the history.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { steps: 50_000_000, bytes: 1 << 30 }
    }
}

/// What was found out about the calls on one object. Calls are given as indexes into what was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<State> {
    /// This order explains every answer. Calls of unknown outcome that are missing took no effect.
    Linearizable(Vec<usize>),
    /// No order does.
    Impossible(Refutation<State>),
    /// Not decided within the limits.
    Unknown(Unknown),
}

/// Why no order explains the calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refutation<State> {
    /// The window begins at this place; `None`: at the first call, in the initial state. Where it begins later, the object may
    /// hold anything at first, and calls that were open then may take effect or not.
    pub from: Option<usize>,
    /// The return of `wrong`, where the window ends. Calls that return later may take effect or not.
    pub until: usize,
    /// The calls that contradict each other, ascending; those that are open somewhere in the window, or fewer.
    pub calls: Vec<usize>,
    /// The call whose return no order survives.
    pub wrong: usize,
    /// What was still possible right before that return, at most a handful.
    pub survivors: Vec<Survivor<State>>,
    /// True if a plain search without any shortcut came to the same end; false if it ran out of its limits.
    pub confirmed: bool,
}

/// A configuration in which everything before the wrong return is explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survivor<State> {
    /// What the object holds.
    pub state: State,
    /// The open calls that took effect already, ascending.
    pub taken: Vec<usize>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// What was used up: `steps` or `bytes`.
    pub spent: &'static str,
    /// The place up to which everything could be explained.
    pub reached: usize,
}
