//! Whom a fault leaves a way to be served: what a design needs for a write, against what is dead, stopped or cut.
//!
//! A run in which nobody was served while a fault lasted has tested little, unless nobody could be: then requests that were
//! tried are all that can be asked for.

use crate::fault::{Cut, Fault, Target};
use crate::node::NodeId;
use crate::plan::{ClientId, Plan};
use serde::{Deserialize, Serialize};

/// Which nodes must be up and reached for a write to be answered, by design.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Needs {
    /// No certain one: a majority, a successor or the client's home serves.
    #[default]
    WhoeverIsLeft,
    /// This one, whatever becomes of the others.
    Node(NodeId),
    /// Every one.
    Everybody,
}

impl Needs {
    /// True of what stands in a plan unless somebody says otherwise.
    pub fn usual(&self) -> bool {
        *self == Needs::default()
    }
}

/// How many clients of a plan may hope that their writes are answered while this resolved fault lasts.
pub fn hopeful(plan: &Plan, fault: &Fault) -> usize {
    let homes = (0..plan.clients).map(|client| plan.home(ClientId(client)));
    homes.filter(|home| served(plan.needs, *home, fault, plan.nodes)).count()
}

/// True if a client beside `home` may hope that its writes are answered while this resolved fault lasts, in a cluster of so many nodes.
pub fn served(needs: Needs, home: NodeId, fault: &Fault, nodes: u8) -> bool {
    match (silent(fault), needs) {
        (Some(Target::All), _) | (Some(_), Needs::Everybody) => return false,
        (Some(silent), Needs::Node(node)) => return *silent != Target::Node(node),
        (Some(_), Needs::WhoeverIsLeft) => return true,
        (None, _) => {}
    }
    match (fault, needs) {
        (Fault::Partition(Cut::Links(links)), Needs::Node(node)) => {
            !links.contains(&(home, node)) && !links.contains(&(node, home))
        }
        // Who can do without a majority may serve all the same; nobody else can be expected to.
        (Fault::Partition(Cut::Links(links)), Needs::WhoeverIsLeft) => leaves_a_majority(links, nodes),
        // What is late by more than a client's patience stops whoever waits for all. Late links are those between nodes.
        (Fault::Partition(_) | Fault::Delay { .. } | Fault::Bandwidth { .. }, Needs::Everybody) => false,
        _ => true,
    }
}

/// Whether some node still hears a majority, and is heard by it.
fn leaves_a_majority(links: &[(NodeId, NodeId)], nodes: u8) -> bool {
    let all = || (0..nodes).map(NodeId);
    let joined = |one: NodeId, other: NodeId| !links.contains(&(one, other)) && !links.contains(&(other, one));
    all().any(|one| all().filter(|other| joined(one, *other)).count() > usize::from(nodes) / 2)
}

/// Whom a fault silences, or may silence: who is short of something, or comes back with what is damaged, may serve and may not.
fn silent(fault: &Fault) -> Option<&Target> {
    match fault {
        Fault::Kill(target) | Fault::PowerLoss(target) | Fault::Pause(target) | Fault::BitFlip(target) => Some(target),
        Fault::CpuLimit { target, .. } | Fault::MemoryLimit { target, .. } | Fault::Truncate { target, .. } => {
            Some(target)
        }
        // A wiped node is back at once.
        Fault::Wipe(_) | Fault::Rebalance(_) | Fault::Clock { .. } | Fault::SlowDisk { .. } => None,
        Fault::Partition(_) | Fault::Links { .. } | Fault::Delay { .. } | Fault::Bandwidth { .. } => None,
        Fault::Retry { .. } | Fault::Nothing => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{FORMAT, Settings, Tier};
    use crate::seed::Seed;
    use crate::time::SECOND;

    fn plan(needs: Needs) -> Plan {
        Plan {
            format: FORMAT,
            build: String::new(),
            design: String::new(),
            needs,
            switches: Vec::new(),
            given: Default::default(),
            tier: Tier::Sim,
            workload: String::new(),
            nemesis: String::new(),
            seed: Seed(1),
            nodes: 5,
            clients: 10,
            time: SECOND,
            settings: Settings::default(),
            asks: Vec::new(),
            strikes: Vec::new(),
            finals: Vec::new(),
        }
    }

    #[test]
    fn who_may_hope_depends_on_what_a_write_needs() {
        let (first, other) = (Target::Node(NodeId(0)), Target::Node(NodeId(3)));
        let cut = |side: &[NodeId]| Fault::Partition(Cut::around(side, 5));
        let mute = Fault::Partition(Cut::Links((1..5).map(|to| (NodeId(0), NodeId(to))).collect()));
        let slow = Fault::SlowDisk { target: first.clone(), by: SECOND };
        for (fault, left, first, all) in [
            (Fault::Kill(Target::All), 0, 0, 0),
            (Fault::Kill(first.clone()), 10, 0, 0),
            (Fault::Pause(other.clone()), 10, 10, 0),
            (Fault::PowerLoss(other), 10, 10, 0),
            (cut(&[NodeId(0)]), 10, 2, 0),
            (cut(&[NodeId(0), NodeId(4)]), 10, 4, 0),
            (cut(&[NodeId(4)]), 10, 8, 0),
            (mute, 10, 2, 0),
            (slow, 10, 10, 10),
            (Fault::CpuLimit { target: first.clone(), percent: 10, period: SECOND }, 10, 0, 0),
            (Fault::BitFlip(Target::Node(NodeId(3))), 10, 10, 0),
            (Fault::MemoryLimit { target: Target::All, spare: 1 }, 0, 0, 0),
        ] {
            let hopeful = |needs| hopeful(&plan(needs), &fault);
            let seen = [Needs::WhoeverIsLeft, Needs::Node(NodeId(0)), Needs::Everybody].map(hopeful);
            assert_eq!(seen, [left, first, all], "{fault}");
        }
    }
}
