//! One machine of a run, and its daemons.

use super::agent::{Agent, Hello};
use super::door::Door;
use crate::error::Result;
use crate::host::{Daemon, Stopped};
use crate::memory::Limited;
use crate::tool;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// A machine is given this long to do what it was told.
const PATIENCE: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_millis(2);

/// One machine.
pub(super) struct Node {
    pub door: Arc<Door>,
    pub hello: Hello,
    /// Its address among its peers.
    pub address: IpAddr,
    /// The run's name on this machine, which is its table's, too.
    pub run: String,
    /// The run's directory, there and here.
    pub root: PathBuf,
    /// The node's own within it.
    pub dir: PathBuf,
    /// Empty once it was ended.
    agent: Mutex<Option<Agent>>,
    begun: Mutex<BTreeSet<String>>,
    /// What was sent there: when it had been changed here, and how long it was.
    pub(super) sent: Mutex<BTreeMap<PathBuf, (SystemTime, u64)>>,
    /// What is brought here, and how much of it has come.
    pub(super) followed: Mutex<BTreeMap<PathBuf, u64>>,
    commands: AtomicU32,
}

/// What the agent sees of a daemon.
struct Look {
    phase: Phase,
    /// Each process with a letter of `/proc/PID/stat` for each of its threads, those left out that have ended.
    processes: Vec<(u32, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Coming,
    Up,
    Ended(i32),
}

impl Look {
    fn awake(&self) -> usize {
        self.processes.iter().filter(|(_, threads)| threads.contains(|letter| !"Tt".contains(letter))).count()
    }
    fn stopped(&self) -> usize {
        self.processes.iter().filter(|(_, threads)| threads.contains(['T', 't'])).count()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|broken| broken.into_inner())
}

impl Node {
    pub fn new(door: Arc<Door>, agent: Agent, address: IpAddr, run: String, root: PathBuf, dir: PathBuf) -> Node {
        let hello = agent.hello.clone();
        Node {
            door,
            hello,
            address,
            run,
            root,
            dir,
            agent: Mutex::new(Some(agent)),
            begun: Mutex::default(),
            sent: Mutex::default(),
            followed: Mutex::default(),
            commands: AtomicU32::new(0),
        }
    }

    /// Asks the agent, which answers at once.
    pub fn ask(&self, words: &[&str]) -> Result<Vec<String>> {
        self.ask_within(words, self.door.timeout())
    }

    /// Asks the agent, which may take so long. Nobody else asks meanwhile.
    pub(super) fn ask_within(&self, words: &[&str], patience: Duration) -> Result<Vec<String>> {
        let mut agent = lock(&self.agent);
        let agent = agent
            .as_mut()
            .ok_or_else(|| self.door.error("cannot be used", "the host was closed", "set up another one"))?;
        agent.ask(words, patience)
    }

    /// Ends all that runs there, and removes all that was written. Again: nothing.
    pub fn end(&self) -> Result<()> {
        let agent = lock(&self.agent).take();
        agent.map_or(Ok(()), Agent::end)
    }

    /// The file that a daemon writes to.
    pub fn log(&self, daemon: &str) -> PathBuf {
        self.root.join(format!("{daemon}.log"))
    }

    pub fn start(&self, daemon: &Daemon) -> Result<()> {
        let refuse =
            |why: &str, mend: &str| Err(self.door.error(&format!("does not start {}", daemon.name), why, mend));
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if daemon.name.is_empty() || !daemon.name.chars().all(plain) {
            return refuse("its name must be letters, digits, - and _", "give it another name");
        }
        if self.alive(&daemon.name)? {
            return refuse("one of that name runs there", "stop it first, or give this one another name");
        }
        self.send()?;
        let log = self.log(&daemon.name);
        self.follow(&log);
        let words: Vec<String> = std::iter::once(&daemon.program).chain(&daemon.args).map(text).collect();
        let env: Vec<String> =
            daemon.env.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect();
        self.begin(&daemon.name, &log, &log, &env, &words)
    }

    /// Begins a program under a name, and waits until it is on its way.
    fn begin(&self, name: &str, out: &Path, err: &Path, env: &[String], words: &[String]) -> Result<()> {
        let (dir, out, err) = (text(&self.dir), text(out), text(err));
        let own = [
            format!("PATH={}", tool::PATH),
            "LANG=C.UTF-8".to_string(),
            format!("HOME={dir}"),
            format!("PERJURY_RUN={}.{name}.", self.run),
        ];
        let mut line: Vec<&str> = vec!["begin", name, &dir, &out, &err, "env", "-i"];
        line.extend(own.iter().chain(env).chain(words).map(String::as_str));
        self.ask(&line)?;
        lock(&self.begun).insert(name.to_string());
        let began = Instant::now();
        while self.look(name)?.phase == Phase::Coming {
            if began.elapsed() > PATIENCE {
                return Err(self.door.error(
                    &format!("does not start {name}"),
                    "it did not come up",
                    format!("read its log, {out}"),
                ));
            }
            thread::sleep(MOMENT);
        }
        Ok(())
    }

    fn look(&self, name: &str) -> Result<Look> {
        let lines = self.ask(&["look", name])?;
        let mut words = lines.first().map_or("", String::as_str).split(' ');
        let phase = match words.next() {
            Some("coming") => Phase::Coming,
            Some("up") => Phase::Up,
            // One that was killed with its namespace has said nothing.
            _ => Phase::Ended(words.next().and_then(|status| status.parse().ok()).unwrap_or(-1)),
        };
        let process = |line: &String| {
            let (number, letters) = line.split_once(' ')?;
            let letters: String = letters.chars().filter(|letter| !"ZXx".contains(*letter)).collect();
            Some((number.parse().ok()?, letters)).filter(|(_, letters)| !letters.is_empty())
        };
        Ok(Look { phase, processes: lines.iter().skip(1).filter_map(process).collect() })
    }

