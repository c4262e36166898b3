//! A cluster of real processes on this machine, as the harness sees it.
//!
//! Everything is decided on the thread that calls; pipes and sockets are read elsewhere and come as events through one
//! channel. Whatever way it ends, no process, port or data is left: dropping it kills and reaps every node, a killed
//! controller takes its nodes along (their parent-death signal), and data that stayed behind is removed by
//! [`super::sweep`].

mod events;

use super::clients::Clients;
use super::clock::{Truth, since_1970};
use super::faults::{Injected, supports};
use super::life::{Event, Life, listen};
use super::mesh::Mesh;
use super::place::Place;
use super::wire::{Command, NodeOptions, Request};
use harness::client::Style;
use harness::cluster::{FaultId, Happening};
use harness::invariants::Invariants;
use harness::relevance::Seen;
use harness::{Cluster, Fault, NodeId, Op, Plan, ProcessId, Rng, SECOND, Time, Trouble, View, fault};
use hosts::Nursery;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use store::{About, Design, Visitor};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::UnboundedSender;

/// How long nodes may take to read their disks and listen.
const STARTING: Time = Time(20 * SECOND.0);
/// How long a living node may take to say a digest of its data.
const DIGESTING: Time = Time(5 * SECOND.0);

/// How a node process is started, and how clients choose whom to ask.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The binary.
    pub program: PathBuf,
    /// What makes it a node; the options follow on its input.
    pub arguments: Vec<String>,
    /// Of the design.
    pub style: Style,
}

/// Starts every node of a planned cluster as a process of `executable`, whose hidden subcommand `node` is
/// [`super::node_main`]. Data and logs of the nodes are in `nodes/` of the run's directory `dir`; the data are removed
/// when the cluster is dropped.
pub fn start(plan: &Plan, executable: &Path, dir: &Path) -> Result<LocalCluster, Trouble> {
    let style = store::with(&plan.design, StyleOf).ok_or_else(|| {
        let what = format!("there is no design \"{}\"", plan.design);
        Trouble::new(what, "this build has none of that name", "see: perjury list")
    })?;
    let launch = Launch { program: executable.to_path_buf(), arguments: vec!["node".to_string()], style };
    LocalCluster::launch(plan, launch, dir)
}

struct StyleOf;

impl Visitor for StyleOf {
    type Out = Style;
    fn visit<D: Design>(self, design: &'static About) -> Style {
        design.style
    }
}

/// A running cluster of processes.
pub struct LocalCluster {
    plan: Plan,
    launch: Launch,
    truth: Truth,
    /// When the run began, in microseconds since 1970.
    begin: u64,
    run: u64,
    pub(super) lives: Vec<Life>,
    pub(super) mesh: Mesh,
    pub(super) clients: Clients,
    pub(super) seen: Seen,
    conversations: BTreeMap<(u32, NodeId), UnboundedSender<Request>>,
    events: Receiver<Event>,
    tell: Sender<Event>,
    happenings: VecDeque<(Happening, Option<Waiter>)>,
    /// Nodes that wait at a mark which the controller has been told of.
    waiters: Vec<Waiter>,
    watched: Vec<String>,
    invariants: Invariants,
    pub(super) targets: Rng,
    pub(super) marked: Option<NodeId>,
    pub(super) faults: Vec<Option<Injected>>,
    trouble: Option<Trouble>,
    /// Every node has been told to start, once.
    begun: bool,
    runtime: Option<Runtime>,
    nursery: Nursery,
    place: Place,
}

/// A node, in this life of it, waits at a mark.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    node: NodeId,
    life: u32,
}

