//! Raft (Ongaro 2014): one leader a term, a replicated log, reads through ReadIndex, snapshots, client sessions.
//!
//! Here is the frame; [`elections`] has who leads, [`replication`] entries and commitment, [`disk`] what waits for a sync, [`reads`] what
//! differs between the modes, [`log`] the log, [`members`] who belongs to the cluster, [`modes`] names and deliberate bugs.

mod disk;
mod elections;
mod log;
mod members;
mod modes;
mod reads;
mod replication;

use crate::data::digest;
use crate::hold::Hold;
use crate::machine::Machine;
use disk::Held;
use harness::{Input, LocalClock, Membership, Node, NodeId, Outbox, RequestId, Time, View, marks, timers};
use log::{Durable, Entry, Index, Log, Record, Snapshot, Term};
use modes::Config;
use reads::Reads;
use replication::Lead;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What nodes say to each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message {
    /// Elect me: my log ends with this term and index.
    Vote { term: Term, end: (Term, Index) },
    /// My vote.
    VoteReply { term: Term, granted: bool, since: u64 },
    /// These entries follow the one at `previous`; without entries it is a heartbeat.
    Append { term: Term, previous: (Index, Term), entries: Vec<Entry>, commit: Index, round: u64 },
    /// Your log is too far behind for entries.
    Install { term: Term, snapshot: Arc<Snapshot>, round: u64 },
    /// My log agrees with yours up to `matched`, or, refusing, may agree up to there.
    AppendReply { term: Term, agrees: bool, matched: Index, round: u64, since: u64 },
    /// Let me in: I am new, in the place of one that was dismissed under this number. What a machine says carries it too.
    Join { since: u64 },
}

impl Message {
    fn term(&self) -> Term {
        match self {
            Message::Vote { term, .. }
            | Message::VoteReply { term, .. }
            | Message::Append { term, .. }
            | Message::Install { term, .. }
            | Message::AppendReply { term, .. } => *term,
            Message::Join { .. } => 0,
        }
    }
}

timers! {
    /// A node's timers.
    pub enum Clock {
        /// No leader was heard for too long.
        Election,
        /// Time to be heard.
        Heartbeat,
    }
}

