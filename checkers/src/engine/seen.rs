//! Remembers which configurations of a growing list are in it already.

use super::mask::Mask;
use super::space::{Config, NIL};
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};

/// Two lists that grow at the same time: the sequences being tried, and the configurations found.
#[derive(Default)]
pub struct Seen {
    pub queue: Index,
    pub found: Index,
}

/// The places of a list's members by their hash.
#[derive(Default)]
pub struct Index {
    /// The latest member with a hash.
    latest: FxHashMap<u64, u32>,
    /// The one before it with the same hash.
    before: Vec<u32>,
}

impl Index {
    /// Forgets everything: the list is empty again.
    pub fn clear(&mut self) {
        if !self.before.is_empty() {
            self.latest.clear();
            self.before.clear();
        }
    }

    /// True if the configuration, whatever its trail, is among the first `len` members. Members are only appended to the list.
    pub fn has<'a, M: Mask + 'a>(
        &mut self,
        config: &Config<M>,
        len: usize,
        member: impl Fn(usize) -> &'a Config<M>,
    ) -> bool {
        for index in self.before.len()..len {
            let earlier = self.latest.insert(hash(member(index)), index as u32);
            self.before.push(earlier.unwrap_or(NIL));
        }
        let mut at = self.latest.get(&hash(config)).copied().unwrap_or(NIL);
        while at != NIL {
            let other = member(at as usize);
            if other.mask == config.mask && other.state == config.state && other.last == config.last {
                return true;
            }
            at = self.before[at as usize];
        }
        false
    }
}

fn hash<M: Mask>(config: &Config<M>) -> u64 {
    let mut hasher = FxHasher::default();
    config.mask.hash(&mut hasher);
    (config.state, config.last).hash(&mut hasher);
    hasher.finish()
}
