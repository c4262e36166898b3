//! `perjury explore`: every order of events of a small cluster.

use super::{Failure, default_out, read, span, stop_flag};
use crate::assemble::unknown;
use crate::exploration::{Question, Replayed, exit, judged};
use anyhow::Context;
use clap::{Args, ValueEnum};
use explorer::table::{Row, TABLE, row};
use explorer::{Disks, End, Explored};
use harness::plan::FORMAT;
use harness::{Exit, Time};
use rayon::prelude::*;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What to explore, and within which bounds. What is not said comes from a table with a row for each design.
#[derive(Args)]
#[command(after_help = EXIT_CODES)]
pub struct Arguments {
    /// A design of the bundled store that has a row in the table
    #[arg(long, default_value = "raft")]
    design: String,
    /// Deliberate bugs to switch on in it, separated by commas (`perjury list switches`)
    #[arg(long = "switch", value_delimiter = ',')]
    switches: Vec<String>,
    /// How many nodes: 1 to 5
    #[arg(long, allow_negative_numbers = true)]
    nodes: Option<u8>,
    /// What clients ask: "write x 1; read x, read x" is a client with one operation and one with two. Takes read, write, cas
    /// and claim
    #[arg(long)]
    ops: Option<String>,
    /// No node goes beyond this term
    #[arg(long)]
    terms: Option<u64>,
    /// Timers that run out: "election, heartbeat=2" also at most twice, "election@n1" on one node alone
    #[arg(long)]
    fires: Option<String>,
    /// How many processes die, each with its unsynced writes or without, and may come back
    #[arg(long)]
    crashes: Option<u8>,
    /// How many messages are lost
    #[arg(long)]
    drops: Option<u8>,
    /// When writes are synced
    #[arg(long, value_enum)]
    disks: Option<DisksName>,
    /// Log entries in one message between nodes, at most
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    entries: Option<u64>,
    /// Stop after about so many steps; the first million takes up to 400 MB, each further one 20 MB
    #[arg(long, default_value_t = 50_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Stop after this time, e.g. 5m
    #[arg(long, default_value = "10m", value_parser = span, allow_negative_numbers = true)]
    limit: Time,
    /// Where a counterexample is kept, in the folder `explore`
    #[arg(long, default_value_os_t = default_out())]
    out: PathBuf,
    /// Print JSON in place of the text
    #[arg(long)]
    json: bool,
    /// Explore every row of the table, and print it with what came out
    #[arg(long, conflicts_with_all = ["design", "switches", "serve", "play"])]
    table: bool,
    /// Show the states in a browser at this port of this machine, until Ctrl-C
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "3000")]
    serve: Option<u16>,
    /// Play a script, such as a counterexample that was kept, and judge it
    #[arg(long, value_name = "FILE", conflicts_with = "serve")]
    play: Option<PathBuf>,
}

const EXIT_CODES: &str = "\
Exit codes:
  0 every order within the bounds was tried and no promise broken · 1 a promise was broken
  2 stopped by --steps, --limit or Ctrl-C · 3 vacuous: nothing was acknowledged or read within the bounds
  4 a row of the table did not come out as expected · 64 bad input · 70 perjury itself failed";

/// When writes are synced, on the command line.
#[derive(Clone, Copy, ValueEnum)]
enum DisksName {
    /// At any time later
    Later,
    /// At once, before anything else happens
    AtOnce,
}

/// Explores, serves, plays or goes through the table.
pub fn explore(arguments: &Arguments) -> Result<Exit, Failure> {
    if let Some(file) = &arguments.play {
        return play(file, &arguments.switches);
    }
    if arguments.table {
        return table(arguments, &stop_after(arguments.limit));
    }
    let question = question(arguments)?;
    if let Some(port) = arguments.serve {
        return serve(&question, port);
    }
    let stop = stop_after(arguments.limit);
    let began = Instant::now();
    let explored = question.explore(arguments.steps as usize, &stop)?;
    let seconds = began.elapsed().as_secs_f64();
    let replayed = question.replay(&explored).map_err(Failure::Trouble)?;
    let kept = replayed.as_ref().map(|replayed| keep(arguments, &question, replayed)).transpose()?;
    let told = Told { question: &question, explored: &explored, replayed: replayed.as_ref(), kept, seconds };
    if arguments.json {
        println!("{}", told.json())
    } else {
        println!("{}", told.text().trim_end())
    }
    Ok(exit(&explored))
}

