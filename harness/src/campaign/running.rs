//! Carries a campaign out, on several threads: what comes out depends neither on how many there are nor on who shares a run with whom.

use super::{Cell, Observed, Trial};
use crate::cluster::Trouble;
use crate::seed::Seed;
use crate::verdict::Exit;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// A campaign's orders beside its cells.
pub struct Orders<'a> {
    /// How many runs at once.
    pub jobs: usize,
    /// Whose requests a workload takes. Cells that differ in nothing but how these are judged share their runs.
    pub asks: &'a (dyn Fn(&str) -> &str + Sync),
    /// Ends the campaign early.
    pub stop: &'a AtomicBool,
    /// Told now and then how many runs of cells are done; of cells that share a run each counts.
    pub progress: &'a (dyn Fn(usize) + Sync),
}

/// Carries out one run for all of these cells, which share it, and judges it for each.
pub type Test<'a> = dyn Fn(&[&Cell], Seed) -> Result<Vec<Trial>, Trouble> + Sync + 'a;

/// A seed of cells that share their runs.
struct Turn<'a> {
    /// Their places among all.
    sharers: &'a [usize],
    seed: u64,
    /// A trial for each, but for cells that had enough before; `None` as long as nobody took the turn.
    trials: Mutex<Option<Result<Vec<Option<Trial>>, Trouble>>>,
}

/// Runs every cell with every seed of it, until it has enough. The flag says whether all was run.
///
/// # Errors
/// The trouble of the first run that the harness could not carry out.
pub fn run(cells: &[Cell], test: &Test, orders: &Orders) -> Result<(Vec<Observed>, bool), Trouble> {
    let groups = groups(cells, orders.asks);
    let turns: Vec<Turn> = groups.iter().flat_map(|sharers| turns(sharers, cells[sharers[0]].seeds)).collect();
    let violated: Vec<Mutex<Vec<u64>>> = cells.iter().map(|_| Mutex::default()).collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while !orders.stop.load(Ordering::Relaxed) {
            let Some(turn) = turns.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
            let trials = take(turn, cells, &violated, test);
            *turn.trials.lock().expect("no worker panics with a result in hand") = Some(trials);
            let sharers = turn.sharers.len();
            (orders.progress)(done.fetch_add(sharers, Ordering::Relaxed) + sharers);
        }
    };
    std::thread::scope(|scope| (0..orders.jobs.max(1)).for_each(|_| drop(scope.spawn(work))));
    gather(cells, turns)
}

/// Cells that differ in nothing but how their runs are judged, in order of the first of them.
fn groups(cells: &[Cell], asks: &dyn Fn(&str) -> &str) -> Vec<Vec<usize>> {
    let same = |one: &Cell, two: &Cell| {
        let judged_like = |cell: &Cell| Cell {
            workload: asks(&cell.workload).to_string(),
            expected: two.expected.clone(),
            mark: two.mark.clone(),
            enough: two.enough,
            ..cell.clone()
        };
        (&one.design, &one.nemesis) == (&two.design, &two.nemesis) && judged_like(one) == judged_like(two)
    };
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (place, cell) in cells.iter().enumerate() {
        match groups.iter_mut().find(|group| same(&cells[group[0]], cell)) {
            Some(group) => group.push(place),
            None => groups.push(vec![place]),
        }
    }
    groups
}

fn turns(sharers: &[usize], (first, seeds): (u64, u64)) -> impl Iterator<Item = Turn<'_>> {
    (first..).take(seeds as usize).map(move |seed| Turn { sharers, seed, trials: Mutex::new(None) })
}

/// One run, for those of its cells that have not had enough with smaller seeds. `violated` has the seeds known by cell so far: who
/// looks before a smaller seed is over judges a run too many, which is not gathered.
fn take(turn: &Turn, cells: &[Cell], violated: &[Mutex<Vec<u64>>], test: &Test) -> Result<Vec<Option<Trial>>, Trouble> {
    let known = |place: usize| violated[place].lock().expect("no worker panics while it counts");
    let wants = |place: &usize| {
        let smaller = || known(*place).iter().filter(|seed| **seed < turn.seed).count() as u64;
        cells[*place].enough.is_none_or(|enough| smaller() < enough)
    };
    let wanting: Vec<usize> = turn.sharers.iter().copied().filter(wants).collect();
    let mut trials: Vec<Option<Trial>> = turn.sharers.iter().map(|_| None).collect();
    if wanting.is_empty() {
        return Ok(trials);
    }
    let of: Vec<&Cell> = wanting.iter().map(|place| &cells[*place]).collect();
    for (place, trial) in wanting.into_iter().zip(test(&of, Seed(turn.seed))?) {
        if trial.exit == Exit::Violated {
            known(place).push(turn.seed);
        }
        let sharer = turn.sharers.iter().position(|sharer| *sharer == place).expect("one of the sharers");
        trials[sharer] = Some(trial);
    }
    Ok(trials)
}

