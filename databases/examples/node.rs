//! A program whose nodes the tests start: `node` is the hidden subcommand of the `perjury` binary, `control DIR PLAN`
//! a controller that pauses a node and then waits to be killed.
//!
//! Beside those of the store it knows a design as small as one can be: the first node leads for ever; writes are
//! synced, copied to the others, then acknowledged.
#![allow(clippy::disallowed_methods)] // It drives real processes.

use compact_str::CompactString;
use databases::bundled::{Launch, LocalCluster, Serve, node_process};
use harness::client::Style;
use harness::node::{Mark, Timer};
use harness::{Cluster, Fault, MS, Outcome, Plan, Reason, Reply, Target, Value};
use harness::{Input, LocalClock, Node, NodeId, Op, Outbox, RequestId, View};
use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::path::Path;
use store::{About, Design, Setup, Visitor};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "node"] => {
            let with = |name: &str, serve: Serve| match name {
                "tiny" => Some(serve.visit::<Tiny>(&Tiny::MODES[0])),
                name => store::with(name, serve),
            };
            std::process::exit(node_process(with))
        }
        [program, "control", dir, plan] => control(program, dir, plan),
        _ => panic!("node, or control DIR PLAN"),
    }
}

/// Starts a cluster, pauses its second node, says so, and waits.
fn control(program: &str, dir: &str, plan: &str) {
    let plan: Plan = serde_json::from_str(plan).expect("a plan");
    let launch = Launch { program: program.into(), arguments: vec!["node".to_string()], style: Tiny::MODES[0].style };
    let mut cluster = LocalCluster::launch(&plan, launch, Path::new(dir)).expect("a cluster");
    cluster.inject(&Fault::Pause(Target::Node(NodeId(1)))).expect("a pause");
    println!("paused");
    loop {
        let until = cluster.now() + MS * 100;
        cluster.advance(until).expect("nothing but time passes");
    }
}

/// See the head of the file.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Tiny {
    id: NodeId,
    nodes: u8,
    data: BTreeMap<CompactString, Value>,
    unsynced: VecDeque<(Option<RequestId>, Cell)>,
    fires: Value,
}

type Cell = (CompactString, Value);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Beat;

impl Timer for Beat {
    const COUNT: usize = 1;
    fn index(self) -> usize {
        0
    }
    fn at(_: usize) -> Self {
        Beat
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Acknowledges;

impl Mark for Acknowledges {
    fn name(self) -> &'static str {
        "acknowledges"
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Said {
    Beat,
    Copy(Cell),
}

impl Tiny {
    fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let me = self.id;
        (0..self.nodes).map(NodeId).filter(move |node| *node != me)
    }

    fn write(&mut self, asker: Option<RequestId>, cell: Cell, out: &mut Outbox<Tiny>) {
        self.unsynced.push_back((asker, cell.clone()));
        out.persist(cell);
    }

    fn request(&mut self, clock: LocalClock, id: RequestId, op: Op, out: &mut Outbox<Tiny>) {
        let value = |value| Outcome::Ok(Reply::Value(value));
        match op {
            Op::Owner { name } if name == "clock" => out.reply(id, value(Some(clock.wall.0 as Value))),
            Op::Owner { name } if name == "fires" => out.reply(id, value(Some(self.fires))),
            Op::Owner { name } => panic!("asked for \"{name}\""),
            _ if self.id != NodeId(0) => {
                out.reply(id, Outcome::Failed(Reason::NotLeader { hint: Some(NodeId(0)) }));
            }
            Op::Read { key } => out.reply(id, value(self.data.get(&key).copied())),
            Op::Write { key, value } => self.write(Some(id), (key, value), out),
            op => out.reply(id, Outcome::Failed(Reason::Unavailable(format!("{op:?}")))),
        }
    }

    fn synced(&mut self, out: &mut Outbox<Tiny>) {
        let (asker, cell) = self.unsynced.pop_front().expect("something was written");
        self.data.insert(cell.0.clone(), cell.1);
        if let Some(asker) = asker {
            self.others().for_each(|to| out.send(to, Said::Copy(cell.clone())));
            out.mark(Acknowledges);
            out.reply(asker, Outcome::Ok(Reply::Done));
        }
    }
}

impl Node for Tiny {
    type Config = u8;
    type Message = Said;
    type Timer = Beat;
    type Mark = Acknowledges;
    type Record = Cell;
    type Durable = BTreeMap<CompactString, Value>;

    fn fold(durable: &mut Self::Durable, (key, value): Cell) {
        durable.insert(key, value);
    }

    fn new(nodes: &u8, id: NodeId) -> Self {
        Tiny { id, nodes: *nodes, data: BTreeMap::new(), unsynced: VecDeque::new(), fires: 0 }
    }

    fn step(&mut self, clock: LocalClock, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Start(durable) => {
                self.data = durable;
                out.set_timer(Beat, MS * 10, MS * 10);
            }
            Input::Fire(Beat) => {
                self.fires += 1;
                self.others().for_each(|to| out.send(to, Said::Beat));
                out.set_timer(Beat, MS * 10, MS * 10);
            }
            Input::Receive { message: Said::Beat, .. } => {}
            Input::Receive { message: Said::Copy(cell), .. } => self.write(None, cell, out),
            Input::Request { id, op } => self.request(clock, id, op, out),
            Input::Persisted { records } => (0..records).for_each(|_| self.synced(out)),
        }
    }

    fn view(&self) -> View {
        View { leads: self.id == NodeId(0), term: Some(1), committed: None }
    }

    fn digest(&self) -> u64 {
        let mut hasher = FxHasher::default();
        self.data.hash(&mut hasher);
        hasher.finish()
    }
}

impl Design for Tiny {
    const MODES: &'static [About] = &[About {
        name: "tiny",
        about: "the first node leads for ever",
        source: "these tests",
        style: Style::FollowLeader,
        switches: &[],
    }];
    fn config(setup: &Setup) -> u8 {
        setup.nodes
    }
}
