//! Nodes that are plain processes of this machine, for whoever may not make namespaces: each has an address of its own in 127.0.0.0/8
//! and a directory. Links are proxies in front of nodes' ports; a daemon must listen on its node's address, and advertise where it is reached.
//!
//! ```text
//!  n1: keeper ── daemon ──► 127.x.y.102:2379 proxy of n2 ──► 127.x.y.2:2379 daemon of n2 ── keeper
//! ```
//!
//! Whoever connects to a proxy is known by its process, which has a [keeper](keep) of a place above it, and what this process itself
//! dials says where it comes from. Nothing here needs any privilege.

mod block;
mod findings;
mod keep;
mod mesh;
mod slow;
mod socket;
mod source;

pub use findings::probe;
pub use keep::keep;

use crate::abilities::Abilities;
use crate::dialer::{Dialer, Way};
use crate::error::{Error, Result, file, machine};
use crate::host::{Daemon, Host, Stopped, name};
use crate::links::{Endpoint, Slow, Slowed};
use crate::memory::Limited;
use crate::registry::Entry;
use crate::service::{Held, Service};
use crate::throttle::{Share, Tallies};
use crate::tool;
use block::{Block, MOST_NODES};
use mesh::Mesh;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::DirBuilder;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Nodes behind proxies.
#[derive(Debug)]
pub struct Local {
    services: BTreeMap<(usize, String), Service>,
    tallies: Tallies,
    addresses: Vec<IpAddr>,
    dirs: Vec<PathBuf>,
    /// None once it is closed.
    mesh: Option<Arc<Mesh>>,
    keepers: Arc<Keepers>,
    abilities: Abilities,
    entry: Entry,
}

/// How a keeper of this run begins.
#[derive(Debug)]
struct Keepers {
    /// The program that becomes one, with arguments that go before all others.
    program: Vec<OsString>,
    run: PathBuf,
}

/// A place that connections are opened from.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    end: Endpoint,
    mesh: Weak<Mesh>,
    keepers: Arc<Keepers>,
}

impl Local {
    /// Sets up so many nodes, at most 99. The run registers below `state`, usually [`state_dir`](crate::registry::state_dir), where its
    /// directories are. `keeper` is a program, with its first arguments, that does nothing but call [`keep`] with those that follow.
    pub fn up(nodes: usize, state: &Path, keeper: &[OsString]) -> Result<Local> {
        if !(1..=MOST_NODES).contains(&nodes) {
            let why = format!("it must be 1 to {MOST_NODES}");
            return Err(Error::new(format!("cannot set up {nodes} nodes"), why, "name another number"));
        }
        let entry = Entry::new(state)?;
        let dirs: Vec<PathBuf> = (0..nodes).map(|node| entry.dir.join(name(node))).collect();
        for dir in &dirs {
            DirBuilder::new().mode(0o755).create(dir).map_err(file("create", dir))?;
        }
        let block = Block::claim()?;
        Ok(Local {
            services: BTreeMap::new(),
            tallies: Tallies::default(),
            addresses: (0..nodes).map(|node| block.node(node).into()).collect(),
            dirs,
            mesh: Some(Arc::new(Mesh::new(block, entry.dir.clone())?)),
            keepers: Arc::new(Keepers { program: keeper.to_vec(), run: entry.dir.clone() }),
            abilities: abilities(),
            entry,
        })
    }

    fn mesh(&self) -> Result<&Arc<Mesh>> {
        self.mesh.as_ref().ok_or_else(|| Error::new("cannot use a node", "its host was closed", "set up another one"))
    }

    fn service(&mut self, node: usize, daemon: &str) -> Option<&mut Service> {
        self.is_there(Endpoint::Node(node));
        self.services.get_mut(&(node, daemon.to_string()))
    }

    fn is_there(&self, end: Endpoint) {
        if let Endpoint::Node(node) = end {
            assert!(node < self.dirs.len(), "there is no node {node}");
        }
    }

