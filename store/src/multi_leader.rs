//! `ml-lww`: every node takes writes, the last one by the clock on the wall wins.
//!
//! A write is answered as soon as the node's own disk has it, and is told to the others afterwards. Stamps are the node's wall
//! clock, a counter and the node's id, and are never raised by stamps that come in: a write at a node whose clock is
//! behind is acknowledged and dropped ("The trouble with timestamps", Kingsbury 2013).

use crate::data::{Data, Decision, Sees, decide, sees};
use crate::design::{About, Design, Setup, Switch};
use crate::desk::Desk;
use crate::gossip::Gossip;
use crate::replica::{Replica, Stamp, Stamped};
use harness::client::Style;
use harness::{Input, LocalClock, Node, NodeId, Op, Outbox, RequestId, SECOND, Time, View, marks, timers};

/// What every node is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    nodes: u8,
    gossip: Time,
    /// The deliberate bug.
    tie_break: bool,
}

/// One tick of the coarse clock that makes ties.
const TICK: Time = SECOND;

timers! {
    /// A node's timers.
    pub enum Clock {
        /// Time to compare replicas.
        Gossip,
    }
}

marks! {
    /// What may matter to a plan or a reader.
    pub enum Sign {
        /// A client's write had a smaller stamp than what was there: acknowledged, and without effect.
        WriteDropped = "write-dropped",
        /// What only a deliberate bug does was done.
        Strayed = "strayed",
    }
}

/// A node of `ml-lww`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MultiLeader {
    config: Config,
    id: NodeId,
    replica: Replica,
    counter: u64,
    desk: Desk<Vec<Stamped>>,
}

impl Design for MultiLeader {
    const MODES: &'static [About] = &[About {
        name: "ml-lww",
        about: "multi-leader, the last write by the clock on the wall wins",
        source: "Kleppmann, \"Designing data-intensive applications\" (2017), ch. 5; Kingsbury, \"The trouble with timestamps\" (2013)",
        style: Style::Sticky,
        switches: &[Switch {
            name: "no-tie-break",
            about: "clocks tick once a second, and of two writes in one tick each node keeps what it heard first",
        }],
    }];

    fn config(setup: &Setup) -> Config {
        Config { nodes: setup.nodes, gossip: setup.settings.election_low, tie_break: !setup.has("no-tie-break") }
    }
}

impl Node for MultiLeader {
    type Config = Config;
    type Message = Gossip<Vec<Stamped>>;
    type Timer = Clock;
    type Mark = Sign;
    type Record = Vec<Stamped>;
    type Durable = Replica;

    fn fold(durable: &mut Replica, record: Vec<Stamped>) {
        durable.merge_all(record);
    }

    fn new(config: &Config, id: NodeId) -> Self {
        let (replica, desk) = (Replica::default(), Desk::new(id, config.nodes));
        MultiLeader { config: config.clone(), id, replica, counter: 0, desk }
    }

    fn step(&mut self, clock: LocalClock, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Start(replica) => {
                self.replica = replica;
                out.set_timer(Clock::Gossip, self.config.gossip, self.config.gossip);
            }
            Input::Receive { from, message } => self.receive(from, message, out),
            Input::Request { id, op } => self.request(clock, id, &op, out),
            Input::Fire(Clock::Gossip) => {
                self.desk.compare(self.replica.digest(), out);
                out.set_timer(Clock::Gossip, self.config.gossip, self.config.gossip);
            }
            Input::Persisted { records } => self.desk.persisted(records, out),
        }
    }

    fn view(&self) -> View {
        View::default()
    }

    fn digest(&self) -> u64 {
        self.replica.data().digest()
    }
}

impl MultiLeader {
    fn request(&mut self, clock: LocalClock, id: RequestId, op: &Op, out: &mut Outbox<Self>) {
        if !self.desk.takes(id, out) {
            return;
        }
        let seen: Data = data(&self.replica, &sees(op));
        let Decision { writes, reply } = decide(op, &seen);
        if writes.is_empty() {
            return self.desk.answer(id, reply, out);
        }
        let writes: Vec<Stamped> =
            writes.into_iter().map(|(cell, content)| (cell, self.stamp(clock), content)).collect();
        let taken = self.replica.merge_all(writes.clone());
        if taken.len() < writes.len() {
            out.mark(Sign::WriteDropped);
        }
        self.desk.write(taken, (id, reply), writes, out);
    }

    fn stamp(&mut self, clock: LocalClock) -> Stamp {
        if !self.config.tie_break {
            return Stamp { clock: clock.wall.0 / TICK.0, tie: 0, node: NodeId(0) };
        }
        self.counter += 1;
        Stamp { clock: clock.wall.0, tie: self.counter, node: self.id }
    }

    fn receive(&mut self, from: NodeId, message: Gossip<Vec<Stamped>>, out: &mut Outbox<Self>) {
        let (news, answer) = message.open(|| self.replica.digest());
        let news = news.unwrap_or_default();
        if news.iter().any(|write| self.replica.ties(write)) {
            out.mark(Sign::Strayed);
        }
        let taken = self.replica.merge_all(news);
        if !taken.is_empty() {
            self.desk.keep(taken, out);
        }
        if let Some(answer) = answer {
            self.desk.tell(from, answer(self.replica.all()), out);
        }
    }
}

/// The cells that an operation must see, from one replica.
fn data(replica: &Replica, sees: &Sees) -> Data {
    replica.select(sees).into_iter().map(|(cell, _, content)| (cell, content)).collect()
}
