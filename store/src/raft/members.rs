//! Who belongs to the cluster, and how that changes: configurations in the log, joint consensus, learners (Ongaro and Ousterhout 2014,
//! section 6; Ongaro 2014, chapter 4).
//!
//! A configuration counts from the moment at which it is in the log. Between an old and a new one lies a joint one, in which
//! elections and commitment need a majority of both. A leader changes one thing at a time, and nothing before it has committed in its
//! own term. A newcomer learns first: it is told everything and counts for nothing until it has it all.
//!
//! A machine that was replaced has forgotten what it promised, so it must not be taken for its predecessor. Its name is its
//! place in the cluster and the number of the dismissal that made room for it. A configuration says which machine is meant in
//! each place, and nobody counts the word of another one.

use super::log::Command;
use super::{Held, Index, Message, Raft, Role, Sign};
use harness::{NodeId, Outbox};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A configuration. Sets of nodes are bits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Members {
    /// Whose votes and copies count.
    voters: u32,
    /// Whose count beside them, by themselves, while a change is under way; nobody's at any other time.
    outgoing: u32,
    /// Who is told everything and counts for nothing yet.
    learners: u32,
    /// Who leaves in the change that is under way, each by the number of its dismissal.
    leaving: Vec<(NodeId, u64)>,
    /// Which machine is meant in each place: the number of the dismissal that made room for it. Places that are not listed
    /// have the machines that were there from the beginning.
    machines: BTreeMap<NodeId, u64>,
}

fn bit(node: NodeId) -> u32 {
    1 << node.0
}

impl Members {
    /// What a cluster of so many begins with: all of them vote.
    pub fn first(nodes: u8) -> Members {
        let voters = u32::MAX >> (32 - u32::from(nodes));
        Members { voters, outgoing: 0, learners: 0, leaving: Vec::new(), machines: BTreeMap::new() }
    }
    /// The number of the latest dismissal that is done; 0 before the first one.
    pub fn number(&self) -> u64 {
        self.machines.values().copied().max().unwrap_or(0)
    }
    /// Is this the machine that is meant in that place?
    pub fn means(&self, node: NodeId, since: u64) -> bool {
        self.machines.get(&node).copied().unwrap_or(0) == since
    }
    /// Those whose word counts, when nothing is under way.
    pub fn voters(&self) -> u32 {
        self.voters
    }
    /// Does the word of this one count?
    pub fn counts(&self, node: NodeId) -> bool {
        (self.voters | self.outgoing) & bit(node) != 0
    }
    /// Is it told what is in the log?
    pub fn has(&self, node: NodeId) -> bool {
        (self.voters | self.outgoing | self.learners) & bit(node) != 0
    }
    /// Are these, as bits, a majority? Of both, while a change is under way.
    pub fn agree(&self, nodes: u32) -> bool {
        let most = |of: u32| (nodes & of).count_ones() * 2 > of.count_ones();
        most(self.voters) && (self.outgoing == 0 || most(self.outgoing))
    }
    /// The largest number that a majority has reached; of both, while a change is under way.
    pub fn reached(&self, numbers: &[u64]) -> u64 {
        let by = |of: u32| {
            let members = (0..).zip(numbers).filter(|(node, _)| of & 1 << node != 0).map(|(_, number)| *number);
            let mut sorted: smallvec::SmallVec<[u64; 8]> = members.collect();
            sorted.sort_unstable();
            sorted[(sorted.len() - 1) / 2]
        };
        if self.outgoing == 0 { by(self.voters) } else { by(self.voters).min(by(self.outgoing)) }
    }
    /// What a change that is under way leads to.
    fn done(mut self) -> Members {
        self.machines.extend(self.leaving.drain(..));
        Members { outgoing: 0, ..self }
    }
    /// Nothing is under way, and nobody waits.
    fn settled(&self) -> bool {
        self.outgoing | self.learners == 0
    }
    fn learning(&self) -> impl Iterator<Item = NodeId> + use<> {
        let learners = self.learners;
        (0..32).map(NodeId).filter(move |node| learners & bit(*node) != 0)
    }
}

impl Raft {
    /// The latest configuration of the log, committed or not.
    pub(super) fn members(&self) -> Members {
        self.log.members().unwrap_or_else(|| Members::first(self.config.nodes))
    }

    /// Does the word of this machine count, as far as it knows? A newcomer's place may still be its predecessor's.
    pub(super) fn counts(&self) -> bool {
        self.members().counts(self.id) && self.is_meant()
    }

    /// May it stand for election? Whoever leaves may, as long as it does not know that to be committed: if nobody else has
    /// the entry that says so, a majority may need its log (Ongaro 2014, section 4.2.2).
    pub(super) fn stands(&self) -> bool {
        let (change, since) = (self.log.changed(), self.since);
        let before = || Some(self.members_at(change - 1)).filter(|before| before.means(self.id, since));
        self.counts() || change > self.commit && before().is_some_and(|before| before.counts(self.id))
    }

