//! Copies: the leader ships what it has synced, a follower makes its own log the same and says how far they agree.

use super::log::Entry;
use super::{Clock, Held, Leader, Message, Reign, Role, Sign, SingleLeader};
use crate::machine::Machine;
use harness::{NodeId, Outbox};

impl SingleLeader {
    /// Begins to lead.
    pub(super) fn lead(&mut self, reign: Reign, out: &mut Outbox<Self>) {
        let has = vec![None; self.config.nodes.into()];
        let began = self.log.len();
        self.role = Role::Leader(Leader { reign, sequence: 0, began, has, alone: false, impatient: false });
        self.ship(out);
    }

    /// Sends everybody what they are not known to have. Who has not said anything yet most likely has what was there at
    /// the beginning.
    pub(super) fn ship(&mut self, out: &mut Outbox<Self>) {
        let peers = self.peers();
        let Role::Leader(leader) = &mut self.role else { return };
        leader.sequence += 1;
        let (reign, sequence) = (leader.reign, leader.sequence);
        for peer in peers {
            let after = leader.has[peer.index()].unwrap_or(leader.began).min(self.log.synced());
            let entries = self.log.entries()[after..self.log.synced()].to_vec();
            let prefix = self.log.prefix(after).expect("every prefix has a digest");
            out.send(peer, Message::Ship { reign, sequence, after, prefix, entries });
        }
        out.set_timer(Clock::Heartbeat, self.config.heartbeat, self.config.heartbeat);
    }

    /// A follower has said how far its log agrees.
    pub(super) fn note(&mut self, peer: NodeId, of: Reign, length: usize, out: &mut Outbox<Self>) {
        let synced = self.log.synced();
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.reign != of {
            return;
        }
        leader.has[peer.index()] = Some(length);
        if leader.alone && length >= synced {
            leader.alone = false;
            out.mark(Sign::CaughtUp);
        }
        self.settle(out);
    }

    /// A leader was heard. True if it is the one to follow.
    pub(super) fn follow(&mut self, reign: Reign, sequence: u64, out: &mut Outbox<Self>) -> bool {
        match &self.role {
            Role::Leader(leader) if leader.reign > reign => return false,
            Role::Leader(_) => {
                out.cancel_timer(Clock::Heartbeat);
                out.cancel_timer(Clock::Fallback);
                out.mark(Sign::Demoted);
                self.asked.clear();
            }
            Role::Follower { leader, heard, canvass } => {
                let stale = leader.is_some_and(|known| known > reign || known == reign && *heard >= sequence);
                if stale {
                    return false;
                }
                if canvass.is_some() {
                    out.cancel_timer(Clock::Counted);
                }
            }
        }
        self.role = Role::Follower { leader: Some(reign), heard: sequence, canvass: None };
        self.await_leader(out);
        true
    }

    /// Makes the own log the leader's, from the first difference.
    pub(super) fn copy(
        &mut self,
        from: NodeId,
        reign: Reign,
        after: usize,
        prefix: u64,
        entries: Vec<Entry>,
        out: &mut Outbox<Self>,
    ) {
        if self.log.prefix(after) != Some(prefix) {
            return out.send(from, Message::Differ { reign });
        }
        let length = after + entries.len();
        let mine = self.log.entries()[after..].iter();
        let same = mine.zip(&entries).take_while(|(mine, theirs)| mine == theirs).count();
        let (keep, new) = (after + same, entries[same..].to_vec());
        let reply = Message::Have { reign, length };
        if keep == self.log.len() && new.is_empty() {
            self.settle(out);
            let now = self.hold.after_writes(Held::Send(from, reply));
            return if let Some(Held::Send(to, reply)) = now {
                out.send(to, reply)
            };
        }
        self.discard(keep, out);
        let record = self.log.replace(keep, new);
        out.persist(record);
        self.hold.write(vec![Held::Synced(length), Held::Send(from, reply)]);
        self.settle(out);
    }

    /// What waits and is applied counts on no more than the first `keep` entries from now on.
    fn discard(&mut self, keep: usize, out: &mut Outbox<Self>) {
        if keep == self.log.len() {
            return;
        }
        out.mark(Sign::Discarded);
        for held in self.hold.items_mut() {
            if let Held::Synced(length) = held {
                *length = keep.min(*length);
            }
        }
        if self.applied > keep {
            (self.applied, self.machine) = (0, Machine::default());
        }
    }
}
