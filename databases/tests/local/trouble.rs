//! What cannot be done, and what goes wrong by itself, is said.

use crate::bench::{Bench, N1, N3, PATIENCE, ask_about, holds, launch, plan, processes_in, program, read, write};
use databases::bundled::LocalCluster;
use harness::cluster::Happening;
use harness::invariants::NO_PANIC;
use harness::{Cluster, Fault, Outcome, Reply, Target};
use std::fs;
use std::path::PathBuf;

#[test]
fn a_panic_in_a_step_is_a_finding() {
    let mut bench = Bench::new();
    bench.submit(0, &ask_about("nothing"));
    let deadline = bench.cluster.now() + PATIENCE;
    let found = loop {
        match bench.cluster.advance(deadline).unwrap() {
            Some(Happening::Found(name, sentence)) => break (name, sentence),
            Some(_) => {}
            None => panic!("nothing was found"),
        }
    };
    assert_eq!(found, (NO_PANIC, "n1 panicked: asked for \"nothing\"".to_string()));
}

#[test]
fn what_cannot_be_done_is_said_and_nothing_has_no_effect() {
    let mut bench = Bench::new();
    let trouble = bench.cluster.inject(&Fault::PowerLoss(Target::Leader)).unwrap_err();
    assert!(trouble.mend.contains("--tier sim"), "{trouble}");
    let nothing = bench.inject(Fault::Nothing);
    assert!(!bench.lift(nothing).effective);
    let dead = bench.inject(Fault::Kill(Target::Node(N3)));
    let pause = bench.inject(Fault::Pause(Target::Node(N3)));
    assert!(!bench.lift(pause).effective, "the dead cannot be stopped");
    assert!(bench.lift(dead).effective);
}

#[test]
fn damage_in_a_write_ahead_file_is_trouble_and_a_torn_end_is_not() {
    let mut bench = Bench::new();
    for value in 0..3 {
        assert_eq!(bench.ask(0, &write(value)), Outcome::Ok(Reply::Done));
    }
    let wal = bench.dir.path().join("nodes/n1/data/wal");
    let torn = bench.inject(Fault::Kill(Target::Node(N1)));
    let mut bytes = fs::read(&wal).unwrap();
    bytes.extend([9, 0, 0, 0, 1, 2, 3]);
    fs::write(&wal, &bytes).unwrap();
    bench.lift(torn);
    bench.pass_until(PATIENCE, |bench| bench.cluster.ready());
    assert_eq!(bench.ask(0, &read()), holds(2));
    let damaged = bench.inject(Fault::Kill(Target::Node(N1)));
    let mut bytes = fs::read(&wal).unwrap();
    bytes[9] ^= 1;
    fs::write(&wal, &bytes).unwrap();
    bench.lift(damaged);
    let trouble = bench.trouble(PATIENCE);
    assert!(trouble.what.contains("n1: the write-ahead file") && trouble.why.contains("record 1"), "{trouble}");
}

#[test]
fn a_program_that_is_no_node_is_trouble() {
    let dir = tempfile::tempdir().unwrap();
    let start = |design: &str, program: PathBuf| {
        LocalCluster::launch(&plan(design), launch(program), dir.path()).map(drop).unwrap_err()
    };
    let trouble = start("tiny", dir.path().join("nothing"));
    assert!(trouble.what.contains("cannot be started for n1"), "{trouble}");
    let trouble = start("tiny", "/bin/true".into());
    assert!(trouble.what.contains("ended by itself"), "{trouble}");
    let trouble = start("of another build", program());
    assert!(trouble.what.contains("there is no design \"of another build\""), "{trouble}");
    assert_eq!(processes_in(dir.path()), []);
}
