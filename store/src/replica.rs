//! Stamped cells, merged by "the larger stamp wins".

use crate::data::{Cell, Content, Data, Sees, digest};
use harness::NodeId;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

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

/// One node's copy of all cells: in one row, in the order of their names, since most of what is done with them is to take all, to
/// compare all, or to join two such rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Replica {
    cells: Vec<Stamped>,
    /// The sum of the digests of all cells, so that two replicas are compared without a look at each cell.
    sum: u64,
}

impl Replica {
    /// Takes a write unless a larger stamp is there already. True if it changed anything.
    pub fn merge(&mut self, write: Stamped) -> bool {
        self.take(&mut 0, Cow::Owned(write))
    }
    /// Takes those of many writes that are newer than what is there, and returns them.
    pub fn merge_all(&mut self, writes: Vec<Stamped>) -> Vec<Stamped> {
        let mut at = 0;
        writes.into_iter().filter(|write| self.take(&mut at, Cow::Borrowed(write))).collect()
    }
    /// Takes all that is newer in another copy.
    pub fn join(&mut self, other: &Replica) {
        let mut at = 0;
        for write in &other.cells {
            self.take(&mut at, Cow::Borrowed(write));
        }
    }
    /// Takes a write unless a larger stamp is there already. `at` is where the next cell is looked for first.
    fn take(&mut self, at: &mut usize, write: Cow<Stamped>) -> bool {
        let place = self.place_near(*at, &write.0);
        *at = place.unwrap_or_else(|place| place) + 1;
        match place {
            Ok(place) if self.cells[place].1 >= write.1 => return false,
            Ok(place) => {
                let added = weight(&write);
                let gone = std::mem::replace(&mut self.cells[place], write.into_owned());
                self.sum = self.sum.wrapping_sub(weight(&gone)).wrapping_add(added);
            }
            Err(place) => {
                self.sum = self.sum.wrapping_add(weight(&write));
                self.cells.insert(place, write.into_owned());
            }
        }
        true
    }
    /// Where a cell is, or would be. It is looked for at `near` first: whoever takes many cells takes them in order.
    fn place_near(&self, near: usize, cell: &Cell) -> Result<usize, usize> {
        let less = |place: usize| self.cells.get(place).is_some_and(|(there, ..)| there < cell);
        match self.cells.get(near) {
            Some((there, ..)) if there == cell => Ok(near),
            None if near == self.cells.len() && near > 0 && less(near - 1) => Err(near),
            _ => self.place(cell),
        }
    }
    fn place(&self, cell: &Cell) -> Result<usize, usize> {
        self.cells.binary_search_by(|(there, ..)| there.cmp(cell))
    }
    fn get(&self, cell: &Cell) -> Option<&Stamped> {
        self.place(cell).ok().map(|place| &self.cells[place])
    }
    /// Lets go of a cell unless a larger stamp is there by now.
    pub fn forget(&mut self, cell: &Cell, stamp: Stamp) {
        if let Ok(place) = self.place(cell)
            && self.cells[place].1 <= stamp
        {
            let gone = self.cells.remove(place);
            self.sum = self.sum.wrapping_sub(weight(&gone));
        }
    }
    /// True if another write with the same stamp is there: no order decides between the two.
    pub fn ties(&self, (cell, stamp, content): &Stamped) -> bool {
        self.get(cell).is_some_and(|(_, there, other)| there == stamp && other != content)
    }
    /// The stamped cells that an operation must see.
    pub fn select(&self, sees: &Sees) -> Vec<Stamped> {
        match sees {
            Sees::Cells(cells) => cells.iter().filter_map(|cell| self.get(cell).cloned()).collect(),
            Sees::Elements => {
                let first = self.place(&Cell::Element(i64::MIN)).unwrap_or_else(|place| place);
                self.cells[first..].to_vec()
            }
        }
    }
    /// Everything.
    pub fn all(&self) -> Vec<Stamped> {
        self.cells.clone()
    }
    /// The largest clock among the stamps of these cells.
    pub fn clock(&self) -> u64 {
        self.cells.iter().map(|(_, stamp, _)| stamp.clock).max().unwrap_or(0)
    }
    /// What the cells hold, without stamps.
    pub fn data(&self) -> Data {
        self.cells.iter().map(|(cell, _, content)| (cell.clone(), content.clone())).collect()
    }
    /// Equal for equal cells and stamps.
    pub fn digest(&self) -> u64 {
        self.sum
    }
}

/// What a cell adds to the sum. The digest alone will not do: it is so nearly linear that two cells which swap what they hold add up to
/// the same. The mixing is the end of MurmurHash3 (Appleby).
fn weight(write: &Stamped) -> u64 {
    let mut mixed = digest(write);
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        mixed = (mixed ^ mixed >> 33).wrapping_mul(factor);
    }
    mixed ^ mixed >> 33
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

#[cfg(test)]
mod tests {
    use super::*;
    use harness::Seed;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn cells_that_swap_what_they_hold_are_told_apart() {
        let stamp = Stamp { clock: 1, tie: 0, node: NodeId(0) };
        let row = |contents: [i64; 3]| -> Replica {
            (0..).zip(contents).map(|(cell, held)| (Cell::Element(cell), stamp, Content::Number(held))).collect()
        };
        let digests: BTreeSet<u64> = (0..27).map(|n| row([n / 9, n / 3 % 3, n % 3]).digest()).collect();
        assert_eq!(digests.len(), 27);
    }

    /// Many replicas that take writes one by one, in bulk and from each other hold what an ordered map would hold, and equal ones have
    /// equal digests.
    #[test]
    fn a_row_of_cells_is_a_map_of_cells() {
        let mut rng = Seed(1).stream("replica");
        for _ in 0..300 {
            let (mut row, mut map) = (Replica::default(), BTreeMap::new());
            for _ in 0..rng.below(12) {
                let mut writes: Vec<Stamped> = (0..1 + rng.below(6))
                    .map(|_| {
                        let stamp = Stamp { clock: rng.below(5), tie: rng.below(2), node: NodeId(0) };
                        let number = rng.below(9) as i64;
                        let cell = if number < 3 { Cell::Account(number as u16) } else { Cell::Element(number) };
                        (cell, stamp, Content::Number(stamp.clock as i64))
                    })
                    .collect();
                if rng.percent(50) {
                    writes.sort();
                }
                let taken = writes.clone().into_iter().filter(|(cell, stamp, content)| {
                    let newer = map.get(cell).is_none_or(|(there, _)| there < stamp);
                    if newer {
                        map.insert(cell.clone(), (*stamp, content.clone()));
                    }
                    newer
                });
                let taken: Vec<Stamped> = taken.collect();
                if rng.percent(50) {
                    assert_eq!(row.merge_all(writes), taken);
                } else {
                    row.join(&writes.into_iter().collect());
                }
                if rng.percent(20)
                    && let Some((cell, (stamp, _))) = map.pop_first()
                {
                    row.forget(&cell, stamp);
                }
                let rows: Vec<Stamped> =
                    map.iter().map(|(cell, (stamp, content))| (cell.clone(), *stamp, content.clone())).collect();
                assert_eq!(row.all(), rows);
                assert_eq!(row.select(&Sees::Elements).len(), map.range(Cell::Element(0)..).count());
                assert_eq!(
                    (row.digest(), &row),
                    (rows.iter().cloned().collect::<Replica>().digest(), &rows.into_iter().rev().collect())
                );
            }
        }
    }
}
