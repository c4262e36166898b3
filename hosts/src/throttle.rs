//! A daemon that runs for a share of the time only, without control groups or privileges: a thread stops all its processes and lets
//! them go on, period after period.
//!
//! ```text
//!  SIGSTOP                        SIGCONT      SIGSTOP
//!  ├── held, seen stopped at the end ──┼── runs ──┼── …
//!  └──────────────── one period ──────────────────┘
//! ```
//!
//! However the controller ends, its daemons end with it, stopped or not; see [`crate::service`].

use crate::error::{Result, machine};
use crate::process::{self, State};
use crate::service::Family;
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How much of the time a daemon runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// From one stretch of running to the next one.
    pub period: Duration,
    /// How much of it the daemon runs, in percent.
    pub percent: u8,
}

/// For how long a daemon has been held so far, in microseconds.
pub(crate) type Tally = Arc<AtomicU64>;

/// Those of a host's daemons, by node and name. A daemon that is started again goes on with its tally.
#[derive(Debug, Default)]
pub(crate) struct Tallies(BTreeMap<(usize, String), Tally>);

impl Tallies {
    /// The tally of a daemon.
    pub fn of(&mut self, node: usize, daemon: &str) -> Tally {
        self.0.entry((node, daemon.to_string())).or_default().clone()
    }

    /// For how long it has been held so far.
    pub fn told(&self, node: usize, daemon: &str) -> Duration {
        let tally = self.0.get(&(node, daemon.to_string()));
        Duration::from_micros(tally.map_or(0, |tally| tally.load(Relaxed)))
    }
}

/// Holds a daemon again and again until it is dropped, which leaves it as it happens to be: stopped or not.
#[derive(Debug)]
pub(crate) struct Throttle {
    share: Share,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<Now>,
    over: Condvar,
}

/// What others want of the thread.
#[derive(Clone, Copy, Debug, Default)]
struct Now {
    /// No signal may be sent any more.
    over: bool,
    /// Somebody paused the daemon, so it must not go on.
    paused: bool,
}

impl Throttle {
    /// Begins to hold a daemon, which is paused already or not.
    pub fn start(family: Arc<Family>, share: Share, tally: Tally, paused: bool) -> Result<Throttle> {
        let shared = Arc::new(Shared { state: Mutex::new(Now { over: false, paused }), over: Condvar::new() });
        let thread = thread::Builder::new().name("throttle".to_string()).spawn({
            let shared = shared.clone();
            move || shared.hold(&family, share, &tally)
        });
        Ok(Throttle { share, shared, thread: Some(thread.map_err(machine("cannot start a thread"))?) })
    }

    /// How much of the time the daemon runs.
    pub fn share(&self) -> Share {
        self.share
    }

    /// Whether somebody paused the daemon.
    pub fn paused(&self) -> bool {
        self.shared.lock().paused
    }

    /// Somebody pauses the daemon, or lets it go on.
    pub fn pause(&self, paused: bool) {
        self.shared.lock().paused = paused;
    }

    /// Does something that the thread must not signal anybody meanwhile; where it says that the daemon has ended, not afterwards either:
    /// the numbers of its processes may be given to others from then on.
    pub fn beside<E>(&self, look: impl FnOnce() -> std::result::Result<bool, E>) -> std::result::Result<bool, E> {
        let mut now = self.shared.lock();
        let alive = look();
        now.over |= matches!(alive, Ok(false));
        alive
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.over.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hold(&self, family: &Family, share: Share, tally: &Tally) {
        let running = share.period * u32::from(share.percent) / 100;
        loop {
            let now = self.lock();
            if now.over {
                return;
            }
            let held = family.pids();
            // Who is not stopped at the end does not count.
            let _ = family.signal(&held, Signal::STOP);
            let began = Instant::now();
            let now = self.wait(now, share.period - running);
            if now.over {
                return;
            }
            let stopped = !held.is_empty() && held.iter().all(|pid| process::state(*pid) != State::Running);
            if stopped {
                tally.fetch_add(began.elapsed().as_micros() as u64, Relaxed);
            }
            if !now.paused {
                let _ = family.signal(&family.pids(), Signal::CONT);
            }
            drop(self.wait(now, running));
        }
    }

    /// Waits so long, or until all is over. Others may take the lock meanwhile.
    fn wait<'a>(&'a self, now: MutexGuard<'a, Now>, time: Duration) -> MutexGuard<'a, Now> {
        let waited = self.over.wait_timeout_while(now, time, |now| !now.over);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
