//! The calls that are open at one moment of a log, and how a configuration goes through the return of one of them.
//!
//! A configuration is a set of open calls that took effect, and a state. Nothing happens to it at an invocation; at a return
//! the call must be in the set ("just in time", Lowe 2017), and where it is not, sequences of open calls that end with it are
//! tried. Five rules keep these few, each losing no explanation:
//!
//! 1. A pure call that is possible now is taken at once: it could be moved to now from wherever it stood.
//! 2. A blind write that nobody looks at need not be placed. When it returns it is free if another blind write was placed since its
//!    invocation: it then stood right before that one. So only writes that somebody open could look at are placed early.
//! 3. Of open calls of one class the one that returns first is taken, those that never return last: in an explanation that takes
//!    the other, the two can change places.
//! 4. A call of the class that is returning is never placed before it, for the same reason.
//! 5. One configuration makes another superfluous if it holds the same, has taken no more of the calls that change something, and
//!    owes no more than the other: see [`Open::beats`].

use super::domain::{Domain, NONE, Treats};
use super::log::Log;
use super::mask::Mask;
use super::open::{BLIND, LISTS, Open};
use super::seen::Seen;
use crate::model::Limits;
use smallvec::SmallVec;

/// No trail, no list, no slot.
pub const NIL: u32 = u32::MAX;

/// What may have happened so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config<M> {
    /// Open calls that took effect.
    pub mask: M,
    /// What the object holds.
    pub state: u32,
    /// Place of the event at which the latest blind write was placed; 0 if none was.
    pub last: u32,
    /// The calls that were placed, as the end of a chain in [`Trail`].
    pub trail: u32,
}

/// Calls that were placed one after the other, as chains that share their beginnings.
#[derive(Default)]
pub struct Trail {
    links: Vec<(u32, u32)>,
}

impl Trail {
    /// With room for so many links.
    fn with_capacity(links: usize) -> Trail {
        Trail { links: Vec::with_capacity(links) }
    }
    /// Appends a call to a chain.
    pub fn push(&mut self, trail: u32, call: u32) -> u32 {
        self.links.push((trail, call));
        self.links.len() as u32 - 1
    }
    /// How many links there are.
    pub fn len(&self) -> usize {
        self.links.len()
    }
    /// Forgets links that nobody refers to any more.
    pub fn truncate(&mut self, len: usize) {
        self.links.truncate(len);
    }
    /// The calls of a chain behind an earlier end of it, from the first.
    pub fn calls(&self, from: u32, mut trail: u32) -> SmallVec<[u32; 8]> {
        let mut calls = SmallVec::new();
        while trail != from {
            let (before, call) = self.links[trail as usize];
            calls.push(call);
            trail = before;
        }
        calls.reverse();
        calls
    }
}

/// A place in a log, with what is needed to go on from there.
pub struct Space<'a, M, D> {
    pub domain: &'a mut D,
    pub log: &'a Log,
    pub open: Open<M>,
    pub trail: Trail,
    /// Index of the next event.
    pub at: usize,
    /// Sequences tried, to be taken from the budget.
    pub steps: u64,
    /// Of one configuration at one return, at most so many sequences are tried.
    pub patience: usize,
    /// Once so many sequences were tried in all, or so many bytes are held, one return gives up with [`Space::cut`], like for lack of
    /// patience.
    pub allowed: Limits,
    /// After so many ways through a return were found, no more are looked for.
    pub enough: usize,
    /// True once a sequence was not tried for lack of patience.
    pub cut: bool,
    /// False switches rule 5 off.
    pub dominance: bool,
    queue: Vec<(Config<M>, u32, u32)>,
    seen: Seen,
}

impl<'a, M: Mask, D: Domain> Space<'a, M, D> {
    /// Before the first event.
    pub fn new(domain: &'a mut D, log: &'a Log, slots: usize) -> Self {
        let open = Open::new(domain, slots);
        Space::with_open(domain, log, open)
    }

    /// The same, with what is open of some other log: nothing.
    pub fn with_open(domain: &'a mut D, log: &'a Log, open: Open<M>) -> Self {
        Space {
            domain,
            log,
            open,
            trail: Trail::with_capacity(log.steps.len()),
            at: 0,
            steps: 0,
            patience: usize::MAX,
            enough: usize::MAX,
            allowed: Limits { steps: u64::MAX, bytes: u64::MAX },
            cut: false,
            dominance: true,
            queue: Vec::new(),
            seen: Seen::default(),
        }
    }

