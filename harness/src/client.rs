//! The bundled store's client, without IO: whom to ask next, and what may be concluded.
//!
//! One operation is one invocation and one completion in the history, even where the client asks several nodes under the
//! same request id. It says `Failed` only if every attempt certainly failed.

use crate::node::{NodeId, RequestId};
use crate::op::Op;
use crate::outcome::{Outcome, Reason};
use crate::plan::Settings;
use crate::time::{MS, Time};

/// How clients of a design choose whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Asks the node that it believes to lead, follows hints, and asks another one after a while.
    FollowLeader,
    /// Asks its home node, once.
    Sticky,
    /// Reads like [`Style::Sticky`], changes like [`Style::FollowLeader`].
    ReadHome,
}

impl Style {
    /// Does it ask its home node only?
    fn stays(self, op: &Op) -> bool {
        match self {
            Style::FollowLeader => false,
            Style::Sticky => true,
            Style::ReadHome => op.is_read(),
        }
    }
}

/// A client and its open request.
#[derive(Clone, Debug)]
pub struct Client {
    style: Style,
    nodes: u8,
    home: NodeId,
    believed: NodeId,
    open: Option<Open>,
    /// How long it waits for an answer while it is in a hurry: of several, the shortest counts.
    hurry: Vec<Time>,
    /// Requests that it asked again for hurry.
    hurried: u64,
}

/// The request that a client waits for.
#[derive(Clone, Debug)]
pub struct Open {
    /// The same for every attempt.
    pub id: RequestId,
    /// What is asked.
    pub op: Op,
    /// Given up at this time.
    pub deadline: Time,
    /// Counts attempts: a time-out of an earlier one is stale.
    pub attempt: u32,
    asked: NodeId,
    /// Nodes that may still act on an attempt.
    uncertain: Vec<NodeId>,
    last: Reason,
}

/// What a client does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Move {
    /// Ask this node now; call [`Client::attempt_timed_out`] with `attempt` at `give_up` unless something happened before.
    Ask {
        /// Whom.
        node: NodeId,
        /// Which attempt.
        attempt: u32,
        /// When to ask another one; [`Time::NEVER`] for a client that waits.
        give_up: Time,
    },
    /// Call [`Client::ask_again`] with `attempt` at this time.
    Pause {
        /// When.
        until: Time,
        /// Which attempt.
        attempt: u32,
    },
    /// The operation is over.
    Done(Outcome),
    /// Keep waiting.
    Wait,
}

impl Client {
    /// A client beside `home`.
    pub fn new(style: Style, nodes: u8, home: NodeId) -> Client {
        Client { style, nodes, home, believed: home, open: None, hurry: Vec::new(), hurried: 0 }
    }
    /// The node that it sits beside.
    pub fn home(&self) -> NodeId {
        self.home
    }
    /// Its open request.
    pub fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    /// From now on it asks again after this long.
    pub fn hurry(&mut self, after: Time) {
        self.hurry.push(after);
    }
    /// It no longer does.
    pub fn relax(&mut self, after: Time) {
        let place = self.hurry.iter().position(|other| *other == after).expect("it was in a hurry");
        self.hurry.remove(place);
    }
    /// Requests that it has asked again for hurry.
    pub fn hurried(&self) -> u64 {
        self.hurried
    }

    /// Begins an operation. The driver calls [`Client::deadline`] when `open().deadline` comes.
    ///
    /// # Panics
    /// If another one is open.
    pub fn begin(&mut self, now: Time, id: RequestId, op: Op, settings: &Settings) -> Move {
        assert!(self.open.is_none(), "a client asks one thing at a time");
        let deadline = now + settings.request_timeout;
        let asked = if self.style.stays(&op) { self.home } else { self.believed };
        let last = Reason::TimedOut;
        self.open = Some(Open { id, op, deadline, attempt: 0, asked, uncertain: Vec::new(), last });
        self.ask(now, settings)
    }

    /// A node answered the open request.
    pub fn answered(&mut self, now: Time, from: NodeId, outcome: Outcome) -> Move {
        let Some(open) = self.open.as_mut() else { return Move::Wait };
        match outcome {
            Outcome::Ok(_) => {
                if !self.style.stays(&open.op) {
                    self.believed = from;
                }
                self.done(outcome)
            }
            Outcome::Unknown(_) => Move::Wait,
            Outcome::Failed(reason) => {
                if let Some(place) = open.uncertain.iter().position(|node| *node == from) {
                    open.uncertain.swap_remove(place);
                }
                let stale = open.asked != from;
                open.last = reason.clone();
                match self.style.stays(&open.op) {
                    true if open.uncertain.is_empty() => self.done(Outcome::Failed(reason)),
                    false if !stale => self.elsewhere(now, from, &reason),
                    _ => Move::Wait,
                }
            }
        }
    }

    /// The pause after a refusal of the request called `id` is over.
    pub fn ask_again(&mut self, now: Time, id: RequestId, attempt: u32, settings: &Settings) -> Move {
        match &self.open {
            Some(open) if (open.id, open.attempt) == (id, attempt) => self.ask(now, settings),
            _ => Move::Wait,
        }
    }

    /// No answer to this attempt of the request called `id`. Attempts count anew with each request, so an alarm of an
    /// earlier one must not be taken for one of this.
    pub fn attempt_timed_out(&mut self, now: Time, id: RequestId, attempt: u32, settings: &Settings) -> Move {
        match &mut self.open {
            Some(open) if (open.id, open.attempt) == (id, attempt) => {
                if !self.style.stays(&open.op) {
                    open.asked = NodeId((open.asked.0 + 1) % self.nodes);
                }
                self.hurried += u64::from(!self.hurry.is_empty());
                self.ask(now, settings)
            }
            _ => Move::Wait,
        }
    }

    /// No time left for the request called `id`.
    pub fn deadline(&mut self, id: RequestId) -> Move {
        let Some(open) = self.open.as_ref().filter(|open| open.id == id) else { return Move::Wait };
        let outcome = match open.uncertain.is_empty() {
            true => Outcome::Failed(open.last.clone()),
            false => Outcome::Unknown(Reason::TimedOut),
        };
        if !self.style.stays(&open.op) {
            self.believed = NodeId((open.asked.0 + 1) % self.nodes);
        }
        self.done(outcome)
    }

    fn ask(&mut self, now: Time, settings: &Settings) -> Move {
        let open = self.open.as_mut().expect("a request is open");
        open.attempt += 1;
        open.uncertain.push(open.asked);
        let patience = if self.style.stays(&open.op) { Time::NEVER } else { settings.attempt_timeout };
        let give_up = now + self.hurry.iter().copied().min().unwrap_or(patience);
        Move::Ask { node: open.asked, attempt: open.attempt, give_up }
    }

    /// After a certain failure at `from`: the hinted node, or the next one, after a moment.
    fn elsewhere(&mut self, now: Time, from: NodeId, reason: &Reason) -> Move {
        let open = self.open.as_mut().expect("a request is open");
        open.attempt += 1;
        let (next, pause) = match reason {
            Reason::NotLeader { hint: Some(hint) } if *hint != from => (*hint, MS),
            _ => (NodeId((from.0 + 1) % self.nodes), MS * 20),
        };
        open.asked = next;
        Move::Pause { until: now + pause, attempt: open.attempt }
    }

    fn done(&mut self, outcome: Outcome) -> Move {
        self.open = None;
        Move::Done(outcome)
    }
}
