//! A register's calls as the search sees them, and their reading from a history.

use crate::calls;
use harness::{Call, Key, Op, Outcome, Reply, Value};
use std::collections::BTreeMap;

/// What a call did to a register, or saw in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    /// It was told that the register holds this.
    Read(Option<Value>),
    /// It put this there.
    Write(Value),
    /// It found `from` there and put `to` there.
    Cas {
        /// What was there.
        from: Value,
        /// What is there now.
        to: Value,
    },
    /// A compare-and-set that was told that `from` is not there.
    Missed {
        /// What was not there.
        from: Value,
        /// What would have been put there.
        to: Value,
    },
}

impl Act {
    /// What the register holds right after it, if it changed anything.
    pub fn sets(&self) -> Option<Value> {
        match *self {
            Act::Write(value) => Some(value),
            Act::Cas { from, to } if from != to => Some(to),
            Act::Read(_) | Act::Cas { .. } | Act::Missed { .. } => None,
        }
    }
    /// What the register must have held right before it, if it knows.
    pub fn saw(&self) -> Option<Option<Value>> {
        match *self {
            Act::Read(value) => Some(value),
            Act::Cas { from, .. } => Some(Some(from)),
            Act::Write(_) | Act::Missed { .. } => None,
        }
    }
}

/// One call on one register. Places are of any one order of all invocations and returns, such as event indexes; no two are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegisterCall {
    /// What it did or saw.
    pub act: Act,
    /// Place of its invocation.
    pub invoked: usize,
    /// Place of its return. `None`: it may happen at any later time, or never. Reads and missed compare-and-sets have one.
    pub returned: Option<usize>,
}

/// A call of a history on one register.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// As the search sees it: without return if its outcome is unknown.
    pub call: RegisterCall,
    /// As the history has it.
    pub of: &'a Call<'a>,
    /// True if it certainly did not happen. The search leaves it out; it is kept because somebody may have seen its value.
    pub failed: bool,
}

impl Entry<'_> {
    /// Its return, if it certainly happened.
    pub fn certain(&self) -> Option<usize> {
        self.call.returned.filter(|_| !self.failed)
    }
}

/// The calls on each register, in order of invocation. Reads that told nobody anything are left out.
pub fn registers<'a>(calls: &'a [Call<'a>]) -> BTreeMap<&'a Key, Vec<Entry<'a>>> {
    let mut registers: BTreeMap<&Key, Vec<Entry>> = BTreeMap::new();
    for call in calls {
        if let Some((key, act)) = act(call) {
            let failed = matches!(call.outcome, Some(Outcome::Failed(_)));
            let returned = call.returned.filter(|_| calls::answer(call).is_some());
            let seen = RegisterCall { act, invoked: call.invoked, returned };
            registers.entry(key).or_default().push(Entry { call: seen, of: call, failed });
        }
    }
    registers
}

fn act<'a>(call: &Call<'a>) -> Option<(&'a Key, Act)> {
    match (call.op, calls::answer(call)) {
        (Op::Read { key }, Some(Reply::Value(value))) => Some((key, Act::Read(*value))),
        // A write that was refused as a condition changed nothing and had no condition: it says nothing.
        (Op::Write { .. }, Some(Reply::No)) => None,
        (Op::Write { key, value }, _) => Some((key, Act::Write(*value))),
        (Op::Cas { key, from, to }, Some(Reply::No)) => Some((key, Act::Missed { from: *from, to: *to })),
        (Op::Cas { key, from, to }, _) => Some((key, Act::Cas { from: *from, to: *to })),
        _ => None,
    }
}
