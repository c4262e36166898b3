//! The engine, as a user of the library calls it: each object by itself, up to the first that is impossible.
//!
//! What holds one value goes the fast way for such objects. Registers that are only read and written, and queues, go to
//! their monitors, which decide where values are unique and otherwise hand back. Texts and queues are types of this program
//! that implement the library's [`Model`], as anybody's would.

use crate::history::{Act, Call, History, NEVER, Object};
use checkers::engine::register::{self, Access, Cell, Effect, Needs};
use checkers::engine::{self, Tuning};
use checkers::model::{Answer, Called, Kind, Limits, Model};
use checkers::monitors::queue::queue;
use checkers::monitors::zones::{self, Touch, zones};
use checkers::monitors::{Deed, Handling, Ruling};
use checkers::plain;
use std::sync::Arc;
use std::sync::LazyLock;

/// The history as the engine wants it.
pub enum Ours {
    /// Objects that hold one value, 0 at first.
    Cells(Vec<Vec<Access>>),
    /// Such objects, only read and written: for the monitor, and for the engine where values are not unique.
    Registers(Vec<(Vec<zones::Access>, Vec<Access>)>),
    /// Texts.
    Texts(Vec<Vec<Called<TextOp, Arc<str>>>>),
    /// Queues: for the monitor, and for the engine where values are not unique.
    Queues(Vec<(Vec<Handling>, QueueCalls)>),
}

/// The calls on one queue, for the engine.
type QueueCalls = Vec<Called<QueueOp, u32>>;

/// The answer about a whole history.
pub enum Answered {
    /// Every object has an order; these are they.
    Linearizable(#[allow(dead_code, reason = "part of what is measured")] Vec<Vec<usize>>),
    /// Some object is not linearizable.
    Impossible,
    /// Some object was not decided, and none before it is impossible.
    Unknown,
}

impl Answered {
    /// `None` where it does not know.
    pub fn verdict(&self) -> Option<bool> {
        match self {
            Answered::Linearizable(_) => Some(true),
            Answered::Impossible => Some(false),
            Answered::Unknown => None,
        }
    }
}

impl Ours {
    /// Types the calls.
    pub fn new(history: History) -> Ours {
        let read_or_write = |call: &Call| matches!(call.act, Act::Read(_) | Act::Write(_));
        match history.object {
            Object::Register if history.keys.iter().flatten().all(read_or_write) => {
                let both = |calls: Vec<Call>| (calls.iter().map(touch).collect(), calls.iter().map(access).collect());
                Ours::Registers(history.keys.into_iter().map(both).collect())
            }
            Object::Register => Ours::Cells(each(history.keys, access)),
            Object::Queue => {
                let op = |call: &Call| called(call, queue_op(call.act));
                let both = |calls: Vec<Call>| (calls.iter().map(handling).collect(), calls.iter().map(op).collect());
                Ours::Queues(history.keys.into_iter().map(both).collect())
            }
            Object::Text => {
                let texts: Vec<Arc<str>> = history.texts.iter().map(|text| Arc::from(text.as_str())).collect();
                Ours::Texts(each(history.keys, |call| called(call, text_op(call.act, &texts))))
            }
        }
    }

    /// Decides. Where there is an order, it is the witness; it is not replayed yet. Where there is none, the proof is whatever the
    /// engine came upon: the window is not shortened yet, nor confirmed.
    pub fn search(&self) -> Answered {
        match self {
            Ours::Cells(keys) => decide(keys, |key| engine_alone(key)),
            Ours::Registers(keys) => decide(keys, |(touches, key)| match zones(touches, 0) {
                Some(ruling) => ruled(ruling),
                None => engine_alone(key),
            }),
            Ours::Texts(keys) => {
                decide(keys, |key| answered(engine::search(&Text, key, &mut Limits::default(), &QUICK)))
            }
            Ours::Queues(keys) => decide(keys, |(handlings, key)| match queue(handlings) {
                Some(ruling) => ruled(ruling),
                None => answered(engine::check(&Queue, key, &mut Limits::default())),
            }),
        }
    }

