//! A cluster in virtual time, on one thread: the same seed gives the same bytes.
//!
//! A queue of events drives the nodes of a [`World`]. Effects of a step are carried out in order; at a mark the
//! controller is told before anything that follows it in the step, so that a fault can strike between the two.

mod clients;
mod faults;
mod machine;
mod network;
mod operator;
mod queue;

use crate::client::{Client, Style};
use crate::cluster::{Cluster, FaultId, Happening, Trouble};
use crate::fault::{self, Fault};
use crate::history::ProcessId;
use crate::invariants::{Invariants, NO_PANIC};
use crate::node::{Effect, Input, Mark, Node, NodeId, Outbox, RequestId, Timer};
use crate::op::Op;
use crate::outcome::Outcome;
use crate::plan::{Plan, Settings};
use crate::relevance::Seen;
use crate::seed::Rng;
use crate::time::Time;
use crate::world::{Panicked, World};
use faults::Injected;
use machine::{Due, Machine, NATURAL};
use network::Network;
use operator::Operator;
use queue::Queue;
use std::borrow::Cow;
use std::collections::VecDeque;

/// A mark of the simulator's own: a node has written something that is not synced yet. Told only to plans that wait for it.
pub const WROTE: &str = "wrote";

/// A simulated cluster.
pub struct Simulator<N: Node> {
    now: Time,
    queue: Queue<Event>,
    world: World<N>,
    machines: Vec<Machine<Event>>,
    network: Network<N::Message>,
    clients: Vec<Client>,
    /// Requests asked so far, by client, within its current process.
    asked: Vec<(ProcessId, u32)>,
    style: Style,
    settings: Settings,
    disk: Rng,
    timers: Rng,
    targets: Rng,
    /// Effects of the latest steps that are not carried out yet, one outbox a step.
    pending: VecDeque<(NodeId, Outbox<N>)>,
    /// Empty outboxes to use again.
    spare: Vec<Outbox<N>>,
    happenings: VecDeque<Happening>,
    invariants: Invariants,
    watches_writes: bool,
    marked: Option<NodeId>,
    seen: Seen,
    operator: Operator,
    faults: Vec<Option<Injected>>,
}

/// Something that will happen.
#[derive(Clone, Debug)]
enum Event {
    /// A message arrives: its place in the network's slab.
    Deliver(u32),
    Fire {
        node: NodeId,
        timer: usize,
        generation: u32,
    },
    /// The oldest unsynced record of this life of the node is durable.
    Synced {
        node: NodeId,
        epoch: u32,
    },
    Request(Box<(NodeId, RequestId, Op)>),
    Answer(Box<(NodeId, RequestId, Outcome)>),
    AskAgain {
        client: u32,
        id: RequestId,
        attempt: u32,
    },
    GiveUp {
        client: u32,
        id: RequestId,
        attempt: u32,
    },
    Deadline {
        client: u32,
        id: RequestId,
    },
    /// The operator looks after the nodes that leave.
    Operate,
}

impl<N: Node> Simulator<N> {
    /// Starts every node of a planned cluster. Nothing has happened before the first [`Cluster::advance`].
    pub fn new(plan: &Plan, config: N::Config, style: Style) -> Self {
        let stream = |name: &str| plan.seed.stream(name);
        let (settings, mut rates) = (plan.settings.clone(), stream("rates"));
        let delay = (settings.delay_low, settings.delay_high);
        let mut machine = || Machine::new::<N::Timer>(NATURAL - 50 + rates.below(101));
        let mut simulator = Simulator {
            now: Time::ZERO,
            queue: Queue::new(),
            world: World::new(config, plan.nodes),
            machines: plan.node_ids().map(|_| machine()).collect(),
            network: Network::new(plan.nodes, delay, stream("network")),
            clients: (0..plan.clients)
                .map(|client| Client::new(style, plan.nodes, plan.home(crate::ClientId(client))))
                .collect(),
            asked: (0..plan.clients).map(|client| (ProcessId(client), 0)).collect(),
            style,
            settings,
            disk: stream("disk"),
            timers: stream("timers"),
            targets: stream("targets"),
            pending: VecDeque::new(),
            spare: Vec::new(),
            happenings: VecDeque::new(),
            invariants: Invariants::default(),
            watches_writes: false,
            marked: None,
            seen: Seen::new(plan.nodes, plan.clients),
            operator: Operator::default(),
            faults: Vec::new(),
        };
        for node in plan.node_ids() {
            simulator.start(node);
        }
        simulator
    }

