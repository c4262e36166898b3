//! Designs with one leader, who orders all writes in a log that the others copy (Kleppmann 2017, ch. 5).
//!
//! Six modes differ in three answers ([`Rules`]): whose copy a write waits for before it is acknowledged, who answers reads,
//! and what happens when the leader is not heard any more. A leader ships only what it has synced; a follower syncs and applies
//! what it is sent before it says that it has it, and serves nothing that is not synced. [`log`] is what is copied,
//! [`shipping`] how, [`waiting`] when a write may be seen, [`failover`] who takes over.

mod failover;
mod log;
mod shipping;
#[cfg(test)]
mod tests;
mod waiting;

use crate::design::{About, Design, Setup};
use crate::hold::Hold;
use crate::machine::{Applied, Machine};
use failover::{Canvass, Failover};
use harness::client::Style;
use harness::{
    Input, LocalClock, Needs, Node, NodeId, Op, Outbox, Outcome, Reason, Reply, RequestId, Time, View, marks, timers,
};
use log::{Entry, Log, Record};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use waiting::Waits;

/// Who leads where nobody is ever promoted.
const FIXED: NodeId = NodeId(0);

/// What a mode does its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Rules {
    /// Whose copy a write waits for.
    waits: Waits,
    /// Who answers reads.
    reads: Reads,
    /// Who takes over.
    failover: Failover,
}

/// Who answers reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Reads {
    AtLeader,
    Anywhere,
}

impl Rules {
    fn of(design: &str) -> Rules {
        let (waits, reads, failover) = match design {
            "sl-async" => (Waits::Nobody, Reads::AtLeader, Failover::Never),
            "sl-async-fr" => (Waits::Nobody, Reads::Anywhere, Failover::Never),
            "sl-async-fo" => (Waits::Nobody, Reads::AtLeader, Failover::Unasked),
            "sl-sync" => (Waits::Everybody, Reads::AtLeader, Failover::Never),
            "sl-sync-fr" => (Waits::Everybody, Reads::Anywhere, Failover::Never),
            "sl-semi" => (Waits::Anybody, Reads::AtLeader, Failover::Longest),
            other => panic!("{other} is no design with a single leader"),
        };
        Rules { waits, reads, failover }
    }
}

/// What every node is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    rules: Rules,
    nodes: u8,
    heartbeat: Time,
    /// A leader that was not heard for so long is given up: at least, at most.
    failover: (Time, Time),
    /// A write that no follower confirms in this time is acknowledged without (`sl-semi`).
    fallback: Time,
    /// How long somebody who wants to know the longest log waits for answers (`sl-semi`).
    canvass: Time,
}

/// When and who: of two leaders the one with the smaller reign gives way.
type Reign = (Time, NodeId);

/// What nodes say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// The leader's synced log behind its first `after` entries, whose digest is `prefix`. Also the heartbeat.
    Ship { reign: Reign, sequence: u64, after: usize, prefix: u64, entries: Vec<Entry> },
    /// My synced log agrees with yours up to here.
    Have { reign: Reign, length: usize },
    /// It does not; send everything.
    Differ { reign: Reign },
    /// Nobody leads, it seems: how long is your log?
    Canvass { round: Time },
    /// So much of it is synced.
    Length { round: Time, length: usize },
    /// Yours is the longest: lead.
    Lead,
}

timers! {
    /// A node's timers.
    pub enum Clock {
        /// No leader was heard for too long.
        Failover,
        /// Time to ship.
        Heartbeat,
        /// No follower has confirmed anything for too long.
        Fallback,
        /// Whoever was to tell the length of its log has done so.
        Counted,
    }
}

