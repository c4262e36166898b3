//! The proof as a sequence diagram: a column for each client, downward in the order of the history.
//!
//! Time is not to scale, because two milliseconds and twenty seconds must both be readable; each row says how much
//! later it is than the one above.

use super::Scene;
use crate::episode::Episode;
use crate::proof::{Happens, ProvingCall, Step};
use crate::words::{self, Ending};
use harness::{ClientId, Time};
use maud::{Markup, html};

/// Rows and columns of the grid count from 1; the first row holds the clients' names, the first column the times.
const FIRST_ROW: usize = 2;
const FIRST_COLUMN: usize = 2;

/// The section, or nothing where there is no proof.
pub fn draw(scene: &Scene) -> Markup {
    let proof = &scene.proof;
    if proof.steps.is_empty() {
        return html! {};
    }
    let columns = proof.clients.len().max(1);
    html! {
        section {
            h2 { "The proof" }
            p.hint { "Downward in the order in which the controller saw it; time is not to scale." }
            div.scroll { div.sequence style=(format!("grid-template-columns: 8.5rem repeat({columns}, minmax(11rem, 1fr))")) {
                @for (column, client) in proof.clients.iter().enumerate() { (head(scene, column, *client)) }
                @for (index, episode) in scene.episodes.iter().enumerate() { (band(scene, index, episode)) }
                @for (row, step) in proof.steps.iter().enumerate() { (time(scene, row, step)) (across(scene, row, step)) }
                @for (index, call) in proof.calls.iter().enumerate() { (operation(scene, index, call)) }
            } }
            @if proof.calls_left_out > 0 {
                p.hint { (words::count(proof.calls_left_out, "more operation")) " of the proof left out here." }
            }
            @if proof.faults_left_out > 0 {
                p.hint { (words::count(proof.faults_left_out, "more fault")) " around the proof left out here." }
            }
        }
    }
}

fn head(scene: &Scene, column: usize, client: ClientId) -> Markup {
    let home = scene.run.plan.home(client);
    html! {
        div.head style=(format!("grid-area: 1 / {}", column + FIRST_COLUMN)) {
            (words::client(client)) small { "beside " (home) }
        }
    }
}

/// The row of a step of the proof, if it is drawn.
fn row(scene: &Scene, what: &Happens) -> Option<usize> {
    scene.proof.steps.iter().position(|step| step.what == *what).map(|row| row + FIRST_ROW)
}

/// A fault's shade over all columns, and a darker one over the clients that it touched.
fn band(scene: &Scene, index: usize, episode: &Episode) -> Markup {
    let Some(began) = row(scene, &Happens::Began(index)) else { return html! {} };
    let after = row(scene, &Happens::Ended(index)).unwrap_or(scene.proof.steps.len() + FIRST_ROW - 1) + 1;
    let touched = |(_, client): &(usize, &ClientId)| !episode.nodes.is_empty() && episode.clients.contains(client);
    html! {
        div.shade style=(format!("grid-area: {began} / 1 / {after} / -1")) {}
        @for (column, _) in scene.proof.clients.iter().enumerate().filter(touched) {
            div.shade style=(format!("grid-area: {began} / {} / {after}", column + FIRST_COLUMN)) {}
        }
    }
}

fn time(scene: &Scene, row: usize, step: &Step) -> Markup {
    let earlier = row.checked_sub(1).map(|earlier| scene.proof.steps[earlier].time);
    let later = earlier.map(|earlier| step.time.since(earlier)).filter(|later| *later > Time::ZERO);
    html! {
        div.time style=(format!("grid-area: {} / 1", row + FIRST_ROW)) {
            (step.time)
            @if let Some(later) = later { small { "+" (words::span(later)) } }
        }
    }
}

/// A line over all columns, for what belongs to no client.
fn across(scene: &Scene, row: usize, step: &Step) -> Markup {
    let (class, text) = match &step.what {
        Happens::Began(fault) => {
            let episode = &scene.episodes[*fault];
            ("fault", format!("fault {} begins: {}", episode.number, episode.words))
        }
        Happens::Ended(fault) => {
            let episode = &scene.episodes[*fault];
            ("fault", format!("fault {} ends: {}", episode.number, episode.measured))
        }
        Happens::Proves(words) => ("proves", words::visible(words)),
        Happens::Meanwhile(words) => ("mark", words::visible(words)),
        Happens::Asked(_) | Happens::Answered(_) => return html! {},
    };
    html! {
        div.across.(class) style=(format!("grid-area: {} / {FIRST_COLUMN} / auto / -1", row + FIRST_ROW)) { (text) }
    }
}

/// A box from the request to its answer.
fn operation(scene: &Scene, index: usize, call: &ProvingCall) -> Markup {
    let ending = Ending::of(call.outcome);
    let column = scene.proof.clients.binary_search(&call.client).expect("every client has a column") + FIRST_COLUMN;
    let asked = row(scene, &Happens::Asked(index)).expect("every request is drawn");
    let last = scene.proof.steps.len() + FIRST_ROW - 1;
    let after = row(scene, &Happens::Answered(index)).unwrap_or(last) + 1;
    let (op, outcome) = (words::op(call.op), words::outcome(call.outcome));
    html! {
        div class={ "operation " (ending.word()) } data-call=(call.invoked)
            title=(format!("{op}\n{outcome}\nprocess {}", call.process.0))
            style=(format!("grid-area: {asked} / {column} / {after}")) {
            b { (words::short(&op, 160)) }
            span { (words::short(&outcome, 160)) @if ending == Ending::Unknown { small { " it may still happen" } } }
        }
    }
}
