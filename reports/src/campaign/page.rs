//! `index.html` of a campaign: one page with nothing to load. The grid first, and every cell in words below it.
//!
//! Whether a cell is as expected is said by a sign, ✓ ✗ or ?, and by a colour; never by the colour alone.

use super::{Campaign, Row, expected, observed};
use crate::html::{SCRIPT, STYLE};
use crate::words;
use harness::campaign::Standing;
use maud::{DOCTYPE, Markup, PreEscaped, html};

const GRID: &str = include_str!("grid.css");

/// The whole page.
pub fn page(campaign: &Campaign) -> String {
    let summary = campaign.summary();
    let green = campaign.rows.iter().all(|row| row.standing() == Standing::AsExpected) && campaign.complete;
    let (class, headline) = if green { ("held", "as expected") } else { ("violated", "not as expected") };
    let body = html! {
        header class={ "verdict " (class) } { h1 { (headline) } p.subject { (summary) } }
        (grid(campaign))
        (bugs(campaign))
        (cells(campaign))
    };
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "campaign: " (headline) }
                style { (PreEscaped(STYLE)) (PreEscaped(GRID)) }
            }
            body { main { (body) } script { (PreEscaped(SCRIPT)) } }
        }
    };
    markup.into_string()
}

/// A cell's class of colour, its sign, and what that means.
fn standing(row: &Row) -> (&'static str, &'static str, &'static str) {
    match row.standing() {
        Standing::AsExpected => ("right", "✓", "as expected"),
        Standing::Inconclusive(_) => ("unclear", "?", "inconclusive"),
        Standing::NotAsExpected(_) => ("wrong", "✗", "not as expected"),
    }
}

