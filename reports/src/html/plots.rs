//! Latency and rate over time, with faults as bands.
//!
//! The plots are drawn in stand-in colours, which the style sheet turns into those of the reader's light or dark scheme.

use super::Scene;
use crate::words::Ending;
use harness::Call;
use maud::{Markup, PreEscaped, html};
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::prelude::{Cartesian2d, Circle, IntoLogRange, LineSeries, Rectangle, SVGBackend};
use plotters::style::{Color, IntoFont, RGBColor};
use std::collections::BTreeSet;

/// More points than this are drawn as one point a cell of a fine grid.
const MOST_POINTS: usize = 10_000;
/// Cells of that grid.
const GRID: (f64, f64) = (400.0, 120.0);
/// Units of the drawing.
const SIZE: (u32, u32) = (600, 250);

/// Stand-ins; `style.css` names the same numbers.
const INK: RGBColor = RGBColor(1, 2, 3);
const MESH: RGBColor = RGBColor(1, 2, 4);
const BAND: RGBColor = RGBColor(1, 2, 5);

fn stand_in(ending: Ending) -> RGBColor {
    RGBColor(1, 3, ending as u8)
}

/// One completed operation.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Point {
    seconds: f64,
    ms: f64,
    ending: Ending,
}

/// The section.
pub fn draw(scene: &Scene) -> Markup {
    let points: Vec<Point> = scene.calls.iter().filter_map(point).collect();
    if points.is_empty() {
        return html! {};
    }
    let binned = points.len() > MOST_POINTS;
    html! {
        section.plots {
            figure {
                figcaption { "Latency of each operation, in ms, by when it was asked" @if binned { " (many points drawn as one)" } }
                (PreEscaped(latency(scene, &points)))
            }
            figure { figcaption { "Completions per second" } (PreEscaped(rate(scene, &points))) }
        }
    }
}

fn point(call: &Call) -> Option<Point> {
    call.returned?;
    // A point at zero has no place on a logarithmic axis.
    let ms = (call.answered.since(call.asked).0 as f64 / 1e3).max(0.01);
    Some(Point { seconds: call.asked.seconds(), ms, ending: Ending::of(call.outcome) })
}

fn latency(scene: &Scene, points: &[Point]) -> String {
    let low = points.iter().map(|point| point.ms).fold(f64::INFINITY, f64::min) * 0.7;
    let high = points.iter().map(|point| point.ms).fold(0.0, f64::max) * 1.5;
    let end = end(scene);
    plot(|area| {
        let mut chart = builder(&area).build_cartesian_2d(0.0..end, (low..high).log_scale()).expect(SVG_IS_TEXT);
        frame(&mut chart, &|ms: &f64| label(*ms));
        bands(scene, &mut chart, low, high);
        let drawn = thinned(points, end, low, high);
        let circle =
            |point: &Point| Circle::new((point.seconds, point.ms), 2, stand_in(point.ending).mix(0.75).filled());
        chart.draw_series(drawn.iter().map(circle)).expect(SVG_IS_TEXT);
    })
}

/// A latency without needless digits.
fn label(ms: f64) -> String {
    if ms >= 1.0 { format!("{ms:.0}") } else { format!("{ms}") }
}

