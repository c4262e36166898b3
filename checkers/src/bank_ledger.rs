//! Every acknowledged transfer is in the final ledger exactly once, both legs of it; one that failed is not there at all,
//! and one of unknown outcome is there wholly or not at all.
//!
//! Each node's final ledger is judged by itself: one that is wrong is enough.

use crate::{calls, script, words};
use harness::op::Posting;
use harness::{Account, Budget, Call, Checker, Op, Opinion, Reply, Run, Value, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// See the head of this file.
pub const BANK_LEDGER: Checker = Checker {
    name: "bank-ledger",
    about: "every acknowledged transfer is in the final ledger exactly once, and none that failed",
    check,
    trap,
};

/// From worst to mildest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Lost,
    Duplicated,
    Torn,
    AbortedApplied,
    Phantom,
}

impl Class {
    const ALL: [(Class, &'static str); 5] = [
        (Class::Lost, "lost"),
        (Class::Duplicated, "duplicated"),
        (Class::Torn, "torn"),
        (Class::AbortedApplied, "aborted-applied"),
        (Class::Phantom, "phantom"),
    ];

    fn name(self) -> &'static str {
        Class::ALL[self as usize].1
    }
}

/// A transfer that a final ledger tells wrongly.
struct Wrong<'a> {
    class: Class,
    id: Value,
    attempt: Option<&'a Call<'a>>,
    read: &'a Call<'a>,
    postings: Vec<Posting>,
}

fn check(run: &Run, _: Budget) -> Opinion {
    let calls = run.history.calls();
    if let Some(unknown) = calls::misfit(&calls) {
        return Opinion::new(BANK_LEDGER.name, unknown);
    }
    let attempts = attempts(&calls);
    let ledgers = ledgers(run, &calls);
    let mut wrong: Vec<Wrong> = ledgers.iter().flat_map(|(read, ledger)| judge(read, ledger, &attempts)).collect();
    wrong.sort_by_key(|wrong| (wrong.class, wrong.read.invoked, wrong.id));
    let verdict = match wrong.first() {
        Some(worst) => violated(run, worst),
        None => unseen(&attempts, &ledgers),
    };
    Opinion { notes: notes(&attempts, &ledgers, &wrong), ..Opinion::new(BANK_LEDGER.name, verdict) }
}

/// Every attempt of every transfer; retries under one id belong together.
fn attempts<'a>(calls: &'a [Call<'a>]) -> BTreeMap<Value, Vec<&'a Call<'a>>> {
    let mut attempts: BTreeMap<Value, Vec<&Call>> = BTreeMap::new();
    for call in calls {
        if let Op::Transfer { id, .. } = call.op {
            attempts.entry(*id).or_default().push(call);
        }
    }
    attempts
}

fn ledgers<'a>(run: &Run, calls: &'a [Call<'a>]) -> Vec<(&'a Call<'a>, &'a [Posting])> {
    let ledger = |call: &'a Call<'a>| match calls::answer(call)? {
        Reply::Ledger(postings) if call.invoked >= run.finals() => Some((call, postings.as_slice())),
        _ => None,
    };
    calls.iter().filter_map(ledger).collect()
}

fn judge<'a>(read: &'a Call<'a>, ledger: &[Posting], attempts: &BTreeMap<Value, Vec<&'a Call<'a>>>) -> Vec<Wrong<'a>> {
    let Op::Ledger { accounts } = read.op else { unreachable!("only ledgers are answered with postings") };
    let mut posted: BTreeMap<Value, Vec<Posting>> = BTreeMap::new();
    for posting in ledger {
        posted.entry(posting.transfer).or_default().push(*posting);
    }
    let ids: BTreeSet<Value> = posted.keys().chain(attempts.keys()).copied().collect();
    let wrong = |id: Value| {
        let postings = posted.get(&id).cloned().unwrap_or_default();
        let attempts = attempts.get(&id).map_or(&[][..], Vec::as_slice);
        let class = class(*accounts, read, attempts, &postings)?;
        let attempt = attempts.iter().find(|call| calls::done(call)).or(attempts.first()).copied();
        Some(Wrong { class, id, attempt, read, postings })
    };
    ids.into_iter().filter_map(wrong).collect()
}

