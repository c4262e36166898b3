//! A schedule written by hand: a text that names only operations, faults and the order in which things arrive.
//!
//! Nothing happens unless a line says so: no timer fires, no message arrives, no write is synced. What takes chance
//! thousands of runs, a script does in one; and it needs no clock, so that it says exactly which order breaks a design.
//!
//! ```text
//! # a story in comments
//! design raft             the head: what is played, whose checkers judge it,
//! workload register       on how many nodes, and magnitudes that are not the default
//! nodes 3
//! with max_entries_per_append 1
//!
//! fire n1 election        an armed timer runs out
//! deliver n1 n2           the oldest message on the way from n1 to n2 arrives; also: a number, or `all` that there are
//! drop n1 n2 2            so many of the oldest are lost
//! late n1 n2              the oldest is overtaken by all others
//! twice n1 n2             the oldest arrives, and will arrive again
//! sync n1                 the oldest unsynced write of n1 is durable; also: a number, or `all`
//! settle n1 n2            whatever is on the way among these nodes arrives, and they sync, until all is quiet; no timer fires
//! client 1 n2 write x 5   client 1 asks n2
//! again 1 n3              client 1 asks n3 the same once more
//! kill n1                 its process dies, and what was on its way to it is lost; `power n1`: unsynced writes too
//! wipe n1                 the same with all that its disk ever held
//! start n1                a dead node comes back
//! dismiss n1 n4 n5        an operator tells n1 that n4 and n5 are to leave the cluster, in one change
//! replace n4              the machine of n4, which was dismissed, is replaced, and the new one starts
//! clock n1 rate 50        from here on its clocks run at half their speed; `offset -5000`: the one on the wall is 5 s behind
//! cut n1 n2               what one says to the other is lost, both ways, and what was on the way too
//! heal                    every cut is mended
//! wait 3000               so many milliseconds pass
//! final                   what follows are final reads
//! ```
//!
//! A line takes [`TICK`]. A client that asks although it has no answer yet gives its older request up. Whoever lives in the
//! end tells a digest of its data, so a script ends when all that live agree. Where a line cannot be done, the script is
//! wrong; but once an invariant is broken there may be no such message or timer any more, and the rest is done as far
//! as it goes.

mod parse;
mod play;
mod write;

pub use parse::operation;
pub use write::{head, spelt};

use crate::files::Malformed;
use crate::needs::Needs;
use crate::node::{Node, NodeId};
use crate::op::Op;
use crate::plan::{FORMAT, Plan, Settings, Tier};
use crate::seed::Seed;
use crate::time::Time;
use crate::verdict::Run;

/// How long a line takes.
pub const TICK: Time = Time(10_000);

/// A schedule, read and not yet played.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The file's name, for complaints.
    pub name: String,
    /// What is played.
    pub design: String,
    /// Whose checkers judge it.
    pub workload: String,
    /// On how many nodes.
    pub nodes: u8,
    /// Magnitudes of the system's own times; only those that are not times matter here.
    pub settings: Settings,
    /// Each with the number of its line.
    lines: Vec<(usize, Line)>,
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
enum Line {
    Fire { node: NodeId, timer: String },
    Deliver { link: Link, count: Count },
    Drop { link: Link, count: Count },
    Late(Link),
    Twice(Link),
    Sync { node: NodeId, count: Count },
    Settle(Vec<NodeId>),
    Ask { client: u32, node: NodeId, op: Op },
    Again { client: u32, node: NodeId },
    Kill(NodeId),
    Power(NodeId),
    Wipe(NodeId),
    Clock { node: NodeId, rate: u32, offset: i64 },
    Start(NodeId),
    Dismiss { at: NodeId, nodes: Vec<NodeId> },
    Replace(NodeId),
    Cut(NodeId, NodeId),
    Heal,
    Wait(Time),
    Final,
}

/// From whom to whom.
type Link = (NodeId, NodeId);

/// How many of the oldest: exactly so many, or all that there are.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Count {
    Exactly(usize),
    All,
}

impl Script {
    /// Reads a schedule. `name` is the file's, for complaints.
    ///
    /// # Errors
    /// The first line that cannot be read, and what was expected there.
    pub fn read(name: &str, text: &str) -> Result<Script, Malformed> {
        parse::script(name, text)
    }

    /// Plays the schedule on a cluster of this configuration. `switches` are the deliberate bugs that are on in it; the
    /// run's plan names them.
    ///
    /// # Errors
    /// The first line that cannot be done, and why, as long as no invariant is broken.
    pub fn play<N: Node>(&self, config: N::Config, switches: &[String]) -> Result<Run, Malformed> {
        let plan = self.plan(switches);
        let history = play::history::<N>(self, config, plan.clients)?;
        Ok(Run::new(plan, history))
    }

    /// How many clients there are: one more than the largest number.
    fn clients(&self) -> u32 {
        let client = |(_, line): &(usize, Line)| match line {
            Line::Ask { client, .. } | Line::Again { client, .. } => Some(client + 1),
            _ => None,
        };
        self.lines.iter().filter_map(client).max().unwrap_or(1)
    }

    /// What stands in for a plan: nothing is asked or struck by plan, the lines say what happens.
    fn plan(&self, switches: &[String]) -> Plan {
        Plan {
            format: FORMAT,
            build: String::new(),
            design: self.design.clone(),
            needs: Needs::default(),
            switches: switches.to_vec(),
            given: Default::default(),
            tier: Tier::Sim,
            workload: self.workload.clone(),
            nemesis: "script".to_string(),
            seed: Seed(0),
            nodes: self.nodes,
            clients: self.clients(),
            time: Time(TICK.0 * (self.lines.len() as u64 + 1)),
            settings: self.settings.clone(),
            asks: Vec::new(),
            strikes: Vec::new(),
            finals: Vec::new(),
        }
    }
}
