//! Consistent prefix: who sees a change sees all that was acknowledged before that change was asked.
//!
//! Judged on every read of the whole set. A read that shows an element, but misses one whose add was acknowledged before
//! the first one's add was asked, has a gap; so has one that still shows an element whose remove was acknowledged by then. A
//! reader that is behind has none: it sees the beginning of what happened, and nothing else.

use crate::{calls, script, words};
use harness::{Budget, Call, Checker, Op, Opinion, Reply, Run, Value, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// See the head of this file.
pub const CONSISTENT_PREFIX: Checker = Checker {
    name: "consistent-prefix",
    about: "who sees a change sees all that was acknowledged before that change was asked",
    check,
    trap: || script::run("0: add 1 -> done\n1: add 2 -> done\n2: members -> [2]"),
};

/// What was asked about one element. Each is added at most once and removed at most once.
#[derive(Default)]
struct Element<'a> {
    add: Option<&'a Call<'a>>,
    remove: Option<&'a Call<'a>>,
}

/// A read that shows `later` and not the change that was acknowledged before.
struct Gap<'a> {
    missing: &'a Call<'a>,
    later: &'a Call<'a>,
    read: &'a Call<'a>,
}

fn check(run: &Run, _: Budget) -> Opinion {
    let calls = run.history.calls();
    if let Some(unknown) = calls::misfit(&calls) {
        return Opinion::new(CONSISTENT_PREFIX.name, unknown);
    }
    let elements = elements(&calls);
    let reads: Vec<(&Call, BTreeSet<Value>)> = reads(&calls).collect();
    let gaps: Vec<Gap> = reads.iter().filter_map(|(read, members)| gap(read, members, &elements)).collect();
    let shown = reads.iter().filter(|(_, members)| !members.is_empty()).count();
    let verdict = match gaps.first() {
        Some(gap) => violated(run, gap),
        None if shown == 0 => Verdict::Vacuous("no read showed any element".to_string()),
        None => Verdict::Held,
    };
    let note = format!("{} that showed something, {} with a gap", words::count(shown, "read"), gaps.len());
    Opinion { notes: vec![note], ..Opinion::new(CONSISTENT_PREFIX.name, verdict) }
}

fn elements<'a>(calls: &'a [Call<'a>]) -> BTreeMap<Value, Element<'a>> {
    let mut elements: BTreeMap<Value, Element> = BTreeMap::new();
    for call in calls.iter().filter(|call| !calls::void(call)) {
        match call.op {
            Op::Add { element } => elements.entry(*element).or_default().add = Some(call),
            Op::Remove { element } => elements.entry(*element).or_default().remove = Some(call),
            _ => {}
        }
    }
    elements
}

fn reads<'a>(calls: &'a [Call<'a>]) -> impl Iterator<Item = (&'a Call<'a>, BTreeSet<Value>)> {
    calls.iter().filter_map(|call| match calls::answer(call)? {
        Reply::Elements(members) => Some((call, members.iter().copied().collect())),
        _ => None,
    })
}

fn gap<'a>(read: &'a Call<'a>, members: &BTreeSet<Value>, elements: &BTreeMap<Value, Element<'a>>) -> Option<Gap<'a>> {
    let shown = members.iter().filter_map(|member| elements.get(member)?.add);
    let later = shown.max_by_key(|add| add.invoked)?;
    let over = |call: &&'a Call<'a>| calls::done(call) && call.returned < Some(later.invoked);
    let missing = |(member, element): (&Value, &Element<'a>)| match members.contains(member) {
        // Who may have been removed before the read was answered need not be seen.
        false => element
            .add
            .filter(over)
            .filter(|_| element.remove.is_none_or(|gone| gone.invoked > read.returned.unwrap_or(0))),
        true => element
            .remove
            .filter(over)
            .filter(|gone| element.add.is_some_and(|add| calls::done(add) && add.returned < Some(gone.invoked))),
    };
    let missing = elements.iter().filter_map(missing).min_by_key(|call| call.returned)?;
    Some(Gap { missing, later, read })
}

fn violated(run: &Run, gap: &Gap) -> Verdict {
    let told = |call: &Call| {
        let (who, at) = (words::who(run, call.process), words::told_at(run, call));
        format!("{who} was told {at} that \"{}\" is done{}", words::op(call.op), words::by_cut_node(run, call))
    };
    let asked = format!(
        "later, {}, {} asked to {}",
        words::at(run, gap.later.invoked),
        words::who(run, gap.later.process),
        words::op(gap.later.op)
    );
    let read = format!(
        "what {} read {} shows the later change and not the earlier one",
        words::who(run, gap.read.process),
        words::told_at(run, gap.read)
    );
    let proof = [gap.missing, gap.later, gap.read];
    let (events, table) = (words::events(&proof), words::table(run, &proof));
    words::violated(CONSISTENT_PREFIX.name, "gap", vec![told(gap.missing), asked, read], events, table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> String {
        script::class(&CONSISTENT_PREFIX, text)
    }

    #[test]
    fn a_gap_is_found_in_any_read() {
        assert_eq!(class("0: add 1 -> done\n1: add 2 -> done\n2: members -> [2]\n2: members -> [1 2]"), "gap");
        assert_eq!(class("0: add 1 -> done\n1: add 2 -> unknown\n2: members -> [2]"), "gap");
        assert_eq!(class("0: add 1 -> done\n1: remove 1 -> done\n1: add 2 -> done\n2: members -> [1 2]"), "gap");
        // The remove came too late to explain it.
        assert_eq!(class("0: add 1 -> done\n1: add 2 -> done\n2: members -> [2]\n1: remove 1 -> done"), "gap");
    }

    #[test]
    fn legal_neighbours_are_not_reported() {
        for text in [
            "0: add 1 -> done\n1: add 2 -> done\n2: members -> [1]",
            "0: add 1 -> done\n1: add 2 -> done\n3: add 3 -> done\n2: members -> [1 2]",
            "0: add 1\n1: add 2 -> done\n2: members -> [2]\n0: -> done",
            "0: add 1 -> unknown\n1: add 2 -> done\n2: members -> [2]",
            "0: add 1 -> done\n1: add 2 -> done\n1: remove 1\n2: members -> [2]\n1: -> done",
            "0: add 1 -> done\n1: add 2 -> done\n1: remove 1 -> unknown\n2: members -> [2]",
            "0: add 1 -> done\n1: remove 1\n3: add 2 -> done\n2: members -> [1 2]\n1: -> done",
        ] {
            assert_eq!(class(text), "held", "{text}");
        }
        assert_eq!(class("0: add 1 -> done\n2: members -> []"), "vacuous");
    }

    #[test]
    fn the_sentences_name_both_changes() {
        let text = "0: add 1 -> done\n1: add 2 -> done\n2: members -> [2]";
        let Verdict::Violated(anomaly) = check(&script::run(text), Budget::default()).verdict else { panic!() };
        assert_eq!(
            anomaly.sentences,
            [
                "client 0 was told at 0.200 s that \"add 1\" is done",
                "later, at 0.300 s, client 1 asked to add 2",
                "what client 2 read at 0.600 s shows the later change and not the earlier one"
            ]
        );
    }
}
