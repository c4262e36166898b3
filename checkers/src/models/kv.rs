//! Strings by key, that can be replaced and added to.

use super::Spec;
use super::judge::{Judged, Object, Options, Part, judge_objects, split, typed};
use super::reading::{Call, Misfit, Told};
use crate::model::{Kind, Model};
use harness::records::{Datum, Record};
use std::sync::Arc;

/// See the head of this file.
pub const KV: Spec = Spec {
    name: "kv",
    about: "strings by key; every key holds \"\" at first",
    calls: "get [key, null] (answer: [key, string]), put [key, string], append [key, string]",
    judge,
};

fn judge(records: &[Record], options: &Options) -> Result<Judged, Misfit> {
    let by_key = |calls| split(calls, "key", |call| Ok(call.pair(call.asked, "[key, string]")?.0));
    judge_objects(records, options, by_key, read)
}

/// What one key holds.
#[derive(Clone, Debug)]
pub struct Text {
    initial: Arc<str>,
}

/// What is asked of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// What does it hold?
    Get,
    /// It shall hold this.
    Put(Arc<str>),
    /// This comes after what it holds.
    Append(Arc<str>),
}

impl Model for Text {
    type State = Arc<str>;
    type Op = Op;
    /// What a `get` was told; empty for the others.
    type Reply = Arc<str>;

    fn init(&self) -> Arc<str> {
        self.initial.clone()
    }

    fn step(&self, held: &Arc<str>, op: &Op, reply: Option<&Arc<str>>) -> Option<Arc<str>> {
        match op {
            Op::Get => reply.is_none_or(|told| told == held).then(|| held.clone()),
            Op::Put(text) => Some(text.clone()),
            Op::Append(text) => Some(format!("{held}{text}").into()),
        }
    }

    fn weight(&self, held: &Arc<str>) -> usize {
        32 + held.len()
    }

    fn kind(&self, op: &Op, _reply: Option<&Arc<str>>) -> Kind {
        match op {
            Op::Get => Kind::Pure,
            Op::Put(_) => Kind::Overwrite,
            Op::Append(_) => Kind::Other,
        }
    }
}

impl Object for Text {
    fn show(&self, held: &Arc<str>) -> String {
        format!("{held:?}")
    }
}

fn read(calls: &[Call], initial: Option<&Datum>) -> Result<Part<Text>, Misfit> {
    let initial = match initial {
        None | Some(Datum::Nil) => Arc::from(""),
        Some(Datum::Text(text)) => Arc::from(text.as_str()),
        Some(other) => return Err(Misfit::initial("text", other)),
    };
    let (calls, indexes) = typed(calls, act)?;
    Ok(Part { model: Text { initial }, calls, indexes })
}

fn act(call: &Call) -> Result<Option<(Op, Arc<str>)>, Misfit> {
    let given = || text(call, call.asked);
    let op = match (call.f(), call.told) {
        ("get" | "read", Told::Ok(answer)) => return Ok(Some((Op::Get, text(call, answer)?))),
        ("put" | "write", Told::Ok(_) | Told::Unknown) => Op::Put(given()?),
        ("append", Told::Ok(_) | Told::Unknown) => Op::Append(given()?),
        ("get" | "read" | "put" | "write" | "append", _) => return Ok(None),
        _ => return Err(call.no_such_verb(KV.name, "get, put and append")),
    };
    Ok(Some((op, Arc::from(""))))
}

/// The string of `[key, string]`. A key that is not there holds the empty string.
fn text(call: &Call, value: &Datum) -> Result<Arc<str>, Misfit> {
    match call.pair(value, "[key, string]")?.1 {
        Datum::Nil => Ok(Arc::from("")),
        Datum::Text(text) => Ok(Arc::from(text.as_str())),
        _ => Err(call.expected("[key, string]", value)),
    }
}
