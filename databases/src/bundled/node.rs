//! A node as a process: threads and sockets around one [`harness::Node`], whose steps all happen on the main thread.
//!
//! A step's effects are carried out in order. At a mark that the plan waits for the thread stops until the controller
//! says go, so that a fault can strike between what precedes it and what follows.

use super::clock::{Clock, Truth};
use super::sockets::{Arrival, Sockets};
use super::wal;
use super::wire::{Command, NodeOptions, Notice, frame};
use harness::node::{Mark, Timer};
use harness::simulator::WROTE;
use harness::{Effect, Input, NodeId, Outbox, Rng, Time, Trouble, View};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::exit;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;
use store::{About, Design, Setup, Visitor};
use tokio::sync::mpsc::{Sender as Link, UnboundedSender};

/// The exit code of a node that could not go on.
const FAILED: i32 = 70;

/// The hidden subcommand: a node of the store, with its options on the first line of its input. Returns an exit code.
pub fn node_main() -> i32 {
    node_process(store::with)
}

/// [`node_main`] with a table of designs of one's own: `with` visits the design that is called so.
pub fn node_process(with: impl FnOnce(&str, Serve) -> Option<Result<(), Trouble>>) -> i32 {
    let served = options().and_then(|options| {
        let name = options.design.clone();
        with(&name, Serve { options }).unwrap_or_else(|| {
            Err(Trouble::new(
                format!("there is no design \"{name}\""),
                "this build has none of that name",
                "see: perjury list",
            ))
        })
    });
    match served {
        Ok(()) => 0,
        Err(trouble) => fail(trouble),
    }
}

fn options() -> Result<NodeOptions, Trouble> {
    let mut line = String::new();
    let read = io::stdin().read_line(&mut line).map_err(|error| error.to_string());
    let options = read.and_then(|_| serde_json::from_str(&line).map_err(|error| error.to_string()));
    options.map_err(|why| {
        let mend = "nodes are started by: perjury run --tier local";
        Trouble::new("a node expects its options as JSON on the first line of its input", why, mend)
    })
}

/// Runs a node until its process ends; visits the design that the options name.
#[derive(Debug)]
pub struct Serve {
    options: NodeOptions,
}

impl Visitor for Serve {
    type Out = Result<(), Trouble>;

    fn visit<D: Design>(self, design: &'static About) -> Result<(), Trouble> {
        let options = self.options;
        if !hosts::process::die_with(options.parent).map_err(machine("cannot be tied to its controller"))? {
            return Ok(());
        }
        let log = wal::open(&options.wal)?;
        let (records, durable) = (log.records.len(), recover::<D>(&log.records, &options, design)?);
        eprintln!("{} begins life {}: {records} records, {} torn bytes", options.id, options.life, log.torn);
        let (sender, arrivals) = channel();
        let listening = Sockets::listen(options.run, options.id, sender.clone());
        let sockets = listening.map_err(machine("cannot listen on loopback"))?;
        let shared = Arc::new(Shared::new(&options));
        let disk = keep(log.file, shared.clone(), sender.clone());
        let (goes, go) = channel();
        let control = (shared.clone(), sender);
        thread::spawn(move || obey(control.0.as_ref(), &control.1, &goes));
        say(&Notice::Ready { port: sockets.port, records });
        Core::<D>::new(design, &options, shared, sockets, disk, go).run(durable, &arrivals);
        Ok(())
    }
}

fn machine(what: &str) -> impl FnOnce(io::Error) -> Trouble {
    let what = format!("a node process {what}");
    move |error| Trouble::new(what, error, "see what this machine can do with: perjury doctor")
}

/// What the records amount to.
fn recover<D: Design>(records: &[Vec<u8>], options: &NodeOptions, design: &About) -> Result<D::Durable, Trouble> {
    let mut durable = D::Durable::default();
    for (index, bytes) in records.iter().enumerate() {
        let record = postcard::from_bytes(bytes).map_err(|error| {
            let what = format!("record {} of {} is none of {}", index + 1, options.wal.display(), design.name);
            Trouble::new(what, error, "begin with an empty directory")
        })?;
        D::fold(&mut durable, record);
    }
    Ok(durable)
}

