//! etcd, through its JSON gateway.
//!
//! Each cell of the harness's data ([`store::data`]) is one key. What can be put blindly is put; a claim is a transaction that
//! compares the key's creation, a compare-and-set one that compares its value; whatever must look before it writes reads the
//! keys with their revisions and writes in a transaction that compares those. A transaction that did not succeed is tried again
//! until the deadline: the server said that nothing happened.

use crate::cells::{self, BEHIND_ELEMENTS, ELEMENTS};
use crate::real::{Choice, Database, Observer, Session, Setup, Stamp, System};
use crate::wire::{Line, Lost};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use harness::{MS, Needs, NodeId, Op, Outcome, Reason, Reply, SECOND, Settings, View};
use hosts::Daemon;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant, UNIX_EPOCH};
use store::data::{Cell, Content, Data, Sees, decide, sees};

const CLIENT: u16 = 2379;
const PEER: u16 = 2380;

/// See the head of this file.
pub const ETCD: Database = Database {
    name: "etcd",
    about: "etcd: a key-value store on Raft; reads go through the leader unless they are chosen not to",
    programs: &["etcd"],
    packages: &["etcd-server"],
    heavy: false,
    choices: &[Choice {
        name: "reads",
        values: &[
            ("linearizable", "a read is confirmed by a majority, as is usual"),
            ("serializable", "a node answers from its own copy, whether it is cut off or not"),
        ],
    }],
    mapping: &[
        ("registration", "a name is a key; a claim is a transaction that puts it if it was never created"),
        ("register", "a register is a key; put, range, and a transaction that compares the value"),
        ("read-write", "put and range"),
        ("sessions", "put and range, at the node that the client visits"),
        ("set", "an element is a key; members are a range over a prefix"),
        ("bank", "an account is a key that holds its postings; a transfer compares both keys' revisions and puts both"),
        ("inventory", "an item is a key that holds its sales; a sale compares its revision and puts it"),
    ],
    nodes: 5,
    ports: &[CLIENT, PEER],
    // Half of what etcd has by itself, so that a minute sees twice as many elections.
    settings: || Settings {
        heartbeat: MS * 50,
        election_low: MS * 500,
        election_high: SECOND,
        request_timeout: SECOND,
        ..Settings::default()
    },
    needs: |_| Needs::WhoeverIsLeft,
    panics: &["panic:", "\"level\":\"panic\"", "\"level\":\"fatal\""],
    make: |setup| Box::new(Etcd(setup)),
};

struct Etcd(Setup);

impl System for Etcd {
    fn daemons(&self, node: usize) -> Vec<Daemon> {
        let at = |node: usize, port| format!("http://{}", self.0.reach(node, port));
        let listens = |port: u16| format!("http://{}:{port}", self.0.listen[node]);
        let name = |node: usize| NodeId(node as u8).to_string();
        let cluster: Vec<String> = (0..self.0.nodes()).map(|n| format!("{}={}", name(n), at(n, PEER))).collect();
        let settings = &self.0.settings;
        let pairs = [
            ("name", name(node)),
            ("data-dir", self.0.dirs[node].join("etcd").display().to_string()),
            ("initial-cluster", cluster.join(",")),
            ("initial-cluster-state", "new".to_string()),
            ("initial-advertise-peer-urls", at(node, PEER)),
            ("listen-peer-urls", listens(PEER)),
            ("listen-client-urls", listens(CLIENT)),
            ("advertise-client-urls", at(node, CLIENT)),
            ("heartbeat-interval", millis(settings.heartbeat)),
            ("election-timeout", millis(settings.election_low)),
            // Else who was cut off comes back with a later term and deposes the leader; the usual thing from 3.5 on.
            ("pre-vote", "true".to_string()),
            ("logger", "zap".to_string()),
            ("log-outputs", "stderr".to_string()),
        ];
        vec![Daemon::new("etcd", "etcd", pairs.map(|(name, value)| format!("--{name}={value}")))]
    }

    fn ready(&self) -> Result<(), String> {
        for node in 0..self.0.nodes() {
            let status = status(&mut self.watcher(node));
            let status = status.map_err(|lost| format!("{} does not answer: {lost:?}", NodeId(node as u8)))?;
            if number(&status["leader"]).is_none_or(|leader| leader == 0) {
                return Err(format!("{} knows no leader", NodeId(node as u8)));
            }
        }
        Ok(())
    }

    fn observer(&self, node: usize) -> Observer {
        let mut line = self.watcher(node);
        Box::new(move || {
            let status = status(&mut line)?;
            let leader = number(&status["leader"]);
            let leads = leader.is_some() && leader == number(&status["header"]["member_id"]);
            Ok(View { leads, term: number(&status["raftTerm"]).map(|term| term as u64), committed: None })
        })
    }

