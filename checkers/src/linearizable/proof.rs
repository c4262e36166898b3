//! From "no order explains these ten thousand calls" to a handful that suffice.
//!
//! Three steps keep the impossibility, and each is checked by the search again; what is left in the end is confirmed as well
//! (confirming every step would cost far more than all the rest):
//! - *Prefix*: cut the history after the first return at which it becomes impossible. Calls still open there may happen
//!   later or never.
//! - *Window*: forget everything that was over before some moment, and let the register hold anything then. Calls that were
//!   open at that moment may have happened before it, so they may happen or not. If no value explains the window, then
//!   nothing explains the history.
//! - *Dropping*: a call that changes nothing may be left out; one that changes something may become one that happens at any
//!   later time or never. What was impossible without knowing better is impossible with.

use super::PROOF_STEPS;
use super::register::{Act, RegisterCall};
use super::search::{Answer, check_calls, unconfirmed};
use harness::Value;
use std::collections::BTreeSet;

/// A call with its index among those that were asked about.
type Numbered = (usize, RegisterCall);

/// The return after which the calls up to there cannot be explained any more. If the budget ends early, a later return, up to
/// which they cannot be explained either.
pub fn first_bad_return(calls: &[RegisterCall], initial: Option<Value>, budget: &mut u64) -> usize {
    let mut returns: Vec<usize> = calls.iter().filter_map(|call| call.returned).collect();
    returns.sort_unstable();
    // Everything up to the last return is known to be impossible, nothing is not.
    let (mut good, mut bad) = (0, returns.len() - 1);
    while good < bad {
        let middle = (good + bad) / 2;
        let prefix: Vec<RegisterCall> = prefix(calls, returns[middle]).into_iter().map(|(_, call)| call).collect();
        match unconfirmed(&prefix, initial, budget) {
            Answer::Impossible => bad = middle,
            Answer::Linearizable(_) | Answer::OutOfBudget => good = middle + 1,
        }
    }
    returns[bad]
}

/// Indexes of few calls that cannot be explained, whatever happened besides; all certain calls of the prefix if the budget
/// ends before that is known.
pub fn few(calls: &[RegisterCall], initial: Option<Value>, bad: usize, budget: &mut u64) -> Vec<usize> {
    let prefix = prefix(calls, bad);
    let (mut window, states) = window(&prefix, initial, budget);
    let impossible = |window: &[Numbered], budget: &mut u64| {
        let calls: Vec<RegisterCall> = window.iter().map(|(_, call)| *call).collect();
        states.iter().all(|held| unconfirmed(&calls, *held, budget) == Answer::Impossible)
    };
    let mut at = 0;
    while at < window.len() {
        let mut weaker = window.clone();
        let weakened = weaken(weaker[at]);
        if weakened == Some(window[at]) {
            at += 1;
            continue;
        }
        match weakened {
            Some(call) => weaker[at] = call,
            None => drop(weaker.remove(at)),
        }
        match impossible(&weaker, budget) {
            true => window = weaker,
            false => at += 1,
        }
    }
    confirm(&window, &states);
    window.into_iter().filter(|(_, call)| call.returned.is_some()).map(|(index, _)| index).collect()
}

/// Asks once more, and has what is impossible confirmed.
///
/// # Panics
/// If it is possible: then the engine is wrong.
fn confirm(window: &[Numbered], states: &[Option<Value>]) {
    let calls: Vec<RegisterCall> = window.iter().map(|(_, call)| *call).collect();
    for held in states {
        let answer = check_calls(&calls, *held, &mut PROOF_STEPS.clone());
        assert!(!matches!(answer, Answer::Linearizable(_)), "what was shrunk to is possible: {calls:?}");
    }
}

/// True if the calls that change something can be explained together with any one of `reads`, so that what is impossible up
/// to the return `bad` is only that the reads came in this order. A register that allows no more than that is regular
/// (Lamport, 1986), but not atomic.
pub fn only_reads_disagree(calls: &[RegisterCall], bad: usize, reads: &[usize], budget: &mut u64) -> bool {
    let prefix = prefix(calls, bad);
    reads.iter().all(|read| {
        let with = |(index, call): &Numbered| (index == read || call.act.sets().is_some()).then_some(*call);
        let calls: Vec<RegisterCall> = prefix.iter().filter_map(with).collect();
        matches!(unconfirmed(&calls, None, budget), Answer::Linearizable(_))
    })
}

/// The latest compare-and-set without which everything up to the return `bad` would be explained, had it been a plain
/// write: it took effect without finding what it says it found, over somebody's update.
pub fn blind(calls: &[RegisterCall], bad: usize, budget: &mut u64) -> Option<usize> {
    let prefix = prefix(calls, bad);
    let explained = |blind: usize, budget: &mut u64| {
        let as_write = |(index, call): &Numbered| match call.act {
            Act::Cas { to, .. } if *index == blind => RegisterCall { act: Act::Write(to), ..*call },
            _ => *call,
        };
        let calls: Vec<RegisterCall> = prefix.iter().map(as_write).collect();
        matches!(unconfirmed(&calls, None, budget), Answer::Linearizable(_))
    };
    let done =
        |(index, call): &Numbered| (matches!(call.act, Act::Cas { .. }) && call.returned.is_some()).then_some(*index);
    prefix.iter().rev().filter_map(done).find(|index| explained(*index, budget))
}

/// The calls up to and with one return.
fn prefix(calls: &[RegisterCall], bad: usize) -> Vec<Numbered> {
    let numbered = calls.iter().copied().enumerate().filter(|(_, call)| call.invoked < bad);
    numbered.filter_map(|call| if call.1.returned > Some(bad) { weaken(call) } else { Some(call) }).collect()
}

