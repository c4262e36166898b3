//! Nodes in network namespaces of this machine: each has its own network, processes, mounts, host name, address and directory.
//!
//! The switch between them lives in a namespace of its own, and so does the clients' side: the machine's own network never has one
//! of these addresses. Nothing has a name outside. Whatever way a controller ends, the kernel takes its namespaces down with it,
//! and [`gc`](crate::registry::gc) has only directories to remove.

mod enter;
mod findings;
mod service;
mod slow;
mod space;
mod switch;

pub(crate) use enter::{MARK, inside};
pub use enter::{possible, possible_somehow, reexec_if_needed};
pub use findings::probe;
#[cfg(feature = "ssh")]
pub(crate) use switch::packets;

use crate::abilities::{Abilities, Ability};
use crate::dialer::{Dialer, Way};
use crate::error::{Error, Result, file, machine};
use crate::host::{Daemon, Host, Stopped, name};
use crate::links::{Endpoint, Slow, Slowed};
use crate::memory::Limited;
use crate::registry::Entry;
use crate::service::Service;
use crate::throttle::{Share, Tallies};
use slow::Slower;
use space::{Coming, Space};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, DirBuilder};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;
use switch::Switch;

/// More would not fit beside the clients into the last byte of an address.
const MOST_NODES: usize = 200;
/// The clients' own side.
const CLIENTS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 254);

/// Nodes in namespaces, behind one switch.
#[derive(Debug)]
pub struct Netns {
    services: BTreeMap<(usize, String), Service>,
    tallies: Tallies,
    /// Empty once it is closed.
    spaces: Vec<Space>,
    clients: Option<Space>,
    switch: Option<Switch>,
    /// Not there where this machine cannot slow links down.
    slower: Option<Slower>,
    dirs: Vec<PathBuf>,
    abilities: Abilities,
    entry: Entry,
}

impl Netns {
    /// Sets up so many nodes, at most 200. The run registers below `state`, usually [`state_dir`](crate::registry::state_dir), where its directories are.
    pub fn up(nodes: usize, state: &Path) -> Result<Netns> {
        if !(1..=MOST_NODES).contains(&nodes) {
            return Err(Error::new(
                format!("cannot set up {nodes} nodes"),
                "it must be 1 to 200",
                "name another number",
            ));
        }
        let mut entry = Entry::new(state)?;
        let hosts = entry.dir.join("hosts");
        fs::write(&hosts, hosts_file(nodes)).map_err(file("write", &hosts))?;
        let dirs: Vec<PathBuf> = (0..nodes).map(|node| entry.dir.join(name(node))).collect();
        for dir in &dirs {
            DirBuilder::new().mode(0o755).create(dir).map_err(file("create", dir))?;
        }

        let coming = [Coming::network(), Coming::network()].into_iter().chain((0..nodes).map(|_| Coming::node(&hosts)));
        let coming: Vec<Coming> = coming.collect::<Result<_>>()?;
        // All arrive before the first failure is looked at, so that none is left behind.
        let arrived: Vec<Result<Space>> = coming.into_iter().map(Coming::arrive).collect();
        let mut spaces = arrived.into_iter().collect::<Result<Vec<Space>>>()?.into_iter();
        let (switch, clients) = spaces.next().zip(spaces.next()).expect("these two were spawned first");
        let spaces: Vec<Space> = spaces.collect();
        for (node, space) in spaces.iter().enumerate() {
            space.name(&name(node))?;
        }
        for space in spaces.iter().chain([&switch, &clients]) {
            entry.holder(space.pid)?;
        }

        let mut cables: Vec<_> =
            spaces.iter().enumerate().map(|(node, space)| (name(node), space, number(node))).collect();
        cables.push(("clients".into(), &clients, CLIENTS));
        let switch = Switch::build(switch, &cables)?;
        let slower = Slower::start(&switch.0, &clients, (CLIENTS, number(0)));
        let abilities = abilities(&switch, slower.as_ref().map(drop).map_err(String::clone));
        Ok(Netns {
            services: BTreeMap::new(),
            tallies: Tallies::default(),
            spaces,
            clients: Some(clients),
            switch: Some(switch),
            slower: slower.ok(),
            dirs,
            abilities,
            entry,
        })
    }

    fn space(&self, node: usize) -> Result<&Space> {
        assert!(node < self.dirs.len(), "there is no node {node}");
        self.spaces.get(node).ok_or_else(closed)
    }

    fn switch(&self) -> Result<&Switch> {
        self.switch.as_ref().ok_or_else(closed)
    }

    fn service(&mut self, node: usize, daemon: &str) -> Option<&mut Service> {
        self.services.get_mut(&(node, daemon.to_string()))
    }

    fn at(&self, end: Endpoint) -> Ipv4Addr {
        match end {
            Endpoint::Node(node) => {
                assert!(node < self.dirs.len(), "there is no node {node}");
                number(node)
            }
            Endpoint::Clients => CLIENTS,
        }
    }
}

fn number(node: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 0, u8::try_from(node + 1).expect("there are at most 200 nodes"))
}

fn hosts_file(nodes: usize) -> String {
    let mut lines = "127.0.0.1 localhost\n::1 localhost\n".to_string();
    for node in 0..nodes {
        let _ = writeln!(lines, "{} {}", number(node), name(node));
    }
    lines + &format!("{CLIENTS} clients\n")
}

