//! How many operations of each kind ended how.

use crate::words::Ending;
use harness::Call;
use std::collections::BTreeMap;

/// Operations counted by kind and ending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// For each kind, in alphabetical order, one number an [`Ending`] in the order of [`Ending::ALL`].
    pub kinds: BTreeMap<&'static str, [usize; 4]>,
}

impl Tally {
    /// Of these calls.
    pub fn of(calls: &[Call]) -> Tally {
        let mut tally = Tally::default();
        for call in calls {
            tally.kinds.entry(call.op.verb()).or_default()[Ending::of(call.outcome) as usize] += 1;
        }
        tally
    }
    /// All kinds together, in the order of [`Ending::ALL`].
    pub fn total(&self) -> [usize; 4] {
        self.kinds.values().fold([0; 4], |sum, row| std::array::from_fn(|ending| sum[ending] + row[ending]))
    }
    /// Rows of text under a heading: kind, all, one column an ending; the last row is the sum.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let row = |name: &str, counts: &[usize; 4]| {
            let all = counts.iter().sum::<usize>();
            let counts = counts.iter().map(usize::to_string);
            [name.to_string(), all.to_string()].into_iter().chain(counts).collect::<Vec<_>>()
        };
        let heading = ["operation", "all"].into_iter().chain(Ending::ALL.map(Ending::word));
        let mut rows = vec![heading.map(str::to_string).collect()];
        rows.extend(self.kinds.iter().map(|(kind, counts)| row(kind, counts)));
        rows.push(row("all", &self.total()));
        rows
    }
}
