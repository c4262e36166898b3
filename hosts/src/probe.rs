//! What this machine can do for real nodes, each found out by doing it.

use crate::child::Nursery;
use crate::process::State;
use rustix::process::{Resource, getrlimit};
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What, in a few words.
    pub name: &'static str,
    /// Good enough for real nodes?
    pub ok: bool,
    /// What was seen, in a sentence.
    pub detail: String,
}

/// Open files that nine nodes with fifty clients need, with room to spare.
const FILES: u64 = 1024;
/// A slower sync than this leaves little of an election time-out.
const SLOW_SYNC: Duration = Duration::from_millis(50);
const SYNCS: usize = 11;

/// Tries everything that real nodes need. Files are written below `dir` and removed.
pub fn probe(dir: &Path) -> Vec<Finding> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let files = getrlimit(Resource::Nofile).current;
    vec![
        finding("loopback", loopback()),
        finding("processes", processes(dir)),
        finding("disk", disk(dir)),
        Finding {
            name: "cores",
            ok: cores >= 2,
            detail: match cores {
                1 => "1: five nodes on one core are late so often that leaders lose their office; use --nodes 3".into(),
                _ => format!("{cores}"),
            },
        },
        Finding {
            name: "open files",
            ok: files.is_none_or(|files| files >= FILES),
            detail: match files {
                Some(files) if files < FILES => format!("at most {files}; raise it with: ulimit -n {FILES}"),
                Some(files) => format!("at most {files}"),
                None => "no limit".into(),
            },
        },
    ]
}

fn finding(name: &'static str, tried: io::Result<(bool, String)>) -> Finding {
    match tried {
        Ok((ok, detail)) => Finding { name, ok, detail },
        Err(error) => Finding { name, ok: false, detail: error.to_string() },
    }
}

fn loopback() -> io::Result<(bool, String)> {
    let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
    Ok((true, format!("127.0.0.1 gives ports, such as {port}")))
}

fn processes(dir: &Path) -> io::Result<(bool, String)> {
    let scratch = Scratch::new(dir)?;
    let nursery = Nursery::new()?;
    let (mut child, _stdout) = nursery.spawn(Path::new("cat"), &[], &scratch.0.join("log"))?;
    if !child.stop()? {
        return Ok((false, "SIGSTOP does not stop a child, so pauses would do nothing".into()));
    }
    let took = child.kill()?;
    let gone = took.is_some() && child.state() == State::Gone;
    Ok((gone, format!("a child was spawned, stopped, and killed within {:.1} ms", millis(took.unwrap_or_default()))))
}

fn disk(dir: &Path) -> io::Result<(bool, String)> {
    let scratch = Scratch::new(dir)?;
    let mut file = File::create(scratch.0.join("sync"))?;
    let mut spans = Vec::new();
    for _ in 0..SYNCS {
        file.write_all(&[7; 128])?;
        let began = Instant::now();
        file.sync_data()?;
        spans.push(began.elapsed());
    }
    spans.sort();
    let median = spans[SYNCS / 2];
    let detail = format!("fdatasync takes {:.2} ms (median of {SYNCS}) in {}", millis(median), dir.display());
    Ok((median < SLOW_SYNC, detail))
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

/// A directory that is removed again.
struct Scratch(PathBuf);

impl Scratch {
    fn new(dir: &Path) -> io::Result<Scratch> {
        let path = dir.join(format!(".perjury-probe-{}-{:?}", std::process::id(), thread::current().id()));
        fs::create_dir_all(&path)?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_tries_everything_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let findings = probe(dir.path());
        let names: Vec<&str> = findings.iter().map(|finding| finding.name).collect();
        assert_eq!(names, ["loopback", "processes", "disk", "cores", "open files"]);
        assert!(findings[0].ok && findings[1].ok, "{findings:?}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_said() {
        let findings = probe(Path::new("/proc/nowhere"));
        assert!(!findings[2].ok && !findings[2].detail.is_empty(), "{findings:?}");
    }
}
