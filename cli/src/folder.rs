//! A run's folder: `history.jsonl`, `plan.json`, `verdict.json`, `report.html`, and the logs of real nodes.

use anyhow::{Context, Result};
use harness::{Judgement, Plan, Run};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A folder that exists.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes `out/<name>/<time>-<seed>/`, writes the plan into it and lets `out/latest` point to it.
    pub fn create(out: &Path, plan: &Plan) -> Result<Folder> {
        databases::bundled::sweep(out);
        let switched: String = plan.switches.iter().map(|switch| format!("+{switch}")).collect();
        // Browsers take what stands before a colon for a protocol.
        let design = plan.design.replace([':', '=', ','], "-");
        let name = format!("{design}{switched}-{}-{}", plan.workload, plan.nemesis);
        let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string().replace(':', "-");
        let path = fresh(&out.join(name), &format!("{}-{}", time.trim_end_matches('Z'), plan.seed.0))?;
        let folder = Folder { path };
        folder.write("plan.json", &harness::files::plan::write(plan))?;
        point(&out.join("latest"), &folder.path);
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file into which events are appended as they happen.
    pub fn history(&self) -> Result<fs::File> {
        let path = self.path.join("history.jsonl");
        fs::File::create(&path).with_context(|| format!("creating {}", path.display()))
    }

    /// Writes a whole history at once.
    pub fn write_history(&self, run: &Run) -> Result<()> {
        self.write("history.jsonl", &harness::files::history::write(&run.history))
    }

    /// Writes what there is to say once a run is judged.
    pub fn finish(&self, run: &Run, judgement: &Judgement) -> Result<()> {
        let replay = replay_command(&self.path);
        let finished = reports::Finished { run, judgement, replay: &replay };
        for name in ["json", "html", "junit"] {
            let format = reports::find(name).expect("the format is in the table");
            self.write(format.file, &(format.render)(&finished))?;
        }
        Ok(())
    }

    fn write(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path.join(name);
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))
    }
}

/// The command that replays what is in a folder.
pub fn replay_command(folder: &Path) -> String {
    format!("perjury replay {}", folder.display())
}

/// A new folder of this name, with a number behind it where the name is taken.
fn fresh(parent: &Path, name: &str) -> Result<PathBuf> {
    fs::create_dir_all(parent).with_context(|| format!("creating {}", parent.display()))?;
    for number in 1.. {
        let path = parent.join(if number == 1 { name.to_string() } else { format!("{name}.{number}") });
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(|| format!("creating {}", path.display())),
        }
    }
    unreachable!("some number is free")
}

/// Lets a link point to the newest folder; a convenience, so what does not work is let be.
fn point(link: &Path, folder: &Path) {
    let target = folder.strip_prefix(link.parent().unwrap_or(Path::new(""))).unwrap_or(folder);
    if fs::symlink_metadata(link).is_ok_and(|found| found.is_symlink()) {
        let _ = fs::remove_file(link);
    }
    let _ = std::os::unix::fs::symlink(target, link);
}
