//! Invocations of other tools' histories, and the completions that belong to them.
//!
//! A completion belongs to the last invocation of its process. Events of others than clients, such as Jepsen's nemesis, have
//! a process that is no number; they are passed over.

use super::edn::Place;
use super::foreign::{Complaint, Event, complaint};
use crate::records::{Datum, Ending, Record};
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// Invocations and the completions that belong to them.
#[derive(Default)]
pub struct Calls {
    /// In the order in which they were invoked.
    pub records: Vec<Record>,
    /// Events so far.
    pub events: usize,
    /// Those of others than clients.
    pub others: usize,
    /// What each process that ever asked is doing.
    processes: FxHashMap<i64, Doing>,
    last_index: Option<i64>,
}

enum Doing {
    /// It waits for the completion of this record.
    Waiting(usize),
    /// Its last call was completed.
    Idle,
    /// Nobody knows whether the call that was invoked on this line is over.
    Lost(usize),
}

impl Calls {
    /// Takes the next event of the file.
    pub fn take(&mut self, place: Place, event: Event<'_>) -> Result<(), Complaint> {
        let at = self.events;
        self.events += 1;
        self.in_order(&event.index)?;
        let process = match event.process {
            Datum::Int(process) => process,
            Datum::Nil => return Err(missing("process")),
            Datum::Number(number) => return Err(complaint(format!("process {number}"), "a whole number of 64 bits")),
            _ => {
                self.others += 1;
                return Ok(());
            }
        };
        let kind = event.kind.ok_or_else(|| missing("type"))?;
        let f = event.f.ok_or_else(|| missing("f"))?;
        let time = if let Datum::Int(time) = event.time { u64::try_from(time).ok() } else { None };
        let ending = match kind.as_ref() {
            "invoke" => return self.invoke(process, f, event.value, at, time, place),
            "ok" => Ending::Ok(at, event.value),
            "fail" if precondition(&event.error) => Ending::No(at, event.value),
            "fail" => Ending::Failed(at),
            "info" => Ending::Unknown,
            other => return Err(complaint(format!("type {other}"), "invoke, ok, fail or info")),
        };
        self.complete(process, &f, ending, time)
    }

    /// Indexes need not be dense, but a file that is sorted by anything else than time would be judged wrongly.
    fn in_order(&mut self, index: &Datum) -> Result<(), Complaint> {
        let Datum::Int(index) = *index else { return Ok(()) };
        if let Some(last) = self.last_index.replace(index).filter(|last| *last >= index) {
            let expected = "events in the order in which they happened; sort the file by index";
            return Err(complaint(format!("index {index} stands after index {last}"), expected));
        }
        Ok(())
    }

    fn invoke(
        &mut self,
        process: i64,
        f: Cow<'_, str>,
        asked: Datum,
        invoked: usize,
        time: Option<u64>,
        place: Place,
    ) -> Result<(), Complaint> {
        let record = self.records.len();
        match self.processes.insert(process, Doing::Waiting(record)) {
            None | Some(Doing::Idle) => {}
            Some(Doing::Waiting(earlier)) => {
                let line = self.records[earlier].place.0;
                let wrong = format!(
                    "process {process} asks again before the {} of line {line} was completed",
                    self.records[earlier].f
                );
                return Err(complaint(wrong, "one call at a time; give calls at the same time different processes"));
            }
            Some(Doing::Lost(line)) => {
                let wrong = format!("process {process} asks again, but nobody knows how its call of line {line} ended");
                return Err(complaint(wrong, "a new process number for a client after each info"));
            }
        }
        let (process, f) = (Datum::Int(process), f.into_owned());
        self.records.push(Record { process, f, asked, invoked, ending: Ending::Unknown, times: (time, None), place });
        Ok(())
    }

    fn complete(&mut self, process: i64, f: &str, ending: Ending, time: Option<u64>) -> Result<(), Complaint> {
        let Some(&Doing::Waiting(record)) = self.processes.get(&process) else {
            let expected = "an invoke of the same process before each ok, fail and info";
            return Err(complaint(format!("process {process} completes {f}, but asked nothing"), expected));
        };
        let record = &mut self.records[record];
        if record.f != f {
            let wrong = format!("process {process} completes {f}, but asked {} on line {}", record.f, record.place.0);
            return Err(complaint(wrong, "the same f as in the invocation"));
        }
        let doing = if ending == Ending::Unknown { Doing::Lost(record.place.0) } else { Doing::Idle };
        self.processes.insert(process, doing);
        (record.ending, record.times.1) = (ending, time);
        Ok(())
    }
}

fn missing(field: &str) -> Complaint {
    complaint(format!("no {field}"), "process, type and f in each event, and value where there is one")
}

fn precondition(error: &Datum) -> bool {
    matches!(error, Datum::Word(error) | Datum::Text(error) if error == "precondition")
}
