//! Is there an order? Registers as the engine sees them: values become numbers.

use super::register::{Act, RegisterCall};
use crate::engine::Tuning;
use crate::engine::register::{self, Access, Effect, Needs};
use crate::model::{self, Limits};
use crate::plain;
use harness::Value;
use rustc_hash::FxHashMap;

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This order of calls (indexes into what was asked) explains every answer. Calls that never return may be missing.
    Linearizable(Vec<usize>),
    /// No order does.
    Impossible,
    /// The budget was spent before either was certain.
    OutOfBudget,
}

/// Searches for an order of `calls` that respects who returned before whom was invoked and explains every answer, on a
/// register that holds `initial` at first. Takes its steps from `budget`; never answers wrongly for lack of it.
///
/// # Panics
/// If a call returns before its invocation, or a place does not fit into 32 bits.
pub fn check_calls(calls: &[RegisterCall], initial: Option<Value>, budget: &mut u64) -> Answer {
    asked(calls, initial, budget, register::check)
}

/// The same by the engine alone, whose answer is neither replayed nor confirmed: for whoever asks many times and has the last answer
/// confirmed. It takes the same steps and gives the same answer.
pub(super) fn unconfirmed(calls: &[RegisterCall], initial: Option<Value>, budget: &mut u64) -> Answer {
    asked(calls, initial, budget, |initial, accesses, limits| {
        register::search(initial, accesses, limits, &Tuning::default())
    })
}

fn asked(
    calls: &[RegisterCall],
    initial: Option<Value>,
    budget: &mut u64,
    engine: impl Fn(u32, &[Access], &mut Limits) -> model::Answer<u32>,
) -> Answer {
    let mut numbers: FxHashMap<Option<Value>, u32> = FxHashMap::default();
    let mut number = |value: Option<Value>| {
        let next = numbers.len() as u32;
        *numbers.entry(value).or_insert(next)
    };
    let initial = number(initial);
    let accesses: Vec<Access> = calls.iter().map(|call| access(call, &mut number)).collect();
    let mut limits = Limits { steps: *budget, ..Limits::default() };
    let answer = engine(initial, &accesses, &mut limits);
    *budget = limits.steps;
    match answer {
        model::Answer::Linearizable(order) => Answer::Linearizable(order),
        model::Answer::Impossible(_) => Answer::Impossible,
        model::Answer::Unknown(_) => Answer::OutOfBudget,
    }
}

/// Says whether an order really explains the calls, without knowing how it was found; else which call it fails to explain.
pub fn replay(calls: &[RegisterCall], initial: Option<Value>, order: &[usize]) -> Result<(), usize> {
    let mut held = initial;
    let ends = |index: usize| {
        let RegisterCall { invoked, returned, .. } = calls[index];
        (invoked, returned.unwrap_or(usize::MAX), returned.is_some())
    };
    plain::replay_by(calls.len(), ends, order, |index| {
        let explained = match calls[index].act {
            Act::Missed { from, .. } => held != Some(from),
            act => act.saw().is_none_or(|saw| saw == held),
        };
        held = calls[index].act.sets().map_or(held, Some);
        explained
    })
}

fn access(call: &RegisterCall, number: &mut impl FnMut(Option<Value>) -> u32) -> Access {
    let (needs, sets) = match call.act {
        Act::Read(value) => (Needs::Is(number(value)), None),
        Act::Write(value) => (Needs::Nothing, Some(number(Some(value)))),
        Act::Cas { from, to } => (Needs::Is(number(Some(from))), Some(number(Some(to)))),
        Act::Missed { from, .. } => (Needs::IsNot(number(Some(from))), None),
    };
    let place = |place: usize| u32::try_from(place).expect("a history has fewer than 2^32 events");
    let returned = call.returned.map_or(u32::MAX, place);
    Access { effect: Effect { needs, sets }, invoked: place(call.invoked), returned }
}