/// The row of the design, with what was said otherwise.
fn question(arguments: &Arguments) -> Result<Question, Failure> {
    let Arguments { design, switches, .. } = arguments;
    crate::assemble::switches(design, switches)?;
    let Some(row) = row(design, switches.first().map(String::as_str)) else {
        let known = TABLE.iter().filter(|row| row.switch.is_none());
        let known: Vec<(&str, &str)> = known.map(|row| (row.design, row.ops)).collect();
        return Err(unknown("row for the design", design, &known).into());
    };
    let mut question = Question::new(design, switches.clone(), row)?;
    let bounds = &mut question.bounds;
    if let Some(text) = &arguments.ops {
        bounds.clients = explorer::clients(text)?;
    }
    if let Some(text) = &arguments.fires {
        bounds.fires = explorer::fires(text)?;
    }
    bounds.nodes = arguments.nodes.unwrap_or(bounds.nodes);
    bounds.terms = arguments.terms.unwrap_or(bounds.terms);
    bounds.crashes = arguments.crashes.unwrap_or(bounds.crashes);
    bounds.drops = arguments.drops.unwrap_or(bounds.drops);
    if let Some(disks) = arguments.disks {
        bounds.disks = match disks {
            DisksName::Later => Disks::Later,
            DisksName::AtOnce => Disks::AtOnce,
        };
    }
    if let Some(entries) = arguments.entries {
        question.settings.max_entries_per_append = entries as usize;
    }
    Ok(question)
}

/// A flag that Ctrl-C sets, or this span.
fn stop_after(limit: Time) -> Arc<AtomicBool> {
    let stop = stop_flag();
    let late = stop.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_micros(limit.0));
        late.store(true, Ordering::Relaxed);
    });
    stop
}

fn serve(question: &Question, port: u16) -> Result<Exit, Failure> {
    // The server behind it ends the program with a panic where it cannot listen.
    std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        Failure::Trouble(format!("listening on 127.0.0.1:{port}: {error}; name another --serve PORT"))
    })?;
    // One step says whether the bounds fit.
    question.explore(1, &Arc::default())?;
    println!("http://127.0.0.1:{port}/ shows the states, until Ctrl-C");
    question.serve(port)?;
    Ok(Exit::Held)
}

fn play(file: &Path, switches: &[String]) -> Result<Exit, Failure> {
    let run = store::mutants::play(&file.display().to_string(), &read(file)?, switches)?;
    crate::assemble::switches(&run.plan.design, switches)?;
    let judgement = judged(&run);
    let finished = reports::Finished { run: &run, judgement: &judgement, replay: &play_command(file, switches) };
    println!("{}", reports::text::render(&finished).trim_end());
    Ok(judgement.verdict.exit())
}

fn play_command(file: &Path, switches: &[String]) -> String {
    let on = if switches.is_empty() { String::new() } else { format!(" --switch {}", switches.join(",")) };
    format!("perjury explore --play {}{on}", file.display())
}

/// Writes a counterexample into a file of its own, and returns the file.
fn keep(arguments: &Arguments, question: &Question, replayed: &Replayed) -> Result<PathBuf, anyhow::Error> {
    let folder = arguments.out.join("explore");
    std::fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let switched: String = question.switches.iter().map(|switch| format!("+{switch}")).collect();
    let file = folder.join(format!("{}{switched}.txt", question.design.name));
    std::fs::write(&file, &replayed.text).with_context(|| format!("writing {}", file.display()))?;
    Ok(file)
}

/// An exploration that is over.
struct Told<'a> {
    question: &'a Question,
    explored: &'a Explored,
    replayed: Option<&'a Replayed>,
    kept: Option<PathBuf>,
    seconds: f64,
}

