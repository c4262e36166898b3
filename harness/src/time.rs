//! Microseconds: points in a run and spans between them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::{Add, AddAssign, Div, Mul, Sub};

/// Microseconds since the run began, or a span of microseconds. Virtual in the simulator, real elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub u64);

/// One millisecond.
pub const MS: Time = Time(1_000);
/// One second.
pub const SECOND: Time = Time(1_000_000);

impl Time {
    /// The start of a run.
    pub const ZERO: Time = Time(0);
    /// Later than every run.
    pub const NEVER: Time = Time(u64::MAX);

    /// So many seconds, rounded to the microsecond; negative or absurd input becomes zero or [`Time::NEVER`].
    pub fn from_seconds(seconds: f64) -> Time {
        Time((seconds * 1e6).round() as u64)
    }
    /// In seconds.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }
    /// No time at all.
    pub fn is_zero(&self) -> bool {
        *self == Time::ZERO
    }
    /// The span from `earlier` to here; zero if `earlier` is later.
    pub fn since(self, earlier: Time) -> Time {
        Time(self.0.saturating_sub(earlier.0))
    }
}

/// As a person reads it: `4.103 s`.
impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} s", self.seconds())
    }
}

impl Add for Time {
    type Output = Time;
    fn add(self, span: Time) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}
impl AddAssign for Time {
    fn add_assign(&mut self, span: Time) {
        *self = *self + span;
    }
}
impl Sub for Time {
    type Output = Time;
    fn sub(self, span: Time) -> Time {
        Time(self.0 - span.0)
    }
}
impl Mul<u64> for Time {
    type Output = Time;
    fn mul(self, times: u64) -> Time {
        Time(self.0 * times)
    }
}
impl Div<u64> for Time {
    type Output = Time;
    fn div(self, parts: u64) -> Time {
        Time(self.0 / parts)
    }
}
