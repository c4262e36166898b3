//! Every scripted schedule, played on each design that it is said to break, comes to what its line in the table says of each
//! claim, and to nothing else.

use harness::{Run, Verdict, script};
use perjury::assemble::judgement;
use store::scripts::{SCRIPTS, Scripted, Seen};

/// What the checkers of a claim see wrong in a run. What clients saw is asked for; an invariant that saw it too says nothing new.
fn seen(run: &Run, claim: &str) -> Vec<(String, String)> {
    let mut run = run.clone();
    run.plan.workload = claim.to_string();
    let violated = |opinion: &harness::Opinion| match &opinion.verdict {
        Verdict::Violated(anomaly) => Some((opinion.checker.clone(), anomaly.class.clone())),
        _ => None,
    };
    let by_clients = |opinion: &&harness::Opinion| opinion.checker != "invariants";
    judgement(&run).opinions.iter().filter(by_clients).filter_map(violated).collect()
}

fn play(scripted: &Scripted, design: &str) -> Run {
    let run = scripted.play_on(design).unwrap_or_else(|error| panic!("{design}: {error}"));
    assert_eq!(run.history.check(), Ok(()), "{} on {design}", scripted.script.name);
    run
}

#[test]
fn every_script_comes_to_its_classes_and_to_nothing_else() {
    for scripted in SCRIPTS {
        for design in scripted.designs {
            let run = play(scripted, design);
            for Seen { claim, .. } in scripted.seen {
                let of_claim = scripted.seen.iter().filter(|seen| seen.claim == *claim);
                let expected: Vec<_> =
                    of_claim.map(|seen| (seen.checker.to_string(), seen.class.to_string())).collect();
                assert_eq!(seen(&run, claim), expected, "{} on {design}, {claim}", scripted.script.name);
            }
        }
    }
}

#[test]
fn every_text_names_a_claim_that_it_is_about() {
    for Scripted { seen, script: file, .. } in SCRIPTS {
        let read = script::Script::read(file.name, file.text).unwrap_or_else(|error| panic!("{error}"));
        assert!(seen.iter().any(|seen| seen.claim == read.workload), "{}: {}", file.name, read.workload);
    }
}

#[test]
fn every_schedule_is_in_a_table() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../store/scripts");
    let files = std::fs::read_dir(folder).expect("a folder");
    let files = files.map(|file| file.expect("a file").file_name().into_string().expect("a plain name"));
    let bugs = store::mutants::MUTANTS.iter().filter_map(|mutant| mutant.script).map(|script| script.name);
    let known: Vec<&str> = SCRIPTS.iter().map(|scripted| scripted.script.name).chain(bugs).collect();
    for file in files {
        assert!(known.contains(&file.as_str()), "store/scripts/{file} is in no table");
    }
}

#[test]
fn what_naive_vectors_lose_is_kept_by_dots() {
    let lost = |scripted: &&Scripted| scripted.designs == ["ml-vv-naive"];
    assert_eq!(SCRIPTS.iter().filter(lost).count(), 2);
    for scripted in SCRIPTS.iter().filter(lost) {
        let run = play(scripted, "ml-dvv");
        for Seen { claim, .. } in scripted.seen {
            assert_eq!(seen(&run, claim), [], "{}, {claim}", scripted.script.name);
        }
    }
}

#[test]
fn what_reads_of_a_majority_show_is_not_shown_where_they_write_back() {
    let shown = |scripted: &&Scripted| scripted.seen[0].class == "new-then-old" && scripted.designs == ["ll-quorum"];
    let shown = SCRIPTS.iter().find(shown).expect("a script of ll-quorum");
    assert_eq!(seen(&play(shown, "ll-abd"), "register"), []);
}

#[test]
fn what_a_lost_transfer_does_to_the_ledger_the_total_does_not_see() {
    let lost = |scripted: &&Scripted| scripted.script.name == "sl-async-fo-lost-transfer.txt";
    let lost = SCRIPTS.iter().find(lost).expect("a script of sl-async-fo");
    assert_eq!(seen(&play(lost, "sl-async-fo"), "total"), []);
}
