//! Designs on real processes: some must hold under kills, pauses and partitions, the others must be caught.
//!
//! What must come out is what the grid says of the simulator: the cell of each part of the nemesis, taken together. Runs mostly wait, so
//! that several go on at once.

use crate::spans::{median_and_worst, served_again};
use anyhow::{Context, Result};
use clap::Args;
use harness::campaign::{Cell, Expected, Observed, Orders, Standing, Trial};
use harness::verdict::judge_each;
use harness::{Budget, Checker, Exit, Plan, SECOND, Seed, Tier, Time, Trouble};
use perjury::assemble::{Request, carry_out, checkers, plan};
use perjury::folder::{Folder, replay_command};
use perjury::matrix::asks;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use store::grid::expected;

/// A promise of each design that must stand or fall in a run or two, and one that stands. Those that ask the same share their runs. On loopback
/// two clients seldom meet: `register` shows the lost updates of `ll-quorum` in every second run only, `bank` shows torn transfers in each.
const PROMISES: &[(&str, &str)] = &[
    ("raft", "register"),
    ("sl-async-fo", "register"),
    ("sl-async-fo", "agreement"),
    ("ml-lww", "register"),
    ("ml-lww", "agreement"),
    ("ll-quorum", "bank"),
    ("ll-quorum", "no-stale-after-ack"),
];
/// They take turns, so that each run has one of each.
const NEMESIS: &str = "kill+pause+isolate-leader+halves";
/// From one fault to the next. A fault lasts two thirds of it: twice as long as the slowest election.
const EVERY: Time = Time(6 * SECOND.0);
/// How long clients ask.
const LASTS: Time = Time(30 * SECOND.0);

/// How many runs.
#[derive(Args)]
pub struct Arguments {
    /// Runs of each design
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// How many at once
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..))]
    jobs: u64,
    /// The first seed
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this design
    #[arg(long)]
    design: Option<String>,
}

/// Runs every design, and says whether all came out as they must.
pub fn local(arguments: &Arguments) -> Result<Exit> {
    let asked = |(design, _): &&(&str, &str)| arguments.design.as_deref().is_none_or(|only| only == *design);
    let cells: Vec<Cell> = PROMISES.iter().filter(asked).map(|promise| cell(arguments, promise)).collect();
    anyhow::ensure!(!cells.is_empty(), "no design of this lane is called so");
    let out = &Path::new("target").join("local-lane");
    let test = |cells: &[&Cell], seed: Seed| test(out, cells, seed);
    let orders =
        Orders { jobs: arguments.jobs as usize, asks: &asks, stop: &AtomicBool::new(false), progress: &|_| {} };
    let (observed, _) = harness::campaign::run(&cells, &test, &orders).context("a run could not be carried out")?;
    Ok(cells.iter().zip(&observed).map(|(cell, seen)| told(cell, seen)).fold(Exit::Held, Exit::worst))
}

fn cell(arguments: &Arguments, &(design, workload): &(&str, &str)) -> Cell {
    let usual = Request::default();
    Cell {
        design: design.to_string(),
        switches: Vec::new(),
        workload: workload.to_string(),
        nemesis: NEMESIS.to_string(),
        nodes: usual.nodes,
        clients: usual.clients,
        time: LASTS,
        rate: usual.rate,
        settings: usual.settings,
        seeds: (arguments.seed, arguments.runs),
        enough: None,
        mark: None,
        expected: together(design, workload),
    }
}

/// What the grid expects of all parts of the nemesis together: what one of them must break, all of them must.
fn together(design: &str, claim: &str) -> Expected {
    let parts = NEMESIS.split('+').map(|fault| expected(design, claim, fault).expect("a cell of the grid"));
    let rank = |expected: &Expected| match expected {
        Expected::Violated(_) => 2,
        Expected::Maybe(_) => 1,
        Expected::Held | Expected::Unavailable | Expected::Caught => 0,
    };
    match parts.max_by_key(rank).expect("a nemesis has parts") {
        Expected::Unavailable => Expected::Held,
        other => other,
    }
}

fn request(cell: &Cell, seed: Seed) -> Request {
    Request { tier: Tier::Local, every: Some(EVERY), ..perjury::matrix::request(cell, seed) }
}

/// One run, judged for each of the cells that share it. Its folder stays.
fn test(out: &Path, cells: &[&Cell], seed: Seed) -> Result<Vec<Trial>, Trouble> {
    let planned = plan(&request(cells[0], seed)).expect("the names are known");
    let trouble =
        |error: anyhow::Error| Trouble::new("keeping a run", error, "look at the space and rights of target/");
    let folder = Folder::create(out, &planned).map_err(trouble)?;
    let run = carry_out(&planned, folder.path(), &mut (), &AtomicBool::new(false))?;
    folder.write_history(&run).map_err(trouble)?;
    let panels: Vec<&[Checker]> = cells.iter().map(|cell| checkers(&cell.workload)).collect();
    let judgements = judge_each(&run, &panels, Budget::default());
    folder.finish(&run, &judgements[0]).map_err(trouble)?;
    let trials: Vec<Trial> =
        cells.iter().zip(&judgements).map(|(cell, judged)| Trial::of(cell, &run, judged)).collect();
    let ended: Vec<String> = cells.iter().zip(&trials).map(|(cell, trial)| ending(cell, trial)).collect();
    let (median, worst) = median_and_worst(served_again(&run));
    println!(
        "{} seed {}: {}; served again after {median} (median), {worst} (worst)\n  {}\n  {}",
        cells[0].design,
        seed.0,
        ended.join(", "),
        replay_command(folder.path()),
        command(&planned)
    );
    Ok(trials)
}

fn ending(cell: &Cell, trial: &Trial) -> String {
    let what = if trial.what.is_empty() { String::new() } else { format!(" ({})", trial.what) };
    format!("{} {:?}{what}", cell.workload, trial.exit).to_lowercase()
}

/// The same run again, and its report.
fn command(plan: &Plan) -> String {
    let Plan { design, workload, nemesis, time, seed, .. } = plan;
    let seconds = |time: Time| time.0 / SECOND.0;
    format!(
        "perjury run --tier local --design {design} --workload {workload} --nemesis {nemesis} --every {}s --time {}s --seed {}",
        seconds(EVERY),
        seconds(*time),
        seed.0
    )
}

/// Prints what came out of a cell.
fn told(cell: &Cell, seen: &Observed) -> Exit {
    let others: String = seen
        .others
        .iter()
        .map(|other| format!(", {} {:?} {} (first seed {})", other.runs, other.exit, other.what, other.first_seed))
        .collect();
    let (standing, exit) = match cell.standing(seen) {
        Standing::AsExpected => ("as expected".to_string(), Exit::Held),
        Standing::Inconclusive(why) => (format!("INCONCLUSIVE: {why}"), Exit::NotAsExpected),
        Standing::NotAsExpected(why) => (format!("NOT AS EXPECTED: {why}"), Exit::NotAsExpected),
    };
    let Cell { design, workload, expected, .. } = cell;
    println!("{design:12} {workload:20} {}  {} held{others}: {standing}", expected.sign(), seen.held);
    exit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_part_of_the_nemesis_must_break_all_of_them_must() {
        let signs: Vec<&str> = PROMISES.iter().map(|(design, claim)| together(design, claim).sign()).collect();
        assert_eq!(signs, ["H", "V", "H", "V", "H", "V", "H"]);
    }
}
