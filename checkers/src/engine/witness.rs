//! The order behind a way through a log.
//!
//! The depth-first pass keeps it while it goes. A frontier keeps only the calls that had to be placed; the others' places follow from
//! the rules: pure calls stand where they were first needed, and a blind write that was left out stands right before the one that was
//! placed after its invocation, so that nobody sees it.

use super::domain::{Domain, NONE, Treats};
use super::log::{Log, call, is_return};
use super::mask::Mask;
use super::open::Open;

/// An order while it is made.
#[derive(Default)]
pub struct Order {
    calls: Vec<u32>,
    /// Blind writes that were left out, each with the index of the call that it stands before.
    left_out: Vec<(u32, u32)>,
    /// Index of the latest blind write.
    latest_write: u32,
}

/// How far an order was made.
#[derive(Clone, Copy, Default)]
pub struct Length {
    calls: u32,
    left_out: u32,
    latest_write: u32,
}

impl Order {
    /// Of at most so many calls.
    pub fn with_capacity(calls: usize) -> Order {
        Order { calls: Vec::with_capacity(calls), ..Order::default() }
    }
    /// How far it is.
    pub fn length(&self) -> Length {
        let (calls, left_out) = (self.calls.len() as u32, self.left_out.len() as u32);
        Length { calls, left_out, latest_write: self.latest_write }
    }
    /// Back to how far it was.
    pub fn cut(&mut self, length: Length) {
        self.calls.truncate(length.calls as usize);
        self.left_out.truncate(length.left_out as usize);
        self.latest_write = length.latest_write;
    }
    /// A call comes next.
    #[inline(always)]
    pub fn place(&mut self, call: u32, treats: Treats) {
        if matches!(treats, Treats::Blind(_)) {
            self.latest_write = self.calls.len() as u32;
        }
        self.calls.push(call);
    }
    /// A blind write stands before the latest one.
    #[inline(always)]
    pub fn leave_out(&mut self, call: u32) {
        self.left_out.push((self.latest_write, call));
    }
    /// The open calls that are in one mask and not in the other come next.
    #[inline(always)]
    pub fn take<M: Mask>(&mut self, open: &Open<M>, before: &M, after: &M) {
        for (index, (after, before)) in after.words().iter().zip(before.words()).enumerate() {
            let mut new = after & !before;
            while new != 0 {
                self.calls.push(open.slots[index * 64 + new.trailing_zeros() as usize].call);
                new &= new - 1;
            }
        }
    }
    /// All calls in order.
    pub fn finish(self) -> Vec<u32> {
        if self.left_out.is_empty() {
            return self.calls;
        }
        let mut all = Vec::with_capacity(self.calls.len() + self.left_out.len());
        let mut from = 0;
        for (before, call) in self.left_out {
            all.extend_from_slice(&self.calls[from..before as usize]);
            all.push(call);
            from = before as usize;
        }
        all.extend_from_slice(&self.calls[from..]);
        all
    }
}

/// The order of calls that comes of placing these, from the state `initial`. `open` has nothing open.
pub fn order<M: Mask, D: Domain>(
    domain: &mut D,
    log: &Log,
    open: &mut Open<M>,
    initial: u32,
    placed: &[u32],
) -> Vec<u32> {
    let mut is_placed = vec![false; log.steps.len()];
    placed.iter().for_each(|call| is_placed[*call as usize] = true);
    let (mut order, mut placed) = (Order::default(), placed.iter());
    let (mut state, mut taken) = (initial, M::empty(open.capacity));
    for event in &log.events {
        let step = log.steps[call(*event)];
        let slot = step.slot as usize;
        if is_return(*event) && !taken.has(slot) {
            let treats = domain.treats(step.class);
            if matches!(treats, Treats::Blind(_)) && !is_placed[call(*event)] {
                order.leave_out(event >> 1);
            } else {
                settle(domain, open, state, &mut taken, &mut order);
                while !taken.has(slot) {
                    let next = *placed.next().expect("whatever returns was placed, pure or left out");
                    let class = log.steps[next as usize].class;
                    state = domain.step(state, class);
                    assert_ne!(state, NONE, "what was placed is possible");
                    order.place(next, domain.treats(class));
                    taken.set(log.steps[next as usize].slot as usize);
                    settle(domain, open, state, &mut taken, &mut order);
                }
            }
        }
        if is_return(*event) {
            taken.clear(slot);
        }
        open.pass(log, *event, true);
    }
    order.finish()
}

/// Takes every pure call that is possible.
fn settle<M: Mask, D: Domain>(domain: &mut D, open: &Open<M>, state: u32, taken: &mut M, order: &mut Order) {
    let before = taken.clone();
    domain.take(state, open, taken);
    order.take(open, &before, taken);
}
