//! The operations over siblings. What a design with one value a cell says in `data.rs`, and what is different here.
//!
//! Registers and names show their siblings to the client; a condition on several values at once does not hold. The set
//! is one cell, and its siblings are united: of each element the one that was added and removed most often counts (a
//! causal-length set, Yu and Rostad 2020). Nobody wrote such a union for anything else: of an account's siblings the
//! one of the latest dot is taken, and a transfer that builds on it loses the others.

use super::versions::{Item, Slot, Vector, Version, Versions};
use crate::data::{self, Cell, Content, Data, Decision, Sees};
use harness::{Op, Reply, Value};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A write, with what its client had seen of the slot.
pub type Put = (Slot, Vector, Item);

/// What an operation writes and answers, given what a node holds. `collect` is the deliberate bug: a write of the set lets
/// go of all tombstones but its own.
pub fn decide(op: &Op, versions: &Versions, collect: bool) -> (Vec<Put>, Reply) {
    match op {
        Op::Members => (Vec::new(), Reply::Elements(members(&lengths(versions)))),
        Op::Add { element } => turn(versions, *element, true, collect),
        Op::Remove { element } => turn(versions, *element, false, collect),
        _ => {
            let Sees::Cells(cells) = data::sees(op) else { unreachable!("the set has its own programs") };
            match conflict(op, &cells, versions) {
                Some(reply) => (Vec::new(), reply),
                None => plain(op, cells, versions),
            }
        }
    }
}

/// The answer of an operation on one cell that holds several values at once and must not choose between them.
fn conflict(op: &Op, cells: &[Cell], versions: &Versions) -> Option<Reply> {
    let [cell] = cells else { return None };
    let number = |item: &Item| match item {
        Item::Content(Content::Number(number)) => Some(*number),
        _ => None,
    };
    let siblings = versions.get(&Slot::Cell(cell.clone()));
    let values: BTreeSet<Value> = siblings.iter().filter_map(|version| number(&version.item)).collect();
    if values.len() < 2 {
        return None;
    }
    match op {
        Op::Read { .. } | Op::Owner { .. } => Some(Reply::Siblings(values.into_iter().collect())),
        Op::Cas { .. } | Op::Claim { .. } => Some(Reply::No),
        _ => None,
    }
}

/// An operation as `data.rs` has it, on one sibling of each cell.
fn plain(op: &Op, cells: Vec<Cell>, versions: &Versions) -> (Vec<Put>, Reply) {
    let latest = |cell: Cell| match &versions.get(&Slot::Cell(cell.clone())).last()?.item {
        Item::Content(content) => Some((cell, content.clone())),
        Item::Lengths(_) => None,
    };
    let seen: Data = cells.into_iter().filter_map(latest).collect();
    let Decision { writes, reply } = data::decide(op, &seen);
    let put = |(cell, content)| put(versions, Slot::Cell(cell), Item::Content(content));
    (writes.into_iter().map(put).collect(), reply)
}

fn put(versions: &Versions, slot: Slot, item: Item) -> Put {
    let seen = versions.context(&slot);
    (slot, seen, item)
}

/// Elements in ascending order, each with how often it was added and removed.
type Lengths = Vec<(Value, u32)>;

/// All siblings of the set in one.
fn lengths(versions: &Versions) -> Arc<Lengths> {
    let lengths = |version: &Version| match &version.item {
        Item::Lengths(lengths) => Some(lengths.clone()),
        Item::Content(_) => None,
    };
    let siblings = versions.get(&Slot::Set).iter().filter_map(lengths);
    siblings.reduce(|one, two| Arc::new(longest(&one, &two))).unwrap_or_default()
}

/// Two siblings in one: of an element that both have the longer length.
fn longest(mut one: &[(Value, u32)], mut two: &[(Value, u32)]) -> Lengths {
    let mut both = Vec::with_capacity(one.len().max(two.len()) + 8);
    while let (Some(first), Some(second)) = (one.first(), two.first()) {
        let order = first.0.cmp(&second.0);
        both.push(match order {
            Ordering::Less => *first,
            Ordering::Equal => *first.max(second),
            Ordering::Greater => *second,
        });
        one = &one[usize::from(order.is_le())..];
        two = &two[usize::from(order.is_ge())..];
    }
    both.extend_from_slice(one);
    both.extend_from_slice(two);
    both
}

fn is_in(length: u32) -> bool {
    length % 2 == 1
}

fn members(lengths: &[(Value, u32)]) -> Vec<Value> {
    lengths.iter().filter(|(_, length)| is_in(*length)).map(|(element, _)| *element).collect()
}

/// Adds or removes an element, unless it is so already.
fn turn(versions: &Versions, element: Value, wanted: bool, collect: bool) -> (Vec<Put>, Reply) {
    let lengths = lengths(versions);
    let place = lengths.binary_search_by_key(&element, |(there, _)| *there);
    if is_in(place.map_or(0, |place| lengths[place].1)) == wanted {
        return (Vec::new(), Reply::Done);
    }
    let mut lengths = Lengths::clone(&lengths);
    match place {
        Ok(place) => lengths[place].1 += 1,
        Err(place) => lengths.insert(place, (element, 1)),
    }
    if collect {
        lengths.retain(|(other, length)| is_in(*length) || *other == element);
    }
    (vec![put(versions, Slot::Set, Item::Lengths(Arc::new(lengths)))], Reply::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::NodeId;

    fn run(versions: &mut Versions, node: u8, op: Op) -> Reply {
        let (puts, reply) = decide(&op, versions, false);
        for (slot, seen, item) in puts {
            versions.put(NodeId(node), slot, seen, item);
        }
        reply
    }

    #[test]
    fn both_claims_of_a_name_are_seen_and_nobody_owns_it_alone() {
        let (mut one, mut other) = (Versions::default(), Versions::default());
        let claim = |owner| Op::Claim { name: "ada".into(), owner };
        assert_eq!(run(&mut one, 0, claim(5)), Reply::Done);
        assert_eq!(run(&mut other, 1, claim(3)), Reply::Done);
        one.merge(other.all());
        assert_eq!(run(&mut one, 0, Op::Owner { name: "ada".into() }), Reply::Siblings(vec![3, 5]));
        assert_eq!(run(&mut one, 0, claim(5)), Reply::No);
    }

    #[test]
    fn a_write_that_saw_both_values_settles_a_conflict_and_a_condition_on_both_does_not_hold() {
        let (mut one, mut other) = (Versions::default(), Versions::default());
        let write = |value| Op::Write { key: "x".into(), value };
        run(&mut one, 0, write(1));
        run(&mut other, 1, write(2));
        one.merge(other.all());
        assert_eq!(run(&mut one, 0, Op::Cas { key: "x".into(), from: 1, to: 3 }), Reply::No);
        assert_eq!(run(&mut one, 0, write(4)), Reply::Done);
        assert_eq!(run(&mut one, 0, Op::Read { key: "x".into() }), Reply::Value(Some(4)));
    }

    #[test]
    fn sets_are_united_and_a_remove_that_was_seen_stays() {
        let (mut one, mut other) = (Versions::default(), Versions::default());
        run(&mut one, 0, Op::Add { element: 1 });
        other.merge(one.all());
        run(&mut one, 0, Op::Remove { element: 1 });
        run(&mut other, 1, Op::Add { element: 2 });
        one.merge(other.all());
        assert_eq!(run(&mut one, 0, Op::Members), Reply::Elements(vec![2]));
        run(&mut one, 0, Op::Add { element: 1 });
        assert_eq!(run(&mut one, 0, Op::Members), Reply::Elements(vec![1, 2]));
    }
}
