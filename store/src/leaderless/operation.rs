//! An operation that a node coordinates: what it has heard, and whether that is enough.

use super::modes::Config;
use crate::data::Data;
use crate::replica::Stamped;
use harness::{Op, Reply, Time};
use std::cmp::Ordering;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Operation {
    pub(super) op: Op,
    pub(super) began: Time,
    /// When its current phase began.
    pub(super) since: Time,
    /// Who has answered the current phase, as bits.
    pub(super) answered: u32,
    /// How many answers there were: what is counted by mistake.
    pub(super) answers: u32,
    /// Home nodes that were silent for too long, as bits: the coordinator stands in for them.
    pub(super) silent: u32,
    /// A quorum of each of these must answer, as bits.
    pub(super) groups: Vec<u32>,
    pub(super) phase: Phase,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase {
    Read(Gathered),
    /// The answer for the client, and what has to be stored first.
    Write(Reply, Vec<Stamped>),
}

impl Operation {
    pub(super) fn new(op: Op, now: Time, groups: Vec<u32>) -> Operation {
        let phase = Phase::Read(Gathered::default());
        Operation { op, began: now, since: now, answered: 0, answers: 0, silent: 0, groups, phase }
    }

    /// All nodes that are asked, as bits.
    pub(super) fn asked(&self) -> u32 {
        self.groups.iter().fold(0, |all, group| all | group)
    }

    pub(super) fn is_reading(&self) -> bool {
        matches!(self.phase, Phase::Read(_))
    }

    /// Takes note of who answered.
    pub(super) fn hear(&mut self, who: u32) {
        self.answered |= who;
        self.answers += 1;
    }

    /// Have enough answered?
    pub(super) fn is_enough(&self, config: &Config) -> bool {
        let needed = if self.is_reading() { config.reads } else { config.writes };
        let quorum = |group: &u32| (self.answered & group).count_ones() >= needed;
        config.count_twice && self.answers >= needed || self.groups.iter().all(quorum)
    }

    /// Does it go on although fewer have answered than its design says? Only a deliberate bug lets it.
    pub(super) fn is_owed(&self, config: &Config) -> bool {
        let owed = if self.is_reading() { config.reads } else { config.owed };
        self.groups.iter().any(|group| (self.answered & group).count_ones() < owed)
    }

    /// What was read is to be stored now.
    pub(super) fn write(&mut self, now: Time, reply: Reply, cells: Vec<Stamped>, groups: Vec<u32>) {
        (self.since, self.answered, self.answers, self.groups) = (now, 0, 0, groups);
        self.phase = Phase::Write(reply, cells);
    }
}

/// The newest of what was answered so far, and who holds it as bits, in the order of cells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Gathered {
    newest: Vec<(Stamped, u32)>,
}

impl Gathered {
    pub(super) fn hear(&mut self, who: u32, mut cells: Vec<Stamped>) {
        // Those of a transfer come as it names them, and nobody forbids it to name one twice.
        cells.sort_by(|(one, ..), (two, ..)| one.cmp(two));
        cells.dedup_by(|(one, ..), (two, ..)| one == two);
        let before = std::mem::take(&mut self.newest);
        self.newest.reserve(before.len().max(cells.len()));
        let (mut before, mut heard) = (before.into_iter().peekable(), cells.into_iter().peekable());
        loop {
            let order = match (before.peek(), heard.peek()) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(((there, ..), _)), Some((cell, ..))) => there.cmp(cell),
            };
            // What both have, and what only one of the two has.
            let next = match order {
                Ordering::Less => before.next(),
                Ordering::Greater => heard.next().map(|write| (write, who)),
                Ordering::Equal => before.next().zip(heard.next()).map(|(there, write)| newer(there, write, who)),
            };
            self.newest.extend(next);
        }
    }

    /// What the cells hold.
    pub(super) fn data(&self) -> Data {
        self.newest.iter().map(|((cell, _, content), _)| (cell.clone(), content.clone())).collect()
    }

    /// The largest clock among their stamps.
    pub(super) fn clock(&self) -> u64 {
        self.newest.iter().map(|((_, stamp, _), _)| stamp.clock).max().unwrap_or(0)
    }

    /// What not all of these nodes hold.
    pub(super) fn unshared(&self, nodes: u32) -> Vec<Stamped> {
        let lacking = self.newest.iter().filter(|(_, holders)| holders & nodes != nodes);
        lacking.map(|(write, _)| write.clone()).collect()
    }
}

/// Of two writes of one cell the newer one, with all who hold it.
fn newer((there, holders): (Stamped, u32), write: Stamped, who: u32) -> (Stamped, u32) {
    match there.1.cmp(&write.1) {
        Ordering::Less => (write, who),
        Ordering::Equal => (there, holders | who),
        Ordering::Greater => (there, holders),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Cell, Content};
    use crate::replica::Stamp;
    use harness::NodeId;

    #[test]
    fn what_all_hold_need_not_be_written_back() {
        let write = |element, clock| {
            let stamp = Stamp { clock, tie: 0, node: NodeId(0) };
            (Cell::Element(element), stamp, Content::Number(clock as i64))
        };
        let mut gathered = Gathered::default();
        gathered.hear(1, vec![write(1, 1), write(2, 1)]);
        gathered.hear(2, vec![write(1, 1), write(2, 2)]);
        gathered.hear(4, vec![write(3, 1), write(1, 1), write(1, 1)]);
        assert_eq!(gathered.unshared(7), [write(2, 2), write(3, 1)]);
        gathered.hear(5, vec![write(2, 2)]);
        assert_eq!(gathered.unshared(7), [write(3, 1)]);
    }
}
