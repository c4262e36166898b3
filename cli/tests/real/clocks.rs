//! A clock that is wrong on one node of a real database, by an offset that stays, jumps or grows: measured by what the database itself
//! tells, and gone afterwards.

use crate::binary::{folder, perjury};
use crate::{SECOND, only_in_the_long_lane, run, skipped, skipped_for};
use databases::real::Needed;
use serde_json::{Value, json};

/// The clock of the first node, by so many seconds.
fn clock(seconds: i64) -> Value {
    json!({"clock": {"target": {"node": 0}, "offset": seconds * SECOND as i64, "rate": 100}})
}

#[test]
fn a_redis_tells_a_time_that_is_100_s_ahead_or_behind_and_the_right_one_afterwards() {
    if skipped("redis") {
        return;
    }
    // Killed in between, it comes back with a right clock, which is set wrong again.
    let strikes = [(4, clock(100), 10), (7, json!({"kill": {"node": 0}}), 2), (18, clock(-100), 5)];
    let (ended, _dir) = run("--database redis:mode=single,fsync=always --workload set --time 26s", &strikes);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    // As it began and as it ended, each from and to.
    let wrong: Vec<f64> = deviations(&ended.out);
    assert!(wrong.len() >= 8, "{}", ended.out);
    assert!(wrong.iter().all(|seconds| (99.0..101.0).contains(&seconds.abs())), "{}", ended.out);
    assert!(wrong.iter().any(|seconds| *seconds > 0.0) && wrong.iter().any(|seconds| *seconds < 0.0));
}

/// The same, jumping to the other side and back, or growing by so many percent of what passes.
fn moving(seconds: i64, motion: Value) -> Value {
    json!({"clock": {"target": {"node": 0}, "offset": seconds * SECOND as i64, "rate": 100, "motion": motion}})
}

#[test]
fn every_process_of_a_postgres_tells_a_wrong_time_and_the_right_one_afterwards() {
    if skipped("postgres") {
        return;
    }
    let (strobe, drift) = (moving(7, json!({"strobe": SECOND / 2})), moving(0, json!({"drift": -50})));
    let strikes = [(3, clock(100), 3), (8, clock(-100), 3), (13, strobe, 3), (18, drift, 4)];
    let (ended, _dir) = run("--database postgres --nodes 1 --workload set --time 25s", &strikes);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    for (fault, wanted) in [[100.0, 100.0], [-100.0, -100.0], [-7.0, 7.0], [-2.0, -0.5]].iter().enumerate() {
        let seen = deviations_of(&ended.out, fault + 1);
        let near = |wanted: f64| seen.iter().any(|seconds| (seconds - wanted).abs() < 0.6);
        assert!(wanted.iter().all(|wanted| near(*wanted)), "fault {}: {seen:?}: {}", fault + 1, ended.out);
    }
}

#[test]
fn a_careless_client_loses_writes_when_a_clock_jumps_or_has_drifted_and_not_otherwise() {
    let python = Needed { what: "a client in Python", programs: &["python3"], packages: &["python3"] };
    if skipped("redis") || skipped_for(&python) {
        return;
    }
    // Each waits for most of its time.
    std::thread::scope(|scope| {
        scope.spawn(|| careless(&moving(3, json!({"strobe": SECOND * 3 / 10}))));
        scope.spawn(|| careless(&moving(0, json!({"drift": 50}))));
        scope.spawn(control);
    });
}

/// Registers whose last writer wins, by the clock of a Redis.
fn client() -> String {
    let client = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/careless.py");
    format!("--database redis:mode=single --workload read-write --clients 4 --rate 60 --time 20s --adapter {client}")
}

fn control() {
    let dir = folder();
    let ended = perjury(dir.path(), &format!("run --nemesis calm {}", client()));
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
}

