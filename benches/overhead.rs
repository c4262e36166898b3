//! What the loop itself costs: 100,000 operations of ten clients that are answered at once, asked, listened to and recorded, on one core.
//!
//! `cargo bench -p perjury-benches --bench overhead` prints operations a second as "elem/s"; below 200,000 the loop would be what is measured when a fast
//! database is tested. `cargo run --release -p perjury-xtask -- overhead` measures the same beside a real server.
#![allow(missing_docs)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use harness::cluster::{Cluster, FaultId, Happening};
use harness::run::run;
use harness::{Ask, ClientId, Fault, NodeId, Op, Outcome, Plan, ProcessId, Reply, Time, Trouble, fault};
use perjury::assemble::{Request, plan};
use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;

const OPERATIONS: u64 = 100_000;
const CLIENTS: u64 = 10;

/// Says "done" to everything at once. Time passes only while nobody asks.
#[derive(Default)]
struct NoOp {
    now: Time,
    answers: VecDeque<Happening>,
}

impl Cluster for NoOp {
    fn now(&self) -> Time {
        self.now
    }
    fn watch(&mut self, _: &[String]) {}
    fn ready(&mut self) -> bool {
        true
    }
    fn submit(&mut self, process: ProcessId, _: &Op, _: Option<NodeId>) -> Result<(), Trouble> {
        self.answers.push_back(Happening::Answered(process, Outcome::Ok(Reply::Done)));
        Ok(())
    }
    fn inject(&mut self, _: &Fault) -> Result<(FaultId, Fault), Trouble> {
        unreachable!("the plan has no faults")
    }
    fn lift(&mut self, _: FaultId) -> Result<fault::Effect, Trouble> {
        unreachable!("the plan has no faults")
    }
    fn advance(&mut self, until: Time) -> Result<Option<Happening>, Trouble> {
        let answer = self.answers.pop_front();
        self.now = if answer.is_none() { self.now.max(until) } else { self.now };
        Ok(answer)
    }
    fn digests(&mut self) -> Result<Vec<(NodeId, u64)>, Trouble> {
        Ok(Vec::new())
    }
}

fn asked() -> Plan {
    let request = Request { nemesis: "calm".to_string(), clients: CLIENTS as u32, ..Request::default() };
    let write = |number: u64| {
        let op = Op::Write { key: format!("r{}", number % 100).into(), value: number as i64 };
        Ask::new(Time::ZERO, ClientId((number % CLIENTS) as u32), op)
    };
    let drawn = plan(&request).expect("known names");
    Plan { asks: (0..OPERATIONS).map(write).collect(), finals: Vec::new(), ..drawn }
}

fn overhead(criterion: &mut Criterion) {
    let plan = asked();
    let mut group = criterion.benchmark_group("the loop");
    group.throughput(Throughput::Elements(OPERATIONS)).sample_size(20);
    group.bench_function("ten clients that are answered at once", |bencher| {
        let cluster = NoOp::default;
        bencher.iter_batched_ref(
            cluster,
            |cluster| {
                let run = run(&plan, cluster, &mut (), &AtomicBool::new(false)).expect("nothing fails");
                assert!(run.history.events.len() as u64 > 2 * OPERATIONS, "all of it was recorded");
                run
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(benches, overhead);
criterion_main!(benches);
