//! All that can happen to a cluster within bounds: the moments, and what leads from one to the next.
//!
//! The steps are the lines of a script ([`harness::script`]), one thing each, so that every way through is one. Time passes
//! only as far as a protocol must see it: a tick whenever a client asks or a timer runs out that is limited.

use crate::bounds::{Bounds, Disks, MOST_NODES};
use crate::order::{Call, explained};
use crate::state::{Broken, Link, Links, Spent, State};
use harness::client::Style;
use harness::invariants::{Invariants, NO_PANIC};
use harness::node::Timer;
use harness::script::{TICK, spelt};
use harness::world::{Panicked, World};
use harness::{Effect, Input, LocalClock, Node, NodeId, Op, Outbox, Outcome, RequestId, Time};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// What every acknowledged answer must have: a place in one order. The name of the property.
pub const LINEARIZABLE: &str = "linearizable";

/// All that can happen.
pub struct Space<N: Node> {
    config: N::Config,
    style: Style,
    bounds: Bounds,
    /// Every operation, by client, and whose it is.
    ops: Vec<Op>,
    owners: Vec<Owner>,
    /// By node and timer: the place in the bounds that lets it run out, if one does.
    limits: Vec<Vec<Option<usize>>>,
    /// Set from outside: enough.
    stop: Arc<AtomicBool>,
    /// Something was left out because of it.
    cut: AtomicBool,
    /// Nobody searches any more.
    over: AtomicBool,
    /// A state that breaks a promise was seen.
    seen: OnceLock<()>,
}

/// A client, and the how-manieth of its operations this is, counted from zero.
#[derive(Clone, Copy, Debug)]
struct Owner {
    client: u32,
    place: u32,
}

/// One thing that happens: a line of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A timer, by index, runs out.
    Fire(NodeId, usize),
    /// The oldest message of a link arrives.
    Deliver(NodeId, NodeId),
    /// The oldest message of a link is lost.
    Drop(NodeId, NodeId),
    /// The oldest unsynced write of a node is durable.
    Sync(NodeId),
    /// A process dies.
    Kill(NodeId),
    /// A process dies and its unsynced writes are lost.
    Power(NodeId),
    /// A dead node comes back.
    Start(NodeId),
    /// The client of this operation, by index, asks it.
    Ask(usize, NodeId),
}

impl<N: Node> Space<N> {
    /// The space of a design with this configuration. Setting `stop` ends its exploration.
    pub fn new(config: N::Config, style: Style, bounds: Bounds, stop: Arc<AtomicBool>) -> Space<N> {
        let of = |(client, ops): (u32, &Vec<Op>)| {
            (0..).zip(ops.clone()).map(move |(place, op)| (Owner { client, place }, op)).collect::<Vec<_>>()
        };
        let (owners, ops) = (0..).zip(&bounds.clients).flat_map(of).unzip();
        let limit = |node: NodeId, timer: &String| {
            bounds.fires.iter().position(|fires| fires.timer == *timer && fires.node.is_none_or(|of| of == node))
        };
        let timers = Self::timers();
        let of_node = |node: NodeId| timers.iter().map(|timer| limit(node, timer)).collect();
        let limits = bounds.node_ids().map(of_node).collect();
        let (cut, over, seen) = (AtomicBool::new(false), AtomicBool::new(false), OnceLock::new());
        Space { config, style, bounds, ops, owners, limits, stop, cut, over, seen }
    }

    /// Did somebody say that it is enough? Then the search leaves something out, and that is remembered.
    pub fn enough(&self) -> bool {
        let enough = self.stop.load(Ordering::Relaxed) && !self.over.load(Ordering::Relaxed);
        self.cut.fetch_or(enough, Ordering::Relaxed);
        enough
    }

