//! A daemon with all that it has forked: stopped, killed, paused, its clock moved, its processor and memory limited; each is read back
//! from the kernel.

use crate::clock::{self, Clock};
use crate::error::{Error, Result, machine};
use crate::host::Stopped;
use crate::memory::{self, Limited};
use crate::process::{self, State};
use crate::throttle::{Share, Tally, Throttle};
use rustix::process::Signal;
use std::path::PathBuf;
use std::process::Child;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// The kernel is given this long to do what it was told.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const MOMENT: Duration = Duration::from_millis(1);

/// A daemon that was started.
#[derive(Debug)]
pub(crate) struct Service {
    /// Ends when the daemon has ended and all that it has forked is reaped. None where somebody else has started it, and ends it.
    child: Option<Child>,
    family: Arc<Family>,
    /// What holds it for a share of the time.
    throttle: Option<Throttle>,
    /// Its limit for memory before another one was set.
    unlimited: Option<Option<u64>>,
}

/// What belongs to a daemon.
#[derive(Debug)]
pub(crate) struct Family {
    /// Whoever holds it all, and when that began: the same number may be another's later on.
    head: u32,
    began: Option<u64>,
    held: Held,
}

/// How it is known what belongs to a daemon.
#[derive(Debug)]
pub(crate) enum Held {
    /// A pid namespace of its own: the number of its first process, which is ours, and its name.
    Namespace { init: u32, name: PathBuf },
    /// The head is its keeper ([`crate::local::keep`]): whatever descends from that.
    Keeper,
    /// Whatever is in the session that the head leads, or began with this variable in its environment; the head itself is ours.
    #[cfg_attr(not(feature = "ssh"), allow(dead_code))]
    Marked(String),
}

impl Family {
    /// The numbers of its processes, without those of ours that hold them.
    pub fn pids(&self) -> Vec<u32> {
        let but = |ours: u32| process::all().filter(move |pid| *pid != ours && self.holds(*pid)).collect();
        match &self.held {
            _ if !self.is_there() => Vec::new(),
            Held::Namespace { init, .. } => but(*init),
            Held::Keeper => process::below(self.head),
            Held::Marked(_) => but(self.head),
        }
    }

    /// Whether its head has not been reaped.
    fn is_there(&self) -> bool {
        self.began.is_some() && process::began(self.head) == self.began
    }

    fn holds(&self, pid: u32) -> bool {
        match &self.held {
            Held::Namespace { name, .. } => process::namespace(pid, "pid").as_ref() == Some(name),
            Held::Keeper => process::is_below(pid, self.head),
            Held::Marked(mark) => process::session_of(pid) == Some(self.head) || process::began_with(pid, mark),
        }
    }

    /// Sends a signal to those of these processes that still belong to it.
    pub fn signal(&self, pids: &[u32], signal: Signal) -> Result<()> {
        for pid in pids {
            let sent = process::signal_if(*pid, signal, |pid| self.holds(pid));
            sent.map_err(machine(format!("cannot send {signal:?} to process {pid}")))?;
        }
        Ok(())
    }
}

impl Service {
    /// What this child holds.
    pub fn new(child: Child, held: Held) -> Service {
        let mut service = Service::of(child.id(), held);
        service.child = Some(child);
        service
    }

    /// What somebody else's process holds, who also ends it.
    pub fn of(head: u32, held: Held) -> Service {
        let family = Arc::new(Family { head, began: process::began(head), held });
        Service { child: None, family, throttle: None, unlimited: None }
    }

    /// Whether it has not ended yet.
    pub fn alive(&mut self) -> Result<bool> {
        let (child, family) = (&mut self.child, &self.family);
        let mut look = || match child {
            Some(child) => child.try_wait().map(|ended| ended.is_none()),
            None => Ok(family.is_there() && process::state(family.head) != State::Zombie),
        };
        let alive = match &self.throttle {
            Some(throttle) => throttle.beside(look),
            None => look(),
        };
        alive.map_err(machine("cannot wait for a process"))
    }

    /// The numbers of its processes, without those of ours that hold them.
    pub fn pids(&self) -> Vec<u32> {
        self.family.pids()
    }

