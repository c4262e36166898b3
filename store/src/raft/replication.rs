//! Entries, commitment and snapshots.

use super::log::Command;
use super::reads::{Lease, Reads};
use super::{Clock, Entry, Held, Index, Message, Raft, Role, Sign, Snapshot, Term, extend};
use crate::machine::Applied;
use harness::{NodeId, Op, Outbox, Outcome, Reason, RequestId};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What only a leader knows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lead {
    /// The next entry to send, by node.
    next: Vec<Index>,
    /// The log is known to agree up to here, by node.
    matched: Vec<Index>,
    /// Counts broadcasts, so that a read knows which acknowledgements came after it.
    pub(super) round: u64,
    /// The latest round that was acknowledged, by node.
    pub(super) acknowledged: Vec<u64>,
    /// By node, the machine of which all this is known: the number of the dismissal that made room for it.
    since: Vec<u64>,
    /// The entry with which the term began.
    pub(super) noop: Index,
    /// Reads that wait, oldest first: for this round, for this index.
    pub(super) reads: VecDeque<(u64, Index, RequestId, Op)>,
    /// Of `raft-lease` only.
    pub(super) lease: Lease,
    /// Who waits for an entry.
    waiting: BTreeMap<Index, RequestId>,
}

impl Lead {
    /// A leader whose log ended at `last` when it was elected.
    pub fn new(nodes: u8, last: Index) -> Lead {
        let nodes = usize::from(nodes);
        Lead {
            next: vec![last + 1; nodes],
            matched: vec![0; nodes],
            round: 0,
            acknowledged: vec![0; nodes],
            since: vec![0; nodes],
            noop: last + 1,
            reads: VecDeque::new(),
            lease: Lease::default(),
            waiting: BTreeMap::new(),
        }
    }
    /// This machine is meant in its place. If it was another one before, nothing is known of it yet.
    pub fn meet(&mut self, node: NodeId, since: u64) {
        let place = node.index();
        if since != self.since[place] {
            (self.since[place], self.next[place], self.matched[place], self.acknowledged[place]) = (since, 1, 0, 0);
        }
    }
    /// Has this node everything up to `index`?
    pub fn has_copied(&self, node: NodeId, index: Index) -> bool {
        self.matched[node.index()] >= index
    }
    /// Does any client wait?
    pub fn owes_answers(&self) -> bool {
        !self.reads.is_empty() || !self.waiting.is_empty()
    }
}

impl Raft {
    /// A client asks.
    pub(super) fn request(&mut self, id: RequestId, op: Op, out: &mut Outbox<Raft>) {
        let dedup = !self.config.bugs.no_dedup;
        if op.is_read() && self.config.reads == Reads::AtHome {
            return self.read_at_home(id, op, out);
        }
        let Role::Leader(lead) = &mut self.role else {
            let hint = self.leader.filter(|leader| *leader != self.id);
            return out.reply(id, Outcome::Failed(Reason::NotLeader { hint }));
        };
        if op.is_read() {
            return self.read_at_leader(id, op, out);
        }
        if lead.waiting.values().any(|waiting| *waiting == id) && dedup {
            return;
        }
        if let Some(reply) = self.machine.answered(id).filter(|_| dedup) {
            out.mark(Sign::Deduplicated);
            return out.reply(id, Outcome::Ok(reply));
        }
        let index = self.add(Command::Ask(id, op));
        if let Role::Leader(lead) = &mut self.role {
            lead.waiting.insert(index, id);
        }
        self.broadcast(out);
    }

    /// Tells every peer what it needs next. An empty one is a heartbeat, and is only needed where nothing else was said for
    /// so long.
    pub(super) fn broadcast(&mut self, out: &mut Outbox<Raft>) {
        if !matches!(self.role, Role::Leader(_)) {
            return;
        }
        self.stamp_round();
        let members = self.members();
        for peer in self.peers().filter(|peer| members.has(*peer)) {
            self.replicate(peer, out);
        }
        out.set_timer(Clock::Heartbeat, self.config.heartbeat, self.config.heartbeat);
    }

