//! Many runs with known answers: a campaign is green only if every known-broken design is caught, every correct one is
//! clean, and nothing was vacuous.

use crate::cluster::Trouble;
use crate::plan::Settings;
use crate::seed::Seed;
use crate::time::Time;
use crate::verdict::{Exit, Judgement, Verdict};
use serde::{Deserialize, Serialize};
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
    /// What came out of the others, worst first.
    pub others: Vec<Other>,
}

/// Runs that ended in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Other {
    /// How they ended.
    pub exit: Exit,
    /// The class of the violation; of a run that was not decided or tested nothing, why the first of them was not.
    pub what: String,
    /// How many they were.
    pub runs: u64,
    /// The first seed that ended so.
    pub first_seed: u64,
}

impl Observed {
    fn add(&mut self, seed: u64, verdict: &Verdict) {
        let (exit, what) = match verdict {
            Verdict::Held => return self.held += 1,
            Verdict::Violated(anomaly) => (Exit::Violated, &anomaly.class),
            Verdict::Unknown(why) => (Exit::Unknown, why),
            Verdict::Vacuous(why) => (Exit::Vacuous, why),
        };
        let same = |other: &&mut Other| other.exit == exit && (exit != Exit::Violated || other.what == *what);
        match self.others.iter_mut().find(same) {
            Some(other) => other.runs += 1,
            None => self.others.push(Other { exit, what: what.clone(), runs: 1, first_seed: seed }),
        }
        self.others.sort_by(|one, two| (two.exit.severity(), &one.what).cmp(&(one.exit.severity(), &two.what)));
    }

    /// The violations.
    pub fn violated(&self) -> impl Iterator<Item = &Other> {
        self.others.iter().filter(|other| other.exit == Exit::Violated)
    }

    /// All runs.
    pub fn runs(&self) -> u64 {
        self.held + self.others.iter().map(|other| other.runs).sum::<u64>()
    }

    /// What is not as expected, if anything.
    pub fn surprise(&self, expected: &Expected) -> Option<String> {
        if *expected == Expected::Caught {
            let missed = self.violated().next().is_none();
            return missed.then(|| "no run was violated: the bug was not caught".to_string());
        }
        let allowed: &[String] = match expected {
            Expected::Held | Expected::Caught => &[],
            Expected::Violated(classes) | Expected::Maybe(classes) => classes,
        };
        // What was not decided or tested nothing spoils a cell, whatever else was found.
        let wrong =
            self.others.iter().rev().find(|other| other.exit != Exit::Violated || !allowed.contains(&other.what));
        if let Some(Other { exit, what, runs, first_seed }) = wrong {
            let runs = if *runs == 1 { "1 run was".to_string() } else { format!("{runs} runs were") };
            let ending = match exit {
                Exit::Violated => "violated by",
                Exit::Unknown => "not decided:",
                _ => "vacuous:",
            };
            return Some(format!("{runs} {ending} {what} (first seed {first_seed})"));
        }
        let missed = matches!(expected, Expected::Violated(_)) && self.violated().next().is_none();
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
            Some(judgement) => observed[*cell].add(*seed, &judgement?.verdict),
            None => complete = false,
        }
    }
    Ok((observed, complete))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anomaly::Anomaly;

    fn violated(class: &str) -> Verdict {
        Verdict::Violated(Box::new(Anomaly { class: class.to_string(), ..Anomaly::default() }))
    }

    fn observed(verdicts: &[Verdict]) -> Observed {
        let mut observed = Observed::default();
        (1..).zip(verdicts).for_each(|(seed, verdict)| observed.add(seed, verdict));
        observed
    }

    #[test]
    fn a_cell_is_as_expected_or_says_why_not() {
        let lost = || vec!["lost".to_string()];
        let (held, vacuous) = (Verdict::Held, Verdict::Vacuous("nothing was asked".to_string()));
        let unknown = Verdict::Unknown("too long".to_string());
        let surprise = |verdicts: &[Verdict], expected: Expected| observed(verdicts).surprise(&expected);
        assert_eq!(surprise(std::slice::from_ref(&held), Expected::Held), None);
        assert_eq!(surprise(&[held.clone(), violated("lost")], Expected::Violated(lost())), None);
        assert_eq!(surprise(std::slice::from_ref(&held), Expected::Maybe(lost())), None);
        assert_eq!(surprise(&[vacuous.clone(), violated("lost")], Expected::Caught), None);
        for (verdicts, expected, says) in [
            (vec![held.clone(), violated("lost")], Expected::Held, "1 run was violated by lost (first seed 2)"),
            (vec![held.clone()], Expected::Violated(lost()), "none of 1 runs was violated by lost"),
            (
                vec![violated("phantom"); 2],
                Expected::Violated(lost()),
                "2 runs were violated by phantom (first seed 1)",
            ),
            (
                vec![violated("lost"), vacuous],
                Expected::Violated(lost()),
                "1 run was vacuous: nothing was asked (first seed 2)",
            ),
            (vec![unknown, held.clone()], Expected::Maybe(lost()), "1 run was not decided: too long (first seed 1)"),
            (vec![held], Expected::Caught, "no run was violated: the bug was not caught"),
        ] {
            assert_eq!(surprise(&verdicts, expected).as_deref(), Some(says));
        }
    }
}
