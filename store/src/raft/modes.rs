//! What the modes of the family are called, what each node is told, and the deliberate bugs.

use super::Raft;
use super::reads::Reads;
use crate::design::{About, Design, Setup, Switch};
use harness::Time;
use harness::client::Style;

/// What every node is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    pub(super) nodes: u8,
    pub(super) heartbeat: Time,
    pub(super) election: (Time, Time),
    pub(super) batch: usize,
    pub(super) snapshot_every: u64,
    pub(super) reads: Reads,
    /// How long a lease lasts: 0.8 of the shortest election time-out. A leader's clock may run 10 % slow beside a voter's that
    /// runs 10 % fast, and the lease is over first.
    pub(super) lease: Time,
    pub(super) bugs: Bugs,
}

/// Deliberate bugs, all off by default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bugs {
    pub(super) vote_not_persisted: bool,
    pub(super) ack_before_fsync: bool,
    pub(super) commit_old_term: bool,
    pub(super) read_before_noop: bool,
    pub(super) no_dedup: bool,
    pub(super) vote_for_any_log: bool,
    pub(super) read_uncommitted: bool,
    pub(super) snapshot_without_sessions: bool,
    pub(super) two_at_once: bool,
    pub(super) rejoins_as_voter: bool,
}

/// See [`Bugs`].
const SWITCHES: &[Switch] = &[
    Switch { name: "vote-not-persisted", about: "a node forgets at a restart for whom it voted in its term" },
    Switch { name: "ack-before-fsync", about: "a node says what it has written before it is synced" },
    Switch { name: "commit-old-term", about: "a leader commits entries of older terms by counting copies" },
    Switch { name: "read-before-noop", about: "a new leader serves reads before it has committed in its term" },
    Switch { name: "no-dedup", about: "a retried command is applied again" },
    Switch { name: "vote-for-any-log", about: "a node votes for a candidate whose log is behind its own" },
    Switch { name: "read-uncommitted", about: "a leader answers reads from the end of its log, committed or not" },
    Switch { name: "snapshot-without-sessions", about: "a snapshot leaves out what client sessions were told" },
    Switch {
        name: "two-at-once",
        about: "members change without a joint phase, two at a time, by the new majority alone",
    },
    Switch { name: "rejoins-as-voter", about: "a replaced machine takes its predecessor's place and vote at once" },
];

/// A mode that only differs in how it reads.
const fn mode(name: &'static str, about: &'static str, source: &'static str, style: Style) -> About {
    About { name, about, source, style, switches: &[] }
}

impl Design for Raft {
    const MODES: &'static [About] = &[
        About {
            switches: SWITCHES,
            ..mode(
                "raft",
                "Raft: majority log, reads through ReadIndex, client sessions, snapshots, joint changes of members",
                "Ongaro, \"Consensus: bridging theory and practice\" (2014), ch. 3 to 6",
                Style::FollowLeader,
            )
        },
        mode(
            "raft-localread",
            "Raft whose leader answers reads from its own copy, without asking whether it still leads",
            "Ongaro (2014), section 6.4, without its second step; Kingsbury on etcd and Consul (2014)",
            Style::FollowLeader,
        ),
        mode(
            "raft-lease",
            "Raft whose leader reads without asking for as long as a lease by its clock lasts; 10 % of drift are allowed",
            "Ongaro (2014), section 6.4.1; Gray and Cheriton, \"Leases\" (1989)",
            Style::FollowLeader,
        ),
        mode(
            "raft-fr",
            "Raft in which every node answers reads from its own copy, however old",
            "Ongaro (2014), section 6.4, follower reads without ReadIndex; Kleppmann (2017), ch. 5 and 9",
            Style::ReadAtHome,
        ),
    ];

    fn config(setup: &Setup) -> Config {
        let settings = &setup.settings;
        Config {
            nodes: setup.nodes,
            heartbeat: settings.heartbeat,
            election: (settings.election_low, settings.election_high),
            batch: settings.max_entries_per_append,
            snapshot_every: settings.snapshot_every,
            reads: match setup.design {
                "raft-localread" => Reads::Local,
                "raft-lease" => Reads::Lease,
                "raft-fr" => Reads::AtHome,
                _ => Reads::ByIndex,
            },
            lease: Time(settings.election_low.0 * 8 / 10),
            bugs: Bugs {
                vote_not_persisted: setup.has("vote-not-persisted"),
                ack_before_fsync: setup.has("ack-before-fsync"),
                commit_old_term: setup.has("commit-old-term"),
                read_before_noop: setup.has("read-before-noop"),
                no_dedup: setup.has("no-dedup"),
                vote_for_any_log: setup.has("vote-for-any-log"),
                read_uncommitted: setup.has("read-uncommitted"),
                snapshot_without_sessions: setup.has("snapshot-without-sessions"),
                two_at_once: setup.has("two-at-once"),
                rejoins_as_voter: setup.has("rejoins-as-voter"),
            },
        }
    }
}
