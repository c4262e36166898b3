//! How reads are served: the one thing in which the modes of this family differ.
//!
//! - `raft`: the leader asks a majority whether it still leads, for each read (ReadIndex, Ongaro 2014, section 6.4).
//! - `raft-localread`: it answers from what it has applied. It may have been deposed without knowing.
//! - `raft-lease`: it asks nobody while its lease lasts (section 6.4.1). A lease rests on clocks that run at nearly one rate.
//! - `raft-fr`: every node answers from what it has applied, however old that is.
//!
//! In every mode a leader answers nothing before the no-op of its own term is committed: until then it does not know what is.

use super::log::Command;
use super::{Index, Message, Raft, Role};
use crate::machine::Machine;
use harness::{Op, Outbox, Outcome, RequestId, Time};
use std::collections::VecDeque;

/// Who may answer a read, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reads {
    /// The leader, once a majority has confirmed it.
    ByIndex,
    /// The leader, at once.
    Local,
    /// The leader, at once while its lease lasts, else once a majority has confirmed it.
    Lease,
    /// Every node, at once.
    AtHome,
}

/// A leader's lease: nobody can be elected before it ends, if clocks keep to their bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lease {
    /// When rounds were sent that no majority has acknowledged yet, by the leader's own clock.
    sent: VecDeque<(u64, Time)>,
    /// When the latest round was sent that a majority has acknowledged. The lease counts from there: whoever acknowledged
    /// it promised its silence later than that.
    from: Option<Time>,
}

impl Raft {
    /// A client reads at the leader.
    pub(super) fn read_at_leader(&mut self, id: RequestId, op: Op, out: &mut Outbox<Raft>) {
        let (commit, early) = (self.commit, self.config.bugs.read_before_noop);
        if self.config.bugs.read_uncommitted {
            self.stray(out);
            return out.reply(id, Outcome::Ok(self.at_the_end().data.apply(&op)));
        }
        let Role::Leader(lead) = &self.role else { return };
        let (index, noop) = (if early { commit } else { commit.max(lead.noop) }, lead.noop);
        if index < noop {
            self.stray(out);
        }
        let asks = match self.config.reads {
            Reads::Local | Reads::AtHome => false,
            // What has to wait for the no-op is served in a later step, when the lease may be over.
            Reads::Lease => !self.holds_lease() || self.applied < index,
            Reads::ByIndex => true,
        };
        let Role::Leader(lead) = &mut self.role else { return };
        if !asks {
            // Round 0 needs no acknowledgement; what waits for it may wait for the no-op.
            lead.reads.push_front((0, index, id, op));
            return self.serve_reads(out);
        }
        lead.round += 1;
        lead.reads.push_back((lead.round, index, id, op));
        self.broadcast(out);
        self.serve_reads(out);
    }

    /// The state as if all of the log were committed: the deliberate bug.
    fn at_the_end(&self) -> Machine {
        let mut machine = self.machine.clone();
        for entry in self.log.after(self.applied, usize::MAX) {
            if let Command::Ask(id, op) = &entry.command {
                machine.apply(*id, op);
            }
        }
        machine
    }

    /// Answers reads whose round a majority has acknowledged and whose index is applied.
    pub(super) fn serve_reads(&mut self, out: &mut Outbox<Raft>) {
        let (members, me) = (self.members(), self.id.index());
        let Role::Leader(lead) = &mut self.role else { return };
        if lead.reads.is_empty() {
            return;
        }
        lead.acknowledged[me] = lead.round;
        let confirmed = members.reached(&lead.acknowledged);
        while let Some((_, _, id, op)) =
            lead.reads.pop_front_if(|(round, index, ..)| *round <= confirmed && *index <= self.applied)
        {
            out.reply(id, Outcome::Ok(self.machine.data.apply(&op)));
        }
    }

    /// A client reads at this node, whoever leads.
    pub(super) fn read_at_home(&mut self, id: RequestId, op: Op, out: &mut Outbox<Raft>) {
        if self.serving {
            return out.reply(id, Outcome::Ok(self.machine.data.apply(&op)));
        }
        self.early.push((id, op));
    }

    /// A leader of this term calls everything up to `commit` committed. A node that has applied all of it, an entry of the
    /// term among it, is as far as it was before it was restarted: whatever it had served was committed then, and so is
    /// before that entry.
    pub(super) fn open_up(&mut self, commit: Index, out: &mut Outbox<Raft>) {
        // A newcomer may at first hear a deposed leader, who has not heard of it.
        let fresh = self.applied >= commit && self.log.term(commit) == Some(self.term) && self.is_meant();
        if self.config.reads != Reads::AtHome || self.serving || !fresh {
            return;
        }
        self.serving = true;
        for (id, op) in std::mem::take(&mut self.early) {
            self.read_at_home(id, op, out);
        }
    }

    /// A round is about to be sent: remembers when.
    pub(super) fn stamp_round(&mut self) {
        let now = self.now;
        let Role::Leader(lead) = &mut self.role else { return };
        if self.config.reads == Reads::Lease {
            lead.round += 1;
            lead.lease.sent.push_back((lead.round, now));
        }
    }

    /// Somebody acknowledged a round: the lease may count from a later one.
    pub(super) fn renew_lease(&mut self) {
        let (members, me) = (self.members(), self.id.index());
        let Role::Leader(lead) = &mut self.role else { return };
        if self.config.reads != Reads::Lease {
            return;
        }
        lead.acknowledged[me] = lead.round;
        let confirmed = members.reached(&lead.acknowledged);
        while let Some((_, sent)) = lead.lease.sent.pop_front_if(|(round, _)| *round <= confirmed) {
            lead.lease.from = Some(sent);
        }
    }

    /// Asked in the step that reads, and answered by what the clock reads in this step.
    fn holds_lease(&self) -> bool {
        let Role::Leader(lead) = &self.role else { return false };
        lead.lease.from.is_some_and(|from| self.now < from + self.config.lease)
    }

    /// Must this node refuse to vote, because a leader may count on it? For one election time-out after it heard a leader, and
    /// after every restart, since it may have heard one before.
    pub(super) fn owes_silence(&self, message: &Message) -> bool {
        matches!(message, Message::Vote { .. })
            && self.config.reads == Reads::Lease
            && !matches!(self.role, Role::Leader(_))
            && self.now < self.heard + self.config.election.0
    }
}
