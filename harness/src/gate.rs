//! Green means something: a held run counts only if it was busy, hurt, and hurt for real.

use crate::fault::{Strike, When};
use crate::history::{FaultInterval, What};
use crate::needs;
use crate::op::Reply;
use crate::outcome::Outcome;
use crate::time::Time;
use crate::verdict::{Run, Verdict};
use std::collections::BTreeSet;

/// Acknowledged operations that a run needs.
pub const ACKNOWLEDGED: usize = 100;
/// Faults that a run needs, unless its nemesis is `calm`.
pub const ROUNDS: usize = 2;
/// Acknowledged operations that are needed before, during and after each fault; during it fewer, in proportion, where it
/// leaves some clients no way to be served ([`crate::needs`]), and as many must be tried.
pub const AROUND: usize = 20;
/// The nemesis that does nothing on purpose.
pub const CALM: &str = "calm";

/// Held if the run tested anything, else vacuous (or unknown, where it was cut short) with the reason.
pub fn gate(run: &Run) -> Verdict {
    let seen = Seen::of(run);
    let reasons = [too_quiet(&seen), too_gentle(run, &seen)];
    match reasons.into_iter().flatten().next() {
        None if run.interrupted => Verdict::Unknown("the run was interrupted".to_string()),
        None => Verdict::Held,
        Some(reason) if run.interrupted => Verdict::Unknown(format!("the run was interrupted: {reason}")),
        Some(reason) => Verdict::Vacuous(reason),
    }
}

/// Did anybody ever ask to read anything?
pub fn reads(run: &Run) -> bool {
    run.history.events.iter().any(|event| matches!(&event.what, What::Invoke { op, .. } if op.is_read()))
}

/// When operations were asked and acknowledged while clients asked and faults struck.
struct Seen {
    asked: Vec<Time>,
    acknowledged: Vec<Time>,
    reads: usize,
    changes: usize,
    clients: usize,
}

impl Seen {
    fn of(run: &Run) -> Seen {
        let finals = run.finals();
        let mut seen = Seen { asked: Vec::new(), acknowledged: Vec::new(), reads: 0, changes: 0, clients: 0 };
        let mut clients = BTreeSet::new();
        for (index, event) in run.history.events.iter().enumerate() {
            match &event.what {
                What::Invoke { .. } if index < finals => seen.asked.push(event.time),
                What::Return { process, op, outcome: Outcome::Ok(reply) } if index < finals => {
                    seen.reads += usize::from(op.is_read());
                    seen.changes += usize::from(!op.is_read() && *reply != Reply::No);
                    seen.acknowledged.push(event.time);
                    clients.insert(run.client(*process));
                }
                _ => {}
            }
        }
        seen.clients = clients.len();
        seen
    }
}

fn too_quiet(seen: &Seen) -> Option<String> {
    if seen.acknowledged.len() < ACKNOWLEDGED {
        return Some(format!(
            "only {} operations were acknowledged, {ACKNOWLEDGED} are needed",
            seen.acknowledged.len()
        ));
    }
    if seen.reads == 0 {
        return Some("no read was acknowledged, so nothing could be seen to be wrong".to_string());
    }
    if seen.changes == 0 {
        return Some("nothing was ever changed, so nothing could go wrong".to_string());
    }
    (seen.clients < 2).then(|| "only one client was served, so nothing was concurrent".to_string())
}

fn too_gentle(run: &Run, seen: &Seen) -> Option<String> {
    if run.plan.nemesis == CALM && run.plan.strikes.is_empty() {
        return None;
    }
    if run.faults.len() < ROUNDS {
        return Some(format!("{} faults struck, {ROUNDS} are needed", run.faults.len()));
    }
    let struck: BTreeSet<usize> = run.faults.iter().map(|fault| fault.strike).collect();
    if let Some(missed) = (0..run.plan.strikes.len()).find(|strike| !struck.contains(strike)) {
        let Strike { when, fault, .. } = &run.plan.strikes[missed];
        let why = match when {
            When::OnMark { mark, nth, .. } => format!("no node hit the mark \"{mark}\" {nth} times"),
            When::At(time) => format!("the run ended before {time}"),
        };
        return Some(format!("\"{fault}\" never struck: {why}"));
    }
    run.faults.iter().find_map(|fault| ineffective(fault).or_else(|| unseen(run, fault, seen)))
}

fn ineffective(fault: &FaultInterval) -> Option<String> {
    match &fault.effect {
        None => Some(format!("\"{}\" at {} was never lifted", fault.fault, fault.began)),
        Some(effect) if effect.effective => None,
        Some(effect) => Some(format!("\"{}\" at {} had no effect ({})", fault.fault, fault.began, effect.measured)),
    }
}

/// Too little happened around the fault for it to matter.
fn unseen(run: &Run, fault: &FaultInterval, seen: &Seen) -> Option<String> {
    let (began, ended) = (fault.began, fault.ended);
    let count = |times: &[Time], low: Time, high: Time| times.iter().filter(|t| low <= **t && **t < high).count();
    // Whom the fault leaves no way to be served can only try.
    let hopeful = AROUND * needs::hopeful(&run.plan, &fault.fault) / run.plan.clients as usize;
    let parts = [
        ("before", count(&seen.acknowledged, Time::ZERO, began), AROUND),
        ("tried during", count(&seen.asked, began, ended), AROUND),
        ("during", count(&seen.acknowledged, began, ended), hopeful),
        ("after", count(&seen.acknowledged, ended, Time::NEVER), AROUND),
    ];
    let (part, operations, needed) = parts.into_iter().find(|(_, operations, needed)| operations < needed)?;
    Some(format!("only {operations} operations {part} \"{}\" at {began}, {needed} are needed", fault.fault))
}
