//! One connection to one server, dialled from wherever a host says, with an exact word for what is lost.
//!
//! A transaction happens only if its commit is sent. So whatever ends before that certainly did nothing, however it ended: the
//! server rolls back what its client leaves open. Whatever ends after that is unknown, unless the server says that it failed.

use crate::wire::{Lost, unsent};
use harness::Reason;
use hosts::Dialer;
use mysql_async::prelude::{FromRow, Queryable};
use mysql_async::{Conn, Error, OptsBuilder, Params};
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, UnixListener};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::timeout_at;

/// One connection to one address, made when it is needed.
pub struct Line {
    dialer: Dialer,
    to: SocketAddr,
    settings: String,
    runtime: Runtime,
    talk: Option<Talk>,
}

/// A connection that stands.
pub struct Talk {
    conn: Conn,
    /// Carries what passes between the client and the connection that was dialled; it ends with either of them.
    bridge: JoinHandle<()>,
    /// Whether something was sent that commits a change, since the present operation began.
    committing: bool,
}

impl Line {
    /// A line that is not connected yet. `settings` is a statement that every connection begins with.
    ///
    /// # Panics
    /// If the machine gives no event queue.
    pub fn new(dialer: Dialer, to: SocketAddr, settings: impl Into<String>) -> Line {
        let runtime = Builder::new_current_thread().enable_all().build().expect("an event queue");
        Line { dialer, to, settings: settings.into(), runtime, talk: None }
    }

    /// Does something on the connection, until `deadline`. A line that lost an answer is not used again.
    ///
    /// # Errors
    /// Where it did not come to its end.
    pub fn work<T>(
        &mut self,
        deadline: Instant,
        work: impl AsyncFnOnce(&mut Talk) -> Result<T, Error>,
    ) -> Result<T, Lost> {
        // What the other side has closed meanwhile is seen only once the bridge has run.
        self.runtime.block_on(tokio::task::yield_now());
        if self.talk.as_ref().is_none_or(|talk| talk.bridge.is_finished()) {
            self.hang_up();
            self.connect(deadline)?;
        }
        let talk = self.talk.as_mut().expect("it was connected");
        talk.committing = false;
        let done = self.runtime.block_on(async { timeout_at(deadline.into(), work(talk)).await });
        let lost = match done {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => talk.lost(&error),
            Err(_) => talk.unless_committed(Reason::TimedOut),
        };
        self.hang_up();
        Err(lost)
    }

    fn connect(&mut self, deadline: Instant) -> Result<(), Lost> {
        let patience = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let stream = self.dialer.connect(self.to, patience).map_err(|error| unsent(&error))?;
        let begun = self.runtime.block_on(async {
            let (bridge, end) = bridge(stream).map_err(|error| unsent(&error))?;
            // With a size of packets and a time of waiting it need not ask for them.
            let options = OptsBuilder::default()
                .socket(Some(end))
                .user(Some("perjury"))
                .max_allowed_packet(Some(1 << 24))
                .wait_timeout(Some(3600))
                .init(vec![self.settings.clone()]);
            let conn = timeout_at(deadline.into(), Conn::new(options)).await;
            let conn =
                conn.map_err(|_| Lost::Unsent(Reason::TimedOut))?.map_err(|error| Lost::Unsent(reason(&error)))?;
            Ok(Talk { conn, bridge, committing: false })
        });
        self.talk = Some(begun?);
        Ok(())
    }

    /// Ends the connection at once, so that the server rolls back what it left open.
    fn hang_up(&mut self) {
        if let Some(Talk { conn, bridge, .. }) = self.talk.take() {
            drop(conn);
            bridge.abort();
            let _ = self.runtime.block_on(bridge);
        }
    }
}

/// The library dials by itself, and knows no other address than its own machine's. What it dials here is one end of a bridge, whose other
/// end is a connection that was dialled elsewhere. Returns who carries it, and the name of the socket to dial.
fn bridge(stream: std::net::TcpStream) -> io::Result<(JoinHandle<()>, String)> {
    static BRIDGES: AtomicU64 = AtomicU64::new(0);
    stream.set_nonblocking(true)?;
    let mut far = TcpStream::from_std(stream)?;
    // The zero makes it a name that is no file.
    let end = format!("\0perjury-{}-{}", std::process::id(), BRIDGES.fetch_add(1, Relaxed));
    let listener = UnixListener::bind(&end)?;
    let carry = async move {
        if let Ok((mut near, _)) = listener.accept().await {
            drop(listener);
            let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
        }
    };
    Ok((tokio::spawn(carry), end))
}

impl Talk {
    /// Asks for rows, and changes nothing.
    pub async fn rows<T: FromRow + Send + 'static>(
        &mut self,
        sql: &str,
        bound: impl Into<Params> + Send,
    ) -> Result<Vec<T>, Error> {
        self.conn.exec(sql, bound.into()).await
    }

    /// Changes something within a transaction. Returns how many rows were.
    pub async fn change(&mut self, sql: &str, bound: impl Into<Params> + Send) -> Result<u64, Error> {
        self.conn.exec_drop(sql, bound.into()).await?;
        Ok(self.conn.affected_rows())
    }

    /// Changes something in a transaction of its own. Returns how many rows were.
    pub async fn change_and_commit(&mut self, sql: &str, bound: impl Into<Params> + Send) -> Result<u64, Error> {
        self.committing = true;
        let changed = self.change(sql, bound).await;
        if let Err(Error::Server(error)) = &changed {
            self.committing = !certain(error.code);
        }
        changed
    }

    /// Begins a transaction, at the isolation of the connection.
    pub async fn begin(&mut self) -> Result<(), Error> {
        self.order("START TRANSACTION").await
    }

    /// Ends a transaction, which has changed something or nothing.
    pub async fn commit(&mut self, changed: bool) -> Result<(), Error> {
        self.committing = changed;
        self.order("COMMIT").await
    }

    /// Carries out a statement without parameters.
    pub async fn order(&mut self, sql: &str) -> Result<(), Error> {
        self.conn.query_drop(sql).await
    }

    fn unless_committed(&self, reason: Reason) -> Lost {
        if self.committing { Lost::Open(reason) } else { Lost::Unsent(reason) }
    }

    fn lost(&self, error: &Error) -> Lost {
        match error {
            Error::Server(server) if certain(server.code) => Lost::Unsent(reason(error)),
            _ => self.unless_committed(reason(error)),
        }
    }
}

/// A unique index has such a row already.
pub const DUPLICATE: u16 = 1062;

/// Whether a statement, `COMMIT` among them, certainly changed nothing that the server ended with this error.
fn certain(code: u16) -> bool {
    // The row changed since it was read; too many connections; the node is in no primary component or not ready; no such table; a
    // syntax that nobody understands; a lock, or the wait for other nodes' writes, took too long; a deadlock, which is also what
    // the loser of two nodes' transactions is told, at COMMIT too; the server takes only reads.
    [1020, 1040, 1047, DUPLICATE, 1064, 1146, 1205, 1213, 1290].contains(&code)
}

fn reason(error: &Error) -> Reason {
    Reason::Unavailable(match error {
        Error::Server(error) => format!("{}: {}", error.code, error.message),
        error => format!("the connection broke: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_says_that_it_undid_is_certain_and_what_ends_with_it_is_not() {
        for undone in [1020, 1047, 1062, 1205, 1213] {
            assert!(certain(undone), "{undone}");
        }
        // A commit failed on its way to the others; the server ends; the query or its connection was killed; nobody knows what.
        for open in [1180, 1053, 1317, 1927, 1105] {
            assert!(!certain(open), "{open}");
        }
    }
}
