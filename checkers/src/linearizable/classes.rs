//! Names for what is wrong with a register, each with the few calls that prove it.
//!
//! Every class here is a proof by itself, without any search. All but one rest on one thought. Say that a call shows that
//! the register does *not* hold `u` at some moment between its invocation and its return, and a later call (asked after the
//! first was answered) shows that it *does* hold `u`. Then somebody must have put `u` there in between. If every call that
//! could put `u` there was over before the first of the two began, or began after the second was answered, nobody did:
//!
//! ```text
//!   write u  |--|
//!                  write 5 (or read 5) |-----|
//!                                              |----| read u
//! ```
//!
//! The class says what showed that `u` was gone, and why the later call is wrong about it:
//! - `stale-after-ack`: a write or compare-and-set that was acknowledged. A read that began after that returned what it
//!   had overwritten. (Or two reads disagree although every write concerned was acknowledged before the first began.)
//! - `lost-update`: the later call is a compare-and-set that succeeded from the old value; or two compare-and-sets succeeded
//!   from one value; or one succeeded whose value stands although it cannot come after a write beside it; or the history
//!   would be explained if one that succeeded had been a plain write ([`super::proof::blind`]).
//! - `dirty-then-vanished`: a read, of a value whose writes all failed or have an outcome that was unknown by the time
//!   the older value was read again; or of one that only a compare-and-set was asked to write that was told that it changed nothing.
//! - `new-then-old`: a read, while the newer write was still under way. (Where more than two reads are needed to see it, the
//!   search finds that each of them is possible by itself, see [`super::proof::only_reads_disagree`].)
//!
//! `not-linearizable` is what fits none of these.

use super::register::{Act, Entry};
use harness::Value;

/// From worst to mildest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    StaleAfterAck,
    LostUpdate,
    DirtyThenVanished,
    NewThenOld,
    NotLinearizable,
}

impl Class {
    pub const ALL: [Class; 5] =
        [Class::StaleAfterAck, Class::LostUpdate, Class::DirtyThenVanished, Class::NewThenOld, Class::NotLinearizable];

    pub fn name(self) -> &'static str {
        match self {
            Class::StaleAfterAck => "stale-after-ack",
            Class::LostUpdate => "lost-update",
            Class::DirtyThenVanished => "dirty-then-vanished",
            Class::NewThenOld => "new-then-old",
            Class::NotLinearizable => "not-linearizable",
        }
    }
}

/// A contradiction between few calls, given as indexes among the register's entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    pub class: Class,
    pub story: Story,
    /// The call that cannot be right, given the others. It returned last.
    pub wrong: usize,
}

/// How the calls of a contradiction hang together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Story {
    /// `gone` showed that the value was not there any more, or not yet.
    After { gone: usize },
    /// `other` succeeded from the same value, and nobody put it back.
    TwoFromOne { other: usize },
    /// `cas` put the value there that is seen, but `beside` was acknowledged too and can come neither before nor after it.
    Beneath { cas: usize, beside: usize },
    /// The value that was seen had not been written by anybody; `failed` is a write of it that certainly did not happen, or
    /// a compare-and-set to it that was told so.
    Nowhere { failed: Option<usize> },
}

/// Everything that contradicts the answer of one call, worst first; no call further than `reach` back is looked at.
pub fn contradictions(entries: &[Entry], wrong: usize, reach: usize) -> Vec<Contradiction> {
    let Some(returned) = entries[wrong].certain() else { return Vec::new() };
    let seen = Seen { entries, wrong, returned, from: wrong.saturating_sub(reach) };
    let mut found: Vec<Contradiction> = match entries[wrong].call.act {
        Act::Read(value) => {
            [seen.nowhere(value), seen.after(value), seen.beneath(value)].into_iter().flatten().collect()
        }
        Act::Cas { from, .. } => {
            [seen.nowhere(Some(from)), seen.after(Some(from)), seen.two_from_one(from)].into_iter().flatten().collect()
        }
        Act::Missed { from, .. } => seen.missed(from).into_iter().collect(),
        Act::Write(_) => Vec::new(),
    };
    found.sort_by_key(|contradiction| contradiction.class);
    found
}

/// A call whose answer is doubted.
struct Seen<'a> {
    entries: &'a [Entry<'a>],
    wrong: usize,
    returned: usize,
    /// Earlier entries are not looked at for evidence; sources are always all looked at.
    from: usize,
}

