//! A daemon with all that it has forked: stopped, killed, paused, its clock moved; each is read back from the kernel.

use crate::clock::{self, Clock};
use crate::error::{Error, Result, machine};
use crate::host::Stopped;
use crate::process::{self, State};
use rustix::process::Signal;
use std::path::PathBuf;
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

/// The kernel is given this long to do what it was told.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const MOMENT: Duration = Duration::from_millis(1);

/// A daemon that was started.
#[derive(Debug)]
pub(crate) struct Service {
    /// Ends when the daemon has ended and all that it has forked is reaped.
    child: Child,
    held: Held,
}

/// How it is known what belongs to a daemon.
#[derive(Debug)]
pub(crate) enum Held {
    /// A pid namespace of its own: the number of its first process, which is ours, and its name.
    Namespace { init: u32, name: PathBuf },
    /// The child is its keeper ([`crate::local::keep`]): whatever descends from that.
    Keeper,
}

impl Service {
    /// What this child holds.
    pub fn new(child: Child, held: Held) -> Service {
        Service { child, held }
    }

    /// Whether it has not ended yet.
    pub fn alive(&mut self) -> Result<bool> {
        Ok(self.child.try_wait().map_err(machine("cannot wait for a process"))?.is_none())
    }

    /// The numbers of its processes, without those of ours that hold them.
    pub fn pids(&self) -> Vec<u32> {
        match &self.held {
            Held::Namespace { init, .. } => process::all().filter(|pid| pid != init && self.holds(*pid)).collect(),
            Held::Keeper => process::below(self.child.id()),
        }
    }

    fn holds(&self, pid: u32) -> bool {
        match &self.held {
            Held::Namespace { name, .. } => process::namespace(pid, "pid").as_ref() == Some(name),
            Held::Keeper => process::is_below(pid, self.child.id()),
        }
    }

    /// Kills all of them, and waits until all are reaped. Returns how long that took; `None` if it had ended before.
    pub fn kill(&mut self) -> Result<Option<Duration>> {
        if !self.alive()? {
            return Ok(None);
        }
        let began = Instant::now();
        while self.alive()? && began.elapsed() < PATIENCE {
            match &self.held {
                // With the first process of a namespace the kernel kills all others.
                Held::Namespace { init, .. } => {
                    let sent = process::signal_if(*init, Signal::KILL, |pid| self.holds(pid));
                    sent.map_err(machine("cannot kill a daemon"))?;
                }
                // Whoever was forked meanwhile is hit in the next round; the keeper ends when nobody is left.
                Held::Keeper => self.signal(&self.pids(), Signal::KILL)?,
            }
            thread::sleep(MOMENT);
        }
        if self.alive()? {
            return Err(Error::new(
                "a daemon does not die",
                format!("processes {:?} take no SIGKILL within {PATIENCE:?}", self.pids()),
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

    /// Makes the clock of each of its processes wrong by so many microseconds. Those that are already are left alone; those that are
    /// wrong otherwise run on; for those that come to be wrong, or right, all are stopped for a moment. Returns how many read back
    /// as wished.
    pub fn skew(&mut self, offset: i64) -> Result<usize> {
        let failed = |why: String| Error::new("cannot move a daemon's clock", why, "see: perjury doctor");
        let clock = Clock::find().map_err(failed)?;
        // A process whose vDSO is not understood, or that has ended, is neither.
        let wrong = |pid: &u32| clock.offset(*pid).is_ok_and(|seen| seen != offset);
        let pids = self.pids();
        let untold = |pid: &&u32| wrong(pid) && !clock.change(**pid, offset).unwrap_or(false);
        if pids.iter().filter(untold).count() > 0 {
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