    /// Is it the machine that its own log means in its place?
    pub(super) fn is_meant(&self) -> bool {
        self.members().means(self.id, self.since)
    }

    /// Asks everybody to be let in, unless it knows that it is not wanted. It will ask again.
    pub(super) fn ask_in(&mut self) {
        if self.since > 0 {
            let join = Message::Join { since: self.since };
            self.peers().for_each(|peer| self.holding.push(Held::Send(peer, join.clone())));
        }
    }

    /// May a leader change anything now? The configuration before must be committed, and so must something of its own term: until then
    /// another leader may have changed it already.
    fn may_change(&self) -> bool {
        let Role::Leader(lead) = &self.role else { return false };
        self.commit >= lead.noop.max(self.log.changed()) && self.members().outgoing == 0
    }

    /// An operator wants these to leave, all in one change.
    pub(super) fn take_out(&mut self, leaving: &[(NodeId, u64)], out: &mut Outbox<Raft>) {
        let old = self.members();
        let gone = leaving.iter().fold(0, |bits, (node, _)| bits | bit(*node));
        let (voters, learners) = (old.voters & !gone, old.learners & !gone);
        let news = leaving.iter().any(|(node, number)| !old.means(*node, *number));
        if self.config.bugs.rejoins_as_voter || !self.may_change() || !news || voters == 0 {
            return;
        }
        self.change(Members { voters, learners, leaving: leaving.to_vec(), ..old }, out);
    }

    /// A new machine asks to be let in. A leader lets it learn, once it knows that its predecessor has left.
    pub(super) fn asked_in(&mut self, from: NodeId, since: u64, out: &mut Outbox<Raft>) {
        let old = self.members();
        if !self.may_change() || !old.means(from, since) || old.has(from) {
            return;
        }
        self.meet(from, since);
        self.change(Members { learners: old.learners | bit(from), ..old }, out);
    }

    /// Is this the machine that the configuration means in its place? What was known of an earlier one is forgotten.
    pub(super) fn meet(&mut self, node: NodeId, since: u64) -> bool {
        let meant = self.members().means(node, since);
        let Role::Leader(lead) = &mut self.role else { return false };
        if meant {
            lead.meet(node, since);
        }
        meant
    }

    /// Goes on with what is under way, one step at a time.
    pub(super) fn change_on(&mut self, out: &mut Outbox<Raft>) {
        let old = self.members();
        if old.settled() && old.counts(self.id) {
            return;
        }
        let Role::Leader(lead) = &self.role else { return };
        if self.commit < lead.noop.max(self.log.changed()) {
            return;
        }
        if old.outgoing != 0 {
            return self.write_members(old.done(), out);
        }
        if !old.counts(self.id) {
            return self.abdicate(out);
        }
        let ready = old.learning().filter(|node| lead.has_copied(*node, self.commit));
        let ready = ready.fold(0, |bits, node| bits | bit(node));
        if ready != 0 {
            self.change(Members { voters: old.voters | ready, learners: old.learners & !ready, ..old }, out);
        }
    }

    /// Begins a change: where it moves votes, with a joint configuration.
    fn change(&mut self, next: Members, out: &mut Outbox<Raft>) {
        let old = self.members();
        if next.voters == old.voters {
            return self.write_members(next.done(), out);
        }
        if self.config.bugs.two_at_once {
            if (next.voters ^ old.voters).count_ones() > 1 {
                self.stray(out);
            }
            return self.write_members(next.done(), out);
        }
        out.mark(Sign::Joint);
        self.write_members(Members { outgoing: old.voters, ..next }, out);
    }

    fn write_members(&mut self, next: Members, out: &mut Outbox<Raft>) {
        self.add(Command::Members(next));
        self.broadcast(out);
    }

    /// A leader that belongs to the cluster no more has committed that, says so, and leads no more.
    fn abdicate(&mut self, out: &mut Outbox<Raft>) {
        self.broadcast(out);
        self.step_down(out);
        self.leader = None;
    }

