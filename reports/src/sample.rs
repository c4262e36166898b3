//! Finished runs for the tests of all formats: built by hand, so that every line of a snapshot can be checked by eye.

use crate::Finished;
use harness::fault::Effect;
use harness::plan::FORMAT;
use harness::{
    Anomaly, ClientId, Cut, Event, Fault, History, Judgement, NodeId, Op, Opinion, Outcome, Phase, Plan, ProcessId,
    Reason, Reply, Run, SECOND, Seed, Settings, Strike, Target, Tier, Time, Verdict, What, When,
};

/// A run that owns its parts.
pub struct Sample {
    pub run: Run,
    pub judgement: Judgement,
}

impl Sample {
    pub fn finished(&self) -> Finished<'_> {
        Finished { run: &self.run, judgement: &self.judgement, replay: "perjury replay runs/registration/latest" }
    }
}

/// Builds a history line by line; times in milliseconds.
#[derive(Default)]
struct Script {
    events: Vec<Event>,
}

impl Script {
    fn at(&mut self, ms: u64, what: What) -> usize {
        self.events.push(Event { time: Time(ms * 1000), what });
        self.events.len() - 1
    }
    fn ask(&mut self, ms: u64, process: u32, op: &Op) -> usize {
        self.at(ms, What::Invoke { process: ProcessId(process), op: op.clone() })
    }
    fn answer(&mut self, ms: u64, process: u32, op: &Op, outcome: Outcome) -> usize {
        self.at(ms, What::Return { process: ProcessId(process), op: op.clone(), outcome })
    }
}

fn claim(name: &str, owner: i64) -> Op {
    Op::Claim { name: name.into(), owner }
}

fn owner(name: &str) -> Op {
    Op::Owner { name: name.into() }
}

/// Cuts the first node off from the two others.
fn isolate() -> Fault {
    Fault::Partition(Cut::around(&[NodeId(0)], 3))
}

fn plan(design: &str, nodes: u8, clients: u32) -> Plan {
    let cut = Fault::Partition(Cut::Isolate(Target::Leader));
    Plan {
        format: FORMAT,
        build: "9a3f".to_string(),
        design: design.to_string(),
        needs: harness::Needs::default(),
        switches: Vec::new(),
        given: Default::default(),
        tier: Tier::Sim,
        workload: "registration".to_string(),
        nemesis: "isolate-leader".to_string(),
        seed: Seed(1),
        nodes,
        clients,
        time: SECOND * 10,
        settings: Settings::default(),
        asks: Vec::new(),
        strikes: vec![Strike { when: When::At(SECOND * 4), fault: cut, lasts: SECOND * 5 }],
        finals: vec![owner("ada")],
    }
}

/// Clients 0 and 1 are both told that they own `ada`, by two leaders.
pub fn violated() -> Sample {
    let mut script = Script::default();
    let ok = || Outcome::Ok(Reply::Done);
    script.at(0, What::Phase(Phase::Chaos));
    script.ask(1_000, 0, &claim("bob", 0));
    script.answer(1_012, 0, &claim("bob", 0), ok());
    script.ask(1_500, 1, &claim("bob", 1));
    script.answer(1_520, 1, &claim("bob", 1), Outcome::Ok(Reply::No));
    script.at(4_000, What::Began { strike: 0, fault: isolate() });
    script.ask(4_100, 0, &claim("ada", 0));
    script.ask(4_101, 2, &owner("bob"));
    script.answer(4_103, 0, &claim("ada", 0), ok());
    script.at(4_700, What::Mark { node: NodeId(1), mark: "promoted".into() });
    let refused = Outcome::Failed(Reason::NotLeader { hint: Some(NodeId(1)) });
    script.ask(4_750, 3, &owner("bob"));
    script.answer(4_760, 3, &owner("bob"), refused);
    let asked = script.ask(4_800, 1, &claim("ada", 1));
    let told_later = script.answer(4_812, 1, &claim("ada", 1), ok());
    script.answer(5_101, 2, &owner("bob"), Outcome::Unknown(Reason::TimedOut));
    let measured = "113 messages dropped".to_string();
    script.at(9_000, What::Ended { strike: 0, effect: Effect::new(true, measured) });
    script.at(10_000, What::Phase(Phase::Heal));
    script.at(12_000, What::Phase(Phase::Final));
    script.ask(12_001, 0, &owner("ada"));
    let read = script.answer(12_009, 0, &owner("ada"), Outcome::Ok(Reply::Value(Some(1))));
    script.ask(12_010, 1, &owner("bob"));

    let row = |cells: [&str; 4]| cells.map(str::to_string).to_vec();
    let anomaly = Anomaly {
        property: "uniqueness".to_string(),
        class: "double-ack".to_string(),
        sentences: vec![
            "Client 0 was told at 4.103 s that it owns ada.".to_string(),
            "Client 1 was told so at 4.812 s.".to_string(),
        ],
        events: vec![8, asked, told_later, read],
        table: vec![
            row(["name", "owner", "told at", "told by"]),
            row(["ada", "0", "4.103 s", "n1"]),
            row(["ada", "1", "4.812 s", "n2"]),
        ],
    };
    let mut run = Run::new(plan("sl-async-fo", 3, 4), History { events: script.events });
    run.interrupted = false;
    let verdict = Verdict::Violated(Box::new(anomaly));
    let mut opinions = vec![Opinion::new("uniqueness", verdict.clone()), Opinion::new("invariants", Verdict::Held)];
    opinions[0].notes.push("2 names, 3 acknowledged claims".to_string());
    opinions.push(Opinion::new("convergence", Verdict::Unknown("no node said what it holds".to_string())));
    Sample { run, judgement: Judgement { verdict, opinions } }
}

