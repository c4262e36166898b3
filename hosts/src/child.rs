//! Children: spawned from one long-lived thread, spoken to by pipes, stopped, continued, killed and always reaped.

use crate::process::{self, State};
use rustix::process::Signal;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How long the kernel may take to show that a signal has had its effect.
const PATIENCE: Duration = Duration::from_secs(2);

/// Spawns children from a thread of its own, which lives until the nursery is dropped. A child that asks for a signal
/// at its parent's death ([`process::die_with`]) gets it when the spawning *thread* ends, so that thread must outlive
/// the children.
pub struct Nursery {
    orders: Option<mpsc::Sender<Order>>,
    thread: Option<JoinHandle<()>>,
}

type Order = (Command, mpsc::Sender<io::Result<std::process::Child>>);

impl Nursery {
    /// An empty one.
    pub fn new() -> io::Result<Nursery> {
        let (orders, queue) = mpsc::channel::<Order>();
        let thread = thread::Builder::new().name("nursery".to_string()).spawn(move || {
            for (mut command, done) in queue {
                // Whoever ordered has gone only if it panicked; `Child` then never existed, so end what was spawned.
                if let Err(mpsc::SendError(Ok(mut orphan))) = done.send(command.spawn()) {
                    let _ = orphan.kill().and_then(|()| orphan.wait().map(drop));
                }
            }
        })?;
        Ok(Nursery { orders: Some(orders), thread: Some(thread) })
    }

    /// Spawns a program with pipes for its input and output; what it writes to its standard error is appended to `log`.
    /// It leads a process group of its own, so that Ctrl-C at a terminal reaches its parent only.
    pub fn spawn(&self, program: &Path, arguments: &[String], log: &Path) -> io::Result<(Child, ChildStdout)> {
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).process_group(0);
        let (done, spawned) = mpsc::channel();
        let orders = self.orders.as_ref().expect("it takes orders until it is dropped");
        orders.send((command, done)).map_err(|_| io::Error::other("the spawning thread has ended"))?;
        let mut inner = spawned.recv().map_err(|_| io::Error::other("the spawning thread has ended"))??;
        let stdin = inner.stdin.take();
        let stdout = inner.stdout.take().expect("its output was piped");
        Ok((Child { inner, stdin, exit: None, doomed: None }, stdout))
    }
}

impl Drop for Nursery {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A spawned process. Dropping it kills and reaps it.
#[derive(Debug)]
pub struct Child {
    inner: std::process::Child,
    stdin: Option<ChildStdin>,
    exit: Option<ExitStatus>,
    /// When `SIGKILL` was sent to it.
    doomed: Option<Instant>,
}

impl Child {
    /// Its number.
    pub fn pid(&self) -> u32 {
        self.inner.id()
    }

    /// Writes a line to its input.
    pub fn say(&mut self, line: &str) -> io::Result<()> {
        let stdin = self.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        stdin.write_all(format!("{line}\n").as_bytes())
    }

    /// Closes its input.
    pub fn hang_up(&mut self) {
        self.stdin = None;
    }

    /// What the kernel says that it is doing.
    pub fn state(&self) -> State {
        if self.exit.is_some() { State::Gone } else { process::state(self.pid()) }
    }

    /// Sends `SIGKILL` and does not wait; [`Child::kill`] does. Nothing if it has ended.
    pub fn doom(&mut self) -> io::Result<()> {
        if self.doomed.is_none() && self.ended()?.is_none() {
            process::signal(self.pid(), Signal::KILL)?;
            self.doomed = Some(Instant::now());
        }
        Ok(())
    }

    /// `SIGKILL`, until it is reaped. Returns how long that took since the signal; `None` if it had ended before.
    pub fn kill(&mut self) -> io::Result<Option<Duration>> {
        self.doom()?;
        let Some(since) = self.doomed else { return Ok(None) };
        self.exit = Some(self.inner.wait()?);
        Ok(Some(since.elapsed()))
    }

    /// `SIGSTOP`, until the kernel shows it stopped. False if it does not within two seconds, or has ended.
    pub fn stop(&mut self) -> io::Result<bool> {
        self.turn(Signal::STOP, |state| state == State::Stopped)
    }

    /// `SIGCONT`, until the kernel shows it not stopped. False if it does not within two seconds, or has ended.
    pub fn go_on(&mut self) -> io::Result<bool> {
        self.turn(Signal::CONT, |state| state != State::Stopped)
    }

    fn turn(&mut self, signal: Signal, done: impl Fn(State) -> bool) -> io::Result<bool> {
        let began = Instant::now();
        while self.ended()?.is_none() {
            process::signal(self.pid(), signal)?;
            if done(self.state()) {
                return Ok(true);
            }
            if began.elapsed() > PATIENCE {
                return Ok(false);
            }
            thread::sleep(Duration::from_millis(1));
        }
        Ok(false)
    }

    /// How it ended, if it has; reaps it then.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.exit.is_none() {
            self.exit = self.inner.try_wait()?;
        }
        Ok(self.exit)
    }

    /// Waits for its end.
    pub fn wait(&mut self, patience: Duration) -> io::Result<Option<ExitStatus>> {
        let began = Instant::now();
        while self.ended()?.is_none() && began.elapsed() < patience {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(self.exit)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // A process that is reaped already cannot be killed; nothing else can go wrong with a child of our own.
        let _ = self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};

    fn cat(log: &Path) -> (Nursery, Child, BufReader<ChildStdout>) {
        let nursery = Nursery::new().unwrap();
        let (child, stdout) = nursery.spawn(Path::new("cat"), &[], log).unwrap();
        (nursery, child, BufReader::new(stdout))
    }

    #[test]
    fn a_child_is_stopped_continued_killed_and_reaped() {
        let dir = tempfile::tempdir().unwrap();
        let (_nursery, mut child, mut stdout) = cat(&dir.path().join("log"));
        assert!(child.stop().unwrap());
        assert_eq!(child.state(), State::Stopped);
        child.say("words").unwrap();
        assert!(child.go_on().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert_eq!(line, "words\n");
        assert!(child.stop().unwrap());
        assert!(child.kill().unwrap().is_some(), "a stopped process dies too");
        assert_eq!((child.state(), process::state(child.pid())), (State::Gone, State::Gone));
        assert!(!child.stop().unwrap());
    }

    #[test]
    fn a_child_that_ended_by_itself_was_not_killed() {
        let dir = tempfile::tempdir().unwrap();
        let (_nursery, mut child, _stdout) = cat(&dir.path().join("log"));
        child.hang_up();
        assert!(child.wait(PATIENCE).unwrap().is_some_and(|status| status.success()));
        assert_eq!(child.kill().unwrap(), None);
    }

    #[test]
    fn a_dropped_child_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (_nursery, child, _stdout) = cat(&dir.path().join("log"));
        let pid = child.pid();
        assert_eq!(process::state(pid), State::Running);
        drop(child);
        assert_eq!(process::state(pid), State::Gone);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let nursery = Nursery::new().unwrap();
        let spawned = nursery.spawn(&dir.path().join("nothing"), &[], &dir.path().join("log"));
        assert_eq!(spawned.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
