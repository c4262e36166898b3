//! A cluster of a real database, as the harness sees it. Everything is decided on the thread that calls; clients and watchers
//! have threads of their own and send what they see through one channel.

use super::clients::Clients;
use super::damage::present;
use super::excused::Excused;
use super::faults::{Injected, supports};
use super::watch::{Log, Watch};
use super::{Setup, Subject, System};
use harness::cluster::{FaultId, Happening};
use harness::invariants::NO_PANIC;
use harness::relevance::Seen;
use harness::{
    Cluster, Fault, MS, NodeId, Op, Outcome, Plan, ProcessId, Reply, RequestId, Rng, Time, Trouble, View, fault,
};
use hosts::{Endpoint, Host};
use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long a cluster may take until it serves.
const STARTING: Duration = Duration::from_secs(60);
/// Between two looks whether every daemon runs.
const ROLL_CALL: Time = Time(500 * MS.0);

/// Something that a thread saw.
pub(super) enum Event {
    /// A process's request, which had gone to this node, ended.
    Answer(ProcessId, NodeId, Outcome),
    /// What a node believes now; `None` if nobody listens there.
    View(NodeId, Option<View>),
    /// A line of a node's log.
    GaveUp(NodeId, String),
    /// A client's session cannot go on.
    Trouble(Trouble),
}

/// A running cluster.
pub struct RealCluster {
    pub(super) host: Box<dyn Host>,
    pub(super) system: Arc<dyn System>,
    since: Instant,
    settings: harness::Settings,
    clients: Clients,
    watch: Watch,
    events: Receiver<Event>,
    happenings: VecDeque<Happening>,
    /// What ends the run, if anything does.
    trouble: Option<Trouble>,
    pub(super) views: Vec<Option<View>>,
    /// How many faults keep each node down, and how many keep it stopped.
    pub(super) down: Vec<u32>,
    pub(super) stopped: Vec<u32>,
    pub(super) excused: Vec<Excused>,
    /// The files that each node had before its daemons began.
    pub(super) prepared: Vec<BTreeSet<PathBuf>>,
    /// What damage is drawn from.
    pub(super) damages: Rng,
    pub(super) seen: Seen,
    /// Each client's request: its number within the process.
    asked: Vec<(ProcessId, u32)>,
    open: Vec<Option<Op>>,
    homes: Vec<NodeId>,
    called: Time,
    /// When clocks that move were last set, and when they are to be set again.
    pub(super) turned: Time,
    pub(super) turns: Time,
    pub(super) targets: Rng,
    pub(super) faults: Vec<Option<Injected>>,
    /// Where the nodes' logs are kept when all is over.
    keep: PathBuf,
}

/// Starts a planned cluster of a database on a host, and waits until it serves. When it is dropped, the nodes' logs are copied
/// into `nodes/` of the run's directory `dir`, and everything on the host is taken down.
///
/// # Errors
/// If a fault of the plan cannot be done to it, or it does not serve within a minute.
pub fn start(plan: &Plan, subject: &Subject, mut host: Box<dyn Host>, dir: &Path) -> Result<RealCluster, Trouble> {
    plan.strikes.iter().try_for_each(|strike| supports(&strike.fault, &*host))?;
    let nodes = usize::from(plan.nodes);
    let setup = setup(plan, subject, &mut *host)?;
    let system: Arc<dyn System> = Arc::from((subject.make)(setup));
    let failed = |error: std::io::Error| Trouble::new("threads cannot be started", error, "see: perjury doctor");
    let (tell, events) = channel();
    let keep = dir.join("nodes");
    for node in 0..nodes {
        let unprepared =
            |error| Trouble::new(format!("{} cannot be prepared", NodeId(node as u8)), error, "see: perjury doctor");
        system.prepare(node).map_err(unprepared)?;
    }
    let prepared = present(&*host)?;
    for node in 0..nodes {
        for daemon in system.daemons(node) {
            host.start(node, &daemon).map_err(trouble)?;
        }
    }
    if let Err(missing) = wait_until_ready(&*system) {
        keep_logs(&*host, &*system, &keep);
        let what = format!("{} did not come to serve within {} s", subject.name, STARTING.as_secs());
        return Err(Trouble::new(what, missing, format!("read the logs in {}", keep.display())));
    }
    let log = |node: usize| {
        let own = system.daemons(node).into_iter().map(|daemon| host.log(node, &daemon.name));
        own.chain(system.logs(node)).map(|path| Log { path, panics: subject.panics.clone() }).collect()
    };
    (0..nodes).for_each(|node| system.logs(node).iter().for_each(|path| host.follow(node, path)));
    Ok(RealCluster {
        since: Instant::now(),
        settings: plan.settings.clone(),
        clients: Clients::new(plan, &system, &tell).map_err(failed)?,
        watch: Watch::new(&system, (0..nodes).map(log).collect(), &tell).map_err(failed)?,
        events,
        happenings: VecDeque::new(),
        trouble: None,
        views: vec![None; nodes],
        down: vec![0; nodes],
        stopped: vec![0; nodes],
        excused: (0..nodes).map(|_| Excused::default()).collect(),
        prepared,
        damages: plan.seed.stream("damage"),
        seen: Seen::new(plan.nodes, plan.clients),
        asked: (0..plan.clients).map(|client| (ProcessId(client), 0)).collect(),
        open: vec![None; plan.clients as usize],
        homes: (0..plan.clients).map(|client| plan.home(harness::ClientId(client))).collect(),
        called: Time::ZERO,
        turned: Time::ZERO,
        turns: Time::NEVER,
        targets: plan.seed.stream("targets"),
        faults: Vec::new(),
        keep,
        host,
        system,
    })
}

