//! Published findings about real databases, each with the control that must stay clean.

use databases::DATABASES;
use harness::{SECOND, Time};

/// Something that others have found and published.
pub struct Finding {
    /// As on the command line.
    pub name: &'static str,
    /// What was found, in a sentence.
    pub about: &'static str,
    /// Who found it, when and where.
    pub source: &'static str,
    /// What finds it again.
    pub found: Attempt,
    /// What differs in the one thing that matters, and must hold.
    pub control: Attempt,
}

/// One run.
pub struct Attempt {
    /// A database with what is chosen of it.
    pub database: &'static str,
    /// On how many nodes; as many as are usual for it, where nothing is said.
    pub nodes: Option<u8>,
    /// What clients ask.
    pub workload: &'static str,
    /// How the cluster is hurt.
    pub nemesis: &'static str,
    /// For how long.
    pub time: Time,
    /// How many requests a second; as many as are usual, where nothing is said.
    pub rate: Option<f64>,
    /// In one of which classes it must be violated; none where it must hold.
    pub classes: &'static [&'static str],
}

/// A run in which a promise must be broken in one of these classes.
const fn violated(
    database: &'static str,
    workload: &'static str,
    nemesis: &'static str,
    classes: &'static [&'static str],
) -> Attempt {
    Attempt { classes, ..held(database, workload, nemesis) }
}

/// A run in which every promise must be kept.
const fn held(database: &'static str, workload: &'static str, nemesis: &'static str) -> Attempt {
    Attempt { database, nodes: None, workload, nemesis, time: Time(60 * SECOND.0), rate: None, classes: &[] }
}

/// The same for half a minute, since what needs no fault does not wait for one, and with so many requests a second that some meet.
const fn busily(rate: f64, attempt: Attempt) -> Attempt {
    Attempt { time: Time(30 * SECOND.0), rate: Some(rate), ..attempt }
}

const GALERA_2026: &str = "Kingsbury, Jepsen: MariaDB Galera Cluster 12.1.2 (2026)";

const REDIS_2013: &str = "Kingsbury, Call me maybe: Redis (2013, aphyr.com/posts/283)";

/// One server that syncs before it answers has no successor, and a kill takes nothing from its disk.
const ONE_REDIS: &str = "redis:mode=single,fsync=always";

/// Every finding.
pub const FINDINGS: &[Finding] = &[
    Finding {
        name: "etcd-stale-reads",
        about: "a serializable read is answered by a leader that was deposed and does not know",
        source: "Kingsbury, Jepsen: etcd and Consul (2014), and Jepsen: etcd 3.4.3 (2020)",
        found: violated("etcd:reads=serializable", "register", "isolate-leader", &["stale-after-ack"]),
        control: Attempt {
            time: Time(120 * SECOND.0),
            ..held("etcd", "register", "isolate-leader+one-way+kill+pause+clock-fast+clock-slow")
        },
    },
    Finding {
        name: "redis-lost-writes",
        about: "a primary that is cut off with its clients acknowledges writes, and they are gone when it follows its successor",
        source: REDIS_2013,
        found: violated("redis", "set", "isolate-leader", &["lost"]),
        control: held(ONE_REDIS, "set", "kill"),
    },
    Finding {
        name: "redis-two-owners",
        about: "a primary that is cut off and its successor give the same name to two owners",
        source: REDIS_2013,
        found: violated("redis", "registration", "isolate-leader", &["double-ack"]),
        control: held(ONE_REDIS, "registration", "kill"),
    },
    Finding {
        name: "postgres-lost-transfers",
        about: "a primary that is cut off acknowledges transfers that the promoted standby never had",
        source: "PostgreSQL 15 documentation, 27.2 Log-Shipping Standby Servers: replication is asynchronous, so there is a window for data loss",
        found: violated("postgres:failover=promote,isolation=serializable", "bank", "isolate-leader", &["lost"]),
        control: held("postgres:replication=sync,failover=promote,isolation=serializable", "bank", "isolate-leader"),
    },
    Finding {
        name: "postgres-two-owners",
        about: "a name is given away by the primary that is cut off and by the standby that was promoted in its place",
        source: "PostgreSQL 15 documentation, 27.3 Failover: the old primary must be told that it is one no longer, or both believe to be it",
        found: violated("postgres:failover=promote", "registration", "isolate-leader", &["double-ack"]),
        control: Attempt { nodes: Some(1), ..held("postgres", "registration", "kill+pause") },
    },
    Finding {
        name: "postgres-stale-standby",
        about: "a standby that its primary does not reach answers from what it had",
        source: "PostgreSQL 15 documentation, 27.4 Hot Standby: what a standby shows is behind its primary",
        found: violated("postgres:reads=standby", "register", "isolate-leader", &["stale-after-ack"]),
        control: held("postgres", "register", "isolate-leader"),
    },
    Finding {
        name: "galera-lost-updates",
        about: "without any fault, a transaction that reads a number and writes a new one back destroys what another one has written in between",
        source: GALERA_2026,
        found: busily(150.0, violated("galera", "bank", "calm", &["torn-transfer"])),
        control: busily(150.0, held("galera:updates=locked", "bank", "calm")),
    },
    Finding {
        name: "galera-stale-reads",
        about: "without any fault, a node is read before it has applied what another one acknowledged",
        source: GALERA_2026,
        // A node is behind for about a millisecond, and must be read just then.
        found: busily(600.0, violated("galera", "register", "calm", &["stale-after-ack", "new-then-old"])),
        control: busily(600.0, held("galera:wsrep_sync_wait=15", "register", "calm")),
    },
];

