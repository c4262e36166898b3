//! Links that are slow: a rule sends their packets to the kernel's queue, and a thread of the controller lets each one go on when its
//! time has come.
//!
//! It comes before cuts and losses, so that a packet which is held when a cut begins is cut. The rule is one of nftables; where the
//! kernel has not got it, one of iptables, to which a bridge can show what passes. Which of the two works is found out with a packet.

use super::enter::inside;
use super::queue::{NUMBER, Queue};
use super::space::Space;
use super::switch::Link;
use crate::error::{Error, Result};
use crate::host::Slow;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read, Write};
use std::net::UdpSocket;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Whether a bridge shows iptables what passes; each network has its own, where the kernel has it at all.
const SHOWN: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";
/// How long the first packet may take until it is seen.
const SEEN_WITHIN: Duration = Duration::from_millis(500);

/// Slows links of a switch down.
#[derive(Debug)]
pub(super) struct Slower {
    rule: Rule,
    shared: Arc<Shared>,
    /// The keeper looks when it is rung and answers when it has done so. It ends when this is closed.
    bell: Option<UnixStream>,
    keeper: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    slow: Mutex<BTreeMap<Link, Slow>>,
    /// Packets held so far.
    held: AtomicU64,
}

#[derive(Clone, Copy, Debug)]
enum Rule {
    Nft,
    Iptables,
}

impl Slower {
    /// Begins, with all links as fast as ever. It is tried on a link from the space `from`, whose address comes first.
    ///
    /// # Errors
    /// Why links cannot be slowed down here, and what would mend it.
    pub fn start(switch: &Space, from: &Space, link: Link) -> std::result::Result<Slower, String> {
        let queue = Queue::open(switch).map_err(|error| format!("the kernel has no queue of packets: {error}"))?;
        let (bell, its_bell) = UnixStream::pair().map_err(|error| error.to_string())?;
        let shared = Arc::new(Shared::default());
        let keeper = Keeper { queue, bell: its_bell, shared: shared.clone(), held: BinaryHeap::new(), number: 0 };
        let thread = thread::Builder::new().name("slow links".into());
        // What goes wrong there ends it, and whoever rings next is told.
        let keeper = thread.spawn(move || drop(keeper.keep())).map_err(|error| error.to_string())?;
        let mut slower = Slower { rule: Rule::Nft, shared, bell: Some(bell), keeper: Some(keeper) };
        let mut attempt = |rule| {
            slower.rule = rule;
            slower.attempt(switch, from, link)
        };
        let tried = attempt(Rule::Nft).or_else(|nft| attempt(Rule::Iptables).map_err(|iptables| (nft, iptables)));
        // What was held for this does not count.
        slower.shared.held.store(0, Ordering::Relaxed);
        tried.map(|()| slower).map_err(|(nft, iptables)| {
            format!("no packet comes to the kernel's queue, by nft: {nft}; by iptables: {iptables}")
        })
    }

