//! PostgreSQL: a primary and standbys that stream from it.
//!
//! Tables are what a programmer would write: a unique name, a register that is updated where it has the expected value, an account
//! as rows of postings that a transaction sums up before it adds to them. How strictly such a transaction is kept apart from others
//! is PostgreSQL's own choice of isolation. Who takes over from a primary that is not heard is not PostgreSQL's business:
//! [`operator`] does what its users' tools do.

mod line;
mod operator;
mod session;

use crate::real::{AS_USER, Choice, Database, Observer, Session, Setup, Stamp, System};
use crate::wire::Lost;
use harness::{MS, Needs, NodeId, SECOND, Settings, View};
use hosts::{Daemon, Dialer};
use line::Line;
use operator::Operator;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

const PORT: u16 = 5432;

/// See the head of this file.
pub const POSTGRES: Database = Database {
    name: "postgres",
    about: "PostgreSQL: one primary takes writes, standbys stream its log; with --nodes 1 a primary alone",
    programs: &["postgres", "initdb", "pg_basebackup", "setpriv"],
    packages: &["postgresql", "util-linux"],
    heavy: false,
    choices: &[
        Choice {
            name: "replication",
            values: &[
                ("async", "a commit is acknowledged before any standby has it, as is usual"),
                ("sync", "a commit waits until one standby shows it (ANY 1, remote_apply)"),
            ],
        },
        Choice {
            name: "failover",
            values: &[
                ("none", "nobody takes over from a primary that is not heard"),
                ("promote", "an operator beside the standbys promotes the one that has most"),
            ],
        },
        Choice {
            name: "reads",
            values: &[
                ("primary", "where a client writes, too"),
                ("standby", "at the standby beside the client; beside the primary at the next one"),
            ],
        },
        Choice {
            name: "isolation",
            values: &[
                ("read-committed", "each statement sees what is committed when it begins, as is usual"),
                ("repeatable-read", "a transaction sees what was committed when it began"),
                ("serializable", "transactions have an effect as if one came after the other"),
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
        ("sessions", "insert or update, and select"),
        ("set", "an element is a row that is inserted and deleted"),
        ("bank", "a transfer is a transaction: it sums the postings of the account that pays, and inserts two"),
        (
            "inventory",
            "a sale is a transaction: it sums the sales of the item, and inserts one; a refund inserts its reverse",
        ),
    ],
    nodes: 3,
    ports: &[PORT],
    // What is not heard for `election_high` is taken for dead. Faults come seldom enough for a copy to be made between two.
    settings: || Settings {
        heartbeat: MS * 100,
        election_low: MS * 700,
        election_high: SECOND,
        request_timeout: SECOND,
        ..Settings::default()
    },
    needs: |choices| if choices["failover"] == "none" { Needs::Node(NodeId(0)) } else { Needs::WhoeverIsLeft },
    panics: &["PANIC: ", "was terminated by signal"],
    make: |setup| Box::new(Postgres::new(setup)),
};

const BOOT: &str = include_str!("boot.sh");
const TABLES: &str = include_str!("tables.sql");

struct Postgres {
    setup: Setup,
    /// A connection to each node that stands as long as its server does. It tells the time of a process that was there before.
    standing: Vec<Mutex<Line>>,
    /// Begins its work when the cluster serves.
    operator: OnceLock<Option<Operator>>,
}

impl System for Postgres {
    fn daemons(&self, node: usize) -> Vec<Daemon> {
        let first = if node == 0 { String::new() } else { self.source(0) };
        let words = ["-c", AS_USER, "perjury", "postgres", "sh", "-c", BOOT, "perjury"].map(str::to_string);
        vec![Daemon::new("postgres", "sh", words.into_iter().chain([first]).chain(self.server(node)))]
    }

    fn ready(&self) -> Result<(), String> {
        let standbys = self.setup.nodes() - 1;
        let primary = &mut self.watcher(0);
        let streaming = number(primary, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'");
        match streaming.map_err(|lost| format!("n1 does not answer: {lost:?}"))? {
            count if count == standbys as i64 => {}
            count => return Err(format!("{count} of {standbys} standbys stream")),
        }
        let tables = primary.work(soon(), async |talk| talk.order(TABLES).await);
        tables.map_err(|lost| format!("n1 cannot make its tables: {lost:?}"))?;
        for node in 1..=standbys {
            let has = number(&mut self.watcher(node), "SELECT count(*) FROM sale");
            has.map_err(|lost| format!("{} has no tables: {lost:?}", NodeId(node as u8)))?;
        }
        for node in 0..=standbys {
            self.clock(node).map_err(|lost| format!("{} tells no time: {lost:?}", NodeId(node as u8)))?;
        }
        self.operator.get_or_init(|| (self.setup.choices["failover"] == "promote").then(|| self.operate()));
        Ok(())
    }

    fn observer(&self, node: usize) -> Observer {
        let mut line = self.watcher(node);
        Box::new(move || {
            let timeline = number(&mut line, TIMELINE)?;
            // Zero stands for a standby, which has its timeline from somebody else.
            let term = u64::try_from(timeline).ok().filter(|term| *term > 0);
            Ok(View { leads: term.is_some(), term, committed: None })
        })
    }

    /// Every connection has a process of its own, with a clock of its own. So two are asked: one that stands, and one that the server
    /// makes now. Where they differ the stamp is as coarse as that.
    fn clock(&self, node: usize) -> Result<Stamp, Lost> {
        let old = number(&mut self.standing[node].lock().unwrap_or_else(PoisonError::into_inner), TIME)?;
        let new = number(&mut self.watcher(node), TIME)?;
        Ok(Stamp { micros: old.min(new), grain: (new - old).abs() + 1 })
    }

    fn is_data(&self, path: &str) -> bool {
        ["base/", "pg_wal/", "pg_xact/"].iter().any(|part| path.starts_with(&format!("postgres/data/{part}")))
    }

    fn session(&self, home: usize) -> Box<dyn Session> {
        Box::new(session::Client::new(&self.setup, home))
    }
}

/// The timeline of a primary, which grows with every promotion; 0 of a standby.
const TIMELINE: &str = "SELECT CASE WHEN pg_is_in_recovery() THEN 0 \
     ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int::bigint END";

/// What a server's clock on the wall says, in microseconds since 1970.
const TIME: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";

impl Postgres {
    fn new(setup: Setup) -> Postgres {
        let line = |node| Line::new(setup.outside.clone(), setup.reach(node, PORT), "");
        let standing = (0..setup.nodes()).map(|node| Mutex::new(line(node))).collect();
        Postgres { standing, operator: OnceLock::new(), setup }
    }

    /// The settings that a node's server is started with, which nobody changes later.
    fn server(&self, node: usize) -> Vec<String> {
        let names: Vec<String> = (0..self.setup.nodes()).map(|node| NodeId(node as u8).to_string()).collect();
        let mut settings = vec![
            format!("listen_addresses = '{}'", self.setup.listen[node]),
            format!("port = {PORT}"),
            format!("cluster_name = {}", names[node]),
        ];
        settings.extend(SERVER.iter().map(|setting| setting.to_string()));
        if self.setup.choices["replication"] == "sync" && names.len() > 1 {
            settings.push("synchronous_commit = remote_apply".to_string());
            settings.push(format!("synchronous_standby_names = 'ANY 1 ({})'", names.join(", ")));
        }
        settings
    }

    /// How a standby connects to the server of a node.
    fn source(&self, node: usize) -> String {
        let at = self.setup.reach(node, PORT);
        format!("host={} port={} user=postgres connect_timeout=2 tcp_user_timeout=2000", at.ip(), at.port())
    }

    fn operate(&self) -> Operator {
        let dialers: &[Dialer] = &self.setup.beside;
        let line = |seat: usize, node| Line::new(dialers[seat].clone(), self.setup.reach(node, PORT), "");
        let nodes = 0..self.setup.nodes();
        let lines = nodes.clone().map(|seat| nodes.clone().map(|node| line(seat, node)).collect()).collect();
        let patience = Duration::from_micros(self.setup.settings.election_high.0);
        Operator::begin(lines, nodes.map(|node| self.source(node)).collect(), patience)
    }

    /// A way to ask a node of itself, which no cut stops.
    fn watcher(&self, node: usize) -> Line {
        Line::new(self.setup.outside.clone(), self.setup.reach(node, PORT), "")
    }
}

/// Small, and quick to see that somebody is gone. What a killed server would leave in `/dev/shm` is a file of its own data here.
const SERVER: &[&str] = &[
    "unix_socket_directories = ''",
    "shared_buffers = 16MB",
    "max_connections = 300",
    "dynamic_shared_memory_type = mmap",
    "wal_keep_size = 64MB",
    "min_wal_size = 8MB",
    "wal_sender_timeout = 2s",
    "wal_receiver_timeout = 2s",
    "wal_receiver_status_interval = 1s",
    "wal_retrieve_retry_interval = 200ms",
    "recovery_init_sync_method = syncfs",
    "jit = off",
];

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(500)
}

/// Asks for one number.
fn number(line: &mut Line, sql: &str) -> Result<i64, Lost> {
    line.work(soon(), async |talk| talk.rows(sql, &[]).await?.first().map_or(Ok(0), |row| row.try_get(0)))
}
