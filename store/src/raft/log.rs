//! The log behind a snapshot, and what of it is on disk.

use super::members::Members;
use crate::machine::Machine;
use harness::{NodeId, Op, RequestId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Counts elections.
pub type Term = u64;
/// A place in the log, counted from 1.
pub type Index = u64;

/// What an entry is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Command {
    /// Nothing: with it a leader begins its term.
    Noop,
    /// What a client asks.
    Ask(RequestId, Op),
    /// From here on these belong to the cluster.
    Members(Members),
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entry {
    /// The term of the leader that made it.
    pub term: Term,
    /// What to apply.
    pub command: Command,
}

/// Everything up to an index, applied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Snapshot {
    /// The last entry that it contains.
    pub index: Index,
    /// That entry's term.
    pub term: Term,
    /// A digest of all entries that it contains.
    pub digest: u64,
    /// Who belongs to the cluster after them, if that ever changed.
    pub members: Option<Members>,
    /// The state after them.
    pub machine: Machine,
}

/// A snapshot and the entries after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Log {
    /// What the log begins with.
    pub snapshot: Arc<Snapshot>,
    entries: Vec<Entry>,
    /// Those of them that change who belongs to the cluster, again.
    changes: Vec<(Index, Members)>,
}

impl Log {
    /// Who belongs to the cluster by the latest entry that says so; `None` if none ever did.
    pub fn members(&self) -> Option<Members> {
        self.changes.last().map(|(_, members)| members).or(self.snapshot.members.as_ref()).cloned()
    }
    /// The same by the entries up to `index`, which is not before the snapshot.
    pub fn members_at(&self, index: Index) -> Option<Members> {
        let change = self.changes.iter().rev().find(|(of, _)| *of <= index);
        change.map(|(_, members)| members).or(self.snapshot.members.as_ref()).cloned()
    }
    /// The latest entry behind the snapshot that changes who belongs to the cluster; 0 if there is none.
    pub fn changed(&self) -> Index {
        self.changes.last().map_or(0, |(index, _)| *index)
    }
    /// The last index.
    pub fn last(&self) -> Index {
        self.snapshot.index + self.entries.len() as Index
    }
    /// Term and index of the last entry: the later of two logs is the larger.
    pub fn end(&self) -> (Term, Index) {
        (self.term(self.last()).expect("the last entry is there"), self.last())
    }
    /// The term of the entry at `index`; `None` if it is beyond the end or lost in the snapshot.
    pub fn term(&self, index: Index) -> Option<Term> {
        match index.checked_sub(self.snapshot.index)? {
            0 => Some(self.snapshot.term),
            offset => self.entries.get(offset as usize - 1).map(|entry| entry.term),
        }
    }
    /// The entry at `index`, which is there.
    pub fn entry(&self, index: Index) -> &Entry {
        &self.entries[(index - self.snapshot.index) as usize - 1]
    }
    /// The entries after `index`, which is not before the snapshot; so many at most.
    pub fn after(&self, index: Index, most: usize) -> &[Entry] {
        let rest = &self.entries[(index - self.snapshot.index) as usize..];
        &rest[..rest.len().min(most)]
    }
    /// Adds one entry at the end.
    pub fn push(&mut self, entry: Entry) {
        if let Command::Members(members) = &entry.command {
            self.changes.push((self.last() + 1, members.clone()));
        }
        self.entries.push(entry);
    }
    /// Drops everything after `index`.
    pub fn truncate(&mut self, index: Index) {
        self.entries.truncate((index - self.snapshot.index) as usize);
        self.changes.retain(|(of, _)| *of <= index);
    }
    /// Puts a snapshot in place of everything up to its index; of the rest, what continues it stays.
    pub fn compact(&mut self, snapshot: Arc<Snapshot>) {
        let continues = self.term(snapshot.index) == Some(snapshot.term);
        let keep = if continues { self.last() - snapshot.index } else { 0 };
        self.entries.drain(..self.entries.len() - keep as usize);
        self.changes.retain(|(of, _)| keep > 0 && *of > snapshot.index);
        self.snapshot = snapshot;
    }
}

/// One write to the disk. Parts are applied in the order in which they stand here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    /// Term and vote, if they changed.
    pub ballot: Option<(Term, Option<NodeId>)>,
    /// A snapshot that replaces everything up to its index.
    pub snapshot: Option<Arc<Snapshot>>,
    /// Entries that replace everything after this index.
    pub entries: Option<(Index, Vec<Entry>)>,
    /// This machine takes the place of one that was dismissed under this number.
    pub since: Option<u64>,
}

impl Record {
    /// Nothing to write?
    pub fn is_empty(&self) -> bool {
        self.ballot.is_none() && self.snapshot.is_none() && self.entries.is_none() && self.since.is_none()
    }
}

/// What the disk holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Durable {
    /// The latest term.
    pub term: Term,
    /// For whom the node voted in it.
    pub vote: Option<NodeId>,
    /// Snapshot and entries.
    pub log: Log,
    /// The number of the dismissal that made room for this machine; 0 if it was there from the beginning.
    pub since: u64,
}

impl Durable {
    /// Adds a record.
    pub fn fold(&mut self, record: Record) {
        self.since = record.since.unwrap_or(self.since);
        if let Some((term, vote)) = record.ballot {
            (self.term, self.vote) = (term, vote);
        }
        if let Some(snapshot) = record.snapshot {
            self.log.compact(snapshot);
        }
        if let Some((after, entries)) = record.entries {
            self.log.truncate(after);
            entries.into_iter().for_each(|entry| self.log.push(entry));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_belongs_to_the_cluster_follows_the_log_through_truncation_snapshot_and_restart() {
        let noop = || Entry { term: 1, command: Command::Noop };
        let of = |nodes| Entry { term: 1, command: Command::Members(Members::first(nodes)) };
        let (mut log, mut disk) = (Log::default(), Durable::default());
        let entries = vec![noop(), of(3), noop(), of(2), of(4)];
        entries.iter().cloned().for_each(|entry| log.push(entry));
        disk.fold(Record { entries: Some((0, entries)), ..Record::default() });
        assert_eq!((log.members(), log.changed()), (Some(Members::first(4)), 5));
        assert_eq!((log.members_at(1), log.members_at(3)), (None, Some(Members::first(3))));
        log.truncate(4);
        disk.fold(Record { entries: Some((4, Vec::new())), ..Record::default() });
        assert_eq!((log.members(), log.changed()), (Some(Members::first(2)), 4));
        let snapshot = Arc::new(Snapshot { index: 3, term: 1, members: log.members_at(3), ..Snapshot::default() });
        log.compact(snapshot.clone());
        disk.fold(Record { snapshot: Some(snapshot), ..Record::default() });
        assert_eq!((log.members(), log.members_at(3)), (Some(Members::first(2)), Some(Members::first(3))));
        log.truncate(3);
        assert_eq!((log.members(), log.changed()), (Some(Members::first(3)), 0));
        disk.fold(Record { entries: Some((3, Vec::new())), ..Record::default() });
        assert_eq!(disk.log, log);
    }
}
