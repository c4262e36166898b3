//! Leaderless: whoever a client asks coordinates, and any quorum of the nodes will do.
//!
//! Every operation reads the newest stamps from as many nodes as its mode asks for; one that writes chooses a larger stamp
//! and waits until enough nodes have synced it. The modes differ in how many that is, in what a stamp is, in whether a
//! read writes back what it saw, and in who may answer in place of nodes that are silent ([`modes`]).
//!
//! With a majority each, every read meets every acknowledged write (DDIA ch. 9). Two things remain: a read that does not
//! write back may show a write that the next one misses; and nothing keeps two operations that read the same from both writing.

mod modes;
mod operation;

use crate::data::{Decision, Sees, decide, sees};
use crate::design::{About, Design, Setup};
use crate::gossip::{Gossip, Rounds, peers};
use crate::hold::Hold;
use crate::replica::{Replica, Stamp, Stamped};
use crate::requests::{Requests, Seen};
use harness::{Input, LocalClock, MS, Needs, Node, NodeId, Op, Outbox, Outcome, RequestId, View, marks, timers};
pub use modes::Config;
use modes::{Stamps, bit};
use operation::{Operation, Phase};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// This was kept for you while you were silent.
    Handoff(Vec<Stamped>),
    /// It is synced.
    HandedOff(Vec<Stamped>),
    /// Anti-entropy.
    Gossip(Gossip<Vec<Stamped>>),
}

timers! {
    /// A node's timers.
    pub enum Clock {
        /// Time to compare replicas.
        Gossip,
        /// Some home nodes have been silent for too long.
        Patience,
    }
}

marks! {
    /// What may matter to a plan or a reader.
    pub enum Sign {
        /// The coordinator answered in place of home nodes that were silent.
        StoodIn = "stood-in",
        /// What only a deliberate bug does was done.
        Strayed = "strayed",
    }
}

/// What waits for the disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Held {
    Send(NodeId, Message),
    /// The node's own answer to a query, for the nodes of these bits.
    OwnValues(RequestId, u32, Vec<Stamped>),
    /// The node's own copy, which counts for the nodes of these bits.
    OwnCopy(RequestId, u32),
}

/// A node of any of the modes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leaderless {
    config: Config,
    id: NodeId,
    replica: Replica,
    operations: BTreeMap<RequestId, Operation>,
    requests: Requests,
    /// What is kept for home nodes that were silent.
    hints: BTreeMap<NodeId, Replica>,
    rounds: Rounds,
    /// What the current step writes, and what waits for it. Empty between steps.
    fresh: Vec<Stamped>,
    waiting: Vec<Held>,
    hold: Hold<Held>,
}

impl Design for Leaderless {
    const MODES: &'static [About] = modes::MODES;

    fn config(setup: &Setup) -> Config {
        Config::new(setup)
    }

    fn needs(design: &About) -> Needs {
        if design.name == "ll-rowa" { Needs::Everybody } else { Needs::default() }
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
        Leaderless {
            config: config.clone(),
            id,
            replica: Replica::default(),
            operations: BTreeMap::new(),
            requests: Requests::default(),
            hints: BTreeMap::new(),
            rounds: Rounds::new(id),
            fresh: Vec::new(),
            waiting: Vec::new(),
            hold: Hold::default(),
        }
    }

    fn step(&mut self, clock: LocalClock, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Start(replica) => {
                self.replica = replica;
                out.set_timer(Clock::Gossip, self.config.gossip, self.config.gossip);
            }
            Input::Receive { from, message } => self.receive(clock, from, message, out),
            Input::Request { id, op } => self.request(clock, id, op, out),
            Input::Fire(Clock::Gossip) => self.gossip(clock, out),
            Input::Fire(Clock::Patience) => self.stand_in(clock, out),
            Input::Persisted { records } => {
                for held in self.hold.persisted(records) {
                    self.release(clock, held, out);
                }
            }
        }
        // One write a step, whatever came together in it.
        if !self.fresh.is_empty() {
            out.persist(std::mem::take(&mut self.fresh));
            self.hold.write(std::mem::take(&mut self.waiting));
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
        peers(self.id, self.config.nodes)
    }

    fn request(&mut self, clock: LocalClock, id: RequestId, op: Op, out: &mut Outbox<Self>) {
        match self.requests.ask(id) {
            Seen::New => {}
            Seen::UnderWay => return,
            Seen::Answered(reply) => return out.reply(id, Outcome::Ok(reply)),
        }
        let sees = sees(&op);
        let operation = Operation::new(op, clock.monotonic, self.config.groups(&sees));
        let asked = operation.asked();
        self.operations.insert(id, operation);
        if asked & bit(self.id) != 0 {
            let own = self.replica.select(&sees);
            self.after_writes(clock, Held::OwnValues(id, bit(self.id), own), out);
        }
        // Where one node is enough, the coordinator asks nobody.
        if self.operations.get(&id).is_some_and(Operation::is_reading) {
            for peer in self.peers().filter(|peer| asked & bit(*peer) != 0) {
                out.send(peer, Message::Query { id, sees: sees.clone() });
            }
        }
        self.be_patient(clock, out);
    }

