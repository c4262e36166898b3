//! A run's plan: everything that is decided before it starts, as data that is written down, replayed and shrunk.

use crate::fault::Strike;
use crate::needs::Needs;
use crate::node::NodeId;
use crate::op::Op;
use crate::seed::Seed;
use crate::time::{MS, SECOND, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of every JSON file that the harness writes.
pub const FORMAT: u32 = 1;

/// A client: it asks one thing at a time and sits beside its home node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientId(pub u32);

/// All that is decided before a run. Replaying it draws no operation and no fault anew.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`FORMAT`].
    pub format: u32,
    /// A hash of the binary that made the plan; another build may give another history.
    pub build: String,
    /// The system under test, by its name in the table of designs.
    pub design: String,
    /// Whom that design needs for a write. Left out of files where it is no certain node.
    #[serde(default, skip_serializing_if = "Needs::usual")]
    pub needs: Needs,
    /// Deliberate bugs that are switched on in it, by name.
    pub switches: Vec<String>,
    /// Where its nodes live.
    pub tier: Tier,
    /// What real systems need besides names: a file that describes one, the program that asks it, its addresses. By what each is
    /// called on the command line; left out of files where there is nothing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<String, String>,
    /// Who drew the operations.
    pub workload: String,
    /// Who drew the faults; parts are joined by `+`.
    pub nemesis: String,
    /// What network, disks, timers and symbolic targets are drawn from.
    pub seed: Seed,
    /// How many nodes there are.
    pub nodes: u8,
    /// How many clients ask at once.
    pub clients: u32,
    /// How long clients ask and faults strike.
    pub time: Time,
    /// Magnitudes of the system's own times.
    pub settings: Settings,
    /// What clients ask, in order of time.
    pub asks: Vec<Ask>,
    /// What is done to the cluster.
    pub strikes: Vec<Strike>,
    /// What the home clients of every node ask after everything has healed and come to rest.
    pub finals: Vec<Op>,
}

/// Where nodes live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// Virtual time, one thread, the same bytes for the same seed.
    Sim,
    /// Real processes on loopback.
    Local,
    /// Real databases; each node has its own network, processes and name on this machine.
    Netns,
    /// Real databases on machines of the user's own.
    Ssh,
    /// A system that runs already and is only asked.
    Url,
}

/// One planned request. A client that is still busy at `at` asks as soon as it is free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// Since the start of the chaos phase.
    pub at: Time,
    /// Who asks.
    pub client: ClientId,
    /// What.
    pub op: Op,
    /// Whom first, where the client roams; else it asks whom its design says. Left out of files where nobody is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
}

impl Ask {
    /// A request of a client that stays where it is.
    pub fn new(at: Time, client: ClientId, op: Op) -> Ask {
        Ask { at, client, op, node: None }
    }
}

/// Magnitudes of a system's own times. The default keeps the ratios that make expected verdicts decidable:
/// a heartbeat is at least 8 one-way delays, an election time-out at least 10 heartbeats, a request time-out 2 of these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Between two heartbeats.
    pub heartbeat: Time,
    /// The shortest election or failover time-out (ET).
    pub election_low: Time,
    /// The longest.
    pub election_high: Time,
    /// How long a process that was started takes until it serves, beyond what an election takes. Left out of files where zero.
    #[serde(skip_serializing_if = "Time::is_zero")]
    pub starting: Time,
    /// A client gives an operation up after this.
    pub request_timeout: Time,
    /// A client that follows the leader asks another node after this.
    pub attempt_timeout: Time,
    /// One-way delay of a simulated link, at least.
    pub delay_low: Time,
    /// One-way delay of a simulated link, at most.
    pub delay_high: Time,
    /// Time of a simulated sync, at least.
    pub sync_low: Time,
    /// Time of a simulated sync, at most.
    pub sync_high: Time,
    /// Log entries in one message between nodes, at most.
    pub max_entries_per_append: usize,
    /// A log is compacted into a snapshot after so many applied entries.
    pub snapshot_every: u64,
    /// The run ends at the first answer that cannot be explained, in place of after its time. Left out of files where false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub online: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            heartbeat: MS * 50,
            election_low: MS * 500,
            election_high: SECOND,
            starting: Time::ZERO,
            request_timeout: SECOND,
            attempt_timeout: MS * 400,
            delay_low: MS,
            delay_high: MS * 5,
            sync_low: MS,
            sync_high: MS * 4,
            max_entries_per_append: 256,
            snapshot_every: 200,
            online: false,
        }
    }
}

impl Plan {
    /// The node that a client sits beside.
    pub fn home(&self, client: ClientId) -> NodeId {
        NodeId((client.0 % u32::from(self.nodes)) as u8)
    }
    /// Every node.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes).map(NodeId)
    }
}
