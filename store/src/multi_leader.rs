//! `ml-lww`: every node takes writes, the last one by the clock on the wall wins.
//!
//! A write is answered as soon as the node's own disk has it, and is told to the others afterwards. Stamps are the node's wall
//! clock, a counter and the node's id, and are never raised by stamps that come in: a write at a node whose clock is
//! behind is acknowledged and dropped ("The trouble with timestamps", Kingsbury 2013).

use crate::data::{Data, Decision, Sees, decide, sees};
use crate::design::{Design, Setup, Switch};
use crate::hold::Hold;
use crate::replica::{Replica, Rounds, Stamp, Stamped};
use harness::client::Style;
use harness::node::{Mark, Timer};
use harness::{Input, LocalClock, Node, NodeId, Op, Outbox, Outcome, Reply, RequestId, Time, View};
use serde::{Deserialize, Serialize};

/// What every node is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    nodes: u8,
    gossip: Time,
}

/// What nodes say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Writes.
    Tell(Vec<Stamped>),
    /// Do you hold the same?
    Compare { digest: u64 },
    /// I hold this, which is not what you hold; tell me yours.
    Exchange(Vec<Stamped>),
}

/// Time to compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Gossip;

impl Timer for Gossip {
    const COUNT: usize = 1;
    fn index(self) -> usize {
        0
    }
    fn at(_: usize) -> Self {
        Gossip
    }
}

/// What may matter to a plan or a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sign {
    /// A client's write had a smaller stamp than what was there: acknowledged, and without effect.
    WriteDropped,
}

impl Mark for Sign {
    fn name(self) -> &'static str {
        match self {
            Sign::WriteDropped => "write-dropped",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Held {
    Answer(RequestId, Reply),
    Tell(NodeId, Message),
}

/// A node of `ml-lww`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MultiLeader {
    config: Config,
    id: NodeId,
    replica: Replica,
    counter: u64,
    rounds: Rounds,
    hold: Hold<Held>,
}

impl Design for MultiLeader {
    const NAME: &'static str = "ml-lww";
    const ABOUT: &'static str = "multi-leader, the last write by the clock on the wall wins";
    const STYLE: Style = Style::Sticky;
    const SWITCHES: &'static [Switch] = &[];

    fn config(setup: &Setup) -> Config {
        Config { nodes: setup.nodes, gossip: setup.settings.election_low }
    }
}

impl Node for MultiLeader {
    type Config = Config;
    type Message = Message;
    type Timer = Gossip;
    type Mark = Sign;
    type Record = Vec<Stamped>;
    type Durable = Replica;

    fn fold(durable: &mut Replica, record: Vec<Stamped>) {
        durable.merge_all(record);
    }

    fn new(config: &Config, id: NodeId) -> Self {
        let (replica, hold) = (Replica::default(), Hold::default());
        MultiLeader { config: config.clone(), id, replica, counter: 0, rounds: Rounds::new(id), hold }
    }

    fn step(&mut self, clock: LocalClock, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Start(replica) => {
                self.replica = replica;
                out.set_timer(Gossip, self.config.gossip, self.config.gossip);
            }
            Input::Receive { from, message } => self.receive(from, message, out),
            Input::Request { id, op } => self.request(clock, id, &op, out),
            Input::Fire(Gossip) => {
                if let Some(peer) = self.rounds.next(self.id, self.config.nodes) {
                    out.send(peer, Message::Compare { digest: self.replica.digest() });
                }
                out.set_timer(Gossip, self.config.gossip, self.config.gossip);
            }
            Input::Persisted { records } => {
                for held in self.hold.persisted(records) {
                    release(held, out);
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

impl MultiLeader {
    fn request(&mut self, clock: LocalClock, id: RequestId, op: &Op, out: &mut Outbox<Self>) {
        let seen: Data = data(&self.replica, &sees(op));
        let Decision { writes, reply } = decide(op, &seen);
        if writes.is_empty() {
            // What is not synced yet may still vanish, so a read of it waits.
            return self.hold.after_writes(Held::Answer(id, reply)).into_iter().for_each(|held| release(held, out));
        }
        let writes: Vec<Stamped> =
            writes.into_iter().map(|(cell, content)| (cell, self.stamp(clock), content)).collect();
        let taken = self.replica.merge_all(writes.clone());
        if taken.len() < writes.len() {
            out.mark(Sign::WriteDropped);
        }
        let peers = (0..self.config.nodes).map(NodeId).filter(|peer| *peer != self.id);
        let mut waiting = vec![Held::Answer(id, reply)];
        waiting.extend(peers.map(|peer| Held::Tell(peer, Message::Tell(writes.clone()))));
        out.persist(taken);
        self.hold.write(waiting);
    }

    fn stamp(&mut self, clock: LocalClock) -> Stamp {
        self.counter += 1;
        Stamp { clock: clock.wall.0, tie: self.counter, node: self.id }
    }

    fn receive(&mut self, from: NodeId, message: Message, out: &mut Outbox<Self>) {
        match message {
            Message::Tell(writes) => self.take(writes, out),
            Message::Compare { digest } if digest == self.replica.digest() => {}
            Message::Compare { .. } => self.say(from, Message::Exchange(self.replica.all()), out),
            Message::Exchange(writes) => {
                self.take(writes, out);
                self.say(from, Message::Tell(self.replica.all()), out);
            }
        }
    }

    fn take(&mut self, writes: Vec<Stamped>, out: &mut Outbox<Self>) {
        let taken = self.replica.merge_all(writes);
        if !taken.is_empty() {
            out.persist(taken);
            self.hold.write(Vec::new());
        }
    }

    /// Says what may rest on writes that are under way, after them.
    fn say(&mut self, to: NodeId, message: Message, out: &mut Outbox<Self>) {
        self.hold.after_writes(Held::Tell(to, message)).into_iter().for_each(|held| release(held, out));
    }
}

fn release(held: Held, out: &mut Outbox<MultiLeader>) {
    match held {
        Held::Answer(id, reply) => out.reply(id, Outcome::Ok(reply)),
        Held::Tell(to, message) => out.send(to, message),
    }
}

/// The cells that an operation must see, from one replica.
fn data(replica: &Replica, sees: &Sees) -> Data {
    replica.select(sees).into_iter().map(|(cell, _, content)| (cell, content)).collect()
}
