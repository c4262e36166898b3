//! Nobody is believed: an order is replayed by the oracle, and a window is tried from every state.

use crate::objects::{Ask, EMPTY, Said};
use crate::oracle::{Call, Oracle, replay, set, states};
use checkers::model::{Answer, Refutation};

/// What an engine found out about a history, held against the brute force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The refutation begins somewhere inside the history.
    pub windowed: bool,
    /// The engine refuted and its own plain search did not come to an end.
    pub unconfirmed: bool,
}

/// Whether this answer is right, and its evidence good by itself.
///
/// # Errors
/// A sentence that says what is wrong.
pub fn examine<State>(
    calls: &[Call],
    legal: bool,
    answer: &Answer<State>,
    oracle: &mut Oracle,
) -> Result<Seen, String> {
    match answer {
        Answer::Linearizable(order) if legal => replay(calls, EMPTY, order).map(|()| Seen::default()),
        Answer::Linearizable(order) => Err(format!("says linearizable by the order {order:?}, but no order is")),
        Answer::Impossible(_) if legal => Err("says impossible, but some order explains everything".into()),
        Answer::Impossible(refutation) => window(calls, refutation, oracle)
            .map(|()| Seen { windowed: refutation.from.is_some(), unconfirmed: !refutation.confirmed }),
        Answer::Unknown(unknown) => Err(format!("does not know: {unknown:?}")),
    }
}

/// The calls of a refutation must be impossible by themselves, and so must be all that were open in its window: else the
/// window proves nothing of the whole history.
fn window<State>(calls: &[Call], refutation: &Refutation<State>, oracle: &mut Oracle) -> Result<(), String> {
    let Refutation { from, until, calls: chosen, wrong, .. } = refutation;
    let (from_event, until_event) = (from.unwrap_or(0), *until);
    let says = |what: &str| format!("its window from {from:?} until {until} with calls {chosen:?}: {what}");
    let inside = |call: &Call| usize::from(call.invoked) < until_event && usize::from(call.returned) >= from_event;
    if !chosen.is_sorted_by(|one, other| one < other) || !chosen.contains(wrong) {
        return Err(says("the calls are not ascending, or the wrong one is not among them"));
    }
    if chosen.iter().any(|index| calls.get(*index).is_none_or(|call| !inside(call))) {
        return Err(says("one of the calls is not open in the window"));
    }
    if usize::from(calls[*wrong].returned) != until_event {
        return Err(says("it does not end where the wrong call returns"));
    }
    let due = set(calls, |call| usize::from(call.invoked) >= from_event && usize::from(call.returned) <= until_event);
    let (few, full) = (chosen.iter().fold(0u16, |set, index| set | 1 << index), set(calls, inside));
    let mut starts = vec![EMPTY];
    if from.is_some() {
        anything(calls, &mut starts);
    }
    for (may, which) in [(few, "its calls are"), (full, "all calls open in it are")] {
        if let Some(start) = starts.iter().find(|start| oracle.explains(calls, due & may, may, **start)) {
            return Err(says(&format!("{which} possible when the object holds {start:#x} at first")));
        }
    }
    Ok(())
}

/// States that the object can be in at all: where this history's questions lead to, and others that would explain its answers.
fn anything(calls: &[Call], starts: &mut Vec<u64>) {
    let mut all = calls.to_vec();
    all.extend(calls.iter().filter_map(|call| Some(Call { ask: cause(call)?, ..*call })));
    states(&all, EMPTY, STEPS, STATES, starts);
}

/// How far to walk, and how many states at most.
const STEPS: usize = 4;
const STATES: usize = 300;

/// A question that would lead to this answer, though perhaps nobody asked it.
fn cause(call: &Call) -> Option<Ask> {
    let Some(Said::Value(value)) = call.said else { return None };
    let value = value as u8;
    match call.ask {
        Ask::Read => Some(Ask::Write(value)),
        Ask::ReadAt(key) => Some(Ask::WriteAt(key, value)),
        Ask::Dequeue => Some(Ask::Enqueue(value)),
        Ask::Pop => Some(Ask::Push(value)),
        Ask::Take => Some(Ask::Offer(value)),
        Ask::Owner(name) => Some(Ask::Claim(name, value)),
        Ask::Contains(element) => Some(Ask::Insert(element)),
        Ask::Total => Some(Ask::Add(value as i8)),
        Ask::ReadBoth => Some(Ask::WriteBoth(value & 15, value >> 4)),
        _ => None,
    }
}