/// A run in which nothing is wrong.
pub fn held() -> Sample {
    let mut sample = busy(120);
    let mut opinion = Opinion::new("uniqueness", Verdict::Held);
    opinion.notes.push("8 names, 31 acknowledged claims".to_string());
    sample.judgement =
        Judgement { verdict: Verdict::Held, opinions: vec![opinion, Opinion::new("invariants", Verdict::Held)] };
    sample
}

/// Names and sentences that try to break out of every format.
pub fn hostile() -> Sample {
    let mut sample = violated();
    let name = "<script>alert(\"x\")</script>&\u{1b}[31m]]>";
    for event in &mut sample.run.history.events {
        if let What::Invoke { op, .. } | What::Return { op, .. } = &mut event.what
            && let Op::Claim { name: claimed, .. } | Op::Owner { name: claimed } = op
        {
            *claimed = name.into();
        }
        if let What::Ended { effect, .. } = &mut event.what {
            effect.measured = format!("{name} dropped");
        }
        if let What::Mark { mark, .. } = &mut event.what {
            *mark = "<img src=x>".into();
        }
    }
    sample.run = Run::new(sample.run.plan, sample.run.history);
    sample.run.interrupted = true;
    let Verdict::Violated(anomaly) = &mut sample.judgement.verdict else { unreachable!("it is violated") };
    anomaly.sentences.push(format!("It is about {name}."));
    anomaly.table[1][0] = name.to_string();
    sample.judgement.opinions[0] = Opinion {
        checker: "<b>uniqueness</b>".to_string(),
        verdict: sample.judgement.verdict.clone(),
        notes: vec![name.to_string()],
    };
    sample
}

/// An invariant was seen to be broken inside the cluster; no client noticed.
pub fn finding() -> Sample {
    let mut sample = held();
    let events = &mut sample.run.history.events;
    let index = events.len() / 2;
    let sentence = "n1 and n2 both lead term 3".to_string();
    let what = What::Finding { invariant: "one-leader".into(), sentence: sentence.clone() };
    events.insert(index, Event { time: events[index].time, what });
    let anomaly = Anomaly {
        property: "invariants".to_string(),
        class: "one-leader".to_string(),
        sentences: vec![sentence],
        events: vec![index],
        table: Vec::new(),
    };
    let verdict = Verdict::Violated(Box::new(anomaly));
    sample.judgement = Judgement { verdict: verdict.clone(), opinions: vec![Opinion::new("invariants", verdict)] };
    sample
}

