//! What a person sees on the terminal after a run: the verdict first, then the proof, then what was measured.
//!
//! Plain text without colours; the caller may paint the first line. The drawing of the proof has a column for each
//! client and runs downward in the order of the history, as sequence diagrams do.

use crate::episode::{Episode, episodes};
use crate::proof::{Happens, Proof, Step, proof};
use crate::tally::Tally;
use crate::{Finished, words};
use harness::{Anomaly, Call, Opinion, Plan, Run, Verdict};

/// Cells of the drawing are cut at this many characters.
const WIDEST_CELL: usize = 34;
/// Wider than this, the drawing becomes one line an event.
const WIDEST_DRAWING: usize = 116;

/// The whole report.
pub fn render(finished: &Finished) -> String {
    let Finished { run, judgement, replay } = finished;
    let calls = run.history.calls();
    let episodes = episodes(run);
    let mut out = Page::default();
    out.line(&words::headline(judgement));
    out.line("");
    match &judgement.verdict {
        Verdict::Violated(anomaly) => violation(&mut out, run, &calls, &episodes, anomaly),
        verdict => out.line(words::meaning(verdict)),
    }
    out.heading("Checkers");
    judgement.opinions.iter().for_each(|opinion| checker(&mut out, opinion));
    out.heading("Operations");
    out.table(&Tally::of(&calls).rows());
    out.heading("Faults");
    out.table(&fault_rows(&episodes));
    out.heading("Run");
    out.line(&format!("  {}", plan_words(&run.plan)));
    out.line(&format!("  again: {replay}"));
    out.text
}

/// A run's plan in one sentence.
fn plan_words(plan: &Plan) -> String {
    let switches: String = plan.switches.iter().map(|switch| format!(" with {switch}")).collect();
    let tier = crate::json::name_of(&plan.tier);
    format!(
        "{}{switches} under {}, workload {}, seed {}, {}, {}, {} s, tier {tier}",
        plan.design,
        plan.nemesis,
        plan.workload,
        plan.seed.0,
        words::count(usize::from(plan.nodes), "node"),
        words::count(plan.clients as usize, "client"),
        plan.time.seconds(),
    )
}

fn violation(out: &mut Page, run: &Run, calls: &[Call], episodes: &[Episode], anomaly: &Anomaly) {
    anomaly.sentences.iter().for_each(|sentence| out.line(sentence));
    if !anomaly.table.is_empty() {
        out.line("");
        out.table(&anomaly.table);
    }
    let proof = proof(run, calls, episodes, anomaly);
    if !proof.steps.is_empty() {
        out.heading("Proof");
        draw(out, &proof, episodes);
    }
}

fn checker(out: &mut Page, opinion: &Opinion) {
    let says = match &opinion.verdict {
        Verdict::Held => "held".to_string(),
        Verdict::Violated(anomaly) => format!("violated: {}", anomaly.class),
        Verdict::Unknown(why) => format!("unknown: {why}"),
        Verdict::Vacuous(why) => format!("vacuous: {why}"),
    };
    out.line(&format!("  {}: {says}", opinion.checker));
    opinion.notes.iter().for_each(|note| out.line(&format!("    {note}")));
}

fn fault_rows(episodes: &[Episode]) -> Vec<Vec<String>> {
    if episodes.is_empty() {
        return vec![vec!["none".to_string()]];
    }
    let mut rows = vec![["", "from", "to", "what", "measured"].map(str::to_string).to_vec()];
    rows.extend(episodes.iter().map(|episode| {
        let ended = if episode.lifted { episode.ended.to_string() } else { "the end".to_string() };
        let doubt = episode.doubt().map_or(String::new(), |doubt| format!("{doubt}: "));
        let measured = format!("{doubt}{}", episode.measured);
        vec![episode.number.to_string(), episode.began.to_string(), ended, episode.words.clone(), measured]
    }));
    rows
}

/// Columns of clients if they fit, else one line an event.
fn draw(out: &mut Page, proof: &Proof, episodes: &[Episode]) {
    let width: usize = 14 + proof.clients.iter().map(|client| column_width(proof, client.0) + 2).sum::<usize>();
    if width <= WIDEST_DRAWING {
        columns(out, proof, episodes)
    } else {
        lines(out, proof, episodes)
    }
    if proof.calls_left_out > 0 {
        out.line(&format!("  … and {} more, left out here", words::count(proof.calls_left_out, "operation")));
    }
    if proof.faults_left_out > 0 {
        out.line(&format!("  … and {} more around them, left out here", words::count(proof.faults_left_out, "fault")));
    }
}

fn column_width(proof: &Proof, client: u32) -> usize {
    let of = proof.calls.iter().filter(|call| call.client.0 == client);
    let cells = of.flat_map(|call| [words::op(call.op), words::outcome(call.outcome)]);
    cells.map(|cell| cell.chars().count()).max().unwrap_or(0).clamp(8, WIDEST_CELL) + 2
}

