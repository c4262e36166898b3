//! A client: asks the node that it is beside, in SQL, once.

use super::PORT;
use super::line::{DUPLICATE, Line, Talk};
use crate::real::{Session, Setup};
use harness::op::{OPENING_BALANCE, OPENING_STOCK};
use harness::{Account, NodeId, Op, Outcome, Posting, Reply, Value};
use mysql_async::Error;
use std::time::{Duration, Instant};

/// See the head of this file.
pub struct Client {
    home: usize,
    /// A line to each node.
    lines: Vec<Line>,
    /// What stands behind a query whose answer is written back.
    lock: &'static str,
    patience: Duration,
}

impl Client {
    /// A client beside a node, not connected yet.
    pub fn new(setup: &Setup, home: usize) -> Client {
        let patience = Duration::from_micros(setup.settings.request_timeout.0);
        let seconds = patience.as_secs().max(1);
        let (isolation, snapshot) = match setup.choices["isolation"] {
            "serializable" => ("SERIALIZABLE", 0),
            "snapshot" => ("REPEATABLE-READ", 1),
            _ => ("REPEATABLE-READ", 0),
        };
        // A client that has gone must hold up nobody.
        let settings = format!(
            "SET SESSION wsrep_sync_wait={}, wsrep_retry_autocommit=0, tx_isolation='{isolation}', innodb_snapshot_isolation={snapshot}, \
             innodb_lock_wait_timeout={seconds}, idle_transaction_timeout={seconds}",
            setup.choices["wsrep_sync_wait"]
        );
        let line = |node| Line::new(setup.beside[home].clone(), setup.reach(node, PORT), &settings);
        let lock = if setup.choices["updates"] == "locked" { " FOR UPDATE" } else { "" };
        Client { home, lines: (0..setup.nodes()).map(line).collect(), lock, patience }
    }
}

impl Session for Client {
    fn ask(&mut self, op: &Op, first: Option<NodeId>) -> Outcome {
        let deadline = Instant::now() + self.patience;
        let (line, lock) = (&mut self.lines[first.map_or(self.home, NodeId::index)], self.lock);
        let asked = line.work(deadline, async |talk| ask(talk, op, lock).await);
        asked.map_or_else(Outcome::from, Outcome::Ok)
    }
}

async fn ask(talk: &mut Talk, op: &Op, lock: &str) -> Result<Reply, Error> {
    match op {
        Op::Read { key } => {
            let value = number(talk, "SELECT value FROM perjury.register WHERE name = ?", (key.as_str(),)).await?;
            Ok(Reply::Value(value))
        }
        Op::Write { key, value } => {
            let sql = "INSERT INTO perjury.register VALUES (?, ?) ON DUPLICATE KEY UPDATE value = VALUES(value)";
            talk.change_and_commit(sql, (key.as_str(), value)).await.map(|_| Reply::Done)
        }
        Op::Cas { key, from, to } => {
            let sql = "UPDATE perjury.register SET value = ? WHERE name = ? AND value = ?";
            Ok(done(talk.change_and_commit(sql, (to, key.as_str(), from)).await? > 0))
        }
        Op::Claim { name, owner } => claim(talk, name, *owner).await,
        Op::Owner { name } => owner(talk, name).await.map(Reply::Value),
        Op::Add { element } => talk
            .change_and_commit("INSERT IGNORE INTO perjury.element VALUES (?)", (element,))
            .await
            .map(|_| Reply::Done),
        Op::Remove { element } => {
            let sql = "DELETE FROM perjury.element WHERE element = ?";
            talk.change_and_commit(sql, (element,)).await.map(|_| Reply::Done)
        }
        Op::Members => talk.rows("SELECT element FROM perjury.element ORDER BY element", ()).await.map(Reply::Elements),
        Op::Transfer { id, from, to, amount } => transfer(talk, *id, *from, *to, *amount, lock).await,
        Op::Balances { accounts } => balances(talk, *accounts).await,
        Op::Ledger { accounts } => {
            let sql = "SELECT account, transfer, amount FROM perjury.posting WHERE account < ? ORDER BY account, nr";
            let rows = talk.rows::<(Account, Value, Value)>(sql, (accounts,)).await?;
            let posting = |(account, transfer, amount)| Posting { account, transfer, amount };
            Ok(Reply::Ledger(rows.into_iter().map(posting).collect()))
        }
        Op::Sell { item, id, count } => {
            talk.begin().await?;
            take(talk, item, *id, *count, lock).await
        }
        Op::Refund { item, id } => {
            talk.begin().await?;
            let sql = "SELECT CAST(SUM(count) AS SIGNED) FROM perjury.sale WHERE item = ? AND sale = ?";
            let taken = number(talk, sql, (item.as_str(), id)).await?;
            take(talk, item, *id, -taken.unwrap_or(0), lock).await
        }
        Op::Stock { item } => Ok(Reply::Value(Some(stock(talk, item, "").await?.unwrap_or(OPENING_STOCK)))),
    }
}

