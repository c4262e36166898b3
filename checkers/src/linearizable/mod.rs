//! Registers look as if their reads, writes and compare-and-sets happened one after the other, each between its invocation
//! and its answer (Herlihy and Wing, 1990). Each register is judged by itself, which the definition allows.
//!
//! [`search`] decides, [`classes`] gives what is wrong a name and a proof of few calls, [`proof`] finds few calls where
//! nothing has a name, and [`story`] tells it. A call of unknown outcome may happen at any later time, for ever; one that
//! failed did not happen.

mod classes;
mod online;
mod proof;
mod register;
mod search;
mod stale;
mod story;

pub use online::{Online, Register};
pub use register::{Act, RegisterCall};
pub use search::{Answer, check_calls, replay};
pub use stale::NO_STALE_AFTER_ACK;

use crate::{calls, script, words};
use classes::{Class, Contradiction, contradictions};
use harness::{Budget, Call, Checker, Key, Op, Opinion, Run, Verdict};
use register::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// See the head of this file.
pub const LINEARIZABLE: Checker = Checker {
    name: "linearizable",
    about: "each register looks as if its reads, writes and compare-and-sets happened one after the other",
    check,
    trap,
};

/// So many calls of a register are searched for contradictions one by one; of longer histories only the first bad answer is.
const SCANNED: usize = 2_000;
/// How far back evidence against an answer is looked for while scanning, and against the first bad one.
const REACH: (usize, usize) = (64, 1_000);
/// Steps of the search for a short proof, at most.
const PROOF_STEPS: u64 = 2_000_000;

/// The class of a read that shows several values at once, where nothing worse is found.
const SIBLINGS: &str = "siblings";

/// What became of one register.
enum Finding {
    Explained,
    /// Not decided within the budget.
    Undecided,
    /// Broken, and the worst contradiction between few calls shows it.
    Named(Contradiction),
    /// Broken, but only the search knows why; these calls suffice.
    Unnamed(Class, Vec<usize>),
}

fn check(run: &Run, budget: Budget) -> Opinion {
    let calls = run.history.calls();
    if let Some(unknown) = calls::misfit(&calls) {
        return Opinion::new(LINEARIZABLE.name, unknown);
    }
    let registers = register::registers(&calls);
    let siblings: Vec<&Call> = calls.iter().filter(|call| calls::siblings(call).is_some()).collect();
    if registers.is_empty() && siblings.is_empty() {
        let nothing = "no register was read, written or changed".to_string();
        return Opinion::new(LINEARIZABLE.name, Verdict::Vacuous(nothing));
    }
    let mut steps = budget.steps;
    let findings: BTreeMap<&Key, Finding> =
        registers.iter().map(|(key, entries)| (*key, judge(entries, &mut steps))).collect();
    let mut notes = notes(&registers, &findings, budget.steps - steps);
    if !siblings.is_empty() {
        notes.push(format!("siblings: {}", words::count(siblings.len(), "read")));
    }
    let verdict = match (worst(&findings), siblings.first()) {
        (Some(key), _) => violated(run, key, &registers[key], &findings[key]),
        (None, Some(read)) => two_values(run, read),
        (None, None) => undecided(&registers, &findings, budget),
    };
    Opinion { notes, ..Opinion::new(LINEARIZABLE.name, verdict) }
}

/// What the search is asked, with the index of each call among the entries.
fn searched(entries: &[Entry]) -> (Vec<RegisterCall>, Vec<usize>) {
    entries.iter().enumerate().filter(|(_, entry)| !entry.failed).map(|(index, entry)| (entry.call, index)).unzip()
}

fn judge(entries: &[Entry], steps: &mut u64) -> Finding {
    let (calls, indexes) = searched(entries);
    match check_calls(&calls, None, steps) {
        Answer::Linearizable(_) => Finding::Explained,
        Answer::Impossible => named(entries).map_or_else(|| first(entries, &calls, &indexes), Finding::Named),
        // A contradiction is a proof without the search.
        Answer::OutOfBudget => named(entries).map_or(Finding::Undecided, Finding::Named),
    }
}

/// The worst contradiction, and of equal ones the first in the history.
fn named(entries: &[Entry]) -> Option<Contradiction> {
    if entries.len() > SCANNED {
        return None;
    }
    let all = (0..entries.len()).filter_map(|wrong| contradictions(entries, wrong, REACH.0).into_iter().next());
    all.min_by_key(|found| (found.class, entries[found.wrong].of.returned))
}

