//! Cells that share their runs come out as if each had been run alone.

use harness::campaign::{Cell, Observed, Orders, run};
use perjury::matrix::{asks, built_in, test};
use std::sync::atomic::AtomicBool;

fn carried_out(cells: &[Cell], asks: &(dyn Fn(&str) -> &str + Sync)) -> Vec<Observed> {
    let orders = Orders { jobs: 2, asks, stop: &AtomicBool::new(false), progress: &|_| {} };
    let (observed, complete) = run(cells, &test, &orders).expect("the simulator has no trouble");
    assert!(complete);
    observed
}

#[test]
fn cells_that_share_their_runs_come_out_as_if_alone() {
    // Claims of one workload, with different endings and a U among them.
    let wanted = |cell: &Cell| {
        let design = ["sl-async-fo", "ml-lww", "ll-quorum"].contains(&cell.design.as_str());
        design && ["isolate-leader", "clock-fast"].contains(&cell.nemesis.as_str())
    };
    let cells: Vec<Cell> = built_in(2).into_iter().filter(wanted).collect();
    let claims = cells.iter().filter(|cell| asks(&cell.workload) != cell.workload).count();
    assert!(claims > 20, "{claims} of {} cells ask what another workload asks", cells.len());
    let (alone, shared) = (carried_out(&cells, &|name| name), carried_out(&cells, &asks));
    for (cell, (alone, shared)) in cells.iter().zip(alone.iter().zip(&shared)) {
        assert_eq!(alone, shared, "{} {} {}", cell.design, cell.workload, cell.nemesis);
    }
    let ends = |seen: &Observed| (seen.held > 0, seen.violated().next().is_some(), seen.unserved.is_some());
    let kinds: std::collections::BTreeSet<_> = shared.iter().map(ends).collect();
    assert!(kinds.len() > 2, "cells of one kind only: {kinds:?}");
}