    /// Decides as users get it: with orders replayed and refutations confirmed.
    pub fn check(&self) -> Answered {
        match self {
            Ours::Cells(keys) => decide(keys, |key| answered(register::check(0, key, &mut Limits::default()))),
            Ours::Registers(keys) => decide(keys, |(touches, key)| match zones(touches, 0) {
                Some(ruling) => {
                    let calls: Vec<Called<Effect, ()>> = key.iter().map(cell_call).collect();
                    proved(&Cell { initial: 0 }, &calls, ruling)
                }
                None => answered(register::check(0, key, &mut Limits::default())),
            }),
            Ours::Texts(keys) => decide(keys, |key| answered(engine::check(&Text, key, &mut Limits::default()))),
            Ours::Queues(keys) => decide(keys, |(handlings, key)| match queue(handlings) {
                Some(ruling) => proved(&Queue, key, ruling),
                None => answered(engine::check(&Queue, key, &mut Limits::default())),
            }),
        }
    }
}

/// What became of one object: its order, `Some(None)` if it is impossible, `None` if nobody knows.
type One = Option<Option<Vec<usize>>>;

fn decide<Calls>(keys: &[Calls], ask: impl Fn(&Calls) -> One) -> Answered {
    let mut orders = Vec::with_capacity(keys.len());
    let mut unknown = false;
    for key in keys {
        match ask(key) {
            Some(Some(order)) => orders.push(order),
            Some(None) => return Answered::Impossible,
            None => unknown = true,
        }
    }
    if unknown { Answered::Unknown } else { Answered::Linearizable(orders) }
}

/// The engine without the shortening of windows, which is for people who read them.
static QUICK: LazyLock<Tuning> = LazyLock::new(|| Tuning { shortest: false, ..Tuning::default() });

fn engine_alone(key: &[Access]) -> One {
    answered(register::search(0, key, &mut Limits::default(), &QUICK))
}

fn answered<State>(answer: Answer<State>) -> One {
    match answer {
        Answer::Linearizable(order) => Some(Some(order)),
        Answer::Impossible(_) => Some(None),
        Answer::Unknown(_) => None,
    }
}

fn ruled(ruling: Ruling) -> One {
    match ruling {
        Ruling::Linearizable(order) => Some(Some(order)),
        Ruling::Impossible { .. } => Some(None),
    }
}

/// What a monitor says, replayed or confirmed: the calls that it names contradict each other by themselves.
fn proved<M: Model>(model: &M, calls: &[Called<M::Op, M::Reply>], ruling: Ruling) -> One {
    match &ruling {
        Ruling::Linearizable(order) => assert_eq!(plain::replay(model, calls, order), Ok(()), "an order that is none"),
        Ruling::Impossible { calls: named, .. } => {
            let named: Vec<_> = named.iter().map(|index| calls[*index].clone()).collect();
            let possible = plain::search(model, &[model.init()], &named, &mut CONFIRMING.clone());
            assert_ne!(possible, Some(true), "the monitor refuted what is possible");
        }
    }
    ruled(ruling)
}

/// Steps of the plain search, at most.
const CONFIRMING: u64 = 200_000;

/// Lets go of each key's calls as soon as they are typed.
fn each<T>(keys: Vec<Vec<Call>>, typed: impl Fn(&Call) -> T) -> Vec<Vec<T>> {
    keys.into_iter().map(|calls| calls.iter().map(&typed).collect()).collect()
}

fn access(call: &Call) -> Access {
    let (needs, sets) = match call.act {
        Act::Read(value) => (Needs::Is(value), None),
        Act::Missed(value) => (Needs::IsNot(value), None),
        Act::Write(value) => (Needs::Nothing, Some(value)),
        Act::Cas(from, to) => (Needs::Is(from), Some(to)),
        other => unreachable!("a register has no {other:?}"),
    };
    Access { effect: Effect { needs, sets }, invoked: call.invoked, returned: call.returned }
}

fn place(place: u32) -> usize {
    if place == NEVER { usize::MAX } else { place as usize }
}

fn touch(call: &Call) -> zones::Access {
    let deed = match call.act {
        Act::Read(value) => Touch::Read(i64::from(value)),
        Act::Write(value) => Touch::Wrote(i64::from(value)),
        other => unreachable!("only reads and writes, no {other:?}"),
    };
    zones::Access { invoked: place(call.invoked), returned: place(call.returned), deed }
}

fn handling(call: &Call) -> Handling {
    let deed = match call.act {
        Act::Enqueue(value) => Deed::Put(i64::from(value)),
        Act::Dequeue(_) if call.returned == NEVER => Deed::Asked,
        Act::Dequeue(0) => Deed::FoundEmpty,
        Act::Dequeue(value) => Deed::Took(i64::from(value)),
        other => unreachable!("a queue has no {other:?}"),
    };
    Handling { invoked: place(call.invoked), returned: place(call.returned), deed }
}

fn cell_call(access: &Access) -> Called<Effect, ()> {
    let answer = (access.returned != NEVER).then_some((access.returned as usize, ()));
    Called { op: access.effect, invoked: access.invoked as usize, answer }
}

fn called<Op, Reply>(call: &Call, (op, reply): (Op, Reply)) -> Called<Op, Reply> {
    let answer = (call.returned != NEVER).then_some((call.returned as usize, reply));
    Called { op, invoked: call.invoked as usize, answer }
}

/// A text that starts empty.
pub struct Text;

/// What is asked of a text. A reply is what it holds, and empty where it was changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TextOp {
    /// What does it hold?
    Get,
    /// It shall hold this.
    Put(Arc<str>),
    /// This comes after what it holds.
    Append(Arc<str>),
}

