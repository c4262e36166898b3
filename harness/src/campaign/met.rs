//! Did the faults of a cell meet anything ([`crate::relevance`])? A single one may well miss; if all of a kind do, in every run,
//! then holding proves nothing about that kind.

use crate::verdict::Run;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// So many faults of a kind that all miss are no accident. A few may be: of ten kills of a node that seldom acknowledges anything
/// none need come within one heartbeat of an acknowledgement.
pub const NO_ACCIDENT: u64 = 20;

/// How many faults of a kind there were of which somebody can say whether they mattered, and how many did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// All that were measured.
    pub measured: u64,
    /// Those that mattered.
    pub mattered: u64,
}

/// The same for every kind that struck.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Met(BTreeMap<String, Faults>);

impl Met {
    /// Of the faults of a run.
    pub fn of(run: &Run) -> Met {
        let mut met = Met::default();
        for fault in &run.faults {
            if let Some(mattered) = fault.effect.as_ref().and_then(|effect| effect.mattered) {
                met.count(fault.fault.kind(), Faults { measured: 1, mattered: mattered.into() });
            }
        }
        met
    }

    /// Counts those of another run too.
    pub fn add(&mut self, other: &Met) {
        other.0.iter().for_each(|(kind, faults)| self.count(kind, *faults));
    }

    /// A kind that struck often and never met anything, in words.
    pub fn missed(&self) -> Option<String> {
        let missed = |faults: &Faults| faults.mattered == 0 && faults.measured >= NO_ACCIDENT;
        let (kind, Faults { measured, .. }) = self.0.iter().find(|(_, faults)| missed(faults))?;
        Some(format!("none of {measured} {kind} faults met anything that it could have harmed"))
    }

    fn count(&mut self, kind: &str, more: Faults) {
        let faults = self.0.entry(kind.to_string()).or_default();
        faults.measured += more.measured;
        faults.mattered += more.mattered;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_missed_if_it_struck_often_and_never_mattered() {
        let met = |kinds: &[(&str, u64, u64)]| {
            let mut met = Met::default();
            kinds.iter().for_each(|(kind, measured, mattered)| {
                met.count(kind, Faults { measured: *measured, mattered: *mattered });
            });
            met
        };
        for kinds in [&[][..], &[("kill", 19, 0)], &[("kill", 60, 1)], &[("kill", 60, 1), ("pause", 3, 0)]] {
            assert_eq!(met(kinds).missed(), None, "{kinds:?}");
        }
        let mut two = met(&[("kill", 30, 9), ("pause", 10, 0)]);
        two.add(&met(&[("kill", 30, 0), ("pause", 10, 0)]));
        assert_eq!(two, met(&[("kill", 60, 9), ("pause", 20, 0)]));
        assert_eq!(two.missed(), Some("none of 20 pause faults met anything that it could have harmed".to_string()));
    }
}
