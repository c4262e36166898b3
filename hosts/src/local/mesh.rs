//! The links: a proxy in front of every port, at an address of its own. A connection belongs to the link from where it was opened to
//! the node; what a cut forbids is held back in the proxy, in order, and goes on after the heal.

use super::block::Block;
use super::source;
use crate::error::{Error, Result};
use crate::host::{Endpoint, name};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{AddressFamily, Shutdown, SocketFlags, SocketType, bind, connect, shutdown, socket_with, sockopt};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};
use std::net::{self, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
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

#[derive(Debug, Default)]
struct Gates {
    cut: BTreeSet<(Endpoint, Endpoint)>,
    closed: bool,
}

/// A proxy in front of a port.
#[derive(Debug)]
struct Door {
    listener: Arc<TcpListener>,
    thread: JoinHandle<()>,
}

impl Gates {
    fn cuts(&self, from: Endpoint, to: Endpoint) -> bool {
        from != to && !self.closed && self.cut.contains(&(from, to))
    }
}

impl Mesh {
    /// Without any link yet.
    pub fn new(block: Block, run: PathBuf) -> Mesh {
        Mesh {
            block,
            run,
            gates: Mutex::default(),
            changed: Condvar::new(),
            held: AtomicU64::new(0),
            doors: Mutex::default(),
            announced: Mutex::default(),
            streams: Mutex::default(),
        }
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
        let thread = thread.map_err(crate::error::machine("cannot start a thread"))?;
        doors.insert((node, port), Door { listener, thread });
        Ok(address)
    }

    /// Cuts exactly these.
    pub fn cut(&self, pairs: &[(Endpoint, Endpoint)]) {
        lock(&self.gates).cut = pairs.iter().copied().collect();
        self.changed.notify_all();
    }

    /// How often something was held back so far.
    pub fn held(&self) -> u64 {
        self.held.load(Relaxed)
    }

    /// Ends every connection and listens no more.
    pub fn close(&self) {
        lock(&self.gates).closed = true;
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

    /// Waits until both ways between two ends are open; false if the host was closed, or nobody waits any more.
    fn may_open(&self, from: Endpoint, to: Endpoint, waits: impl Fn() -> bool) -> bool {
        let mut gates = lock(&self.gates);
        let cut = |gates: &Gates| gates.cuts(from, to) || gates.cuts(to, from);
        if cut(&gates) {
            self.held.fetch_add(1, Relaxed);
        }
        while cut(&gates) {
            if !waits() {
                return false;
            }
            gates = self.changed.wait_timeout(gates, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        !gates.closed
    }

    /// Waits until a way is open; false if the host was closed.
    fn pass(&self, (from, to): (Endpoint, Endpoint)) -> bool {
        let mut gates = lock(&self.gates);
        if gates.cuts(from, to) {
            self.held.fetch_add(1, Relaxed);
        }
        while gates.cuts(from, to) {
            gates = self.changed.wait(gates).unwrap_or_else(PoisonError::into_inner);
        }
        !gates.closed
    }

    /// Passes on what one side says, its end included.
    fn pump(&self, mut from: &TcpStream, mut to: &TcpStream, way: (Endpoint, Endpoint)) {
        let mut part = [0; PART];
        while let Ok(length @ 1..) = from.read(&mut part) {
            let mut said = &part[..length];
            while !said.is_empty() {
                if !self.pass(way) {
                    return;
                }
                match to.write(said) {
                    Ok(written) => said = &said[written..],
                    // It does not read, and a cut may have begun meanwhile.
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => {
                        // That nobody is there is said by the other side, and cut as all that it says.
                        if self.pass((way.1, way.0)) {
                            let _ = from.shutdown(net::Shutdown::Both);
                        }
                        return;
                    }
                }
            }
        }
        if self.pass(way) {
            let _ = to.shutdown(net::Shutdown::Write);
        }
    }
}

/// Whether the other side has closed its connection, or ended.
fn has_hung_up(stream: &TcpStream) -> bool {
    let mut polled = [PollFd::new(stream, PollFlags::RDHUP)];
    let at_once = Timespec::default();
    poll(&mut polled, Some(&at_once)).is_ok_and(|changed| changed > 0)
}

/// An error where somebody listens at a daemon's own address. That is found out without listening: what is open here for a moment is
/// open for as long in whatever another thread begins meanwhile, and nobody is to be answered there.
fn nobody_listens(address: Ipv4Addr, port: u16) -> io::Result<()> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    Ok(bind(&socket, &SocketAddrV4::new(address, port))?)
}

/// A socket that is not connected yet, at an address of its own.
fn bound(address: Ipv4Addr) -> io::Result<TcpStream> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrV4::new(address, 0))?;
    Ok(socket.into())
}

fn open(socket: TcpStream, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let patience = Some(timeout.max(Duration::from_millis(1)));
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, patience)?;
    connect(&socket, &to).map_err(|error| match error {
        rustix::io::Errno::INPROGRESS | rustix::io::Errno::AGAIN => io::ErrorKind::TimedOut.into(),
        error => io::Error::from(error),
    })?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, None)?;
    Ok(socket)
}

/// Plain data is whole even where a thread panicked while it held the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
