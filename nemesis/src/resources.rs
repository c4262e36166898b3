//! Nodes that are short of something: of time on the processor, or of memory.

use crate::DATABASE_TIERS;
use crate::rounds::{LONGER, Round, rounds};
use harness::{Fault, Nemesis, Strike, Target};

/// A tenth of the processor. In short slices everything is slow and nobody times out; in long ones the node is taken for dead again and
/// again, and goes on each time where it was.
pub const CPU_LIMIT: Nemesis = Nemesis {
    name: "cpu-limit",
    about: "the leader runs for a tenth of the time only, by turns a tenth of two election time-outs and of a fifth of one (real databases only)",
    plan: |shape, rng| {
        let unit = shape.settings.election_low;
        let slow = |round: Round| {
            let period = if round.number.is_multiple_of(2) { unit * 2 } else { unit / 5 };
            round.strike(Fault::CpuLimit { target: Target::Leader, percent: 10, period })
        };
        rounds(shape, rng, LONGER).into_iter().map(slow).collect()
    },
    tiers: DATABASE_TIERS,
};

/// No memory beyond what it has.
pub const MEMORY_LIMIT: Nemesis = Nemesis {
    name: "memory-limit",
    about: "the leader gets 64 KiB more memory than it has, and whatever it asks for beyond is refused (real databases only)",
    plan: |shape, rng| {
        let limit =
            |round: Round| -> Strike { round.strike(Fault::MemoryLimit { target: Target::Leader, spare: 64 << 10 }) };
        rounds(shape, rng, LONGER).into_iter().map(limit).collect()
    },
    tiers: DATABASE_TIERS,
};
