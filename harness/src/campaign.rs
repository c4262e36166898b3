//! Many runs with known answers: a campaign is green only if every known-broken design is caught, every correct one is
//! clean, and nothing was vacuous.

use crate::cluster::Trouble;
use crate::plan::Settings;
use crate::seed::Seed;
use crate::time::Time;
use crate::verdict::{Judgement, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// One design under one workload and one nemesis, with what must come out.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The system under test.
    pub design: String,
    /// Its deliberate bugs that are on.
    pub switches: Vec<String>,
    /// What clients ask.
    pub workload: String,
    /// How the cluster is hurt.
    pub nemesis: String,
    /// How many nodes.
    pub nodes: u8,
    /// How many clients.
    pub clients: u32,
    /// How long clients ask.
    pub time: Time,
    /// Requests a second of all clients together.
    pub rate: f64,
    /// Magnitudes of the system's own times.
    pub settings: Settings,
    /// The first seed, and how many from there on.
    pub seeds: (u64, u64),
    /// What must come out.
    pub expected: Expected,
}

/// What must come out of a cell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// Every run holds.
    Held,
    /// At least one run is violated, and all that are, are so in one of these classes.
    Violated(Vec<String>),
    /// Runs hold or are violated in one of these classes: found by luck only.
    Maybe(Vec<String>),
    /// At least one run is violated, whatever becomes of the others: what a deliberate bug must come to in its cell.
    Caught,
}

/// What came out of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Runs that held.
    pub held: u64,
    /// Runs that were violated, by class, with the first seed.
    pub violated: BTreeMap<String, (u64, u64)>,
    /// Runs of which nobody can say, with the first seed and reason.
    pub unknown: Option<(u64, u64, String)>,
    /// Runs that tested nothing, with the first seed and reason.
    pub vacuous: Option<(u64, u64, String)>,
}

impl Observed {
    fn add(&mut self, seed: u64, judgement: &Judgement) {
        let more = |there: &mut Option<(u64, u64, String)>, why: &String| match there {
            Some((count, ..)) => *count += 1,
            None => *there = Some((1, seed, why.clone())),
        };
        match &judgement.verdict {
            Verdict::Held => self.held += 1,
            Verdict::Violated(anomaly) => self.violated.entry(anomaly.class.clone()).or_insert((0, seed)).0 += 1,
            Verdict::Unknown(why) => more(&mut self.unknown, why),
            Verdict::Vacuous(why) => more(&mut self.vacuous, why),
        }
    }

    /// The first seed that was violated.
    pub fn first_violation(&self) -> Option<u64> {
        self.violated.values().map(|(_, first)| *first).min()
    }

    /// What is not as expected, if anything.
    pub fn surprise(&self, expected: &Expected) -> Option<String> {
        if *expected == Expected::Caught {
            return self.violated.is_empty().then(|| "no run was violated: the bug was not caught".to_string());
        }
        if let Some((count, seed, why)) = &self.vacuous {
            return Some(format!("{count} runs tested nothing, first seed {seed}: {why}"));
        }
        if let Some((count, seed, why)) = &self.unknown {
            return Some(format!("{count} runs were not decided, first seed {seed}: {why}"));
        }
        let allowed: &[String] = match expected {
            Expected::Held | Expected::Caught => &[],
            Expected::Violated(classes) | Expected::Maybe(classes) => classes,
        };
        let other = self.violated.iter().find(|(class, _)| !allowed.contains(class));
        if let Some((class, (count, seed))) = other {
            return Some(format!("{count} runs were violated by {class}, first seed {seed}"));
        }
        let missed = matches!(expected, Expected::Violated(_)) && self.violated.is_empty();
        missed.then(|| format!("none of {} runs was violated by {}", self.held, allowed.join(" or ")))
    }
}

/// A campaign's orders beside its cells.
pub struct Orders<'a> {
    /// How many runs at once.
    pub jobs: usize,
    /// Ends the campaign early.
    pub stop: &'a AtomicBool,
    /// Told after every run how many are done.
    pub progress: &'a (dyn Fn(usize) + Sync),
}

/// Tests one cell with one seed.
pub type Test<'a> = dyn Fn(&Cell, Seed) -> Result<Judgement, Trouble> + Sync + 'a;

/// Runs every cell with every seed of it. What comes out does not depend on the number of jobs. The flag says whether all was run.
///
/// # Errors
/// The trouble of the first run that the harness could not carry out.
pub fn run(cells: &[Cell], test: &Test, orders: &Orders) -> Result<(Vec<Observed>, bool), Trouble> {
    let runs: Vec<(usize, u64)> = (0..cells.len())
        .flat_map(|cell| (cells[cell].seeds.0..).take(cells[cell].seeds.1 as usize).map(move |seed| (cell, seed)))
        .collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let judged: Vec<Mutex<Option<Result<Judgement, Trouble>>>> = runs.iter().map(|_| Mutex::new(None)).collect();
    let work = || {
        while !orders.stop.load(Ordering::Relaxed) {
            let mine = next.fetch_add(1, Ordering::Relaxed);
            let Some(&(cell, seed)) = runs.get(mine) else { return };
            *judged[mine].lock().expect("no worker panics with a result in hand") =
                Some(test(&cells[cell], Seed(seed)));
            (orders.progress)(done.fetch_add(1, Ordering::Relaxed) + 1);
        }
    };
    std::thread::scope(|scope| (0..orders.jobs.max(1)).for_each(|_| drop(scope.spawn(work))));
    let mut observed = vec![Observed::default(); cells.len()];
    let mut complete = true;
    for ((cell, seed), judgement) in runs.iter().zip(judged) {
        match judgement.into_inner().expect("no worker panicked") {
            Some(judgement) => observed[*cell].add(*seed, &judgement?),
            None => complete = false,
        }
    }
    Ok((observed, complete))
}
