//! Redis with a Sentinel beside each node, or one Redis alone.
//!
//! A client does as the documentation of Sentinel asks it to: it has the Sentinel beside it (the next one, where that is silent)
//! name the primary, sees to it that it is one, and stays with it until the connection ends or an answer is missing. So whoever is
//! cut off with a primary goes on with it. One attempt an operation: nobody asks again within its deadline.

mod client;
mod resp;

use crate::real::{Choice, Database, Observer, SINGLE, Session, Setup, Stamp, System};
use crate::wire::Lost;
use client::Client;
use harness::{MS, Needs, NodeId, Reason, SECOND, Settings, View};
use hosts::Daemon;
use resp::{Command, Frame, Line, command, list, text};
use std::time::{Duration, Instant};

const DATA: u16 = 6379;
const SENTINEL: u16 = 26379;
/// What Sentinels call the only group that they watch.
const GROUP: &str = "perjury";
/// A look from outside waits no longer than this.
const GLANCE: Duration = Duration::from_millis(500);

/// See the head of this file.
pub const REDIS: Database = Database {
    name: "redis",
    about: "Redis: a primary with replicas that follow it, and Sentinels that promote one of them when the primary is silent",
    programs: &["redis-server"],
    packages: &["redis-server"],
    heavy: false,
    choices: &[
        Choice {
            name: "mode",
            values: &[
                ("sentinel", "every node has a data server and a Sentinel; the first node begins as the primary"),
                (SINGLE, "one data server on the first node and no Sentinel; other nodes have only clients"),
            ],
        },
        Choice {
            name: "fsync",
            values: &[
                ("everysec", "the append-only file is synced once a second, as is usual"),
                ("always", "it is synced before a write is answered"),
            ],
        },
    ],
    mapping: &[
        ("registration", "a name is a key; a claim is SET with NX and GET"),
        ("register", "a register is a key; GET, SET, and a script that compares and sets"),
        ("read-write", "GET and SET"),
        ("sessions", "SET at the primary, GET at the node that the client visits"),
        ("set", "one set; SADD, SREM, SMEMBERS"),
        (
            "bank",
            "an account is a key that holds its postings; a transfer watches both, reads them and sets both in a MULTI",
        ),
        ("inventory", "an item is a key that holds its sales; a sale watches it, reads it and sets it in a MULTI"),
    ],
    needs: |choices| if choices["mode"] == SINGLE { Needs::Node(NodeId(0)) } else { Needs::WhoeverIsLeft },
    nodes: 3,
    ports: &[DATA, SENTINEL],
    // A primary is taken for dead after the shorter election time-out. Sentinel has 30 s by itself, too long for short runs.
    settings: || Settings {
        heartbeat: MS * 500,
        election_low: SECOND,
        election_high: SECOND * 2,
        request_timeout: SECOND,
        ..Settings::default()
    },
    panics: &["REDIS BUG REPORT", "Guru Meditation", "Bad file format reading the append only file"],
    make: |setup| Box::new(Redis(setup)),
};

struct Redis(Setup);

/// Writes a configuration file where there is none and becomes the program. Sentinels rewrite theirs, and those of the servers
/// that they reconfigure: a restart must find what they wrote.
const ONCE: &str = r#"file=$1 text=$2; shift 2
if [ ! -e "$file" ]; then printf '%s' "$text" >"$file.new" && mv "$file.new" "$file"; fi
exec "$@""#;

impl System for Redis {
    fn daemons(&self, node: usize) -> Vec<Daemon> {
        let daemon = |name: &str, text: String, more: &[&str]| {
            let file = self.0.dirs[node].join(format!("{name}.conf")).display().to_string();
            Daemon::new(name, "sh", [&["-c", ONCE, name, &file, &text, "redis-server", &file], more].concat())
        };
        let mut daemons = Vec::new();
        if node == 0 || self.watched() {
            daemons.push(daemon("redis", self.data_config(node), &[]));
        }
        if self.watched() {
            daemons.push(daemon("sentinel", self.sentinel_config(node), &["--sentinel"]));
        }
        daemons
    }