marks! {
    /// What may matter to a plan or a reader.
    pub enum Sign {
        /// It made itself the leader.
        Promoted = "promoted",
        /// It told how long its log is to somebody who looks for a leader.
        ToldLength = "told-length",
        /// It met a later leader and gave way.
        Demoted = "demoted",
        /// It threw entries away that were on its disk.
        Discarded = "discarded",
        /// It waits for followers no more.
        FellBack = "fell-back",
        /// A follower has caught up, and it waits for one again.
        CaughtUp = "caught-up",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Role {
    Follower { leader: Option<Reign>, heard: u64, canvass: Option<Canvass> },
    Leader(Leader),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Leader {
    reign: Reign,
    sequence: u64,
    /// How long its log was when it began to lead.
    began: usize,
    /// How much of the log each node has said that it has.
    has: Vec<Option<usize>>,
    /// It has stopped to wait for followers, until one has caught up.
    alone: bool,
    /// The fallback's timer runs.
    impatient: bool,
}

/// What waits for a write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Held {
    /// The log is synced up to here.
    Synced(usize),
    Send(NodeId, Message),
}

/// A node of a design with a single leader.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SingleLeader {
    config: Config,
    id: NodeId,
    role: Role,
    log: Log,
    /// How much of the log the machine has applied: never more than is synced.
    applied: usize,
    machine: Machine,
    /// Requests in the log that somebody waits for here.
    asked: BTreeSet<RequestId>,
    hold: Hold<Held>,
}

const fn mode(name: &'static str, about: &'static str, source: &'static str, style: Style) -> About {
    About { name, about, source, style, switches: &[] }
}

impl Design for SingleLeader {
    const MODES: &'static [About] = &[
        mode(
            "sl-async",
            "single leader, asynchronous copies, no failover; reads at the leader",
            "Kleppmann, \"Designing data-intensive applications\" (2017), ch. 5; MySQL and PostgreSQL as they come",
            Style::FollowLeader,
        ),
        mode(
            "sl-async-fr",
            "single leader, asynchronous copies, no failover; every node answers reads from its copy",
            "Kleppmann (2017), ch. 5, \"Problems with replication lag\"",
            Style::ReadAtHome,
        ),
        mode(
            "sl-async-fo",
            "single leader, asynchronous copies, failover by time-out without an epoch",
            "Kleppmann, \"Designing data-intensive applications\" (2017), ch. 5; Redis Sentinel as Kingsbury found it (2013)",
            Style::FollowLeader,
        ),
        mode(
            "sl-sync",
            "single leader, a write waits for every copy, no failover; reads at the leader show replicated writes only",
            "Kleppmann (2017), ch. 5, \"Synchronous versus asynchronous replication\"",
            Style::FollowLeader,
        ),
        mode(
            "sl-sync-fr",
            "single leader, a write waits for every copy, no failover; every node answers reads from its copy",
            "Kleppmann (2017), ch. 5 and 9; PostgreSQL with synchronous_commit = remote_apply",
            Style::ReadAtHome,
        ),
        mode(
            "sl-semi",
            "single leader, a write waits for one copy or a time-out, failover to the longest log that answers",
            "MySQL 8.0, semisynchronous replication (AFTER_SYNC); MHA for MySQL (Matsunobu 2011)",
            Style::FollowLeader,
        ),
    ];

    fn config(setup: &Setup) -> Config {
        let settings = &setup.settings;
        Config {
            rules: Rules::of(setup.design),
            nodes: setup.nodes,
            heartbeat: settings.heartbeat,
            failover: (settings.election_low, settings.election_high),
            fallback: settings.election_low / 2,
            canvass: settings.heartbeat * 2,
        }
    }

    fn needs(design: &About) -> Needs {
        let rules = Rules::of(design.name);
        match (rules.failover, rules.waits) {
            (Failover::Never, Waits::Everybody) => Needs::Everybody,
            (Failover::Never, _) => Needs::Node(FIXED),
            _ => Needs::WhoeverIsLeft,
        }
    }
}

impl Node for SingleLeader {
    type Config = Config;
    type Message = Message;
    type Timer = Clock;
    type Mark = Sign;
    type Record = Record;
    type Durable = Vec<Entry>;

    fn fold(durable: &mut Vec<Entry>, record: Record) {
        record.fold(durable);
    }

    fn new(config: &Config, id: NodeId) -> Self {
        SingleLeader {
            config: config.clone(),
            id,
            role: Role::Follower { leader: None, heard: 0, canvass: None },
            log: Log::default(),
            applied: 0,
            machine: Machine::default(),
            asked: BTreeSet::new(),
            hold: Hold::default(),
        }
    }

