//! What a store keeps, and every operation as a small program over it.
//!
//! A program is two pure functions: which cells an operation must see ([`sees`]), and what it writes and answers once
//! it has seen them ([`decide`]). A design that serves commands one after another runs both at once ([`Data::apply`]); a
//! design without such an order reads the cells from its replicas, decides, and writes back.

use harness::op::{OPENING_BALANCE, OPENING_STOCK};
use harness::{Account, Key, Op, Posting, Reply, Value};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The name of a cell.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Cell {
    /// A register.
    Register(Key),
    /// A name that somebody may own.
    Name(Key),
    /// An account, as the list of its postings.
    Account(Account),
    /// An item that is sold, as the list of its sales and refunds.
    Item(Key),
    /// An element of the set: one cell each, so that adds of different elements never meet.
    Element(Value),
}

/// What a cell holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Content {
    /// A register's value, a name's owner; of an element 1 (in the set) or 0 (removed).
    Number(Value),
    /// An account's postings: transfer and signed amount, oldest first. An item's sales: what each took, and what a refund
    /// gave back, below zero. Copies share them, since they travel whole and are long.
    Postings(Arc<Vec<(Value, Value)>>),
}

/// Which cells an operation must see.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sees {
    /// These.
    Cells(Vec<Cell>),
    /// Every element of the set.
    Elements,
}

/// What an operation does once it has seen its cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// In order.
    pub writes: Vec<(Cell, Content)>,
    /// What the client is told once they are done.
    pub reply: Reply,
}

/// The cells that an operation must see before it can decide; those that it writes are among them.
pub fn sees(op: &Op) -> Sees {
    let accounts = |accounts: Account| (0..accounts).map(Cell::Account).collect();
    Sees::Cells(match op {
        Op::Read { key } | Op::Write { key, .. } | Op::Cas { key, .. } => vec![Cell::Register(key.clone())],
        Op::Claim { name, .. } | Op::Owner { name } => vec![Cell::Name(name.clone())],
        Op::Transfer { from, to, .. } => vec![Cell::Account(*from), Cell::Account(*to)],
        Op::Balances { accounts: count } | Op::Ledger { accounts: count } => accounts(*count),
        Op::Add { element } | Op::Remove { element } => vec![Cell::Element(*element)],
        Op::Members => return Sees::Elements,
        Op::Sell { item, .. } | Op::Refund { item, .. } | Op::Stock { item } => vec![Cell::Item(item.clone())],
    })
}

/// What an operation writes and answers, given what its cells hold.
pub fn decide(op: &Op, data: &Data) -> Decision {
    let answer = |reply| Decision { writes: Vec::new(), reply };
    let write = |cell, number| Decision { writes: vec![(cell, Content::Number(number))], reply: Reply::Done };
    match op {
        Op::Read { key } => answer(Reply::Value(data.number(&Cell::Register(key.clone())))),
        Op::Write { key, value } => write(Cell::Register(key.clone()), *value),
        Op::Cas { key, from, to } => {
            let cell = Cell::Register(key.clone());
            if data.number(&cell) == Some(*from) { write(cell, *to) } else { answer(Reply::No) }
        }
        Op::Claim { name, owner } => {
            let cell = Cell::Name(name.clone());
            match data.number(&cell) {
                None => write(cell, *owner),
                Some(holder) if holder == *owner => answer(Reply::Done),
                Some(_) => answer(Reply::No),
            }
        }
        Op::Owner { name } => answer(Reply::Value(data.number(&Cell::Name(name.clone())))),
        Op::Transfer { id, from, to, amount } => data.transfer(*id, *from, *to, *amount),
        Op::Balances { accounts } => answer(Reply::Balances((0..*accounts).map(|of| data.balance(of)).collect())),
        Op::Ledger { accounts } => answer(Reply::Ledger((0..*accounts).flat_map(|of| data.postings(of)).collect())),
        Op::Add { element } => write(Cell::Element(*element), 1),
        Op::Remove { element } => write(Cell::Element(*element), 0),
        Op::Members => answer(Reply::Elements(data.elements())),
        Op::Sell { item, id, count } => match data.stock(item) - count {
            left if left < 0 => answer(Reply::No),
            _ => data.post(&Cell::Item(item.clone()), *id, *count),
        },
        Op::Refund { item, id } => match data.taken(item, *id) {
            0 => answer(Reply::No),
            taken => data.post(&Cell::Item(item.clone()), *id, -taken),
        },
        Op::Stock { item } => answer(Reply::Value(Some(data.stock(item)))),
    }
}

/// Cells and what they hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Data {
    cells: BTreeMap<Cell, Content>,
}

impl FromIterator<(Cell, Content)> for Data {
    fn from_iter<I: IntoIterator<Item = (Cell, Content)>>(cells: I) -> Data {
        Data { cells: cells.into_iter().collect() }
    }
}

impl Data {
    /// Runs an operation as one indivisible step.
    pub fn apply(&mut self, op: &Op) -> Reply {
        let Decision { writes, reply } = decide(op, self);
        self.cells.extend(writes);
        reply
    }

    /// A digest of all cells.
    pub fn digest(&self) -> u64 {
        digest(self)
    }

    fn number(&self, cell: &Cell) -> Option<Value> {
        match self.cells.get(cell)? {
            Content::Number(number) => Some(*number),
            Content::Postings(_) => None,
        }
    }