fn setup(plan: &Plan, subject: &Subject, host: &mut dyn Host) -> Result<Setup, Trouble> {
    let nodes = 0..usize::from(plan.nodes);
    let ports = &subject.ports;
    let reach = |host: &mut dyn Host, node| {
        ports.iter().map(|port| Ok((*port, host.reach(node, *port)?))).collect::<hosts::Result<_>>()
    };
    let reach = nodes.clone().map(|node| reach(host, node)).collect::<hosts::Result<_>>().map_err(trouble)?;
    Ok(Setup {
        listen: nodes.clone().map(|node| host.address(node)).collect(),
        dirs: nodes.clone().map(|node| host.dir(node).to_path_buf()).collect(),
        choices: subject.choices.clone(),
        settings: plan.settings.clone(),
        beside: nodes.map(|node| host.dialer(Endpoint::Node(node))).collect(),
        outside: host.dialer(Endpoint::Clients),
        reach,
    })
}

fn wait_until_ready(system: &dyn System) -> Result<(), String> {
    let began = Instant::now();
    loop {
        match system.ready() {
            Ok(()) => return Ok(()),
            Err(missing) if began.elapsed() > STARTING => return Err(missing),
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Copies every daemon's log. What cannot be copied is let be: a log is a help and no proof.
fn keep_logs(host: &dyn Host, system: &dyn System, keep: &Path) {
    let _ = std::fs::create_dir_all(keep);
    for node in 0..host.nodes() {
        for daemon in system.daemons(node) {
            let name = format!("{}-{}.log", NodeId(node as u8), daemon.name);
            let _ = std::fs::copy(host.log(node, &daemon.name), keep.join(name));
        }
        for path in system.logs(node) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let _ = std::fs::copy(&path, keep.join(format!("{}-{name}", NodeId(node as u8))));
        }
    }
}

/// A host's error in the harness's words.
pub(super) fn trouble(error: hosts::Error) -> Trouble {
    Trouble::new(error.what, error.why, error.mend)
}

impl RealCluster {
    fn handle(&mut self, event: Event) {
        match event {
            Event::Answer(process, node, outcome) => {
                let now = self.now();
                let client = process.0 as usize % self.open.len();
                if let (Outcome::Ok(reply), Some(op)) = (&outcome, self.open[client].take()) {
                    self.seen.answered(node, now, !op.is_read() && *reply != Reply::No);
                }
                self.happenings.push_back(Happening::Answered(process, outcome));
            }
            Event::View(node, view) => {
                let before = std::mem::replace(&mut self.views[node.index()], view);
                let leads = |view: Option<View>| view.is_some_and(|view| view.leads);
                if leads(view) && !leads(before) {
                    self.happenings.push_back(Happening::Marked(node, "elected".into()));
                }
                // What a database says of its leader and term was not read in one moment, so nothing is concluded from it.
            }
            Event::GaveUp(node, line) if self.excuses(node) => self.excused[node.index()].said.push(line),
            Event::GaveUp(node, line) => self.gave_up(node, format!("its log says: {line}")),
            Event::Trouble(trouble) => self.trouble = Some(trouble),
        }
    }

    fn gave_up(&mut self, node: NodeId, why: String) {
        self.happenings.push_back(Happening::Found(NO_PANIC, format!("{node} gave up: {why}")));
    }

    /// Looks whether a daemon has ended that nobody ended, and starts it again; and whether clocks are as wrong as they should be.
    fn call_the_roll(&mut self) -> Result<(), Trouble> {
        self.called = self.now();
        for node in 0..self.views.len() {
            if self.down[node] > 0 {
                continue;
            }
            for daemon in self.system.daemons(node) {
                if self.host.alive(node, &daemon.name).map_err(trouble)? {
                    continue;
                }
                if self.excuses(NodeId(node as u8)) {
                    self.note_the_end(node, daemon.name);
                } else {
                    self.gave_up(NodeId(node as u8), format!("{} ended by itself", daemon.name));
                    self.host.start(node, &daemon).map_err(trouble)?;
                }
            }
        }
        self.keep_clocks_wrong();
        self.look_at_clocks();
        self.keep_held()
    }

    /// Between two heartbeats.
    pub(super) fn heartbeat(&self) -> Time {
        self.settings.heartbeat
    }
}

impl Cluster for RealCluster {
    fn now(&self) -> Time {
        Time(self.since.elapsed().as_micros() as u64)
    }

    fn watch(&mut self, _: &[String]) {}

    fn ready(&mut self) -> bool {
        let leads = !self.system.has_leaders() || self.views.iter().flatten().any(|view| view.leads);
        leads && self.views.iter().all(Option::is_some)
    }

    fn submit(&mut self, process: ProcessId, op: &Op, first: Option<NodeId>) -> Result<(), Trouble> {
        let client = process.0 as usize % self.open.len();
        let (latest, number) = &mut self.asked[client];
        *number = if *latest == process { *number + 1 } else { 1 };
        *latest = process;
        let id = RequestId { session: process.0, number: *number };
        let views = &self.views;
        self.seen.asked(first.unwrap_or(self.homes[client]), id, |node| views[node.index()]);
        self.open[client] = Some(op.clone());
        self.clients.ask(process, op, first);
        Ok(())
    }

    fn inject(&mut self, fault: &Fault) -> Result<(FaultId, Fault), Trouble> {
        self.strike(fault)
    }

    fn lift(&mut self, fault: FaultId) -> Result<fault::Effect, Trouble> {
        self.relieve(fault)
    }

    fn advance(&mut self, until: Time) -> Result<Option<Happening>, Trouble> {
        loop {
            if self.now().since(self.called) >= ROLL_CALL {
                self.call_the_roll()?;
            }
            if self.now() >= self.turns {
                self.turn_clocks();
            }
            if let Some(happening) = self.happenings.pop_front() {
                return Ok(Some(happening));
            }
            let now = self.now();
            let wake = until.min(self.called + ROLL_CALL).min(self.turns);
            match self.events.recv_timeout(Duration::from_micros(wake.since(now).0)) {
                Ok(event) => {
                    self.handle(event);
                    if let Some(trouble) = self.trouble.take() {
                        return Err(trouble);
                    }
                }
                Err(_) if self.now() >= until => return Ok(None),
                Err(_) => {}
            }
        }
    }

    /// A database's copies cannot be compared from outside.
    fn digests(&mut self) -> Result<Vec<(NodeId, u64)>, Trouble> {
        Ok(Vec::new())
    }
}

impl Drop for RealCluster {
    fn drop(&mut self) {
        // Threads first: what they ask is still answered, or runs into their deadlines.
        self.watch.end();
        self.clients.end();
        keep_logs(&*self.host, &*self.system, &self.keep);
        // Whatever it could not take down is taken down when the host is dropped, or by `perjury gc`.
        let _ = self.host.close();
    }
}
