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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    /// Nodes whose links are slow, and by how much.
    slow: Mutex<Vec<(NodeId, Time)>>,
    /// Frames that link faults lost, doubled or delayed, ever.
    roughed: AtomicU64,
    /// Copies that were given out after the first one, ever.
    doubled: AtomicU64,
    /// Frames that were given out after a later one of their link, ever.
    overtaken: AtomicU64,
}

/// What link faults have done to frames so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Lost, doubled or delayed.
    pub roughed: u64,
    /// Copies that were given out after the first one.
    pub doubled: u64,
    /// Given out after a later one of their link.
    pub overtaken: u64,
}

/// A link fault, on every link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rough {
    /// Percent.
    pub loss: u32,
    /// Percent.
    pub duplicate: u32,
    /// A further copy, at most.
    pub late: Time,
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
            slow: Mutex::new(Vec::new()),
            roughed: AtomicU64::new(0),
            doubled: AtomicU64::new(0),
            overtaken: AtomicU64::new(0),
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
        let rng = seed.stream(&format!("link {from} to {to}"));
        let order = Arc::new(Mutex::new(Order { rng, latest: Instant::now(), sent: 0 }));
        let link = Link { from, to, run, gates: self.gates.clone(), order };
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
    /// A link fault begins.
    pub fn roughen(&self, rough: Rough) {
        lock(&self.gates.rough).push(rough);
    }
    /// A link fault ends.
    pub fn smooth(&self, rough: Rough) {
        let mut all = lock(&self.gates.rough);
        let place = all.iter().position(|other| *other == rough).expect("it was in force");
        all.remove(place);
    }
    /// The links of a node become slow.
    pub fn slow_down(&self, node: NodeId, by: Time) {
        lock(&self.gates.slow).push((node, by));
    }
    /// They are as fast as before.
    pub fn speed_up(&self, node: NodeId, by: Time) {
        let mut all = lock(&self.gates.slow);
        let place = all.iter().position(|other| *other == (node, by)).expect("it was in force");
        all.remove(place);
    }
    /// What link faults have done so far.
    pub fn counts(&self) -> Counts {
        let Gates { roughed, doubled, overtaken, .. } = &*self.gates;
        let (roughed, doubled) = (roughed.load(SeqCst), doubled.load(SeqCst));
        Counts { roughed, doubled, overtaken: overtaken.load(SeqCst) }
    }
}

/// Plain data is whole even where a thread panicked while it held the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

    /// Counts copies, and what a later frame has overtaken: `given` is the latest that was given out before.
    fn given_out(&self, frame: Frame, given: u64) {
        self.doubled.fetch_add(u64::from(frame.copy), SeqCst);
        self.overtaken.fetch_add(u64::from(!frame.copy && frame.number < given), SeqCst);
    }

    /// When each copy of a frame is to be given out: no copy if it is lost. What only loses, doubles or slows down does not let
    /// frames overtake each other; a late copy does.
    fn copies(&self, from: NodeId, to: NodeId, order: &mut Order) -> Vec<Frame> {
        let all = lock(&self.slow).clone();
        let slow = all.iter().filter(|(node, _)| *node == from || *node == to);
        let slower = slow.fold(Time::ZERO, |sum, (_, by)| sum + *by);
        self.roughed.fetch_add(u64::from(slower > Time::ZERO), SeqCst);
        let now = Instant::now() + duration(slower);
        order.sent += 1;
        let (mut due, mut late, mut in_order) = (now, Vec::new(), true);
        for rough in lock(&self.rough).iter() {
            if order.rng.percent(rough.loss.into()) {
                self.roughed.fetch_add(1, SeqCst);
                return Vec::new();
            }
            if order.rng.percent(rough.duplicate.into()) {
                self.roughed.fetch_add(1, SeqCst);
                // Two copies or three in all.
                for _ in 0..=order.rng.below(2) {
                    let spread = order.rng.between(Time::ZERO, rough.late) + order.rng.between(Time::ZERO, rough.delay);
                    late.push(now + duration(spread));
                }
            }
            if rough.delay > Time::ZERO {
                self.roughed.fetch_add(1, SeqCst);
                due += duration(order.rng.between(Time::ZERO, rough.delay));
                in_order = false;
            }
        }
        if in_order {
            due = due.max(order.latest);
            order.latest = due;
        }
        let number = order.sent;
        let copies = late.into_iter().map(|late| Frame { due: late.max(due), number, copy: true });
        std::iter::once(Frame { due, number, copy: false }).chain(copies).collect()
    }
}

fn duration(time: Time) -> Duration {
    Duration::from_micros(time.0)
}

/// What one direction of one pair remembers.
struct Order {
    rng: Rng,
    /// When the latest frame so far is given out: the next one is not earlier.
    latest: Instant,
    /// Frames so far.
    sent: u64,
}

/// One copy of a frame: when it is given out, its place among the frames of its link, and whether another copy is before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Frame {
    due: Instant,
    number: u64,
    copy: bool,
}

/// One direction of one pair.
#[derive(Clone)]
struct Link {
    from: NodeId,
    to: NodeId,
    run: u64,
    gates: Arc<Gates>,
    order: Arc<Mutex<Order>>,
}

/// A frame in a proxy, earliest first.
type Held = Reverse<(Frame, Vec<u8>)>;

impl Link {
    /// Accepts connections of node `from` and takes frames in.
    async fn take_in(self, listener: TcpListener, queue: Sender<(Frame, Vec<u8>)>) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => drop(tokio::spawn(self.clone().read(stream, queue.clone()))),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// A connection that breaks takes with it what was on it, as TCP does.
    async fn read(self, stream: TcpStream, queue: Sender<(Frame, Vec<u8>)>) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let expected = Hello { run: self.run, to: self.to, from: Speaker::Peer(self.from) };
        if next::<Hello>(&mut stream).await? != Some(expected) {
            return Ok(());
        }
        while let Some(frame) = next_frame(&mut stream).await? {
            if !self.gates.passes(self.from, self.to) {
                continue;
            }
            let copies = self.gates.copies(self.from, self.to, &mut lock(&self.order));
            for copy in copies {
                // A full queue loses it: the node behind it has not read for long.
                let _ = queue.try_send((copy, frame.clone()));
            }
        }
        Ok(())
    }

    /// Gives frames out to node `to` when they are due.
    async fn give_out(self, mut queue: Receiver<(Frame, Vec<u8>)>, address: Address) {
        let (mut held, mut given): (BinaryHeap<Held>, u64) = (BinaryHeap::new(), 0);
        let mut out = Outgoing { link: self, address, stream: None };
        loop {
            let due = held.peek().map(|Reverse((frame, _))| frame.due);
            let sleep = sleep_until(due.unwrap_or_else(Instant::now));
            tokio::select! {
                frame = queue.recv() => match frame {
                    Some(frame) => held.push(Reverse(frame)),
                    None => return,
                },
                () = sleep, if due.is_some() => {}
            }
            let mut batch = Vec::new();
            while held.peek().is_some_and(|Reverse((frame, _))| frame.due <= Instant::now()) {
                let Some(Reverse((frame, bytes))) = held.pop() else { break };
                // A cut stops also what was on its way.
                if out.link.gates.passes(out.link.from, out.link.to) {
                    out.link.gates.given_out(frame, given);
                    given = given.max(frame.number);
                    batch.extend(bytes);
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