impl Told<'_> {
    fn text(&self) -> String {
        let Told { question, explored, .. } = self;
        let (asked, happens) = question.bounds.words(question.design.style);
        let switched: String = question.switches.iter().map(|switch| format!(" with {switch}")).collect();
        let reached = explored
            .reached
            .iter()
            .map(|(what, reached)| format!("  {}: {what}\n", if *reached { "happened" } else { "never happened" }));
        format!(
            "{}\n\nExploration\n  {}{switched}; {asked}\n  within: {happens}\n  {} states, {} steps, {:.1} s\n{}",
            self.proof(),
            question.design.name,
            explored.states,
            explored.steps,
            self.seconds,
            reached.collect::<String>(),
        )
    }

    /// A counterexample as a run is told, else what the end means.
    fn proof(&self) -> String {
        match (self.replayed, &self.kept, &self.explored.end) {
            (Some(Replayed { text, run, judgement }), Some(file), _) => {
                let replay = play_command(file, &self.question.switches);
                let report = reports::text::render(&reports::Finished { run, judgement, replay: &replay });
                let schedule: String = text.lines().map(|line| format!("  {line}\n")).collect();
                format!("{report}\nSchedule\n{}", schedule.trim_end())
            }
            (_, _, End::Stopped) => {
                "unknown: it was stopped before every order was tried; what was tried keeps every promise".to_string()
            }
            _ if exit(self.explored) == Exit::Vacuous => {
                "vacuous: every order within the bounds was tried, but nothing was promised in any of them".to_string()
            }
            _ => "held: every order within the bounds was tried, and no promise was broken".to_string(),
        }
    }

    fn json(&self) -> serde_json::Value {
        let Told { question, explored, kept, seconds, .. } = self;
        let exit = exit(explored);
        let (asked, within) = question.bounds.words(question.design.style);
        let broken = match &explored.end {
            End::Broken { broken, .. } => Some(broken),
            _ => None,
        };
        let reached: serde_json::Map<_, _> =
            explored.reached.iter().map(|(what, reached)| (what.to_string(), (*reached).into())).collect();
        serde_json::json!({
            "format": FORMAT, "design": question.design.name, "switches": question.switches, "asked": asked, "within": within,
            "verdict": word(exit), "exit": exit as u8, "property": broken.map(|broken| broken.property),
            "sentence": broken.map(|broken| &broken.sentence), "script": kept, "states": explored.states,
            "steps": explored.steps, "seconds": seconds, "reached": reached,
        })
    }
}

fn word(exit: Exit) -> String {
    format!("{exit:?}").to_lowercase()
}

/// Every row, on all cores.
fn table(arguments: &Arguments, stop: &Arc<AtomicBool>) -> Result<Exit, Failure> {
    let one = |row: &'static Row| {
        let question = Question::of(row)?;
        let began = Instant::now();
        let explored = question.explore(arguments.steps as usize, stop)?;
        let seconds = began.elapsed().as_secs_f64();
        question.replay(&explored).map_err(Failure::Trouble)?;
        Ok((row, question, explored, seconds))
    };
    let done: Vec<_> = TABLE.par_iter().map(one).collect::<Result<_, Failure>>()?;
    println!(
        "| design | switch | clients ask | within | states | steps | seconds | result | expected |\n|---|---|---|---|---|---|---|---|---|"
    );
    let mut worst = Exit::Held;
    for (row, question, explored, seconds) in &done {
        let result = match &explored.end {
            End::Broken { broken, .. } => format!("violated: {}", broken.property),
            _ => word(exit(explored)),
        };
        let expected = row.broken.map_or("held".to_string(), |property| format!("violated: {property}"));
        worst = worst.worst(if result == expected { Exit::Held } else { Exit::NotAsExpected });
        let switch = row.switch.map_or(String::new(), |switch| format!("`{switch}`"));
        let Explored { states, steps, .. } = explored;
        let (ops, bounds) = (row.ops, &question.bounds);
        println!(
            "| `{}` | {switch} | {ops} | {bounds} | {states} | {steps} | {seconds:.1} | {result} | {expected} |",
            row.design
        );
    }
    Ok(worst)
}