/// An insert that a unique index refuses is answered by who was there before.
async fn claim(talk: &mut Talk, name: &str, claimant: Value) -> Result<Reply, Error> {
    match talk.change_and_commit("INSERT INTO perjury.claim VALUES (?, ?)", (name, claimant)).await {
        Err(Error::Server(error)) if error.code == DUPLICATE => Ok(done(owner(talk, name).await? == Some(claimant))),
        inserted => inserted.map(|_| Reply::Done),
    }
}

async fn owner(talk: &mut Talk, name: &str) -> Result<Option<Value>, Error> {
    number(talk, "SELECT owner FROM perjury.claim WHERE name = ?", (name,)).await
}

/// Reads both balances and writes what they become.
async fn transfer(
    talk: &mut Talk,
    id: Value,
    from: Account,
    to: Account,
    amount: Value,
    lock: &str,
) -> Result<Reply, Error> {
    talk.begin().await?;
    let paying = balance(talk, from, lock).await?;
    let enough = from != to && paying >= amount;
    if enough {
        let receiving = balance(talk, to, lock).await?;
        for (account, balance, change) in [(from, paying - amount, -amount), (to, receiving + amount, amount)] {
            let sql = "INSERT INTO perjury.account VALUES (?, ?) ON DUPLICATE KEY UPDATE balance = VALUES(balance)";
            talk.change(sql, (account, balance)).await?;
            let sql = "INSERT INTO perjury.posting (account, transfer, amount) VALUES (?, ?, ?)";
            talk.change(sql, (account, id, change)).await?;
        }
    }
    talk.commit(enough).await?;
    Ok(done(enough))
}

/// An account that nobody has paid from or to has no row yet.
async fn balance(talk: &mut Talk, account: Account, lock: &str) -> Result<Value, Error> {
    let sql = format!("SELECT balance FROM perjury.account WHERE account = ?{lock}");
    Ok(number(talk, &sql, (account,)).await?.unwrap_or(OPENING_BALANCE))
}

async fn balances(talk: &mut Talk, accounts: Account) -> Result<Reply, Error> {
    let sql = "SELECT account, balance FROM perjury.account WHERE account < ?";
    let mut balances = vec![OPENING_BALANCE; accounts.into()];
    for (account, balance) in talk.rows::<(Account, Value)>(sql, (accounts,)).await? {
        balances[usize::from(account)] = balance;
    }
    Ok(Reply::Balances(balances))
}

/// Ends a transaction by taking so many of an item, if there are enough; a refund takes fewer than none.
async fn take(talk: &mut Talk, item: &str, id: Value, count: Value, lock: &str) -> Result<Reply, Error> {
    let left = stock(talk, item, lock).await?;
    let enough = count != 0 && left.unwrap_or(OPENING_STOCK) >= count;
    if enough {
        let left = left.unwrap_or(OPENING_STOCK) - count;
        let sql = "INSERT INTO perjury.item VALUES (?, ?) ON DUPLICATE KEY UPDATE stock = VALUES(stock)";
        talk.change(sql, (item, left)).await?;
        let sql = "INSERT INTO perjury.sale (item, sale, count) VALUES (?, ?, ?)";
        talk.change(sql, (item, id, count)).await?;
    }
    talk.commit(enough).await?;
    Ok(done(enough))
}

/// How much of an item is left; none is written down until some of it is sold.
async fn stock(talk: &mut Talk, item: &str, lock: &str) -> Result<Option<Value>, Error> {
    number(talk, &format!("SELECT stock FROM perjury.item WHERE item = ?{lock}"), (item,)).await
}

/// The only number of the only row, if there is one.
async fn number(
    talk: &mut Talk,
    sql: &str,
    bound: impl Into<mysql_async::Params> + Send,
) -> Result<Option<Value>, Error> {
    let rows = talk.rows::<Option<Value>>(sql, bound).await?;
    Ok(rows.into_iter().next().flatten())
}

fn done(done: bool) -> Reply {
    if done { Reply::Done } else { Reply::No }
}
