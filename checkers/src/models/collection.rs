//! Things that are put somewhere and taken out again: queues, stacks and priority queues differ only in what comes out next.

use super::judge::{Judged, Object, Options, Part, judge_objects, ruled, typed, whole};
use super::reading::{Call, Misfit, Told};
use super::values::Values;
use crate::engine::Tuning;
use crate::model::{Answer, Called, Kind, Limits, Model};
use crate::monitors::{Deed, Handling, priority_queue::priority_queue, queue::queue, stack::stack};
use crate::{engine, plain};
use harness::records::{Datum, Record};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// What comes out next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// What was put in first.
    First,
    /// What was put in last.
    Last,
    /// What is lowest.
    Lowest,
}

/// A kind of collection, and its verbs.
#[derive(Clone, Copy, Debug)]
pub struct Collecting {
    /// The name of the model.
    pub model: &'static str,
    /// What comes out next.
    pub next: Next,
    /// Verbs that put something in.
    pub put: &'static [&'static str],
    /// Verbs that take something out.
    pub take: &'static [&'static str],
}

/// A collection of values that are numbered; where the lowest comes out first, a lower value has a lower number.
#[derive(Clone, Debug)]
pub struct Collection {
    /// What comes out next.
    pub next: Next,
    initial: Vec<u32>,
    values: Values,
}

/// What is asked of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Put this in.
    Put(u32),
    /// Take out what comes next.
    Take,
}

impl Model for Collection {
    /// In the order in which they were put in; where the lowest comes out first, ascending.
    type State = Vec<u32>;
    type Op = Op;
    /// What was taken out; `None` if there was nothing, and for what was put in.
    type Reply = Option<u32>;

    fn init(&self) -> Vec<u32> {
        self.initial.clone()
    }

    fn step(&self, held: &Vec<u32>, op: &Op, reply: Option<&Option<u32>>) -> Option<Vec<u32>> {
        let at = match (op, self.next) {
            (Op::Put(value), Next::Lowest) => {
                return Some(with(held, held.partition_point(|other| other <= value), *value));
            }
            (Op::Put(value), _) => return Some(with(held, held.len(), *value)),
            (Op::Take, Next::Last) => held.len().checked_sub(1),
            (Op::Take, _) => (!held.is_empty()).then_some(0),
        };
        let taken = at.map(|at| held[at]);
        if reply.is_some_and(|told| *told != taken) {
            return None;
        }
        let mut left = held.clone();
        at.map(|at| left.remove(at));
        Some(left)
    }

    fn weight(&self, held: &Vec<u32>) -> usize {
        24 + 4 * held.len()
    }

    fn kind(&self, op: &Op, reply: Option<&Option<u32>>) -> Kind {
        match (op, reply) {
            (Op::Take, Some(None)) => Kind::Pure,
            _ => Kind::Other,
        }
    }
}

fn with(held: &[u32], at: usize, value: u32) -> Vec<u32> {
    [&held[..at], &[value], &held[at..]].concat()
}

impl Object for Collection {
    fn decide(&self, calls: &[Called<Op, Option<u32>>], limits: &mut Limits) -> Answer<Vec<u32>> {
        self.by_monitor(calls).unwrap_or_else(|| engine::search(self, calls, limits, &Tuning::default()))
    }

    /// In place: a copy of all that is held for each step would take the square of the calls.
    fn replay(&self, calls: &[Called<Op, Option<u32>>], order: &[usize]) -> Result<(), usize> {
        let mut row: VecDeque<u32> = self.initial.iter().copied().collect();
        let mut heap: BinaryHeap<Reverse<u32>> = self.initial.iter().copied().map(Reverse).collect();
        plain::replay_with(calls, order, |op, reply| {
            let taken = match (op, self.next) {
                (Op::Put(value), Next::Lowest) => {
                    heap.push(Reverse(*value));
                    return true;
                }
                (Op::Put(value), _) => {
                    row.push_back(*value);
                    return true;
                }
                (Op::Take, Next::First) => row.pop_front(),
                (Op::Take, Next::Last) => row.pop_back(),
                (Op::Take, Next::Lowest) => heap.pop().map(|Reverse(value)| value),
            };
            reply.is_none_or(|told| *told == taken)
        })
    }

    fn show(&self, held: &Vec<u32>) -> String {
        let values: Vec<String> = held.iter().map(|value| self.values.show(*value)).collect();
        format!("[{}]", values.join(", "))
    }
}

