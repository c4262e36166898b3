//! The sentences of a violation: who was told what, and why that cannot be.

use super::classes::{Class, Contradiction, Story};
use super::register::{Act, Entry};
use crate::words;
use harness::{Run, Value};

/// What is wrong, in sentences that stand alone, and the entries that prove it.
pub fn tell(run: &Run, key: &str, entries: &[Entry], found: &Contradiction) -> (Vec<String>, Vec<usize>) {
    let teller = Teller { run, key, entries };
    match found.story {
        Story::After { gone } => teller.after(gone, found.wrong),
        Story::TwoFromOne { other } => teller.two_from_one(other, found.wrong),
        Story::Beneath { cas, beside } => teller.beneath(cas, beside, found.wrong),
        Story::Nowhere { failed } => teller.nowhere(failed, found.wrong),
    }
}

/// The same for calls that contradict each other in no way that has a name.
pub fn tell_unnamed(run: &Run, key: &str, entries: &[Entry], few: &[usize], class: Class) -> Vec<String> {
    const TOLD: usize = 8;
    let teller = Teller { run, key, entries };
    let mut sentences: Vec<String> = few.iter().take(TOLD).map(|index| teller.told(*index)).collect();
    if few.len() > TOLD {
        sentences.push(format!("… and {} more", few.len() - TOLD));
    }
    let register = words::register(key);
    sentences.push(format!(
        "no order of these on {register} explains every answer, if whoever was answered before another asked comes first"
    ));
    if class == Class::LostUpdate {
        sentences.push(
            "they would be explained if a compare-and-set among them had been a plain write: it overwrote what it had not \
             found, and that was lost"
                .to_string(),
        );
    }
    if class == Class::NewThenOld {
        sentences.push(
            "each of these reads is possible by itself; one after the other they went back from newer to older while a \
             write was under way"
                .to_string(),
        );
    }
    sentences
}

struct Teller<'a> {
    run: &'a Run,
    key: &'a str,
    entries: &'a [Entry<'a>],
}

