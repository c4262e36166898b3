//! Read/write registers on which no value is written twice: zones, after Gibbons and Korach (1997).
//!
//! A write and the reads that return its value stand next to each other in every order. Their zone lies between the first
//! return and the last invocation among them. Where the return comes first, the register must hold the value that long, a
//! *forward* zone; else they all overlap and can be one moment anywhere in the zone, a *backward* one.
//!
//! ```text
//! write 1  |----|                      write 2   |----------|
//! read 1              |-----|          read 2         |-----------|
//!               (xxxxx)  forward                      (.....)  backward
//! ```
//!
//! An order exists if and only if forward zones do not overlap and none has a backward zone within. The order is then the
//! forward zones one after the other; a backward zone that begins inside a forward one waits for that to end.

use super::{Numbers, Ruling, impossible};

/// One call on a read/write register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// Where the question stands in the one order of all questions and answers.
    pub invoked: usize,
    /// Where the answer stands in that order; `usize::MAX` if nobody knows what became of it.
    pub returned: usize,
    /// What it did, or tried to do.
    pub deed: Touch,
}

/// What a call did to a register. Values are numbers that the caller gives to them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    /// It wrote this value.
    Wrote(i64),
    /// It read this value; of no account if it never returned.
    Read(i64),
}

/// A write, the reads of its value, and the calls that bound its zone.
#[derive(Clone, Copy)]
struct Zone {
    write: u32,
    /// The call that returned first, and when.
    first: u32,
    first_return: usize,
    /// The call that was invoked last, and when.
    last: u32,
    last_invoked: usize,
    reads: u32,
}

const NOBODY: u32 = u32::MAX;

/// Decides whether calls on a read/write register that holds `initial` at first are linearizable, in n log n of the values and
/// linear time of the calls. `None` if a value is written twice or is the initial one.
///
/// Method: Gibbons and Korach, "Testing shared memories", SIAM Journal on Computing 26(4), 1997.
pub fn zones(calls: &[Access], initial: i64) -> Option<Ruling> {
    if !calls.is_sorted_by_key(|call| call.invoked) {
        return zones_unsorted(calls, initial);
    }
    if calls.len() > u32::MAX as usize / 4 || calls.iter().any(|call| call.invoked > call.returned) {
        return None;
    }
    let (mut zones, numbers) = writes(calls, initial)?;
    // For each read the number of its zone.
    let mut zone_of = Vec::with_capacity(calls.len());
    for (index, call) in (0u32..).zip(calls) {
        let number = match call.deed {
            Touch::Read(value) if call.returned != usize::MAX => numbers.of(value),
            _ => Some(NOBODY),
        };
        let Some(number) = number else {
            return Some(impossible(vec![index as usize], index as usize));
        };
        zone_of.push(number);
        let Some(zone) = zones.get_mut(number as usize) else { continue };
        if zone.write != NOBODY && call.returned < calls[zone.write as usize].invoked {
            return Some(impossible(vec![zone.write as usize, index as usize], index as usize));
        }
        zone.reads += 1;
        if call.returned < zone.first_return {
            (zone.first, zone.first_return) = (index, call.returned);
        }
        if zone.last == NOBODY || call.invoked >= zone.last_invoked {
            (zone.last, zone.last_invoked) = (index, call.invoked);
        }
    }
    Some(match line_up(&zones) {
        Ok(row) => Ruling::Linearizable(order(&zones, &zone_of, &row)),
        Err((forward, other)) => refuse(calls, &zones[forward as usize], &zones[other as usize]),
    })
}

/// The same where calls do not come in the order of their invocations.
fn zones_unsorted(calls: &[Access], initial: i64) -> Option<Ruling> {
    let mut sorted: Vec<usize> = (0..calls.len()).collect();
    sorted.sort_by_key(|index| calls[*index].invoked);
    let ruling = zones(&sorted.iter().map(|index| calls[*index]).collect::<Vec<_>>(), initial)?;
    Some(match ruling {
        Ruling::Linearizable(order) => Ruling::Linearizable(order.into_iter().map(|index| sorted[index]).collect()),
        Ruling::Impossible { calls, wrong } => {
            impossible(calls.into_iter().map(|index| sorted[index]).collect(), sorted[wrong])
        }
    })
}

