//! Does the checker name the right class? Two small stores whose only fault is known by construction.
//!
//! A majority register without write-back has one anomaly, the inversion while a write is under way: every read after an
//! acknowledged write meets a node that has it. To call that stale after the acknowledgement is wrong. A leader whose copies
//! lag, read at the copies, is stale after the acknowledgement.

use checkers::{LINEARIZABLE, script};
use harness::{
    Budget, Event, History, Op, Outcome, ProcessId, Reason, Reply, Rng, Run, Seed, Time, Value, Verdict, What,
};
use std::collections::{BTreeMap, BTreeSet};

const RUNS: u64 = 150;
const CLIENTS: u32 = 5;
const NODES: usize = 3;
const LENGTH: u64 = 4_000;
const TIMEOUT: u64 = 300;

/// A counter and the operation that drew it: unique, and larger for what was written later.
type Stamp = (u64, usize);

/// Something that happens to an operation.
#[derive(Clone, Copy)]
enum Step {
    Ask { client: u32 },
    Query { operation: usize, node: usize },
    Store { operation: usize, node: usize },
    GiveUp { operation: usize },
}

struct Operation {
    process: ProcessId,
    op: Op,
    open: bool,
    seen: (Stamp, Option<Value>),
    queried: usize,
    stored: usize,
}

/// How a store answers.
#[derive(Clone, Copy, PartialEq)]
enum Store {
    /// Reads and writes ask two of three nodes; a write is acknowledged when two have it.
    Majority,
    /// Writes are acknowledged by node 0 alone; reads ask any one node.
    LaggingCopies,
}

struct Small {
    store: Store,
    /// Percent of messages to copies that are lost, so that some writes never end.
    loss: u64,
    rng: Rng,
    steps: BTreeMap<(u64, usize), Step>,
    scheduled: usize,
    now: u64,
    nodes: [(Stamp, Option<Value>); NODES],
    operations: Vec<Operation>,
    processes: BTreeMap<u32, u32>,
    events: Vec<Event>,
}

impl Small {
    fn history(store: Store, loss: u64, seed: u64) -> History {
        let mut small = Small {
            store,
            loss,
            rng: Seed(seed).stream("classes"),
            steps: BTreeMap::new(),
            scheduled: 0,
            now: 0,
            nodes: [((0, 0), None); NODES],
            operations: Vec::new(),
            processes: (0..CLIENTS).map(|client| (client, client)).collect(),
            events: Vec::new(),
        };
        for client in 0..CLIENTS {
            small.later(100, Step::Ask { client });
        }
        while let Some((at, step)) = small.steps.pop_first() {
            small.now = at.0;
            small.step(step);
        }
        History { events: small.events }
    }

    /// Within `most` from now.
    fn later(&mut self, most: u64, step: Step) {
        let at = self.now + 1 + self.rng.below(most);
        self.scheduled += 1;
        self.steps.insert((at, self.scheduled), step);
    }

