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
    /// What clients ask.
    pub workload: &'static str,
    /// How the cluster is hurt.
    pub nemesis: &'static str,
    /// For how long.
    pub time: Time,
    /// In which class it must be violated; none where it must hold.
    pub class: Option<&'static str>,
}

/// Every finding.
pub const FINDINGS: &[Finding] = &[ETCD_STALE_READS, REDIS_LOST_WRITES, REDIS_TWO_OWNERS];

const ETCD_STALE_READS: Finding = Finding {
    name: "etcd-stale-reads",
    about: "a serializable read is answered by a leader that was deposed and does not know",
    source: "Kingsbury, Jepsen: etcd and Consul (2014), and Jepsen: etcd 3.4.3 (2020)",
    found: Attempt {
        database: "etcd:reads=serializable",
        workload: "register",
        nemesis: "isolate-leader",
        time: Time(60 * SECOND.0),
        class: Some("stale-after-ack"),
    },
    control: Attempt {
        database: "etcd",
        workload: "register",
        nemesis: "isolate-leader+one-way+kill+pause+clock-fast+clock-slow",
        time: Time(120 * SECOND.0),
        class: None,
    },
};

const CALL_ME_MAYBE_REDIS: &str = "Kingsbury, Call me maybe: Redis (2013, aphyr.com/posts/283)";

const REDIS_LOST_WRITES: Finding = Finding {
    name: "redis-lost-writes",
    about: "a primary that is cut off with its clients acknowledges writes, and they are gone when it follows its successor",
    source: CALL_ME_MAYBE_REDIS,
    found: Attempt {
        database: "redis",
        workload: "set",
        nemesis: "isolate-leader",
        time: Time(60 * SECOND.0),
        class: Some("lost"),
    },
    control: SINGLE_REDIS_KILLED,
};

const REDIS_TWO_OWNERS: Finding = Finding {
    name: "redis-two-owners",
    about: "a primary that is cut off and its successor give the same name to two owners",
    source: CALL_ME_MAYBE_REDIS,
    found: Attempt {
        database: "redis",
        workload: "registration",
        nemesis: "isolate-leader",
        time: Time(60 * SECOND.0),
        class: Some("double-ack"),
    },
    control: Attempt { workload: "registration", ..SINGLE_REDIS_KILLED },
};

/// One server that syncs before it answers has no successor, and a kill takes nothing from its disk.
const SINGLE_REDIS_KILLED: Attempt = Attempt {
    database: "redis:mode=single,fsync=always",
    workload: "set",
    nemesis: "kill",
    time: Time(60 * SECOND.0),
    class: None,
};

/// The finding of this name.
pub fn find(name: &str) -> Option<&'static Finding> {
    FINDINGS.iter().find(|finding| finding.name == name)
}

impl Attempt {
    /// What to expect, in words.
    pub fn expected(&self) -> String {
        self.class.map_or("held".to_string(), |class| format!("violated: {class}"))
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
            assert!(found.class.is_some() && control.class.is_none(), "{name}");
            for attempt in [found, control] {
                plan(&request(attempt)).unwrap_or_else(|usage| panic!("{name}: {usage}"));
            }
        }
    }

    fn request(attempt: &Attempt) -> Request {
        let chosen = crate::assemble::database(attempt.database).expect("it is in the table");
        Request {
            design: attempt.database.to_string(),
            tier: Tier::Netns,
            workload: attempt.workload.to_string(),
            nemesis: attempt.nemesis.to_string(),
            time: attempt.time,
            nodes: chosen.nodes(),
            settings: (chosen.database.settings)(),
            ..Request::default()
        }
    }
}
