//! A place of nodes that run already, whoever started them: they are dialled, and never touched.

use crate::abilities::{Abilities, Ability};
use crate::dialer::Dialer;
use crate::error::{Error, Result};
use crate::host::{Daemon, Host, Stopped};
use crate::links::Endpoint;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

/// Where it is: one address for each node that is asked.
#[derive(Debug)]
pub struct Given {
    addresses: Vec<SocketAddr>,
    abilities: Abilities,
}

/// Reads addresses from `--url`: `host:port`, with or without a protocol before and a path behind, joined by commas.
///
/// # Errors
/// The first that is none, in words.
pub fn addresses(urls: &str) -> std::result::Result<Vec<SocketAddr>, String> {
    let address = |url: &str| {
        let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
        let rest = rest.split('/').next().unwrap_or_default();
        let found =
            rest.to_socket_addrs().map_err(|error| format!("\"{url}\" is no address: {error}; use host:port"))?;
        found.into_iter().next().ok_or_else(|| format!("\"{url}\" has no address; use host:port"))
    };
    urls.split(',').map(str::trim).map(address).collect()
}

impl Given {
    /// Nodes at these addresses.
    pub fn new(addresses: Vec<SocketAddr>) -> Given {
        let not_ours = || -> Ability { Err("what runs already is never touched".to_string()) };
        let abilities = Abilities {
            cut: not_ours(),
            one_way: not_ours(),
            loss: not_ours(),
            delay: not_ours(),
            reorder: not_ours(),
            kill: not_ours(),
            pause: not_ours(),
            clock: not_ours(),
            cpu: not_ours(),
            memory: not_ours(),
            files: not_ours(),
        };
        Given { addresses, abilities }
    }
}

fn refused<T>(what: &str) -> Result<T> {
    Err(Error::new(format!("cannot {what}"), "what runs already is never touched", "leave out --url"))
}

impl Host for Given {
    fn kind(&self) -> &'static str {
        "url"
    }
    fn abilities(&self) -> &Abilities {
        &self.abilities
    }
    fn nodes(&self) -> usize {
        self.addresses.len()
    }
    fn address(&self, node: usize) -> IpAddr {
        self.addresses[node].ip()
    }
    /// All ports of a node are the one that was given.
    fn reach(&mut self, node: usize, _: u16) -> Result<SocketAddr> {
        Ok(self.addresses[node])
    }
    fn dir(&self, _: usize) -> &Path {
        Path::new("/nonexistent")
    }
    fn run(&self, _: usize, _: &[&str], _: Duration) -> Result<Output> {
        refused("run a command there")
    }
    fn start(&mut self, _: usize, _: &Daemon) -> Result<()> {
        refused("start a daemon there")
    }
    fn alive(&mut self, _: usize, _: &str) -> Result<bool> {
        Ok(false)
    }
    fn pids(&self, _: usize, _: &str) -> Result<Vec<u32>> {
        Ok(Vec::new())
    }
    fn stop(&mut self, _: usize, _: &str, _: Duration) -> Result<Stopped> {
        refused("stop a daemon there")
    }
    fn kill(&mut self, _: usize, _: &str) -> Result<Option<Duration>> {
        refused("kill a daemon there")
    }
    fn pause(&mut self, _: usize, _: &str) -> Result<bool> {
        refused("pause a daemon there")
    }
    fn resume(&mut self, _: usize, _: &str) -> Result<bool> {
        refused("resume a daemon there")
    }
    fn skew(&mut self, _: usize, _: &str, _: i64) -> Result<usize> {
        refused("set a clock there")
    }
    fn log(&self, _: usize, daemon: &str) -> PathBuf {
        PathBuf::from("/nonexistent").join(daemon)
    }
    fn cut(&mut self, pairs: &[(Endpoint, Endpoint)]) -> Result<()> {
        if pairs.is_empty() { Ok(()) } else { refused("cut links there") }
    }
    fn dropped(&self) -> Result<u64> {
        Ok(0)
    }
    fn lose(&mut self, pairs: &[(Endpoint, Endpoint, u8)]) -> Result<()> {
        if pairs.is_empty() { Ok(()) } else { refused("lose packets there") }
    }
    fn lost(&self) -> Result<u64> {
        Ok(0)
    }
    fn dialer(&self, _: Endpoint) -> Dialer {
        Dialer::plain()
    }
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}
