//! Redis with a Sentinel beside each node, or one Redis alone.
//!
//! A client does as the documentation of Sentinel asks it to: it has the Sentinel beside it (the next one, where that is silent)
//! name the primary, sees to it that it is one, and stays with it until the connection ends or an answer is missing. So whoever is
//! cut off with a primary goes on with it. One attempt an operation: nobody asks again within its deadline.

use crate::real::{Choice, Database, Observer, SINGLE, Session, Setup, Stamp, System};
use crate::resp::{Command, Frame, Line, command, list, text};
use crate::wire::Lost;
use harness::{MS, Needs, NodeId, Op, Outcome, Reason, Reply, SECOND, Settings, View};
use hosts::Daemon;
use std::time::{Duration, Instant};
use store::data::{Cell, Content, Data, Sees, decide, sees};

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

    fn session(&self, home: usize) -> Box<dyn Session> {
        let line = |node, port| Line::new(self.0.beside[home].clone(), self.0.reach(node, port));
        let (data, nodes) = (0..self.0.nodes(), self.0.nodes());
        // From its own one on.
        let sentinels = (home..home + nodes).map(|node| line(node % nodes, SENTINEL));
        Box::new(Client {
            addresses: data.clone().map(|node| self.0.reach(node, DATA).to_string()).collect(),
            data: data.map(|node| line(node, DATA)).collect(),
            sentinels: if self.watched() { sentinels.collect() } else { Vec::new() },
            primary: None,
            patience: Duration::from_micros(self.0.settings.request_timeout.0),
        })
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
            format!("sentinel failover-timeout {GROUP} {}", 2 * high),
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

/// For what was asked before a byte of the operation was sent.
fn nothing_yet(lost: Lost) -> Lost {
    match lost {
        Lost::Open(reason) | Lost::Unsent(reason) => Lost::Unsent(reason),
    }
}

struct Client {
    /// Where the data servers say that they are.
    addresses: Vec<String>,
    data: Vec<Line>,
    /// The client's own one first; none where there are none.
    sentinels: Vec<Line>,
    /// Whom it was told of last.
    primary: Option<usize>,
    patience: Duration,
}

impl Session for Client {
    fn ask(&mut self, op: &Op, first: Option<NodeId>) -> Outcome {
        self.attempt(op, first).map_or_else(Outcome::from, Outcome::Ok)
    }
}

impl Client {
    fn attempt(&mut self, op: &Op, first: Option<NodeId>) -> Result<Reply, Lost> {
        let deadline = Instant::now() + self.patience;
        let node = match first {
            Some(node) if op.is_read() && !self.sentinels.is_empty() => node.index(),
            _ => self.find_primary(deadline).map_err(nothing_yet)?,
        };
        let asked = Call { line: &mut self.data[node], deadline }.ask(op);
        if asked.is_err() {
            self.primary = None;
        }
        asked
    }

    fn find_primary(&mut self, deadline: Instant) -> Result<usize, Lost> {
        if let Some(node) = self.primary.filter(|node| self.data[*node].stands()) {
            return Ok(node);
        }
        let node = if self.sentinels.is_empty() { 0 } else { self.told(deadline)? };
        let answer = one(&mut self.data[node], command(["ROLE"]), deadline)?;
        if list(&answer).first().and_then(text).as_deref() != Some("master") {
            return Err(Lost::Unsent(Reason::NotLeader { hint: None }));
        }
        self.primary = Some(node);
        Ok(node)
    }

    /// Whom the first Sentinel that answers takes for the primary.
    fn told(&mut self, deadline: Instant) -> Result<usize, Lost> {
        let share = self.patience / (self.sentinels.len() as u32 + 1);
        let mut silent = Lost::Unsent(Reason::TimedOut);
        for line in &mut self.sentinels {
            let asked = command(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", GROUP]);
            let told = one(line, asked, deadline.min(Instant::now() + share)).map(|answer| {
                let words: Vec<String> = list(&answer).iter().filter_map(text).collect();
                self.addresses.iter().position(|address| *address == words.join(":"))
            });
            match told {
                Ok(Some(node)) => return Ok(node),
                Ok(None) => silent = Lost::Unsent(Reason::Unavailable("a Sentinel knows no primary".to_string())),
                Err(lost) => silent = lost,
            }
        }
        Err(silent)
    }
}

/// One operation at one node.
struct Call<'a> {
    line: &'a mut Line,
    deadline: Instant,
}

impl Call<'_> {
    fn ask(&mut self, op: &Op) -> Result<Reply, Lost> {
        match op {
            Op::Add { element } => self.one(["SADD", ELEMENTS, &element.to_string()]).map(|_| Reply::Done),
            Op::Remove { element } => self.one(["SREM", ELEMENTS, &element.to_string()]).map(|_| Reply::Done),
            Op::Members => {
                let answer = self.one(["SMEMBERS", ELEMENTS])?;
                let members: Option<Vec<_>> = list(&answer).iter().map(number).collect();
                let mut members = members.ok_or_else(|| odd(&answer))?;
                members.sort_unstable();
                Ok(Reply::Elements(members))
            }
            Op::Write { key, value } => {
                self.one(["SET", &key_of(&Cell::Register(key.clone())), &value.to_string()]).map(|_| Reply::Done)
            }
            Op::Cas { key, from, to } => {
                let key = key_of(&Cell::Register(key.clone()));
                let answer = self.one(["EVAL", COMPARE_AND_SET, "1", &key, &from.to_string(), &to.to_string()])?;
                Ok(if answer == Frame::Integer(1) { Reply::Done } else { Reply::No })
            }
            Op::Claim { name, owner } => {
                // Answers who owned it before.
                let key = key_of(&Cell::Name(name.clone()));
                let answer = self.one(["SET", &key, &owner.to_string(), "NX", "GET"])?;
                let mine = answer == Frame::Null || number(&answer) == Some(*owner);
                Ok(if mine { Reply::Done } else { Reply::No })
            }
            _ if op.is_read() => {
                let cells = cells(op);
                let data = self.look(&cells, &[mget(&cells)])?;
                Ok(decide(op, &data).reply)
            }
            _ => self.look_and_write(op),
        }
    }

    fn one<'w>(&mut self, words: impl IntoIterator<Item = &'w str>) -> Result<Frame, Lost> {
        one(self.line, command(words), self.deadline)
    }

    /// Reads what the operation must see, decides, and writes if nobody has written to it since.
    fn look_and_write(&mut self, op: &Op) -> Result<Reply, Lost> {
        let cells = cells(op);
        let watch = [vec!["WATCH".to_string()], cells.iter().map(key_of).collect()].concat();
        loop {
            // No byte of a write has been sent yet, or the last one was refused.
            let data = self.look(&cells, &[watch.clone(), mget(&cells)]).map_err(nothing_yet)?;
            let decision = decide(op, &data);
            if decision.writes.is_empty() {
                // What is watched is no promise of this operation: a lost answer only ends the connection.
                let _ = self.one(["UNWATCH"]);
                return Ok(decision.reply);
            }
            if self.transaction(&decision.writes)? {
                return Ok(decision.reply);
            }
            if Instant::now() >= self.deadline {
                return Err(Lost::Unsent(Reason::Unavailable("others were faster each time".to_string())));
            }
        }
    }

    /// What the cells hold, by the last of these commands.
    fn look(&mut self, cells: &[Cell], commands: &[Command]) -> Result<Data, Lost> {
        let answers = self.line.ask(commands, self.deadline)?;
        if let Some(lost) = answers.iter().find_map(refusal) {
            return Err(nothing_yet(lost));
        }
        let values = answers.last().map(list).unwrap_or_default();
        let held = cells.iter().zip(values).filter(|(_, value)| **value != Frame::Null);
        held.map(|(cell, value)| Ok((cell.clone(), content_of(value).ok_or_else(|| odd(value))?))).collect()
    }

    /// Writes all or nothing. False if something that is watched has been written to.
    fn transaction(&mut self, writes: &[(Cell, Content)]) -> Result<bool, Lost> {
        let set = |(cell, content): &(Cell, Content)| command(["SET".to_string(), key_of(cell), value_of(content)]);
        let mut commands = vec![command(["MULTI"])];
        commands.extend(writes.iter().map(set));
        commands.push(command(["EXEC"]));
        let answers = self.line.ask(&commands, self.deadline)?;
        let (begun, done) = (&answers[0], &answers[answers.len() - 1]);
        if matches!(begun, Frame::Error(_)) {
            // Each write was carried out by itself, or not.
            return Err(odd(begun));
        }
        match done {
            Frame::Null => Ok(false),
            Frame::Array(results) if results.len() == writes.len() && !results.iter().any(is_error) => Ok(true),
            other => Err(refusal(other).unwrap_or_else(|| odd(other))),
        }
    }
}

