//! What clients ask: one file a workload, and one line in the table.
//!
//! Generators draw a whole plan before the run: they never look at an answer, so that a plan can be written down,
//! replayed and shrunk.

mod bank;
mod claims;
mod inventory;
mod no_claim_lost;
mod read_write;
mod register;
mod registration;
mod sessions;
mod set;

pub use claims::CLAIMS;

use harness::Workload;

/// Every workload.
pub const WORKLOADS: &[Workload] = &[
    registration::REGISTRATION,
    no_claim_lost::NO_CLAIM_LOST,
    register::REGISTER,
    read_write::READ_WRITE,
    bank::BANK,
    set::SET,
    inventory::INVENTORY,
    sessions::SESSIONS,
    sessions::ROAMING,
];

/// The workload or claim of this name.
pub fn find(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().chain(CLAIMS).find(|workload| workload.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::{SECOND, Seed, Settings, Shape, Tier};
    use std::collections::BTreeSet;

    fn shape() -> Shape {
        let (settings, tier) = (Settings::default(), Tier::Sim);
        Shape { nodes: 5, clients: 10, time: SECOND * 30, rate: 30.0, every: None, settings, tier }
    }

    #[test]
    fn names_are_unique_and_a_claim_asks_what_its_workload_asks() {
        let names: BTreeSet<&str> = WORKLOADS.iter().chain(CLAIMS).map(|workload| workload.name).collect();
        assert_eq!(names.len(), WORKLOADS.len() + CLAIMS.len());
        for claim in CLAIMS {
            assert!(WORKLOADS.iter().any(|workload| workload.name == claim.asks), "{}", claim.name);
        }
    }

    #[test]
    fn who_is_said_to_ask_the_same_does_and_nobody_else() {
        let all = || WORKLOADS.iter().chain(CLAIMS);
        let asks = |workload: &Workload| {
            let asks = (workload.plan)(&shape(), &mut Seed(1).stream("workload"));
            let finals = (workload.finals)(&asks);
            (asks, finals)
        };
        for (one, two) in all().flat_map(|one| all().map(move |two| (one, two))) {
            assert_eq!(one.asks == two.asks, asks(one) == asks(two), "{} and {}", one.name, two.name);
        }
    }

    #[test]
    fn roaming_clients_draw_a_node_for_each_request_and_others_do_not() {
        for workload in WORKLOADS {
            let asks = (workload.plan)(&shape(), &mut Seed(1).stream("workload"));
            let nodes: BTreeSet<_> = asks.iter().map(|ask| ask.node).collect();
            let expected = if workload.name == "sessions-roaming" { 5 } else { 1 };
            assert_eq!(nodes.len(), expected, "{}", workload.name);
        }
    }

    #[test]
    fn every_workload_draws_the_same_plan_from_the_same_seed_and_reads_and_changes_things() {
        for workload in WORKLOADS {
            let plan = |seed| (workload.plan)(&shape(), &mut Seed(seed).stream("workload"));
            assert_eq!(plan(1), plan(1), "{}", workload.name);
            assert_ne!(plan(1), plan(2), "{}", workload.name);
            let (asks, size) = (plan(1), 900);
            assert_eq!(asks.len(), size, "{}", workload.name);
            assert!(asks.is_sorted_by_key(|ask| ask.at), "{}", workload.name);
            let reads = asks.iter().filter(|ask| ask.op.is_read()).count();
            assert!(reads > size / 20 && reads < size * 3 / 4, "{}: {reads} reads", workload.name);
            let clients: BTreeSet<_> = asks.iter().map(|ask| ask.client).collect();
            assert_eq!(clients.len(), 10, "{}", workload.name);
            let finals = (workload.finals)(&asks);
            assert!(!finals.is_empty() && finals.iter().all(|op| op.is_read()), "{}", workload.name);
        }
    }
}
