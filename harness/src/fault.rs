//! What may be done to a cluster, to whom, when, and what it turned out to have done.

use crate::motion::Motion;
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
    /// added stays. Several at once add up their offsets and multiply their rates ([`crate::Skew`]).
    Clock {
        /// Whose.
        target: Target,
        /// Added to the wall clock, in microseconds, backward if negative.
        offset: i64,
        /// Speed of the timers and of the wall clock, in percent: 200 is twice as fast.
        rate: u32,
        /// What becomes of the offset meanwhile.
        #[serde(default, skip_serializing_if = "Motion::is_still")]
        motion: Motion,
    },
    /// The process dies and its disk is emptied; at once the node starts again under the same id and remembers nothing.
    /// There is nothing to lift: a lost disk does not come back.
    Wipe(Target),
    /// An operator takes the node out of the cluster, replaces its machine once it has left, and the new one asks to be let in. What was
    /// begun is brought to its end, and there is nothing else to lift.
    Rebalance(Target),
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
        /// Percent of messages delivered two or three times.
        duplicate: u32,
        /// A further copy comes up to this much after the first one.
        #[serde(default, skip_serializing_if = "is_zero")]
        late: Time,
        /// Drawn up to this much and added to each delay, so that messages overtake each other.
        delay: Time,
    },
    /// Every message that the target says to a node, or hears from one, takes longer by this much. Each link keeps its order, so
    /// what is under way at the end still comes late. Clients are served as fast as ever.
    Delay {
        /// Whose links.
        target: Target,
        /// Added to each delay.
        by: Time,
    },
    /// Every link of the target, each way, carries only so many bytes a second. What comes faster waits, and what finds too much waiting is
    /// dropped, as by a router whose queue is full. For real databases: the bundled store's messages have no size.
    Bandwidth {
        /// Whose links.
        target: Target,
        /// Bytes a second.
        rate: u64,
    },
    /// Clients do not wait as long as an answer takes: who has none after this time asks again, under the same request id.
    Retry {
        /// Below the usual time of an answer.
        after: Time,
    },
    /// The processes of a node run for a share of the time only. Lifting lets them run again.
    CpuLimit {
        /// Whose.
        target: Target,
        /// How much of each period they run, in percent.
        percent: u32,
        /// From one stretch of running to the next one.
        period: Time,
    },
    /// What the processes of a node ask for beyond the memory that they have, and a little more, is refused. Lifting takes the limit
    /// away, and starts again what has died of it.
    MemoryLimit {
        /// Whose.
        target: Target,
        /// How much more each of them may have than it has, in bytes.
        spare: u64,
    },
    /// A node is killed, one bit of its data on disk is turned over, and it is started again. Where it cannot live with that, lifting
    /// turns the bit back and starts it once more; else what is damaged stays so.
    BitFlip(Target),
    /// The same with a file that has lost its end.
    Truncate {
        /// Whose.
        target: Target,
        /// How many bytes are lost of what was written.
        bytes: u64,
    },
    /// Does nothing, and so can never be effective: what the harness's own tests strike with.
    Nothing,
}

fn is_zero(time: &Time) -> bool {
    *time == Time::ZERO
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
    /// Every node but the one that leads.
    Others,
    /// Every node but this one.
    AllBut(NodeId),
}

impl Target {
    /// The nodes of a resolved target, in a cluster of so many.
    ///
    /// # Panics
    /// If it is symbolic.
    pub fn nodes(&self, cluster: usize) -> Vec<NodeId> {
        let all = (0..cluster as u8).map(NodeId);
        match self {
            Target::Node(node) => vec![*node],
            Target::All => all.collect(),
            Target::AllBut(one) => all.filter(|node| node != one).collect(),
            symbolic => panic!("\"{symbolic}\" is resolved before the fault is injected"),
        }
    }
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
    /// Two halves that hear each other only through one node, which hears everybody. The target is in one of the halves.
    Bridge(Target),
    /// Three parts, none of which hears another; as far as the number of nodes allows, none is a majority.
    Thirds,
    /// Each node hears a majority, and no two the same one: nodes stand in a circle and hear those next to them. Of three nodes each would
    /// hear all, so each hears only one of the others, one way.
    MajoritiesRing,
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
    /// Did anything meet it that it could have harmed, such as a request that came to a deposed leader ([`crate::relevance`])?
    /// `None` where nobody can say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mattered: Option<bool>,
}

