//! The controller's side of what runs on a machine where a fault needs more than a shell: the program is sent there, and asked.

use super::ask::{self, Ask, damaged};
use super::door::Entered;
use super::node::{Node, text};
use crate::abilities::Ability;
use crate::damage::{Damage, Hurt};
use crate::error::{Error, Result, file};
use crate::links::{Slow, Slowed};
use crate::packets::Link;
use std::fs;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What it does may take longer than an answer of the shell: daemons are given their time to do as they are told, and files are read. A
/// machine that hears nothing for a minute gives its controller up.
const PATIENCE: Duration = Duration::from_secs(35);
/// Takes a program from its input.
const TAKE: &str = r#"cat >"$0.new" && chmod 700 "$0.new" && mv "$0.new" "$0""#;

impl Node {
    /// Sends the program there, and starts it.
    pub(super) fn hand_over(&self, program: &Path) -> Result<()> {
        let bytes = fs::read(program).map_err(file("read", program))?;
        // A session of its own: another one opens one channel after the other.
        let entered = self.door.enter(self.door.timeout())?;
        self.send_program(&entered, &bytes).map_err(|why| {
            self.door.error("does not take the program", why, "see whether there is room in its `directory`")
        })?;
        self.ask(&["begin_hand"])?;
        self.ask_hand(&Ask::Held("nobody")).map(drop)
    }

    fn send_program(&self, entered: &Entered, bytes: &[u8]) -> std::result::Result<(), String> {
        let told = |error: ssh2::Error| error.to_string();
        let mut channel = entered.session.channel_session().map_err(told)?;
        let sudo = if self.door.machine.sudo { "sudo -n " } else { "" };
        let words = [TAKE, &text(self.root.join("hand"))].map(|word| super::agent::quoted(word, "\n"));
        channel.exec(&format!("exec {sudo}sh -c {}", words.join(" "))).map_err(told)?;
        let sent = channel.write_all(bytes).and_then(|()| channel.send_eof().map_err(Into::into));
        let mut said = String::new();
        let _ = channel.stderr().read_to_string(&mut said);
        match sent.map(|()| channel.wait_close().and_then(|()| channel.exit_status())) {
            Ok(Ok(0)) => Ok(()),
            _ if !said.trim().is_empty() => Err(said.trim().to_string()),
            Ok(Ok(status)) => Err(format!("it ended with {status}")),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Asks the program there.
    pub(super) fn ask_hand(&self, ask: &Ask) -> Result<Vec<String>> {
        let words = ask.words();
        let mut line = vec!["hand"];
        line.extend(words.iter().map(String::as_str));
        self.ask_within(&line, self.door.timeout() + PATIENCE)
    }

    /// The same, where a number is the answer.
    pub(super) fn hand_counts(&self, ask: &Ask) -> Result<u64> {
        let told = self.ask_hand(ask)?.concat();
        told.parse().map_err(|_| self.not_understood(ask, &told))
    }

    /// The same, where yes or no is the answer.
    pub(super) fn hand_agrees(&self, ask: &Ask) -> Result<bool> {
        match self.ask_hand(ask)?.concat().as_str() {
            "yes" => Ok(true),
            "no" => Ok(false),
            told => Err(self.not_understood(ask, told)),
        }
    }

    /// The files below the node's directory.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>> {
        let found = self.ask_hand(&Ask::Files(&self.dir))?;
        Ok(found.iter().filter_map(|path| Some(Path::new(path).strip_prefix(&self.dir).ok()?.to_path_buf())).collect())
    }

    /// Damages one of them.
    pub(super) fn damage(&self, path: &Path, hurt: Hurt) -> Result<Damage> {
        let path = self.dir.join(path);
        let ask = Ask::Damage(hurt, &path);
        let told = self.ask_hand(&ask)?.concat();
        damaged(&told, &path).ok_or_else(|| self.not_understood(&ask, &told))
    }

    /// Makes the run's queue of packets on the machine; `ports` are those of the SSH servers, whose packets are never held.
    pub(super) fn make_queue(&self, ports: &str) -> Ability {
        let why = |error: Error| error.why;
        self.own()?;
        if !self.hello.root {
            return Err("only root may hold packets: log in as root, or say `sudo = true`".into());
        }
        let number = self.hand_counts(&Ask::Queue).map_err(why)?;
        self.ask(&["begin_queue", &number.to_string(), ports]).map(drop).map_err(why)
    }

    fn own(&self) -> std::result::Result<Ipv4Addr, String> {
        match self.address {
            IpAddr::V4(own) => Ok(own),
            IpAddr::V6(_) => {
                Err("packets between addresses of IPv6 cannot be held: name one of IPv4 as its `peers`".into())
            }
        }
    }

    /// Slows exactly these links to this node, each from the address of a peer.
    pub(super) fn slow(&self, from: &[(IpAddr, Slow)]) -> Result<()> {
        let own = self.own().map_err(|why| self.door.error("cannot be slow", why, "use --tier netns"))?;
        let link = |(peer, slow): &(IpAddr, Slow)| match peer {
            IpAddr::V4(peer) => Some(((*peer, own), *slow)),
            IpAddr::V6(_) => None,
        };
        let links: Vec<(Link, Slow)> = from.iter().filter_map(link).collect();
        // What comes between the two is let go on at once.
        let pairs: Vec<String> = links.iter().map(|((from, to), _)| format!("-s {from} -d {to}")).collect();
        self.ask(&["queue", &pairs.join("\n")])?;
        self.ask_hand(&Ask::Slow(links)).map(drop)
    }

    /// What was done on slow links to this node so far.
    pub(super) fn slowed(&self) -> Result<Slowed> {
        let told = self.ask_hand(&Ask::Slowed)?.concat();
        ask::slowed(&told).ok_or_else(|| self.not_understood(&Ask::Slowed, &told))
    }

    fn not_understood(&self, ask: &Ask, told: &str) -> Error {
        let what = format!("is not understood when it is asked to `{}`", ask.words().join(" "));
        self.door.error(&what, format!("it told: {told}"), "tell the authors")
    }
}
