//! An observed-remove set without tombstones (Bieniusa et al., "An optimized conflict-free replicated set", 2012).
//!
//! Every add has a dot: its node and how many adds that node had made. A remove takes the dots away that its node knows, so an
//! add that it did not know survives it. What was seen is one number a node, which tells a join whether a dot that one side
//! does not have is news or was removed there.

use harness::{NodeId, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

type Dot = (NodeId, u64);

/// The set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Elements {
    seen: BTreeMap<NodeId, u64>,
    /// In ascending order.
    dots: Vec<(Value, Dot)>,
}

impl Elements {
    /// Adds an element at `node`.
    pub fn add(&mut self, node: NodeId, element: Value) {
        let count = self.seen.entry(node).or_default();
        *count += 1;
        let dot = (node, *count);
        self.remove(element);
        let place = self.dots.partition_point(|there| *there < (element, dot));
        self.dots.insert(place, (element, dot));
    }

    /// Removes an element as far as it was seen.
    pub fn remove(&mut self, element: Value) {
        let first = self.dots.partition_point(|(there, _)| *there < element);
        let behind = self.dots.partition_point(|(there, _)| *there <= element);
        self.dots.drain(first..behind);
    }

    /// Who is in it, in ascending order.
    pub fn members(&self) -> Vec<Value> {
        let mut members: Vec<Value> = self.dots.iter().map(|(element, _)| *element).collect();
        members.dedup();
        members
    }

    /// Joins another copy: a dot stays if both have it, or if one has it and the other has never seen it.
    pub fn join(&mut self, other: &Elements) {
        let new = |seen: &BTreeMap<NodeId, u64>, (node, count): Dot| seen.get(&node).is_none_or(|seen| *seen < count);
        let (mut mine, mut theirs) = (self.dots.as_slice(), other.dots.as_slice());
        let mut joined = Vec::with_capacity(mine.len().max(theirs.len()) + 8);
        loop {
            // Copies differ in few places, so that most dots come in long runs of what both have.
            let both = mine.iter().zip(theirs).take_while(|(one, two)| one == two).count();
            joined.extend_from_slice(&mine[..both]);
            (mine, theirs) = (&mine[both..], &theirs[both..]);
            let (dot, keep) = match (mine.first(), theirs.first()) {
                (None, None) => break,
                (Some(dot), other_dot) if other_dot.is_none_or(|theirs| dot < theirs) => {
                    mine = &mine[1..];
                    (*dot, new(&other.seen, dot.1))
                }
                (_, dot) => {
                    let dot = dot.expect("whoever has none left was looked at");
                    theirs = &theirs[1..];
                    (*dot, new(&self.seen, dot.1))
                }
            };
            joined.extend(keep.then_some(dot));
        }
        self.dots = joined;
        for (node, count) in &other.seen {
            let seen = self.seen.entry(*node).or_default();
            *seen = (*count).max(*seen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remove_takes_what_it_has_seen_and_an_add_beside_it_stays() {
        let (one, other) = (NodeId(0), NodeId(1));
        let mut a = Elements::default();
        (1..4).for_each(|element| a.add(one, element));
        let mut b = a.clone();
        a.remove(1);
        b.remove(3);
        b.add(other, 3);
        a.remove(3);
        b.add(other, 9);
        let (mut left, mut right) = (a.clone(), b.clone());
        left.join(&b);
        right.join(&a);
        assert_eq!(left, right);
        assert_eq!(left.members(), [2, 3, 9]);
        left.join(&a);
        left.join(&b);
        assert_eq!(left, right, "a join again changes nothing");
    }
}
