//! Operations and answers as values of JSON, wherever they are written: `f`, `value`, `type` and `error` of a line.

use crate::op::{Op, Posting, Reply, Value};
use crate::outcome::{Outcome, Reason};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The error of an answer whose condition did not hold.
pub(super) const PRECONDITION: &str = "precondition";

/// What is wrong, and what was expected.
pub(super) type Complaint = (String, String);

pub(super) fn complaint(wrong: impl ToString, expected: impl ToString) -> Complaint {
    (wrong.to_string(), expected.to_string())
}

/// What an operation is about.
pub(super) fn asked(op: &Op) -> Json {
    match op {
        Op::Read { key } | Op::Owner { name: key } | Op::Stock { item: key } => json!([key, null]),
        Op::Write { key, value } | Op::Claim { name: key, owner: value } => json!([key, value]),
        Op::Cas { key, from, to } => json!([key, [from, to]]),
        Op::Transfer { id, from, to, amount } => json!({"id": id, "from": from, "to": to, "amount": amount}),
        Op::Balances { accounts } | Op::Ledger { accounts } => json!({"accounts": accounts}),
        Op::Add { element } | Op::Remove { element } => json!(element),
        Op::Members => Json::Null,
        Op::Sell { item, id, count } => json!({"item": item, "id": id, "count": count}),
        Op::Refund { item, id } => json!({"item": item, "id": id}),
    }
}

/// What an operation was answered.
pub(super) fn answered(op: &Op, reply: &Reply) -> Json {
    match (op, reply) {
        (Op::Read { key } | Op::Owner { name: key } | Op::Stock { item: key }, Reply::Value(value)) => {
            json!([key, value])
        }
        (Op::Read { key } | Op::Owner { name: key }, Reply::Siblings(values)) => json!([key, values]),
        (_, Reply::Balances(values) | Reply::Elements(values)) => json!(values),
        (_, Reply::Ledger(postings)) => {
            json!(postings.iter().map(|p| (p.account, p.transfer, p.amount)).collect::<Vec<_>>())
        }
        _ => asked(op),
    }
}

/// The operation of these words.
pub(super) fn op(f: &str, value: &Json) -> Result<Op, Complaint> {
    let (key, rest) = keyed(f, value);
    let number = |value: &Json, what: &str| {
        value.as_i64().ok_or_else(|| complaint(format!("{f} {value}"), format!("{what}, a whole number")))
    };
    let small = |field: &str| {
        let number = value.get(field).and_then(Json::as_u64).and_then(|number| u16::try_from(number).ok());
        number.ok_or_else(|| complaint(format!("{f} {value}"), format!("a small number as \"{field}\"")))
    };
    let item = || {
        let item = value["item"].as_str().map(crate::op::Key::from);
        item.ok_or_else(|| complaint(format!("{f} {value}"), "a name as \"item\""))
    };
    let key = |what: &str| key.clone().ok_or_else(|| complaint(format!("{f} {value}"), format!("[{what}, value]")));
    Ok(match f {
        "read" => Op::Read { key: key("key")? },
        "write" => Op::Write { key: key("key")?, value: number(&rest, "what is written")? },
        "cas" => match rest.as_array().map(Vec::as_slice) {
            Some([from, to]) => Op::Cas { key: key("key")?, from: number(from, "from")?, to: number(to, "to")? },
            _ => return Err(complaint(format!("cas {value}"), "[from, to] or [key, [from, to]]")),
        },
        "claim" => Op::Claim { name: key("name")?, owner: number(&rest, "the owner")? },
        "owner" => Op::Owner { name: key("name")? },
        "transfer" => Op::Transfer {
            id: number(&value["id"], "\"id\"")?,
            from: small("from")?,
            to: small("to")?,
            amount: number(&value["amount"], "\"amount\"")?,
        },
        "balances" => Op::Balances { accounts: small("accounts")? },
        "ledger" => Op::Ledger { accounts: small("accounts")? },
        "add" => Op::Add { element: number(value, "an element")? },
        "remove" => Op::Remove { element: number(value, "an element")? },
        "members" => Op::Members,
        "sell" => Op::Sell {
            item: item()?,
            id: number(&value["id"], "\"id\"")?,
            count: number(&value["count"], "\"count\"")?,
        },
        "refund" => Op::Refund { item: item()?, id: number(&value["id"], "\"id\"")? },
        "stock" => Op::Stock { item: key("item")? },
        _ => {
            let known = "read, write, cas, claim, owner, transfer, balances, ledger, add, remove, members, sell, refund \
                         or stock";
            return Err(complaint(format!("f \"{f}\""), known));
        }
    })
}