fn rate(scene: &Scene, points: &[Point]) -> String {
    let end = end(scene);
    let seconds = end.ceil() as usize;
    let shown = [Ending::Ok, Ending::Failed, Ending::Unknown];
    let mut counts = vec![[0_u32; 3]; seconds];
    for point in points {
        let second = ((point.seconds + point.ms / 1e3) as usize).min(seconds - 1);
        // A false precondition is an answer.
        let line = shown.iter().position(|ending| *ending == point.ending).unwrap_or(0);
        counts[second][line] += 1;
    }
    let high = f64::from(counts.iter().flatten().copied().max().unwrap_or(0)) * 1.1 + 1.0;
    plot(|area| {
        let mut chart = builder(&area).build_cartesian_2d(0.0..end, 0.0..high).expect(SVG_IS_TEXT);
        frame(&mut chart, &|rate: &f64| format!("{rate:.0}"));
        bands(scene, &mut chart, 0.0, high);
        for (line, ending) in shown.into_iter().enumerate() {
            if counts.iter().all(|row| row[line] == 0) {
                continue;
            }
            let at = |(second, row): (usize, &[u32; 3])| ((second as f64 + 0.5).min(end), f64::from(row[line]));
            let series = LineSeries::new(counts.iter().enumerate().map(at), stand_in(ending).stroke_width(2));
            chart.draw_series(series).expect(SVG_IS_TEXT);
        }
    })
}

const SVG_IS_TEXT: &str = "drawing into a string cannot fail";

fn end(scene: &Scene) -> f64 {
    scene.end.seconds().max(0.1)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn plot(draw: impl FnOnce(Area)) -> String {
    let mut svg = String::new();
    draw(SVGBackend::with_string(&mut svg, SIZE).into_drawing_area());
    svg
}

fn builder<'a, 'b>(area: &'a Area<'b>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut builder = ChartBuilder::on(area);
    builder.margin(8).x_label_area_size(24).y_label_area_size(44);
    builder
}

/// Axes, labels and a light mesh.
fn frame<Y>(chart: &mut Chart<Y>, y_label: &dyn Fn(&f64) -> String)
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().light_line_style(MESH.mix(0.0)).bold_line_style(MESH).axis_style(MESH);
    mesh.label_style(("sans-serif", 11).into_font().color(&INK)).x_labels(8).y_labels(6);
    mesh.x_label_formatter(&|seconds: &f64| format!("{seconds:.0} s")).y_label_formatter(y_label);
    mesh.draw().expect(SVG_IS_TEXT);
}

type Chart<'a, Y> = ChartContext<'a, SVGBackend<'a>, Cartesian2d<RangedCoordf64, Y>>;

fn bands<Y: Ranged<ValueType = f64>>(scene: &Scene, chart: &mut Chart<Y>, low: f64, high: f64) {
    let band = |episode: &crate::episode::Episode| {
        let (began, ended) = (episode.began.seconds(), episode.ended.seconds());
        Rectangle::new([(began, low), (ended, high)], BAND.filled())
    };
    chart.draw_series(scene.episodes.iter().map(band)).expect(SVG_IS_TEXT);
}

/// The points themselves, or one for each cell of a grid that has any of an ending.
fn thinned(points: &[Point], end: f64, low: f64, high: f64) -> Vec<Point> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let column = |point: &Point| (point.seconds / end * GRID.0) as u32;
    let row = |point: &Point| ((point.ms / low).ln() / (high / low).ln() * GRID.1) as u32;
    let mut taken = BTreeSet::new();
    points.iter().filter(|point| taken.insert((point.ending, column(point), row(point)))).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_points_become_few_and_no_ending_is_lost() {
        let ending = |index: usize| if index == 17_000 { Ending::Failed } else { Ending::Ok };
        let point = |index: usize| Point {
            seconds: index as f64 / 1e3,
            ms: 1.0 + (index % 10) as f64 / 1e3,
            ending: ending(index),
        };
        let points: Vec<Point> = (0..20_000).map(point).collect();
        let few = thinned(&points, 20.0, 0.7, 2.0);
        assert!(few.len() < 2_000, "{} points are left", few.len());
        assert_eq!(few.iter().filter(|point| point.ending == Ending::Failed).count(), 1);
        assert_eq!(thinned(&points[..100], 20.0, 0.7, 2.0).len(), 100, "few points stay as they are");
    }

    #[test]
    fn latencies_are_labelled_without_needless_digits() {
        assert_eq!([label(1000.0), label(1.0), label(0.1)], ["1000", "1", "0.1"]);
    }
}
