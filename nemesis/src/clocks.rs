//! Clocks that are wrong: by an offset, which moves stamps, or by a rate, which moves timers and leases.

use crate::ALL_TIERS;
use crate::rounds::{LONGER, Round, rounds};
use harness::{Fault, Nemesis, Rng, Shape, Strike, Target, Time};

/// C-: behind, or at half the speed.
pub const CLOCK_SLOW: Nemesis = Nemesis {
    name: "clock-slow",
    about: "a clock is 10 election time-outs behind, or runs at half its rate; leader and follower by turns",
    plan: |shape, rng| each(shape, rng, -1, 50),
    tiers: ALL_TIERS,
};

/// C+: ahead, or at twice the speed.
pub const CLOCK_FAST: Nemesis = Nemesis {
    name: "clock-fast",
    about: "a clock is 10 election time-outs ahead, or runs at twice its rate; leader and follower by turns",
    plan: |shape, rng| each(shape, rng, 1, 200),
    tiers: ALL_TIERS,
};

fn each(shape: &Shape, rng: &mut Rng, sign: i64, rate: u32) -> Vec<Strike> {
    // Which of the four kinds comes first is drawn, so that many seeds see all of them.
    let first = rng.below(4) as usize;
    let unit = shape.settings.election_low;
    let rounds = rounds(shape, rng, LONGER).into_iter();
    rounds.map(|round| round.strike(skew(Round { number: round.number + first, ..round }, unit, sign, rate))).collect()
}

fn skew(round: Round, unit: Time, sign: i64, rate: u32) -> Fault {
    let target = if round.number.is_multiple_of(2) { Target::Leader } else { Target::Follower };
    match round.number / 2 % 2 {
        0 => Fault::Clock { target, offset: sign * (unit.0 * 10) as i64, rate: 100 },
        _ => Fault::Clock { target, offset: 0, rate },
    }
}
