//! The links between nodes: one proxy of the controller for each direction of each pair.
//!
//! Node i connects to the proxy of i → j, the proxy to j; whole frames pass, or do not. Cutting needs no root, and the
//! nodes do not notice: their connections stay.

use super::wire::{Hello, Speaker, frame, next, next_frame};
use harness::{NodeId, Rng, Seed, Time};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Frames that may wait in a proxy for a node that does not read; more are lost.
const WAITING: usize = 16_384;

/// Where a node listens now; `None` while it does not.
pub type Address = watch::Receiver<Option<u16>>;

/// All links, and where nodes listen.
pub struct Mesh {
    nodes: u8,
    gates: Arc<Gates>,
    ports: Vec<Option<u16>>,
    addresses: Vec<watch::Sender<Option<u16>>>,
}

/// What may pass.
struct Gates {
    nodes: usize,
    /// How many partitions cut each directed link.
    cuts: Vec<AtomicU32>,
    /// Frames and client messages that a cut stopped, ever.
    stopped: Vec<AtomicU64>,
    rough: Mutex<Vec<Rough>>,
    /// Frames that link faults lost, doubled or delayed, ever.
    roughed: AtomicU64,
}

/// A link fault, on every link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rough {
    /// Percent.
    pub loss: u32,
    /// Percent.
    pub duplicate: u32,
    /// At most.
    pub delay: Time,
}

impl Mesh {
    /// Listens for every link, on the runtime whose context this is called in.
    pub fn new(nodes: u8, run: u64, seed: Seed) -> io::Result<Mesh> {
        let count = usize::from(nodes);
        let gates = Arc::new(Gates {
            nodes: count,
            cuts: (0..count * count).map(|_| AtomicU32::new(0)).collect(),
            stopped: (0..count * count).map(|_| AtomicU64::new(0)).collect(),
            rough: Mutex::new(Vec::new()),
            roughed: AtomicU64::new(0),
        });
        let addresses = (0..nodes).map(|_| watch::channel(None).0).collect();
        let mut mesh = Mesh { nodes, gates, ports: vec![None; count * count], addresses };
        for from in (0..nodes).map(NodeId) {
            for to in (0..nodes).map(NodeId).filter(|to| *to != from) {
                let place = mesh.gates.place(from, to);
                mesh.ports[place] = Some(mesh.proxy(from, to, run, seed)?);
            }
        }
        Ok(mesh)
    }

    fn proxy(&self, from: NodeId, to: NodeId, run: u64, seed: Seed) -> io::Result<u16> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (sender, frames) = channel(WAITING);
        let rng = Arc::new(Mutex::new(seed.stream(&format!("link {from} to {to}"))));
        let link = Link { from, to, run, gates: self.gates.clone(), rng };
        tokio::spawn(link.clone().take_in(TcpListener::from_std(listener)?, sender));
        tokio::spawn(link.give_out(frames, self.address(to)));
        Ok(port)
    }

    /// Where the proxies of a node's outgoing links listen.
    pub fn ports(&self, from: NodeId) -> Vec<(NodeId, u16)> {
        let port = |to| Some((to, self.ports[self.gates.place(from, to)]?));
        (0..self.nodes).map(NodeId).filter_map(port).collect()
    }
    /// Where a node listens, from now on.
    pub fn aim(&self, node: NodeId, port: Option<u16>) {
        self.addresses[node.index()].send_replace(port);
    }
    /// Where a node listens, to be looked at and waited for.
    pub fn address(&self, node: NodeId) -> Address {
        self.addresses[node.index()].subscribe()
    }
    /// May a message pass now? Counts it if not.
    pub fn passes(&self, from: NodeId, to: NodeId) -> bool {
        self.gates.passes(from, to)
    }

    /// Cuts links; returns what [`Mesh::mend`] needs to say how much they stopped.
    pub fn cut(&self, links: &[(NodeId, NodeId)]) -> u64 {
        for (from, to) in links {
            self.gates.cuts[self.gates.place(*from, *to)].fetch_add(1, SeqCst);
        }
        self.stopped(links)
    }
    /// Mends what was cut, once; returns how many messages were stopped since `before`.
    pub fn mend(&self, links: &[(NodeId, NodeId)], before: u64) -> u64 {
        for (from, to) in links {
            self.gates.cuts[self.gates.place(*from, *to)].fetch_sub(1, SeqCst);
        }
        self.stopped(links) - before
    }
    fn stopped(&self, links: &[(NodeId, NodeId)]) -> u64 {
        links.iter().map(|(from, to)| self.gates.stopped[self.gates.place(*from, *to)].load(SeqCst)).sum()
    }
    /// A link fault begins. Returns what [`Mesh::smooth`] needs to say how much it did.
    pub fn roughen(&self, rough: Rough) -> u64 {
        self.gates.rough().push(rough);
        self.gates.roughed.load(SeqCst)
    }
    /// A link fault ends; returns how many frames it lost, doubled or delayed since `before`.
    pub fn smooth(&self, rough: Rough, before: u64) -> u64 {
        let mut all = self.gates.rough();
        let place = all.iter().position(|other| *other == rough).expect("it was in force");
        all.remove(place);
        self.gates.roughed.load(SeqCst) - before
    }
}

