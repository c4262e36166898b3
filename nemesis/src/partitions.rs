//! Links that carry nothing. Clients sit beside their home nodes and are cut with them.

use crate::ALL_TIERS;
use crate::rounds::{LONGER, rounds};
use harness::{Cut, Fault, Nemesis, Rng, Shape, Strike, Target};

/// P1: the leader with its clients on one side, everybody else on the other.
pub const ISOLATE_LEADER: Nemesis = Nemesis {
    name: "isolate-leader",
    about: "the leader loses every link, both ways; its own clients stay with it",
    plan: |shape, rng| each(shape, rng, Cut::Isolate(Target::Leader)),
    tiers: ALL_TIERS,
};

/// P2: a minority with the leader against the majority.
pub const HALVES: Nemesis = Nemesis {
    name: "halves",
    about: "a minority that the leader belongs to against the majority",
    plan: |shape, rng| each(shape, rng, Cut::Minority(Target::Leader)),
    tiers: ALL_TIERS,
};

/// Pa: the leader is not heard, and still hears.
pub const ONE_WAY: Nemesis = Nemesis {
    name: "one-way",
    about: "what the leader says reaches nobody; it still hears the others",
    plan: |shape, rng| each(shape, rng, Cut::Mute(Target::Leader)),
    tiers: ALL_TIERS,
};

/// Pb: nobody is cut off, and yet two halves do not hear each other.
pub const BRIDGE: Nemesis = Nemesis {
    name: "bridge",
    about: "two halves that only one node connects; the leader is in one of them and not the bridge",
    plan: |shape, rng| each(shape, rng, Cut::Bridge(Target::Leader)),
    tiers: ALL_TIERS,
};

/// Nobody has a majority.
pub const THIRDS: Nemesis = Nemesis {
    name: "thirds",
    about: "three parts, none of which is a majority",
    plan: |shape, rng| each(shape, rng, Cut::Thirds),
    tiers: ALL_TIERS,
};

/// Everybody has one, and everybody another one: what two majorities have in common is put to the test.
pub const MAJORITIES_RING: Nemesis = Nemesis {
    name: "majorities-ring",
    about: "each node hears a majority, and no two nodes hear the same one",
    plan: |shape, rng| each(shape, rng, Cut::MajoritiesRing),
    tiers: ALL_TIERS,
};

fn each(shape: &Shape, rng: &mut Rng, cut: Cut) -> Vec<Strike> {
    rounds(shape, rng, LONGER).into_iter().map(|round| round.strike(Fault::Partition(cut.clone()))).collect()
}
