//! Wrong clocks: set by the host, for every process of a node, and believed only once the database itself tells the time wrong. One that
//! jumps or drifts is set again and again, and believed once the database has told two times that are apart.

use super::cluster::{RealCluster, trouble};
use super::faults::{Injected, Measure};
use super::{Stamp, System};
use harness::fault::Effect;
use harness::{Cluster, Fault, MS, Motion, NodeId, Target, Time, Trouble};
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
    /// Asks a node, whose clock is as exact as this. `None` where nothing was answered.
    fn ask(system: &dyn System, node: NodeId, exact: i64) -> Option<Deviation> {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
        let before = now();
        let Stamp { micros, grain } = system.clock(node.index()).ok()?;
        let Deviation { low, high } = Deviation::between(before, micros, grain, now());
        Some(Deviation { low: low - exact, high: high + exact })
    }

    /// From a stamp that was taken between two true times.
    fn between(before: i64, micros: i64, grain: i64, after: i64) -> Deviation {
        Deviation { low: micros - after, high: micros + grain - before }
    }

    fn may_be(self, offset: i64) -> bool {
        (self.low..=self.high).contains(&offset)
    }

    fn is_apart(self, other: Deviation) -> bool {
        self.high < other.low || other.high < self.low
    }
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = |micros: i64| micros as f64 / 1e6;
        write!(f, "{:+.3} to {:+.3} s", seconds(self.low), seconds(self.high))
    }
}

/// What nodes told while a fault was in force, as they should and not the right time: of a still clock one, of one that moves two that
/// are apart.
pub(super) type Told = Vec<(NodeId, Deviation)>;

/// Between two steps of a clock that drifts.
const STEP: Time = Time(100 * MS.0);

impl RealCluster {
    /// By how much all faults in force together set a node's clock off, when clocks were last turned.
    fn offset(&self, node: NodeId) -> i64 {
        let each = self.injected().map(|(fault, began)| match fault {
            Fault::Clock { target, offset, motion, .. } if target.nodes(self.views.len()).contains(&node) => {
                motion.moved(*offset, self.turned.since(began))
            }
            _ => 0,
        });
        each.sum()
    }

    /// Sets the victims' clocks as all faults in force together say. Returns those that tell a wrong time as they should.
    pub(super) fn skew(&mut self, target: &Target) -> Result<Told, Trouble> {
        self.turn_clocks();
        let mut wrong = Vec::new();
        for node in target.nodes(self.views.len()) {
            self.set_clock(node)?;
            wrong.extend(self.told_wrong(node, self.offset(node)).map(|seen| (node, seen)));
        }
        Ok(wrong)
    }

    /// Takes a fault on clocks back that is no longer in force, and says what came of it.
    pub(super) fn unskew(&mut self, fault: &Fault, told: &Told, began: Time) -> Result<Effect, Trouble> {
        let Fault::Clock { target, offset, motion, .. } = fault else { panic!("\"{fault}\" is no wrong clock") };
        let (mut words, mut effective) = (Vec::new(), true);
        let lasted = self.now().since(began);
        for node in target.nodes(self.views.len()) {
            // A node that is down or stopped tells no time.
            let asked = self.answers(node);
            let ended = self.told_wrong(node, self.offset(node) + motion.moved(*offset, self.turned.since(began)));
            self.set_clock(node)?;
            if asked {
                self.is_right(node)?;
            }
            let told: Vec<Deviation> = told.iter().filter(|(known, _)| *known == node).map(|(_, seen)| *seen).collect();
            let moved = told.iter().chain(&ended).any(|seen| told.iter().any(|other| seen.is_apart(*other)));
            let enough = if motion.is_still() { !told.is_empty() } else { moved };
            effective &= enough && (ended.is_some() || !asked);
            let off = told.iter().map(Deviation::to_string).collect::<Vec<_>>().join(", and by ");
            words.push(match ended {
                _ if !enough && motion.is_still() => format!("the clock of {node} did not tell another time"),
                _ if !enough => format!("the clock of {node} was not seen to move"),
                Some(ended) => format!("{node} was off by {off}, and by {ended} after {lasted}"),
                None if asked => format!("{node} was off by {off}, and no longer when the fault ended"),
                None => format!("{node} was off by {off}, and could not be asked at the end"),
            });
        }
        Ok(Effect::new(effective, words.join("; ")))
    }

    /// Moves clocks that jump or drift to where they should be by now.
    pub(super) fn turn_clocks(&mut self) {
        let now = self.now();
        let (mut next, mut jumped, mut moving) = (Time::NEVER, false, Vec::new());
        for (fault, began) in self.injected() {
            let Fault::Clock { target, motion, .. } = fault else { continue };
            let jumps = motion.jumps(now.since(began));
            next = next.min(match motion {
                Motion::Still => continue,
                Motion::Strobe(every) => began + *every * (jumps + 1),
                Motion::Drift(_) => now + STEP,
            });
            jumped |= jumps > motion.jumps(self.turned.since(began));
            moving.extend(target.nodes(self.views.len()));
        }
        (self.turned, self.turns) = (now, next);
        for node in moving {
            // What does not take shows when the fault ends.
            let _ = self.set_clock(node);
        }
        if jumped {
            self.look_at_clocks();
        }
    }

    /// Asks nodes whose clocks move, until each has told two times that are apart.
    pub(super) fn look_at_clocks(&mut self) {
        for id in 0..self.faults.len() {
            let moving = match self.faults[id].as_ref().map(|injected| &injected.fault) {
                Some(Fault::Clock { target, motion, .. }) if !motion.is_still() => target.nodes(self.views.len()),
                _ => continue,
            };
            for node in moving {
                let Some(Injected { measure: Measure::Clocks(told), .. }) = &self.faults[id] else { continue };
                let told: Vec<Deviation> =
                    told.iter().filter(|(known, _)| *known == node).map(|(_, seen)| *seen).collect();
                if told.len() > 1 || !self.answers(node) {
                    continue;
                }
                let seen = self.told_wrong(node, self.offset(node));
                let news = seen.filter(|seen| told.iter().all(|other| seen.is_apart(*other)));
                if let Some(Injected { measure: Measure::Clocks(told), .. }) = &mut self.faults[id] {
                    told.extend(news.map(|seen| (node, seen)));
                }
            }
        }
    }

    fn answers(&self, node: NodeId) -> bool {
        self.down[node.index()] == 0 && self.stopped[node.index()] == 0
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

    fn deviation(&self, node: NodeId) -> Option<Deviation> {
        Deviation::ask(&*self.system, node, self.host.clock_grain())
    }

    /// What a node's clock tells, where that is this offset and cannot be the right time.
    fn told_wrong(&self, node: NodeId, offset: i64) -> Option<Deviation> {
        self.deviation(node).filter(|seen| seen.may_be(offset) && !seen.may_be(0))
    }

    /// A clock that does not come right spoils all that follows.
    fn is_right(&self, node: NodeId) -> Result<(), Trouble> {
        let offset = self.offset(node);
        match self.deviation(node) {
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
        let later = Deviation::between(2_000_000, 102_000_600, 1, 2_000_200);
        assert!(later.is_apart(seen) && seen.is_apart(later) && !seen.is_apart(seen), "it is off by 0.4 ms more");
        // Whole seconds do not tell a millisecond from nothing.
        let coarse = Deviation::between(1_500_000, 1_000_000, 1_000_000, 1_500_900);
        assert!(coarse.may_be(1000) && coarse.may_be(0));
        assert_eq!(coarse.to_string(), "-0.501 to +0.500 s");
    }
}