/// What came out of each cell, seed by seed.
fn gather(cells: &[Cell], turns: Vec<Turn>) -> Result<(Vec<Observed>, bool), Trouble> {
    let mut observed = vec![Observed::default(); cells.len()];
    let mut complete = true;
    for Turn { sharers, seed, trials } in turns {
        let trials = trials.into_inner().expect("no worker panicked").transpose()?;
        for (number, place) in sharers.iter().enumerate() {
            let (seen, enough) = (&mut observed[*place], cells[*place].enough);
            let violated: u64 = seen.violated().map(|other| other.runs).sum();
            if enough.is_some_and(|enough| violated >= enough) {
                continue;
            }
            match trials.as_ref().and_then(|trials| trials[number].as_ref()) {
                Some(trial) => seen.add(seed, trial),
                None => complete = false,
            }
        }
    }
    Ok((observed, complete))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::{Expected, Met};
    use crate::plan::Settings;
    use crate::time::Time;

    fn cell(design: &str, workload: &str, enough: Option<u64>) -> Cell {
        Cell {
            design: design.to_string(),
            switches: Vec::new(),
            workload: workload.to_string(),
            nemesis: String::new(),
            nodes: 3,
            clients: 3,
            time: Time::ZERO,
            rate: 1.0,
            settings: Settings::default(),
            seeds: (1, 40),
            enough,
            mark: None,
            expected: Expected::Held,
        }
    }

    /// Of `often` every run is violated, of `some` every third.
    fn trial(cell: &Cell, seed: Seed) -> Trial {
        let violated = cell.workload == "often" || cell.workload == "some" && seed.0.is_multiple_of(3);
        let (exit, what) = if violated { (Exit::Violated, "lost") } else { (Exit::Held, "") };
        Trial { exit, what: what.to_string(), unserved: None, marked: seed.0.is_multiple_of(5), met: Met::default() }
    }

    /// What comes out, and how many runs there were.
    fn carried_out(cells: &[Cell], jobs: usize, asks: &(dyn Fn(&str) -> &str + Sync)) -> (Vec<Observed>, usize) {
        let runs = AtomicUsize::new(0);
        let test = |cells: &[&Cell], seed: Seed| {
            runs.fetch_add(1, Ordering::Relaxed);
            Ok(cells.iter().map(|cell| trial(cell, seed)).collect())
        };
        let orders = Orders { jobs, asks, stop: &AtomicBool::new(false), progress: &|_| {} };
        let (observed, complete) = run(cells, &test, &orders).expect("no trouble");
        assert!(complete);
        (observed, runs.into_inner())
    }

    #[test]
    fn who_shares_a_run_comes_out_as_if_alone() {
        let cells = [
            cell("one", "often", Some(7)),
            cell("one", "some", None),
            cell("two", "some", Some(2)),
            cell("one", "never", Some(3)),
            cell("two", "often", Some(1)),
        ];
        let (alone, runs) = carried_out(&cells, 1, &|name| name);
        assert_eq!(alone.iter().map(Observed::runs).collect::<Vec<_>>(), [7, 40, 6, 40, 1]);
        assert_eq!(runs, 7 + 40 + 6 + 40 + 1);
        let (shared, runs) = carried_out(&cells, 1, &|_| "all the same");
        assert_eq!((&shared, runs), (&alone, 40 + 6));
        assert_eq!(carried_out(&cells, 8, &|_| "all the same").0, alone);
    }

    #[test]
    fn who_differs_in_more_than_how_they_are_judged_shares_nothing() {
        let usual = || cell("one", "some", None);
        let others = [
            Cell { design: "two".to_string(), ..usual() },
            Cell { switches: vec!["bug".to_string()], ..usual() },
            Cell { nemesis: "kill".to_string(), ..usual() },
            Cell { nodes: 4, ..usual() },
            Cell { clients: 4, ..usual() },
            Cell { rate: 2.0, ..usual() },
            Cell { time: Time(1), ..usual() },
            Cell { seeds: (2, 40), ..usual() },
            Cell { settings: Settings { delay_high: Time(9), ..Settings::default() }, ..usual() },
        ];
        for other in others {
            assert_eq!(groups(&[usual(), other], &|name| name).len(), 2);
        }
        let judged = Cell { expected: Expected::Caught, mark: Some("m".to_string()), enough: Some(1), ..usual() };
        assert_eq!(groups(&[usual(), judged], &|name| name).len(), 1);
    }

    #[test]
    fn a_campaign_that_is_stopped_is_not_complete() {
        let stop = AtomicBool::new(false);
        let test = |cells: &[&Cell], seed: Seed| {
            stop.store(seed.0 == 3, Ordering::Relaxed);
            Ok(cells.iter().map(|cell| trial(cell, seed)).collect())
        };
        let orders = Orders { jobs: 1, asks: &|name| name, stop: &stop, progress: &|_| {} };
        let (observed, complete) = run(&[cell("one", "never", None)], &test, &orders).expect("no trouble");
        assert_eq!((observed[0].runs(), complete), (3, false));
    }
}