    /// Goes to before another event, either way.
    pub fn go(&mut self, to: usize) {
        while self.at < to {
            self.open.pass(self.log, self.log.events[self.at], true);
            self.at += 1;
        }
        while self.at > to {
            self.at -= 1;
            self.open.pass(self.log, self.log.events[self.at], false);
        }
    }

    /// Goes over the next event.
    #[inline(always)]
    pub fn forward(&mut self) {
        self.open.pass(self.log, self.log.events[self.at], true);
        self.at += 1;
    }

    /// The first of the ways through the return of `call`, if it is as simple as leaving it out or placing it at once. The
    /// configuration has taken every pure call, and not this one.
    #[inline(always)]
    pub fn at_once(&mut self, config: &Config<M>, call: usize) -> Option<Config<M>> {
        let step = self.log.steps[call];
        let treats = self.domain.treats(step.class);
        let mut next = config.clone();
        match treats {
            Treats::Pure | Treats::Absent => return None,
            Treats::Blind(_) if config.last >= step.invoked => return Some(next),
            Treats::Blind(state) => (next.state, next.last) = (state, step.returned),
            Treats::Other(_) => next.state = self.domain.step(config.state, step.class),
        }
        if next.state == NONE {
            return None;
        }
        self.steps += 1;
        self.settle(&mut next);
        next.mask.clear(step.slot as usize);
        next.trail = self.trail.push(config.trail, call as u32);
        Some(next)
    }

    /// Takes every pure call that is possible: rule 1.
    #[inline(always)]
    pub fn settle(&mut self, config: &mut Config<M>) {
        self.domain.take(config.state, &self.open, &mut config.mask);
    }

    /// Brings a configuration through the return of `call`, which is the next event, in every way that rules 1 to 4 leave.
    /// `found` is given those ways, without the call's slot.
    pub fn through(&mut self, config: &Config<M>, call: usize, found: &mut Vec<Config<M>>) {
        let step = self.log.steps[call];
        let slot = step.slot as usize;
        let mut first = config.clone();
        self.settle(&mut first);
        if first.mask.has(slot) {
            first.mask.clear(slot);
            return self.keep(first, found);
        }
        let treats = self.domain.treats(step.class);
        if matches!(treats, Treats::Blind(_)) && first.last >= step.invoked {
            self.keep(first.clone(), found);
            if found.len() >= self.enough {
                return;
            }
        }
        let mut queue = std::mem::take(&mut self.queue);
        queue.clear();
        self.seen.queue.clear();
        queue.push((first, NIL, NIL));
        let mut next = 0;
        while next < queue.len() && found.len() < self.enough {
            if next >= self.patience || self.steps >= self.allowed.steps || (next % 256 == 255 && self.is_full(&queue))
            {
                self.cut = true;
                break;
            }
            self.steps += 1;
            self.after(&mut queue, next, call, treats, found);
            next += 1;
        }
        self.queue = queue;
    }

    /// True if a queue has come to take more memory than is allowed.
    fn is_full(&self, queue: &[(Config<M>, u32, u32)]) -> bool {
        let each = size_of::<(Config<M>, u32, u32)>() + queue[0].0.mask.heap() + 24;
        (queue.len() * each) as u64 + self.domain.bytes() > self.allowed.bytes
    }

    /// Tries the returning call after the sequence `queue[index]`, and every other open call that makes it longer.
    #[inline(always)]
    fn after(
        &mut self,
        queue: &mut Vec<(Config<M>, u32, u32)>,
        index: usize,
        call: usize,
        treats: Treats,
        found: &mut Vec<Config<M>>,
    ) {
        let step = self.log.steps[call];
        let now = step.returned;
        if !matches!(treats, Treats::Pure | Treats::Absent) {
            let state = self.domain.step(queue[index].0.state, step.class);
            if state != NONE {
                let mut next = queue[index].0.clone();
                next.state = state;
                if matches!(treats, Treats::Blind(_)) {
                    next.last = now;
                }
                self.settle(&mut next);
                next.mask.clear(step.slot as usize);
                next.trail = self.chain(queue, index, call as u32);
                self.keep(next, found);
                if found.len() >= self.enough {
                    return;
                }
            }
        }
        let mut class = self.open.heads[BLIND];
        while class != NIL {
            let Treats::Blind(state) = self.domain.treats(class) else { unreachable!("the list of blind writes") };
            if class != step.class
                && let Some(slot) = self.open.foremost(class, &queue[index].0.mask)
                && self.looked_at(state, &queue[index].0.mask)
            {
                let mut next = queue[index].0.clone();
                (next.state, next.last) = (state, now);
                self.placed(queue, index, slot, next, call, found);
            }
            class = self.open.classes[class as usize].next;
        }
        let state = queue[index].0.state;
        for list in lists(self.domain.list(state)) {
            let mut class = self.open.heads[LISTS + list as usize];
            while class != NIL {
                if class != step.class
                    && let Some(slot) = self.open.foremost(class, &queue[index].0.mask)
                {
                    let after = self.domain.step(state, class);
                    if after != NONE {
                        let mut next = queue[index].0.clone();
                        next.state = after;
                        self.placed(queue, index, slot, next, call, found);
                    }
                }
                class = self.open.classes[class as usize].next;
            }
        }
    }

