//! The objects that are fuzzed, in the order in which they are run. To add one: questions in `objects.rs`, a line here.

use crate::contenders::{self, Bench, Wrong};
use crate::draw::{DrawAsk, Habits};
use crate::objects::Ask;
use crate::oracle::Call;
use harness::Rng;

/// One kind of object.
pub struct Family {
    /// As on the command line.
    pub name: &'static str,
    /// The name of the model in `checkers` that judges records of such calls.
    pub model: Option<&'static str>,
    /// Draws a question.
    pub ask: DrawAsk,
    /// How wild its histories are.
    pub habits: Habits,
    /// Those that judge such a history, beside the ones that judge any.
    pub judges: &'static [Judge],
}

/// Somebody who judges a history, given the truth.
pub type Judge = fn(&[Call], bool, &mut Bench) -> Result<(), Wrong>;

/// Every family.
pub const FAMILIES: &[Family] = &[
    Family { name: "register", model: Some("register"), ask: register, habits: USUAL, judges: &[] },
    Family { name: "cas-register", model: Some("cas-register"), ask: cas_register, habits: WILD, judges: &[] },
    Family { name: "unique-register", model: Some("register"), ask: unique_register, habits: USUAL, judges: &[] },
    Family { name: "multi-register", model: Some("multi-register"), ask: multi_register, habits: WILD, judges: &[] },
    Family { name: "kv", model: Some("kv"), ask: kv, habits: WILD, judges: &[] },
    Family { name: "counter", model: Some("counter"), ask: counter, habits: USUAL, judges: &[] },
    Family { name: "set", model: Some("set"), ask: set, habits: WILD, judges: &[] },
    Family { name: "lenient-set", model: Some("set"), ask: lenient_set, habits: WILDEST, judges: &[] },
    Family { name: "queue", model: Some("queue"), ask: queue, habits: WILD, judges: &[] },
    Family { name: "unique-queue", model: Some("queue"), ask: unique_queue, habits: USUAL, judges: &[] },
    Family { name: "stack", model: Some("stack"), ask: stack, habits: WILD, judges: &[] },
    Family { name: "unique-stack", model: Some("stack"), ask: unique_stack, habits: USUAL, judges: &[] },
    Family { name: "priority-queue", model: Some("priority-queue"), ask: urgent, habits: WILD, judges: &[] },
    Family {
        name: "unique-priority-queue",
        model: Some("priority-queue"),
        ask: unique_urgent,
        habits: USUAL,
        judges: &[],
    },
    Family { name: "mutex", model: Some("mutex"), ask: mutex, habits: WILD, judges: &[] },
    Family { name: "registration", model: Some("registration"), ask: registration, habits: WILD, judges: &[] },
    Family { name: "own-type", model: None, ask: own_type, habits: USUAL, judges: &[contenders::own_type] },
];

const USUAL: Habits = Habits { lying: 85, lies: 3, unknown: 22 };
/// For objects that accept nearly everything.
const WILD: Habits = Habits { lying: 95, lies: 5, unknown: 22 };
/// For those that accept even more.
const WILDEST: Habits = Habits { lying: 100, lies: 6, unknown: 20 };

/// The family of this name.
pub fn find(name: &str) -> Option<&'static Family> {
    FAMILIES.iter().find(|family| family.name == name)
}

fn below(rng: &mut Rng, bound: u64) -> u8 {
    rng.below(bound) as u8
}

fn register(rng: &mut Rng, values: u64, _index: u64) -> Ask {
    if rng.percent(60) { Ask::Read } else { Ask::Write(below(rng, values)) }
}

fn cas_register(rng: &mut Rng, values: u64, _index: u64) -> Ask {
    match rng.below(10) {
        0..5 => Ask::Read,
        5..7 => Ask::Write(below(rng, values)),
        _ => Ask::Swap(below(rng, values), below(rng, values)),
    }
}

fn unique_register(rng: &mut Rng, _values: u64, index: u64) -> Ask {
    if rng.percent(55) { Ask::Read } else { Ask::Write(index as u8) }
}

fn multi_register(rng: &mut Rng, values: u64, _index: u64) -> Ask {
    let (key, one, other) = (below(rng, 2), below(rng, values), below(rng, values));
    match rng.below(12) {
        0 => Ask::ReadBoth,
        1 => Ask::WriteBoth(one, other),
        2..7 => Ask::ReadAt(key),
        _ => Ask::WriteAt(key, one),
    }
}

fn kv(rng: &mut Rng, values: u64, _index: u64) -> Ask {
    let (key, letter) = (u8::from(rng.percent(25)), below(rng, values));
    match rng.below(10) {
        0..5 => Ask::Get(key),
        5..7 => Ask::Put(key, letter),
        _ => Ask::Append(key, letter),
    }
}

fn counter(rng: &mut Rng, _values: u64, _index: u64) -> Ask {
    if rng.percent(50) { Ask::Total } else { Ask::Add(*rng.pick(&[1, 1, 2, -1])) }
}

fn set(rng: &mut Rng, values: u64, _index: u64) -> Ask {
    let element = below(rng, values);
    match rng.below(16) {
        0 => Ask::All,
        1..6 => Ask::Insert(element),
        6..11 => Ask::Remove(element),
        _ => Ask::Contains(element),
    }
}

fn lenient_set(rng: &mut Rng, _values: u64, _index: u64) -> Ask {
    let element = u8::from(rng.percent(30));
    match rng.below(16) {
        0..4 => Ask::All,
        4..10 => Ask::Contains(element),
        10..14 => Ask::Include(element),
        _ => Ask::Exclude(element),
    }
}

fn queue(rng: &mut Rng, values: u64, _index: u64) -> Ask {
    let value = below(rng, values);
    *rng.pick(&[Ask::Enqueue(value), Ask::Dequeue])
}

fn unique_queue(rng: &mut Rng, _values: u64, index: u64) -> Ask {
    *rng.pick(&[Ask::Enqueue(index as u8), Ask::Dequeue])
}

fn stack(rng: &mut Rng, values: u64, _index: u64) -> Ask {
    let value = below(rng, values);
    *rng.pick(&[Ask::Push(value), Ask::Pop])
}

fn unique_stack(rng: &mut Rng, _values: u64, index: u64) -> Ask {
    *rng.pick(&[Ask::Push(index as u8), Ask::Pop])
}

fn urgent(rng: &mut Rng, values: u64, _index: u64) -> Ask {
    let value = below(rng, values);
    *rng.pick(&[Ask::Offer(value), Ask::Take])
}

/// Unique values, in an order that is not that of the calls.
fn unique_urgent(rng: &mut Rng, _values: u64, index: u64) -> Ask {
    *rng.pick(&[Ask::Offer((index * 5 % 8) as u8), Ask::Take])
}

fn mutex(rng: &mut Rng, _values: u64, _index: u64) -> Ask {
    use Ask::*;
    *rng.pick(&[Acquire, Release, TryAcquire, TryAcquire, TryRelease, TryRelease])
}

fn registration(rng: &mut Rng, values: u64, _index: u64) -> Ask {
    let (name, owner) = (u8::from(rng.percent(25)), below(rng, values));
    match rng.below(10) {
        0..4 => Ask::Claim(name, owner),
        4..6 => Ask::Free(name, owner),
        6 => Ask::Evict(name),
        _ => Ask::Owner(name),
    }
}

fn own_type(rng: &mut Rng, _values: u64, _index: u64) -> Ask {
    *rng.pick(&[Ask::Draw, Ask::Draw, Ask::Draw, Ask::Drawn, Ask::Rewind, Ask::Skip])
}
