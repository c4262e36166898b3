//! A set keeps what it was given: every acknowledged element is in every final read unless somebody tried to remove it,
//! nothing is there that nobody added, and what was removed for certain stays away.
//!
//! Each element is added at most once and removed at most once. An add or a remove of unknown outcome may have happened or not.

use crate::{calls, script, words};
use harness::{Call, Checker, Op, Opinion, Reply, Run, Value, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// See the head of this file.
pub const SET: Checker = Checker {
    name: "set",
    about: "every acknowledged element is in every final read, and none that was never added or is certainly removed",
    check: |run, _| judged(run, SET.name, &[Class::Lost, Class::Resurrected, Class::Phantom]),
    trap,
};

/// The first half alone: what was acknowledged is there.
pub const NO_SILENT_LOSS: Checker = Checker {
    name: "no-silent-loss",
    about: "every acknowledged element is in every final read, unless somebody tried to remove it",
    check: |run, _| judged(run, NO_SILENT_LOSS.name, &[Class::Lost]),
    trap,
};

/// From worst to mildest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Lost,
    Resurrected,
    Phantom,
}

impl Class {
    const ALL: [(Class, &'static str); 3] =
        [(Class::Lost, "lost"), (Class::Resurrected, "resurrected"), (Class::Phantom, "phantom")];

    fn name(self) -> &'static str {
        Class::ALL[self as usize].1
    }
}

/// All that happened to one element.
#[derive(Default)]
struct Element<'a> {
    adds: Vec<&'a Call<'a>>,
    removes: Vec<&'a Call<'a>>,
    /// The event at which somebody first learnt that it is there.
    known: Option<usize>,
}

/// An element that a final read tells wrongly.
struct Wrong<'a> {
    class: Class,
    element: Value,
    proof: Vec<&'a Call<'a>>,
    read: &'a Call<'a>,
}

fn judged(run: &Run, name: &str, classes: &[Class]) -> Opinion {
    let calls = run.history.calls();
    if let Some(unknown) = calls::misfit(&calls) {
        return Opinion::new(name, unknown);
    }
    let elements = elements(&calls);
    let finals: Vec<(&Call, &[Value])> = reads(&calls).filter(|(call, _)| call.invoked >= run.finals()).collect();
    let mut wrong: Vec<Wrong> = finals.iter().flat_map(|(read, members)| judge(read, members, &elements)).collect();
    wrong.retain(|wrong| classes.contains(&wrong.class));
    wrong.sort_by_key(|wrong| (wrong.class, wrong.read.invoked, wrong.element));
    let verdict = match wrong.first() {
        Some(worst) => violated(run, name, worst),
        None => unseen(&elements, finals.len()),
    };
    Opinion { notes: notes(&elements, finals.len(), &wrong), ..Opinion::new(name, verdict) }
}

/// Every answered read of all elements.
fn reads<'a>(calls: &'a [Call<'a>]) -> impl Iterator<Item = (&'a Call<'a>, &'a [Value])> {
    calls.iter().filter_map(|call| match calls::answer(call)? {
        Reply::Elements(members) => Some((call, members.as_slice())),
        _ => None,
    })
}

