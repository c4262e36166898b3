//! The states and classes of objects that hold one value: each is found by its value, without hashing.

use super::domain::{Domain, NONE, Treats};
use super::log::NEVER;
use super::mask::Mask;
use super::open::Open;
use super::register::{Access, Effect, Needs};
use rustc_hash::FxHashMap;
use std::collections::BTreeSet;

/// The classes of accesses, found by value.
pub struct Cells {
    classes: Vec<(Effect, Treats)>,
    /// By value.
    simple: Vec<Simple>,
    /// Where values are few: by what is needed, then by what is set.
    swaps: Vec<u32>,
    others: FxHashMap<Effect, u32>,
}

/// The classes of those who only look for a value, or only put it there; [`NONE`] where nobody does.
#[derive(Clone, Copy)]
struct Simple {
    reads: u32,
    misses: u32,
    writes: u32,
}

/// Values are few up to here.
const FEW: usize = 24;

impl Cells {
    /// For values below `values`, of which the last stands for any that is not named.
    pub fn new(values: usize) -> Cells {
        let nobody = Simple { reads: NONE, misses: NONE, writes: NONE };
        Cells {
            classes: Vec::with_capacity(32),
            simple: vec![nobody; values],
            swaps: vec![NONE; if values <= FEW { values * values } else { 0 }],
            others: FxHashMap::default(),
        }
    }

    /// The class of an access. One that tells nothing has any.
    #[inline(always)]
    pub fn class(&mut self, access: &Access) -> u32 {
        let effect = plainest(access.effect);
        let values = self.simple.len();
        let class = match (effect.needs, effect.sets) {
            (Needs::Nothing, None) => return 0,
            (Needs::Is(value), None) => &mut self.simple[value as usize].reads,
            (Needs::IsNot(value), None) => &mut self.simple[value as usize].misses,
            (Needs::Nothing, Some(value)) => &mut self.simple[value as usize].writes,
            (Needs::Is(from), Some(to)) if values <= FEW => &mut self.swaps[from as usize * values + to as usize],
            _ => self.others.entry(effect).or_insert(NONE),
        };
        if *class == NONE {
            *class = self.classes.len() as u32;
            self.classes.push((effect, treats(effect)));
        }
        *class
    }
}

impl Domain for Cells {
    const LISTS_PURE: bool = false;

    fn classes(&self) -> usize {
        self.classes.len()
    }
    fn lists(&self) -> usize {
        self.simple.len() + 1
    }
    #[inline(always)]
    fn treats(&self, class: u32) -> Treats {
        self.classes[class as usize].1
    }
    #[inline(always)]
    fn list(&self, state: u32) -> u32 {
        state + 1
    }
    #[inline(always)]
    fn step(&mut self, state: u32, class: u32) -> u32 {
        let (effect, _) = self.classes[class as usize];
        let possible = match effect.needs {
            Needs::Nothing => true,
            Needs::Is(needed) => state == needed,
            Needs::IsNot(forbidden) => state != forbidden,
        };
        if possible { effect.sets.unwrap_or(state) } else { NONE }
    }
    #[inline(always)]
    fn take<M: Mask>(&mut self, state: u32, open: &Open<M>, mask: &mut M) {
        let Simple { reads, misses, .. } = self.simple[state as usize];
        if reads != NONE {
            mask.join(&open.classes[reads as usize].mask);
        }
        open.join_absent((misses != NONE).then_some(misses), mask);
    }
    fn awaited<M: Mask>(&mut self, state: u32, open: &Open<M>, mask: &M) -> bool {
        let mut taken = mask.clone();
        self.take(state, open, &mut taken);
        taken.exceeds(mask)
    }
    fn anywhere(&self, classes: &[u32]) -> Option<Vec<u32>> {
        let names = |class: &u32| match self.classes[*class as usize].0.needs {
            Needs::Is(value) | Needs::IsNot(value) => Some(value),
            Needs::Nothing => None,
        };
        let other = self.simple.len() as u32 - 1;
        let named: BTreeSet<u32> = classes.iter().filter_map(names).chain([other]).collect();
        Some(named.into_iter().collect())
    }
    fn bytes(&self) -> u64 {
        0
    }
}

/// False for what cannot contradict anything, nor be seen by anybody.
pub fn tells(access: &Access) -> bool {
    let Effect { needs, sets } = plainest(access.effect);
    sets.is_some() || (needs != Needs::Nothing && access.returned != NEVER)
}

/// What accesses are about.
pub struct Span {
    /// How many values there are: those that are named, and one that stands for all others.
    pub values: usize,
    /// The first and the last place.
    pub least: u32,
    pub most: u32,
}

/// What accesses to an object are about that holds `initial` at first.
pub fn span(initial: u32, accesses: &[Access]) -> Span {
    let (mut named, mut least, mut most) = (initial, u32::MAX, 0);
    for Access { effect, invoked, returned } in accesses {
        let needs = match effect.needs {
            Needs::Nothing => 0,
            Needs::Is(value) | Needs::IsNot(value) => value,
        };
        named = named.max(needs).max(effect.sets.unwrap_or(0));
        least = least.min(*invoked);
        most = most.max(if *returned == NEVER { *invoked } else { *returned });
    }
    Span { values: named as usize + 2, least, most }
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
