//! `system.toml`: how a cluster of one's own is started and asked how it is. See `docs/databases.md` for its fields.

use super::system::Own;
use crate::real::Subject;
use harness::files::Malformed;
use harness::{MS, SECOND, Settings};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The file, as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemFile {
    /// What it is called in reports and folders.
    pub name: String,
    /// How many nodes it has.
    pub nodes: u8,
    /// The ports on which peers, clients and probes reach a node.
    pub ports: Vec<u16>,
    /// A shell line that installs it on this machine, for `--install`.
    #[serde(default)]
    pub install: Option<String>,
    /// Files that are written into each node's directory before its daemons start.
    #[serde(default, rename = "file")]
    pub files: Vec<FileText>,
    /// What each node runs, in this order.
    #[serde(rename = "daemon")]
    pub daemons: Vec<DaemonText>,
    /// A command that ends with 0 once a node can serve; asked of each node from outside of every cut.
    pub ready: Vec<String>,
    /// A command that ends with 0 while a node leads. Without it nobody leads, and no fault can be aimed at a leader.
    #[serde(default)]
    pub leads: Option<Vec<String>>,
    /// Log files besides what the daemons write to their standard output and error.
    #[serde(default)]
    pub logs: Vec<String>,
    /// Words in a log that say that a node gave up.
    #[serde(default)]
    pub panics: Vec<String>,
    /// Its own times, in milliseconds.
    #[serde(default)]
    pub times: Times,
}

/// A file of a node. Both may have placeholders.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileText {
    /// Below the node's directory.
    pub path: String,
    /// What is written.
    pub text: String,
}

/// A program that a node runs in the foreground. All texts may have placeholders.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DaemonText {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// The program and its arguments.
    pub start: Vec<String>,
    /// Added to its environment.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The numbers of the nodes that run it; all without.
    #[serde(default)]
    pub nodes: Option<Vec<u8>>,
}

/// How long the system takes for things, in milliseconds: faults get their lengths from these.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Times {
    /// Between two heartbeats.
    pub heartbeat: u64,
    /// Until nodes that hear no leader elect another one, at most.
    pub election: u64,
    /// Until a node that was started serves, beyond that.
    pub start: u64,
    /// Until a client gives an operation up.
    pub request: u64,
}

impl Default for Times {
    fn default() -> Times {
        Times { heartbeat: 100, election: 1000, start: 0, request: 1000 }
    }
}

impl SystemFile {
    /// Reads it. `name` is the file's, for complaints.
    ///
    /// # Errors
    /// Where it is not what it should be, with line and column.
    pub fn read(name: &str, text: &str) -> Result<SystemFile, Malformed> {
        let file: SystemFile = toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            Malformed::new(format!("{name}:{line}"), error.message(), "a system as in docs/databases.md")
        })?;
        let wrong = |wrong: String, expected: &str| Err(Malformed::new(name, wrong, expected));
        let plain =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !plain(&file.name) {
            return wrong(format!("name = \"{}\"", file.name), "letters, digits, - and _");
        }
        if !(1..=32).contains(&file.nodes) {
            return wrong(format!("nodes = {}", file.nodes), "1 to 32");
        }
        if let Some(daemon) = file.daemons.iter().find(|daemon| !plain(&daemon.name) || daemon.start.is_empty()) {
            return wrong(
                format!("a daemon called \"{}\"", daemon.name),
                "a name of letters, digits, - and _, and a command",
            );
        }
        if file.ready.is_empty() {
            return wrong("ready = []".to_string(), "a command that ends with 0 once a node can serve");
        }
        if let Some(path) =
            file.files.iter().map(|file| &file.path).find(|path| path.starts_with('/') || path.contains(".."))
        {
            return wrong(format!("a file \"{path}\""), "a path below the node's directory");
        }
        if let Some((text, why)) = file.texts().find_map(|text| Some((text, super::system::unknown(&file, text)?))) {
            return wrong(format!("\"{text}\": {why}"), super::system::PLACEHOLDERS);
        }
        Ok(file)
    }

    fn texts(&self) -> impl Iterator<Item = &String> {
        let daemons = self.daemons.iter().flat_map(|daemon| daemon.start.iter().chain(daemon.env.values()));
        let files = self.files.iter().flat_map(|file| [&file.path, &file.text]);
        daemons.chain(files).chain(&self.ready).chain(self.leads.iter().flatten()).chain(&self.logs)
    }

    /// Its times, as plans have them.
    pub fn settings(&self) -> Settings {
        let Times { heartbeat, election, start, request } = self.times;
        Settings {
            heartbeat: MS * heartbeat,
            election_low: MS * election / 2,
            election_high: MS * election,
            starting: (MS * start).min(SECOND * 3600),
            request_timeout: (MS * request).min(SECOND * 60),
            ..Settings::default()
        }
    }

    /// It as something to run.
    pub fn subject(self) -> Subject {
        Subject {
            name: self.name.clone(),
            ports: self.ports.clone(),
            panics: Arc::from(self.panics.clone()),
            choices: BTreeMap::new(),
            make: Arc::new(move |setup| Box::new(Own::new(self.clone(), setup))),
        }
    }
}
