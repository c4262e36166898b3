//! Every deliberate bug that has a cell is caught in it, by random seeds and by a scripted schedule, and with the bug
//! switched off nothing is found there. `cargo test --release -p perjury --test mutants -- --nocapture` prints the table.

use harness::history::What;
use harness::{Judgement, Run, Seed, Verdict};
use perjury::assemble::{judgement, plan, try_out};
use perjury::matrix::{mutant_cell, request};
use std::collections::BTreeMap;
use store::mutants::{Caught, MUTANTS, Mutant, STRAYED, table};

/// The checker that looks into the nodes.
const INVARIANTS: &str = "invariants";
/// Seeds of a control.
const CONTROL: u64 = 50;

/// Who sees a bug in random runs: the clients by their history, an observer by an invariant. A bug that only one of them
/// sees would escape a harness that has only the other.
const SEEN_BY: &[(&str, bool, bool)] = &[
    ("vote-not-persisted", false, true),
    ("ack-before-fsync", true, true),
    ("commit-old-term", false, true),
    ("read-before-noop", true, false),
    ("no-dedup", true, false),
    ("count-twice", true, false),
    ("short-write", true, false),
    ("no-tie-break", true, false),
    ("adding-join", true, false),
    ("collect-early", true, false),
    ("vote-for-any-log", true, true),
    ("read-uncommitted", true, false),
    ("snapshot-without-sessions", true, false),
    ("two-at-once", true, true),
    ("rejoins-as-voter", true, true),
];

#[test]
fn every_deliberate_bug_is_caught_in_its_cell() {
    let caught: Vec<Caught> = MUTANTS.iter().map(hunt).collect();
    let shown = table(&caught);
    println!("{shown}");
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/bugs.md")).expect("a page");
    assert!(page.contains(&shown), "docs/bugs.md does not show what was caught; it is printed above");
    for (mutant, caught) in MUTANTS.iter().zip(&caught) {
        let Mutant { switch, seeds, .. } = mutant;
        assert!(caught.seeds.1 > 0, "{switch}: none of the seeds 1 to {seeds} was violated");
        let by_clients = caught.seen.iter().any(|(checker, ..)| by_history(checker));
        let by_observer = caught.seen.iter().any(|(checker, ..)| checker == INVARIANTS);
        let expected = SEEN_BY.iter().find(|(name, ..)| name == switch).expect("every bug has its line");
        assert_eq!((by_clients, by_observer), (expected.1, expected.2), "{switch}: {:?}", caught.seen);
        let scripted = caught.scripted.iter().any(|(checker, _)| by_history(checker));
        assert!(scripted || mutant.script.is_none(), "{switch}: the clients of its script saw nothing");
    }
}

#[test]
fn without_the_bug_nothing_is_found_in_its_cell() {
    for mutant in MUTANTS {
        for seed in 1..=CONTROL {
            let (run, judgement) = tried(mutant, seed, false);
            assert_eq!(violations(&judgement), [], "{} is off, seed {seed}", mutant.switch);
            assert!(!strayed(&run), "{} is off, seed {seed}, and is said to have come to bear", mutant.switch);
        }
        if let Some(script) = &mutant.script {
            let run = script.play(&[]).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(violations(&judgement(&run)), [], "{} is off, {}", mutant.switch, script.name);
        }
    }
}

/// Every seed of the budget, and the script.
fn hunt(mutant: &Mutant) -> Caught {
    let Mutant { switch, design, about, workload, .. } = *mutant;
    let finders = explorer::table::finders(design, switch);
    let mut caught = Caught { switch, design, about, workload, finders, ..Caught::default() };
    let mut seen: BTreeMap<(String, String), u64> = BTreeMap::new();
    for seed in 1..=mutant.seeds {
        let (run, judgement) = tried(mutant, seed, true);
        let violations = violations(&judgement);
        caught.seeds.0 += 1;
        if !violations.is_empty() {
            assert!(strayed(&run), "{}, seed {seed}: nobody said that the bug came to bear", mutant.switch);
            caught.seeds.1 += 1;
            caught.first = if caught.first == 0 { seed } else { caught.first };
        }
        violations.into_iter().for_each(|kind| *seen.entry(kind).or_default() += 1);
    }
    caught.seen = seen.into_iter().map(|((checker, class), seeds)| (checker, class, seeds)).collect();
    if let Some(script) = &mutant.script {
        let run = script.play(&[mutant.switch.to_string()]).unwrap_or_else(|error| panic!("{error}"));
        caught.scripted = violations(&judgement(&run));
    }
    caught
}

fn tried(mutant: &Mutant, seed: u64, on: bool) -> (Run, Judgement) {
    let plan = plan(&request(&mutant_cell(mutant, on), Seed(seed))).expect("the names of a mutant are known");
    try_out(&plan).expect("the simulator has no trouble")
}

/// Did a node mark that it did what only a deliberate bug does?
fn strayed(run: &Run) -> bool {
    run.history.events.iter().any(|event| matches!(&event.what, What::Mark { mark, .. } if mark == STRAYED))
}

/// Does it judge what clients were told? Availability judges times, and is only the wake of other trouble here.
fn by_history(checker: &str) -> bool {
    checker != INVARIANTS && checker != "availability"
}

/// Who saw something wrong, and what.
fn violations(judgement: &Judgement) -> Vec<(String, String)> {
    let violated = |opinion: &harness::Opinion| match &opinion.verdict {
        Verdict::Violated(anomaly) => Some((opinion.checker.clone(), anomaly.class.clone())),
        _ => None,
    };
    judgement.opinions.iter().filter_map(violated).collect()
}
