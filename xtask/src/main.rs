//! Long lanes that no test runs, because they take minutes: `cargo run --release -p perjury-xtask -- LANE`.
#![allow(clippy::disallowed_methods)]

mod fuzzing;
mod local;
mod overhead;
mod spans;

use anyhow::{Result, bail};
use clap::Parser;
use databases::real::Needed;
use harness::campaign::{Cell, Orders, Trial};
use harness::{Exit, Seed};
use perjury::assemble::{plan, try_out};
use perjury::matrix::{built_in, request};
use spans::{median_and_worst, served_again};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

/// Long lanes.
#[derive(Parser)]
enum Lane {
    /// Simulated runs of `raft` under `mixed`, for every workload: all must hold
    Soak {
        /// Seeds a workload
        #[arg(long, default_value_t = 2000)]
        seeds: u64,
    },
    /// Runs on real processes under kills, pauses and partitions: some designs must hold, some must be caught
    Local(local::Arguments),
    /// Tiny histories, judged by everything that judges linearizability and by a brute force: all must agree
    Fuzz {
        /// Histories of each family
        #[arg(long, default_value_t = 5_000_000)]
        count: u64,
        /// Only this family
        #[arg(long)]
        model: Option<String>,
        /// Where chance begins; else the clock says
        #[arg(long)]
        seed: Option<u64>,
        /// How many of the forced tunings of the engine each history is given to; they take turns
        #[arg(long, default_value_t = usize::MAX)]
        forced: usize,
    },
    /// What the harness costs: requests a second to a Redis server, beside what redis-benchmark reaches
    Overhead(overhead::Arguments),
    /// Install what the tests of real databases need, as root of Debian; elsewhere say what is missing
    Packages,
    /// A node of the lane on real processes: started by the lane, never by a person
    #[command(hide = true)]
    Node,
}

fn main() -> Result<()> {
    match Lane::parse() {
        Lane::Soak { seeds } => soak(seeds),
        Lane::Local(arguments) => ended(local::local(&arguments)),
        Lane::Fuzz { count, model, seed, forced } => fuzzing::fuzz(count, model.as_deref(), seed, forced),
        Lane::Overhead(arguments) => overhead::overhead(&arguments),
        Lane::Packages => packages(),
        Lane::Node => std::process::exit(databases::bundled::node_main()),
    }
}

/// Where it may not install, that is said and is no failure: tests are skipped then.
fn packages() -> Result<()> {
    let own = Needed {
        what: "a system of one's own",
        programs: &["nats-server", "python3"],
        packages: &["nats-server", "python3"],
    };
    let slow = Needed { what: "slow links", programs: &["iptables-restore"], packages: &["iptables"] };
    for needed in databases::real::everything().chain([own, slow]) {
        match databases::real::install(&needed) {
            Ok(()) => println!("{}: there", needed.what),
            Err(trouble) if std::env::var_os("PERJURY_NO_SKIP").is_some() => bail!("{trouble}"),
            Err(trouble) => println!("{}: missing; its tests will be skipped. {trouble}", needed.what),
        }
    }
    Ok(())
}

/// Ends with the code that `perjury campaign` would end with.
fn ended(exit: Result<Exit>) -> ! {
    let exit = exit.unwrap_or_else(|error| {
        eprintln!("{error:?}");
        Exit::Harness
    });
    std::process::exit(exit as i32)
}

fn soak(seeds: u64) -> Result<()> {
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    for cell in built_in(seeds).into_iter().filter(|cell| cell.design == "raft" && cell.nemesis == "mixed") {
        let spans = Mutex::new(Vec::new());
        let test = |cells: &[&Cell], seed: Seed| {
            let (run, judgement) = try_out(&plan(&request(cells[0], seed)).expect("known names"))?;
            spans.lock().expect("no worker panics").extend(served_again(&run));
            Ok(vec![Trial::of(cells[0], &run, &judgement)])
        };
        let orders = Orders { jobs, asks: &|name| name, stop: &AtomicBool::new(false), progress: &|_| {} };
        let (observed, _) = harness::campaign::run(std::slice::from_ref(&cell), &test, &orders)?;
        let workload = &cell.workload;
        let (median, worst) = median_and_worst(spans.into_inner().expect("no worker panicked"));
        println!(
            "raft {workload} mixed: {} of {seeds} held; clients that a fault spared were served again after {median} (median), {worst} (worst)",
            observed[0].held
        );
        if let Some(why) = cell.standing(&observed[0]).why() {
            bail!("raft {workload} mixed: {why}");
        }
    }
    Ok(())
}
