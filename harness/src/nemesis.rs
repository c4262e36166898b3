//! How a cluster is hurt: a name and a plain function that draws strikes.

use crate::fault::Strike;
use crate::plan::Tier;
use crate::seed::Rng;
use crate::workload::Shape;

/// What is done to a cluster, and when. The plan is data: printable, shrinkable.
#[derive(Clone, Copy)]
pub struct Nemesis {
    /// As on the command line.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Draws the strikes.
    pub plan: fn(&Shape, &mut Rng) -> Vec<Strike>,
    /// Where it can be done.
    pub tiers: &'static [Tier],
}