/// So many operations of ten clients on five nodes over thirty seconds, with three partitions and every kind of ending.
pub fn busy(operations: u64) -> Sample {
    let mut rng = Seed(7).stream("sample");
    let mut events: Vec<Event> = vec![Event { time: Time::ZERO, what: What::Phase(Phase::Chaos) }];
    let strike = |strike: usize| (Time(SECOND.0 * (4 + 9 * strike as u64)), Time(SECOND.0 * (9 + 9 * strike as u64)));
    for number in 0..3_usize {
        let (began, ended) = strike(number);
        let leader = NodeId(number as u8);
        let fault = Fault::Partition(Cut::around(&[leader], 5));
        let measured = format!("{} messages dropped", 100 + number);
        let effect = Effect::new(true, measured);
        let promoted = What::Mark { node: NodeId(number as u8 + 1), mark: "promoted".into() };
        events.push(Event { time: began, what: What::Began { strike: number, fault } });
        events.push(Event { time: began + Time(700_000), what: promoted });
        events.push(Event { time: ended, what: What::Ended { strike: number, effect } });
    }
    let each = operations / 10;
    for client in 0..10_u32 {
        let mut process = client;
        for turn in 0..each {
            let (low, high) = (SECOND * 30 * turn / each, SECOND * 30 * (turn + 1) / each);
            let asked = rng.between(low, low + (high - low) / 2);
            let most = (high - asked).0 * 9 / 10;
            let took = Time((2_000 + rng.below(9_000)).min(most));
            let name = ["ada", "bob", "cyd", "dan"][rng.below(4) as usize];
            let op = if rng.percent(40) { owner(name) } else { claim(name, i64::from(client)) };
            let cut = (0..3).any(|number| {
                let (began, ended) = strike(number);
                client % 5 == number as u32 && began <= asked && asked < ended
            });
            let (outcome, took) = match rng.below(100) {
                draw if cut && draw < 70 => (Outcome::Unknown(Reason::TimedOut), Time(most.min(1_000_000))),
                draw if draw < 4 => (Outcome::Failed(Reason::Refused), took),
                draw if draw < 50 && !op.is_read() => (Outcome::Ok(Reply::No), took),
                _ if op.is_read() => (Outcome::Ok(Reply::Value(Some(i64::from(client)))), took),
                _ => (Outcome::Ok(Reply::Done), took),
            };
            let retires = matches!(outcome, Outcome::Unknown(_));
            let process_id = ProcessId(process);
            events.push(Event { time: asked, what: What::Invoke { process: process_id, op: op.clone() } });
            events.push(Event { time: asked + took, what: What::Return { process: process_id, op, outcome } });
            process += if retires { 10 } else { 0 };
        }
    }
    events.push(Event { time: SECOND * 31, what: What::Phase(Phase::Heal) });
    // Stable: what was pushed first at a moment stays first, so a process asks before it is answered.
    events.sort_by_key(|event| event.time);
    let mut run = Run::new(Plan { time: SECOND * 30, ..plan("raft", 5, 10) }, History { events });
    run.interrupted = false;
    let double = double_ack(&run);
    let opinions = vec![Opinion::new("uniqueness", double.clone()), Opinion::new("invariants", Verdict::Held)];
    Sample { run, judgement: Judgement { verdict: double, opinions } }
}

/// Two acknowledged claims of the same name by different clients, wherever the drawn history has them.
fn double_ack(run: &Run) -> Verdict {
    let calls = run.history.calls();
    let done = |call: &&harness::Call| call.outcome == Some(&Outcome::Ok(Reply::Done));
    let first = calls.iter().filter(done).find(|call| call.asked > SECOND * 4).expect("somebody was told so");
    let name = |call: &harness::Call| match call.op {
        Op::Claim { name, .. } => Some(name.clone()),
        _ => None,
    };
    let other = |call: &&harness::Call| name(call) == name(first) && call.process != first.process;
    let later = calls.iter().filter(done).find(|call| call.asked > first.answered && other(call)).expect("twice");
    let client = |call: &harness::Call| run.client(call.process) as ClientId;
    let sentence = |call: &harness::Call| {
        let name = name(call).unwrap_or_default();
        format!("Client {} was told at {} that it owns {name}.", client(call).0, call.answered)
    };
    let mut events: Vec<usize> =
        [first, later].iter().flat_map(|call| [Some(call.invoked), call.returned]).flatten().collect();
    events.sort();
    Verdict::Violated(Box::new(Anomaly {
        property: "uniqueness".to_string(),
        class: "double-ack".to_string(),
        sentences: vec![sentence(first), sentence(later)],
        events,
        table: Vec::new(),
    }))
}
