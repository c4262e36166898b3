//! What may be done to a cluster, to whom, when, and what it turned out to have done.

use crate::node::NodeId;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One thing done to a cluster, from its injection until it is lifted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Links carry nothing. Clients sit beside their home node and are cut with it.
    Partition(Cut),
    /// `SIGKILL`; what was written, synced or not, is there at the restart. Lifting restarts.
    Kill(Target),
    /// Loss of power: what was not synced is gone. Lifting restarts.
    PowerLoss(Target),
    /// `SIGSTOP`; clocks run on and messages wait. Lifting continues.
    Pause(Target),
    /// Wrong clocks. Lifting takes the offset back and lets the clocks run at their own rate again; what a wrong rate has
    /// added stays. Several at once add up their offsets and multiply their rates ([`skew`]).
    Clock {
        /// Whose.
        target: Target,
        /// Added to the wall clock, in microseconds, backward if negative.
        offset: i64,
        /// Speed of the timers and of the wall clock, in percent: 200 is twice as fast.
        rate: u32,
    },
    /// Every sync takes longer by this much.
    SlowDisk {
        /// Whose.
        target: Target,
        /// Added to every sync.
        by: Time,
    },
    /// Links that lose, duplicate and delay whole messages, on every link between nodes. Clients' links are never rough.
    Links {
        /// Percent of messages lost.
        loss: u32,
        /// Percent of messages delivered twice.
        duplicate: u32,
        /// Drawn up to this much and added to each delay, so that messages overtake each other.
        delay: Time,
    },
    /// Does nothing, and so can never be effective: what the harness's own tests strike with.
    Nothing,
}

/// Whom a node fault hits. Symbolic ones are resolved when the fault is injected, and recorded resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// This one.
    Node(NodeId),
    /// Who leads now; where nobody does, or the design has no leader, any one.
    Leader,
    /// Any one that does not lead.
    Follower,
    /// Whoever hit the mark that the fault waited for.
    Marked,
    /// Every node at once.
    All,
}

/// Which links are cut. Symbolic ones are resolved to [`Cut::Links`] when the fault is injected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cut {
    /// Every link of the target, both ways.
    Isolate(Target),
    /// A minority that the target belongs to, against the rest, both ways.
    Minority(Target),
    /// What the target says reaches nobody; it still hears.
    Mute(Target),
    /// These directed links.
    Links(Vec<(NodeId, NodeId)>),
}

impl Cut {
    /// Every link between `side` and the other nodes of a cluster of `nodes`, both ways.
    pub fn around(side: &[NodeId], nodes: usize) -> Cut {
        let mut links = Vec::new();
        for inside in side {
            for outside in (0..nodes as u8).map(NodeId).filter(|node| !side.contains(node)) {
                links.extend([(*inside, outside), (outside, *inside)]);
            }
        }
        Cut::Links(links)
    }
}

/// When a planned fault strikes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// At this time of the chaos phase.
    At(Time),
    /// When a node hits a mark.
    OnMark {
        /// Its name.
        mark: String,
        /// Marks hit earlier than this do not count.
        from: Time,
        /// Which of them, counted from 1.
        nth: u32,
        /// How long after the mark. Zero: nothing that follows the mark in the node's step happens.
        delay: Time,
    },
}

/// A planned fault: data, printable and shrinkable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Strike {
    /// When it begins.
    pub when: When,
    /// What is done.
    pub fault: Fault,
    /// How long until it is lifted.
    pub lasts: Time,
}

/// What a fault really did, measured by whoever did it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Did it change anything that a node or client could notice?
    pub effective: bool,
    /// What was measured, e.g. `113 messages dropped`.
    pub measured: String,
}

impl Fault {
    /// The nodes that a resolved fault concerns: the smaller side of a partition, the victim of anything else. Empty where it concerns all.
    pub fn nodes(&self, cluster: usize) -> Vec<NodeId> {
        let target = match self {
            Fault::Kill(target) | Fault::PowerLoss(target) | Fault::Pause(target) => target,
            Fault::Clock { target, .. } | Fault::SlowDisk { target, .. } => target,
            Fault::Partition(Cut::Links(links)) => return smaller_side(links, cluster),
            Fault::Partition(_) | Fault::Links { .. } | Fault::Nothing => return Vec::new(),
        };
        match target {
            Target::Node(node) => vec![*node],
            _ => Vec::new(),
        }
    }
}

/// What several clock faults at once come to: offsets add up, rates multiply.
pub fn skew(faults: &[(i64, u32)]) -> (i64, u32) {
    let rate = faults.iter().fold(100u64, |rate, (_, percent)| rate * u64::from(*percent) / 100);
    (faults.iter().map(|(offset, _)| offset).sum(), rate.clamp(1, 10_000) as u32)
}

/// The nodes with the most cut links: those on the smaller side of any two-sided cut.
fn smaller_side(links: &[(NodeId, NodeId)], cluster: usize) -> Vec<NodeId> {
    let cut = |node: NodeId| links.iter().filter(|(from, to)| *from == node || *to == node).count();
    let nodes = || (0..cluster as u8).map(NodeId);
    let most = nodes().map(cut).max().unwrap_or(0);
    nodes().filter(|node| most > 0 && cut(*node) == most).collect()
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Node(node) => write!(f, "{node}"),
            Target::Leader => write!(f, "the leader"),
            Target::Follower => write!(f, "a follower"),
            Target::Marked => write!(f, "the node that hit the mark"),
            Target::All => write!(f, "every node"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Partition(Cut::Isolate(target)) => write!(f, "isolate {target}"),
            Fault::Partition(Cut::Minority(target)) => write!(f, "cut off a minority with {target}"),
            Fault::Partition(Cut::Mute(target)) => write!(f, "mute {target}"),
            Fault::Partition(Cut::Links(links)) if links.is_empty() => write!(f, "cut no link"),
            Fault::Partition(Cut::Links(links)) => write!(f, "cut {}", Links(links)),
            Fault::Kill(target) => write!(f, "kill {target}"),
            Fault::PowerLoss(target) => write!(f, "cut the power of {target}"),
            Fault::Pause(target) => write!(f, "pause {target}"),
            Fault::Clock { target, offset, rate } => {
                write!(f, "set the clock of {target} {:+.3} s off, at {rate} % of its rate", *offset as f64 / 1e6)
            }
            Fault::SlowDisk { target, by } => write!(f, "slow the disk of {target} by {by} a sync"),
            Fault::Links { loss, duplicate, delay } => {
                write!(f, "links lose {loss} %, duplicate {duplicate} %, delay by up to {delay}")
            }
            Fault::Nothing => write!(f, "nothing"),
        }
    }
}

struct Links<'a>(&'a [(NodeId, NodeId)]);

/// `n1 <-> n2, n1 -> n3`: both directions of a pair are one item.
impl fmt::Display for Links<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut between = "";
        for (from, to) in self.0 {
            let both = self.0.contains(&(*to, *from));
            if both && from > to {
                continue;
            }
            write!(f, "{between}{from} {} {to}", if both { "<->" } else { "->" })?;
            between = ", ";
        }
        Ok(())
    }
}
