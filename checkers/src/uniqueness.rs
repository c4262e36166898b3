//! A name has one owner: at most one client was ever told that it owns it, and every read after quiescence names that client.
//!
//! A read that shows several owners side by side names each of them. Judged from acknowledgements and final reads alone. What clients read while the run went on decides nothing here.

use crate::{calls, script, words};
use harness::{Budget, Call, Checker, Key, Op, Opinion, Reply, Run, Value, Verdict};
use std::collections::BTreeMap;

/// See the head of this file.
pub const UNIQUENESS: Checker = Checker {
    name: "uniqueness",
    about: "at most one client was ever told that it owns a name, and every final read names that client",
    check,
    trap,
};

/// All that concerns one name.
#[derive(Default)]
pub(crate) struct Name<'a> {
    /// Acknowledged claims, with the owner that each named, in order of acknowledgement.
    pub(crate) acknowledged: Vec<(Value, Call<'a>)>,
    /// Final reads that were answered, each with the owners that it names: none, one, or several side by side.
    pub(crate) finals: Vec<(Vec<Value>, Call<'a>)>,
}

fn check(run: &Run, _: Budget) -> Opinion {
    let calls = run.history.calls();
    if let Some(unknown) = calls::misfit(&calls) {
        return Opinion::new(UNIQUENESS.name, unknown);
    }
    let names = names(run, &calls);
    let mut violations: Vec<Violation> = names.iter().flat_map(|(name, seen)| violations(run, name, seen)).collect();
    violations.sort_by_key(|violation| (violation.class, violation.at));
    let notes = notes(&names, &violations);
    let verdict = match violations.into_iter().next() {
        Some(worst) => worst.verdict,
        None => unread(&names),
    };
    Opinion { notes, ..Opinion::new(UNIQUENESS.name, verdict) }
}

/// What happened to each name.
pub(crate) fn names<'a>(run: &Run, calls: &[Call<'a>]) -> BTreeMap<&'a Key, Name<'a>> {
    let mut names: BTreeMap<&Key, Name> = BTreeMap::new();
    for call in calls {
        match (call.op, calls::answer(call)) {
            (Op::Claim { name, owner }, reply) => {
                let seen = names.entry(name).or_default();
                if reply == Some(&Reply::Done) {
                    seen.acknowledged.push((*owner, call.clone()));
                }
            }
            (Op::Owner { name }, Some(reply)) if call.invoked >= run.finals() => {
                let owners = match reply {
                    Reply::Siblings(owners) => owners.clone(),
                    Reply::Value(owner) => owner.iter().copied().collect(),
                    _ => continue,
                };
                names.entry(name).or_default().finals.push((owners, call.clone()));
            }
            _ => {}
        }
    }
    for seen in names.values_mut() {
        seen.acknowledged.sort_by_key(|(_, call)| call.returned);
    }
    names
}

/// From worst to mildest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    DoubleAck,
    OwnerChanged,
    OwnerLost,
}