    /// Kills all of them, and waits until all are reaped. Returns how long that took; `None` if it had ended before.
    pub fn kill(&mut self) -> Result<Option<Duration>> {
        if !self.alive()? {
            return Ok(None);
        }
        let began = Instant::now();
        while self.alive()? && began.elapsed() < PATIENCE {
            match &self.family.held {
                // With the first process of a namespace the kernel kills all others.
                Held::Namespace { init, .. } => {
                    let sent = process::signal_if(*init, Signal::KILL, |pid| self.family.holds(pid));
                    sent.map_err(machine("cannot kill a daemon"))?;
                }
                // Whoever was forked meanwhile is hit in the next round; the keeper ends when nobody is left.
                Held::Keeper | Held::Marked(_) => self.family.signal(&self.pids(), Signal::KILL)?,
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
            self.family.signal(&self.pids(), signal)?;
        }
        self.wait(patience)?;
        Ok(if self.kill()?.is_some() { Stopped::Forced } else { Stopped::Asked })
    }

    /// `SIGSTOP`, until every thread of every process shows as stopped, twice in a row: then nobody is left who could fork another one.
    pub fn pause(&mut self) -> Result<bool> {
        if let Some(throttle) = &self.throttle {
            throttle.pause(true);
        }
        let mut quiet = 0;
        self.turn(Signal::STOP, move |awake, all| {
            quiet = if all > 0 && awake.is_empty() { quiet + 1 } else { 0 };
            quiet == 2
        })
    }

    /// `SIGCONT`, until no process shows as stopped. Whoever is throttled goes on being that.
    pub fn resume(&mut self) -> Result<bool> {
        if let Some(throttle) = &self.throttle {
            throttle.pause(false);
            return throttle.beside(|| self.family.signal(&self.pids(), Signal::CONT).map(|()| true)).and(self.alive());
        }
        let mut told = false;
        self.turn(Signal::CONT, move |awake, all| std::mem::replace(&mut told, true) && awake.len() == all)
    }

    /// Lets it run for a share of the time only, and counts in `tally` for how long it was held; or all the time. False if it has ended.
    pub fn throttle(&mut self, share: Option<Share>, tally: Tally) -> Result<bool> {
        if self.throttle.as_ref().map(Throttle::share) == share {
            return self.alive();
        }
        let stopped = || self.pids().iter().all(|pid| process::state(*pid) == State::Stopped);
        let paused = self.throttle.as_ref().map_or_else(stopped, Throttle::paused);
        // The thread of one that ends leaves the daemon as it happens to be.
        self.throttle = None;
        match share {
            _ if !self.alive()? => Ok(false),
            Some(share) => {
                self.throttle = Some(Throttle::start(self.family.clone(), share, tally, paused)?);
                Ok(true)
            }
            None if paused => self.pause(),
            None => self.resume(),
        }
    }

    /// Lets each of its processes have so many bytes more than it has, or as many as before. Those that are limited already are left
    /// alone. Returns those that read back as limited.
    pub fn limit_memory(&mut self, spare: Option<u64>) -> Result<Vec<Limited>> {
        let failed = |pid: u32| machine(format!("cannot limit the memory of process {pid}"));
        let mut limited = Vec::new();
        for pid in self.pids() {
            let now = (memory::data(pid), memory::limit(pid));
            // Who has ended meanwhile has none.
            let (Ok(had), Ok(before)) = now else { continue };
            let unlimited = *self.unlimited.get_or_insert(before);
            match spare {
                Some(spare) if before == unlimited => {
                    let soft = [Some(had + spare), unlimited].into_iter().flatten().min();
                    memory::set(pid, soft).map_err(failed(pid))?;
                }
                None if before != unlimited => memory::set(pid, unlimited).map_err(failed(pid))?,
                _ => {}
            }
            let read = memory::limit(pid).unwrap_or(unlimited).filter(|_| spare.is_some());
            limited.extend(read.map(|may_have| Limited { pid, had, may_have }));
        }
        if spare.is_none() {
            self.unlimited = None;
        }
        Ok(limited)
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
            let stopped = || pids.iter().all(|pid| process::state(*pid) == State::Stopped);
            let paused = self.throttle.as_ref().map_or_else(stopped, Throttle::paused);
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
            self.family.signal(if signal == Signal::STOP { &awake } else { &stopped }, signal)?;
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
        if self.child.is_some() {
            let _ = self.kill();
        }
    }
}
