//! The log: commands in the order in which the leader took them, with a digest of every prefix, so that two nodes can tell
//! whether theirs agree up to some place.

use crate::data::digest;
use harness::{Op, RequestId};
use serde::{Deserialize, Serialize};

/// A command and whose it is.
pub type Entry = (RequestId, Op);

/// A write: everything behind the first `after` entries is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    after: usize,
    entries: Vec<Entry>,
}

impl Record {
    /// Does the write.
    pub fn fold(self, durable: &mut Vec<Entry>) {
        durable.truncate(self.after);
        durable.extend(self.entries);
    }
}

/// A node's log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Log {
    entries: Vec<Entry>,
    /// `prefixes[n]` is a digest of the first `n` entries.
    prefixes: Vec<u64>,
    synced: usize,
}

impl Default for Log {
    fn default() -> Self {
        Log { entries: Vec::new(), prefixes: vec![0], synced: 0 }
    }
}

impl Log {
    /// What a disk holds, all of it synced.
    pub fn of(durable: Vec<Entry>) -> Log {
        let mut log = Log::default();
        durable.into_iter().for_each(|entry| log.push(entry));
        log.synced = log.len();
        log
    }
    /// How many entries there are, synced or not.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// How many of the first entries are synced.
    pub fn synced(&self) -> usize {
        self.synced
    }
    /// All entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
    /// A digest of the first `length` entries, if there are so many.
    pub fn prefix(&self, length: usize) -> Option<u64> {
        self.prefixes.get(length).copied()
    }
    /// Does any entry behind the first `after` come from this request?
    pub fn holds(&self, id: RequestId, after: usize) -> bool {
        self.entries[after..].iter().any(|(own, _)| *own == id)
    }
    /// The first `length` entries are synced.
    pub fn sync(&mut self, length: usize) {
        self.synced = self.synced.max(length);
    }

    /// Adds an entry. What comes back is to be written.
    pub fn append(&mut self, entry: Entry) -> Record {
        let after = self.len();
        self.push(entry.clone());
        Record { after, entries: vec![entry] }
    }
    /// Replaces everything behind the first `keep` entries. What comes back is to be written.
    pub fn replace(&mut self, keep: usize, entries: Vec<Entry>) -> Record {
        self.entries.truncate(keep);
        self.prefixes.truncate(keep + 1);
        self.synced = self.synced.min(keep);
        entries.iter().for_each(|entry| self.push(entry.clone()));
        Record { after: keep, entries }
    }

    fn push(&mut self, entry: Entry) {
        let prefix = self.prefixes[self.len()];
        self.prefixes.push(digest(&(prefix, &entry)));
        self.entries.push(entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u32) -> Entry {
        (RequestId { session: 1, number }, Op::Add { element: number.into() })
    }

    #[test]
    fn a_log_and_its_disk_say_the_same_whatever_is_replaced() {
        let (mut log, mut disk) = (Log::default(), Vec::new());
        (1..=3).for_each(|number| log.append(entry(number)).fold(&mut disk));
        log.sync(3);
        log.replace(1, vec![entry(4)]).fold(&mut disk);
        assert_eq!((log.len(), log.synced(), log.entries()), (2, 1, disk.as_slice()));
        log.sync(2);
        assert_eq!(log, Log::of(disk));
        assert!(log.holds(entry(4).0, 1) && !log.holds(entry(1).0, 1) && !log.holds(entry(2).0, 0));
    }

    #[test]
    fn prefixes_agree_exactly_as_far_as_entries_do() {
        let (one, other) = (Log::of(vec![entry(1), entry(2)]), Log::of(vec![entry(1), entry(3), entry(4)]));
        assert!(one.prefix(1) == other.prefix(1) && one.prefix(2) != other.prefix(2));
        assert_eq!((one.prefix(3), other.prefix(3).is_some()), (None, true));
    }
}
