//! Promises that are weaker, or narrower, than all that a workload puts to the test: what a design claims, judged by itself.
//!
//! A claim is a workload's requests under another name with checkers of its own, so that whatever takes a workload takes a claim.

use crate::bank::BANK;
use crate::register::REGISTER;
use crate::sessions::{ROAMING, SESSIONS};
use crate::set::SET;
use checkers::{
    BANK_LEDGER, BANK_TOTAL, CONSISTENT_PREFIX, CONVERGENCE, INVARIANTS, MONOTONIC_READS, MONOTONIC_WRITES,
    NO_SILENT_LOSS, NO_STALE_AFTER_ACK, READ_YOUR_WRITES, WRITES_FOLLOW_READS,
};
use harness::{Checker, Workload};

/// Every claim.
pub const CLAIMS: &[Workload] = &[
    claim("no-stale-after-ack", NO_STALE, &[NO_STALE_AFTER_ACK, INVARIANTS], REGISTER),
    claim("no-silent-loss", "no acknowledged element is missing in the end", &[NO_SILENT_LOSS, INVARIANTS], SET),
    claim("consistent-prefix", PREFIX, &[CONSISTENT_PREFIX, INVARIANTS], SET),
    claim("read-your-writes", RYW, &[READ_YOUR_WRITES, INVARIANTS], SESSIONS),
    claim("monotonic-reads", MR, &[MONOTONIC_READS, INVARIANTS], SESSIONS),
    claim("monotonic-writes", MW, &[MONOTONIC_WRITES, INVARIANTS], SESSIONS),
    claim("writes-follow-reads", WFR, &[WRITES_FOLLOW_READS, INVARIANTS], SESSIONS),
    claim("read-your-writes-roaming", "the same of clients that roam", &[READ_YOUR_WRITES, INVARIANTS], ROAMING),
    claim("monotonic-reads-roaming", "the same of clients that roam", &[MONOTONIC_READS, INVARIANTS], ROAMING),
    claim(
        "total",
        "the money of a bank stays the same, whatever becomes of transfers",
        &[BANK_TOTAL, INVARIANTS],
        BANK,
    ),
    claim("ledger", "an acknowledged transfer is in the ledger exactly once", &[BANK_LEDGER, INVARIANTS], BANK),
    claim("agreement", "all nodes hold the same in the end", &[CONVERGENCE, INVARIANTS], REGISTER),
];

const NO_STALE: &str = "no read returns what an acknowledged write had overwritten before it was asked";
const PREFIX: &str = "who sees a change sees all that was acknowledged before it was asked";
const RYW: &str = "a client sees what it wrote, or something newer";
const MR: &str = "a client sees nothing older than it has seen";
const MW: &str = "a client's writes take effect in its own order";
const WFR: &str = "what a client writes takes effect after what it has read";

/// `of`'s requests, judged by `checkers` alone.
const fn claim(name: &'static str, about: &'static str, checkers: &'static [Checker], of: Workload) -> Workload {
    // What it asks stays that of the other one.
    Workload { name, about, checkers, ..of }
}
