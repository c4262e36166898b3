//! Machines that are reached by SSH: nodes on hosts of the user's own.
//!
//! ```text
//!  controller                                          machine of n1
//!  ┌────────────────────────────────────────┐          ┌──────────────────────────────────────┐
//!  │ Ssh: Host ── node ── a session ────────┼── SSH ───┼─► keeper.sh: cleans up in the end     │
//!  │   rules, files, logs, signs of life    │          │     └─ agent.sh: does what it is told │
//!  │                                        │          │          └─ daemons                  │
//!  │ Dialer ── road ── a session for each ──┼── SSH ───┼─► the SSH server dials ──► any node   │
//!  │           connection that stands       │          │                                      │
//!  └────────────────────────────────────────┘          └──────────────────────────────────────┘
//! ```
//!
//! Nothing is installed there: the scripts are arguments of a shell, and the program that some faults need is sent into the run's directory
//! where a plan has such faults. An agent lives as long as the controller's connection does;
//! whatever way that ends, the machine ends the run's processes and removes its table and its directory by itself.

mod agent;
mod ask;
mod clock;
mod door;
mod file;
mod files;
mod guard;
mod hand;
mod handed;
mod node;
mod road;
mod rules;

pub use file::{HostsFile, Machine, Wrong};
pub use hand::hand;

use crate::abilities::{Abilities, Ability};
use crate::damage::{Damage, Hurt};
use crate::dialer::{Dialer, Way};
use crate::error::{Error, Result};
use crate::host::{Daemon, Host, Stopped};
use crate::links::{Endpoint, Slow, Slowed};
use crate::memory::Limited;
use crate::throttle::Share;
use agent::{Agent, Told};
use ask::Ask;
use door::Door;
use guard::Guard;
use node::Node;
use road::Road;
use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Between two signs of life from the controller, at which logs come, too.
const BEAT: Duration = Duration::from_millis(500);

/// Nodes on machines that are reached by SSH.
pub struct Ssh {
    nodes: Vec<Arc<Node>>,
    roads: Roads,
    abilities: Abilities,
    /// Whether the program was sent to all machines, and runs there.
    handed: Ability,
    beats: Vec<(Sender<()>, JoinHandle<()>)>,
    guard: Guard,
}

/// The ways to all machines, with the address of each among its peers.
#[derive(Clone, Debug)]
struct Roads(Arc<[(IpAddr, Arc<Road>)]>);

/// Connections from one of them, or from nowhere: then each node is dialled from its own machine, so that no cut stops it.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    roads: Roads,
    end: Endpoint,
}

impl Place {
    pub fn connect(&self, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        let road = match self.end {
            Endpoint::Node(node) => Some(&self.roads.0[node].1),
            Endpoint::Clients => self.roads.0.iter().find(|(peer, _)| *peer == to.ip()).map(|(_, road)| road),
        };
        road.map_or_else(|| TcpStream::connect_timeout(&to, timeout), |road| road.connect(to, timeout))
    }
}

