//! How fast is a simulated run? Five `raft` nodes, ten clients, 200 operations, one partition and one kill in 30 virtual
//! seconds, on one core, planned, run and checked.
//!
//! `cargo bench -p perjury` prints runs a second as "elem/s". The second group counts virtual seconds a second.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use harness::{Cut, Fault, SECOND, Seed, Strike, Target, Verdict, When};
use perjury::assemble::{Request, plan, try_out};
use std::hint::black_box;

const SECONDS: u64 = 30;

fn request(seed: u64) -> Request {
    let strike = |at, fault, lasts| Strike { when: When::At(SECOND * at), fault, lasts: SECOND * lasts };
    Request {
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

fn one(seed: u64) {
    let (run, judgement) = try_out(&plan(&request(seed)).expect("known names")).expect("the simulator never fails");
    assert_eq!(run.faults.len(), 2);
    assert_eq!(judgement.verdict, Verdict::Held, "seed {seed}");
    black_box(judgement);
}

fn simulated_runs(criterion: &mut Criterion) {
    for (name, elements) in [("simulated runs", 1), ("simulated seconds", SECONDS)] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(elements));
        let mut seed = 0;
        group.bench_function("raft, 5 nodes, 10 clients, 200 operations", |bencher| {
            bencher.iter(|| {
                // The same thousand seeds every time.
                seed = seed % 1000 + 1;
                one(seed);
            });
        });
        group.finish();
    }
}

criterion_group!(benches, simulated_runs);
criterion_main!(benches);
