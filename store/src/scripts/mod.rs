//! Schedules that break what a design as it is shipped does not promise: one for each way in which a cell of the matrix is violated.
//!
//! What random faults find in some seeds, a script shows in one run, and a person can read why. Many schedules break several
//! designs in the same way, and show several claims broken at once: each design and each claim that a line names must come to exactly
//! the class that stands beside it, and to nothing else. Every `V` of the grid has a line here ([`shows`]).

mod table;

use crate::mutants::{Script, play};
use harness::Run;
use harness::files::Malformed;
pub use table::SCRIPTS;

/// A schedule and what comes of it.
#[derive(Clone, Copy, Debug)]
pub struct Scripted {
    /// The designs that it breaks, without any deliberate bug, whichever of them the text names.
    pub designs: &'static [&'static str],
    /// The faults whose mechanism it shows, by the names of their nemeses; or [`ANY`].
    pub faults: &'static [&'static str],
    /// What is judged, and what is seen; for one claim several checkers may see something. The text names one of the claims.
    pub seen: &'static [Seen],
    /// The schedule.
    pub script: Script,
}

/// What a claim's checkers say of a schedule.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// A workload or a claim.
    pub claim: &'static str,
    /// Who sees it.
    pub checker: &'static str,
    /// What is seen.
    pub class: &'static str,
}

/// Needs no fault: time that a message takes, or a clock that nobody sets, is enough, and so it is under every fault.
pub const ANY: &[&str] = &["any"];

impl Scripted {
    /// Plays it on one of its designs.
    ///
    /// # Errors
    /// The first line that cannot be read or done.
    pub fn play_on(&self, design: &str) -> Result<Run, Malformed> {
        let line = |line: &str| match line.starts_with("design ") {
            true => format!("design {design}\n"),
            false => format!("{line}\n"),
        };
        play(self.script.name, &self.script.text.lines().map(line).collect::<String>(), &[])
    }

    /// What it shows of a cell; `None` if it is not about the cell.
    pub fn about(&self, design: &str, claim: &str, fault: &str) -> Option<Seen> {
        let ours = self.designs.contains(&design) && (self.faults == ANY || self.faults.contains(&fault));
        self.seen.iter().find(|seen| ours && seen.claim == claim).copied()
    }
}

/// The schedules that show how a cell is violated.
pub fn shows<'a>(
    design: &'a str,
    claim: &'a str,
    fault: &'a str,
) -> impl Iterator<Item = (&'static Scripted, Seen)> + 'a {
    SCRIPTS.iter().filter_map(move |scripted| Some((scripted, scripted.about(design, claim, fault)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::{FAULTS, GRID, expected};
    use harness::campaign::Expected;

    #[test]
    fn every_cell_that_must_be_violated_has_a_schedule_that_shows_how() {
        let mut missing = Vec::new();
        for row in GRID {
            for (fault, sign) in row.cells().filter(|(_, sign)| *sign == "V") {
                let Some(Expected::Violated(classes)) = expected(row.design, row.claim, fault) else {
                    panic!("{} {} {fault} is {sign}", row.design, row.claim);
                };
                if !shows(row.design, row.claim, fault).any(|(_, seen)| classes.contains(&seen.class.to_string())) {
                    missing.push(format!("{} {} {fault}", row.design, row.claim));
                }
            }
        }
        // And it is seen where one is missing.
        assert!(shows("raft", "register", "kill").next().is_none() && shows("sl-semi", "set", "kill").next().is_none());
        assert!(missing.is_empty(), "{} cells without a script:\n{}", missing.len(), missing.join("\n"));
    }

    #[test]
    fn every_line_is_about_what_there_is() {
        for Scripted { designs, faults, seen, script } in SCRIPTS {
            assert!(!designs.is_empty() && !faults.is_empty() && !seen.is_empty(), "{}", script.name);
            assert!(designs.iter().all(|design| crate::find(design).is_some()), "{}", script.name);
            let parts = || faults.iter().flat_map(|fault| fault.split('+'));
            let known = |fault: &str| FAULTS.split_whitespace().any(|known| known == fault);
            assert!(*faults == ANY || parts().all(known), "{}", script.name);
        }
    }
}
