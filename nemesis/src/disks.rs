//! Disks that lose what was not synced, and disks that are slow.

use crate::ALL_TIERS;
use crate::rounds::{LONG, LONGER, Round, rounds};
use harness::simulator::WROTE;
use harness::{Fault, MS, Nemesis, Rng, Shape, Strike, Target, Tier, Time, When};

/// L: power fails while something is written and not synced.
pub const POWER_LOSS: Nemesis = Nemesis {
    name: "power-loss",
    about: "a node, or every third time all nodes at once, lose power with unsynced writes (simulator only)",
    plan: power_loss,
    tiers: &[Tier::Sim],
};

/// A slow disk under the leader.
pub const SLOW_DISK: Nemesis = Nemesis {
    name: "slow-disk",
    about: "every sync of the leader's disk, by turns of a follower's, takes 60 ms longer",
    plan: |shape, rng| {
        let slow = |round: Round| {
            let target = if round.number.is_multiple_of(2) { Target::Leader } else { Target::Follower };
            round.strike(Fault::SlowDisk { target, by: MS * 60 })
        };
        rounds(shape, rng, LONGER).into_iter().map(slow).collect()
    },
    tiers: ALL_TIERS,
};

fn power_loss(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let first = rng.below(3) as usize;
    let rounds = rounds(shape, rng, LONG).into_iter();
    rounds
        .map(|round| {
            let target = if (round.number + first) % 3 == 2 { Target::All } else { Target::Marked };
            at_a_write(round, target, rng)
        })
        .collect()
}

/// Power fails at one of the next writes, so that something is lost.
pub fn at_a_write(round: Round, target: Target, rng: &mut Rng) -> Strike {
    let nth = 1 + rng.below(8) as u32;
    let when = When::OnMark { mark: WROTE.to_string(), from: round.start, nth, delay: Time::ZERO };
    Strike { when, fault: Fault::PowerLoss(target), lasts: round.lasts }
}
