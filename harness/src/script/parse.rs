//! Reads a schedule.

use super::{Count, Line, Link, Script};
use crate::files::Malformed;
use crate::node::NodeId;
use crate::op::Op;
use crate::plan::Settings;
use crate::time::MS;
use std::str::FromStr;

/// What is wrong, and what was expected.
type Complaint = (String, String);

/// Most nodes that a script can have.
const NODES: u8 = 32;

pub(super) fn script(name: &str, text: &str) -> Result<Script, Malformed> {
    let mut head = Head::default();
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        let complain = |(wrong, expected)| Malformed::new(format!("{name}:{number}"), wrong, expected);
        if words.is_empty() || lines.is_empty() && head.line(&words).map_err(complain)? {
            continue;
        }
        let nodes = head.nodes.ok_or_else(|| complain(missing("nodes 3"))).map(Nodes)?;
        lines.push((number, nodes.line(&words).map_err(complain)?));
    }
    let missing = |part| Malformed::new(name, missing(part).0, missing(part).1);
    Ok(Script {
        name: name.to_string(),
        design: head.design.ok_or_else(|| missing("design raft"))?,
        workload: head.workload.ok_or_else(|| missing("workload register"))?,
        nodes: head.nodes.ok_or_else(|| missing("nodes 3"))?,
        settings: head.settings,
        lines,
    })
}

fn missing(example: &str) -> Complaint {
    let part = example.split(' ').next().unwrap_or_default();
    (
        format!("the head does not say \"{part}\""),
        format!("a line such as \"{example}\" before the first thing happens"),
    )
}

/// What stands before the first thing that happens.
#[derive(Default)]
struct Head {
    design: Option<String>,
    workload: Option<String>,
    nodes: Option<u8>,
    settings: Settings,
}

