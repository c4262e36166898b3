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
        about: "3 nodes with election time-outs of 200 to 250 ms and links of up to 20 ms; the leader is killed for a moment, and 2 to 6 ms after the third vote so is who gave it",
        nodes: 3,
        settings: narrow,
        strikes: kill_who_voted,
        seeds: 20,
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
        about: "3 nodes, one entry a message; every second the leader is killed, and its successors within 100 ms of their election",
        nodes: 3,
        settings: one_entry,
        strikes: kill_who_was_elected,
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
    let (election_low, election_high) = (MS * 200, MS * 250);
    Settings { election_low, election_high, delay_high: MS * 20, sync_high: MS * 2, ..Settings::default() }
}

fn one_entry() -> Settings {
    let (heartbeat, election_low, election_high) = (MS * 30, MS * 150, MS * 300);
    Settings { max_entries_per_append: 1, heartbeat, election_low, election_high, ..Settings::default() }
}

fn impatient() -> Settings {
    Settings { attempt_timeout: MS * 100, ..Settings::default() }
}

/// The leader dies for a moment, so that the others ask for votes at almost the same time; the voter whom both ask dies
/// for a millisecond between the two questions.
fn kill_who_voted(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let mut strikes = Vec::new();
    for start in starts(shape, rng, SECOND * 2) {
        strikes.push(Strike { when: When::At(start), fault: Fault::Kill(Target::Leader), lasts: MS });
        let delay = MS * 2 + rng.between(Time::ZERO, MS * 4);
        let when = When::OnMark { mark: "voted".to_string(), from: start, nth: 3, delay };
        strikes.push(Strike { when, fault: Fault::Kill(Target::Marked), lasts: MS });
    }
    strikes
}

/// Leader after leader dies before its first entry is everywhere, so that logs end in different terms.
fn kill_who_was_elected(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let mut strikes = Vec::new();
    for start in starts(shape, rng, SECOND) {
        strikes.push(Strike { when: When::At(start), fault: Fault::Kill(Target::Leader), lasts: MS * 300 });
        for _ in 0..3 {
            let when = When::OnMark {
                mark: "elected".to_string(),
                from: start + rng.between(Time::ZERO, SECOND),
                nth: 1,
                delay: rng.between(Time::ZERO, MS * 100),
            };
            let lasts = rng.between(MS * 50, MS * 1200);
            strikes.push(Strike { when, fault: Fault::Kill(Target::Leader), lasts });
        }
    }
    strikes
}

/// Slow disks everywhere, and now and then nobody has power.
fn power_loss_of_all(shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let slow = Fault::SlowDisk { target: Target::All, by: MS * 60 };
    let mut strikes = vec![Strike { when: When::At(SECOND * 2), fault: slow, lasts: shape.time - SECOND * 4 }];
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
    let mut start = every + rng.between(Time::ZERO, every / 2);
    while start + every < shape.time {
        starts.push(start);
        start += every / 2 + rng.between(Time::ZERO, every);
    }
    starts
}
