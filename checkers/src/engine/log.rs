//! The calls on one object as events in order, each call with the slot that it has while it is open.

use std::ops::Range;

/// The return of a call that never returns.
pub const NEVER: u32 = u32::MAX;

/// One call.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// What it does, as the domain numbers that.
    pub class: u32,
    /// Place of its invocation, plus one.
    pub invoked: u32,
    /// Place of its return, plus one; [`NEVER`].
    pub returned: u32,
    /// Shared by no two calls that are open at once.
    pub slot: u32,
}

/// The calls on one object.
pub struct Log {
    /// Invocations and returns in order: the call's index, doubled, plus one for a return.
    pub events: Vec<u32>,
    /// By index of the call. Calls that tell nothing have no events.
    pub steps: Vec<Step>,
    /// How many slots there are.
    pub slots: usize,
    /// How many slots a window of this log may need at most: see [`Log::window`].
    pub window_slots: usize,
}

/// The call of an event.
#[inline(always)]
pub fn call(event: u32) -> usize {
    (event >> 1) as usize
}

/// True if the event is a return.
#[inline(always)]
pub fn is_return(event: u32) -> bool {
    event & 1 == 1
}

impl Log {
    /// Of calls whose events are in order, see [`ordered`]. Each is given as class, place of its invocation and place of its return.
    ///
    /// # Panics
    /// If a call returns before it is invoked.
    pub fn new(events: Vec<u32>, calls: impl Iterator<Item = (u32, u32, u32)>) -> Log {
        let step = |(class, invoked, returned): (u32, u32, u32)| {
            assert!(returned == NEVER || returned < NEVER - 1, "a place is below 2^32 - 2");
            let returned = if returned == NEVER { NEVER } else { returned + 1 };
            assert!(invoked < returned, "a call returns before it is invoked");
            Step { class, invoked: invoked + 1, returned, slot: 0 }
        };
        Log::assign(events, calls.map(step).collect())
    }

    /// Gives every call its slot.
    fn assign(events: Vec<u32>, mut steps: Vec<Step>) -> Log {
        let (mut free, mut slots, mut passing, mut most, mut staying) = (Vec::with_capacity(64), 0, 0, 0, 0);
        for event in &events {
            let step = &mut steps[call(*event)];
            if is_return(*event) {
                free.push(step.slot);
                passing -= 1;
                continue;
            }
            step.slot = free.pop().unwrap_or_else(|| {
                slots += 1;
                slots - 1
            });
            if step.returned == NEVER {
                staying += 1;
            } else {
                passing += 1;
                most = most.max(passing);
            }
        }
        // What is open at the start of a window stays open to its end, beside what is invoked in it.
        Log { events, steps, slots: slots as usize, window_slots: 2 * most + staying }
    }

    /// Place of an event, plus one.
    #[inline(always)]
    pub fn place(&self, event: u32) -> u32 {
        let step = &self.steps[call(event)];
        if is_return(event) { step.returned } else { step.invoked }
    }

    /// Index of the event that is the return of a call.
    pub fn return_of(&self, call: u32) -> usize {
        let returned = self.steps[call as usize].returned;
        self.events.partition_point(|event| self.place(*event) < returned)
    }

    /// The calls that are open somewhere in a window of events, as a log of their own whose calls are `calls`. Those that were
    /// open at its start or are open at its end never return.
    pub fn window(&self, range: Range<usize>, tells: impl Fn(u32) -> bool) -> (Log, Vec<u32>) {
        let begin = self.events.get(range.start).map_or(NEVER, |event| self.place(*event));
        let end = self.events[..range.end].last().map_or(0, |event| self.place(*event));
        let mut calls: Vec<u32> =
            self.open_at(range.start).into_iter().filter(|call| tells(self.steps[*call as usize].class)).collect();
        let (mut events, before) = (Vec::new(), calls.len() as u32);
        events.extend((0..before).map(|local| local << 1));
        let mut locals: rustc_hash::FxHashMap<u32, u32> = rustc_hash::FxHashMap::default();
        for event in &self.events[range] {
            let (index, step) = ((event >> 1), &self.steps[call(*event)]);
            if is_return(*event) {
                if let Some(local) = locals.get(&index) {
                    events.push((local << 1) | 1);
                }
            } else if step.returned <= end || tells(step.class) {
                locals.insert(index, calls.len() as u32);
                events.push((calls.len() as u32) << 1);
                calls.push(index);
            }
        }
        let returns = |step: &Step| step.returned <= end && step.invoked >= begin;
        let step = |index: &u32| {
            let step = self.steps[*index as usize];
            Step { returned: if returns(&step) { step.returned } else { NEVER }, ..step }
        };
        let steps = calls.iter().map(step).collect();
        (Log::assign(events, steps), calls)
    }

    /// The calls that are open before an event, ascending.
    pub fn open_at(&self, event: usize) -> Vec<u32> {
        let mut open: Vec<u32> = Vec::new();
        let (mut seen, mut left) = (vec![false; self.slots], self.slots);
        // A slot belongs to the call that was invoked in it last.
        for earlier in self.events[..event].iter().rev() {
            let step = &self.steps[call(*earlier)];
            if std::mem::replace(&mut seen[step.slot as usize], true) {
                continue;
            }
            if !is_return(*earlier) {
                open.push(earlier >> 1);
            }
            left -= 1;
            if left == 0 {
                break;
            }
        }
        open.sort_unstable();
        open
    }
}

/// The events of calls in order of their places: by counting where these are dense, else by sorting. Of each call the places of its
/// invocation and of its return; `None` for one that tells nothing and has no events. Places are of any one order; no two are equal.
pub fn ordered(calls: impl ExactSizeIterator<Item = Option<(u32, u32)>> + Clone) -> Vec<u32> {
    let (mut least, mut most) = (u32::MAX, 0);
    for (invoked, returned) in calls.clone().flatten() {
        least = least.min(invoked);
        most = most.max(if returned == NEVER { invoked } else { returned });
    }
    ordered_between(least, most, calls)
}

/// The same where all places lie between these two, both included.
pub fn ordered_between(least: u32, most: u32, calls: impl ExactSizeIterator<Item = Option<(u32, u32)>>) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    let (count, span) = (calls.len(), most.saturating_sub(least) as usize);
    let numbered =
        (0..).zip(calls).filter_map(|(index, call)| call.map(|(invoked, returned)| (index, invoked, returned)));
    if span <= 4 * count + 64 {
        let mut places = vec![NONE; span + 1];
        for (index, invoked, returned) in numbered {
            places[(invoked - least) as usize] = index << 1;
            if returned != NEVER {
                places[(returned - least) as usize] = index << 1 | 1;
            }
        }
        places.retain(|event| *event != NONE);
        return places;
    }
    let mut places = Vec::with_capacity(2 * count);
    for (index, invoked, returned) in numbered {
        places.push((invoked, index << 1));
        if returned != NEVER {
            places.push((returned, index << 1 | 1));
        }
    }
    places.sort_unstable();
    places.into_iter().map(|(_, event)| event).collect()
}
