//! Plays a schedule on a [`World`]: the driver in which nothing happens by itself.

mod clients;
mod faults;

use super::{Count, Line, Link, Script, TICK};
use crate::files::Malformed;
use crate::history::{Event, History, Phase, ProcessId, What};
use crate::invariants::{Invariants, NO_PANIC};
use crate::node::{Effect, Input, LocalClock, Mark, Node, NodeId, Outbox, RequestId, Timer};
use crate::op::Op;
use crate::time::Time;
use crate::world::{Panicked, World};
use faults::Death;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What cannot be done, and what would be possible.
type Complaint = (String, String);

/// Settling takes no more rounds than this, unless nodes talk for ever.
const ROUNDS: usize = 10_000;

/// Plays all lines.
pub(super) fn history<N: Node>(script: &Script, config: N::Config, clients: u32) -> Result<History, Malformed> {
    let mut stage = Stage::<N>::new(script.nodes, config, clients);
    stage.record(What::Phase(Phase::Chaos));
    (0..script.nodes).map(NodeId).for_each(|node| stage.wake(node));
    for (number, line) in &script.lines {
        stage.now += TICK;
        match stage.line(line) {
            Err((wrong, expected)) if !stage.broken => {
                return Err(Malformed::new(format!("{}:{number}", script.name), wrong, expected));
            }
            _ => {}
        }
    }
    for node in (0..script.nodes).map(NodeId) {
        if let Some(digest) = stage.world.node(node).map(Node::digest) {
            stage.record(What::Digest { node, digest });
        }
    }
    Ok(stage.history)
}

/// What clocks on the wall read when a script begins.
const EPOCH: Time = Time(1_000_000_000_000);

/// How a node's clocks run.
#[derive(Clone, Copy)]
struct Pace {
    /// True and local time when that last changed.
    anchor: (Time, Time),
    /// Percent.
    rate: u32,
    /// Microseconds, of the clock on the wall.
    offset: i64,
}

struct Stage<N: Node> {
    now: Time,
    world: World<N>,
    paces: Vec<Pace>,
    /// What is on the way, oldest first.
    links: BTreeMap<Link, VecDeque<N::Message>>,
    /// Each with the strike that cut it.
    cuts: BTreeMap<Link, usize>,
    /// Messages that cuts have stopped.
    stopped: usize,
    /// Indexes of armed timers, by node.
    armed: Vec<BTreeSet<usize>>,
    askers: Vec<Asker>,
    /// The strike that killed a node, and what it did.
    killed: BTreeMap<NodeId, (usize, String)>,
    /// How many dismissals there were, and the strike and number of each node's latest one.
    dismissals: u64,
    dismissed: BTreeMap<NodeId, (usize, u64)>,
    struck: usize,
    outbox: Outbox<N>,
    invariants: Invariants,
    history: History,
    /// An invariant is broken: lines may no longer fit.
    broken: bool,
}

/// A client.
struct Asker {
    process: ProcessId,
    number: u32,
    open: Option<Open>,
}

struct Open {
    id: RequestId,
    op: Op,
    /// How many nodes may still act on it.
    uncertain: usize,
}

impl<N: Node> Stage<N> {
    fn new(nodes: u8, config: N::Config, clients: u32) -> Stage<N> {
        let asker = |client| Asker { process: ProcessId(client), number: 0, open: None };
        Stage {
            now: Time::ZERO,
            world: World::new(config, nodes),
            paces: vec![Pace { anchor: (Time::ZERO, Time::ZERO), rate: 100, offset: 0 }; nodes.into()],
            links: BTreeMap::new(),
            cuts: BTreeMap::new(),
            stopped: 0,
            armed: vec![BTreeSet::new(); nodes.into()],
            askers: (0..clients).map(asker).collect(),
            killed: BTreeMap::new(),
            dismissals: 0,
            dismissed: BTreeMap::new(),
            struck: 0,
            outbox: Outbox::default(),
            invariants: Invariants::default(),
            history: History::default(),
            broken: false,
        }
    }

    fn line(&mut self, line: &Line) -> Result<(), Complaint> {
        match line {
            Line::Fire { node, timer } => self.fire(*node, timer),
            Line::Deliver { link, count } => {
                self.take(*link, *count)?.into_iter().for_each(|message| self.receive(*link, message));
                Ok(())
            }
            Line::Drop { link, count } => self.take(*link, *count).map(drop),
            Line::Late(link) => {
                let oldest = self.take(*link, Count::Exactly(1))?;
                self.links.entry(*link).or_default().extend(oldest);
                Ok(())
            }
            Line::Twice(link) => {
                let oldest = self.take(*link, Count::Exactly(1))?.remove(0);
                self.links.entry(*link).or_default().push_front(oldest.clone());
                self.receive(*link, oldest);
                Ok(())
            }
            Line::Sync { node, count } => self.sync(*node, *count),
            Line::Settle(nodes) => self.settle(nodes),
            Line::Ask { client, node, op } => self.ask(*client as usize, *node, op),
            Line::Again { client, node } => self.again(*client as usize, *node),
            Line::Kill(node) => self.kill(*node, Death::Kill),
            Line::Power(node) => self.kill(*node, Death::Power),
            Line::Wipe(node) => self.kill(*node, Death::Wipe),
            Line::Clock { node, rate, offset } => {
                self.set_clock(*node, *rate, *offset);
                Ok(())
            }
            Line::Start(node) => self.start(*node),
            Line::Dismiss { at, nodes } => self.dismiss(*at, nodes),
            Line::Replace(node) => self.replace(*node),
            Line::Cut(one, other) => self.cut(*one, *other),
            Line::Heal => self.heal(),
            Line::Wait(span) => {
                self.now += *span;
                Ok(())
            }
            Line::Final => {
                self.record(What::Phase(Phase::Heal));
                self.record(What::Phase(Phase::Final));
                Ok(())
            }
        }
    }

