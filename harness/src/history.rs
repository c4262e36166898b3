//! What happened, in the order in which the controller saw it; that order is the truth.

use crate::fault::{Effect, Fault};
use crate::node::NodeId;
use crate::op::Op;
use crate::outcome::Outcome;
use crate::plan::ClientId;
use crate::time::Time;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A single-threaded asker. A client begins as the process of its own number; after an outcome that is unknown it goes on
/// as the next free process, so that no process has two requests open. Process `p` of `c` clients is client `p % c`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProcessId(pub u32);

impl ProcessId {
    /// The client behind it.
    pub fn client(self, clients: u32) -> ClientId {
        ClientId(self.0 % clients)
    }
}

/// One thing that the controller saw.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When, by the controller's clock.
    pub time: Time,
    /// What.
    pub what: What,
}

/// What the controller saw.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A process asked.
    Invoke {
        /// Who.
        process: ProcessId,
        /// What.
        op: Op,
    },
    /// A process learnt how its request ended.
    Return {
        /// Who.
        process: ProcessId,
        /// What it had asked.
        op: Op,
        /// How it ended.
        outcome: Outcome,
    },
    /// A fault was injected.
    Began {
        /// Its place among the plan's strikes.
        strike: usize,
        /// With its targets resolved.
        fault: Fault,
    },
    /// A fault was lifted.
    Ended {
        /// Its place among the plan's strikes.
        strike: usize,
        /// What it really did.
        effect: Effect,
    },
    /// A node hit a mark.
    Mark {
        /// Who.
        node: NodeId,
        /// Its name.
        mark: Cow<'static, str>,
    },
    /// The run went on to its next part.
    Phase(Phase),
    /// Something that can never be right was seen inside the cluster.
    Finding {
        /// Which invariant.
        invariant: Cow<'static, str>,
        /// What was seen, in words.
        sentence: String,
    },
    /// The data that a node held when the run was over.
    Digest {
        /// Who.
        node: NodeId,
        /// Equal for equal data.
        digest: u64,
    },
}

/// The parts of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Clients ask and faults strike.
    Chaos,
    /// Every fault is lifted and clients fall silent.
    Heal,
    /// Everything is at rest and is read once more.
    Final,
}

/// All events of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// In the order in which they were seen.
    pub events: Vec<Event>,
}

/// An invocation with its completion, if it had one.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// Who asked.
    pub process: ProcessId,
    /// What.
    pub op: &'a Op,
    /// Index of the invocation among the events.
    pub invoked: usize,
    /// When it was asked.
    pub asked: Time,
    /// Index of the completion. `None` where the history ends first, which is the same as an unknown outcome.
    pub returned: Option<usize>,
    /// When it was answered; [`Time::NEVER`] without completion.
    pub answered: Time,
    /// How it ended, if anybody knows.
    pub outcome: Option<&'a Outcome>,
}

/// A fault from its injection to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultInterval {
    /// Its place among the plan's strikes.
    pub strike: usize,
    /// With its targets resolved.
    pub fault: Fault,
    /// When it was injected.
    pub began: Time,
    /// When it was lifted; [`Time::NEVER`] if the history ends before.
    pub ended: Time,
    /// What it did; `None` if the history ends before.
    pub effect: Option<Effect>,
}

/// What a process may do next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    Free,
    Asks,
    /// Nobody knows how its last operation ended: it never asks again.
    Retired,
}

impl History {
    /// Every call, in order of invocation.
    ///
    /// # Panics
    /// If a process asks twice without completion between, or completes what it did not ask. Readers of files check first ([`History::check`]).
    pub fn calls(&self) -> Vec<Call<'_>> {
        let mut calls: Vec<Call> = Vec::with_capacity(self.events.len() / 2);
        let mut open: BTreeMap<ProcessId, usize> = BTreeMap::new();
        for (index, event) in self.events.iter().enumerate() {
            match &event.what {
                What::Invoke { process, op } => {
                    let earlier = open.insert(*process, calls.len());
                    assert!(earlier.is_none(), "event {index}: process {} asks before its answer", process.0);
                    let (asked, answered) = (event.time, Time::NEVER);
                    let call =
                        Call { process: *process, op, invoked: index, asked, returned: None, answered, outcome: None };
                    calls.push(call);
                }
                What::Return { process, outcome, .. } => {
                    let Some(call) = open.remove(process) else {
                        panic!("event {index}: process {} is answered without having asked", process.0)
                    };
                    let call = &mut calls[call];
                    (call.returned, call.answered, call.outcome) = (Some(index), event.time, Some(outcome));
                }
                _ => {}
            }
        }
        calls
    }

    /// Says what makes these events no history, if anything does: the index of the event, and why.
    pub fn check(&self) -> Result<(), (usize, String)> {
        let mut processes: BTreeMap<ProcessId, Standing> = BTreeMap::new();
        for (index, event) in self.events.iter().enumerate() {
            let wrong = match &event.what {
                What::Invoke { process, .. } => match processes.insert(*process, Standing::Asks) {
                    None | Some(Standing::Free) => continue,
                    Some(Standing::Asks) => format!("process {} asks before it was answered", process.0),
                    Some(Standing::Retired) => format!(
                        "process {} is used again after an outcome that nobody knows: what it asked may still happen beside what it asks \
                         now, so its client has to go on as a new process",
                        process.0
                    ),
                },
                What::Return { process, outcome, .. } => {
                    let unknown = matches!(outcome, Outcome::Unknown(_));
                    let standing = if unknown { Standing::Retired } else { Standing::Free };
                    match processes.insert(*process, standing) {
                        Some(Standing::Asks) => continue,
                        _ => format!("process {} is answered but did not ask", process.0),
                    }
                }
                _ => continue,
            };
            return Err((index, wrong));
        }
        Ok(())
    }

    /// Every fault, in order of injection.
    pub fn faults(&self) -> Vec<FaultInterval> {
        let mut faults: Vec<FaultInterval> = Vec::new();
        for event in &self.events {
            match &event.what {
                What::Began { strike, fault } => faults.push(FaultInterval {
                    strike: *strike,
                    fault: fault.clone(),
                    began: event.time,
                    ended: Time::NEVER,
                    effect: None,
                }),
                What::Ended { strike, effect } => {
                    let fault = faults.iter_mut().find(|fault| fault.strike == *strike && fault.effect.is_none());
                    let Some(fault) = fault else { continue };
                    (fault.ended, fault.effect) = (event.time, Some(effect.clone()));
                }
                _ => {}
            }
        }
        faults
    }

    /// Every mark that nodes hit.
    pub fn marks(&self) -> impl Iterator<Item = (Time, NodeId, &str)> {
        self.events.iter().filter_map(|event| match &event.what {
            What::Mark { node, mark } => Some((event.time, *node, mark.as_ref())),
            _ => None,
        })
    }

    /// Index of the event with which a phase began, or the length of the history if it never did.
    pub fn phase(&self, phase: Phase) -> usize {
        let began = |event: &Event| event.what == What::Phase(phase);
        self.events.iter().position(began).unwrap_or(self.events.len())
    }
}
