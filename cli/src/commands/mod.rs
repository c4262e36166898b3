//! What the binary can be asked to do: one file a command.

mod campaign;
mod check;
mod doctor;
mod explore;
mod gc;
mod list;
mod replay;
mod report;
mod reproduce;
mod run;

use crate::assemble::Usage;
use clap::{CommandFactory, Parser, Subcommand};
use harness::files::Malformed;
use harness::{Exit, Trouble};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Puts distributed databases under oath and catches them lying.
#[derive(Parser)]
#[command(name = "perjury", version, about, after_help = EXAMPLES)]
pub struct Perjury {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  perjury campaign                                  the whole matrix, in the simulator
  perjury run --design sl-async-fo --workload registration --nemesis isolate-leader --seed 1
  perjury run --design raft --nemesis kill+halves --tier local --time 20s
  perjury explore --design sl-async-fo              every order of events of three nodes
  perjury replay runs/latest                        the same run again, byte for byte
  perjury report runs/latest --format html          draw it again
  perjury check history.jsonl --checker linearizable
  perjury check etcd.edn --model cas-register       a history of another tool

Exit codes:
  0 held · 1 violated · 2 unknown · 3 vacuous (nothing was tested) · 4 not as expected
  5 a replay differed · 6 a gate · 64 bad input · 70 the harness itself failed";

#[derive(Subcommand)]
enum Command {
    /// Test one system under one workload and one nemesis, for one seed or many
    Run(run::Arguments),
    /// Test many cells with known answers; green only if all come out as expected
    Campaign(campaign::Arguments),
    /// Try every order of events of a small cluster, within bounds
    Explore(explore::Arguments),
    /// Carry out the plan of an earlier run again and compare
    Replay(replay::Arguments),
    /// Judge histories that already exist
    Check(check::Arguments),
    /// Show a finished run in another form
    Report(report::Arguments),
    /// List designs, their deliberate bugs, workloads, nemeses, checkers, models and report formats
    List(list::Arguments),
    /// Find again what others have published about real databases, each with a control that must hold
    Reproduce(reproduce::Arguments),
    /// Say what this machine can do, tier by tier, or what machines that are reached by SSH can
    Doctor(doctor::Arguments),
    /// Remove what runs have left whose controllers died: namespaces, processes and files of their own, nothing else
    Gc,
    /// Print completions for a shell
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
    /// A node of a cluster of real processes: started by the controller, never by a person
    #[command(hide = true)]
    Node,
    /// Does on a machine that is reached by SSH what a shell cannot: sent and started by the controller, never by a person
    #[cfg(feature = "ssh")]
    #[command(hide = true)]
    Hand {
        /// For `hosts::ssh::hand`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<std::ffi::OsString>,
    },
    /// Runs a program of a local node and ends with it all that it forks: started by the controller, never by a person
    #[command(hide = true)]
    Keep {
        /// For the keeper.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<std::ffi::OsString>,
    },
}

/// Why a command ended without an answer.
pub enum Failure {
    /// Bad input.
    Usage(String),
    /// The machine or the harness.
    Trouble(String),
}

impl From<Usage> for Failure {
    fn from(usage: Usage) -> Self {
        Failure::Usage(usage.to_string())
    }
}
impl From<Malformed> for Failure {
    fn from(malformed: Malformed) -> Self {
        Failure::Usage(malformed.to_string())
    }
}
impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        Failure::Trouble(trouble.to_string())
    }
}
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Failure::Trouble(format!("{error:#}"))
    }
}

/// Does what was asked; returns the exit code.
pub fn dispatch(arguments: Perjury) -> u8 {
    let result = match arguments.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Campaign(arguments) => campaign::campaign(&arguments),
        Command::Explore(arguments) => explore::explore(&arguments),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Report(arguments) => report::report(&arguments),
        Command::Reproduce(arguments) => reproduce::reproduce(&arguments),
        Command::List(arguments) => list::list(&arguments),
        Command::Doctor(arguments) => doctor::doctor(&arguments),
        Command::Gc => gc::gc(),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Perjury::command(), "perjury", &mut std::io::stdout());
            Ok(Exit::Held)
        }
        Command::Man => man(),
        Command::Node => return databases::bundled::node_main() as u8,
        #[cfg(feature = "ssh")]
        Command::Hand { words } => return hosts::ssh::hand(words.into_iter()),
        Command::Keep { words } => return hosts::local::keep(words.into_iter()),
    };
    match result {
        Ok(exit) => exit as u8,
        Err(Failure::Usage(words)) => {
            eprintln!("perjury: {words}");
            Exit::Usage as u8
        }
        Err(Failure::Trouble(words)) => {
            eprintln!("perjury: {words}");
            Exit::Harness as u8
        }
    }
}

/// One page for the program, and one for each command that a person starts.
fn man() -> Result<Exit, Failure> {
    let mut program = Perjury::command();
    program.build();
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    for command in std::iter::once(program.clone()).chain(commands) {
        let page = clap_mangen::Man::new(command);
        page.render(&mut std::io::stdout()).map_err(|error| Failure::Trouble(error.to_string()))?;
    }
    Ok(Exit::Held)
}

/// A flag that Ctrl-C sets: what runs then heals, judges what there is, and ends. A second Ctrl-C does not wait.
fn stop_flag() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    // Where no handler can be set, Ctrl-C ends the process, and real nodes end with it.
    let _ = ctrlc::set_handler(move || {
        if flag.swap(true, Ordering::Relaxed) {
            std::process::exit(Exit::Unknown as i32);
        }
        eprintln!("\nstopping: what there is so far is judged; press Ctrl-C again to leave at once");
    });
    stop
}

/// Installs what nodes need and what a database needs, as far as it is missing.
fn install(database: &str) -> Result<(), Failure> {
    let chosen = crate::systems::database(database)?;
    install_nodes()?;
    Ok(databases::real::install(&chosen.database.needed())?)
}

/// Installs what nodes need.
fn install_nodes() -> Result<(), Failure> {
    Ok(databases::real::install(&databases::real::NODES)?)
}

/// Sees to it that this process may make namespaces: where it may not, it begins again as root of a user namespace.
fn enter_namespaces() -> Result<(), Failure> {
    let entered = hosts::netns::reexec_if_needed();
    entered.map_err(|error| Trouble::new(error.what, error.why, error.mend).into())
}

/// Reads a file that somebody named.
fn read(path: &std::path::Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::Usage(format!("cannot read {}: {error}", path.display())))
}

/// Seconds, or a number with `ms`, `s`, `m` or `h`.
fn span(text: &str) -> Result<harness::Time, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let factor = match &text[digits..] {
        _ if digits == 0 => return Err(format!("\"{text}\" is no span: use for example 500ms, 30s or 2m")),
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "m" => 60.0,
        "h" => 3600.0,
        other => return Err(format!("\"{other}\" is no unit: use ms, s, m or h")),
    };
    let number: f64 =
        text[..digits].parse().map_err(|_| format!("\"{text}\" is no span: use for example 500ms, 30s or 2m"))?;
    Ok(harness::Time::from_seconds(number * factor))
}

/// Where runs are kept unless somebody says otherwise.
fn default_out() -> PathBuf {
    PathBuf::from("runs")
}
