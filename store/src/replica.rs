//! Stamped cells, merged by "the larger stamp wins".

use crate::data::{Cell, Content, Data, Sees, digest};
use harness::NodeId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What decides between two writes of a cell: first the clock or counter, then a tie-break that is unique.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Stamp {
    /// A wall clock in microseconds, or a counter.
    pub clock: u64,
    /// Unique among the writes with this clock, together with the node.
    pub tie: u64,
    /// Who made it.
    pub node: NodeId,
}

/// A cell's content with the stamp of the write that put it there.
pub type Stamped = (Cell, Stamp, Content);

/// One node's copy of all cells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Replica {
    cells: BTreeMap<Cell, (Stamp, Content)>,
}

impl Replica {
    /// Takes a write unless a larger stamp is there already. True if it changed anything.
    pub fn merge(&mut self, (cell, stamp, content): Stamped) -> bool {
        let newer = self.lacks(&cell, stamp);
        if newer {
            self.cells.insert(cell, (stamp, content));
        }
        newer
    }
    /// Takes those of many writes that are newer than what is there, and returns them.
    pub fn merge_all(&mut self, writes: Vec<Stamped>) -> Vec<Stamped> {
        writes.into_iter().filter(|(cell, stamp, content)| self.copy(cell, *stamp, content)).collect()
    }
    /// Takes all that is newer in another copy.
    pub fn join(&mut self, other: &Replica) {
        for (cell, (stamp, content)) in &other.cells {
            self.copy(cell, *stamp, content);
        }
    }
    /// As [`Replica::merge`], for what somebody else keeps.
    fn copy(&mut self, cell: &Cell, stamp: Stamp, content: &Content) -> bool {
        self.lacks(cell, stamp) && self.merge((cell.clone(), stamp, content.clone()))
    }
    fn lacks(&self, cell: &Cell, stamp: Stamp) -> bool {
        self.cells.get(cell).is_none_or(|(there, _)| *there < stamp)
    }
    /// Lets go of a cell unless a larger stamp is there by now.
    pub fn forget(&mut self, cell: &Cell, stamp: Stamp) {
        if self.cells.get(cell).is_some_and(|(there, _)| *there <= stamp) {
            self.cells.remove(cell);
        }
    }
    /// True if another write with the same stamp is there: no order decides between the two.
    pub fn ties(&self, (cell, stamp, content): &Stamped) -> bool {
        self.cells.get(cell).is_some_and(|(there, other)| there == stamp && other != content)
    }
    /// The stamped cells that an operation must see.
    pub fn select(&self, sees: &Sees) -> Vec<Stamped> {
        let stamped = |(cell, (stamp, content)): (&Cell, &(Stamp, Content))| (cell.clone(), *stamp, content.clone());
        match sees {
            Sees::Cells(cells) => cells.iter().filter_map(|cell| self.cells.get_key_value(cell)).map(stamped).collect(),
            Sees::Elements => self.cells.range(Cell::Element(i64::MIN)..).map(stamped).collect(),
        }
    }
    /// Everything.
    pub fn all(&self) -> Vec<Stamped> {
        self.cells.iter().map(|(cell, (stamp, content))| (cell.clone(), *stamp, content.clone())).collect()
    }
    /// The largest clock among the stamps of these cells.
    pub fn clock(&self) -> u64 {
        self.cells.values().map(|(stamp, _)| stamp.clock).max().unwrap_or(0)
    }
    /// What the cells hold, without stamps.
    pub fn data(&self) -> Data {
        self.cells.iter().map(|(cell, (_, content))| (cell.clone(), content.clone())).collect()
    }
    /// Equal for equal cells and stamps.
    pub fn digest(&self) -> u64 {
        digest(self)
    }
}

impl FromIterator<Stamped> for Replica {
    fn from_iter<I: IntoIterator<Item = Stamped>>(writes: I) -> Replica {
        let mut replica = Replica::default();
        writes.into_iter().for_each(|write| {
            replica.merge(write);
        });
        replica
    }
}
