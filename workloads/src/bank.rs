//! Transfers between accounts. The total must not change, and the ledger must hold every acknowledged transfer once: the
//! total alone is blind to transfers that vanish whole.

use checkers::{AVAILABILITY, BANK_LEDGER, BANK_TOTAL, CONVERGENCE, FAILED_OPS, INVARIANTS};
use harness::{Account, Ask, Op, Rng, Shape, Value, Workload};

/// Money.
pub const BANK: Workload = Workload {
    name: "bank",
    about: "clients move money between accounts and read all balances",
    asks: "bank",
    plan,
    finals,
    checkers: &[FAILED_OPS, BANK_TOTAL, BANK_LEDGER, CONVERGENCE, INVARIANTS, AVAILABILITY],
};

const ACCOUNTS: Account = 6;

fn plan(shape: &Shape, rng: &mut Rng) -> Vec<Ask> {
    let moments = (1..).zip(shape.moments(rng));
    moments
        .map(|(id, (at, client))| {
            let op = if rng.percent(65) { transfer(id, rng) } else { Op::Balances { accounts: ACCOUNTS } };
            Ask::new(at, client, op)
        })
        .collect()
}

fn transfer(id: Value, rng: &mut Rng) -> Op {
    let from = rng.below(ACCOUNTS.into()) as Account;
    let to = (from + 1 + rng.below(u64::from(ACCOUNTS) - 1) as Account) % ACCOUNTS;
    Op::Transfer { id, from, to, amount: 1 + rng.below(20) as Value }
}

fn finals(_: &[Ask]) -> Vec<Op> {
    vec![Op::Balances { accounts: ACCOUNTS }, Op::Ledger { accounts: ACCOUNTS }]
}
