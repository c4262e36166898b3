//! Every design of the store as real processes, hurt by the harness's own loop.

use databases::bundled::start;
use harness::history::FaultInterval;
use harness::plan::FORMAT;
use harness::run::run;
use harness::{Ask, ClientId, Cut, Fault, MS, Op, Outcome, Plan, Reply, Run, SECOND, Seed, Settings, Strike, Target};
use harness::{Tier, Time, Value, What, When};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

const CLIENTS: u32 = 6;
const EVERY: Time = Time(25 * MS.0);

fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let node = test.parent().and_then(Path::parent).unwrap().join("examples").join("node");
    assert!(node.exists(), "{} is not built: run the tests of the whole package", node.display());
    node
}

/// Clients add elements to the set, and faults strike one after another, 1.2 s each.
fn plan(design: &str, faults: &[Fault]) -> Plan {
    let strike = |(index, fault): (u64, &Fault)| Strike {
        when: When::At(SECOND + MS * 2200 * index),
        fault: fault.clone(),
        lasts: MS * 1200,
    };
    let strikes: Vec<Strike> = (0..).zip(faults).map(strike).collect();
    let time = SECOND + MS * 2200 * faults.len() as u64;
    let ask = |number: u64| {
        let (at, client) = (EVERY * number, ClientId(number as u32 % CLIENTS));
        Ask::new(at, client, Op::Add { element: number as Value })
    };
    Plan {
        format: FORMAT,
        build: String::new(),
        design: design.to_string(),
        needs: harness::Needs::default(),
        switches: Vec::new(),
        given: Default::default(),
        tier: Tier::Local,
        workload: "set".to_string(),
        nemesis: "written by hand".to_string(),
        seed: Seed(1),
        nodes: 3,
        clients: CLIENTS,
        time,
        settings: Settings::default(),
        asks: (0..time.0 / EVERY.0).map(ask).collect(),
        strikes,
        finals: vec![Op::Members],
    }
}

fn tested(design: &str, faults: &[Fault]) -> Run {
    let dir = tempfile::tempdir().unwrap();
    let plan = plan(design, faults);
    let mut cluster = start(&plan, &program(), dir.path()).unwrap();
    let run = run(&plan, &mut cluster, &mut (), &AtomicBool::new(false)).unwrap();
    let said = |fault: &FaultInterval| fault.effect.as_ref().map(|effect| effect.measured.clone()).unwrap_or_default();
    run.faults.iter().for_each(|fault| println!("{design}: {} - {}", fault.fault, said(fault)));
    for fault in &run.faults {
        assert!(fault.effect.as_ref().is_some_and(|effect| effect.effective), "{design}: {fault:?}");
    }
    assert_eq!(run.faults.len(), faults.len());
    run
}

/// Elements whose adding was acknowledged, and what each final read saw.
fn seen(run: &Run) -> (BTreeSet<Value>, Vec<BTreeSet<Value>>) {
    let (mut added, mut finals) = (BTreeSet::new(), Vec::new());
    for event in &run.history.events {
        match &event.what {
            What::Return { op: Op::Add { element }, outcome: Outcome::Ok(_), .. } => drop(added.insert(*element)),
            What::Return { outcome: Outcome::Ok(Reply::Elements(elements)), .. } => {
                finals.push(elements.iter().copied().collect());
            }
            _ => {}
        }
    }
    (added, finals)
}

#[test]
fn raft_keeps_what_it_acknowledged() {
    let faults = [
        Fault::Kill(Target::Leader),
        Fault::Partition(Cut::Isolate(Target::Leader)),
        Fault::Pause(Target::Leader),
        Fault::Partition(Cut::Mute(Target::Leader)),
        Fault::Kill(Target::All),
    ];
    let run = tested("raft", &faults);
    let (added, finals) = seen(&run);
    println!("raft: {} acknowledged, {} final reads", added.len(), finals.len());
    assert!(added.len() > 200 && finals.len() == 3, "{} added, {} final reads", added.len(), finals.len());
    for last in finals {
        let lost: Vec<&Value> = added.difference(&last).collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    }
    let found = |what: &What| matches!(what, What::Finding { .. });
    assert!(!run.history.events.iter().any(|event| found(&event.what)));
}

/// What a design without such a promise must do: serve, be hurt, and serve again.
fn serves(design: &str) {
    let leader = Target::Leader;
    let run = tested(design, &[Fault::Kill(leader.clone()), Fault::Partition(Cut::Isolate(leader))]);
    let (added, finals) = seen(&run);
    println!("{design}: {} acknowledged, {} final reads", added.len(), finals.len());
    assert!(added.len() > 80 && finals.len() == 3, "{design}: {} added, {} final reads", added.len(), finals.len());
}

#[test]
fn sl_async_fo_serves() {
    serves("sl-async-fo");
}

#[test]
fn ml_lww_serves() {
    serves("ml-lww");
}

#[test]
fn ll_quorum_serves() {
    serves("ll-quorum");
}

/// A leader that nobody replaces: while it is away nobody writes, and afterwards everybody does.
#[test]
fn sl_sync_serves() {
    serves("sl-sync");
}

/// Reads beside a follower, writes at the leader.
#[test]
fn sl_async_fr_serves() {
    serves("sl-async-fr");
}

#[test]
fn sl_semi_serves() {
    serves("sl-semi");
}

#[test]
fn ll_abd_serves() {
    serves("ll-abd");
}

#[test]
fn ll_sloppy_serves() {
    serves("ll-sloppy");
}

#[test]
fn ml_dvv_serves() {
    serves("ml-dvv");
}

#[test]
fn ml_crdt_serves() {
    serves("ml-crdt");
}
