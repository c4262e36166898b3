//! The addresses of a run: a block of 256 of this machine's own, 127.x.y.0, that no other run has.

use crate::error::{Error, Result};
use crate::links::Endpoint;
use std::net::{Ipv4Addr, TcpListener};

/// Nodes' addresses begin with 1, those of the proxies before them with 101, and the clients have the last one.
pub(super) const MOST_NODES: usize = 99;
const PROXIES: u8 = 100;
const CLIENTS: u8 = 254;

/// Whoever listens here, at the clients' address, has the block.
const CLAIM: u16 = 4077;
/// From 127.64.0.0 on; other programs that want an address of their own take one near 127.0.0.1.
const FIRST: u8 = 64;
const BLOCKS: u32 = 64 * 256;

/// A claimed block. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Block {
    network: [u8; 2],
    _claim: TcpListener,
}

impl Block {
    /// Claims a free one.
    pub fn claim() -> Result<Block> {
        // Runs that begin at the same time look in different places first.
        let first = std::process::id().wrapping_mul(61);
        let mut why = None;
        for number in (0..BLOCKS).map(|step| first.wrapping_add(step) % BLOCKS) {
            let network = [FIRST + (number / 256) as u8, (number % 256) as u8];
            match TcpListener::bind((address(network, CLIENTS), CLAIM)) {
                Ok(claim) => return Ok(Block { network, _claim: claim }),
                Err(error) => why = Some(error),
            }
        }
        let why = why.map(|error| error.to_string()).unwrap_or_default();
        Err(Error::new("cannot find addresses for nodes", why, "look who listens on port 4077 of all addresses"))
    }

    /// Where a node's daemons listen.
    pub fn node(&self, node: usize) -> Ipv4Addr {
        self.at(0, node)
    }
    /// Where the proxies in front of a node's ports listen.
    pub fn proxy(&self, node: usize) -> Ipv4Addr {
        self.at(PROXIES, node)
    }
    /// Where connections come from.
    pub fn of(&self, end: Endpoint) -> Ipv4Addr {
        match end {
            Endpoint::Node(node) => self.node(node),
            Endpoint::Clients => address(self.network, CLIENTS),
        }
    }

    fn at(&self, from: u8, node: usize) -> Ipv4Addr {
        assert!(node < MOST_NODES, "there is no node {node}");
        address(self.network, from + 1 + node as u8)
    }
}

fn address([x, y]: [u8; 2], last: u8) -> Ipv4Addr {
    Ipv4Addr::new(127, x, y, last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_have_two_blocks_and_a_dropped_one_is_free_again() {
        let (one, other) = (Block::claim().unwrap(), Block::claim().unwrap());
        assert_ne!(one.network, other.network);
        assert!(one.node(0).is_loopback() && one.node(98) < one.proxy(0) && one.proxy(98) < one.of(Endpoint::Clients));
        let clients = (one.of(Endpoint::Clients), CLAIM);
        assert!(TcpListener::bind(clients).is_err());
        drop(one);
        assert!(TcpListener::bind(clients).is_ok());
    }
}
