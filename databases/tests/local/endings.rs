//! Whatever ends a controller, no process outlives it.

use crate::bench::{Bench, N2, await_processes, launch, plan, ports_of, processes_in, program};
use databases::bundled::{LocalCluster, sweep};
use harness::{Fault, Settings, Target};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

#[test]
fn a_dropped_cluster_leaves_nothing_but_logs() {
    let mut bench = Bench::new();
    bench.inject(Fault::Pause(Target::Node(N2)));
    let pids: Vec<u32> = processes_in(bench.dir.path()).iter().map(|(pid, _)| *pid).collect();
    assert_eq!((pids.len(), ports_of(&pids).len()), (3, 3));
    let Bench { cluster, dir, .. } = bench;
    drop(cluster);
    assert_eq!(processes_in(dir.path()), []);
    let mut left: Vec<PathBuf> =
        fs::read_dir(dir.path().join("nodes/n1")).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(left.pop().unwrap().file_name().unwrap(), "log");
    assert!(left.is_empty() && !dir.path().join("nodes/owner.json").exists());
}

#[test]
fn a_test_that_panics_leaves_no_process() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().to_path_buf();
    let panicked = thread::spawn(move || {
        let _cluster = LocalCluster::launch(&plan("tiny"), launch(program()), &run).unwrap();
        await_processes(&run, 3);
        std::panic::resume_unwind(Box::new("on purpose"));
    });
    assert!(panicked.join().unwrap_err().downcast_ref::<&str>() == Some(&"on purpose"));
    assert_eq!(processes_in(dir.path()), []);
}

#[test]
fn a_node_ends_with_its_input() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Command::new(program());
    let mut node = node.arg("node").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let clock = serde_json::json!({ "rate": 100, "skews": [], "anchor": [0, 0] });
    let options = serde_json::json!({
        "run": 1, "id": 0, "life": 1, "design": "tiny", "switches": [], "nodes": 1, "settings": Settings::default(),
        "seed": 1, "wal": dir.path().join("wal"), "parent": std::process::id(), "begin": 0, "clock": clock,
        "slow_disk": 0, "watch": [],
    });
    let mut input = node.stdin.take().unwrap();
    writeln!(input, "{options}").unwrap();
    let mut line = String::new();
    BufReader::new(node.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("{\"ready\""), "{line}");
    thread::sleep(Duration::from_millis(50));
    assert_eq!(node.try_wait().unwrap(), None, "it waits to be told to start");
    drop(input);
    assert_eq!(node.wait().unwrap().code(), Some(0));
}

#[test]
fn a_killed_controller_takes_its_nodes_along_and_the_next_start_removes_their_data() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("tiny/1");
    let plan = serde_json::to_string(&plan("tiny")).unwrap();
    let mut command = Command::new(program());
    command.args(["control", run.to_str().unwrap(), &plan]).stdout(Stdio::piped());
    let mut controller = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(controller.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "paused\n");
    let mut states: Vec<char> = processes_in(&run.join("nodes")).iter().map(|(_, state)| *state).collect();
    states.sort();
    // Three nodes, and the controller, which keeps the owner's file locked.
    assert_eq!((states.len(), states[0] == 'R' || states[0] == 'S', states.contains(&'T')), (4, true, true));
    assert_eq!(sweep(dir.path()), 0, "the controller lives");
    controller.kill().unwrap();
    controller.wait().unwrap();
    let mut waits = 0;
    while !processes_in(&run.join("nodes")).is_empty() {
        waits += 1;
        assert!(waits < 200, "nodes outlive their controller: {:?}", processes_in(&run));
        thread::sleep(Duration::from_millis(10));
    }
    assert!(run.join("nodes/n1/data/wal").exists());
    assert_eq!((sweep(dir.path()), sweep(dir.path())), (1, 0));
    assert!(!run.join("nodes/n1/data").exists() && run.join("nodes/n1/log").exists());
}
