//! `perjury run`: one system, one workload, one nemesis.

mod arguments;

pub use arguments::Arguments;
pub(super) use arguments::machines_of;

use super::{Failure, stop_flag};
use crate::assemble::{Request, Usage, carry_out, judgement, plan, shape};
use crate::folder::{Folder, replay_command};
use crate::progress::Progress;
use harness::campaign::{Cell, Expected, Observed, Orders, Other, Trial};
use harness::gate::{CALM, ROUNDS};
use harness::plan::FORMAT;
use harness::{Exit, Judgement, Plan, Run, SECOND, Seed, Shape, Tier, Time};
use std::path::Path;

/// Runs it.
pub fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let request = arguments.request()?;
    if arguments.seed.checked_add(arguments.seeds).is_none() {
        return Err(Failure::Usage("--seed and --seeds together are beyond the last seed".to_string()));
    }
    let first = plan(&request)?;
    if let Some(warning) = too_short(&request, &first) {
        eprintln!("perjury: {warning}");
    }
    if arguments.install {
        arguments.install()?;
    }
    if request.tier == Tier::Netns {
        super::enter_namespaces()?;
    }
    if arguments.seeds == 1 {
        return carry(first, &arguments.out, arguments.json);
    }
    match request.tier {
        Tier::Sim => many(arguments, &request),
        Tier::Local | Tier::Netns | Tier::Ssh | Tier::Url => {
            let mut worst = Exit::Held;
            for seed in (arguments.seed..).take(arguments.seeds as usize) {
                worst = worst.worst(carry(
                    plan(&Request { seed: Seed(seed), ..request.clone() })?,
                    &arguments.out,
                    arguments.json,
                )?);
            }
            Ok(worst)
        }
    }
}

/// What to say of a run that has no room for as many faults as one that holds must have met: it can only be violated or vacuous.
fn too_short(request: &Request, plan: &Plan) -> Option<String> {
    let planned = plan.strikes.len();
    if request.strikes.is_some() || plan.nemesis == CALM || planned >= ROUNDS {
        return None;
    }
    let room = |time: &Time| {
        let shape = Shape { time: *time, ..shape(request) };
        nemesis::plan(&request.nemesis, &shape, request.seed).is_ok_and(|strikes| strikes.len() >= ROUNDS)
    };
    let enough = (1..=600).map(|seconds| request.time + SECOND * seconds).find(room);
    let mend = enough.map_or_else(String::new, |time| format!("; --time {}s has room", time.0.div_ceil(SECOND.0)));
    let faults = if planned == 1 { "fault" } else { "faults" };
    Some(format!(
        "{} s have room for {planned} {faults} of {}, and a run that holds needs {ROUNDS}: it will be vacuous unless it is violated{mend}",
        request.time.seconds(),
        plan.nemesis
    ))
}

/// Carries out a plan in a folder of its own below `out`, and tells what came of it.
pub(super) fn carry(plan: Plan, out: &Path, json: bool) -> Result<Exit, Failure> {
    let stop = stop_flag_once();
    let folder = Folder::create(out, &plan)?;
    let mut progress = Progress::new(&plan, folder.history()?);
    let run = carry_out(&plan, folder.path(), &mut progress, stop)?;
    let written = progress.finish();
    written.map_err(|error| {
        Failure::Trouble(format!("the history in {} was not written: {error}", folder.path().display()))
    })?;
    let judgement = judgement(&run);
    folder.finish(&run, &judgement)?;
    show(json, &run, &judgement, &folder);
    Ok(judgement.verdict.exit())
}

/// The handler of Ctrl-C can be set once a process.
fn stop_flag_once() -> &'static std::sync::atomic::AtomicBool {
    static STOP: std::sync::OnceLock<std::sync::Arc<std::sync::atomic::AtomicBool>> = std::sync::OnceLock::new();
    STOP.get_or_init(stop_flag)
}

fn show(json: bool, run: &Run, judgement: &Judgement, folder: &Folder) {
    let replay = replay_command(folder.path());
    let finished = reports::Finished { run, judgement, replay: &replay };
    let name = if json { "json" } else { "text" };
    let format = reports::find(name).expect("the format is in the table");
    println!("{}", (format.render)(&finished).trim_end());
    if !json {
        println!("report: {}", folder.path().join("report.html").display());
    }
}

/// Many seeds of one cell: a line for each thing that came out, and the files of its first run.
fn many(arguments: &Arguments, request: &Request) -> Result<Exit, Failure> {
    let cell = Cell {
        design: request.design.clone(),
        switches: request.switches.clone(),
        workload: request.workload.clone(),
        nemesis: request.nemesis.clone(),
        nodes: request.nodes,
        clients: request.clients,
        time: request.time,
        rate: request.rate,
        settings: request.settings.clone(),
        seeds: (arguments.seed, arguments.seeds),
        enough: None,
        mark: None,
        expected: Expected::Held,
    };
    let test = |cells: &[&Cell], seed: Seed| {
        let plan = plan(&Request { seed, ..request.clone() }).map_err(internal)?;
        let (run, judgement) = crate::assemble::try_out(&plan)?;
        Ok(cells.iter().map(|cell| Trial::of(cell, &run, &judgement)).collect())
    };
    let bar = crate::progress::bar(arguments.seeds);
    let progress = |done: usize| bar.set_position(done as u64);
    let jobs = std::thread::available_parallelism().map_or(1, usize::from);
    let orders = Orders { jobs, asks: &|name| name, stop: stop_flag_once(), progress: &progress };
    let (observed, complete) = harness::campaign::run(&[cell], &test, &orders)?;
    bar.finish_and_clear();
    tell(arguments, request, &observed[0], complete)
}

/// One line for each thing that came out, with the files of its first run.
fn tell(arguments: &Arguments, request: &Request, observed: &Observed, complete: bool) -> Result<Exit, Failure> {
    let mut worst = if complete { Exit::Held } else { Exit::Unknown };
    let mut lines = vec![format!("held: {} of {} runs", observed.held, arguments.seeds)];
    for Other { exit, what, runs, first_seed } in &observed.others {
        worst = worst.worst(*exit);
        let folder = keep(arguments, &Request { seed: Seed(*first_seed), ..request.clone() })?;
        let (word, replay) = (format!("{exit:?}").to_lowercase(), replay_command(folder.path()));
        let runs = if *runs == 1 { "1 run".to_string() } else { format!("{runs} runs") };
        lines.push(format!("{word}: {runs}, {what}; the first is seed {first_seed}: {replay}"));
    }
    if !complete {
        lines.push("stopped before the last seed".to_string());
    }
    if arguments.json {
        let seeds = (arguments.seed, arguments.seeds);
        let json = serde_json::json!({
            "format": FORMAT, "exit": worst as u8, "first_seed": seeds.0, "seeds": seeds.1, "observed": observed,
        });
        lines = vec![format!("{json:#}")];
    }
    lines.iter().for_each(|line| println!("{line}"));
    Ok(worst)
}

/// Runs a seed again and keeps its files.
fn keep(arguments: &Arguments, request: &Request) -> Result<Folder, Failure> {
    let plan = plan(request)?;
    let (run, judgement) = crate::assemble::try_out(&plan)?;
    let folder = Folder::create(&arguments.out, &plan)?;
    folder.write_history(&run)?;
    folder.finish(&run, &judgement)?;
    Ok(folder)
}

fn internal(usage: Usage) -> harness::Trouble {
    harness::Trouble::new(
        "planning a run that was planned before",
        usage,
        "this is a mistake in perjury; please report it",
    )
}
