//! Money is neither made nor lost: every snapshot of all accounts sums to what was there at the start, and no balance is
//! below zero.
//!
//! The total alone is blind to transfers that are lost as a whole; [`crate::bank_ledger`] sees these.

use crate::{calls, script, words};
use harness::op::OPENING_BALANCE;
use harness::{Budget, Call, Checker, Op, Opinion, Reply, Run, Value, Verdict};

/// See the head of this file.
pub const BANK_TOTAL: Checker = Checker {
    name: "bank-total",
    about: "every acknowledged snapshot of the accounts has the same total, and no balance is below zero",
    check,
    trap,
};

/// An answered request for balances.
struct Snapshot<'a> {
    call: &'a Call<'a>,
    balances: &'a [Value],
    last: bool,
}

impl Snapshot<'_> {
    /// All money there is. Wide, because a system may say any number.
    fn total(&self) -> i128 {
        self.balances.iter().map(|balance| i128::from(*balance)).sum()
    }
    /// How much there should be.
    fn right(&self) -> i128 {
        i128::from(OPENING_BALANCE) * self.balances.len() as i128
    }
    /// How much more there is than there should be.
    fn excess(&self) -> i128 {
        self.total() - self.right()
    }
    fn overdrawn(&self) -> bool {
        self.balances.iter().any(|balance| *balance < 0)
    }
}

fn check(run: &Run, _: Budget) -> Opinion {
    let calls = run.history.calls();
    let verdict = calls::misfit(&calls).unwrap_or_else(|| judge(run, &calls));
    let asked = calls.iter().filter(|call| matches!(call.op, Op::Balances { .. })).count();
    let answered = snapshots(run, &calls).len();
    let note = format!("{} asked for, {answered} answered", words::count(asked, "snapshot"));
    Opinion { notes: vec![note], ..Opinion::new(BANK_TOTAL.name, verdict) }
}

fn snapshots<'a>(run: &Run, calls: &'a [Call<'a>]) -> Vec<Snapshot<'a>> {
    let snapshot = |call: &'a Call<'a>| match calls::answer(call)? {
        Reply::Balances(balances) => Some(Snapshot { call, balances, last: call.invoked >= run.finals() }),
        _ => None,
    };
    calls.iter().filter_map(snapshot).collect()
}

fn judge(run: &Run, calls: &[Call]) -> Verdict {
    let snapshots = snapshots(run, calls);
    let wrong = |last: bool| snapshots.iter().find(|snapshot| snapshot.excess() != 0 && (snapshot.last || !last));
    if let Some(last) = wrong(true) {
        let after = "after everything had come to rest, so the money is really ";
        let fate = format!("{after}{}", if last.excess() < 0 { "gone" } else { "made of nothing" });
        return violated(run, "torn-transfer", last, &fate);
    }
    if let Some(torn) = wrong(false) {
        let fate = match snapshots.iter().any(|snapshot| snapshot.last) {
            true => "while the final reads have the right total: the snapshot was torn",
            false => "and no final read was answered that could say whether the money is really gone",
        };
        return violated(run, "read-skew", torn, fate);
    }
    if let Some(overdrawn) = snapshots.iter().find(|snapshot| snapshot.overdrawn()) {
        return violated(run, "overdrawn", overdrawn, "and a balance below zero, which no transfer may cause");
    }
    let asked = calls.iter().any(|call| matches!(call.op, Op::Balances { .. }));
    match (snapshots.is_empty(), asked) {
        (false, _) => Verdict::Held,
        (true, true) => Verdict::Unknown("no request for balances was answered".to_string()),
        (true, false) => Verdict::Vacuous("nobody asked for balances".to_string()),
    }
}

fn violated(run: &Run, class: &str, snapshot: &Snapshot, fate: &str) -> Verdict {
    let (total, right) = (snapshot.total(), snapshot.right());
    let sentence = format!(
        "{} read {}{} that {} hold {total} together (they began with {right}), {fate}",
        words::who(run, snapshot.call.process),
        words::told_at(run, snapshot.call),
        words::by_cut_node(run, snapshot.call),
        words::count(snapshot.balances.len(), "account"),
    );
    let mut table = vec![vec!["account".to_string(), "balance".to_string()]];
    table.extend(snapshot.balances.iter().enumerate().map(|(n, balance)| vec![n.to_string(), balance.to_string()]));
    words::violated(BANK_TOTAL.name, class, vec![sentence], words::events(&[snapshot.call]), table)
}

fn trap() -> Run {
    script::run(
        "
        0: transfer 1 0 1 5 -> done
        final
        1: balances 2 -> [95 100]
        ",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> String {
        script::class(&BANK_TOTAL, text)
    }

    #[test]
    fn torn_snapshots_and_torn_transfers_are_told_apart() {
        let torn = "0: transfer 1 0 1 5\n1: balances 2 -> [95 100]\n0: -> done\nfinal\n";
        assert_eq!(class(&format!("{torn}1: balances 2 -> [95 105]")), "read-skew");
        assert_eq!(class(&format!("{torn}1: balances 2 -> [95 105]\n2: balances 2 -> [95 100]")), "torn-transfer");
        assert_eq!(class(&format!("{torn}1: balances 2 -> failed")), "read-skew");
        assert_eq!(class("final\n1: balances 2 -> [100 105]"), "torn-transfer");
        assert_eq!(class("1: balances 2 -> [-5 205]"), "overdrawn");
    }

    #[test]
    fn the_sentence_says_who_read_what() {
        let Verdict::Violated(anomaly) = check(&trap(), Budget::default()).verdict else { panic!() };
        let sentence = "client 1 read at 0.500 s that 2 accounts hold 195 together (they began with 200), \
                        after everything had come to rest, so the money is really gone";
        assert_eq!(anomaly.sentences, [sentence]);
        assert_eq!(anomaly.table[1], ["0", "95"]);
    }

    #[test]
    fn legal_neighbours_are_not_reported() {
        assert_eq!(class("1: balances 2 -> [0 200]\nfinal\n1: balances 2 -> [95 105]"), "held");
        assert_eq!(class("1: balances 2 -> unknown"), "unknown");
        assert_eq!(class("0: transfer 1 0 1 5 -> done"), "vacuous");
    }
}
