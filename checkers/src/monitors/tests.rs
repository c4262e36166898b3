//! The monitors of collections against every order tried in turn.

use super::*;
use super::{priority_queue::priority_queue, queue::queue, stack::stack};
use harness::{Rng, Seed};
use std::collections::BTreeSet;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Queue,
    Stack,
    PriorityQueue,
}

impl Kind {
    fn monitor(self) -> fn(&[Handling]) -> Option<Ruling> {
        match self {
            Kind::Queue => queue,
            Kind::Stack => stack,
            Kind::PriorityQueue => priority_queue,
        }
    }
    /// Takes the next value out.
    fn take(self, values: &mut Vec<i64>) -> Option<i64> {
        let least = values.iter().enumerate().min_by_key(|(_, value)| **value);
        let place = match self {
            Kind::Queue => 0,
            Kind::Stack => values.len().wrapping_sub(1),
            Kind::PriorityQueue => least.map_or(0, |(place, _)| place),
        };
        (place < values.len()).then(|| values.remove(place))
    }
}

/// Searches every order of every subset that can be. Tries, for each call, what the collection would do.
fn possible(kind: Kind, calls: &[Handling]) -> bool {
    search(kind, calls, 0, Vec::new(), &mut BTreeSet::new())
}

fn search(kind: Kind, calls: &[Handling], done: u32, values: Vec<i64>, seen: &mut BTreeSet<(u32, Vec<i64>)>) -> bool {
    let left = || (0..calls.len()).filter(move |index| done & (1 << index) == 0);
    let returned = |index: usize| if calls[index].deed == Deed::Asked { usize::MAX } else { calls[index].returned };
    if left().all(|index| returned(index) == usize::MAX) {
        return true;
    }
    let limit = left().map(returned).min().unwrap_or(usize::MAX);
    seen.insert((done, values.clone()))
        && left().filter(|index| calls[*index].invoked <= limit).any(|index| {
            let mut values = values.clone();
            let allowed = match calls[index].deed {
                Deed::Put(value) => {
                    values.push(value);
                    true
                }
                Deed::Took(value) => kind.take(&mut values) == Some(value),
                Deed::FoundEmpty => values.is_empty(),
                Deed::Asked => kind.take(&mut values).is_some(),
            };
            allowed && search(kind, calls, done | 1 << index, values, seen)
        })
}

/// Holds an order against the sequential object and the clock.
fn replay(kind: Kind, calls: &[Handling], order: &[usize]) {
    let (mut values, mut heap, mut latest) = (std::collections::VecDeque::new(), BTreeSet::new(), 0);
    let mut seen = vec![false; calls.len()];
    for index in order {
        let call = calls[*index];
        assert!(!std::mem::replace(&mut seen[*index], true), "call {index} twice");
        assert!(call.returned >= latest, "call {index} returned before one ahead of it was invoked");
        latest = latest.max(call.invoked);
        match (call.deed, kind) {
            (Deed::Put(value), Kind::PriorityQueue) => assert!(heap.insert(value)),
            (Deed::Put(value), _) => values.push_back(value),
            (Deed::Took(value), Kind::Queue) => assert_eq!(values.pop_front(), Some(value)),
            (Deed::Took(value), Kind::Stack) => assert_eq!(values.pop_back(), Some(value)),
            (Deed::Took(value), Kind::PriorityQueue) => assert_eq!(heap.pop_first(), Some(value)),
            (Deed::FoundEmpty, _) => assert!(values.is_empty() && heap.is_empty()),
            (Deed::Asked, _) => panic!("call {index} did not have to take effect"),
        }
    }
    for (index, call) in calls.iter().enumerate() {
        let must = call.returned != usize::MAX && call.deed != Deed::Asked;
        let may = matches!(call.deed, Deed::Put(value) if calls.iter().any(|call| call.deed == Deed::Took(value)));
        assert!(seen[index] || !must, "call {index} is missing");
        assert!(!seen[index] || must || may, "call {index} did not have to take effect");
    }
}

/// How calls are drawn.
struct Draw {
    calls: usize,
    clients: usize,
    /// Percent of calls whose outcome is unknown.
    unknown: u64,
    /// Percent of takes that return something else.
    lies: u64,
    /// Percent of calls that put.
    puts: u64,
}

