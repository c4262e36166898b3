//! Many runs with known answers: a campaign is green only if every known-broken design is caught, every correct one is
//! clean, and nothing was vacuous.

mod met;
mod running;
mod standing;

pub use met::{Faults, Met};
pub use running::{Orders, Test, run};
pub use standing::Standing;

use crate::history::What;
use crate::plan::Settings;
use crate::time::Time;
use crate::unserved::{self, Unserved};
use crate::verdict::{Exit, Judgement, Run, Verdict};
use serde::{Deserialize, Serialize};

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
    /// After so many violated runs the cell is over, whatever seeds are left: what is found so often is found.
    pub enough: Option<u64>,
    /// A mark that some run has to hit, or the cell says nothing: of a deliberate bug, that its code was reached.
    pub mark: Option<String>,
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
    /// Every run holds, the clients whom faults part from what their writes need are not served meanwhile, and are
    /// again afterwards.
    Unavailable,
    /// At least one run is violated, whatever becomes of the others: what a deliberate bug must come to in its cell.
    Caught,
}

/// What one run says about its cell, and no more: a campaign has many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// How it ended.
    pub exit: Exit,
    /// The class of the violation, or why it was not decided or tested nothing; else empty.
    pub what: String,
    /// How those fared who cannot be served, where that is what is expected.
    pub unserved: Option<Unserved>,
    /// Was the cell's mark hit?
    pub marked: bool,
    /// By kind of fault, whether anything met it.
    pub met: Met,
}

impl Trial {
    /// Of a run and what checkers say about it.
    pub fn of(cell: &Cell, run: &Run, judgement: &Judgement) -> Trial {
        let what = match &judgement.verdict {
            Verdict::Held => String::new(),
            Verdict::Violated(anomaly) => anomaly.class.clone(),
            Verdict::Unknown(why) | Verdict::Vacuous(why) => why.clone(),
        };
        let unserved = match &cell.expected {
            Expected::Unavailable => Some(unserved::measure(run)),
            _ => None,
        };
        let hit = |what: &What| matches!(what, What::Mark { mark, .. } if Some(&**mark) == cell.mark.as_deref());
        let marked = run.history.events.iter().any(|event| hit(&event.what));
        Trial { exit: judgement.verdict.exit(), what, unserved, marked, met: Met::of(run) }
    }
}

/// What came out of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// Runs that held.
    pub held: u64,
    /// What came out of the others, worst first.
    pub others: Vec<Other>,
    /// How those fared who cannot be served, in all runs together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unserved: Option<Unserved>,
    /// In how many runs the cell's mark was hit.
    #[serde(default)]
    pub marked: u64,
    /// By kind of fault, how often one met anything in all runs together.
    #[serde(default)]
    pub met: Met,
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
    fn add(&mut self, seed: u64, trial: &Trial) {
        self.marked += u64::from(trial.marked);
        self.met.add(&trial.met);
        self.unserved = self.unserved.into_iter().chain(trial.unserved).reduce(|one, two| [one, two].into_iter().sum());
        let (exit, what) = (trial.exit, &trial.what);
        if exit == Exit::Held {
            return self.held += 1;
        }
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

    /// How many seeds it takes until one is violated, at the median: the geometric estimate, which takes every seed to be violated with
    /// the same chance.
    pub fn median_seeds(&self) -> Option<u64> {
        let violated: u64 = self.violated().map(|other| other.runs).sum();
        let missed = 1.0 - violated as f64 / self.runs() as f64;
        (violated > 0).then(|| (0.5f64.ln() / missed.ln()).ceil().max(1.0) as u64)
    }
}

impl Expected {
    /// How runs may be violated.
    pub fn classes(&self) -> &[String] {
        match self {
            Expected::Violated(classes) | Expected::Maybe(classes) => classes,
            Expected::Held | Expected::Unavailable | Expected::Caught => &[],
        }
    }
    /// Its sign in a table.
    pub fn sign(&self) -> &'static str {
        match self {
            Expected::Held => "H",
            Expected::Unavailable => "U",
            Expected::Violated(_) => "V",
            Expected::Maybe(_) => "v",
            Expected::Caught => "C",
        }
    }
}
