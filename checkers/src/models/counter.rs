//! A number that is added to.

use super::Spec;
use super::judge::{Judged, Object, Options, Part, judge_objects, typed, whole};
use super::reading::{Call, Misfit, Told};
use crate::model::{Kind, Model};
use harness::records::{Datum, Record};

/// See the head of this file.
pub const COUNTER: Spec = Spec {
    name: "counter",
    about: "a whole number; 0 at first",
    calls: "add n, increment, decrement (by n, or by 1 where the value is null), read (answer: the number)",
    judge,
};

fn judge(records: &[Record], options: &Options) -> Result<Judged, Misfit> {
    judge_objects(records, options, whole, read)
}

/// The counter.
#[derive(Clone, Debug)]
pub struct Counter {
    initial: i128,
}

/// What is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Add this.
    Add(i64),
    /// Say what it is.
    Read,
}

impl Model for Counter {
    /// Wide enough for every sum of a history.
    type State = i128;
    type Op = Op;
    /// What a read was told; 0 for an addition.
    type Reply = i64;

    fn init(&self) -> i128 {
        self.initial
    }

    fn step(&self, held: &i128, op: &Op, reply: Option<&i64>) -> Option<i128> {
        match op {
            Op::Add(number) => Some(held + i128::from(*number)),
            Op::Read => reply.is_none_or(|told| i128::from(*told) == *held).then_some(*held),
        }
    }

    fn kind(&self, op: &Op, _reply: Option<&i64>) -> Kind {
        match op {
            Op::Read | Op::Add(0) => Kind::Pure,
            Op::Add(_) => Kind::Other,
        }
    }
}

impl Object for Counter {
    fn show(&self, held: &i128) -> String {
        held.to_string()
    }
}

fn read(calls: &[Call], initial: Option<&Datum>) -> Result<Part<Counter>, Misfit> {
    let initial = match initial {
        None | Some(Datum::Nil) => 0,
        Some(Datum::Int(number)) => i128::from(*number),
        Some(other) => return Err(Misfit::initial("a whole number", other)),
    };
    let (calls, indexes) = typed(calls, act)?;
    Ok(Part { model: Counter { initial }, calls, indexes })
}

fn act(call: &Call) -> Result<Option<(Op, i64)>, Misfit> {
    let by = || match call.asked {
        Datum::Nil => Ok(1),
        value => call.whole(value),
    };
    let number = match (call.f(), call.told) {
        ("read", Told::Ok(answer)) => return Ok(Some((Op::Read, call.whole(answer)?))),
        ("add", Told::Ok(_) | Told::Unknown) => call.whole(call.asked)?,
        ("increment", Told::Ok(_) | Told::Unknown) => by()?,
        ("decrement", Told::Ok(_) | Told::Unknown) => {
            by()?.checked_neg().ok_or_else(|| call.expected("a number that can be subtracted", call.asked))?
        }
        ("read" | "add" | "increment" | "decrement", _) => return Ok(None),
        _ => return Err(call.no_such_verb(COUNTER.name, "add, increment, decrement and read")),
    };
    Ok(Some((Op::Add(number), 0)))
}
