//! The cells in which the deliberate bugs of the designs are caught: a bug that nothing catches says that something is
//! missing, in the workloads, the faults or the checkers.
//!
//! Most of these bugs stay hidden from faults that strike at random times. Each cell says where to look: which fault at
//! which moment, with which magnitudes. With the switch off the same cell must be clean.

use harness::simulator::WROTE;
use harness::{Fault, MS, Rng, SECOND, Settings, Shape, Strike, Target, Time, When};

/// A deliberate bug and the cell that catches it.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// The deliberate bug.
    pub switch: &'static str,
    /// The design that has it.
    pub design: &'static str,
    /// What clients ask.
    pub workload: &'static str,
    /// The cell in words.
    pub about: &'static str,
    /// How many nodes.
    pub nodes: u8,
    /// Magnitudes of the system's own times.
    pub settings: fn() -> Settings,
    /// How the cluster is hurt.
    pub strikes: fn(&Shape, &mut Rng) -> Vec<Strike>,
    /// Seeds, from 1 on, within which it is caught.
    pub seeds: u64,
    /// A schedule that leads there without any chance, as [`harness::script`] reads it.
    pub script: Option<Script>,
}

/// A scripted schedule.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// The file's name, for complaints.
    pub name: &'static str,
    /// What is in it.
    pub text: &'static str,
}

macro_rules! script {
    ($name:literal) => {
        Some(Script { name: $name, text: include_str!(concat!("../scripts/", $name)) })
    };
}

/// Every deliberate bug that has a cell.
pub const MUTANTS: &[Mutant] = &[
    Mutant {
        switch: "vote-not-persisted",
        design: "raft",
        workload: "set",
        about: "3 nodes with election time-outs of 150 to 170 ms; whoever has just voted is killed 6 ms later, for 2 ms",
        nodes: 3,
        settings: narrow,
        strikes: kill_who_voted,
        seeds: 300,
        script: None,
    },
    Mutant {
        switch: "ack-before-fsync",
        design: "raft",
        workload: "set",
        about: "5 nodes with disks that are 60 ms slow; all of them lose power at a write",
        nodes: 5,
        settings: Settings::default,
        strikes: power_loss_of_all,
        seeds: 100,
        script: None,
    },
    Mutant {
        switch: "commit-old-term",
        design: "raft",
        workload: "set",
        about: "one entry a message",
        nodes: 5,
        settings: one_entry,
        strikes: power_loss_of_all,
        seeds: 100,
        script: None,
    },
    Mutant {
        switch: "read-before-noop",
        design: "raft",
        workload: "register",
        about: "5 nodes with disks that are 60 ms slow; all of them lose power at a write",
        nodes: 5,
        settings: Settings::default,
        strikes: power_loss_of_all,
        seeds: 100,
        script: None,
    },
    Mutant {
        switch: "no-dedup",
        design: "raft",
        workload: "bank",
        about: "3 nodes whose links lose 25 % of all messages; clients ask again after 100 ms",
        nodes: 3,
        settings: impatient,
        strikes: lossy_links,
        seeds: 20,
        script: None,
    },
];

fn narrow() -> Settings {
    Settings { heartbeat: MS * 50, election_low: MS * 150, election_high: MS * 170, ..Settings::default() }
}

fn one_entry() -> Settings {
    Settings { max_entries_per_append: 1, ..Settings::default() }
}

fn impatient() -> Settings {
    Settings { attempt_timeout: MS * 100, ..Settings::default() }
}

/// The leader dies every two seconds, and of the votes that follow several voters do, for a moment.
fn kill_who_voted(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let mut strikes = Vec::new();
    for start in starts(shape, rng, SECOND * 2) {
        strikes.push(Strike { when: When::At(start), fault: Fault::Kill(Target::Leader), lasts: MS * 400 });
        for nth in 1..=3 {
            let delay = MS * 2 + rng.between(Time::ZERO, MS * 8);
            let when = When::OnMark { mark: "voted".to_string(), from: start, nth, delay };
            strikes.push(Strike { when, fault: Fault::Kill(Target::Marked), lasts: MS * 2 });
        }
    }
    strikes
}

/// Slow disks everywhere, and now and then nobody has power.
fn power_loss_of_all(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let slow = Fault::SlowDisk { target: Target::All, by: MS * 60 };
    let mut strikes = vec![Strike { when: When::At(MS * 500), fault: slow, lasts: shape.time - SECOND }];
    for start in starts(shape, rng, SECOND * 4) {
        let nth = 1 + rng.below(8) as u32;
        let when = When::OnMark { mark: WROTE.to_string(), from: start, nth, delay: MS * rng.below(40) };
        strikes.push(Strike { when, fault: Fault::PowerLoss(Target::All), lasts: MS * 300 });
    }
    strikes
}

/// Links lose messages half of the time.
fn lossy_links(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let lossy = |start| Strike {
        when: When::At(start),
        fault: Fault::Links { loss: 25, duplicate: 0, delay: Time::ZERO },
        lasts: SECOND * 3,
    };
    starts(shape, rng, SECOND * 6).into_iter().map(lossy).collect()
}

/// Moments about `every` apart, none close to the end.
fn starts(shape: &Shape, rng: &mut Rng, every: Time) -> Vec<Time> {
    let mut starts = Vec::new();
    let mut start = every / 2 + rng.between(Time::ZERO, every / 2);
    while start + every < shape.time {
        starts.push(start);
        start += every / 2 + rng.between(Time::ZERO, every);
    }
    starts
}
