//! Is a cell as expected? If not, why not; and if nobody can say, why nobody can.

use super::{Cell, Expected, Observed, Other};
use crate::verdict::Exit;

/// Is a cell as expected?
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    AsExpected,
    /// Nobody can say, and why. Never green.
    Inconclusive(String),
    /// It is not, and how.
    NotAsExpected(String),
}

impl Standing {
    /// What there is to explain.
    pub fn why(&self) -> Option<&str> {
        match self {
            Standing::AsExpected => None,
            Standing::Inconclusive(why) | Standing::NotAsExpected(why) => Some(why),
        }
    }
}

/// Of ten runs so many must reach the code of a deliberate bug, or it is rare.
const OFTEN: u64 = 1;

impl Cell {
    /// Is what came out of it as expected?
    pub fn standing(&self, seen: &Observed) -> Standing {
        let standings = [self.caught(seen), self.surprise(seen), self.undecided(seen), self.missed(seen)];
        standings.into_iter().flatten().next().unwrap_or(Standing::AsExpected)
    }

    /// Of a deliberate bug nothing counts but that it is caught. One that is not says what is missing: somebody who gets there, gets
    /// there more often, or looks closer.
    fn caught(&self, seen: &Observed) -> Option<Standing> {
        if self.expected != Expected::Caught {
            return None;
        }
        if seen.violated().next().is_some() {
            return Some(Standing::AsExpected);
        }
        let (marked, runs) = (seen.marked, seen.runs());
        let how = match &self.mark {
            None => "no run was violated".to_string(),
            Some(mark) if marked == 0 => format!("never reached: no run hit the mark \"{mark}\""),
            Some(_) if marked * 10 < runs * OFTEN => format!("rare: {marked} of {runs} runs reached it"),
            Some(_) => format!("masked: {marked} of {runs} runs reached it, and nothing came of it"),
        };
        Some(Standing::NotAsExpected(format!("the bug survived; {how}")))
    }

    /// A violation that nobody expects.
    fn surprise(&self, seen: &Observed) -> Option<Standing> {
        let allowed = self.expected.classes();
        let wrong = seen.violated().filter(|other| !allowed.contains(&other.what)).last()?;
        Some(Standing::NotAsExpected(format!("{} violated by {}", wrong.counted(), wrong.told())))
    }

    /// What was not decided or tested nothing spoils a cell, whatever else was found.
    fn undecided(&self, seen: &Observed) -> Option<Standing> {
        if let Some(other) = seen.others.iter().find(|other| other.exit != Exit::Violated) {
            let ending = if other.exit == Exit::Unknown { "not decided:" } else { "vacuous:" };
            return Some(Standing::Inconclusive(format!("{} {ending} {}", other.counted(), other.told())));
        }
        if let Some(mark) = self.mark.as_ref().filter(|_| seen.marked == 0) {
            return Some(Standing::Inconclusive(format!("no run hit the mark \"{mark}\"")));
        }
        // Where something was violated, something was met.
        let missed = seen.met.missed().filter(|_| seen.violated().next().is_none() && !self.must_be_violated())?;
        Some(Standing::Inconclusive(format!("{missed}: that every run held says nothing")))
    }

    fn must_be_violated(&self) -> bool {
        matches!(self.expected, Expected::Violated(_) | Expected::Caught)
    }

    /// What was expected and did not come.
    fn missed(&self, seen: &Observed) -> Option<Standing> {
        match &self.expected {
            Expected::Violated(classes) if seen.violated().next().is_none() => {
                let why = format!("none of {} runs was violated by {}", seen.held, classes.join(" or "));
                Some(Standing::NotAsExpected(why))
            }
            Expected::Unavailable => {
                let unserved = seen.unserved.unwrap_or_default();
                let few = unserved.too_little().map(Standing::Inconclusive);
                few.or_else(|| unserved.wrong().map(Standing::NotAsExpected))
            }
            _ => None,
        }
    }
}

impl Other {
    fn counted(&self) -> String {
        if self.runs == 1 { "1 run was".to_string() } else { format!("{} runs were", self.runs) }
    }
    fn told(&self) -> String {
        format!("{} (first seed {})", self.what, self.first_seed)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Met, Trial};
    use super::*;
    use crate::plan::Settings;
    use crate::time::Time;
    use crate::unserved::{Share, Unserved};

    fn trial(exit: Exit, what: &str) -> Trial {
        Trial { exit, what: what.to_string(), unserved: None, marked: false, met: Met::default() }
    }

    fn held() -> Trial {
        trial(Exit::Held, "")
    }

    fn violated(class: &str) -> Trial {
        trial(Exit::Violated, class)
    }