    fn receive(&mut self, clock: LocalClock, from: NodeId, message: Message, out: &mut Outbox<Self>) {
        match message {
            Message::Query { id, sees } => {
                let cells = self.replica.select(&sees);
                self.after_writes(clock, Held::Send(from, Message::Values { id, cells }), out);
            }
            Message::Values { id, cells } => self.values(clock, bit(from), id, cells, out),
            Message::Store { id, cells } => {
                self.keep(cells);
                self.after_writes(clock, Held::Send(from, Message::Stored { id }), out);
            }
            Message::Stored { id } => self.stored(bit(from), id, out),
            Message::Handoff(cells) => {
                self.keep(cells.clone());
                self.after_writes(clock, Held::Send(from, Message::HandedOff(cells)), out);
            }
            Message::HandedOff(cells) => self.handed_off(from, &cells),
            Message::Gossip(gossip) => {
                let (news, answer) = gossip.open(|| self.replica.digest());
                self.keep(news.unwrap_or_default());
                if let Some(answer) = answer {
                    let answer = Message::Gossip(answer(self.replica.all()));
                    self.after_writes(clock, Held::Send(from, answer), out);
                }
            }
        }
    }

    /// Keeps what is newer than what is there.
    fn keep(&mut self, cells: Vec<Stamped>) {
        let taken = self.replica.merge_all(cells);
        self.fresh.extend(taken);
    }

    /// Says what rests on writes that may be under way, after them.
    fn after_writes(&mut self, clock: LocalClock, held: Held, out: &mut Outbox<Self>) {
        if !self.fresh.is_empty() {
            self.waiting.push(held);
        } else if let Some(held) = self.hold.after_writes(held) {
            self.release(clock, held, out);
        }
    }

    fn release(&mut self, clock: LocalClock, held: Held, out: &mut Outbox<Self>) {
        match held {
            Held::Send(to, message) => out.send(to, message),
            Held::OwnValues(id, who, cells) => self.values(clock, who, id, cells, out),
            Held::OwnCopy(id, who) => self.stored(who, id, out),
        }
    }

