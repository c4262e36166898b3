//! Real databases on real nodes: what one is to the harness, and how a cluster of it is run, hurt and asked.
//!
//! ```text
//!  controller                                          host (`hosts::Host`)
//!  ┌──────────────────────────────────────────┐        ┌──────────────────────────────┐
//!  │ cluster: Cluster, on one thread          │ start, │ n1: its daemons, its network │
//!  │   ▲ answers, views, log lines            │ kill,  │ n2 …                         │
//!  │   ├── clients: a thread and a session    │ cut    │                              │
//!  │   │   each, dialled from its home node ──┼────────┼─► any node                   │
//!  │   └── watch: a thread a node, dialled    │        │                              │
//!  │       from outside every cut ────────────┼────────┼─► that node                  │
//!  └──────────────────────────────────────────┘        └──────────────────────────────┘
//! ```
//!
//! A database is one file beside this folder: a [`Database`] and what implements its [`System`]. It neither retries nor
//! decides what a time-out means: a session gives every operation one deadline, and whatever it cannot exclude is unknown.

mod clients;
mod clocks;
mod cluster;
mod damage;
mod excused;
mod faults;
mod install;
mod limits;
mod links;
mod watch;

pub use cluster::{RealCluster, start};
pub use faults::{known, possible};
pub use install::{NODES, Needed, everything, install, version};

use crate::own::{Adapted, Program};
use crate::wire::Lost;
use harness::{Needs, NodeId, Op, Outcome, Reason, Settings, Trouble, View};
use hosts::{Daemon, Dialer};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

/// A shell's script that runs a command as somebody who is not root: see its head.
pub const AS_USER: &str = include_str!("as_user.sh");

/// A kind of database: how a cluster of it is made, in a table.
pub struct Database {
    /// As on the command line.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// The programs that its nodes run.
    pub programs: &'static [&'static str],
    /// The packages of Debian that bring them.
    pub packages: &'static [&'static str],
    /// Whether the usual tests do without it, because it takes too much to install.
    pub heavy: bool,
    /// What may be chosen; the first value of each is the usual one.
    pub choices: &'static [Choice],
    /// How each workload's operations are asked in this database: workload, words.
    pub mapping: &'static [(&'static str, &'static str)],
    /// How many nodes it usually has.
    pub nodes: u8,
    /// The ports that its daemons listen on.
    pub ports: &'static [u16],
    /// Its own times, from which faults get their magnitudes.
    pub settings: fn() -> Settings,
    /// Whom a write needs, by what was chosen.
    pub needs: fn(&BTreeMap<&'static str, &'static str>) -> Needs,
    /// Words in a log that say that a node gave up: a finding.
    pub panics: &'static [&'static str],
    /// A cluster of it.
    pub make: fn(Setup) -> Box<dyn System>,
}

/// Something that may be chosen of a database.
#[derive(Debug)]
pub struct Choice {
    /// As on the command line.
    pub name: &'static str,
    /// Values and a sentence for each, the usual one first.
    pub values: &'static [(&'static str, &'static str)],
}

/// The value of a choice that makes the first node all that there is.
pub const SINGLE: &str = "single";

/// A database and what was chosen of it: `etcd`, `etcd:reads=serializable`.
#[derive(Clone)]
pub struct Chosen {
    /// The kind.
    pub database: &'static Database,
    /// Every choice with its value.
    pub choices: BTreeMap<&'static str, &'static str>,
}

impl Chosen {
    /// How many nodes it has unless somebody says otherwise.
    pub fn nodes(&self) -> u8 {
        if self.single() { 1 } else { self.database.nodes }
    }
    /// Whom a write needs.
    pub fn needs(&self) -> Needs {
        (self.database.needs)(&self.choices)
    }

    fn single(&self) -> bool {
        self.choices.values().any(|value| *value == SINGLE)
    }
}

/// Reads `name` or `name:choice=value,…`. `None` where the name is no database's.
///
/// # Errors
/// In words, for a choice or a value that the database does not have.
pub fn choose(text: &str) -> Option<Result<Chosen, String>> {
    let (name, wanted) = text.split_once(':').unwrap_or((text, ""));
    let database = crate::DATABASES.iter().find(|database| database.name == name)?;
    let mut choices: BTreeMap<_, _> = database.choices.iter().map(|choice| (choice.name, choice.values[0].0)).collect();
    for pair in wanted.split(',').filter(|pair| !pair.is_empty()) {
        let known = || {
            let values = |choice: &Choice| choice.values.iter().map(|(value, _)| *value).collect::<Vec<_>>().join("|");
            let all: Vec<String> =
                database.choices.iter().map(|choice| format!("{}={}", choice.name, values(choice))).collect();
            if all.is_empty() {
                format!("{name} has nothing to choose")
            } else {
                format!("{name} has {}", all.join(", "))
            }
        };
        let wrong = || Some(Err(format!("\"{pair}\" cannot be chosen: {}", known())));
        let Some((choice, value)) = pair.split_once('=') else { return wrong() };
        let Some(choice) = database.choices.iter().find(|known| known.name == choice) else { return wrong() };
        let Some((value, _)) = choice.values.iter().find(|known| known.0 == value) else { return wrong() };
        choices.insert(choice.name, value);
    }
    Some(Ok(Chosen { database, choices }))
}