    fn start(&mut self, node: NodeId) {
        let clock = self.machines[node.index()].clock(self.now);
        let mut outbox = self.spare.pop().unwrap_or_default();
        let started = self.world.start(node, clock, &mut outbox);
        self.stepped(node, started, outbox);
    }

    fn step(&mut self, node: NodeId, input: Input<N>) {
        let clock = self.machines[node.index()].clock(self.now);
        let mut outbox = self.spare.pop().unwrap_or_default();
        let stepped = self.world.step(node, clock, input, &mut outbox);
        self.stepped(node, stepped, outbox);
    }

    fn stepped(&mut self, node: NodeId, result: Result<(), Panicked>, mut outbox: Outbox<N>) {
        match result {
            Ok(()) => {
                let found = self.world.view(node).and_then(|view| self.invariants.see(node, view));
                self.happenings.extend(found.map(|(name, sentence)| Happening::Found(name, sentence)));
            }
            Err(Panicked(words)) => {
                self.machines[node.index()].die();
                outbox.clear();
                let sentence = format!("{node} panicked: {words}");
                self.happenings.push_back(Happening::Found(NO_PANIC, sentence));
            }
        }
        match outbox.is_empty() {
            true => self.spare.push(outbox),
            false => self.pending.push_back((node, outbox)),
        }
    }

    /// The next effect to carry out.
    fn next_effect(&mut self) -> Option<(NodeId, Effect<N>)> {
        while let Some((node, outbox)) = self.pending.front_mut() {
            if let Some(effect) = outbox.pop() {
                return Some((*node, effect));
            }
            self.spare.extend(self.pending.pop_front().map(|(_, outbox)| outbox));
        }
        None
    }

    fn handle(&mut self, event: Event) {
        if let Some(node) = self.concerns(&event)
            && self.machines[node.index()].paused > 0
        {
            return self.machines[node.index()].held.push(event);
        }
        match event {
            Event::Deliver(place) => {
                let envelope = self.network.arrive(place);
                if self.network.passes(envelope.from, envelope.to) {
                    self.step(envelope.to, Input::Receive { from: envelope.from, message: envelope.message });
                }
            }
            Event::Fire { node, timer, generation } => {
                match self.machines[node.index()].due(self.now, timer, generation) {
                    Due::Now => self.step(node, Input::Fire(N::Timer::at(timer))),
                    Due::Later(at) => self.queue.push(at, Event::Fire { node, timer, generation }),
                    Due::Stale => {}
                }
            }
            Event::Synced { node, epoch } => {
                if self.machines[node.index()].epoch == epoch {
                    self.world.sync(node);
                    self.step(node, Input::Persisted { records: 1 });
                }
            }
            Event::Request(request) => self.requested(*request),
            Event::Answer(answer) => self.answered(*answer),
            Event::AskAgain { client, id, attempt } => self.ask_again(client, id, attempt),
            Event::GiveUp { client, id, attempt } => self.give_up(client, id, attempt),
            Event::Deadline { client, id } => self.deadline(client, id),
            Event::Operate => self.operate(),
        }
    }

    /// The node whose process an event needs.
    fn concerns(&self, event: &Event) -> Option<NodeId> {
        match event {
            Event::Deliver(place) => Some(self.network.peek(*place).to),
            Event::Fire { node, .. } | Event::Synced { node, .. } => Some(*node),
            Event::Request(request) => Some(request.0),
            Event::Answer(_) | Event::AskAgain { .. } | Event::GiveUp { .. } => None,
            Event::Deadline { .. } | Event::Operate => None,
        }
    }

