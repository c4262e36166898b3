//! Disks that lose what was not synced, disks that are slow, and disks that damage what they keep.

use crate::rounds::{LONG, LONGER, Round, rounds};
use crate::{DATABASE_TIERS, STORE_TIERS};
use harness::simulator::WROTE;
use harness::{Fault, MS, Nemesis, Rng, Shape, Strike, Target, Tier, Time, When};

/// L: power fails while something is written and not synced.
pub const POWER_LOSS: Nemesis = Nemesis {
    name: "power-loss",
    about: "a node loses power with unsynced writes (simulator only)",
    plan: |shape, rng| each_at_a_write(shape, rng, Target::Marked),
    tiers: &[Tier::Sim],
};

/// L of everybody at once: only what is on disks is left.
pub const POWER_LOSS_ALL: Nemesis = Nemesis {
    name: "power-loss-all",
    about: "all nodes at once lose power with unsynced writes (simulator only)",
    plan: |shape, rng| each_at_a_write(shape, rng, Target::All),
    tiers: &[Tier::Sim],
};

/// W: an empty disk under an old name.
pub const WIPE: Nemesis = Nemesis {
    name: "wipe",
    about: "one and the same node loses its disk and starts again under its old id, with nothing",
    plan: |shape, rng| {
        // Only one node is ever wiped: two of them may have held all copies of something.
        let victim = Target::Node(*rng.pick(&shape.node_ids().collect::<Vec<_>>()));
        rounds(shape, rng, LONG).into_iter().map(|round| round.strike(Fault::Wipe(victim.clone()))).collect()
    },
    tiers: STORE_TIERS,
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
    tiers: STORE_TIERS,
};

/// What a disk gives back is not what was written. Of all nodes the same one is hit each time, so that most copies stay good.
pub const BIT_FLIP: Nemesis = Nemesis {
    name: "bit-flip",
    about: "a follower is killed, one bit of its files turned over, and it is started again (real databases only)",
    plan: |shape, rng| {
        rounds(shape, rng, LONG).into_iter().map(|round| round.strike(Fault::BitFlip(Target::Follower))).collect()
    },
    tiers: DATABASE_TIERS,
};

/// A file without its end.
pub const TRUNCATE: Nemesis = Nemesis {
    name: "truncate",
    about: "a follower is killed, the last bytes of one of its files are cut off, and it is started again (real databases only)",
    plan: |shape, rng| {
        let rounds = rounds(shape, rng, LONG).into_iter();
        let cut = |round: Round| {
            let bytes = 1 + rng.below(MOST_BYTES);
            round.strike(Fault::Truncate { target: Target::Follower, bytes })
        };
        rounds.map(cut).collect()
    },
    tiers: DATABASE_TIERS,
};

/// A few records of a log.
const MOST_BYTES: u64 = 400;

fn each_at_a_write(shape: &Shape, rng: &mut Rng, target: Target) -> Vec<Strike> {
    let rounds = rounds(shape, rng, LONG).into_iter();
    rounds.map(|round| at_a_write(round, target.clone(), rng)).collect()
}

/// Power fails at one of the next writes, so that something is lost.
pub fn at_a_write(round: Round, target: Target, rng: &mut Rng) -> Strike {
    let nth = 1 + rng.below(8) as u32;
    let when = When::OnMark { mark: WROTE.to_string(), from: round.start, nth, delay: Time::ZERO };
    Strike { when, fault: Fault::PowerLoss(target), lasts: round.lasts }
}
