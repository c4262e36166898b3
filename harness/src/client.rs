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
    /// Reads as [`Style::Sticky`], everything else as [`Style::FollowLeader`].
    ReadAtHome,
}

impl Style {
    /// True where clients cannot all be served before somebody leads.
    pub fn needs_leader(self) -> bool {
        self != Style::Sticky
    }
    /// How an operation is asked: one of the two plain styles.
    pub fn way(self, op: &Op) -> Style {
        match self {
            Style::ReadAtHome if op.is_read() => Style::Sticky,
            Style::ReadAtHome => Style::FollowLeader,
            plain => plain,
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
    /// One of the two plain styles.
    way: Style,
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

    /// From now on it asks again after this long, its home node too.
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

    /// Begins an operation, at `first` if somebody is named. The driver calls [`Client::deadline`] when `open().deadline` comes.
    ///
    /// # Panics
    /// If another one is open.
    pub fn begin(&mut self, now: Time, id: RequestId, op: Op, first: Option<NodeId>, settings: &Settings) -> Move {
        assert!(self.open.is_none(), "a client asks one thing at a time");
        let (deadline, way) = (now + settings.request_timeout, self.style.way(&op));
        let usual = if way == Style::Sticky { self.home } else { self.believed };
        let asked = first.unwrap_or(usual);
        let last = Reason::TimedOut;
        self.open = Some(Open { id, op, deadline, attempt: 0, way, asked, uncertain: Vec::new(), last });
        self.ask(now, settings)
    }

    /// A node answered the open request.
    pub fn answered(&mut self, now: Time, from: NodeId, outcome: Outcome) -> Move {
        let Some(open) = self.open.as_mut() else { return Move::Wait };
        match outcome {
            Outcome::Ok(_) => {
                if open.way == Style::FollowLeader {
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
                match open.way {
                    Style::Sticky if open.uncertain.is_empty() => self.done(Outcome::Failed(reason)),
                    Style::FollowLeader if !stale => self.elsewhere(now, from, &reason),
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
                if open.way == Style::FollowLeader {
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
        if open.way == Style::FollowLeader {
            self.believed = NodeId((open.asked.0 + 1) % self.nodes);
        }
        self.done(outcome)
    }

    fn ask(&mut self, now: Time, settings: &Settings) -> Move {
        let open = self.open.as_mut().expect("a request is open");
        open.attempt += 1;
        open.uncertain.push(open.asked);
        let patience = if open.way == Style::FollowLeader { settings.attempt_timeout } else { Time::NEVER };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Reply;

    #[test]
    fn reads_stay_at_home_while_writes_follow_the_leader() {
        let (home, leader, settings) = (NodeId(2), NodeId(0), Settings::default());
        let mut client = Client::new(Style::ReadAtHome, 3, home);
        let id = |number| RequestId { session: 7, number };
        let asked = |next: Move| match next {
            Move::Ask { node, give_up, .. } => (node, give_up < Time::NEVER),
            other => panic!("{other:?}"),
        };
        let write = Op::Write { key: "x".into(), value: 1 };
        assert_eq!(asked(client.begin(Time::ZERO, id(1), write.clone(), None, &settings)), (home, true));
        let hint = Outcome::Failed(Reason::NotLeader { hint: Some(leader) });
        let Move::Pause { until, attempt } = client.answered(MS, home, hint) else { panic!("it follows the hint") };
        assert_eq!(asked(client.ask_again(until, id(1), attempt, &settings)), (leader, true));
        let done = Outcome::Ok(Reply::Done);
        assert_eq!(client.answered(until, leader, done.clone()), Move::Done(done.clone()));

        // A read asks home and waits there; a write remembers who leads.
        assert_eq!(asked(client.begin(until, id(2), Op::Read { key: "x".into() }, None, &settings)), (home, false));
        let refused = Outcome::Failed(Reason::Refused);
        assert_eq!(client.answered(until, home, refused.clone()), Move::Done(refused));
        assert_eq!(asked(client.begin(until, id(3), write, None, &settings)), (leader, true));
    }

    const ID: RequestId = RequestId { session: 0, number: 1 };

    /// Whom a client beside n1 asks first, and after n3 has told it that n2 leads.
    fn asked(style: Style, first: Option<NodeId>) -> (Move, Move) {
        let (mut client, settings) = (Client::new(style, 3, NodeId(0)), Settings::default());
        let begun = client.begin(Time::ZERO, ID, Op::Members, first, &settings);
        let hint = Reason::NotLeader { hint: Some(NodeId(1)) };
        (begun, client.answered(MS, NodeId(2), Outcome::Failed(hint)))
    }

    fn whom(begun: &Move) -> NodeId {
        let Move::Ask { node, .. } = begun else { panic!("{begun:?}") };
        *node
    }

    #[test]
    fn a_roaming_client_asks_the_node_that_is_named_and_then_does_as_its_style_says() {
        assert_eq!(whom(&asked(Style::Sticky, None).0), NodeId(0));
        let (begun, refused) = asked(Style::Sticky, Some(NodeId(2)));
        assert_eq!(whom(&begun), NodeId(2));
        assert!(matches!(refused, Move::Done(Outcome::Failed(_))), "{refused:?}");
        let (begun, refused) = asked(Style::FollowLeader, Some(NodeId(2)));
        assert_eq!(whom(&begun), NodeId(2));
        assert!(matches!(refused, Move::Pause { .. }), "it follows the hint: {refused:?}");
    }

    #[test]
    fn a_client_in_a_hurry_asks_again_under_the_same_request() {
        let settings = Settings::default();
        for (style, again) in [(Style::Sticky, NodeId(1)), (Style::FollowLeader, NodeId(2))] {
            let mut client = Client::new(style, 3, NodeId(1));
            client.hurry(MS * 5);
            let id = RequestId { session: 4, number: 1 };
            let begun = client.begin(Time::ZERO, id, Op::Members, None, &settings);
            assert_eq!(begun, Move::Ask { node: NodeId(1), attempt: 1, give_up: MS * 5 });
            let next = client.attempt_timed_out(MS * 5, id, 1, &settings);
            assert_eq!(next, Move::Ask { node: again, attempt: 2, give_up: MS * 10 });
            assert_eq!((client.hurried(), client.open().map(|open| open.id)), (1, Some(id)));
            client.relax(MS * 5);
            let Move::Ask { give_up, .. } = client.attempt_timed_out(MS * 10, id, 2, &settings) else { panic!() };
            assert!(give_up > MS * 100, "it is patient again");
        }
    }
}
