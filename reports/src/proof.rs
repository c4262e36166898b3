//! The few operations that prove a violation, with the faults and marks around them, in the order of the history.
//!
//! The terminal and the page draw the same steps: what was asked and answered, between which faults.

use crate::episode::Episode;
use harness::{Anomaly, Call, ClientId, Op, Outcome, ProcessId, Run, Time, What};
use std::collections::BTreeSet;

/// Operations that a drawing holds at most.
pub const MOST_CALLS: usize = 40;
/// Faults that a drawing holds at most.
const MOST_FAULTS: usize = 8;
/// More marks than this explain nothing and are left out.
const MOST_MARKS: usize = 8;

/// A proof, ready to be drawn.
#[derive(Clone, Debug, Default)]
pub struct Proof<'a> {
    /// The operations, in order of invocation.
    pub calls: Vec<ProvingCall<'a>>,
    /// Whose they are: one column each, ascending.
    pub clients: Vec<ClientId>,
    /// Everything to be drawn, in the order of the history.
    pub steps: Vec<Step>,
    /// Operations of the proof that are not drawn.
    pub calls_left_out: usize,
    /// Faults around the proof that are not drawn.
    pub faults_left_out: usize,
}

/// An operation of the proof.
#[derive(Clone, Debug)]
pub struct ProvingCall<'a> {
    /// Whose.
    pub client: ClientId,
    /// Under which process id.
    pub process: ProcessId,
    /// What was asked.
    pub op: &'a Op,
    /// How it ended, if it did.
    pub outcome: Option<&'a Outcome>,
    /// When it was asked.
    pub asked: Time,
    /// When it was answered; [`Time::NEVER`] without completion.
    pub answered: Time,
    /// Index of its invocation among the history's events: its name in all reports.
    pub invoked: usize,
}

/// One line of the drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its place in the history.
    pub event: usize,
    /// When.
    pub time: Time,
    /// What.
    pub what: Happens,
}

/// What a line of the drawing shows. Numbers are indexes: of calls into [`Proof::calls`], of faults into the run's episodes.
#[derive(Clone, Debug, PartialEq)]
pub enum Happens {
    /// A client asked.
    Asked(usize),
    /// A client was answered.
    Answered(usize),
    /// A fault began.
    Began(usize),
    /// A fault ended.
    Ended(usize),
    /// Something that is part of the proof and no operation, in words.
    Proves(String),
    /// Something that happened inside the cluster meanwhile, in words.
    Meanwhile(String),
}

/// The proof of an anomaly.
pub fn proof<'a>(run: &'a Run, calls: &[Call<'a>], episodes: &[Episode], anomaly: &Anomaly) -> Proof<'a> {
    let events: BTreeSet<usize> = anomaly.events.iter().copied().collect();
    let named = |event: usize| events.contains(&event);
    let mut proving: Vec<&Call> =
        calls.iter().filter(|call| named(call.invoked) || call.returned.is_some_and(named)).collect();
    let calls_left_out = proving.len().saturating_sub(MOST_CALLS);
    proving.truncate(MOST_CALLS);

    let mut steps = said(run, anomaly);
    for (index, call) in proving.iter().enumerate() {
        steps.push(Step { event: call.invoked, time: call.asked, what: Happens::Asked(index) });
        if let Some(event) = call.returned {
            steps.push(Step { event, time: call.answered, what: Happens::Answered(index) });
        }
    }
    let range = steps.iter().map(|step| step.event).min().zip(steps.iter().map(|step| step.event).max());
    let (around, faults_left_out) = range.map_or((Vec::new(), 0), |range| faults(episodes, &proving, range));
    steps.extend(around);
    steps.extend(range.map_or(Vec::new(), |range| marks(run, range)));
    steps.sort_by_key(|step| step.event);
    // A mark may be part of the proof and lie between its operations too; as part of the proof it comes first.
    steps.dedup_by_key(|step| step.event);

    let calls: Vec<ProvingCall> = proving.into_iter().map(|call| proving_call(run, call)).collect();
    let mut clients: Vec<ClientId> = calls.iter().map(|call| call.client).collect();
    clients.sort();
    clients.dedup();
    Proof { calls, clients, steps, calls_left_out, faults_left_out }
}

fn proving_call<'a>(run: &Run, call: &Call<'a>) -> ProvingCall<'a> {
    ProvingCall {
        client: run.client(call.process),
        process: call.process,
        op: call.op,
        outcome: call.outcome,
        asked: call.asked,
        answered: call.answered,
        invoked: call.invoked,
    }
}

/// Events of the proof that are no operation: a broken invariant, a mark, a node's data after all is over.
fn said(run: &Run, anomaly: &Anomaly) -> Vec<Step> {
    let step = |index: &usize| {
        let event = run.history.events.get(*index)?;
        let words = match &event.what {
            What::Finding { invariant, sentence } => format!("{invariant}: {sentence}"),
            What::Mark { node, mark } => format!("{node}: {mark}"),
            What::Digest { node, digest } => format!("{node} holds data with the digest {digest:016x}"),
            _ => return None,
        };
        Some(Step { event: *index, time: event.time, what: Happens::Proves(words) })
    };
    anomaly.events.iter().filter_map(step).take(MOST_CALLS).collect()
}

/// The faults that were in force somewhere in the range; where these are many, those around the operations themselves first.
fn faults(episodes: &[Episode], proving: &[&Call], (first, last): (usize, usize)) -> (Vec<Step>, usize) {
    let overlaps = |episode: &Episode, from: usize, to: usize| {
        episode.began_event <= to && episode.ended_event.is_none_or(|end| end >= from)
    };
    let mut around: Vec<usize> = (0..episodes.len()).filter(|index| overlaps(&episodes[*index], first, last)).collect();
    let touches = |index: &usize| {
        proving.iter().any(|call| overlaps(&episodes[*index], call.invoked, call.returned.unwrap_or(call.invoked)))
    };
    around.sort_by_key(|index| (!touches(index), *index));
    let left_out = around.len().saturating_sub(MOST_FAULTS);
    around.truncate(MOST_FAULTS);
    let steps = around.into_iter().flat_map(|index| {
        let episode = &episodes[index];
        let began = Step { event: episode.began_event, time: episode.began, what: Happens::Began(index) };
        let ended = episode.ended_event.map(|event| Step { event, time: episode.ended, what: Happens::Ended(index) });
        std::iter::once(began).chain(ended)
    });
    (steps.collect(), left_out)
}

/// What nodes went through between the first and the last operation, if it is little enough to help.
fn marks(run: &Run, (first, last): (usize, usize)) -> Vec<Step> {
    let between = run.history.events.iter().enumerate().take(last).skip(first + 1);
    let marks: Vec<Step> = between
        .filter_map(|(event, seen)| match &seen.what {
            What::Mark { node, mark } => {
                Some(Step { event, time: seen.time, what: Happens::Meanwhile(format!("{node}: {mark}")) })
            }
            _ => None,
        })
        .collect();
    if marks.len() > MOST_MARKS { Vec::new() } else { marks }
}