impl Effect {
    /// What was measured, where nobody can say whether it mattered.
    pub fn new(effective: bool, measured: impl Into<String>) -> Effect {
        Effect { effective, measured: measured.into(), mattered: None }
    }
    /// The same with what showed whether it mattered.
    #[must_use]
    pub fn met(mut self, mattered: Option<bool>, words: &str) -> Effect {
        if !words.is_empty() {
            self.measured = format!("{}; {words}", self.measured);
        }
        self.mattered = mattered;
        self
    }
}

impl Fault {
    /// What is done, in one word, whoever it is done to.
    pub fn kind(&self) -> &'static str {
        match self {
            Fault::Partition(_) => "partition",
            Fault::Kill(_) => "kill",
            Fault::PowerLoss(_) => "power-loss",
            Fault::Pause(_) => "pause",
            Fault::Clock { .. } => "clock",
            Fault::Wipe(_) => "wipe",
            Fault::Rebalance(_) => "rebalance",
            Fault::SlowDisk { .. } => "slow-disk",
            Fault::Links { .. } => "links",
            Fault::Delay { .. } => "delay",
            Fault::Bandwidth { .. } => "bandwidth",
            Fault::Retry { .. } => "retry",
            Fault::CpuLimit { .. } => "cpu-limit",
            Fault::MemoryLimit { .. } => "memory-limit",
            Fault::BitFlip(_) => "bit-flip",
            Fault::Truncate { .. } => "truncate",
            Fault::Nothing => "nothing",
        }
    }
    /// The nodes that a resolved fault concerns: the smaller side of a partition, the victim of anything else. Empty where it concerns all.
    pub fn nodes(&self, cluster: usize) -> Vec<NodeId> {
        if let Fault::Partition(Cut::Links(links)) = self {
            return smaller_side(links, cluster);
        }
        match self.target() {
            Some(Target::Node(node)) => vec![*node],
            _ => Vec::new(),
        }
    }
    /// Whom the fault hits, where that is a matter of nodes and not of links.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Fault::Kill(target) | Fault::PowerLoss(target) | Fault::Pause(target) => Some(target),
            Fault::Wipe(target) | Fault::Rebalance(target) | Fault::BitFlip(target) => Some(target),
            Fault::Clock { target, .. } | Fault::SlowDisk { target, .. } => Some(target),
            Fault::Delay { target, .. } | Fault::Bandwidth { target, .. } => Some(target),
            Fault::CpuLimit { target, .. } | Fault::MemoryLimit { target, .. } => Some(target),
            Fault::Truncate { target, .. } => Some(target),
            Fault::Partition(_) | Fault::Links { .. } | Fault::Retry { .. } | Fault::Nothing => None,
        }
    }

    /// Whether its end has a process begin anew.
    pub fn restarts(&self) -> bool {
        use Fault::{BitFlip, Kill, MemoryLimit, PowerLoss, Truncate, Wipe};
        matches!(self, Kill(_) | PowerLoss(_) | Wipe(_) | MemoryLimit { .. } | BitFlip(_) | Truncate { .. })
    }

    /// Whether it is done to real databases alone: the bundled store's messages have no size, and its nodes have no processes, or no
    /// files, that it could be done to.
    pub fn real_only(&self) -> bool {
        use Fault::{Bandwidth, BitFlip, CpuLimit, MemoryLimit, Truncate};
        matches!(self, Bandwidth { .. } | CpuLimit { .. } | MemoryLimit { .. } | BitFlip(_) | Truncate { .. })
    }
}

