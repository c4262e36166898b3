//! `sl-async-fo`: a single leader, asynchronous copies, failover by time-out, no epoch.
//!
//! The leader answers as soon as its own disk has a command and ships its log with the next heartbeat. Whoever does not
//! hear a leader for long enough promotes itself, without asking anybody. So a leader that is only cut off goes on
//! answering beside its successor, and what it answered is thrown away when the two meet: the one that was promoted earlier
//! gives way. This is how Redis Sentinel and many home-made failovers lose acknowledged writes (Kingsbury 2013).

use crate::data::digest;
use crate::design::{About, Design, Setup};
use crate::hold::Hold;
use crate::machine::{Applied, Machine};
use harness::client::Style;
use harness::{
    Input, LocalClock, Node, NodeId, Op, Outbox, Outcome, Reason, Reply, RequestId, Time, View, marks, timers,
};
use serde::{Deserialize, Serialize};

/// What every node is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    nodes: u8,
    heartbeat: Time,
    failover: (Time, Time),
}

/// When and who: of two leaders the one with the smaller reign gives way.
type Reign = (Time, NodeId);

/// A command and whose it is.
type Entry = (RequestId, Op);

/// What nodes say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// The leader's synced log behind its first `after` entries, whose digest is `prefix`. Also the heartbeat.
    Ship { reign: Reign, sequence: u64, after: usize, prefix: u64, entries: Vec<Entry> },
    /// My synced log agrees with yours up to here.
    Have { reign: Reign, length: usize },
    /// It does not; send everything.
    Differ { reign: Reign },
}

/// A write: everything behind the first `after` entries is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    after: usize,
    entries: Vec<Entry>,
}

timers! {
    /// A node's timers.
    pub enum Clock {
        /// No leader was heard for too long.
        Failover,
        /// Time to ship.
        Heartbeat,
    }
}

marks! {
    /// What may matter to a plan or a reader.
    pub enum Sign {
        /// It made itself the leader.
        Promoted = "promoted",
        /// It met a later leader and gave way.
        Demoted = "demoted",
        /// It threw entries away that were on its disk.
        Discarded = "discarded",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Role {
    Follower {
        leader: Option<Reign>,
        heard: u64,
    },
    Leader {
        reign: Reign,
        sequence: u64,
        /// How much of the log each node is known to have.
        has: Vec<usize>,
    },
}

/// What waits for a write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Held {
    /// The log is synced up to here.
    Synced(usize),
    Send(NodeId, Message),
}

/// A node of `sl-async-fo`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SingleLeader {
    config: Config,
    id: NodeId,
    role: Role,
    log: Vec<Entry>,
    /// `prefixes[n]` is a digest of the first `n` entries.
    prefixes: Vec<u64>,
    /// Entries that are synced, all of which are applied.
    synced: usize,
    machine: Machine,
    hold: Hold<Held>,
}

impl Design for SingleLeader {
    const MODES: &'static [About] = &[About {
        name: "sl-async-fo",
        about: "single leader, asynchronous copies, failover by time-out without an epoch",
        source: "Kleppmann, \"Designing data-intensive applications\" (2017), ch. 5; Redis Sentinel as Kingsbury found it (2013)",
        style: Style::FollowLeader,
        switches: &[],
    }];

    fn config(setup: &Setup) -> Config {
        let settings = &setup.settings;
        let failover = (settings.election_low, settings.election_high);
        Config { nodes: setup.nodes, heartbeat: settings.heartbeat, failover }
    }
}

impl Node for SingleLeader {
    type Config = Config;
    type Message = Message;
    type Timer = Clock;
    type Mark = Sign;
    type Record = Record;
    type Durable = Vec<Entry>;

    fn fold(log: &mut Vec<Entry>, record: Record) {
        log.truncate(record.after);
        log.extend(record.entries);
    }

    fn new(config: &Config, id: NodeId) -> Self {
        SingleLeader {
            config: config.clone(),
            id,
            role: Role::Follower { leader: None, heard: 0 },
            log: Vec::new(),
            prefixes: vec![0],
            synced: 0,
            machine: Machine::default(),
            hold: Hold::default(),
        }
    }

    fn step(&mut self, clock: LocalClock, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Start(log) => {
                log.into_iter().for_each(|entry| self.push(entry));
                self.advance(self.log.len(), out);
                self.await_leader(out);
            }
            Input::Receive { from, message } => self.receive(from, message, out),
            Input::Request { id, op } => self.request(id, op, out),
            Input::Fire(Clock::Failover) => self.promote(clock, out),
            Input::Fire(Clock::Heartbeat) => self.ship(out),
            Input::Persisted { records } => {
                for held in self.hold.persisted(records) {
                    match held {
                        Held::Synced(length) => self.advance(length, out),
                        Held::Send(to, message) => out.send(to, message),
                    }
                }
            }
        }
    }

    fn view(&self) -> View {
        View { leads: matches!(self.role, Role::Leader { .. }), term: None, committed: None }
    }

    fn digest(&self) -> u64 {
        self.machine.data.digest()
    }
}

impl SingleLeader {
    fn await_leader(&self, out: &mut Outbox<Self>) {
        out.set_timer(Clock::Failover, self.config.failover.0, self.config.failover.1);
    }

    fn push(&mut self, entry: Entry) {
        let prefix = self.prefixes[self.log.len()];
        self.prefixes.push(digest(&(prefix, &entry)));
        self.log.push(entry);
    }