/// What the controller changes while the node's thread may be busy or stopped at a mark.
struct Shared {
    truth: Truth,
    clock: Mutex<Clock>,
    slow_disk: Mutex<Time>,
    watched: Mutex<BTreeSet<String>>,
}

impl Shared {
    fn new(options: &NodeOptions) -> Shared {
        Shared {
            truth: Truth::new(options.begin),
            clock: Mutex::new(options.clock.clone()),
            slow_disk: Mutex::new(options.slow_disk),
            watched: Mutex::new(options.watch.iter().cloned().collect()),
        }
    }
    fn watches(&self, mark: &str) -> bool {
        lock(&self.watched).contains(mark)
    }
}

/// Plain data is whole even where a thread panicked while it held the lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does what the controller says. The end of the input is the end of the controller, and so of the node.
fn obey<M>(shared: &Shared, arrivals: &Sender<Arrival<M>>, goes: &Sender<()>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let command = serde_json::from_str(&line).unwrap_or_else(|error| {
            fail(Trouble::new(format!("the controller said \"{line}\""), error, "use one build for both"))
        });
        match command {
            Command::Start(links) => drop(arrivals.send(Arrival::Start(links))),
            Command::Clock(clock) => {
                *lock(&shared.clock) = clock;
                drop(arrivals.send(Arrival::Wake));
            }
            Command::ReadClock => say(&Notice::Wall(lock(&shared.clock).read(shared.truth.now()).wall)),
            Command::SlowDisk(by) => *lock(&shared.slow_disk) = by,
            Command::Digest => drop(arrivals.send(Arrival::Digest)),
            Command::Watch(marks) => *lock(&shared.watched) = marks.into_iter().collect(),
            Command::Go => drop(goes.send(())),
        }
    }
    exit(0);
}

/// The disk's thread: what is sent is appended, synced, and then counted.
fn keep<M: Send + 'static>(file: File, shared: Arc<Shared>, arrivals: Sender<Arrival<M>>) -> Sender<Vec<u8>> {
    let (disk, queue) = channel();
    thread::spawn(move || {
        let slowness = || Duration::from_micros(lock(&shared.slow_disk).0);
        let durable = |records| drop(arrivals.send(Arrival::Persisted(records)));
        if let Err(error) = wal::write_behind(file, &queue, slowness, || say(&Notice::Slowed), durable) {
            fail(Trouble::new("the write-ahead file cannot be written", error, "look at the free space of its disk"));
        }
    });
    disk
}

fn say(notice: &Notice) {
    let line = serde_json::to_string(notice).expect("a notice is plain data");
    if writeln!(io::stdout(), "{line}").is_err() {
        exit(0); // The controller has gone.
    }
}

fn fail(trouble: Trouble) -> ! {
    eprintln!("{trouble}");
    say(&Notice::Trouble(trouble.what, trouble.why, trouble.mend));
    exit(FAILED);
}

/// The node with everything that its effects need.
struct Core<D: Design> {
    id: NodeId,
    node: D,
    out: Outbox<D>,
    view: View,
    /// When each timer runs out, by the monotonic clock of this machine.
    timers: Vec<Option<Time>>,
    rng: Rng,
    shared: Arc<Shared>,
    sockets: Sockets,
    links: BTreeMap<NodeId, Link<Vec<u8>>>,
    /// Where each session asked last.
    askers: BTreeMap<u32, UnboundedSender<(harness::RequestId, harness::Outcome)>>,
    disk: Sender<Vec<u8>>,
    go: Receiver<()>,
}

impl<D: Design> Core<D> {
    fn new(
        design: &'static About,
        options: &NodeOptions,
        shared: Arc<Shared>,
        sockets: Sockets,
        disk: Sender<Vec<u8>>,
        go: Receiver<()>,
    ) -> Core<D> {
        let (nodes, settings, switches) = (options.nodes, options.settings.clone(), options.switches.clone());
        Core {
            id: options.id,
            node: D::new(&D::config(&Setup { design: design.name, nodes, settings, switches }), options.id),
            out: Outbox::default(),
            view: View::default(),
            timers: vec![None; D::Timer::COUNT],
            rng: options.seed.stream(&format!("timers of {}, life {}", options.id, options.life)),
            shared,
            sockets,
            links: BTreeMap::new(),
            askers: BTreeMap::new(),
            disk,
            go,
        }
    }