fn text_op(act: Act, texts: &[Arc<str>]) -> (TextOp, Arc<str>) {
    let text = |id: u32| texts[id as usize].clone();
    match act {
        Act::Read(id) => (TextOp::Get, text(id)),
        Act::Write(id) => (TextOp::Put(text(id)), Arc::from("")),
        Act::Append(id) => (TextOp::Append(text(id)), Arc::from("")),
        other => unreachable!("a text has no {other:?}"),
    }
}

impl Model for Text {
    type State = Arc<str>;
    type Op = TextOp;
    type Reply = Arc<str>;

    fn init(&self) -> Arc<str> {
        Arc::from("")
    }

    fn step(&self, held: &Arc<str>, op: &TextOp, reply: Option<&Arc<str>>) -> Option<Arc<str>> {
        match op {
            TextOp::Get => reply.is_none_or(|told| told == held).then(|| held.clone()),
            TextOp::Put(text) => Some(text.clone()),
            TextOp::Append(text) => Some([&**held, &**text].concat().into()),
        }
    }

    fn kind(&self, op: &TextOp, _reply: Option<&Arc<str>>) -> Kind {
        match op {
            TextOp::Get => Kind::Pure,
            TextOp::Put(_) => Kind::Overwrite,
            TextOp::Append(_) => Kind::Other,
        }
    }
}

/// A queue that starts empty.
pub struct Queue;

/// What is asked of a queue. A reply is what was taken, 0 if there was nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueueOp {
    /// Put this at the end.
    Put(u32),
    /// Take what is at the front.
    Take,
}

fn queue_op(act: Act) -> (QueueOp, u32) {
    match act {
        Act::Enqueue(value) => (QueueOp::Put(value), 0),
        Act::Dequeue(value) => (QueueOp::Take, value),
        other => unreachable!("a queue has no {other:?}"),
    }
}

impl Model for Queue {
    type State = Vec<u32>;
    type Op = QueueOp;
    type Reply = u32;

    fn init(&self) -> Vec<u32> {
        Vec::new()
    }

    fn step(&self, held: &Vec<u32>, op: &QueueOp, reply: Option<&u32>) -> Option<Vec<u32>> {
        match (op, held.as_slice()) {
            (QueueOp::Put(value), held) => Some([held, &[*value]].concat()),
            (QueueOp::Take, []) => reply.is_none_or(|told| *told == 0).then(Vec::new),
            (QueueOp::Take, [front, rest @ ..]) => reply.is_none_or(|told| told == front).then(|| rest.to_vec()),
        }
    }

    fn kind(&self, op: &QueueOp, reply: Option<&u32>) -> Kind {
        match (op, reply) {
            (QueueOp::Take, Some(0)) => Kind::Pure,
            _ => Kind::Other,
        }
    }
}
