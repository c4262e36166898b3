//! `perjury campaign`: many cells with known answers.

use super::{Failure, default_out, read, stop_flag};
use crate::assemble::{design, nemesis, plan, try_out, workload};
use crate::folder::Folder;
use crate::matrix::{MUTANT, built_in, mutants, request};
use clap::Args;
use harness::campaign::{Cell, Expected, Observed, Orders, run};
use harness::plan::FORMAT;
use harness::{Exit, Seed, Trouble};
use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::path::PathBuf;

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
    /// How many seeds a cell; with fewer than 20, what only some seeds find may be missed, and the cell is red
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// How many runs at once; all cores without
    #[arg(long)]
    jobs: Option<usize>,
    /// Keep the first run of each class of each cell here; without it only those of cells that are not as expected, in runs/
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
    let (observed, complete) = run(&cells, &test, &Orders { jobs, stop: &stop, progress: &progress })?;
    bar.finish_and_clear();
    let rows: Vec<(&Cell, &Observed)> = cells.iter().zip(&observed).collect();
    let kept = keep(arguments, &rows)?;
    if let Some(file) = &arguments.junit {
        let text =
            reports::junit::campaign_junit(&rows.iter().map(|(cell, seen)| case(cell, seen)).collect::<Vec<_>>());
        std::fs::write(file, text).map_err(|error| Failure::Trouble(format!("writing {}: {error}", file.display())))?;
    }
    let surprises = rows.iter().filter(|(cell, seen)| seen.surprise(&cell.expected).is_some()).count();
    let exit = match (surprises, complete) {
        (0, true) => Exit::Held,
        (0, false) => Exit::Unknown,
        _ => Exit::NotAsExpected,
    };
    if arguments.json {
        print_json(&rows, exit)
    } else {
        print_table(&rows, &kept, surprises, complete)
    }
    Ok(exit)
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
    let mut cells = match &arguments.file {
        Some(file) => crate::matrix::read(&file.display().to_string(), &read(file)?, arguments.seeds)?,
        None => built_in(arguments.seeds).into_iter().chain(mutants()).collect(),
    };
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

fn test(cell: &Cell, seed: Seed) -> Result<harness::Judgement, Trouble> {
    let planned = plan(&request(cell, seed));
    let planned = planned.map_err(|usage| Trouble::new("planning a cell", usage, "correct the campaign file"))?;
    Ok(try_out(&planned)?.1)
}

/// Keeps files of first runs: where each cell's are.
fn keep(arguments: &Arguments, rows: &[(&Cell, &Observed)]) -> Result<Vec<Vec<PathBuf>>, Failure> {
    let out = arguments.out.clone().unwrap_or_else(default_out);
    let mut kept = Vec::new();
    for (cell, seen) in rows {
        let mut folders = Vec::new();
        if arguments.out.is_some() || seen.surprise(&cell.expected).is_some() {
            for seed in first_seeds(cell, seen) {
                let planned = plan(&request(cell, Seed(seed)))?;
                let (run, judgement) = try_out(&planned)?;
                let folder = Folder::create(&out, &planned)?;
                folder.write_history(&run)?;
                folder.finish(&run, &judgement)?;
                folders.push(folder.path().to_path_buf());
            }
        }
        kept.push(folders);
    }
    Ok(kept)
}

/// The first seed of each thing that came out, but for what held; where all held and should not have, the first of all.
fn first_seeds(cell: &Cell, seen: &Observed) -> BTreeSet<u64> {
    let missed = (seen.held == cell.seeds.1 && seen.surprise(&cell.expected).is_some()).then_some(cell.seeds.0);
    seen.others.iter().map(|other| other.first_seed).chain(missed).collect()
}

fn case(cell: &Cell, seen: &Observed) -> reports::junit::CampaignCase {
    reports::junit::CampaignCase {
        suite: cell.design.clone(),
        name: format!("{} under {}", cell.workload, cell.nemesis),
        failure: seen.surprise(&cell.expected),
        output: format!("expected {}, {}", word(&cell.expected), words(seen)),
    }
}

fn print_json(rows: &[(&Cell, &Observed)], exit: Exit) {
    let cells: Vec<_> = rows
        .iter()
        .map(|(cell, seen)| {
            serde_json::json!({
                "design": cell.design, "switches": cell.switches, "workload": cell.workload, "nemesis": cell.nemesis,
                "first_seed": cell.seeds.0, "seeds": cell.seeds.1, "expected": cell.expected, "observed": seen,
                "surprise": seen.surprise(&cell.expected),
            })
        })
        .collect();
    println!("{:#}", serde_json::json!({"format": FORMAT, "exit": exit as u8, "cells": cells}));
}