impl Teller<'_> {
    /// `client 3 was told at 4.103 s that `x` is 5 (write)`.
    fn told(&self, index: usize) -> String {
        let call = self.entries[index].of;
        let (client, at) = (words::who(self.run, call.process), words::told_at(self.run, call));
        let (cut, register) = (words::by_cut_node(self.run, call), words::register(self.key));
        match self.entries[index].call.act {
            Act::Read(value) => format!("{client} read {} from {register} {at}{cut}", words::value(value)),
            Act::Write(value) => format!("{client} was told {at} that {register} is {value} (write){cut}"),
            Act::Cas { from, to } => {
                format!("{client} was told {at} that {register} went from {from} to {to} (compare-and-set){cut}")
            }
            Act::Missed { from, .. } => {
                format!("{client} was told {at} that {register} is not {from} (compare-and-set){cut}")
            }
        }
    }

    /// What the doubted call says, as the second half of a sentence.
    fn saw(&self, index: usize) -> String {
        let call = self.entries[index].of;
        let (client, at) = (words::who(self.run, call.process), words::told_at(self.run, call));
        let cut = words::by_cut_node(self.run, call);
        match self.entries[index].call.act {
            Act::Read(value) => format!("{client} read {} {at}{cut}", words::value(value)),
            Act::Cas { from, to } => format!("{client} was told {at} that it went from {from} to {to}{cut}"),
            Act::Missed { from, .. } => format!("{client} was told {at} that it is not {from}{cut}"),
            Act::Write(value) => format!("{client} wrote {value} {at}{cut}"),
        }
    }

    /// `2 had been written by client 1 at 3.900 s`, for the last such write, with its index.
    fn origin(&self, value: Option<Value>, before: usize) -> (String, Option<usize>) {
        let Some(number) = value else {
            return (format!("{} held nothing before its first write", words::register(self.key)), None);
        };
        let wrote = |index: &usize| {
            let call = &self.entries[*index].call;
            call.act.sets() == Some(number) && call.invoked < before
        };
        let Some(index) = (0..self.entries.len()).rev().find(wrote) else {
            return (format!("nobody had written {number}"), None);
        };
        let call = self.entries[index].of;
        let client = words::who(self.run, call.process);
        let sentence = match (self.entries[index].failed, self.entries[index].certain()) {
            (true, _) => {
                let at = words::told_at(self.run, call);
                format!("{client} had been told {at} that its write of {number} did not happen")
            }
            (false, Some(returned)) => {
                format!("{number} had been written by {client}, which was told so {}", words::at(self.run, returned))
            }
            (false, None) => {
                let at = words::at(self.run, call.invoked);
                format!("{client} had asked {at} to write {number} and never learnt how that ended")
            }
        };
        (sentence, Some(index))
    }

    fn after(&self, gone: usize, wrong: usize) -> (Vec<String>, Vec<usize>) {
        let (gone_entry, wrong_entry) = (&self.entries[gone], &self.entries[wrong]);
        let asked = wrong_entry.call.invoked;
        let missed = matches!(wrong_entry.call.act, Act::Missed { .. });
        let overwritten = gone_entry.call.act.sets().is_some();
        let why = match (missed, overwritten) {
            (true, _) => "although nobody had changed it in between".to_string(),
            (false, true) => {
                let at = words::told_at(self.run, gone_entry.of);
                match wrong_entry.call.act.saw() {
                    Some(None) => format!("which it had not been since {}", at.trim_start_matches("at ")),
                    _ => format!("which had been overwritten {at}"),
                }
            }
            (false, false) => "which is older, and nobody had put it back".to_string(),
        };
        let mut sentences = vec![format!("{}; {}, {why}", self.told(gone), self.saw(wrong))];
        let mut proof = vec![gone, wrong];
        let mut origin = |value: Option<Value>| {
            let (sentence, index) = self.origin(value, asked);
            sentences.push(sentence);
            proof.extend(index);
        };
        if let Some(value) = wrong_entry.call.act.saw() {
            origin(value);
        }
        if !overwritten && let Some(value) = gone_entry.call.act.saw() {
            origin(value);
        }
        proof.dedup();
        (sentences, proof)
    }

    fn two_from_one(&self, other: usize, wrong: usize) -> (Vec<String>, Vec<usize>) {
        let value = self.entries[wrong].call.act.saw().flatten();
        let (origin, index) =
            self.origin(value, self.entries[wrong].call.invoked.min(self.entries[other].call.invoked));
        let sentence = format!(
            "{}; {}: both found {}, but nobody had put it back in between",
            self.told(other),
            self.saw(wrong),
            words::value(value)
        );
        (vec![sentence, origin], [other, wrong].into_iter().chain(index).collect())
    }

    fn beneath(&self, cas: usize, beside: usize, wrong: usize) -> (Vec<String>, Vec<usize>) {
        let found = words::value(self.entries[cas].call.act.saw().flatten());
        let sentences = vec![
            format!("{}; {}; later {}", self.told(beside), self.told(cas), self.saw(wrong)),
            format!(
                "so the first change came before the second, which cannot have found {found} then: the first was lost"
            ),
        ];
        (sentences, vec![beside, cas, wrong])
    }

    fn nowhere(&self, failed: Option<usize>, wrong: usize) -> (Vec<String>, Vec<usize>) {
        let value = self.entries[wrong].call.act.saw().flatten();
        let why = match failed {
            Some(index) => {
                let call = self.entries[index].of;
                let (client, at) = (words::who(self.run, call.process), words::told_at(self.run, call));
                let what = match self.entries[index].call.act {
                    Act::Missed { .. } => "compare-and-set to it changed nothing",
                    _ => "write of it did not happen",
                };
                format!("but {client} was told {at} that its {what}")
            }
            None => "which nobody had asked to write".to_string(),
        };
        let saw = match self.entries[wrong].call.act {
            Act::Read(_) => self.saw(wrong),
            _ => format!("{}, so it found {}", self.told(wrong), words::value(value)),
        };
        let sentence = format!("{saw} ({}), {why}", words::register(self.key));
        (vec![sentence], [Some(wrong), failed].into_iter().flatten().collect())
    }
}
