//! The timeline: a lane for each node and client, bars from question to answer, faults as bands across.
//!
//! It is drawn here for one view, so that it prints and works without script. Everything that has a place in time carries
//! it as `data-a` and `data-b` in microseconds, and `timeline.js` moves it by the same rules when somebody zooms.

use super::Scene;
use crate::proof::{Happens, Step};
use crate::words::{self, Ending};
use harness::{Call, ClientId, NodeId, Op, Outcome, Time};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// Operations that are drawn at most, beside those of the proof.
pub const MOST_OPERATIONS: usize = 5_000;
/// Marks that are drawn at most.
const MOST_MARKS: usize = 2_000;
/// Findings that are drawn at most; the first one matters.
const MOST_FINDINGS: usize = 100;

/// Geometry, in units of the drawing, which is as wide as the page.
const WIDTH: f64 = 1200.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 1180.0;
const TOP: f64 = 24.0;
const NODE_LANE: f64 = 17.0;
const BETWEEN: f64 = 8.0;
const AXIS: f64 = 26.0;
/// A bar of the proof is at least so wide, whatever the view.
const LEAST_PROOF: f64 = 6.0;
/// How wide a letter of a label is.
const LETTER: f64 = 6.2;
/// The same of a label in bold.
const BOLD_LETTER: f64 = 7.2;

/// The part of the run that is seen.
#[derive(Clone, Copy, Debug, PartialEq)]
struct View {
    low: f64,
    high: f64,
}

impl View {
    fn x(self, time: Time) -> f64 {
        LEFT + (time.0 as f64 - self.low) / (self.high - self.low) * (RIGHT - LEFT)
    }
}

/// Where lanes lie.
#[derive(Clone, Copy, Debug)]
struct Lanes {
    nodes: u32,
    clients: u32,
    client_lane: f64,
}

impl Lanes {
    fn node(self, node: NodeId) -> f64 {
        TOP + f64::from(node.0) * NODE_LANE
    }
    fn client(self, client: ClientId) -> f64 {
        TOP + f64::from(self.nodes) * NODE_LANE + BETWEEN + f64::from(client.0) * self.client_lane
    }
    fn bottom(self) -> f64 {
        self.client(ClientId(self.clients))
    }
}

/// The section.
pub fn draw(scene: &Scene) -> Markup {
    let proving: BTreeSet<usize> = scene.proof.calls.iter().map(|call| call.invoked).collect();
    let (mut drawn, mut left_out) = (Vec::new(), 0);
    for (index, call) in scene.calls.iter().enumerate() {
        if index < MOST_OPERATIONS || proving.contains(&call.invoked) { drawn.push(call) } else { left_out += 1 }
    }
    // Bars of the proof come last, so that they lie on top.
    drawn.sort_by_key(|call| proving.contains(&call.invoked));
    let marks = scene.run.history.marks().count();
    html! {
        section {
            h2 { "Timeline" }
            @if drawn.is_empty() { p { "Nothing to draw." } } @else { (controls(scene)) (picture(scene, &drawn, &proving)) (legend(scene)) }
            @if left_out > 0 { p.hint { (left_out) " later operations are left out of the drawing." } }
            @if marks > MOST_MARKS { p.hint { (marks - MOST_MARKS) " later marks are left out of the drawing." } }
        }
    }
}

fn controls(scene: &Scene) -> Markup {
    html! {
        div.controls {
            @if !scene.proof.steps.is_empty() { button type="button" data-view="proof" { "Show the proof" } }
            button type="button" data-view="all" { "Show everything" }
            button type="button" data-view="in" aria-label="Zoom in" { "+" }
            button type="button" data-view="out" aria-label="Zoom out" { "−" }
            span.hint { "Wheel zooms, dragging moves, pointing at a bar tells more." }
        }
    }
}

fn legend(scene: &Scene) -> Markup {
    html! {
        p.legend {
            @for ending in Ending::ALL { span { i class=(ending.word()) {} (ending.word()) } }
            @if !scene.proof.calls.is_empty() { span { i.proves {} "proves the violation" } }
            @if !scene.episodes.is_empty() { span { i.band {} "fault, darker for the nodes and clients that it touched" } }
            span { i.tail {} "may still happen" }
        }
    }
}