    fn record(&mut self, what: What) {
        self.events.push(Event { time: Time(self.now * 1000), what });
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Ask { client } => self.ask(client),
            Step::Query { operation, node } => self.query(operation, node),
            Step::Store { operation, node } => self.store(operation, node),
            Step::GiveUp { operation } => self.answer(operation, Outcome::Unknown(Reason::TimedOut)),
        }
    }

    fn ask(&mut self, client: u32) {
        if self.now > LENGTH {
            return;
        }
        let (operation, key) = (self.operations.len(), "x".into());
        let write = self.rng.percent(30);
        let op = if write { Op::Write { key, value: operation as Value } } else { Op::Read { key } };
        let process = ProcessId(self.processes[&client]);
        self.record(What::Invoke { process, op: op.clone() });
        let seen = ((0, 0), None);
        self.operations.push(Operation { process, op, open: true, seen, queried: 0, stored: 0 });
        let mut nodes: Vec<usize> = (0..NODES).collect();
        self.rng.shuffle(&mut nodes);
        let asked = match self.store {
            Store::Majority => &nodes[..2],
            Store::LaggingCopies if write => &[0],
            Store::LaggingCopies => &nodes[..1],
        };
        for node in asked {
            self.later(20, Step::Query { operation, node: *node });
        }
        self.scheduled += 1;
        self.steps.insert((self.now + TIMEOUT, self.scheduled), Step::GiveUp { operation });
    }

    fn query(&mut self, operation: usize, node: usize) {
        let held = self.nodes[node];
        let asked = &mut self.operations[operation];
        asked.seen = asked.seen.max(held);
        asked.queried += 1;
        let needed = match (self.store, &asked.op) {
            (Store::Majority, _) => 2,
            (Store::LaggingCopies, _) => 1,
        };
        if asked.queried < needed {
            return;
        }
        let (stamp, value) = asked.seen;
        match asked.op {
            Op::Write { value, .. } => {
                asked.seen = ((stamp.0 + 1, operation), Some(value));
                self.spread(operation);
            }
            _ => self.answer(operation, Outcome::Ok(Reply::Value(value))),
        }
    }

    fn spread(&mut self, operation: usize) {
        for node in 0..NODES {
            if self.store == Store::LaggingCopies && node == 0 {
                self.store(operation, node);
            } else if !self.rng.percent(self.loss) {
                self.later(120, Step::Store { operation, node });
            }
        }
    }

    fn store(&mut self, operation: usize, node: usize) {
        let stamped = self.operations[operation].seen;
        self.nodes[node] = self.nodes[node].max(stamped);
        self.operations[operation].stored += 1;
        let needed = if self.store == Store::Majority { 2 } else { 1 };
        if self.operations[operation].stored == needed {
            self.answer(operation, Outcome::Ok(Reply::Done));
        }
    }

    fn answer(&mut self, operation: usize, outcome: Outcome) {
        let asked = &mut self.operations[operation];
        if !std::mem::replace(&mut asked.open, false) {
            return;
        }
        let (process, op) = (asked.process, asked.op.clone());
        let client = process.0 % CLIENTS;
        if matches!(outcome, Outcome::Unknown(_)) {
            *self.processes.get_mut(&client).expect("a client") += CLIENTS;
        }
        self.record(What::Return { process, op, outcome });
        self.later(60, Step::Ask { client });
    }
}

/// How often each class is named in so many runs.
fn classes(store: Store, loss: u64, runs: u64) -> BTreeMap<String, usize> {
    let mut classes = BTreeMap::new();
    for seed in 0..runs {
        let history = Small::history(store, loss, seed);
        let run = Run::new(harness::Plan { clients: CLIENTS, ..script::plan() }, history);
        let word = match (LINEARIZABLE.check)(&run, Budget::default()).verdict {
            Verdict::Violated(anomaly) => anomaly.class,
            other => other.word().to_string(),
        };
        *classes.entry(word).or_default() += 1;
    }
    println!("{classes:?}");
    classes
}

fn named(classes: &BTreeMap<String, usize>) -> BTreeSet<&str> {
    classes.keys().map(String::as_str).filter(|word| *word != "held").collect()
}

#[test]
fn a_majority_without_write_back_inverts_while_a_write_is_under_way_and_is_never_stale() {
    let found = classes(Store::Majority, 0, RUNS);
    assert_eq!(named(&found), BTreeSet::from(["new-then-old"]));
    assert!(found["new-then-old"] >= 50, "{found:?}");
}

#[test]
fn writes_that_reach_a_minority_flicker_and_are_never_called_stale() {
    let found = classes(Store::Majority, 40, RUNS);
    assert_eq!(named(&found), BTreeSet::from(["dirty-then-vanished", "new-then-old"]));
}

#[test]
fn reads_of_lagging_copies_are_stale_after_the_acknowledgement() {
    let found = classes(Store::LaggingCopies, 0, RUNS);
    assert!(found["stale-after-ack"] >= 100, "{found:?}");
    assert!(named(&found).iter().all(|class| ["stale-after-ack", "new-then-old"].contains(class)), "{found:?}");
}
