//! Registers that are read and written only: what can be had without consensus (Attiya, Bar-Noy and Dolev 1995).
//!
//! Clients come in bursts, all to one register: that a read sees a write and the next one misses it is possible for a few
//! milliseconds at a time only, while the write is under way.

use crate::register::REGISTER;
use harness::{Ask, Key, MS, Op, Rng, Shape, Time, Workload};

/// Linearizable registers without compare-and-set.
pub const READ_WRITE: Workload = Workload {
    name: "read-write",
    about: "clients read and write a few registers in bursts, without compare-and-set",
    asks: "read-write",
    plan,
    ..REGISTER
};

/// How many requests come together.
const BURST: usize = 10;
/// Within which time.
const TOGETHER: Time = Time(30 * MS.0);

/// What `register` asks, made into bursts; a compare-and-set becomes a write.
fn plan(shape: &Shape, rng: &mut Rng) -> Vec<Ask> {
    let mut asks = (REGISTER.plan)(shape, rng);
    for burst in asks.chunks_mut(BURST) {
        let (began, together) = (burst[0].at, key(&burst[0].op));
        for ask in burst.iter_mut() {
            ask.at = began + rng.between(Time::ZERO, TOGETHER);
            ask.op = match &ask.op {
                Op::Write { value, .. } | Op::Cas { to: value, .. } => {
                    Op::Write { key: together.clone(), value: *value }
                }
                _ => Op::Read { key: together.clone() },
            };
        }
    }
    asks.sort_by_key(|ask| ask.at);
    asks
}

fn key(op: &Op) -> Key {
    match op {
        Op::Read { key } | Op::Write { key, .. } | Op::Cas { key, .. } => key.clone(),
        other => unreachable!("registers are not asked to {}", other.verb()),
    }
}