    fn carry_out(&mut self, node: NodeId, effect: Effect<N>) {
        let now = self.now;
        match effect {
            Effect::Send { to, message } => {
                let queue = &mut self.queue;
                self.network.send(now, node, to, message, |at, place| queue.push(at, Event::Deliver(place)));
            }
            Effect::Reply { to, outcome } => {
                self.replied(node, to, &outcome);
                let at = now + self.network.latency();
                self.queue.push(at, Event::Answer(Box::new((node, to, outcome))));
            }
            Effect::Persist(record) => self.persist(node, record),
            Effect::SetTimer { timer, low, high } => {
                let span = self.timers.between(low, high + Time(1));
                if let Some((generation, at)) = self.machines[node.index()].arm(now, timer.index(), span) {
                    self.queue.push(at, Event::Fire { node, timer: timer.index(), generation });
                }
            }
            Effect::CancelTimer(timer) => self.machines[node.index()].disarm(timer.index()),
            Effect::Mark(mark) => self.mark(node, mark.name()),
        }
    }

    fn persist(&mut self, node: NodeId, record: N::Record) {
        let span = self.disk.between(self.settings.sync_low, self.settings.sync_high);
        let machine = &mut self.machines[node.index()];
        machine.slowed += u64::from(machine.slow > Time::ZERO);
        machine.synced = (self.now + span + machine.slow).max(machine.synced);
        self.world.write(node, record);
        self.queue.push(machine.synced, Event::Synced { node, epoch: machine.epoch });
        if self.watches_writes {
            self.mark(node, WROTE);
        }
    }

    fn mark(&mut self, node: NodeId, name: &'static str) {
        self.marked = Some(node);
        self.seen.marked(node, name);
        self.happenings.push_back(Happening::Marked(node, Cow::Borrowed(name)));
    }
}

impl<N: Node> Cluster for Simulator<N> {
    fn now(&self) -> Time {
        self.now
    }

    fn watch(&mut self, marks: &[String]) {
        self.watches_writes = marks.iter().any(|mark| mark == WROTE);
    }

    fn ready(&mut self) -> bool {
        let leads = |node: NodeId| self.world.view(node).is_some_and(|view| view.leads);
        !self.style.needs_leader() || (0..self.world.len() as u8).map(NodeId).any(leads)
    }

    fn submit(&mut self, process: ProcessId, op: &Op, first: Option<NodeId>) -> Result<(), Trouble> {
        self.begin(process, op.clone(), first);
        Ok(())
    }

    fn inject(&mut self, fault: &Fault) -> Result<(FaultId, Fault), Trouble> {
        if fault.real_only() {
            let why = "simulated nodes have no processes that could be short of anything, and no files";
            return Err(Trouble::new(format!("\"{fault}\" cannot be simulated"), why, "use it on a real database"));
        }
        Ok(self.strike(fault))
    }

    fn lift(&mut self, fault: FaultId) -> Result<fault::Effect, Trouble> {
        Ok(self.relieve(fault))
    }

    fn advance(&mut self, until: Time) -> Result<Option<Happening>, Trouble> {
        loop {
            if let Some(happening) = self.happenings.pop_front() {
                return Ok(Some(happening));
            }
            if let Some((node, effect)) = self.next_effect() {
                self.carry_out(node, effect);
                continue;
            }
            let Some((time, event)) = self.queue.pop(until) else {
                self.now = self.now.max(until);
                return Ok(None);
            };
            self.now = time;
            self.handle(event);
        }
    }

    fn digests(&mut self) -> Result<Vec<(NodeId, u64)>, Trouble> {
        let nodes = (0..self.world.len() as u8).map(NodeId);
        Ok(nodes.filter_map(|node| Some((node, self.world.node(node)?.digest()))).collect())
    }
}
