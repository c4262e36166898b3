//! What was called failed did not happen: nobody ever sees an effect that no other operation can have had.
//!
//! Every other checker takes "failed" at its word. A client program that calls a time-out failed, though nobody knows how the
//! operation ended, makes a correct database look wrong to them: a read that shows the write is an aborted read (G1a in Adya's
//! terms). Either that program or the database has lied; which of the two, its log tells. So this has a class of its own, and workloads
//! name this checker before all others.
//!
//! Told by their effect are writes and compare-and-sets by their value, claims by their owner, adds by their element, transfers
//! by their number. Removes, sales and refunds leave nothing that could be told apart: what they leave is an absence, or a sum, and those have another
//! explanation. An acknowledged element that is gone, though its remove was called failed, may as well have been lost; so the checker `set` says `lost`.

use crate::{calls, script, words};
use harness::{Budget, Call, Checker, Key, Op, Opinion, Outcome, Reply, Run, Value, Verdict};
use std::collections::BTreeMap;

/// See the head of this file.
pub const FAILED_OPS: Checker = Checker {
    name: "failed-ops",
    about: "no operation that was called failed has an effect that anybody sees",
    check,
    trap,
};

/// What tells a change from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Effect<'a> {
    Register(&'a Key, Value),
    Owner(&'a Key, Value),
    Element(Value),
    Transfer(Value),
}

/// An operation that was called failed, and who saw it.
struct Seen<'a> {
    failed: &'a Call<'a>,
    by: &'a Call<'a>,
}

fn check(run: &Run, _: Budget) -> Opinion {
    let calls = run.history.calls();
    if let Some(unknown) = calls::misfit(&calls) {
        return Opinion::new(FAILED_OPS.name, unknown);
    }
    let failed = failed(&calls);
    let mut seen: Vec<Seen> = calls.iter().flat_map(|by| shown(by, &failed)).collect();
    seen.sort_by_key(|seen| (seen.by.returned, seen.failed.invoked));
    let verdict = seen.first().map_or(Verdict::Held, |first| violated(run, first));
    let all = calls.iter().filter(|call| matches!(call.outcome, Some(Outcome::Failed(_)))).count();
    let notes = vec![format!(
        "{} called failed, {} that could be told by effects",
        words::count(all, "operation"),
        failed.len()
    )];
    Opinion { notes, ..Opinion::new(FAILED_OPS.name, verdict) }
}

/// Effects of operations that were called failed, and that no other one can have had: all others changed nothing either.
fn failed<'a>(calls: &'a [Call<'a>]) -> BTreeMap<Effect<'a>, &'a Call<'a>> {
    let is_failed = |call: &&Call| matches!(call.outcome, Some(Outcome::Failed(_)));
    let mut failed: BTreeMap<Effect, &Call> =
        calls.iter().filter(is_failed).rev().filter_map(|call| Some((effect(call.op)?, call))).collect();
    if !failed.is_empty() {
        for effect in calls.iter().filter(|call| !calls::void(call)).filter_map(|call| effect(call.op)) {
            failed.remove(&effect);
        }
    }
    failed
}

fn effect(op: &Op) -> Option<Effect<'_>> {
    match op {
        Op::Write { key, value } | Op::Cas { key, to: value, .. } => Some(Effect::Register(key, *value)),
        Op::Claim { name, owner } => Some(Effect::Owner(name, *owner)),
        Op::Add { element } => Some(Effect::Element(*element)),
        Op::Transfer { id, .. } => Some(Effect::Transfer(*id)),
        Op::Remove { .. } | Op::Sell { .. } | Op::Refund { .. } => None,
        Op::Read { .. }
        | Op::Owner { .. }
        | Op::Members
        | Op::Balances { .. }
        | Op::Ledger { .. }
        | Op::Stock { .. } => None,
    }
}

