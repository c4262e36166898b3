//! A client: finds the primary, and asks each operation in SQL.

use super::PORT;
use super::line::{Bound, Line, Talk};
use crate::real::{Session, Setup};
use crate::wire::Lost;
use harness::op::{OPENING_BALANCE, OPENING_STOCK};
use harness::{Account, NodeId, Op, Outcome, Posting, Reason, Reply, Value};
use std::time::{Duration, Instant};
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};

/// See the head of this file.
pub struct Client {
    home: usize,
    /// A line to each node.
    lines: Vec<Line>,
    /// Whom it last wrote to.
    primary: Option<usize>,
    /// Lines for reads, if they go to standbys.
    standbys: Option<Vec<Line>>,
    patience: Duration,
}

impl Client {
    /// A client beside a node, not connected yet.
    pub fn new(setup: &Setup, home: usize) -> Client {
        let isolation = setup.choices["isolation"];
        let patience = setup.settings.request_timeout.0 / 1000;
        // A client that has gone must hold up nobody. No statement has a time-out at the server: one that waits for a standby
        // would end as a commit that is seen and that no standby has.
        let lines = |isolation: &str| {
            let isolation = isolation.replace('-', "\\ ");
            let options = format!(
                "-c default_transaction_isolation={isolation} -c lock_timeout={patience} \
                 -c idle_in_transaction_session_timeout={patience}"
            );
            let line = |node| Line::new(setup.beside[home].clone(), setup.reach(node, PORT), &options);
            (0..setup.nodes()).map(line).collect::<Vec<_>>()
        };
        // A standby cannot serialize, and refuses who asks for it.
        let at_standby = if isolation == "serializable" { "repeatable-read" } else { isolation };
        Client {
            home,
            lines: lines(isolation),
            primary: None,
            standbys: (setup.choices["reads"] == "standby").then(|| lines(at_standby)),
            patience: Duration::from_millis(patience),
        }
    }

    /// The node that takes writes: the last one that did as long as its connection stands, else the first, from home on, that says
    /// so, as PostgreSQL's own client library finds it by `target_session_attrs`.
    fn primary(&mut self, deadline: Instant) -> Result<usize, Lost> {
        if let Some(primary) = self.primary
            && self.lines[primary].stands()
        {
            return Ok(primary);
        }
        let nodes = self.lines.len();
        for node in (0..nodes).map(|step| (self.home + step) % nodes) {
            let deadline = deadline.min(Instant::now() + self.patience / 4);
            let takes_writes = self.lines[node].work(deadline, async |talk| {
                let rows = talk.rows("SHOW in_hot_standby", &[]).await?;
                rows.first().map_or(Ok(false), |row| row.try_get(0).map(|standby: &str| standby == "off"))
            });
            if takes_writes == Ok(true) {
                self.primary = Some(node);
                return Ok(node);
            }
        }
        self.primary = None;
        Err(Lost::Unsent(Reason::NotLeader { hint: None }))
    }

    /// Where a standby is read.
    fn standby(&self) -> usize {
        match self.primary.unwrap_or(0) == self.home {
            true => (self.home + 1) % self.lines.len(),
            false => self.home,
        }
    }
}

impl Session for Client {
    fn ask(&mut self, op: &Op, first: Option<NodeId>) -> Outcome {
        let deadline = Instant::now() + self.patience;
        let standby = first.map_or_else(|| self.standby(), NodeId::index);
        let line = match &mut self.standbys {
            Some(standbys) if op.is_read() => Ok(&mut standbys[standby]),
            _ => self.primary(deadline).map(|node| &mut self.lines[node]),
        };
        let asked = line
            .and_then(|line| line.work(deadline, async |talk| talk.until_served(async || ask(talk, op).await).await));
        asked.map_or_else(Outcome::from, Outcome::Ok)
    }
}

async fn ask(talk: &Talk, op: &Op) -> Result<Reply, Error> {
    match op {
        Op::Read { key } => value(talk, "SELECT value FROM register WHERE name = $1", &[text(&key.as_str())]).await,
        Op::Write { key, value } => {
            let sql = "INSERT INTO register VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            talk.change_and_commit(sql, &[text(&key.as_str()), number(value)]).await.map(|_| Reply::Done)
        }
        Op::Cas { key, from, to } => {
            let sql = "UPDATE register SET value = $3 WHERE name = $1 AND value = $2";
            let changed = talk.change_and_commit(sql, &[text(&key.as_str()), number(from), number(to)]).await?;
            Ok(done(changed > 0))
        }
        Op::Claim { name, owner } => claim(talk, name, *owner).await,
        Op::Owner { name } => value(talk, "SELECT owner FROM claim WHERE name = $1", &[text(&name.as_str())]).await,
        Op::Add { element } => {
            let sql = "INSERT INTO element VALUES ($1) ON CONFLICT DO NOTHING";
            talk.change_and_commit(sql, &[number(element)]).await.map(|_| Reply::Done)
        }
        Op::Remove { element } => {
            let sql = "DELETE FROM element WHERE element = $1";
            talk.change_and_commit(sql, &[number(element)]).await.map(|_| Reply::Done)
        }
        Op::Members => {
            let rows = talk.rows("SELECT element FROM element ORDER BY element", &[]).await?;
            rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>().map(Reply::Elements)
        }
        Op::Transfer { id, from, to, amount } => transfer(talk, *id, *from, *to, *amount).await,
        Op::Balances { accounts } => balances(talk, *accounts).await,
        Op::Ledger { accounts } => ledger(talk, *accounts).await,
        Op::Sell { item, id, count } => {
            let item = &item.as_str();
            let bound = [text(item), number(&OPENING_STOCK)];
            if_enough(talk, LEFT, &bound, |left| (left >= *count).then_some(*count), item, id).await
        }
        Op::Refund { item, id } => {
            let taken = "SELECT COALESCE(sum(count), 0)::bigint FROM sale WHERE item = $1 AND sale = $2";
            let item = &item.as_str();
            let bound = [text(item), number(id)];
            if_enough(talk, taken, &bound, |taken| (taken != 0).then_some(-taken), item, id).await
        }
        Op::Stock { item } => value(talk, LEFT, &[text(&item.as_str()), number(&OPENING_STOCK)]).await,
    }
}