/// What is wrong with the postings of one transfer, if anything is.
fn class(accounts: Account, read: &Call, attempts: &[&Call], postings: &[Posting]) -> Option<Class> {
    let asked_before = |call: &&&Call| read.returned.is_none_or(|returned| call.invoked < returned);
    let Some(asked) = attempts.iter().find(asked_before) else {
        return (!postings.is_empty()).then_some(Class::Phantom);
    };
    let legs = legs(asked.op, accounts);
    if postings.iter().any(|posting| !legs.contains(posting)) {
        return Some(Class::Phantom);
    }
    let times: Vec<usize> = legs.iter().map(|leg| postings.iter().filter(|posting| *posting == leg).count()).collect();
    let acknowledged = attempts.iter().any(|call| calls::done(call) && call.returned < Some(read.invoked));
    match (times.iter().max().copied().unwrap_or(0), times.iter().min().copied().unwrap_or(0)) {
        (0, _) => (acknowledged && !legs.is_empty()).then_some(Class::Lost),
        (2.., _) => Some(Class::Duplicated),
        (1, 0) => Some(Class::Torn),
        (1, _) => attempts.iter().all(|call| calls::void(call)).then_some(Class::AbortedApplied),
    }
}

/// The two postings of a transfer, as far as the ledger covers their accounts.
fn legs(op: &Op, accounts: Account) -> Vec<Posting> {
    let Op::Transfer { id, from, to, amount } = op else { unreachable!("attempts are transfers") };
    let legs = [(*from, -amount), (*to, *amount)];
    let posting = |(account, amount)| Posting { account, transfer: *id, amount };
    legs.into_iter().filter(|(account, _)| *account < accounts).map(posting).collect()
}

fn violated(run: &Run, wrong: &Wrong) -> Verdict {
    let proof: Vec<&Call> = wrong.attempt.into_iter().chain([wrong.read]).collect();
    let found = match wrong.postings.as_slice() {
        [] => "it is not there".to_string(),
        postings => format!("it stands there as {}", words::reply(&Reply::Ledger(postings.to_vec()))),
    };
    let sentences = vec![
        wrong.attempt.map_or_else(
            || format!("nobody ever asked for transfer {}", wrong.id),
            |attempt| asked(run, wrong.id, attempt),
        ),
        format!(
            "in the final ledger that {} read {}, {found}",
            words::who(run, wrong.read.process),
            words::told_at(run, wrong.read)
        ),
    ];
    let (events, table) = (words::events(&proof), words::table(run, &proof));
    words::violated(BANK_LEDGER.name, wrong.class.name(), sentences, events, table)
}

fn asked(run: &Run, id: Value, attempt: &Call) -> String {
    let Op::Transfer { from, to, amount, .. } = attempt.op else { unreachable!("attempts are transfers") };
    let client = words::who(run, attempt.process);
    let transfer = format!("transfer {id} of {amount} from account {from} to account {to}");
    let at = words::told_at(run, attempt);
    let cut = words::by_cut_node(run, attempt);
    if calls::done(attempt) {
        format!("{client} was told {at} that {transfer} is done{cut}")
    } else if calls::void(attempt) {
        format!("{client} was told {at} that {transfer} did not happen{cut}")
    } else {
        format!("{client} asked for {transfer} {} and never learnt its fate", words::at(run, attempt.invoked))
    }
}

fn unseen(attempts: &BTreeMap<Value, Vec<&Call>>, ledgers: &[(&Call, &[Posting])]) -> Verdict {
    if attempts.is_empty() {
        return Verdict::Vacuous("no transfer was tried".to_string());
    }
    match ledgers.is_empty() {
        true => Verdict::Unknown("no final read of the ledger was answered".to_string()),
        false => Verdict::Held,
    }
}

