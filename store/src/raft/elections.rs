//! Who leads: terms, votes, and what a node does when it has not heard a leader for too long (Ongaro 2014, section 3.4).

use super::{Clock, Held, Index, Lead, Message, Raft, Role, Sign, Term};
use harness::{NodeId, Outbox};

impl Raft {
    pub(super) fn await_leader(&self, out: &mut Outbox<Raft>) {
        out.set_timer(Clock::Election, self.config.election.0, self.config.election.1);
    }

    /// Enters a newer term as a follower who has not voted.
    pub(super) fn enter(&mut self, term: Term, out: &mut Outbox<Raft>) {
        (self.term, self.vote) = (term, None);
        self.record.ballot = Some((term, None));
        self.leader = None;
        if let Role::Leader(lead) = std::mem::replace(&mut self.role, Role::Follower) {
            out.cancel_timer(Clock::Heartbeat);
            self.await_leader(out);
            if lead.owes_answers() {
                out.mark(Sign::Deposed);
            }
        }
    }

    pub(super) fn campaign(&mut self, out: &mut Outbox<Raft>) {
        self.leader = None;
        self.role = Role::Candidate { votes: 0 };
        self.term += 1;
        self.set_vote(self.id);
        let vote = Message::Vote { term: self.term, end: self.log.end() };
        self.holding.push(Held::OwnVote(self.term));
        for peer in self.peers() {
            self.holding.push(Held::Send(peer, vote.clone()));
        }
        self.await_leader(out);
    }

    pub(super) fn set_vote(&mut self, vote: NodeId) {
        self.vote = Some(vote);
        let kept = if self.config.bugs.vote_not_persisted { None } else { self.vote };
        self.record.ballot = Some((self.term, kept));
    }

    pub(super) fn asked_for_vote(&mut self, from: NodeId, term: Term, end: (Term, Index), out: &mut Outbox<Raft>) {
        let free = self.vote.is_none_or(|vote| vote == from);
        let (behind, blind) = (end < self.log.end(), self.config.bugs.vote_for_any_log);
        let granted = term == self.term && free && (blind || !behind);
        if granted {
            if behind {
                self.stray(out);
            }
            if self.vote.is_none() {
                self.set_vote(from);
            }
            self.await_leader(out);
        }
        self.holding.push(Held::Send(from, Message::VoteReply { term: self.term, granted }));
    }

    pub(super) fn count_vote(&mut self, from: NodeId, out: &mut Outbox<Raft>) {
        let majority = self.majority();
        let Role::Candidate { votes } = &mut self.role else { return };
        *votes |= 1 << from.0;
        if votes.count_ones() as usize >= majority {
            self.lead(out);
        }
    }

    pub(super) fn lead(&mut self, out: &mut Outbox<Raft>) {
        out.cancel_timer(Clock::Election);
        out.mark(Sign::Elected);
        self.leader = Some(self.id);
        self.role = Role::Leader(Box::new(Lead::new(self.config.nodes, self.log.last())));
        self.add(None);
        self.broadcast(out);
    }
}
