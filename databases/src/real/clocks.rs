//! Wrong clocks: set by the host, for every process of a node, and believed only once the database itself tells the time wrong.

use super::cluster::{RealCluster, trouble};
use super::{Stamp, System};
use harness::fault::Effect;
use harness::{Fault, NodeId, Target, Time, Trouble};
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// By how much a node's clock is wrong, in microseconds: not less and not more. As narrow as the question was quick and the
/// database's own notation of times is fine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deviation {
    low: i64,
    high: i64,
}

impl Deviation {
    /// Asks a node. `None` where nothing was answered.
    fn ask(system: &dyn System, node: NodeId) -> Option<Deviation> {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
        let before = now();
        let Stamp { micros, grain } = system.clock(node.index()).ok()?;
        Some(Deviation::between(before, micros, grain, now()))
    }

    /// From a stamp that was taken between two true times.
    fn between(before: i64, micros: i64, grain: i64, after: i64) -> Deviation {
        Deviation { low: micros - after, high: micros + grain - before }
    }

    fn may_be(self, offset: i64) -> bool {
        (self.low..=self.high).contains(&offset)
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |micros: i64| micros as f64 / 1e6;
        write!(f, "{:+.3} to {:+.3} s", seconds(self.low), seconds(self.high))
    }
}

impl RealCluster {
    /// By how much all faults in force together set a node's clock off.
    fn offset(&self, node: NodeId) -> i64 {
        let each = self.in_force().map(|fault| match fault {
            Fault::Clock { target, offset, .. } if target.nodes(self.views.len()).contains(&node) => *offset,
            _ => 0,
        });
        each.sum()
    }

    /// Sets the victims' clocks as all faults in force together say. Returns those that tell a wrong time as they should.
    pub(super) fn skew(&mut self, target: &Target) -> Result<Vec<(NodeId, Deviation)>, Trouble> {
        let mut wrong = Vec::new();
        for node in target.nodes(self.views.len()) {
            self.set_clock(node)?;
            wrong.extend(self.told_wrong(node, self.offset(node)).map(|seen| (node, seen)));
        }
        Ok(wrong)
    }

    /// Takes an offset back and says what came of it. The fault is no longer in force.
    pub(super) fn unskew(
        &mut self,
        target: &Target,
        offset: i64,
        before: &[(NodeId, Deviation)],
        lasted: Time,
    ) -> Result<Effect, Trouble> {
        let (mut words, mut effective) = (Vec::new(), true);
        for node in target.nodes(self.views.len()) {
            let began = before.iter().find(|(known, _)| *known == node).map(|(_, seen)| *seen);
            // A node that is down or stopped tells no time.
            let asked = self.down[node.index()] == 0 && self.stopped[node.index()] == 0;
            let ended = self.told_wrong(node, self.offset(node) + offset);
            self.set_clock(node)?;
            if asked {
                self.is_right(node)?;
            }
            effective &= began.is_some() && (ended.is_some() || !asked);
            words.push(match (began, ended) {
                (None, _) => format!("the clock of {node} did not tell another time"),
                (Some(began), Some(ended)) => format!("{node} was off by {began}, and by {ended} after {lasted}"),
                (Some(began), None) if asked => {
                    format!("{node} was off by {began}, and no longer when the fault ended")
                }
                (Some(began), None) => format!("{node} was off by {began}, and could not be asked at the end"),
            });
        }
        Ok(Effect::new(effective, words.join("; ")))
    }

    /// Skews whatever has begun since with a right clock: a daemon that was started again, a program that another one became. What
    /// does not take shows when the fault ends.
    pub(super) fn keep_clocks_wrong(&mut self) {
        for node in (0..self.views.len() as u8).map(NodeId) {
            if self.offset(node) != 0 && self.down[node.index()] == 0 {
                let _ = self.set_clock(node);
            }
        }
    }

    fn set_clock(&mut self, node: NodeId) -> Result<(), Trouble> {
        let offset = self.offset(node);
        for daemon in self.system.daemons(node.index()) {
            self.host.skew(node.index(), &daemon.name, offset).map_err(trouble)?;
        }
        Ok(())
    }

    /// What a node's clock tells, where that is this offset and cannot be the right time.
    fn told_wrong(&self, node: NodeId, offset: i64) -> Option<Deviation> {
        Deviation::ask(&*self.system, node).filter(|seen| seen.may_be(offset) && !seen.may_be(0))
    }

    /// A clock that does not come right spoils all that follows.
    fn is_right(&self, node: NodeId) -> Result<(), Trouble> {
        let offset = self.offset(node);
        match Deviation::ask(&*self.system, node) {
            Some(seen) if !seen.may_be(offset) => {
                let what = format!("the clock of {node} does not come right");
                Err(Trouble::new(what, format!("it is off by {seen}"), "run it again; if that helps not, report it"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deviation_is_as_sure_as_the_stamp_is_fine() {
        let seen = Deviation::between(1_000_000, 101_000_200, 1, 1_000_400);
        assert_eq!(seen, Deviation { low: 99_999_800, high: 100_000_201 });
        assert!(seen.may_be(100_000_000) && !seen.may_be(0));
        // Whole seconds do not tell a millisecond from nothing.
        let coarse = Deviation::between(1_500_000, 1_000_000, 1_000_000, 1_500_900);
        assert!(coarse.may_be(1000) && coarse.may_be(0));
        assert_eq!(coarse.to_string(), "-0.501 to +0.500 s");
    }
}