    /// One more call was placed: the sequence ends if that made the returning call possible, else it may go on.
    #[inline(always)]
    fn placed(
        &mut self,
        queue: &mut Vec<(Config<M>, u32, u32)>,
        before: usize,
        slot: usize,
        mut next: Config<M>,
        call: usize,
        found: &mut Vec<Config<M>>,
    ) {
        let returning = self.log.steps[call].slot as usize;
        self.steps += 1;
        next.mask.set(slot);
        self.settle(&mut next);
        if next.mask.has(returning) {
            next.mask.clear(returning);
            let placed = self.open_call(slot);
            next.trail = self.chain(queue, before, placed);
            self.keep(next, found);
        } else if !self.superfluous(queue, &next) {
            let placed = self.open_call(slot);
            queue.push((next, before as u32, placed));
        }
    }

    /// The open calls that took effect in a configuration.
    pub fn taken(&self, config: &Config<M>) -> impl Iterator<Item = u32> {
        (0..self.open.capacity).filter(|slot| config.mask.has(*slot)).map(|slot| self.open_call(slot))
    }

    /// The call in a slot.
    pub fn open_call(&self, slot: usize) -> u32 {
        self.open.slots[slot].call
    }

    /// True if somebody open, who is not in the mask, could look at this state: rule 2.
    #[inline(always)]
    fn looked_at(&mut self, state: u32, mask: &M) -> bool {
        if self.domain.awaited(state, &self.open, mask) {
            return true;
        }
        for list in lists(self.domain.list(state)) {
            let mut class = self.open.heads[LISTS + list as usize];
            while class != NIL {
                let open = &self.open.classes[class as usize];
                let next = open.next;
                if open.mask.exceeds(mask) && self.domain.step(state, class) != NONE {
                    return true;
                }
                class = next;
            }
        }
        false
    }

    /// The trail of the sequence `queue[index]`, with one more call.
    fn chain(&mut self, queue: &[(Config<M>, u32, u32)], index: usize, call: u32) -> u32 {
        let (mut index, mut placed) = (index, SmallVec::<[u32; 8]>::new());
        while queue[index].1 != NIL {
            placed.push(queue[index].2);
            index = queue[index].1 as usize;
        }
        let trail = placed.into_iter().rev().fold(queue[index].0.trail, |trail, call| self.trail.push(trail, call));
        self.trail.push(trail, call)
    }

    fn superfluous(&mut self, queue: &[(Config<M>, u32, u32)], next: &Config<M>) -> bool {
        const COMPARED: usize = 48;
        if self.dominance && queue.iter().take(COMPARED).any(|(earlier, _, _)| self.open.beats(earlier, next)) {
            return true;
        }
        queue.len() > COMPARED && self.seen.queue.has(next, queue.len(), |index| &queue[index].0)
    }

    /// Keeps a configuration, unless another one makes it superfluous; drops those that it makes superfluous.
    pub fn keep(&mut self, config: Config<M>, found: &mut Vec<Config<M>>) {
        const COMPARED: usize = 64;
        if self.dominance {
            let compared = found.len().min(COMPARED);
            if found[..compared].iter().any(|other| self.open.beats(other, &config)) {
                return;
            }
            if found.len() < COMPARED {
                found.retain(|other| !self.open.beats(&config, other));
            }
        }
        if found.len() >= COMPARED && self.seen.found.has(&config, found.len(), |index| &found[index]) {
            return;
        }
        found.push(config);
    }

    /// To be called before a list of found configurations is begun.
    pub fn begin(&mut self) {
        self.seen.found.clear();
    }
}

/// The lists of other classes that may be possible in a state: that of any state, and its own.
fn lists(own: u32) -> impl Iterator<Item = u32> {
    std::iter::once(0).chain((own != 0).then_some(own))
}
