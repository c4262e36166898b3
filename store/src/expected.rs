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
    "isolate-slow-leader",
    "isolate-fast-leader",
    "isolate-beside-fast",
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
        // A wiped voter keeps its id and has no memory: it may vote twice, and what it had acknowledged has a copy less.
        ("raft-fr", "register") if fault == "wipe" => violated(FORGOT),
        ("raft" | "raft-localread" | "raft-lease" | "raft-fr", _) if fault == "wipe" => {
            Expected::Maybe(classes(FORGOT))
        }
        ("raft", _) => Expected::Held,
        // Only reads differ between the modes, and only `register` judges what a read may say while it is asked.
        ("raft-localread" | "raft-lease" | "raft-fr", "registration" | "bank" | "set") => Expected::Held,
        // Whoever was deposed without knowing answers from an old copy.
        ("raft-localread", _) => match fault {
            "isolate-leader" | "halves" | "delay" => violated(&["stale-after-ack"]),
            "isolate-slow-leader" | "isolate-fast-leader" | "isolate-beside-fast" => violated(&["stale-after-ack"]),
            // Who wakes up, or hears of its successor through a bridge, is deposed within a heartbeat: scripts show it.
            "pause" | "bridge" | "one-way" | "clock-slow" | "clock-fast" | "mixed" => {
                Expected::Maybe(classes(&["stale-after-ack"]))
            }
            _ => Expected::Held,
        },
        // A lease holds as long as the leader's clock is not slow beside the others'.
        ("raft-lease", _) => match fault {
            "isolate-slow-leader" => violated(&["stale-after-ack"]),
            // Beside fast clocks the lease outlasts the others' silence by a tenth of a second, and clients look for a new
            // leader later than that: a script shows it.
            "isolate-beside-fast" | "clock-slow" | "clock-fast" | "mixed" => {
                Expected::Maybe(classes(&["stale-after-ack"]))
            }
            _ => Expected::Held,
        },
        // A copy is some milliseconds behind, and nobody asks whether.
        ("raft-fr", _) => violated(&["stale-after-ack", "new-then-old"]),
        // Whatever makes the followers promote one of them loses what the old leader had acknowledged and not shipped.
        // Clocks move no failover: at twice the rate five heartbeats still fit into a time-out.
        ("sl-async-fo", _) if matches!(fault, "calm" | "clock-slow" | "clock-fast" | "slow-disk") => Expected::Held,
        // Nor do messages that are half a time-out late, come twice, or are asked for again: ships carry numbers.
        ("sl-async-fo", _) if matches!(fault, "reorder" | "duplicate" | "retry") => Expected::Held,
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
        // The only copy may be on the disk that is wiped.
        ("ml-lww", "set") if fault == "wipe" => Expected::Maybe(classes(&["lost", "resurrected"])),
        ("ml-lww", "set") if fault == "mixed" => Expected::Maybe(classes(&["resurrected"])),
        ("ml-lww", "set") => Expected::Held,
        ("ll-quorum", "registration") => violated(&["double-ack", "owner-changed"]),
        // Never stale after an acknowledgement: every read quorum meets every acknowledged write.
        ("ll-quorum", "register") => violated(&["lost-update", "new-then-old", "dirty-then-vanished"]),
        ("ll-quorum", "bank") => violated(&["lost", "torn", "read-skew", "torn-transfer"]),
        // An acknowledged write has a copy less, and a majority may miss it until replicas have compared themselves.
        ("ll-quorum", "set") if fault == "wipe" => Expected::Maybe(classes(&["lost", "resurrected"])),
        ("ll-quorum", "set") => Expected::Held,
        _ => return None,
    })
}

/// What may come of a voter without memory: what is promised to clients, and what must be true inside.
const FORGOT: &[&str] = &[
    "stale-after-ack",
    "lost-update",
    "new-then-old",
    "dirty-then-vanished",
    "double-ack",
    "owner-changed",
    "owner-lost",
    "lost",
    "resurrected",
    "two-leaders",
    "prefixes-differ",
    "panic",
];