/// The contradiction of the first answer that cannot be explained, or else few calls that cannot.
fn first(entries: &[Entry], calls: &[RegisterCall], indexes: &[usize]) -> Finding {
    let mut steps = PROOF_STEPS;
    let bad = proof::first_bad_return(calls, None, &mut steps);
    let wrong = entries.iter().position(|entry| entry.of.returned == Some(bad));
    if let Some(found) = wrong.and_then(|wrong| contradictions(entries, wrong, REACH.1).into_iter().next()) {
        return Finding::Named(found);
    }
    let few = proof::few(calls, None, bad, &mut steps);
    let reads: Vec<usize> = few.iter().copied().filter(|index| calls[*index].act.sets().is_none()).collect();
    let inverted = under_way(calls, &reads) && proof::only_reads_disagree(calls, bad, &reads, &mut steps);
    if inverted {
        return Finding::Unnamed(Class::NewThenOld, few.into_iter().map(|index| indexes[index]).collect());
    }
    let blind = proof::blind(calls, bad, &mut steps);
    let class = if blind.is_some() { Class::LostUpdate } else { Class::NotLinearizable };
    let proof: BTreeSet<usize> = few.into_iter().chain(blind).map(|index| indexes[index]).collect();
    Finding::Unnamed(class, proof.into_iter().collect())
}

/// True if a write of something that these calls saw was still under way when the first of them was asked.
fn under_way(calls: &[RegisterCall], reads: &[usize]) -> bool {
    let Some(began) = reads.iter().map(|read| calls[*read].invoked).min() else { return false };
    let seen = |value| reads.iter().any(|read| calls[*read].act.saw() == Some(Some(value)));
    let open = |call: &RegisterCall| call.returned.is_none_or(|returned| returned > began);
    calls.iter().any(|call| open(call) && call.act.sets().is_some_and(seen))
}

fn class(finding: &Finding) -> Option<Class> {
    match finding {
        Finding::Named(found) => Some(found.class),
        Finding::Unnamed(class, _) => Some(*class),
        Finding::Explained | Finding::Undecided => None,
    }
}

fn worst<'a>(findings: &BTreeMap<&'a Key, Finding>) -> Option<&'a Key> {
    let broken = findings.iter().filter_map(|(key, finding)| Some((class(finding)?, *key)));
    broken.min().map(|(_, key)| key)
}

fn violated(run: &Run, key: &Key, entries: &[Entry], finding: &Finding) -> Verdict {
    let (sentences, proof) = match finding {
        Finding::Named(found) => story::tell(run, key, entries, found),
        Finding::Unnamed(class, few) => (story::tell_unnamed(run, key, entries, few, *class), few.clone()),
        Finding::Explained | Finding::Undecided => unreachable!("only broken registers are told of"),
    };
    let proof: Vec<&Call> = proof.into_iter().map(|index| entries[index].of).collect();
    let class = class(finding).map_or("", Class::name);
    words::violated(LINEARIZABLE.name, class, sentences, words::events(&proof), words::table(run, &proof))
}

/// A register holds one value at a time, so a read that shows several is wrong by itself. The search leaves it out.
fn two_values(run: &Run, read: &Call) -> Verdict {
    let key = if let Op::Read { key } = read.op { key.as_str() } else { "" };
    let sentence = format!(
        "{} read {} that {} holds {}: a register holds one value at a time",
        words::who(run, read.process),
        words::told_at(run, read),
        words::register(key),
        calls::answer(read).map_or(String::new(), words::reply),
    );
    words::violated(LINEARIZABLE.name, SIBLINGS, vec![sentence], words::events(&[read]), words::table(run, &[read]))
}

fn undecided(registers: &BTreeMap<&Key, Vec<Entry>>, findings: &BTreeMap<&Key, Finding>, budget: Budget) -> Verdict {
    let Some((key, _)) = findings.iter().find(|(_, finding)| matches!(finding, Finding::Undecided)) else {
        return Verdict::Held;
    };
    let entries = &registers[key];
    let open = entries.iter().filter(|entry| !entry.failed && entry.certain().is_none()).count();
    Verdict::Unknown(format!(
        "the budget of {} steps was spent before {} with its {} ({open} of unknown outcome) was decided",
        budget.steps,
        words::register(key),
        words::count(entries.len(), "operation")
    ))
}

fn notes(registers: &BTreeMap<&Key, Vec<Entry>>, findings: &BTreeMap<&Key, Finding>, steps: u64) -> Vec<String> {
    let operations: usize = registers.values().map(Vec::len).sum();
    let mut notes = vec![format!(
        "{} on {} judged in {}",
        words::count(operations, "operation"),
        words::count(registers.len(), "register"),
        words::count(steps as usize, "step")
    )];
    for wanted in Class::ALL {
        let broken = findings.values().filter(|finding| class(finding) == Some(wanted)).count();
        if broken > 0 {
            notes.push(format!("{}: {}", wanted.name(), words::count(broken, "register")));
        }
    }
    notes
}

fn trap() -> Run {
    script::run(
        "
        0: write x 1 -> done
        1: write x 2 -> done
        2: read x -> 1
        ",
    )
}

#[cfg(test)]
mod tests;
