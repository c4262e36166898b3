//! Many clients claim few names: at most one may ever be told that it owns one.

use checkers::{AVAILABILITY, CONVERGENCE, FAILED_OPS, INVARIANTS, UNIQUENESS};
use harness::{Ask, Key, Op, Rng, Shape, Workload};
use std::collections::BTreeSet;

/// Unique registration.
pub const REGISTRATION: Workload = Workload {
    name: "registration",
    about: "clients claim the same few names and ask who owns them",
    asks: "registration",
    plan,
    finals,
    checkers: &[FAILED_OPS, UNIQUENESS, CONVERGENCE, INVARIANTS, AVAILABILITY],
};

/// Requests until the names in dispute move on by one: a name is in dispute for three times as many.
const TURN: usize = 24;
/// How many names are in dispute at once.
const OPEN: u64 = 3;

fn plan(shape: &Shape, rng: &mut Rng) -> Vec<Ask> {
    let moments = shape.moments(rng).into_iter().enumerate();
    moments
        .map(|(turn, (at, client))| {
            let name = name((turn / TURN) as u64 + rng.below(OPEN));
            let op = if rng.percent(70) { Op::Claim { name, owner: client.0.into() } } else { Op::Owner { name } };
            Ask::new(at, client, op)
        })
        .collect()
}

fn finals(asks: &[Ask]) -> Vec<Op> {
    let names: BTreeSet<&Key> = asks.iter().filter_map(|ask| claimed(&ask.op)).collect();
    names.into_iter().map(|name| Op::Owner { name: name.clone() }).collect()
}

fn claimed(op: &Op) -> Option<&Key> {
    match op {
        Op::Claim { name, .. } => Some(name),
        _ => None,
    }
}

/// People, then people with a number.
fn name(number: u64) -> Key {
    const PEOPLE: [&str; 16] = [
        "ada", "alan", "barbara", "dennis", "donald", "edsger", "frances", "grace", "jim", "john", "ken", "leslie",
        "nancy", "radia", "robin", "tony",
    ];
    let person = PEOPLE[(number % PEOPLE.len() as u64) as usize];
    match number / PEOPLE.len() as u64 {
        0 => person.into(),
        again => format!("{person}{}", again + 1).into(),
    }
}