    fn clock(&self, node: usize) -> Result<Stamp, Lost> {
        let deadline = Instant::now() + Duration::from_millis(500);
        let date = self.watcher(node).date("/v3/maintenance/status", &json!({}), deadline)?;
        let since = date.duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Stamp { micros: since.as_micros() as i64, grain: 1_000_000 })
    }

    fn is_data(&self, path: &str) -> bool {
        path.starts_with("etcd/member/") && !path.ends_with(".broken")
    }

    fn session(&self, home: usize) -> Box<dyn Session> {
        let line = |node| Line::new(self.0.beside[home].clone(), self.0.reach(node, CLIENT));
        Box::new(Client {
            home,
            lines: (0..self.0.nodes()).map(line).collect(),
            serializable: self.0.choices["reads"] == "serializable",
            patience: Duration::from_micros(self.0.settings.request_timeout.0),
        })
    }
}

impl Etcd {
    /// A way to ask a node of itself, which no cut stops.
    fn watcher(&self, node: usize) -> Line {
        Line::new(self.0.outside.clone(), self.0.reach(node, CLIENT))
    }
}

fn status(line: &mut Line) -> Result<Value, Lost> {
    let deadline = Instant::now() + Duration::from_millis(500);
    line.post("/v3/maintenance/status", &json!({}), deadline).map(|(_, status)| status)
}

fn millis(time: harness::Time) -> String {
    (time.0 / 1000).to_string()
}

struct Client {
    home: usize,
    lines: Vec<Line>,
    serializable: bool,
    patience: Duration,
}

/// What a key held, and its revision; 0 where there is none.
type Held = (Option<Content>, i64);

impl Session for Client {
    fn ask(&mut self, op: &Op, first: Option<NodeId>) -> Outcome {
        let node = first.map_or(self.home, NodeId::index);
        let mut call = Call { line: &mut self.lines[node], deadline: Instant::now() + self.patience };
        call.ask(op, self.serializable).map_or_else(Outcome::from, Outcome::Ok)
    }
}

/// One operation at one node.
struct Call<'a> {
    line: &'a mut Line,
    deadline: Instant,
}

impl Call<'_> {
    fn ask(&mut self, op: &Op, serializable: bool) -> Result<Reply, Lost> {
        match op {
            Op::Write { .. } | Op::Add { .. } | Op::Remove { .. } => {
                for (cell, content) in decide(op, &Data::default()).writes {
                    self.post("/v3/kv/put", &put(&cell, &content), false)?;
                }
                Ok(Reply::Done)
            }
            Op::Cas { key, from, to } => {
                let cell = Cell::Register(key.clone());
                let same = json!({"key": key_of(&cell), "target": "VALUE", "result": "EQUAL", "value": value_of(&Content::Number(*from))});
                let done = self.transaction(&[same], &[(cell, Content::Number(*to))])?;
                Ok(if done { Reply::Done } else { Reply::No })
            }
            Op::Claim { name, owner } => {
                let cell = Cell::Name(name.clone());
                let never = json!({"key": key_of(&cell), "target": "CREATE", "result": "EQUAL", "create_revision": 0});
                let asked = json!({
                    "compare": [never],
                    "success": [{"request_put": put(&cell, &Content::Number(*owner))}],
                    "failure": [{"request_range": {"key": key_of(&cell)}}],
                });
                let answer = self.post("/v3/kv/txn", &asked, false)?;
                let holder = || held(&answer["responses"][0]["response_range"]["kvs"]).into_iter().next();
                let mine = answer["succeeded"] == true
                    || holder().is_some_and(|(_, (content, _))| content == Some(Content::Number(*owner)));
                Ok(if mine { Reply::Done } else { Reply::No })
            }
            _ if op.is_read() => {
                let data =
                    self.look(op, serializable)?.into_iter().filter_map(|(cell, (content, _))| Some((cell, content?)));
                Ok(decide(op, &data.collect()).reply)
            }
            _ => self.look_and_write(op),
        }
    }

    /// Reads what the operation must see, decides, and writes if nothing of it has changed since.
    fn look_and_write(&mut self, op: &Op) -> Result<Reply, Lost> {
        loop {
            // No byte of a write has been sent yet, or the last one was refused.
            let seen = self.look(op, false).map_err(Lost::for_certain)?;
            let data = seen.iter().filter_map(|(cell, (content, _))| Some((cell.clone(), content.clone()?))).collect();
            let decision = decide(op, &data);
            if decision.writes.is_empty() {
                return Ok(decision.reply);
            }
            let same = |(cell, (_, revision)): (&Cell, &Held)| json!({"key": key_of(cell), "target": "MOD", "result": "EQUAL", "mod_revision": revision});
            let compare: Vec<Value> = seen.iter().map(same).collect();
            if self.transaction(&compare, &decision.writes)? {
                return Ok(decision.reply);
            }
            if Instant::now() >= self.deadline {
                return Err(Lost::Unsent(Reason::Unavailable("others were faster each time".to_string())));
            }
        }
    }

    /// What the cells hold that an operation must see, at one revision.
    fn look(&mut self, op: &Op, serializable: bool) -> Result<BTreeMap<Cell, Held>, Lost> {
        let range = |from: String, to: Option<String>| {
            let mut range = json!({"key": from, "serializable": serializable});
            if let Some(to) = to {
                range["range_end"] = to.into();
            }
            json!({"request_range": range})
        };
        let cells = match sees(op) {
            Sees::Elements => {
                let ranges = [range(encode(ELEMENTS), Some(encode(BEHIND_ELEMENTS)))];
                let answer = self.post("/v3/kv/txn", &json!({"success": ranges}), true)?;
                return Ok(held(&answer["responses"][0]["response_range"]["kvs"]));
            }
            Sees::Cells(cells) => cells,
        };
        let ranges: Vec<Value> = cells.iter().map(|cell| range(key_of(cell), None)).collect();
        let answer = self.post("/v3/kv/txn", &json!({"success": ranges}), true)?;
        let mut seen: BTreeMap<Cell, Held> = cells.into_iter().map(|cell| (cell, (None, 0))).collect();
        for response in answer["responses"].as_array().into_iter().flatten() {
            seen.extend(held(&response["response_range"]["kvs"]));
        }
        Ok(seen)
    }

    /// Writes if all comparisons hold. False if the server says that they do not.
    fn transaction(&mut self, compare: &[Value], writes: &[(Cell, Content)]) -> Result<bool, Lost> {
        let puts: Vec<Value> =
            writes.iter().map(|(cell, content)| json!({"request_put": put(cell, content)})).collect();
        let answer = self.post("/v3/kv/txn", &json!({"compare": compare, "success": puts}), false)?;
        Ok(answer["succeeded"] == true)
    }

    /// Asks once. What etcd answers in place of a result is certain for a read, which changes nothing, and for what it refused
    /// before it proposed anything.
    fn post(&mut self, path: &str, body: &Value, read: bool) -> Result<Value, Lost> {
        let (status, answer) = self.line.post(path, body, self.deadline)?;
        if status.is_success() {
            return Ok(answer);
        }
        let words = answer["message"].as_str().or(answer["error"].as_str()).unwrap_or("no words").to_string();
        let refused = REFUSED.iter().any(|known| words.contains(known));
        let reason = Reason::Unavailable(format!("{}: {words}", status.as_u16()));
        Err(if read || refused { Lost::Unsent(reason) } else { Lost::Open(reason) })
    }
}

