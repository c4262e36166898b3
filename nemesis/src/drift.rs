//! Clocks that drift apart while the leader is cut off: what a lease must bear, and what no lease can.

use crate::STORE_TIERS;
use crate::rounds::{LONGER, rounds};
use harness::{Cut, Fault, Motion, Nemesis, Rng, Shape, Strike, Target, When};

/// C- of the leader with P1: its lease outlasts the others' patience.
pub const SLOW_LEADER: Nemesis = Nemesis {
    name: "isolate-slow-leader",
    about: "the leader's clocks run at half their rate, and then it loses every link",
    plan: |shape, rng| each(shape, rng, Target::Leader, 50),
    tiers: STORE_TIERS,
};

/// C+ of the leader with P1: its lease is over the sooner.
pub const FAST_LEADER: Nemesis = Nemesis {
    name: "isolate-fast-leader",
    about: "the leader's clocks run at twice their rate, and then it loses every link",
    plan: |shape, rng| each(shape, rng, Target::Leader, 200),
    tiers: STORE_TIERS,
};

/// C+ of all others with P1.
pub const FAST_FOLLOWERS: Nemesis = Nemesis {
    name: "isolate-beside-fast",
    about: "the clocks of all but the leader run at twice their rate, and then it loses every link",
    plan: |shape, rng| each(shape, rng, Target::Others, 200),
    tiers: STORE_TIERS,
};

/// Clocks go wrong two election time-outs before the cut, and are set right with its end.
fn each(shape: &Shape, rng: &mut Rng, target: Target, rate: u32) -> Vec<Strike> {
    let before = shape.settings.election_low * 2;
    let mut strikes = Vec::new();
    for round in rounds(shape, rng, LONGER) {
        strikes.push(round.strike(Fault::Clock { target: target.clone(), offset: 0, rate, motion: Motion::Still }));
        let fault = Fault::Partition(Cut::Isolate(Target::Leader));
        strikes.push(Strike { when: When::At(round.start + before), fault, lasts: round.lasts.since(before) });
    }
    strikes
}