    fn ready(&self) -> Result<(), String> {
        let others = self.0.nodes() - 1;
        let lost = |node: usize| move |lost: Lost| format!("{} does not answer: {lost:?}", NodeId(node as u8));
        let is =
            |node, role| move |seen: Role| (seen == role).then_some(()).ok_or(format!("{node} is no {role:?} yet"));
        role(&mut self.watcher(0, DATA)).map_err(lost(0)).and_then(is(NodeId(0), Role::Primary))?;
        for node in if self.watched() { 0..self.0.nodes() } else { 0..0 } {
            let name = NodeId(node as u8);
            if node > 0 {
                role(&mut self.watcher(node, DATA)).map_err(lost(node)).and_then(is(name, Role::Replica))?;
            }
            let group = group(&mut self.watcher(node, SENTINEL)).map_err(lost(node))?;
            for (what, wanted) in [("num-other-sentinels", others.to_string()), ("num-slaves", others.to_string())] {
                let seen = field(&group, what).unwrap_or_default();
                if seen != wanted {
                    return Err(format!("the Sentinel of {name} has \"{what}\" {seen} and not {wanted}"));
                }
            }
            match field(&group, "flags").as_deref() {
                Some("master") => {}
                flags => return Err(format!("to the Sentinel of {name} the primary is {flags:?}")),
            }
        }
        Ok(())
    }

    fn observer(&self, node: usize) -> Observer {
        if self.daemons(node).is_empty() {
            return Box::new(|| Ok(View::default()));
        }
        let mut data = self.watcher(node, DATA);
        let mut sentinel = self.watched().then(|| self.watcher(node, SENTINEL));
        let own = self.0.reach(node, DATA);
        Box::new(move || {
            let primary = role(&mut data)? == Role::Primary;
            // One that was deposed stays a primary until a Sentinel tells it; the Sentinel beside it knows as soon as it hears of it.
            let group = sentinel.as_mut().and_then(|line| group(line).ok());
            let named = group.as_ref().is_none_or(|group| address(group).as_deref() == Some(&*own.to_string()));
            let term = group.as_ref().and_then(|group| field(group, "config-epoch")?.parse().ok());
            Ok(View { leads: primary && named, term, committed: None })
        })
    }

    fn clock(&self, node: usize) -> Result<Stamp, Lost> {
        let answer = one(&mut self.watcher(node, DATA), command(["TIME"]), Instant::now() + GLANCE)?;
        let parts: Vec<i64> = list(&answer).iter().filter_map(number).collect();
        match parts[..] {
            [seconds, micros] => Ok(Stamp { micros: seconds * 1_000_000 + micros, grain: 1 }),
            _ => Err(odd(&answer)),
        }
    }

    fn is_data(&self, path: &str) -> bool {
        path.starts_with("appendonlydir/")
    }

    fn session(&self, home: usize) -> Box<dyn Session> {
        Box::new(Client::new(&self.0, home, self.watched()))
    }
}

impl Redis {
    /// Whether Sentinels look after it.
    fn watched(&self) -> bool {
        self.0.choices["mode"] != SINGLE
    }

    /// A way to ask a node of itself, which no cut stops.
    fn watcher(&self, node: usize, port: u16) -> Line {
        Line::new(self.0.outside.clone(), self.0.reach(node, port))
    }

    fn data_config(&self, node: usize) -> String {
        let (first, own) = (self.0.reach(0, DATA), self.0.reach(node, DATA));
        let mut lines = vec![
            format!("bind {}", self.0.listen[node]),
            format!("port {DATA}"),
            format!("dir {}", self.0.dirs[node].display()),
            format!("appendfsync {}", self.0.choices["fsync"]),
            format!("replica-announce-ip {}", own.ip()),
            format!("replica-announce-port {}", own.port()),
        ];
        lines.extend(
            // No snapshots beside the file; replicas are synced, and missed, within seconds.
            [
                "protected-mode no",
                "save \"\"",
                "appendonly yes",
                "repl-ping-replica-period 1",
                "repl-timeout 5",
                "repl-diskless-sync-delay 0",
            ]
            .map(String::from),
        );
        if node > 0 {
            lines.push(format!("replicaof {} {}", first.ip(), first.port()));
        }
        lines.join("\n") + "\n"
    }

