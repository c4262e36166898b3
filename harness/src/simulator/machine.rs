//! The machine that a node runs on: clocks, timers, a disk's speed, and whether anything runs at all.

use crate::motion::Skew;
use crate::node::{LocalClock, Timer};
use crate::time::Time;

/// Rates are parts of this: a natural rate is within half a percent of it.
pub const NATURAL: u64 = 10_000;
/// What clocks on the wall read when a run begins, so that an offset may go backward.
const EPOCH: Time = Time(1_000_000_000_000);

/// A machine with its clocks and timers.
#[derive(Clone, Debug)]
pub struct Machine<E> {
    /// Grows with every death of the process, so that it never hears its former life.
    pub epoch: u32,
    /// How many faults keep the process stopped.
    pub paused: u32,
    /// What waits for a stopped process.
    pub held: Vec<E>,
    /// Added to every sync.
    pub slow: Time,
    /// Syncs slowed so far.
    pub slowed: u64,
    /// Clock faults in force.
    pub skews: Vec<Skew>,
    /// When the last write so far is synced: the disk keeps its order.
    pub synced: Time,
    natural: u64,
    rate: u64,
    /// Real and local time when the rate last changed.
    anchor: (Time, Time),
    timers: Vec<Armed>,
}

/// A timer's slot. At most one queued event a slot is live; it may find that the deadline has moved on.
#[derive(Clone, Debug)]
struct Armed {
    deadline: Time,
    queued: Time,
    generation: u32,
}

/// What to do with a timer event that has come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Fire it.
    Now,
    /// Queue it again.
    Later(Time),
    /// It was replaced or cancelled.
    Stale,
}

impl<E> Machine<E> {
    /// A machine whose clocks run at `natural` parts of [`NATURAL`], with so many timers.
    pub fn new<T: Timer>(natural: u64) -> Self {
        let off = Armed { deadline: Time::NEVER, queued: Time::NEVER, generation: 0 };
        Machine {
            epoch: 0,
            paused: 0,
            held: Vec::new(),
            slow: Time::ZERO,
            slowed: 0,
            skews: Vec::new(),
            synced: Time::ZERO,
            natural,
            rate: natural,
            anchor: (Time::ZERO, Time::ZERO),
            timers: vec![off; T::COUNT],
        }
    }

    /// What the machine's clocks read.
    pub fn clock(&self, now: Time) -> LocalClock {
        let monotonic = self.anchor.1 + Time(now.since(self.anchor.0).0 * self.rate / NATURAL);
        let offset = Skew::offset(&self.skews, now);
        LocalClock { wall: Time((EPOCH + monotonic).0.saturating_add_signed(offset)), monotonic }
    }

    /// By how many microseconds the clock on the wall is wrong.
    pub fn deviation(&self, now: Time) -> i64 {
        self.clock(now).wall.0 as i64 - (EPOCH + now).0 as i64
    }

    /// Makes the clocks as wrong as the faults in force say. Armed timers run on at the new rate: where to queue them again.
    pub fn skew(&mut self, now: Time) -> Vec<(usize, u32, Time)> {
        self.anchor = (now, self.clock(now).monotonic);
        let before = self.rate;
        self.rate = (self.natural * u64::from(Skew::rate(&self.skews)) / 100).max(1);
        let mut again = Vec::new();
        for timer in 0..self.timers.len() {
            let deadline = self.timers[timer].deadline;
            if deadline == Time::NEVER || before == self.rate {
                continue;
            }
            let left = deadline.since(now).0 * before / self.rate;
            if let Some((generation, at)) = self.arm_at(timer, now + Time(left)) {
                again.push((timer, generation, at));
            }
        }
        again
    }

    /// Arms a timer that runs out after a local span; returns the event to queue, if one is needed.
    pub fn arm(&mut self, now: Time, timer: usize, span: Time) -> Option<(u32, Time)> {
        self.arm_at(timer, now + Time(span.0 * NATURAL / self.rate))
    }

    fn arm_at(&mut self, timer: usize, at: Time) -> Option<(u32, Time)> {
        let armed = &mut self.timers[timer];
        armed.deadline = at;
        if armed.queued <= at {
            return None;
        }
        armed.queued = at;
        armed.generation += 1;
        Some((armed.generation, at))
    }

    /// Disarms a timer.
    pub fn disarm(&mut self, timer: usize) {
        self.timers[timer].deadline = Time::NEVER;
    }

    /// A queued event has come up: is it time?
    pub fn due(&mut self, now: Time, timer: usize, generation: u32) -> Due {
        let armed = &mut self.timers[timer];
        if armed.generation != generation {
            return Due::Stale;
        }
        armed.queued = Time::NEVER;
        if armed.deadline == Time::NEVER {
            return Due::Stale;
        }
        if armed.deadline > now {
            armed.queued = armed.deadline;
            return Due::Later(armed.deadline);
        }
        armed.deadline = Time::NEVER;
        Due::Now
    }

    /// The process died: its timers are void. Returns what had waited for it, if it was stopped.
    pub fn die(&mut self) -> Vec<E> {
        self.epoch += 1;
        self.synced = Time::ZERO;
        for armed in &mut self.timers {
            armed.generation += 1;
            (armed.deadline, armed.queued) = (Time::NEVER, Time::NEVER);
        }
        std::mem::take(&mut self.held)
    }
}
