//! `ll-quorum`: no leader; a majority is read and a majority is written.
//!
//! The client's home node coordinates. Every operation reads the newest stamps from a majority; one that writes chooses the
//! next larger stamp and waits until a majority has synced it. Reads do not write back what they saw, so two reads one after
//! the other may see a write and then miss it (DDIA ch. 9); and nothing keeps two operations that read the same from both writing.

use crate::data::{Data, Decision, Sees, decide, sees};
use crate::design::{About, Design, Setup};
use crate::hold::Hold;
use crate::replica::{Gossip, Replica, Rounds, Stamp, Stamped};
use crate::sessions::{Known, Sessions};
use harness::client::Style;
use harness::{Input, LocalClock, Node, NodeId, Op, Outbox, Outcome, Reply, RequestId, Time, View, marks, timers};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What every node is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    nodes: u8,
    gossip: Time,
    /// A coordinator forgets an operation after this; its client has given up before.
    forget: Time,
}

/// What nodes say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// What do you hold?
    Query { id: RequestId, sees: Sees },
    /// This.
    Values { id: RequestId, cells: Vec<Stamped> },
    /// Keep this.
    Store { id: RequestId, cells: Vec<Stamped> },
    /// It is synced.
    Stored { id: RequestId },
    /// Anti-entropy.
    Gossip(Gossip),
}

timers! {
    /// A node's timers.
    pub enum Clock {
        /// Time to compare replicas.
        Gossip,
    }
}

marks! {
    /// It marks nothing.
    pub enum Sign {}
}

/// An operation that this node coordinates.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Operation {
    op: Op,
    began: Time,
    /// Who has answered the current phase, as bits.
    answered: u32,
    phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase {
    /// The newest of what was answered so far.
    Read(Replica),
    Write(Reply),
}

/// What waits for the disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Held {
    Send(NodeId, Message),
    OwnCopy(RequestId),
    OwnValues(RequestId, Vec<Stamped>),
}

/// A node of `ll-quorum`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leaderless {
    config: Config,
    id: NodeId,
    replica: Replica,
    operations: BTreeMap<RequestId, Operation>,
    sessions: Sessions,
    rounds: Rounds,
    hold: Hold<Held>,
}

impl Design for Leaderless {
    const MODES: &'static [About] = &[About {
        name: "ll-quorum",
        about: "leaderless, reads and writes at a majority, reads do not write back",
        source: "Attiya, Bar-Noy and Dolev (1995) without the write-back of reads; Dynamo (2007)",
        style: Style::Sticky,
        switches: &[],
    }];

    fn config(setup: &Setup) -> Config {
        let settings = &setup.settings;
        Config { nodes: setup.nodes, gossip: settings.election_low, forget: settings.request_timeout * 2 }
    }
}

impl Node for Leaderless {
    type Config = Config;
    type Message = Message;
    type Timer = Clock;
    type Mark = Sign;
    type Record = Vec<Stamped>;
    type Durable = Replica;

    fn fold(durable: &mut Replica, record: Vec<Stamped>) {
        durable.merge_all(record);
    }

    fn new(config: &Config, id: NodeId) -> Self {
        let (replica, operations, hold) = (Replica::default(), BTreeMap::new(), Hold::default());
        let (rounds, sessions) = (Rounds::new(id), Sessions::default());
        Leaderless { config: config.clone(), id, replica, operations, sessions, rounds, hold }
    }

    fn step(&mut self, clock: LocalClock, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Start(replica) => {
                self.replica = replica;
                out.set_timer(Clock::Gossip, self.config.gossip, self.config.gossip);
            }
            Input::Receive { from, message } => self.receive(from, message, out),
            Input::Request { id, op } => self.request(clock, id, op, out),
            Input::Fire(Clock::Gossip) => self.gossip(clock, out),
            Input::Persisted { records } => {
                for held in self.hold.persisted(records) {
                    self.release(held, out);
                }
            }
        }
    }

    fn view(&self) -> View {
        View::default()
    }

    fn digest(&self) -> u64 {
        self.replica.data().digest()
    }
}

impl Leaderless {
    fn peers(&self) -> impl Iterator<Item = NodeId> + use<> {
        let me = self.id;
        (0..self.config.nodes).map(NodeId).filter(move |peer| *peer != me)
    }

    fn request(&mut self, clock: LocalClock, id: RequestId, op: Op, out: &mut Outbox<Self>) {
        match self.sessions.ask(id) {
            Known::New => {}
            Known::Open => return,
            Known::Answered(reply) => return out.reply(id, Outcome::Ok(reply)),
        }
        let sees = sees(&op);
        let phase = Phase::Read(Replica::default());
        self.operations.insert(id, Operation { op, began: clock.monotonic, answered: 0, phase });
        for peer in self.peers() {
            out.send(peer, Message::Query { id, sees: sees.clone() });
        }
        let own = self.replica.select(&sees);
        self.after_writes(Held::OwnValues(id, own), out);
    }

