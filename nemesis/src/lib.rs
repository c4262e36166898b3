//! How a cluster is hurt: what and when, as pure data. One file a family of plans, and one line in the table for each.

mod clocks;
mod disks;
mod drift;
mod links;
mod members;
mod mixed;
mod partitions;
mod processes;
mod resources;
mod rounds;

use harness::{Nemesis, Seed, Shape, Strike, Tier};

/// Every nemesis.
pub const NEMESES: &[Nemesis] = &[
    CALM,
    partitions::ISOLATE_LEADER,
    partitions::HALVES,
    partitions::ONE_WAY,
    partitions::BRIDGE,
    partitions::THIRDS,
    partitions::MAJORITIES_RING,
    processes::KILL,
    processes::PAUSE,
    clocks::CLOCK_SLOW,
    clocks::CLOCK_FAST,
    clocks::KINDS[0],
    clocks::KINDS[1],
    clocks::KINDS[2],
    clocks::KINDS[3],
    clocks::KINDS[4],
    clocks::KINDS[5],
    clocks::KINDS[6],
    clocks::KINDS[7],
    clocks::MOVING[0],
    clocks::MOVING[1],
    clocks::MOVING[2],
    clocks::MOVING[3],
    drift::SLOW_LEADER,
    drift::FAST_LEADER,
    drift::FAST_FOLLOWERS,
    disks::POWER_LOSS,
    disks::POWER_LOSS_ALL,
    disks::WIPE,
    disks::SLOW_DISK,
    members::REBALANCE,
    members::REBALANCE_HALVES,
    links::REORDER,
    links::DELAY,
    links::BANDWIDTH,
    links::DUPLICATE,
    links::RETRY,
    links::LOSS,
    resources::CPU_LIMIT,
    resources::MEMORY_LIMIT,
    disks::BIT_FLIP,
    disks::TRUNCATE,
    mixed::MIXED,
    NOTHING,
];

/// Wherever the bundled store runs.
const STORE_TIERS: &[Tier] = &[Tier::Sim, Tier::Local];
/// Where nodes are real databases.
const DATABASE_TIERS: &[Tier] = &[Tier::Netns, Tier::Ssh];
/// Everywhere.
const ALL_TIERS: &[Tier] = &[Tier::Sim, Tier::Local, Tier::Netns, Tier::Ssh];
/// Wherever somebody is asked, even if nothing may be done to it.
const EVERY_TIER: &[Tier] = &[Tier::Sim, Tier::Local, Tier::Netns, Tier::Ssh, Tier::Url];

/// No fault, on purpose.
const CALM: Nemesis = Nemesis {
    name: harness::gate::CALM,
    about: "nothing is done to the cluster",
    plan: |_, _| Vec::new(),
    tiers: EVERY_TIER,
};

/// Faults that do nothing, to see that the harness notices.
const NOTHING: Nemesis = Nemesis {
    name: "nothing",
    about: "strikes that have no effect: every run is vacuous, and that is the test",
    plan: |shape, rng| {
        let rounds = rounds::rounds(shape, rng, rounds::LONG);
        rounds.into_iter().map(|round| round.strike(harness::Fault::Nothing)).collect()
    },
    tiers: ALL_TIERS,
};

/// The nemesis of this name.
pub fn find(name: &str) -> Option<&'static Nemesis> {
    NEMESES.iter().find(|nemesis| nemesis.name == name)
}

