//! Real processes, from spawn to reap: the nodes are `examples/node.rs`, which `cargo test` builds first.
#![allow(clippy::disallowed_methods)] // It drives real processes.

use databases::bundled::{Launch, LocalCluster, sweep};
use harness::client::Style;
use harness::cluster::{FaultId, Happening};
use harness::fault::Effect;
use harness::invariants::NO_PANIC;
use harness::plan::FORMAT;
use harness::{Cluster, Cut, Fault, MS, NodeId, Op, Outcome, Plan, ProcessId, Reason, Reply, SECOND, Seed, Settings};
use harness::{Target, Tier, Time, Trouble, Value};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

const N1: NodeId = NodeId(0);
const N2: NodeId = NodeId(1);
const N3: NodeId = NodeId(2);

/// A cluster of three nodes and three clients, one beside each.
struct Bench {
    cluster: LocalCluster,
    processes: [u32; 3],
    dir: TempDir,
}

fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let node = test.parent().and_then(Path::parent).unwrap().join("examples").join("node");
    assert!(node.exists(), "{} is not built: run the tests of the whole package", node.display());
    node
}

fn plan(design: &str) -> Plan {
    Plan {
        format: FORMAT,
        build: String::new(),
        design: design.to_string(),
        needs: harness::Needs::default(),
        switches: Vec::new(),
        given: Default::default(),
        tier: Tier::Local,
        workload: "none".to_string(),
        nemesis: "calm".to_string(),
        seed: Seed(1),
        nodes: 3,
        clients: 3,
        time: SECOND,
        settings: Settings { request_timeout: MS * 500, attempt_timeout: MS * 200, ..Settings::default() },
        asks: Vec::new(),
        strikes: Vec::new(),
        finals: Vec::new(),
    }
}

fn launch(program: PathBuf) -> Launch {
    Launch { program, arguments: vec!["node".to_string()], style: Style::FollowLeader }
}

fn write(value: Value) -> Op {
    Op::Write { key: "k".into(), value }
}

fn read() -> Op {
    Op::Read { key: "k".into() }
}

fn ask_about(name: &str) -> Op {
    Op::Owner { name: name.into() }
}

fn holds(value: Value) -> Outcome {
    Outcome::Ok(Reply::Value(Some(value)))
}

impl Bench {
    fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let cluster = LocalCluster::launch(&plan("tiny"), launch(program()), dir.path()).unwrap();
        let mut bench = Bench { cluster, processes: [0, 1, 2], dir };
        bench.pass_until(SECOND * 5, |bench| bench.cluster.ready());
        bench
    }

    fn submit(&mut self, client: usize, op: &Op) -> ProcessId {
        let process = ProcessId(self.processes[client]);
        self.cluster.submit(process, op, None).unwrap();
        process
    }

    /// Asks on behalf of a client and waits for the end of its operation.
    fn ask(&mut self, client: usize, op: &Op) -> Outcome {
        let process = self.submit(client, op);
        let outcome = self.answer(process);
        if matches!(outcome, Outcome::Unknown(_)) {
            self.processes[client] += 3;
        }
        outcome
    }

    fn answer(&mut self, process: ProcessId) -> Outcome {
        let deadline = self.cluster.now() + SECOND * 5;
        loop {
            match self.cluster.advance(deadline).unwrap() {
                Some(Happening::Answered(who, outcome)) if who == process => return outcome,
                Some(_) => {}
                None => panic!("every operation ends"),
            }
        }
    }

    fn number(&mut self, client: usize, op: &Op) -> Value {
        match self.ask(client, op) {
            Outcome::Ok(Reply::Value(Some(value))) => value,
            other => panic!("{op:?} was answered by {other:?}"),
        }
    }

    fn pass(&mut self, time: Time) {
        let until = self.cluster.now() + time;
        while self.cluster.now() < until {
            self.cluster.advance(until).unwrap();
        }
    }

    fn pass_until(&mut self, most: Time, done: impl Fn(&mut Bench) -> bool) {
        let until = self.cluster.now() + most;
        while !done(self) {
            assert!(self.cluster.now() < until, "it takes longer than {most}");
            self.pass(MS * 5);
        }
    }

    fn inject(&mut self, fault: Fault) -> FaultId {
        self.cluster.inject(&fault).unwrap().0
    }

    fn lift(&mut self, fault: FaultId) -> Effect {
        self.cluster.lift(fault).unwrap()
    }

    fn trouble(&mut self, most: Time) -> Trouble {
        let until = self.cluster.now() + most;
        loop {
            match self.cluster.advance(until) {
                Ok(Some(_)) => {}
                Ok(None) => panic!("no trouble within {most}"),
                Err(trouble) => return trouble,
            }
        }
    }
}

