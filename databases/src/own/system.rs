//! A cluster that a file describes.

use super::file::{DaemonText, SystemFile};
use super::running::Nobody;
use crate::real::{Observer, Session, Setup, System};
use crate::wire::Lost;
use harness::{NodeId, Reason, View};
use hosts::Daemon;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

/// What may stand in braces.
pub(super) const PLACEHOLDERS: &str = "{node} (n1), {number} (1), {dir}, {listen} (the address to listen on), {at:PORT} (where a \
                                       port of this node is reached), {at:PORT:NUMBER} (where that of another node is), {here} (the \
                                       file's own directory), {{ for a brace";

/// Between two commands that say who leads.
const BETWEEN_LOOKS: Duration = Duration::from_millis(400);

/// See [`SystemFile`].
pub struct Own {
    file: SystemFile,
    setup: Setup,
}

impl Own {
    /// A cluster of it.
    pub fn new(file: SystemFile, setup: Setup) -> Own {
        Own { file, setup }
    }

    fn fill(&self, node: usize, text: &str) -> String {
        let filled = fill(text, |word, port, number| match word {
            "node" => Some(NodeId(node as u8).to_string()),
            "number" => Some((node + 1).to_string()),
            "dir" => Some(self.setup.dirs[node].display().to_string()),
            "listen" => Some(self.setup.listen[node].to_string()),
            "at" => Some(self.setup.reach(number.unwrap_or(node), port?).to_string()),
            _ => None,
        });
        filled.expect("it was tried when the file was read")
    }

    fn words(&self, node: usize, words: &[String]) -> Vec<String> {
        words.iter().map(|word| self.fill(node, word)).collect()
    }

    fn here(&self, node: usize) -> impl Iterator<Item = &DaemonText> {
        let runs =
            move |daemon: &&DaemonText| daemon.nodes.as_ref().is_none_or(|nodes| nodes.contains(&(node as u8 + 1)));
        self.file.daemons.iter().filter(runs)
    }
}

impl System for Own {
    fn prepare(&self, node: usize) -> io::Result<()> {
        for file in &self.file.files {
            let path = self.setup.dirs[node].join(self.fill(node, &file.path));
            std::fs::create_dir_all(path.parent().expect("it is below the node's directory"))?;
            std::fs::write(path, self.fill(node, &file.text))?;
        }
        Ok(())
    }

    fn daemons(&self, node: usize) -> Vec<Daemon> {
        let daemon = |daemon: &DaemonText| {
            let mut words = self.words(node, &daemon.start).into_iter();
            let program = words.next().expect("a command has a program");
            let mut started = Daemon::new(&daemon.name, program, words);
            let variable = |(name, value): (&String, &String)| (name.into(), self.fill(node, value).into());
            started.env = daemon.env.iter().map(variable).collect();
            started
        };
        self.here(node).map(daemon).collect()
    }

    fn ready(&self) -> Result<(), String> {
        for node in 0..self.setup.nodes() {
            let words = self.words(node, &self.file.ready);
            match yes(&self.setup.outside, &words) {
                Ok(true) => {}
                Ok(false) => {
                    return Err(format!(
                        "{} is not ready: `{}` does not end with 0",
                        NodeId(node as u8),
                        words.join(" ")
                    ));
                }
                Err(error) => return Err(format!("`{}` cannot be run: {error}", words.join(" "))),
            }
        }
        Ok(())
    }

    fn has_leaders(&self) -> bool {
        self.file.leads.is_some()
    }

    fn observer(&self, node: usize) -> Observer {
        let words = self.file.leads.as_ref().map(|words| self.words(node, words));
        let outside = self.setup.outside.clone();
        Box::new(move || {
            // Programs are started for each look.
            thread::sleep(BETWEEN_LOOKS);
            let Some(words) = &words else { return Ok(View::default()) };
            let leads = yes(&outside, words).map_err(|error| Lost::Open(Reason::Unavailable(error.to_string())))?;
            Ok(View { leads, ..View::default() })
        })
    }

