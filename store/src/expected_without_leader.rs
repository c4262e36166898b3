//! The rows of the designs in which every node takes writes. See [`crate::expected`].

use harness::campaign::Expected;

/// What must come out of a cell. `None` for a design or workload that is not known here.
pub(crate) fn expected(design: &str, workload: &str, fault: &str) -> Option<Expected> {
    let without_leader = |name: &str| name.starts_with("ml-") || name.starts_with("ll-");
    crate::find(design).filter(|known| without_leader(known.name))?;
    Some(match workload {
        "registration" => violated(&["double-ack", "owner-changed", "owner-lost"]),
        // A conflict is kept and shown.
        "no-claim-lost" if design == "ml-dvv" => Expected::Held,
        "no-claim-lost" => violated(&["lost"]),
        "register" => violated(&register(design, fault)),
        // Two phases for each: whoever reads leaves a majority behind that knows what was read.
        "read-write" if design == "ll-abd" => Expected::Held,
        "read-write" if only_within_milliseconds(design, fault) => maybe(&read_write(design, fault)),
        "read-write" => violated(&read_write(design, fault)),
        // Whoever lost out, all nodes agree in the end.
        "agreement" => Expected::Held,
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

fn maybe(classes: &[&str]) -> Expected {
    Expected::Maybe(classes.iter().map(|class| (*class).to_string()).collect())
}

/// What can only be seen within the few milliseconds in which a write spreads: to see new, then old, takes two reads one
/// after the other in that time. Scripts show it; random runs hardly ever do.
fn only_within_milliseconds(design: &str, fault: &str) -> bool {
    match design {
        "ll-quorum" => true,
        "ll-weak" => matches!(fault, "calm" | "clock-slow" | "clock-fast" | "slow-disk"),
        "ll-sloppy" => !matches!(fault, "isolate-leader" | "halves" | "one-way"),
        _ => false,
    }
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
    // Many writes and reads of one burst may contradict each other only all together.
    if !design.starts_with("ll-") {
        classes.push("not-linearizable");
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
