//! A set. Where nobody reads all of it at once, each element is an object by itself: a cell that is in or out.
//!
//! Some sets acknowledge an `add` of what is there already, others refuse it, and the same goes for a `remove` of what is
//! not there. Who ever refuses shows that an `ok` means that something changed:
//!
//! ```text
//! add 1 -> ok   add 1 -> ok                     right: it is there
//! add 1 -> ok   add 1 -> ok   add 1 -> refused  wrong: the second should have been refused as well
//! ```

use super::Spec;
use super::cells::{Cell, cell, moves, puts, sees};
use super::judge::{Group, Judged, Object, Options, Part, judge_objects, split, typed, whole};
use super::reading::{Call, Misfit, Told};
use super::values::Values;
use crate::model::{Called, Kind, Model};
use crate::plain;
use harness::records::{Datum, Ending, Record};
use std::collections::BTreeSet;

/// See the head of this file.
pub const SET: Spec = Spec {
    name: "set",
    about: "a set, each element by itself unless somebody reads all of it; empty at first. An `ok` of a verb that is never \
            refused says only how it is afterwards",
    calls: "add v, remove v (fail with error `precondition`: it was there already, or was not there), \
            contains v or [v, null] (answer: [v, true] or true), read (answer: a list of all)",
    judge,
};

fn judge(records: &[Record], options: &Options) -> Result<Judged, Misfit> {
    let refuses = Refuses::from(records);
    match records.iter().any(|record| record.f == "read") {
        true => judge_objects(records, options, whole, |calls, initial| all_at_once(calls, initial, refuses)),
        false => judge_objects(records, options, by_element, |calls, initial| one_element(calls, initial, refuses)),
    }
}

/// What the set was seen to refuse: to add what is there, to remove what is not.
#[derive(Clone, Copy, Debug)]
struct Refuses {
    add: bool,
    remove: bool,
}

impl From<&[Record]> for Refuses {
    fn from(records: &[Record]) -> Refuses {
        let refused = |f: &str| records.iter().any(|record| record.f == f && matches!(record.ending, Ending::No(..)));
        Refuses { add: refused("add"), remove: refused("remove") }
    }
}

/// What one call says of one element.
struct Act<'a> {
    element: &'a Datum,
    /// Whether it must have been there before; `None` if that does not matter.
    was: Option<bool>,
    /// Whether it is there afterwards.
    is: bool,
}

/// `None` if the call says nothing; a `read` is not asked for here.
fn act<'a>(call: &Call<'a>, refuses: Refuses) -> Result<Option<Act<'a>>, Misfit> {
    let (was, is) = match (call.f(), call.told) {
        ("add", Told::No) => (Some(true), true),
        ("add", _) => (refuses.add.then_some(false), true),
        ("remove", Told::No) => (Some(false), false),
        ("remove", _) => (refuses.remove.then_some(true), false),
        ("contains", Told::Ok(answer)) => {
            let there = contained(call, answer)?;
            (Some(there), there)
        }
        ("contains", _) => return Ok(None),
        _ => return Err(call.no_such_verb(SET.name, "add, remove, contains and read")),
    };
    Ok(Some(Act { element: element(call), was, is }))
}

/// What was added, removed, or asked for: `contains [v, null]` asks for v.
fn element<'a>(call: &Call<'a>) -> &'a Datum {
    match call.asked {
        Datum::List(pair) if call.f() == "contains" && pair.len() == 2 && pair[1] == Datum::Nil => &pair[0],
        asked => asked,
    }
}

fn contained(call: &Call, answer: &Datum) -> Result<bool, Misfit> {
    match answer {
        Datum::Bool(there) => Ok(*there),
        Datum::List(items) => match items.as_slice() {
            [asked, Datum::Bool(there)] if asked == element(call) => Ok(*there),
            _ => Err(call.expected("[v, true] or [v, false] with the v that was asked for", answer)),
        },
        _ => Err(call.expected("[v, true] or [v, false]", answer)),
    }
}

fn by_element<'a>(calls: Vec<Call<'a>>) -> Result<Vec<Group<'a>>, Misfit> {
    split(calls, "element", |call| Ok(element(call)))
}

