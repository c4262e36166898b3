//! Processes that are killed, stopped or wiped, or whose clocks are wrong.

use crate::bench::{Bench, N1, PATIENCE, agree, ask_about, await_processes, holds, processes_in, read, write};
use harness::cluster::Happening;
use harness::{Cluster, Fault, Motion, Outcome, Reason, Reply, SECOND, Target};

#[test]
fn a_killed_node_is_gone_and_comes_back_with_its_data() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask(1, &write(7)), Outcome::Ok(Reply::Done));
    await_processes(bench.dir.path(), 3);
    let (fault, resolved) = bench.cluster.inject(&Fault::Kill(Target::Leader)).unwrap();
    assert_eq!(resolved, Fault::Kill(Target::Node(N1)));
    await_processes(bench.dir.path(), 2);
    // Whoever cannot connect knows that nothing was asked; who has not heard yet that its connection is broken does not know.
    bench.pass_until(PATIENCE, |bench| matches!(bench.ask(1, &write(8)), Outcome::Failed(_)));
    let effect = bench.lift(fault);
    assert!(effect.effective && effect.measured.contains("of n1 was gone after"), "{effect:?}");
    bench.pass_until(PATIENCE, |bench| bench.cluster.ready());
    assert_eq!(bench.ask(1, &read()), holds(7));
    await_processes(bench.dir.path(), 3);
}

#[test]
fn a_killed_cluster_comes_back_whole() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask(0, &write(3)), Outcome::Ok(Reply::Done));
    let fault = bench.inject(Fault::Kill(Target::All));
    assert_eq!(processes_in(bench.dir.path()), []);
    let again = bench.inject(Fault::Kill(Target::All));
    assert!(!bench.lift(again).effective, "the dead cannot be killed");
    assert!(bench.lift(fault).effective);
    bench.pass_until(PATIENCE, |bench| bench.cluster.ready());
    assert_eq!(bench.ask(2, &read()), holds(3));
}

#[test]
fn a_fault_on_a_mark_strikes_before_what_follows_it() {
    let mut bench = Bench::new();
    bench.cluster.watch(&["acknowledges".to_string()]);
    let process = bench.submit(0, &write(9));
    let deadline = bench.cluster.now() + SECOND;
    let happening = bench.cluster.advance(deadline).unwrap();
    assert_eq!(happening, Some(Happening::Marked(N1, "acknowledges".into())));
    let (fault, resolved) = bench.cluster.inject(&Fault::Kill(Target::Marked)).unwrap();
    assert_eq!(resolved, Fault::Kill(Target::Node(N1)));
    bench.cluster.watch(&[]);
    assert_eq!(bench.answer(process), Outcome::Unknown(Reason::TimedOut), "it was never acknowledged");
    bench.processes[0] += 3;
    bench.lift(fault);
    bench.pass_until(PATIENCE, |bench| bench.cluster.ready());
    assert_eq!(bench.ask(0, &read()), holds(9), "but it was synced");
}

#[test]
fn a_paused_node_is_stopped_and_goes_on_with_what_waited() {
    let mut bench = Bench::new();
    let fault = bench.inject(Fault::Pause(Target::Node(N1)));
    let stopped = |bench: &mut Bench| processes_in(bench.dir.path()).iter().filter(|(_, state)| *state == 'T').count();
    bench.pass_until(PATIENCE, |bench| stopped(bench) == 1);
    assert_eq!(bench.ask(0, &write(4)), Outcome::Unknown(Reason::TimedOut));
    let effect = bench.lift(fault);
    assert!(effect.effective && effect.measured.starts_with("n1 stopped for "), "{effect:?}");
    bench.pass_until(PATIENCE, |bench| stopped(bench) == 0);
    // The request waited, and is carried out once the node gets to it; others may be asked before.
    bench.pass_until(PATIENCE, |bench| bench.ask(2, &read()) == holds(4));
}

#[test]
fn a_wiped_node_starts_again_with_nothing() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask(0, &write(7)), Outcome::Ok(Reply::Done));
    bench.pass_until(PATIENCE, agree);
    let wiped = bench.inject(Fault::Wipe(Target::Node(N1)));
    bench.pass_until(PATIENCE, |bench| bench.cluster.ready());
    assert_eq!(bench.ask(0, &read()), Outcome::Ok(Reply::Value(None)));
    let effect = bench.lift(wiped);
    assert!(effect.effective && effect.mattered == Some(true), "{effect:?}");
    assert!(effect.measured.contains("1 write-ahead files removed"), "{effect:?}");
}

#[test]
fn a_wrong_clock_is_read_by_the_node_and_its_timers() {
    let mut bench = Bench::new();
    let asked = bench.cluster.now();
    let (right, fires) = (bench.number(0, &ask_about("clock")), bench.number(0, &ask_about("fires")));
    bench.pass(SECOND);
    let calm = bench.number(0, &ask_about("fires")) - fires;
    let injected = bench.cluster.now();
    let fault =
        bench.inject(Fault::Clock { target: Target::Node(N1), offset: -5_000_000, rate: 400, motion: Motion::Still });
    let wrong = bench.number(0, &ask_about("clock"));
    let now = bench.cluster.now();
    // 5 s back, at least the second that passed on, and at most all that passed since, a part of it four times as fast.
    let most = now.since(asked).0 + 3 * now.since(injected).0;
    assert!((1_000_000..=most as i64).contains(&(wrong - right + 5_000_000)), "{} of {most}", wrong - right);
    let fires = bench.number(0, &ask_about("fires"));
    bench.pass(SECOND);
    let fast = bench.number(0, &ask_about("fires")) - fires;
    assert!(fast > calm * 2, "{calm} timers in a right second, {fast} in one that is four times as fast");
    let effect = bench.lift(fault);
    assert!(effect.effective && effect.measured.starts_with("the clock of n1 read -"), "{effect:?}");
    let now = bench.number(0, &ask_about("clock"));
    assert!(now - wrong > 5_000_000, "set right again: {}", now - wrong);
}
