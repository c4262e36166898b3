//! A daemon on a node: a pid namespace of its own within the node's, so that whatever it forks, and however, is known and hit too.

use super::space::Space;
use crate::clock::{self, Clock};
use crate::error::{Error, Result, file, machine};
use crate::host::{Daemon, Stopped};
use crate::process::{self, State};
use crate::tool;
use rustix::process::Signal;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The kernel is given this long to do what it was told.
const PATIENCE: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_millis(1);

/// The first process of the daemon's namespace: it reaps orphans while it waits, and its end ends everybody.
/// What stands before it in the row, `nsenter` and `unshare`, has another standard error: not all that they say is the daemon's.
const INIT: &str = r#"cd "$0" && "$@" 2>&1; exit $?"#;

/// A daemon that was started.
#[derive(Debug)]
pub(super) struct Service {
    /// Ends when the daemon has ended and all that it has forked is reaped.
    child: Child,
    /// The first process of its namespace.
    init: u32,
    /// The name of that namespace.
    namespace: PathBuf,
}

/// A command that enters all namespaces of a node, with an environment that is the same everywhere.
pub(super) fn enter(node: &Space, home: &Path) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--net", "--mount", "--uts", "--pid", "--target", &node.pid.to_string(), "--"]);
    let path = std::env::var_os("PATH").unwrap_or_else(|| tool::PATH.into());
    command
        .env_clear()
        .env("PATH", path)
        .env("LANG", "C.UTF-8")
        .env("HOME", home)
        .stdin(Stdio::null())
        .process_group(0);
    command
}

