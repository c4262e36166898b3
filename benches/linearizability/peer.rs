//! The peer: porcupine-rs 0.3, the published Rust port of Porcupine, through its own `check_operations`.
//!
//! It is asked as kindly as its interface allows: calls are typed beforehand, each key is a history of its own, and neither
//! a time-out nor the order it found is asked for, both of which would make it slower. As in its own etcd benchmark a call
//! of unknown outcome returns after everything else and may always be put there; such a compare-and-set changes nothing
//! where its condition does not hold.

use crate::history::{Act, Call, History, NEVER, Object};
use porcupine_rs::{Model, Operation, check_operations};
use std::collections::VecDeque;

/// The history as the peer wants it.
pub enum Peer {
    /// Registers.
    Registers(Vec<Vec<Operation<Register>>>),
    /// Texts.
    Texts(Vec<Vec<Operation<Text>>>),
    /// Queues.
    Queues(Vec<Vec<Operation<Queue>>>),
}

impl Peer {
    /// Types the calls.
    pub fn new(history: &History) -> Peer {
        let plain = |call: &Call| (call.act, call.returned == NEVER);
        match history.object {
            Object::Register => Peer::Registers(operations(history, plain)),
            Object::Queue => Peer::Queues(operations(history, plain)),
            Object::Text => {
                let text = |id: u32| history.texts[id as usize].clone();
                Peer::Texts(operations(history, |call| match call.act {
                    Act::Read(value) => TextOp::Get(text(value)),
                    Act::Write(value) => TextOp::Put(text(value)),
                    Act::Append(value) => TextOp::Append(text(value)),
                    other => panic!("a text has no {other:?}"),
                }))
            }
        }
    }

    /// True if every key is linearizable; it stops at the first that is not.
    pub fn check(&self) -> bool {
        match self {
            Peer::Registers(keys) => keys.iter().all(|key| check_operations(key)),
            Peer::Texts(keys) => keys.iter().all(|key| check_operations(key)),
            Peer::Queues(keys) => keys.iter().all(|key| check_operations(key)),
        }
    }
}

fn operations<M: Model<Metadata = ()>>(history: &History, op: impl Fn(&Call) -> M::Op) -> Vec<Vec<Operation<M>>> {
    let operation = |call: &Call| Operation {
        client_id: None,
        call_time: i64::from(call.invoked),
        return_time: if call.returned == NEVER { i64::MAX } else { i64::from(call.returned) },
        op: op(call),
        metadata: None,
    };
    history.keys.iter().map(|calls| calls.iter().map(operation).collect()).collect()
}

/// A compare-and-set register; an operation says whether its outcome is unknown.
#[derive(Clone)]
pub struct Register;

impl Model for Register {
    type State = u32;
    type Op = (Act, bool);
    type Metadata = ();

    fn init() -> u32 {
        0
    }

    fn step(state: &u32, (act, unknown): &(Act, bool)) -> (bool, u32) {
        match *act {
            Act::Read(value) => (value == *state, *state),
            Act::Missed(value) => (value != *state, *state),
            Act::Write(value) => (true, value),
            Act::Cas(from, to) if from == *state => (true, to),
            Act::Cas(..) => (*unknown, *state),
            ref other => unreachable!("a register has no {other:?}"),
        }
    }
}

/// A text, as the peer's own benchmark has it.
#[derive(Clone)]
pub struct Text;

/// What was asked of a text, and what it answered.
#[derive(Clone, Debug)]
pub enum TextOp {
    /// It was this.
    Get(String),
    /// It became this.
    Put(String),
    /// This was added.
    Append(String),
}

impl Model for Text {
    type State = String;
    type Op = TextOp;
    type Metadata = ();

    fn init() -> String {
        String::new()
    }

    fn step(state: &String, op: &TextOp) -> (bool, String) {
        match op {
            TextOp::Get(value) => (value == state, state.clone()),
            TextOp::Put(value) => (true, value.clone()),
            TextOp::Append(value) => (true, state.clone() + value),
        }
    }
}

/// A queue.
#[derive(Clone)]
pub struct Queue;

impl Model for Queue {
    type State = VecDeque<u32>;
    type Op = (Act, bool);
    type Metadata = ();

    fn init() -> VecDeque<u32> {
        VecDeque::new()
    }

    fn step(state: &VecDeque<u32>, (act, unknown): &(Act, bool)) -> (bool, VecDeque<u32>) {
        let mut after = state.clone();
        let possible = match *act {
            Act::Enqueue(value) => {
                after.push_back(value);
                true
            }
            Act::Dequeue(value) => after.pop_front().unwrap_or(0) == value || *unknown,
            ref other => unreachable!("a queue has no {other:?}"),
        };
        (possible, after)
    }
}
