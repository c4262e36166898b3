//! Elements are added once, some are removed again by whoever added them, and all are read at the end.

use checkers::{AVAILABILITY, CONVERGENCE, FAILED_OPS, INVARIANTS, SET as KEPT};
use harness::{Ask, ClientId, Op, Rng, SECOND, Shape, Time, Value, Workload};
use std::collections::BTreeMap;

/// A grow-mostly set.
pub const SET: Workload = Workload {
    name: "set",
    about: "clients add elements, remove some of their own, and read the whole set",
    asks: "set",
    plan,
    finals,
    checkers: &[FAILED_OPS, KEPT, CONVERGENCE, INVARIANTS, AVAILABILITY],
};

/// Nobody removes an element younger than this: its add has most likely been answered.
const SETTLED: Time = Time(2 * SECOND.0);

fn plan(shape: &Shape, rng: &mut Rng) -> Vec<Ask> {
    let mut added: BTreeMap<ClientId, Vec<(Time, Value)>> = BTreeMap::new();
    let moments = (1..).zip(shape.moments(rng));
    moments
        .map(|(element, (at, client))| {
            let own = added.entry(client).or_default();
            let settled = own.partition_point(|(since, _)| *since + SETTLED <= at);
            let op = match rng.below(100) {
                0..10 => Op::Members,
                draw @ 10..30 if settled > 0 => {
                    // The oldest, or the youngest that is settled, so that a fault may lie between add and remove or not.
                    let (_, element) = own.remove(if draw < 15 { 0 } else { settled - 1 });
                    Op::Remove { element }
                }
                _ => {
                    own.push((at, element));
                    Op::Add { element }
                }
            };
            Ask::new(at, client, op)
        })
        .collect()
}

fn finals(_: &[Ask]) -> Vec<Op> {
    vec![Op::Members]
}