fn one_element(calls: &[Call], initial: Option<&Datum>, refuses: Refuses) -> Result<Part<Cell>, Misfit> {
    let first = match calls.first() {
        Some(call) => members(initial)?.contains(element(call)),
        None => false,
    };
    cell(calls, &word(first), |call, values| {
        let Some(Act { was, is, .. }) = act(call, refuses)? else { return Ok(None) };
        let mut number = |there| values.number(&word(there));
        Ok(Some(match was {
            None => puts(number(is)),
            Some(was) if was == is => sees(number(was)),
            Some(was) => moves(number(was), number(is)),
        }))
    })
}

fn word(there: bool) -> Datum {
    Datum::Word(if there { "in" } else { "out" }.to_string())
}

fn members(initial: Option<&Datum>) -> Result<&[Datum], Misfit> {
    match initial {
        None | Some(Datum::Nil) => Ok(&[]),
        Some(Datum::List(items) | Datum::Set(items)) => Ok(items),
        Some(other) => Err(Misfit::initial("a list of what is in it at first", other)),
    }
}

/// The whole set, for histories in which somebody reads it.
#[derive(Clone, Debug)]
struct Whole {
    initial: BTreeSet<u32>,
    values: Values,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Op {
    /// One element must have been there or not, and is there afterwards or not.
    One { element: u32, was: Option<bool>, is: bool },
    /// Everything that is there.
    Read(BTreeSet<u32>),
}

impl Model for Whole {
    type State = BTreeSet<u32>;
    type Op = Op;
    /// Everything that was answered is in the operation.
    type Reply = ();

    fn init(&self) -> BTreeSet<u32> {
        self.initial.clone()
    }

    fn step(&self, held: &BTreeSet<u32>, op: &Op, _reply: Option<&()>) -> Option<BTreeSet<u32>> {
        match op {
            Op::Read(seen) => (seen == held).then(|| held.clone()),
            Op::One { element, was: Some(was), .. } if held.contains(element) != *was => None,
            Op::One { element, is, .. } => {
                let mut held = held.clone();
                if *is {
                    held.insert(*element)
                } else {
                    held.remove(element)
                };
                Some(held)
            }
        }
    }

    fn weight(&self, held: &BTreeSet<u32>) -> usize {
        24 + 8 * held.len()
    }

    fn kind(&self, op: &Op, _reply: Option<&()>) -> Kind {
        match op {
            Op::Read(_) => Kind::Pure,
            Op::One { was: Some(was), is, .. } if was == is => Kind::Pure,
            Op::One { .. } => Kind::Other,
        }
    }
}

impl Object for Whole {
    /// In place: a copy of the whole set for each step would take the square of the calls.
    fn replay(&self, calls: &[Called<Op, ()>], order: &[usize]) -> Result<(), usize> {
        let mut held = self.initial.clone();
        plain::replay_with(calls, order, |op, _| match op {
            Op::Read(seen) => *seen == held,
            Op::One { element, was, is } => {
                let there = held.contains(element);
                if *is {
                    held.insert(*element)
                } else {
                    held.remove(element)
                };
                was.is_none_or(|was| was == there)
            }
        })
    }

    fn show(&self, held: &BTreeSet<u32>) -> String {
        let all: Vec<String> = held.iter().map(|element| self.values.show(*element)).collect();
        format!("{{{}}}", all.join(", "))
    }
}

fn all_at_once(calls: &[Call], initial: Option<&Datum>, refuses: Refuses) -> Result<Part<Whole>, Misfit> {
    let mut values = Values::default();
    let initial = members(initial)?.iter().map(|element| values.number(element)).collect();
    let mut read = |call: &Call| match (call.f(), call.told) {
        ("read", Told::Ok(answer)) => {
            let seen = call.items(answer, "a list of all elements")?;
            Ok(Some(Op::Read(seen.iter().map(|element| values.number(element)).collect())))
        }
        ("read", _) => Ok(None),
        _ => {
            let act = act(call, refuses)?;
            Ok(act.map(|act| Op::One { element: values.number(act.element), was: act.was, is: act.is }))
        }
    };
    let (calls, indexes) = typed(calls, |call| Ok(read(call)?.map(|op| (op, ()))))?;
    Ok(Part { model: Whole { initial, values }, calls, indexes })
}
