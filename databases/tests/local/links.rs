//! Links that are cut, rough or slow; disks that are slow.

use crate::bench::{Bench, N1, N2, PATIENCE, agree, holds, read, write};
use harness::{Cluster, Cut, Fault, MS, Outcome, Reason, Reply, Target, Time};

#[test]
fn a_cut_stops_frames_and_clients_and_only_what_it_cuts() {
    let mut bench = Bench::new();
    let fault = bench.inject(Fault::Partition(Cut::Isolate(Target::Leader)));
    assert_eq!(bench.ask(0, &write(1)), Outcome::Ok(Reply::Done), "a client is cut off with its home");
    // What it asked n1 may have been carried out for all it knows; n2 and n3 refused for certain.
    assert_eq!(bench.ask(1, &write(2)), Outcome::Unknown(Reason::TimedOut));
    bench.pass(MS * 100);
    let digests = bench.cluster.digests().unwrap();
    assert!(digests[0].1 != digests[1].1 && digests[1].1 == digests[2].1, "the write stayed with n1: {digests:?}");
    let effect = bench.lift(fault);
    assert!(
        effect.effective && effect.measured.contains(" messages stopped; ") && effect.mattered == Some(true),
        "{effect:?}"
    );
    assert_eq!(bench.ask(1, &read()), holds(1));
}

#[test]
fn a_one_way_cut_lets_the_other_way_pass() {
    let mut bench = Bench::new();
    // n2's clients are heard by n1, and do not hear it.
    let fault = bench.inject(Fault::Partition(Cut::Links(vec![(N1, N2)])));
    assert_eq!(bench.ask(1, &write(5)), Outcome::Unknown(Reason::TimedOut));
    assert_eq!(bench.ask(2, &read()), holds(5));
    let effect = bench.lift(fault);
    assert!(effect.effective, "{effect:?}");
}

#[test]
fn slow_disks_and_rough_links_are_measured() {
    let mut bench = Bench::new();
    let slow = bench.inject(Fault::SlowDisk { target: Target::Node(N1), by: MS * 100 });
    let began = bench.cluster.now();
    assert_eq!(bench.ask(0, &write(1)), Outcome::Ok(Reply::Done));
    assert!(bench.cluster.now().since(began) >= MS * 100);
    let effect = bench.lift(slow);
    assert!(effect.effective && effect.measured == "1 syncs slowed by 0.100 s each", "{effect:?}");
    let rough = bench.inject(Fault::Links { loss: 100, duplicate: 0, late: Time::ZERO, delay: Time::ZERO });
    assert_eq!(bench.ask(0, &write(2)), Outcome::Ok(Reply::Done));
    bench.pass(MS * 100);
    let digests = bench.cluster.digests().unwrap();
    assert!(digests[0].1 != digests[1].1 && digests[1].1 == digests[2].1, "every copy was lost: {digests:?}");
    assert!(bench.lift(rough).effective);
    let late = bench.inject(Fault::Links { loss: 0, duplicate: 50, late: Time::ZERO, delay: MS * 30 });
    assert_eq!(bench.ask(0, &write(3)), Outcome::Ok(Reply::Done));
    bench.pass_until(PATIENCE, |bench| {
        let digests = bench.cluster.digests().unwrap();
        digests.iter().all(|(_, digest)| *digest == digests[0].1)
    });
    assert!(bench.lift(late).effective);
}

#[test]
fn links_are_slow_or_repeat_themselves_and_clients_are_not_slow() {
    let mut bench = Bench::new();
    let slow = bench.inject(Fault::Delay { target: Target::Node(N1), by: MS * 800 });
    assert_eq!(bench.ask(0, &write(1)), Outcome::Ok(Reply::Done));
    assert!(!agree(&mut bench), "the client was answered before a copy came through");
    bench.pass_until(PATIENCE, agree);
    let effect = bench.lift(slow);
    assert!(effect.effective && effect.mattered == Some(true), "{effect:?}");
    assert!(effect.measured.contains("messages delayed by 0.800 s"), "{effect:?}");

    let links = |duplicate, late, delay| Fault::Links { loss: 0, duplicate, late, delay };
    let twice = bench.inject(links(100, MS * 30, Time::ZERO));
    bench.pass(MS * 300);
    let effect = bench.lift(twice);
    assert!(effect.effective && effect.mattered == Some(true), "{effect:?}");
    let mixed = bench.inject(links(0, Time::ZERO, MS * 100));
    bench.pass(MS * 300);
    let effect = bench.lift(mixed);
    assert!(effect.effective && effect.mattered == Some(true), "{effect:?}");
}