fn picture(scene: &Scene, drawn: &[&Call], proving: &BTreeSet<usize>) -> Markup {
    let plan = &scene.run.plan;
    let client_lane = if plan.clients <= 12 { 26.0 } else { 18.0 };
    let lanes = Lanes { nodes: u32::from(plan.nodes), clients: plan.clients, client_lane };
    let whole = View { low: 0.0, high: (scene.end.0 as f64 * 1.01).max(1.0) };
    let proof = proof_view(scene, whole);
    let view = proof.unwrap_or(whole);
    let height = lanes.bottom() + AXIS;
    html! {
        svg #timeline viewBox=(format!("0 0 {WIDTH} {height}")) role="img" aria-label="Timeline of nodes, clients and faults"
            data-left=(LEFT) data-right=(RIGHT) data-bottom=(lanes.bottom()) data-lane=(client_lane)
            data-all=(range(whole)) data-proof=[proof.map(range)] {
            clipPath #plot { rect x=(LEFT) y="0" width=(RIGHT - LEFT) height=(height) {} }
            (lane_names(scene, lanes))
            g.axis { (axis(view, lanes)) }
            g clip-path="url(#plot)" {
                (bands(scene, view, lanes))
                (marks(scene, view, lanes))
                (findings(scene, view, lanes))
                @for call in drawn { (bar(scene, call, proving, view, lanes)) }
                g.labels { (proof_labels(scene, view, lanes)) }
            }
        }
    }
}

fn range(view: View) -> String {
    format!("{:.0} {:.0}", view.low, view.high)
}

/// The proof with some room around it, within the run. Faults may last longer than what they explain.
fn proof_view(scene: &Scene, whole: View) -> Option<View> {
    let fault = |step: &&Step| matches!(step.what, Happens::Began(_) | Happens::Ended(_));
    let times = || scene.proof.steps.iter().filter(|step| !fault(step)).map(|step| step.time.0 as f64);
    times().next()?;
    let (low, high) = (times().fold(f64::INFINITY, f64::min), times().fold(0.0, f64::max));
    let room = if high > low { ((high - low) * 0.3).max(50_000.0) } else { 1_000_000.0 };
    Some(View { low: (low - room).max(whole.low), high: (high + room).min(whole.high) })
}

fn lane_names(scene: &Scene, lanes: Lanes) -> Markup {
    let plan = &scene.run.plan;
    let middle = lanes.client_lane / 2.0;
    html! {
        g.lanes {
            @for node in plan.node_ids() {
                text x=(LEFT - 8.0) y=(lanes.node(node) + 12.0) text-anchor="end" { (node) }
                line x1=(LEFT) x2=(RIGHT) y1=(lanes.node(node) + 8.0) y2=(lanes.node(node) + 8.0) {}
            }
            @for client in (0..plan.clients).map(ClientId) {
                text x=(LEFT - 8.0) y=(lanes.client(client) + middle + 4.0) text-anchor="end" { (words::client(client)) }
                line x1=(LEFT) x2=(RIGHT) y1=(lanes.client(client) + middle) y2=(lanes.client(client) + middle) {}
            }
        }
    }
}

/// Ticks at round times, about ten of them. `timeline.js` draws them by the same rule.
fn axis(view: View, lanes: Lanes) -> Markup {
    let rough = (view.high - view.low) / 10.0;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(power * 10.0).max(1.0);
    let digits = (6.0 - step.log10().floor()).clamp(0.0, 6.0) as usize;
    let first = (view.low / step).ceil() as u64;
    let ticks = (first..).map(|tick| tick as f64 * step).take_while(|tick| *tick <= view.high);
    html! {
        @for tick in ticks {
            line x1=(at(view.x(Time(tick as u64)))) x2=(at(view.x(Time(tick as u64)))) y1=(TOP) y2=(lanes.bottom()) {}
            text x=(at(view.x(Time(tick as u64)))) y=(lanes.bottom() + 18.0) text-anchor="middle" {
                (format!("{:.digits$} s", tick / 1e6))
            }
        }
    }
}

/// Tenths of a unit are fine enough.
fn at(x: f64) -> String {
    format!("{x:.1}")
}

/// Something that lasts from `a` to `b`, at least `least` units wide.
struct Span {
    a: Time,
    b: Time,
    least: f64,
}

impl Span {
    fn x(&self, view: View) -> String {
        at(view.x(self.a))
    }
    fn width(&self, view: View) -> String {
        at((view.x(self.b) - view.x(self.a)).max(self.least))
    }
}

fn bands(scene: &Scene, view: View, lanes: Lanes) -> Markup {
    html! {
        @for episode in &scene.episodes {
            @let span = Span { a: episode.began, b: episode.ended, least: 1.0 };
            @let title = format!("fault {}: {}\n{} to {}\n{}", episode.number, episode.words, episode.began, episode.ended, episode.measured);
            rect.band x=(span.x(view)) width=(span.width(view)) y=(2) height=(lanes.bottom() - 2.0)
                data-a=(span.a.0) data-b=(span.b.0) data-least="1" { title { (title) } }
            @if !episode.nodes.is_empty() {
                @for (y, height) in touched(episode, lanes) {
                    rect.band x=(span.x(view)) width=(span.width(view)) y=(y) height=(height)
                        data-a=(span.a.0) data-b=(span.b.0) data-least="1" { title { (title) } }
                }
            }
            text.fault x=(at(view.x(episode.began).max(LEFT) + 5.0)) y="16" data-a=(span.a.0) data-b=(span.b.0)
                data-text=(fault_label(episode.number, &episode.words)) {
                (fitting(&fault_label(episode.number, &episode.words), view.x(episode.ended).min(RIGHT) - view.x(episode.began).max(LEFT)))
            }
        }
    }
}