/// Living processes that have a file of this directory open, with the letter of their state.
fn processes_in(dir: &Path) -> Vec<(u32, char)> {
    let dir = dir.canonicalize().unwrap();
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let uses = |pid: &u32| {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        *pid != std::process::id()
            && files.filter_map(|file| fs::read_link(file.path()).ok()).any(|file| file.starts_with(&dir))
    };
    let state = |pid| {
        let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        line.rsplit_once(") ")?.1.chars().next()
    };
    pids.filter(uses).filter_map(|pid| Some((pid, state(pid)?))).collect()
}

/// Ports of loopback that these processes listen on.
fn ports_of(pids: &[u32]) -> BTreeSet<u16> {
    let sockets: BTreeSet<String> = pids
        .iter()
        .flat_map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten())
        .filter_map(|file| Some(fs::read_link(file.path()).ok()?.to_str()?.to_string()))
        .collect();
    let tcp = fs::read_to_string("/proc/net/tcp").unwrap();
    let listening = tcp.lines().skip(1).filter_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let ours = fields[3] == "0A" && sockets.contains(&format!("socket:[{}]", fields[9]));
        ours.then(|| u16::from_str_radix(fields[1].rsplit_once(':').unwrap().1, 16).unwrap())
    });
    listening.collect()
}

#[test]
fn clients_are_served_and_replicas_agree() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask(0, &read()), Outcome::Ok(Reply::Value(None)));
    for value in 0..50 {
        assert_eq!(bench.ask(value as usize % 3, &write(value)), Outcome::Ok(Reply::Done));
    }
    assert_eq!(bench.ask(2, &read()), holds(49));
    let agree = |bench: &mut Bench| {
        let digests = bench.cluster.digests().unwrap();
        digests.len() == 3 && digests.iter().all(|(_, digest)| *digest == digests[0].1)
    };
    bench.pass_until(SECOND * 2, agree);
}

#[test]
fn a_killed_node_is_gone_and_comes_back_with_its_data() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask(1, &write(7)), Outcome::Ok(Reply::Done));
    assert_eq!(processes_in(bench.dir.path()).len(), 3);
    let (fault, resolved) = bench.cluster.inject(&Fault::Kill(Target::Leader)).unwrap();
    assert_eq!(resolved, Fault::Kill(Target::Node(N1)));
    assert_eq!(processes_in(bench.dir.path()).len(), 2);
    // Whoever cannot connect knows that nothing was asked.
    assert!(matches!(bench.ask(1, &write(8)), Outcome::Failed(_)));
    let effect = bench.lift(fault);
    assert!(effect.effective && effect.measured.contains("of n1 was gone after"), "{effect:?}");
    bench.pass_until(SECOND * 5, |bench| bench.cluster.ready());
    assert_eq!(bench.ask(1, &read()), holds(7));
    assert_eq!(processes_in(bench.dir.path()).len(), 3);
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
    bench.pass_until(SECOND * 5, |bench| bench.cluster.ready());
    assert_eq!(bench.ask(2, &read()), holds(3));
}

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
fn a_paused_node_is_stopped_and_goes_on_with_what_waited() {
    let mut bench = Bench::new();
    let fault = bench.inject(Fault::Pause(Target::Node(N1)));
    let states = |bench: &Bench| processes_in(bench.dir.path()).iter().filter(|(_, state)| *state == 'T').count();
    assert_eq!(states(&bench), 1);
    assert_eq!(bench.ask(0, &write(4)), Outcome::Unknown(Reason::TimedOut));
    let effect = bench.lift(fault);
    assert!(effect.effective && effect.measured.starts_with("n1 stopped for "), "{effect:?}");
    assert_eq!(states(&bench), 0);
    assert_eq!(bench.ask(2, &read()), holds(4), "the request waited and was carried out");
}