    /// The beginning of a command on a node, in its directory, with an environment that is the same everywhere.
    fn command(&self, node: usize, log: &OsStr) -> Command {
        let mut command = self.keepers.command(Endpoint::Node(node), log);
        let path = std::env::var_os("PATH").unwrap_or_else(|| tool::PATH.into());
        command.env_clear().env("PATH", path).env("LANG", "C.UTF-8").env("HOME", &self.dirs[node]);
        command.current_dir(&self.dirs[node]).stdin(Stdio::null()).process_group(0);
        command
    }
}

impl Keepers {
    fn command(&self, end: Endpoint, log: &OsStr) -> Command {
        let (program, before) = self.program.split_first().expect("a keeper has a program");
        let mut command = Command::new(program);
        command.args(before).arg(&self.run).arg(source::written(end)).arg(std::process::id().to_string()).arg(log);
        command
    }
}

impl Place {
    fn mesh(&self) -> io::Result<Arc<Mesh>> {
        self.mesh.upgrade().ok_or_else(|| io::Error::other("the host was closed"))
    }

    /// See [`Dialer::command`].
    pub fn command(&self) -> io::Result<Command> {
        self.mesh()?;
        Ok(self.keepers.command(self.end, OsStr::new(keep::PASSED_ON)))
    }

    /// See [`Dialer::connect`].
    pub fn connect(&self, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        self.mesh()?.dial(self.end, to, timeout)
    }
}

/// What nodes of this kind can do, wherever they are.
pub fn abilities() -> Abilities {
    Abilities {
        cut: Ok(()),
        one_way: Ok(()),
        loss: Err("a proxy sees connections, whose losses TCP has mended before; use --tier netns".into()),
        delay: Ok(()),
        reorder: Err("in a connection, which is all that a proxy sees, nothing overtakes; use --tier netns".into()),
        kill: Ok(()),
        pause: Ok(()),
        clock: crate::clock::possible(),
        cpu: Ok(()),
        memory: Ok(()),
        files: Ok(()),
    }
}

