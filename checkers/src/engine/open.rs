//! The calls that are open at one moment of a log, by class and by slot.

use super::domain::{Domain, Treats};
use super::log::{Log, NEVER, call, is_return};
use super::mask::Mask;
use super::space::{Config, NIL};

/// The open calls of a class.
#[derive(Clone)]
pub struct Class<M> {
    /// Their slots.
    pub mask: M,
    /// The slot of the one that returns first.
    first: u32,
    /// Neighbours in the list of classes with open calls.
    pub next: u32,
    before: u32,
    /// That list, [`UNLISTED`] or [`ABSENT`]: what [`Domain::treats`] says, where it is needed at every event.
    list: u32,
}

/// An open call.
#[derive(Clone, Copy)]
pub struct Slot {
    pub call: u32,
    class: u32,
    invoked: u32,
    returned: u32,
    /// The next to return of the same class.
    next: u32,
}

impl<M: Mask> Class<M> {
    /// Nothing of it is open.
    fn new<D: Domain>(domain: &D, class: u32, slots: usize) -> Self {
        let list = match domain.treats(class) {
            Treats::Pure if D::LISTS_PURE => PURE as u32,
            Treats::Pure => UNLISTED,
            Treats::Absent => ABSENT,
            Treats::Blind(_) => BLIND as u32,
            Treats::Other(list) => LISTS as u32 + list,
        };
        Class { mask: M::empty(slots), first: NIL, next: NIL, before: NIL, list }
    }
}

/// The calls that are open before an event of a log.
pub struct Open<M> {
    /// By class.
    pub classes: Vec<Class<M>>,
    pub slots: Vec<Slot>,
    /// How many slots there is room for.
    pub capacity: usize,
    /// First classes of the lists: pure ones, blind ones, then the domain's own.
    pub heads: Vec<u32>,
    /// Slots of calls that may change something; which of them never return, and which are blind writes.
    changing: M,
    never: M,
    blind: M,
    /// Slots of pure calls that are possible in every state but one.
    absent: M,
}

/// Heads of the lists that every domain has.
const PURE: usize = 0;
pub const BLIND: usize = 1;
pub const LISTS: usize = 2;
/// In place of a list: pure calls that the domain finds by itself, and those that are possible in every state but one.
const UNLISTED: u32 = NIL;
const ABSENT: u32 = NIL - 1;

impl<M: Mask> Open<M> {
    /// Nothing is open.
    pub fn new(domain: &impl Domain, slots: usize) -> Open<M> {
        let empty = M::empty(slots);
        Open {
            classes: (0..domain.classes()).map(|class| Class::new(domain, class as u32, slots)).collect(),
            slots: vec![Slot { call: 0, class: 0, invoked: 0, returned: 0, next: NIL }; slots],
            heads: vec![NIL; LISTS + domain.lists()],
            capacity: slots,
            changing: empty.clone(),
            never: empty.clone(),
            blind: empty.clone(),
            absent: empty,
        }
    }

    /// Goes over an event, either way: an invocation forwards opens a call, a return forwards closes it.
    #[inline(always)]
    pub fn pass(&mut self, log: &Log, event: u32, forwards: bool) {
        if is_return(event) == forwards {
            self.close(log, call(event));
        } else {
            self.open(log, call(event));
        }
    }

    #[inline(always)]
    fn open(&mut self, log: &Log, call: usize) {
        let step = log.steps[call];
        let slot = step.slot as usize;
        self.slots[slot] =
            Slot { call: call as u32, class: step.class, invoked: step.invoked, returned: step.returned, next: NIL };
        let class = &mut self.classes[step.class as usize];
        let (list, was_idle) = (class.list, class.mask.is_empty());
        class.mask.set(slot);
        if list >= ABSENT {
            if list == ABSENT {
                self.absent.set(slot);
            }
            return;
        }
        let list = list as usize;
        if list != PURE {
            self.changing.set(slot);
            self.blind.set_if(slot, list == BLIND);
            self.never.set_if(slot, step.returned == NEVER);
            self.queue(step.class, slot);
        }
        if was_idle {
            let head = std::mem::replace(&mut self.heads[list], step.class);
            let class = &mut self.classes[step.class as usize];
            (class.next, class.before) = (head, NIL);
            if head != NIL {
                self.classes[head as usize].before = step.class;
            }
        }
    }

    /// Puts a slot among those of its class, by return.
    #[inline(always)]
    fn queue(&mut self, class: u32, slot: usize) {
        let returned = self.slots[slot].returned;
        let (mut at, mut before) = (self.classes[class as usize].first, NIL);
        while at != NIL && self.slots[at as usize].returned < returned {
            (before, at) = (at, self.slots[at as usize].next);
        }
        self.slots[slot].next = at;
        match before {
            NIL => self.classes[class as usize].first = slot as u32,
            _ => self.slots[before as usize].next = slot as u32,
        }
    }

