//! Every thing that a report names, in words: operations, replies, outcomes, faults, verdicts.
//!
//! One place, so that the terminal, the page and the tests say the same. Names and reasons come from the system under
//! test: control characters in them are written out (`\u{1b}`), so that a report cannot command a terminal.

use harness::{Call, ClientId, Cut, Fault, Judgement, NodeId, Op, Outcome, Posting, Reply, Time, Verdict};

/// A request, as a person would say it: `claim ada for 3`.
pub fn op(op: &Op) -> String {
    let words = match op {
        Op::Read { key } => format!("read {key}"),
        Op::Write { key, value } => format!("write {key} = {value}"),
        Op::Cas { key, from, to } => format!("cas {key} {from} -> {to}"),
        Op::Claim { name, owner } => format!("claim {name} for {owner}"),
        Op::Owner { name } => format!("who owns {name}"),
        Op::Transfer { id, from, to, amount } => format!("transfer #{id}: {amount} from account {from} to {to}"),
        Op::Balances { accounts } => format!("balances of {accounts} accounts"),
        Op::Ledger { accounts } => format!("ledger of {accounts} accounts"),
        Op::Add { element } => format!("add {element}"),
        Op::Remove { element } => format!("remove {element}"),
        Op::Members => "all members".to_string(),
        Op::Sell { item, id, count } => format!("sale #{id}: {count} of {item}"),
        Op::Refund { item, id } => format!("refund of sale #{id} of {item}"),
        Op::Stock { item } => format!("stock of {item}"),
    };
    visible(&words)
}

/// How a request ended, without the details: what reports colour and count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// It was answered.
    Ok,
    /// It was answered that the precondition does not hold.
    No,
    /// It certainly did not happen.
    Failed,
    /// Nobody knows; a request without any completion counts here too.
    Unknown,
}

impl Ending {
    /// All of them, in the order in which reports list them.
    pub const ALL: [Ending; 4] = [Ending::Ok, Ending::No, Ending::Failed, Ending::Unknown];

    /// Of an outcome, or of its absence.
    pub fn of(outcome: Option<&Outcome>) -> Ending {
        match outcome {
            Some(Outcome::Ok(Reply::No)) => Ending::No,
            Some(Outcome::Ok(_)) => Ending::Ok,
            Some(Outcome::Failed(_)) => Ending::Failed,
            Some(Outcome::Unknown(_)) | None => Ending::Unknown,
        }
    }
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Ending::Ok => "ok",
            Ending::No => "no",
            Ending::Failed => "failed",
            Ending::Unknown => "unknown",
        }
    }
}

/// How a request ended, with the answer or the reason: `ok: 5`, `no (precondition)`, `unknown: timed-out`.
pub fn outcome(outcome: Option<&Outcome>) -> String {
    match outcome {
        Some(Outcome::Ok(Reply::Done)) => "ok".to_string(),
        Some(Outcome::Ok(Reply::No)) => "no (precondition)".to_string(),
        Some(Outcome::Ok(answer)) => format!("ok: {}", reply(answer)),
        Some(Outcome::Failed(reason)) => visible(&format!("failed: {reason}")),
        Some(Outcome::Unknown(reason)) => visible(&format!("unknown: {reason}")),
        None => "unknown: the history ends first".to_string(),
    }
}

/// What the system answered.
pub fn reply(reply: &Reply) -> String {
    let list = |values: &[i64]| values.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
    match reply {
        Reply::Done => "done".to_string(),
        Reply::No => "no".to_string(),
        Reply::Value(None) => "nothing".to_string(),
        Reply::Value(Some(value)) => value.to_string(),
        Reply::Siblings(values) => format!("{} side by side", list(values)),
        // Wide, because a system may say any number.
        Reply::Balances(balances) => {
            format!("[{}] = {}", list(balances), balances.iter().map(|held| i128::from(*held)).sum::<i128>())
        }
        Reply::Elements(elements) => format!("{{{}}}", list(elements)),
        Reply::Ledger(postings) => {
            let each: Vec<String> = postings.iter().map(posting).collect();
            format!("{} postings: {}", postings.len(), each.join(", "))
        }
    }
}

fn posting(posting: &Posting) -> String {
    format!("#{} {:+} in {}", posting.transfer, posting.amount, posting.account)
}

/// A client: `client 3`.
pub fn client(client: ClientId) -> String {
    format!("client {}", client.0)
}

/// How long a call took, as far as anybody knows: `2.1 ms`, `open`.
pub fn latency(call: &Call) -> String {
    match call.returned {
        Some(_) => span(call.answered.since(call.asked)),
        None => "open".to_string(),
    }
}

/// A span of time in the unit that suits it: `2.1 ms`, `4.103 s`.
pub fn span(span: Time) -> String {
    if span.0 < 1_000_000 { format!("{:.1} ms", span.0 as f64 / 1e3) } else { span.to_string() }
}

/// A resolved fault in a cluster of `nodes`. A list of cut links that sets a few nodes apart is said that way.
pub fn fault(fault: &Fault, nodes: usize) -> String {
    let Fault::Partition(Cut::Links(links)) = fault else { return visible(&fault.to_string()) };
    let side = fault.nodes(nodes);
    let Cut::Links(both_ways) = Cut::around(&side, nodes) else { unreachable!("around() gives links") };
    let sorted = |mut links: Vec<_>| {
        links.sort();
        links.dedup();
        links
    };
    let out: Vec<_> = both_ways.iter().copied().filter(|(from, _)| side.contains(from)).collect();
    let names: Vec<String> = side.iter().map(ToString::to_string).collect();
    let links = sorted(links.clone());
    match names.join(", ") {
        names if !links.is_empty() && links == sorted(both_ways) => format!("cut {names} off from the rest"),
        names if !links.is_empty() && links == sorted(out) => format!("mute {names}: it hears, and nobody hears it"),
        _ => match parts(&links, nodes) {
            parts if parts.len() > 1 => format!("split the nodes into {}", parts.join(" | ")),
            _ => fault.to_string(),
        },
    }
}

