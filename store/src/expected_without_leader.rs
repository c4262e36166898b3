//! The rows of the designs in which every node takes writes. See [`crate::expected`].

use harness::campaign::Expected;

/// What must come out of a cell. `None` for a design or workload that is not known here.
pub(crate) fn expected(design: &str, workload: &str, fault: &str) -> Option<Expected> {
    if !crate::designs().any(|known| known.name == design && known.name.starts_with(['m', 'l'])) {
        return None;
    }
    Some(match workload {
        "registration" => violated(&["double-ack", "owner-changed", "owner-lost"]),
        // A conflict is kept and shown.
        "claims" if design == "ml-dvv" => Expected::Held,
        "claims" => violated(&["lost"]),
        "register" => violated(&register(design, fault)),
        // Two phases for each: whoever reads leaves a majority behind that knows what was read.
        "read-write" if design == "ll-abd" => Expected::Held,
        "read-write" => violated(&read_write(design, fault)),
        // Whoever lost out, all nodes agree in the end.
        "overwrites" => Expected::Held,
        // Every state is made of whole transfers; only that there is enough money nobody can promise alone.
        "bank" if design == "ml-crdt" => violated(&["overdrawn"]),
        "bank" => violated(&["lost", "torn", "read-skew", "torn-transfer"]),
        "set" => set(design, fault),
        _ => return None,
    })
}

fn violated(classes: &[&str]) -> Expected {
    Expected::Violated(classes.iter().map(|class| (*class).to_string()).collect())
}

/// Reads, writes and compare-and-set.
fn register(design: &str, fault: &str) -> Vec<&'static str> {
    [read_write(design, fault), vec!["lost-update"]].concat()
}

/// Reads and writes alone.
fn read_write(design: &str, fault: &str) -> Vec<&'static str> {
    let mut classes = vec!["new-then-old", "dirty-then-vanished"];
    if may_be_stale(design, fault) {
        classes.push("stale-after-ack");
    }
    if matches!(design, "ml-dvv" | "ml-vv-naive") {
        classes.push("siblings");
    }
    classes
}

/// Where every read meets every acknowledged write, nobody who asks later may miss it; unless stamps are taken from clocks,
/// which are never quite right, or a coordinator answers in place of home nodes that it cannot hear.
fn may_be_stale(design: &str, fault: &str) -> bool {
    match design {
        "ll-quorum" | "ll-abd" => false,
        "ll-sloppy" => !matches!(fault, "calm" | "clock-slow" | "clock-fast" | "slow-disk"),
        _ => true,
    }
}

/// Each element has a cell of its own, so adds never meet; `ml-dvv` unites siblings, `ml-crdt` joins sets.
fn set(design: &str, fault: &str) -> Expected {
    match (design, fault) {
        // One cell for the whole set, and who saw the same at one node overwrites the other.
        ("ml-vv-naive", _) => violated(&["lost", "resurrected"]),
        // A remove that is stamped by a clock that went back loses against the add that it follows.
        ("ml-lww" | "ll-quorum-wall", "clock-slow" | "clock-fast") => violated(&["resurrected"]),
        ("ml-lww" | "ll-quorum-wall", "mixed") => Expected::Maybe(vec!["resurrected".to_string()]),
        _ => Expected::Held,
    }
}