/// What is run: a database of the table, or a system of somebody's own.
#[derive(Clone)]
pub struct Subject {
    /// In reports and folders.
    pub name: String,
    /// The ports that its daemons listen on.
    pub ports: Vec<u16>,
    /// Words in a log that say that a node gave up.
    pub panics: Arc<[String]>,
    /// What was chosen of it.
    pub choices: BTreeMap<&'static str, &'static str>,
    /// A cluster of it.
    pub make: Make,
}

/// Makes a cluster where one is set up.
pub type Make = Arc<dyn Fn(Setup) -> Box<dyn System> + Send + Sync>;

impl Chosen {
    /// It as something to run.
    pub fn subject(&self) -> Subject {
        let Database { name, ports, panics, make, .. } = self.database;
        Subject {
            name: name.to_string(),
            ports: ports.to_vec(),
            panics: panics.iter().map(|words| words.to_string()).collect(),
            choices: self.choices.clone(),
            make: Arc::new(make),
        }
    }
}

impl Subject {
    /// The same, asked through somebody's program.
    pub fn through(self, program: Program) -> Subject {
        let make = self.make.clone();
        let adapted = move |setup: Setup| -> Box<dyn System> {
            let adapted = Adapted::new(make(setup.clone()), program.clone(), &setup);
            Box::new(adapted)
        };
        Subject { make: Arc::new(adapted), ..self }
    }
}

/// Where a cluster is to be made.
#[derive(Clone)]
pub struct Setup {
    /// The address that each node's daemons listen on.
    pub listen: Vec<IpAddr>,
    /// Each node's own directory.
    pub dirs: Vec<PathBuf>,
    /// What was chosen.
    pub choices: BTreeMap<&'static str, &'static str>,
    /// The plan's times.
    pub settings: Settings,
    /// Opens connections from beside each node; they are cut with it.
    pub beside: Vec<Dialer>,
    /// Opens connections that no cut between nodes stops.
    pub outside: Dialer,
    /// Where a node's ports are reached.
    reach: Vec<BTreeMap<u16, SocketAddr>>,
}

impl Setup {
    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.listen.len()
    }
    /// The ports that its daemons listen on.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.reach.iter().flat_map(|ports| ports.keys().copied()).collect::<std::collections::BTreeSet<_>>().into_iter()
    }
    /// Where peers and clients reach a port of a node.
    ///
    /// # Panics
    /// If the port is not among [`Database::ports`].
    pub fn reach(&self, node: usize, port: u16) -> SocketAddr {
        self.reach[node][&port]
    }
}

/// A cluster of one database, as seen by whoever runs it.
pub trait System: Send + Sync {
    /// Writes what a node's daemons need before they start for the first time.
    ///
    /// # Errors
    /// What could not be written.
    fn prepare(&self, _node: usize) -> io::Result<()> {
        Ok(())
    }
    /// Whether nodes lead in it.
    fn has_leaders(&self) -> bool {
        true
    }
    /// Log files of a node, besides what its daemons write to their standard output and error.
    fn logs(&self, _node: usize) -> Vec<PathBuf> {
        Vec::new()
    }
    /// Whether a file, by its path from the node's directory on, holds data that a restart reads. It is asked of none that was there
    /// before the node's daemons began, and of no log.
    fn is_data(&self, _path: &str) -> bool {
        true
    }
    /// What a node runs, in the order in which it is started.
    fn daemons(&self, node: usize) -> Vec<Daemon>;
    /// Asks whether the cluster can serve, and prepares what it needs for that. Called again until it can.
    ///
    /// # Errors
    /// What is still missing, in words.
    fn ready(&self) -> Result<(), String>;
    /// Says again and again what a node believes of itself.
    fn observer(&self, node: usize) -> Observer;
    /// A client beside a node.
    fn session(&self, home: usize) -> Box<dyn Session>;
    /// Asks a node what its clock on the wall says. A database that cannot be asked cannot have a wrong one: nobody would know
    /// whether it took.
    ///
    /// # Errors
    /// Where it does not answer at once.
    fn clock(&self, _node: usize) -> Result<Stamp, Lost> {
        Err(Lost::Unsent(Reason::Unavailable("it does not tell the time".to_string())))
    }
}

/// What a clock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Microseconds since 1970, rounded down.
    pub micros: i64,
    /// How coarse that is, in microseconds.
    pub grain: i64,
}

/// What a node believes of itself now. `Lost::Unsent` means that nobody listens there.
pub type Observer = Box<dyn FnMut() -> Result<View, Lost> + Send>;

/// A client's way into a database, on a thread of its own.
pub trait Session: Send {
    /// Asks, once, and waits no longer than the plan's `request_timeout`. `first` is the node to ask, where somebody is named.
    fn ask(&mut self, op: &Op, first: Option<NodeId>) -> Outcome;
    /// Why the session itself, and not the database, cannot go on. It is asked after each operation.
    fn trouble(&mut self) -> Option<Trouble> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_chosen_by_name_and_mistakes_are_told_with_what_there_is() {
        let chosen = |text| choose(text).expect("etcd is in the table").map(|chosen| chosen.choices["reads"]);
        assert_eq!(chosen("etcd"), Ok("linearizable"));
        assert_eq!(chosen("etcd:reads=serializable"), Ok("serializable"));
        for wrong in ["etcd:reads", "etcd:reads=quick", "etcd:writes=quick"] {
            let words = chosen(wrong).expect_err("nobody can choose that");
            assert!(words.ends_with("etcd has reads=linearizable|serializable"), "{words}");
        }
        assert!(choose("nothing").is_none());
    }
}
