//! Events by time, then by the order in which they were put in: a heap of packed keys over a slab.
//!
//! The heap moves 16-byte keys only; what they stand for stays where it is. Measured in a spike, this and lazy
//! timers double the speed of a simulation over an ordered map.

use crate::time::Time;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A priority queue of events.
#[derive(Debug)]
pub struct Queue<E> {
    /// Time in the upper 56 bits, then 40 bits of sequence, then 32 bits of place in the slab.
    heap: BinaryHeap<Reverse<u128>>,
    slab: Vec<Option<E>>,
    free: Vec<u32>,
    sequence: u64,
}

impl<E> Queue<E> {
    /// An empty queue.
    pub fn new() -> Self {
        Queue { heap: BinaryHeap::with_capacity(256), slab: Vec::with_capacity(256), free: Vec::new(), sequence: 0 }
    }
    /// Puts an event in; events of one moment come out in the order in which they were put in.
    pub fn push(&mut self, time: Time, event: E) {
        self.sequence += 1;
        assert!(time.0 < 1 << 56 && self.sequence < 1 << 40, "a run is finite");
        let place = match self.free.pop() {
            Some(place) => {
                self.slab[place as usize] = Some(event);
                place
            }
            None => {
                self.slab.push(Some(event));
                (self.slab.len() - 1) as u32
            }
        };
        let key = u128::from(time.0) << 72 | u128::from(self.sequence) << 32 | u128::from(place);
        self.heap.push(Reverse(key));
    }
    /// Takes out the earliest event, if it is not later than `until`.
    pub fn pop(&mut self, until: Time) -> Option<(Time, E)> {
        let Reverse(key) = *self.heap.peek()?;
        let time = Time((key >> 72) as u64);
        if time > until {
            return None;
        }
        self.heap.pop();
        let place = key as u32;
        self.free.push(place);
        Some((time, self.slab[place as usize].take().expect("a key stands for an event")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_by_time_then_by_order_of_arrival() {
        let mut queue = Queue::new();
        for (time, name) in [(5, 'c'), (1, 'a'), (5, 'd'), (2, 'b')] {
            queue.push(Time(time), name);
        }
        let mut out = Vec::new();
        while let Some((_, name)) = queue.pop(Time(5)) {
            out.push(name);
        }
        assert_eq!(out, ['a', 'b', 'c', 'd']);
        queue.push(Time(9), 'e');
        assert_eq!(queue.pop(Time(8)), None);
        assert_eq!(queue.pop(Time(9)), Some((Time(9), 'e')));
    }
}
