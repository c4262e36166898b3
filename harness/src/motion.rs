//! How wrong clocks are: by an offset, which may move while the fault lasts, and by a rate.

use crate::time::Time;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What becomes of a wrong clock's offset while its fault lasts. Only the clock on the wall has one: timers, and clocks that never go
/// back, do not notice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Motion {
    /// It stays.
    #[default]
    Still,
    /// It jumps as far to the other side, and back, each time after so long: more than nothing.
    Strobe(Time),
    /// So many percent of what has passed are added to it; the clock loses them if negative.
    Drift(i32),
}

impl Motion {
    /// Whether the offset stays.
    pub fn is_still(&self) -> bool {
        *self == Motion::Still
    }

    /// What an offset in microseconds has become.
    pub fn moved(self, offset: i64, lasted: Time) -> i64 {
        match self {
            Motion::Still => offset,
            Motion::Strobe(every) if lasted.0 / every.0 % 2 == 1 => -offset,
            Motion::Strobe(_) => offset,
            Motion::Drift(percent) => offset + lasted.0 as i64 * i64::from(percent) / 100,
        }
    }

    /// How often an offset has jumped.
    pub fn jumps(self, lasted: Time) -> u64 {
        if let Motion::Strobe(every) = self { lasted.0 / every.0 } else { 0 }
    }
}

/// What follows the words about a wrong clock.
impl fmt::Display for Motion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Motion::Still => Ok(()),
            Motion::Strobe(every) => write!(f, ", and let it jump as far to the other side every {every}"),
            Motion::Drift(percent) => write!(f, ", and let the wall alone gain {percent} %"),
        }
    }
}

/// A clock fault in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skew {
    /// Added to the wall clock when it begins, in microseconds.
    pub offset: i64,
    /// Speed of all clocks, in percent.
    pub rate: u32,
    /// What becomes of the offset.
    pub motion: Motion,
    /// When it began.
    pub since: Time,
}

impl Skew {
    /// What several at once come to: offsets add up.
    pub fn offset(all: &[Skew], now: Time) -> i64 {
        all.iter().map(|skew| skew.motion.moved(skew.offset, now.since(skew.since))).sum()
    }

    /// Rates multiply.
    pub fn rate(all: &[Skew]) -> u32 {
        let rate = all.iter().fold(100u64, |rate, skew| rate * u64::from(skew.rate) / 100);
        rate.clamp(1, 10_000) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{MS, SECOND};

    #[test]
    fn an_offset_stays_or_jumps_or_grows() {
        let strobe = Motion::Strobe(MS * 300);
        let seen: Vec<i64> = [0, 299, 300, 599, 600].map(|ms| strobe.moved(7, MS * ms)).to_vec();
        assert_eq!((seen, strobe.jumps(MS * 899)), (vec![7, 7, -7, -7, 7], 2));
        assert_eq!(Motion::Drift(50).moved(-1_000_000, SECOND * 10), 4_000_000);
        assert_eq!(Motion::Drift(-10).moved(0, SECOND), -100_000);
        assert_eq!(Motion::Still.moved(7, SECOND), 7);
    }

    #[test]
    fn several_at_once_add_up_and_multiply() {
        let still = Skew { offset: 5, rate: 200, motion: Motion::Still, since: SECOND };
        let moving = Skew { offset: 100, motion: Motion::Strobe(SECOND), ..still };
        assert_eq!(Skew::offset(&[still, moving], SECOND * 2), -95);
        assert_eq!((Skew::rate(&[still, moving]), Skew::rate(&[])), (400, 100));
    }
}