impl LocalCluster {
    /// [`start`] with a program of one's own.
    pub fn launch(plan: &Plan, launch: Launch, dir: &Path) -> Result<LocalCluster, Trouble> {
        plan.strikes.iter().try_for_each(|strike| supports(&strike.fault))?;
        let place = Place::claim(&absolute(dir)?, plan.nodes)?;
        let begin = since_1970();
        let run = begin << 20 ^ u64::from(std::process::id());
        let failed = |error: io::Error| {
            let what = "the links between nodes cannot be made";
            Trouble::new(what, error, "see what this machine can do with: perjury doctor")
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(failed)?;
        let mesh = runtime.block_on(async { Mesh::new(plan.nodes, run, plan.seed) }).map_err(failed)?;
        let (tell, events) = channel();
        let mut cluster = LocalCluster {
            plan: Plan { asks: Vec::new(), strikes: Vec::new(), ..plan.clone() },
            truth: Truth::new(begin),
            begin,
            run,
            lives: plan.node_ids().map(|_| Life::new()).collect(),
            mesh,
            clients: Clients::new(plan, launch.style),
            seen: Seen::new(plan.nodes, plan.clients),
            conversations: BTreeMap::new(),
            events,
            tell,
            happenings: VecDeque::new(),
            waiters: Vec::new(),
            watched: Vec::new(),
            invariants: Invariants::default(),
            targets: plan.seed.stream("targets"),
            marked: None,
            faults: Vec::new(),
            trouble: None,
            begun: false,
            runtime: Some(runtime),
            nursery: Nursery::new().map_err(failed)?,
            place,
            launch,
        };
        cluster.begin()?;
        Ok(cluster)
    }

    /// Spawns every node and tells them to start once all of them listen, so that nothing that is said at first is
    /// lost.
    fn begin(&mut self) -> Result<(), Trouble> {
        let nodes: Vec<NodeId> = self.plan.node_ids().collect();
        nodes.iter().try_for_each(|node| self.spawn(*node))?;
        let listens = |cluster: &LocalCluster, node: &NodeId| cluster.mesh.address(*node).borrow().is_some();
        let deadline = self.now() + STARTING;
        if !self.wait_for(deadline, |cluster| nodes.iter().all(|node| listens(cluster, node)))? {
            let silent = nodes.iter().find(|node| !listens(self, node)).expect("one does not listen");
            let (what, log) = (format!("{silent} did not start"), self.place.log(*silent));
            let why = format!("it said nothing for {STARTING}");
            return Err(Trouble::new(what, why, format!("read its log, {}", log.display())));
        }
        self.begun = true;
        nodes.iter().for_each(|node| self.tell_to_start(*node));
        Ok(())
    }

    /// Starts a process for a node that is dead.
    pub(super) fn spawn(&mut self, node: NodeId) -> Result<(), Trouble> {
        let life = &mut self.lives[node.index()];
        assert!(life.child.is_none(), "{node} runs already");
        life.number += 1;
        let options = NodeOptions {
            run: self.run,
            id: node,
            life: life.number,
            design: self.plan.design.clone(),
            switches: self.plan.switches.clone(),
            nodes: self.plan.nodes,
            settings: self.plan.settings.clone(),
            seed: self.plan.seed,
            wal: self.place.wal(node),
            parent: std::process::id(),
            begin: self.begin,
            clock: life.clock.clone(),
            slow_disk: life.slow_disk,
            watch: self.watched.clone(),
        };
        let (program, log) = (&self.launch.program, self.place.log(node));
        let spawned = self.nursery.spawn(program, &self.launch.arguments, &log);
        let (mut child, stdout) = spawned.map_err(|error| {
            let what = format!("{} cannot be started for {node}", program.display());
            Trouble::new(what, error, "see what this machine can do with: perjury doctor")
        })?;
        // One that has ended already cannot hear its options; the end of its output says so.
        let _ = child.say(&serde_json::to_string(&options).expect("options are plain data"));
        listen(node, life.number, stdout, self.tell.clone());
        life.child = Some(child);
        Ok(())
    }

    fn tell_to_start(&mut self, node: NodeId) {
        let life = &mut self.lives[node.index()];
        life.say(&Command::Start(self.mesh.ports(node)));
        (life.started, life.view) = (true, Some(View::default()));
        if let Some(child) = life.child.as_mut().filter(|_| life.paused > 0) {
            let _ = child.stop();
        }
    }

    /// Removes what the disk of a dead node holds.
    pub(super) fn empty_disk(&self, node: NodeId) -> io::Result<()> {
        match std::fs::remove_file(self.place.wal(node)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Between two heartbeats.
    pub(super) fn heartbeat(&self) -> Time {
        self.plan.settings.heartbeat
    }

    /// A node's process has ended or is to be ended: nobody listens there any more.
    pub(super) fn bury(&mut self, node: NodeId) -> Option<hosts::Child> {
        self.mesh.aim(node, None);
        self.waiters.retain(|waiter| waiter.node != node);
        self.lives[node.index()].dead()
    }

    /// Handles events until `done` or `deadline`. True if done.
    pub(super) fn wait_for(&mut self, deadline: Time, done: impl Fn(&LocalCluster) -> bool) -> Result<bool, Trouble> {
        loop {
            if let Some(trouble) = self.trouble.take() {
                return Err(trouble);
            }
            if done(self) {
                return Ok(true);
            }
            match self.events.recv_timeout(span(deadline.since(self.now()))) {
                Ok(event) => self.handle(event),
                Err(_) => return Ok(done(self)),
            }
        }
    }

    /// Lets nodes go on that wait at a mark which nobody has killed them at.
    fn release(&mut self) {
        for waiter in std::mem::take(&mut self.waiters) {
            if self.lives_on(waiter.node, waiter.life) {
                self.lives[waiter.node.index()].say(&Command::Go);
            }
        }
    }

    fn next_happening(&mut self) -> Option<Happening> {
        let (happening, waiter) = self.happenings.pop_front()?;
        self.waiters.extend(waiter);
        if let Happening::Marked(node, _) = &happening {
            self.marked = Some(*node);
        }
        Some(happening)
    }
}

impl Cluster for LocalCluster {
    fn now(&self) -> Time {
        self.truth.now()
    }

    fn watch(&mut self, marks: &[String]) {
        self.watched = marks.to_vec();
        self.lives.iter_mut().for_each(|life| life.say(&Command::Watch(marks.to_vec())));
    }

    fn ready(&mut self) -> bool {
        let leads = |life: &Life| life.view.is_some_and(|view| view.leads);
        match self.launch.style {
            Style::FollowLeader => self.lives.iter().any(leads),
            style => {
                self.lives.iter().all(|life| life.started) && (!style.needs_leader() || self.lives.iter().any(leads))
            }
        }
    }

    fn submit(&mut self, process: ProcessId, op: &Op, first: Option<NodeId>) -> Result<(), Trouble> {
        let deed = self.clients.begin(self.now(), process, op.clone(), first);
        deed.into_iter().for_each(|deed| self.perform(deed));
        Ok(())
    }

    fn inject(&mut self, fault: &Fault) -> Result<(FaultId, Fault), Trouble> {
        self.strike(fault)
    }

    fn lift(&mut self, fault: FaultId) -> Result<fault::Effect, Trouble> {
        self.relieve(fault)
    }

    fn advance(&mut self, until: Time) -> Result<Option<Happening>, Trouble> {
        self.release();
        loop {
            if let Some(trouble) = self.trouble.take() {
                return Err(trouble);
            }
            let now = self.now();
            let deeds = self.clients.tick(now);
            deeds.into_iter().for_each(|deed| self.perform(deed));
            if let Some(happening) = self.next_happening() {
                return Ok(Some(happening));
            }
            let wake = until.min(self.clients.next_alarm());
            match self.events.recv_timeout(span(wake.since(now))) {
                Ok(event) => self.handle(event),
                Err(_) if self.now() >= until => return Ok(None),
                Err(_) => {}
            }
        }
    }

    fn digests(&mut self) -> Result<Vec<(NodeId, u64)>, Trouble> {
        self.release();
        let asked: Vec<NodeId> = self.plan.node_ids().filter(|node| self.lives[node.index()].answers()).collect();
        for node in &asked {
            let life = &mut self.lives[node.index()];
            life.digest = None;
            life.say(&Command::Digest);
        }
        let digest = |cluster: &LocalCluster, node: &NodeId| cluster.lives[node.index()].digest;
        let deadline = self.now() + DIGESTING;
        self.wait_for(deadline, |cluster| asked.iter().all(|node| digest(cluster, node).is_some()))?;
        Ok(asked.iter().filter_map(|node| Some((*node, digest(self, node)?))).collect())
    }
}

impl Drop for LocalCluster {
    fn drop(&mut self) {
        // Signals first, so that no node sees the others go for long.
        self.lives.iter_mut().filter_map(|life| life.child.as_mut()).for_each(|child| drop(child.doom()));
        self.lives.iter_mut().for_each(|life| drop(life.dead()));
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(1));
        }
    }
}

fn span(time: Time) -> Duration {
    Duration::from_micros(time.0)
}

/// Nodes are started with paths that hold wherever they run.
fn absolute(dir: &Path) -> Result<PathBuf, Trouble> {
    let made = std::fs::create_dir_all(dir).and_then(|()| dir.canonicalize());
    made.map_err(|error| {
        Trouble::new(format!("the run's directory {} cannot be made", dir.display()), error, "name another with --out")
    })
}