    /// Sends a peer what it needs next. Its term was durable when it was elected, so nothing is held.
    fn replicate(&mut self, peer: NodeId, out: &mut Outbox<Raft>) {
        let Role::Leader(lead) = &mut self.role else { return };
        let previous = lead.next[peer.index()] - 1;
        let (term, round, commit) = (self.term, lead.round, self.commit);
        let message = match self.log.term(previous) {
            Some(previous_term) => {
                let entries = self.log.after(previous, self.config.batch).to_vec();
                lead.next[peer.index()] += entries.len() as Index;
                Message::Append { term, previous: (previous, previous_term), entries, commit, round }
            }
            None => {
                let snapshot = self.log.snapshot.clone();
                lead.next[peer.index()] = snapshot.index + 1;
                Message::Install { term, snapshot, round }
            }
        };
        out.send(peer, message);
    }

    /// A leader speaks: true if it is the leader of this term.
    fn hear(&mut self, from: NodeId, term: Term, round: u64, out: &mut Outbox<Raft>) -> bool {
        if term < self.term {
            self.agree(from, false, 0, round);
            return false;
        }
        assert!(!matches!(self.role, Role::Leader(_)), "{from} and {} both lead in term {term}", self.id);
        (self.role, self.leader) = (Role::Follower, Some(from));
        self.heard = self.now;
        self.await_leader(out);
        true
    }

