//! Objects that hold one value: registers, mutexes, one element of a set, one name that can be claimed.
//!
//! What a call needs and what it sets is all there is to it, so classes of calls are known from the start, and those that need
//! a value are found by it.

use super::cells::{Cells, Span, span, tells};
use super::clash::{self, Clashes};
use super::log::{Log, NEVER, ordered_between};
use super::search::{Found, Tuning, decide};
use super::{answer, confirmed};
use crate::model::{Answer, Called, Kind, Limits, Model};
use crate::plain;
use std::collections::BTreeSet;

/// What the object must hold for a call to be possible. Values are numbers given by the caller, best without gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Needs {
    /// Anything.
    Nothing,
    /// This.
    Is(u32),
    /// Anything but this.
    IsNot(u32),
}

/// What a call needs and does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Effect {
    /// What the object must hold before.
    pub needs: Needs,
    /// What it holds afterwards; `None` where nothing changes.
    pub sets: Option<u32>,
}

/// One call on an object that holds one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// What it needs and does.
    pub effect: Effect,
    /// Place of its invocation, in any one order of all invocations and returns.
    pub invoked: u32,
    /// Place of its return; `u32::MAX` if it may take effect at any later time, once or never.
    pub returned: u32,
}

/// Decides whether some order of the accesses explains every answer, of an object that holds `initial` at first. The order is
/// replayed, and what is impossible is confirmed by a plain search where that is not too much.
///
/// # Panics
/// If an access returns before it is invoked, or if the engine is wrong.
pub fn check(initial: u32, accesses: &[Access], limits: &mut Limits) -> Answer<u32> {
    check_tuned(initial, accesses, limits, &Tuning::default())
}

/// The same, with the engine's shortcuts tuned: for tests that force each of them.
pub fn check_tuned(initial: u32, accesses: &[Access], limits: &mut Limits, tuning: &Tuning) -> Answer<u32> {
    let answer = search(initial, accesses, limits, tuning);
    if let Answer::Linearizable(order) = &answer {
        assert!(replays(initial, accesses, order), "the engine found an order that is none");
        return answer;
    }
    let calls = |index: usize| Called {
        op: accesses[index].effect,
        invoked: accesses[index].invoked as usize,
        answer: (accesses[index].returned != NEVER).then_some((accesses[index].returned as usize, ())),
    };
    confirmed(answer, |refutation| {
        let states = anywhere(initial, refutation.calls.iter().map(|call| &accesses[*call]));
        plain::confirm(&Cell { initial }, calls, refutation, &states)
    })
}

/// True if an order is one; see [`plain::replay`].
fn replays(initial: u32, accesses: &[Access], order: &[usize]) -> bool {
    let (cell, mut held) = (Cell { initial }, initial);
    let ends = |index: usize| {
        let Access { effect, invoked, returned } = accesses[index];
        let returned = if returned == NEVER { usize::MAX } else { returned as usize };
        // One that tells nothing need not be there.
        let due = returned < usize::MAX && effect != Effect { needs: Needs::Nothing, sets: None };
        (invoked as usize, returned, due)
    };
    let step = |index: usize| {
        let next = cell.step(&held, &accesses[index].effect, None);
        held = next.unwrap_or(held);
        next.is_some()
    };
    plain::replay_by(accesses.len(), ends, order, step) == Ok(())
}

/// The engine alone: what it answers is neither replayed nor confirmed.
pub fn search(initial: u32, accesses: &[Access], limits: &mut Limits, tuning: &Tuning) -> Answer<u32> {
    let Span { values, least, most } = span(initial, accesses);
    let places = |access: &Access| tells(access).then_some((access.invoked, access.returned));
    let events = ordered_between(least, most, accesses.iter().map(places));
    let look = |events: &[u32]| clash::find(initial, accesses, events, values);
    let clashes = match tuning.clashes {
        None => Clashes::None,
        Some(most) if accesses.len() > most => Clashes::Perhaps(&look),
        Some(_) => look(&events).map_or(Clashes::None, Clashes::Known),
    };
    let place = |call: usize, end: bool| match end {
        true => accesses[call].returned as usize,
        false => accesses[call].invoked as usize,
    };
    if let Clashes::Known(clash) = clashes
        && !tuning.shortest
    {
        return answer(Found::Refuted(clash.refuted(&events)), &events, place, |state| state);
    }
    let mut cells = Cells::new(values);
    let log = Log::new(events, accesses.iter().map(|access| (cells.class(access), access.invoked, access.returned)));
    let found = decide(&mut cells, initial, &log, limits, tuning, clashes);
    answer(found, &log.events, place, |state| state)
}

/// Every value that these accesses tell apart, and one more.
fn anywhere<'a>(initial: u32, accesses: impl Iterator<Item = &'a Access>) -> Vec<u32> {
    let needed = accesses.filter_map(|access| match access.effect.needs {
        Needs::Is(value) | Needs::IsNot(value) => Some(value),
        Needs::Nothing => None,
    });
    let mut values: BTreeSet<u32> = needed.chain([initial]).collect();
    let other = (0..).find(|value| !values.contains(value));
    values.extend(other);
    values.into_iter().collect()
}

/// The sequential specification of an object that holds one value.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// What it holds at first.
    pub initial: u32,
}

impl Model for Cell {
    type State = u32;
    type Op = Effect;
    type Reply = ();

    fn init(&self) -> u32 {
        self.initial
    }
    fn step(&self, state: &u32, op: &Effect, _reply: Option<&()>) -> Option<u32> {
        let possible = match op.needs {
            Needs::Nothing => true,
            Needs::Is(needed) => *state == needed,
            Needs::IsNot(forbidden) => *state != forbidden,
        };
        possible.then_some(op.sets.unwrap_or(*state))
    }
    fn kind(&self, op: &Effect, _reply: Option<&()>) -> Kind {
        match *op {
            Effect { sets: None, .. } => Kind::Pure,
            Effect { needs: Needs::Nothing, sets: Some(_) } => Kind::Overwrite,
            _ => Kind::Other,
        }
    }
}