/// Those of the failed operations that an answer shows to have happened.
fn shown<'a>(by: &'a Call<'a>, failed: &BTreeMap<Effect<'a>, &'a Call<'a>>) -> Vec<Seen<'a>> {
    let Some(reply) = calls::answer(by).filter(|_| !failed.is_empty()) else { return Vec::new() };
    let effects: Vec<Effect> = match (by.op, reply) {
        (Op::Read { key }, Reply::Value(value)) => value.iter().map(|value| Effect::Register(key, *value)).collect(),
        (Op::Read { key }, Reply::Siblings(values)) => {
            values.iter().map(|value| Effect::Register(key, *value)).collect()
        }
        (Op::Cas { key, from, .. }, Reply::Done) => vec![Effect::Register(key, *from)],
        (Op::Owner { name }, Reply::Value(owner)) => owner.iter().map(|owner| Effect::Owner(name, *owner)).collect(),
        (Op::Owner { name }, Reply::Siblings(owners)) => {
            owners.iter().map(|owner| Effect::Owner(name, *owner)).collect()
        }
        (_, Reply::Elements(elements)) => elements.iter().map(|element| Effect::Element(*element)).collect(),
        (_, Reply::Ledger(postings)) => postings.iter().map(|posting| Effect::Transfer(posting.transfer)).collect(),
        _ => Vec::new(),
    };
    effects.iter().filter_map(|effect| failed.get(effect)).map(|failed| Seen { failed, by }).collect()
}

fn violated(run: &Run, Seen { failed, by }: &Seen) -> Verdict {
    let sentences = vec![
        format!(
            "{} was told {} that its operation ({}) had failed, so it certainly did not happen",
            words::who(run, failed.process),
            words::told_at(run, failed),
            words::op(failed.op),
        ),
        format!(
            "{} saw it all the same: {} was answered {} with {}, and nobody else can have done that",
            words::who(run, by.process),
            words::op(by.op),
            words::told_at(run, by),
            calls::answer(by).map_or(String::new(), words::reply),
        ),
        "look at the client program first: a time-out is no failure, its outcome is unknown; if the database itself said that it had failed, \
         the database lied"
            .to_string(),
    ];
    let proof = [*failed, *by];
    words::violated(FAILED_OPS.name, "failed-op-observed", sentences, words::events(&proof), words::table(run, &proof))
}

fn trap() -> Run {
    script::run("0: write x 1 -> failed\n1: read x -> 1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_failed_and_is_seen_is_found_by_every_kind_of_effect() {
        for text in [
            "0: write x 1 -> failed\n1: read x -> 1",
            "0: write x 1 -> failed\n1: read x -> [1 2]",
            "0: cas x 1 2 -> failed\n1: read x -> 2",
            "0: write x 1 -> failed\n1: cas x 1 2 -> done",
            "0: write x 1 -> failed\n2: cas x 5 1 -> no\n1: read x -> 1",
            "0: claim ada 4 -> failed\nfinal\n1: owner ada -> 4",
            "0: add 7 -> failed\nfinal\n1: members -> [7]",
            "0: transfer 7 0 1 5 -> failed\nfinal\n1: ledger 2 -> [0:7:-5 1:7:5]",
            // It may be seen before the client is told.
            "0: write x 1\n1: read x -> 1\n0: -> failed",
        ] {
            assert_eq!(script::class(&FAILED_OPS, text), "failed-op-observed", "{text}");
        }
    }

    #[test]
    fn what_somebody_else_may_have_done_is_no_proof() {
        for text in [
            "",
            "0: write x 1 -> failed\n1: read x -> 2",
            "0: write x 1 -> failed\n1: read y -> 1",
            "0: write x 1 -> unknown\n1: read x -> 1",
            "0: write x 1 -> failed\n1: write x 1 -> unknown\n2: read x -> 1",
            "0: write x 1 -> failed\n1: cas x 3 1 -> done\n2: read x -> 1",
            "0: write x 1 -> failed\n1: cas x 1 2 -> no",
            "0: add 7 -> failed\n0: add 7 -> done\nfinal\n1: members -> [7]",
            "0: read x -> failed\n0: remove 7 -> failed\nfinal\n1: members -> []",
        ] {
            assert_eq!(script::class(&FAILED_OPS, text), "held", "{text}");
        }
    }
}
