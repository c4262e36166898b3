//! Histories of the project's own: clients of one simulated atomic compare-and-set register with random latencies.
//!
//! Each call takes effect at a random time between its invocation and its return, so the history is linearizable by
//! construction, whatever the clients do:
//!
//! ```text
//! client 0   |---write 3--x-------|          |-x--read 3---|
//! client 1        |-x-read 0-|       |--cas 0 1 misses-x------|
//! ```
//!
//! Where a wrong one is wanted, a client that is alone at the end writes two new values and reads the first.

use crate::history::{Act, Call, History, NEVER, Object};
use harness::Seed;
use harness::seed::Rng;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Clients, each with one call at a time.
    pub clients: u32,
    /// Values, from 1; 0 is the initial one.
    pub values: u32,
    /// Calls.
    pub calls: u32,
    /// How many of them never return; half of those take effect.
    pub unknown: u32,
    /// True if clients never rest.
    pub hot: bool,
    /// True if the last read is impossible.
    pub bad: bool,
}

impl Wanted {
    /// `reg_c5_v5_n1000_crash10_hot_ok`, as the recorded histories are called.
    pub fn name(&self) -> String {
        let unknown = if self.unknown > 0 { format!("_crash{}", self.unknown) } else { String::new() };
        let hot = if self.hot { "_hot" } else { "" };
        let end = if self.bad { "badend" } else { "ok" };
        format!("reg_c{}_v{}_n{}{unknown}{hot}_{end}", self.clients, self.values, self.calls)
    }
}

/// What happens next to a client's call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Invoke,
    Effect,
    Return,
}

/// The history that these clients, this seed and chance make.
pub fn generate(wanted: Wanted, seed: Seed) -> History {
    let mut rng = seed.stream("linearizability benchmark");
    let mut calls: Vec<Call> = Vec::with_capacity(wanted.calls as usize);
    let plain = wanted.calls - if wanted.bad { 3 } else { 0 };
    let mut unknown_left = wanted.unknown;
    let mut current: Vec<u32> = vec![0; wanted.clients as usize];
    let mut due: BinaryHeap<Reverse<(u64, u32, Stage)>> =
        (0..wanted.clients).map(|client| Reverse((rng.below(1000), client, Stage::Invoke))).collect();
    let (mut state, mut place) = (0, 0);
    while let Some(Reverse((now, client, stage))) = due.pop() {
        match stage {
            Stage::Invoke => {
                if calls.len() as u32 == plain {
                    continue;
                }
                current[client as usize] = calls.len() as u32;
                // Of the calls that are left, the right share has no answer.
                let loses = rng.below(u64::from(plain) - calls.len() as u64) < u64::from(unknown_left);
                calls.push(Call { act: draw(&wanted, &mut rng, loses), invoked: place, returned: NEVER });
                place += 1;
                if !loses {
                    due.push(Reverse((now + 1 + rng.below(1000), client, Stage::Effect)));
                } else {
                    unknown_left -= 1;
                    if rng.percent(50) {
                        state = after(&mut calls.last_mut().expect("just pushed").act.clone(), state);
                    }
                    // Its process is not used again; a new one takes its place.
                    due.push(Reverse((now + 1000, client, Stage::Invoke)));
                }
            }
            Stage::Effect => {
                state = after(&mut calls[current[client as usize] as usize].act, state);
                due.push(Reverse((now + 1 + rng.below(1000), client, Stage::Return)));
            }
            Stage::Return => {
                calls[current[client as usize] as usize].returned = place;
                place += 1;
                let rest = if wanted.hot { 1 } else { 1 + rng.below(2000) };
                due.push(Reverse((now + rest, client, Stage::Invoke)));
            }
        }
    }
    if wanted.bad {
        let (first, second) = (wanted.values + 1, wanted.values + 2);
        for act in [Act::Write(first), Act::Write(second), Act::Read(first)] {
            calls.push(Call { act, invoked: place, returned: place + 1 });
            place += 2;
        }
    }
    History { object: Object::Register, texts: Vec::new(), keys: vec![calls] }
}

/// What a client asks; a read that gets no answer would say nothing, so that is a write.
fn draw(wanted: &Wanted, rng: &mut Rng, loses: bool) -> Act {
    let mut value = || 1 + rng.below(u64::from(wanted.values)) as u32;
    let (first, second) = (value(), value());
    match rng.below(10) {
        0..4 if !loses => Act::Read(0),
        0..7 => Act::Write(first),
        _ => Act::Cas(first, second),
    }
}

/// Fills in what the register answers, and gives what it holds afterwards.
fn after(act: &mut Act, state: u32) -> u32 {
    match *act {
        Act::Read(_) => *act = Act::Read(state),
        Act::Cas(from, to) if from == state => return to,
        Act::Cas(from, _) => *act = Act::Missed(from),
        Act::Write(value) => return value,
        ref other => unreachable!("a register has no {other:?}"),
    }
    state
}
