//! A history as a file would have it, for the models of `checkers`: verbs, values and endings.

use crate::objects::{Ask, Said};
use crate::oracle::Call;
use harness::records::{Datum, Ending, Record};

/// The history as records, one for each call.
pub fn records(calls: &[Call]) -> Vec<Record> {
    calls.iter().map(record).collect()
}

/// The history as the models of `checkers` understand its records: where no `add` was ever refused, they take it that the set
/// refuses none, and so for `remove`.
pub fn understood(calls: &[Call]) -> Vec<Call> {
    let refuses = |verb: fn(Ask) -> bool| calls.iter().any(|call| verb(call.ask) && call.said == Some(Said::No));
    let (adds, removes) = (refuses(|ask| matches!(ask, Ask::Insert(_))), refuses(|ask| matches!(ask, Ask::Remove(_))));
    let understood = |call: &Call| {
        let ask = match call.ask {
            Ask::Insert(element) if !adds => Ask::Include(element),
            Ask::Remove(element) if !removes => Ask::Exclude(element),
            ask => ask,
        };
        Call { ask, ..*call }
    };
    calls.iter().map(understood).collect()
}

fn record(call: &Call) -> Record {
    let (f, asked) = question(call.ask);
    let returned = usize::from(call.returned);
    let ending = match call.said {
        None => Ending::Unknown,
        Some(Said::No) => Ending::No(returned, asked.clone()),
        Some(said) => Ending::Ok(returned, answer(call.ask, said, &asked)),
    };
    Record {
        process: Datum::Int(i64::from(call.process)),
        f: f.to_string(),
        asked,
        invoked: usize::from(call.invoked),
        ending,
        times: (None, None),
        place: (usize::from(call.invoked) + 1, 1),
    }
}

fn question(ask: Ask) -> (&'static str, Datum) {
    match ask {
        Ask::Read | Ask::Total | Ask::All => ("read", Datum::Nil),
        Ask::Write(value) => ("write", int(value)),
        Ask::Swap(from, to) => ("cas", list([int(from), int(to)])),
        Ask::ReadAt(key) => ("read", list([int(key), Datum::Nil])),
        Ask::WriteAt(key, value) => ("write", list([int(key), int(value)])),
        Ask::ReadBoth => ("txn", both("r", Datum::Nil, Datum::Nil)),
        Ask::WriteBoth(one, other) => ("txn", both("w", int(one), int(other))),
        Ask::Get(key) => ("get", list([int(key), Datum::Nil])),
        Ask::Put(key, letter) => ("put", list([int(key), text(u32::from(letter) + 1)])),
        Ask::Append(key, letter) => ("append", list([int(key), text(u32::from(letter) + 1)])),
        Ask::Add(amount) => ("add", Datum::Int(i64::from(amount))),
        Ask::Insert(element) | Ask::Include(element) => ("add", int(element)),
        Ask::Remove(element) | Ask::Exclude(element) => ("remove", int(element)),
        Ask::Contains(element) => ("contains", int(element)),
        Ask::Enqueue(value) => ("enqueue", int(value)),
        Ask::Dequeue => ("dequeue", Datum::Nil),
        Ask::Push(value) => ("push", int(value)),
        Ask::Pop => ("pop", Datum::Nil),
        Ask::Offer(value) => ("insert", int(value)),
        Ask::Take => ("delete-min", Datum::Nil),
        Ask::Acquire | Ask::TryAcquire => ("acquire", Datum::Nil),
        Ask::Release | Ask::TryRelease => ("release", Datum::Nil),
        Ask::Claim(name, owner) => ("claim", list([int(name), int(owner)])),
        Ask::Free(name, owner) => ("release", list([int(name), int(owner)])),
        Ask::Evict(name) => ("release", list([int(name), Datum::Nil])),
        Ask::Owner(name) => ("owner", list([int(name), Datum::Nil])),
        Ask::Draw | Ask::Drawn | Ask::Rewind | Ask::Skip => panic!("no model of `checkers` has tickets"),
    }
}

fn answer(ask: Ask, said: Said, asked: &Datum) -> Datum {
    let plain = || match said {
        Said::Value(value) => Datum::Int(i64::from(value)),
        _ => Datum::Nil,
    };
    match (ask, said) {
        (Ask::ReadAt(key) | Ask::Owner(key), _) => list([int(key), plain()]),
        (Ask::Get(key), Said::Value(letters)) => list([int(key), text(letters)]),
        (Ask::ReadBoth, Said::Value(cells)) => both("r", cell(cells & 15), cell(cells >> 4)),
        (Ask::Contains(element), Said::Value(there)) => list([int(element), Datum::Bool(there == 1)]),
        (Ask::All, Said::Value(bits)) => Datum::List((0..8).filter(|bit| bits >> bit & 1 == 1).map(int).collect()),
        (Ask::Total, Said::Value(total)) => Datum::Int(i64::from(total as i32)),
        (Ask::Read | Ask::Dequeue | Ask::Pop | Ask::Take, _) => plain(),
        _ => asked.clone(),
    }
}

fn int(value: u8) -> Datum {
    Datum::Int(i64::from(value))
}

/// What a register holds, one more than its value.
fn cell(held: u32) -> Datum {
    held.checked_sub(1).map_or(Datum::Nil, |value| Datum::Int(i64::from(value)))
}

fn list(items: impl IntoIterator<Item = Datum>) -> Datum {
    Datum::List(items.into_iter().collect())
}

/// A transaction on both registers.
fn both(verb: &str, one: Datum, other: Datum) -> Datum {
    let act = |key, value| list([Datum::Text(verb.to_string()), int(key), value]);
    list([act(0, one), act(1, other)])
}

/// Packed letters, the last lowest: 1 is `a`.
fn text(letters: u32) -> Datum {
    let letter = |place: u32| letters >> (2 * place) & 3;
    let spelled = (0..16).rev().map(letter).filter(|letter| *letter > 0).map(|letter| char::from(b'`' + letter as u8));
    Datum::Text(spelled.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oracle::NEVER;

    #[test]
    fn answers_are_spelled_as_files_spell_them() {
        let call = |ask, said| record(&Call { process: 0, ask, said, invoked: 0, returned: 1 });
        let get = call(Ask::Get(1), Some(Said::Value(0b01_11)));
        assert_eq!(get.asked, list([int(1), Datum::Nil]));
        assert_eq!(get.ending, Ending::Ok(1, list([int(1), Datum::Text("ac".into())])));
        assert_eq!(call(Ask::All, Some(Said::Value(0b101))).ending, Ending::Ok(1, list([int(0), int(2)])));
        assert_eq!(call(Ask::Total, Some(Said::Value(-1i32 as u32))).ending, Ending::Ok(1, Datum::Int(-1)));
        assert_eq!(call(Ask::Swap(0, 1), Some(Said::No)).ending, Ending::No(1, list([int(0), int(1)])));
        let unknown = Call { process: 0, ask: Ask::Acquire, said: None, invoked: 0, returned: NEVER };
        assert_eq!(record(&unknown).ending, Ending::Unknown);
    }
}
