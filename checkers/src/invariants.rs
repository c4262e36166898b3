//! What must be true inside a cluster at every moment, whatever its clients see: the simulator watches the nodes and writes
//! what it finds into the history; here it becomes a verdict.

use crate::{script, words};
use harness::invariants::{NO_PANIC, ONE_LEADER, PREFIXES_AGREE};
use harness::{Budget, Checker, Opinion, Run, Verdict};

/// See the head of this file.
pub const INVARIANTS: Checker = Checker {
    name: "invariants",
    about: "one leader a term, committed prefixes agree, and no node panics",
    check,
    trap,
};

/// How many findings are told in words.
const TOLD: usize = 5;

fn check(run: &Run, _: Budget) -> Opinion {
    let findings: Vec<(usize, &str, &str)> = run.findings().collect();
    let Some((_, invariant, _)) = findings.first() else {
        return Opinion::new(INVARIANTS.name, Verdict::Held);
    };
    let sentences = findings.iter().take(TOLD).map(|(event, invariant, sentence)| {
        format!("{} an observer saw that \"{invariant}\" was broken: {sentence}", words::at(run, *event))
            .replacen("at", "At", 1)
    });
    let mut table = vec![["event", "invariant", "what was seen"].map(str::to_string).to_vec()];
    table.extend(
        findings
            .iter()
            .take(TOLD)
            .map(|(event, invariant, sentence)| vec![event.to_string(), invariant.to_string(), sentence.to_string()]),
    );
    let events = findings.iter().take(TOLD).map(|(event, _, _)| *event).collect();
    let verdict = words::violated(INVARIANTS.name, &class(invariant), sentences.collect(), events, table);
    let notes = vec![words::count(findings.len(), "finding")];
    Opinion { notes, ..Opinion::new(INVARIANTS.name, verdict) }
}

/// The name of the class; an invariant that has none here gets its own words joined by dashes.
fn class(invariant: &str) -> String {
    match invariant {
        ONE_LEADER => "two-leaders".to_string(),
        PREFIXES_AGREE => "prefixes-differ".to_string(),
        NO_PANIC => "panic".to_string(),
        other => other.split_whitespace().collect::<Vec<&str>>().join("-"),
    }
}

fn trap() -> Run {
    script::run(&format!("found {ONE_LEADER}: n1 and n2 both lead in term 3"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_invariant_has_its_class() {
        for (invariant, class) in [
            (ONE_LEADER, "two-leaders"),
            (PREFIXES_AGREE, "prefixes-differ"),
            (NO_PANIC, "panic"),
            ("tokens never repeat", "tokens-never-repeat"),
        ] {
            let run = script::run(&format!("0: read x -> 1\nfound {invariant}: as seen"));
            let Verdict::Violated(anomaly) = check(&run, Budget::default()).verdict else { panic!("{invariant}") };
            assert_eq!((anomaly.class.as_str(), anomaly.events.as_slice()), (class, &[3][..]));
            let sentence = format!("At 0.300 s an observer saw that \"{invariant}\" was broken: as seen");
            assert_eq!(anomaly.sentences, [sentence]);
        }
    }

    #[test]
    fn without_findings_it_holds() {
        let run = script::run("0: read x -> 1");
        assert_eq!(check(&run, Budget::default()), Opinion::new("invariants", Verdict::Held));
    }
}
