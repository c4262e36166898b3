//! Read, write and compare-and-set on several keys: each must behave as one register.

use checkers::{AVAILABILITY, CONVERGENCE, FAILED_OPS, INVARIANTS, LINEARIZABLE};
use harness::{Ask, Key, Op, Rng, Shape, Value, Workload};
use std::collections::{BTreeMap, BTreeSet};

/// Linearizable registers.
pub const REGISTER: Workload = Workload {
    name: "register",
    about: "clients read, write and compare-and-set a few registers",
    asks: "register",
    plan,
    finals,
    checkers: &[FAILED_OPS, LINEARIZABLE, CONVERGENCE, INVARIANTS, AVAILABILITY],
};

/// How many registers are in use at once.
const OPEN: u64 = 5;
/// Requests until a register is retired and a new one takes its place, so that no register's history grows without end.
const TURN: usize = 90;

fn plan(shape: &Shape, rng: &mut Rng) -> Vec<Ask> {
    // Every written value is new, so that a read tells which write it saw.
    let mut next: Value = 0;
    let mut latest: BTreeMap<Key, Value> = BTreeMap::new();
    let moments = shape.moments(rng).into_iter().enumerate();
    moments
        .map(|(turn, (at, client))| {
            let key: Key = format!("r{}", (turn / TURN) as u64 + rng.below(OPEN) + 1).into();
            let op = match rng.below(100) {
                0..40 => Op::Read { key },
                draw => {
                    next += 1;
                    match latest.insert(key.clone(), next) {
                        // Mostly what is likely to be there, so that many succeed and some do not.
                        Some(from) if draw >= 70 => Op::Cas { key, from, to: next },
                        _ => Op::Write { key, value: next },
                    }
                }
            };
            Ask::new(at, client, op)
        })
        .collect()
}

fn finals(asks: &[Ask]) -> Vec<Op> {
    let key = |ask: &Ask| match &ask.op {
        Op::Read { key } | Op::Write { key, .. } | Op::Cas { key, .. } => Some(key.clone()),
        _ => None,
    };
    let keys: BTreeSet<Key> = asks.iter().filter_map(key).collect();
    keys.into_iter().map(|key| Op::Read { key }).collect()
}
