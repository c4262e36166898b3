//! Every schedule that breaks a design without a leader comes to exactly the class that it names.

use harness::{Run, Verdict};
use perjury::assemble::judgement;
use store::mutants::Script;
use store::scripts_without_leader::{SCRIPTS, Scripted};

#[test]
fn each_script_yields_the_class_that_it_names_and_no_other() {
    for Scripted { design, workload, checker, class, script, .. } in SCRIPTS {
        let run = script.play(&[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((run.plan.design.as_str(), run.plan.workload.as_str()), (*design, *workload), "{}", script.name);
        assert_eq!(violations(&run), [((*checker).to_string(), (*class).to_string())], "{}", script.name);
    }
}

#[test]
fn what_naive_vectors_lose_is_kept_by_dots() {
    for Scripted { script, .. } in SCRIPTS.iter().filter(|scripted| scripted.design == "ml-vv-naive") {
        let text = script.text.replace("design ml-vv-naive", "design ml-dvv");
        let script = Script { name: script.name, text: Box::leak(text.into_boxed_str()) };
        let run = script.play(&[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(violations(&run), [], "{}", script.name);
    }
}

#[test]
fn what_reads_of_a_majority_show_is_not_shown_where_they_write_back() {
    let shown = SCRIPTS.iter().find(|scripted| scripted.class == "new-then-old").expect("a script of ll-quorum");
    let text = shown.script.text.replace("design ll-quorum", "design ll-abd");
    let script = Script { name: shown.script.name, text: Box::leak(text.into_boxed_str()) };
    let run = script.play(&[]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(violations(&run), []);
}

/// Who saw something wrong, and what.
fn violations(run: &Run) -> Vec<(String, String)> {
    let violated = |opinion: harness::Opinion| match opinion.verdict {
        Verdict::Violated(anomaly) => Some((opinion.checker, anomaly.class)),
        _ => None,
    };
    judgement(run).opinions.into_iter().filter_map(violated).collect()
}
