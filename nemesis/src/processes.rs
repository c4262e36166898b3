//! Processes that die and come back, and processes that stop for a while.

use crate::ALL_TIERS;
use crate::rounds::{LONG, Round, rounds};
use harness::{Fault, Nemesis, Rng, Shape, Strike, Target};

/// K: `SIGKILL`, the disk stays.
pub const KILL: Nemesis = Nemesis {
    name: "kill",
    about: "the leader, and every third time a follower, is killed and restarted with its disk",
    plan: |shape, rng| each(shape, rng, Fault::Kill),
    tiers: ALL_TIERS,
};

/// Z: `SIGSTOP`, longer than any time-out.
pub const PAUSE: Nemesis = Nemesis {
    name: "pause",
    about: "the leader, and every third time a follower, is stopped for longer than any time-out",
    plan: |shape, rng| each(shape, rng, Fault::Pause),
    tiers: ALL_TIERS,
};

fn each(shape: &Shape, rng: &mut Rng, fault: fn(Target) -> Fault) -> Vec<Strike> {
    rounds(shape, rng, LONG).into_iter().map(|round| round.strike(fault(leader_mostly(round)))).collect()
}

/// The leader, and every third time a follower.
pub fn leader_mostly(round: Round) -> Target {
    if round.number % 3 == 2 { Target::Follower } else { Target::Leader }
}