fn fault_label(number: usize, words: &str) -> String {
    format!("{number}: {words}")
}

/// As much of a label as `room` units hold.
fn fitting(label: &str, room: f64) -> String {
    let letters = ((room - 8.0) / LETTER).max(0.0) as usize;
    if letters < 3 { String::new() } else { words::short(label, letters) }
}

/// The lanes of the nodes and clients that a fault touched.
fn touched(episode: &crate::episode::Episode, lanes: Lanes) -> Vec<(f64, f64)> {
    let nodes = episode.nodes.iter().map(|node| (lanes.node(*node), NODE_LANE));
    nodes.chain(episode.clients.iter().map(|client| (lanes.client(*client), lanes.client_lane))).collect()
}

fn marks(scene: &Scene, view: View, lanes: Lanes) -> Markup {
    html! {
        @for (time, node, mark) in scene.run.history.marks().take(MOST_MARKS) {
            @let (y, mark) = (lanes.node(node), words::visible(mark));
            @let span = Span { a: time, b: time, least: 2.0 };
            rect.mark x=(span.x(view)) width="2.0" y=(y + 2.0) height=(NODE_LANE - 4.0)
                data-a=(time.0) data-b=(time.0) data-least="2" data-lane=(node) data-text=(mark) {
                title { (node) ": " (mark) "\n" (time) }
            }
        }
    }
}

/// A line over all lanes where something was seen that can never be right.
fn findings(scene: &Scene, view: View, lanes: Lanes) -> Markup {
    html! {
        @for (event, invariant, sentence) in scene.run.findings().take(MOST_FINDINGS) {
            @let time = scene.run.history.events[event].time;
            @let span = Span { a: time, b: time, least: 2.0 };
            rect.finding x=(span.x(view)) width="2.0" y=(TOP) height=(lanes.bottom() - TOP)
                data-a=(time.0) data-b=(time.0) data-least="2" {
                title { (words::visible(&format!("{invariant}: {sentence}"))) "\n" (time) }
            }
        }
    }
}

fn bar(scene: &Scene, call: &Call, proving: &BTreeSet<usize>, view: View, lanes: Lanes) -> Markup {
    let client = scene.run.client(call.process);
    let ending = Ending::of(call.outcome);
    let (y, height) = (lanes.client(client) + 6.0, lanes.client_lane - 12.0);
    let proves = proving.contains(&call.invoked);
    let span = Span { a: call.asked, b: call.answered.min(scene.end), least: if proves { LEAST_PROOF } else { 2.0 } };
    let tail = Span { a: span.b, b: Time(scene.end.0 * 2), least: 0.0 };
    html! {
        @if ending == Ending::Unknown {
            rect.tail x=(tail.x(view)) width=(tail.width(view)) y=(y + height - 1.5) height="1.5" data-a=(tail.a.0) data-b=(tail.b.0) data-least="0" {}
        }
        rect class={ "op " (ending.word()) @if proves { " proof" } } data-op=(call.invoked) x=(span.x(view)) width=(span.width(view)) y=(at(y)) height=(at(height))
            rx="2" data-a=(span.a.0) data-b=(span.b.0) data-least=(span.least) data-lane=(client.0) {
            title { (title(scene, call)) }
        }
    }
}

/// What pointing at a bar tells; its first line is the label that the bar gets where there is room.
fn title(scene: &Scene, call: &Call) -> String {
    let answered = if call.returned.is_some() { call.answered.to_string() } else { "never".to_string() };
    format!(
        "{}\n{}, process {}, beside {}\nasked {}, answered {answered} ({})",
        label(call.op, call.outcome),
        words::client(scene.run.client(call.process)),
        call.process.0,
        scene.run.plan.home(scene.run.client(call.process)),
        call.asked,
        words::latency(call),
    )
}

fn label(op: &Op, outcome: Option<&Outcome>) -> String {
    format!("{} → {}", words::short(&words::op(op), 60), words::short(&words::outcome(outcome), 80))
}

/// To the right of the bar, or to its left where the drawing ends.
fn proof_labels(scene: &Scene, view: View, lanes: Lanes) -> Markup {
    html! {
        @for call in &scene.proof.calls {
            @let label = label(call.op, call.outcome);
            @let end = view.x(call.answered.min(scene.end)).max(view.x(call.asked) + LEAST_PROOF) + 5.0;
            @let width = label.chars().count() as f64 * BOLD_LETTER + 8.0;
            @let x = if end + width > RIGHT { (view.x(call.asked) - width).max(LEFT) } else { end };
            text.proof x=(at(x)) y=(at(lanes.client(call.client) + lanes.client_lane / 2.0 + 4.0)) { (label) }
        }
    }
}
