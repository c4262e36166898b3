//! `perjury check`: judge histories that already exist.

use super::replay::planned;
use super::{Failure, read};
use crate::assemble::{rows, unknown};
use clap::Args;
use harness::plan::FORMAT;
use harness::verdict::judge;
use harness::{Budget, Checker, Exit, History, Judgement, Plan, Run, Seed, Settings, Tier, Time, Verdict, What};
use std::path::{Path, PathBuf};

/// Which histories, and who judges.
#[derive(Args)]
pub struct Arguments {
    /// Histories as JSON lines, or folders of runs
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Who judges a file (`perjury list checkers`); a run's folder names its own
    #[arg(long, default_value = "linearizable")]
    checker: String,
    /// Steps of a search before nobody knows
    #[arg(long, default_value_t = Budget::default().steps)]
    budget: u64,
    /// Print JSON, one object a file
    #[arg(long)]
    json: bool,
}

/// Judges them; the worst verdict is the exit code.
pub fn check(arguments: &Arguments) -> Result<Exit, Failure> {
    let checker = checkers::find(&arguments.checker).ok_or_else(|| {
        unknown("checker", &arguments.checker, &rows(checkers::CHECKERS, |checker| (checker.name, checker.about)))
    })?;
    let budget = Budget { steps: arguments.budget };
    // All are read before the first is judged, so that bad input costs nothing.
    let runs: Vec<(PathBuf, Run, bool)> = arguments.files.iter().map(|file| load(file)).collect::<Result<_, _>>()?;
    let mut worst = Exit::Held;
    let mut counts = [0; 4];
    for (file, run, whole) in &runs {
        let judgement = judged(run, *whole, checker, budget);
        worst = worst.worst(judgement.verdict.exit());
        counts[judgement.verdict.exit() as usize] += 1;
        print(arguments, file, run, &judgement);
    }
    if runs.len() > 1 && !arguments.json {
        println!("{} held, {} violated, {} unknown, {} vacuous", counts[0], counts[1], counts[2], counts[3]);
    }
    Ok(worst)
}

/// A whole run is judged by its workload's checkers and must have tested something; a bare history by the one that was named.
fn judged(run: &Run, whole: bool, checker: &Checker, budget: Budget) -> Judgement {
    if whole && let Some(workload) = workloads::find(&run.plan.workload) {
        return judge(run, workload.checkers, budget);
    }
    let opinion = (checker.check)(run, budget);
    Judgement { verdict: opinion.verdict.clone(), opinions: vec![opinion] }
}

fn print(arguments: &Arguments, file: &Path, run: &Run, judgement: &Judgement) {
    let verdict = &judgement.verdict;
    let operations = run.history.calls().len();
    if arguments.json {
        let object = serde_json::json!({
            "format": FORMAT, "file": file.display().to_string(), "verdict": verdict.word(), "exit": verdict.exit() as u8,
            "operations": operations, "opinions": judgement.opinions,
        });
        return println!("{object}");
    }
    println!("{}: {} ({operations} operations)", file.display(), reports::words::headline(judgement));
    if let Verdict::Violated(anomaly) = verdict {
        anomaly.sentences.iter().for_each(|sentence| println!("  {sentence}"));
    }
}

/// The run behind a folder, or one made up around a bare history. The flag says which.
fn load(path: &Path) -> Result<(PathBuf, Run, bool), Failure> {
    let folder = path.is_dir();
    let file = if folder { path.join("history.jsonl") } else { path.to_path_buf() };
    let history = harness::files::history::read(&file.display().to_string(), &read(&file)?)?;
    let plan = if folder { planned(path)?.1 } else { made_up(&history) };
    Ok((path.to_path_buf(), Run::new(plan, history), folder))
}

/// A plan for a history that nobody planned: each process is a client of its own.
fn made_up(history: &History) -> Plan {
    let processes = history.events.iter().filter_map(|event| match &event.what {
        What::Invoke { process, .. } => Some(process.0.saturating_add(1)),
        _ => None,
    });
    Plan {
        format: FORMAT,
        build: crate::build::hash().to_string(),
        design: "unknown".to_string(),
        switches: Vec::new(),
        tier: Tier::Sim,
        workload: "unknown".to_string(),
        nemesis: harness::gate::CALM.to_string(),
        seed: Seed(0),
        nodes: 1,
        clients: processes.max().unwrap_or(1),
        time: history.events.last().map_or(Time::ZERO, |event| event.time),
        settings: Settings::default(),
        asks: Vec::new(),
        strikes: Vec::new(),
        finals: Vec::new(),
    }
}
