//! `report.html`: one page that explains a run, with nothing to load from anywhere.
//!
//! The order is that of a reader's questions: what is the verdict, what proves it, what else went on at that time,
//! how did the system do, what was asked of it. Style and script are one file each, put inline.

mod plots;
mod sequence;
mod tables;
mod timeline;

use crate::episode::{Episode, episodes};
use crate::proof::{Proof, proof};
use crate::{Finished, words};
use harness::{Call, Run, Time, Verdict};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// The style of this page, for other pages that should look the same.
pub const STYLE: &str = include_str!("style.css");
/// The script of this page: the timeline, the copy buttons and the filters of tables. It does nothing on a page without these.
pub const SCRIPT: &str = include_str!("timeline.js");

/// What every part of the page is drawn from.
struct Scene<'a> {
    run: &'a Run,
    calls: Vec<Call<'a>>,
    episodes: Vec<Episode>,
    proof: Proof<'a>,
    /// When the last event was seen.
    end: Time,
}

/// The whole page.
pub fn render(finished: &Finished) -> String {
    let Finished { run, judgement, replay } = finished;
    let (calls, episodes) = (run.history.calls(), episodes(run));
    let proof = match &judgement.verdict {
        Verdict::Violated(anomaly) => proof(run, &calls, &episodes, anomaly),
        _ => Proof::default(),
    };
    let end = run.history.events.last().map_or(Time::ZERO, |event| event.time);
    let scene = Scene { run, calls, episodes, proof, end };
    let title = format!("{} {}", words::headline(judgement), tables::subject(&run.plan));
    let body = html! {
        (header(finished))
        (sequence::draw(&scene))
        (timeline::draw(&scene))
        (plots::draw(&scene))
        (tables::checkers(&judgement.opinions))
        (tables::faults(&scene.episodes))
        (tables::operations(&scene.calls))
        (tables::plan(&run.plan, replay))
        (tables::history(&scene))
    };
    page(&title, body).into_string()
}

/// A complete page in the common style.
pub fn page(title: &str, body: Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main { (body) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
}

fn header(finished: &Finished) -> Markup {
    let Finished { run, judgement, replay } = finished;
    html! {
        header class={ "verdict " (judgement.verdict.word()) } {
            p.subject { (tables::subject(&run.plan)) }
            h1 { (judgement.verdict.word()) @if let Some(rest) = after_word(&judgement.verdict) { span { (rest) } } }
            p { (words::meaning(&judgement.verdict)) }
        }
        @if let Verdict::Violated(anomaly) = &judgement.verdict {
            section.explanation {
                @for sentence in &anomaly.sentences { p { (words::visible(sentence)) } }
                @if !anomaly.table.is_empty() { (tables::plain(&anomaly.table)) }
            }
        }
        div.replay {
            span { "Run it again:" }
            code { (replay) }
            button type="button" data-copy=(replay) { "Copy" }
        }
    }
}

/// What follows the verdict's word: the promise and the class, or the reason.
fn after_word(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Held => None,
        Verdict::Violated(anomaly) => Some(words::visible(&format!("{}, {}", anomaly.property, anomaly.class))),
        Verdict::Unknown(why) | Verdict::Vacuous(why) => Some(words::visible(why)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{self, Sample};

    fn page_of(sample: &Sample) -> String {
        render(&sample.finished())
    }

    #[test]
    fn the_page_loads_nothing_from_anywhere() {
        for sample in [sample::violated(), sample::held(), sample::hostile()] {
            let page = page_of(&sample).replace("http://www.w3.org/2000/svg", "");
            for reference in ["http://", "https://", "src=\"", "@import", "url(\"", "<link"] {
                assert!(!page.contains(reference), "the page refers to something outside: {reference}");
            }
        }
    }

    #[test]
    fn hostile_names_stay_text() {
        let page = page_of(&sample::hostile());
        assert!(!page.contains("<script>alert"), "a name became a script");
        assert!(!page.contains("<img src"), "a mark became an image");
        assert!(!page.contains("<b>uniqueness"), "a checker's name became markup");
        assert!(page.contains("&lt;script&gt;alert"), "the name is not shown at all");
        assert_eq!(page.matches("<script>").count(), 1, "the page has one script, its own");
    }

    #[test]
    fn every_proving_operation_is_highlighted_wherever_it_is_drawn() {
        let sample = sample::violated();
        let page = page_of(&sample);
        let proving: Vec<usize> = vec![6, 12, 18];
        for invoked in proving {
            let bar = format!("data-op=\"{invoked}\"");
            assert_eq!(page.matches(&format!("proof\" {bar}")).count(), 1, "no highlighted bar for event {invoked}");
            assert!(page.contains(&format!("data-call=\"{invoked}\"")), "event {invoked} is not in the drawing");
        }
        assert_eq!(page.matches("proof\" data-op=").count(), 3, "something else is highlighted");
    }

    #[test]
    fn a_large_run_is_cut_and_says_so() {
        let page = page_of(&sample::busy(6_000));
        let drawn = page.matches("data-op=").count();
        assert!(drawn <= timeline::MOST_OPERATIONS + 2, "{drawn} operations are drawn");
        assert!(page.contains("operations are left out of the drawing"));
        assert!(page.contains("events are left out of the table"));
        assert_eq!(page.matches("proof\" data-op=").count(), 2, "the proof is drawn even where others are left out");
    }

    #[test]
    fn a_finding_inside_the_cluster_is_drawn_without_any_operation() {
        let sample = sample::finding();
        let page = page_of(&sample);
        assert_eq!(page.matches("class=\"finding\"").count(), 1, "no line over the lanes");
        assert!(page.contains("one-leader: n1 and n2 both lead term 3"), "the sentence is not in the drawing");
        assert!(page.contains("data-view=\"proof\""), "nothing leads to the proof");
        assert!(crate::text::render(&sample.finished()).contains("── one-leader: n1 and n2 both lead term 3"));
    }

    #[test]
    fn an_unknown_outcome_stays_open_to_the_end() {
        let page = page_of(&sample::violated());
        assert_eq!(page.matches("class=\"tail\" x=").count(), 2, "a timeout and a request without completion");
    }

    #[test]
    fn a_run_without_faults_or_operations_has_a_page_too() {
        let mut sample = sample::violated();
        sample.run = Run::new(sample.run.plan, harness::History::default());
        let page = page_of(&sample);
        assert!(page.contains("No operation was asked."), "{page}");
        assert!(page.contains("No fault struck."), "{page}");
    }
}
