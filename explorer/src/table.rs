//! What is explored without being told more: for each design, and for its deliberate bugs, bounds within which it is worth it.
//!
//! One line a design. The bounds are the smallest in which something interesting can happen, and small enough for a minute.

use crate::bounds::{Bounds, Disks, clients, fires};
use crate::space::LINEARIZABLE;
use harness::Settings;
use harness::files::Malformed;
use harness::invariants::{ONE_LEADER, PREFIXES_AGREE};

/// An exploration with a known end.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The design.
    pub design: &'static str,
    /// Its deliberate bug, if one is on.
    pub switch: Option<&'static str>,
    /// How many nodes.
    pub nodes: u8,
    /// What clients ask, as [`clients`] reads it.
    pub ops: &'static str,
    /// The last term.
    pub terms: u64,
    /// Which timers run out, as [`fires`] reads it.
    pub fires: &'static str,
    /// How many processes die.
    pub crashes: u8,
    /// How many messages are lost.
    pub drops: u8,
    /// When writes are synced.
    pub disks: Disks,
    /// Entries in one message, if not the usual number.
    pub entries: Option<usize>,
    /// The promise that is broken; `None` if all are kept.
    pub broken: Option<&'static str>,
}

/// Two of the nodes stand for election, once each. All are alike, so it does not matter which; what three at once would do is not tried.
const TWO: &str = "election@n1=1, election@n2=1";

/// Three nodes, one write and one read, two terms, nothing goes wrong.
const USUAL: Row = Row {
    design: "raft",
    switch: None,
    nodes: 3,
    ops: "write x 1; read x",
    terms: 2,
    fires: TWO,
    crashes: 0,
    drops: 0,
    disks: Disks::AtOnce,
    entries: None,
    broken: None,
};

/// Every row. Of several rows of a design the first is taken where nobody says otherwise.
pub const TABLE: &[Row] = &[
    USUAL,
    Row { fires: "election", terms: 1, crashes: 1, ..USUAL },
    Row { fires: "election", terms: 1, drops: 1, ..USUAL },
    Row { nodes: 2, fires: "election", crashes: 1, disks: Disks::Later, ..USUAL },
    // Nobody need ask anything: whoever votes twice elects two.
    Row {
        switch: Some("vote-not-persisted"),
        ops: "",
        fires: "election",
        terms: 1,
        crashes: 1,
        broken: Some(ONE_LEADER),
        ..USUAL
    },
    Row { switch: Some("ack-before-fsync"), crashes: 1, disks: Disks::Later, broken: Some(ONE_LEADER), ..USUAL },
    // Figure 8 of the paper with three nodes: two of them take turns, and one entry goes into a message. Leaders write an entry when they
    // are elected, so that nobody need ask anything.
    Row {
        switch: Some("commit-old-term"),
        ops: "",
        fires: "election@n1=2, election@n2=2",
        terms: 4,
        entries: Some(1),
        broken: Some(PREFIXES_AGREE),
        ..USUAL
    },
    // A leader answers what the next one's log does not have.
    Row { switch: Some("read-uncommitted"), broken: Some(LINEARIZABLE), ..USUAL },
    // Who has not heard of the write leads, and commits something else in its place.
    Row { switch: Some("vote-for-any-log"), broken: Some(PREFIXES_AGREE), ..USUAL },
    // A new leader does not know yet that what it holds was committed.
    Row { switch: Some("read-before-noop"), broken: Some(LINEARIZABLE), ..USUAL },
    // Two leaders: the one that does not know of the other answers from its old copy.
    Row { design: "raft-localread", broken: Some(LINEARIZABLE), ..USUAL },
    Row { design: "ll-quorum", ops: TWO_READS, fires: "", drops: 1, broken: Some(LINEARIZABLE), ..USUAL },
    // Where links are in order and lose nothing, a reader's own node has what it saw.
    Row { design: "ll-quorum", ops: TWO_READS, fires: "", ..USUAL },
    // Whoever reads writes back what it saw, so what one read saw the next one finds.
    Row { design: "ll-abd", ops: TWO_READS, fires: "", drops: 1, ..USUAL },
    // An acknowledged write is on the writer's own node alone, and the reader's majority does without that one.
    Row {
        design: "ll-abd",
        switch: Some("short-write"),
        ops: TWO_READS,
        fires: "",
        broken: Some(LINEARIZABLE),
        ..USUAL
    },
    Row { design: "sl-async-fo", fires: "failover=2", broken: Some(LINEARIZABLE), ..USUAL },
    Row {
        design: "sl-async-fo",
        ops: "claim a 1; claim a 2",
        fires: "failover=2",
        broken: Some(LINEARIZABLE),
        ..USUAL
    },
];

/// A write, and somebody who looks twice.
const TWO_READS: &str = "write x 1; read x, read x";

/// Deliberate bugs that random faults show in a cell made for them and nowhere else: within the campaign's budget only the explorer finds them.
pub const HIDDEN: &[&str] = &["vote-not-persisted", "commit-old-term"];

/// Deliberate bugs that no exploration shows, because here nobody asks twice and no message arrives twice: only the simulator finds them.
pub const OUT_OF_REACH: &[&str] = &["no-dedup", "count-twice"];

/// Who must find a deliberate bug, in words: this table with its rows, the simulator with the bug's own cell, or both.
pub fn finders(design: &str, switch: &str) -> &'static str {
    let explored = TABLE.iter().any(|row| (row.design, row.switch) == (design, Some(switch)) && row.broken.is_some());
    match (explored, HIDDEN.contains(&switch), OUT_OF_REACH.contains(&switch)) {
        (true, true, false) => "**model**; simulator in this cell only",
        (true, false, false) => "both",
        (false, false, true) => "**simulator only**",
        (false, false, false) => "simulator",
        _ => panic!("{switch} of {design}: a row of the table contradicts what is said of the bug"),
    }
}

/// The row of a design with a deliberate bug, or else of the design.
pub fn row(design: &str, switch: Option<&str>) -> Option<&'static Row> {
    let of = |switch: Option<&str>| TABLE.iter().find(|row| row.design == design && row.switch == switch);
    of(switch).or_else(|| of(None))
}

impl Row {
    /// The bounds.
    ///
    /// # Errors
    /// What in the row cannot be read.
    pub fn bounds(&self) -> Result<Bounds, Malformed> {
        let Row { nodes, terms, crashes, drops, disks, .. } = *self;
        Ok(Bounds { nodes, clients: clients(self.ops)?, terms, fires: fires(self.fires)?, crashes, drops, disks })
    }
    /// The magnitudes of the system's own times.
    pub fn settings(&self) -> Settings {
        let usual = Settings::default();
        let max_entries_per_append = self.entries.unwrap_or(usual.max_entries_per_append);
        Settings { max_entries_per_append, ..usual }
    }
}
