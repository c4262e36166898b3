//! Histories of other tools: every file is read first, then judged by one model, several at once.

use super::{Arguments, Failure, history_of, summary};
use crate::assemble::{rows, unknown};
use checkers::model::Limits;
use checkers::models::{Judged, MODELS, Options, Spec, find, judge};
use harness::files::foreign::{Foreign, read};
use harness::plan::FORMAT;
use harness::{Exit, Judgement, Opinion, Verdict};
use rayon::prelude::*;
use reports::words::{count, headline, visible};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// The checker that knows models.
const CHECKER: &str = "linearizable";

/// Reads and judges; the worst verdict is the exit code. Nothing is printed before all files were read and understood.
pub fn check(arguments: &Arguments, model: &str) -> Result<Exit, Failure> {
    let model = find(model).ok_or_else(|| unknown("model", model, &rows(MODELS, |model| (model.name, model.about))))?;
    if arguments.checker != CHECKER {
        let words = format!("--model is for the checker {CHECKER}; {} judges runs of its own", arguments.checker);
        return Err(Failure::Usage(words));
    }
    let options = options(arguments);
    // Zero threads stand for all cores.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(arguments.jobs.unwrap_or(0) as usize).build();
    let pool = pool.map_err(|error| Failure::Trouble(format!("cannot start {:?} threads: {error}", arguments.jobs)))?;
    let histories: Vec<Result<Foreign, Failure>> =
        pool.install(|| arguments.files.par_iter().map(|path| load(path)).collect());
    // Of several bad files the first one is named, whichever was read first.
    let histories = histories.into_iter().collect::<Result<Vec<Foreign>, Failure>>()?;
    let judged: Vec<Result<Found, Failure>> = pool.install(|| {
        let pairs = arguments.files.par_iter().zip(&histories).with_max_len(1);
        pairs.map(|(path, history)| found(model, path, history, &options)).collect()
    });
    let judged = judged.into_iter().collect::<Result<Vec<Found>, Failure>>()?;
    for ((path, history), found) in arguments.files.iter().zip(&histories).zip(&judged) {
        match arguments.json {
            true => println!("{}", object(model, path, history, found)),
            false => print(path, found),
        }
    }
    let exits: Vec<Exit> = judged.iter().map(|found| found.judged.verdict.exit()).collect();
    Ok(summary(arguments, &exits))
}

fn options(arguments: &Arguments) -> Options {
    let usual = Limits::default();
    let limits =
        Limits { steps: arguments.budget.unwrap_or(usual.steps), bytes: arguments.memory.unwrap_or(usual.bytes) };
    Options { initial: arguments.initial.clone(), independent: arguments.independent, limits }
}

fn load(path: &Path) -> Result<Foreign, Failure> {
    let file = history_of(path);
    let bytes = std::fs::read(&file);
    let bytes = bytes.map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
    Ok(read(&file.display().to_string(), &bytes)?)
}

/// What was found out about one file, and how long that took.
struct Found {
    judged: Judged,
    took: Duration,
}

fn found(model: &Spec, path: &Path, history: &Foreign, options: &Options) -> Result<Found, Failure> {
    let start = Instant::now();
    let judged = judge(model, &history.records, options).map_err(|misfit| {
        let file = history_of(path).display().to_string();
        Failure::Usage(match misfit.line {
            0 => misfit.to_string(),
            line => visible(&format!("{file}:{line}:{}: {}", misfit.column, misfit.what)),
        })
    })?;
    Ok(Found { judged: told_of_nobody(judged, history), took: start.elapsed() })
}

/// A file in which no process is a number has no call of any client: that is worth saying, since it is often a mistake.
fn told_of_nobody(judged: Judged, history: &Foreign) -> Judged {
    if history.records.is_empty() && history.others > 0 {
        let events = count(history.others, "event");
        let why = format!("{events}, but none of a client: clients are processes whose names are numbers");
        return Judged { verdict: Verdict::Vacuous(why), ..judged };
    }
    judged
}

fn print(path: &Path, found: &Found) {
    let judged = &found.judged;
    let opinion = Opinion::new(CHECKER, judged.verdict.clone());
    let headline = headline(&Judgement { verdict: judged.verdict.clone(), opinions: vec![opinion] });
    let operations = count(judged.operations, "operation");
    println!("{}: {headline} ({operations}, {:.1} ms)", path.display(), milliseconds(found));
    if let Verdict::Violated(anomaly) = &judged.verdict {
        anomaly.sentences.iter().for_each(|sentence| println!("  {}", visible(sentence)));
        // The first note counts operations, which stand in the headline.
        judged.notes.iter().skip(1).for_each(|note| println!("  {}", visible(note)));
    }
}

/// To the microsecond; nobody measures finer by one call.
fn milliseconds(found: &Found) -> f64 {
    found.took.as_micros() as f64 / 1e3
}

/// One file for programs. Events are counted from 0 among those of the file.
fn object(model: &Spec, path: &Path, history: &Foreign, found: &Found) -> Value {
    let judged = &found.judged;
    json!({
        "format": FORMAT,
        "file": path.display().to_string(),
        "checker": CHECKER,
        "model": model.name,
        "verdict": judged.verdict.word(),
        "exit": judged.verdict.exit() as u8,
        "milliseconds": milliseconds(found),
        "events": history.events,
        "operations": judged.operations,
        "objects": judged.parts,
        "steps": judged.steps,
        "notes": judged.notes,
        "evidence": evidence(judged),
    })
}

/// Why one should believe the verdict.
fn evidence(judged: &Judged) -> Value {
    match &judged.verdict {
        Verdict::Held => json!({"length": judged.order.as_ref().map(Vec::len), "order": judged.order}),
        Verdict::Violated(anomaly) => json!({
            "class": anomaly.class,
            "sentences": anomaly.sentences,
            "window": judged.window,
            "events": anomaly.events,
            "calls": anomaly.table,
            "confirmed": judged.confirmed,
            "by": if judged.confirmed == Some(true) { "plain search" } else { "engine only" },
        }),
        Verdict::Unknown(why) | Verdict::Vacuous(why) => json!({"why": why}),
    }
}