fn elements<'a>(calls: &'a [Call<'a>]) -> BTreeMap<Value, Element<'a>> {
    let mut elements: BTreeMap<Value, Element> = BTreeMap::new();
    for call in calls {
        match call.op {
            Op::Add { element } => {
                let seen = elements.entry(*element).or_default();
                seen.adds.push(call);
                seen.learn(call.returned.filter(|_| calls::done(call)));
            }
            Op::Remove { element } => elements.entry(*element).or_default().removes.push(call),
            _ => {}
        }
    }
    for (call, members) in reads(calls) {
        for member in members {
            if let Some(seen) = elements.get_mut(member) {
                seen.learn(call.returned);
            }
        }
    }
    elements
}

impl<'a> Element<'a> {
    fn learn(&mut self, event: Option<usize>) {
        self.known = self.known.into_iter().chain(event).min();
    }
    /// The acknowledged add, if a read that begins at `event` must show its element: nobody may have removed it since.
    fn must_be_there(&self, event: usize) -> Option<&'a Call<'a>> {
        let add = self.adds.iter().find(|add| calls::done(add) && add.returned < Some(event))?;
        // A remove that was over before the add began took nothing away.
        let over = |remove: &Call| calls::done(remove) && remove.returned < Some(add.invoked);
        let may_remove = |remove: &&&Call| !calls::void(remove) && !over(remove);
        self.removes.iter().find(may_remove).is_none().then_some(*add)
    }
    /// The acknowledged remove, if a read that begins at `event` must not show its element: the only add was certainly
    /// done before the remove began.
    fn must_be_gone(&self, event: usize) -> Option<&'a Call<'a>> {
        let gone = |remove: &&&Call| {
            calls::done(remove)
                && remove.returned < Some(event)
                && self.known.is_some_and(|known| known < remove.invoked)
        };
        let only = self.adds.iter().filter(|add| !calls::void(add)).count() == 1;
        self.removes.iter().find(gone).filter(|_| only).copied()
    }
    fn may_ever_be_there(&self, event: usize) -> bool {
        self.adds.iter().any(|add| !calls::void(add) && add.invoked < event)
    }
}

fn judge<'a>(read: &'a Call<'a>, members: &[Value], elements: &BTreeMap<Value, Element<'a>>) -> Vec<Wrong<'a>> {
    let members: BTreeSet<Value> = members.iter().copied().collect();
    let returned = read.returned.unwrap_or(usize::MAX);
    let mut wrong = Vec::new();
    for (element, seen) in elements.iter().filter(|(element, _)| !members.contains(element)) {
        if let Some(add) = seen.must_be_there(read.invoked) {
            wrong.push(Wrong { class: Class::Lost, element: *element, proof: vec![add], read });
        }
    }
    for element in members {
        let seen = elements.get(&element);
        if !seen.is_some_and(|seen| seen.may_ever_be_there(returned)) {
            let proof = seen.map_or(Vec::new(), |seen| seen.adds.clone());
            wrong.push(Wrong { class: Class::Phantom, element, proof, read });
        } else if let Some((seen, remove)) = seen.and_then(|seen| Some((seen, seen.must_be_gone(read.invoked)?))) {
            let proof = seen.adds.iter().copied().chain([remove]).collect();
            wrong.push(Wrong { class: Class::Resurrected, element, proof, read });
        }
    }
    wrong
}

fn violated(run: &Run, name: &str, wrong: &Wrong) -> Verdict {
    let (element, class) = (wrong.element, wrong.class);
    let mut sentences: Vec<String> = wrong.proof.iter().map(|call| told(run, element, call)).collect();
    if class == Class::Phantom && wrong.proof.is_empty() {
        sentences.push(format!("nobody ever asked to add {element}"));
    }
    let there = if class == Class::Lost { "is missing from" } else { "is in" };
    sentences.push(format!(
        "{element} {there} the final read of {} {}",
        words::who(run, wrong.read.process),
        words::told_at(run, wrong.read)
    ));
    let proof: Vec<&Call> = wrong.proof.iter().copied().chain([wrong.read]).collect();
    words::violated(name, class.name(), sentences, words::events(&proof), words::table(run, &proof))
}

fn told(run: &Run, element: Value, call: &Call) -> String {
    let (client, at, cut) = (words::who(run, call.process), words::told_at(run, call), words::by_cut_node(run, call));
    let verb = if matches!(call.op, Op::Add { .. }) { "added" } else { "removed" };
    if calls::done(call) {
        format!("{client} was told {at} that {element} is {verb}{cut}")
    } else if calls::void(call) {
        format!("{client} was told {at} that {element} is not {verb}{cut}")
    } else {
        format!("{client} asked {} that {element} be {verb} and never learnt its fate", words::at(run, call.invoked))
    }
}

fn unseen(elements: &BTreeMap<Value, Element>, finals: usize) -> Verdict {
    if !elements.values().any(|seen| seen.adds.iter().any(|add| calls::done(add))) {
        return Verdict::Vacuous("no add was acknowledged".to_string());
    }
    match finals {
        0 => Verdict::Unknown("no final read of the set was answered".to_string()),
        _ => Verdict::Held,
    }
}