    fn cell(expected: Expected, mark: Option<&str>) -> Cell {
        let name = || String::new();
        Cell {
            design: name(),
            switches: Vec::new(),
            workload: name(),
            nemesis: name(),
            nodes: 3,
            clients: 3,
            time: Time::ZERO,
            rate: 1.0,
            settings: Settings::default(),
            seeds: (1, 1),
            enough: None,
            mark: mark.map(String::from),
            expected,
        }
    }

    fn observed(trials: impl IntoIterator<Item = Trial>) -> Observed {
        let mut observed = Observed::default();
        (1..).zip(trials).for_each(|(seed, trial)| observed.add(seed, &trial));
        observed
    }

    fn not(why: &str) -> Standing {
        Standing::NotAsExpected(why.to_string())
    }

    #[test]
    fn a_cell_is_as_expected_or_says_why_not() {
        let lost = || vec!["lost".to_string()];
        let (vacuous, unknown) = (trial(Exit::Vacuous, "nothing was asked"), trial(Exit::Unknown, "too long"));
        let unclear = |why: &str| Standing::Inconclusive(why.to_string());
        for (trials, expected, standing) in [
            (vec![held()], Expected::Held, Standing::AsExpected),
            (vec![held(), violated("lost")], Expected::Violated(lost()), Standing::AsExpected),
            (vec![held()], Expected::Maybe(lost()), Standing::AsExpected),
            (vec![vacuous.clone(), violated("lost")], Expected::Caught, Standing::AsExpected),
            (vec![held(), violated("lost")], Expected::Held, not("1 run was violated by lost (first seed 2)")),
            (vec![held()], Expected::Violated(lost()), not("none of 1 runs was violated by lost")),
            (
                vec![violated("phantom"); 2],
                Expected::Violated(lost()),
                not("2 runs were violated by phantom (first seed 1)"),
            ),
            (
                vec![violated("lost"), vacuous],
                Expected::Violated(lost()),
                unclear("1 run was vacuous: nothing was asked (first seed 2)"),
            ),
            (vec![unknown, held()], Expected::Maybe(lost()), unclear("1 run was not decided: too long (first seed 1)")),
            (vec![held()], Expected::Caught, not("the bug survived; no run was violated")),
        ] {
            assert_eq!(cell(expected, None).standing(&observed(trials)), standing);
        }
    }

    #[test]
    fn a_bug_that_survives_was_never_reached_or_is_rare_or_masked() {
        let runs = |marked: u64| {
            let seen = observed((0..20).map(|run| Trial { marked: run < marked, ..held() }));
            cell(Expected::Caught, Some("strayed")).standing(&seen)
        };
        assert_eq!(runs(0), not("the bug survived; never reached: no run hit the mark \"strayed\""));
        assert_eq!(runs(1), not("the bug survived; rare: 1 of 20 runs reached it"));
        assert_eq!(runs(2), not("the bug survived; masked: 2 of 20 runs reached it, and nothing came of it"));
    }

    #[test]
    fn a_mark_that_no_run_hits_makes_a_cell_inconclusive() {
        let seen = |marked| observed([Trial { marked, ..held() }]);
        let cell = cell(Expected::Held, Some("deposed"));
        assert_eq!(cell.standing(&seen(true)), Standing::AsExpected);
        assert_eq!(cell.standing(&seen(false)), Standing::Inconclusive("no run hit the mark \"deposed\"".to_string()));
    }

    #[test]
    fn a_side_that_cannot_be_served_is_judged_by_all_runs_together() {
        let share = |tried, answered| Share { tried, answered };
        let run = |answered| Trial {
            unserved: Some(Unserved { during: share(30, answered), after: share(30, 30) }),
            ..held()
        };
        let cell = cell(Expected::Unavailable, None);
        assert_eq!(cell.standing(&observed([run(3), run(0)])), Standing::AsExpected);
        assert!(matches!(cell.standing(&observed([run(0)])), Standing::Inconclusive(_)));
        assert!(matches!(cell.standing(&observed([run(3), run(1)])), Standing::NotAsExpected(_)));
        let broken = Trial { unserved: run(0).unserved, ..violated("lost") };
        assert_eq!(cell.standing(&observed([run(0), broken])), not("1 run was violated by lost (first seed 2)"));
    }

    #[test]
    fn the_median_is_that_of_a_geometric_distribution() {
        let of = |violations: usize, runs: usize| {
            let run = |run| if run < violations { violated("lost") } else { held() };
            observed((0..runs).map(run)).median_seeds()
        };
        assert_eq!((of(0, 20), of(20, 20), of(10, 20), of(1, 20)), (None, Some(1), Some(1), Some(14)));
    }
}