/// A zone for each write; the first is the initial value's, which was written before everything. `None` if a premise fails.
fn writes(calls: &[Access], initial: i64) -> Option<(Vec<Zone>, Numbers)> {
    let written = calls.iter().filter_map(|call| match call.deed {
        Touch::Wrote(value) => Some(value),
        Touch::Read(_) => None,
    });
    let mut numbers = Numbers::new(written.chain([initial]));
    let given = numbers.give(initial, 0);
    debug_assert!(given, "nothing has a number yet");
    let mut zones = Vec::with_capacity(calls.len() / 2 + 1);
    zones.push(Zone { write: NOBODY, first: NOBODY, first_return: 0, last: NOBODY, last_invoked: 0, reads: 0 });
    for (index, call) in (0u32..).zip(calls) {
        let Touch::Wrote(value) = call.deed else { continue };
        if !numbers.give(value, zones.len() as u32) {
            return None;
        }
        let (first_return, last_invoked) = (call.returned, call.invoked);
        zones.push(Zone { write: index, first: index, first_return, last: index, last_invoked, reads: 0 });
    }
    Some((zones, numbers))
}

/// The zones one after the other, or a forward one and another that contradict each other.
fn line_up(zones: &[Zone]) -> Result<Vec<u32>, (u32, u32)> {
    // By where they begin; of two that begin together the backward one goes first, since the other one stays.
    let mut keys: Vec<(usize, bool, u32)> = Vec::with_capacity(zones.len());
    for (number, zone) in (1u32..).zip(&zones[1..]) {
        let forward = zone.first_return < zone.last_invoked;
        // A write of unknown outcome that nobody read: without it every order is still an order.
        if zone.first_return != usize::MAX {
            keys.push((zone.first_return.min(zone.last_invoked), forward, number));
        }
    }
    keys.sort_unstable();
    let mut row = Vec::with_capacity(zones.len());
    row.push(0);
    // The last forward zone, and where it ends. The initial value's begins before everything.
    let (mut last, mut ends) = (0, zones[0].last_invoked);
    for (begins, forward, number) in keys {
        let zone = &zones[number as usize];
        if forward {
            if begins < ends {
                return Err((last, number));
            }
            (last, ends) = (number, zone.last_invoked);
        } else if begins < ends && zone.first_return < ends {
            return Err((last, number));
        }
        row.push(number);
    }
    Ok(row)
}

/// The calls zone by zone: the write, then the reads as they were invoked.
fn order(zones: &[Zone], zone_of: &[u32], row: &[u32]) -> Vec<usize> {
    let mut order = Vec::with_capacity(zone_of.len());
    let mut places = vec![usize::MAX; zones.len()];
    for number in row {
        let zone = &zones[*number as usize];
        order.extend((zone.write != NOBODY).then_some(zone.write as usize));
        places[*number as usize] = order.len();
        order.resize(order.len() + zone.reads as usize, 0);
    }
    for (index, number) in zone_of.iter().enumerate() {
        if let Some(place) = places.get_mut(*number as usize) {
            order[*place] = index;
            *place += 1;
        }
    }
    order
}

