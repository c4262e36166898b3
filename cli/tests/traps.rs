//! Green means something: whatever tests nothing is vacuous, and a node that panics is a finding.

mod binary;

use binary::{folder, perjury};
use harness::client::Style;
use harness::node::{Mark, Timer};
use harness::verdict::judge;
use harness::{
    Budget, Checker, Input, LocalClock, Needs, Node, NodeId, Op, Opinion, Outbox, Outcome, Plan, Reply, Run, Seed,
    Verdict, View,
};
use perjury::assemble::{Request, plan, try_out};
use std::sync::atomic::AtomicBool;

fn held() -> Plan {
    plan(&Request { seed: Seed(1), ..Request::default() }).expect("known names")
}

fn verdict(plan: &Plan) -> Verdict {
    try_out(plan).expect("no troubles").1.verdict
}

/// The reason for which a run tested nothing.
fn vacuous(verdict: Verdict) -> String {
    match verdict {
        Verdict::Vacuous(why) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_plan_that_the_others_are_made_of_is_held() {
    assert_eq!(verdict(&held()), Verdict::Held);
}

#[test]
fn a_nemesis_that_does_nothing_is_vacuous() {
    let dir = folder();
    let ended = perjury(dir.path(), "run --nemesis nothing");
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.out.starts_with("vacuous: \"nothing\" at "), "{}", ended.out);
    assert!(ended.out.contains("had no effect") && ended.err.is_empty(), "{ended:?}");
}

#[test]
fn a_run_without_room_for_its_faults_is_told_beforehand_how_long_it_should_be() {
    let dir = folder();
    let short = perjury(dir.path(), "run --time 9s");
    assert_eq!(short.code, 3, "{short:?}");
    let (_, mend) = short.err.split_once("unless it is violated; --time ").expect("it is warned");
    let (time, _) = mend.split_once(" has room").expect("it is told");
    let long = perjury(dir.path(), &format!("run --time {time}"));
    assert!(long.code == 0 && long.err.is_empty(), "{long:?}");
    assert!(perjury(dir.path(), "run --nemesis calm --time 9s").err.is_empty(), "calm needs no fault");
}

#[test]
fn one_fault_without_effect_among_others_is_vacuous() {
    let mut some = held();
    some.strikes[1].fault = harness::Fault::Nothing;
    assert!(vacuous(verdict(&some)).contains("had no effect"));
}

#[test]
fn a_fault_that_leaves_nobody_a_way_to_be_served_is_judged_by_what_was_tried() {
    let usual = |design: &str, nemesis: &str| {
        let (design, nemesis) = (design.to_string(), nemesis.to_string());
        plan(&Request { design, nemesis, ..Request::default() }).expect("known names")
    };
    for (design, nemesis) in [("sl-async", "kill"), ("sl-sync", "halves")] {
        let planned = usual(design, nemesis);
        assert_eq!(verdict(&planned), Verdict::Held, "{design}");
        // Of a design that can do without any certain node it would be nothing.
        let spoilt = Plan { needs: Needs::default(), ..planned.clone() };
        assert!(vacuous(verdict(&spoilt)).contains(" operations during "), "{design}");
        let (strike, mut silent) = (&planned.strikes[0], planned.clone());
        let harness::When::At(from) = strike.when else { panic!("{strike:?}") };
        silent.asks.retain(|ask| ask.at < from || ask.at > from + strike.lasts);
        assert!(vacuous(verdict(&silent)).contains(" operations tried during "), "{design}");
    }
}

#[test]
fn whom_a_cut_leaves_with_what_they_need_must_be_served() {
    // Beside a leader that is cut off a fifth of all clients can be served: a fifth of what is asked for elsewhere is enough.
    let request = Request { design: "sl-async".to_string(), rate: 8.0, ..Request::default() };
    let planned = plan(&request).expect("known names");
    let spoilt = Plan { needs: Needs::default(), ..planned.clone() };
    assert_eq!(verdict(&planned), Verdict::Held);
    assert!(vacuous(verdict(&spoilt)).ends_with(", 20 are needed"));
    // If they do not ask, nobody is served.
    let mut silent = planned;
    silent.asks.retain(|ask| ask.client.0 % 5 != 0);
    assert!(vacuous(verdict(&silent)).ends_with(", 4 are needed"));
}

#[test]
fn strikes_without_faults_enough_are_vacuous() {
    let mut gentle = held();
    gentle.strikes.truncate(1);
    assert_eq!(vacuous(verdict(&gentle)), "1 faults struck, 2 are needed");
}

#[test]
fn a_checker_that_always_says_yes_is_vacuous() {
    fn yes(_: &Run, _: Budget) -> Opinion {
        Opinion::new("yes", Verdict::Held)
    }
    let (run, _) = try_out(&held()).expect("no troubles");
    let trap = checkers::UNIQUENESS.trap;
    let yes = Checker { name: "yes", about: "calls everything right", check: yes, trap };
    let judgement = judge(&run, &[checkers::UNIQUENESS, yes], Budget::default());
    assert_eq!(vacuous(judgement.verdict), "the checker yes calls a history right that is known to be wrong");
    assert_eq!(judge(&run, &[checkers::UNIQUENESS], Budget::default()).verdict, Verdict::Held);
}

#[test]
fn no_checker_is_vacuous() {
    let (run, _) = try_out(&held()).expect("no troubles");
    assert_eq!(vacuous(judge(&run, &[], Budget::default()).verdict), "no checker was asked");
}

#[test]
fn a_generator_without_reads_is_vacuous() {
    for workload in workloads::WORKLOADS {
        let request = Request { workload: workload.name.to_string(), rate: 60.0, ..Request::default() };
        let mut blind = plan(&request).expect("known names");
        blind.asks.retain(|ask| !ask.op.is_read());
        blind.finals.clear();
        let why = vacuous(verdict(&blind));
        let expected = [
            "no read was acknowledged, so nothing could be seen to be wrong",
            "nobody ever asked to read",
            "no client read a register after it had written it",
        ];
        assert!(expected.contains(&why.as_str()), "{}: {why}", workload.name);
    }
}

#[test]
fn a_generator_without_reads_is_vacuous_even_if_everything_is_read_at_the_end() {
    for workload in ["register", "bank", "set"] {
        let request = Request { workload: workload.to_string(), rate: 60.0, ..Request::default() };
        let mut blind = plan(&request).expect("known names");
        blind.asks.retain(|ask| !ask.op.is_read());
        let why = vacuous(verdict(&blind));
        assert_eq!(why, "no read was acknowledged, so nothing could be seen to be wrong", "{workload}");
    }
}

#[test]
fn a_run_in_which_nothing_changes_is_vacuous() {
    let mut idle = plan(&Request { workload: "bank".to_string(), ..Request::default() }).expect("known names");
    // Nobody has so much money, so every transfer is refused.
    for ask in &mut idle.asks {
        if let Op::Transfer { amount, .. } = &mut ask.op {
            *amount = 1_000_000;
        }
    }
    assert_eq!(vacuous(verdict(&idle)), "nothing was ever changed, so nothing could go wrong");
}

#[test]
fn a_nemesis_is_not_calm_because_it_is_called_so() {
    let mut plan = plan(&Request { nemesis: "nothing".to_string(), ..Request::default() }).expect("known names");
    plan.nemesis = harness::gate::CALM.to_string();
    assert!(vacuous(verdict(&plan)).contains("had no effect"));
}

#[test]
fn a_single_client_is_vacuous() {
    let alone = Request { clients: 1, ..Request::default() };
    let why = vacuous(verdict(&plan(&alone).expect("known names")));
    assert_eq!(why, "only one client was served, so nothing was concurrent");
}

#[test]
fn too_few_answers_are_vacuous() {
    let slow = Request { rate: 2.0, ..Request::default() };
    let why = vacuous(verdict(&plan(&slow).expect("known names")));
    assert!(why.ends_with("operations were acknowledged, 100 are needed"), "{why}");
}

#[test]
fn a_fault_that_leaves_nobody_to_ask_is_vacuous() {
    let mut silent = held();
    silent.asks.retain(|ask| ask.at < harness::SECOND * 15);
    let why = vacuous(verdict(&silent));
    assert!(why.starts_with("only ") && why.ends_with("20 are needed"), "{why}");
}

/// Says yes to every claim, and panics at the thirtieth.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Tripping {
    served: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum NoTimer {}

impl Timer for NoTimer {
    const COUNT: usize = 0;
    fn index(self) -> usize {
        match self {}
    }
    fn at(index: usize) -> Self {
        panic!("there is no timer {index}")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum NoMark {}

impl Mark for NoMark {
    fn name(self) -> &'static str {
        match self {}
    }
}

impl Node for Tripping {
    type Config = ();
    type Message = ();
    type Timer = NoTimer;
    type Mark = NoMark;
    type Record = ();
    type Durable = ();
    fn fold(_: &mut (), _: ()) {}
    fn new(_: &(), _: NodeId) -> Self {
        Tripping { served: 0 }
    }
    fn step(&mut self, _: LocalClock, input: Input<Self>, out: &mut Outbox<Self>) {
        let Input::Request { id, op } = input else { return };
        self.served += 1;
        assert!(self.served != 30, "the thirtieth request is one too many");
        let reply = if matches!(op, Op::Owner { .. }) { Reply::Value(None) } else { Reply::Done };
        out.reply(id, Outcome::Ok(reply));
    }
    fn view(&self) -> View {
        View::default()
    }
    fn digest(&self) -> u64 {
        0
    }
}

#[test]
fn a_step_that_panics_is_a_finding_and_not_a_crash() {
    let plan = plan(&Request { nodes: 3, ..Request::default() }).expect("known names");
    let mut cluster = harness::simulator::Simulator::<Tripping>::new(&plan, (), Style::Sticky);
    let run = harness::run::run(&plan, &mut cluster, &mut (), &AtomicBool::new(false)).expect("no troubles");
    let findings: Vec<_> = run.findings().collect();
    assert_eq!(findings.len(), 3, "one a node, which is dead from then on: {findings:?}");
    assert!(findings[0].2.ends_with("panicked: the thirtieth request is one too many"), "{findings:?}");
    match judge(&run, &[checkers::INVARIANTS], Budget::default()).verdict {
        Verdict::Violated(anomaly) => {
            assert_eq!(anomaly.class, "panic");
            assert!(anomaly.sentences.iter().any(|sentence| sentence.contains("thirtieth")), "{anomaly:?}");
        }
        other => panic!("{other:?}"),
    }
}
