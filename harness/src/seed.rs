//! One seed, many named streams of chance: a new draw in one part moves no other part.

use crate::time::Time;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};
use serde::{Deserialize, Serialize};

/// What a whole run is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The stream called `name`: the same numbers for the same seed and name, for ever.
    pub fn stream(self, name: &str) -> Rng {
        let mut chacha = ChaCha8Rng::seed_from_u64(self.0);
        chacha.set_stream(fnv(name));
        Rng(chacha)
    }
}

/// FNV-1a: a name's stable number.
fn fnv(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A stream of chance. The draws are our own few lines over ChaCha8, because a library's
/// `gen_range` may change its numbers between versions and an old seed must keep its history.
#[derive(Clone, Debug)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// Uniform in `0..bound`; `bound` of zero gives zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(bound)) >> 64) as u64
    }
    /// Uniform in `low..high`, or `low` where that is empty.
    pub fn between(&mut self, low: Time, high: Time) -> Time {
        low + Time(self.below(high.0.saturating_sub(low.0)))
    }
    /// True in `percent` of 100 draws.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
    /// One of `items`.
    ///
    /// # Panics
    /// If there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        assert!(!items.is_empty(), "nothing to pick from");
        &items[self.below(items.len() as u64) as usize]
    }
    /// `items` in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_never_changes_its_numbers() {
        let mut rng = Seed(1).stream("network");
        let draws: Vec<u64> = (0..4).map(|_| rng.below(1000)).collect();
        assert_eq!(draws, [296, 407, 442, 864], "written down once, for ever");
        assert_ne!(Seed(1).stream("disk").below(u64::MAX), Seed(1).stream("network").below(u64::MAX));
        assert_ne!(Seed(2).stream("network").below(u64::MAX), Seed(1).stream("network").below(u64::MAX));
    }
}
