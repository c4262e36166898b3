//! The hosts file: which machines there are, and how one gets in. It names keys and holds none.

use serde::Deserialize;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// A hosts file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostsFile {
    /// Keys of machines that are known; none other is talked to.
    #[serde(default = "known_hosts")]
    pub known_hosts: PathBuf,
    /// What holds for every machine that does not say otherwise.
    #[serde(default)]
    pub port: Option<u16>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    key: Option<PathBuf>,
    #[serde(default)]
    sudo: bool,
    #[serde(default)]
    directory: Option<PathBuf>,
    #[serde(default)]
    set_clock: bool,
    /// How long a machine may take to let one in or to answer, in seconds.
    #[serde(default = "ten")]
    pub timeout: u16,
    /// Between two signs of life on a connection that says nothing, in seconds.
    #[serde(default = "ten")]
    pub keep_alive: u16,
    node: Vec<Spanned<NodeText>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeText {
    address: String,
    peers: Option<IpAddr>,
    port: Option<u16>,
    user: Option<String>,
    key: Option<PathBuf>,
    sudo: Option<bool>,
    directory: Option<PathBuf>,
    set_clock: Option<bool>,
}

/// One machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Where its SSH server is: a name or an address.
    pub address: String,
    /// And on which port.
    pub port: u16,
    /// Where its daemons listen and its peers reach it; where the name leads without.
    pub peers: Option<IpAddr>,
    /// Who logs in.
    pub user: String,
    /// The private key; an agent is asked without.
    pub key: Option<PathBuf>,
    /// Whether `sudo -n` makes whoever logged in root.
    pub sudo: bool,
    /// Below it the run has a directory, there and on the controller.
    pub directory: PathBuf,
    /// Whether its clock may be set wrong, for everything that runs there.
    pub set_clock: bool,
}

/// What is wrong in a hosts file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Counted from 1.
    pub line: usize,
    /// What stands there.
    pub what: String,
    /// What may stand there.
    pub expected: String,
}

fn known_hosts() -> PathBuf {
    "~/.ssh/known_hosts".into()
}
fn ten() -> u16 {
    10
}

impl HostsFile {
    /// Reads it.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn read(text: &str) -> Result<HostsFile, Wrong> {
        let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
        let file: HostsFile = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(1, |span| line(span.start));
            Wrong { line: at, what: error.message().to_string(), expected: ALLOWED.to_string() }
        })?;
        let wrong = |line, what: String, expected: &str| Err(Wrong { line, what, expected: expected.to_string() });
        if !(1..=32).contains(&file.node.len()) {
            return wrong(1, format!("{} nodes", file.node.len()), "1 to 32 tables [[node]]");
        }
        if !(1..=600).contains(&file.timeout) || !(1..=600).contains(&file.keep_alive) {
            let what = format!("timeout = {}, keep_alive = {}", file.timeout, file.keep_alive);
            return wrong(1, what, "1 to 600 seconds");
        }
        if let Some(path) = relative(&file.known_hosts) {
            return wrong(1, format!("known_hosts = \"{path}\""), PATHS);
        }
        for (node, machine) in file.node.iter().zip(file.machines()) {
            let at = line(node.span().start);
            let plain = |c: char| c.is_ascii_alphanumeric() || ".-:%_".contains(c);
            if machine.address.is_empty() || !machine.address.chars().all(plain) || machine.address.starts_with('-') {
                return wrong(at, format!("address = \"{}\"", machine.address), "a name or an address, without a port");
            }
            if let Some(path) = machine.key.as_deref().and_then(relative) {
                return wrong(at, format!("key = \"{path}\""), PATHS);
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
            let directory = machine.directory.to_string_lossy();
            if !directory.starts_with('/') || directory.contains("..") || !directory.chars().all(plain) {
                let expected = "a path from /, of letters, digits, ., _ and -, that is there on the machine and here";
                return wrong(at, format!("directory = \"{directory}\""), expected);
            }
        }
        Ok(file)
    }

    /// Its machines, in the order of the nodes.
    pub fn machines(&self) -> impl Iterator<Item = Machine> {
        let user = || std::env::var("USER").unwrap_or_else(|_| "root".to_string());
        self.node.iter().map(Spanned::get_ref).cloned().map(move |node| Machine {
            address: node.address,
            port: node.port.or(self.port).unwrap_or(22),
            peers: node.peers,
            user: node.user.or(self.user.clone()).unwrap_or_else(user),
            key: node.key.or(self.key.clone()),
            sudo: node.sudo.unwrap_or(self.sudo),
            directory: node.directory.or(self.directory.clone()).unwrap_or_else(|| "/var/tmp".into()),
            set_clock: node.set_clock.unwrap_or(self.set_clock),
        })
    }
}

