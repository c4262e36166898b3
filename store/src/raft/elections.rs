//! Who leads: terms, votes, and what a node does when it has not heard a leader for too long (Ongaro 2014, section 3.4).

use super::log::Command;
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
        self.step_down(out);
    }

    /// Leads no more, if it did.
    pub(super) fn step_down(&mut self, out: &mut Outbox<Raft>) {
        if let Role::Leader(lead) = std::mem::replace(&mut self.role, Role::Follower) {
            out.cancel_timer(Clock::Heartbeat);
            self.await_leader(out);
            if lead.owes_answers() {
                out.mark(Sign::Deposed);
            }
        }
    }

    /// Who does not belong to the cluster, and was not told so, hears no leader and asks for votes. It must not depose a leader
    /// whom the others hear.
    pub(super) fn is_spurious(&self, from: NodeId, message: &Message) -> bool {
        matches!(message, Message::Vote { .. }) && self.leader.is_some() && !self.members().counts(from)
    }

    pub(super) fn campaign(&mut self, out: &mut Outbox<Raft>) {
        self.leader = None;
        if !self.stands() {
            self.ask_in();
            return self.await_leader(out);
        }
        self.role = Role::Candidate { votes: 0 };
        self.term += 1;
        self.set_vote(self.id);
        let vote = Message::Vote { term: self.term, end: self.log.end() };
        self.holding.push(Held::OwnVote(self.term));
        let members = self.members();
        for peer in self.peers().filter(|peer| members.counts(*peer)) {
            self.holding.push(Held::Send(peer, vote.clone()));
        }
        self.await_leader(out);
    }

    pub(super) fn set_vote(&mut self, vote: NodeId) {
        self.vote = Some(vote);
        let kept = if self.config.bugs.vote_not_persisted { None } else { self.vote };
        self.record.ballot = Some((self.term, kept));
    }

    /// Votes even where it does not count by its own log: it may not have heard yet that it does, and who asks will know.
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
        self.holding.push(Held::Send(from, Message::VoteReply { term: self.term, granted, since: self.since }));
    }

    pub(super) fn count_vote(&mut self, from: NodeId, out: &mut Outbox<Raft>) {
        let members = self.members();
        let Role::Candidate { votes } = &mut self.role else { return };
        *votes |= 1 << from.0;
        if members.agree(*votes) {
            self.lead(out);
        }
    }

    pub(super) fn lead(&mut self, out: &mut Outbox<Raft>) {
        out.cancel_timer(Clock::Election);
        out.mark(Sign::Elected);
        self.leader = Some(self.id);
        self.role = Role::Leader(Box::new(Lead::new(self.config.nodes, self.log.last())));
        self.add(Command::Noop);
        self.broadcast(out);
    }
}