    #[inline(always)]
    fn close(&mut self, log: &Log, call: usize) {
        let step = log.steps[call];
        let slot = step.slot as usize;
        let class = &mut self.classes[step.class as usize];
        class.mask.clear(slot);
        let (idle, next, before, list) = (class.mask.is_empty(), class.next, class.before, class.list);
        if list >= ABSENT {
            if list == ABSENT {
                self.absent.clear(slot);
            }
            return;
        }
        let list = list as usize;
        if list != PURE {
            self.changing.clear(slot);
            self.blind.clear(slot);
            self.never.clear(slot);
            self.unqueue(step.class, slot as u32);
        }
        if idle {
            match before {
                NIL => self.heads[list] = next,
                _ => self.classes[before as usize].next = next,
            }
            if next != NIL {
                self.classes[next as usize].before = before;
            }
        }
    }

    #[inline(always)]
    fn unqueue(&mut self, class: u32, slot: u32) {
        let next = self.slots[slot as usize].next;
        let mut at = self.classes[class as usize].first;
        if at == slot {
            self.classes[class as usize].first = next;
            return;
        }
        while self.slots[at as usize].next != slot {
            at = self.slots[at as usize].next;
        }
        self.slots[at as usize].next = next;
    }

    /// Makes room for classes that have turned up since.
    pub fn grow<D: Domain>(&mut self, domain: &D) {
        let new = self.classes.len()..domain.classes();
        self.classes.extend(new.map(|class| Class::new(domain, class as u32, self.capacity)));
    }

    /// Closes every open call.
    pub fn clear(&mut self, log: &Log) {
        for slot in 0..self.slots.len() {
            let Slot { call, class, .. } = self.slots[slot];
            if self.classes.get(class as usize).is_some_and(|class| class.mask.has(slot)) {
                self.close(log, call as usize);
            }
        }
    }

    /// Puts the open calls of [`Treats::Absent`] into a mask, except for those of one class.
    #[inline(always)]
    pub fn join_absent(&self, but: Option<u32>, mask: &mut M) {
        let words = mask.words_mut().iter_mut().zip(self.absent.words());
        match but {
            None => words.for_each(|(mine, absent)| *mine |= absent),
            Some(class) => {
                let missed = self.classes[class as usize].mask.words();
                words.zip(missed).for_each(|((mine, absent), missed)| *mine |= absent & !missed);
            }
        }
    }

    /// The open pure classes, if the domain wants them listed.
    pub fn pure_classes(&self) -> impl Iterator<Item = u32> {
        self.listed(PURE)
    }

    /// The classes of a list.
    pub fn listed(&self, list: usize) -> impl Iterator<Item = u32> {
        let mut at = self.heads[list];
        std::iter::from_fn(move || {
            let class = at;
            at = self.classes.get(class as usize)?.next;
            Some(class)
        })
    }

    /// The open call of a class that returns first, of those that are not in the mask.
    #[inline(always)]
    pub fn foremost(&self, class: u32, mask: &M) -> Option<usize> {
        let mut at = self.classes[class as usize].first;
        while at != NIL && mask.has(at as usize) {
            at = self.slots[at as usize].next;
        }
        (at != NIL).then_some(at as usize)
    }

    /// True if whatever can be explained from `other` can be explained from `one`: rule 5.
    ///
    /// They hold the same. `one` took no call that changes something and that `other` still has. Every call that only `other`
    /// took is one that never returns, or a blind write that `one` may leave out by rule 2.
    #[inline(always)]
    pub fn beats(&self, one: &Config<M>, other: &Config<M>) -> bool {
        if one.state != other.state || one.last < other.last {
            return false;
        }
        let words = one.mask.words().iter().zip(other.mask.words()).enumerate();
        for (index, (mine, others)) in words {
            let changing = self.changing.words()[index];
            let missing = others & !mine;
            let obliged = missing & !self.never.words()[index];
            if mine & !others & changing != 0 || obliged & !self.blind.words()[index] != 0 {
                return false;
            }
            let mut writes = obliged;
            while writes != 0 {
                let slot = index * 64 + writes.trailing_zeros() as usize;
                if self.slots[slot].invoked > one.last {
                    return false;
                }
                writes &= writes - 1;
            }
        }
        true
    }

    /// How much a configuration has used up: calls that never return, then other calls that change something.
    pub fn used(&self, config: &Config<M>) -> (u32, u32) {
        (config.mask.common(&self.never), config.mask.common(&self.changing) - config.mask.common(&self.blind))
    }
}
