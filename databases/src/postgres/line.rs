//! One connection to one server, dialled from wherever a host says, with an exact word for what is lost.
//!
//! A transaction happens only if its commit is sent. So whatever ends before that certainly did nothing, however it ended: the
//! server rolls back what its client leaves open. Whatever ends after that is unknown, unless the server says that it failed.

use crate::wire::{Lost, unsent};
use harness::Reason;
use hosts::Dialer;
use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout_at;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error, NoTls, Row};

/// One connection to one address, made when it is needed.
pub struct Line {
    dialer: Dialer,
    to: SocketAddr,
    config: Config,
    runtime: Runtime,
    talk: Option<Talk>,
}

/// A connection that stands.
pub struct Talk {
    client: Client,
    /// Whether something was sent that commits a change, since the present operation began.
    committing: Cell<bool>,
    /// Whether the server warned that a commit stands on its own disk alone.
    alone: Arc<AtomicBool>,
}

/// Until a transaction is tried again that others made roll back.
const AGAIN: Duration = Duration::from_millis(20);

/// What is bound to `$1`, `$2`, …
pub type Bound<'a> = &'a [(&'a (dyn ToSql + Sync), Type)];

impl Line {
    /// A line that is not connected yet. `options` are the server's settings for it, as on its command line.
    ///
    /// # Panics
    /// If the machine gives no event queue.
    pub fn new(dialer: Dialer, to: SocketAddr, options: &str) -> Line {
        let runtime = Builder::new_current_thread().enable_all().build().expect("an event queue");
        let mut config = Config::new();
        config.user("postgres").dbname("postgres").options(options);
        Line { dialer, to, config, runtime, talk: None }
    }

    /// Whether it is connected and the other side has not closed it.
    pub fn stands(&mut self) -> bool {
        // What the other side has closed meanwhile is seen only once its task has run.
        self.runtime.block_on(tokio::task::yield_now());
        self.talk.as_ref().is_some_and(|talk| !talk.client.is_closed())
    }

    /// Does something on the connection, until `deadline`. A line that lost an answer is not used again.
    ///
    /// # Errors
    /// Where it did not come to its end, or where a commit was acknowledged that may not outlive its server.
    pub fn work<T>(&mut self, deadline: Instant, work: impl AsyncFnOnce(&Talk) -> Result<T, Error>) -> Result<T, Lost> {
        if !self.stands() {
            self.connect(deadline)?;
        }
        let talk = self.talk.as_ref().expect("it was connected");
        talk.committing.set(false);
        talk.alone.store(false, Relaxed);
        let done = self.runtime.block_on(async { timeout_at(deadline.into(), work(talk)).await });
        let lost = match done {
            Ok(Ok(value)) if !talk.alone.load(Relaxed) => return Ok(value),
            Ok(Ok(_)) => Lost::Open(Reason::Unavailable("it is committed here, and no standby confirmed it".into())),
            Ok(Err(error)) => talk.lost(&error),
            Err(_) => talk.unless_committed(Reason::TimedOut),
        };
        self.talk = None;
        Err(lost)
    }

    fn connect(&mut self, deadline: Instant) -> Result<(), Lost> {
        self.talk = None;
        let patience = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let stream = self.dialer.connect(self.to, patience).map_err(|error| unsent(&error))?;
        let begun = self.runtime.block_on(async {
            stream.set_nonblocking(true).map_err(|error| unsent(&error))?;
            let stream = TcpStream::from_std(stream).map_err(|error| unsent(&error))?;
            let begun = timeout_at(deadline.into(), self.config.connect_raw(stream, NoTls)).await;
            let (client, connection) =
                begun.map_err(|_| Lost::Unsent(Reason::TimedOut))?.map_err(|error| Lost::Unsent(reason(&error)))?;
            let alone = Arc::new(AtomicBool::new(false));
            tokio::spawn(carry(connection, alone.clone()));
            Ok(Talk { client, committing: Cell::new(false), alone })
        });
        self.talk = Some(begun?);
        Ok(())
    }
}

/// Reads and writes for a connection until it ends.
async fn carry(mut connection: Connection<TcpStream, tokio_postgres::tls::NoTlsStream>, alone: Arc<AtomicBool>) {
    while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
        // "canceling wait for synchronous replication", and the like when the server ends.
        if let AsyncMessage::Notice(notice) = message
            && [SqlState::QUERY_CANCELED, SqlState::ADMIN_SHUTDOWN].contains(notice.code())
        {
            alone.store(true, Relaxed);
        }
    }
}

impl Talk {
    /// Asks for rows, and changes nothing.
    pub async fn rows(&self, sql: &str, bound: Bound<'_>) -> Result<Vec<Row>, Error> {
        self.client.query_typed(sql, bound).await
    }

    /// Changes something within a transaction. Returns how many rows were.
    pub async fn change(&self, sql: &str, bound: Bound<'_>) -> Result<u64, Error> {
        self.client.execute_typed(sql, bound).await
    }

    /// Changes something in a transaction of its own. Returns how many rows were.
    pub async fn change_and_commit(&self, sql: &str, bound: Bound<'_>) -> Result<u64, Error> {
        self.committing.set(true);
        let changed = self.change(sql, bound).await;
        if changed.as_ref().is_err_and(|error| error.code().is_some_and(certain)) {
            self.committing.set(false);
        }
        changed
    }

    /// Begins a transaction, at the isolation of the connection.
    pub async fn begin(&self) -> Result<(), Error> {
        self.client.batch_execute("BEGIN").await
    }

    /// Ends a transaction, which has changed something or nothing.
    pub async fn commit(&self, changed: bool) -> Result<(), Error> {
        self.committing.set(changed);
        self.client.batch_execute("COMMIT").await
    }

    /// Runs statements of an operator, whose success is seen otherwise.
    pub async fn order(&self, sql: &str) -> Result<(), Error> {
        self.client.batch_execute(sql).await
    }

    /// Does something again as long as the server says that it was rolled back because of others.
    pub async fn until_served<T>(&self, attempt: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
        loop {
            self.committing.set(false);
            match attempt().await {
                Err(error) if error.code().is_some_and(others_were_faster) => {
                    self.order("ROLLBACK").await?;
                    tokio::time::sleep(AGAIN).await;
                }
                done => return done,
            }
        }
    }

    fn unless_committed(&self, reason: Reason) -> Lost {
        if self.committing.get() { Lost::Open(reason) } else { Lost::Unsent(reason) }
    }

    fn lost(&self, error: &Error) -> Lost {
        match error.code() {
            Some(code) if certain(code) => Lost::Unsent(reason(error)),
            _ => self.unless_committed(reason(error)),
        }
    }
}

fn others_were_faster(code: &SqlState) -> bool {
    [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED].contains(code)
}

/// Whether a transaction certainly did nothing that the server ended with this error.
fn certain(code: &SqlState) -> bool {
    // By class: data (22), integrity (23), transaction state (25, such as a read-only server), rolled back (40), syntax (42). Then
    // one by one: no room for a connection, the server starts up, a lock that did not come, a statement that was cancelled.
    let class = &code.code()[..2];
    ["22", "23", "25", "40", "42"].contains(&class) && *code != SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN
        || ["53300", "57P03", "55P03", "57014"].contains(&code.code())
}

fn reason(error: &Error) -> Reason {
    match error.as_db_error() {
        Some(error) => Reason::Unavailable(format!("{}: {}", error.code().code(), error.message())),
        None => {
            let source = std::error::Error::source(error);
            let refused = source.and_then(|source| source.downcast_ref::<io::Error>());
            let why = refused.map_or_else(|| error.to_string(), io::Error::to_string);
            Reason::Unavailable(format!("the connection broke: {why}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_that_it_undid_is_certain_and_what_ends_with_it_is_not() {
        let certain = |code| certain(&SqlState::from_code(code));
        for undone in ["40001", "40P01", "23505", "25006", "57P03", "53300", "55P03", "57014"] {
            assert!(certain(undone), "{undone}");
        }
        // The commit may have been done before the server ended, or before the connection did.
        for open in ["57P01", "57P02", "40003", "08006", "XX000", "58030"] {
            assert!(!certain(open), "{open}");
        }
    }
}
