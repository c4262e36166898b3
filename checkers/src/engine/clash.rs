//! A value that is needed when it is certainly gone: the simplest contradictions, seen in one pass without any search.
//!
//! ```text
//!   write 1 |---|                             whoever ever asked to write 1 is answered by here
//!                  write 2 |---|              is asked later: behind it the object holds something else
//!                                read 1 |---| is asked later still: nobody can have put 1 there again
//! ```
//!
//! This is the conflict between a forward zone and another zone of Gibbons and Korach ("Testing shared memories", SIAM J. Comput.
//! 1997), for values that may be written more than once: a value's zone then lasts until the last of its writers is answered. A
//! value also ends when it is taken away by somebody who can have had it from one writer only:
//!
//! ```text
//!   write 2 |---|
//!                  write 1 |-----------------------------  the only one that is not over before write 2 was asked
//!                        cas [1, 3] |---|                  so this comes behind it
//!                                         read 1 |---|     and this behind both
//! ```
//!
//! What is found is impossible; what is not found may be so all the same.

use super::log::{NEVER, call, is_return};
use super::register::{Access, Effect, Needs};
use super::search::Refuted;

/// Why nothing explains an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clash {
    /// Index of the event at which the call is asked that put another value there; `None`: the start.
    pub from: Option<usize>,
    /// Index of the return of the call that needs the value.
    pub until: usize,
    /// True if these two calls contradict each other whatever else is open.
    alone: bool,
}

/// What is known of the clashes in a log.
#[derive(Clone, Copy)]
pub enum Clashes<'a> {
    /// There is none, or nobody shall look.
    None,
    /// There is this one.
    Known(Clash),
    /// Nobody has looked at these events.
    Perhaps(&'a dyn Fn(&[u32]) -> Option<Clash>),
}

impl Clash {
    /// As a window.
    pub fn refuted(self, events: &[u32]) -> Refuted {
        let wrong = events[self.until] >> 1;
        let first = self.from.map(|from| events[from] >> 1);
        let calls = if self.alone { first.into_iter().chain([wrong]).collect() } else { self.open(events) };
        Refuted { from: self.from, until: self.until, wrong, calls, survivors: Vec::new() }
    }

    /// The calls that are open somewhere in the window.
    fn open(self, events: &[u32]) -> Vec<u32> {
        let (before, inside) = events[..self.until].split_at(self.from.unwrap_or(0));
        let over: rustc_hash::FxHashSet<u32> =
            before.iter().filter(|event| is_return(**event)).map(|event| event >> 1).collect();
        let invoked = before.iter().chain(inside).filter(|event| !is_return(**event)).map(|event| event >> 1);
        invoked.filter(|call| !over.contains(call)).collect()
    }
}

/// Places are counted from here: 0 is before everything, 1 is the start.
const FIRST: u32 = 2;

/// When a value can be there.
#[derive(Clone, Copy, Default)]
struct Zone {
    /// Where the last of those returns who put it there, and the last but one; 0 if nobody does. Only of those that were asked
    /// behind `taken`.
    last: u32,
    last_but_one: u32,
    /// Where somebody returned who took it away for certain; those who had put it there returned up to `before`. What shows that begins
    /// at `shown`.
    taken: u32,
    before: u32,
    shown: u32,
    /// Of the calls that are over, where the last was asked that found it missing.
    missed: u32,
}

/// Looks for a clash among accesses whose `events` are in order, on an object that holds `initial` at first. Values are below
/// `values`.
pub fn find(initial: u32, accesses: &[Access], events: &[u32], values: usize) -> Option<Clash> {
    let mut zones = vec![Zone::default(); values];
    zones[initial as usize].last = 1;
    let mut left = Left { last: (1, initial), other: 1 };
    // By call that needs a value: where the last was asked of those that were over and left something else behind them.
    let mut since: Vec<u32> = vec![1; accesses.len()];
    for (index, event) in events.iter().enumerate() {
        let Access { effect: Effect { needs, sets }, invoked, returned } = accesses[call(*event)];
        if !is_return(*event) {
            if let Needs::Is(value) = needs {
                since[call(*event)] = left.besides(value).max(zones[value as usize].missed);
            }
            if let Some(value) = sets.filter(|value| needs != Needs::Is(*value)) {
                zones[value as usize].put(if returned == NEVER { NEVER } else { returned + FIRST });
            }
            continue;
        }
        match needs {
            Needs::Is(value) => {
                let zone = &mut zones[value as usize];
                let (asked, since) = (invoked + FIRST, since[call(*event)]);
                if zone.is_over(asked, since) {
                    let (from, alone) = zone.shown_from(since);
                    return Some(Clash { from: event_at(from, accesses, events), until: index, alone });
                }
                if sets.is_some_and(|set| set != value) && asked > zone.taken && zone.last_but_one < since {
                    zone.take(returned + FIRST, since);
                }
                left.behind(sets.unwrap_or(value), asked);
            }
            Needs::IsNot(value) if sets.is_none() => {
                let zone = &mut zones[value as usize];
                zone.missed = zone.missed.max(invoked + FIRST);
            }
            _ => sets.into_iter().for_each(|value| left.behind(value, invoked + FIRST)),
        }
    }
    None
}

/// Index of the event at a place; `None` for the start.
fn event_at(place: u32, accesses: &[Access], events: &[u32]) -> Option<usize> {
    let asked = place.checked_sub(FIRST)?;
    events.iter().position(|event| !is_return(*event) && accesses[call(*event)].invoked == asked)
}