    fn record(&mut self, what: What) {
        self.history.events.push(Event { time: self.now, what });
    }

    fn clock(&self, node: NodeId) -> LocalClock {
        let Pace { anchor, rate, offset } = self.paces[node.index()];
        let monotonic = anchor.1 + self.now.since(anchor.0) * u64::from(rate) / 100;
        LocalClock { wall: Time((EPOCH + monotonic).0.saturating_add_signed(offset)), monotonic }
    }

    fn wake(&mut self, node: NodeId) {
        let started = self.world.start(node, self.clock(node), &mut self.outbox);
        self.stepped(node, started);
    }

    fn step(&mut self, node: NodeId, input: Input<N>) {
        let stepped = self.world.step(node, self.clock(node), input, &mut self.outbox);
        self.stepped(node, stepped);
    }

    fn stepped(&mut self, node: NodeId, result: Result<(), Panicked>) {
        let effects: Vec<Effect<N>> = self.outbox.drain().collect();
        let found = match result {
            Ok(()) => {
                effects.into_iter().for_each(|effect| self.carry_out(node, effect));
                self.world.view(node).and_then(|view| self.invariants.see(node, view))
            }
            Err(Panicked(words)) => {
                self.armed[node.index()].clear();
                Some((NO_PANIC, format!("{node} panicked: {words}")))
            }
        };
        if let Some((invariant, sentence)) = found {
            self.broken = true;
            self.record(What::Finding { invariant: Cow::Borrowed(invariant), sentence });
        }
    }

    fn carry_out(&mut self, node: NodeId, effect: Effect<N>) {
        let armed = &mut self.armed[node.index()];
        match effect {
            Effect::Send { to, .. } if self.cuts.contains_key(&(node, to)) => self.stopped += 1,
            Effect::Send { to, message } => self.links.entry((node, to)).or_default().push_back(message),
            Effect::Reply { to, outcome } => self.answered(to, outcome),
            Effect::Persist(record) => self.world.write(node, record),
            Effect::SetTimer { timer, .. } => drop(armed.insert(timer.index())),
            Effect::CancelTimer(timer) => drop(armed.remove(&timer.index())),
            Effect::Mark(mark) => self.record(What::Mark { node, mark: Cow::Borrowed(mark.name()) }),
        }
    }

    fn fire(&mut self, node: NodeId, name: &str) -> Result<(), Complaint> {
        let spelt = |index: usize| N::Timer::at(index).name();
        let armed = &mut self.armed[node.index()];
        match armed.iter().copied().find(|index| spelt(*index) == name) {
            Some(index) => {
                armed.remove(&index);
                self.step(node, Input::Fire(N::Timer::at(index)));
                Ok(())
            }
            None => {
                let names: Vec<String> = armed.iter().map(|index| spelt(*index)).collect();
                let expected = if names.is_empty() { "none is".to_string() } else { names.join(" or ") };
                Err((format!("no timer \"{name}\" of {node} is armed"), format!("one that is: {expected}")))
            }
        }
    }

    /// Takes the oldest messages off a link.
    fn take(&mut self, (from, to): Link, count: Count) -> Result<Vec<N::Message>, Complaint> {
        let link = self.links.entry((from, to)).or_default();
        let count = exactly(count, link.len(), || format!("messages are on the way from {from} to {to}"))?;
        Ok(link.drain(..count).collect())
    }

    fn receive(&mut self, (from, to): Link, message: N::Message) {
        self.step(to, Input::Receive { from, message });
    }

    fn sync(&mut self, node: NodeId, count: Count) -> Result<(), Complaint> {
        let there = if self.world.node(node).is_some() { self.world.unsynced(node) } else { 0 };
        let count = exactly(count, there, || format!("writes of {node} are not synced"))?;
        for _ in 0..count {
            self.world.sync(node);
            self.step(node, Input::Persisted { records: 1 });
        }
        Ok(())
    }

    fn settle(&mut self, nodes: &[NodeId]) -> Result<(), Complaint> {
        for _ in 0..ROUNDS {
            let mut quiet = true;
            for to in nodes {
                quiet &= self.world.node(*to).is_none() || self.world.unsynced(*to) == 0;
                self.sync(*to, Count::All)?;
                for from in nodes {
                    if let Some(message) = self.links.get_mut(&(*from, *to)).and_then(VecDeque::pop_front) {
                        quiet = false;
                        self.receive((*from, *to), message);
                    }
                }
            }
            if quiet {
                return Ok(());
            }
        }
        Err(("these nodes never fall silent".to_string(), "delivery of a number of messages".to_string()))
    }
}

/// The number that `count` means, of so many that are there.
fn exactly(count: Count, there: usize, of: impl Fn() -> String) -> Result<usize, Complaint> {
    match count {
        Count::All => Ok(there),
        Count::Exactly(count) if count <= there => Ok(count),
        Count::Exactly(count) => Err((format!("{count} are wanted"), format!("at most {there}: so many {}", of()))),
    }
}