impl Seen<'_> {
    fn act(&self, index: usize) -> Act {
        self.entries[index].call.act
    }
    fn asked(&self) -> usize {
        self.entries[self.wrong].call.invoked
    }
    fn tell(&self, class: Class, story: Story) -> Contradiction {
        Contradiction { class, story, wrong: self.wrong }
    }

    /// Every other call that may put `value` there before the doubted call is answered, certainly failed ones too.
    fn sources(&self, value: Option<Value>) -> impl Iterator<Item = usize> {
        let may = move |index: &usize| {
            let call = &self.entries[*index].call;
            *index != self.wrong
                && call.invoked < self.returned
                && call.act.sets().is_some_and(|set| Some(set) == value)
        };
        (0..self.entries.len()).filter(may)
    }

    /// When the last of some calls is over; `None` if one of them may still happen later.
    fn over(&self, sources: impl Iterator<Item = usize>) -> Option<Over> {
        let mut over = Over { last: None };
        for source in sources {
            over.last = over.last.max(Some(self.entries[source].certain()?));
        }
        Some(over)
    }

    /// Calls that were asked after `over` and answered before the doubted call was asked, the latest first.
    fn between(&self, over: Over) -> impl Iterator<Item = usize> {
        let fits = move |index: &usize| {
            let entry = &self.entries[*index];
            over.before(entry.call.invoked) && entry.certain().is_some_and(|returned| returned < self.asked())
        };
        (self.from..self.wrong).rev().filter(fits)
    }

    fn nowhere(&self, value: Option<Value>) -> Option<Contradiction> {
        let written = value.is_none() || self.sources(value).any(|source| !self.entries[source].failed);
        let failed = self.sources(value).next().or_else(|| self.refused(value));
        let class = if failed.is_some() { Class::DirtyThenVanished } else { Class::NotLinearizable };
        (!written).then(|| self.tell(class, Story::Nowhere { failed }))
    }

    /// A compare-and-set that would have put `value` there, and was told that nothing changed.
    fn refused(&self, value: Option<Value>) -> Option<usize> {
        let would = |index: &usize| {
            let call = &self.entries[*index].call;
            call.invoked < self.returned && matches!(call.act, Act::Missed { to, .. } if Some(to) == value)
        };
        (0..self.entries.len()).find(would)
    }

    /// True if the value is there at first or somebody may have put it there; else [`Seen::nowhere`] says all there is to say.
    fn has_source(&self, value: Option<Value>) -> bool {
        value.is_none() || self.sources(value).next().is_some()
    }

    /// The thought in the head of this file.
    fn after(&self, value: Option<Value>) -> Option<Contradiction> {
        if !self.has_source(value) {
            return None;
        }
        let over = self.over(self.sources(value))?;
        let acknowledged =
            self.between(over).find(|index| self.act(*index).sets().is_some_and(|set| Some(set) != value));
        if let Some(gone) = acknowledged {
            return Some(self.tell(self.at_least(Class::StaleAfterAck), Story::After { gone }));
        }
        let shows_absence = |index: &usize| match self.act(*index) {
            Act::Read(read) => read != value,
            Act::Cas { from, .. } => Some(from) != value,
            Act::Missed { from, .. } => Some(from) == value,
            Act::Write(_) => false,
        };
        let story = |gone: usize| {
            let newer = |index: &usize| match self.act(gone).saw() {
                Some(saw) => self.act(*index).sets().map(Some) == Some(saw),
                None => self.act(*index).sets().is_some_and(|set| Some(set) != value),
            };
            let class = self.inversion(gone, self.sources(value).collect(), newer)?;
            Some(self.tell(self.at_least(class), Story::After { gone }))
        };
        self.between(over).filter(shows_absence).filter_map(story).min_by_key(|found| found.class)
    }

    /// A compare-and-set that overwrites what it did not see is a lost update, unless what it did not see was never certain.
    fn at_least(&self, class: Class) -> Class {
        match (self.act(self.wrong), class) {
            (Act::Cas { .. }, Class::StaleAfterAck | Class::NewThenOld) => Class::LostUpdate,
            _ => class,
        }
    }

    /// A read of something newer by `gone`, then of something older: which class it is depends on how the newer write stood.
    fn inversion(&self, gone: usize, older: Vec<usize>, newer: impl Fn(&usize) -> bool) -> Option<Class> {
        let shown = &self.entries[gone];
        let began = older.iter().map(|source| self.entries[*source].call.invoked).max();
        let may_be_newer = |index: &usize| {
            let entry = &self.entries[*index];
            let over_before = entry.certain().zip(began).is_some_and(|(returned, began)| returned < began);
            newer(index) && entry.call.invoked < shown.of.returned.unwrap_or(usize::MAX) && !over_before
        };
        let writes: Vec<&Entry> =
            (0..self.entries.len()).filter(may_be_newer).map(|index| &self.entries[index]).collect();
        let given_up =
            |entry: &&Entry| entry.certain().is_none() && entry.of.returned.is_some_and(|told| told < self.asked());
        let acknowledged_before =
            |entry: &&Entry| entry.certain().is_some_and(|returned| returned < shown.call.invoked);
        match writes.is_empty() {
            true => None,
            false if writes.iter().all(given_up) => Some(Class::DirtyThenVanished),
            false if writes.iter().all(acknowledged_before) => Some(Class::StaleAfterAck),
            false => Some(Class::NewThenOld),
        }
    }

    /// Two compare-and-sets ran at the same time from one value that nobody put back.
    fn two_from_one(&self, from: Value) -> Option<Contradiction> {
        if !self.has_source(Some(from)) || self.act(self.wrong).sets().is_none() {
            return None;
        }
        let over = self.over(self.sources(Some(from)))?;
        let same = |index: &usize| {
            let act = self.act(*index);
            matches!(act, Act::Cas { from: other, .. } if other == from) && act.sets().is_some()
        };
        let beside = |index: &usize| {
            let entry = &self.entries[*index];
            let overlaps = entry.certain().is_some_and(|returned| returned > self.asked() && returned < self.returned);
            overlaps && over.before(entry.call.invoked.min(self.asked()))
        };
        let candidates = (self.from..self.entries.len()).filter(|index| *index != self.wrong);
        let other = candidates.filter(same).find(beside)?;
        Some(self.tell(Class::LostUpdate, Story::TwoFromOne { other }))
    }

    /// The value that was read comes from a compare-and-set, which must be the last change then; but an acknowledged write
    /// beside it cannot come before it either, because what the compare-and-set found was not there after that write.
    fn beneath(&self, value: Option<Value>) -> Option<Contradiction> {
        let done_cas = |index: &usize| {
            let entry = &self.entries[*index];
            matches!(entry.call.act, Act::Cas { .. }) && entry.certain().is_some_and(|returned| returned < self.asked())
        };
        let beneath = |cas: usize| {
            let found = self.act(cas).saw()?;
            if !self.has_source(found) {
                return None;
            }
            let over = self.over(self.sources(value).filter(|index| *index != cas).chain(self.sources(found)))?;
            let covers = |index: &usize| {
                let set = self.act(*index).sets();
                *index != cas && set.is_some_and(|set| Some(set) != value && Some(set) != found)
            };
            let beside = self.between(over).find(covers)?;
            Some(self.tell(Class::LostUpdate, Story::Beneath { cas, beside }))
        };
        self.sources(value).filter(|index| *index >= self.from).filter(done_cas).find_map(beneath)
    }

    /// A compare-and-set was told that `value` is not there, although somebody had shown that it is and nobody changed it since.
    fn missed(&self, value: Value) -> Option<Contradiction> {
        let changes = |index: &usize| {
            let call = &self.entries[*index].call;
            call.invoked < self.returned && call.act.sets().is_some_and(|set| set != value)
        };
        let others: Vec<usize> = (0..self.entries.len()).filter(changes).collect();
        let over = self.over(others.iter().copied())?;
        let shown =
            |index: &usize| self.act(*index).sets() == Some(value) || self.act(*index).saw() == Some(Some(value));
        let story = |gone: usize| {
            let class = match self.act(gone).sets() {
                Some(_) => Class::StaleAfterAck,
                None => self.inversion(gone, others.clone(), |index| self.act(*index).sets() == Some(value))?,
            };
            Some(self.tell(class, Story::After { gone }))
        };
        self.between(over).filter(shown).filter_map(story).min_by_key(|found| found.class)
    }
}

/// The return of the last of some calls, if there were any.
#[derive(Clone, Copy)]
struct Over {
    last: Option<usize>,
}

impl Over {
    fn before(self, invoked: usize) -> bool {
        self.last.is_none_or(|last| last < invoked)
    }
}