    fn sentinel_config(&self, node: usize) -> String {
        let (first, own) = (self.0.reach(0, DATA), self.0.reach(node, SENTINEL));
        let (low, high) = (self.0.settings.election_low.0 / 1000, self.0.settings.election_high.0 / 1000);
        [
            format!("bind {}", self.0.listen[node]),
            format!("port {SENTINEL}"),
            format!("dir {}", self.0.dirs[node].display()),
            "protected-mode no".to_string(),
            format!("sentinel announce-ip {}", own.ip()),
            format!("sentinel announce-port {}", own.port()),
            format!("sentinel monitor {GROUP} {} {} {}", first.ip(), first.port(), self.0.nodes() / 2 + 1),
            format!("sentinel down-after-milliseconds {GROUP} {low}"),
            // A vote that split is held again after twice this time.
            format!("sentinel failover-timeout {GROUP} {high}"),
        ]
        .join("\n")
            + "\n"
    }
}

/// What a data server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Primary,
    Replica,
    /// A replica that is not in step with its primary.
    Apart,
}

fn role(line: &mut Line) -> Result<Role, Lost> {
    let answer = one(line, command(["ROLE"]), Instant::now() + GLANCE)?;
    let word = |at: usize| list(&answer).get(at).and_then(text);
    Ok(match (word(0).as_deref(), word(3).as_deref()) {
        (Some("master"), _) => Role::Primary,
        (Some("slave"), Some("connected")) => Role::Replica,
        _ => Role::Apart,
    })
}

/// What a Sentinel knows of the primary: names and values by turns.
fn group(line: &mut Line) -> Result<Frame, Lost> {
    one(line, command(["SENTINEL", "MASTER", GROUP]), Instant::now() + GLANCE)
}

fn field(group: &Frame, name: &str) -> Option<String> {
    let pairs = list(group).chunks_exact(2);
    pairs.into_iter().find(|pair| text(&pair[0]).as_deref() == Some(name)).and_then(|pair| text(&pair[1]))
}

/// Whom a Sentinel takes for the primary.
fn address(group: &Frame) -> Option<String> {
    Some(format!("{}:{}", field(group, "ip")?, field(group, "port")?))
}

/// Asks one thing. What is refused in place of a result changed nothing.
fn one(line: &mut Line, asked: Command, deadline: Instant) -> Result<Frame, Lost> {
    let answer = line.ask(&[asked], deadline)?.remove(0);
    refusal(&answer).map_or(Ok(answer), Err)
}

/// What an answer says in place of a result.
fn refusal(answer: &Frame) -> Option<Lost> {
    let Frame::Error(words) = answer else { return None };
    let reason = Reason::Unavailable(words.clone());
    let known = words.split(' ').next().is_some_and(|code| REFUSED.contains(&code));
    Some(if known { Lost::Unsent(reason) } else { Lost::Open(reason) })
}

/// What Redis says before it carries a command out (`processCommand` in `src/server.c`): nothing happened.
const REFUSED: &[&str] =
    &["READONLY", "LOADING", "NOREPLICAS", "MISCONF", "MASTERDOWN", "OOM", "BUSY", "EXECABORT", "NOAUTH", "NOPERM"];

/// An answer that no documentation has.
fn odd(answer: &Frame) -> Lost {
    Lost::Open(Reason::Unavailable(format!("an answer that is not understood: {answer:?}")))
}

fn number(frame: &Frame) -> Option<i64> {
    text(frame)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_redis_refuses_beforehand_is_a_certain_failure() {
        let lost = |words: &str| refusal(&Frame::Error(words.to_string()));
        assert!(matches!(lost("READONLY You can't write against a read only replica."), Some(Lost::Unsent(_))));
        assert!(matches!(lost("NOREPLICAS Not enough good replicas to write."), Some(Lost::Unsent(_))));
        assert!(matches!(lost("ERR Error running script"), Some(Lost::Open(_))));
        assert_eq!(refusal(&Frame::Null), None);
    }
}
