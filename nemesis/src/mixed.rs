//! One fault after the other, of every kind that leaves a majority intact.

use crate::ALL_TIERS;
use crate::disks::at_a_write;
use crate::processes::leader_mostly;
use crate::rounds::{LONGER, Round, rounds};
use harness::{Cut, Fault, MS, Motion, Nemesis, Rng, Shape, Strike, Target, Tier};

/// A bit of everything.
pub const MIXED: Nemesis = Nemesis {
    name: "mixed",
    about: "partitions, kills, pauses, wrong clocks, slow disks and losses of power of one node, one after the other",
    plan: |shape, rng| {
        let rounds = rounds(shape, rng, LONGER);
        rounds.into_iter().map(|round| any(round, shape, rng)).collect()
    },
    tiers: ALL_TIERS,
};

fn any(round: Round, shape: &Shape, rng: &mut Rng) -> Strike {
    let target = leader_mostly(round);
    let offset = (shape.settings.election_low.0 * 10) as i64;
    // Each tier does what the one before it does, but for the last kinds.
    let kinds = match shape.tier {
        Tier::Sim => 9,
        Tier::Local => 8,
        Tier::Netns | Tier::Ssh | Tier::Url => 5,
    };
    round.strike(match rng.below(kinds) {
        0 => Fault::Partition(Cut::Isolate(Target::Leader)),
        1 => Fault::Partition(Cut::Minority(Target::Leader)),
        2 => Fault::Partition(Cut::Mute(Target::Leader)),
        3 => Fault::Kill(target),
        4 => Fault::Pause(target),
        5 => Fault::Clock {
            target,
            offset: if rng.percent(50) { offset } else { -offset },
            rate: 100,
            motion: Motion::Still,
        },
        6 => Fault::Clock { target, offset: 0, rate: if rng.percent(50) { 200 } else { 50 }, motion: Motion::Still },
        7 => Fault::SlowDisk { target, by: MS * 60 },
        _ => return at_a_write(round, Target::Marked, rng),
    })
}
