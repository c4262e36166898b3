//! Clocks that are wrong: by an offset, which moves stamps, or by a rate, which moves timers and leases. Each of the four kinds
//! has a name of its own; `clock-slow` and `clock-fast` deal them out by turns. The wall clock of a real database's processes can be
//! set off, but nothing makes its timers run faster: there a rate cannot be had. Offsets that move, which timers do not notice, can
//! be had everywhere.

use crate::rounds::{LONGER, Round, rounds};
use crate::{ALL_TIERS, STORE_TIERS};
use harness::{Fault, MS, Motion, Nemesis, Rng, Shape, Strike, Target, Tier, Time};

/// C-: behind, or at half the speed.
pub const CLOCK_SLOW: Nemesis = Nemesis {
    name: "clock-slow",
    about: "a clock is 10 election time-outs behind, or (not on real databases) runs at half its rate; leader and follower by turns",
    plan: |shape, rng| each(shape, rng, -1, 50),
    tiers: ALL_TIERS,
};

/// C+: ahead, or at twice the speed.
pub const CLOCK_FAST: Nemesis = Nemesis {
    name: "clock-fast",
    about: "a clock is 10 election time-outs ahead, or (not on real databases) runs at twice its rate; leader and follower by turns",
    plan: |shape, rng| each(shape, rng, 1, 200),
    tiers: ALL_TIERS,
};

/// A nemesis that does always the same to a clock: so many election time-outs of offset, at this rate.
macro_rules! always {
    ($name:literal, $about:literal, $target:ident, $offset:literal, $rate:literal) => {
        Nemesis {
            name: $name,
            about: $about,
            plan: |shape, rng| always(shape, rng, Target::$target, $offset, $rate),
            tiers: if $rate == 100 { ALL_TIERS } else { STORE_TIERS },
        }
    };
}

fn always(shape: &Shape, rng: &mut Rng, target: Target, offset: i64, rate: u32) -> Vec<Strike> {
    let offset = offset * shape.settings.election_low.0 as i64;
    again(shape, rng, &Fault::Clock { target, offset, rate, motion: Motion::Still })
}

fn again(shape: &Shape, rng: &mut Rng, fault: &Fault) -> Vec<Strike> {
    rounds(shape, rng, LONGER).into_iter().map(|round| round.strike(fault.clone())).collect()
}

/// The eight kinds, one by one.
pub const KINDS: [Nemesis; 8] = [
    always!("clock-back-leader", "the leader's clock on the wall is 10 election time-outs behind", Leader, -10, 100),
    always!(
        "clock-back-follower",
        "a follower's clock on the wall is 10 election time-outs behind",
        Follower,
        -10,
        100
    ),
    always!("clock-ahead-leader", "the leader's clock on the wall is 10 election time-outs ahead", Leader, 10, 100),
    always!("clock-ahead-follower", "a follower's clock on the wall is 10 election time-outs ahead", Follower, 10, 100),
    always!("clock-half-leader", "the leader's clocks and timers run at half their rate", Leader, 0, 50),
    always!("clock-half-follower", "a follower's clocks and timers run at half their rate", Follower, 0, 50),
    always!("clock-double-leader", "the leader's clocks and timers run at twice their rate", Leader, 0, 200),
    always!("clock-double-follower", "a follower's clocks and timers run at twice their rate", Follower, 0, 200),
];

/// A nemesis whose offset moves. Timers do not notice.
macro_rules! moving {
    ($name:literal, $about:literal, $target:ident, $fault:ident) => {
        Nemesis {
            name: $name,
            about: $about,
            plan: |shape, rng| again(shape, rng, &$fault(shape, Target::$target)),
            tiers: ALL_TIERS,
        }
    };
}

/// The four kinds whose offset moves.
pub const MOVING: [Nemesis; 4] = [
    moving!(
        "clock-strobe-leader",
        "the leader's clock on the wall jumps twice in an election time-out, between 10 of them ahead and 10 behind",
        Leader,
        strobe
    ),
    moving!(
        "clock-strobe-follower",
        "a follower's clock on the wall jumps twice in an election time-out, between 10 of them ahead and 10 behind",
        Follower,
        strobe
    ),
    moving!(
        "clock-drift-leader",
        "the leader's clock on the wall gains half a second a second, and is set right at the end; its timers are right all along",
        Leader,
        drift
    ),
    moving!(
        "clock-drift-follower",
        "a follower's clock on the wall gains half a second a second, and is set right at the end; its timers are right all along",
        Follower,
        drift
    ),
];

fn strobe(shape: &Shape, target: Target) -> Fault {
    let unit = shape.settings.election_low;
    let motion = Motion::Strobe((unit / 2).max(MS * 50));
    Fault::Clock { target, offset: unit.0 as i64 * 10, rate: 100, motion }
}

fn drift(_: &Shape, target: Target) -> Fault {
    Fault::Clock { target, offset: 0, rate: 100, motion: Motion::Drift(50) }
}

fn each(shape: &Shape, rng: &mut Rng, sign: i64, rate: u32) -> Vec<Strike> {
    // Which of the four kinds comes first is drawn, so that many seeds see all of them.
    let first = rng.below(4) as usize;
    let unit = shape.settings.election_low;
    let rounds = rounds(shape, rng, LONGER).into_iter();
    let number = |round: &Round| match shape.tier {
        Tier::Sim | Tier::Local => round.number + first,
        // Offsets of both targets are the first two of the four kinds.
        Tier::Netns | Tier::Ssh | Tier::Url => (round.number + first) % 2,
    };
    rounds.map(|round| round.strike(skew(Round { number: number(&round), ..round }, unit, sign, rate))).collect()
}

fn skew(round: Round, unit: Time, sign: i64, rate: u32) -> Fault {
    let target = if round.number.is_multiple_of(2) { Target::Leader } else { Target::Follower };
    match round.number / 2 % 2 {
        0 => Fault::Clock { target, offset: sign * (unit.0 * 10) as i64, rate: 100, motion: Motion::Still },
        _ => Fault::Clock { target, offset: 0, rate, motion: Motion::Still },
    }
}