    /// The query of an operation was answered for these nodes.
    fn values(&mut self, clock: LocalClock, who: u32, id: RequestId, cells: Vec<Stamped>, out: &mut Outbox<Self>) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let Phase::Read(gathered) = &mut operation.phase else { return };
        gathered.hear(who, cells);
        operation.hear(who);
        if operation.is_enough(&self.config)
            && let Some(operation) = self.operations.remove(&id)
        {
            operation.is_owed(&self.config).then(|| out.mark(Sign::Strayed));
            self.go_on(clock, id, operation, out);
        }
    }

    /// Enough was read: answer, or store first what is written or has to be written back.
    fn go_on(&mut self, clock: LocalClock, id: RequestId, mut operation: Operation, out: &mut Outbox<Self>) {
        let Phase::Read(gathered) = &operation.phase else { return };
        let Decision { writes, reply } = decide(&operation.op, &gathered.data());
        let stamp = self.stamp(clock, id, gathered.clock());
        let cells: Vec<Stamped> = match writes.is_empty() {
            true if self.config.write_back => gathered.unshared(operation.answered),
            _ => writes.into_iter().map(|(cell, content)| (cell, stamp, content)).collect(),
        };
        if cells.is_empty() {
            self.requests.answered(id, &reply);
            return out.reply(id, Outcome::Ok(reply));
        }
        let groups = self.config.groups(&Sees::Cells(cells.iter().map(|(cell, ..)| cell.clone()).collect()));
        operation.write(clock.monotonic, reply, cells.clone(), groups);
        let (asked, silent) = (operation.asked(), operation.silent);
        self.operations.insert(id, operation);
        for peer in self.peers().filter(|peer| asked & bit(*peer) != 0) {
            let cells = self.at_home(&cells, bit(peer));
            out.send(peer, Message::Store { id, cells });
        }
        if (bit(self.id) | silent) & asked != 0 {
            self.keep_for(clock, id, &cells, (bit(self.id) | silent) & asked, out);
        }
    }

    /// Larger than every stamp that was read, or what the clock says; and unique, whatever the others do.
    fn stamp(&self, clock: LocalClock, id: RequestId, newest: u64) -> Stamp {
        let number = match self.config.stamps {
            Stamps::Counter => newest + 1,
            Stamps::Wall => clock.wall.0,
        };
        Stamp { clock: number, tie: u64::from(id.session) << 32 | u64::from(id.number), node: self.id }
    }

    /// Those of the cells that have one of these nodes as a home.
    fn at_home(&self, cells: &[Stamped], nodes: u32) -> Vec<Stamped> {
        cells.iter().filter(|(cell, ..)| self.config.homes(cell) & nodes != 0).cloned().collect()
    }

    /// Writes an own copy that counts for these nodes, and keeps in mind what the others among them have to be given.
    fn keep_for(&mut self, clock: LocalClock, id: RequestId, cells: &[Stamped], nodes: u32, out: &mut Outbox<Self>) {
        for home in self.peers().filter(|peer| nodes & bit(*peer) != 0) {
            let cells = self.at_home(cells, bit(home));
            self.hints.entry(home).or_default().merge_all(cells);
        }
        self.keep(self.at_home(cells, nodes));
        self.after_writes(clock, Held::OwnCopy(id, nodes), out);
    }

    /// These nodes have synced what an operation writes.
    fn stored(&mut self, who: u32, id: RequestId, out: &mut Outbox<Self>) {
        let Some(operation) = self.operations.get_mut(&id) else { return };
        let Phase::Write(reply, _) = &operation.phase else { return };
        let reply = reply.clone();
        operation.hear(who);
        if operation.is_enough(&self.config) {
            operation.is_owed(&self.config).then(|| out.mark(Sign::Strayed));
            self.operations.remove(&id);
            self.requests.answered(id, &reply);
            out.reply(id, Outcome::Ok(reply));
        }
    }

    /// Looks again when the oldest phase that is open now has taken too long.
    fn be_patient(&self, clock: LocalClock, out: &mut Outbox<Self>) {
        let oldest = self.operations.values().filter(|operation| operation.silent == 0).map(|open| open.since).min();
        if let (Some(patience), Some(oldest)) = (self.config.patience, oldest) {
            // A timer may come a little early; one that comes at once would come again and again at one moment.
            let left = (oldest + patience).since(clock.monotonic) + MS;
            out.set_timer(Clock::Patience, left, left);
        }
    }

    /// Answers for home nodes that have been silent for too long. What they missed is theirs once they speak again.
    fn stand_in(&mut self, clock: LocalClock, out: &mut Outbox<Self>) {
        let Some(patience) = self.config.patience else { return };
        let late = |operation: &Operation| operation.silent == 0 && clock.monotonic.since(operation.since) >= patience;
        let late: Vec<RequestId> =
            self.operations.iter().filter(|(_, operation)| late(operation)).map(|(id, _)| *id).collect();
        for id in late {
            let Some(operation) = self.operations.get_mut(&id) else { continue };
            let silent = operation.asked() & !operation.answered;
            operation.silent = silent;
            out.mark(Sign::StoodIn);
            if let Phase::Write(_, cells) = &operation.phase {
                let cells = cells.clone();
                self.keep_for(clock, id, &cells, silent, out);
            } else {
                let own = self.replica.select(&sees(&operation.op));
                self.after_writes(clock, Held::OwnValues(id, silent, own), out);
            }
        }
        self.be_patient(clock, out);
    }

    /// A home node has synced what was kept for it.
    fn handed_off(&mut self, home: NodeId, cells: &[Stamped]) {
        if let Some(kept) = self.hints.get_mut(&home) {
            cells.iter().for_each(|(cell, stamp, _)| kept.forget(cell, *stamp));
        }
        self.hints.retain(|_, kept| *kept != Replica::default());
    }

    fn gossip(&mut self, clock: LocalClock, out: &mut Outbox<Self>) {
        let old = |operation: &Operation| clock.monotonic.since(operation.began) >= self.config.forget;
        let old: Vec<RequestId> = self.operations.iter().filter(|(_, open)| old(open)).map(|(id, _)| *id).collect();
        for id in old {
            self.operations.remove(&id);
            self.requests.forget(id);
        }
        let hints: Vec<(NodeId, Vec<Stamped>)> = self.hints.iter().map(|(home, kept)| (*home, kept.all())).collect();
        for (home, cells) in hints {
            self.after_writes(clock, Held::Send(home, Message::Handoff(cells)), out);
        }
        if let Some(peer) = self.rounds.next(self.id, self.config.nodes) {
            out.send(peer, Message::Gossip(Gossip::Compare { digest: self.replica.digest() }));
        }
        out.set_timer(Clock::Gossip, self.config.gossip, self.config.gossip);
    }
}