    /// The search is over. Whoever walks through the space now wants the way to a state, and all of it.
    pub fn search_is_over(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Was anything left out because somebody said that it is enough?
    pub fn cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    /// What bounds it.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The names of the timers that the design has.
    pub fn timers() -> Vec<String> {
        (0..N::Timer::COUNT).map(|index| N::Timer::at(index).name()).collect()
    }

    /// Every node has just been started, on an empty disk.
    pub fn beginning(&self) -> State<N> {
        let state = State {
            world: World::new(self.config.clone(), self.bounds.nodes),
            digests: [0; MOST_NODES as usize],
            armed: [0; MOST_NODES as usize],
            links: Links::new(),
            calls: vec![None; self.ops.len()],
            invariants: Arc::new(Invariants::default()),
            spent: Spent { fires: vec![0; self.bounds.fires.len()], ..Spent::default() },
            broken: None,
        };
        let mut step = Step { space: self, state, did: Vec::new(), out: Outbox::default() };
        self.bounds.node_ids().for_each(|node| step.start(node));
        step.state
    }

    /// Everything that may happen next, in a fixed order.
    pub fn possible(&self, state: &State<N>) -> Vec<Action> {
        if state.broken.is_some() {
            return Vec::new();
        }
        let mut possible: Vec<Action> = (0..self.ops.len()).flat_map(|op| self.asks(state, op)).collect();
        for link @ (from, to) in state.links.busy() {
            possible.push(Action::Deliver(from, to));
            if state.spent.drops < self.bounds.drops {
                possible.push(Action::Drop(link.0, link.1));
            }
        }
        self.bounds.node_ids().for_each(|node| self.of_node(state, node, &mut possible));
        possible
    }

    fn of_node(&self, state: &State<N>, node: NodeId, possible: &mut Vec<Action>) {
        if state.world.node(node).is_none() {
            return possible.push(Action::Start(node));
        }
        let unsynced = state.world.unsynced(node) > 0;
        if unsynced {
            possible.push(Action::Sync(node));
        }
        let armed = (0..N::Timer::COUNT).filter(|index| state.armed[node.index()] & 1 << index != 0);
        possible
            .extend(armed.filter(|index| self.may_fire(state, node, *index)).map(|index| Action::Fire(node, index)));
        if state.spent.crashes < self.bounds.crashes {
            possible.push(Action::Kill(node));
            // Without unsynced writes the two are the same.
            possible.extend(unsynced.then_some(Action::Power(node)));
        }
    }

    /// Whom a client may ask its operation now.
    fn asks(&self, state: &State<N>, op: usize) -> Vec<Action> {
        let Owner { client, place } = self.owners[op];
        let first = op - place as usize;
        let answered = |call: &Option<Call>| call.as_ref().is_some_and(|call| call.outcome.is_some());
        if state.calls[op].is_some() || !state.calls[first..op].iter().all(answered) {
            return Vec::new();
        }
        let home = NodeId((client % u32::from(self.bounds.nodes)) as u8);
        let asked = |node: &NodeId| match self.style.way(&self.ops[op]) {
            Style::FollowLeader => state.world.view(*node).is_some_and(|view| view.leads),
            Style::Sticky | Style::ReadAtHome => *node == home && state.world.node(home).is_some(),
        };
        self.bounds.node_ids().filter(asked).map(|node| Action::Ask(op, node)).collect()
    }

    fn may_fire(&self, state: &State<N>, node: NodeId, timer: usize) -> bool {
        let under = |place: usize| self.bounds.fires[place].most.is_none_or(|most| state.spent.fires[place] < most);
        self.limits[node.index()][timer].is_some_and(under)
    }

    /// No node is beyond the last term.
    pub fn contains(&self, state: &State<N>) -> bool {
        let term = |node| state.world.view(node).and_then(|view| view.term).unwrap_or(0);
        self.bounds.node_ids().all(|node| term(node) <= self.bounds.terms)
    }

    /// What comes of an action, and everything that was done for it, itself first.
    pub fn after(&self, state: &State<N>, action: Action) -> (State<N>, Vec<Action>) {
        let mut step = Step { space: self, state: state.clone(), did: vec![action], out: Outbox::default() };
        step.act(action);
        (step.state, step.did)
    }

    /// An action as a line of a script.
    pub fn line(&self, action: Action) -> String {
        match action {
            Action::Fire(node, timer) => format!("fire {node} {}", N::Timer::at(timer).name()),
            Action::Deliver(from, to) => format!("deliver {from} {to}"),
            Action::Drop(from, to) => format!("drop {from} {to}"),
            Action::Sync(node) => format!("sync {node}"),
            Action::Kill(node) => format!("kill {node}"),
            Action::Power(node) => format!("power {node}"),
            Action::Start(node) => format!("start {node}"),
            Action::Ask(op, node) => format!("client {} {node} {}", self.owners[op].client, spelt(&self.ops[op])),
        }
    }

    /// False for the first state that is seen to break this promise. One is enough, and the first is the nearest.
    pub fn keeps(&self, state: &State<N>, promise: &str) -> bool {
        let breaks = state.broken().is_some_and(|broken| broken.property == promise);
        !breaks || self.seen.set(()).is_err()
    }

    /// True if any operation was acknowledged.
    pub fn acknowledged(&self, state: &State<N>) -> bool {
        state.calls.iter().flatten().any(|call| matches!(call.outcome, Some(Outcome::Ok(_))))
    }

    /// True if a read was answered with what somebody wrote.
    pub fn was_read(&self, state: &State<N>) -> bool {
        let value = harness::Reply::Value(None);
        let saw = |call: &Call| matches!(&call.outcome, Some(Outcome::Ok(reply @ harness::Reply::Value(_))) if *reply != value);
        state.calls.iter().flatten().any(saw)
    }

    /// Does anybody read?
    pub fn reads(&self) -> bool {
        self.ops.iter().any(Op::is_read)
    }
}

/// One step under way.
struct Step<'a, N: Node> {
    space: &'a Space<N>,
    state: State<N>,
    did: Vec<Action>,
    out: Outbox<N>,
}