#[test]
fn a_wrong_clock_is_read_by_the_node_and_its_timers() {
    let mut bench = Bench::new();
    let (right, fires) = (bench.number(0, &ask_about("clock")), bench.number(0, &ask_about("fires")));
    bench.pass(SECOND);
    let calm = bench.number(0, &ask_about("fires")) - fires;
    let fault = bench.inject(Fault::Clock { target: Target::Node(N1), offset: -5_000_000, rate: 400 });
    let wrong = bench.number(0, &ask_about("clock"));
    assert!((-4_000_000..-3_000_000).contains(&(wrong - right)), "5 s back and 1 s on: {}", wrong - right);
    let fires = bench.number(0, &ask_about("fires"));
    bench.pass(SECOND);
    let fast = bench.number(0, &ask_about("fires")) - fires;
    assert!(fast > calm * 2, "{calm} timers in a right second, {fast} in one that is four times as fast");
    let effect = bench.lift(fault);
    assert!(effect.effective && effect.measured.starts_with("the clock of n1 read -"), "{effect:?}");
    let now = bench.number(0, &ask_about("clock"));
    assert!(now - wrong > 5_000_000, "set right again: {}", now - wrong);
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
    bench.pass_until(SECOND, |bench| {
        let digests = bench.cluster.digests().unwrap();
        digests.iter().all(|(_, digest)| *digest == digests[0].1)
    });
    assert!(bench.lift(late).effective);
}

fn agree(bench: &mut Bench) -> bool {
    let digests = bench.cluster.digests().unwrap();
    digests.len() == 3 && digests.iter().all(|(_, digest)| *digest == digests[0].1)
}

#[test]
fn links_are_slow_or_repeat_themselves_and_clients_are_not_slow() {
    let mut bench = Bench::new();
    let slow = bench.inject(Fault::Delay { target: Target::Node(N1), by: MS * 800 });
    assert_eq!(bench.ask(0, &write(1)), Outcome::Ok(Reply::Done));
    assert!(!agree(&mut bench), "the client was answered before a copy came through");
    bench.pass_until(SECOND * 5, agree);
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
fn a_wiped_node_starts_again_with_nothing() {
    let mut bench = Bench::new();
    assert_eq!(bench.ask(0, &write(7)), Outcome::Ok(Reply::Done));
    bench.pass_until(SECOND * 5, agree);
    let wiped = bench.inject(Fault::Wipe(Target::Node(N1)));
    bench.pass_until(SECOND * 5, |bench| bench.cluster.ready());
    assert_eq!(bench.ask(0, &read()), Outcome::Ok(Reply::Value(None)));
    let effect = bench.lift(wiped);
    assert!(effect.effective && effect.mattered == Some(true), "{effect:?}");
    assert!(effect.measured.contains("1 write-ahead files removed"), "{effect:?}");
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
    bench.pass_until(SECOND * 5, |bench| bench.cluster.ready());
    assert_eq!(bench.ask(0, &read()), holds(9), "but it was synced");
}

#[test]
fn a_node_goes_on_behind_a_mark_that_nobody_struck_at() {
    let mut bench = Bench::new();
    bench.cluster.watch(&["acknowledges".to_string()]);
    assert_eq!(bench.ask(1, &write(6)), Outcome::Ok(Reply::Done));
}

#[test]
fn a_panic_in_a_step_is_a_finding() {
    let mut bench = Bench::new();
    bench.submit(0, &ask_about("nothing"));
    let deadline = bench.cluster.now() + SECOND * 2;
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
    bench.pass_until(SECOND * 5, |bench| bench.cluster.ready());
    assert_eq!(bench.ask(0, &read()), holds(2));
    let damaged = bench.inject(Fault::Kill(Target::Node(N1)));
    let mut bytes = fs::read(&wal).unwrap();
    bytes[9] ^= 1;
    fs::write(&wal, &bytes).unwrap();
    bench.lift(damaged);
    let trouble = bench.trouble(SECOND * 5);
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
        assert_eq!(processes_in(&run).len(), 3);
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
    let clock = serde_json::json!({ "rate": 100, "offset": 0, "anchor": [0, 0] });
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
