//! Every scripted schedule, played on the design as it is shipped, comes to what its line in the table says, and to nothing else.

use harness::{Verdict, script};
use perjury::assemble::judgement;
use store::scripts::{SCRIPTS, Scripted};

/// Who saw something wrong when the script was played, and what. What clients saw is asked for; an invariant that saw it too says
/// nothing new.
fn seen(scripted: &Scripted) -> Vec<(String, String)> {
    let run = scripted.script.play(&[]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(run.history.check(), Ok(()), "{}", scripted.script.name);
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
        assert_eq!(seen(scripted), expected, "{}", scripted.script.name);
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
