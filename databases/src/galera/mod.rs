//! MariaDB with Galera: every node takes reads and writes, and a transaction is certified by all of them when it commits.
//!
//! Tables are what a programmer would write: a unique name, a register that is updated where it has the expected value, an account or
//! an item as a row whose number a transaction reads and writes back. How strictly such a transaction is kept apart from others, and
//! whether a node waits until it has what others have committed, are MariaDB's own choices.

mod line;
mod session;

use crate::real::{AS_USER, Choice, Database, Observer, Session, Setup, Stamp, System};
use crate::wire::Lost;
use harness::{MS, Needs, NodeId, SECOND, Settings, Time, View};
use hosts::Daemon;
use line::Line;
use std::time::{Duration, Instant};

const PORT: u16 = 3306;
const GROUP: u16 = 4567;
const INCREMENTS: u16 = 4568;
const COPIES: u16 = 4444;

const PROVIDER: &str = "/usr/lib/galera/libgalera_smm.so";

/// See the head of this file.
pub const GALERA: Database = Database {
    name: "galera",
    about: "MariaDB with Galera: every node takes writes, which the others certify when they are committed",
    programs: &["mariadbd", "mariadb-install-db", "wsrep_sst_rsync", "rsync", "setpriv", PROVIDER],
    packages: &["mariadb-server", "galera-4", "rsync", "util-linux"],
    heavy: true,
    choices: &[
        Choice {
            name: "wsrep_sync_wait",
            values: &[
                ("0", "a node answers from what it has applied, as is usual"),
                ("15", "a statement waits until the node has applied what was committed before anywhere"),
            ],
        },
        Choice {
            name: "isolation",
            values: &[
                (
                    "repeatable-read",
                    "a transaction reads what was committed when it began, and writes over what came since, as is usual",
                ),
                ("snapshot", "the same, but it writes over nothing that came since (innodb_snapshot_isolation)"),
                ("serializable", "a transaction locks what it reads, on its own node"),
            ],
        },
        Choice {
            name: "updates",
            values: &[
                ("computed", "a transaction reads a number, and writes what the client made of it"),
                ("locked", "the same, and it reads FOR UPDATE what it writes"),
            ],
        },
    ],
    mapping: &[
        ("registration", "a name is a row of a table with a unique index; a claim inserts it"),
        (
            "register",
            "a register is a row; insert or update, select, and an update where the value is the expected one",
        ),
        ("read-write", "insert or update, and select"),
        ("sessions", "insert or update, and select, at the node that the client visits"),
        ("set", "an element is a row that is inserted and deleted"),
        (
            "bank",
            "an account is a row with its balance; a transfer is a transaction: it selects both balances, writes what they become, and inserts a posting each",
        ),
        (
            "inventory",
            "an item is a row with its stock; a sale is a transaction: it selects the stock, writes what is left, and inserts the sale; a refund inserts its reverse",
        ),
    ],
    nodes: 3,
    ports: &[PORT, GROUP, INCREMENTS, COPIES],
    // Who is not heard for `election_low` is suspected, and given up at the latest after `election_high`.
    settings: || Settings {
        heartbeat: MS * 250,
        election_low: SECOND,
        election_high: SECOND * 2,
        // It reads its tables twice, once to know how far it has got.
        starting: SECOND * 8,
        request_timeout: SECOND,
        ..Settings::default()
    },
    needs: |_| Needs::WhoeverIsLeft,
    panics: &["got signal", "Assertion failure", "Inconsistency detected", "inconsistent with group"],
    make: |setup| Box::new(Galera(setup)),
};

/// Whom Debian has its servers run as. As root they could not copy each other's files: rsync, as a service, is never root.
const USER: &str = "mysql";
const BOOT: &str = include_str!("boot.sh");
const TABLES: &str = include_str!("tables.sql");

struct Galera(Setup);

impl System for Galera {
    fn daemons(&self, node: usize) -> Vec<Daemon> {
        let first = if node == 0 { "first" } else { "" };
        let words = ["-c", AS_USER, "perjury", USER, "sh", "-c", BOOT, "perjury", first].map(str::to_string);
        vec![Daemon::new("mariadb", "sh", words.into_iter().chain(self.server(node)))]
    }

    fn ready(&self) -> Result<(), String> {
        let nodes = self.0.nodes();
        for node in 0..nodes {
            let said = status(&mut self.watcher(node));
            let status = said.map_err(|lost| format!("{} does not answer: {lost:?}", NodeId(node as u8)))?;
            if !status.serves || status.size != nodes as u64 {
                return Err(format!("{} is not ready among {nodes} nodes", NodeId(node as u8)));
            }
        }
        let deadline = Instant::now() + Duration::from_secs(5);
        let tables = self.watcher(0).work(deadline, async |talk| {
            for statement in TABLES.split(';') {
                talk.order(statement).await?;
            }
            Ok(())
        });
        tables.map_err(|lost| format!("n1 cannot make its tables: {lost:?}"))?;
        for node in 0..nodes {
            let has = self.watcher(node).work(soon(), async |talk| talk.order("SELECT 1 FROM perjury.sale").await);
            has.map_err(|lost| format!("{} has no tables: {lost:?}", NodeId(node as u8)))?;
        }
        Ok(())
    }

