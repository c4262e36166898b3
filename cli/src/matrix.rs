//! The built-in matrix, and campaign files that say the same for a user's own.

use crate::assemble::{Request, Usage, checkers, design, nemesis, plan, shape, simulate, workload};
use harness::campaign::{Cell, Expected, Trial};
use harness::files::Malformed;
use harness::verdict::judge_each;
use harness::{Budget, Checker, Seed, Time, Trouble};
use serde::Deserialize;
use store::grid::{CROWDED, GRID, expected};
use store::mutants::{MUTANTS, Mutant, STRAYED};

/// A cell of the built-in matrix, or of a file, with the usual sizes.
fn cell(design: &str, workload: &str, nemesis: &str, expected: Expected, seeds: (u64, u64)) -> Cell {
    let usual = Request::default();
    Cell {
        design: design.to_string(),
        switches: Vec::new(),
        workload: workload.to_string(),
        nemesis: nemesis.to_string(),
        nodes: usual.nodes,
        clients: usual.clients,
        time: usual.time,
        rate: usual.rate,
        settings: usual.settings,
        seeds,
        enough: None,
        mark: None,
        expected,
    }
}

/// Every cell of the grid.
pub fn built_in(seeds: u64) -> Vec<Cell> {
    let mut cells = Vec::new();
    for row in GRID {
        for (fault, _) in row.cells() {
            if let Some(expected) = expected(row.design, row.claim, fault) {
                let usual = cell(row.design, row.claim, fault, expected, (1, seeds));
                let crowd = if CROWDED.contains(&row.claim) { 2 } else { 1 };
                cells.push(Cell { clients: usual.clients * crowd, rate: usual.rate * f64::from(crowd), ..usual });
            }
        }
    }
    cells
}

/// A nemesis of this prefix and the name of a deliberate bug is the one with which that bug is caught.
pub const MUTANT: &str = "mutant/";

/// Every deliberate bug in the cell that catches it.
pub fn mutants() -> Vec<Cell> {
    MUTANTS.iter().map(|mutant| mutant_cell(mutant, true)).collect()
}

/// A deliberate bug's cell, with the bug on or off.
pub fn mutant_cell(mutant: &Mutant, on: bool) -> Cell {
    let nemesis = format!("{MUTANT}{}", mutant.switch);
    let expected = if on { Expected::Caught } else { Expected::Held };
    let usual = cell(mutant.design, mutant.workload, &nemesis, expected, (1, mutant.seeds));
    let switches = if on { vec![mutant.switch.to_string()] } else { Vec::new() };
    let mark = on.then(|| STRAYED.to_string());
    Cell { switches, mark, nodes: mutant.nodes, settings: (mutant.settings)(), ..usual }
}

/// A campaign file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// How many seeds a cell, unless it says otherwise.
    seeds: Option<u64>,
    cell: Vec<FileCell>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileCell {
    design: String,
    #[serde(default)]
    switches: Vec<String>,
    workload: String,
    nemesis: String,
    expected: FileExpected,
    #[serde(default)]
    classes: Vec<String>,
    mark: Option<String>,
    first_seed: Option<u64>,
    seeds: Option<u64>,
    nodes: Option<u8>,
    clients: Option<u32>,
    /// Seconds.
    time: Option<f64>,
    rate: Option<f64>,
    settings: Option<harness::Settings>,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum FileExpected {
    Held,
    Violated,
    Maybe,
    Unavailable,
    Caught,
}

/// Reads a campaign file. `seeds` is how many a cell where the file does not say.
///
/// # Errors
/// Where it is no campaign, or names what there is not.
pub fn read(name: &str, text: &str, seeds: u64) -> Result<Vec<Cell>, Malformed> {
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        let expected =
            "[[cell]] tables with design, workload, nemesis and expected (held, violated, maybe, unavailable or caught)";
        Malformed::new(format!("{name}:{line}"), error.message(), expected)
    })?;
    let seeds = file.seeds.unwrap_or(seeds);
    let cells = file.cell.into_iter().enumerate();
    cells.map(|(number, cell)| to_cell(&format!("{name}, cell {}", number + 1), cell, seeds)).collect()
}

fn to_cell(place: &str, from: FileCell, seeds: u64) -> Result<Cell, Malformed> {
    let unknown = |usage: Usage| Malformed::new(place, usage, "a name from the table");
    design(&from.design).map_err(unknown)?;
    workload(&from.workload).map_err(unknown)?;
    for part in from.nemesis.split('+') {
        nemesis(part.trim()).map_err(unknown)?;
    }
    let expected = to_expected(place, &from)?;
    let seeds = (from.first_seed.unwrap_or(1), from.seeds.unwrap_or(seeds));
    if seeds.1 == 0 || seeds.0.checked_add(seeds.1).is_none() {
        let wrong = format!("{} seeds from seed {} on", seeds.1, seeds.0);
        return Err(Malformed::new(place, wrong, "at least one seed, and none beyond the last"));
    }
    let usual = cell(&from.design, &from.workload, &from.nemesis, expected, seeds);
    let made = Cell {
        switches: from.switches,
        mark: from.mark,
        nodes: from.nodes.unwrap_or(usual.nodes),
        clients: from.clients.unwrap_or(usual.clients),
        time: from.time.map_or(usual.time, Time::from_seconds),
        rate: from.rate.unwrap_or(usual.rate),
        settings: from.settings.unwrap_or_default(),
        ..usual
    };
    let fits = crate::assemble::check(&request(&made, Seed(1)));
    fits.map_err(|usage| Malformed::new(place, usage, "a cell that can be run"))?;
    Ok(made)
}