impl Ssh {
    /// Sets up the first so many machines of a hosts file, which must have them. Their SSH servers are dialled by `via`. `program` is sent
    /// to each of them, where faults are to come that need it: one that calls [`hand`] with the words behind `hand`.
    pub fn up(file: &HostsFile, nodes: usize, via: &Dialer, program: Option<&Path>) -> Result<Ssh> {
        let doors = file.machines().take(nodes).enumerate();
        let doors: Vec<Arc<Door>> =
            doors.map(|(node, machine)| Arc::new(Door::new(node, machine, file, via.clone()))).collect();
        if doors.len() < nodes || nodes == 0 {
            let what = format!("cannot set up {nodes} nodes");
            return Err(Error::new(
                what,
                format!("the hosts file has {}", doors.len()),
                "add a [[node]], or ask for others",
            ));
        }
        let peers = doors.iter().map(|door| door.machine.peers.map_or_else(|| Ok(door.resolve()?.ip()), Ok));
        let peers: Vec<IpAddr> = peers.collect::<Result<_>>()?;
        if let Some(twice) = (1..nodes).find(|node| peers[..*node].contains(&peers[*node])) {
            let why = format!("its address among its peers, {}, is another node's, too", peers[twice]);
            return Err(doors[twice].error(
                "cannot be a node",
                why,
                "name another address as its `peers`, or another machine",
            ));
        }

        let run = unique();
        let names: Vec<String> = (1..=nodes).map(|number| format!("perjury_{run}_n{number}")).collect();
        let roots: Vec<PathBuf> =
            doors.iter().zip(&names).map(|(door, name)| door.machine.directory.join(name)).collect();
        let dirs: Vec<PathBuf> =
            (1..=nodes).zip(&roots).map(|(number, root)| root.join(format!("n{number}"))).collect();
        let guard = Guard::new(&roots)?;
        for (root, dir) in roots.iter().zip(&dirs) {
            guard::directory(root, dir, &run)?;
        }
        let agent = |node: usize| {
            let root = roots[node].to_string_lossy();
            Agent::start(&doors[node], &Told { root: &root, token: &run, run: &names[node] })
        };
        // All have tried before the first failure is looked at; those that are up end with their connections.
        let agents = side_by_side(0..nodes, agent).into_iter().collect::<Result<Vec<Agent>>>()?;
        let nodes: Vec<Arc<Node>> = agents
            .into_iter()
            .enumerate()
            .map(|(node, agent)| {
                let (door, name) = (doors[node].clone(), names[node].clone());
                Arc::new(Node::new(door, agent, peers[node], name, roots[node].clone(), dirs[node].clone()))
            })
            .collect();
        let roads = peers.into_iter().zip(doors.into_iter().map(|door| Arc::new(Road::new(door))));
        // A program may be long on its way, and a machine that hears nothing for a minute gives its controller up.
        let beats = nodes.iter().cloned().map(beat).collect::<Result<_>>()?;
        let handed = hand_over(&nodes, program);
        let abilities = abilities(&nodes, &handed);
        let ssh = Ssh { nodes, roads: Roads(roads.collect()), abilities, handed, beats, guard };
        side_by_side(0..ssh.nodes.len(), |node| ssh.forwards(node)).into_iter().collect::<Result<()>>()?;
        Ok(ssh)
    }

    /// Whether clients can sit beside a node: its SSH server must dial for them.
    fn forwards(&self, node: usize) -> Result<()> {
        let Node { door, hello, .. } = &*self.nodes[node];
        let itself = SocketAddr::from((Ipv4Addr::LOCALHOST, hello.port));
        match self.roads.0[node].1.connect(itself, door.timeout()) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
            Ok(_) => Ok(()),
            Err(error) => Err(door.error(
                "opens no connections for clients",
                error,
                "clients sit beside a node by way of its SSH server: let it have AllowTcpForwarding local (or yes) in its sshd_config",
            )),
        }
    }

    fn node(&self, node: usize) -> &Node {
        assert!(node < self.nodes.len(), "there is no node {node}");
        &self.nodes[node]
    }

    /// Tells each machine what to do with those links that arrive there.
    fn each<T: Send>(
        &self,
        pairs: impl Iterator<Item = (Endpoint, Endpoint, T)>,
        tell: impl Fn(&Node, Vec<(IpAddr, T)>) -> Result<()> + Sync,
    ) -> Result<()> {
        let mut arriving: Vec<Vec<(IpAddr, T)>> = self.nodes.iter().map(|_| Vec::new()).collect();
        for (from, to, what) in pairs {
            let (Endpoint::Node(from), Endpoint::Node(to)) = (from, to) else {
                let why = "the controller's own connections keep the machines in order";
                return Err(Error::new("cannot hurt the link to the controller", why, "hurt links between nodes"));
            };
            arriving[to].push((self.nodes[from].address, what));
        }
        side_by_side(self.nodes.iter().zip(arriving), |(node, from)| tell(node, from)).into_iter().collect()
    }

    fn sum(&self, counter: &str) -> Result<u64> {
        let counted = side_by_side(self.nodes.iter(), |node| rules::count(node, counter));
        counted.into_iter().sum()
    }
}

/// A name that no other run on any controller has.
fn unique() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}x{:x}", since.as_nanos(), std::process::id())
}