/// Calls on an atomic collection, between invocation and return. Values come in no order; some lie far apart.
fn draw(kind: Kind, rng: &mut Rng, how: &Draw) -> Vec<Handling> {
    let mut fresh: Vec<i64> = (1..=how.calls as i64).collect();
    rng.shuffle(&mut fresh);
    let (far, wide) = (*rng.pick(&[1, 1, -1, 1 << 40]), *rng.pick(&[1, 1, 1000]));
    fresh.iter_mut().for_each(|value| *value *= far);
    let (mut calls, mut open, mut now, mut values) = (Vec::<Handling>::new(), Vec::new(), 3, Vec::new());
    while calls.len() < how.calls || !open.is_empty() {
        now += wide;
        if calls.len() < how.calls && open.len() < how.clients && (open.is_empty() || rng.percent(50)) {
            let deed = if rng.percent(how.puts) { Deed::Put(fresh[calls.len()]) } else { Deed::Asked };
            open.push((calls.len(), false));
            calls.push(Handling { invoked: now, returned: usize::MAX, deed });
            continue;
        }
        let turn = rng.below(open.len() as u64) as usize;
        let (index, happened) = open[turn];
        let unknown = rng.percent(how.unknown);
        if !happened && (!unknown || rng.percent(50)) {
            match calls[index].deed {
                Deed::Put(value) => values.push(value),
                _ => calls[index].deed = kind.take(&mut values).map_or(Deed::FoundEmpty, Deed::Took),
            }
        }
        open[turn].1 = true;
        if rng.percent(60) {
            open.swap_remove(turn);
            let put = matches!(calls[index].deed, Deed::Put(_));
            match unknown {
                true if !put => calls[index].deed = Deed::Asked,
                true => {}
                false => calls[index].returned = now,
            }
            if !unknown && !put && rng.percent(how.lies) {
                let any = rng.below(calls.len() as u64 + 1) as usize;
                calls[index].deed = fresh.get(any).map_or(Deed::FoundEmpty, |value| Deed::Took(*value));
            }
        }
    }
    if rng.percent(50) && rng.percent(how.lies) {
        swap_takes(rng, &mut calls);
    }
    if rng.percent(10) {
        rng.shuffle(&mut calls);
    }
    calls
}

/// Two takes return each other's value.
fn swap_takes(rng: &mut Rng, calls: &mut [Handling]) {
    let takes: Vec<usize> =
        (0..calls.len()).filter(|index| matches!(calls[*index].deed, Deed::Took(_) | Deed::FoundEmpty)).collect();
    if takes.len() > 1 {
        let (one, other) = (*rng.pick(&takes), *rng.pick(&takes));
        (calls[one].deed, calls[other].deed) = (calls[other].deed, calls[one].deed);
    }
}

/// Intervals and deeds that have nothing to do with each other, but that each value is put once and taken at most once.
fn draw_chaos(rng: &mut Rng, count: usize, clients: usize) -> Vec<Handling> {
    let mut deeds = Vec::new();
    while deeds.len() < count {
        let value = deeds.len() as i64;
        match rng.below(10) {
            0 => deeds.push(Deed::FoundEmpty),
            1 => deeds.push(Deed::Put(value)),
            _ => deeds.extend([Deed::Put(value), Deed::Took(value)]),
        }
    }
    // Mostly in an order that could be, so that the contradictions are not all plain.
    for _ in 0..rng.below(12) {
        let (one, other) = (rng.below(deeds.len() as u64) as usize, rng.below(deeds.len() as u64) as usize);
        deeds.swap(one, other);
    }
    let (mut calls, mut open, mut now) = (Vec::<Handling>::new(), Vec::new(), 0);
    while calls.len() < deeds.len() || !open.is_empty() {
        now += 1;
        if calls.len() < deeds.len() && open.len() < clients && (open.is_empty() || rng.percent(55)) {
            open.push(calls.len());
            calls.push(Handling { invoked: now, returned: usize::MAX, deed: deeds[calls.len()] });
        } else {
            let turn = rng.below(open.len() as u64) as usize;
            calls[open.swap_remove(turn)].returned = now;
        }
    }
    calls
}

fn fuzz(kind: Kind, seed: u64, histories: u64, longest: u64) {
    let mut rng = Seed(seed).stream("collections");
    let (mut yes, mut no, mut undecided, mut unknown, mut empty) = (0, 0, 0, 0, 0);
    for _ in 0..histories {
        let how = Draw {
            calls: 3 + rng.below(longest - 2) as usize,
            clients: 2 + rng.below(3) as usize,
            unknown: *rng.pick(&[0, 20, 20]),
            lies: *rng.pick(&[0, 20, 40, 60]),
            puts: *rng.pick(&[50, 60]),
        };
        let mut calls = match rng.below(3) {
            0 => draw_chaos(&mut rng, how.calls, how.clients),
            _ => draw(kind, &mut rng, &how),
        };
        if rng.percent(10) {
            // Events that stand in the same place: neither call is before the other.
            let apart = *rng.pick(&[1, 1000]);
            let coarse = |moment: usize| if moment == usize::MAX { moment } else { moment / 2 * apart };
            calls.iter_mut().for_each(|call| {
                (call.invoked, call.returned) = (coarse(call.invoked), coarse(call.returned));
            });
        }
        unknown += u64::from(calls.iter().any(|call| call.returned == usize::MAX));
        empty += u64::from(calls.iter().any(|call| call.deed == Deed::FoundEmpty));
        let truth = possible(kind, &calls);
        match kind.monitor()(&calls) {
            None => {
                assert!(calls.iter().any(|call| call.deed == Deed::Asked), "the premises hold: {kind:?} {calls:?}");
                undecided += 1;
            }
            Some(Ruling::Linearizable(order)) => {
                assert!(truth, "{kind:?} {calls:?}");
                replay(kind, &calls, &order);
                yes += 1;
            }
            Some(Ruling::Impossible { calls: core, wrong }) => {
                assert!(!truth, "{kind:?} {calls:?}");
                check_core(kind, &calls, &core, wrong);
                no += 1;
            }
        }
    }
    println!(
        "{kind:?}: {yes} linearizable, {no} not, {undecided} undecided; {unknown} with unknown outcomes, {empty} with empty answers"
    );
    assert!(no * 10 >= histories * 3 && yes * 10 >= histories * 3 && undecided * 10 < histories);
    assert!(unknown * 10 >= histories * 3 && empty * 10 >= histories * 3);
}

