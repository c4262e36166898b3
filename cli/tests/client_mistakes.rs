//! Mistakes of a client program, made on purpose on a correct database: the harness tells them from mistakes of the database.

use harness::cluster::{FaultId, Happening};
use harness::fault::Effect;
use harness::history::What;
use harness::{Cluster, Fault, NodeId, Op, Outcome, Plan, ProcessId, Run, Seed, Time, Trouble, Verdict};
use perjury::assemble::{Request, cluster, judgement, plan, simulate};
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// `sl-sync` keeps its promises, and what its leader could not ship during a cut takes effect after it: long after clients gave up.
fn planned(workload: &str, seed: u64) -> Plan {
    let [design, workload, nemesis] = ["sl-sync", workload, "isolate-leader"].map(String::from);
    plan(&Request { design, workload, nemesis, seed: Seed(seed), ..Request::default() }).expect("known names")
}

/// Clients that call an operation failed whose outcome nobody knows, in front of any cluster.
struct Hasty {
    inner: Box<dyn Cluster>,
    hasty: u64,
}

impl Cluster for Hasty {
    fn advance(&mut self, until: Time) -> Result<Option<Happening>, Trouble> {
        Ok(self.inner.advance(until)?.map(|happening| match happening {
            Happening::Answered(process, Outcome::Unknown(reason)) => {
                self.hasty += 1;
                Happening::Answered(process, Outcome::Failed(reason))
            }
            other => other,
        }))
    }
    fn now(&self) -> Time {
        self.inner.now()
    }
    fn watch(&mut self, marks: &[String]) {
        self.inner.watch(marks);
    }
    fn ready(&mut self) -> bool {
        self.inner.ready()
    }
    fn submit(&mut self, process: ProcessId, op: &Op, first: Option<NodeId>) -> Result<(), Trouble> {
        self.inner.submit(process, op, first)
    }
    fn inject(&mut self, fault: &Fault) -> Result<(FaultId, Fault), Trouble> {
        self.inner.inject(fault)
    }
    fn lift(&mut self, fault: FaultId) -> Result<Effect, Trouble> {
        self.inner.lift(fault)
    }
    fn digests(&mut self) -> Result<Vec<(NodeId, u64)>, Trouble> {
        self.inner.digests()
    }
}

/// Seeds of each workload.
const SEEDS: u64 = 20;

#[test]
fn a_time_out_that_is_called_failed_is_told_from_a_broken_database() {
    for workload in ["register", "set", "bank", "sessions", "registration"] {
        let mut caught = 0;
        for seed in 1..=SEEDS {
            let plan = planned(workload, seed);
            let mut hasty = Hasty { inner: cluster(&plan, Path::new(".")).expect("a simulator"), hasty: 0 };
            let run = harness::run::run(&plan, &mut hasty, &mut (), &AtomicBool::new(false)).expect("no trouble");
            assert!(hasty.hasty > 0, "{workload}, seed {seed}: nothing timed out");
            match judgement(&run).verdict {
                Verdict::Violated(anomaly) => {
                    assert_eq!(anomaly.class, "failed-op-observed", "{workload}, seed {seed}: {:?}", anomaly.sentences);
                    caught += 1;
                }
                other => assert_eq!(other, Verdict::Held, "{workload}, seed {seed}"),
            }
            let honest = judgement(&simulate(&plan).expect("no trouble")).verdict;
            assert_eq!(honest, Verdict::Held, "{workload}, seed {seed}, without the mistake");
        }
        println!("{workload}: {caught} of {SEEDS} seeds");
        assert!(
            caught * 2 > SEEDS,
            "{workload}: only {caught} of {SEEDS} seeds showed an operation that was called failed"
        );
    }
}

/// The same run as recorded by clients that go on as the same process whatever became of their last operation.
fn never_retired(run: Run) -> Run {
    let Run { plan, mut history, .. } = run;
    for event in &mut history.events {
        if let What::Invoke { process, .. } | What::Return { process, .. } = &mut event.what {
            *process = ProcessId(process.0 % plan.clients);
        }
    }
    Run::new(plan, history)
}

#[test]
fn a_process_that_goes_on_after_an_unknown_outcome_is_named_and_nothing_is_said_about_the_database() {
    let run = never_retired(simulate(&planned("register", 1)).expect("no trouble"));
    let Verdict::Unknown(why) = judgement(&run).verdict else { panic!("it is judged") };
    assert!(why.starts_with("the history is malformed: event "), "{why}");
    assert!(why.contains("is used again after an outcome that nobody knows"), "{why}");
    let written: String = harness::files::history::write(&run.history);
    let complaint = harness::files::history::read("h", &written).expect_err("no history").to_string();
    assert!(complaint.contains("is used again after an outcome that nobody knows"), "{complaint}");
}
