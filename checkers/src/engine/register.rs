//! Objects that hold one value: registers, mutexes, one element of a set, one name that can be claimed.
//!
//! What a call needs and what it sets is all there is to it, so classes of calls are known from the start, and those that need
//! a value are found by it.

use super::domain::{Domain, NONE, Treats};
use super::log::{Log, NEVER};
use super::mask::Mask;
use super::open::Open;
use super::search::{Tuning, decide};
use super::{answer, confirmed};
use crate::model::{Answer, Called, Kind, Limits, Model};
use crate::plain;
use rustc_hash::FxHashMap;
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
    let (mut cells, classes) = Cells::new(initial, accesses);
    let class =
        |(access, class): (&Access, &u32)| (*class != NONE).then_some((*class, access.invoked, access.returned));
    let log = Log::new(accesses.iter().zip(&classes).map(class));
    drop(classes);
    let found = decide(&mut cells, initial, &log, limits, tuning);
    let place = |call: usize, end: bool| match end {
        true => accesses[call].returned as usize,
        false => accesses[call].invoked as usize,
    };
    answer(found, &log, place, |state| state)
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

/// The classes of accesses, found by value.
struct Cells {
    classes: Vec<Effect>,
    /// By class.
    treats: Vec<Treats>,
    /// By value: the classes of those that look whether it is there, and whether it is not there.
    reads: Vec<u32>,
    misses: Vec<u32>,
}

impl Cells {
    /// Also the class of each access; [`NONE`] for one that tells nothing.
    fn new(initial: u32, accesses: &[Access]) -> (Cells, Vec<u32>) {
        let named = |effect: &Effect| {
            let needs = match effect.needs {
                Needs::Nothing => 0,
                Needs::Is(value) | Needs::IsNot(value) => value,
            };
            needs.max(effect.sets.unwrap_or(0))
        };
        let values = accesses.iter().map(|access| named(&access.effect)).max().unwrap_or(0).max(initial) as usize + 1;
        // One number more than there are values stands for any other value.
        let values = values + 1;
        let mut cells =
            Cells { classes: Vec::new(), treats: Vec::new(), reads: vec![NONE; values], misses: vec![NONE; values] };
        let mut of = Vec::with_capacity(accesses.len());
        let mut writes = vec![NONE; values];
        let mut others: FxHashMap<Effect, u32> = FxHashMap::default();
        for access in accesses {
            let effect = plainest(access.effect);
            let tells = match (effect.needs, effect.sets) {
                (Needs::Nothing, None) => false,
                (_, None) => access.returned != NEVER,
                _ => true,
            };
            if !tells {
                of.push(NONE);
                continue;
            }
            let new = cells.classes.len() as u32;
            let class = match (effect.needs, effect.sets) {
                (Needs::Is(value), None) => &mut cells.reads[value as usize],
                (Needs::IsNot(value), None) => &mut cells.misses[value as usize],
                (Needs::Nothing, Some(value)) => &mut writes[value as usize],
                _ => others.entry(effect).or_insert(NONE),
            };
            if *class == NONE {
                *class = new;
                cells.classes.push(effect);
                cells.treats.push(treats(effect));
            }
            of.push(*class);
        }
        (cells, of)
    }
}

fn treats(effect: Effect) -> Treats {
    match effect {
        Effect { needs: Needs::IsNot(_), sets: None } => Treats::Absent,
        Effect { sets: None, .. } => Treats::Pure,
        Effect { needs: Needs::Nothing, sets: Some(value) } => Treats::Blind(value),
        Effect { needs: Needs::Is(value), .. } => Treats::Other(value + 1),
        Effect { needs: Needs::IsNot(_), .. } => Treats::Other(0),
    }
}

/// One that puts there what it found there changes nothing.
fn plainest(effect: Effect) -> Effect {
    match (effect.needs, effect.sets) {
        (Needs::Is(from), Some(to)) if from == to => Effect { needs: effect.needs, sets: None },
        _ => effect,
    }
}

impl Domain for Cells {
    const LISTS_PURE: bool = false;

    fn classes(&self) -> usize {
        self.classes.len()
    }
    fn lists(&self) -> usize {
        self.reads.len() + 1
    }
    #[inline(always)]
    fn treats(&self, class: u32) -> Treats {
        self.treats[class as usize]
    }
    #[inline(always)]
    fn list(&self, state: u32) -> u32 {
        state + 1
    }
    #[inline(always)]
    fn step(&mut self, state: u32, class: u32) -> u32 {
        let effect = self.classes[class as usize];
        let possible = match effect.needs {
            Needs::Nothing => true,
            Needs::Is(needed) => state == needed,
            Needs::IsNot(forbidden) => state != forbidden,
        };
        if possible { effect.sets.unwrap_or(state) } else { NONE }
    }
    #[inline(always)]
    fn take<M: Mask>(&mut self, state: u32, open: &Open<M>, mask: &mut M) {
        let reads = self.reads[state as usize];
        if reads != NONE {
            mask.join(&open.classes[reads as usize].mask);
        }
        let missed = self.misses[state as usize];
        open.join_absent((missed != NONE).then_some(missed), mask);
    }
    fn awaited<M: Mask>(&mut self, state: u32, open: &Open<M>, mask: &M) -> bool {
        let mut taken = mask.clone();
        self.take(state, open, &mut taken);
        taken.exceeds(mask)
    }
    fn anywhere(&self, classes: &[u32]) -> Option<Vec<u32>> {
        let names = |class: &u32| match self.classes[*class as usize].needs {
            Needs::Is(value) | Needs::IsNot(value) => Some(value),
            Needs::Nothing => None,
        };
        let other = self.reads.len() as u32 - 1;
        let named: BTreeSet<u32> = classes.iter().filter_map(names).chain([other]).collect();
        Some(named.into_iter().collect())
    }
    fn bytes(&self) -> u64 {
        0
    }
}
