//! What a client may ask, and what it may be answered.

use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// The name of a register, or a name that somebody may own.
pub type Key = CompactString;
/// What a register holds, and how elements, owners and transfers are numbered.
pub type Value = i64;
/// A bank account, counted from zero.
pub type Account = u16;

/// What every account holds before the first transfer.
pub const OPENING_BALANCE: Value = 100;
/// How many of each item there are before the first sale.
pub const OPENING_STOCK: Value = 20;

/// One request of one client. The fields say themselves what they are.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Op {
    /// What does the register hold? Answered by [`Reply::Value`], or by [`Reply::Siblings`] where a system shows conflicts; a
    /// register never written holds nothing.
    Read { key: Key },
    /// Put `value` there, whatever is there. Answered by [`Reply::Done`].
    Write { key: Key, value: Value },
    /// Put `to` there if `from` is there. Answered by [`Reply::Done`] or [`Reply::No`].
    Cas { key: Key, from: Value, to: Value },
    /// Make `owner` the owner of `name` if nobody else is. Answered by [`Reply::Done`] or [`Reply::No`].
    Claim { name: Key, owner: Value },
    /// Who owns the name? Answered by [`Reply::Value`] or [`Reply::Siblings`].
    Owner { name: Key },
    /// Move money unless the source would go below zero. `id` is unique in a run. Answered by [`Reply::Done`] or [`Reply::No`].
    Transfer { id: Value, from: Account, to: Account, amount: Value },
    /// What do accounts `0..accounts` hold, at one moment? Answered by [`Reply::Balances`].
    Balances { accounts: Account },
    /// Every posting of accounts `0..accounts`. Answered by [`Reply::Ledger`].
    Ledger { accounts: Account },
    /// Put an element into the set. Answered by [`Reply::Done`].
    Add { element: Value },
    /// Take an element out of the set, if it is there or not. Answered by [`Reply::Done`].
    Remove { element: Value },
    /// All elements. Answered by [`Reply::Elements`].
    Members,
    /// Take `count` of the item out of stock if so many are left. `id` is unique in a run. Answered by [`Reply::Done`] or [`Reply::No`].
    Sell { item: Key, id: Value, count: Value },
    /// Put back what the sale called `id` took, once. Answered by [`Reply::Done`], or [`Reply::No`] where there is no such sale.
    Refund { item: Key, id: Value },
    /// How many of the item are left? Answered by [`Reply::Value`].
    Stock { item: Key },
}

/// One line of an account: a transfer that took money (`amount` below zero) or brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Posting {
    /// The account that it stands in.
    pub account: Account,
    /// The [`Op::Transfer`] that caused it.
    pub transfer: Value,
    /// Signed.
    pub amount: Value,
}

/// What the system answered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
    /// The condition did not hold and nothing changed: an answer, not a failure.
    No,
    /// A register's value, a name's owner, an item's stock; `None` where there is none.
    Value(Option<Value>),
    /// Several values at once, in ascending order: they were written side by side, and the system leaves it to the client to
    /// choose. Two at least; in place of [`Reply::Value`].
    Siblings(Vec<Value>),
    /// One balance an account, in order.
    Balances(Vec<Value>),
    /// Postings, by account and then in the order in which they were made.
    Ledger(Vec<Posting>),
    /// Elements in ascending order.
    Elements(Vec<Value>),
}

impl Op {
    /// Its name in a history.
    pub fn verb(&self) -> &'static str {
        match self {
            Op::Read { .. } => "read",
            Op::Write { .. } => "write",
            Op::Cas { .. } => "cas",
            Op::Claim { .. } => "claim",
            Op::Owner { .. } => "owner",
            Op::Transfer { .. } => "transfer",
            Op::Balances { .. } => "balances",
            Op::Ledger { .. } => "ledger",
            Op::Add { .. } => "add",
            Op::Remove { .. } => "remove",
            Op::Members => "members",
            Op::Sell { .. } => "sell",
            Op::Refund { .. } => "refund",
            Op::Stock { .. } => "stock",
        }
    }
    /// True if it changes nothing.
    pub fn is_read(&self) -> bool {
        match self {
            Op::Read { .. }
            | Op::Owner { .. }
            | Op::Balances { .. }
            | Op::Ledger { .. }
            | Op::Members
            | Op::Stock { .. } => true,
            Op::Write { .. }
            | Op::Cas { .. }
            | Op::Claim { .. }
            | Op::Transfer { .. }
            | Op::Add { .. }
            | Op::Remove { .. }
            | Op::Sell { .. }
            | Op::Refund { .. } => false,
        }
    }
}