impl Collection {
    /// Where the collection is empty at first and no value is put in twice, a monitor may decide.
    fn by_monitor(&self, calls: &[Called<Op, Option<u32>>]) -> Option<Answer<Vec<u32>>> {
        if !self.initial.is_empty() {
            return None;
        }
        let handling = |call: &Called<Op, Option<u32>>| Handling {
            invoked: call.invoked,
            returned: call.returned(),
            deed: match (call.op, call.answer) {
                (Op::Put(value), _) => Deed::Put(i64::from(value)),
                (Op::Take, Some((_, Some(value)))) => Deed::Took(i64::from(value)),
                (Op::Take, Some((_, None))) => Deed::FoundEmpty,
                (Op::Take, None) => Deed::Asked,
            },
        };
        let handlings: Vec<Handling> = calls.iter().map(handling).collect();
        let monitor = match self.next {
            Next::First => queue,
            Next::Last => stack,
            Next::Lowest => priority_queue,
        };
        Some(ruled(calls, monitor(&handlings)?))
    }
}

/// Judges the calls on one collection.
///
/// # Errors
/// For the first call with another verb, or a value without order where the lowest comes out first.
pub fn judge(kind: Collecting, records: &[Record], options: &Options) -> Result<Judged, Misfit> {
    judge_objects(records, options, whole, |calls, initial| read(kind, calls, initial))
}

fn read(kind: Collecting, calls: &[Call], initial: Option<&Datum>) -> Result<Part<Collection>, Misfit> {
    let mut values = Values::default();
    if kind.next == Next::Lowest {
        number_ascending(kind, calls, initial, &mut values)?;
    }
    let mut first: Vec<u32> = contents(initial)?.iter().map(|value| values.number(value)).collect();
    if kind.next == Next::Lowest {
        first.sort_unstable();
    }
    let (calls, indexes) = typed(calls, |call| Ok(put_or_take(kind, call)?.and_then(|act| act.numbered(&mut values))))?;
    Ok(Part { model: Collection { next: kind.next, initial: first, values }, calls, indexes })
}

/// What a call put in, or took out.
enum Act<'a> {
    Put(&'a Datum),
    Took(&'a Datum),
    TookSomething,
}

impl Act<'_> {
    fn numbered(&self, values: &mut Values) -> Option<(Op, Option<u32>)> {
        Some(match self {
            Act::Put(value) => (Op::Put(values.number(value)), None),
            Act::Took(Datum::Nil) | Act::TookSomething => (Op::Take, None),
            Act::Took(value) => (Op::Take, Some(values.number(value))),
        })
    }
}

/// Nothing can be put in that means "empty" when it comes out.
fn put_or_take<'a>(kind: Collecting, call: &Call<'a>) -> Result<Option<Act<'a>>, Misfit> {
    let (puts, takes) = (kind.put.contains(&call.f()), kind.take.contains(&call.f()));
    match (puts, takes, call.told) {
        (true, _, _) if *call.asked == Datum::Nil => Err(call.expected("something: null stands for empty", call.asked)),
        (true, _, Told::No) => Ok(None),
        (true, _, _) => Ok(Some(Act::Put(call.asked))),
        (_, true, Told::Ok(value)) => Ok(Some(Act::Took(value))),
        (_, true, Told::No) => Ok(Some(Act::Took(&Datum::Nil))),
        (_, true, Told::Unknown) => Ok(Some(Act::TookSomething)),
        _ => {
            let known: Vec<&str> = kind.put.iter().chain(kind.take).copied().collect();
            Err(call.no_such_verb(kind.model, &known.join(", ")))
        }
    }
}

/// Lower values get lower numbers.
fn number_ascending(
    kind: Collecting,
    calls: &[Call],
    initial: Option<&Datum>,
    values: &mut Values,
) -> Result<(), Misfit> {
    let mut all: Vec<i64> = Vec::new();
    for value in contents(initial)? {
        let Datum::Int(number) = value else { return Err(Misfit::initial("a list of whole numbers", value)) };
        all.push(*number);
    }
    for call in calls {
        match put_or_take(kind, call)? {
            None | Some(Act::Took(Datum::Nil) | Act::TookSomething) => {}
            Some(Act::Put(value) | Act::Took(value)) => all.push(call.whole(value)?),
        }
    }
    all.sort_unstable();
    for number in all {
        values.number(&Datum::Int(number));
    }
    Ok(())
}

/// What `--initial` puts in.
fn contents(initial: Option<&Datum>) -> Result<&[Datum], Misfit> {
    match initial {
        None | Some(Datum::Nil) => Ok(&[]),
        Some(Datum::List(items) | Datum::Set(items)) => Ok(items),
        Some(other) => Err(Misfit::initial("a list of what is in it at first", other)),
    }
}