    /// Sees whether a packet on this link is held.
    fn attempt(&mut self, switch: &Space, from: &Space, link: Link) -> std::result::Result<(), String> {
        let told = |error: Error| format!("{}: {} ({})", error.what, error.why, error.mend);
        self.slow(switch, &[(link, Slow { by: Duration::from_millis(1), up_to: Duration::ZERO })]).map_err(told)?;
        let before = self.held();
        let seen = inside(&from.network, || {
            let (socket, began) = (UdpSocket::bind((link.0, 0))?, Instant::now());
            while self.held() == before && began.elapsed() < SEEN_WITHIN {
                // The port to discard at. That nobody is there may be told to the next packet.
                let _ = socket.send_to(b"seen?", (link.1, 9));
                thread::sleep(Duration::from_millis(1));
            }
            Ok(self.held() > before)
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
        *self.shared.slow.lock().expect("no keeper panics") = links.iter().copied().collect();
        self.rule.queue(switch, links)?;
        let mut bell = self.bell.as_ref().expect("it is there until this is dropped");
        let rung = bell.write_all(&[0]).and_then(|()| bell.read_exact(&mut [0]));
        rung.map_err(|error| {
            Error::new(
                "cannot slow links down",
                format!("the thread that holds packets has ended: {error}"),
                "run it again",
            )
        })
    }

    /// Packets held so far.
    pub fn held(&self) -> u64 {
        self.shared.held.load(Ordering::Relaxed)
    }
}

impl Drop for Slower {
    fn drop(&mut self) {
        self.bell = None;
        let _ = self.keeper.take().map(JoinHandle::join);
    }
}

impl Rule {
    /// Sends the packets of exactly these links to the queue.
    fn queue(self, switch: &Space, links: &[(Link, Slow)]) -> Result<()> {
        let links = links.iter().map(|(link, _)| link);
        let (program, arguments, lines) = match self {
            Rule::Nft => {
                let mut lines = "flush chain bridge perjury slow\n".to_string();
                for (from, to) in links {
                    let _ = writeln!(
                        lines,
                        "add rule bridge perjury slow ip saddr {from} ip daddr {to} queue num {NUMBER}"
                    );
                }
                ("nft", ["-f", "-"], lines)
            }
            Rule::Iptables => {
                show(switch)?;
                // The chain stays: with a chain the kernel throws away whatever is held.
                let mut lines = "*filter\n-F FORWARD\n".to_string();
                for (from, to) in links {
                    let _ = writeln!(lines, "-A FORWARD -s {from} -d {to} -j NFQUEUE --queue-num {NUMBER}");
                }
                ("iptables-restore", ["--noflush", "--wait=10"], lines + "COMMIT\n")
            }
        };
        switch.call(program, &arguments, &lines).map(drop)
    }
}

/// Has the bridges of a network show iptables what passes.
fn show(switch: &Space) -> Result<()> {
    inside(&switch.network, || fs::write(SHOWN, "1")).map_err(|error| {
        Error::new("a bridge cannot show packets to iptables", error, "load the kernel's module: modprobe br_netfilter")
    })
}

/// Who holds packets, on a thread of its own.
struct Keeper {
    queue: Queue,
    bell: UnixStream,
    shared: Arc<Shared>,
    held: BinaryHeap<Reverse<Held>>,
    /// Packets seen so far.
    number: u64,
}

/// A packet that is held. Who is due first comes first, and of two that are due at once the one that came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    due: Instant,
    number: u64,
    id: u32,
    link: Link,
}

impl Keeper {
    fn keep(mut self) -> io::Result<()> {
        loop {
            let rung = self.wait()?;
            while let Some(packet) = self.queue.next()? {
                self.number += 1;
                let link = packet.link;
                // A link that is fast again has a rule for a moment longer.
                let slow = self.shared.slow.lock().expect("nobody panics with it").get(&link).copied();
                let due = Instant::now() + slow.map_or(Duration::ZERO, |slow| delay(slow, self.number));
                self.shared.held.fetch_add(slow.is_some().into(), Ordering::Relaxed);
                self.held.push(Reverse(Held { due, number: self.number, id: packet.id, link }));
            }
            if rung {
                if self.bell.read(&mut [0])? == 0 {
                    return Ok(());
                }
                self.forgive();
            }
            self.let_go()?;
            if rung {
                self.bell.write_all(&[0])?;
            }
        }
    }

    /// Waits until a packet comes, the first one is due, or somebody rings: true then.
    fn wait(&self) -> io::Result<bool> {
        let left = self.held.peek().map(|Reverse(first)| first.due.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos().into() });
        let mut sides = [PollFd::new(&self.queue, PollFlags::IN), PollFd::new(&self.bell, PollFlags::IN)];
        match poll(&mut sides, left.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(!sides[1].revents().is_empty()),
            Err(error) => Err(error.into()),
        }
    }

    /// What is held for links that are slow no longer is due now.
    fn forgive(&mut self) {
        let slow = self.shared.slow.lock().expect("nobody panics with it");
        let now = Instant::now();
        let due = |held: Held| if slow.contains_key(&held.link) { held.due } else { held.due.min(now) };
        self.held = self.held.drain().map(|Reverse(held)| Reverse(Held { due: due(held), ..held })).collect();
    }

    /// Lets what is due go on.
    fn let_go(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while self.held.peek().is_some_and(|Reverse(first)| first.due <= now) {
            let Reverse(first) = self.held.pop().expect("one was seen");
            self.queue.release(first.id)?;
        }
        Ok(())
    }
}

/// How long a packet is held: the part that is drawn comes from its number.
fn delay(slow: Slow, number: u64) -> Duration {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^= mixed >> 32;
    let share = (mixed >> 11) as f64 / (1u64 << 53) as f64;
    slow.by + slow.up_to.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_all_of_the_fixed_part_and_any_share_of_the_other() {
        let (by, up_to) = (Duration::from_millis(100), Duration::from_millis(80));
        let drawn: Vec<_> = (0..1000).map(|number| delay(Slow { by, up_to }, number)).collect();
        assert!(drawn.iter().all(|drawn| (by..by + up_to).contains(drawn)));
        for tenth in 0..10 {
            let low = by + up_to * tenth / 10;
            let inside = drawn.iter().filter(|drawn| (low..low + up_to / 10).contains(drawn)).count();
            assert!((60..140).contains(&inside), "{inside} of 1000 are in a tenth");
        }
        assert!((0..1000).all(|number| delay(Slow { by, up_to: Duration::ZERO }, number) == by));
    }
}