    fn posted(&self, cell: &Cell) -> &[(Value, Value)] {
        match self.cells.get(cell) {
            Some(Content::Postings(postings)) => postings,
            _ => &[],
        }
    }

    fn stock(&self, item: &Key) -> Value {
        OPENING_STOCK - self.posted(&Cell::Item(item.clone())).iter().map(|(_, count)| count).sum::<Value>()
    }

    /// What a sale took and no refund gave back.
    fn taken(&self, item: &Key, id: Value) -> Value {
        let of_sale = self.posted(&Cell::Item(item.clone())).iter().filter(|(sale, _)| *sale == id);
        of_sale.map(|(_, count)| count).sum()
    }

    /// One more posting behind those that a cell has.
    fn post(&self, cell: &Cell, id: Value, amount: Value) -> Decision {
        let postings = self.posted(cell).iter().copied().chain([(id, amount)]).collect();
        Decision { writes: vec![(cell.clone(), Content::Postings(Arc::new(postings)))], reply: Reply::Done }
    }

    fn postings(&self, account: Account) -> impl Iterator<Item = Posting> {
        let postings = self.posted(&Cell::Account(account));
        postings.iter().map(move |(transfer, amount)| Posting { account, transfer: *transfer, amount: *amount })
    }

    fn balance(&self, account: Account) -> Value {
        OPENING_BALANCE + self.postings(account).map(|posting| posting.amount).sum::<Value>()
    }

    fn transfer(&self, id: Value, from: Account, to: Account, amount: Value) -> Decision {
        if from == to || self.balance(from) < amount {
            return Decision { writes: Vec::new(), reply: Reply::No };
        }
        let legs = [self.post(&Cell::Account(from), id, -amount), self.post(&Cell::Account(to), id, amount)];
        Decision { writes: legs.into_iter().flat_map(|leg| leg.writes).collect(), reply: Reply::Done }
    }

    fn elements(&self) -> Vec<Value> {
        let cells = self.cells.range(Cell::Element(Value::MIN)..);
        let present = cells.filter(|(_, content)| **content == Content::Number(1));
        present.filter_map(|(cell, _)| if let Cell::Element(element) = cell { Some(*element) } else { None }).collect()
    }
}

/// A stable digest of anything that hashes.
pub fn digest(value: &impl Hash) -> u64 {
    let mut hasher = rustc_hash::FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_does_what_its_operation_promises() {
        let mut data = Data::default();
        let mut run = |op: Op| data.apply(&op);
        assert_eq!(run(Op::Read { key: "x".into() }), Reply::Value(None));
        assert_eq!(run(Op::Cas { key: "x".into(), from: 1, to: 2 }), Reply::No);
        assert_eq!(run(Op::Write { key: "x".into(), value: 1 }), Reply::Done);
        assert_eq!(run(Op::Cas { key: "x".into(), from: 1, to: 2 }), Reply::Done);
        assert_eq!(run(Op::Read { key: "x".into() }), Reply::Value(Some(2)));
        assert_eq!(run(Op::Claim { name: "x".into(), owner: 3 }), Reply::Done);
        assert_eq!(run(Op::Claim { name: "x".into(), owner: 4 }), Reply::No);
        assert_eq!(run(Op::Claim { name: "x".into(), owner: 3 }), Reply::Done);
        assert_eq!(run(Op::Owner { name: "x".into() }), Reply::Value(Some(3)));
        assert_eq!(run(Op::Add { element: 5 }), Reply::Done);
        assert_eq!(run(Op::Add { element: 4 }), Reply::Done);
        assert_eq!(run(Op::Remove { element: 5 }), Reply::Done);
        assert_eq!(run(Op::Members), Reply::Elements(vec![4]));
    }

    #[test]
    fn transfers_keep_the_total_and_no_balance_goes_below_zero() {
        let mut data = Data::default();
        let transfer = |id, amount| Op::Transfer { id, from: 0, to: 1, amount };
        assert_eq!(data.apply(&transfer(1, 70)), Reply::Done);
        assert_eq!(data.apply(&transfer(2, 31)), Reply::No);
        assert_eq!(data.apply(&Op::Balances { accounts: 3 }), Reply::Balances(vec![30, 170, 100]));
        let ledger =
            vec![Posting { account: 0, transfer: 1, amount: -70 }, Posting { account: 1, transfer: 1, amount: 70 }];
        assert_eq!(data.apply(&Op::Ledger { accounts: 3 }), Reply::Ledger(ledger));
    }

    #[test]
    fn nothing_is_sold_that_is_not_there_and_a_sale_is_taken_back_once() {
        let (mut data, item) = (Data::default(), || "tea".into());
        let mut run = |op: Op| data.apply(&op);
        assert_eq!(run(Op::Sell { item: item(), id: 1, count: OPENING_STOCK - 1 }), Reply::Done);
        assert_eq!(run(Op::Sell { item: item(), id: 2, count: 2 }), Reply::No);
        assert_eq!(run(Op::Refund { item: item(), id: 2 }), Reply::No);
        assert_eq!(run(Op::Stock { item: item() }), Reply::Value(Some(1)));
        assert_eq!(run(Op::Refund { item: item(), id: 1 }), Reply::Done);
        assert_eq!(run(Op::Refund { item: item(), id: 1 }), Reply::No);
        assert_eq!(run(Op::Stock { item: item() }), Reply::Value(Some(OPENING_STOCK)));
    }
}