fn grid(campaign: &Campaign) -> Markup {
    let (faults, lines) = (campaign.faults(), campaign.lines());
    html! {
        section {
            h2 { "Designs down, faults across" }
            p.hint {
                "Expected → came out. H must hold · V must be violated · v may be · U must hold, and the cut side is not served while the fault lasts; \
                 beside it in how many runs a violation was seen. ✓ as expected, ✗ not as expected, ? inconclusive. A cell leads to its line below."
            }
            div.scroll {
                table.grid {
                    thead { tr { th {} th {} @for fault in &faults { th { (words::visible(fault)) } } } }
                    tbody {
                        @for (number, line) in lines.iter().enumerate() {
                            @let first = number == 0 || lines[number - 1][0].design() != line[0].design();
                            tr.first[first] {
                                th { @if first { (words::visible(&line[0].design())) } }
                                th { (words::visible(&line[0].cell.workload)) }
                                @for fault in &faults {
                                    @match line.iter().find(|row| row.cell.nemesis == **fault) {
                                        Some(row) => (square(campaign, row)),
                                        None => td.none { "·" },
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn square(campaign: &Campaign, row: &Row) -> Markup {
    let (class, sign, meaning) = standing(row);
    let link = format!("#cell-{}", number(campaign, row));
    html! {
        td class={ "cell " (class) } {
            a href=(link) title=(meaning) {
                b { (row.cell.expected.sign()) } " → " (row.observed_sign()) " " (row.violated()) "/" (row.seen.runs()) " " span { (sign) }
            }
        }
    }
}

/// A cell's place among all.
fn number(campaign: &Campaign, row: &Row) -> usize {
    campaign.rows.iter().position(|other| std::ptr::eq(other, row)).expect("a row of this campaign")
}

fn bugs(campaign: &Campaign) -> Markup {
    html! {
        @if campaign.bugs().next().is_some() {
            section {
                h2 { "Deliberate bugs, each in the cell that catches it" }
                table {
                    thead { tr { th {} th { "bug" } th { "runs" } th { "reached it" } th { "violated" } th { "median seeds" } th { "classes" } th {} } }
                    tbody { @for row in campaign.bugs() { (bug(row)) } }
                }
            }
        }
    }
}

fn bug(row: &Row) -> Markup {
    let (class, sign, meaning) = standing(row);
    let classes: Vec<&str> = row.seen.violated().map(|other| other.what.as_str()).collect();
    html! {
        tr {
            td class={ "cell " (class) } title=(meaning) { span { (sign) } }
            td { (words::visible(&row.design())) " under " (words::visible(&row.cell.workload)) }
            td.number { (row.seen.runs()) }
            td.number { @if row.cell.mark.is_some() { (row.seen.marked) } @else { "not marked" } }
            td.number { (row.violated()) }
            td.number { (median(row)) }
            td { (words::visible(&classes.join(", "))) @if let Some(why) = row.standing().why() { p { (words::visible(why)) } } }
            td { (kept(row)) }
        }
    }
}

fn median(row: &Row) -> String {
    row.seen.median_seeds().map_or("·".to_string(), |seeds| seeds.to_string())
}

fn cells(campaign: &Campaign) -> Markup {
    html! {
        section {
            h2 { "Every cell" }
            p.hint {
                "Median seeds: how many seeds it takes until one is violated, estimated as if each had the same chance (geometric)."
            }
            input type="search" placeholder="Show rows with this text" aria-label="Show rows with this text" data-filter="cells";
            table #cells {
                thead { tr { th {} th { "cell" } th { "expected" } th { "came out" } th { "median seeds" } th { "run" } } }
                tbody { @for row in campaign.grid() { (line(campaign, row)) } }
            }
        }
    }
}

fn line(campaign: &Campaign, row: &Row) -> Markup {
    let (class, sign, meaning) = standing(row);
    let (number, cell) = (number(campaign, row), row.cell);
    let name = format!("{} {} {}", row.design(), cell.workload, cell.nemesis);
    html! {
        tr id={ "cell-" (number) } {
            td class={ "cell " (class) } title=(meaning) { span { (sign) } }
            td { (words::visible(&name)) }
            td { b { (cell.expected.sign()) } " " (words::visible(&expected(&cell.expected))) }
            td {
                (words::visible(&observed(row.seen)))
                @if let Some(why) = row.standing().why() { p { (meaning) ": " (words::visible(why)) } }
            }
            td.number { (median(row)) }
            td { (kept(row)) }
        }
    }
}

/// Leads to the report of each run that was kept, and says how to run it again.
fn kept(row: &Row) -> Markup {
    html! {
        @for kept in &row.kept {
            p { a href={ (kept.folder) "/report.html" } { "seed " (kept.seed) } " " code { (words::visible(&kept.replay)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn sample() -> String {
        page(&sample::campaign(&sample::cells()))
    }

    #[test]
    fn every_cell_has_its_sign_its_line_its_report_and_its_command() {
        let page = sample();
        for (number, (class, sign)) in
            [("right", "✓"), ("right", "✓"), ("wrong", "✗"), ("right", "✓"), ("unclear", "?")].into_iter().enumerate()
        {
            assert!(page.contains(&format!("href=\"#cell-{number}\"")), "cell {number} leads nowhere");
            assert!(page.contains(&format!("id=\"cell-{number}\"><td class=\"cell {class}\"")), "cell {number}");
            assert!(page.contains(&format!("href=\"kept/{number}/report.html\"")), "cell {number} has no report");
            assert!(
                page.contains(&format!("<code>perjury replay kept/{number}</code>")),
                "cell {number} has no command"
            );
            assert!(page.contains(sign));
        }
        assert!(page.contains("<b>V</b> → V 17/20"), "what came out stands beside what was expected");
        assert!(page.contains("never reached: no run hit the mark"), "a bug that survived says why");
        assert_eq!(page.matches("cell-5").count(), 0, "deliberate bugs have a table of their own");
    }

    #[test]
    fn the_page_loads_nothing_and_names_stay_text() {
        let page = sample().replace("http://www.w3.org/2000/svg", "");
        for reference in ["http://", "https://", "src=\"", "@import", "url(\"", "<link"] {
            assert!(!page.contains(reference), "the page refers to something outside: {reference}");
        }
        assert!(page.contains("&lt;b&gt;lost") && !page.contains("<b>lost"), "a class became markup");
        assert!(page.contains("not as expected"));
    }
}
