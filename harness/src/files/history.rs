//! `history.jsonl`: one event a line, with Jepsen's field names.
//!
//! Operations of processes are `invoke`, and then `ok`, `fail` (it certainly did not happen; with the error `precondition` it
//! is an answer) or `info` (nobody knows). Faults and what else the controller saw stand among them as process `nemesis`,
//! what nodes said as process `n1`, `n2`, …. Times are nanoseconds, as Jepsen's are.

use super::values::{Complaint, PRECONDITION, answered, asked, complaint, op, outcome};
use super::{Malformed, words};
use crate::fault::{Effect, Fault};
use crate::history::{Event, History, Phase, ProcessId, What};
use crate::node::NodeId;
use crate::op::{Op, Reply};
use crate::outcome::Outcome;
use crate::time::Time;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(default)]
    index: usize,
    #[serde(default)]
    time: u64,
    process: Json,
    r#type: String,
    f: String,
    #[serde(default)]
    value: Json,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<Json>,
}

/// One event as a line, without its end.
pub fn line(index: usize, event: &Event) -> String {
    let client = |process: ProcessId, kind: &str, f: &str, value, error| {
        (json!(process.0), kind.to_string(), f.to_string(), value, error)
    };
    let other = |process: String, f: &str, value| (json!(process), "info".to_string(), f.to_string(), value, None);
    let nemesis = |f, value| other("nemesis".to_string(), f, value);
    let (process, kind, f, value, error) = match &event.what {
        What::Invoke { process, op } => client(*process, "invoke", op.verb(), asked(op), None),
        What::Return { process, op, outcome } => match outcome {
            Outcome::Ok(Reply::No) => client(*process, "fail", op.verb(), asked(op), Some(json!(PRECONDITION))),
            Outcome::Ok(reply) => client(*process, "ok", op.verb(), answered(op, reply), None),
            Outcome::Failed(reason) => client(*process, "fail", op.verb(), asked(op), Some(json!(reason.to_string()))),
            Outcome::Unknown(reason) => client(*process, "info", op.verb(), asked(op), Some(json!(reason.to_string()))),
        },
        What::Began { strike, fault } => nemesis("began", json!({"strike": strike, "fault": fault})),
        What::Ended { strike, effect } => nemesis("ended", json!({"strike": strike, "effect": effect})),
        What::Phase(phase) => nemesis("phase", json!(phase_name(*phase))),
        What::Finding { invariant, sentence } => {
            nemesis("finding", json!({"invariant": invariant, "sentence": sentence}))
        }
        What::Mark { node, mark } => other(node.to_string(), "mark", json!(mark)),
        What::Digest { node, digest } => other(node.to_string(), "digest", json!(format!("{digest:016x}"))),
    };
    let time = event.time.0.saturating_mul(1000);
    serde_json::to_string(&Line { index, time, process, r#type: kind, f, value, error }).expect("a line is plain data")
}

/// A whole history, a line each.
pub fn write(history: &History) -> String {
    history.events.iter().enumerate().map(|(index, event)| line(index, event) + "\n").collect()
}

/// Reads a history. `name` is the file's, for complaints. Registers may be unkeyed: then all operations are of one key, "".
/// A last line that lacks its end and is no JSON is what a killed run leaves behind: it is left out.
///
/// # Errors
/// The first line that is not an event, or that cannot follow the lines before it.
pub fn read(name: &str, text: &str) -> Result<History, Malformed> {
    let (mut history, mut lines) = (History::default(), Vec::new());
    let mut open: BTreeMap<ProcessId, Op> = BTreeMap::new();
    for (number, text) in whole_lines(text).lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let place = || format!("{name}:{}", number + 1);
        let line: Line = serde_json::from_str(text).map_err(|error| {
            let expected = "one JSON object with process, type, f and value";
            Malformed::new(format!("{}:{}", place(), error.column()), words(&error), expected)
        })?;
        let what = event(&line, &mut open).map_err(|(wrong, expected)| Malformed::new(place(), wrong, expected))?;
        history.events.push(Event { time: Time(line.time / 1000), what });
        lines.push(number + 1);
    }
    match history.check() {
        Ok(()) => Ok(history),
        Err((index, wrong)) => {
            let expected = "each process asks one thing at a time, and never again after an outcome that nobody knows";
            Err(Malformed::new(format!("{name}:{}", lines[index]), wrong, expected))
        }
    }
}

/// The text without the half line that a killed run leaves at its end.
fn whole_lines(text: &str) -> &str {
    let end = text.rfind('\n').map_or(0, |end| end + 1);
    let half = end > 0 && serde_json::from_str::<Json>(&text[end..]).is_err();
    if half { &text[..end] } else { text }
}

fn event(line: &Line, open: &mut BTreeMap<ProcessId, Op>) -> Result<What, Complaint> {
    match &line.process {
        Json::Number(number) => {
            let process = number.as_u64().and_then(|number| u32::try_from(number).ok());
            let process = process.ok_or_else(|| complaint(format!("process {number}"), "a small number"))?;
            client_event(line, ProcessId(process), open)
        }
        Json::String(who) => match node(who) {
            Some(node) => node_event(line, node),
            None => nemesis_event(line),
        },
        other => Err(complaint(format!("process {other}"), "a number, \"nemesis\" or a node such as \"n1\"")),
    }
}

fn node(name: &str) -> Option<NodeId> {
    name.strip_prefix('n')?.parse::<u8>().ok()?.checked_sub(1).map(NodeId)
}

fn client_event(line: &Line, process: ProcessId, open: &mut BTreeMap<ProcessId, Op>) -> Result<What, Complaint> {
    if line.r#type == "invoke" {
        let op = op(&line.f, &line.value)?;
        open.insert(process, op.clone());
        return Ok(What::Invoke { process, op });
    }
    let op = open.get(&process).cloned();
    let op = op.ok_or_else(|| complaint(format!("process {} is answered", process.0), "that it asked before"))?;
    let outcome = outcome(&op, &line.r#type, &line.value, line.error.as_ref())?;
    Ok(What::Return { process, op, outcome })
}

fn node_event(line: &Line, node: NodeId) -> Result<What, Complaint> {
    let text = line.value.as_str();
    match (line.f.as_str(), text) {
        ("mark", Some(mark)) => Ok(What::Mark { node, mark: mark.to_string().into() }),
        ("digest", Some(hex)) => match u64::from_str_radix(hex, 16) {
            Ok(digest) => Ok(What::Digest { node, digest }),
            Err(_) => Err(complaint(format!("digest {hex}"), "16 hexadecimal digits")),
        },
        (f, _) => Err(complaint(format!("{f} {} of {node}", line.value), "a mark or a digest")),
    }
}

#[derive(Deserialize)]
struct Began {
    strike: usize,
    fault: Fault,
}
#[derive(Deserialize)]
struct Ended {
    strike: usize,
    effect: Effect,
}
#[derive(Deserialize)]
struct Finding {
    invariant: String,
    sentence: String,
}

fn nemesis_event(line: &Line) -> Result<What, Complaint> {
    let wrong = |error: serde_json::Error| {
        complaint(format!("{} {}: {error}", line.f, line.value), "as `perjury run` writes it")
    };
    match line.f.as_str() {
        "began" => {
            let Began { strike, fault } = Began::deserialize(&line.value).map_err(wrong)?;
            Ok(What::Began { strike, fault })
        }
        "ended" => {
            let Ended { strike, effect } = Ended::deserialize(&line.value).map_err(wrong)?;
            Ok(What::Ended { strike, effect })
        }
        "finding" => {
            let Finding { invariant, sentence } = Finding::deserialize(&line.value).map_err(wrong)?;
            Ok(What::Finding { invariant: invariant.into(), sentence })
        }
        "phase" => {
            let phase = [Phase::Chaos, Phase::Heal, Phase::Final];
            let phase = phase.into_iter().find(|phase| line.value == phase_name(*phase));
            phase.map(What::Phase).ok_or_else(|| complaint(format!("phase {}", line.value), "chaos, heal or final"))
        }
        f => Err(complaint(format!("f \"{f}\" of {}", line.process), "began, ended, phase or finding")),
    }
}

fn phase_name(phase: Phase) -> &'static str {
    match phase {
        Phase::Chaos => "chaos",
        Phase::Heal => "heal",
        Phase::Final => "final",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Cut, Target};
    use crate::op::Posting;
    use crate::outcome::Reason;

    fn all_kinds() -> History {
        let mut events = Vec::new();
        let mut add = |what| events.push(Event { time: Time(events.len() as u64 * 1500), what });
        add(What::Phase(Phase::Chaos));
        let ops: [(Op, Reply); 16] = [
            (Op::Write { key: "x".into(), value: -3 }, Reply::Done),
            (Op::Read { key: "x".into() }, Reply::Value(Some(-3))),
            (Op::Read { key: "y".into() }, Reply::Value(None)),
            (Op::Cas { key: "x".into(), from: 1, to: 2 }, Reply::No),
            (Op::Claim { name: "ada".into(), owner: 4 }, Reply::Done),
            (Op::Owner { name: "ada".into() }, Reply::Value(Some(4))),
            (Op::Read { key: "x".into() }, Reply::Siblings(vec![-3, 2])),
            (Op::Owner { name: "ada".into() }, Reply::Siblings(vec![3, 4])),
            (Op::Transfer { id: 1, from: 0, to: 2, amount: 5 }, Reply::Done),
            (Op::Balances { accounts: 3 }, Reply::Balances(vec![95, 100, 105])),
            (Op::Ledger { accounts: 1 }, Reply::Ledger(vec![Posting { account: 0, transfer: 1, amount: -5 }])),
            (Op::Add { element: 7 }, Reply::Done),
            (Op::Members, Reply::Elements(vec![7])),
            (Op::Sell { item: "tea".into(), id: 1, count: 2 }, Reply::No),
            (Op::Refund { item: "tea".into(), id: 1 }, Reply::Done),
            (Op::Stock { item: "tea".into() }, Reply::Value(Some(20))),
        ];
        for (op, reply) in ops {
            let process = ProcessId(3);
            add(What::Invoke { process, op: op.clone() });
            add(What::Return { process, op, outcome: Outcome::Ok(reply) });
        }
        let fault = Fault::Partition(Cut::around(&[NodeId(1)], 3));
        add(What::Began { strike: 0, fault });
        add(What::Began { strike: 1, fault: Fault::Kill(Target::Node(NodeId(2))) });
        add(What::Ended { strike: 0, effect: Effect::new(true, "3 messages") });
        add(What::Mark { node: NodeId(2), mark: "elected".into() });
        add(What::Finding { invariant: "one leader a term".into(), sentence: "n1 and n2".into() });
        add(What::Digest { node: NodeId(0), digest: u64::MAX });
        for (process, outcome) in [
            (4, Outcome::Failed(Reason::NotLeader { hint: Some(NodeId(2)) })),
            (5, Outcome::Unknown(Reason::TimedOut)),
            (6, Outcome::Failed(Reason::Unavailable("no quorum".into()))),
        ] {
            let (process, op) = (ProcessId(process), Op::Remove { element: 7 });
            add(What::Invoke { process, op: op.clone() });
            add(What::Return { process, op, outcome });
        }
        History { events }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let history = all_kinds();
        assert_eq!(read("history.jsonl", &write(&history)), Ok(history));
    }

    #[test]
    fn a_half_line_at_the_end_is_left_out() {
        let text = write(&all_kinds());
        let cut = &text[..text.len() - 10];
        let history = read("h", cut).expect("a readable history");
        assert_eq!(history.events.len(), all_kinds().events.len() - 1);
        assert!(read("h", "half a line").is_err());
    }

    #[test]
    fn unkeyed_registers_share_the_empty_key() {
        let text = r#"{"process":0,"type":"invoke","f":"cas","value":[1,2]}
{"process":0,"type":"fail","f":"cas","value":[1,2],"error":"precondition"}
{"process":1,"type":"invoke","f":"read","value":null}
{"process":1,"type":"ok","f":"read","value":3}"#;
        let history = read("h", text).expect("a history");
        let ops: Vec<Op> = history.calls().into_iter().map(|call| call.op.clone()).collect();
        assert_eq!(ops, [Op::Cas { key: "".into(), from: 1, to: 2 }, Op::Read { key: "".into() }]);
    }

    #[test]
    fn what_is_no_history_is_refused_with_its_place() {
        let invoke = r#"{"process":0,"type":"invoke","f":"read","value":null}"#;
        let cases = [
            (format!("{invoke}\nnot json\n"), "h:2:"),
            (format!("{invoke}\n{invoke}"), "h:2: process 0 asks before it was answered"),
            (r#"{"process":0,"type":"ok","f":"read","value":3}"#.to_string(), "h:1: process 0 is answered"),
            (r#"{"process":0,"type":"invoke","f":"fly","value":3}"#.to_string(), "h:1: f \"fly\""),
            (r#"{"process":0,"type":"invoke","f":"write","value":"a"}"#.to_string(), "h:1: write \"a\""),
            (format!("{invoke}\n{}", invoke.replace("invoke", "done")), "h:2: type \"done\""),
            (format!("{invoke}\n\n{}", r#"{"process":0,"type":"ok","f":"read","value":"x"}"#), "h:3: read answered"),
        ];
        for (text, expected) in cases {
            let complaint = read("h", &text).expect_err("not a history").to_string();
            assert!(complaint.starts_with(expected), "{complaint}");
        }
    }
}
