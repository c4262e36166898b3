//! The links: a proxy in front of every port, at an address of its own. A connection belongs to the link from where it was opened to
//! the node; what a cut forbids is held back in the proxy, in order, and goes on after the heal. What is said on a [slow](super::slow) link is
//! held before it comes to a cut.

use super::block::Block;
use super::slow::{Line, Next, Pace, Way};
use super::socket::{Bell, bound, has_hung_up, listen, nobody_listens, open};
use super::source;
use crate::error::{Error, Result, machine};
use crate::host::name;
use crate::links::{Endpoint, Slow, Slowed};
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{Shutdown, shutdown};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::{self, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two looks whether whoever waits is still there.
const LOOK: Duration = Duration::from_millis(100);
/// Longer is no part of a connection written, before the cut is looked at again.
const PART: usize = 16 * 1024;
/// A daemon of this machine answers sooner, or not at all.
const BEHIND: Duration = Duration::from_secs(2);

/// All links of a run.
#[derive(Debug)]
pub(super) struct Mesh {
    pub block: Block,
    /// The run's directory, by which its keepers are known.
    run: PathBuf,
    gates: Mutex<Gates>,
    changed: Condvar,
    /// How often something was held back, ever.
    held: AtomicU64,
    doors: Mutex<BTreeMap<(usize, u16), Door>>,
    /// Connections that somebody of this process is opening, by where they come from, with what is already open behind the proxy.
    announced: Mutex<BTreeMap<SocketAddr, (Endpoint, TcpStream)>>,
    streams: Mutex<Vec<Weak<TcpStream>>>,
}

#[derive(Debug)]
struct Gates {
    cut: BTreeSet<Way>,
    pace: Pace,
    /// Rings when links become slow or fast.
    bell: Bell,
    closed: bool,
}

/// A proxy in front of a port.
#[derive(Debug)]
struct Door {
    listener: Arc<TcpListener>,
    thread: JoinHandle<()>,
}

impl Gates {
    fn cuts(&self, (from, to): Way) -> bool {
        from != to && !self.closed && self.cut.contains(&(from, to))
    }
}

impl Mesh {
    /// Without any link yet.
    pub fn new(block: Block, run: PathBuf) -> Result<Mesh> {
        let gates = Gates { cut: BTreeSet::new(), pace: Pace::default(), bell: Bell::new()?, closed: false };
        Ok(Mesh {
            block,
            run,
            gates: Mutex::new(gates),
            changed: Condvar::new(),
            held: AtomicU64::new(0),
            doors: Mutex::default(),
            announced: Mutex::default(),
            streams: Mutex::default(),
        })
    }

    /// The address of the proxy in front of a port, which listens from now on.
    pub fn reach(self: &Arc<Mesh>, node: usize, port: u16) -> Result<SocketAddr> {
        let address = SocketAddr::from((self.block.proxy(node), port));
        let mut doors = lock(&self.doors);
        if doors.contains_key(&(node, port)) {
            return Ok(address);
        }
        let taken = |why: io::Error| {
            let mend = "end whatever listens on that port of all addresses; ports below 1024 are for root";
            Error::new(format!("cannot use port {port} for {}", name(node)), why, mend)
        };
        nobody_listens(self.block.node(node), port).map_err(taken)?;
        let listener = Arc::new(TcpListener::bind(address).map_err(taken)?);
        let (mesh, accepts) = (self.clone(), listener.clone());
        let accepting = move || {
            while !lock(&mesh.gates).closed {
                match accepts.accept() {
                    Ok((stream, peer)) => {
                        let mesh = mesh.clone();
                        thread::spawn(move || mesh.carry(stream, peer, node, port));
                    }
                    // Of all that can go wrong only a lack of files, or of memory, passes.
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        };
        let thread = thread::Builder::new().name(format!("proxy {}:{port}", name(node))).spawn(accepting);
        let thread = thread.map_err(machine("cannot start a thread"))?;
        doors.insert((node, port), Door { listener, thread });
        Ok(address)
    }

    /// Cuts exactly these.
    pub fn cut(&self, pairs: &[Way]) {
        lock(&self.gates).cut = pairs.iter().copied().collect();
        self.changed.notify_all();
    }

    /// How often something was held back so far.
    pub fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }

    /// Slows exactly these, and lets go on what is held for others.
    pub fn slow(&self, links: &[(Endpoint, Endpoint, Slow)]) -> Result<()> {
        let bell = Bell::new()?;
        let mut gates = lock(&self.gates);
        gates.pace.set(links);
        gates.bell = bell;
        self.changed.notify_all();
        Ok(())
    }

    /// What slow links did so far.
    pub fn slowed(&self) -> Slowed {
        lock(&self.gates).pace.done()
    }

    /// Ends every connection and listens no more.
    pub fn close(&self) {
        let mut gates = lock(&self.gates);
        gates.closed = true;
        gates.bell.ring();
        drop(gates);
        self.changed.notify_all();
        for stream in lock(&self.streams).drain(..).filter_map(|stream| stream.upgrade()) {
            let _ = stream.shutdown(net::Shutdown::Both);
        }
        for Door { listener, thread } in std::mem::take(&mut *lock(&self.doors)).into_values() {
            // Whoever waits for a connection is told that none will come.
            let _ = shutdown(&*listener, Shutdown::Both);
            let _ = thread.join();
        }
    }

    /// Opens a connection for somebody of this process, who says where it comes from.
    pub fn dial(&self, from: Endpoint, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        let deadline = Instant::now() + timeout;
        let own = self.block.of(from);
        let door = lock(&self.doors).keys().find(|(node, port)| to == (self.block.proxy(*node), *port).into()).copied();
        let Some((node, port)) = door else { return open(bound(own)?, to, timeout) };
        // As in a network: what is cut is silent, and where nobody listens that is said at once.
        if !self.may_open(from, Endpoint::Node(node), || Instant::now() < deadline) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let behind = open(bound(own)?, (self.block.node(node), port).into(), timeout)?;
        let socket = bound(own)?;
        let here = socket.local_addr()?;
        lock(&self.announced).insert(here, (from, behind));
        let opened = open(socket, to, timeout);
        if opened.is_err() {
            lock(&self.announced).remove(&here);
        }
        opened
    }

    /// Carries a connection from its first byte to its end.
    fn carry(self: Arc<Mesh>, stream: TcpStream, peer: SocketAddr, node: usize, port: u16) {
        let announced = lock(&self.announced).remove(&peer);
        let Some((from, behind)) = announced.or_else(|| self.admit(&stream, peer, node, port)) else {
            // Whoever it was hears that nobody is there.
            let _ = set_socket_linger(&stream, Some(Duration::ZERO));
            return;
        };
        let (front, behind, to) = (Arc::new(stream), Arc::new(behind), Endpoint::Node(node));
        for stream in [&front, &behind] {
            let _ = stream.set_nodelay(true);
            let _ = stream.set_write_timeout(Some(LOOK));
        }
        let mut streams = lock(&self.streams);
        if lock(&self.gates).closed {
            return;
        }
        streams.retain(|stream| stream.strong_count() > 0);
        streams.extend([&front, &behind].map(Arc::downgrade));
        drop(streams);
        let (mesh, a, b) = (self.clone(), front.clone(), behind.clone());
        thread::spawn(move || mesh.pump(&b, &a, (to, from)));
        self.pump(&front, &behind, (from, to));
    }

    /// Who opened it, and a connection behind the proxy, once both ways are open. `None` where nobody knows who, or nobody listens.
    fn admit(&self, stream: &TcpStream, peer: SocketAddr, node: usize, port: u16) -> Option<(Endpoint, TcpStream)> {
        let from = source::of(peer, (self.block.proxy(node), port).into(), &self.run)?;
        if !self.may_open(from, Endpoint::Node(node), || !has_hung_up(stream)) {
            return None;
        }
        let behind = open(bound(self.block.of(from)).ok()?, (self.block.node(node), port).into(), BEHIND);
        Some((from, behind.ok()?))
    }

    /// Waits as long as it takes to ask whether somebody listens there, and to be told; false if the host was closed, or nobody waits any more.
    fn may_open(&self, from: Endpoint, to: Endpoint, waits: impl Fn() -> bool) -> bool {
        [(from, to), (to, from)].into_iter().all(|way| self.travel(way, &waits))
    }

    /// Waits as long as a packet that says nothing takes; false if the host was closed, or nobody waits for it any more.
    fn travel(&self, way: Way, waits: impl Fn() -> bool) -> bool {
        let mut line = Line::default();
        line.hear(&[]);
        let mut gates = lock(&self.gates);
        while let Next::Wait { until, .. } = line.next(&mut gates.pace, way, Instant::now()) {
            if gates.closed || !waits() {
                return false;
            }
            gates = self.wait(gates, LOOK.min(until.saturating_duration_since(Instant::now())));
        }
        self.opens(gates, way, waits)
    }

    /// Waits until a way is open; false if the host was closed.
    fn pass(&self, way: Way) -> bool {
        self.opens(lock(&self.gates), way, || true)
    }

    /// The same; false too if nobody waits any more.
    fn opens(&self, mut gates: MutexGuard<'_, Gates>, way: Way, waits: impl Fn() -> bool) -> bool {
        if gates.cuts(way) {
            self.held.fetch_add(1, Relaxed);
        }
        while gates.cuts(way) {
            if !waits() {
                return false;
            }
            gates = self.wait(gates, LOOK);
        }
        !gates.closed
    }

    fn wait<'a>(&self, gates: MutexGuard<'a, Gates>, most: Duration) -> MutexGuard<'a, Gates> {
        self.changed.wait_timeout(gates, most).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Passes on what one side says, its end included.
    fn pump(&self, mut from: &TcpStream, to: &TcpStream, way: Way) {
        let mut part = [0; PART];
        loop {
            let length = from.read(&mut part).unwrap_or(0);
            let slow = lock(&self.gates).pace.slows(way);
            let pass_on = if slow { Mesh::hold } else { Mesh::say };
            if !pass_on(self, &part[..length], from, to, way) {
                return;
            }
        }
    }

    /// Passes on what was said on a slow link, and what is said meanwhile, until nothing is under way; false at the end.
    fn hold(&self, said: &[u8], mut from: &TcpStream, to: &TcpStream, way: Way) -> bool {
        let (mut line, mut part) = (Line::default(), [0; PART]);
        line.hear(said);
        loop {
            let (mut gates, now) = (lock(&self.gates), Instant::now());
            let next = line.next(&mut gates.pace, way, now);
            let (bell, closed) = (gates.bell.heard(), gates.closed);
            drop(gates);
            match next {
                _ if closed => return false,
                Next::Hear => return true,
                Next::Say(said) if !self.say(&said, from, to, way) => return false,
                Next::Say(_) => {}
                Next::Wait { until, hear } => {
                    if listen(&bell, hear.then_some(from), until - now) {
                        let length = from.read(&mut part).unwrap_or(0);
                        line.hear(&part[..length]);
                    }
                }
            }
        }
    }

    /// Says something to a side, or that this is the end, as soon as that may pass; false at the end.
    fn say(&self, mut said: &[u8], from: &TcpStream, mut to: &TcpStream, way: Way) -> bool {
        let end = said.is_empty();
        while !said.is_empty() {
            if !self.pass(way) {
                return false;
            }
            match to.write(said) {
                Ok(written) => said = &said[written..],
                // It does not read, and a cut may have begun meanwhile.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    // That nobody is there is said by the other side, and cut as all that it says.
                    if self.travel((way.1, way.0), || true) {
                        let _ = from.shutdown(net::Shutdown::Both);
                    }
                    return false;
                }
            }
        }
        if end && self.pass(way) {
            let _ = to.shutdown(net::Shutdown::Write);
        }
        !end
    }
}

/// Plain data is whole even where a thread panicked while it held the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
