//! Slow links of a switch: a rule sends their packets to the kernel's queue, where they are held; see [`crate::packets`].
//!
//! It comes before cuts and losses, so that a packet which is held when a cut begins is cut. The rule is one of iptables, to which the
//! kernel's `br_netfilter` shows what passes on a bridge; that it works is found out with a packet.

use super::enter::inside;
use super::space::Space;
use crate::error::{Error, Result};
use crate::links::{Slow, Slowed};
use crate::packets::{Holder, Link, Queue};
use std::fmt::Write as _;
use std::fs;
use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

/// The number of the queue, which is the namespace's own.
const NUMBER: u16 = 7;
/// Whether a bridge shows iptables what passes; each network has its own, where the kernel has it at all.
const SHOWN: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";
/// How long the first packet may take until it is seen.
const SEEN_WITHIN: Duration = Duration::from_millis(500);

/// Slows links of a switch down.
#[derive(Debug)]
pub(super) struct Slower(Holder);

impl Slower {
    /// Begins, with all links as fast as ever. It is tried on a link from the space `from`, whose address comes first.
    ///
    /// # Errors
    /// Why links cannot be slowed down here, and what would mend it.
    pub fn start(switch: &Space, from: &Space, link: Link) -> std::result::Result<Slower, String> {
        let queue = inside(&switch.network, || Queue::open(NUMBER));
        let queue = queue.map_err(|error| format!("the kernel has no queue of packets: {error}"))?;
        let mut slower = Slower(Holder::start(queue).map_err(|error| error.to_string())?);
        let tried = slower.attempt(switch, from, link);
        slower.0.forget();
        tried.map(|()| slower).map_err(|why| format!("no packet comes to the kernel's queue: {why}"))
    }

    /// Sees whether a packet on this link is held.
    fn attempt(&mut self, switch: &Space, from: &Space, link: Link) -> std::result::Result<(), String> {
        let told = |error: Error| format!("{}: {} ({})", error.what, error.why, error.mend);
        self.slow(switch, &[(link, Slow { by: Duration::from_millis(1), ..Slow::default() })]).map_err(told)?;
        let held = || self.slowed().packets > 0;
        let seen = inside(&from.network, || {
            let (socket, began) = (UdpSocket::bind((link.0, 0))?, Instant::now());
            while !held() && began.elapsed() < SEEN_WITHIN {
                // The port to discard at. That nobody is there may be told to the next packet.
                let _ = socket.send_to(b"seen?", (link.1, 9));
                thread::sleep(Duration::from_millis(1));
            }
            Ok(held())
        });
        let healed = self.slow(switch, &[]).map_err(told);
        if seen.map_err(|error| error.to_string())? {
            healed
        } else {
            Err("its rule is there, and nothing comes".into())
        }
    }

    /// Slows exactly these links, and lets go on what is held for others.
    pub fn slow(&mut self, switch: &Space, links: &[(Link, Slow)]) -> Result<()> {
        self.0.set(links);
        queue(switch, links)?;
        self.0.let_go()
    }

    /// What was done to packets so far.
    pub fn slowed(&self) -> Slowed {
        self.0.slowed()
    }
}

/// Sends the packets of exactly these links to the queue.
fn queue(switch: &Space, links: &[(Link, Slow)]) -> Result<()> {
    show(switch)?;
    // The chain stays: with a chain the kernel throws away whatever is held.
    let mut lines = "*filter\n-F FORWARD\n".to_string();
    for ((from, to), _) in links {
        let _ = writeln!(lines, "-A FORWARD -s {from} -d {to} -j NFQUEUE --queue-num {NUMBER}");
    }
    switch.call("iptables-restore", &["--noflush", "--wait=10"], &(lines + "COMMIT\n")).map(drop)
}

/// Has the bridges of a network show iptables what passes.
fn show(switch: &Space) -> Result<()> {
    inside(&switch.network, || fs::write(SHOWN, "1")).map_err(|error| {
        Error::new("a bridge cannot show packets to iptables", error, "load the kernel's module: modprobe br_netfilter")
    })
}
