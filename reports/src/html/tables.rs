//! The tables of the page: checkers, faults, operations, the plan, the whole history.

use super::Scene;
use crate::episode::Episode;
use crate::tally::Tally;
use crate::words::{self, Ending};
use harness::{Call, Event, Opinion, Phase, Plan, Verdict, What};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Rows of the history that the page holds at most.
const MOST_ROWS: usize = 5_000;
/// Longer words of one event are cut: a ledger may have hundreds of postings.
const LONGEST: usize = 400;

/// What was tested, in a few words.
pub fn subject(plan: &Plan) -> String {
    let switches: String = plan.switches.iter().map(|switch| format!(" + {switch}")).collect();
    let names = format!("{}{switches} · {} · {} · seed {}", plan.design, plan.workload, plan.nemesis, plan.seed.0);
    words::visible(&names)
}

/// Rows as they are; the first is the heading.
pub fn plain(rows: &[Vec<String>]) -> Markup {
    html! {
        table {
            @for heading in rows.iter().take(1) {
                thead { tr { @for cell in heading { th { (words::visible(cell)) } } } }
            }
            tbody {
                @for row in rows.iter().skip(1) {
                    tr { @for cell in row { td.number[is_number(cell)] { (words::visible(cell)) } } }
                }
            }
        }
    }
}

fn is_number(cell: &str) -> bool {
    cell.parse::<f64>().is_ok()
}

/// What each checker said.
pub fn checkers(opinions: &[Opinion]) -> Markup {
    html! {
        section {
            h2 { "Checkers" }
            table {
                thead { tr { th { "checker" } th { "verdict" } th { "why, and what it measured" } } }
                tbody {
                    @for opinion in opinions {
                        tr {
                            td { (words::visible(&opinion.checker)) }
                            td { span class={ "pill " (opinion.verdict.word()) } { (opinion.verdict.word()) } }
                            td { (reason(&opinion.verdict)) @for note in &opinion.notes { p { (words::visible(note)) } } }
                        }
                    }
                }
            }
        }
    }
}

fn reason(verdict: &Verdict) -> Markup {
    match verdict {
        Verdict::Held => html! {},
        Verdict::Violated(anomaly) => html! {
            p { b { (words::visible(&anomaly.class)) } }
            @for sentence in &anomaly.sentences { p { (words::visible(sentence)) } }
        },
        Verdict::Unknown(why) | Verdict::Vacuous(why) => html! { p { (words::visible(why)) } },
    }
}

/// What was done to the cluster, and what each fault measured.
pub fn faults(episodes: &[Episode]) -> Markup {
    html! {
        section {
            h2 { "Faults" }
            @if episodes.is_empty() { p { "No fault struck." } } @else {
                table {
                    thead { tr { th { "" } th { "from" } th { "to" } th { "what" } th { "measured effect" } } }
                    tbody { @for episode in episodes { (fault(episode)) } }
                }
            }
        }
    }
}

fn fault(episode: &Episode) -> Markup {
    html! {
        tr {
            td.number { (episode.number) }
            td.number { (episode.began) }
            td.number { @if episode.lifted { (episode.ended) } @else { "never" } }
            td { (episode.words) }
            td { @if let Some(doubt) = episode.doubt() { span.pill.vacuous { (doubt) } " " } (episode.measured) }
        }
    }
}

/// Operations by kind and ending.
pub fn operations(calls: &[Call]) -> Markup {
    html! {
        section {
            h2 { "Operations" }
            @if calls.is_empty() { p { "No operation was asked." } } @else {
                (plain(&Tally::of(calls).rows()))
                p.hint { "ok: answered · no: the precondition did not hold · failed: it certainly did not happen · unknown: it may have happened" }
            }
        }
    }
}

/// What was planned, and how to do it again.
pub fn plan(plan: &Plan, replay: &str) -> Markup {
    let switches = if plan.switches.is_empty() { "none".to_string() } else { plan.switches.join(", ") };
    let size = format!("{} nodes, {} clients, {} s", plan.nodes, plan.clients, plan.time.seconds());
    let rows = [
        ("design", plan.design.clone()),
        ("switches", switches),
        ("workload", plan.workload.clone()),
        ("nemesis", plan.nemesis.clone()),
        ("tier", crate::json::name_of(&plan.tier)),
        ("seed", plan.seed.0.to_string()),
        ("size", size),
        ("build", plan.build.clone()),
        ("run it again", replay.to_string()),
    ];
    html! {
        section {
            h2 { "Plan" }
            table { tbody { @for (name, value) in rows { tr { th { (name) } td { (words::visible(&value)) } } } } }
        }
    }
}

/// Every event, folded away until somebody asks.
pub fn history(scene: &Scene) -> Markup {
    let events = &scene.run.history.events;
    let proving: BTreeSet<usize> = scene.proof.steps.iter().map(|step| step.event).collect();
    let left_out = events.len().saturating_sub(MOST_ROWS);
    html! {
        section {
            details {
                summary { h2 { "History" } " " (words::count(events.len(), "event")) }
                @if left_out > 0 {
                    p.hint { (left_out) " later events are left out of the table; all are in history.jsonl." }
                }
                input type="search" placeholder="Show rows with this text" aria-label="Show rows with this text" data-filter="history";
                table #history {
                    thead { tr { th { "event" } th { "time" } th { "who" } th { "type" } th { "what" } } }
                    tbody {
                        @for (index, event) in events.iter().enumerate().take(MOST_ROWS) {
                            (row(index, event, proving.contains(&index)))
                        }
                    }
                }
            }
        }
    }
}

fn row(index: usize, event: &Event, proves: bool) -> Markup {
    let (who, kind, what) = event_words(&event.what);
    html! {
        tr.proof[proves] {
            td.number { (index) }
            td.number { (event.time) }
            td { (who) }
            td { span class={ "ending " (kind) } { (kind) } }
            td { (words::short(&words::visible(&what), LONGEST)) }
        }
    }
}

/// Who, which type of event, and what.
fn event_words(what: &What) -> (String, &'static str, String) {
    match what {
        What::Invoke { process, op } => (format!("process {}", process.0), "invoke", words::op(op)),
        What::Return { process, op, outcome } => {
            let says = format!("{} → {}", words::op(op), words::outcome(Some(outcome)));
            (format!("process {}", process.0), Ending::of(Some(outcome)).word(), says)
        }
        What::Began { fault, .. } => ("nemesis".to_string(), "begin", fault.to_string()),
        What::Ended { effect, .. } => ("nemesis".to_string(), "end", effect.measured.clone()),
        What::Mark { node, mark } => (node.to_string(), "mark", mark.to_string()),
        What::Phase(Phase::Chaos) => ("run".to_string(), "phase", "clients ask and faults strike".to_string()),
        What::Phase(Phase::Heal) => {
            ("run".to_string(), "phase", "every fault is lifted, clients fall silent".to_string())
        }
        What::Phase(Phase::Final) => ("run".to_string(), "phase", "everything is read once more".to_string()),
        What::Finding { invariant, sentence } => (invariant.to_string(), "finding", sentence.clone()),
        What::Digest { node, digest } => (node.to_string(), "digest", format!("{digest:016x}")),
    }
}
