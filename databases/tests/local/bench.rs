//! A cluster of three real nodes, what is asked of it, and what the kernel knows of its processes.

use databases::bundled::{Launch, LocalCluster};
use harness::client::Style;
use harness::cluster::{FaultId, Happening};
use harness::fault::Effect;
use harness::plan::FORMAT;
use harness::{
    Cluster, Fault, MS, NodeId, Op, Outcome, Plan, ProcessId, Reply, SECOND, Seed, Settings, Tier, Time, Trouble, Value,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub const N1: NodeId = NodeId(0);
pub const N2: NodeId = NodeId(1);
pub const N3: NodeId = NodeId(2);

/// More than anything takes, however busy the machine is.
pub const PATIENCE: Time = Time(30 * SECOND.0);

/// A cluster of three nodes and three clients, one beside each.
pub struct Bench {
    pub cluster: LocalCluster,
    pub processes: [u32; 3],
    pub dir: TempDir,
}

pub fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let node = test.parent().and_then(Path::parent).unwrap().join("examples").join("node");
    assert!(node.exists(), "{} is not built: run the tests of the whole package", node.display());
    node
}

pub fn plan(design: &str) -> Plan {
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

pub fn launch(program: PathBuf) -> Launch {
    Launch { program, arguments: vec!["node".to_string()], style: Style::FollowLeader }
}

pub fn write(value: Value) -> Op {
    Op::Write { key: "k".into(), value }
}

pub fn read() -> Op {
    Op::Read { key: "k".into() }
}

pub fn ask_about(name: &str) -> Op {
    Op::Owner { name: name.into() }
}

pub fn holds(value: Value) -> Outcome {
    Outcome::Ok(Reply::Value(Some(value)))
}

impl Bench {
    pub fn new() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        let cluster = LocalCluster::launch(&plan("tiny"), launch(program()), dir.path()).unwrap();
        let mut bench = Bench { cluster, processes: [0, 1, 2], dir };
        bench.pass_until(PATIENCE, |bench| bench.cluster.ready());
        bench
    }

    pub fn submit(&mut self, client: usize, op: &Op) -> ProcessId {
        let process = ProcessId(self.processes[client]);
        self.cluster.submit(process, op, None).unwrap();
        process
    }

    /// Asks on behalf of a client and waits for the end of its operation.
    pub fn ask(&mut self, client: usize, op: &Op) -> Outcome {
        let process = self.submit(client, op);
        let outcome = self.answer(process);
        if matches!(outcome, Outcome::Unknown(_)) {
            self.processes[client] += 3;
        }
        outcome
    }

    pub fn answer(&mut self, process: ProcessId) -> Outcome {
        let deadline = self.cluster.now() + PATIENCE;
        loop {
            match self.cluster.advance(deadline).unwrap() {
                Some(Happening::Answered(who, outcome)) if who == process => return outcome,
                Some(_) => {}
                None => panic!("every operation ends"),
            }
        }
    }

    pub fn number(&mut self, client: usize, op: &Op) -> Value {
        match self.ask(client, op) {
            Outcome::Ok(Reply::Value(Some(value))) => value,
            other => panic!("{op:?} was answered by {other:?}"),
        }
    }

    pub fn pass(&mut self, time: Time) {
        let until = self.cluster.now() + time;
        while self.cluster.now() < until {
            self.cluster.advance(until).unwrap();
        }
    }

    pub fn pass_until(&mut self, most: Time, done: impl Fn(&mut Bench) -> bool) {
        let until = self.cluster.now() + most;
        while !done(self) {
            assert!(self.cluster.now() < until, "it takes longer than {most}");
            self.pass(MS * 5);
        }
    }

    pub fn inject(&mut self, fault: Fault) -> FaultId {
        self.cluster.inject(&fault).unwrap().0
    }

    pub fn lift(&mut self, fault: FaultId) -> Effect {
        self.cluster.lift(fault).unwrap()
    }

    pub fn trouble(&mut self, most: Time) -> Trouble {
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
pub fn processes_in(dir: &Path) -> Vec<(u32, char)> {
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

/// Waits until so many processes are there: a child that another test has just forked holds every file for a moment, this directory's too.
pub fn await_processes(dir: &Path, many: usize) {
    let began = Instant::now();
    while processes_in(dir).len() != many {
        assert!(began.elapsed() < Duration::from_micros(PATIENCE.0), "{many} processes: {:?}", processes_in(dir));
        thread::sleep(Duration::from_millis(5));
    }
}

/// Ports of loopback that these processes listen on.
pub fn ports_of(pids: &[u32]) -> BTreeSet<u16> {
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

/// Do all nodes hold the same?
pub fn agree(bench: &mut Bench) -> bool {
    let digests = bench.cluster.digests().unwrap();
    digests.len() == 3 && digests.iter().all(|(_, digest)| *digest == digests[0].1)
}