/// Designs and workloads down, faults across; each cell shows what was expected and what came out.
fn print_table(rows: &[(&Cell, &Observed)], kept: &[Vec<PathBuf>], surprises: usize, complete: bool) {
    let mut faults: Vec<&str> = Vec::new();
    let mut lines: Vec<(String, Vec<(&str, String)>)> = Vec::new();
    for (cell, seen) in rows.iter().filter(|(cell, _)| !cell.nemesis.starts_with(MUTANT)) {
        if !faults.contains(&cell.nemesis.as_str()) {
            faults.push(&cell.nemesis);
        }
        let name = std::iter::once(cell.design.as_str()).chain(cell.switches.iter().map(String::as_str));
        let title = format!("{} {}", name.collect::<Vec<_>>().join("+"), cell.workload);
        // Cells that differ only in size or seeds stand below each other.
        let fits = |(last, cells): &(String, Vec<(&str, String)>)| {
            *last == title && !cells.iter().any(|(of, _)| *of == cell.nemesis)
        };
        if !lines.last().is_some_and(fits) {
            lines.push((title, Vec::new()));
        }
        lines.last_mut().expect("just added").1.push((&cell.nemesis, sign(cell, seen)));
    }
    let first = lines.iter().map(|(title, _)| title.len()).max().unwrap_or(0);
    let width = |fault: &str| fault.len().max(7);
    let heading: String = faults.iter().map(|fault| format!("  {fault:>0$}", width(fault))).collect();
    println!("{:first$}{heading}", "");
    for (title, cells) in &lines {
        let sign = |fault: &str| cells.iter().find(|(of, _)| *of == fault).map_or("", |(_, sign)| sign);
        let row: String = faults.iter().map(|fault| format!("  {:>1$}", sign(fault), width(fault))).collect();
        println!("{title:first$}{row}");
    }
    print_mutants(rows);
    println!(
        "\nexpected H held, V violated, v violated by luck, C caught; beside it how many of the runs were violated; ! not as expected"
    );
    explain(rows, kept);
    let runs: u64 = rows.iter().map(|(_, seen)| seen.runs()).sum();
    let all = if complete { "" } else { "; stopped before its end" };
    println!("{} cells, {runs} runs, {surprises} not as expected{all}", rows.len());
}

/// Deliberate bugs, each in a cell of its own.
fn print_mutants(rows: &[(&Cell, &Observed)]) {
    let rows = || rows.iter().filter(|(cell, _)| cell.nemesis.starts_with(MUTANT));
    if rows().count() > 0 {
        println!("\ndeliberate bugs, each in the cell that catches it");
    }
    for (cell, seen) in rows() {
        let name = format!("{}+{} {}", cell.design, cell.switches.join("+"), cell.workload);
        let first = seen.violated().map(|other| other.first_seed).min();
        let first = first.map_or("not caught".to_string(), |seed| format!("caught by seed {seed}"));
        let classes: Vec<&str> = seen.violated().map(|other| other.what.as_str()).collect();
        println!("{name:38} {:>8}  {first}: {}", sign(cell, seen), classes.join(", "));
    }
}

fn explain(rows: &[(&Cell, &Observed)], kept: &[Vec<PathBuf>]) {
    for ((cell, seen), folders) in rows.iter().zip(kept) {
        let Some(surprise) = seen.surprise(&cell.expected) else { continue };
        println!("! {} {} {}: expected {}; {surprise}", cell.design, cell.workload, cell.nemesis, word(&cell.expected));
        for folder in folders {
            println!("    {}", crate::folder::replay_command(folder));
        }
    }
}

/// `V 17/20`, with a `!` before it where it is not as expected.
fn sign(cell: &Cell, seen: &Observed) -> String {
    let letter = match cell.expected {
        Expected::Held => "H",
        Expected::Violated(_) => "V",
        Expected::Maybe(_) => "v",
        Expected::Caught => "C",
    };
    let violated: u64 = seen.violated().map(|other| other.runs).sum();
    let wrong = if seen.surprise(&cell.expected).is_some() { "!" } else { "" };
    format!("{wrong}{letter} {violated}/{}", seen.runs())
}

fn word(expected: &Expected) -> String {
    match expected {
        Expected::Held => "held".to_string(),
        Expected::Violated(classes) => format!("violated ({})", classes.join(", ")),
        Expected::Maybe(classes) => format!("held or violated ({})", classes.join(", ")),
        Expected::Caught => "caught".to_string(),
    }
}

fn words(seen: &Observed) -> String {
    let violated = seen.violated().map(|other| format!("{} {} from seed {}", other.runs, other.what, other.first_seed));
    let all: Vec<String> = std::iter::once(format!("{} held", seen.held)).chain(violated).collect();
    all.join(", ")
}
