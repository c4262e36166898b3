//! The table of a campaign for a terminal.

use super::{Campaign, Row, expected};
use harness::campaign::Standing;

const LEGEND: &str = "expected H held, V violated, v violated by luck, U not served on the cut side, C caught; \
                      beside it how many of the runs were violated; ! not as expected, ? inconclusive";

/// Designs and what they must keep down, faults across; below them deliberate bugs, and all that has to be explained.
pub fn text(campaign: &Campaign) -> String {
    let mut out = table(campaign);
    if campaign.bugs().next().is_some() {
        out.push_str("\ndeliberate bugs, each in the cell that catches it\n");
    }
    campaign.bugs().for_each(|row| out.push_str(&bug(row)));
    out.push_str(&format!("\n{LEGEND}\n"));
    campaign.rows.iter().for_each(|row| out.push_str(&explained(row)));
    out + &campaign.summary() + "\n"
}

fn table(campaign: &Campaign) -> String {
    let (faults, lines) = (campaign.faults(), campaign.lines());
    let first = lines.iter().map(|line| line[0].title().len()).max().unwrap_or(0);
    let width = |fault: &str| fault.len().max(7);
    let heading: String = faults.iter().map(|fault| format!("  {fault:>0$}", width(fault))).collect();
    let mut out = format!("{:first$}{heading}\n", "");
    for line in &lines {
        let sign =
            |fault: &str| line.iter().find(|row| row.cell.nemesis == fault).map_or(String::new(), |row| row.sign());
        let signs: String = faults.iter().map(|fault| format!("  {:>1$}", sign(fault), width(fault))).collect();
        out.push_str(&format!("{:first$}{signs}\n", line[0].title()));
    }
    out
}

/// A deliberate bug, in a cell of its own.
fn bug(row: &Row) -> String {
    let first = row.seen.violated().map(|other| other.first_seed).min();
    let first = first.map_or("not caught".to_string(), |seed| format!("caught by seed {seed}"));
    let median = row.seen.median_seeds().map_or(String::new(), |seeds| format!(", median {seeds}"));
    let classes: Vec<&str> = row.seen.violated().map(|other| other.what.as_str()).collect();
    let reached = match row.cell.mark {
        Some(_) => format!(", reached in {}", row.seen.marked),
        None => String::new(),
    };
    format!("{:38} {:>8}  {first}{median}{reached}: {}\n", row.title(), row.sign(), classes.join(", "))
}

fn explained(row: &Row) -> String {
    let (before, why) = match row.standing() {
        Standing::AsExpected => return String::new(),
        Standing::Inconclusive(why) => ("?", why),
        Standing::NotAsExpected(why) => ("!", why),
    };
    let cell = row.cell;
    let mut out = format!(
        "{before} {} {} {}: expected {}; {why}\n",
        cell.design,
        cell.workload,
        cell.nemesis,
        expected(&cell.expected)
    );
    row.kept.iter().for_each(|kept| out.push_str(&format!("    {}\n", kept.replay)));
    out
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_table_with_everything_to_explain_below() {
        let cells = sample::cells();
        insta::assert_snapshot!(text(&sample::campaign(&cells)));
    }
}