/// What is certain once the nodes are up; the table is tried with a rule of each kind, and slow links were tried with a packet.
fn abilities(switch: &Switch, delay: Ability) -> Abilities {
    let link = (CLIENTS, CLIENTS);
    let tried = |tried: Result<()>, heal: Result<()>| -> Ability {
        tried.and(heal).map_err(|error| format!("{}: {}", error.what, error.why))
    };
    let cut = tried(switch.cut(&[link]), switch.cut(&[]));
    Abilities {
        one_way: cut.clone(),
        cut,
        loss: tried(switch.lose(&[(link, 1)]), switch.lose(&[])),
        reorder: delay.clone(),
        delay,
        kill: Ok(()),
        pause: Ok(()),
        clock: crate::clock::possible(),
        cpu: Ok(()),
        memory: Ok(()),
        files: Ok(()),
    }
}

fn closed() -> Error {
    Error::new("cannot use a node", "its host was closed", "set up another one")
}

impl Host for Netns {
    fn kind(&self) -> &'static str {
        "netns"
    }

    fn abilities(&self) -> &Abilities {
        &self.abilities
    }

    fn nodes(&self) -> usize {
        self.dirs.len()
    }

    fn address(&self, node: usize) -> IpAddr {
        self.at(Endpoint::Node(node)).into()
    }

    fn reach(&mut self, node: usize, port: u16) -> Result<SocketAddr> {
        Ok(SocketAddr::new(self.address(node), port))
    }

    fn dir(&self, node: usize) -> &Path {
        &self.dirs[node]
    }

    fn run(&self, node: usize, command: &[&str], patience: Duration) -> Result<Output> {
        let words = command.join(" ");
        let ran = service::run(self.space(node)?, &self.dirs[node], command, patience);
        ran.map_err(machine(format!("cannot run `{words}` on {}", name(node))))?.ok_or_else(|| {
            let what = format!("`{words}` on {} was killed", name(node));
            Error::new(what, format!("it took longer than {patience:?}"), "give it more time, or see what it waits for")
        })
    }

    fn start(&mut self, node: usize, daemon: &Daemon) -> Result<()> {
        let alive = self.alive(node, &daemon.name)?;
        daemon.may_start(node, alive)?;
        let log = self.log(node, &daemon.name);
        let service = service::start(self.space(node)?, &self.dirs[node], daemon, &log)?;
        self.services.insert((node, daemon.name.clone()), service);
        Ok(())
    }

    fn alive(&mut self, node: usize, daemon: &str) -> Result<bool> {
        self.service(node, daemon).map_or(Ok(false), Service::alive)
    }

    fn pids(&self, node: usize, daemon: &str) -> Result<Vec<u32>> {
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
        let links: Vec<_> = pairs.iter().map(|(from, to)| (self.at(*from), self.at(*to))).collect();
        self.switch()?.cut(&links)
    }

    fn dropped(&self) -> Result<u64> {
        self.switch()?.dropped()
    }

    fn lose(&mut self, pairs: &[(Endpoint, Endpoint, u8)]) -> Result<()> {
        let links: Vec<_> =
            pairs.iter().map(|(from, to, percent)| ((self.at(*from), self.at(*to)), *percent)).collect();
        self.switch()?.lose(&links)
    }

    fn lost(&self) -> Result<u64> {
        self.switch()?.lost()
    }

    fn slow(&mut self, pairs: &[(Endpoint, Endpoint, Slow)]) -> Result<()> {
        let links: Vec<_> = pairs.iter().map(|(from, to, slow)| ((self.at(*from), self.at(*to)), *slow)).collect();
        let switch = self.switch.as_ref().ok_or_else(closed)?;
        match (&mut self.slower, &self.abilities.delay) {
            (Some(slower), _) => slower.slow(&switch.0, &links),
            (None, Err(why)) if !links.is_empty() => {
                Err(Error::new("cannot slow links down", why, "see what `perjury doctor` says about this machine"))
            }
            (None, _) => Ok(()),
        }
    }

    fn slowed(&self) -> Result<Slowed> {
        Ok(self.slower.as_ref().map(Slower::slowed).unwrap_or_default())
    }

    fn dialer(&self, from: Endpoint) -> Dialer {
        let space = match from {
            Endpoint::Node(node) => self.space(node).ok(),
            Endpoint::Clients => self.clients.as_ref(),
        };
        // A dialer that outlives the host must not keep its namespaces.
        let network = space.map(|space| Arc::downgrade(&space.network)).unwrap_or_default();
        Dialer(Way::Netns { network, holder: space.map_or(0, |space| space.pid) })
    }

    fn close(&mut self) -> Result<()> {
        let mut closed = Ok(());
        self.slower = None;
        // With the first process of a node's namespace the kernel ends all its daemons.
        for mut space in
            self.spaces.drain(..).chain(self.clients.take()).chain(self.switch.take().map(|switch| switch.0))
        {
            closed = closed.and(space.close().map_err(machine("cannot end a namespace")));
        }
        for mut service in std::mem::take(&mut self.services).into_values() {
            closed = closed.and(service.kill().map(drop));
        }
        closed.and(self.entry.remove())
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        let _ = self.close();
    }
}
