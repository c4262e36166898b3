//! Registers judged while a run goes on: the first answer that no order explains is seen when it is given.
//!
//! What it sees is said in full by [`super::LINEARIZABLE`] afterwards; that it has seen nothing is no verdict.

use crate::engine::{Sight, Stream, Ticket};
use crate::model::{Kind, Model};
use harness::{Event, Key, Op, Outcome, ProcessId, Reply, Value, What};
use std::collections::BTreeMap;

/// One register, as clients speak to it.
#[derive(Clone, Copy, Debug)]
pub struct Register;

impl Model for Register {
    type State = Option<Value>;
    type Op = Op;
    type Reply = Reply;

    fn init(&self) -> Option<Value> {
        None
    }
    fn step(&self, state: &Option<Value>, op: &Op, reply: Option<&Reply>) -> Option<Option<Value>> {
        let found = |from: &Value| *state == Some(*from);
        match (op, reply) {
            (Op::Read { .. }, Some(Reply::Value(value))) => (state == value).then_some(*state),
            // A register holds one value at a time.
            (Op::Read { .. }, Some(Reply::Siblings(_))) => None,
            (Op::Write { value, .. }, Some(Reply::Done) | None) => Some(Some(*value)),
            (Op::Cas { from, to, .. }, Some(Reply::Done)) => found(from).then_some(Some(*to)),
            (Op::Cas { from, .. }, Some(Reply::No)) => (!found(from)).then_some(*state),
            (Op::Cas { from, to, .. }, None) => Some(if found(from) { Some(*to) } else { *state }),
            // What is no answer to its question, or says nothing of the register, is nothing that it could contradict.
            _ => Some(*state),
        }
    }
    fn kind(&self, op: &Op, reply: Option<&Reply>) -> Kind {
        match (op, reply) {
            (Op::Write { .. }, Some(Reply::Done) | None) => Kind::Overwrite,
            (Op::Cas { .. }, Some(Reply::Done) | None) => Kind::Other,
            _ => Kind::Pure,
        }
    }
}

/// Every register of a run, while it goes on.
#[derive(Default)]
pub struct Online {
    registers: BTreeMap<Key, Stream<'static, Register>>,
    open: BTreeMap<ProcessId, (Key, Ticket)>,
    violated: Option<(usize, Key)>,
}

impl Online {
    /// Takes the next event of a history; the first that no order explains is remembered with its register.
    pub fn saw(&mut self, index: usize, event: &Event) {
        match &event.what {
            What::Invoke { process, op } => {
                if let Op::Read { key } | Op::Write { key, .. } | Op::Cas { key, .. } = op {
                    let register = self.registers.entry(key.clone()).or_insert_with(|| Stream::new(&Register));
                    let ticket = register.invoked(op.clone());
                    self.open.insert(*process, (key.clone(), ticket));
                }
            }
            What::Return { process, outcome, .. } => {
                let Some((key, ticket)) = self.open.remove(process) else { return };
                let Some(register) = self.registers.get_mut(&key) else { return };
                let sight = match outcome {
                    Outcome::Ok(reply) => register.answered(ticket, reply.clone()),
                    Outcome::Failed(_) => register.failed(ticket),
                    Outcome::Unknown(_) => register.unknown(ticket),
                };
                if sight == Sight::Impossible && self.violated.is_none() {
                    self.violated = Some((index, key));
                }
            }
            _ => {}
        }
    }

    /// The first event after which no order explains a register, and which.
    pub fn violated(&self) -> Option<(usize, &Key)> {
        self.violated.as_ref().map(|(index, key)| (*index, key))
    }

    /// How many registers are not watched any more, because too much was open or possible.
    pub fn lost(&self) -> usize {
        self.registers.values().filter(|register| register.sight() == Sight::Lost).count()
    }
}
