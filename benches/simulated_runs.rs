//! How fast is a simulated run? Five nodes, ten clients, 200 operations on registers, one partition and one kill in 30 virtual
//! seconds, on one core, planned, run and checked: for one design of each family.
//!
//! `cargo bench -p perjury-benches --bench simulated_runs` prints runs a second as "elem/s"; each is 30 virtual seconds.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use harness::{Cut, Fault, SECOND, Seed, Strike, Target, Verdict, When};
use perjury::assemble::{Request, plan, try_out};
use std::hint::black_box;

const SECONDS: u64 = 30;

/// Each design, and whether every run of it must hold. The others may be caught, and of one that is not, too little may be answered
/// while a node is dead to say that it held.
const DESIGNS: &[(&str, bool)] = &[("raft", true), ("ll-quorum", false), ("ml-lww", false), ("sl-sync", true)];

fn request(design: &str, seed: u64) -> Request {
    let strike = |at, fault, lasts| Strike { when: When::At(SECOND * at), fault, lasts: SECOND * lasts };
    Request {
        design: design.to_string(),
        workload: "register".to_string(),
        strikes: Some(vec![
            strike(5, Fault::Partition(Cut::Isolate(Target::Leader)), 6),
            strike(18, Fault::Kill(Target::Leader), 4),
        ]),
        seed: Seed(seed),
        rate: 200.0 / SECONDS as f64,
        ..Request::default()
    }
}

fn one(design: &str, right: bool, seed: u64) {
    let planned = plan(&request(design, seed)).expect("known names");
    let (run, judgement) = try_out(&planned).expect("the simulator never fails");
    assert_eq!(run.faults.len(), 2);
    let verdict = &judgement.verdict;
    let fits = if right { *verdict == Verdict::Held } else { !matches!(verdict, Verdict::Unknown(_)) };
    assert!(fits, "{design}, seed {seed}: {verdict:?}");
    black_box(judgement);
}

fn simulated_runs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("simulated runs");
    group.throughput(Throughput::Elements(1));
    for (design, right) in DESIGNS {
        let mut seed = 0;
        group.bench_function(format!("{design}, 5 nodes, 10 clients, 200 operations"), |bencher| {
            bencher.iter(|| {
                // The same thousand seeds every time.
                seed = seed % 1000 + 1;
                one(design, *right, seed);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, simulated_runs);
criterion_main!(benches);
