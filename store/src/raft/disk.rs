//! What a step writes, and what must not be heard before that is on disk.
//!
//! A term, a vote or an entry is on disk before any message that depends on it leaves: what depends on a write is *held*
//! until the disk has counted it. A leader sends entries on before its own disk has them, because its own copy is
//! only counted once it is synced.

use super::log::Command;
use super::{Entry, Index, Message, Raft, Role, Sign, Term};
use harness::{NodeId, Outbox};

/// What waits for the disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Held {
    /// Something that is said.
    Send(NodeId, Message),
    /// My own vote in this term.
    OwnVote(Term),
    /// My own copy of the log up to here, in this term.
    OwnCopy(Term, Index),
}

impl Raft {
    pub(super) fn persisted(&mut self, records: usize, out: &mut Outbox<Raft>) {
        for held in self.hold.persisted(records) {
            self.release(held, out);
        }
    }

    /// Ends a step: writes what changed, and says what may be said.
    pub(super) fn flush(&mut self, out: &mut Outbox<Raft>) {
        // Releasing my own vote or copy may change the state again, at most a few times.
        loop {
            if !self.record.is_empty() {
                return self.write(out);
            }
            if !self.config.bugs.ack_before_fsync {
                self.hold.append_after_writes(&mut self.holding);
            }
            if self.holding.is_empty() {
                return;
            }
            let mut holding = std::mem::take(&mut self.holding);
            holding.drain(..).for_each(|held| self.release(held, out));
            if self.holding.is_empty() {
                // The same allocation serves the next step.
                self.holding = holding;
            }
        }
    }

    fn write(&mut self, out: &mut Outbox<Raft>) {
        let record = std::mem::take(&mut self.record);
        if let (Some(_), Role::Leader(_)) = (&record.entries, &self.role) {
            self.holding.push(Held::OwnCopy(self.term, self.log.last()));
        }
        // Asked of memory: what the record says of the vote is wrong under the deliberate bug.
        let votes = record.ballot.is_some() && self.vote.is_some();
        out.persist(record);
        if votes {
            out.mark(Sign::Voted);
        }
        self.hold.write(std::mem::take(&mut self.holding));
        if votes && self.config.bugs.vote_not_persisted {
            self.stray(out);
        }
        if self.config.bugs.ack_before_fsync {
            for held in self.hold.hurry() {
                self.stray(out);
                self.release(held, out);
            }
        }
    }

    fn release(&mut self, held: Held, out: &mut Outbox<Raft>) {
        match held {
            Held::Send(to, message) => out.send(to, message),
            Held::OwnVote(term) if term == self.term => self.count_vote(self.id, out),
            Held::OwnCopy(term, index) if term == self.term => self.own_copy(index, out),
            Held::OwnVote(_) | Held::OwnCopy(..) => {}
        }
    }

    /// Adds an entry of this term to the own log, and returns its index.
    pub(super) fn add(&mut self, command: Command) -> Index {
        let entry = Entry { term: self.term, command };
        self.log.push(entry.clone());
        self.written_after(self.log.last() - 1).push(entry);
        self.log.last()
    }

    /// The entries that this step writes behind `index`.
    pub(super) fn written_after(&mut self, index: Index) -> &mut Vec<Entry> {
        &mut self.record.entries.get_or_insert_with(|| (index, Vec::new())).1
    }
}