/// The finding of this name.
pub fn find(name: &str) -> Option<&'static Finding> {
    FINDINGS.iter().find(|finding| finding.name == name)
}

impl Attempt {
    /// What to expect, in words.
    pub fn expected(&self) -> String {
        match self.classes {
            [] => "held".to_string(),
            classes => format!("violated: {}", classes.join(" or ")),
        }
    }
    /// The version that its database says it has.
    pub fn version(&self) -> String {
        let kind = self.database.split(':').next().unwrap_or_default();
        let database = DATABASES.iter().find(|database| database.name == kind);
        database.map_or_else(|| "unknown".to_string(), databases::real::version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assemble::{Request, plan};
    use harness::Tier;

    #[test]
    fn every_finding_can_be_planned_and_its_control_uses_the_same_database_and_workload() {
        for Finding { name, found, control, .. } in FINDINGS {
            let kind = |attempt: &Attempt| attempt.database.split(':').next().map(str::to_string);
            assert_eq!((kind(found), found.workload), (kind(control), control.workload), "{name}");
            assert!(!found.classes.is_empty() && control.classes.is_empty(), "{name}");
            for attempt in [found, control] {
                plan(&request(attempt)).unwrap_or_else(|usage| panic!("{name}: {usage}"));
            }
        }
    }

    #[test]
    fn the_page_has_every_finding_with_what_is_expected_and_it_was_so() {
        let page = include_str!("../../docs/findings.md");
        for Finding { name, about, source, found, control } in FINDINGS {
            assert!(page.contains(&format!("- `{name}`: {about}. {source}.")), "{name}");
            for (what, attempt) in [(name.to_string(), found), (format!("{name}, control"), control)] {
                let row = page.lines().find(|line| line.starts_with(&format!("| {what} |")));
                let cells: Vec<&str> = row.expect(&what).split(" | ").collect();
                assert_eq!(cells[1], format!("`{}`", attempt.database), "{what}");
                assert_eq!((cells[3], cells[4]), (attempt.workload, attempt.nemesis), "{what}");
                let (expected, observed) = (cells[5], cells[6]);
                let seen = match attempt.classes {
                    [] => observed == "held",
                    classes => classes.iter().any(|class| observed.contains(class)),
                };
                assert!(expected == attempt.expected() && seen, "{what}: {observed}");
            }
        }
    }

    fn request(attempt: &Attempt) -> Request {
        let chosen = crate::systems::database(attempt.database).expect("it is in the table");
        Request {
            design: attempt.database.to_string(),
            tier: Tier::Netns,
            workload: attempt.workload.to_string(),
            nemesis: attempt.nemesis.to_string(),
            time: attempt.time,
            rate: attempt.rate.unwrap_or(Request::default().rate),
            nodes: attempt.nodes.unwrap_or(chosen.nodes()),
            settings: (chosen.database.settings)(),
            ..Request::default()
        }
    }
}
