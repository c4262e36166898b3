//! What each design must do under each fault, judged by each workload: the specification of the store, and the self-test
//! of the harness.
//!
//! `Held` must never be reported violated, `Violated` must be found, `Maybe` may be found. The cells are argued for in `docs/verdicts.md`.

use harness::campaign::Expected;

/// The columns: every nemesis of the matrix.
pub const FAULTS: &[&str] = &[
    "calm",
    "isolate-leader",
    "halves",
    "one-way",
    "kill",
    "pause",
    "clock-slow",
    "clock-fast",
    "power-loss",
    "slow-disk",
    "mixed",
];
/// The rows, within each design.
pub const WORKLOADS: &[&str] = &["registration", "no-claim-lost", "register", "read-write", "agreement", "bank", "set"];

/// What must come out of a cell. `None` for a design or workload that the matrix does not know.
pub fn expected(design: &str, workload: &str, fault: &str) -> Option<Expected> {
    let classes = |classes: &[&str]| classes.iter().map(|class| (*class).to_string()).collect();
    let violated = |names: &[&str]| Expected::Violated(classes(names));
    Some(match (design, workload) {
        ("raft", _) => Expected::Held,
        // One log, and nobody else ever leads. Where the leader is away nobody writes, and that is no violation.
        ("sl-async" | "sl-sync", _) => Expected::Held,
        // What was acknowledged reaches the followers with the next heartbeat, and they answer reads before it does. They
        // answer from a prefix of the one log, so what is judged by writes and by final reads holds.
        ("sl-async-fr", "register") => violated(&["stale-after-ack"]),
        // What is acknowledged is everywhere. What is not yet may be here and not there: for a few milliseconds, which few
        // reads hit, or for as long as a follower does not answer, and then whoever asked for it gives up.
        ("sl-sync-fr", "register") if matches!(fault, "calm" | "clock-slow" | "clock-fast" | "slow-disk") => {
            Expected::Maybe(classes(&["new-then-old"]))
        }
        // All followers are cut off at one moment: only what was under way just then is here and not there.
        ("sl-sync-fr", "register") if fault == "one-way" => {
            Expected::Maybe(classes(&["new-then-old", "dirty-then-vanished"]))
        }
        ("sl-sync-fr", "register") => violated(&["new-then-old", "dirty-then-vanished"]),
        ("sl-async-fr" | "sl-sync-fr", _) => Expected::Held,
        // What one follower has confirmed survives the leader, as long as the leader does not go on alone.
        ("sl-semi", _)
            if matches!(fault, "calm" | "kill" | "clock-slow" | "clock-fast" | "power-loss" | "slow-disk") =>
        {
            Expected::Held
        }
        // Whatever makes the followers promote one of them loses what the old leader had acknowledged and not shipped.
        // Clocks move no failover: at twice the rate five heartbeats still fit into a time-out.
        ("sl-async-fo", _) if matches!(fault, "calm" | "clock-slow" | "clock-fast" | "slow-disk") => Expected::Held,
        // Stopped leaders hear of their successor as soon as they go on, and nearly nobody asks them anything before.
        ("sl-semi", _) if fault == "pause" => Expected::Maybe(classes(two_leaders(workload)?)),
        ("sl-async-fo" | "sl-semi", _) => violated(two_leaders(workload)?),
        ("ml-lww", "registration") => violated(&["double-ack", "owner-changed", "owner-lost"]),
        ("ml-lww", "register") => violated(&["stale-after-ack", "lost-update", "new-then-old", "dirty-then-vanished"]),
        ("ml-lww", "bank") => violated(&["lost", "torn", "read-skew", "torn-transfer"]),
        // Each element has a cell of its own, so adds never meet. A remove that is stamped by a clock that went back loses
        // against the add that it follows.
        ("ml-lww", "set") if matches!(fault, "clock-slow" | "clock-fast") => violated(&["resurrected"]),
        ("ml-lww", "set") if fault == "mixed" => Expected::Maybe(classes(&["resurrected"])),
        ("ml-lww", "set") => Expected::Held,
        ("ll-quorum", "registration") => violated(&["double-ack", "owner-changed"]),
        // Never stale after an acknowledgement: every read quorum meets every acknowledged write.
        ("ll-quorum", "register") => violated(&["lost-update", "new-then-old", "dirty-then-vanished"]),
        ("ll-quorum", "bank") => violated(&["lost", "torn", "read-skew", "torn-transfer"]),
        ("ll-quorum", "set") => Expected::Held,
        _ => return None,
    })
}

/// What two leaders at once come to, of which one gives way and discards what it has acknowledged.
fn two_leaders(workload: &str) -> Option<&'static [&'static str]> {
    Some(match workload {
        "registration" => &["double-ack", "owner-changed", "owner-lost"],
        "register" => &["stale-after-ack", "lost-update", "dirty-then-vanished", "new-then-old"],
        // The total stays right all the time: each log is serial, and a surviving log is a prefix. Only the ledger sees it.
        "bank" => &["lost"],
        "set" => &["lost", "resurrected"],
        _ => return None,
    })
}
