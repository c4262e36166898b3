//! What this program does on a machine where a fault needs more than a shell: it is sent there for one run, asked by the agent line by
//! line, and ends when there are no more lines. What it knows of daemons stands in the run's directory, as `agent.sh` keeps it.

use super::door::{base64, unbase64};
use crate::damage::{self, Damage, Hurt};
use crate::process;
use crate::service::{Held, Service};
use crate::throttle::{Share, Tallies};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A question, in the words of one line; the last one may have spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    /// Why no process's clock can be set, a line, or none.
    Clock,
    /// Makes a daemon's clock wrong; how many processes read back so.
    Skew(i64, &'a str),
    /// Lets a daemon run for a share of the time; whether it runs.
    Throttle(Option<Share>, &'a str),
    /// For how many microseconds it was held.
    Held(&'a str),
    /// Stops it, throttled or not; whether it runs.
    Pause(&'a str),
    /// Lets it go on; whether it runs.
    Resume(&'a str),
    /// The files below a directory, a line each.
    Files(&'a Path),
    /// Damages one; what was done, in a line.
    Damage(Hurt, &'a Path),
    /// Puts back what was there; whether it was as it was left.
    Undo(Damage),
}

impl Ask<'_> {
    /// The words of its line.
    pub fn words(&self) -> Vec<String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let words = |words: &[&str]| words.iter().map(|word| word.to_string()).collect();
        match self {
            Ask::Clock => words(&["clock"]),
            Ask::Skew(offset, name) => words(&["skew", &offset.to_string(), name]),
            Ask::Throttle(share, name) => {
                let (period, percent) = share.map_or((0, 0), |share| (share.period.as_micros(), share.percent));
                words(&["throttle", &period.to_string(), &percent.to_string(), name])
            }
            Ask::Held(name) => words(&["held", name]),
            Ask::Pause(name) => words(&["pause", name]),
            Ask::Resume(name) => words(&["resume", name]),
            Ask::Files(dir) => words(&["files", &text(dir)]),
            Ask::Damage(Hurt::Flip { byte, bit }, path) => {
                words(&["flip", &byte.to_string(), &bit.to_string(), &text(path)])
            }
            Ask::Damage(Hurt::Shorten(bytes), path) => words(&["shorten", &bytes.to_string(), &text(path)]),
            Ask::Undo(damage) => {
                let mut all = vec!["undo".to_string()];
                all.extend(told(damage).split(' ').map(str::to_string));
                all.push(text(&damage.file));
                all
            }
        }
    }

    fn read(line: &str) -> Option<Ask<'_>> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = rest.splitn(3, ' ');
        Some(match verb {
            "clock" => Ask::Clock,
            "held" => Ask::Held(rest),
            "pause" => Ask::Pause(rest),
            "resume" => Ask::Resume(rest),
            "files" => Ask::Files(Path::new(rest)),
            "skew" => Ask::Skew(words.next()?.parse().ok()?, words.next()?),
            "throttle" => {
                let (period, percent): (u64, u8) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
                let share = Share { period: Duration::from_micros(period), percent };
                Ask::Throttle(Some(share).filter(|_| period > 0), words.next()?)
            }
            "flip" => {
                let (byte, bit) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
                Ask::Damage(Hurt::Flip { byte, bit }, Path::new(words.next()?))
            }
            "shorten" => {
                let (bytes, path) = rest.split_once(' ')?;
                Ask::Damage(Hurt::Shorten(bytes.parse().ok()?), Path::new(path))
            }
            "undo" => {
                let (told, file) = rest.match_indices(' ').nth(3).map(|(at, _)| (&rest[..at], &rest[at + 1..]))?;
                Ask::Undo(damaged(told, Path::new(file))?)
            }
            _ => return None,
        })
    }
}

/// What was done to a file, its name left out: where, how long it was, what was there and what is there.
fn told(damage: &Damage) -> String {
    let Damage { offset, length, before, after, .. } = damage;
    format!("{offset} {length} {} {}", base64(before), base64(after))
}

/// Reads that back.
pub(super) fn damaged(told: &str, file: &Path) -> Option<Damage> {
    let mut words = told.split(' ');
    let (offset, length) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (before, after) = (unbase64(words.next()?)?, unbase64(words.next()?)?);
    Some(Damage { file: file.to_path_buf(), offset, before, after, length })
}

/// Answers whatever is asked, until nobody asks any more. `words` are the run's directory, its name, and whether daemons have pid
/// namespaces.
pub fn hand(words: impl Iterator<Item = OsString>) -> u8 {
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let [root, run, space] = &words[..] else {
        eprintln!("perjury: this is started by the controller, on machines that are reached by SSH");
        return 64;
    };
    let tallies = Tallies::default();
    let mut hand =
        Hand { root: root.into(), run: run.clone(), namespaces: space == "yes", daemons: BTreeMap::new(), tallies };
    let mut out = io::stdout();
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let answer = match Ask::read(&line) {
            Some(ask) => hand.answer(ask),
            None => Err(format!("it does not understand `{line}`: the controller is another version")),
        };
        let said = match answer {
            Ok(lines) => lines.iter().map(|line| format!("{line}\n")).collect::<String>() + "= 0\n",
            Err(why) => format!("{}\n= 1\n", why.replace('\n', " ")),
        };
        if out.write_all(said.as_bytes()).and_then(|()| out.flush()).is_err() {
            break;
        }
    }
    0
}

struct Hand {
    root: PathBuf,
    run: String,
    namespaces: bool,
    /// By the number of the first process, which is another one when the daemon was started again.
    daemons: BTreeMap<String, (u32, Service)>,
    tallies: Tallies,
}

/// The lines of an answer, or why there is none.
type Answer = Result<Vec<String>, String>;

impl Hand {
    fn answer(&mut self, ask: Ask) -> Answer {
        let yes = |yes: bool| vec![if yes { "yes" } else { "no" }.to_string()];
        let failed = |error: crate::Error| format!("{}: {}", error.what, error.why);
        let disk = |error: io::Error| error.to_string();
        match ask {
            Ask::Clock => Ok(crate::clock::possible().and_then(|()| others()).err().into_iter().collect()),
            Ask::Skew(offset, name) => {
                let skewed = self.daemon(name).map_or(Ok(0), |daemon| daemon.skew(offset));
                skewed.map(|count| vec![count.to_string()]).map_err(failed)
            }
            Ask::Throttle(share, name) => {
                let tally = self.tallies.of(0, name);
                let held = self.daemon(name).map_or(Ok(false), |daemon| daemon.throttle(share, tally));
                held.map(yes).map_err(failed)
            }
            Ask::Held(name) => Ok(vec![self.tallies.told(0, name).as_micros().to_string()]),
            Ask::Pause(name) => self.daemon(name).map_or(Ok(false), Service::pause).map(yes).map_err(failed),
            Ask::Resume(name) => self.daemon(name).map_or(Ok(false), Service::resume).map(yes).map_err(failed),
            Ask::Files(dir) => {
                let found = damage::files(dir).map_err(disk)?;
                let names = found.into_iter().filter_map(|path| path.into_os_string().into_string().ok());
                // A name of several lines is nobody's data.
                Ok(names.filter(|name| !name.contains('\n')).collect())
            }
            Ask::Damage(hurt, path) => damage::damage(path, hurt).map(|damage| vec![told(&damage)]).map_err(disk),
            Ask::Undo(damage) => damage.undo().map(yes).map_err(disk),
        }
    }

    /// A daemon that runs.
    fn daemon(&mut self, name: &str) -> Option<&mut Service> {
        let first: u32 = fs::read_to_string(self.root.join(format!("{name}.first"))).ok()?.trim().parse().ok()?;
        if self.daemons.get(name).is_none_or(|(known, _)| *known != first) {
            let held = match self.namespaces {
                true => Held::Namespace { init: first, name: process::namespace(first, "pid")? },
                false => Held::Marked(format!("PERJURY_RUN={}.{name}.", self.run)),
            };
            self.daemons.insert(name.to_string(), (first, Service::of(first, held)));
        }
        let (_, daemon) = self.daemons.get_mut(name)?;
        if daemon.alive().unwrap_or(false) { Some(daemon) } else { None }
    }
}

/// Why the memory of processes that are no children of this one cannot be written, although that of children can.
fn others() -> Result<(), String> {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    match scope.trim() {
        "" | "0" => Ok(()),
        _ if rustix::process::geteuid().is_root() => Ok(()),
        scope => Err(format!(
            "/proc/sys/kernel/yama/ptrace_scope is {scope}, so that only root may write another process's memory: log in as root, or say \
             `sudo = true`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_back_from_its_line() {
        let path = Path::new("/a path/with  spaces");
        let share = Share { period: Duration::from_millis(20), percent: 35 };
        let damage = |before: &[u8], after: &[u8]| Damage {
            file: path.to_path_buf(),
            offset: 7,
            before: before.to_vec(),
            after: after.to_vec(),
            length: 99,
        };
        let questions = [
            Ask::Clock,
            Ask::Skew(-100_000_000, "etcd"),
            Ask::Throttle(Some(share), "etcd"),
            Ask::Throttle(None, "etcd"),
            Ask::Held("a-b_c"),
            Ask::Pause("etcd"),
            Ask::Resume("etcd"),
            Ask::Files(path),
            Ask::Damage(Hurt::Flip { byte: u64::MAX, bit: 7 }, path),
            Ask::Damage(Hurt::Shorten(512), path),
            Ask::Undo(damage(&[0, 255, 10], &[])),
            Ask::Undo(damage(&[1], &[3])),
        ];
        for question in questions {
            assert_eq!(Ask::read(&question.words().join(" ")), Some(question));
        }
        for line in ["", "skew", "skew x etcd", "throttle 5 etcd", "undo 1 2 !! /file", "files"] {
            let read = Ask::read(line);
            assert!(read.is_none() || read == Some(Ask::Files(Path::new(""))), "{line}: {read:?}");
        }
    }
}