fn notes(attempts: &BTreeMap<Value, Vec<&Call>>, ledgers: &[(&Call, &[Posting])], wrong: &[Wrong]) -> Vec<String> {
    let acknowledged = attempts.values().filter(|calls| calls.iter().any(|call| calls::done(call))).count();
    let mut notes = vec![format!(
        "{} tried, {acknowledged} acknowledged, {} read at the end",
        words::count(attempts.len(), "transfer"),
        words::count(ledgers.len(), "ledger")
    )];
    for (class, word) in Class::ALL {
        let ids: BTreeSet<Value> = wrong.iter().filter(|wrong| wrong.class == class).map(|wrong| wrong.id).collect();
        if !ids.is_empty() {
            notes.push(format!("{word}: {}", words::count(ids.len(), "transfer")));
        }
    }
    notes
}

fn trap() -> Run {
    script::run(
        "
        0: transfer 7 0 1 5 -> done
        final
        1: ledger 2 -> []
        ",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> String {
        script::class(&BANK_LEDGER, text)
    }

    #[test]
    fn every_class_is_found() {
        for (outcome, ledger, expected) in [
            ("done", "[]", "lost"),
            ("done", "[0:7:-5 0:7:-5 1:7:5 1:7:5]", "duplicated"),
            ("unknown", "[0:7:-5 0:7:-5 1:7:5 1:7:5]", "duplicated"),
            ("done", "[0:7:-5 1:7:5 1:7:5]", "duplicated"),
            ("done", "[0:7:-5]", "torn"),
            ("unknown", "[1:7:5]", "torn"),
            ("failed", "[0:7:-5 1:7:5]", "aborted-applied"),
            ("no", "[0:7:-5 1:7:5]", "aborted-applied"),
            ("done", "[0:7:-5 1:7:5 0:8:-1]", "phantom"),
            ("done", "[0:7:-6 1:7:6]", "phantom"),
        ] {
            let text = format!("0: transfer 7 0 1 5 -> {outcome}\nfinal\n1: ledger 2 -> {ledger}");
            assert_eq!(class(&text), expected, "{text}");
        }
    }

    #[test]
    fn one_wrong_ledger_is_enough_and_the_worst_class_is_named() {
        let text = "0: transfer 7 0 1 5 -> done\n0: transfer 8 0 1 5 -> failed\nfinal\n";
        let text = format!("{text}1: ledger 2 -> [0:7:-5 1:7:5 0:8:-5 1:8:5]\n2: ledger 2 -> []");
        let opinion = check(&script::run(&text), Budget::default());
        let Verdict::Violated(anomaly) = opinion.verdict else { panic!() };
        assert_eq!(anomaly.class, "lost");
        assert_eq!(
            anomaly.sentences,
            [
                "client 0 was told at 0.200 s that transfer 7 of 5 from account 0 to account 1 is done",
                "in the final ledger that client 2 read at 0.900 s, it is not there"
            ]
        );
        assert_eq!(opinion.notes[1..], ["lost: 1 transfer", "aborted-applied: 1 transfer"]);
    }

    #[test]
    fn legal_neighbours_are_not_reported() {
        for (outcome, ledger, expected) in [
            ("done", "[0:7:-5 1:7:5]", "held"),
            ("unknown", "[0:7:-5 1:7:5]", "held"),
            ("unknown", "[]", "held"),
            ("failed", "[]", "held"),
            ("no", "[]", "held"),
            ("done", "unknown", "unknown"),
        ] {
            let text = format!("0: transfer 7 0 1 5 -> {outcome}\nfinal\n1: ledger 2 -> {ledger}");
            assert_eq!(class(&text), expected, "{text}");
        }
        assert_eq!(class("0: transfer 7 0 0 5 -> done\nfinal\n1: ledger 2 -> [0:7:-5 0:7:5]"), "held");
        // A ledger of fewer accounts shows only the legs that it covers.
        assert_eq!(class("0: transfer 7 0 5 5 -> done\nfinal\n1: ledger 2 -> [0:7:-5]"), "held");
        // What was read while the run went on is not final.
        assert_eq!(
            class("0: transfer 7 0 1 5 -> done\n1: ledger 2 -> []\nfinal\n1: ledger 2 -> [0:7:-5 1:7:5]"),
            "held"
        );
        assert_eq!(class("final\n1: ledger 2 -> []"), "vacuous");
    }
}
