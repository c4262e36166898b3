//! `perjury report`: a finished run in another form.

use super::replay::planned;
use super::{Failure, read};
use crate::assemble::{judgement, rows, unknown};
use crate::folder::replay_command;
use clap::Args;
use harness::{Exit, Run};
use std::path::{Path, PathBuf};

/// Which run, in which form.
#[derive(Args)]
pub struct Arguments {
    /// The folder of a run
    run: PathBuf,
    /// text, json, junit or html
    #[arg(long, default_value = "text")]
    format: String,
}

/// Prints it. The run is judged anew from its history.
pub fn report(arguments: &Arguments) -> Result<Exit, Failure> {
    let format = reports::find(&arguments.format).ok_or_else(|| {
        unknown("format", &arguments.format, &rows(reports::FORMATS, |format| (format.name, format.about)))
    })?;
    let (folder, plan) = planned(&arguments.run)?;
    let file = folder.join("history.jsonl");
    let history = harness::files::history::read(&file.display().to_string(), &read(&file)?)?;
    let run = Run::new(plan, history);
    let (judgement, replay) = (judgement(&run), replay_command(&lasting(&folder)));
    println!(
        "{}",
        (format.render)(&reports::Finished { run: &run, judgement: &judgement, replay: &replay }).trim_end()
    );
    Ok(Exit::Held)
}

/// The folder that a link such as `runs/latest` points to now: a page outlives what the link will point to tomorrow.
fn lasting(folder: &Path) -> PathBuf {
    // A slash at the end would follow the link.
    let link: PathBuf = folder.components().collect();
    std::fs::read_link(&link).map_or_else(|_| link.clone(), |to| link.parent().unwrap_or(Path::new("")).join(to))
}