impl Host for Local {
    fn kind(&self) -> &'static str {
        "local"
    }

    fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    fn nodes(&self) -> usize {
        self.dirs.len()
    }

    fn address(&self, node: usize) -> IpAddr {
        self.addresses[node]
    }

    fn reach(&mut self, node: usize, port: u16) -> Result<SocketAddr> {
        self.is_there(Endpoint::Node(node));
        self.mesh()?.reach(node, port)
    }

    fn dir(&self, node: usize) -> &Path {
        &self.dirs[node]
    }

    fn run(&self, node: usize, command: &[&str], patience: Duration) -> Result<Output> {
        self.mesh()?;
        let words = command.join(" ");
        let mut kept = self.command(node, OsStr::new(keep::PASSED_ON));
        kept.args(command);
        let ran = tool::within(kept, patience).map_err(machine(format!("cannot run `{words}` on {}", name(node))))?;
        ran.ok_or_else(|| {
            let what = format!("`{words}` on {} was killed", name(node));
            Error::new(what, format!("it took longer than {patience:?}"), "give it more time, or see what it waits for")
        })
    }

    fn start(&mut self, node: usize, daemon: &Daemon) -> Result<()> {
        self.mesh()?;
        let alive = self.alive(node, &daemon.name)?;
        daemon.may_start(node, alive)?;
        let log = self.log(node, &daemon.name);
        let mut command = self.command(node, log.as_os_str());
        command.arg(&daemon.program).args(&daemon.args);
        command.envs(daemon.env.iter().map(|(name, value)| (name, value))).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().map_err(machine(format!("cannot start {} on {}", daemon.name, name(node))))?;
        self.entry.holder(child.id())?;
        self.services.insert((node, daemon.name.clone()), Service::new(child, Held::Keeper));
        Ok(())
    }

    fn alive(&mut self, node: usize, daemon: &str) -> Result<bool> {
        self.service(node, daemon).map_or(Ok(false), Service::alive)
    }

    fn pids(&self, node: usize, daemon: &str) -> Result<Vec<u32>> {
        self.is_there(Endpoint::Node(node));
        Ok(self.services.get(&(node, daemon.to_string())).map(Service::pids).unwrap_or_default())
    }

    fn stop(&mut self, node: usize, daemon: &str, patience: Duration) -> Result<Stopped> {
        self.service(node, daemon).map_or(Ok(Stopped::Before), |service| service.stop(patience))
    }

    fn kill(&mut self, node: usize, daemon: &str) -> Result<Option<Duration>> {
        self.service(node, daemon).map_or(Ok(None), Service::kill)
    }

    fn pause(&mut self, node: usize, daemon: &str) -> Result<bool> {
        self.service(node, daemon).map_or(Ok(false), Service::pause)
    }

    fn resume(&mut self, node: usize, daemon: &str) -> Result<bool> {
        self.service(node, daemon).map_or(Ok(false), Service::resume)
    }

    fn skew(&mut self, node: usize, daemon: &str, offset: i64) -> Result<usize> {
        self.service(node, daemon).map_or(Ok(0), |service| service.skew(offset))
    }

    fn throttle(&mut self, node: usize, daemon: &str, share: Option<Share>) -> Result<bool> {
        let tally = self.tallies.of(node, daemon);
        self.service(node, daemon).map_or(Ok(false), |service| service.throttle(share, tally))
    }

    fn held(&self, node: usize, daemon: &str) -> Duration {
        self.tallies.told(node, daemon)
    }

    fn limit_memory(&mut self, node: usize, daemon: &str, spare: Option<u64>) -> Result<Vec<Limited>> {
        self.service(node, daemon).map_or(Ok(Vec::new()), |service| service.limit_memory(spare))
    }

    fn log(&self, node: usize, daemon: &str) -> PathBuf {
        self.entry.dir.join(format!("{}.{daemon}.log", name(node)))
    }

    fn cut(&mut self, pairs: &[(Endpoint, Endpoint)]) -> Result<()> {
        pairs.iter().for_each(|(from, to)| [from, to].into_iter().for_each(|end| self.is_there(*end)));
        self.mesh()?.cut(pairs);
        Ok(())
    }

    fn dropped(&self) -> Result<u64> {
        Ok(self.mesh()?.held())
    }

    fn lose(&mut self, pairs: &[(Endpoint, Endpoint, u8)]) -> Result<()> {
        match &self.abilities.loss {
            Err(why) if !pairs.is_empty() => Err(Error::new("cannot lose packets", why, "use --tier netns")),
            _ => self.mesh().map(drop),
        }
    }

    fn lost(&self) -> Result<u64> {
        Ok(0)
    }

    fn slow(&mut self, pairs: &[(Endpoint, Endpoint, Slow)]) -> Result<()> {
        pairs.iter().for_each(|(from, to, _)| [from, to].into_iter().for_each(|end| self.is_there(*end)));
        match &self.abilities.reorder {
            Err(why) if pairs.iter().any(|(.., slow)| !slow.up_to.is_zero()) => {
                Err(Error::new("cannot let packets overtake each other", why, "use --tier netns"))
            }
            _ => self.mesh()?.slow(pairs),
        }
    }

    fn slowed(&self) -> Result<Slowed> {
        Ok(self.mesh()?.slowed())
    }

    fn dialer(&self, from: Endpoint) -> Dialer {
        self.is_there(from);
        let mesh = self.mesh.as_ref().map(Arc::downgrade).unwrap_or_default();
        Dialer(Way::Local(Place { end: from, mesh, keepers: self.keepers.clone() }))
    }

    fn close(&mut self) -> Result<()> {
        let mut closed = Ok(());
        for mut service in std::mem::take(&mut self.services).into_values() {
            closed = closed.and(service.kill().map(drop));
        }
        if let Some(mesh) = self.mesh.take() {
            mesh.close();
        }
        closed.and(self.entry.remove())
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        let _ = self.close();
    }
}
