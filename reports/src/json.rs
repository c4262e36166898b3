//! `verdict.json`: what was decided and measured, for programs. Fields keep their order and meaning within one `format`.

use crate::Finished;
use crate::episode::{Episode, episodes};
use crate::tally::Tally;
use crate::words::Ending;
use harness::plan::FORMAT;
use harness::{Anomaly, Opinion, Plan, Time, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VerdictFile {
    /// [`FORMAT`].
    pub format: u32,
    /// `held`, `violated`, `unknown` or `vacuous`.
    pub verdict: String,
    /// The exit code that says the same.
    pub exit: u8,
    /// The promise that was broken.
    pub property: Option<String>,
    /// How it was broken.
    pub class: Option<String>,
    /// Why the verdict is unknown or vacuous.
    pub why: Option<String>,
    /// True if somebody ended the run before its time.
    pub interrupted: bool,
    /// The command that runs the same plan again.
    pub replay: String,
    /// What was planned.
    pub plan: PlanSummary,
    /// One a checker.
    pub opinions: Vec<OpinionEntry>,
    /// Operations by kind, `all` among them.
    pub counts: BTreeMap<String, Counts>,
    /// In order of injection.
    pub faults: Vec<FaultEntry>,
}

/// The size and the names of a run; the whole plan is in `plan.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// A hash of the binary.
    pub build: String,
    /// The system under test.
    pub design: String,
    /// Deliberate bugs that are switched on in it.
    pub switches: Vec<String>,
    /// Where its nodes live.
    pub tier: String,
    /// Who drew the operations.
    pub workload: String,
    /// Who drew the faults.
    pub nemesis: String,
    /// What everything is drawn from.
    pub seed: u64,
    /// How many nodes.
    pub nodes: u8,
    /// How many clients.
    pub clients: u32,
    /// How long clients ask and faults strike.
    pub seconds: f64,
}

/// What one checker said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpinionEntry {
    /// Its name.
    pub checker: String,
    /// `held`, `violated`, `unknown` or `vacuous`.
    pub verdict: String,
    /// Why it is unknown or vacuous.
    pub why: Option<String>,
    /// What it measured, one sentence each.
    pub notes: Vec<String>,
    /// The proof; `events` are indexes into the history, from zero.
    pub anomaly: Option<Anomaly>,
}

/// How many operations ended how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Answered.
    pub ok: usize,
    /// Answered that the precondition does not hold.
    pub no: usize,
    /// Certainly did not happen.
    pub failed: usize,
    /// Nobody knows.
    pub unknown: usize,
}

/// A fault and what it did. Times in seconds since the run began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultEntry {
    /// What was done, with its targets resolved.
    pub fault: String,
    /// When it was injected.
    pub began: f64,
    /// When it was lifted; null if it never was.
    pub ended: Option<f64>,
    /// Did it change anything that a node or client could notice?
    pub effective: bool,
    /// What was measured.
    pub measured: String,
    /// Did anything meet it that it could have harmed? Null where nobody can say.
    pub mattered: Option<bool>,
}

/// The whole report, with a line feed at its end.
pub fn render(finished: &Finished) -> String {
    let file = verdict_file(finished);
    serde_json::to_string_pretty(&file).expect("plain data has a JSON form") + "\n"
}

/// The same as data.
pub fn verdict_file(finished: &Finished) -> VerdictFile {
    let Finished { run, judgement, replay } = finished;
    let anomaly = match &judgement.verdict {
        Verdict::Violated(anomaly) => Some(anomaly),
        _ => None,
    };
    VerdictFile {
        format: FORMAT,
        verdict: judgement.verdict.word().to_string(),
        exit: judgement.verdict.exit() as u8,
        property: anomaly.map(|anomaly| anomaly.property.clone()),
        class: anomaly.map(|anomaly| anomaly.class.clone()),
        why: why(&judgement.verdict),
        interrupted: run.interrupted,
        replay: replay.to_string(),
        plan: plan_summary(&run.plan),
        opinions: judgement.opinions.iter().map(opinion_entry).collect(),
        counts: counts(&Tally::of(&run.history.calls())),
        faults: episodes(run).iter().map(fault_entry).collect(),
    }
}

/// Why a verdict is neither yes nor no.
fn why(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Held | Verdict::Violated(_) => None,
        Verdict::Unknown(why) | Verdict::Vacuous(why) => Some(why.clone()),
    }
}

fn plan_summary(plan: &Plan) -> PlanSummary {
    PlanSummary {
        build: plan.build.clone(),
        design: plan.design.clone(),
        switches: plan.switches.clone(),
        tier: name_of(&plan.tier),
        workload: plan.workload.clone(),
        nemesis: plan.nemesis.clone(),
        seed: plan.seed.0,
        nodes: plan.nodes,
        clients: plan.clients,
        seconds: plan.time.seconds(),
    }
}

/// The name under which an enum without fields stands in files.
pub(crate) fn name_of(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        other => panic!("an enum without fields is written as its name, not as {other:?}"),
    }
}

fn opinion_entry(opinion: &Opinion) -> OpinionEntry {
    let anomaly = match &opinion.verdict {
        Verdict::Violated(anomaly) => Some(Anomaly::clone(anomaly)),
        _ => None,
    };
    OpinionEntry {
        checker: opinion.checker.clone(),
        verdict: opinion.verdict.word().to_string(),
        why: why(&opinion.verdict),
        notes: opinion.notes.clone(),
        anomaly,
    }
}

fn counts(tally: &Tally) -> BTreeMap<String, Counts> {
    let of = |row: &[usize; 4]| Counts {
        ok: row[Ending::Ok as usize],
        no: row[Ending::No as usize],
        failed: row[Ending::Failed as usize],
        unknown: row[Ending::Unknown as usize],
    };
    let kinds = tally.kinds.iter().map(|(kind, row)| (kind.to_string(), of(row)));
    kinds.chain([("all".to_string(), of(&tally.total()))]).collect()
}

fn fault_entry(episode: &Episode) -> FaultEntry {
    FaultEntry {
        fault: episode.words.clone(),
        began: episode.began.seconds(),
        ended: episode.lifted.then(|| Time::seconds(episode.ended)),
        effective: episode.effective,
        measured: episode.measured.clone(),
        mattered: episode.mattered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use harness::Judgement;

    #[test]
    fn a_violation_as_data() {
        insta::assert_snapshot!("verdict.json", render(&sample::violated().finished()));
    }

    #[test]
    fn what_was_written_is_read_again() {
        for sample in [sample::violated(), sample::held(), sample::hostile()] {
            let text = render(&sample.finished());
            let read: VerdictFile = serde_json::from_str(&text).expect("it is JSON");
            assert_eq!(read, verdict_file(&sample.finished()));
        }
    }

    #[test]
    fn the_word_the_exit_code_and_the_reason_agree() {
        let mut sample = sample::held();
        sample.judgement = Judgement { verdict: Verdict::Vacuous("too quiet".to_string()), opinions: Vec::new() };
        let file = verdict_file(&sample.finished());
        assert_eq!((file.verdict.as_str(), file.exit, file.why.as_deref()), ("vacuous", 3, Some("too quiet")));
        assert_eq!(file.class, None);
    }
}