const ALLOWED: &str = "known_hosts, port, user, key, sudo, directory, set_clock, timeout and keep_alive, and then for each machine a table \
                       [[node]] with address and, where it differs, peers, port, user, key, sudo, directory and set_clock";
const PATHS: &str = "a path from / or ~/, so that a replay finds it too; {here} is the directory of the file";

/// A path that means another file elsewhere.
fn relative(path: &Path) -> Option<String> {
    let text = path.to_string_lossy();
    (!text.starts_with('/') && !text.starts_with("~/")).then(|| text.into_owned())
}

/// A path with the user's own directory in place of `~`.
pub(super) fn home(path: &Path) -> PathBuf {
    match (path.strip_prefix("~"), std::env::var_os("HOME")) {
        (Ok(rest), Some(home)) => PathBuf::from(home).join(rest),
        _ => path.to_path_buf(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_for_all_is_said_once() {
        let text = "user = \"perjury\"\nsudo = true\nset_clock = true\n[[node]]\naddress = \"db1\"\n[[node]]\naddress = \"10.0.0.2\"\n\
                    port = 2222\nuser = \"root\"\nsudo = false\nset_clock = false\npeers = \"192.168.0.2\"\n";
        let machines: Vec<Machine> = HostsFile::read(text).expect("it is one").machines().collect();
        assert_eq!((&*machines[0].user, machines[0].port, machines[0].sudo), ("perjury", 22, true));
        assert_eq!((&*machines[1].user, machines[1].port, machines[1].sudo), ("root", 2222, false));
        assert_eq!(machines[1].peers, Some("192.168.0.2".parse().unwrap()));
        assert_eq!((machines[0].set_clock, machines[1].set_clock), (true, false));
        assert_eq!(machines[0].directory, PathBuf::from("/var/tmp"));
    }

    #[test]
    fn a_mistake_is_told_with_its_line_and_with_what_may_stand_there() {
        let wrong = |text: &str| HostsFile::read(text).expect_err(text);
        let node = "[[node]]\naddress = \"db1\"\n";
        for (text, line, what, expected) in [
            (format!("{node}pasword = \"x\""), 3, "unknown field `pasword`", "[[node]] with address"),
            (format!("{node}\n[[node]]\nport = 22"), 4, "missing field `address`", "[[node]] with address"),
            (format!("{node}port = 99999"), 3, "99999", "port"),
            (format!("{node}[[node]]\naddress = \"db2:22\"\nkey = \"id\""), 3, "key = \"id\"", "a path from / or ~/"),
            (format!("{node}directory = \"tmp\""), 1, "directory = \"tmp\"", "a path from /"),
            ("[[node]]\naddress = \"-oProxy\"".to_string(), 1, "-oProxy", "a name or an address"),
            ("node = []".to_string(), 1, "0 nodes", "1 to 32"),
            (format!("timeout = 0\n{node}"), 1, "timeout = 0", "1 to 600"),
        ] {
            let Wrong { line: at, what: told, expected: allowed } = wrong(&text);
            assert_eq!(at, line, "{text}: {told}");
            assert!(told.contains(what) && allowed.contains(expected), "{text}: {told}; {allowed}");
        }
    }
}
