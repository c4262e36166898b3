//! `perjury replay`: the same plan again; in the simulator compared byte for byte, on real processes a run of its own.

use super::run::carry;
use super::{Failure, default_out, read, stop_flag};
use crate::assemble::{carry_out, check_plan, judgement};
use clap::Args;
use harness::{Exit, Plan, Tier};
use std::path::{Path, PathBuf};

/// Which run.
#[derive(Args)]
pub struct Arguments {
    /// The folder of a run, or a plan.json: its history is compared where it stands beside the plan
    run: PathBuf,
    /// Real processes never do the same twice: where the folder of their new run goes
    #[arg(long, default_value_os_t = default_out())]
    out: PathBuf,
}

/// Replays it.
pub fn replay(arguments: &Arguments) -> Result<Exit, Failure> {
    let (folder, plan) = planned(&arguments.run)?;
    let before = history(&arguments.run, &folder, plan.tier)?;
    let same_build = plan.build == crate::build::hash();
    if !same_build {
        println!(
            "the plan was made by build {}, this is build {}: the history may differ",
            plan.build,
            crate::build::hash()
        );
    }
    if plan.tier == Tier::Netns {
        super::enter_namespaces()?;
    }
    if plan.tier != Tier::Sim {
        println!("real processes never give the same bytes twice: this is a new run of the same plan");
        return carry(Plan { build: crate::build::hash().to_string(), ..plan }, &arguments.out, false);
    }
    let scratch = tempfile::tempdir().map_err(|error| Failure::Trouble(format!("a temporary folder: {error}")))?;
    let run = carry_out(&plan, scratch.path(), &mut (), &stop_flag())?;
    let (now, judgement) = (harness::files::history::write(&run.history), judgement(&run));
    println!("{}", reports::words::headline(&judgement));
    let verdict = judgement.verdict.exit();
    let file = folder.join("history.jsonl");
    let Some(before) = before else {
        println!("no history stands beside the plan, so there is nothing to compare");
        return Ok(verdict);
    };
    match first_difference(&before, &now) {
        None => {
            println!("byte-equal: {} bytes, as in {}", now.len(), file.display());
            Ok(verdict)
        }
        Some((line, before, now)) => {
            println!("the history differs from {} at line {line}:\n- {before}\n+ {now}", file.display());
            if same_build {
                println!(
                    "the build is the same, so either one of the files was changed, or this is a mistake in perjury: please report it with the plan"
                );
            }
            Ok(verdict.worst(Exit::ReplayDiffered))
        }
    }
}

/// What the earlier run saw. A run's folder must hold it; a plan alone need not, and real processes are not compared.
fn history(run: &Path, folder: &Path, tier: Tier) -> Result<Option<String>, Failure> {
    let file = folder.join("history.jsonl");
    if tier != Tier::Sim || (!run.is_dir() && !file.exists()) {
        return Ok(None);
    }
    read(&file).map(Some)
}

/// The folder and plan of a run.
pub fn planned(path: &Path) -> Result<(PathBuf, Plan), Failure> {
    let file = if path.is_dir() { path.join("plan.json") } else { path.to_path_buf() };
    let plan = harness::files::plan::read(&file.display().to_string(), &read(&file)?)?;
    check_plan(&plan).map_err(|usage| Failure::Usage(format!("{}: {usage}", file.display())))?;
    Ok((file.parent().unwrap_or(Path::new(".")).to_path_buf(), plan))
}

/// The first line in which two texts differ, counted from 1, as it stands in both.
fn first_difference<'a>(before: &'a str, now: &'a str) -> Option<(usize, &'a str, &'a str)> {
    if before == now {
        return None;
    }
    // Not by `lines`, which is blind to how the last line ends.
    let (mut before, mut now) = (before.split('\n'), now.split('\n'));
    for line in 1.. {
        match (before.next(), now.next()) {
            (None, None) => return None,
            (one, other) if one == other => {}
            (one, other) => return Some((line, one.unwrap_or("(nothing)"), other.unwrap_or("(nothing)"))),
        }
    }
    None
}
