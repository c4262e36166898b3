//! What makes a protocol a design of the store: a name, its configuration, its deliberate bugs.

use harness::client::Style;
use harness::{Node, Settings};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A protocol that a user can run by name, in the simulator and as real processes.
pub trait Design: Node<Message: Wire, Record: Wire> {
    /// As on the command line.
    const NAME: &'static str;
    /// One sentence.
    const ABOUT: &'static str;
    /// How its clients choose whom to ask.
    const STYLE: Style;
    /// Its deliberate bugs; none is on by default.
    const SWITCHES: &'static [Switch];
    /// The configuration of every node.
    fn config(setup: &Setup) -> Self::Config;
}

/// What can cross a socket or reach a disk.
pub trait Wire: Serialize + DeserializeOwned + Send {}
impl<T: Serialize + DeserializeOwned + Send> Wire for T {}

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
