//! What must not be said before it is on disk.

use std::collections::VecDeque;

/// Writes under way, oldest first, each with what waits for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Hold<T> {
    writing: VecDeque<Vec<T>>,
}

impl<T> Default for Hold<T> {
    fn default() -> Self {
        Hold { writing: VecDeque::new() }
    }
}

impl<T> Hold<T> {
    /// A write is under way, and `items` wait for it.
    pub fn write(&mut self, items: Vec<T>) {
        self.writing.push_back(items);
    }
    /// Gives an item back if nothing is being written; else it waits for the latest write.
    pub fn after_writes(&mut self, item: T) -> Option<T> {
        match self.writing.back_mut() {
            Some(latest) => {
                latest.push(item);
                None
            }
            None => Some(item),
        }
    }
    /// Takes `items` for the latest write that is under way; leaves them where there is none.
    pub fn append_after_writes(&mut self, items: &mut Vec<T>) {
        if let Some(latest) = self.writing.back_mut() {
            latest.append(items);
        }
    }
    /// The oldest `records` writes are durable: what waited for them, in order.
    pub fn persisted(&mut self, records: usize) -> Vec<T> {
        self.writing.drain(..records.min(self.writing.len())).flatten().collect()
    }
    /// Everything that waits, whether its write is durable or not: for the deliberate bug that does not wait.
    pub fn hurry(&mut self) -> Vec<T> {
        self.writing.iter_mut().flat_map(std::mem::take).collect()
    }
    /// Everything that waits, to be changed in place.
    pub fn items_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.writing.iter_mut().flatten()
    }
}