/// The nodes with the most cut links: those on the smaller side of any two-sided cut. Where they are more than a half of all, or links
/// are cut that lead neither to them nor from them, there is no such side.
fn smaller_side(links: &[(NodeId, NodeId)], cluster: usize) -> Vec<NodeId> {
    let cut = |node: NodeId| links.iter().filter(|(from, to)| *from == node || *to == node).count();
    let nodes = || (0..cluster as u8).map(NodeId);
    let most = nodes().map(cut).max().unwrap_or(0);
    let side: Vec<NodeId> = nodes().filter(|node| most > 0 && cut(*node) == most).collect();
    let parted = |(from, to): &(NodeId, NodeId)| side.contains(from) != side.contains(to);
    if side.len() * 2 > cluster || !links.iter().all(parted) { Vec::new() } else { side }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Node(node) => write!(f, "{node}"),
            Target::Leader => write!(f, "the leader"),
            Target::Follower => write!(f, "a follower"),
            Target::Marked => write!(f, "the node that hit the mark"),
            Target::All => write!(f, "every node"),
            Target::Others => write!(f, "every node but the leader"),
            Target::AllBut(node) => write!(f, "every node but {node}"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Partition(Cut::Isolate(target)) => write!(f, "isolate {target}"),
            Fault::Partition(Cut::Minority(target)) => write!(f, "cut off a minority with {target}"),
            Fault::Partition(Cut::Mute(target)) => write!(f, "mute {target}"),
            Fault::Partition(Cut::Bridge(target)) => write!(f, "leave one bridge between two halves, {target} in one"),
            Fault::Partition(Cut::Thirds) => write!(f, "split all nodes into three parts"),
            Fault::Partition(Cut::MajoritiesRing) => write!(f, "leave each node a majority that no other node has"),
            Fault::Partition(Cut::Links(links)) if links.is_empty() => write!(f, "cut no link"),
            Fault::Partition(Cut::Links(links)) => write!(f, "cut {}", Links(links)),
            Fault::Kill(target) => write!(f, "kill {target}"),
            Fault::PowerLoss(target) => write!(f, "cut the power of {target}"),
            Fault::Pause(target) => write!(f, "pause {target}"),
            Fault::Wipe(target) => write!(f, "wipe the disk of {target}"),
            Fault::Rebalance(target) => write!(f, "take {target} out of the cluster and a new machine in"),
            Fault::Clock { target, offset, rate, motion } => {
                let offset = *offset as f64 / 1e6;
                write!(f, "set the clock of {target} {offset:+.3} s off, at {rate} % of its rate{motion}")
            }
            Fault::SlowDisk { target, by } => write!(f, "slow the disk of {target} by {by} a sync"),
            Fault::Links { loss, duplicate, late, delay } => {
                let late = if *late > Time::ZERO { format!(" up to {late} later") } else { String::new() };
                write!(f, "links lose {loss} %, duplicate {duplicate} %{late}, delay by up to {delay}")
            }
            Fault::Delay { target, by } => write!(f, "delay the links of {target} by {by}"),
            Fault::Bandwidth { target, rate } => write!(f, "narrow the links of {target} to {rate} bytes a second"),
            Fault::Retry { after } => write!(f, "let clients ask again after {after}"),
            Fault::CpuLimit { target, percent, period } => {
                write!(f, "let {target} run for {percent} % of every {period}")
            }
            Fault::MemoryLimit { target, spare } => {
                write!(f, "give {target} no more memory than it has and {} KiB", spare / 1024)
            }
            Fault::BitFlip(target) => write!(f, "turn over a bit on the disk of {target}"),
            Fault::Truncate { target, bytes } => write!(f, "cut {bytes} bytes off a file of {target}"),
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
