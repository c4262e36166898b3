//! What checkers decide, how sure they are, and how many decisions become one.

use crate::anomaly::Anomaly;
use crate::fault::Fault;
use crate::history::{FaultInterval, History, Phase, ProcessId, What};
use crate::node::NodeId;
use crate::plan::{ClientId, Plan};
use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All that a checker may see. Times are data that only `availability` judges by.
#[derive(Clone, Debug)]
pub struct Run {
    /// What was planned.
    pub plan: Plan,
    /// What happened.
    pub history: History,
    /// The faults of the history.
    pub faults: Vec<FaultInterval>,
    /// True if somebody ended the run before its time.
    pub interrupted: bool,
    finals: usize,
}

impl Run {
    /// A run from its plan and everything that happened. It was interrupted if it healed before its time, or never came to
    /// its final reads.
    pub fn new(plan: Plan, history: History) -> Run {
        let (faults, finals) = (history.faults(), history.phase(Phase::Final));
        let healed = history.events.get(history.phase(Phase::Heal)).map(|event| event.time);
        let interrupted = finals == history.events.len() || healed.is_none_or(|healed| healed < plan.time);
        Run { plan, history, faults, interrupted, finals }
    }
    /// Whether a node's files were damaged: it may have gone for good, which says nothing about all the others.
    pub fn damaged(&self, node: NodeId) -> bool {
        let damage = |fault: &Fault| matches!(fault, Fault::BitFlip(_) | Fault::Truncate { .. });
        let nodes = usize::from(self.plan.nodes);
        self.faults.iter().any(|fault| damage(&fault.fault) && fault.fault.nodes(nodes).contains(&node))
    }
    /// The client behind a process.
    pub fn client(&self, process: ProcessId) -> ClientId {
        process.client(self.plan.clients)
    }
    /// Index of the first event of the final reads; the length of the history if there are none.
    pub fn finals(&self) -> usize {
        self.finals
    }
    /// When the chaos phase began and ended.
    pub fn chaos(&self) -> (Time, Time) {
        let time = |index: usize| self.history.events.get(index).map(|event| event.time);
        let last = self.history.events.last().map_or(Time::ZERO, |event| event.time);
        (
            time(self.history.phase(Phase::Chaos)).unwrap_or(Time::ZERO),
            time(self.history.phase(Phase::Heal)).unwrap_or(last),
        )
    }
    /// Everything that was seen inside the cluster and can never be right: which invariant, and a sentence; with the event's index.
    pub fn findings(&self) -> impl Iterator<Item = (usize, &str, &str)> {
        self.history.events.iter().enumerate().filter_map(|(index, event)| match &event.what {
            What::Finding { invariant, sentence } => Some((index, invariant.as_ref(), sentence.as_str())),
            _ => None,
        })
    }
}

/// How much work a checker may do before it says that it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Steps of a search: the same on every machine.
    pub steps: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { steps: 20_000_000 }
    }
}

/// What a checker decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The promise was kept.
    Held,
    /// It was broken, and this proves it.
    Violated(Box<Anomaly>),
    /// Nobody can say, and why. Never a pass.
    Unknown(String),
    /// Nothing was tested, and why. Never a pass.
    Vacuous(String),
}

impl Verdict {
    /// The word for it.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Held => "held",
            Verdict::Violated(_) => "violated",
            Verdict::Unknown(_) => "unknown",
            Verdict::Vacuous(_) => "vacuous",
        }
    }
    /// The exit code that says the same.
    pub fn exit(&self) -> Exit {
        match self {
            Verdict::Held => Exit::Held,
            Verdict::Violated(_) => Exit::Violated,
            Verdict::Unknown(_) => Exit::Unknown,
            Verdict::Vacuous(_) => Exit::Vacuous,
        }
    }
}

/// A promise, and a function that judges whether a run kept it.
#[derive(Clone, Copy)]
pub struct Checker {
    /// As on the command line.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Judges. Deterministic: no clock, no chance.
    pub check: fn(&Run, Budget) -> Opinion,
    /// A tiny run that breaks the promise. A checker that does not say so is blind, and its "held" says nothing.
    pub trap: fn() -> Run,
}