/// How much of an item is left.
const LEFT: &str = "SELECT $2 - COALESCE(sum(count), 0)::bigint FROM sale WHERE item = $1";

/// An insert that a unique index refuses is answered by who was there before.
async fn claim(talk: &Talk, name: &str, owner: Value) -> Result<Reply, Error> {
    let inserted = talk.change_and_commit("INSERT INTO claim VALUES ($1, $2)", &[text(&name), number(&owner)]).await;
    match inserted {
        Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            let rows = talk.rows("SELECT owner FROM claim WHERE name = $1", &[text(&name)]).await?;
            let holder: Option<Value> = rows.first().map(|row| row.try_get(0)).transpose()?;
            Ok(done(holder == Some(owner)))
        }
        inserted => inserted.map(|_| Reply::Done),
    }
}

async fn transfer(talk: &Talk, id: Value, from: Account, to: Account, amount: Value) -> Result<Reply, Error> {
    let (from, to) = (i32::from(from), i32::from(to));
    talk.begin().await?;
    let sum = "SELECT COALESCE(sum(amount), 0)::bigint FROM posting WHERE account = $1";
    let held: Value = talk.rows(sum, &[(&from, Type::INT4)]).await?.first().map_or(Ok(0), |row| row.try_get(0))?;
    let enough = from != to && OPENING_BALANCE + held >= amount;
    if enough {
        let sql = "INSERT INTO posting (account, transfer, amount) VALUES ($1, $3, -$4::bigint), ($2, $3, $4)";
        talk.change(sql, &[(&from, Type::INT4), (&to, Type::INT4), number(&id), number(&amount)]).await?;
    }
    talk.commit(enough).await?;
    Ok(done(enough))
}

async fn balances(talk: &Talk, accounts: Account) -> Result<Reply, Error> {
    let sql = "SELECT account, sum(amount)::bigint FROM posting WHERE account < $1 GROUP BY account";
    let mut balances = vec![OPENING_BALANCE; accounts.into()];
    for row in talk.rows(sql, &[(&i32::from(accounts), Type::INT4)]).await? {
        balances[row.try_get::<_, i32>(0)? as usize] += row.try_get::<_, Value>(1)?;
    }
    Ok(Reply::Balances(balances))
}

async fn ledger(talk: &Talk, accounts: Account) -> Result<Reply, Error> {
    let sql = "SELECT account, transfer, amount FROM posting WHERE account < $1 ORDER BY account, nr";
    let rows = talk.rows(sql, &[(&i32::from(accounts), Type::INT4)]).await?;
    let posting = |row: &tokio_postgres::Row| {
        let account = row.try_get::<_, i32>(0)? as Account;
        Ok(Posting { account, transfer: row.try_get(1)?, amount: row.try_get(2)? })
    };
    rows.iter().map(posting).collect::<Result<_, _>>().map(Reply::Ledger)
}

/// Looks at a number, and inserts a sale of so many as `take` makes of it.
async fn if_enough(
    talk: &Talk,
    look: &str,
    bound: Bound<'_>,
    take: impl Fn(Value) -> Option<Value>,
    item: &&str,
    id: &Value,
) -> Result<Reply, Error> {
    talk.begin().await?;
    let seen = talk.rows(look, bound).await?.first().map_or(Ok(0), |row| row.try_get(0))?;
    let count = take(seen);
    if let Some(count) = &count {
        let sql = "INSERT INTO sale (item, sale, count) VALUES ($1, $2, $3)";
        talk.change(sql, &[text(item), number(id), number(count)]).await?;
    }
    talk.commit(count.is_some()).await?;
    Ok(done(count.is_some()))
}

/// The only value of the only row, if there is one.
async fn value(talk: &Talk, sql: &str, bound: Bound<'_>) -> Result<Reply, Error> {
    let rows = talk.rows(sql, bound).await?;
    rows.first().map(|row| row.try_get(0)).transpose().map(Reply::Value)
}

fn done(done: bool) -> Reply {
    if done { Reply::Done } else { Reply::No }
}

fn text<'a>(text: &'a &str) -> (&'a (dyn ToSql + Sync), Type) {
    (text, Type::TEXT)
}

fn number(number: &Value) -> (&(dyn ToSql + Sync), Type) {
    (number, Type::INT8)
}
