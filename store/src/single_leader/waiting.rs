//! When a write may be seen and acknowledged: once it is synced here, and wherever else the mode demands.
//!
//! `sl-semi` is MySQL's semi-synchronous replication: a write waits for any one follower, and where none confirms anything for
//! a while the leader goes on alone, until one has caught up. Nothing is seen before it may be acknowledged (AFTER_SYNC).

use super::{Clock, Role, Sign, SingleLeader};
use harness::Outbox;

/// Whose copy a write waits for, beside the leader's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Waits {
    Nobody,
    /// Any one follower, or a time-out.
    Anybody,
    Everybody,
}

impl SingleLeader {
    /// How much of the log may be applied.
    pub(super) fn visible(&self) -> usize {
        let synced = self.log.synced();
        let Role::Leader(leader) = &self.role else { return synced };
        let copies = self.peers().map(|peer| leader.has[peer.index()]);
        match self.config.rules.waits {
            Waits::Nobody => synced,
            Waits::Anybody if leader.alone => synced,
            Waits::Anybody => synced.min(copies.max().flatten().unwrap_or(0)),
            Waits::Everybody => {
                let everywhere = synced.min(copies.min().unwrap_or(Some(synced)).unwrap_or(0));
                // Of what it found on its disk it shows all or nothing: clients of its former life may have seen the end of it.
                if everywhere < leader.began { 0 } else { everywhere }
            }
        }
    }

    /// May it serve at all? A leader that waits for everybody has to hear first that all have its whole log.
    pub(super) fn may_serve(&self) -> bool {
        let Role::Leader(leader) = &self.role else { return true };
        let heard = || self.peers().all(|peer| leader.has[peer.index()].is_some());
        self.config.rules.waits != Waits::Everybody || self.applied >= leader.began && heard()
    }

    /// The fallback's timer runs while something waits for a follower, anew after every step forward.
    pub(super) fn keep_patience(&mut self, forward: bool, out: &mut Outbox<Self>) {
        let waits = self.config.rules.waits == Waits::Anybody && self.applied < self.log.len();
        let Role::Leader(leader) = &mut self.role else { return };
        let waits = waits && !leader.alone;
        if waits && (forward || !leader.impatient) {
            out.set_timer(Clock::Fallback, self.config.fallback, self.config.fallback);
        } else if leader.impatient && !waits {
            out.cancel_timer(Clock::Fallback);
        }
        leader.impatient = waits;
    }

    /// No follower has confirmed anything for too long.
    pub(super) fn fall_back(&mut self, out: &mut Outbox<Self>) {
        let Role::Leader(leader) = &mut self.role else { return };
        (leader.alone, leader.impatient) = (true, false);
        out.mark(Sign::FellBack);
        self.settle(out);
    }
}