    /// Says what rests on writes that may be under way, after them.
    fn after_writes(&mut self, held: Held, out: &mut Outbox<Self>) {
        if let Some(held) = self.hold.after_writes(held) {
            self.release(held, out);
        }
    }

    fn release(&mut self, held: Held, out: &mut Outbox<Self>) {
        match held {
            Held::Send(to, message) => out.send(to, message),
            Held::OwnCopy(id) => self.stored(self.id, id, out),
            Held::OwnValues(id, cells) => self.values(self.id, id, cells, out),
        }
    }

    fn receive(&mut self, from: NodeId, message: Message, out: &mut Outbox<Self>) {
        match message {
            Message::Query { id, sees } => {
                let cells = self.replica.select(&sees);
                self.after_writes(Held::Send(from, Message::Values { id, cells }), out);
            }
            Message::Values { id, cells } => self.values(from, id, cells, out),
            Message::Store { id, cells } => self.store(cells, Some(Held::Send(from, Message::Stored { id })), out),
            Message::Stored { id } => self.stored(from, id, out),
            Message::Gossip(gossip) => {
                let (taken, answer) = self.replica.hear(gossip);
                self.keep(taken, None, out);
                if let Some(answer) = answer {
                    self.after_writes(Held::Send(from, Message::Gossip(answer)), out);
                }
            }
        }
    }

    /// Keeps what is newer, and then does what waits for it.
    fn store(&mut self, cells: Vec<Stamped>, then: Option<Held>, out: &mut Outbox<Self>) {
        let taken = self.replica.merge_all(cells);
        self.keep(taken, then, out);
    }

    /// Writes what was taken; what waits for it waits for earlier writes too.
    fn keep(&mut self, taken: Vec<Stamped>, then: Option<Held>, out: &mut Outbox<Self>) {
        if taken.is_empty() {
            return then.into_iter().for_each(|held| self.after_writes(held, out));
        }
        out.persist(taken);
        self.hold.write(then.into_iter().collect());
    }

    /// Somebody answered the query of an operation.
    fn values(&mut self, from: NodeId, id: RequestId, cells: Vec<Stamped>, out: &mut Outbox<Self>) {
        let majority = u32::from(self.config.nodes) / 2 + 1;
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let Phase::Read(newest) = &mut operation.phase else { return };
        newest.merge_all(cells);
        operation.answered |= 1 << from.0;
        if operation.answered.count_ones() < majority {
            return;
        }
        let (seen, clock) = (newest.data(), newest.clock());
        let op = operation.op.clone();
        self.go_on(id, &op, &seen, clock, out);
    }

    /// A majority was read: answer, or write.
    fn go_on(&mut self, id: RequestId, op: &Op, seen: &Data, clock: u64, out: &mut Outbox<Self>) {
        let Decision { writes, reply } = decide(op, seen);
        if writes.is_empty() {
            self.operations.remove(&id);
            self.sessions.answer(id, &reply);
            return out.reply(id, Outcome::Ok(reply));
        }
        let tie = u64::from(id.session) << 32 | u64::from(id.number);
        let stamp = Stamp { clock: clock + 1, tie, node: self.id };
        let cells: Vec<Stamped> = writes.into_iter().map(|(cell, content)| (cell, stamp, content)).collect();
        if let Some(operation) = self.operations.get_mut(&id) {
            (operation.phase, operation.answered) = (Phase::Write(reply), 0);
        }
        for peer in self.peers() {
            out.send(peer, Message::Store { id, cells: cells.clone() });
        }
        self.store(cells, Some(Held::OwnCopy(id)), out);
    }

    /// Somebody has synced what an operation writes.
    fn stored(&mut self, from: NodeId, id: RequestId, out: &mut Outbox<Self>) {
        let majority = u32::from(self.config.nodes) / 2 + 1;
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let Phase::Write(reply) = &operation.phase else { return };
        operation.answered |= 1 << from.0;
        if operation.answered.count_ones() >= majority {
            self.sessions.answer(id, reply);
            out.reply(id, Outcome::Ok(reply.clone()));
            self.operations.remove(&id);
        }
    }

    fn gossip(&mut self, clock: LocalClock, out: &mut Outbox<Self>) {
        let forget = self.config.forget;
        self.operations.retain(|_, operation| clock.monotonic.since(operation.began) < forget);
        if let Some(peer) = self.rounds.next(self.id, self.config.nodes) {
            out.send(peer, Message::Gossip(self.replica.compare()));
        }
        out.set_timer(Clock::Gossip, self.config.gossip, self.config.gossip);
    }
}
