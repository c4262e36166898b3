//! Where nodes live: databases on plain processes of this machine, as any user.

use crate::binary::{folder, perjury, perjury_words};
use crate::{SECOND, logs, missing, until};
use databases::real::{Needed, choose};
use serde_json::{Value, json};
use std::fs::{Permissions, copy, set_permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// `nobody`, whom every machine has.
const NOBODY: &str = "65534";

/// Whether a test on local nodes must be skipped, since a program is missing; nothing else is needed.
fn no_program_of(database: &str) -> bool {
    missing(&choose(database).expect("it is in the table").expect("its choices are known").database.needed())
}

#[test]
fn what_a_majority_confirms_holds_on_local_nodes_through_cuts_and_kills() {
    if no_program_of("etcd") {
        return;
    }
    let words = "--database etcd --tier local --workload register --nemesis kill+isolate-leader --time 40s";
    let (ended, dir) = until(0, 2, words);
    assert!(ended.out.contains("was gone after") && ended.out.contains("packets stopped"), "{}", ended.out);
    assert!(ended.out.contains("tier local"), "{}", ended.out);
    assert!(logs(dir.path()).iter().all(|log| log.contains("raft")), "each node has said something");
}

#[test]
fn an_ordinary_user_cuts_a_leader_off_on_local_nodes_and_reads_what_is_stale() {
    if no_program_of("etcd") {
        return;
    }
    let root = rustix::process::geteuid().is_root();
    let dir = folder();
    set_permissions(dir.path(), Permissions::from_mode(0o777)).expect("its own folder");
    let program = dir.path().join("perjury");
    copy(env!("CARGO_BIN_EXE_perjury"), &program).expect("there is room");
    for seed in 1..=3 {
        let words = format!(
            "run --database etcd:reads=serializable --tier local --workload register --nemesis isolate-leader --time 20s --seed {seed}"
        );
        let mut command = Command::new(if root { "setpriv" } else { "env" });
        if root {
            // Without what makes namespaces, too.
            command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--bounding-set=-all"]);
        }
        let output = command.arg(&program).args(words.split(' ')).current_dir(dir.path()).output().expect("it starts");
        let out = String::from_utf8_lossy(&output.stdout);
        if output.status.code() == Some(1) {
            assert!(out.contains("stale-after-ack") && out.contains("packets stopped"), "{out}");
            return;
        }
        println!("seed {seed}: {out}{}", String::from_utf8_lossy(&output.stderr));
    }
    panic!("none of three runs found it");
}

#[test]
fn a_system_that_only_a_file_describes_lives_on_local_nodes_too() {
    let nats = Needed { what: "NATS", programs: &["nats-server", "python3"], packages: &["nats-server", "python3"] };
    if missing(&nats) {
        return;
    }
    let example = |path: &str| format!("{}/../examples/nats/{path}", env!("CARGO_MANIFEST_DIR"));
    let dir = folder();
    let mut words: Vec<String> = "run --tier local --workload set --nemesis kill+isolate-leader --time 70s"
        .split(' ')
        .map(str::to_string)
        .collect();
    words.extend(["--system".to_string(), example("system.toml")]);
    words.extend(["--adapter".to_string(), format!("python3 {}", example("client.py"))]);
    let ended = perjury_words(dir.path(), &words);
    let all = format!("{}{}", ended.out, ended.err);
    assert!([0, 1].contains(&ended.code), "{all}");
    assert!(ended.out.contains("was gone after") && ended.out.contains("packets stopped"), "{all}");
    assert!(ended.err.contains("is elected"), "somebody led: {all}");
}

#[test]
fn no_element_is_lost_while_the_leader_is_heard_late_on_local_nodes() {
    if no_program_of("etcd") {
        return;
    }
    let (ended, _dir) = until(0, 2, "--database etcd --tier local --workload set --nemesis delay --time 40s");
    assert!(ended.out.contains("packets held back by 1.500 s"), "{}", ended.out);
}

/// What is found in namespaces, see `redis.rs`, is found here.
fn finds(workload: &str, nemesis: &str, finding: &str, effect: &str) {
    if no_program_of("redis") {
        return;
    }
    let words = format!("--database redis --tier local --workload {workload} --nemesis {nemesis} --time 24s");
    let (ended, _dir) = until(1, 3, &words);
    assert!(ended.out.contains(finding) && ended.out.contains(effect), "{}", ended.out);
}

#[test]
fn a_primary_that_is_heard_too_late_answers_beside_its_successor_on_local_nodes() {
    finds("register", "delay", "linearizable: violated: stale-after-ack", "packets held back by 3.000 s");
}

#[test]
fn a_primary_whose_links_are_narrow_loses_what_it_acknowledged_on_local_nodes() {
    finds("set", "bandwidth", "set: violated: lost", " s, 0 dropped; ");
}

#[test]
fn what_local_nodes_cannot_do_is_refused_before_anything_is_started() {
    let dir = folder();
    let strike = |fault: Value| json!({"when": {"at": SECOND}, "fault": fault, "lasts": SECOND});
    let late = json!({"links": {"loss": 0, "duplicate": 0, "delay": 100_000}});
    let strikes = json!([strike(json!({"kill": {"node": 0}})), strike(late)]).to_string();
    std::fs::write(dir.path().join("late.json"), strikes).expect("written");
    let cases = [
        (
            "run --database etcd --tier local --nemesis wipe",
            "wipe cannot be done to a real database; there can be calm, isolate-leader",
        ),
        ("run --database etcd --tier local --nemesis clock-double-leader", "a real database"),
        (
            "run --database etcd --tier local --nemesis reorder",
            "all that a proxy sees, nothing overtakes; use --tier netns",
        ),
        (
            "run --database etcd --tier local --nemesis kill+loss",
            "whose losses TCP has mended before; use --tier netns",
        ),
        (
            "run --database etcd --tier local --plan late.json",
            "strike 2 cannot be done with --tier local, \"links lose 0 %, duplicate 0 %, delay by up to 0.100 s\": in a connection",
        ),
        ("run --database etcd --tier local --switch early-ack", "is a real system"),
        ("run --database etcd --tier sim", "--tier netns or local"),
        ("run --url 127.0.0.1:1 --database etcd --tier local", "leave --tier out"),
    ];
    crate::refused(dir.path(), &cases);
}

#[test]
fn a_replay_of_a_local_run_needs_nothing_but_its_plan() {
    if no_program_of("etcd") {
        return;
    }
    let dir = folder();
    let ran = perjury(dir.path(), "run --database etcd --tier local --workload bank --nemesis calm --time 10s");
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let again = perjury(dir.path(), "replay runs/latest");
    assert_eq!(again.code, 0, "{}{}", again.out, again.err);
    assert!(again.out.contains("a new run of the same plan") && again.out.contains("report: runs/"), "{}", again.out);
}
