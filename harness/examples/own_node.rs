//! A protocol of one's own in the simulator, hurt and judged: `cargo run -p perjury-harness --example own_node`.
//!
//! Two nodes hold one register. Whoever takes a write keeps it, answers, and tells the other node once. Reads are answered
//! from the node's own copy, which lags: that is the bug, and a cut between the two makes it last.

use harness::client::Style;
use harness::node::{Mark, Timer};
use harness::plan::FORMAT;
use harness::simulator::Simulator;
use harness::{
    Anomaly, Ask, Budget, Checker, ClientId, Cut, Fault, Input, LocalClock, MS, Node, NodeId, Op, Opinion, Outbox,
    Outcome, Plan, Reason, Reply, Run, SECOND, Seed, Settings, Strike, Target, Tier, Value, Verdict, View, When,
};
use std::sync::atomic::AtomicBool;

/// One of the two nodes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Register {
    other: NodeId,
    value: Option<Value>,
}

impl Node for Register {
    type Config = ();
    type Message = Value; // what one node tells the other
    type Timer = Nothing;
    type Mark = Nothing;
    type Record = (); // it writes nothing to its disk
    type Durable = ();

    fn fold(_: &mut (), _: ()) {}
    fn new(_: &(), id: NodeId) -> Self {
        Register { other: NodeId(1 - id.0), value: None }
    }
    fn step(&mut self, _: LocalClock, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Receive { message, .. } => self.value = Some(message),
            Input::Request { id, op: Op::Read { .. } } => out.reply(id, Outcome::Ok(Reply::Value(self.value))),
            Input::Request { id, op: Op::Write { value, .. } } => {
                self.value = Some(value);
                out.send(self.other, value);
                out.reply(id, Outcome::Ok(Reply::Done)); // too early: the other copy may not have it
            }
            Input::Request { id, .. } => out.reply(id, Outcome::Failed(Reason::Unavailable("no such request".into()))),
            Input::Start(()) | Input::Fire(_) | Input::Persisted { .. } => {}
        }
    }
    fn view(&self) -> View {
        View::default()
    }
    fn digest(&self) -> u64 {
        self.value.unwrap_or(0) as u64
    }
}

/// It has no timers and no marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Nothing {}

impl Timer for Nothing {
    const COUNT: usize = 0;
    fn index(self) -> usize {
        match self {}
    }
    fn at(index: usize) -> Self {
        panic!("there is no timer {index}")
    }
}
impl Mark for Nothing {
    fn name(self) -> &'static str {
        match self {}
    }
}

/// Client 0, beside n1, writes 1, 2, 3, …; client 1, beside n2, reads. Twice the link is cut for two seconds.
fn plan() -> Plan {
    let key = || "x".into();
    let ask = |turn: u64| {
        let op = match turn.is_multiple_of(2) {
            true => Op::Write { key: key(), value: turn as Value / 2 + 1 },
            false => Op::Read { key: key() },
        };
        Ask::new(MS * 50 * turn, ClientId((turn % 2) as u32), op)
    };
    let cut = Fault::Partition(Cut::Isolate(Target::Node(NodeId(1))));
    let strike = |second| Strike { when: When::At(SECOND * second), fault: cut.clone(), lasts: SECOND * 2 };
    Plan {
        asks: (0..200).map(ask).collect(),
        strikes: vec![strike(2), strike(6)],
        finals: vec![Op::Read { key: key() }],
        seed: Seed(1),
        nodes: 2,
        clients: 2,
        time: SECOND * 10,
        settings: Settings::default(),
        format: FORMAT,
        build: String::new(),
        design: "own".into(),
        needs: harness::Needs::default(),
        switches: Vec::new(),
        given: Default::default(),
        tier: Tier::Sim,
        workload: "own".into(),
        nemesis: "cut".into(),
    }
}

/// Values grow, so a read may return nothing smaller than what was acknowledged before it began.
const FRESH: Checker = Checker { name: "fresh", about: "no read is older than an acknowledged write", check, trap };

fn check(run: &Run, _: Budget) -> Opinion {
    let (calls, mut verdict) = (run.history.calls(), Verdict::Held);
    for read in &calls {
        let Some(Outcome::Ok(Reply::Value(seen))) = read.outcome else { continue };
        let acknowledged = calls.iter().filter_map(|write| match (write.op, write.outcome, write.returned) {
            (Op::Write { value, .. }, Some(Outcome::Ok(_)), Some(at)) if at < read.invoked => Some((*value, at)),
            _ => None,
        });
        if let Some((value, at)) = acknowledged.max().filter(|(value, _)| Some(*value) > *seen) {
            let why = format!("{value} was acknowledged before {}, yet a read then saw {seen:?}", read.asked);
            let events = [Some(at), read.returned].into_iter().flatten().collect();
            let (property, class) = (FRESH.name.to_string(), "stale-after-ack".to_string());
            let anomaly = Anomaly { property, class, sentences: vec![why], events, table: Vec::new() };
            verdict = Verdict::Violated(Box::new(anomaly));
            break;
        }
    }
    Opinion::new(FRESH.name, verdict)
}

/// A run that is wrong for certain: a checker that does not say so is not believed.
fn trap() -> Run {
    let history = r#"{"process":0,"type":"invoke","f":"write","value":["x",1]}
        {"process":0,"type":"ok","f":"write","value":["x",1]}
        {"process":1,"type":"invoke","f":"read","value":["x",null]}
        {"process":1,"type":"ok","f":"read","value":["x",null]}"#;
    Run::new(plan(), harness::files::history::read("trap", history).expect("a history"))
}

fn main() {
    let plan = plan();
    let mut cluster = Simulator::<Register>::new(&plan, (), Style::Sticky); // each client asks its home node
    let run = harness::run::run(&plan, &mut cluster, &mut (), &AtomicBool::new(false)).expect("a simulated run");
    let judgement = harness::verdict::judge(&run, &[FRESH], Budget::default());
    println!("{}", judgement.verdict.word());
    if let Verdict::Violated(anomaly) = &judgement.verdict {
        println!("{}: {}", anomaly.class, anomaly.sentences.join(" "));
    }
}