impl Head {
    /// False if the line is none of the head.
    fn line(&mut self, words: &[&str]) -> Result<bool, Complaint> {
        match words {
            ["design", name] => self.design = Some((*name).to_string()),
            ["workload", name] => self.workload = Some((*name).to_string()),
            ["nodes", count] => {
                let count = number(count, "how many nodes there are")?;
                if !(1..=NODES).contains(&count) {
                    return Err((format!("{count} nodes"), format!("1 to {NODES}")));
                }
                self.nodes = Some(count);
            }
            ["with", name, value] => self.setting(name, number(value, "a magnitude, times in microseconds")?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Through the names that settings have in files, so that every one can be set.
    fn setting(&mut self, name: &str, value: u64) -> Result<(), Complaint> {
        let mut settings = serde_json::to_value(&self.settings).expect("settings are plain data");
        let known = settings.as_object_mut().expect("settings have fields");
        let names: Vec<String> = known.keys().cloned().collect();
        match known.get_mut(name) {
            Some(field) => *field = value.into(),
            None => return Err((format!("setting \"{name}\""), format!("one of {}", names.join(", ")))),
        }
        self.settings =
            serde_json::from_value(settings).map_err(|error| (error.to_string(), "a number".to_string()))?;
        Ok(())
    }
}

fn number<T: FromStr>(word: &str, what: &str) -> Result<T, Complaint> {
    word.parse().map_err(|_| (format!("\"{word}\""), format!("a number: {what}")))
}

/// How many nodes there are: what a line may name.
struct Nodes(u8);

impl Nodes {
    fn line(&self, words: &[&str]) -> Result<Line, Complaint> {
        let count = |rest: &[&str]| match rest {
            [] => Ok(Count::Exactly(1)),
            ["all"] => Ok(Count::All),
            [count] => Ok(Count::Exactly(number(count, "how many, or \"all\"")?)),
            more => Err((format!("\"{}\"", more.join(" ")), "one number, or \"all\"".to_string())),
        };
        Ok(match words {
            ["fire", node, timer] => Line::Fire { node: self.node(node)?, timer: (*timer).to_string() },
            ["deliver", from, to, rest @ ..] => Line::Deliver { link: self.link(from, to)?, count: count(rest)? },
            ["drop", from, to, rest @ ..] => Line::Drop { link: self.link(from, to)?, count: count(rest)? },
            ["late", from, to] => Line::Late(self.link(from, to)?),
            ["twice", from, to] => Line::Twice(self.link(from, to)?),
            ["sync", node, rest @ ..] => Line::Sync { node: self.node(node)?, count: count(rest)? },
            ["settle"] => Line::Settle((0..self.0).map(NodeId).collect()),
            ["settle", nodes @ ..] => Line::Settle(nodes.iter().map(|n| self.node(n)).collect::<Result<_, _>>()?),
            ["client", client, node, op @ ..] => {
                Line::Ask { client: client_number(client)?, node: self.node(node)?, op: operation(op)? }
            }
            ["again", client, node] => Line::Again { client: client_number(client)?, node: self.node(node)? },
            ["kill", node] => Line::Kill(self.node(node)?),
            ["power", node] => Line::Power(self.node(node)?),
            ["wipe", node] => Line::Wipe(self.node(node)?),
            ["clock", node, "rate", percent] => {
                let rate = number(percent, "a rate in percent")?;
                Line::Clock { node: self.node(node)?, rate, offset: 0 }
            }
            ["clock", node, "offset", by] => {
                let milliseconds: i64 = number(by, "milliseconds, backward if negative")?;
                Line::Clock { node: self.node(node)?, rate: 100, offset: milliseconds.saturating_mul(1000) }
            }
            ["start", node] => Line::Start(self.node(node)?),
            ["dismiss", at, first, rest @ ..] => {
                let nodes = [first].into_iter().chain(rest).map(|node| self.node(node)).collect::<Result<_, _>>()?;
                Line::Dismiss { at: self.node(at)?, nodes }
            }
            ["replace", node] => Line::Replace(self.node(node)?),
            ["cut", one, other] => self.link(one, other).map(|(one, other)| Line::Cut(one, other))?,
            ["heal"] => Line::Heal,
            ["wait", span] => Line::Wait(MS * number(span, "milliseconds")?),
            ["final"] => Line::Final,
            other => return Err((format!("\"{}\"", other.join(" ")), KNOWN.to_string())),
        })
    }

    fn node(&self, word: &str) -> Result<NodeId, Complaint> {
        let number = word.strip_prefix('n').and_then(|number| number.parse::<u8>().ok());
        let known = number.filter(|number| (1..=self.0).contains(number));
        known
            .map(|number| NodeId(number - 1))
            .ok_or_else(|| (format!("\"{word}\""), format!("a node, n1 to n{}", self.0)))
    }

    fn link(&self, from: &str, to: &str) -> Result<Link, Complaint> {
        match (self.node(from)?, self.node(to)?) {
            (from, to) if from == to => {
                Err((format!("a link from {from} to itself"), "two different nodes".to_string()))
            }
            link => Ok(link),
        }
    }
}

const KNOWN: &str = "fire NODE TIMER; deliver, drop, late or twice FROM TO; sync NODE; settle NODES; client NUMBER NODE \
                     OPERATION; again NUMBER NODE; kill, power, wipe, start or replace NODE; dismiss NODE NODES; clock NODE rate PERCENT or offset MILLISECONDS; cut NODE NODE; heal; wait MILLISECONDS; \
                     final; and design, workload, nodes and with before all of these";

fn client_number(word: &str) -> Result<u32, Complaint> {
    let client: u32 = number(word, "a client")?;
    if client < 1000 { Ok(client) } else { Err((format!("client {client}"), "a client below 1000".to_string())) }
}

/// Reads an operation, e.g. `write x 5`.
///
/// # Errors
/// What is wrong, and what was expected.
pub fn operation(words: &[&str]) -> Result<Op, (String, String)> {
    let value = |word: &str| number(word, "a value");
    let account = |word: &str| number(word, "an account, or how many");
    Ok(match *words {
        ["read", key] => Op::Read { key: key.into() },
        ["write", key, to] => Op::Write { key: key.into(), value: value(to)? },
        ["cas", key, from, to] => Op::Cas { key: key.into(), from: value(from)?, to: value(to)? },
        ["claim", name, owner] => Op::Claim { name: name.into(), owner: value(owner)? },
        ["owner", name] => Op::Owner { name: name.into() },
        ["transfer", id, from, to, amount] => {
            Op::Transfer { id: value(id)?, from: account(from)?, to: account(to)?, amount: value(amount)? }
        }
        ["balances", accounts] => Op::Balances { accounts: account(accounts)? },
        ["ledger", accounts] => Op::Ledger { accounts: account(accounts)? },
        ["add", element] => Op::Add { element: value(element)? },
        ["remove", element] => Op::Remove { element: value(element)? },
        ["members"] => Op::Members,
        ["sell", item, id, count] => Op::Sell { item: item.into(), id: value(id)?, count: value(count)? },
        ["refund", item, id] => Op::Refund { item: item.into(), id: value(id)? },
        ["stock", item] => Op::Stock { item: item.into() },
        _ => {
            let known = "read KEY, write KEY VALUE, cas KEY FROM TO, claim NAME OWNER, owner NAME, transfer ID FROM TO \
                         AMOUNT, balances COUNT, ledger COUNT, add ELEMENT, remove ELEMENT, members, sell ITEM ID COUNT, \
                         refund ITEM ID or stock ITEM";
            return Err((format!("the operation \"{}\"", words.join(" ")), known.to_string()));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "design raft\nworkload register\nnodes 3\n";

    #[test]
    fn a_script_is_read_with_its_head_and_comments() {
        let text = format!("# a story\n{HEAD}with max_entries_per_append 1\n\ndeliver n1 n2 all # now\ncut n3 n1\n");
        let script = script("a.txt", &text).expect("a right one");
        assert_eq!((script.design.as_str(), script.nodes, script.settings.max_entries_per_append), ("raft", 3, 1));
        let (one, two, three) = (NodeId(0), NodeId(1), NodeId(2));
        let deliver = Line::Deliver { link: (one, two), count: Count::All };
        assert_eq!(script.lines, [(7, deliver), (8, Line::Cut(three, one))]);
    }

    #[test]
    fn mistakes_say_where_they_are_and_what_was_expected() {
        for (body, place, part) in [
            ("deliver n1 n4", "a.txt:4", "n1 to n3"),
            ("deliver n1 n1", "a.txt:4", "two different nodes"),
            ("settle\nclient 1 n1 wirte x 5", "a.txt:5", "write KEY VALUE"),
            ("client one n1 read x", "a.txt:4", "a client"),
            ("with max_entries 1", "a.txt:4", "max_entries_per_append"),
            ("dance", "a.txt:4", "fire NODE TIMER"),
        ] {
            let error = script("a.txt", &format!("{HEAD}{body}\n")).expect_err(body);
            assert_eq!(error.place, place, "{body}");
            assert!(error.expected.contains(part), "{body}: {error}");
        }
        let error = script("a.txt", "design raft\nworkload set\nheal").expect_err("no nodes");
        assert_eq!(error.wrong, "the head does not say \"nodes\"");
    }
}