    /// Who belonged to the cluster after the entry at `index`, which is applied.
    pub(super) fn members_at(&self, index: Index) -> Members {
        self.log.members_at(index).unwrap_or_else(|| Members::first(self.config.nodes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::{Outcome, Reason, Reply, Run};

    const FIVE: u32 = 0b11111;

    /// Three nodes that n1 leads, and what comes then.
    fn played(lines: &str) -> Run {
        let text = format!("design raft\nworkload register\nnodes 3\nfire n1 election\nsettle\n{lines}");
        let run = crate::mutants::play("t.txt", &text, &[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(run.findings().count(), 0);
        run
    }

    fn outcomes(run: &Run) -> Vec<Outcome> {
        run.history.calls().iter().filter_map(|call| call.outcome.cloned()).collect()
    }

    fn hit(run: &Run, name: &str) -> usize {
        run.history.marks().filter(|(_, _, mark)| *mark == name).count()
    }

    #[test]
    fn a_new_machine_learns_everything_and_then_counts() {
        let run = played(
            "client 0 n1 write x 1\nsettle\ndismiss n1 n3\nsettle\nreplace n3\nsettle\nkill n2\nclient 1 n1 read x\nsettle",
        );
        assert_eq!(outcomes(&run), [Outcome::Ok(Reply::Done), Outcome::Ok(Reply::Value(Some(1)))]);
        assert_eq!(hit(&run, "joint"), 2, "it leaves, and it comes back");
    }

    #[test]
    fn a_machine_that_was_replaced_too_early_counts_for_nothing_until_its_dismissal_is_known() {
        let alone = "kill n2\ndismiss n1 n3\nreplace n3\nsettle\nclient 0 n1 write x 1\nsettle";
        assert_eq!(outcomes(&played(alone)), [], "n1 and a machine without memory are no majority");
        let run = played(&format!("{alone}\nstart n2\nfire n1 heartbeat\nsettle\nfire n1 heartbeat\nsettle"));
        assert_eq!(outcomes(&run), [Outcome::Ok(Reply::Done)]);
    }

    #[test]
    fn a_leader_that_leaves_leads_no_more_once_that_is_committed() {
        let leaves = "dismiss n1 n1\nsettle\nclient 0 n1 read x\nfire n1 election\nsettle\n";
        let run = played(&format!("{leaves}fire n2 election\nsettle\nclient 1 n2 write x 2\nsettle"));
        let [refused, done] = &outcomes(&run)[..] else { panic!("two answers: {:?}", outcomes(&run)) };
        assert!(matches!(refused, Outcome::Failed(Reason::NotLeader { .. })), "{refused:?}");
        assert_eq!((done, hit(&run, "elected")), (&Outcome::Ok(Reply::Done), 2));
    }

    #[test]
    fn whoever_leaves_may_be_needed_until_that_is_committed() {
        let alone = "dismiss n1 n3\nsettle\ndismiss n1 n1\nsync n1\ndeliver n1 n2\nsync n2\ndeliver n2 n1\ndrop n1 n2\nsync n1 all\n";
        let behind = format!("{alone}fire n2 election\nsettle n1 n2\n");
        assert_eq!(hit(&played(&behind), "elected"), 1, "n1 must agree, and has the longer log");
        let again = format!("{behind}fire n1 election\nsettle n1 n2\n");
        let run = played(&format!("{again}fire n2 election\nsettle\nclient 0 n2 write x 1\nsettle"));
        assert_eq!((outcomes(&run), hit(&run, "elected")), (vec![Outcome::Ok(Reply::Done)], 3));
    }

    #[test]
    fn whoever_has_left_deposes_nobody() {
        let left = "cut n1 n3\ncut n2 n3\ndismiss n1 n3\nsettle\nheal\nfire n3 election\nfire n3 election\nsettle\n";
        let run = played(&format!("{left}client 0 n1 write x 1\nsettle"));
        assert_eq!((outcomes(&run), hit(&run, "elected")), (vec![Outcome::Ok(Reply::Done)], 1));
    }

    #[test]
    fn while_a_change_is_under_way_both_majorities_are_needed() {
        let settled = Members::first(5);
        let joint = Members { voters: 0b00111, outgoing: FIVE, ..settled.clone() };
        assert_eq!(settled.voters, FIVE);
        for (agreed, one, both) in
            [(0b00011, false, false), (0b11100, true, false), (0b00111, true, true), (0b11001, true, false)]
        {
            assert_eq!((settled.agree(agreed), joint.agree(agreed)), (one, both), "{agreed:05b}");
        }
        assert_eq!(settled.reached(&[9, 1, 7, 8, 6]), 7);
        assert_eq!(joint.reached(&[9, 1, 7, 8, 6]), 7);
        assert_eq!(joint.reached(&[9, 9, 1, 1, 1]), 1, "the old majority has not");
        assert_eq!(joint.reached(&[1, 1, 9, 9, 9]), 1, "the new majority has not");
        let alone = Members { voters: 0b00100, ..settled };
        assert_eq!((alone.reached(&[9, 9, 3, 9, 9]), alone.agree(0b11011)), (3, false));
    }

    #[test]
    fn a_learner_is_told_and_counts_for_nothing() {
        let members = Members { voters: 0b011, learners: 0b100, ..Members::first(3) };
        let learner = NodeId(2);
        assert_eq!((members.has(learner), members.counts(learner)), (true, false));
        assert_eq!(members.reached(&[5, 4, 9]), 4);
        assert!(!members.agree(0b101));
    }
}
