//! Versions of a cell, and which of them overwrites which.
//!
//! A version is known by its *dot*: the node that took it and how many that node had taken of this cell. It carries its
//! *past*, a version vector: everything that its client had seen. Under [`Rule::Dots`] it overwrites exactly what is in its
//! past (Preguiça, Baquero et al. 2010). Under [`Rule::Vectors`] dot and past are melted into one vector and a larger vector
//! overwrites a smaller one: two clients that saw the same and write at one node get vectors that are ordered, and the
//! first of their versions is gone.
//!
//! ```text
//! both saw nothing       dots                    vectors
//! client 1 writes at n1  (n1, 1) past {}         {n1: 1}
//! client 2 writes at n1  (n1, 2) past {}         {n1: 2}   overwrites {n1: 1}
//! ```
//!
//! All versions of a cell travel together. Whoever has a version has therefore also had every earlier one of its node, which
//! is why one number a node is enough for a past.

use crate::data::{Cell, Content, digest};
use harness::{NodeId, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The name of what has versions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Slot {
    /// A cell, as every other design has it.
    Cell(Cell),
    /// The whole set: what the shopping cart is in the Dynamo paper.
    Set,
}

/// What a version holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Item {
    /// A cell's content.
    Content(Content),
    /// Elements, in ascending order, each with how often it was added and removed: it is in the set if that is odd. Copies share
    /// them, since they travel whole and are long.
    Lengths(Arc<Vec<(Value, u32)>>),
}

/// How many versions of each node were seen.
pub type Vector = BTreeMap<NodeId, u64>;

/// A version of a cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Version {
    dot: (NodeId, u64),
    past: Vector,
    /// What it holds.
    pub item: Item,
}

/// A slot with all its versions, none of which overwrites another: siblings.
pub type Siblings = (Slot, Vec<Version>);

/// What makes a version overwrite another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Rule {
    /// It has seen it.
    #[default]
    Dots,
    /// Its vector is larger.
    Vectors,
}

impl Rule {
    fn overwrites(self, new: &Version, old: &Version) -> bool {
        let covers = |vector: &Vector, (node, number): (NodeId, u64)| count(vector, node) >= number;
        match self {
            Rule::Dots => covers(&new.past, old.dot),
            Rule::Vectors => {
                let (new, old) = (new.vector(), old.vector());
                new != old && old.into_iter().all(|dot| covers(&new, dot))
            }
        }
    }
}

impl Version {
    /// Dot and past in one.
    fn vector(&self) -> Vector {
        let mut vector = self.past.clone();
        join(&mut vector, [self.dot]);
        vector
    }
}

fn count(vector: &Vector, node: NodeId) -> u64 {
    vector.get(&node).copied().unwrap_or(0)
}

fn join(vector: &mut Vector, other: impl IntoIterator<Item = (NodeId, u64)>) {
    for (node, number) in other {
        let count = vector.entry(node).or_default();
        *count = number.max(*count);
    }
}

/// Everything that a node holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Versions {
    /// Given by the node's mode, after every start.
    pub rule: Rule,
    slots: BTreeMap<Slot, Vec<Version>>,
}

impl Versions {
    /// The siblings of a slot.
    pub fn get(&self, slot: &Slot) -> &[Version] {
        self.slots.get(slot).map_or(&[], Vec::as_slice)
    }

    /// What somebody who reads a slot now has seen of it.
    pub fn context(&self, slot: &Slot) -> Vector {
        let mut context = Vector::new();
        self.get(slot).iter().for_each(|version| join(&mut context, version.vector()));
        context
    }

    /// Takes a write at `node` by a client that had seen `past`. Returns what the slot holds now.
    pub fn put(&mut self, node: NodeId, slot: Slot, past: Vector, item: Item) -> Siblings {
        let taken = count(&self.context(&slot), node);
        self.take(&slot, Version { dot: (node, taken + 1), past, item });
        let siblings = self.get(&slot).to_vec();
        (slot, siblings)
    }

    /// Takes what others hold. Returns those slots that have changed, with all that they hold now.
    pub fn merge(&mut self, news: Vec<Siblings>) -> Vec<Siblings> {
        let mut changed = Vec::new();
        for (slot, versions) in news {
            let fresh = versions.into_iter().fold(false, |fresh, version| self.take(&slot, version) | fresh);
            if fresh {
                changed.push((slot.clone(), self.get(&slot).to_vec()));
            }
        }
        changed
    }

    /// Takes a version unless it is there or overwritten. True if it was taken.
    fn take(&mut self, slot: &Slot, new: Version) -> bool {
        let versions = self.slots.entry(slot.clone()).or_default();
        if versions.iter().any(|old| old.dot == new.dot || self.rule.overwrites(old, &new)) {
            return false;
        }
        versions.retain(|old| !self.rule.overwrites(&new, old));
        versions.push(new);
        versions.sort_by_key(|version| version.dot);
        true
    }

    /// Puts back what was written to the disk.
    pub fn replace(&mut self, (slot, versions): Siblings) {
        self.slots.insert(slot, versions);
    }

    /// Everything.
    pub fn all(&self) -> Vec<Siblings> {
        self.slots.iter().map(|(slot, versions)| (slot.clone(), versions.clone())).collect()
    }

    /// Equal for equal versions of equal slots.
    pub fn digest(&self) -> u64 {
        digest(&self.slots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot() -> Slot {
        Slot::Cell(Cell::Name("ada".into()))
    }

    fn item(number: Value) -> Item {
        Item::Content(Content::Number(number))
    }

    fn numbers(versions: &Versions) -> Vec<Value> {
        let number = |version: &Version| match version.item {
            Item::Content(Content::Number(number)) => number,
            _ => 0,
        };
        versions.get(&slot()).iter().map(number).collect()
    }

    #[test]
    fn two_clients_that_saw_the_same_at_one_node() {
        for (rule, kept) in [(Rule::Dots, vec![1, 2]), (Rule::Vectors, vec![2])] {
            let mut versions = Versions { rule, ..Versions::default() };
            let seen = versions.context(&slot());
            versions.put(NodeId(0), slot(), seen.clone(), item(1));
            versions.put(NodeId(0), slot(), seen, item(2));
            assert_eq!(numbers(&versions), kept, "{rule:?}");
        }
    }

    #[test]
    fn what_two_nodes_took_side_by_side_is_kept_and_what_saw_both_overwrites_both() {
        for rule in [Rule::Dots, Rule::Vectors] {
            let node = || Versions { rule, ..Versions::default() };
            let (mut one, mut other) = (node(), node());
            one.put(NodeId(0), slot(), Vector::new(), item(1));
            other.put(NodeId(1), slot(), Vector::new(), item(2));
            let news = one.merge(other.all());
            assert_eq!((numbers(&one), other.merge(news).len()), (vec![1, 2], 1));
            assert_eq!(one.digest(), other.digest());
            let seen = other.context(&slot());
            let news = other.put(NodeId(1), slot(), seen, item(3));
            assert_eq!(one.merge(vec![news.clone()]), vec![news.clone()]);
            assert_eq!((numbers(&one), one.merge(vec![news])), (vec![3], Vec::new()));
        }
    }
}
