//! The sentences of a violation: who was told what, and what could have been explained instead.

use super::classes;
use super::reading::show;
use crate::model::{Limits, Unknown};
use crate::{LINEARIZABLE, words};
use harness::records::{Datum, Ending, Record};
use harness::{Anomaly, Time};
use std::collections::BTreeSet;

/// A violation by one object. Calls are indexes among the records.
#[derive(Clone, Debug, PartialEq)]
pub struct Broken {
    /// The object, see [`super::judge::Group`].
    pub name: Vec<(&'static str, Datum)>,
    /// True if the first of the names is the key of `--independent`, which every value begins with.
    pub keyed: bool,
    /// True if it is a register that holds nothing at first.
    pub register: bool,
    /// Where the window begins, if not at the first call.
    pub from: Option<usize>,
    /// Where it ends.
    pub until: usize,
    /// The calls that contradict each other.
    pub calls: Vec<usize>,
    /// The call whose return no order survives.
    pub wrong: usize,
    /// What was possible right before that.
    pub survivors: Vec<Survivor>,
    /// Whether the plain search came to the same end.
    pub confirmed: bool,
}

/// A way to explain everything before the wrong return.
#[derive(Clone, Debug, PartialEq)]
pub struct Survivor {
    /// What the object holds.
    pub holds: String,
    /// The open calls that took effect.
    pub taken: Vec<usize>,
}

impl Broken {
    /// The first and last event of the window.
    pub fn window(&self, records: &[Record]) -> (usize, usize) {
        let first = self.calls.iter().map(|call| records[*call].invoked).min();
        (self.from.or(first).unwrap_or(self.until), self.until)
    }
}

/// The violation in words: first by its class if it has one, then as the search saw it.
pub fn tell(records: &[Record], broken: &Broken) -> Anomaly {
    let key = broken.name.first().filter(|_| broken.keyed).map(|(_, key)| key);
    let named = broken.register.then(|| classes::named(records, key)).flatten();
    let teller = Teller { records, keyed: broken.keyed };
    let Anomaly { class, sentences, events, .. } =
        named.unwrap_or_else(|| Anomaly { class: "not-linearizable".to_string(), ..Anomaly::default() });
    let events: BTreeSet<usize> = events.into_iter().chain(teller.events(broken)).collect();
    Anomaly {
        property: LINEARIZABLE.name.to_string(),
        class,
        sentences: [sentences, teller.search(broken)].concat(),
        events: events.into_iter().collect(),
        table: teller.table(broken),
    }
}

/// `key 3, element 5`.
pub fn name(parts: &[(&'static str, Datum)]) -> String {
    let parts: Vec<String> = parts.iter().map(|(noun, value)| format!("{noun} {}", show(value))).collect();
    parts.join(", ")
}

/// Why there is no answer.
pub fn undecided(records: &[Record], name: &str, operations: usize, unknown: &Unknown, limits: Limits) -> String {
    let spent = match unknown.spent {
        "bytes" => format!("{} bytes of memory were used", limits.bytes),
        _ => {
            let were = if limits.steps == 1 { "was" } else { "were" };
            format!("{} {were} spent", words::count(limits.steps as usize, "step"))
        }
    };
    let at = place(records, unknown.reached);
    let object = if name.is_empty() { String::new() } else { format!(" on {name}") };
    format!("{spent} when everything up to {at} was explained, of {}{object}", words::count(operations, "operation"))
}

/// At so many explanations that end before the wrong answer, the sentences stop.
const TOLD: usize = 5;
/// So many calls are told one by one where nothing else is known.
const FEW: usize = 8;

struct Teller<'a> {
    records: &'a [Record],
    keyed: bool,
}

impl Teller<'_> {
    /// What no order explains, what could be explained until then, and how sure that is.
    fn search(&self, broken: &Broken) -> Vec<String> {
        let on = if broken.name.is_empty() { String::new() } else { format!(" ({})", name(&broken.name)) };
        let mut sentences = vec![format!("{}{on}, which no order explains", self.told(&self.records[broken.wrong]))];
        let survivors = broken.survivors.iter().take(TOLD);
        sentences.extend(survivors.map(|survivor| self.survived(survivor, broken)));
        if broken.survivors.len() > TOLD {
            sentences.push(format!("… and {} more ways", broken.survivors.len() - TOLD));
        }
        sentences.push(self.window(broken));
        if broken.survivors.is_empty() && broken.calls.len() <= FEW {
            let others = broken.calls.iter().filter(|call| **call != broken.wrong);
            let others: Vec<String> = others.map(|call| self.told(&self.records[*call])).collect();
            sentences.extend((!others.is_empty()).then(|| format!("the others are: {}", others.join("; "))));
        }
        sentences.push(match broken.confirmed {
            true => "confirmed by a plain search without any shortcut".to_string(),
            false => "engine only: the plain search that should confirm it did not come to an end".to_string(),
        });
        sentences
    }

    /// `process 4 read 2 (line 812)`.
    fn told(&self, record: &Record) -> String {
        let (who, call, line) = (format!("process {}", show(&record.process)), self.call(record), record.place.0);
        let what = match (record.f.as_str(), &record.ending) {
            ("read", Ending::Ok(_, value)) => format!("read {}", self.value(value)),
            ("write", Ending::Ok(..)) => format!("wrote {}", self.value(&record.asked)),
            (_, Ending::Ok(_, value)) if *value == record.asked && *self.unkeyed(value) != Datum::Nil => {
                format!("was told that its `{call}` was done")
            }
            (_, Ending::Ok(_, value)) => format!("was told {} by its `{call}`", self.value(value)),
            (_, Ending::No(..)) => format!("was told that its `{call}` changed nothing"),
            (_, Ending::Failed(_)) => format!("was told that its `{call}` failed"),
            (_, Ending::Unknown) => format!("never learnt how its `{call}` ended"),
        };
        format!("{who} {what} (line {line})")
    }

    fn survived(&self, survivor: &Survivor, broken: &Broken) -> String {
        let taken = survivor.taken.iter().filter(|call| **call != broken.wrong).map(|call| &self.records[*call]);
        let name = |record: &Record| {
            format!("`{}` of process {} (line {})", self.call(record), show(&record.process), record.place.0)
        };
        let taken: Vec<String> = taken.map(name).collect();
        let after = match taken.as_slice() {
            // What is held may be the work of a call that took effect before the window and is still under way.
            [] if broken.from.is_some() => String::new(),
            [] => ", and none of the calls under way had taken effect".to_string(),
            taken => format!(", and of the calls under way {} had taken effect", listed(taken)),
        };
        format!("everything before it is explained if the object held {} then{after}", survivor.holds)
    }

    fn window(&self, broken: &Broken) -> String {
        let (from, until) = broken.window(self.records);
        let calls = words::count(broken.calls.len(), "call");
        let (from, until) = (place(self.records, from), place(self.records, until));
        let before = if broken.from.is_some() { ", whatever was there before" } else { "" };
        format!("no order explains the {calls} from {from} to {until}{before}")
    }

    fn events(&self, broken: &Broken) -> impl Iterator<Item = usize> {
        let of = |call: &usize| [Some(self.records[*call].invoked), answered(&self.records[*call])];
        broken.calls.iter().chain([&broken.wrong]).flat_map(of).flatten()
    }

    fn table(&self, broken: &Broken) -> Vec<Vec<String>> {
        let heading = ["line", "process", "asked", "answered", "call", "answer"];
        let mut table = vec![heading.map(str::to_string).to_vec()];
        table.extend(broken.calls.iter().map(|call| self.row(&self.records[*call])));
        table
    }

    fn row(&self, record: &Record) -> Vec<String> {
        let answer = match &record.ending {
            Ending::Ok(_, value) => self.value(value),
            Ending::No(..) => "no".to_string(),
            Ending::Failed(_) => "failed".to_string(),
            Ending::Unknown => "unknown".to_string(),
        };
        let answered = answered(record).map_or("never".to_string(), |event| timed(event, record.times.1));
        let asked = timed(record.invoked, record.times.0);
        vec![record.place.0.to_string(), show(&record.process), asked, answered, self.call(record), answer]
    }

    /// `cas [1, 2]`.
    fn call(&self, record: &Record) -> String {
        match self.unkeyed(&record.asked) {
            Datum::Nil => record.f.clone(),
            asked => format!("{} {}", record.f, show(asked)),
        }
    }

    fn value(&self, value: &Datum) -> String {
        show(self.unkeyed(value))
    }

    /// A value without the key that is named anyway.
    fn unkeyed<'v>(&self, value: &'v Datum) -> &'v Datum {
        match value {
            Datum::List(pair) if self.keyed && pair.len() == 2 => &pair[1],
            value => value,
        }
    }
}

/// `a, b and c`.
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [some @ .., last] => format!("{} and {last}", some.join(", ")),
    }
}

/// `event 17 (1.200 s)`, with its time where the file has times.
fn place(records: &[Record], event: usize) -> String {
    let time = records.iter().find_map(|record| match answered(record) {
        _ if record.invoked == event => record.times.0,
        Some(at) if at == event => record.times.1,
        _ => None,
    });
    timed(event, time)
}

fn timed(event: usize, nanoseconds: Option<u64>) -> String {
    match nanoseconds {
        Some(nanoseconds) => format!("event {event} ({})", Time(nanoseconds / 1_000)),
        None => format!("event {event}"),
    }
}

fn answered(record: &Record) -> Option<usize> {
    match record.ending {
        Ending::Ok(at, _) | Ending::No(at, _) | Ending::Failed(at) => Some(at),
        Ending::Unknown => None,
    }
}
