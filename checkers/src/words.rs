//! How checkers say things: who, when, what, in sentences that stand alone.

use harness::{Anomaly, Call, Fault, Op, Outcome, ProcessId, Reply, Run, Time, Value, Verdict};

/// A violation, with its events in order.
pub fn violated(
    property: &str,
    class: &str,
    sentences: Vec<String>,
    mut events: Vec<usize>,
    table: Vec<Vec<String>>,
) -> Verdict {
    events.sort_unstable();
    events.dedup();
    let (property, class) = (property.to_string(), class.to_string());
    Verdict::Violated(Box::new(Anomaly { property, class, sentences, events, table }))
}

/// `client 3`.
pub fn who(run: &Run, process: ProcessId) -> String {
    format!("client {}", run.client(process).0)
}

/// `at 4.103 s`; in histories without times, `at event 17`.
pub fn at(run: &Run, event: usize) -> String {
    let timed = run.history.events.last().is_some_and(|last| last.time > Time::ZERO);
    match run.history.events.get(event) {
        Some(seen) if timed => format!("at {}", seen.time),
        _ => format!("at event {event}"),
    }
}

/// When a call was answered, or when it was asked if it never was.
pub fn told_at(run: &Run, call: &Call) -> String {
    at(run, call.returned.unwrap_or(call.invoked))
}

/// `, by a node that had been cut off`, if the client's home was on the losing side of a partition when it was answered; else empty.
pub fn by_cut_node(run: &Run, call: &Call) -> &'static str {
    let home = run.plan.home(run.client(call.process));
    let cut = run.faults.iter().any(|fault| {
        matches!(fault.fault, Fault::Partition(_))
            && fault.began <= call.answered
            && call.answered <= fault.ended
            && fault.fault.nodes(usize::from(run.plan.nodes)).contains(&home)
    });
    if cut { ", by a node that had been cut off" } else { "" }
}

/// The indexes of all events of some calls.
pub fn events(calls: &[&Call]) -> Vec<usize> {
    calls.iter().flat_map(|call| [Some(call.invoked), call.returned]).flatten().collect()
}

/// A table of calls, in order of invocation.
pub fn table(run: &Run, calls: &[&Call]) -> Vec<Vec<String>> {
    let mut calls = calls.to_vec();
    calls.sort_by_key(|call| call.invoked);
    calls.dedup_by_key(|call| call.invoked);
    let heading = ["asked", "answered", "client", "home", "operation", "outcome"];
    let mut table = vec![heading.map(str::to_string).to_vec()];
    table.extend(calls.into_iter().map(|call| row(run, call)));
    table
}

fn row(run: &Run, call: &Call) -> Vec<String> {
    let client = run.client(call.process);
    let time = |event: usize| at(run, event).trim_start_matches("at ").to_string();
    let outcome = match call.outcome {
        None => "never answered".to_string(),
        Some(Outcome::Ok(answered)) => reply(answered),
        Some(Outcome::Failed(reason)) => format!("failed: {reason}"),
        Some(Outcome::Unknown(reason)) => format!("unknown: {reason}"),
    };
    let answered = call.returned.map_or("never".to_string(), time);
    vec![time(call.invoked), answered, client.0.to_string(), run.plan.home(client).to_string(), op(call.op), outcome]
}

/// What was asked.
pub fn op(op: &Op) -> String {
    match op {
        Op::Read { key } => format!("read {}", register(key)),
        Op::Write { key, value } => format!("write {value} to {}", register(key)),
        Op::Cas { key, from, to } => format!("change {} from {from} to {to}", register(key)),
        Op::Claim { name, owner } => format!("claim `{name}` for {owner}"),
        Op::Owner { name } => format!("who owns `{name}`"),
        Op::Transfer { id, from, to, amount } => {
            format!("transfer {id}: {amount} from account {from} to account {to}")
        }
        Op::Balances { accounts } => format!("balances of {accounts} accounts"),
        Op::Ledger { accounts } => format!("ledger of {accounts} accounts"),
        Op::Add { element } => format!("add {element}"),
        Op::Remove { element } => format!("remove {element}"),
        Op::Members => "all elements".to_string(),
        Op::Sell { item, id, count } => format!("sale {id}: {count} of `{item}`"),
        Op::Refund { item, id } => format!("take sale {id} of `{item}` back"),
        Op::Stock { item } => format!("stock of `{item}`"),
    }
}

/// The name of a register; imported histories may have one without a name.
pub fn register(key: &str) -> String {
    if key.is_empty() { "the register".to_string() } else { format!("`{key}`") }
}

/// What was answered, cut short where it is long.
pub fn reply(reply: &Reply) -> String {
    match reply {
        Reply::Done => "done".to_string(),
        Reply::No => "no".to_string(),
        Reply::Value(held) => value(*held),
        Reply::Siblings(values) => format!("{} side by side", list(values.iter().map(Value::to_string), values.len())),
        Reply::Balances(balances) => list(balances.iter().map(Value::to_string), balances.len()),
        Reply::Elements(elements) => list(elements.iter().map(Value::to_string), elements.len()),
        Reply::Ledger(postings) => {
            let shown = postings.iter().map(|p| format!("{:+} in {} by transfer {}", p.amount, p.account, p.transfer));
            list(shown, postings.len())
        }
    }
}

/// What a register holds.
pub fn value(held: Option<Value>) -> String {
    held.map_or("nothing".to_string(), |held| held.to_string())
}

/// `1 operation`, `2 operations`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

fn list(items: impl Iterator<Item = String>, length: usize) -> String {
    const SHOWN: usize = 12;
    let shown: Vec<String> = items.take(SHOWN).collect();
    let more = if length > SHOWN { format!(", … {length} in all") } else { String::new() };
    format!("[{}{more}]", shown.join(", "))
}