fn columns(out: &mut Page, proof: &Proof, episodes: &[Episode]) {
    let widths: Vec<usize> = proof.clients.iter().map(|client| column_width(proof, client.0)).collect();
    let row = |left: &str, cells: &[String]| {
        let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("  {left:>10}  {}", cells.collect::<Vec<_>>().join("  "))
    };
    out.line(&row("", &proof.clients.iter().map(|client| words::client(*client)).collect::<Vec<_>>()));
    // What a client's column shows while nothing happens in it: nothing, an open request, or one that may still happen.
    let mut idle = vec![String::new(); proof.clients.len()];
    for step in &proof.steps {
        let time = step.time.to_string();
        let (Happens::Asked(call) | Happens::Answered(call)) = step.what else {
            out.line(&format!("  {time:>10}  ── {}", across(step, episodes)));
            continue;
        };
        let call = &proof.calls[call];
        let column = proof.clients.binary_search(&call.client).expect("every client has a column");
        let mut cells = idle.clone();
        let unknown = words::Ending::of(call.outcome) == words::Ending::Unknown;
        (cells[column], idle[column]) = match step.what {
            Happens::Asked(_) => (format!("┌ {}", cell(&words::op(call.op))), "│".to_string()),
            _ if unknown => (format!("┊ {}", cell(&words::outcome(call.outcome))), "┊".to_string()),
            _ => (format!("└ {}", cell(&words::outcome(call.outcome))), String::new()),
        };
        out.line(&row(&time, &cells));
    }
}

fn cell(words: &str) -> String {
    words::short(words, WIDEST_CELL)
}

fn lines(out: &mut Page, proof: &Proof, episodes: &[Episode]) {
    for step in &proof.steps {
        let what = match step.what {
            Happens::Asked(call) => {
                let call = &proof.calls[call];
                format!("{} asks: {}", words::client(call.client), words::short(&words::op(call.op), 80))
            }
            Happens::Answered(call) => {
                let call = &proof.calls[call];
                let (op, outcome) = (words::op(call.op), words::outcome(call.outcome));
                format!("{} learns: {} ({})", words::client(call.client), words::short(&outcome, 60), cell(&op))
            }
            _ => format!("── {}", across(step, episodes)),
        };
        out.line(&format!("  {:>10}  {what}", step.time.to_string()));
    }
}

/// A step that belongs to no client.
fn across(step: &Step, episodes: &[Episode]) -> String {
    match &step.what {
        Happens::Began(fault) => format!("fault {} begins: {}", episodes[*fault].number, episodes[*fault].words),
        Happens::Ended(fault) => format!("fault {} ends: {}", episodes[*fault].number, episodes[*fault].measured),
        Happens::Proves(words) | Happens::Meanwhile(words) => words.clone(),
        Happens::Asked(_) | Happens::Answered(_) => unreachable!("requests are drawn in their client's column"),
    }
}

/// The text so far. Every line is made visible and loses its trailing blanks.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.text.push_str(words::visible(line).trim_end());
        self.text.push('\n');
    }
    fn heading(&mut self, heading: &str) {
        self.line("");
        self.line(heading);
    }
    /// Rows in columns as wide as their widest cell; a column of numbers is right-aligned.
    fn table(&mut self, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &Vec<String>, column: usize| words::visible(row.get(column).map_or("", String::as_str));
        let width = |column: usize| rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
        let number = |row: &Vec<String>, column: usize| cell(row, column).parse::<f64>().is_ok();
        for row in rows {
            let each = (0..columns).map(|column| {
                let (cell, width) = (cell(row, column), width(column));
                let right = rows.len() > 1 && rows[1..].iter().all(|row| number(row, column));
                if right { format!("{cell:>width$}") } else { format!("{cell:width$}") }
            });
            let line = each.collect::<Vec<_>>().join("  ");
            self.line(&format!("  {line}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;
    use harness::ClientId;

    #[test]
    fn a_violation_is_told_from_the_verdict_down_to_the_command() {
        insta::assert_snapshot!("violated", render(&sample::violated().finished()));
    }

    #[test]
    fn a_held_run_says_what_was_checked_and_how_busy_it_was() {
        insta::assert_snapshot!("held", render(&sample::held().finished()));
    }

    #[test]
    fn no_control_character_of_a_name_or_a_sentence_is_printed() {
        let text = render(&sample::hostile().finished());
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
        assert!(text.contains("\\u{1b}[31m"));
    }

    #[test]
    fn a_proof_of_too_many_clients_becomes_one_line_an_event() {
        let mut sample = sample::busy(2000);
        let Verdict::Violated(anomaly) = &mut sample.judgement.verdict else { panic!("it is violated") };
        anomaly.events = (1..100).collect();
        let text = render(&sample.finished());
        assert!(text.contains("client 9 asks: ") && text.contains("client 9 learns: "), "{text}");
        assert!(text.contains("more, left out here"), "{text}");
        let drawing = text.split("Proof\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
        assert!(drawing.lines().all(|line| line.chars().count() <= 140), "{drawing}");
        assert!((0..10).all(|client| drawing.contains(&words::client(ClientId(client)))));
    }
}