    fn agree(&mut self, to: NodeId, agrees: bool, matched: Index, round: u64) {
        let reply = Message::AppendReply { term: self.term, agrees, matched, round, since: self.since };
        self.holding.push(Held::Send(to, reply));
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of one message")]
    pub(super) fn append(
        &mut self,
        from: NodeId,
        term: Term,
        (previous, previous_term): (Index, Term),
        mut entries: Vec<Entry>,
        commit: Index,
        round: u64,
        out: &mut Outbox<Raft>,
    ) {
        if !self.hear(from, term, round, out) {
            return;
        }
        let matched = previous + entries.len() as Index;
        // What the snapshot contains is committed and agrees.
        let known = self.log.snapshot.index.saturating_sub(previous);
        entries.drain(..(known as usize).min(entries.len()));
        let start = previous.max(self.log.snapshot.index);
        if start == previous && self.log.term(previous) != Some(previous_term) {
            let hint = self.log.last().min(previous.saturating_sub(1));
            return self.agree(from, false, hint, round);
        }
        for (index, entry) in (start + 1..).zip(entries) {
            self.place(index, entry, out);
        }
        self.commit = self.commit.max(commit.min(matched));
        self.apply(out);
        self.open_up(commit, out);
        self.agree(from, true, matched, round);
    }

    /// Puts a leader's entry into its place, and what contradicts it out.
    fn place(&mut self, index: Index, entry: Entry, out: &mut Outbox<Raft>) {
        if self.log.term(index) == Some(entry.term) {
            return;
        }
        if index <= self.log.last() {
            assert!(index > self.commit, "entry {index} is committed and would be overwritten");
            self.log.truncate(index - 1);
            out.mark(Sign::Truncated);
        }
        self.log.push(entry.clone());
        self.written_after(index - 1).push(entry);
    }

    pub(super) fn install(
        &mut self,
        from: NodeId,
        term: Term,
        snapshot: Arc<Snapshot>,
        round: u64,
        out: &mut Outbox<Raft>,
    ) {
        if !self.hear(from, term, round, out) {
            return;
        }
        let index = snapshot.index;
        if index > self.commit {
            self.log.compact(snapshot.clone());
            self.record.snapshot = Some(snapshot);
            self.restore();
            out.mark(Sign::Installed);
        }
        self.agree(from, true, index, round);
    }

    /// A peer answered.
    pub(super) fn acknowledged(
        &mut self,
        from: NodeId,
        agrees: bool,
        matched: Index,
        round: u64,
        out: &mut Outbox<Raft>,
    ) {
        let last = self.log.last();
        let Role::Leader(lead) = &mut self.role else { return };
        let peer = from.index();
        lead.acknowledged[peer] = lead.acknowledged[peer].max(round);
        self.renew_lease();
        let Role::Leader(lead) = &mut self.role else { return };
        if agrees && matched > lead.matched[peer] {
            lead.matched[peer] = matched;
            lead.next[peer] = lead.next[peer].max(matched + 1);
            let behind = lead.next[peer] <= last;
            self.advance(out);
            if behind {
                self.replicate(from, out);
            }
        } else if !agrees {
            // It may even have lost what it was known to have, with its disk.
            lead.next[peer] = matched + 1;
            self.replicate(from, out);
        }
        self.serve_reads(out);
        self.change_on(out);
    }

    /// The own disk has the log up to here.
    pub(super) fn own_copy(&mut self, index: Index, out: &mut Outbox<Raft>) {
        let me = self.id.index();
        let Role::Leader(lead) = &mut self.role else { return };
        lead.matched[me] = lead.matched[me].max(index);
        self.advance(out);
        self.change_on(out);
    }

    /// Commits what a majority has, if the newest of it is of this term: an entry of an older term that a majority has
    /// may still be overwritten (figure 8 of the paper).
    fn advance(&mut self, out: &mut Outbox<Raft>) {
        let members = self.members();
        let Role::Leader(lead) = &self.role else { return };
        let index = members.reached(&lead.matched);
        let own = self.log.term(index) == Some(self.term);
        if index > self.commit && (own || self.config.bugs.commit_old_term) {
            if !own {
                self.stray(out);
            }
            self.commit = index;
            self.apply(out);
            self.open_up(index, out);
            self.serve_reads(out);
        }
    }

    fn apply(&mut self, out: &mut Outbox<Raft>) {
        while self.applied < self.commit {
            self.applied += 1;
            let entry = self.log.entry(self.applied);
            self.prefix = extend(self.prefix, entry);
            let (id, op) = match &entry.command {
                Command::Ask(id, op) => (*id, op),
                Command::Noop => continue,
                Command::Members(_) => {
                    out.mark(Sign::Reconfigured);
                    continue;
                }
            };
            let again = self.config.bugs.no_dedup && self.machine.answered(id).is_some();
            let applied = match self.config.bugs.no_dedup {
                true => Applied::Fresh(self.machine.apply_again(id, op)),
                false => self.machine.apply(id, op),
            };
            let reply = match applied {
                Applied::Fresh(reply) => reply,
                Applied::Again(reply) => {
                    out.mark(Sign::Deduplicated);
                    reply
                }
            };
            if again {
                self.stray(out);
            }
            if let Role::Leader(lead) = &mut self.role
                && lead.waiting.remove(&self.applied) == Some(id)
            {
                out.reply(id, Outcome::Ok(reply));
            }
        }
        self.compact(out);
    }

    /// Puts a snapshot in place of the applied entries once there are enough of them.
    fn compact(&mut self, out: &mut Outbox<Raft>) {
        if self.applied - self.log.snapshot.index < self.config.snapshot_every {
            return;
        }
        let term = self.log.term(self.applied).expect("an applied entry is there");
        let (index, digest, mut machine) = (self.applied, self.prefix, self.machine.clone());
        if self.config.bugs.snapshot_without_sessions {
            self.stray(out);
            machine.forget_sessions();
        }
        let members = self.log.members_at(index);
        let snapshot = Arc::new(Snapshot { index, term, digest, members, machine });
        // What this step writes goes behind the snapshot: entries that it contains need no writing of their own.
        if let Some((after, entries)) = &mut self.record.entries {
            let known = (index.saturating_sub(*after) as usize).min(entries.len());
            entries.drain(..known);
            *after += known as Index;
        }
        self.log.compact(snapshot.clone());
        self.record.snapshot = Some(snapshot);
        out.mark(Sign::Compacted);
    }
}
