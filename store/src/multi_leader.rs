//! `ml-lww`: every node takes writes, the last one by the clock on the wall wins.
//!
//! A write is answered as soon as the node's own disk has it, and is told to the others afterwards. Stamps are the node's wall
//! clock, a counter and the node's id, and are never raised by stamps that come in: a write at a node whose clock is
//! behind is acknowledged and dropped ("The trouble with timestamps", Kingsbury 2013).

use crate::data::{Data, Decision, Sees, decide, sees};
use crate::design::{About, Design, Setup};
use crate::hold::Hold;
use crate::replica::{Gossip, Replica, Rounds, Stamp, Stamped};
use crate::sessions::{Known, Sessions};
use harness::client::Style;
use harness::{Input, LocalClock, Node, NodeId, Op, Outbox, Outcome, Reply, RequestId, Time, View, marks, timers};

/// What every node is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    nodes: u8,
    gossip: Time,
}

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
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Held {
    Answer(RequestId, Reply),
    Tell(NodeId, Gossip),
}

/// A node of `ml-lww`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MultiLeader {
    config: Config,
    id: NodeId,
    replica: Replica,
    counter: u64,
    sessions: Sessions,
    rounds: Rounds,
    hold: Hold<Held>,
}

impl Design for MultiLeader {
    const MODES: &'static [About] = &[About {
        name: "ml-lww",
        about: "multi-leader, the last write by the clock on the wall wins",
        source: "Kleppmann, \"Designing data-intensive applications\" (2017), ch. 5; Kingsbury, \"The trouble with timestamps\" (2013)",
        style: Style::Sticky,
        switches: &[],
    }];

    fn config(setup: &Setup) -> Config {
        Config { nodes: setup.nodes, gossip: setup.settings.election_low }
    }
}

impl Node for MultiLeader {
    type Config = Config;
    type Message = Gossip;
    type Timer = Clock;
    type Mark = Sign;
    type Record = Vec<Stamped>;
    type Durable = Replica;

    fn fold(durable: &mut Replica, record: Vec<Stamped>) {
        durable.merge_all(record);
    }

    fn new(config: &Config, id: NodeId) -> Self {
        let (replica, sessions, hold) = (Replica::default(), Sessions::default(), Hold::default());
        MultiLeader { config: config.clone(), id, replica, counter: 0, sessions, rounds: Rounds::new(id), hold }
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
                if let Some(peer) = self.rounds.next(self.id, self.config.nodes) {
                    out.send(peer, self.replica.compare());
                }
                out.set_timer(Clock::Gossip, self.config.gossip, self.config.gossip);
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
        let Decision { writes, reply } = match self.sessions.ask(id) {
            Known::New => decide(op, &seen),
            Known::Open => return,
            Known::Answered(reply) => Decision { writes: Vec::new(), reply },
        };
        self.sessions.answer(id, &reply);
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
        waiting.extend(peers.map(|peer| Held::Tell(peer, Gossip::Tell(writes.clone()))));
        out.persist(taken);
        self.hold.write(waiting);
    }

    fn stamp(&mut self, clock: LocalClock) -> Stamp {
        self.counter += 1;
        Stamp { clock: clock.wall.0, tie: self.counter, node: self.id }
    }

    fn receive(&mut self, from: NodeId, message: Gossip, out: &mut Outbox<Self>) {
        let (taken, answer) = self.replica.hear(message);
        if !taken.is_empty() {
            out.persist(taken);
            self.hold.write(Vec::new());
        }
        // What is said may rest on writes that are under way.
        let answer = answer.and_then(|answer| self.hold.after_writes(Held::Tell(from, answer)));
        answer.into_iter().for_each(|held| release(held, out));
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