    /// Whoever takes writes leads; its term is the number of the last primary component that it was in.
    fn observer(&self, node: usize) -> Observer {
        let (mut line, mut latest) = (self.watcher(node), None);
        Box::new(move || {
            let Status { serves, component, .. } = status(&mut line)?;
            latest = component.or(latest);
            Ok(View { leads: serves, term: latest, committed: None })
        })
    }

    fn clock(&self, node: usize) -> Result<Stamp, Lost> {
        let sql = "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)";
        let rows = self.watcher(node).work(soon(), async |talk| talk.rows::<i64>(sql, ()).await)?;
        let micros = rows.first().copied().unwrap_or(0);
        Ok(Stamp { micros, grain: 1 })
    }

    fn is_data(&self, path: &str) -> bool {
        path.starts_with("mysql/data/ib") || path.starts_with("mysql/data/perjury/")
    }

    fn session(&self, home: usize) -> Box<dyn Session> {
        Box::new(session::Client::new(&self.0, home))
    }
}

impl Galera {
    /// The options that a node's server is started with.
    fn server(&self, node: usize) -> Vec<String> {
        let name = |node: usize| NodeId(node as u8).to_string();
        let listen = self.0.listen[node];
        let data = self.0.dirs[node].join(USER).join("data");
        let members: Vec<String> = (0..self.0.nodes()).map(|node| self.0.reach(node, GROUP).to_string()).collect();
        let Settings { heartbeat, election_low, election_high, .. } = &self.0.settings;
        let times = [
            ("evs.keepalive_period", *heartbeat),
            ("evs.inactive_check_period", *heartbeat),
            ("evs.join_retrans_period", *heartbeat),
            ("evs.suspect_timeout", *election_low),
            ("evs.inactive_timeout", *election_high),
            ("evs.install_timeout", *election_high),
            ("gmcast.peer_timeout", *election_high),
            ("gmcast.time_wait", *election_low),
        ];
        let times: Vec<String> = times.iter().map(|(name, time)| format!("{name}={}", period(*time))).collect();
        let group = format!(
            "gmcast.listen_addr=tcp://{listen}:{GROUP};ist.recv_addr={listen}:{INCREMENTS};gcache.size=16M;{}",
            times.join(";")
        );
        let own = [
            ("datadir", data.display().to_string()),
            ("socket", data.join("socket").display().to_string()),
            ("pid-file", data.join("pid").display().to_string()),
            ("bind-address", listen.to_string()),
            ("port", PORT.to_string()),
            ("wsrep-provider", PROVIDER.to_string()),
            ("wsrep-cluster-address", format!("gcomm://{}", members.join(","))),
            ("wsrep-node-address", listen.to_string()),
            ("wsrep-node-name", name(node)),
            ("wsrep-sst-receive-address", format!("{listen}:{COPIES}")),
            ("wsrep-provider-options", group),
        ];
        let own = own.iter().map(|(name, value)| format!("--{name}={value}"));
        std::iter::once("--no-defaults".to_string())
            .chain(SERVER.iter().map(|option| option.to_string()))
            .chain(own)
            .collect()
    }

    /// A way to ask a node of itself, which no cut stops and which waits for nobody.
    fn watcher(&self, node: usize) -> Line {
        Line::new(self.0.outside.clone(), self.0.reach(node, PORT), "SET SESSION wsrep_sync_wait=0")
    }
}

/// Small, and open to whoever is in its network, which is nobody else.
const SERVER: &[&str] = &[
    "--skip-grant-tables",
    "--skip-name-resolve",
    "--skip-log-bin",
    "--binlog-format=ROW",
    "--default-storage-engine=InnoDB",
    "--innodb-autoinc-lock-mode=2",
    "--innodb-buffer-pool-size=16M",
    "--innodb-log-file-size=16M",
    "--key-buffer-size=1M",
    "--max-connections=200",
    "--performance-schema=0",
    "--log-warnings=1",
    "--wsrep-on=ON",
    "--wsrep-cluster-name=perjury",
    "--wsrep-sst-method=rsync",
    "--wsrep-slave-threads=2",
];

/// A time as Galera writes it.
fn period(time: Time) -> String {
    format!("PT{}.{:03}S", time.0 / 1_000_000, time.0 / 1000 % 1000)
}

/// What a node believes of itself.
#[derive(Debug, Default)]
struct Status {
    /// Whether it is in the primary component, has all that the others have, and takes statements.
    serves: bool,
    /// How many nodes it counts.
    size: u64,
    /// The number of its primary component.
    component: Option<u64>,
}

fn status(line: &mut Line) -> Result<Status, Lost> {
    let sql = "SHOW STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_cluster_status', 'wsrep_local_state_comment', \
               'wsrep_cluster_size', 'wsrep_cluster_conf_id')";
    let rows = line.work(soon(), async |talk| talk.rows::<(String, String)>(sql, ()).await)?;
    let said = |wanted: &str| rows.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.as_str());
    let primary = said("wsrep_cluster_status") == "Primary";
    Ok(Status {
        serves: primary && said("wsrep_ready") == "ON" && said("wsrep_local_state_comment") == "Synced",
        size: said("wsrep_cluster_size").parse().unwrap_or(0),
        component: said("wsrep_cluster_conf_id").parse().ok().filter(|_| primary),
    })
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(500)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_galera_reads_them() {
        assert_eq!(period(MS * 250), "PT0.250S");
        assert_eq!(period(SECOND * 12), "PT12.000S");
    }
}
