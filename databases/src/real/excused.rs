//! Nodes to which something was done that a careful program ends of: that is no finding. Whoever did it starts them again.

use super::cluster::RealCluster;
use harness::{Cluster, NodeId, Time};

/// What is known of such a node; nothing yet of all others.
#[derive(Debug, Default)]
pub(super) struct Excused {
    /// For the rest of the run: its files were damaged.
    pub damaged: bool,
    /// Until then: its memory was limited.
    pub until: Time,
    /// Daemons that have ended by themselves, and when that was seen.
    pub ended: Vec<(String, Time)>,
    /// What its log said of giving up.
    pub said: Vec<String>,
}

impl RealCluster {
    /// Whether a node's daemons may end by themselves now.
    pub(super) fn excuses(&self, node: NodeId) -> bool {
        let Excused { damaged, until, .. } = &self.excused[node.index()];
        *damaged || self.now() < *until
    }

    /// One of them has, and is seen for the first time or again.
    pub(super) fn note_the_end(&mut self, node: usize, daemon: String) {
        let (now, ended) = (self.now(), &mut self.excused[node].ended);
        if !ended.iter().any(|(name, _)| *name == daemon) {
            ended.push((daemon, now));
        }
    }
}