    pub fn alive(&self, name: &str) -> Result<bool> {
        if !lock(&self.begun).contains(name) {
            return Ok(false);
        }
        Ok(!matches!(self.look(name)?.phase, Phase::Ended(_)))
    }

    pub fn pids(&self, name: &str) -> Result<Vec<u32>> {
        if !self.alive(name)? {
            return Ok(Vec::new());
        }
        Ok(self.look(name)?.processes.into_iter().map(|(number, _)| number).collect())
    }

    /// Kills all of it. Returns how long it took until all were reaped, as seen from here; `None` where nothing ran.
    pub fn kill(&self, name: &str) -> Result<Option<Duration>> {
        if !self.alive(name)? {
            return Ok(None);
        }
        let began = Instant::now();
        self.ask(&["end", name])?;
        if self.wait(name, PATIENCE)? {
            return Ok(Some(began.elapsed()));
        }
        let why = format!("it takes no SIGKILL within {PATIENCE:?}");
        Err(self.door.error(
            &format!("has a {name} that does not die"),
            why,
            "look for a disk that hangs (state D in ps)",
        ))
    }

    pub fn stop(&self, name: &str, patience: Duration) -> Result<Stopped> {
        if !self.alive(name)? {
            return Ok(Stopped::Before);
        }
        // Those that are paused hear of it when they go on.
        for signal in ["TERM", "CONT"] {
            self.ask(&["signal", name, signal])?;
        }
        self.wait(name, patience)?;
        Ok(if self.kill(name)?.is_some() { Stopped::Forced } else { Stopped::Asked })
    }

    /// Whether it has ended before patience did.
    fn wait(&self, name: &str, patience: Duration) -> Result<bool> {
        let began = Instant::now();
        while self.alive(name)? {
            if began.elapsed() > patience {
                return Ok(false);
            }
            thread::sleep(MOMENT);
        }
        Ok(true)
    }

    /// `SIGSTOP`, until every thread of every process shows as stopped, twice in a row: then nobody is left who could fork another one.
    pub fn pause(&self, name: &str) -> Result<bool> {
        let mut quiet = 0;
        self.turn(name, "STOP", move |look| {
            quiet = if !look.processes.is_empty() && look.awake() == 0 { quiet + 1 } else { 0 };
            quiet == 2
        })
    }

    /// `SIGCONT`, until no process shows as stopped.
    pub fn resume(&self, name: &str) -> Result<bool> {
        let mut told = false;
        self.turn(name, "CONT", move |look| std::mem::replace(&mut told, true) && look.stopped() == 0)
    }

    fn turn(&self, name: &str, signal: &str, mut done: impl FnMut(&Look) -> bool) -> Result<bool> {
        let began = Instant::now();
        while self.alive(name)? {
            let look = self.look(name)?;
            if done(&look) {
                return Ok(true);
            }
            self.ask(&["signal", name, signal])?;
            if began.elapsed() > PATIENCE {
                let why = format!("{} of its processes are awake {PATIENCE:?} after {signal}", look.awake());
                let what = format!("has a {name} that does not do as it is told");
                return Err(self.door.error(&what, why, "look for a disk that hangs (state D in ps)"));
            }
            thread::sleep(MOMENT);
        }
        Ok(false)
    }

    /// Lets each of its processes have so many bytes of memory more than it has, or all again; see [`crate::Host::limit_memory`].
    pub fn limit_memory(&self, name: &str, spare: Option<u64>) -> Result<Vec<Limited>> {
        if !self.alive(name)? {
            return Ok(Vec::new());
        }
        let said = self.ask(&["limit", name, &spare.map_or(String::new(), |spare| spare.to_string())])?;
        let limited = |line: &String| {
            let mut numbers = line.split(' ').map(str::parse::<u64>);
            let mut number = || numbers.next()?.ok();
            Some(Limited { pid: number()? as u32, had: number()?, may_have: number()? })
        };
        Ok(said.iter().filter_map(limited).collect())
    }

    /// Runs a command to its end; kills it when patience runs out.
    pub fn run(&self, words: &[&str], patience: Duration) -> Result<Output> {
        self.send()?;
        let name = format!("run-{}", self.commands.fetch_add(1, Relaxed));
        let [out, err] = ["out", "err"].map(|end| self.root.join(format!("{name}.{end}")));
        let line: Vec<String> = words.iter().map(|word| word.to_string()).collect();
        self.begin(&name, &out, &err, &[], &line)?;
        let ended = self.wait(&name, patience)?;
        if !ended {
            self.kill(&name)?;
        }
        let status = match self.look(&name)?.phase {
            Phase::Ended(status) => status,
            Phase::Coming | Phase::Up => unreachable!("it was waited for"),
        };
        let (stdout, stderr) = (self.news(&out, 0)?, self.news(&err, 0)?);
        lock(&self.begun).remove(&name);
        let files = ["first", "end"].map(|end| text(self.root.join(format!("{name}.{end}"))));
        self.ask(&["rm", "-f", &files[0], &files[1], &text(&out), &text(&err)])?;
        match ended {
            true => Ok(Output { status: ExitStatus::from_raw((status & 0xff) << 8), stdout, stderr }),
            false => {
                let why = format!("`{}` took longer than {patience:?} and was killed", words.join(" "));
                Err(self.door.error("does not come to an end", why, "give it more time, or see what it waits for"))
            }
        }
    }
}

/// A word for a shell.
pub(super) fn text(word: impl AsRef<std::ffi::OsStr>) -> String {
    word.as_ref().to_string_lossy().into_owned()
}