impl Gates {
    fn place(&self, from: NodeId, to: NodeId) -> usize {
        from.index() * self.nodes + to.index()
    }

    fn passes(&self, from: NodeId, to: NodeId) -> bool {
        let place = self.place(from, to);
        let cut = from != to && self.cuts[place].load(SeqCst) > 0;
        if cut {
            self.stopped[place].fetch_add(1, SeqCst);
        }
        !cut
    }

    fn rough(&self) -> std::sync::MutexGuard<'_, Vec<Rough>> {
        self.rough.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// By how much each copy of a frame is delayed: no copy if it is lost.
    fn copies(&self, rng: &mut Rng) -> Vec<Duration> {
        let mut copies = vec![Duration::ZERO];
        for rough in self.rough().iter() {
            if rng.percent(rough.loss.into()) {
                self.roughed.fetch_add(1, SeqCst);
                return Vec::new();
            }
            if rng.percent(rough.duplicate.into()) {
                self.roughed.fetch_add(1, SeqCst);
                copies.push(Duration::ZERO);
            }
            if rough.delay > Time::ZERO {
                self.roughed.fetch_add(1, SeqCst);
                for copy in &mut copies {
                    *copy += Duration::from_micros(rng.between(Time::ZERO, rough.delay).0);
                }
            }
        }
        copies
    }
}

/// One direction of one pair.
#[derive(Clone)]
struct Link {
    from: NodeId,
    to: NodeId,
    run: u64,
    gates: Arc<Gates>,
    rng: Arc<Mutex<Rng>>,
}

/// A frame in a proxy: when it is due, and its place in the order of arrival.
type Held = Reverse<(Instant, u64, Vec<u8>)>;

impl Link {
    /// Accepts connections of node `from` and takes frames in.
    async fn take_in(self, listener: TcpListener, queue: Sender<(Instant, Vec<u8>)>) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(self.clone().read(stream, queue.clone()))),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// A connection that breaks takes with it what was on it, as TCP does.
    async fn read(self, stream: TcpStream, queue: Sender<(Instant, Vec<u8>)>) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let expected = Hello { run: self.run, to: self.to, from: Speaker::Peer(self.from) };
        if next::<Hello>(&mut stream).await? != Some(expected) {
            return Ok(());
        }
        while let Some(frame) = next_frame(&mut stream).await? {
            if !self.gates.passes(self.from, self.to) {
                continue;
            }
            let copies = self.gates.copies(&mut self.rng.lock().unwrap_or_else(PoisonError::into_inner));
            for delay in copies {
                // A full queue loses it: the node behind it has not read for long.
                let _ = queue.try_send((Instant::now() + delay, frame.clone()));
            }
        }
        Ok(())
    }

    /// Gives frames out to node `to` when they are due.
    async fn give_out(self, mut queue: Receiver<(Instant, Vec<u8>)>, address: Address) {
        let (mut held, mut arrived): (BinaryHeap<Held>, u64) = (BinaryHeap::new(), 0);
        let mut out = Outgoing { link: self, address, stream: None };
        loop {
            let due = held.peek().map(|Reverse((due, ..))| *due);
            let sleep = sleep_until(due.unwrap_or_else(Instant::now));
            tokio::select! {
                frame = queue.recv() => match frame {
                    Some((due, frame)) => {
                        arrived += 1;
                        held.push(Reverse((due, arrived, frame)));
                    }
                    None => return,
                },
                () = sleep, if due.is_some() => {}
            }
            let mut batch = Vec::new();
            while held.peek().is_some_and(|Reverse((due, ..))| *due <= Instant::now()) {
                let Some(Reverse((.., frame))) = held.pop() else { break };
                // A cut stops also what was on its way.
                if out.link.gates.passes(out.link.from, out.link.to) {
                    batch.extend(frame);
                }
            }
            if !batch.is_empty() {
                out.write(&batch).await;
            }
        }
    }
}

/// The connection to the node at the link's end, as long as it listens at one port.
struct Outgoing {
    link: Link,
    address: Address,
    stream: Option<(u16, TcpStream)>,
}

impl Outgoing {
    /// Writes, or loses it where nobody listens.
    async fn write(&mut self, bytes: &[u8]) {
        let Some(port) = *self.address.borrow() else { return self.stream = None };
        if self.stream.as_ref().is_none_or(|(to, _)| *to != port) {
            self.stream = self.connect(port).await.ok().map(|stream| (port, stream));
        }
        let Some((_, stream)) = &mut self.stream else { return };
        if stream.write_all(bytes).await.is_err() {
            self.stream = None;
        }
    }

    async fn connect(&self, port: u16) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream.set_nodelay(true)?;
        let Link { from, to, run, .. } = self.link;
        stream.write_all(&frame(&Hello { run, to, from: Speaker::Peer(from) })).await?;
        Ok(stream)
    }
}