/// A verdict with what else the checker measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opinion {
    /// Whose.
    pub checker: String,
    /// What it decided.
    pub verdict: Verdict,
    /// Figures worth reading, one sentence each.
    pub notes: Vec<String>,
}

impl Opinion {
    /// An opinion without figures.
    pub fn new(checker: &str, verdict: Verdict) -> Opinion {
        Opinion { checker: checker.to_string(), verdict, notes: Vec::new() }
    }
}

/// What all checkers together say of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The worst of all opinions; a held run that tested nothing is vacuous.
    pub verdict: Verdict,
    /// One an asked checker.
    pub opinions: Vec<Opinion>,
}

/// Asks every checker, then whether the run tested anything ([`crate::gate`]). Of a history that cannot be one nobody can say anything.
pub fn judge(run: &Run, checkers: &[Checker], budget: Budget) -> Judgement {
    judge_each(run, &[checkers], budget).pop().expect("a judgement for each panel")
}

/// The same for several panels of checkers at once: who sits in more than one is asked once.
pub fn judge_each(run: &Run, panels: &[&[Checker]], budget: Budget) -> Vec<Judgement> {
    if let Err((event, why)) = run.history.check() {
        let verdict = Verdict::Unknown(format!(
            "the history is malformed: event {event}: {why}; the client program must be mended"
        ));
        return panels.iter().map(|_| Judgement { verdict: verdict.clone(), opinions: Vec::new() }).collect();
    }
    let mut asked: BTreeMap<&str, Opinion> = BTreeMap::new();
    let mut ask =
        |checker: &Checker| asked.entry(checker.name).or_insert_with(|| opinion(checker, run, budget)).clone();
    panels.iter().map(|panel| conclude(run, panel.iter().map(&mut ask).collect())).collect()
}

/// What opinions come to.
fn conclude(run: &Run, opinions: Vec<Opinion>) -> Judgement {
    // Of equally bad ones the first: a workload names who doubts its client program first, then the checkers of its own promise.
    let worst = opinions.iter().rev().map(|opinion| &opinion.verdict).max_by_key(|verdict| verdict.exit().severity());
    let verdict = match worst {
        None => Verdict::Vacuous("no checker was asked".to_string()),
        Some(Verdict::Held) => crate::gate::gate(run),
        // Who never looks cannot say more than that.
        Some(Verdict::Unknown(_)) if !crate::gate::reads(run) => {
            Verdict::Vacuous("nobody ever asked to read".to_string())
        }
        Some(worse) => worse.clone(),
    };
    Judgement { verdict, opinions }
}

/// A checker's opinion, believed only if it can see: "held" from one that misses its own trap is vacuous.
fn opinion(checker: &Checker, run: &Run, budget: Budget) -> Opinion {
    let opinion = (checker.check)(run, budget);
    let sees = || matches!((checker.check)(&(checker.trap)(), budget).verdict, Verdict::Violated(_));
    if opinion.verdict == Verdict::Held && !sees() {
        let blind = format!("the checker {} calls a history right that is known to be wrong", checker.name);
        return Opinion { verdict: Verdict::Vacuous(blind), ..opinion };
    }
    opinion
}

/// What the process says to whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// The promise was kept.
    Held = 0,
    /// It was broken.
    Violated = 1,
    /// Nobody can say.
    Unknown = 2,
    /// Nothing was tested.
    Vacuous = 3,
    /// A campaign saw what it did not expect.
    NotAsExpected = 4,
    /// A replay gave another history.
    ReplayDiffered = 5,
    /// A performance or availability gate failed.
    Gate = 6,
    /// Bad input.
    Usage = 64,
    /// The harness itself failed.
    Harness = 70,
}

impl Exit {
    /// Of several the worst wins: a larger number is worse.
    pub fn severity(self) -> u8 {
        match self {
            Exit::Held => 0,
            Exit::Vacuous => 1,
            Exit::Unknown => 2,
            Exit::Gate => 3,
            Exit::NotAsExpected => 4,
            Exit::ReplayDiffered => 5,
            Exit::Violated => 6,
            Exit::Usage => 7,
            Exit::Harness => 8,
        }
    }
    /// The worse of two.
    pub fn worst(self, other: Exit) -> Exit {
        if other.severity() > self.severity() { other } else { self }
    }
}
