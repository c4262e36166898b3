//! What a schedule does to its nodes, their clocks and their links, recorded as a nemesis would have it.

use super::{Complaint, Pace, Stage};
use crate::fault::{self, Cut, Fault, Target};
use crate::history::What;
use crate::motion::Motion;
use crate::node::{Node, NodeId};
use std::collections::BTreeSet;

/// How a process dies.
#[derive(Clone, Copy)]
pub(super) enum Death {
    Kill,
    Power,
    Wipe,
}

impl<N: Node> Stage<N> {
    pub(super) fn set_clock(&mut self, node: NodeId, rate: u32, offset: i64) {
        let strike = self.began(Fault::Clock { target: Target::Node(node), offset, rate, motion: Motion::Still });
        self.paces[node.index()] = Pace { anchor: (self.now, self.clock(node).monotonic), rate, offset };
        self.ended(strike, format!("the clock of {node} is so from here on"));
    }

    fn began(&mut self, fault: Fault) -> usize {
        let strike = self.struck;
        self.struck += 1;
        self.record(What::Began { strike, fault });
        strike
    }

    fn ended(&mut self, strike: usize, measured: String) {
        self.record(What::Ended { strike, effect: fault::Effect::new(true, measured) });
    }

    pub(super) fn kill(&mut self, node: NodeId, how: Death) -> Result<(), Complaint> {
        if self.world.node(node).is_none() {
            return Err((format!("{node} is dead"), "a node that lives".to_string()));
        }
        let (target, lost) = (Target::Node(node), self.world.unsynced(node));
        let (fault, did) = match how {
            Death::Power => (Fault::PowerLoss(target), format!("{node} lost power and {lost} unsynced records")),
            Death::Kill => (Fault::Kill(target), format!("{node} was killed")),
            Death::Wipe => (Fault::Wipe(target), format!("the disk of {node} was emptied")),
        };
        let strike = self.began(fault);
        match how {
            Death::Power => _ = self.world.power_loss(node),
            Death::Kill => _ = self.world.kill(node),
            Death::Wipe => _ = self.world.wipe(node),
        }
        self.forget(node);
        self.killed.insert(node, (strike, did));
        Ok(())
    }

    /// What was on its way to a process that died, and its timers.
    fn forget(&mut self, node: NodeId) {
        self.links.iter_mut().filter(|((_, to), _)| *to == node).for_each(|(_, link)| link.clear());
        self.armed[node.index()].clear();
    }

    pub(super) fn start(&mut self, node: NodeId) -> Result<(), Complaint> {
        let Some((strike, did)) = self.killed.remove(&node) else {
            return Err((format!("{node} runs, or died of itself"), "a node that was killed".to_string()));
        };
        self.wake(node);
        self.ended(strike, did);
        Ok(())
    }

    pub(super) fn dismiss(&mut self, at: NodeId, nodes: &[NodeId]) -> Result<(), Complaint> {
        if N::newcomer(0).is_none() {
            return Err(("the members of this design never change".to_string(), "another design".to_string()));
        }
        self.dismissals += 1;
        let number = self.dismissals;
        for node in nodes {
            let strike = self.began(Fault::Rebalance(Target::Node(*node)));
            self.dismissed.insert(*node, (strike, number));
        }
        let leaving: Vec<(NodeId, u64)> = nodes.iter().map(|node| (*node, number)).collect();
        let told = self.world.dismiss(at, self.clock(at), &leaving, &mut self.outbox);
        self.stepped(at, told);
        Ok(())
    }

    pub(super) fn replace(&mut self, node: NodeId) -> Result<(), Complaint> {
        let Some((strike, number)) = self.dismissed.remove(&node) else {
            return Err((format!("{node} was not dismissed"), "a node that is to leave".to_string()));
        };
        self.world.replace(node, number);
        self.forget(node);
        self.killed.remove(&node);
        self.wake(node);
        self.ended(strike, format!("the machine of {node} was replaced"));
        Ok(())
    }

    pub(super) fn cut(&mut self, one: NodeId, other: NodeId) -> Result<(), Complaint> {
        let links = [(one, other), (other, one)];
        if self.cuts.contains_key(&links[0]) {
            return Err((format!("{one} and {other} are cut apart"), "a link that is not cut".to_string()));
        }
        let strike = self.began(Fault::Partition(Cut::Links(links.to_vec())));
        for link in links {
            self.cuts.insert(link, strike);
            self.stopped += self.links.remove(&link).map_or(0, |messages| messages.len());
        }
        Ok(())
    }

    pub(super) fn heal(&mut self) -> Result<(), Complaint> {
        if self.cuts.is_empty() {
            return Err(("nothing is cut".to_string(), "a cut before".to_string()));
        }
        let strikes: BTreeSet<usize> = std::mem::take(&mut self.cuts).into_values().collect();
        let stopped = std::mem::take(&mut self.stopped);
        for strike in strikes {
            self.ended(strike, format!("{stopped} messages stopped in all"));
        }
        Ok(())
    }
}
