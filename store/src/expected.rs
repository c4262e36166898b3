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
    "bridge",
    "kill",
    "pause",
    "clock-slow",
    "clock-fast",
    "power-loss",
    "power-loss-all",
    "wipe",
    "slow-disk",
    "reorder",
    "delay",
    "duplicate",
    "retry",
    "mixed",
];
/// The rows, within each design.
pub const WORKLOADS: &[&str] = &["registration", "register", "bank", "set"];

/// What must come out of a cell. `None` for a design or workload that the matrix does not know.
pub fn expected(design: &str, workload: &str, fault: &str) -> Option<Expected> {
    let classes = |classes: &[&str]| classes.iter().map(|class| (*class).to_string()).collect();
    let violated = |names: &[&str]| Expected::Violated(classes(names));
    Some(match (design, workload) {
        ("raft", _) => Expected::Held,
        // Whatever makes the followers promote one of them loses what the old leader had acknowledged and not shipped.
        // Clocks move no failover: at twice the rate five heartbeats still fit into a time-out.
        ("sl-async-fo", _) if matches!(fault, "calm" | "clock-slow" | "clock-fast" | "slow-disk") => Expected::Held,
        ("sl-async-fo", "registration") => violated(&["double-ack", "owner-changed", "owner-lost"]),
        ("sl-async-fo", "register") => {
            violated(&["stale-after-ack", "lost-update", "dirty-then-vanished", "new-then-old"])
        }
        // The total stays right all the time: each log is serial, and a surviving log is a prefix. Only the ledger sees it.
        ("sl-async-fo", "bank") => violated(&["lost"]),
        ("sl-async-fo", "set") => violated(&["lost", "resurrected"]),
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