marks! {
    /// What may matter to a plan or a reader.
    pub enum Sign {
        /// It gave a vote to another node, or itself.
        Voted = "voted",
        /// It leads.
        Elected = "elected",
        /// It no longer leads, and left requests unanswered.
        Deposed = "deposed",
        /// It threw uncommitted entries away.
        Truncated = "truncated",
        /// It recognised a request that it had applied before.
        Deduplicated = "deduplicated",
        /// It put a snapshot in place of old entries.
        Compacted = "compacted",
        /// It took a snapshot from its leader.
        Installed = "installed",
        /// It began to change who votes: until that is done, two majorities are needed.
        Joint = "joint",
        /// Who belongs to the cluster has changed, and that is committed.
        Reconfigured = "reconfigured",
        /// For the first time in its life it did what only a deliberate bug does.
        Strayed = "strayed",
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Role {
    Follower,
    Candidate { votes: u32 },
    Leader(Box<Lead>),
}

/// A Raft node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Raft {
    config: Config,
    id: NodeId,
    /// The number of the dismissal that made room for this machine; 0 if it was there from the beginning.
    since: u64,
    term: Term,
    vote: Option<NodeId>,
    log: Log,
    role: Role,
    leader: Option<NodeId>,
    commit: Index,
    applied: Index,
    /// A digest of all applied entries.
    prefix: u64,
    machine: Machine,
    /// What the clock that only a wrong rate moves reads in this step. Of `raft-lease` only, like the next one.
    now: Time,
    /// When a leader was heard last, or this life began.
    heard: Time,
    /// It has come to where it was before it was restarted. Of `raft-fr` only, like the next one.
    serving: bool,
    /// Reads that came before that.
    early: Vec<(RequestId, harness::Op)>,
    /// What this step writes.
    record: Record,
    /// What this step says and must not be heard before it is written.
    holding: Vec<Held>,
    hold: Hold<Held>,
    /// Has it told that a deliberate bug came to bear?
    strayed: bool,
}

impl Node for Raft {
    type Config = Config;
    type Message = Message;
    type Timer = Clock;
    type Mark = Sign;
    type Record = Record;
    type Durable = Durable;

    fn fold(durable: &mut Durable, record: Record) {
        durable.fold(record);
    }

    fn new(config: &Config, id: NodeId) -> Raft {
        Raft {
            config: config.clone(),
            id,
            since: 0,
            term: 0,
            vote: None,
            log: Log::default(),
            role: Role::Follower,
            leader: None,
            commit: 0,
            applied: 0,
            prefix: 0,
            machine: Machine::default(),
            now: Time::ZERO,
            heard: Time::ZERO,
            serving: false,
            early: Vec::new(),
            record: Record::default(),
            holding: Vec::new(),
            hold: Hold::default(),
            strayed: false,
        }
    }

    fn step(&mut self, clock: LocalClock, input: Input<Raft>, out: &mut Outbox<Raft>) {
        self.look_at(clock);
        match input {
            Input::Start(durable) => self.start(durable, out),
            Input::Receive { from, message } => self.receive(from, message, out),
            Input::Request { id, op } => self.request(id, op, out),
            Input::Fire(Clock::Election) => self.campaign(out),
            Input::Fire(Clock::Heartbeat) => self.broadcast(out),
            Input::Persisted { records } => self.persisted(records, out),
        }
        self.flush(out);
    }

    fn view(&self) -> View {
        let leads = matches!(self.role, Role::Leader(_));
        View { leads, term: Some(self.term), committed: Some((self.applied, self.prefix)) }
    }

    fn digest(&self) -> u64 {
        self.machine.data.digest()
    }

    fn newcomer(number: u64) -> Option<Record> {
        Some(Record { since: Some(number), ..Record::default() })
    }

    fn dismiss(&mut self, clock: LocalClock, leaving: &[(NodeId, u64)], out: &mut Outbox<Raft>) {
        self.look_at(clock);
        self.take_out(leaving, out);
        self.flush(out);
    }

    fn membership(&self) -> Option<Membership> {
        let members = self.members_at(self.applied);
        // The deliberate bug needs nobody's word that a machine has left.
        let number = if self.config.bugs.rejoins_as_voter { u64::MAX } else { members.number() };
        Some(Membership { number, voters: members.voters() })
    }
}

impl Raft {
    fn start(&mut self, durable: Durable, out: &mut Outbox<Raft>) {
        (self.term, self.vote, self.log) = (durable.term, durable.vote, durable.log);
        self.since = durable.since;
        if self.since > 0 && self.config.bugs.rejoins_as_voter {
            self.stray(out);
            self.since = 0;
        }
        self.heard = self.now;
        self.restore();
        self.await_leader(out);
        if !self.counts() {
            self.ask_in();
        }
    }

    fn look_at(&mut self, clock: LocalClock) {
        if self.config.reads == Reads::Lease {
            self.now = clock.monotonic;
        }
    }

    /// Takes the snapshot's state for the applied one.
    fn restore(&mut self) {
        let snapshot = self.log.snapshot.clone();
        (self.commit, self.applied, self.prefix) = (snapshot.index, snapshot.index, snapshot.digest);
        self.machine = snapshot.machine.clone();
    }

    fn peers(&self) -> impl Iterator<Item = NodeId> + use<> {
        let me = self.id;
        (0..self.config.nodes).map(NodeId).filter(move |peer| *peer != me)
    }

    fn receive(&mut self, from: NodeId, message: Message, out: &mut Outbox<Raft>) {
        if self.is_spurious(from, &message) {
            return;
        }
        if self.owes_silence(&message) {
            let refusal = Message::VoteReply { term: self.term, granted: false, since: self.since };
            return self.holding.push(Held::Send(from, refusal));
        }
        if message.term() > self.term {
            self.enter(message.term(), out);
        }
        match message {
            Message::Vote { term, end } => self.asked_for_vote(from, term, end, out),
            Message::VoteReply { term, granted, since } => {
                if granted && term == self.term && self.members().means(from, since) {
                    self.count_vote(from, out);
                }
            }
            Message::Append { term, previous, entries, commit, round } => {
                self.append(from, term, previous, entries, commit, round, out);
            }
            Message::Install { term, snapshot, round } => self.install(from, term, snapshot, round, out),
            Message::AppendReply { term, agrees, matched, round, since } => {
                if term == self.term && self.meet(from, since) {
                    self.acknowledged(from, agrees, matched, round, out);
                }
            }
            Message::Join { since } => self.asked_in(from, since, out),
        }
    }

    /// Announces that a deliberate bug came to bear: where it is not caught, that tells whether it was ever reached.
    fn stray(&mut self, out: &mut Outbox<Raft>) {
        if !std::mem::replace(&mut self.strayed, true) {
            out.mark(Sign::Strayed);
        }
    }
}

/// The digest of a longer prefix of the log.
fn extend(prefix: u64, entry: &Entry) -> u64 {
    digest(&(prefix, entry.term, &entry.command))
}
