//! Registers that are read and written only: what can be had without consensus (Attiya, Bar-Noy and Dolev 1995).

use crate::register::REGISTER;
use harness::{Ask, Op, Rng, Shape, Workload};

/// Linearizable registers without compare-and-set.
pub const READ_WRITE: Workload = Workload {
    name: "read-write",
    about: "clients read and write a few registers, without compare-and-set",
    plan,
    ..REGISTER
};

fn plan(shape: &Shape, rng: &mut Rng) -> Vec<Ask> {
    let mut asks = (REGISTER.plan)(shape, rng);
    for ask in &mut asks {
        if let Op::Cas { key, to, .. } = &ask.op {
            ask.op = Op::Write { key: key.clone(), value: *to };
        }
    }
    asks
}
