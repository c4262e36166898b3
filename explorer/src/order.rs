//! Is there an order? Judges the few calls of an exploration by trying.
//!
//! A call is explained if it can be put somewhere between its invocation and its answer so that every answer is what the
//! objects would give. What registers and names do stands here a second time on purpose: a counterexample is believed
//! when the checkers, which share no code with this, say the same of its replay.

use harness::{Key, Op, Outcome, Reply, Value};
use std::collections::BTreeMap;

/// A call that was made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Call {
    /// The calls that were over when it was made, as bits. All that there is to know about when things happened.
    pub before: u16,
    /// How it ended, if it did.
    pub outcome: Option<Outcome>,
}

/// Registers and names.
#[derive(Clone, Debug, Default)]
struct Objects(BTreeMap<Key, Value>);

impl Objects {
    /// `None` for an operation that is not judged here.
    fn answer(&mut self, op: &Op) -> Option<Reply> {
        let there = |key| self.0.get(key).copied();
        Some(match op {
            Op::Read { key } => Reply::Value(there(key)),
            Op::Write { key, value } => self.set(key, *value),
            Op::Cas { key, from, to } if there(key) == Some(*from) => self.set(key, *to),
            Op::Cas { .. } => Reply::No,
            Op::Claim { name, owner } if there(name).is_none_or(|holder| holder == *owner) => self.set(name, *owner),
            Op::Claim { .. } => Reply::No,
            _ => return None,
        })
    }

    fn set(&mut self, key: &Key, value: Value) -> Reply {
        self.0.insert(key.clone(), value);
        Reply::Done
    }
}

/// Can this operation be judged?
pub fn knows(op: &Op) -> bool {
    Objects::default().answer(op).is_some()
}

/// True if some order explains every answer. `calls[n]` is the call of `ops[n]`, if it was made.
pub fn explained(ops: &[Op], calls: &[Option<Call>]) -> bool {
    let due = |call: &Option<Call>| matches!(call, Some(Call { outcome: Some(Outcome::Ok(_)), .. }));
    let due = calls.iter().enumerate().filter(|(_, call)| due(call)).fold(0, |due, (index, _)| due | 1 << index);
    place(ops, calls, due, 0, &Objects::default())
}

/// Puts one call after the other behind those that are `placed`. Whatever was over before a call must stand before it.
fn place(ops: &[Op], calls: &[Option<Call>], due: u16, placed: u16, objects: &Objects) -> bool {
    if placed & due == due {
        return true;
    }
    (0..ops.len()).any(|index| {
        let Some(call) = &calls[index] else { return false };
        let failed = matches!(call.outcome, Some(Outcome::Failed(_)));
        if failed || placed & 1 << index != 0 || call.before & due & !placed != 0 {
            return false;
        }
        let mut next = objects.clone();
        let reply = next.answer(&ops[index]);
        let fits = match &call.outcome {
            Some(Outcome::Ok(told)) => reply.as_ref() == Some(told),
            _ => true,
        };
        fits && place(ops, calls, due, placed | 1 << index, &next)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::Reason;

    fn ok(before: u16, reply: Reply) -> Option<Call> {
        Some(Call { before, outcome: Some(Outcome::Ok(reply)) })
    }

    fn read() -> Op {
        Op::Read { key: "x".into() }
    }

    fn write(value: Value) -> Op {
        Op::Write { key: "x".into(), value }
    }

    #[test]
    fn a_write_that_is_over_must_be_seen_and_an_open_one_may() {
        let ops = [write(1), read()];
        let value = |value| Reply::Value(value);
        let seen = |calls: [Option<Call>; 2]| explained(&ops, &calls);
        assert!(seen([ok(0, Reply::Done), ok(1, value(Some(1)))]));
        assert!(!seen([ok(0, Reply::Done), ok(1, value(None))]));
        assert!(seen([ok(0, Reply::Done), ok(0, value(None))]));
        let open = Some(Call { before: 0, outcome: None });
        assert!(seen([open.clone(), ok(0, value(Some(1)))]) && seen([open, ok(0, value(None))]));
        let failed = Some(Call { before: 0, outcome: Some(Outcome::Failed(Reason::Refused)) });
        assert!(!seen([failed, ok(1, value(Some(1)))]));
        assert!(!seen([None, ok(0, value(Some(1)))]));
    }

    #[test]
    fn a_new_value_and_then_the_old_one_has_no_order() {
        let ops = [write(1), read(), read()];
        let open = Some(Call { before: 0, outcome: None });
        let (new, old) = (Reply::Value(Some(1)), Reply::Value(None));
        assert!(!explained(&ops, &[open.clone(), ok(0, new.clone()), ok(0b10, old.clone())]));
        assert!(explained(&ops, &[open, ok(0, old), ok(0b10, new)]));
    }

    #[test]
    fn one_name_has_one_owner_and_one_value_is_swapped_once() {
        let claim = |owner| Op::Claim { name: "a".into(), owner };
        let claims = [claim(1), claim(2)];
        assert!(!explained(&claims, &[ok(0, Reply::Done), ok(0, Reply::Done)]));
        assert!(explained(&claims, &[ok(0, Reply::No), ok(0, Reply::Done)]));
        let swap = |to| Op::Cas { key: "x".into(), from: 1, to };
        let swaps = [write(1), swap(2), swap(3)];
        let told = |reply| [ok(0, Reply::Done), ok(1, Reply::Done), ok(1, reply)];
        assert!(explained(&swaps, &told(Reply::No)));
        assert!(!explained(&swaps, &told(Reply::Done)));
    }
}