    fn session(&self, _: usize) -> Box<dyn Session> {
        Box::new(Nobody)
    }

    fn logs(&self, node: usize) -> Vec<PathBuf> {
        self.file.logs.iter().map(|path| PathBuf::from(self.fill(node, path))).collect()
    }
}

/// Whether a command ends with 0.
fn yes(outside: &hosts::Dialer, words: &[String]) -> io::Result<bool> {
    let mut command = outside.command()?;
    let status = command.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    Ok(status.success())
}

/// Replaces what stands in braces: `value` is told the word, a port and a node, counted from 0.
fn fill(text: &str, value: impl Fn(&str, Option<u16>, Option<usize>) -> Option<String>) -> Result<String, String> {
    let (mut filled, mut rest) = (String::new(), text);
    while let Some(open) = rest.find('{') {
        filled.push_str(&rest[..open]);
        rest = &rest[open + 1..];
        if let Some(after) = rest.strip_prefix('{') {
            filled.push('{');
            rest = after;
            continue;
        }
        let (inside, after) = rest.split_once('}').ok_or("a brace is not closed")?;
        let unknown = || format!("nobody knows {{{inside}}}");
        let mut parts = inside.split(':');
        let word = parts.next().unwrap_or_default();
        let port = parts.next().map(|port| port.parse().map_err(|_| unknown())).transpose()?;
        let number = parts.next().map(|number| number.parse::<usize>().map_err(|_| unknown())).transpose()?;
        let node = number.map(|number| number.checked_sub(1).ok_or_else(unknown)).transpose()?;
        filled.push_str(&value(word, port, node).ok_or_else(unknown)?);
        rest = after;
    }
    Ok(filled + rest)
}

/// What a text says in braces that cannot be known, in words.
pub(super) fn unknown(file: &SystemFile, text: &str) -> Option<String> {
    let known = |word: &str, port: Option<u16>, node: Option<usize>| {
        let there = match word {
            "node" | "number" | "dir" | "listen" => port.is_none(),
            "at" => {
                port.is_some_and(|port| file.ports.contains(&port)) && node.is_none_or(|node| node < file.nodes.into())
            }
            _ => false,
        };
        there.then(String::new)
    };
    fill(text, known).err()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "name = 'x'\nnodes = 2\nports = [80]\nready = ['true']\n[[daemon]]\nname = 'x'\nstart = ['x', 'WORDS']\n";

    #[test]
    fn what_stands_in_braces_is_filled_in_or_refused_with_what_there_is() {
        let value = |word: &str, port: Option<u16>, node| Some(format!("<{word} {port:?} {node:?}>"));
        assert_eq!(fill("a {{b} {at:80:2} {dir}", value).unwrap(), "a {b} <at Some(80) Some(1)> <dir None None>");
        for good in ["{node} {number} {dir} {listen}", "{at:80}", "{at:80:2}", "{{\"json\": 1}"] {
            SystemFile::read("s.toml", &FILE.replace("WORDS", good)).unwrap();
        }
        for bad in ["{nodes}", "{at}", "{at:81}", "{at:80:3}", "{at:80:0}", "{node:80}", "{at:80"] {
            let words = SystemFile::read("s.toml", &FILE.replace("WORDS", bad)).expect_err(bad).to_string();
            assert!(words.starts_with("s.toml") && words.contains(bad), "{words}");
        }
    }

    #[test]
    fn a_mistake_in_the_file_is_told_with_its_line() {
        for (from, to, expected) in [
            ("nodes = 2", "nodes = 'two'", "s.toml:2"),
            ("ready = ['true']", "ready = []", "ready"),
            ("ready = ['true']", "redy = ['true']", "s.toml:4"),
            ("nodes = 2", "nodes = 0", "1 to 32"),
            ("name = 'x'\nnodes", "name = 'x y'\nnodes", "letters"),
        ] {
            let words = SystemFile::read("s.toml", &FILE.replace(from, to)).expect_err(to).to_string();
            assert!(words.contains(expected), "{to}: {words}");
        }
    }
}
