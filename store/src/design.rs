//! What makes a protocol a design of the store: a name, its configuration, its deliberate bugs.

use harness::client::Style;
use harness::{Needs, Node, Settings};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A family of protocols that a user can run by name, in the simulator and as real processes.
pub trait Design: Node<Config: Send + Sync, Message: Wire, Record: Wire, Durable: Send + Sync> + Send + Sync {
    /// Its members: the same code, configured otherwise.
    const MODES: &'static [About];
    /// The configuration of every node.
    fn config(setup: &Setup) -> Self::Config;
    /// Whom a mode needs for a write; most can do without any certain node.
    fn needs(_: &About) -> Needs {
        Needs::default()
    }
}

/// A design as data, for lists and tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// As on the command line.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Where it is described: a paper, a chapter, a system.
    pub source: &'static str,
    /// How its clients choose whom to ask.
    pub style: Style,
    /// Its deliberate bugs; none is on by default.
    pub switches: &'static [Switch],
}

/// What can cross a socket or reach a disk.
pub trait Wire: Serialize + DeserializeOwned + Send + Sync {}
impl<T: Serialize + DeserializeOwned + Send + Sync> Wire for T {}

/// A deliberate bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// As on the command line.
    pub name: &'static str,
    /// What is wrong once it is on.
    pub about: &'static str,
}

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Which design of the family.
    pub design: &'static str,
    /// How many nodes.
    pub nodes: u8,
    /// Magnitudes.
    pub settings: Settings,
    /// Names of the deliberate bugs that are on.
    pub switches: Vec<String>,
}

impl Setup {
    /// Is this deliberate bug on?
    pub fn has(&self, switch: &str) -> bool {
        self.switches.iter().any(|on| on == switch)
    }
}