    fn step(&mut self, clock: LocalClock, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Start(durable) => self.start(clock, durable, out),
            Input::Receive { from, message } => self.receive(clock, from, message, out),
            Input::Request { id, op } => self.request(id, op, out),
            Input::Fire(Clock::Failover) => self.give_up_leader(clock, out),
            Input::Fire(Clock::Counted) => self.counted(clock, out),
            Input::Fire(Clock::Heartbeat) => self.ship(out),
            Input::Fire(Clock::Fallback) => self.fall_back(out),
            Input::Persisted { records } => {
                for held in self.hold.persisted(records) {
                    match held {
                        Held::Synced(length) => self.synced(length, out),
                        Held::Send(to, message) => out.send(to, message),
                    }
                }
            }
        }
    }

    fn view(&self) -> View {
        View { leads: matches!(self.role, Role::Leader(_)), term: None, committed: None }
    }

    fn digest(&self) -> u64 {
        self.machine.data.digest()
    }
}

impl SingleLeader {
    fn peers(&self) -> impl Iterator<Item = NodeId> + use<> {
        let own = self.id;
        (0..self.config.nodes).map(NodeId).filter(move |peer| *peer != own)
    }

    fn start(&mut self, clock: LocalClock, durable: Vec<Entry>, out: &mut Outbox<Self>) {
        self.log = Log::of(durable);
        match self.config.rules.failover {
            // The clock that no offset moves tells the leader's lives apart.
            Failover::Never if self.id == FIXED => self.lead((clock.monotonic, self.id), out),
            _ => self.await_leader(out),
        }
        self.settle(out);
    }

    fn receive(&mut self, clock: LocalClock, from: NodeId, message: Message, out: &mut Outbox<Self>) {
        match message {
            Message::Ship { reign, sequence, after, prefix, entries } => {
                if self.follow(reign, sequence, out) {
                    self.copy(from, reign, after, prefix, entries, out);
                }
            }
            Message::Have { reign, length } => self.note(from, reign, length, out),
            Message::Differ { reign } => self.note(from, reign, 0, out),
            Message::Canvass { round } => self.tell_length(from, round, out),
            Message::Length { round, length } => self.count(from, round, length),
            Message::Lead => self.promote(clock, out),
        }
    }

    fn request(&mut self, id: RequestId, op: Op, out: &mut Outbox<Self>) {
        let rules = self.config.rules;
        if let Role::Follower { leader, .. } = &self.role
            && !(op.is_read() && rules.reads == Reads::Anywhere)
        {
            let fixed = (rules.failover == Failover::Never).then_some(FIXED);
            let hint = fixed.or(leader.map(|(_, leader)| leader));
            return out.reply(id, Outcome::Failed(Reason::NotLeader { hint }));
        }
        if !self.may_serve() {
            let why = "not every follower has the whole log yet".to_string();
            return out.reply(id, Outcome::Failed(Reason::Unavailable(why)));
        }
        if op.is_read() {
            let reply: Reply = self.machine.data.apply(&op);
            return out.reply(id, Outcome::Ok(reply));
        }
        if let Some(reply) = self.machine.answered(id) {
            return out.reply(id, Outcome::Ok(reply));
        }
        self.asked.insert(id);
        if self.log.holds(id, self.applied) {
            return;
        }
        let record = self.log.append((id, op));
        out.persist(record);
        self.hold.write(vec![Held::Synced(self.log.len())]);
        self.keep_patience(false, out);
    }

    /// The log is synced up to here.
    fn synced(&mut self, length: usize, out: &mut Outbox<Self>) {
        self.log.sync(length);
        self.settle(out);
        // Whoever waits for copies does not wait for the heartbeat too.
        if self.config.rules.waits != Waits::Nobody {
            self.ship(out);
        }
    }

    /// Applies what may be seen, and answers whoever waits for it.
    fn settle(&mut self, out: &mut Outbox<Self>) {
        let (before, visible) = (self.applied, self.visible());
        while self.applied < visible {
            let (id, op) = &self.log.entries()[self.applied];
            let (Applied::Fresh(reply) | Applied::Again(reply)) = self.machine.apply(*id, op);
            if self.asked.remove(id) {
                out.reply(*id, Outcome::Ok(reply));
            }
            self.applied += 1;
        }
        self.keep_patience(self.applied > before, out);
    }
}
