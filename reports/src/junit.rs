//! JUnit XML, as CI systems read it: one suite a run, one case a checker, and one case that asks whether the run tested
//! anything. What is unknown or vacuous is an error, so that it never looks green.

use crate::{Finished, words};
use harness::{Opinion, Plan, Verdict};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// The case beside the checkers' own: green only if the run as a whole counts.
const GATE: &str = "the run counts";

/// A finished run.
pub fn render(finished: &Finished) -> String {
    let Finished { run, judgement, replay } = finished;
    let name = suite_name(&run.plan);
    let mut suite = TestSuite::new(name.as_str());
    for opinion in &judgement.opinions {
        suite.add_test_case(checker_case(&name, opinion, replay));
    }
    suite.add_test_case(gate_case(&name, &judgement.verdict, replay));
    write("perjury run", [suite])
}

/// One cell of a campaign, as CI systems show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CampaignCase {
    /// Cells of one suite are shown together, e.g. all of a design.
    pub suite: String,
    /// The cell, e.g. `registration under isolate-leader`.
    pub name: String,
    /// Why the cell is not as expected; `None` where it is.
    pub failure: Option<String>,
    /// What else is worth reading.
    pub output: String,
}

/// A finished campaign. Suites come in the order of their first cell.
pub fn campaign_junit(cells: &[CampaignCase]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for cell in cells {
        if !names.contains(&cell.suite.as_str()) {
            names.push(&cell.suite);
        }
    }
    let suites = names.into_iter().map(|name| {
        let mut suite = TestSuite::new(name);
        suite.add_test_cases(cells.iter().filter(|cell| cell.suite == name).map(campaign_case));
        suite
    });
    write("perjury campaign", suites)
}

fn campaign_case(cell: &CampaignCase) -> TestCase {
    let status = match &cell.failure {
        None => TestCaseStatus::success(),
        Some(why) => not_green(NonSuccessKind::Failure, "not as expected", why, why),
    };
    case(&cell.suite, &cell.name, status, &cell.output)
}

fn suite_name(plan: &Plan) -> String {
    let switches: String = plan.switches.iter().map(|switch| format!("+{switch}")).collect();
    format!("{}{switches} {} {} seed {}", plan.design, plan.workload, plan.nemesis, plan.seed.0)
}

fn checker_case(suite: &str, opinion: &Opinion, replay: &str) -> TestCase {
    let status = status(&opinion.verdict, replay);
    case(suite, &opinion.checker, status, &opinion.notes.join("\n"))
}

/// A violation is already some checker's failure; here it is enough that a run without verdict is not green.
fn gate_case(suite: &str, verdict: &Verdict, replay: &str) -> TestCase {
    let status = match verdict {
        Verdict::Held | Verdict::Violated(_) => TestCaseStatus::success(),
        Verdict::Unknown(_) | Verdict::Vacuous(_) => status(verdict, replay),
    };
    case(suite, GATE, status, &format!("again: {replay}"))
}

fn status(verdict: &Verdict, replay: &str) -> TestCaseStatus {
    match verdict {
        Verdict::Held => TestCaseStatus::success(),
        Verdict::Violated(anomaly) => {
            let text = format!("{}\nagain: {replay}", anomaly.sentences.join("\n"));
            let message = format!("{}, {}", anomaly.property, anomaly.class);
            not_green(NonSuccessKind::Failure, &anomaly.class, &message, &text)
        }
        Verdict::Unknown(why) | Verdict::Vacuous(why) => {
            not_green(NonSuccessKind::Error, verdict.word(), why, &format!("{why}\nagain: {replay}"))
        }
    }
}

fn not_green(kind: NonSuccessKind, class: &str, message: &str, text: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(class).set_message(message).set_description(lines(text));
    status
}

fn case(suite: &str, name: &str, status: TestCaseStatus, output: &str) -> TestCase {
    let mut case = TestCase::new(words::visible(name), status);
    case.set_classname(suite);
    if !output.is_empty() {
        case.set_system_out(lines(output));
    }
    case
}

/// Control characters written out, line by line.
fn lines(text: &str) -> String {
    text.lines().map(words::visible).collect::<Vec<_>>().join("\n")
}

fn write(name: &str, suites: impl IntoIterator<Item = TestSuite>) -> String {
    let mut report = Report::new(name);
    report.add_test_suites(suites);
    report.to_string().expect("writing to memory cannot fail")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use harness::Judgement;

    #[test]
    fn a_violation_is_a_failure_and_an_unknown_an_error() {
        insta::assert_snapshot!("junit.xml", render(&sample::violated().finished()));
    }

    #[test]
    fn a_vacuous_run_is_not_green_though_every_checker_held() {
        let mut sample = sample::held();
        let green = render(&sample.finished());
        assert!(green.contains("failures=\"0\" errors=\"0\""), "{green}");
        sample.judgement =
            Judgement { verdict: Verdict::Vacuous("too quiet".to_string()), opinions: sample.judgement.opinions };
        let red = render(&sample.finished());
        assert!(red.contains("errors=\"1\"") && red.contains("type=\"vacuous\""), "{red}");
    }

    #[test]
    fn names_cannot_break_out_of_the_xml() {
        let xml = render(&sample::hostile().finished());
        assert!(!xml.contains("<script>") && !xml.contains("<b>"), "{xml}");
        assert!(xml.chars().all(|c| c == '\n' || !c.is_control()), "{xml}");
    }

    #[test]
    fn a_campaign_groups_its_cells_by_suite() {
        let cell = |suite: &str, name: &str, failure: Option<&str>| CampaignCase {
            suite: suite.to_string(),
            name: name.to_string(),
            failure: failure.map(str::to_string),
            output: "20 seeds".to_string(),
        };
        let cells = [
            cell("raft", "bank under kill", None),
            cell("ml-lww", "bank under calm", Some("expected read-skew, saw nothing in 20 seeds")),
            cell("raft", "set under kill", None),
        ];
        insta::assert_snapshot!("campaign.xml", campaign_junit(&cells));
    }
}
