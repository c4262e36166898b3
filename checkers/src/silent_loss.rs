//! Nobody is forgotten without a word: every client that was told it owns a name is still to be seen in the end, as the owner or
//! as one of several side by side.
//!
//! This is less than one owner for each name ([`crate::uniqueness`]): two may have been told that they own it, as long as
//! whoever looks at the name learns of both. Names are never given back, so an owner that is not to be seen was lost.

use crate::uniqueness::{Name, UNIQUENESS, names, told_and_read, unread};
use crate::{calls, words};
use harness::{Budget, Call, Checker, Key, Opinion, Run, Value, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// See the head of this file.
pub const SILENT_LOSS: Checker = Checker {
    name: "silent-loss",
    about: "every client that was told it owns a name is named by every final read, alone or beside others",
    check,
    trap: UNIQUENESS.trap,
};

/// An acknowledged claim, and a final read that does not show it.
struct Lost<'a> {
    name: &'a Key,
    claim: &'a Call<'a>,
    owners: &'a [Value],
    read: &'a Call<'a>,
}

fn check(run: &Run, _: Budget) -> Opinion {
    let calls = run.history.calls();
    if let Some(unknown) = calls::misfit(&calls) {
        return Opinion::new(SILENT_LOSS.name, unknown);
    }
    let names = names(run, &calls);
    let mut lost: Vec<Lost> = names.iter().flat_map(|(name, seen)| lost(name, seen)).collect();
    lost.sort_by_key(|lost| (lost.read.returned, lost.claim.returned));
    let verdict = match lost.first() {
        Some(first) => violated(run, first),
        None => unread(&names),
    };
    Opinion { notes: notes(&names, &lost), ..Opinion::new(SILENT_LOSS.name, verdict) }
}

fn lost<'a>(name: &'a Key, seen: &'a Name<'a>) -> impl Iterator<Item = Lost<'a>> {
    let unseen = |(owners, read): &'a (Vec<Value>, Call<'a>)| {
        let missing = seen
            .acknowledged
            .iter()
            .filter(|(owner, claim)| !owners.contains(owner) && claim.returned < Some(read.invoked));
        missing.map(|(_, claim)| Lost { name, claim, owners, read })
    };
    seen.finals.iter().flat_map(unseen)
}

fn violated(run: &Run, lost: &Lost) -> Verdict {
    let sentences = told_and_read(run, lost.name, lost.claim, lost.read, lost.owners);
    let proof = [lost.claim, lost.read];
    words::violated(SILENT_LOSS.name, "lost", sentences, words::events(&proof), words::table(run, &proof))
}

fn notes(names: &BTreeMap<&Key, Name>, lost: &[Lost]) -> Vec<String> {
    let claims: usize = names.values().map(|seen| seen.acknowledged.len()).sum();
    let side_by_side = names.values().filter(|seen| seen.finals.iter().any(|(owners, _)| owners.len() > 1)).count();
    let gone: BTreeSet<usize> = lost.iter().map(|lost| lost.claim.invoked).collect();
    vec![format!(
        "{} acknowledged, {} not to be seen in the end, {} with several owners side by side",
        words::count(claims, "claim"),
        gone.len(),
        words::count(side_by_side, "name")
    )]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script;

    fn class(text: &str) -> String {
        script::class(&SILENT_LOSS, text)
    }

    const TWO: &str = "0: claim ada 0 -> done\n1: claim ada 1 -> done\nfinal\n";

    #[test]
    fn who_was_told_and_is_not_to_be_seen_is_found() {
        assert_eq!(class(&format!("{TWO}0: owner ada -> 1")), "lost");
        assert_eq!(class(&format!("{TWO}0: owner ada -> [1 2]")), "lost");
        assert_eq!(class(&format!("{TWO}0: owner ada -> [0 1]\n1: owner ada -> nothing")), "lost");
    }

    #[test]
    fn conflicts_in_the_open_are_no_loss() {
        assert_eq!(class(&format!("{TWO}0: owner ada -> [0 1]")), "held");
        assert_eq!(class(&format!("{TWO}0: owner ada -> [0 1 2]")), "held");
        assert_eq!(class("0: claim ada 0 -> done\n1: claim ada 1 -> unknown\nfinal\n0: owner ada -> 0"), "held");
        assert_eq!(class("0: claim ada 0 -> done\nfinal\n0: owner ada -> failed"), "unknown");
        assert_eq!(class(""), "vacuous");
    }
}
