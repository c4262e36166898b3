//! Shows a finished campaign: what was expected beside what came out, cell by cell. As a table for a terminal, as JSON, as a page.
//!
//! Nothing here depends on how many runs went on at once.

mod json;
mod page;
mod text;

pub use json::json;
pub use page::page;
pub use text::text;

use harness::campaign::{Cell, Expected, Observed, Standing};

/// A campaign that is over.
#[derive(Clone, Debug)]
pub struct Campaign<'a> {
    /// Every cell, in order.
    pub rows: Vec<Row<'a>>,
    /// Was all run?
    pub complete: bool,
    /// The exit code.
    pub exit: u8,
}

/// A cell, what came out of it, and what was kept of it.
#[derive(Clone, Debug)]
pub struct Row<'a> {
    /// What was tested, and what must come out.
    pub cell: &'a Cell,
    /// What came out.
    pub seen: &'a Observed,
    /// Runs that can be looked at.
    pub kept: Vec<Kept>,
}

/// A run that was kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Its seed.
    pub seed: u64,
    /// Its folder, as seen from beside the page.
    pub folder: String,
    /// The command that runs it again.
    pub replay: String,
}

impl Row<'_> {
    /// Is it as expected?
    pub fn standing(&self) -> Standing {
        self.cell.standing(self.seen)
    }
    /// Runs that were violated.
    pub fn violated(&self) -> u64 {
        self.seen.violated().map(|other| other.runs).sum()
    }
    /// The design with its deliberate bugs.
    pub fn design(&self) -> String {
        let names = std::iter::once(&self.cell.design).chain(&self.cell.switches);
        names.map(String::as_str).collect::<Vec<_>>().join("+")
    }
    /// What came out, as the sign that would have been right for it: `?` where nobody can say.
    pub fn observed_sign(&self) -> &'static str {
        let unserved = self.seen.unserved.is_some_and(|unserved| unserved.too_little().or(unserved.wrong()).is_none());
        match self.standing() {
            _ if self.violated() > 0 => "V",
            Standing::Inconclusive(_) => "?",
            _ if unserved => "U",
            _ => "H",
        }
    }
    fn title(&self) -> String {
        format!("{} {}", self.design(), self.cell.workload)
    }
    /// `V 17/20`, with a `!` before it where it is not as expected, and a `?` where nobody can say.
    fn sign(&self) -> String {
        let before = match self.standing() {
            Standing::AsExpected => "",
            Standing::Inconclusive(_) => "?",
            Standing::NotAsExpected(_) => "!",
        };
        format!("{before}{} {}/{}", self.cell.expected.sign(), self.violated(), self.seen.runs())
    }
    fn is_bug(&self) -> bool {
        self.cell.expected == Expected::Caught
    }
}

impl<'a> Campaign<'a> {
    /// Cells of the grid.
    fn grid(&self) -> impl Iterator<Item = &Row<'a>> {
        self.rows.iter().filter(|row| !row.is_bug())
    }
    /// Cells of deliberate bugs.
    fn bugs(&self) -> impl Iterator<Item = &Row<'a>> {
        self.rows.iter().filter(|row| row.is_bug())
    }
    /// Faults across, in the order in which they first come.
    fn faults(&self) -> Vec<&str> {
        let mut faults: Vec<&str> = Vec::new();
        for row in self.grid() {
            if !faults.contains(&row.cell.nemesis.as_str()) {
                faults.push(&row.cell.nemesis);
            }
        }
        faults
    }
    /// Designs and what they must keep down: neighbours of one title. Cells that differ only in size or seeds stand below each other.
    fn lines(&self) -> Vec<Vec<&Row<'a>>> {
        let mut lines: Vec<Vec<&Row>> = Vec::new();
        for row in self.grid() {
            let fits = |line: &Vec<&Row>| {
                line[0].title() == row.title() && line.iter().all(|other| other.cell.nemesis != row.cell.nemesis)
            };
            match lines.last_mut().filter(|line| fits(line)) {
                Some(line) => line.push(row),
                None => lines.push(vec![row]),
            }
        }
        lines
    }
    /// `363 cells, 7260 runs, 0 not as expected`.
    fn summary(&self) -> String {
        let count = |wanted: fn(&Standing) -> bool| self.rows.iter().filter(|row| wanted(&row.standing())).count();
        let runs: u64 = self.rows.iter().map(|row| row.seen.runs()).sum();
        let wrong = count(|standing| matches!(standing, Standing::NotAsExpected(_)));
        let unclear = match count(|standing| matches!(standing, Standing::Inconclusive(_))) {
            0 => String::new(),
            unclear => format!(", {unclear} inconclusive"),
        };
        let all = if self.complete { "" } else { "; stopped before its end" };
        format!("{} cells, {runs} runs, {wrong} not as expected{unclear}{all}", self.rows.len())
    }
}