fn is_error(frame: &Frame) -> bool {
    matches!(frame, Frame::Error(_))
}

/// An answer that no documentation has.
fn odd(answer: &Frame) -> Lost {
    Lost::Open(Reason::Unavailable(format!("an answer that is not understood: {answer:?}")))
}

const COMPARE_AND_SET: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) return 1 end return 0";

const ELEMENTS: &str = "elements";

fn cells(op: &Op) -> Vec<Cell> {
    match sees(op) {
        Sees::Cells(cells) => cells,
        Sees::Elements => unreachable!("members are asked of the set itself"),
    }
}

fn mget(cells: &[Cell]) -> Command {
    [vec!["MGET".to_string()], cells.iter().map(key_of).collect()].concat()
}

fn key_of(cell: &Cell) -> String {
    match cell {
        Cell::Register(key) => format!("register/{key}"),
        Cell::Name(name) => format!("name/{name}"),
        Cell::Account(account) => format!("account/{account}"),
        Cell::Item(item) => format!("item/{item}"),
        Cell::Element(element) => format!("element/{element}"),
    }
}

fn value_of(content: &Content) -> String {
    match content {
        Content::Number(number) => number.to_string(),
        Content::Postings(postings) => serde_json::to_string(postings).expect("postings are plain data"),
    }
}

fn content_of(value: &Frame) -> Option<Content> {
    match number(value) {
        Some(number) => Some(Content::Number(number)),
        None => serde_json::from_str(&text(value)?).ok().map(Content::Postings),
    }
}

fn number(frame: &Frame) -> Option<i64> {
    text(frame)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cell_holds_comes_back_from_its_value() {
        for content in
            [Content::Number(-3), Content::Postings(vec![(1, -5), (2, 9)].into()), Content::Postings(Vec::new().into())]
        {
            let value = Frame::BulkString(value_of(&content).into_bytes());
            assert_eq!(content_of(&value), Some(content));
        }
        assert_eq!(content_of(&Frame::BulkString(b"nonsense".to_vec())), None);
    }

    #[test]
    fn only_what_redis_refuses_beforehand_is_a_certain_failure() {
        let lost = |words: &str| refusal(&Frame::Error(words.to_string()));
        assert!(matches!(lost("READONLY You can't write against a read only replica."), Some(Lost::Unsent(_))));
        assert!(matches!(lost("NOREPLICAS Not enough good replicas to write."), Some(Lost::Unsent(_))));
        assert!(matches!(lost("ERR Error running script"), Some(Lost::Open(_))));
        assert_eq!(refusal(&Frame::Null), None);
    }
}