impl Class {
    const ALL: [(Class, &'static str); 3] =
        [(Class::DoubleAck, "double-ack"), (Class::OwnerChanged, "owner-changed"), (Class::OwnerLost, "owner-lost")];

    fn name(self) -> &'static str {
        Class::ALL[self as usize].1
    }
}

struct Violation {
    class: Class,
    at: usize,
    verdict: Verdict,
}

fn violations(run: &Run, name: &Key, seen: &Name) -> Vec<Violation> {
    let Some((owner, first)) = seen.acknowledged.first() else { return Vec::new() };
    let mut violations = Vec::new();
    if let Some((_, second)) = seen.acknowledged.iter().find(|(other, _)| other != owner) {
        violations.push(violation(run, Class::DoubleAck, second, first, told_twice(run, name, first, second)));
    }
    let owned = |read: &Value| seen.acknowledged.iter().any(|(owner, _)| owner == read);
    if let Some((read, call)) = seen.finals.iter().find(|(read, _)| !read.iter().all(owned)) {
        let sentences = told_and_read(run, name, first, call, read);
        violations.push(violation(run, Class::OwnerChanged, call, first, sentences));
    }
    if let Some((read, call)) = seen.finals.iter().find(|(read, _)| read.is_empty()) {
        violations.push(violation(run, Class::OwnerLost, call, first, told_and_read(run, name, first, call, read)));
    }
    violations
}

fn violation(run: &Run, class: Class, at: &Call, first: &Call, sentences: Vec<String>) -> Violation {
    let proof = [first, at];
    let (events, table) = (words::events(&proof), words::table(run, &proof));
    let verdict = words::violated(UNIQUENESS.name, class.name(), sentences, events, table);
    Violation { class, at: at.returned.unwrap_or(at.invoked), verdict }
}

fn told_twice(run: &Run, name: &Key, first: &Call, second: &Call) -> Vec<String> {
    vec![format!(
        "{}; {} was told so {}{}",
        told(run, name, first),
        words::who(run, second.process),
        words::told_at(run, second),
        words::by_cut_node(run, second),
    )]
}

pub(crate) fn told_and_read(run: &Run, name: &Key, first: &Call, read: &Call, owners: &[Value]) -> Vec<String> {
    let reader = words::who(run, read.process);
    let owner = |owner: &Value| format!("owner {owner}");
    let owners = match owners {
        [] => "nobody owns".to_string(),
        [one] => format!("{} owns", owner(one)),
        several => format!("{} side by side own", several.iter().map(owner).collect::<Vec<_>>().join(", ")),
    };
    vec![
        told(run, name, first),
        format!(
            "after everything had come to rest, {reader} read {} that {owners} `{name}`",
            words::told_at(run, read)
        ),
    ]
}

fn told(run: &Run, name: &Key, first: &Call) -> String {
    format!(
        "{} was told {} that it owns `{name}`{}",
        words::who(run, first.process),
        words::told_at(run, first),
        words::by_cut_node(run, first),
    )
}

/// Without a violation: held, unless nothing was promised or nobody could read what became of a promise.
pub(crate) fn unread(names: &BTreeMap<&Key, Name>) -> Verdict {
    let mut promised = names.iter().filter(|(_, seen)| !seen.acknowledged.is_empty()).peekable();
    if promised.peek().is_none() {
        return Verdict::Vacuous("no claim was acknowledged".to_string());
    }
    match promised.find(|(_, seen)| seen.finals.is_empty()) {
        Some((name, _)) => Verdict::Unknown(format!("no final read of who owns `{name}` was answered")),
        None => Verdict::Held,
    }
}

fn notes(names: &BTreeMap<&Key, Name>, violations: &[Violation]) -> Vec<String> {
    let promised = names.values().filter(|seen| !seen.acknowledged.is_empty()).count();
    let mut notes =
        vec![format!("{} claimed, {promised} with an acknowledged owner", words::count(names.len(), "name"))];
    for (class, word) in Class::ALL {
        let found = violations.iter().filter(|violation| violation.class == class).count();
        if found > 0 {
            notes.push(format!("{word}: {}", words::count(found, "name")));
        }
    }
    notes
}

fn trap() -> Run {
    script::run(
        "
        0: claim ada 0 -> done
        1: claim ada 1 -> done
        final
        0: owner ada -> 1
        ",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> String {
        script::class(&UNIQUENESS, text)
    }

    #[test]
    fn two_clients_that_were_told_the_same_are_found() {
        let text = "cut n1\n0: claim ada 0 -> done\n1: claim ada 1 -> done\nmend\nfinal\n0: owner ada -> 1";
        let Verdict::Violated(anomaly) = check(&script::run(text), Budget::default()).verdict else { panic!() };
        assert_eq!(anomaly.class, "double-ack");
        assert_eq!(
            anomaly.sentences,
            ["client 0 was told at 0.300 s that it owns `ada`, by a node that had been cut off; \
             client 1 was told so at 0.500 s"]
        );
        assert_eq!(anomaly.events, [2, 3, 4, 5]);
        assert_eq!(anomaly.table.len(), 3);
    }

    #[test]
    fn an_owner_that_is_replaced_or_forgotten_is_found() {
        assert_eq!(class("0: claim ada 0 -> done\nfinal\n1: owner ada -> 1"), "owner-changed");
        assert_eq!(class("0: claim ada 0 -> done\nfinal\n1: owner ada -> nothing"), "owner-lost");
        assert_eq!(class("0: claim ada 0 -> done\nfinal\n1: owner ada -> 0\n2: owner ada -> nothing"), "owner-lost");
    }

    #[test]
    fn owners_side_by_side_are_each_an_owner() {
        let both = "0: claim ada 0 -> done\n1: claim ada 1 -> done\nfinal\n1: owner ada -> [0 1]";
        assert_eq!(class(both), "double-ack");
        let one = "0: claim ada 0 -> done\n1: claim ada 1 -> unknown\nfinal\n1: owner ada -> [0 1]";
        let Verdict::Violated(anomaly) = check(&script::run(one), Budget::default()).verdict else { panic!() };
        assert_eq!(anomaly.class, "owner-changed");
        assert!(
            anomaly.sentences[1].ends_with("that owner 0, owner 1 side by side own `ada`"),
            "{:?}",
            anomaly.sentences
        );
    }

    #[test]
    fn legal_neighbours_are_not_reported() {
        for text in [
            "0: claim ada 0 -> done\n1: claim ada 1 -> no\nfinal\n1: owner ada -> 0",
            // The same client may ask twice.
            "0: claim ada 0 -> done\n0: claim ada 0 -> done\nfinal\n1: owner ada -> 0",
            // A read while the run goes on is not a final one.
            "0: claim ada 0 -> done\n1: owner ada -> nothing\nfinal\n1: owner ada -> 0",
            "0: claim ada 0 -> unknown\n1: claim ada 1 -> done\nfinal\n1: owner ada -> 1",
            "0: claim ada 0 -> done\n1: claim eve 1 -> done\nfinal\n1: owner ada -> 0\n1: owner eve -> 1",
        ] {
            assert_eq!(class(text), "held", "{text}");
        }
    }

    #[test]
    fn nobody_can_say_without_final_reads_and_nothing_is_said_without_promises() {
        assert_eq!(class("0: claim ada 0 -> done\nfinal\n1: owner ada -> failed"), "unknown");
        assert_eq!(class("0: claim ada 0 -> unknown\nfinal\n1: owner ada -> 0"), "vacuous");
        assert_eq!(class(""), "vacuous");
    }
}