    /// The log is synced up to `length`: apply what is new, and answer whoever waits.
    fn advance(&mut self, length: usize, out: &mut Outbox<Self>) {
        let leads = matches!(self.role, Role::Leader { .. });
        while self.synced < length {
            let (id, op) = &self.log[self.synced];
            let (Applied::Fresh(reply) | Applied::Again(reply)) = self.machine.apply(*id, op);
            if leads {
                out.reply(*id, Outcome::Ok(reply));
            }
            self.synced += 1;
        }
    }

    fn request(&mut self, id: RequestId, op: Op, out: &mut Outbox<Self>) {
        if let Role::Follower { leader, .. } = &self.role {
            let hint = leader.map(|(_, leader)| leader);
            return out.reply(id, Outcome::Failed(Reason::NotLeader { hint }));
        }
        if op.is_read() {
            let reply: Reply = self.machine.data.apply(&op);
            return out.reply(id, Outcome::Ok(reply));
        }
        if let Some(reply) = self.machine.answered(id) {
            return out.reply(id, Outcome::Ok(reply));
        }
        if self.log[self.synced..].iter().any(|(waiting, _)| *waiting == id) {
            return;
        }
        let after = self.log.len();
        self.push((id, op.clone()));
        out.persist(Record { after, entries: vec![(id, op)] });
        self.hold.write(vec![Held::Synced(after + 1)]);
    }

    fn promote(&mut self, clock: LocalClock, out: &mut Outbox<Self>) {
        out.mark(Sign::Promoted);
        let has = vec![self.log.len(); usize::from(self.config.nodes)];
        self.role = Role::Leader { reign: (clock.wall, self.id), sequence: 0, has };
        self.ship(out);
    }

    fn ship(&mut self, out: &mut Outbox<Self>) {
        let Role::Leader { reign, sequence, has } = &mut self.role else { return };
        *sequence += 1;
        for peer in (0..self.config.nodes).map(NodeId).filter(|peer| *peer != self.id) {
            let after = has[peer.index()].min(self.synced);
            let (prefix, entries) = (self.prefixes[after], self.log[after..self.synced].to_vec());
            out.send(peer, Message::Ship { reign: *reign, sequence: *sequence, after, prefix, entries });
        }
        out.set_timer(Clock::Heartbeat, self.config.heartbeat, self.config.heartbeat);
    }

    fn receive(&mut self, from: NodeId, message: Message, out: &mut Outbox<Self>) {
        match message {
            Message::Ship { reign, sequence, after, prefix, entries } => {
                if self.follow(reign, sequence, out) {
                    self.copy(from, reign, after, prefix, entries, out);
                }
            }
            Message::Have { reign, length } => self.note(from, reign, length),
            Message::Differ { reign } => self.note(from, reign, 0),
        }
    }

    fn note(&mut self, peer: NodeId, of: Reign, length: usize) {
        if let Role::Leader { reign, has, .. } = &mut self.role
            && *reign == of
        {
            has[peer.index()] = length;
        }
    }

    /// A leader was heard. True if it is the one to follow.
    fn follow(&mut self, reign: Reign, sequence: u64, out: &mut Outbox<Self>) -> bool {
        match &mut self.role {
            Role::Leader { reign: mine, .. } if *mine > reign => return false,
            Role::Leader { .. } => {
                out.cancel_timer(Clock::Heartbeat);
                out.mark(Sign::Demoted);
            }
            Role::Follower { leader, heard } => {
                let stale = leader.is_some_and(|known| known > reign || known == reign && *heard >= sequence);
                if stale {
                    return false;
                }
            }
        }
        self.role = Role::Follower { leader: Some(reign), heard: sequence };
        self.await_leader(out);
        true
    }

    /// Makes the own log the leader's, from the first difference.
    fn copy(
        &mut self,
        from: NodeId,
        reign: Reign,
        after: usize,
        prefix: u64,
        entries: Vec<Entry>,
        out: &mut Outbox<Self>,
    ) {
        if self.prefixes.get(after) != Some(&prefix) {
            return out.send(from, Message::Differ { reign });
        }
        let length = after + entries.len();
        let same = self.log[after..].iter().zip(&entries).take_while(|(mine, theirs)| mine == theirs).count();
        let (keep, new) = (after + same, entries[same..].to_vec());
        let reply = Message::Have { reign, length };
        if keep == self.log.len() && new.is_empty() {
            let now = self.hold.after_writes(Held::Send(from, reply));
            return if let Some(Held::Send(to, reply)) = now {
                out.send(to, reply)
            };
        }
        self.discard(keep, out);
        new.iter().for_each(|entry| self.push(entry.clone()));
        out.persist(Record { after: keep, entries: new });
        self.hold.write(vec![Held::Synced(length), Held::Send(from, reply)]);
    }

    /// Drops everything behind the first `keep` entries and rebuilds the state from what is left.
    fn discard(&mut self, keep: usize, out: &mut Outbox<Self>) {
        if keep == self.log.len() {
            return;
        }
        out.mark(Sign::Discarded);
        self.log.truncate(keep);
        self.prefixes.truncate(keep + 1);
        for held in self.hold.items_mut() {
            if let Held::Synced(length) = held {
                *length = keep.min(*length);
            }
        }
        if self.synced > keep {
            (self.synced, self.machine) = (0, Machine::default());
            // As a follower: nobody is answered.
            self.advance(keep, out);
        }
    }
}