/// Rules against two zones. The one whose last call came last is wrong: when it was invoked, the other value had come between.
fn refuse(calls: &[Access], one: &Zone, other: &Zone) -> Ruling {
    let bounds = [one.write, one.first, one.last, other.write, other.first, other.last];
    let mut core: Vec<usize> = bounds.into_iter().filter(|call| *call != NOBODY).map(|call| call as usize).collect();
    core.sort_unstable();
    core.dedup();
    let reads = core.iter().filter(|call| matches!(calls[**call].deed, Touch::Read(_)));
    let wrong = *reads.max_by_key(|call| calls[**call].returned).expect("a forward zone ends with a read");
    impossible(core, wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::{Rng, Seed};
    use std::collections::BTreeSet;

    /// Every order of every subset that can be, by search.
    fn possible(calls: &[Access], initial: i64) -> bool {
        fn search(calls: &[Access], done: u32, value: i64, seen: &mut BTreeSet<(u32, i64)>) -> bool {
            let left = || (0..calls.len()).filter(move |index| done & (1 << index) == 0);
            if left().all(|index| calls[index].returned == usize::MAX) {
                return true;
            }
            let limit = left().map(|index| calls[index].returned).min().unwrap_or(usize::MAX);
            seen.insert((done, value))
                && left().filter(|index| calls[*index].invoked <= limit).any(|index| match calls[index].deed {
                    Touch::Read(read) if calls[index].returned != usize::MAX && read != value => false,
                    Touch::Read(_) => search(calls, done | 1 << index, value, seen),
                    Touch::Wrote(written) => search(calls, done | 1 << index, written, seen),
                })
        }
        search(calls, 0, initial, &mut BTreeSet::new())
    }

    fn replay(calls: &[Access], initial: i64, order: &[usize]) {
        let (mut value, mut latest, mut seen) = (initial, 0, BTreeSet::new());
        for index in order {
            let call = calls[*index];
            assert!(seen.insert(*index), "call {index} twice");
            assert!(call.returned >= latest, "call {index} returned before one ahead of it was invoked");
            latest = latest.max(call.invoked);
            match call.deed {
                Touch::Wrote(written) => value = written,
                Touch::Read(read) => assert_eq!(read, value, "call {index}"),
            }
        }
        let is_read = |value| calls.iter().any(|call| call.deed == Touch::Read(value) && call.returned != usize::MAX);
        for index in order.iter().filter(|index| calls[**index].returned == usize::MAX) {
            assert!(matches!(calls[*index].deed, Touch::Wrote(value) if is_read(value)), "call {index} is not needed");
        }
        let answered = |index: &usize| calls[*index].returned != usize::MAX;
        assert!((0..calls.len()).filter(answered).all(|index| seen.contains(&index)), "an answered call is missing");
    }

    /// Draws 3 to 9 calls by 2 to 4 clients. The register is atomic; a share of the reads return what was not there.
    fn draw(rng: &mut Rng) -> Vec<Access> {
        let (count, clients, lies) =
            (3 + rng.below(7) as usize, 2 + rng.below(3) as usize, *rng.pick(&[0, 10, 30, 60]));
        let far = *rng.pick(&[1, 1, 1000]);
        let (mut calls, mut open, mut now, mut value) = (Vec::<Access>::new(), Vec::new(), 0, 0);
        while calls.len() < count || !open.is_empty() {
            now += 1;
            if calls.len() < count && open.len() < clients && (open.is_empty() || rng.percent(50)) {
                let deed = if rng.percent(40) { Touch::Wrote(calls.len() as i64 * far + 1) } else { Touch::Read(0) };
                open.push((calls.len(), false));
                calls.push(Access { invoked: now, returned: usize::MAX, deed });
                continue;
            }
            let turn = rng.below(open.len() as u64) as usize;
            let (index, happened) = open[turn];
            if !happened && rng.percent(95) {
                match &mut calls[index].deed {
                    Touch::Wrote(written) => value = *written,
                    Touch::Read(read) => *read = value,
                }
            }
            open[turn].1 = true;
            if rng.percent(60) {
                open.swap_remove(turn);
                if !rng.percent(15) {
                    calls[index].returned = now;
                }
                let any = rng.below(calls.len() as u64 + 1) as i64;
                if let (Touch::Read(read), true) = (&mut calls[index].deed, rng.percent(lies)) {
                    *read = if any == 0 { 0 } else { (any - 1) * far + 1 };
                }
            }
        }
        if rng.percent(20) {
            rng.shuffle(&mut calls);
        }
        if rng.percent(10) {
            // Events that stand in the same place: neither call is before the other.
            let coarse = |moment: usize| if moment == usize::MAX { moment } else { moment / 2 };
            calls.iter_mut().for_each(|call| {
                (call.invoked, call.returned) = (coarse(call.invoked), coarse(call.returned));
            });
        }
        calls
    }

    fn fuzz(seed: u64, histories: u64) {
        let mut rng = Seed(seed).stream("zones");
        let mut counts = [0u64; 3];
        for _ in 0..histories {
            let calls = draw(&mut rng);
            let truth = possible(&calls, 0);
            match zones(&calls, 0) {
                None => panic!("the premises hold: {calls:?}"),
                Some(Ruling::Linearizable(order)) => {
                    assert!(truth, "{calls:?}");
                    replay(&calls, 0, &order);
                    counts[0] += 1;
                }
                Some(Ruling::Impossible { calls: core, wrong }) => {
                    assert!(!truth, "{calls:?}");
                    let few: Vec<Access> = core.iter().map(|index| calls[*index]).collect();
                    assert!(!possible(&few, 0), "{core:?} of {calls:?}");
                    assert!(core.contains(&wrong) && core.is_sorted() && core.len() <= 6, "{core:?}");
                    counts[1] += 1;
                }
            }
            counts[2] += u64::from(calls.iter().any(|call| call.returned == usize::MAX));
        }
        println!("zones: {} linearizable, {} not; {} with unknown outcomes", counts[0], counts[1], counts[2]);
        assert!(counts[1] * 10 >= histories * 3 && counts[2] * 10 >= histories * 3);
    }

    #[test]
    fn agrees_with_every_order_tried() {
        fuzz(1, 20_000);
    }

    #[test]
    fn a_value_written_twice_is_none_of_its_business() {
        let write = |value, at| Access { invoked: at, returned: at + 1, deed: Touch::Wrote(value) };
        assert_eq!(zones(&[write(1, 0), write(1, 2)], 0), None);
        assert_eq!(zones(&[], 0), Some(Ruling::Linearizable(Vec::new())));
        assert_eq!(zones(&[write(0, 0)], 0), None, "the initial value, written again");
        assert_eq!(zones(&[write(1, 2), write(2, 0)], 0), Some(Ruling::Linearizable(vec![1, 0])));
    }
}
