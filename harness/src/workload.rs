//! What clients ask: a name and plain functions that draw a plan.

use crate::node::NodeId;
use crate::op::Op;
use crate::plan::{Ask, ClientId, Settings, Tier};
use crate::seed::Rng;
use crate::time::Time;
use crate::verdict::Checker;

/// The size of a run, as generators of operations and faults need to know it.
#[derive(Clone, Debug)]
pub struct Shape {
    /// How many nodes there are.
    pub nodes: u8,
    /// How many clients ask at once.
    pub clients: u32,
    /// How long they ask.
    pub time: Time,
    /// Requests a second of all clients together.
    pub rate: f64,
    /// From the start of one fault to the start of the next, where somebody wants it even.
    pub every: Option<Time>,
    /// Magnitudes of the system's own times.
    pub settings: Settings,
    /// Where the nodes live.
    pub tier: Tier,
}

impl Shape {
    /// Every node.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes).map(NodeId)
    }
    /// When whom asks: each client's requests are spread evenly at random over the run, and all are sorted by time.
    pub fn moments(&self, rng: &mut Rng) -> Vec<(Time, ClientId)> {
        let each = (self.time.seconds() * self.rate / f64::from(self.clients)).round() as u64;
        let mut moments = Vec::new();
        for client in 0..self.clients {
            for turn in 0..each {
                let (low, high) = (self.time * turn / each, self.time * (turn + 1) / each);
                moments.push((rng.between(low, high), ClientId(client)));
            }
        }
        moments.sort();
        moments
    }
}

/// What clients ask, and which promises it puts to the test.
#[derive(Clone, Copy)]
pub struct Workload {
    /// As on the command line.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// The workload whose requests these are: its own name, or another one's. Runs that differ in nothing else are the same run.
    pub asks: &'static str,
    /// Draws the requests, in order of time.
    pub plan: fn(&Shape, &mut Rng) -> Vec<Ask>,
    /// What is read when everything is at rest, given what was planned.
    pub finals: fn(&[Ask]) -> Vec<Op>,
    /// Who judges.
    pub checkers: &'static [Checker],
}