/// Splits `[key, value]`; an unkeyed register's key is empty. A key is a string or a number.
fn keyed(f: &str, value: &Json) -> (Option<crate::op::Key>, Json) {
    let name = |key: &Json| match key {
        Json::String(name) => Some(name.as_str().into()),
        Json::Number(number) => Some(number.to_string().into()),
        _ => None,
    };
    match value.as_array().map(Vec::as_slice) {
        // [from, to] of an unkeyed compare-and-set holds two numbers, the keyed one an inner list.
        Some([_, to]) if f == "cas" && !to.is_array() => (Some("".into()), value.clone()),
        Some([key, rest]) => (name(key), rest.clone()),
        _ => (Some("".into()), value.clone()),
    }
}

/// How an operation ended, from the type, value and error of a line.
pub(super) fn outcome(op: &Op, kind: &str, value: &Json, error: Option<&Json>) -> Result<Outcome, Complaint> {
    let error = error.map(|error| error.as_str().map_or(error.to_string(), str::to_string)).unwrap_or_default();
    Ok(match kind {
        "ok" => Outcome::Ok(reply(op, value)?),
        "fail" if error == PRECONDITION => Outcome::Ok(Reply::No),
        "fail" => Outcome::Failed(Reason::parse(&error)),
        "info" => Outcome::Unknown(Reason::parse(&error)),
        other => return Err(complaint(format!("type \"{other}\""), "invoke, ok, fail or info")),
    })
}

fn reply(op: &Op, value: &Json) -> Result<Reply, Complaint> {
    let wrong = |expected: &str| complaint(format!("{} answered {value}", op.verb()), expected);
    let numbers = || -> Option<Vec<Value>> { value.as_array()?.iter().map(Json::as_i64).collect() };
    match op {
        Op::Read { .. } | Op::Owner { .. } | Op::Stock { .. } => match keyed("read", value).1 {
            Json::Null => Ok(Reply::Value(None)),
            Json::Number(number) if number.is_i64() => Ok(Reply::Value(number.as_i64())),
            Json::Array(values) => siblings(&values).ok_or_else(|| wrong(VALUE)),
            _ => Err(wrong(VALUE)),
        },
        Op::Balances { .. } => numbers().map(Reply::Balances).ok_or_else(|| wrong("a list of balances")),
        Op::Members => numbers().map(Reply::Elements).ok_or_else(|| wrong("a list of elements")),
        Op::Ledger { .. } => {
            let postings = Vec::<(u16, Value, Value)>::deserialize(value);
            let postings = postings.map_err(|_| wrong("a list of [account, transfer, amount]"))?;
            let posting = |(account, transfer, amount)| Posting { account, transfer, amount };
            Ok(Reply::Ledger(postings.into_iter().map(posting).collect()))
        }
        _ => Ok(Reply::Done),
    }
}

const VALUE: &str = "a whole number, null, or two and more numbers in ascending order, with the key before it if the history \
                     is keyed";

fn siblings(values: &[Json]) -> Option<Reply> {
    let values: Option<Vec<Value>> = values.iter().map(Json::as_i64).collect();
    values.filter(|values| values.len() > 1 && values.is_sorted_by(|one, next| one < next)).map(Reply::Siblings)
}
