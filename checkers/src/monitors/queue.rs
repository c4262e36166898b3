//! Queues: first in, first out, each value put once.
//!
//! Two values contradict each other where one was put before the other and taken after it:
//!
//! ```text
//! put 1  |---|
//! put 2         |---|
//! take 2               |---|
//! take 1                       |---|
//! ```
//!
//! Henzinger, Sezgin and Vafeiadis (CONCUR 2013) found that nothing else can go wrong besides what one value tells alone and
//! answers of emptiness; Abdulla and others (PLDI 2025) decide it in n log n. Ours is shorter, since it builds the order at
//! once. "Put before" and "taken before" are interval orders: of a < b and c < d, at least one of a < d and c < b holds as
//! well. So the shortest cycle in the union of the two has length two, and where there is no contradicting pair, peeling off
//! values that are first in both never gets stuck. A call that found nothing is a value that came and went in one moment.

use super::{Handling, NOBODY, Ruling, Scene, Stay, empty_moments, impossible, in_order, rule};

/// Decides whether calls on a queue that is empty at first are linearizable; linear time where moments and values lie close
/// together, else n log n. `None` if a value is put twice, or where a take of unknown outcome could tip the scales.
///
/// Method: head of this file, after Henzinger, Sezgin and Vafeiadis, "Aspect-oriented linearizability proofs", CONCUR 2013.
pub fn queue(calls: &[Handling]) -> Option<Ruling> {
    rule(calls, solve)
}

fn solve(scene: Scene) -> Ruling {
    let moments = match empty_moments(&scene) {
        Ok(moments) => moments,
        Err(ruling) => return ruling,
    };
    let mut stays = scene.stays;
    stays.extend(scene.voids.iter().zip(moments).map(|(void, moment)| Stay {
        value: 0,
        put: NOBODY,
        took: void.call as u32,
        put_from: moment,
        put_until: moment,
        took_from: moment,
        took_until: moment,
    }));
    match peel(&stays, scene.end) {
        Ok(row) => Ruling::Linearizable(merge(&stays, &row)),
        Err((first, second)) => {
            let calls = stays[first].calls().chain(stays[second].calls()).collect();
            impossible(calls, stays[second].took as usize)
        }
    }
}

/// One order of the values that agrees with their puts and with their takes, or two of which the first was put before the
/// second and taken after it.
fn peel(stays: &[Stay], end: u32) -> Result<Vec<u32>, (usize, usize)> {
    let put_from = in_order(stays.iter().map(|stay| stay.put_from), end);
    let put_until = in_order(stays.iter().map(|stay| stay.put_until), end);
    let took_from = in_order(stays.iter().map(|stay| stay.took_from), end);
    let took_until = in_order(stays.iter().map(|stay| stay.took_until), end);
    // How many of the two orders still have something before it; 3 once it is peeled.
    let mut behind = vec![2u8; stays.len()];
    let (mut ready, mut row) = (Vec::new(), Vec::with_capacity(stays.len()));
    let (mut put_next, mut put_least, mut took_next, mut took_least) = (0, 0, 0, 0);
    while row.len() < stays.len() {
        // First among the puts is who was invoked before any of the rest returned; the same for takes.
        while behind[put_until[put_least] as usize] == PEELED {
            put_least += 1;
        }
        while behind[took_until[took_least] as usize] == PEELED {
            took_least += 1;
        }
        let (earliest, leaver) = (put_until[put_least] as usize, took_until[took_least] as usize);
        let (put_limit, took_limit) = (stays[earliest].put_until, stays[leaver].took_until);
        advance(&put_from, &mut put_next, &mut behind, &mut ready, |stay| stays[stay].put_from <= put_limit);
        advance(&took_from, &mut took_next, &mut behind, &mut ready, |stay| stays[stay].took_from <= took_limit);
        // Stuck: `earliest` is first among the puts and so not among the takes, `leaver` the other way round.
        let Some(stay) = ready.pop() else { return Err((earliest, leaver)) };
        behind[stay as usize] = PEELED;
        row.push(stay);
    }
    Ok(row)
}

const PEELED: u8 = 3;

/// Frees values from one of the two orders, from `next` on, as long as `free` says so.
fn advance(order: &[u32], next: &mut usize, behind: &mut [u8], ready: &mut Vec<u32>, free: impl Fn(usize) -> bool) {
    while let Some(stay) = order.get(*next).copied().filter(|stay| free(*stay as usize)) {
        *next += 1;
        behind[stay as usize] -= 1;
        if behind[stay as usize] == 0 {
            ready.push(stay);
        }
    }
}

/// Puts and takes in one order. Each happens as early as it can: when all before it in the row have been invoked. A value that
/// stands for "nothing there" lets nobody in before everyone ahead of it has left.
fn merge(stays: &[Stay], row: &[u32]) -> Vec<usize> {
    let mut order = Vec::with_capacity(2 * stays.len());
    let (mut put, mut took, mut put_moment, mut took_moment) = (0, 0, 0, 0);
    while took < row.len() {
        let leaver = &stays[row[took] as usize];
        took_moment = took_moment.max(leaver.took_from);
        while let Some(comer) = row.get(put).map(|stay| &stays[*stay as usize]) {
            put_moment = put_moment.max(comer.put_from);
            if put_moment > took_moment || (comer.put == NOBODY && took < put) {
                break;
            }
            order.extend((comer.put != NOBODY).then_some(comer.put as usize));
            put += 1;
            if comer.put == NOBODY {
                break;
            }
        }
        order.extend((leaver.took != NOBODY).then_some(leaver.took as usize));
        took += 1;
    }
    order
}
