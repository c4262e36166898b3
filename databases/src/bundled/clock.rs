//! A machine's clocks, as wrong as the nemesis likes. The arithmetic is the simulator's: one rate moves both clocks, an
//! offset moves the wall only.

use harness::{LocalClock, Skew, Time};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a right clock on the wall reads when a run begins, so that an offset may go backward.
pub const EPOCH: Time = Time(1_000_000_000_000);

/// A machine's clocks. `true` times are the run's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Percent.
    rate: u32,
    /// Clock faults in force.
    skews: Vec<Skew>,
    /// True and local time when the rate last changed.
    anchor: (Time, Time),
}

impl Default for Clock {
    fn default() -> Self {
        Clock { rate: 100, skews: Vec::new(), anchor: (Time::ZERO, Time::ZERO) }
    }
}

impl Clock {
    /// What the clocks read at a true time.
    pub fn read(&self, now: Time) -> LocalClock {
        let monotonic = self.anchor.1 + Time(now.since(self.anchor.0).0 * u64::from(self.rate) / 100);
        let offset = Skew::offset(&self.skews, now);
        LocalClock { wall: Time((EPOCH + monotonic).0.saturating_add_signed(offset)), monotonic }
    }
    /// Sets the clocks wrong by one fault more.
    pub fn skew(&mut self, now: Time, skew: Skew) {
        self.anchor = (now, self.read(now).monotonic);
        self.skews.push(skew);
        self.rate = Skew::rate(&self.skews);
    }
    /// Takes one fault back.
    ///
    /// # Panics
    /// If it is not in force.
    pub fn unskew(&mut self, now: Time, skew: Skew) {
        self.anchor = (now, self.read(now).monotonic);
        let place = self.skews.iter().position(|other| *other == skew).expect("it was in force");
        self.skews.remove(place);
        self.rate = Skew::rate(&self.skews);
    }
    /// True microseconds until the monotonic clock reads `due`, rounded up.
    pub fn until(&self, now: Time, due: Time) -> Duration {
        let local = due.since(self.read(now).monotonic).0;
        Duration::from_micros((local.saturating_mul(100)).div_ceil(u64::from(self.rate)))
    }
}

/// By how many microseconds a wall clock is wrong.
pub fn deviation(wall: Time, now: Time) -> i64 {
    wall.0 as i64 - (EPOCH + now).0 as i64
}

/// The true time of a run, the same in every process of it.
#[derive(Clone, Copy, Debug)]
pub struct Truth {
    base: Time,
    since: Instant,
}

impl Truth {
    /// `begin` is when the run began, in microseconds since 1970. Only the first reading asks the system's own wall
    /// clock.
    pub fn new(begin: u64) -> Truth {
        Truth { base: Time(since_1970().saturating_sub(begin)), since: Instant::now() }
    }
    /// Since the run began.
    pub fn now(&self) -> Time {
        self.base + Time(self.since.elapsed().as_micros() as u64)
    }
}

/// Microseconds since 1970, by the system's wall clock.
pub fn since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::{Motion, SECOND};

    fn still(since: Time, offset: i64, rate: u32) -> Skew {
        Skew { offset, rate, motion: Motion::Still, since }
    }

    #[test]
    fn an_offset_moves_the_wall_only() {
        let mut clock = Clock::default();
        clock.skew(SECOND * 2, still(SECOND * 2, -5_000_000, 100));
        let read = clock.read(SECOND * 3);
        assert_eq!((deviation(read.wall, SECOND * 3), read.monotonic), (-5_000_000, SECOND * 3));
    }

    #[test]
    fn a_clock_jumps_from_one_side_to_the_other_and_is_right_when_the_fault_is_taken_back() {
        let (mut clock, motion) = (Clock::default(), Motion::Strobe(SECOND));
        let jumping = Skew { motion, ..still(SECOND, 7_000_000, 100) };
        clock.skew(SECOND, jumping);
        let off = |clock: &Clock, at: u64| deviation(clock.read(SECOND * at).wall, SECOND * at);
        assert_eq!([1, 2, 3].map(|at| off(&clock, at)), [7_000_000, -7_000_000, 7_000_000]);
        clock.unskew(SECOND * 4, jumping);
        assert_eq!(off(&clock, 4), 0);
    }

    #[test]
    fn a_rate_moves_both_clocks_and_every_armed_timer() {
        let mut clock = Clock::default();
        assert_eq!(clock.until(SECOND, SECOND * 3), Duration::from_secs(2));
        let fast = still(SECOND, 0, 200);
        clock.skew(SECOND, fast);
        assert_eq!(clock.until(SECOND, SECOND * 3), Duration::from_secs(1));
        assert_eq!(clock.read(SECOND * 2).monotonic, SECOND * 3);
        clock.unskew(SECOND * 2, fast);
        clock.skew(SECOND * 2, still(SECOND * 2, 0, 50));
        assert_eq!(clock.until(SECOND * 2, SECOND * 4), Duration::from_secs(2));
        assert_eq!(deviation(clock.read(SECOND * 2).wall, SECOND * 2), 1_000_000);
        assert_eq!(clock.until(SECOND * 2, SECOND), Duration::ZERO);
    }
}
