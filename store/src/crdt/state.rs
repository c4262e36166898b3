//! The state of a replica: data types whose copies can be joined in any order and any number of times (Shapiro et al. 2011).

use super::elements::Elements;
use crate::replica::Replica;
use harness::op::OPENING_BALANCE;
use harness::{Account, NodeId, Posting, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All that a node holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct State {
    /// Registers and names: the last writer wins, by logical stamps.
    pub cells: Replica,
    /// The set.
    pub elements: Elements,
    /// The bank.
    pub accounts: Accounts,
}

impl State {
    /// Joins another state. `sloppily` is the deliberate bug.
    pub fn join(&mut self, other: &State, sloppily: bool) {
        self.cells.join(&other.cells);
        self.elements.join(&other.elements);
        self.accounts.join(&other.accounts, sloppily);
    }
    /// The state with all of another one. `sloppily` is the deliberate bug.
    pub fn joined(&self, other: &State, sloppily: bool) -> State {
        let mut joined = self.clone();
        joined.join(other, sloppily);
        joined
    }
}

/// Every account is a counter that goes up and down: for each node how much it has put in and taken out. A join takes the
/// larger of each. What the counters do not say, which transfers made them, stands in a journal for each node.
///
/// A transfer changes one node's counters and journal in one step, and states are joined whole, so that every state is
/// made of whole transfers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Accounts {
    counters: BTreeMap<(Account, NodeId), Counter>,
    journals: BTreeMap<NodeId, Arc<Vec<Transfer>>>,
}

/// A transfer, as [`harness::Op::Transfer`] has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Transfer {
    /// Unique in a run.
    pub id: Value,
    /// Who pays.
    pub from: Account,
    /// Who is paid.
    pub to: Account,
    /// How much.
    pub amount: Value,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Counter {
    plus: Value,
    minus: Value,
}

/// What a counter that grows without end stops at, so that a sum of all of them can be shown.
const ENOUGH: Value = 1 << 40;

impl Accounts {
    /// Moves money at `node`, if by what it knows there is enough. True if it did.
    pub fn transfer(&mut self, node: NodeId, transfer: Transfer) -> bool {
        let Transfer { from, to, amount, .. } = transfer;
        if from == to || self.balance(from) < amount {
            return false;
        }
        self.counters.entry((from, node)).or_default().minus += amount;
        self.counters.entry((to, node)).or_default().plus += amount;
        Arc::make_mut(self.journals.entry(node).or_default()).push(transfer);
        true
    }

    /// What an account holds.
    pub fn balance(&self, account: Account) -> Value {
        let counters = self.counters.range((account, NodeId(0))..=(account, NodeId(u8::MAX)));
        OPENING_BALANCE + counters.map(|(_, counter)| counter.plus - counter.minus).sum::<Value>()
    }

    /// The postings of an account, by node and then in the order in which they were made.
    pub fn postings(&self, account: Account) -> impl Iterator<Item = Posting> {
        let posting = move |transfer: &Transfer| {
            let Transfer { id, from, to, amount } = *transfer;
            let amount = if account == from { -amount } else { amount };
            (account == from || account == to).then_some(Posting { account, transfer: id, amount })
        };
        self.journals.values().flat_map(|journal| &**journal).filter_map(posting)
    }

    fn join(&mut self, other: &Accounts, sloppily: bool) {
        for (place, theirs) in &other.counters {
            let mine = self.counters.entry(*place).or_default();
            mine.plus = match sloppily {
                true => (mine.plus + theirs.plus).min(ENOUGH),
                false => mine.plus.max(theirs.plus),
            };
            mine.minus = mine.minus.max(theirs.minus);
        }
        for (node, theirs) in &other.journals {
            let mine = self.journals.entry(*node).or_default();
            if mine.len() < theirs.len() {
                *mine = theirs.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn transfer(id: Value, from: Account, to: Account, amount: Value) -> Transfer {
        Transfer { id, from, to, amount }
    }

    #[test]
    fn joins_are_idempotent_and_two_nodes_may_overdraw_an_account() {
        let (mut one, mut other) = (State::default(), State::default());
        assert!(one.accounts.transfer(NodeId(0), transfer(1, 0, 1, 60)));
        assert!(other.accounts.transfer(NodeId(1), transfer(2, 0, 2, 60)));
        assert!(!one.accounts.transfer(NodeId(0), transfer(3, 0, 1, 60)));
        one.join(&other, false);
        let once = one.clone();
        one.join(&other, false);
        other.join(&one, false);
        assert_eq!((&one, &other), (&once, &once));
        let balances: Vec<Value> = (0..3).map(|account| one.accounts.balance(account)).collect();
        assert_eq!(balances, [-20, 160, 160]);
        let amounts: Vec<Value> = one.accounts.postings(0).map(|posting| posting.amount).collect();
        assert_eq!(amounts, [-60, -60]);
    }

    #[test]
    fn the_deliberate_bug_makes_money() {
        let (mut one, mut other) = (State::default(), State::default());
        one.accounts.transfer(NodeId(0), transfer(1, 0, 1, 60));
        other.join(&one, true);
        other.join(&one, true);
        assert_eq!((other.accounts.balance(0), other.accounts.balance(1)), (40, 220));
    }
}