/// What was expected, in words.
pub fn expected(expected: &Expected) -> String {
    match expected {
        Expected::Held => "held".to_string(),
        Expected::Unavailable => "held, and the cut side not served".to_string(),
        Expected::Violated(classes) => format!("violated ({})", classes.join(", ")),
        Expected::Maybe(classes) => format!("held or violated ({})", classes.join(", ")),
        Expected::Caught => "caught".to_string(),
    }
}

/// What came out, in words.
pub fn observed(seen: &Observed) -> String {
    let others = seen.violated().map(|other| format!("{} {} from seed {}", other.runs, other.what, other.first_seed));
    let unserved = seen.unserved.map(|unserved| {
        format!("on the cut side {} while faults lasted, {} once they were over", unserved.during, unserved.after)
    });
    let all: Vec<String> = std::iter::once(format!("{} held", seen.held)).chain(others).chain(unserved).collect();
    all.join(", ")
}

#[cfg(test)]
mod sample {
    use super::*;
    use harness::campaign::Other;
    use harness::unserved::{Share, Unserved};
    use harness::{Exit, Settings, Time};

    fn cell(design: &str, workload: &str, nemesis: &str, expected: Expected) -> Cell {
        Cell {
            design: design.to_string(),
            switches: Vec::new(),
            workload: workload.to_string(),
            nemesis: nemesis.to_string(),
            nodes: 5,
            clients: 10,
            time: Time::ZERO,
            rate: 30.0,
            settings: Settings::default(),
            seeds: (1, 20),
            enough: None,
            mark: None,
            expected,
        }
    }

    fn seen(held: u64, others: &[(Exit, &str, u64)]) -> Observed {
        let other = |(exit, what, runs): &(Exit, &str, u64)| Other {
            exit: *exit,
            what: (*what).to_string(),
            runs: *runs,
            first_seed: 3,
        };
        Observed { held, others: others.iter().map(other).collect(), ..Observed::default() }
    }

    /// One cell of each kind: as expected, not as expected, inconclusive, a bug that was caught and one that was not.
    pub fn cells() -> Vec<(Cell, Observed)> {
        let lost = || Expected::Violated(vec!["lost".to_string()]);
        let share = |answered| Share { tried: 60, answered };
        let unserved = Some(Unserved { during: share(0), after: share(60) });
        let bug = |switch: &str| Cell {
            switches: vec![switch.to_string()],
            mark: Some("strayed".to_string()),
            ..cell("raft", "set", &format!("mutant/{switch}"), Expected::Caught)
        };
        vec![
            (cell("raft", "set", "calm", Expected::Held), seen(20, &[])),
            (cell("raft", "set", "halves", Expected::Unavailable), Observed { unserved, ..seen(20, &[]) }),
            (cell("sl-async-fo", "set", "calm", Expected::Held), seen(19, &[(Exit::Violated, "<b>lost</b>", 1)])),
            (cell("sl-async-fo", "set", "halves", lost()), seen(3, &[(Exit::Violated, "lost", 17)])),
            (cell("ml-lww", "set", "halves", lost()), seen(19, &[(Exit::Vacuous, "nothing was asked", 1)])),
            (bug("no-dedup"), Observed { marked: 9, ..seen(13, &[(Exit::Violated, "duplicated", 7)]) }),
            (bug("shy"), seen(20, &[])),
        ]
    }

    /// The campaign of these cells, with a run kept of each.
    pub fn campaign(cells: &[(Cell, Observed)]) -> Campaign<'_> {
        let kept = |number: usize| {
            vec![Kept { seed: 3, folder: format!("kept/{number}"), replay: format!("perjury replay kept/{number}") }]
        };
        let rows = cells.iter().enumerate().map(|(number, (cell, seen))| Row { cell, seen, kept: kept(number) });
        Campaign { rows: rows.collect(), complete: true, exit: 4 }
    }
}
