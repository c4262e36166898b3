//! Long lanes that no test runs, because they take minutes: `cargo run --release -p perjury-xtask -- LANE`.
#![allow(clippy::disallowed_methods)]

mod fuzzing;

use anyhow::{Context, Result, bail};
use clap::Parser;
use databases::real::Needed;
use harness::campaign::{Cell, Orders, Trial};
use harness::{Outcome, Run, SECOND, Seed, Tier, Time};
use perjury::assemble::{Request, carry_out, judgement, plan, try_out};
use perjury::matrix::{built_in, request};
use std::path::Path;
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
    /// Runs on real processes: `raft` must hold under kill, pause and partitions, `sl-async-fo` must be caught
    Local {
        /// Runs of each
        #[arg(long, default_value_t = 10)]
        runs: u64,
    },
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
    /// Install what the tests of real databases need, as root of Debian; elsewhere say what is missing
    Packages,
    /// A node of the lane on real processes: started by the lane, never by a person
    #[command(hide = true)]
    Node,
}

fn main() -> Result<()> {
    match Lane::parse() {
        Lane::Soak { seeds } => soak(seeds),
        Lane::Local { runs } => local(runs),
        Lane::Fuzz { count, model, seed, forced } => fuzzing::fuzz(count, model.as_deref(), seed, forced),
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
    for needed in databases::real::everything().chain([own]) {
        match databases::real::install(&needed) {
            Ok(()) => println!("{}: there", needed.what),
            Err(trouble) if std::env::var_os("PERJURY_NO_SKIP").is_some() => bail!("{trouble}"),
            Err(trouble) => println!("{}: missing; its tests will be skipped. {trouble}", needed.what),
        }
    }
    Ok(())
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

/// For each fault: from its beginning until an operation was answered that a client had asked since whom it spared.
fn served_again(run: &Run) -> Vec<Time> {
    let calls = run.history.calls();
    let span = |fault: &harness::FaultInterval| {
        let hit = fault.fault.nodes(run.plan.nodes.into());
        let answered = calls.iter().filter(|call| {
            let spared = !hit.contains(&run.plan.home(run.client(call.process)));
            spared && call.asked >= fault.began && matches!(call.outcome, Some(Outcome::Ok(_)))
        });
        answered.map(|call| call.answered).min().map(|first| first.since(fault.began))
    };
    run.faults.iter().filter_map(span).collect()
}

fn median_and_worst(mut spans: Vec<Time>) -> (Time, Time) {
    spans.sort();
    let at = |place: usize| spans.get(place).copied().unwrap_or(Time::NEVER);
    (at(spans.len() / 2), at(spans.len().saturating_sub(1)))
}

fn local(runs: u64) -> Result<()> {
    let scratch = Path::new("target").join("local-lane");
    std::fs::create_dir_all(&scratch).with_context(|| format!("creating {}", scratch.display()))?;
    let lanes = [
        ("raft", "register", "kill+pause+halves", 20, "held"),
        ("sl-async-fo", "registration", "isolate-leader", 30, "violated"),
    ];
    for (design, workload, nemesis, seconds, expected) in lanes {
        for seed in (1..=runs).map(Seed) {
            let request = Request {
                design: design.to_string(),
                workload: workload.to_string(),
                nemesis: nemesis.to_string(),
                tier: Tier::Local,
                time: SECOND * seconds,
                seed,
                ..Request::default()
            };
            let planned = plan(&request).context("known names")?;
            let run =
                carry_out(&planned, &scratch.join(format!("{design}-{}", seed.0)), &mut (), &AtomicBool::new(false))?;
            let (verdict, (median, worst)) = (judgement(&run).verdict, median_and_worst(served_again(&run)));
            println!(
                "{design} {workload} {nemesis} seed {}: {}; served again after {median} (median), {worst} (worst)",
                seed.0,
                verdict.word()
            );
            if verdict.word() != expected {
                bail!("expected {expected}, but {verdict:?}");
            }
        }
    }
    Ok(())
}
