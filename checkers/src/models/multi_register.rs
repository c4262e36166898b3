//! Registers that are read and written several at once. Those that no transaction joins are judged apart.

use super::Spec;
use super::judge::{Group, Judged, Object, Options, Part, judge_objects, split, typed};
use super::reading::{Call, Misfit, Told};
use super::values::Values;
use crate::model::{Kind, Model};
use harness::records::{Datum, Record};

/// See the head of this file.
pub const MULTI_REGISTER: Spec = Spec {
    name: "multi-register",
    about: "registers by key, read and written several at once; each holds null at first, or what `--initial` maps it to",
    calls: "txn [[read, key, null], [write, key, v], …] (answer: the same with what was read), read [key, null], \
            write [key, v]",
    judge,
};

const SHAPE: &str = "a list of [read, key, value] and [write, key, value]";

fn judge(records: &[Record], options: &Options) -> Result<Judged, Misfit> {
    judge_objects(records, options, by_joined_keys, read)
}

/// The registers that transactions join.
#[derive(Clone, Debug)]
struct Registers {
    initial: Vec<u32>,
    keys: Values,
    values: Values,
}

/// One thing that a transaction does, to the register of this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Act {
    /// Reads it; what was there, where somebody was told.
    Read(u32, Option<u32>),
    /// Writes this.
    Write(u32, u32),
}

impl Model for Registers {
    /// What each register holds.
    type State = Vec<u32>;
    type Op = Vec<Act>;
    /// Everything that was answered is in the operation.
    type Reply = ();

    fn init(&self) -> Vec<u32> {
        self.initial.clone()
    }

    fn step(&self, held: &Vec<u32>, acts: &Vec<Act>, _reply: Option<&()>) -> Option<Vec<u32>> {
        let mut held = held.clone();
        for act in acts {
            match *act {
                Act::Read(key, Some(seen)) if held[key as usize] != seen => return None,
                Act::Read(..) => {}
                Act::Write(key, value) => held[key as usize] = value,
            }
        }
        Some(held)
    }

    fn weight(&self, held: &Vec<u32>) -> usize {
        24 + 4 * held.len()
    }

    fn kind(&self, acts: &Vec<Act>, _reply: Option<&()>) -> Kind {
        let reads = acts.iter().all(|act| matches!(act, Act::Read(..)));
        if reads { Kind::Pure } else { Kind::Other }
    }
}

impl Object for Registers {
    fn show(&self, held: &Vec<u32>) -> String {
        let one = |(key, value): (u32, &u32)| format!("{}: {}", self.keys.show(key), self.values.show(*value));
        let all: Vec<String> = (0..).zip(held).map(one).collect();
        format!("{{{}}}", all.join(", "))
    }
}

/// What stood in the file: whether it writes, the key, the value.
struct Step<'a> {
    writes: bool,
    key: &'a Datum,
    value: &'a Datum,
}

fn steps<'a>(call: &Call<'a>, value: &'a Datum) -> Result<Vec<Step<'a>>, Misfit> {
    match call.f() {
        "txn" => call.items(value, SHAPE)?.iter().map(|item| step(call, item)).collect(),
        verb @ ("read" | "write") => {
            let (key, value) = call.pair(value, "[key, value]")?;
            Ok(vec![Step { writes: verb == "write", key, value }])
        }
        _ => Err(call.no_such_verb(MULTI_REGISTER.name, "txn, read and write")),
    }
}

fn step<'a>(call: &Call, item: &'a Datum) -> Result<Step<'a>, Misfit> {
    let Datum::List(fields) = item else { return Err(call.expected(SHAPE, item)) };
    let [Datum::Text(verb) | Datum::Word(verb), key, value] = fields.as_slice() else {
        return Err(call.expected(SHAPE, item));
    };
    match verb.as_str() {
        "read" | "r" => Ok(Step { writes: false, key, value }),
        "write" | "w" => Ok(Step { writes: true, key, value }),
        _ => Err(call.expected(SHAPE, item)),
    }
}

/// Groups calls so that no transaction reaches from one group into another. A group is named after the key of it that is
/// met first.
fn by_joined_keys<'a>(calls: Vec<Call<'a>>) -> Result<Vec<Group<'a>>, Misfit> {
    let mut keys = Values::default();
    // For each key one that it is joined with and that was met earlier, or itself.
    let mut above: Vec<u32> = Vec::new();
    let mut touching: Vec<(Call<'a>, u32)> = Vec::new();
    for call in calls {
        let mut first: Option<u32> = None;
        for step in steps(&call, call.asked)? {
            let key = keys.number(step.key);
            above.extend(above.len() as u32..keys.all().len() as u32);
            let (one, other) = (top(&above, key), top(&above, first.unwrap_or(key)));
            above[one.max(other) as usize] = one.min(other);
            first = Some(one.min(other));
        }
        touching.extend(first.map(|first| (call, first)));
    }
    let (calls, firsts): (Vec<Call>, Vec<u32>) = touching.into_iter().unzip();
    let mut names = firsts.into_iter().map(|first| &keys.all()[top(&above, first) as usize]);
    split(calls, "registers joined with", |_| Ok(names.next().expect("a name a call")))
}

fn top(above: &[u32], mut key: u32) -> u32 {
    while above[key as usize] != key {
        key = above[key as usize];
    }
    key
}

fn read(calls: &[Call], initial: Option<&Datum>) -> Result<Part<Registers>, Misfit> {
    let (mut keys, mut values) = (Values::default(), Values::default());
    let mut read = |call: &Call| {
        let (said, answered) = match call.told {
            Told::Ok(answer) => (answer, true),
            Told::Unknown => (call.asked, false),
            Told::No => return Ok(None),
        };
        let mut act = |step: Step| {
            let key = keys.number(step.key);
            match (step.writes, answered) {
                (true, _) => Act::Write(key, values.number(step.value)),
                (false, true) => Act::Read(key, Some(values.number(step.value))),
                (false, false) => Act::Read(key, None),
            }
        };
        let acts: Vec<Act> = steps(call, said)?.into_iter().map(&mut act).collect();
        let silent = !answered && acts.iter().all(|act| matches!(act, Act::Read(..)));
        Ok((!silent).then_some((acts, ())))
    };
    let (calls, indexes) = typed(calls, &mut read)?;
    let initial = keys.all().iter().map(|key| values.number(first_value(initial, key))).collect();
    Ok(Part { model: Registers { initial, keys, values }, calls, indexes })
}

/// What `--initial` says of one register: a map says it for each, anything else for all.
fn first_value<'a>(initial: Option<&'a Datum>, key: &Datum) -> &'a Datum {
    match initial {
        None => &Datum::Nil,
        Some(Datum::Map(entries)) => {
            entries.iter().find(|(other, _)| other == key).map_or(&Datum::Nil, |(_, value)| value)
        }
        Some(value) => value,
    }
}