/// The same call if nobody had learnt how it ended; `None` if it says nothing then.
fn weaken((index, call): Numbered) -> Option<Numbered> {
    let act = match call.act {
        Act::Missed { from, to } => Act::Cas { from, to },
        act => act,
    };
    // A missed compare-and-set that nobody answered might have changed something.
    act.sets().map(|_| (index, RegisterCall { act, returned: None, ..call }))
}

/// The shortest window before the end of a prefix that is impossible from every state, of lengths that double; and the
/// states from which it has to be.
fn window(prefix: &[Numbered], initial: Option<Value>, budget: &mut u64) -> (Vec<Numbered>, Vec<Option<Value>>) {
    let mut length = 1;
    while length < prefix.len() {
        let from = prefix[prefix.len() - length].1.invoked;
        let window: Vec<Numbered> = prefix.iter().filter_map(|call| enter(*call, from)).collect();
        let states = states(&window);
        let calls: Vec<RegisterCall> = window.iter().map(|(_, call)| *call).collect();
        if states.iter().all(|held| unconfirmed(&calls, *held, budget) == Answer::Impossible) {
            return (window, states);
        }
        length *= 2;
    }
    (prefix.to_vec(), vec![initial])
}

/// A call as a window sees it that begins at `from`.
fn enter(call: Numbered, from: usize) -> Option<Numbered> {
    match call.1.returned {
        Some(returned) if returned < from => None,
        _ if call.1.invoked < from => weaken(call),
        _ => Some(call),
    }
}

/// Every value that some call looks for, and one that none does.
fn states(window: &[Numbered]) -> Vec<Option<Value>> {
    let mut states: BTreeSet<Option<Value>> = BTreeSet::from([None]);
    for (_, call) in window {
        states.extend(match call.act {
            Act::Missed { from, .. } => Some(Some(from)),
            act => act.saw(),
        });
    }
    let other = (0..).map(Some).find(|value| !states.contains(value)).expect("there are more numbers than calls");
    states.into_iter().chain([other]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::{Rng, Seed};

    /// Calls on a real register, so that there is an order; some never return.
    fn legal(rng: &mut Rng) -> Vec<RegisterCall> {
        let (mut held, mut calls) = (None, Vec::new());
        for n in 0..2 + rng.below(10) as usize {
            // Places around the moment at which it happens, distinct for all calls.
            let invoked = (100 * n).saturating_sub(rng.below(300) as usize) * 40 + 2 * n;
            let returned = (100 * n + 1 + rng.below(300) as usize) * 40 + 2 * n + 1;
            let (one, other) = (rng.below(3) as Value, rng.below(3) as Value);
            let act = match rng.below(3) {
                0 => Act::Read(held),
                1 => Act::Write(one),
                _ if held == Some(one) => Act::Cas { from: one, to: other },
                _ => Act::Missed { from: one, to: other },
            };
            held = act.sets().map_or(held, Some);
            let open = act.sets().is_some() && rng.percent(20);
            calls.push(RegisterCall { act, invoked, returned: (!open).then_some(returned) });
        }
        calls.sort_by_key(|call| call.invoked);
        calls
    }

    fn explained(window: &[Numbered], states: &[Option<Value>]) -> bool {
        let calls: Vec<RegisterCall> = window.iter().map(|(_, call)| *call).collect();
        states.iter().any(|held| matches!(check_calls(&calls, *held, &mut u64::MAX.clone()), Answer::Linearizable(_)))
    }

    #[test]
    fn no_step_makes_a_legal_history_impossible() {
        for seed in 0..3_000 {
            let mut rng = Seed(seed).stream("proof");
            let calls = legal(&mut rng);
            let mut bad = calls.iter().filter_map(|call| call.returned).collect::<Vec<usize>>();
            bad.sort_unstable();
            for bad in bad {
                let prefix = prefix(&calls, bad);
                assert!(explained(&prefix, &[None]), "seed {seed}: prefix to {bad} of {calls:?}");
                for from in prefix.iter().map(|(_, call)| call.invoked) {
                    let mut window: Vec<Numbered> = prefix.iter().filter_map(|call| enter(*call, from)).collect();
                    let states = states(&window);
                    assert!(explained(&window, &states), "seed {seed}: window from {from} of {prefix:?}");
                    window = window
                        .into_iter()
                        .filter_map(|call| if rng.percent(50) { weaken(call) } else { Some(call) })
                        .collect();
                    assert!(explained(&window, &states), "seed {seed}: weakened from {from} of {prefix:?}");
                }
            }
        }
    }

    #[test]
    fn a_long_history_with_one_wrong_answer_shrinks_to_few_calls() {
        let mut calls = Vec::new();
        for n in 0..500 {
            let (act, at) =
                if n % 2 == 0 { (Act::Write(n % 10), 4 * n) } else { (Act::Read(Some((n - 1) % 10)), 4 * n) };
            calls.push(RegisterCall { act, invoked: at as usize, returned: Some(at as usize + 1) });
        }
        let wrong = calls.len();
        calls.push(RegisterCall { act: Act::Read(Some(2)), invoked: 5_000, returned: Some(5_001) });
        calls.push(RegisterCall { act: Act::Write(3), invoked: 6_000, returned: Some(6_001) });
        let mut budget = 2_000_000;
        let bad = first_bad_return(&calls, None, &mut budget);
        assert_eq!(bad, 5_001);
        let few = few(&calls, None, bad, &mut budget);
        assert_eq!(few, [wrong - 1, wrong], "the read before it saw another value, and nobody wrote in between");
    }
}
