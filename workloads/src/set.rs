//! Elements are added once, some are removed again by whoever added them, and all are read at the end.

use checkers::{AVAILABILITY, CONVERGENCE, INVARIANTS, SET as KEPT};
use harness::{Ask, ClientId, Op, Rng, SECOND, Shape, Time, Value, Workload};
use std::collections::{BTreeMap, VecDeque};

/// A grow-mostly set.
pub const SET: Workload = Workload {
    name: "set",
    about: "clients add elements, remove some of their own, and read the whole set",
    plan,
    finals,
    checkers: &[KEPT, CONVERGENCE, INVARIANTS, AVAILABILITY],
};

/// Nobody removes an element younger than this: its add has most likely been answered.
const SETTLED: Time = Time(2 * SECOND.0);

fn plan(shape: &Shape, rng: &mut Rng) -> Vec<Ask> {
    let mut added: BTreeMap<ClientId, VecDeque<(Time, Value)>> = BTreeMap::new();
    let moments = (1..).zip(shape.moments(rng));
    moments
        .map(|(element, (at, client))| {
            let own = added.entry(client).or_default();
            let old = own.front().filter(|(since, _)| *since + SETTLED <= at).map(|(_, old)| *old);
            let op = match (rng.below(100), old) {
                (0..10, _) => Op::Members,
                (10..25, Some(element)) => {
                    own.pop_front();
                    Op::Remove { element }
                }
                _ => {
                    own.push_back((at, element));
                    Op::Add { element }
                }
            };
            Ask { at, client, op }
        })
        .collect()
}

fn finals(_: &[Ask]) -> Vec<Op> {
    vec![Op::Members]
}
