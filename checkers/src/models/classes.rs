//! What a violation by a register is called, and the few calls that show it: asks the checker of the harness's own
//! histories, whose classes are proofs by themselves.

use super::reading::show;
use crate::{LINEARIZABLE, script};
use harness::records::{Datum, Ending, Record};
use harness::{
    Anomaly, Budget, Event, History, Key, Op, Outcome, Phase, ProcessId, Reason, Reply, Run, Time, Verdict, What,
};
use std::collections::BTreeSet;

/// Longer histories of one register would take too long to look through.
const LONG: usize = 2_000;

/// Class and sentences for a register that is known to be violated, if few of its calls contradict each other in a way that
/// has a name. `key` is that of `--independent`. `None` also where the harness's own operations cannot say what the calls
/// did: values that are no whole numbers, a compare-and-set from null, processes that go on after an unknown outcome.
pub fn named(records: &[Record], key: Option<&Datum>) -> Option<Anomaly> {
    let mut translator = Translator { key, events: Vec::new(), gone: BTreeSet::new() };
    if records.iter().filter(|record| translator.value(&record.asked).is_some()).take(LONG + 1).count() > LONG {
        return None;
    }
    for record in records {
        translator.record(record)?;
    }
    let mut plan = script::plan();
    // Every process is a client of its own.
    plan.clients = u32::MAX;
    let run = Run::new(plan, History { events: translator.events });
    // Without a single step it does not search again, but only looks for contradictions.
    match (LINEARIZABLE.check)(&run, Budget { steps: 0 }).verdict {
        Verdict::Violated(mut anomaly) => {
            for sentence in &mut anomaly.sentences {
                *sentence = sentence.replace("client ", "process ");
            }
            Some(*anomaly)
        }
        _ => None,
    }
}

/// Makes events of records, each at its own place; places of other objects stay filled with something that says nothing.
struct Translator<'a> {
    key: Option<&'a Datum>,
    events: Vec<Event>,
    /// Processes that never learnt how a call ended.
    gone: BTreeSet<u32>,
}

impl Translator<'_> {
    fn record(&mut self, record: &Record) -> Option<()> {
        let Some(asked) = self.value(&record.asked) else { return Some(()) };
        let process = process(&record.process)?;
        if self.gone.contains(&process.0) {
            return None;
        }
        let op = self.op(&record.f, asked)?;
        let (place, outcome) = match &record.ending {
            Ending::Ok(at, answer) => (Some(*at), Outcome::Ok(reply(&op, self.value(answer)?)?)),
            Ending::No(at, _) if matches!(op, Op::Cas { .. }) => (Some(*at), Outcome::Ok(Reply::No)),
            Ending::No(at, _) | Ending::Failed(at) => (Some(*at), Outcome::Failed(Reason::Refused)),
            Ending::Unknown => (None, Outcome::Unknown(Reason::TimedOut)),
        };
        self.put(record.invoked, record.times.0, What::Invoke { process, op: op.clone() });
        match place {
            Some(place) => self.put(place, record.times.1, What::Return { process, op, outcome }),
            None => _ = self.gone.insert(process.0),
        }
        Some(())
    }

    /// The value without the key; `None` if it is another object's.
    fn value<'v>(&self, value: &'v Datum) -> Option<&'v Datum> {
        match (self.key, value) {
            (None, value) => Some(value),
            (Some(key), Datum::List(pair)) if pair.len() == 2 && pair[0] == *key => Some(&pair[1]),
            _ => None,
        }
    }

    fn op(&self, f: &str, asked: &Datum) -> Option<Op> {
        let key = self.key.map_or_else(Key::default, |key| Key::from(show(key)));
        match (f, asked) {
            ("read", _) => Some(Op::Read { key }),
            ("write", Datum::Int(value)) => Some(Op::Write { key, value: *value }),
            ("cas", Datum::List(pair)) => match pair.as_slice() {
                [Datum::Int(from), Datum::Int(to)] => Some(Op::Cas { key, from: *from, to: *to }),
                _ => None,
            },
            _ => None,
        }
    }

    fn put(&mut self, place: usize, time: Option<u64>, what: What) {
        let silent = Event { time: Time::ZERO, what: What::Phase(Phase::Chaos) };
        self.events.resize(self.events.len().max(place + 1), silent);
        self.events[place] = Event { time: Time(time.unwrap_or(0) / 1_000), what };
    }
}

fn process(process: &Datum) -> Option<ProcessId> {
    match process {
        // The last number is not a client's of its own.
        Datum::Int(number) => u32::try_from(*number).ok().filter(|number| *number < u32::MAX).map(ProcessId),
        _ => None,
    }
}

fn reply(op: &Op, answer: &Datum) -> Option<Reply> {
    match (op, answer) {
        (Op::Read { .. }, Datum::Nil) => Some(Reply::Value(None)),
        (Op::Read { .. }, Datum::Int(value)) => Some(Reply::Value(Some(*value))),
        (Op::Read { .. }, _) => None,
        _ => Some(Reply::Done),
    }
}
