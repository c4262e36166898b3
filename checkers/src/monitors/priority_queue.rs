//! Priority queues: the lowest value leaves first, each value put once.
//!
//! A take of `v` needs a moment at which no lower value must be inside, a call that found nothing one at which no value at all
//! must be inside. That is plainly necessary, and it is enough; Lee and Mathur (OOPSLA 2025) decide it so by taking the highest
//! value away and going on with the rest. Why the highest can be put back:
//!
//! ```text
//! v = 9, taken at t                    t
//! put 3   |-----|                      :       must be inside before t only: its take moves up to t at the latest
//! take 3                |--------------:--|
//! put 5                     |----------:---|   must be inside after t only: its put moves back to t at the earliest
//! take 5                               :        |---|
//! ```
//!
//! Every other value is lower and has no gap over `t`, so each can be kept out of the queue at `t`, which only shortens its
//! stay; a shorter stay of a lower value hinders nobody, and a stay of the highest value hinders no take at all.

use super::{Handling, NOBODY, Ruling, Scene, by_moment, chain, impossible, rule};

/// Decides whether calls on a priority queue that is empty at first are linearizable, in n log n. `None` if a value is put
/// twice, or where a take of unknown outcome could tip the scales.
///
/// Method: Lee and Mathur, "Efficient decrease-and-conquer linearizability monitoring", OOPSLA 2025.
pub fn priority_queue(calls: &[Handling]) -> Option<Ruling> {
    rule(calls, solve)
}

fn solve(mut scene: Scene) -> Ruling {
    let end = scene.end;
    scene.stays.sort_unstable_by_key(|stay| stay.value);
    let (stays, mut free) = (&scene.stays, Skip::all(end));
    let mut takes = Vec::with_capacity(stays.len());
    for (rank, stay) in stays.iter().enumerate() {
        let moment = free.at_or_after(stay.took_from);
        if moment > stay.took_until {
            let lower = chain(&stays[..rank], end, stay.took_from, stay.took_until);
            return impossible(lower.into_iter().chain(stay.calls()).collect(), stay.took as usize);
        }
        takes.push(moment);
        if stay.has_gap() {
            free.remove(stay.put_until + 1, stay.took_from);
        }
    }
    let mut moments = Vec::with_capacity(scene.voids.len());
    for void in &scene.voids {
        let moment = free.at_or_after(void.from);
        if moment > void.until {
            let inside = chain(stays, end, void.from, void.until);
            return impossible(inside.into_iter().chain([void.call]).collect(), void.call);
        }
        moments.push(moment);
    }
    Ruling::Linearizable(order(&scene, &takes, &moments))
}

/// The order, where `takes` has for each of the stays, ascending, the first moment without lower values.
///
/// A put happens as late as it can, so that a stay is one moment or begins where the put returns. Such a stay hinders no higher
/// value: until its take was invoked it had to be there, and from then on to its moment a lower value had to.
fn order(scene: &Scene, takes: &[u32], voids: &[u32]) -> Vec<usize> {
    let stays = || scene.stays.iter().zip(takes);
    // Within a moment: takes from the lowest up, stays of no length among them; empty answers; puts of what stays longer.
    let mut calls = Vec::with_capacity(2 * takes.len() + voids.len());
    for (stay, take) in stays() {
        let brief = stay.put_until >= *take;
        calls.extend(brief.then_some((*take, stay.put)));
        calls.extend((stay.took != NOBODY).then_some((*take, stay.took)));
    }
    calls.extend(scene.voids.iter().zip(voids).map(|(void, moment)| (*moment, void.call as u32)));
    let long = stays().filter(|(stay, take)| stay.put_until < **take);
    calls.extend(long.map(|(stay, _)| (stay.put_until, stay.put)));
    by_moment(&calls, scene.end)
}

/// A set of moments from which moments are removed: each points to the next that is left (union and find, paths halved).
struct Skip(Vec<u32>);

impl Skip {
    /// All moments up to `end`, and one more that is never removed.
    fn all(end: u32) -> Skip {
        Skip((0..=end + 1).collect())
    }
    /// The first that is left from here on.
    fn at_or_after(&mut self, mut moment: u32) -> u32 {
        while self.0[moment as usize] != moment {
            let next = self.0[moment as usize];
            self.0[moment as usize] = self.0[next as usize];
            moment = self.0[moment as usize];
        }
        moment
    }
    /// Removes `from..until`.
    fn remove(&mut self, from: u32, until: u32) {
        let mut moment = self.at_or_after(from);
        while moment < until {
            self.0[moment as usize] = moment + 1;
            moment = self.at_or_after(moment + 1);
        }
    }
}
