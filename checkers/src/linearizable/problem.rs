//! The calls of one register, put in order for the search: effects as small numbers, returning calls by return with slots,
//! and calls that never return in classes of equal effect.

use super::register::{Act, RegisterCall};
use harness::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What a call needs and does, on values that are numbered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Effect {
    /// What the register must hold before.
    pub needs: Needs,
    /// What it holds afterwards; `None` where nothing changes.
    pub sets: Option<u32>,
}

/// What the register must hold for a call to be possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// Anything.
    Nothing,
    /// This.
    Is(u32),
    /// Anything but this.
    IsNot(u32),
}

impl Effect {
    /// True if a register that holds this allows it.
    pub fn possible(&self, held: u32) -> bool {
        match self.needs {
            Needs::Nothing => true,
            Needs::Is(needed) => held == needed,
            Needs::IsNot(forbidden) => held != forbidden,
        }
    }
}

/// One call.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub effect: Effect,
    pub invoked: usize,
    /// `usize::MAX` if it never returns.
    pub returned: usize,
    /// Shared by no two calls that are open at once.
    pub slot: usize,
    /// Index among the calls that were asked about.
    pub original: usize,
}

/// All calls of one register.
pub struct Problem {
    pub initial: u32,
    /// By return.
    pub returning: Vec<Step>,
    /// Ranks of returning calls, by invocation.
    pub by_invocation: Vec<usize>,
    /// How many slots the returning calls need.
    pub slots: usize,
    /// Calls that never return, by effect and then by invocation; those that can help nobody are left out.
    pub open: Vec<Step>,
    /// Where each effect's calls are.
    pub classes: Vec<Range<usize>>,
}

/// The number of every value that nobody looks for.
const OTHER: u32 = 0;

impl Problem {
    pub fn new(calls: &[RegisterCall], initial: Option<Value>) -> Problem {
        let wanted = wanted(calls);
        let numbers: BTreeMap<Option<Value>, u32> = wanted.into_iter().zip(OTHER + 1..).collect();
        let number = |value: Option<Value>| numbers.get(&value).copied().unwrap_or(OTHER);
        let step = |(original, call): (usize, &RegisterCall)| Step {
            effect: effect(&call.act, number),
            invoked: call.invoked,
            returned: call.returned.unwrap_or(usize::MAX),
            slot: 0,
            original,
        };
        let steps = calls.iter().enumerate().map(step);
        let (mut returning, mut open): (Vec<Step>, Vec<Step>) = steps.partition(|step| step.returned != usize::MAX);
        for step in &returning {
            assert!(step.invoked < step.returned, "a call returns before it is invoked: {step:?}");
        }
        returning.sort_unstable_by_key(|step| step.returned);
        let by_invocation = by_invocation(&returning);
        let slots = assign_slots(&mut returning, &by_invocation);
        let missed = calls.iter().any(|call| matches!(call.act, Act::Missed { .. }));
        open.retain(|step| helps(&step.effect, missed));
        open.sort_unstable_by_key(|step| (step.effect, step.invoked));
        let classes = classes(&open);
        Problem { initial: number(initial), returning, by_invocation, slots, open, classes }
    }
}

/// The values that some call looks for.
fn wanted(calls: &[RegisterCall]) -> BTreeSet<Option<Value>> {
    calls
        .iter()
        .filter_map(|call| match call.act {
            Act::Missed { from, .. } => Some(Some(from)),
            act => act.saw(),
        })
        .collect()
}

fn effect(act: &Act, number: impl Fn(Option<Value>) -> u32) -> Effect {
    let needs = match act {
        Act::Missed { from, .. } => Needs::IsNot(number(Some(*from))),
        act => act.saw().map_or(Needs::Nothing, |saw| Needs::Is(number(saw))),
    };
    Effect { needs, sets: act.sets().map(|value| number(Some(value))) }
}

/// A call that never returns and puts something there that nobody looks for helps only those who look for an absence.
fn helps(effect: &Effect, missed: bool) -> bool {
    assert!(!matches!(effect.needs, Needs::IsNot(_)), "a missed compare-and-set has a return");
    effect.sets.is_some_and(|sets| sets != OTHER || missed)
}

fn by_invocation(returning: &[Step]) -> Vec<usize> {
    let mut ranks: Vec<usize> = (0..returning.len()).collect();
    ranks.sort_unstable_by_key(|rank| returning[*rank].invoked);
    ranks
}

/// Gives each returning call a slot for as long as it is open. Returns how many are needed.
fn assign_slots(returning: &mut [Step], by_invocation: &[usize]) -> usize {
    let (mut free, mut slots, mut over) = (Vec::new(), 0, 0);
    for rank in by_invocation {
        while returning[over].returned < returning[*rank].invoked {
            free.push(returning[over].slot);
            over += 1;
        }
        returning[*rank].slot = free.pop().unwrap_or_else(|| {
            slots += 1;
            slots - 1
        });
    }
    slots
}

fn classes(open: &[Step]) -> Vec<Range<usize>> {
    let mut from = 0;
    let chunks = open.chunk_by(|one, other| one.effect == other.effect);
    chunks
        .map(|chunk| {
            from += chunk.len();
            from - chunk.len()..from
        })
        .collect()
}
