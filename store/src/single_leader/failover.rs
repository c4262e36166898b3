//! Who takes over from a leader that is not heard.
//!
//! `sl-async-fo`: whoever's timer fires, without asking anybody. `sl-semi`: whoever's timer fires asks all others how long their logs are,
//! as a failover manager does (MHA, Orchestrator), and has the longest of those that answer promoted. Nobody votes, no majority is
//! needed, and the old leader is not fenced off: a leader that is only cut off goes on beside its successor. When two leaders
//! meet, the one that was promoted earlier gives way and discards what the other does not have.

use super::{Clock, Message, Role, Sign, SingleLeader};
use harness::{LocalClock, NodeId, Outbox, Time};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Who takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Failover {
    /// Nobody: the leader leads again once it is back.
    Never,
    /// Whoever's timer fires first.
    Unasked,
    /// Whoever has the longest log of all that answer.
    Longest,
}

/// Who has answered so far.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Canvass {
    /// By the asker's clock, so that answers to an earlier question are known as such.
    round: Time,
    lengths: BTreeMap<NodeId, usize>,
}

impl Canvass {
    /// Who has the longest log; of several the first.
    fn longest(&self) -> Option<NodeId> {
        self.lengths.iter().max_by_key(|(node, length)| (**length, Reverse(**node))).map(|(node, _)| *node)
    }
}

impl SingleLeader {
    pub(super) fn await_leader(&self, out: &mut Outbox<Self>) {
        if self.config.rules.failover != Failover::Never {
            out.set_timer(Clock::Failover, self.config.failover.0, self.config.failover.1);
        }
    }

    /// No leader was heard for too long.
    pub(super) fn give_up_leader(&mut self, clock: LocalClock, out: &mut Outbox<Self>) {
        match self.config.rules.failover {
            Failover::Never => {}
            Failover::Unasked => self.promote(clock, out),
            Failover::Longest => self.canvass(clock, out),
        }
    }

    pub(super) fn promote(&mut self, clock: LocalClock, out: &mut Outbox<Self>) {
        if matches!(self.role, Role::Leader(_)) {
            return;
        }
        out.cancel_timer(Clock::Failover);
        out.cancel_timer(Clock::Counted);
        out.mark(Sign::Promoted);
        self.lead((clock.wall, self.id), out);
    }

    fn canvass(&mut self, clock: LocalClock, out: &mut Outbox<Self>) {
        let (round, peers, own) = (clock.monotonic, self.peers(), (self.id, self.log.synced()));
        let Role::Follower { canvass, .. } = &mut self.role else { return };
        *canvass = Some(Canvass { round, lengths: BTreeMap::from([own]) });
        peers.for_each(|peer| out.send(peer, Message::Canvass { round }));
        out.set_timer(Clock::Counted, self.config.canvass, self.config.canvass);
    }

    /// Somebody wants to know who could lead. Whoever is asked leaves it to the asker for now.
    pub(super) fn tell_length(&mut self, to: NodeId, round: Time, out: &mut Outbox<Self>) {
        if let Role::Follower { .. } = &self.role {
            out.send(to, Message::Length { round, length: self.log.synced() });
            out.mark(Sign::ToldLength);
            self.await_leader(out);
        }
    }

    pub(super) fn count(&mut self, from: NodeId, of: Time, length: usize) {
        if let Role::Follower { canvass: Some(canvass), .. } = &mut self.role
            && canvass.round == of
        {
            canvass.lengths.insert(from, length);
        }
    }

    /// Whoever could answer has done so.
    pub(super) fn counted(&mut self, clock: LocalClock, out: &mut Outbox<Self>) {
        let Role::Follower { canvass, .. } = &mut self.role else { return };
        match canvass.take().and_then(|canvass| canvass.longest()) {
            None => {}
            Some(longest) if longest == self.id => self.promote(clock, out),
            Some(longest) => {
                out.send(longest, Message::Lead);
                self.await_leader(out);
            }
        }
    }
}