impl<N: Node> Step<'_, N> {
    fn act(&mut self, action: Action) {
        match action {
            Action::Fire(node, timer) => self.fire(node, timer),
            Action::Deliver(from, to) => {
                let message = self.state.links.take((from, to)).expect("something is on the way");
                self.step(to, Input::Receive { from, message });
            }
            Action::Drop(from, to) => {
                self.state.links.take((from, to));
                self.state.spent.drops += 1;
            }
            Action::Sync(node) => self.sync(node),
            Action::Kill(node) | Action::Power(node) => self.die(node, action == Action::Power(node)),
            Action::Start(node) => self.start(node),
            Action::Ask(op, node) => self.ask(op, node),
        }
    }

    fn fire(&mut self, node: NodeId, timer: usize) {
        self.state.armed[node.index()] &= !(1 << timer);
        let Space { limits, bounds, .. } = self.space;
        if let Some(place) = limits[node.index()][timer].filter(|place| bounds.fires[*place].most.is_some()) {
            self.state.spent.fires[place] += 1;
        }
        self.step(node, Input::Fire(N::Timer::at(timer)));
    }

    fn sync(&mut self, node: NodeId) {
        self.state.world.sync(node);
        self.step(node, Input::Persisted { records: 1 });
    }

    fn die(&mut self, node: NodeId, power: bool) {
        if power {
            self.state.world.power_loss(node);
        } else {
            self.state.world.kill(node);
        }
        self.state.spent.crashes += 1;
        self.state.armed[node.index()] = 0;
        self.state.links.lose(node);
        self.state.changed(node);
    }

    fn start(&mut self, node: NodeId) {
        let started = self.state.world.start(node, self.clock(), &mut self.out);
        self.stepped(node, None, started);
    }

    fn ask(&mut self, op: usize, node: NodeId) {
        let Owner { client, place } = self.space.owners[op];
        self.state.calls[op] = Some(Call { before: self.state.over(), outcome: None });
        let id = RequestId { session: client, number: place + 1 };
        self.step(node, Input::Request { id, op: self.space.ops[op].clone() });
    }

    /// Goes on with the order of events alone.
    fn clock(&self) -> LocalClock {
        let asked = self.state.calls.iter().flatten().count();
        let fired: usize = self.state.spent.fires.iter().map(|count| usize::from(*count)).sum();
        let now = TICK * (asked + fired) as u64;
        LocalClock { wall: Time(1_000_000_000_000) + now, monotonic: now }
    }

    fn step(&mut self, node: NodeId, input: Input<N>) {
        let before = self.state.world.view(node);
        let stepped = self.state.world.step(node, self.clock(), input, &mut self.out);
        self.stepped(node, before, stepped);
    }

    fn stepped(&mut self, node: NodeId, before: Option<harness::View>, result: Result<(), Panicked>) {
        match result {
            Ok(()) => {
                while let Some(effect) = self.out.pop() {
                    self.carry_out(node, effect);
                }
                let view = self.state.world.view(node);
                if let Some(view) = view.filter(|_| view != before) {
                    let seen = Arc::make_mut(&mut self.state.invariants).see(node, view);
                    seen.into_iter().for_each(|(property, sentence)| self.breaks(property, sentence));
                }
            }
            Err(Panicked(words)) => {
                self.out.clear();
                self.state.armed[node.index()] = 0;
                self.breaks(NO_PANIC, format!("{node} panicked: {words}"));
            }
        }
        self.state.changed(node);
        if self.space.bounds.disks == Disks::AtOnce
            && self.state.world.unsynced(node) > 0
            && self.state.broken.is_none()
        {
            self.did.push(Action::Sync(node));
            self.sync(node);
        }
    }

    fn carry_out(&mut self, node: NodeId, effect: Effect<N>) {
        let armed = &mut self.state.armed[node.index()];
        match effect {
            Effect::Send { to, message } => self.send((node, to), message),
            Effect::Reply { to, outcome } => self.answered(to, outcome),
            Effect::Persist(record) => self.state.world.write(node, record),
            Effect::SetTimer { timer, .. } => *armed |= 1 << timer.index(),
            Effect::CancelTimer(timer) => *armed &= !(1 << timer.index()),
            Effect::Mark(_) => {}
        }
    }

    /// What is said to a dead node is lost at once: no connection holds it until its restart.
    fn send(&mut self, link: Link, message: N::Message) {
        if self.state.world.node(link.1).is_none() {
            return self.did.push(Action::Drop(link.0, link.1));
        }
        self.state.links.send(link, message);
    }

    fn answered(&mut self, id: RequestId, outcome: Outcome) {
        let asked = |owner: &Owner| (owner.client, owner.place + 1) == (id.session, id.number);
        let op = self.space.owners.iter().position(asked).expect("somebody asked this");
        let call = self.state.calls[op].as_mut().expect("it was asked");
        if call.outcome.is_some() || matches!(outcome, Outcome::Unknown(_)) {
            return;
        }
        call.outcome = Some(outcome);
        if !explained(&self.space.ops, &self.state.calls) {
            let asked = spelt(&self.space.ops[op]);
            let client = self.space.owners[op].client;
            self.breaks(
                LINEARIZABLE,
                format!("no order explains what client {client} was told when it asked \"{asked}\""),
            );
        }
    }

    /// Of several the first counts.
    fn breaks(&mut self, property: &'static str, sentence: String) {
        self.state.broken.get_or_insert_with(|| Arc::new(Broken { property, sentence }));
    }
}

impl<N: Node> fmt::Debug for Space<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space").field("config", &self.config).field("bounds", &self.bounds).finish_non_exhaustive()
    }
}