/// Does it for all at once.
fn side_by_side<T: Send, R: Send>(all: impl IntoIterator<Item = T>, f: impl Fn(T) -> R + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let threads: Vec<_> = all.into_iter().map(|one| scope.spawn(|| f(one))).collect();
        let done = threads.into_iter().map(|thread| thread.join());
        done.map(|done| done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

/// Shows a machine again and again that its controller lives, until the sender is dropped.
fn beat(node: Arc<Node>) -> Result<(Sender<()>, JoinHandle<()>)> {
    let (stop, stopped) = channel();
    let beat = move || {
        while stopped.recv_timeout(BEAT) == Err(RecvTimeoutError::Timeout) && node.refresh().is_ok() {
            // A connection that is lost is told by whoever asks next.
        }
    };
    let thread = thread::Builder::new().name("beat".to_string()).spawn(beat);
    thread.map(|thread| (stop, thread)).map_err(crate::error::machine("cannot start a thread"))
}

/// Why what needs the program is not there without it.
const NOT_SENT: &str =
    "the program that does it was not sent to the machines, since no fault was to come that needs it";

/// What a shell can do on the machines of a file, at best. For faults that need more a program must be sent there.
pub fn by_shell(file: &HostsFile) -> Abilities {
    let more = || -> Ability { Err(NOT_SENT.into()) };
    Abilities {
        cut: Ok(()),
        one_way: Ok(()),
        loss: Ok(()),
        delay: more(),
        reorder: more(),
        kill: Ok(()),
        pause: Ok(()),
        clock: if file.machines().all(|machine| machine.set_clock) { Ok(()) } else { more() },
        cpu: more(),
        memory: Ok(()),
        files: more(),
    }
}

/// Sends the program to all of them.
fn hand_over(nodes: &[Arc<Node>], program: Option<&Path>) -> Ability {
    let program = program.ok_or(NOT_SENT)?;
    let sent =
        side_by_side(nodes, |node| node.hand_over(program).map_err(|error| format!("{}: {}", error.what, error.why)));
    sent.into_iter().collect()
}

/// What is certain once the agents are up; the tables are made.
fn abilities(nodes: &[Arc<Node>], handed: &Ability) -> Abilities {
    let ports = nodes.iter().map(|node| node.door.machine.port).collect::<BTreeSet<u16>>();
    let delay = handed.clone().and_then(|()| queues(nodes, &ports));
    let made = side_by_side(nodes, |node| match node.hello.root {
        true => rules::make(node, &ports).map_err(|error| error.why),
        false => Err("only root may set rules: log in as root, or say `sudo = true`".to_string()),
    });
    let failed = nodes.iter().zip(made).find_map(|(node, made)| Some((node, made.err()?)));
    let cut: Ability = match failed {
        None => Ok(()),
        Some((node, why)) => Err(format!("{} has no table of nftables for the run: {why}", node.door.name)),
    };
    Abilities {
        cut: cut.clone(),
        one_way: cut.clone(),
        loss: cut,
        reorder: delay.clone(),
        delay,
        kill: Ok(()),
        pause: Ok(()),
        clock: clock::may(nodes, handed),
        cpu: handed.clone(),
        memory: limits(nodes),
        files: handed.clone(),
    }
}

/// Makes a queue of packets on each machine.
fn queues(nodes: &[Arc<Node>], ports: &BTreeSet<u16>) -> Ability {
    let made = side_by_side(nodes, |node| {
        let ports: BTreeSet<u16> = ports.iter().chain([&node.hello.port]).copied().collect();
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        node.make_queue(&ports.join(" ")).map_err(|why| format!("{}: {why}", node.door.name))
    });
    made.into_iter().collect()
}

/// Whether each machine has the program that moves limits; whoever starts a process may move its limits.
fn limits(nodes: &[Arc<Node>]) -> Ability {
    let there = side_by_side(nodes, |node| node.ask(&["prlimit", "--version"]).map(drop));
    let failed = nodes.iter().zip(there).find_map(|(node, there)| Some((node, there.err()?)));
    failed.map_or(Ok(()), |(node, error)| Err(format!("{}: {error}", node.door.name)))
}

impl Host for Ssh {
    fn kind(&self) -> &'static str {
        "ssh"
    }
    fn abilities(&self) -> &Abilities {
        &self.abilities
    }
    fn nodes(&self) -> usize {
        self.nodes.len()
    }
    fn address(&self, node: usize) -> IpAddr {
        self.node(node).address
    }
    fn reach(&mut self, node: usize, port: u16) -> Result<SocketAddr> {
        Ok(SocketAddr::new(self.address(node), port))
    }
    fn dir(&self, node: usize) -> &Path {
        &self.node(node).dir
    }

    fn run(&self, node: usize, command: &[&str], patience: Duration) -> Result<Output> {
        self.node(node).run(command, patience)
    }
    fn start(&mut self, node: usize, daemon: &Daemon) -> Result<()> {
        self.node(node).start(daemon)
    }
    fn alive(&mut self, node: usize, daemon: &str) -> Result<bool> {
        self.node(node).alive(daemon)
    }
    fn pids(&self, node: usize, daemon: &str) -> Result<Vec<u32>> {
        self.node(node).pids(daemon)
    }
    fn stop(&mut self, node: usize, daemon: &str, patience: Duration) -> Result<Stopped> {
        self.node(node).stop(daemon, patience)
    }
    fn kill(&mut self, node: usize, daemon: &str) -> Result<Option<Duration>> {
        self.node(node).kill(daemon)
    }
    fn pause(&mut self, node: usize, daemon: &str) -> Result<bool> {
        match &self.handed {
            // It may be throttling the daemon.
            Ok(()) => self.node(node).hand_agrees(&Ask::Pause(daemon)),
            Err(_) => self.node(node).pause(daemon),
        }
    }
    fn resume(&mut self, node: usize, daemon: &str) -> Result<bool> {
        match &self.handed {
            Ok(()) => self.node(node).hand_agrees(&Ask::Resume(daemon)),
            Err(_) => self.node(node).resume(daemon),
        }
    }
    fn skew(&mut self, node: usize, daemon: &str, offset: i64) -> Result<usize> {
        let node = self.node(node);
        match &self.abilities.clock {
            Err(why) => Err(node.door.error("cannot have a wrong clock", why, "use --tier netns")),
            Ok(()) if node.door.machine.set_clock => clock::set(node, daemon, offset),
            Ok(()) => node.hand_counts(&Ask::Skew(offset, daemon)).map(|count| count as usize),
        }
    }
    fn clock_grain(&self) -> i64 {
        if self.nodes.iter().any(|node| node.door.machine.set_clock) { clock::GRAIN } else { 0 }
    }
    fn throttle(&mut self, node: usize, daemon: &str, share: Option<Share>) -> Result<bool> {
        self.node(node).hand_agrees(&Ask::Throttle(share, daemon))
    }
    fn held(&self, node: usize, daemon: &str) -> Duration {
        // Of a machine that is lost nobody knows that it was held.
        Duration::from_micros(self.node(node).hand_counts(&Ask::Held(daemon)).unwrap_or(0))
    }
    fn files(&self, node: usize) -> Result<Vec<PathBuf>> {
        self.node(node).files()
    }
    fn damage(&mut self, node: usize, path: &Path, hurt: Hurt) -> Result<Damage> {
        self.node(node).damage(path, hurt)
    }
    fn undo(&mut self, node: usize, damage: &Damage) -> Result<bool> {
        self.node(node).hand_agrees(&Ask::Undo(damage.clone()))
    }
    fn limit_memory(&mut self, node: usize, daemon: &str, spare: Option<u64>) -> Result<Vec<Limited>> {
        self.node(node).limit_memory(daemon, spare)
    }
    fn log(&self, node: usize, daemon: &str) -> PathBuf {
        // What cannot be brought any more is not in the copy: a log is a help and no proof.
        let _ = self.node(node).refresh();
        self.node(node).log(daemon)
    }
    fn follow(&self, node: usize, file: &Path) {
        self.node(node).follow(file);
    }

    fn cut(&mut self, pairs: &[(Endpoint, Endpoint)]) -> Result<()> {
        let pairs = pairs.iter().map(|(from, to)| (*from, *to, ()));
        self.each(pairs, |node, from| rules::cut(node, &from.into_iter().map(|(peer, ())| peer).collect::<Vec<_>>()))
    }
    fn dropped(&self) -> Result<u64> {
        self.sum("dropped")
    }
    fn lose(&mut self, pairs: &[(Endpoint, Endpoint, u8)]) -> Result<()> {
        self.each(pairs.iter().copied(), |node, from| rules::lose(node, &from))
    }
    fn lost(&self) -> Result<u64> {
        self.sum("lost")
    }
    fn slow(&mut self, pairs: &[(Endpoint, Endpoint, Slow)]) -> Result<()> {
        match &self.abilities.delay {
            Ok(()) => self.each(pairs.iter().copied(), |node, from| node.slow(&from)),
            Err(_) if pairs.is_empty() => Ok(()),
            Err(why) => Err(Error::new("cannot slow links down", why, "use --tier netns")),
        }
    }
    fn slowed(&self) -> Result<Slowed> {
        if self.abilities.delay.is_err() {
            return Ok(Slowed::default());
        }
        let each = side_by_side(&self.nodes, |node| node.slowed());
        each.into_iter().try_fold(Slowed::default(), |all, one| one.map(|one| all.and(one)))
    }

    fn dialer(&self, from: Endpoint) -> Dialer {
        if let Endpoint::Node(node) = from {
            self.node(node);
        }
        Dialer(Way::Ssh(Place { roads: self.roads.clone(), end: from }))
    }

    fn close(&mut self) -> Result<()> {
        for (stop, thread) in self.beats.drain(..) {
            drop(stop);
            let _ = thread.join();
        }
        self.roads.0.iter().for_each(|(_, road)| road.close());
        let ended = side_by_side(&self.nodes, |node| node.end());
        ended.into_iter().collect::<Result<()>>().and(self.guard.close())
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        let _ = self.close();
    }
}
