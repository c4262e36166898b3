//! Many clients buy few items, of which there is a fixed stock; some give back what they bought.

use checkers::{AVAILABILITY, CONVERGENCE, INVARIANTS, OVERSOLD};
use harness::{Ask, ClientId, Key, Op, Rng, SECOND, Shape, Time, Value, Workload};
use std::collections::{BTreeMap, BTreeSet};

/// A shop.
pub const INVENTORY: Workload = Workload {
    name: "inventory",
    about: "clients buy items of which there are too few, and give some of them back",
    asks: "inventory",
    plan,
    finals,
    checkers: &[OVERSOLD, CONVERGENCE, INVARIANTS, AVAILABILITY],
};

/// Requests until the items on sale move on by one: an item is on sale for three times as many.
const TURN: usize = 15;
/// How many items are on sale at once.
const OPEN: u64 = 3;
/// Nobody gives back what was bought a shorter time ago: the sale has most likely been answered.
const SETTLED: Time = Time(2 * SECOND.0);

fn plan(shape: &Shape, rng: &mut Rng) -> Vec<Ask> {
    let mut bought: BTreeMap<ClientId, Vec<(Time, Key, Value)>> = BTreeMap::new();
    let moments = (1..).zip(shape.moments(rng));
    moments
        .map(|(id, (at, client))| {
            let item: Key = format!("item{}", (id as usize / TURN) as u64 + rng.below(OPEN) + 1).into();
            let own = bought.entry(client).or_default();
            let settled = own.first().is_some_and(|(since, ..)| *since + SETTLED <= at);
            let op = match rng.below(100) {
                0..15 => Op::Stock { item },
                15..22 if settled => {
                    let (_, item, id) = own.remove(0);
                    Op::Refund { item, id }
                }
                _ => {
                    own.push((at, item.clone(), id));
                    Op::Sell { item, id, count: 1 + rng.below(2) as Value }
                }
            };
            Ask::new(at, client, op)
        })
        .collect()
}

fn finals(asks: &[Ask]) -> Vec<Op> {
    let sold = |ask: &Ask| match &ask.op {
        Op::Sell { item, .. } => Some(item.clone()),
        _ => None,
    };
    let items: BTreeSet<Key> = asks.iter().filter_map(sold).collect();
    items.into_iter().map(|item| Op::Stock { item }).collect()
}