/// The strikes of one or several nemeses, joined by `+`. Several take turns, so that a cluster that bears each of them
/// bears them all. Each draws from a stream of its own.
///
/// # Errors
/// The first name that nobody has.
pub fn plan(names: &str, shape: &Shape, seed: Seed) -> Result<Vec<Strike>, String> {
    let mut parts = Vec::new();
    for name in names.split('+').map(str::trim) {
        let nemesis = find(name).ok_or_else(|| name.to_string())?;
        parts.push((nemesis.plan)(shape, &mut seed.stream(&format!("nemesis/{name}"))));
    }
    match parts.len() {
        1 => Ok(parts.remove(0)),
        _ => Ok(rounds::in_turns(parts, shape, &mut seed.stream("nemesis"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::{SECOND, Settings, Time, When};

    fn shape(tier: Tier) -> Shape {
        let settings = Settings::default();
        Shape { nodes: 5, clients: 10, time: SECOND * 30, rate: 30.0, every: None, settings, tier }
    }

    #[test]
    fn every_plan_has_two_rounds_that_end_before_the_run_does() {
        for nemesis in NEMESES.iter().filter(|nemesis| nemesis.name != harness::gate::CALM) {
            for seed in (1..50).map(Seed) {
                let shape = shape(Tier::Sim);
                let strikes = plan(nemesis.name, &shape, seed).expect("a known name");
                assert!(strikes.len() >= harness::gate::ROUNDS, "{} {seed:?}: {}", nemesis.name, strikes.len());
                for strike in &strikes {
                    let (When::At(from) | When::OnMark { from, .. }) = &strike.when;
                    assert!(*from + strike.lasts < shape.time, "{} {seed:?}", nemesis.name);
                }
                assert_eq!(plan(nemesis.name, &shape, seed).expect("the same"), strikes);
            }
        }
    }

    #[test]
    fn parts_take_turns_and_unknown_ones_are_named() {
        let (seed, shape) = (Seed(3), Shape { time: SECOND * 60, ..shape(Tier::Sim) });
        let strikes = plan("kill+halves", &shape, seed).expect("known names");
        let kinds: Vec<bool> = strikes.iter().map(|strike| matches!(strike.fault, harness::Fault::Kill(_))).collect();
        assert!(kinds.len() > 4 && kinds.windows(2).all(|pair| pair[0] != pair[1]), "{strikes:?}");
        let mut free = Time::ZERO;
        for strike in &strikes {
            let When::At(start) = strike.when else { panic!("{strike:?}") };
            assert!(free < start && start + strike.lasts < shape.time, "{strikes:?}");
            free = start + strike.lasts;
        }
        assert_eq!(plan("kill+meteor", &shape, seed), Err("meteor".to_string()));
    }

    #[test]
    fn mixed_uses_only_what_the_tier_can_do() {
        let power = |strike: &Strike| matches!(strike.fault, harness::Fault::PowerLoss(_));
        let any = |tier| (1..200).map(Seed).any(|seed| plan("mixed", &shape(tier), seed).unwrap().iter().any(power));
        assert!(any(Tier::Sim) && !any(Tier::Local));
    }

    #[test]
    fn clocks_of_real_databases_are_set_off_and_never_run_at_another_rate() {
        let can = NEMESES.iter().filter(|nemesis| nemesis.tiers.contains(&Tier::Netns));
        let clocks: Vec<_> = can.filter(|nemesis| nemesis.name.starts_with("clock-")).collect();
        assert_eq!(
            clocks.len(),
            10,
            "both that take turns; of leader and follower: an offset each way, and two that move"
        );
        for (nemesis, seed) in clocks.iter().flat_map(|nemesis| (1..20).map(move |seed| (nemesis, Seed(seed)))) {
            for strike in plan(nemesis.name, &shape(Tier::Netns), seed).expect("a known name") {
                let harness::Fault::Clock { offset, rate, motion, .. } = strike.fault else { panic!("{strike:?}") };
                assert!(motion.moved(offset, SECOND) != 0 && rate == 100, "{} {seed:?}", nemesis.name);
            }
        }
    }

    #[test]
    fn what_only_real_databases_bear_is_planned_for_them_alone() {
        for nemesis in NEMESES {
            let strikes = plan(nemesis.name, &shape(Tier::Netns), Seed(1)).expect("a known name");
            let real_only = strikes.iter().any(|strike| strike.fault.real_only());
            assert_eq!(
                real_only,
                nemesis.tiers.contains(&Tier::Netns) && !nemesis.tiers.contains(&Tier::Sim),
                "{}",
                nemesis.name
            );
        }
    }

    #[test]
    fn rounds_come_as_often_as_somebody_asks() {
        let every = Some(SECOND * 10);
        let strikes = plan("halves", &Shape { every, ..shape(Tier::Sim) }, Seed(1)).expect("a known name");
        let starts: Vec<_> = strikes.iter().map(|strike| strike.when.clone()).collect();
        assert_eq!(starts, [When::At(SECOND * 10), When::At(SECOND * 20)]);
        assert!(strikes.iter().all(|strike| strike.lasts < Time(10 * SECOND.0)));
    }
}
