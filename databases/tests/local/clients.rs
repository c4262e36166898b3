//! Who asks is answered, also by a node that is slow, and a node goes on behind its marks.

use crate::bench::{Bench, N1, PATIENCE, agree, holds, read, write};
use harness::{Cluster, Fault, MS, Outcome, Reply, SECOND, Target};

#[test]
fn clients_are_served_and_replicas_agree() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask(0, &read()), Outcome::Ok(Reply::Value(None)));
    for value in 0..50 {
        assert_eq!(bench.ask(value as usize % 3, &write(value)), Outcome::Ok(Reply::Done));
    }
    assert_eq!(bench.ask(2, &read()), holds(49));
    bench.pass_until(PATIENCE, agree);
}

#[test]
fn clients_in_a_hurry_ask_a_node_again() {
    let mut bench = Bench::new();
    let slow = bench.inject(Fault::SlowDisk { target: Target::Node(N1), by: MS * 100 });
    let retry = bench.inject(Fault::Retry { after: MS * 2 });
    assert_eq!(bench.ask(0, &write(1)), Outcome::Ok(Reply::Done));
    let effect = bench.lift(retry);
    assert!(effect.effective && effect.mattered == Some(true), "{effect:?}");
    bench.lift(slow);
    let calm = bench.inject(Fault::Retry { after: SECOND * 3 });
    assert_eq!(bench.ask(0, &read()), holds(1));
    assert!(!bench.lift(calm).effective, "nobody had to ask again");
}

#[test]
fn a_node_goes_on_behind_a_mark_that_nobody_struck_at() {
    let mut bench = Bench::new();
    bench.cluster.watch(&["acknowledges".to_string()]);
    assert_eq!(bench.ask(1, &write(6)), Outcome::Ok(Reply::Done));
}
