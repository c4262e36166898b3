//! A conversation with the agent of one machine, `agent.sh`: a line of shell for each question, lines for an answer.

use super::door::{Door, Entered, millis};
use crate::error::{Error, Result};
use ssh2::{Channel, ExtendedData};
use std::io::{Read, Write};
use std::time::Duration;

const KEEPER: &str = concat!(include_str!("clock.sh"), include_str!("queue.sh"), include_str!("keeper.sh"));
const AGENT: &str = concat!(include_str!("clock.sh"), include_str!("queue.sh"), include_str!("agent.sh"));

/// What it needs to be told.
pub(super) struct Told<'a> {
    /// The run's directory on that machine.
    pub root: &'a str,
    /// What stands in the file `controller` of the controller's own copy of it.
    pub token: &'a str,
    /// The run's name, which is its table's, too.
    pub run: &'a str,
}

/// An agent that runs.
pub(super) struct Agent {
    channel: Channel,
    // After the channel, which is to be closed before it.
    entered: Entered,
    unread: Vec<u8>,
    /// An answer did not come. If it comes late it must not be taken for that to another question.
    lost: bool,
    name: String,
    /// What it said of itself.
    pub hello: Hello,
}

/// What a machine is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hello {
    pub root: bool,
    /// Whether daemons get a pid namespace each.
    pub namespaces: bool,
    /// Whether its disk is the controller's.
    pub shared: bool,
    /// The port that the controller came in by.
    pub port: u16,
}

impl Agent {
    /// Starts it.
    pub fn start(door: &Door, told: &Told) -> Result<Agent> {
        let entered = door.enter(door.timeout())?;
        let failed = |error: ssh2::Error| {
            door.error(
                "runs nothing",
                error,
                "see whether its user may run commands: ssh to it, with one behind the address",
            )
        };
        let mut channel = entered.session.channel_session().map_err(failed)?;
        channel.handle_extended_data(ExtendedData::Merge).map_err(failed)?;
        let sudo = if door.machine.sudo { "sudo -n " } else { "" };
        let words = [KEEPER, "perjury-keeper", AGENT, told.root, told.token, told.run].map(|word| quoted(word, "\n"));
        channel.exec(&format!("exec {sudo}sh -c {} \"$SSH_CONNECTION\"", words.join(" "))).map_err(failed)?;
        let hello = Hello { root: false, namespaces: false, shared: false, port: door.machine.port };
        let mut agent = Agent { channel, entered, unread: Vec::new(), lost: false, name: door.name.clone(), hello };
        let mut said = Vec::new();
        loop {
            let Ok(line) = agent.line() else {
                let why = if said.is_empty() { "it said nothing".to_string() } else { said.join("; ") };
                let mend = "it needs a POSIX shell; with `sudo = true` a sudo that asks for no password; and in `directory` a place that is there \
                            and that its user may write to";
                return Err(door.error("does not take the run", why, mend));
            };
            match line.strip_prefix("hello ") {
                Some(words) => {
                    let mut words = words.split(' ');
                    let mut is = |word| words.next() == Some(word);
                    agent.hello.root = is("0");
                    agent.hello.namespaces = is("yes");
                    agent.hello.shared = is("shared");
                    agent.hello.port = words.next().and_then(|port| port.parse().ok()).unwrap_or(door.machine.port);
                    return Ok(agent);
                }
                None => said.push(line),
            }
        }
    }

    /// Asks: a function of the agent and its arguments. Returns the lines of its answer, which may take so long.
    pub fn ask(&mut self, words: &[&str], patience: Duration) -> Result<Vec<String>> {
        self.entered.session.set_timeout(millis(patience));
        if self.lost {
            return Err(self.lost("it was lost before"));
        }
        let line: Vec<String> = words.iter().map(|word| quoted(word, "'\"$nl\"'")).collect();
        let sent = self.channel.write_all(format!("{}\n", line.join(" ")).as_bytes());
        sent.map_err(|error| self.lost(error))?;
        let mut said = Vec::new();
        loop {
            let line = self.line()?;
            match line.strip_prefix("= ") {
                Some("0") => return Ok(said),
                Some(status) => {
                    let what = format!("`{}` failed on {}", words[0], self.name);
                    let why = if said.is_empty() { format!("it ended with {status}") } else { said.join("; ") };
                    return Err(Error::new(what, why, "see whether its disk is full, and what its user may do"));
                }
                None => said.push(line),
            }
        }
    }

    /// Ends it, and with it all that it has started, and waits until its directory is gone.
    pub fn end(mut self) -> Result<()> {
        // There may be much to remove. Whoever did not answer before will not now.
        self.entered.session.set_timeout(if self.lost { 1_000 } else { 60_000 });
        self.channel.send_eof().map_err(|error| self.lost(error))?;
        let mut said = Vec::new();
        while let Ok(line) = self.line() {
            said.push(line);
        }
        match said.last().map(String::as_str) {
            Some("gone") => Ok(()),
            _ => Err(Error::new(
                format!("something was left on {}", self.name),
                if said.is_empty() { "the connection to it is gone".to_string() } else { said.join("; ") },
                "look there for directories, tables (nft list tables) and chains (iptables -t mangle -S) called perjury; without the controller they are removed within a minute",
            )),
        }
    }

    fn line(&mut self) -> Result<String> {
        loop {
            if let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.unread.drain(..=end).collect();
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            let mut bytes = [0; 32 * 1024];
            match self.channel.read(&mut bytes) {
                Ok(0) => return Err(self.lost("it has ended")),
                Ok(read) => self.unread.extend_from_slice(&bytes[..read]),
                Err(error) => return Err(self.lost(error)),
            }
        }
    }

    fn lost(&mut self, why: impl ToString) -> Error {
        self.lost = true;
        let what = format!("the connection to {} is lost", self.name);
        Error::new(
            what,
            why,
            "see whether the machine runs and is reached; what the run has started there ends by itself",
        )
    }
}

/// A word as the shell reads it back. `line` stands for the end of a line in it.
pub(super) fn quoted(word: &str, line: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''").replace('\n', line))
}

#[cfg(test)]
mod tests {
    use super::quoted;
    use std::process::Command;

    #[test]
    fn the_shell_reads_back_what_was_quoted() {
        for word in ["", "plain", "it's", "two\nlines'\n", "$HOME `id` \\ \"", "-n *"] {
            let quoted = quoted(word, "'\"$nl\"'");
            assert!(!quoted.contains('\n'));
            let script = format!("nl='\n'\nprintf %s {quoted}");
            let said = Command::new("sh").args(["-c", &script]).output().expect("there is a shell").stdout;
            assert_eq!(String::from_utf8_lossy(&said), word);
        }
    }
}
