//! `perjury campaign`: many cells with known answers.

use super::{Failure, default_out, read, stop_flag};
use crate::assemble::{design, nemesis, plan, try_out, workload};
use crate::folder::{Folder, replay_command};
use crate::matrix::{asks, built_in, mutants, request, test};
use clap::Args;
use harness::campaign::{Cell, Expected, Observed, Orders, Standing, run};
use harness::{Exit, Seed};
use reports::campaign::{Campaign, Kept, Row};
use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Seeds of a cell, and of one in a full campaign.
const QUICK: u64 = 20;
const FULL: u64 = 200;
/// A cell that must be violated is over after so many violated runs: that it is found is shown by then.
const ENOUGH: u64 = 10;

/// Which cells, and how often.
#[derive(Args)]
pub struct Arguments {
    /// A campaign file in TOML; without it the built-in matrix
    file: Option<PathBuf>,
    /// Only this design
    #[arg(long)]
    design: Option<String>,
    /// Only this workload
    #[arg(long)]
    workload: Option<String>,
    /// Only this fault
    #[arg(long)]
    fault: Option<String>,
    /// How many seeds a cell, but no more where a violation is expected and was found 10 times; with fewer than 20, what only some
    /// seeds find may be missed, and the cell is red
    #[arg(long, default_value_t = QUICK, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// 200 seeds a cell: some minutes
    #[arg(long, conflicts_with = "seeds")]
    full: bool,
    /// How many runs at once; all cores without
    #[arg(long)]
    jobs: Option<usize>,
    /// Keep the first run of each class of each cell here, with an index.html that leads to them; without it only those of
    /// cells that are not as expected are kept, in runs/
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print JSON in place of the table
    #[arg(long)]
    json: bool,
    /// Write JUnit XML into this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Runs a campaign and compares.
pub fn campaign(arguments: &Arguments) -> Result<Exit, Failure> {
    let cells = cells(arguments)?;
    let (observed, complete) = carry_out(arguments, &cells)?;
    let rows =
        cells.iter().zip(&observed).map(|(cell, seen)| Ok(Row { cell, seen, kept: keep(arguments, cell, seen)? }));
    let rows = rows.collect::<Result<Vec<Row>, Failure>>()?;
    let exit = match (rows.iter().all(|row| row.standing() == Standing::AsExpected), complete) {
        (true, true) => Exit::Held,
        (true, false) => Exit::Unknown,
        _ => Exit::NotAsExpected,
    };
    let campaign = Campaign { rows, complete, exit: exit as u8 };
    if let Some(file) = &arguments.junit {
        write(file, &reports::junit::campaign_junit(&campaign.rows.iter().map(case).collect::<Vec<_>>()))?;
    }
    if let Some(out) = &arguments.out {
        write(&out.join("index.html"), &reports::campaign::page(&campaign))?;
    }
    match arguments.json {
        true => println!("{}", reports::campaign::json(&campaign)),
        false => print!("{}", reports::campaign::text(&campaign)),
    }
    Ok(exit)
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    let folder = file.parent().map_or(Ok(()), std::fs::create_dir_all);
    let written = folder.and_then(|()| std::fs::write(file, text));
    written.map_err(|error| Failure::Trouble(format!("writing {}: {error}", file.display())))
}

fn carry_out(arguments: &Arguments, cells: &[Cell]) -> Result<(Vec<Observed>, bool), Failure> {
    let stop = stop_flag();
    let total: u64 = cells.iter().map(|cell| cell.seeds.1).sum();
    let bar = crate::progress::bar(total);
    let every = (total / 10).max(1);
    let progress = |done: usize| {
        bar.set_position(done as u64);
        let told = (done as u64).is_multiple_of(every) || done as u64 == total;
        if told && !std::io::stderr().is_terminal() {
            eprintln!("{done} of {total} runs");
        }
    };
    let jobs = arguments.jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let done = run(cells, &test, &Orders { jobs, asks: &asks, stop: &stop, progress: &progress })?;
    bar.finish_and_clear();
    Ok(done)
}

fn cells(arguments: &Arguments) -> Result<Vec<Cell>, Failure> {
    if let Some(name) = &arguments.design {
        design(name)?;
    }
    if let Some(name) = &arguments.workload {
        workload(name)?;
    }
    if let Some(name) = &arguments.fault {
        name.split('+').try_for_each(|part| nemesis(part.trim()).map(drop))?;
    }
    let seeds = if arguments.full { FULL } else { arguments.seeds };
    let mut cells = match &arguments.file {
        Some(file) => crate::matrix::read(&file.display().to_string(), &read(file)?, seeds)?,
        None => built_in(seeds).into_iter().chain(mutants()).collect(),
    };
    let found = |cell: &&mut Cell| matches!(cell.expected, Expected::Violated(_));
    cells.iter_mut().filter(found).for_each(|cell| cell.enough = Some(ENOUGH));
    let passes = |filter: &Option<String>, name: &str| filter.as_deref().is_none_or(|filter| filter == name);
    if cells.is_empty() {
        return Err(Failure::Usage("the campaign has no [[cell]], so there is nothing to run".to_string()));
    }
    cells.retain(|cell| {
        passes(&arguments.design, &cell.design)
            && passes(&arguments.workload, &cell.workload)
            && passes(&arguments.fault, &cell.nemesis)
    });
    if cells.is_empty() {
        return Err(Failure::Usage("no cell is left: --design, --workload and --fault together fit none".to_string()));
    }
    Ok(cells)
}

/// Keeps files of a cell's first runs: all that somebody asks for, or those that have to be explained.
fn keep(arguments: &Arguments, cell: &Cell, seen: &Observed) -> Result<Vec<Kept>, Failure> {
    let right = cell.standing(seen) == Standing::AsExpected;
    if right && arguments.out.is_none() || seen.runs() == 0 {
        return Ok(Vec::new());
    }
    let out = arguments.out.clone().unwrap_or_else(default_out);
    let mut kept = Vec::new();
    for seed in first_seeds(cell, seen) {
        let planned = plan(&request(cell, Seed(seed)))?;
        let (run, judgement) = try_out(&planned)?;
        let folder = Folder::create(&out, &planned)?;
        folder.write_history(&run)?;
        folder.finish(&run, &judgement)?;
        let beside = folder.path().strip_prefix(&out).unwrap_or(folder.path());
        kept.push(Kept { seed, folder: beside.display().to_string(), replay: replay_command(folder.path()) });
    }
    Ok(kept)
}

/// The first seed of each thing that came out, but for what held; where all held, the first of all.
fn first_seeds(cell: &Cell, seen: &Observed) -> BTreeSet<u64> {
    let held = seen.others.is_empty().then_some(cell.seeds.0);
    seen.others.iter().map(|other| other.first_seed).chain(held).collect()
}

fn case(row: &Row) -> reports::junit::CampaignCase {
    let (expected, observed) = (reports::campaign::expected(&row.cell.expected), reports::campaign::observed(row.seen));
    reports::junit::CampaignCase {
        suite: row.cell.design.clone(),
        name: format!("{} under {}", row.cell.workload, row.cell.nemesis),
        failure: row.standing().why().map(str::to_string),
        output: format!("expected {expected}, {observed}"),
    }
}