fn notes(elements: &BTreeMap<Value, Element>, finals: usize, wrong: &[Wrong]) -> Vec<String> {
    let acknowledged = elements.values().filter(|seen| seen.adds.iter().any(|add| calls::done(add))).count();
    let mut notes = vec![format!(
        "{} tried, {acknowledged} acknowledged, {} answered",
        words::count(elements.len(), "element"),
        words::count(finals, "final read")
    )];
    for (class, word) in Class::ALL {
        let elements: BTreeSet<Value> =
            wrong.iter().filter(|wrong| wrong.class == class).map(|wrong| wrong.element).collect();
        if !elements.is_empty() {
            notes.push(format!("{word}: {}", words::count(elements.len(), "element")));
        }
    }
    notes
}

fn trap() -> Run {
    script::run(
        "
        0: add 1 -> done
        1: add 2 -> done
        final
        2: members -> [2]
        ",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> String {
        script::class(&SET, text)
    }

    /// One acknowledged element, so that no case is vacuous, then what is written, then a final read beside it.
    fn finally(text: &str, members: &str) -> String {
        class(&format!("5: add 99 -> done\n{text}\nfinal\n2: members -> [{members} 99]"))
    }

    #[test]
    fn lost_elements_are_found() {
        assert_eq!(finally("0: add 1 -> done", ""), "lost");
        assert_eq!(finally("0: add 1 -> done\n1: remove 1 -> failed", ""), "lost");
        assert_eq!(finally("1: remove 1 -> done\n0: add 1 -> done", ""), "lost");
        assert_eq!(class("0: add 1 -> done\nfinal\n1: members -> [1]\n2: members -> []"), "lost");
    }

    #[test]
    fn the_claim_sees_nothing_but_losses() {
        let class = |text| script::class(&NO_SILENT_LOSS, text);
        assert_eq!(class("0: add 1 -> done\n1: add 2 -> done\nfinal\n2: members -> [2]"), "lost");
        assert_eq!(
            class("0: add 1 -> done\n1: remove 1 -> done\n1: add 2 -> done\nfinal\n2: members -> [1 2 3]"),
            "held"
        );
    }

    #[test]
    fn phantom_elements_are_found() {
        assert_eq!(finally("", "7"), "phantom");
        assert_eq!(finally("0: add 1 -> failed", "1"), "phantom");
        assert_eq!(finally("0: remove 1 -> done", "1"), "phantom");
    }

    #[test]
    fn resurrected_elements_are_found() {
        assert_eq!(finally("0: add 1 -> done\n1: remove 1 -> done", "1"), "resurrected");
        assert_eq!(finally("0: add 1 -> unknown\n1: members -> [1]\n1: remove 1 -> done", "1"), "resurrected");
    }

    #[test]
    fn legal_neighbours_are_not_reported() {
        for (text, members) in [
            ("0: add 1 -> done", "1"),
            ("0: add 1 -> unknown", "1"),
            ("0: add 1 -> unknown", ""),
            ("0: add 1 -> done\n1: remove 1 -> unknown", ""),
            ("0: add 1 -> done\n1: remove 1 -> unknown", "1"),
            ("0: add 1 -> done\n1: remove 1 -> failed", "1"),
            ("0: add 1 -> done\n1: remove 1 -> done", ""),
            // The remove ran beside the add: either may have come first.
            ("0: add 1\n1: remove 1\n0: -> done\n1: -> done", "1"),
            ("0: add 1\n1: remove 1\n0: -> done\n1: -> done", ""),
            // The add may have happened after the remove.
            ("0: add 1 -> unknown\n1: remove 1 -> done", "1"),
            ("1: members -> []\n0: add 1 -> done", "1"),
        ] {
            assert_eq!(finally(text, members), "held", "{text} / {members}");
        }
    }

    #[test]
    fn without_final_reads_nobody_can_say() {
        assert_eq!(class("0: add 1 -> done\nfinal\n0: members -> unknown"), "unknown");
        assert_eq!(class("0: add 1 -> unknown\nfinal\n0: members -> [1]"), "vacuous");
    }

    #[test]
    fn the_sentences_say_who_was_told_what() {
        let text = "cut n1\n0: add 1 -> done\nmend\n1: remove 1 -> done\nfinal\n2: members -> [1]";
        let Verdict::Violated(anomaly) = (SET.check)(&script::run(text), harness::Budget::default()).verdict else {
            panic!()
        };
        assert_eq!(
            anomaly.sentences,
            [
                "client 0 was told at 0.300 s that 1 is added, by a node that had been cut off",
                "client 1 was told at 0.600 s that 1 is removed",
                "1 is in the final read of client 2 at 0.900 s"
            ]
        );
    }
}
