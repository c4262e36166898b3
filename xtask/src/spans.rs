//! How long it takes until somebody is served again.

use harness::{Outcome, Run, Time};

/// For each fault: from its beginning until an operation was answered that a client had asked since whom it spared.
pub fn served_again(run: &Run) -> Vec<Time> {
    let calls = run.history.calls();
    let span = |fault: &harness::FaultInterval| {
        let hit = fault.fault.nodes(run.plan.nodes.into());
        let answered = calls.iter().filter(|call| {
            let spared = !hit.contains(&run.plan.home(run.client(call.process)));
            spared && call.asked >= fault.began && matches!(call.outcome, Some(Outcome::Ok(_)))
        });
        answered.map(|call| call.answered).min().map(|first| first.since(fault.began))
    };
    run.faults.iter().filter_map(span).collect()
}

/// Of spans: the one in the middle, and the longest.
pub fn median_and_worst(mut spans: Vec<Time>) -> (Time, Time) {
    spans.sort();
    let at = |place: usize| spans.get(place).copied().unwrap_or(Time::NEVER);
    (at(spans.len() / 2), at(spans.len().saturating_sub(1)))
}
