//! An operator who moves nodes to new machines: takes them out of the cluster, replaces what has left, and waits until it is back.
//!
//! It knows no more than whoever sits beside the machines: it tells whoever says that it leads, deposed or not, again and again, and
//! believes that a node has left when any living node knows so for sure.

use super::faults::effect;
use super::{Event, Simulator};
use crate::fault::Effect;
use crate::node::{Node, NodeId};
use crate::time::Time;
use std::collections::BTreeMap;

/// Everybody who is moved, or was, in the order of their dismissals, which are numbered from 1.
#[derive(Debug, Default)]
pub(super) struct Operator {
    leavers: Vec<Leaver>,
    /// It will look again.
    looks: bool,
}

/// A node that moves.
#[derive(Debug)]
struct Leaver {
    node: NodeId,
    /// When it was dismissed, and how many requests had been answered by then.
    asked: (Time, u64),
    /// When it had left, and its machine was replaced.
    replaced: Option<Time>,
    /// When it was back, and how many requests had been answered by then.
    back: Option<(Time, u64)>,
}

impl<N: Node> Simulator<N> {
    /// Wants a node to move; returns the number of its dismissal. What is dismissed at one moment is dismissed in one order.
    pub(super) fn dismiss(&mut self, node: NodeId) -> u64 {
        let asked = (self.now, self.seen.answered_in_all());
        self.operator.leavers.push(Leaver { node, asked, replaced: None, back: None });
        self.look_at(self.now);
        self.operator.leavers.len() as u64
    }

    fn look_at(&mut self, at: Time) {
        if N::newcomer(0).is_some() && !std::mem::replace(&mut self.operator.looks, true) {
            self.queue.push(at, Event::Operate);
        }
    }

    /// What is to be done now; and again after a heartbeat, until everybody is back.
    pub(super) fn operate(&mut self) {
        self.operator.looks = false;
        for place in 0..self.operator.leavers.len() {
            let (leaver, number) = (&self.operator.leavers[place], place as u64 + 1);
            let node = leaver.node;
            match (leaver.replaced, leaver.back) {
                (None, _) if self.has_left(self.latest(node)) => self.replace(node, self.latest(node)),
                (Some(_), None) if self.is_back(node, number) => {
                    let back = Some((self.now, self.seen.answered_in_all()));
                    self.operator.leavers[place].back = back;
                }
                _ => {}
            }
        }
        self.order();
        if self.operator.leavers.iter().any(|leaver| leaver.back.is_none()) {
            self.look_at(self.now + self.settings.heartbeat);
        }
    }

    /// Tells whoever leads who is to leave.
    fn order(&mut self) {
        let staying = |leaver: &Leaver| leaver.replaced.is_none();
        let numbered = self.operator.leavers.iter().zip(1..).filter(|(leaver, _)| staying(leaver));
        // Whoever is dismissed twice leaves for both, under the later number.
        let leaving: BTreeMap<NodeId, u64> = numbered.map(|(leaver, number)| (leaver.node, number)).collect();
        let mut leaving: Vec<(NodeId, u64)> = leaving.into_iter().collect();
        // A minority at a time, oldest first: somebody must be left to take the others out.
        leaving.sort_by_key(|(_, number)| *number);
        leaving.truncate(((self.world.len() - 1) / 2).max(1));
        for node in (0..self.world.len() as u8).map(NodeId) {
            let machine = &self.machines[node.index()];
            if machine.paused == 0 && self.world.view(node).is_some_and(|view| view.leads) {
                let clock = machine.clock(self.now);
                let mut outbox = self.spare.pop().unwrap_or_default();
                let stepped = self.world.dismiss(node, clock, &leaving, &mut outbox);
                self.stepped(node, stepped, outbox);
            }
        }
    }

    /// The number of a node's latest dismissal.
    fn latest(&self, node: NodeId) -> u64 {
        let place = self.operator.leavers.iter().rposition(|leaver| leaver.node == node);
        place.expect("it was dismissed") as u64 + 1
    }

    fn has_left(&self, number: u64) -> bool {
        let knows = |node: NodeId| {
            let membership = self.world.node(node).and_then(Node::membership);
            membership.is_some_and(|members| members.number >= number)
        };
        (0..self.world.len() as u8).map(NodeId).any(knows)
    }

    fn is_back(&self, node: NodeId, number: u64) -> bool {
        let membership = self.world.node(node).and_then(Node::membership);
        membership.is_some_and(|members| members.number >= number && members.voters & 1 << node.0 != 0)
    }

    fn replace(&mut self, node: NodeId, number: u64) {
        self.die(node, false);
        self.world.replace(node, number);
        self.start(node);
        // Whoever was dismissed twice meanwhile has moved for both.
        for leaver in self.operator.leavers.iter_mut().filter(|leaver| leaver.node == node) {
            leaver.replaced.get_or_insert(self.now);
        }
    }

    /// What came of these dismissals.
    pub(super) fn moved(&self, numbers: &[u64]) -> Effect {
        if N::newcomer(0).is_none() {
            return effect(false, "the members of this design never change".to_string());
        }
        let leavers = || numbers.iter().map(|number| &self.operator.leavers[*number as usize - 1]);
        let words: Vec<String> = leavers().map(Leaver::story).collect();
        let answered: u64 = leavers().filter_map(|leaver| Some(leaver.back?.1 - leaver.asked.1)).sum();
        let moved = effect(leavers().all(|leaver| leaver.back.is_some()), words.join(", "));
        moved.met(Some(answered > 0), &format!("{answered} requests were answered meanwhile"))
    }
}

impl Leaver {
    fn story(&self) -> String {
        let Leaver { node, asked: (asked, _), replaced, back } = self;
        match (replaced, back) {
            (None, _) => format!("{node} has not left"),
            (Some(left), None) => format!("{node} left after {} and is not back", left.since(*asked)),
            (Some(left), Some((back, _))) => {
                format!("{node} left after {} and was back after {}", left.since(*asked), back.since(*asked))
            }
        }
    }
}
