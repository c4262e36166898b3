//! Faults as reports show them: numbered, in words, with the clients that they touched.

use crate::words;
use harness::{ClientId, FaultInterval, NodeId, Run, Time, What};

/// A fault from its injection to its end.
#[derive(Clone, Debug)]
pub struct Episode {
    /// Counts from 1 in order of injection.
    pub number: usize,
    /// What was done.
    pub words: String,
    /// When it was injected.
    pub began: Time,
    /// When it was lifted, or when the history ends.
    pub ended: Time,
    /// False where the history ends first.
    pub lifted: bool,
    /// True if it changed anything that somebody could notice.
    pub effective: bool,
    /// False if nothing met it that it could have harmed; `None` where nobody can say.
    pub mattered: Option<bool>,
    /// What was measured.
    pub measured: String,
    /// The nodes that it concerns; empty where it concerns all.
    pub nodes: Vec<NodeId>,
    /// The clients that sit beside these nodes; all of them where it concerns all.
    pub clients: Vec<ClientId>,
    /// Index of the event with which it began.
    pub began_event: usize,
    /// Index of the event with which it ended, if it did.
    pub ended_event: Option<usize>,
}

impl Episode {
    /// What speaks against the fault having tested anything, in two words.
    pub fn doubt(&self) -> Option<&'static str> {
        match self {
            Episode { effective: false, .. } => Some("no effect"),
            Episode { mattered: Some(false), .. } => Some("met nothing"),
            _ => None,
        }
    }
}

/// Every fault of a run.
pub fn episodes(run: &Run) -> Vec<Episode> {
    let events = events(run);
    assert_eq!(events.len(), run.faults.len(), "a run's faults are those of its history");
    let each = run.faults.iter().zip(events).enumerate();
    each.map(|(index, (fault, events))| episode(run, index + 1, fault, events)).collect()
}

fn episode(run: &Run, number: usize, fault: &FaultInterval, events: (usize, Option<usize>)) -> Episode {
    let nodes = fault.fault.nodes(usize::from(run.plan.nodes));
    let beside = |client: &ClientId| nodes.is_empty() || nodes.contains(&run.plan.home(*client));
    let effect = fault.effect.as_ref();
    let end_of_run = run.history.events.last().map_or(Time::ZERO, |event| event.time);
    Episode {
        number,
        words: words::fault(&fault.fault, usize::from(run.plan.nodes)),
        began: fault.began,
        ended: fault.ended.min(end_of_run),
        lifted: effect.is_some(),
        effective: effect.is_some_and(|effect| effect.effective),
        mattered: effect.and_then(|effect| effect.mattered),
        measured: effect.map_or("never lifted".to_string(), |effect| words::visible(&effect.measured)),
        clients: (0..run.plan.clients).map(ClientId).filter(beside).collect(),
        nodes,
        began_event: events.0,
        ended_event: events.1,
    }
}

/// Where in the history each fault began and ended, matched as [`harness::History::faults`] does.
fn events(run: &Run) -> Vec<(usize, Option<usize>)> {
    let mut faults: Vec<(usize, usize, Option<usize>)> = Vec::new();
    for (index, event) in run.history.events.iter().enumerate() {
        match &event.what {
            What::Began { strike, .. } => faults.push((*strike, index, None)),
            What::Ended { strike, .. } => {
                let fault = faults.iter_mut().find(|(of, _, ended)| of == strike && ended.is_none());
                if let Some((_, _, ended)) = fault {
                    *ended = Some(index);
                }
            }
            _ => {}
        }
    }
    faults.into_iter().map(|(_, began, ended)| (began, ended)).collect()
}
