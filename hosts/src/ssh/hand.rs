//! What this program does on a machine where a fault needs more than a shell: it is sent there for one run, asked by the agent line by
//! line, and ends when there are no more lines. What it knows of daemons stands in the run's directory, as `agent.sh` keeps it.

use super::ask::{Ask, counted, told};
use crate::damage;
use crate::packets::{Holder, Queue};
use crate::process;
use crate::service::{Held, Service};
use crate::throttle::Tallies;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;

/// Answers whatever is asked, until nobody asks any more. `words` are the run's directory, its name, and whether daemons have pid
/// namespaces.
pub fn hand(words: impl Iterator<Item = OsString>) -> u8 {
    let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let [root, run, space] = &words[..] else {
        eprintln!("perjury: this is started by the controller, on machines that are reached by SSH");
        return 64;
    };
    let tallies = Tallies::default();
    let mut hand = Hand {
        root: root.into(),
        run: run.clone(),
        namespaces: space == "yes",
        daemons: BTreeMap::new(),
        tallies,
        holder: None,
    };
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
    /// Of packets, once there is a queue.
    holder: Option<Holder>,
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
            Ask::Queue => {
                let (number, queue) =
                    any_queue(&self.run).map_err(|error| format!("the kernel has no queue of packets: {error}"))?;
                self.holder = Some(Holder::start(queue).map_err(|error| error.to_string())?);
                Ok(vec![number.to_string()])
            }
            Ask::Slow(links) => {
                let holder = self.holder.as_mut().ok_or("no queue was opened")?;
                holder.set(&links);
                holder.let_go().map(|()| Vec::new()).map_err(failed)
            }
            Ask::Slowed => Ok(self.holder.iter().map(|holder| counted(holder.slowed())).collect()),
        }
    }

    /// A daemon that runs.
    fn daemon(&mut self, name: &str) -> Option<&mut Service> {
        let first: u32 = fs::read_to_string(self.root.join(format!("{name}.first"))).ok()?.trim().parse().ok()?;
        let same = |(known, daemon): &mut (u32, Service)| *known == first && daemon.alive().unwrap_or(false);
        if !self.daemons.get_mut(name).is_some_and(same) {
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

/// A queue that nobody has, looked for from a number on that depends on the run, so that two runs seldom try the same.
fn any_queue(run: &str) -> io::Result<(u16, Queue)> {
    let mixed = run.bytes().fold(0u32, |mixed, byte| mixed.wrapping_mul(31).wrapping_add(byte.into()));
    let first = 1024 + (mixed % 32768) as u16;
    let mut tried = (first..first + 100).map(|number| Queue::open(number).map(|queue| (number, queue)));
    let last = tried.next().expect("one is tried");
    last.or_else(|error| tried.find_map(Result::ok).ok_or(error))
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