    fn run(mut self, durable: D::Durable, arrivals: &Receiver<Arrival<D::Message>>) {
        let mut early = VecDeque::new();
        loop {
            match arrivals.recv() {
                Ok(Arrival::Start(links)) => {
                    self.links = links.into_iter().map(|(to, port)| (to, self.sockets.link(to, port))).collect();
                    break self.step(Input::Start(durable));
                }
                Ok(arrival) => early.push_back(arrival),
                Err(_) => return,
            }
        }
        early.into_iter().for_each(|arrival| self.take(arrival));
        loop {
            self.fire_due();
            match self.wait(arrivals) {
                Ok(arrival) => self.take(arrival),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Waits for an arrival until the next timer runs out.
    fn wait(&self, arrivals: &Receiver<Arrival<D::Message>>) -> Result<Arrival<D::Message>, RecvTimeoutError> {
        match self.timers.iter().flatten().min() {
            Some(due) => arrivals.recv_timeout(lock(&self.shared.clock).until(self.shared.truth.now(), *due)),
            None => arrivals.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    fn monotonic(&self) -> Time {
        lock(&self.shared.clock).read(self.shared.truth.now()).monotonic
    }

    fn fire_due(&mut self) {
        let now = self.monotonic();
        for timer in 0..self.timers.len() {
            if self.timers[timer].take_if(|due| *due <= now).is_some() {
                self.step(Input::Fire(D::Timer::at(timer)));
            }
        }
    }

    fn take(&mut self, arrival: Arrival<D::Message>) {
        match arrival {
            Arrival::Peer(from, message) => self.step(Input::Receive { from, message }),
            Arrival::Request(id, op, asker) => {
                self.askers.retain(|_, asker| !asker.is_closed());
                self.askers.insert(id.session, asker);
                self.step(Input::Request { id, op });
            }
            Arrival::Persisted(records) => self.step(Input::Persisted { records }),
            Arrival::Digest => say(&Notice::Digest(self.node.digest())),
            Arrival::Start(_) | Arrival::Wake => {}
        }
    }

    fn step(&mut self, input: Input<D>) {
        let clock = lock(&self.shared.clock).read(self.shared.truth.now());
        let (node, out) = (&mut self.node, &mut self.out);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| node.step(clock, input, out))) {
            let words = panic.downcast_ref::<String>().map(String::as_str);
            let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words");
            say(&Notice::Panicked(words.to_string()));
            exit(FAILED);
        }
        let view = self.node.view();
        if view != self.view {
            self.view = view;
            say(&Notice::View(view));
        }
        let effects: Vec<Effect<D>> = self.out.drain().collect();
        effects.into_iter().for_each(|effect| self.carry_out(effect));
    }

    fn carry_out(&mut self, effect: Effect<D>) {
        match effect {
            Effect::Send { to, message } => {
                let link = self.links.get(&to).unwrap_or_else(|| panic!("{} says something to {to}", self.id));
                // A full queue loses it, as any link may.
                let _ = link.try_send(frame(&message));
            }
            Effect::Reply { to, outcome } => {
                let asker = self.askers.get(&to.session);
                // Whoever asked may have gone.
                let _ = asker.map(|asker| asker.send((to, outcome)));
            }
            Effect::Persist(record) => {
                let bytes = postcard::to_stdvec(&record).expect("a record is plain data");
                self.disk.send(wal::encode(&bytes)).expect("the disk's thread ends with the process");
                if self.shared.watches(WROTE) {
                    self.mark(WROTE);
                }
            }
            Effect::SetTimer { timer, low, high } => {
                let span = self.rng.between(low, high + Time(1));
                self.timers[timer.index()] = Some(self.monotonic() + span);
            }
            Effect::CancelTimer(timer) => self.timers[timer.index()] = None,
            Effect::Mark(mark) => self.mark(mark.name()),
        }
    }

    fn mark(&mut self, name: &str) {
        let waits = self.shared.watches(name);
        say(&Notice::Mark { name: name.to_string(), waits });
        if waits {
            // The input's end ends the process, so somebody always says go.
            let _ = self.go.recv();
        }
    }
}
