//! Every scripted schedule, played on the design as it is shipped, comes to what its line in the table says, and to nothing else.

use harness::{Verdict, script};
use perjury::assemble::judgement;
use store::mutants::Script;
use store::scripts::{SCRIPTS, Scripted};

/// Who saw something wrong when the script was played, and what. What clients saw is asked for; an invariant that saw it too says
/// nothing new.
fn seen(script: &Script) -> Vec<(String, String)> {
    let run = script.play(&[]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(run.history.check(), Ok(()), "{}", script.name);
    let violated = |opinion: &harness::Opinion| match &opinion.verdict {
        Verdict::Violated(anomaly) => Some((opinion.checker.clone(), anomaly.class.clone())),
        _ => None,
    };
    let by_clients = |opinion: &&harness::Opinion| opinion.checker != "invariants";
    judgement(&run).opinions.iter().filter(by_clients).filter_map(violated).collect()
}

#[test]
fn every_script_comes_to_its_class_and_to_nothing_else() {
    for scripted in SCRIPTS {
        let expected = vec![(scripted.checker.to_string(), scripted.class.to_string())];
        assert_eq!(seen(&scripted.script), expected, "{}", scripted.script.name);
    }
}

#[test]
fn every_line_says_what_its_script_says() {
    for Scripted { design, workload, faults, script: file, .. } in SCRIPTS {
        let read = script::Script::read(file.name, file.text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((read.design.as_str(), read.workload.as_str()), (*design, *workload), "{}", file.name);
        assert!(!faults.is_empty(), "{}", file.name);
    }
}

#[test]
fn what_naive_vectors_lose_is_kept_by_dots() {
    for Scripted { script, .. } in SCRIPTS.iter().filter(|scripted| scripted.design == "ml-vv-naive") {
        assert_eq!(seen(&on_another(script, "ml-vv-naive", "ml-dvv")), [], "{}", script.name);
    }
}

#[test]
fn what_reads_of_a_majority_show_is_not_shown_where_they_write_back() {
    let shown = |scripted: &&Scripted| scripted.design == "ll-quorum" && scripted.class == "new-then-old";
    let shown = SCRIPTS.iter().find(shown).expect("a script of ll-quorum");
    assert_eq!(seen(&on_another(&shown.script, "ll-quorum", "ll-abd")), []);
}

/// The same schedule on another design.
fn on_another(script: &Script, design: &str, other: &str) -> Script {
    let text = script.text.replace(&format!("design {design}\n"), &format!("design {other}\n"));
    assert_ne!(text, script.text, "{}", script.name);
    Script { name: script.name, text: Box::leak(text.into_boxed_str()) }
}