/// Two strikes of a fault must be effective and found.
fn careless(fault: &Value) {
    let (ended, _dir) = run(&client(), &[(7, fault.clone(), 4), (14, fault.clone(), 4)]);
    assert_eq!(ended.code, 1, "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("linearizable: violated"), "{}", ended.out);
    assert!(!ended.out.contains("no effect"), "{}", ended.out);
    for fault in 1..3 {
        let seen = deviations_of(&ended.out, fault);
        let (low, high) = seen.iter().fold((f64::MAX, f64::MIN), |(low, high), seen| (low.min(*seen), high.max(*seen)));
        assert!(high - low > 1.0, "it moved: {seen:?}: {}", ended.out);
    }
}

#[test]
fn a_galera_tells_a_wrong_time_and_the_right_one_afterwards() {
    if only_in_the_long_lane() || skipped("galera") {
        return;
    }
    // What MariaDB makes of a clock that goes back is its own affair.
    let (ended, _dir) = run("--database galera --nodes 1 --workload set --time 18s", &[(4, clock(100), 4)]);
    let wrong = deviations(&ended.out);
    assert!(wrong.len() >= 4 && wrong.iter().all(|seconds| (99.0..101.0).contains(seconds)), "{}", ended.out);
    assert!(ended.code != 70, "a clock that does not come right is a trouble: {}", ended.err);
}

/// The same, of one fault, counted from 1.
fn deviations_of(out: &str, fault: usize) -> Vec<f64> {
    let table = out.lines().skip_while(|line| *line != "Faults");
    let row = table.filter(|line| line.trim_start().starts_with(&format!("{fault}  "))).collect::<Vec<_>>();
    deviations(&row.join("\n"))
}

/// By how much the first node's clock was off each time that it was asked, from and to, in seconds.
fn deviations(out: &str) -> Vec<f64> {
    let measured = out.lines().filter_map(|line| line.split_once("n1 was off by ")).map(|(_, words)| words);
    let signed = measured.flat_map(|words| words.split_whitespace().filter(|word| word.starts_with(['+', '-'])));
    signed.filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn an_etcd_stamps_its_log_100_s_ahead_and_rightly_afterwards() {
    if skipped("etcd") {
        return;
    }
    let cut = json!({"partition": {"isolate": {"node": 0}}});
    let strikes = [(4, clock(100), 9), (7, cut.clone(), 4), (15, cut, 3)];
    let (ended, dir) = run("--database etcd --workload register --time 21s", &strikes);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    // In whole seconds, so that each time that it was asked leaves more than one.
    let wrong = deviations(&ended.out);
    assert!(wrong.len() >= 4 && wrong.iter().all(|seconds| (98.0..102.0).contains(seconds)), "{}", ended.out);
    let stamps = |node: &str| stamps(&dir.path().join(format!("runs/latest/nodes/{node}-etcd.log")));
    let (own, other) = (stamps("n1"), stamps("n2"));
    let began = own[0];
    let ahead = |stamp: &f64| (100.0..190.0).contains(&(stamp - began));
    let wrong = own.iter().rposition(ahead).expect("it wrote something while its clock was wrong");
    assert!(own[wrong + 1..].iter().any(|stamp| (0.0..90.0).contains(&(stamp - began))), "it came right: {own:?}");
    assert!(!other.iter().any(ahead), "another node's clock was right all along: {other:?}");
}

/// When each line of a log was written, by the clock of who wrote it, in seconds since 1970.
fn stamps(log: &std::path::Path) -> Vec<f64> {
    let text = std::fs::read_to_string(log).expect("the log was kept");
    let stamp = |line: &str| {
        let stamp = serde_json::from_str::<Value>(line).ok()?["ts"].as_str()?.to_string();
        let time = humantime::parse_rfc3339(&stamp).ok()?;
        Some(time.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?.as_secs_f64())
    };
    text.lines().filter_map(stamp).collect()
}

#[test]
fn a_clock_that_nobody_reads_or_that_did_not_move_was_not_set_wrong_and_that_is_no_pass() {
    if skipped("redis") {
        return;
    }
    let slow = moving(5, json!({"strobe": SECOND * 10}));
    let (ended, _dir) = run(
        "--database redis --workload set --time 20s",
        &[(4, json!({"kill": {"node": 2}}), 8), (6, clock_of(2), 3), (14, clock_of(2), 3), (15, slow, 2)],
    );
    assert_eq!(ended.code, 3, "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("had no effect (the clock of n3 did not tell another time"), "{}", ended.out);
    assert!(ended.out.contains("the clock of n1 was not seen to move"), "{}", ended.out);
}

fn clock_of(node: u8) -> Value {
    json!({"clock": {"target": {"node": node}, "offset": 5 * SECOND, "rate": 100}})
}

#[test]
fn a_rate_is_refused_before_anything_is_started() {
    let faster = json!({"clock": {"target": "leader", "offset": 0, "rate": 200}});
    let (ended, dir) = run("--database redis", &[(4, faster, 2)]);
    assert_eq!(ended.code, 64, "{}{}", ended.out, ended.err);
    assert!(ended.err.contains("do not run at 200 %"), "{}", ended.err);
    let ended = perjury(dir.path(), "run --database redis --nemesis clock-half-leader");
    assert_eq!(ended.code, 64, "{}{}", ended.out, ended.err);
    assert!(ended.err.contains("there can be calm"), "{}", ended.err);
    assert!(!dir.path().join("runs").exists());
}