impl Zone {
    /// Somebody asks to put it there, and returns at `until`.
    #[inline(always)]
    fn put(&mut self, until: u32) {
        self.last_but_one = self.last_but_one.max(until.min(self.last));
        self.last = self.last.max(until);
    }

    /// True if nobody who asked so far can have put it there for a call that was asked at `asked`, and before that something else was there
    /// behind `since`.
    #[inline(always)]
    fn is_over(&self, asked: u32, since: u32) -> bool {
        self.last < since && (asked > self.taken || self.before < since)
    }

    /// Where the window begins that shows it, and whether that needs no more than the call that was asked there.
    fn shown_from(&self, since: u32) -> (u32, bool) {
        if self.last.max(self.before) < since {
            return (since, true);
        }
        (if self.last == 0 { self.shown } else { self.shown.min(since) }, false)
    }

    /// Somebody who returns at `at` took it away, and can have had it from the last only.
    fn take(&mut self, at: u32, since: u32) {
        self.shown = if self.taken == 0 { since } else { self.shown.min(since) };
        self.before = self.before.max(self.last);
        (self.taken, self.last, self.last_but_one) = (at, 0, 0);
    }
}

/// Of the calls that are over: where the last of all was asked that left something behind it, and what; and where the last was asked
/// that left anything else.
struct Left {
    last: (u32, u32),
    other: u32,
}

impl Left {
    /// A call is over that left a value behind it.
    #[inline(always)]
    fn behind(&mut self, value: u32, asked: u32) {
        if value == self.last.1 {
            self.last.0 = asked.max(self.last.0);
        } else if asked > self.last.0 {
            (self.other, self.last) = (self.last.0, (asked, value));
        } else {
            self.other = asked.max(self.other);
        }
    }

    /// Where the last was asked that left another value.
    #[inline(always)]
    fn besides(&self, value: u32) -> u32 {
        if self.last.1 == value { self.other } else { self.last.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::log::ordered;

    /// Calls as `needs>sets invoked returned`, where `.` is nothing, `!1` anything but 1 and `-` never; 0 is there at first.
    fn look(calls: &str) -> Option<Clash> {
        let access = |call: &str| {
            let words: Vec<&str> = call.split_whitespace().collect();
            let (needs, sets) = words[0].split_once('>').expect("needs>sets");
            let number = |text: &str| text.parse().expect("a number");
            let needs = match needs.strip_prefix('!') {
                Some(value) => Needs::IsNot(number(value)),
                None if needs == "." => Needs::Nothing,
                None => Needs::Is(number(needs)),
            };
            let sets = (sets != ".").then(|| number(sets));
            let returned = if words[2] == "-" { NEVER } else { number(words[2]) };
            Access { effect: Effect { needs, sets }, invoked: number(words[1]), returned }
        };
        let accesses: Vec<Access> = calls.split(',').map(access).collect();
        let events = ordered(accesses.iter().map(|access| Some((access.invoked, access.returned))));
        find(0, &accesses, &events, 10)
    }

    #[test]
    fn what_is_gone_cannot_be_read() {
        let cases = [
            // Never there; there; gone; not yet gone, since somebody who writes it is open.
            ("1>. 0 1", Some((None, 1, true))),
            ("0>. 0 1", None),
            (".>1 0 1, .>2 2 3, 1>. 4 5", Some((Some(2), 5, true))),
            (".>1 0 -, .>2 2 3, 1>. 4 5", None),
            (".>1 0 9, .>2 2 3, 1>. 4 5", None),
            // Nobody wrote anything else in between, but somebody saw something else, or saw that it was missing.
            (".>1 0 1, .>2 2 9, 2>. 3 4, 1>. 5 6", Some((Some(3), 6, true))),
            (".>1 0 1, .>2 2 9, !1>. 3 4, 1>. 5 6", Some((Some(3), 6, true))),
            (".>1 0 1, .>2 2 9, !2>. 3 4, 1>. 5 6", None),
            // What begins before the other is over may be before it.
            (".>1 0 1, .>2 2 5, 1>. 4 6", None),
        ];
        for (calls, expected) in cases {
            let expected = expected.map(|(from, until, alone)| Clash { from, until, alone });
            assert_eq!(look(calls), expected, "{calls}");
        }
    }

    #[test]
    fn what_was_taken_away_cannot_be_read() {
        let cases = [
            // The only write of 1 that can have been there is used up; a second one is enough; so is one that comes later.
            (".>2 0 1, .>1 2 -, 1>3 3 4, 1>. 5 6", Some((Some(0), 6, false))),
            (".>2 0 1, .>1 2 -, 1>3 3 4, 3>. 5 6", None),
            (".>2 0 1, .>1 2 -, .>1 3 -, 1>3 4 5, 1>. 6 7", None),
            (".>2 0 1, .>1 2 -, 1>3 3 4, .>1 5 -, 1>. 6 7", None),
            // Whoever was asked before it was taken away may have read it before.
            (".>2 0 1, .>1 2 -, 1>3 3 5, 1>. 4 6", None),
            // It can have been there from the start, for whoever took it away.
            (".>0 0 -, 0>3 1 2, 0>. 3 4", None),
        ];
        for (calls, expected) in cases {
            let expected = expected.map(|(from, until, alone)| Clash { from, until, alone });
            assert_eq!(look(calls), expected, "{calls}");
        }
    }
}
