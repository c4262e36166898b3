//! Who promotes a standby: what a tool for high availability does beside PostgreSQL, which leaves it to such tools.
//!
//! It sits beside the standbys and asks the primary from there. Once nobody there has heard it for long enough, the standbys stop to
//! listen to it, and the one that has most is promoted: all of them, so that whatever a primary was told to be safe by one of them is
//! among what the new one has. The old primary is not asked, since it cannot be; whoever sits beside it goes on
//! with it. When it is heard again it is ended, and comes back as a copy of the new one.

use super::line::Line;
use crate::wire::Lost;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Between two looks.
const EVERY: Duration = Duration::from_millis(100);
/// One answer.
const ANSWER: Duration = Duration::from_millis(300);
/// A standby becomes a primary, or stops to listen to one.
const CHANGE: Duration = Duration::from_secs(3);

/// It works until it is dropped.
pub struct Operator {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Operator {
    /// Begins. The first node is the primary. `lines` has a line from beside each node to each, `sources` how a standby connects to
    /// each; after `patience` a silent primary is taken for dead.
    pub fn begin(lines: Vec<Vec<Line>>, sources: Vec<String>, patience: Duration) -> Operator {
        let over = Arc::new(AtomicBool::new(false));
        let mut post = Post { lines, sources, patience, primary: 0, heard: Instant::now() };
        let ended = over.clone();
        let work = move || {
            while !ended.load(Relaxed) {
                post.look();
                thread::sleep(EVERY);
            }
        };
        let thread = thread::Builder::new().name("operator".to_string()).spawn(work).expect("a thread");
        Operator { over, thread: Some(thread) }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        // A panic in there has been told on standard error already.
        self.thread.take().map(JoinHandle::join);
    }
}

struct Post {
    lines: Vec<Vec<Line>>,
    sources: Vec<String>,
    patience: Duration,
    primary: usize,
    heard: Instant,
}

impl Post {
    fn look(&mut self) {
        let (primary, standbys) = (self.primary, self.standbys());
        if standbys.iter().any(|seat| self.number(*seat, primary, "SELECT 1::bigint").is_ok()) {
            self.heard = Instant::now();
            self.gather(&standbys);
        } else if self.heard.elapsed() > self.patience {
            for seat in &standbys {
                if self.take_over(*seat, &standbys).is_ok() {
                    self.heard = Instant::now();
                    return;
                }
            }
        }
    }

    fn standbys(&self) -> Vec<usize> {
        (0..self.lines.len()).filter(|node| *node != self.primary).collect()
    }

    /// Promotes the standby that has most, if all of them are heard from beside `seat`.
    fn take_over(&mut self, seat: usize, standbys: &[usize]) -> Result<(), Lost> {
        let mut best = (-1, self.primary);
        for node in standbys {
            best = best.max((self.detach(seat, *node)?, *node));
        }
        let (_, best) = best;
        let promoted = self.lines[seat][best].work(Instant::now() + CHANGE, async |talk| {
            talk.rows("SELECT pg_promote(true, 2)", &[]).await?.first().map_or(Ok(false), |row| row.try_get(0))
        })?;
        if promoted {
            self.primary = best;
        }
        Ok(())
    }

    /// A standby stops to listen to its primary. Returns how far it has got.
    fn detach(&mut self, seat: usize, node: usize) -> Result<i64, Lost> {
        self.follow(seat, node, "")?;
        self.lines[seat][node].work(Instant::now() + CHANGE, async |talk| {
            loop {
                let row = talk.rows(REACHED, &[]).await?;
                if let [row] = row.as_slice() {
                    return row.try_get(0);
                }
            }
        })
    }

    /// Ends whoever else believes to be a primary, and sees to it that all others follow this one.
    fn gather(&mut self, standbys: &[usize]) {
        let (primary, source) = (self.primary, self.sources[self.primary].clone());
        for node in standbys {
            let follows = format!(
                "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0 WHEN current_setting('primary_conninfo') = '{source}' THEN 1 ELSE 2 END::bigint"
            );
            // Whoever does not answer now is asked again soon.
            let _ = match self.number(primary, *node, &follows) {
                Ok(0) => self.end(primary, *node, &source),
                Ok(2) => self.follow(primary, *node, &source),
                _ => Ok(()),
            };
        }
    }

    /// A standby follows whoever this connection string leads to, at once.
    fn follow(&mut self, seat: usize, node: usize, source: &str) -> Result<(), Lost> {
        let deadline = Instant::now() + ANSWER;
        self.lines[seat][node].work(deadline, async |talk| {
            talk.order(&format!("ALTER SYSTEM SET primary_conninfo = '{source}'")).await?;
            talk.order("SELECT pg_reload_conf()").await
        })
    }

    /// Ends a server at once, and has its data made anew as a copy (see `boot.sh`).
    fn end(&mut self, seat: usize, node: usize, source: &str) -> Result<(), Lost> {
        let order = format!("echo \"{source}\" >../follow; kill -QUIT \"$(head -n 1 postmaster.pid)\"");
        let deadline = Instant::now() + ANSWER;
        self.lines[seat][node]
            .work(deadline, async |talk| talk.order(&format!("COPY (SELECT 1) TO PROGRAM '{order}'")).await)
    }

    fn number(&mut self, seat: usize, node: usize, sql: &str) -> Result<i64, Lost> {
        self.lines[seat][node].work(Instant::now() + ANSWER, async |talk| {
            talk.rows(sql, &[]).await?.first().map_or(Ok(0), |row| row.try_get(0))
        })
    }
}

/// How far a standby has got, once it receives nothing any more; no row before.
const REACHED: &str = "SELECT (GREATEST(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0')::bigint \
     WHERE NOT EXISTS (SELECT FROM pg_stat_wal_receiver)";
