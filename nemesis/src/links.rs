//! Links that are slow, narrow, forget the order, repeat themselves or lose what they carry; and clients that do not wait for an answer.

use crate::rounds::{LONGER, rounds};
use crate::{ALL_TIERS, DATABASE_TIERS, STORE_TIERS};
use harness::{Fault, MS, Nemesis, Rng, Shape, Strike, Target, Tier, Time};

/// D1: messages overtake each other, and no time-out notices.
pub const REORDER: Nemesis = Nemesis {
    name: "reorder",
    about: "every message takes up to half an election time-out longer, so that they overtake each other",
    plan: |shape, rng| each(shape, rng, rough(0, 0, Time::ZERO, shape.settings.election_low / 2)),
    tiers: ALL_TIERS,
};

/// D2: the leader is not heard in time, and hears of its successor late.
pub const DELAY: Nemesis = Nemesis {
    name: "delay",
    about: "every link of the leader is three election time-outs slow, in order; clients are not delayed",
    plan: |shape, rng| each(shape, rng, Fault::Delay { target: Target::Leader, by: shape.settings.election_low * 3 }),
    tiers: ALL_TIERS,
};

/// The leader's followers hear less than clients tell it.
pub const BANDWIDTH: Nemesis = Nemesis {
    name: "bandwidth",
    about: "every link of the leader carries 128 bytes for each request that clients make, and drops what does not fit in time",
    plan: |shape, rng| {
        let rate = (shape.rate * BYTES) as u64;
        each(shape, rng, Fault::Bandwidth { target: Target::Leader, rate: rate.max(NARROWEST) })
    },
    tiers: DATABASE_TIERS,
};

/// Of a link, for each request of all clients. Measured with `etcd` at 30 requests a second: at twice as much the leader stays and a fifth
/// of all is answered elsewhere, at this it is replaced within four seconds, and a fifth is still answered on its side.
const BYTES: f64 = 128.0;
/// A packet as large as they come takes less than two seconds.
const NARROWEST: u64 = 1000;

/// Du: what was said is said again later on.
pub const DUPLICATE: Nemesis = Nemesis {
    name: "duplicate",
    about: "half of all messages come two or three times, up to two election time-outs later",
    plan: |shape, rng| each(shape, rng, rough(0, 50, shape.settings.election_low * 2, Time::ZERO)),
    tiers: STORE_TIERS,
};

/// More than the designs' networks may do by their own assumptions; some deliberate bugs need it.
pub const LOSS: Nemesis = Nemesis {
    name: "loss",
    about: "a quarter of all messages between nodes is lost; no part of the matrix, for deliberate bugs",
    plan: |shape, rng| each(shape, rng, rough(25, 0, Time::ZERO, Time::ZERO)),
    tiers: ALL_TIERS,
};

/// T: the same request over and over.
pub const RETRY: Nemesis = Nemesis {
    name: "retry",
    about: "clients ask again, under the same request id, before an answer can have come",
    plan: |shape, rng| {
        // Less than the median answer takes: a round trip of the simulated links, or of loopback with a sync.
        let after = if shape.tier == Tier::Sim { shape.settings.delay_high } else { MS };
        each(shape, rng, Fault::Retry { after: after.max(MS) })
    },
    tiers: STORE_TIERS,
};

fn rough(loss: u32, duplicate: u32, late: Time, delay: Time) -> Fault {
    Fault::Links { loss, duplicate, late, delay }
}

fn each(shape: &Shape, rng: &mut Rng, fault: Fault) -> Vec<Strike> {
    rounds(shape, rng, LONGER).into_iter().map(|round| round.strike(fault.clone())).collect()
}