/// The parts of a cluster between which all links are cut, and within which none is. None where a cut is another one.
fn parts(links: &[(NodeId, NodeId)], nodes: usize) -> Vec<String> {
    let all = || (0..nodes as u8).map(NodeId);
    let joined = |one: NodeId| all().filter(move |other| !links.contains(&(one, *other))).collect::<Vec<NodeId>>();
    let mut parts: Vec<Vec<NodeId>> = all().map(joined).collect();
    let whole = parts.iter().all(|part| part.iter().all(|node| parts[node.index()] == *part));
    parts.sort();
    parts.dedup();
    let named = |part: &Vec<NodeId>| part.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if whole { parts.iter().map(named).collect() } else { Vec::new() }
}

/// The verdict on one line, its word first: `violated: uniqueness, double-ack`.
pub fn headline(judgement: &Judgement) -> String {
    match &judgement.verdict {
        Verdict::Held => {
            let asked: Vec<&str> = judgement.opinions.iter().map(|opinion| opinion.checker.as_str()).collect();
            format!("held: {}", asked.join(", "))
        }
        Verdict::Violated(anomaly) => visible(&format!("violated: {}, {}", anomaly.property, anomaly.class)),
        Verdict::Unknown(why) => visible(&format!("unknown: {why}")),
        Verdict::Vacuous(why) => visible(&format!("vacuous: {why}")),
    }
}

/// What the verdict means, for somebody who sees the word for the first time.
pub fn meaning(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Held => {
            "Every promise that was checked was kept, in a run that was busy and hurt enough for that to count."
        }
        Verdict::Violated(_) => "The system broke this promise, and the history proves it.",
        Verdict::Unknown(_) => "Nobody can say whether the promise was kept. This is not a pass.",
        Verdict::Vacuous(_) => "The run tested too little to mean anything. This is not a pass.",
    }
}

/// The text with its control characters written out.
pub fn visible(text: &str) -> String {
    if !text.chars().any(char::is_control) {
        return text.to_string();
    }
    let each = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(each).collect()
}

/// The text, cut with an ellipsis where it has more than `most` characters.
pub fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// `1 operation`, `2 operations`.
pub fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::{NodeId, Reason, Target};

    #[test]
    fn requests_and_answers_in_words() {
        let said = |request: Op, answer: Outcome| format!("{} | {}", op(&request), outcome(Some(&answer)));
        let key = || "x".into();
        let cases = [
            (said(Op::Read { key: key() }, Outcome::Ok(Reply::Value(None))), "read x | ok: nothing"),
            (said(Op::Write { key: key(), value: 5 }, Outcome::Ok(Reply::Done)), "write x = 5 | ok"),
            (said(Op::Cas { key: key(), from: 2, to: 5 }, Outcome::Ok(Reply::No)), "cas x 2 -> 5 | no (precondition)"),
            (
                said(Op::Transfer { id: 12, from: 0, to: 3, amount: 10 }, Outcome::Unknown(Reason::TimedOut)),
                "transfer #12: 10 from account 0 to 3 | unknown: timed-out",
            ),
            (
                said(Op::Balances { accounts: 2 }, Outcome::Ok(Reply::Balances(vec![90, 110]))),
                "balances of 2 accounts | ok: [90, 110] = 200",
            ),
            (said(Op::Members, Outcome::Ok(Reply::Elements(vec![1, 2]))), "all members | ok: {1, 2}"),
            (
                said(
                    Op::Ledger { accounts: 1 },
                    Outcome::Ok(Reply::Ledger(vec![Posting { account: 0, transfer: 12, amount: -10 }])),
                ),
                "ledger of 1 accounts | ok: 1 postings: #12 -10 in 0",
            ),
        ];
        for (said, expected) in cases {
            assert_eq!(said, expected);
        }
    }

    #[test]
    fn a_cut_is_named_by_the_side_that_it_sets_apart() {
        let cut = |links: Vec<(u8, u8)>| {
            let links = links.into_iter().map(|(from, to)| (NodeId(from), NodeId(to))).collect();
            fault(&Fault::Partition(Cut::Links(links)), 3)
        };
        assert_eq!(cut(vec![(0, 1), (0, 2), (1, 0), (2, 0)]), "cut n1 off from the rest");
        assert_eq!(cut(vec![(2, 0), (2, 1)]), "mute n3: it hears, and nobody hears it");
        assert_eq!(cut(vec![(0, 1)]), "cut n1 -> n2");
        let all = vec![(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)];
        assert_eq!(cut(all), "split the nodes into n1 | n2 | n3");
        assert_eq!(cut(Vec::new()), "cut no link");
        assert_eq!(fault(&Fault::Kill(Target::Node(NodeId(1))), 3), "kill n2");
    }

    #[test]
    fn nothing_that_a_system_says_reaches_a_terminal_as_a_command() {
        assert_eq!(op(&Op::Read { key: "\u{1b}[2J\n".into() }), "read \\u{1b}[2J\\n");
        let reason = Outcome::Failed(Reason::Unavailable("\r".to_string()));
        assert_eq!(outcome(Some(&reason)), "failed: unavailable: \\r");
    }

    #[test]
    fn long_text_is_cut_by_characters() {
        assert_eq!(short("äöü", 3), "äöü");
        assert_eq!(short("äöüß", 3), "äö…");
    }
}
