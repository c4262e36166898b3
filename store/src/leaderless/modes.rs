//! The members of the family, and the numbers that set them apart.

use crate::data::{Cell, Sees, digest};
use crate::design::{About, Setup, Switch};
use harness::client::Style;
use harness::{NodeId, Time};

pub(super) const MODES: &[About] = &[
    About {
        name: "ll-weak",
        about: "leaderless, one node is read and one written, the rest hear of it later",
        source: "DeCandia et al., \"Dynamo\" (2007), with R = W = 1; Bailis et al., \"Probabilistically bounded staleness\" (2012)",
        style: Style::Sticky,
        switches: &[],
    },
    About {
        name: "ll-quorum",
        about: "leaderless, reads and writes at a majority, reads do not write back",
        source: "Attiya, Bar-Noy and Dolev (1995) without the write-back of reads; Dynamo (2007)",
        style: Style::Sticky,
        switches: &[],
    },
    About {
        name: "ll-quorum-wall",
        about: "leaderless, reads and writes at a majority, the last write by the clock on the wall wins",
        source: "Cassandra's time stamps; Kingsbury, \"The trouble with timestamps\" (2013)",
        style: Style::Sticky,
        switches: &[],
    },
    About {
        name: "ll-abd",
        about: "leaderless, reads and writes at a majority, reads write back what not all had",
        source: "Attiya, Bar-Noy and Dolev, \"Sharing memory robustly in message-passing systems\" (1995); Lynch and Shvartsman (1997)",
        style: Style::Sticky,
        switches: &[
            Switch { name: "count-twice", about: "an answer that arrives twice counts as the answers of two nodes" },
            Switch { name: "short-write", about: "a write waits for one node less than a majority" },
        ],
    },
    About {
        name: "ll-rowa",
        about: "leaderless, any one node is read and all are written",
        source: "Gifford, \"Weighted voting for replicated data\" (1979), with R = 1 and W = N; read one, write all in Bernstein, Hadzilacos and Goodman (1987), ch. 8",
        style: Style::Sticky,
        switches: &[],
    },
    About {
        name: "ll-sloppy",
        about: "leaderless, two of a key's three home nodes, or whoever coordinates in place of those that are silent",
        source: "DeCandia et al., \"Dynamo\" (2007), sections 4.5 and 4.6: sloppy quorums and hinted handoff",
        style: Style::Sticky,
        switches: &[],
    },
];

/// How many home nodes a cell has in `ll-sloppy`.
const HOMES: u8 = 3;

/// What every node is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    pub(super) nodes: u8,
    pub(super) gossip: Time,
    /// A coordinator forgets an operation after this; its client has given up before.
    pub(super) forget: Time,
    /// How many nodes have a say about a cell.
    homes: u8,
    /// How many of these a read and a write wait for.
    pub(super) reads: u32,
    pub(super) writes: u32,
    /// How many a write would wait for without a deliberate bug.
    pub(super) owed: u32,
    pub(super) stamps: Stamps,
    pub(super) write_back: bool,
    /// After this the coordinator stands in for home nodes that are silent; `None`: never.
    pub(super) patience: Option<Time>,
    /// The deliberate bug.
    pub(super) count_twice: bool,
}

/// What makes one write larger than another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stamps {
    /// One more than the largest that was read.
    Counter,
    /// The clock on the coordinator's wall.
    Wall,
}

impl Config {
    pub(super) fn new(setup: &Setup) -> Config {
        let settings = &setup.settings;
        let sloppy = setup.design == "ll-sloppy";
        let homes = if sloppy { HOMES.min(setup.nodes) } else { setup.nodes };
        let majority = u32::from(homes) / 2 + 1;
        let (reads, owed) = match setup.design {
            "ll-weak" => (1, 1),
            "ll-rowa" => (1, u32::from(homes)),
            _ => (majority, majority),
        };
        let short = if setup.has("short-write") { (owed - 1).max(1) } else { owed };
        Config {
            nodes: setup.nodes,
            gossip: settings.election_low,
            forget: settings.request_timeout * 2,
            homes,
            reads,
            writes: short,
            owed,
            stamps: if setup.design == "ll-quorum-wall" { Stamps::Wall } else { Stamps::Counter },
            write_back: setup.design == "ll-abd",
            // Longer than a round trip on links that are late by half an election time-out, and so short that a client
            // still waits.
            patience: sloppy.then(|| settings.election_low / 5 * 6),
            count_twice: setup.has("count-twice"),
        }
    }

    /// The nodes that have a say about a cell, as bits.
    pub(super) fn homes(&self, cell: &Cell) -> u32 {
        match self.homes == self.nodes {
            true => self.everybody(),
            false => self.homes_from((digest(cell) % u64::from(self.nodes)) as u8),
        }
    }

    fn homes_from(&self, first: u8) -> u32 {
        (first..first + self.homes).map(|node| 1 << (node % self.nodes)).sum()
    }

    fn everybody(&self) -> u32 {
        (0..self.nodes).map(|node| 1 << node).sum()
    }

    /// The sets of home nodes of each of which a quorum must answer before these cells are known.
    pub(super) fn groups(&self, sees: &Sees) -> Vec<u32> {
        let mut groups: Vec<u32> = match sees {
            Sees::Cells(cells) => cells.iter().map(|cell| self.homes(cell)).collect(),
            Sees::Elements => (0..self.nodes).map(|first| self.homes_from(first)).collect(),
        };
        groups.sort_unstable();
        groups.dedup();
        groups
    }
}

/// A node as one bit.
pub(super) fn bit(node: NodeId) -> u32 {
    1 << node.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::Settings;

    fn config(design: &'static str, nodes: u8, switch: &str) -> Config {
        Config::new(&Setup { design, nodes, settings: Settings::default(), switches: vec![switch.to_string()] })
    }

    #[test]
    fn quorums_meet_where_they_promise_to() {
        for nodes in 1..=7 {
            for mode in MODES {
                let config = config(mode.name, nodes, "");
                let meet = config.reads + config.writes > u32::from(config.homes);
                assert_eq!(meet, mode.name != "ll-weak" || nodes == 1, "{} on {nodes}", mode.name);
                let cell = Cell::Element(4);
                assert_eq!(config.homes(&cell).count_ones(), u32::from(config.homes));
                assert_eq!(config.groups(&Sees::Cells(vec![cell.clone(), cell])).len(), 1);
            }
        }
        let short = config("ll-abd", 5, "short-write");
        assert_eq!((short.reads, short.writes), (3, 2));
    }

    #[test]
    fn all_elements_are_known_by_a_quorum_of_every_three_home_nodes() {
        let config = config("ll-sloppy", 5, "");
        let groups = config.groups(&Sees::Elements);
        assert_eq!(groups.len(), 5);
        for element in 0..50 {
            assert!(groups.contains(&config.homes(&Cell::Element(element))));
        }
    }
}
