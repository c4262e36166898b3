//! Files of real databases that are damaged while nobody runs who could notice. Which byte is hit is chance, and so is what becomes of it:
//! only in the long lane.

use crate::{only_in_the_long_lane, run, skipped, until};
use serde_json::{Value, json};

/// One Redis that syncs before it answers is damaged again and again, for a second each time, in runs side by side. In one of them at
/// least acknowledged elements are missing, and in none is it a finding that the damage was noticed.
fn loses(fault: &Value, told: &str) {
    if only_in_the_long_lane() || skipped("redis") {
        return;
    }
    let strikes: Vec<(u64, Value, u64)> = (0..8).map(|round| (3 + 2 * round, fault.clone(), 1)).collect();
    let one = |seed: u64| {
        let words = format!("--database redis:mode=single,fsync=always --workload set --time 20s --seed {seed}");
        let (ended, _dir) = run(&words, &strikes);
        assert!([0, 1, 3].contains(&ended.code), "{}{}", ended.out, ended.err);
        assert!(ended.out.contains(told) && !ended.out.contains("gave up"), "{}", ended.out);
        ended.code == 1 && ended.out.contains("set: violated")
    };
    let found = std::thread::scope(|scope| {
        let runs: Vec<_> = (1..=2)
            .map(|seed| {
                let one = &one;
                scope.spawn(move || one(seed))
            })
            .collect();
        runs.into_iter().map(|run| run.join().expect("a run")).collect::<Vec<bool>>()
    });
    assert!(found.contains(&true), "nothing was ever missing");
}

#[test]
fn a_redis_whose_file_has_lost_its_end_has_lost_what_it_acknowledged() {
    loses(&json!({"truncate": {"target": {"node": 0}, "bytes": 100}}), "of n1 lost");
}

#[test]
fn a_redis_does_not_see_that_a_bit_of_its_file_was_turned_over() {
    loses(&json!({"bit-flip": {"node": 0}}), "and it ran with that");
}

#[test]
fn an_etcd_whose_log_was_damaged_notices_and_gets_back_what_it_had() {
    if only_in_the_long_lane() || skipped("etcd") {
        return;
    }
    let words = "--database etcd --workload register --nemesis bit-flip --time 30s";
    let (ended, _dir) = until(0, 3, words);
    assert!(ended.out.contains("of etcd/member/"), "{}", ended.out);
    assert!(!ended.out.contains("gave up"), "{}", ended.out);
}