fn to_expected(place: &str, from: &FileCell) -> Result<Expected, Malformed> {
    let wrong = |wrong: &str, expected: &str| Err(Malformed::new(place, wrong, expected));
    let violated = matches!(from.expected, FileExpected::Violated | FileExpected::Maybe);
    if violated && from.classes.is_empty() {
        return wrong("no classes are named", "classes = [\"double-ack\", …]: how it may be violated");
    }
    if !violated && !from.classes.is_empty() {
        return wrong("classes of a cell that must hold", "no classes, or expected = \"violated\"");
    }
    Ok(match from.expected {
        FileExpected::Held => Expected::Held,
        FileExpected::Violated => Expected::Violated(from.classes.clone()),
        FileExpected::Maybe => Expected::Maybe(from.classes.clone()),
        FileExpected::Caught => Expected::Caught,
        FileExpected::Unavailable => Expected::Unavailable,
    })
}

/// What to run for a cell with one seed.
pub fn request(cell: &Cell, seed: Seed) -> Request {
    let asked = Request {
        seed,
        design: cell.design.clone(),
        switches: cell.switches.clone(),
        workload: cell.workload.clone(),
        nemesis: cell.nemesis.clone(),
        nodes: cell.nodes,
        clients: cell.clients,
        time: cell.time,
        rate: cell.rate,
        settings: cell.settings.clone(),
        ..Request::default()
    };
    let mutant = cell.nemesis.strip_prefix(MUTANT);
    let mutant = mutant.and_then(|switch| MUTANTS.iter().find(|mutant| mutant.switch == switch));
    let strikes = mutant.map(|mutant| (mutant.strikes)(&shape(&asked), &mut seed.stream("nemesis/mutant")));
    Request { strikes, ..asked }
}

/// Whose requests a workload takes: cells that ask the same share their runs.
pub fn asks(name: &str) -> &str {
    workloads::find(name).map_or(name, |workload| workload.asks)
}

/// Carries out one run for cells that share it, and judges it for each.
///
/// # Errors
/// Where it cannot be planned or carried out.
pub fn test(cells: &[&Cell], seed: Seed) -> Result<Vec<Trial>, Trouble> {
    let planned = plan(&request(cells[0], seed));
    let planned = planned.map_err(|usage| Trouble::new("planning a cell", usage, "correct the campaign file"))?;
    let run = simulate(&planned)?;
    let panels: Vec<&[Checker]> = cells.iter().map(|cell| checkers(&cell.workload)).collect();
    let judgements = judge_each(&run, &panels, Budget::default());
    Ok(cells.iter().zip(judgements).map(|(cell, judgement)| Trial::of(cell, &run, &judgement)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
seeds = 3
[[cell]]
design = "sl-async-fo"
workload = "set"
nemesis = "kill+halves"
expected = "violated"
classes = ["lost"]
time = 12.5
"#;

    #[test]
    fn a_campaign_file_becomes_cells() {
        let cells = read("c.toml", GOOD, 20).expect("a campaign");
        assert_eq!(cells.len(), 1);
        assert_eq!((cells[0].seeds, cells[0].time), ((1, 3), Time(12_500_000)));
        assert_eq!(cells[0].expected, Expected::Violated(vec!["lost".to_string()]));
    }

    #[test]
    fn mistakes_are_named_with_their_place() {
        let cases = [
            (GOOD.replace("time", "tme"), "c.toml:9: unknown field `tme`"),
            (GOOD.replace("sl-async-fo", "paxos"), "c.toml, cell 1: there is no design \"paxos\""),
            (GOOD.replace("halves", "quarters"), "c.toml, cell 1: there is no nemesis \"quarters\""),
            (GOOD.replace("classes = [\"lost\"]", ""), "c.toml, cell 1: no classes are named"),
            (GOOD.replace("12.5", "0"), "c.toml, cell 1: --time takes"),
            (GOOD.replace("seeds = 3", "seeds = 0"), "c.toml, cell 1: 0 seeds from seed 1 on"),
            (
                GOOD.replace(
                    "time",
                    "side = \"hit\"
time",
                ),
                "c.toml:9: unknown field `side`",
            ),
            (GOOD.replace("violated", "held"), "c.toml, cell 1: classes of a cell that must hold"),
        ];
        for (text, expected) in cases {
            let complaint = read("c.toml", &text, 20).expect_err("a mistake").to_string();
            assert!(complaint.starts_with(expected), "{complaint}");
        }
    }

    #[test]
    fn every_cell_of_the_grid_can_be_run() {
        for cell in built_in(20) {
            crate::assemble::check(&request(&cell, Seed(1))).expect("a cell that can be run");
        }
    }
}