impl Service {
    /// Starts it on `node`, in `dir`.
    pub fn start(node: &Space, dir: &Path, daemon: &Daemon, log: &Path) -> Result<Service> {
        let output = OpenOptions::new().create(true).append(true).open(log).map_err(file("write", log))?;
        let mut command = enter(node, dir);
        command.args(["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "sh", "-c", INIT]);
        command.arg(dir).arg(&daemon.program).args(&daemon.args);
        command.envs(daemon.env.iter().map(|(name, value)| (name, value))).stdout(output).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(tool::missing("nsenter"))?;
        // `nsenter` waits for `unshare`, which waits for the first process of the new namespace.
        let began = Instant::now();
        loop {
            let init = process::child_of(child.id()).and_then(process::child_of);
            if let Some((init, namespace)) = init.and_then(|init| Some((init, process::namespace(init, "pid")?))) {
                return Ok(Service { child, init, namespace });
            }
            let ended = child.try_wait().map_err(machine("cannot wait for a process"))?;
            if ended.is_some() || began.elapsed() > PATIENCE {
                let _ = child.kill();
                let said =
                    child.wait_with_output().map(|output| String::from_utf8_lossy(&output.stderr).trim().to_string());
                return Err(Error::new(
                    format!("cannot start {}", daemon.name),
                    format!("its namespace did not last: {}", said.unwrap_or_else(|error| error.to_string())),
                    format!("read its log, {}", log.display()),
                ));
            }
            thread::sleep(MOMENT);
        }
    }

    /// Whether it has not ended yet.
    pub fn alive(&mut self) -> Result<bool> {
        Ok(self.child.try_wait().map_err(machine("cannot wait for a process"))?.is_none())
    }

    /// The numbers of its processes, without the first one, which is ours.
    pub fn pids(&self) -> Vec<u32> {
        process::all().filter(|pid| *pid != self.init && self.holds(*pid)).collect()
    }

    fn holds(&self, pid: u32) -> bool {
        process::namespace(pid, "pid").as_ref() == Some(&self.namespace)
    }

    /// Kills the first process of its namespace, with which the kernel kills all others, and waits until all are reaped. Returns
    /// how long that took; `None` if it had ended before.
    pub fn kill(&mut self) -> Result<Option<Duration>> {
        if !self.alive()? {
            return Ok(None);
        }
        let began = Instant::now();
        let sent = process::signal_if(self.init, Signal::KILL, |pid| self.holds(pid));
        sent.map_err(machine("cannot kill a daemon"))?;
        self.wait(PATIENCE)?;
        if self.alive()? {
            return Err(Error::new(
                "a daemon does not die",
                format!("process {} and those below it take no SIGKILL within {PATIENCE:?}", self.init),
                "look for a disk that hangs (state D in ps)",
            ));
        }
        Ok(Some(began.elapsed()))
    }

    /// Asks all its processes to end, and kills them when patience runs out.
    pub fn stop(&mut self, patience: Duration) -> Result<Stopped> {
        if !self.alive()? {
            return Ok(Stopped::Before);
        }
        // Those that are paused hear of it when they go on.
        for signal in [Signal::TERM, Signal::CONT] {
            self.signal(&self.pids(), signal)?;
        }
        self.wait(patience)?;
        Ok(if self.kill()?.is_some() { Stopped::Forced } else { Stopped::Asked })
    }

    /// `SIGSTOP`, until every thread of every process shows as stopped, twice in a row: then nobody is left who could fork another one.
    pub fn pause(&mut self) -> Result<bool> {
        let mut quiet = 0;
        self.turn(Signal::STOP, move |awake, all| {
            quiet = if all > 0 && awake.is_empty() { quiet + 1 } else { 0 };
            quiet == 2
        })
    }

    /// `SIGCONT`, until no process shows as stopped.
    pub fn resume(&mut self) -> Result<bool> {
        let mut told = false;
        self.turn(Signal::CONT, move |awake, all| std::mem::replace(&mut told, true) && awake.len() == all)
    }

    /// Makes the clock of each of its processes wrong by so many microseconds. Those that are already are left alone; for others all
    /// are stopped for a moment. Returns how many read back as wished.
    pub fn skew(&mut self, offset: i64) -> Result<usize> {
        let failed = |why: String| Error::new("cannot move a daemon's clock", why, "see: perjury doctor");
        let clock = Clock::find().map_err(failed)?;
        // A process whose vDSO is not understood, or that has ended, is neither.
        let wrong = |pid: &u32| clock.offset(*pid).is_ok_and(|seen| seen != offset);
        let pids = self.pids();
        if pids.iter().any(wrong) {
            // Whoever paused it wants it paused afterwards.
            let paused = pids.iter().all(|pid| process::state(*pid) == State::Stopped);
            let set = self.stop_outside(paused).and_then(|()| {
                let set = self.pids().into_iter().filter(wrong).try_for_each(|pid| clock.set(pid, offset));
                set.map_err(|error| failed(error.to_string()))
            });
            if !paused {
                self.resume()?;
            }
            set?;
        }
        Ok(self.pids().into_iter().filter(|pid| clock.offset(*pid).is_ok_and(|seen| seen == offset)).count())
    }

    /// Pauses it when no thread is in the middle of its vDSO. One that was paused before cannot be moved on.
    fn stop_outside(&mut self, paused: bool) -> Result<()> {
        let busy = |pid: u32| clock::busy(pid).unwrap_or_else(|_| process::state(pid) == State::Stopped);
        let began = Instant::now();
        while self.pause()? && self.pids().into_iter().any(busy) {
            if paused || began.elapsed() > PATIENCE {
                let why = "one of its threads stands where the code must change";
                return Err(Error::new("cannot move a daemon's clock", why, "wait until the daemon goes on"));
            }
            self.resume()?;
            thread::sleep(MOMENT);
        }
        Ok(())
    }

    /// Sends a signal to those that do not do yet what it says, again and again, until `done`. It is told which processes have a
    /// thread that is not stopped, and how many processes there are. False if the daemon has ended.
    fn turn(&mut self, signal: Signal, mut done: impl FnMut(&[u32], usize) -> bool) -> Result<bool> {
        let began = Instant::now();
        while self.alive()? {
            let pids = self.pids();
            let (awake, stopped): (Vec<u32>, Vec<u32>) =
                pids.iter().partition(|pid| process::threads(**pid).iter().any(|state| *state != State::Stopped));
            if done(&awake, pids.len()) {
                return Ok(true);
            }
            self.signal(if signal == Signal::STOP { &awake } else { &stopped }, signal)?;
            if began.elapsed() > PATIENCE {
                return Err(Error::new(
                    "a daemon does not do as it is told",
                    format!("{} of {} processes are awake {PATIENCE:?} after {signal:?}", awake.len(), pids.len()),
                    "look for a disk that hangs (state D in ps)",
                ));
            }
            thread::sleep(MOMENT);
        }
        Ok(false)
    }

    fn signal(&self, pids: &[u32], signal: Signal) -> Result<()> {
        for pid in pids {
            let sent = process::signal_if(*pid, signal, |pid| self.holds(pid));
            sent.map_err(machine(format!("cannot send {signal:?} to process {pid}")))?;
        }
        Ok(())
    }

    fn wait(&mut self, patience: Duration) -> Result<()> {
        let began = Instant::now();
        while self.alive()? && began.elapsed() < patience {
            thread::sleep(MOMENT);
        }
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// Runs a command on a node to its end and returns what it said; kills it when patience runs out.
pub(super) fn run(
    node: &Space,
    dir: &Path,
    words: &[&str],
    patience: Duration,
) -> io::Result<Option<std::process::Output>> {
    let mut command = enter(node, dir);
    command.args(["sh", "-c", r#"cd "$0" && exec "$@""#]).arg(dir).args(words);
    crate::tool::within(command, patience)
}
