//! Each client reads and writes in bursts, so that what it does rests on what it has just done: the ground of session guarantees.
//!
//! Sticky clients ask as their design says; roaming ones draw a node for each request, which stands in the plan.

use checkers::{AVAILABILITY, CONVERGENCE, FAILED_OPS, INVARIANTS, SESSIONS as KEPT};
use harness::{Ask, ClientId, Key, NodeId, Op, Rng, Shape, Time, Value, Workload};
use std::collections::{BTreeMap, BTreeSet};

/// Sticky clients.
pub const SESSIONS: Workload = Workload {
    name: "sessions",
    about: "clients read and write registers in bursts; each keeps to its node or to the leader",
    asks: "sessions",
    plan,
    finals,
    checkers: &[FAILED_OPS, KEPT, CONVERGENCE, INVARIANTS, AVAILABILITY],
};

/// Roaming clients.
pub const ROAMING: Workload = Workload {
    name: "sessions-roaming",
    about: "the same, and each request goes to another node that is drawn for it",
    asks: "sessions-roaming",
    plan: |shape, rng| {
        let mut asks = plan(shape, rng);
        asks.iter_mut().for_each(|ask| ask.node = Some(NodeId(rng.below(shape.nodes.into()) as u8)));
        asks
    },
    ..SESSIONS
};

/// Requests of one client about one register, one after the other without a pause.
const BURST: usize = 3;
/// How many registers are in use at once.
const OPEN: u64 = 3;
/// Requests until the registers in use move on by one.
const TURN: usize = 40;

fn plan(shape: &Shape, rng: &mut Rng) -> Vec<Ask> {
    let mut bursts: BTreeMap<ClientId, (usize, Time)> = BTreeMap::new();
    let mut moments = shape.moments(rng);
    for (at, client) in &mut moments {
        let (asked, began) = bursts.entry(*client).or_default();
        *began = if asked.is_multiple_of(BURST) { *at } else { *began };
        *asked += 1;
        *at = *began;
    }
    moments.sort();
    let (mut next, mut keys): (Value, BTreeMap<ClientId, (Time, Key)>) = (0, BTreeMap::new());
    let mut ask = |(turn, (at, client)): (usize, (Time, ClientId))| {
        let fresh = keys.get(&client).is_none_or(|(since, _)| *since != at);
        if fresh {
            let key = format!("s{}", (turn / TURN) as u64 + rng.below(OPEN) + 1);
            keys.insert(client, (at, key.into()));
        }
        let key = keys[&client].1.clone();
        // Every written value is new, so that a read tells which write it saw.
        next += 1;
        let op = if rng.percent(50) { Op::Read { key } } else { Op::Write { key, value: next } };
        Ask::new(at, client, op)
    };
    moments.into_iter().enumerate().map(&mut ask).collect()
}

fn finals(asks: &[Ask]) -> Vec<Op> {
    let written = |ask: &Ask| match &ask.op {
        Op::Write { key, .. } => Some(key.clone()),
        _ => None,
    };
    let keys: BTreeSet<Key> = asks.iter().filter_map(written).collect();
    keys.into_iter().map(|key| Op::Read { key }).collect()
}