/// The few calls contradict each other without the others, and none of the values can be left out. (Where something was found
/// empty, queues and stacks do not look further, and the values that forbid it may contradict each other as well.)
fn check_core(kind: Kind, calls: &[Handling], core: &[usize], wrong: usize) {
    assert!(core.contains(&wrong) && core.is_sorted(), "{kind:?} {core:?}");
    let few: Vec<Handling> = core.iter().map(|index| calls[*index]).collect();
    assert!(!possible(kind, &few), "{kind:?} {few:?}");
    let value = |call: &Handling| match call.deed {
        Deed::Put(value) | Deed::Took(value) => Some(value),
        _ => None,
    };
    if kind != Kind::PriorityQueue && few.iter().any(|call| call.deed == Deed::FoundEmpty) {
        return;
    }
    for left_out in few.iter().filter_map(value) {
        let fewer: Vec<Handling> = few.iter().filter(|call| value(call) != Some(left_out)).copied().collect();
        assert!(possible(kind, &fewer), "{kind:?}: {left_out} is not needed in {few:?}");
    }
}

const KINDS: [Kind; 3] = [Kind::Queue, Kind::Stack, Kind::PriorityQueue];

#[test]
fn monitors_agree_with_every_order_tried() {
    KINDS.into_iter().for_each(|kind| fuzz(kind, 1, 20_000, 9));
}

#[test]
fn long_histories_are_decided_and_refuted_by_few_calls() {
    for kind in KINDS {
        for seed in 0..20 {
            let mut rng = Seed(seed).stream("long");
            let how = Draw { calls: 2000, clients: 2 + seed as usize, unknown: 0, lies: 0, puts: 40 + seed };
            let mut calls = draw(kind, &mut rng, &how);
            let Some(Ruling::Linearizable(order)) = kind.monitor()(&calls) else { panic!("{kind:?} {seed}") };
            replay(kind, &calls, &order);
            for _ in 0..5 {
                swap_takes(&mut rng, &mut calls);
            }
            match kind.monitor()(&calls) {
                Some(Ruling::Linearizable(order)) => replay(kind, &calls, &order),
                Some(Ruling::Impossible { calls: core, wrong }) if core.len() <= 16 => {
                    check_core(kind, &calls, &core, wrong);
                }
                Some(Ruling::Impossible { .. }) => {}
                None => panic!("{kind:?} {seed}"),
            }
        }
    }
}

#[test]
fn no_calls_are_in_order() {
    KINDS.into_iter().for_each(|kind| assert_eq!(kind.monitor()(&[]), Some(Ruling::Linearizable(Vec::new()))));
}

#[test]
fn a_value_put_twice_is_none_of_their_business() {
    let put = |at| Handling { invoked: at, returned: at + 1, deed: Deed::Put(7) };
    KINDS.into_iter().for_each(|kind| assert_eq!(kind.monitor()(&[put(0), put(2)]), None));
}

#[test]
fn a_take_of_unknown_outcome_may_have_taken_what_is_missing() {
    let call = |invoked, returned, deed| Handling { invoked, returned, deed };
    let put = call(0, 1, Deed::Put(7));
    let (asked, empty) = (call(2, usize::MAX, Deed::Asked), call(3, 4, Deed::FoundEmpty));
    for kind in KINDS {
        assert_eq!(kind.monitor()(&[put, asked, empty]), None);
        assert_eq!(kind.monitor()(&[put, empty]), Some(Ruling::Impossible { calls: vec![0, 1], wrong: 1 }));
        let took = call(5, 6, Deed::Took(7));
        assert_eq!(kind.monitor()(&[put, asked, empty, took]), Some(impossible(vec![0, 2, 3], 2)));
    }
}
