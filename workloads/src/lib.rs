//! What clients ask: one file a workload, and one line in the table.
//!
//! Generators draw a whole plan before the run: they never look at an answer, so that a plan can be written down,
//! replayed and shrunk.

mod bank;
mod inventory;
mod register;
mod registration;
mod set;

use harness::Workload;

/// Every workload.
pub const WORKLOADS: &[Workload] = &[registration::REGISTRATION, register::REGISTER, bank::BANK, set::SET, inventory::INVENTORY];

/// The workload of this name.
pub fn find(name: &str) -> Option<&'static Workload> {
    WORKLOADS.iter().find(|workload| workload.name == name)
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