/// What etcd says before it proposes a change (`server/etcdserver/errors.go`): nothing happened.
const REFUSED: &[&str] =
    &["too many requests", "database space exceeded", "request is too large", "duplicate key given"];

fn encode(text: &str) -> String {
    STANDARD.encode(text)
}

fn key_of(cell: &Cell) -> String {
    encode(&cells::key(cell))
}

fn value_of(content: &Content) -> String {
    encode(&cells::value(content))
}

fn put(cell: &Cell, content: &Content) -> Value {
    json!({"key": key_of(cell), "value": value_of(content)})
}

/// Cells and what they hold, as a range answers.
fn held(kvs: &Value) -> BTreeMap<Cell, Held> {
    let text = |value: &Value| String::from_utf8(STANDARD.decode(value.as_str()?).ok()?).ok();
    let one = |kv: &Value| {
        let (cell, content) = (cells::cell(&text(&kv["key"])?)?, cells::content(&text(&kv["value"])?)?);
        Some((cell, (Some(content), number(&kv["mod_revision"])? as i64)))
    };
    kvs.as_array().into_iter().flatten().filter_map(one).collect()
}

/// The gateway writes 64-bit numbers as texts, and leaves zeros out.
fn number(value: &Value) -> Option<i128> {
    value.as_str().map_or_else(|| value.as_i64().map(i128::from), |text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_and_what_it_holds_come_back_from_their_key_and_value() {
        let cells = [
            (Cell::Register("x".into()), Content::Number(-3)),
            (Cell::Name("grace".into()), Content::Number(4)),
            (Cell::Account(7), Content::Postings(vec![(1, -5), (2, 9)].into())),
            (Cell::Item("tea".into()), Content::Postings(Vec::new().into())),
            (Cell::Element(12), Content::Number(1)),
        ];
        for (cell, content) in cells {
            let kv = json!([{"key": key_of(&cell), "value": value_of(&content), "mod_revision": "17"}]);
            assert_eq!(held(&kv), BTreeMap::from([(cell, (Some(content), 17))]));
        }
    }

    #[test]
    fn a_prefix_has_all_elements_and_nothing_else() {
        let inside = |name: &str| (ELEMENTS..BEHIND_ELEMENTS).contains(&name);
        assert!(inside("element/1") && inside("element/-9") && !inside("item/x") && !inside("name/element/"));
    }
}
