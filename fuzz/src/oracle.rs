//! The brute force: every order of every allowed subset of at most sixteen calls, remembered by set and state.
//!
//! It knows no model, no monitor and none of the engine's rules. What it decides is the definition of Herlihy and Wing (1990),
//! read literally: calls in sequence explain every answer, each call after all that returned before it was asked.

use crate::objects::{Ask, Said, step};

/// Where a call returns that never does.
pub const NEVER: u8 = u8::MAX;

/// One call of a tiny history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Who asked.
    pub process: u8,
    /// What was asked.
    pub ask: Ask,
    /// What was said, if anything was.
    pub said: Option<Said>,
    /// Index of the invocation among the history's events.
    pub invoked: u8,
    /// Index of the return, or [`NEVER`].
    pub returned: u8,
}

impl Call {
    /// What the object that held `held` holds after this call, or `None` if it cannot take effect then.
    pub fn step(&self, held: u64) -> Option<u64> {
        let (after, said) = step(held, self.ask)?;
        self.said.is_none_or(|told| told == said).then_some(after)
    }
}

/// Remembers which pairs of a set of calls and a state were entered. One is used for millions of histories: forgetting is O(1).
pub struct Oracle {
    seen: Vec<(u32, u16, u64)>,
    round: u32,
}

impl Default for Oracle {
    fn default() -> Self {
        Oracle { seen: vec![(0, 0, 0); SEEN], round: 0 }
    }
}

/// Pairs remembered at most; a history of eight calls has a few hundred.
const SEEN: usize = 1 << 12;

impl Oracle {
    /// Whether some order explains all calls that returned, from this state.
    pub fn legal(&mut self, calls: &[Call], held: u64) -> bool {
        let every = all(calls);
        self.explains(calls, returned(calls), every, held)
    }

    /// Whether some order of some of the calls `may`, with all of the calls `must`, works from this state. Sets of indexes.
    pub fn explains(&mut self, calls: &[Call], must: u16, may: u16, held: u64) -> bool {
        self.forget();
        let search = Search { calls, must, may, before: before(calls, may) };
        self.enter(&search, 0, held)
    }

    fn forget(&mut self) {
        self.round = self.round.checked_add(1).unwrap_or_else(|| {
            self.seen.fill((0, 0, 0));
            1
        });
    }

    fn enter(&mut self, search: &Search, taken: u16, held: u64) -> bool {
        if search.must & !taken == 0 {
            return true;
        }
        if !self.is_new(taken, held) {
            return false;
        }
        let mut left = search.may & !taken;
        while left != 0 {
            let next = left.trailing_zeros() as usize;
            left &= left - 1;
            if search.before[next] & !taken != 0 {
                continue;
            }
            let after = search.calls[next].step(held);
            if after.is_some_and(|held| self.enter(search, taken | 1 << next, held)) {
                return true;
            }
        }
        false
    }

    /// Linear probing. A full table only costs time: what it cannot remember is entered again.
    fn is_new(&mut self, taken: u16, held: u64) -> bool {
        let mixed = (held ^ u64::from(taken) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let first = (mixed >> 52) as usize;
        for place in first..first + 64 {
            let entry = &mut self.seen[place % SEEN];
            if entry.0 != self.round {
                *entry = (self.round, taken, held);
                return true;
            }
            if (entry.1, entry.2) == (taken, held) {
                return false;
            }
        }
        true
    }
}

struct Search<'a> {
    calls: &'a [Call],
    must: u16,
    may: u16,
    before: [u16; 16],
}

/// All calls as a set.
pub fn all(calls: &[Call]) -> u16 {
    assert!(calls.len() <= 16, "a tiny history");
    ((1u32 << calls.len()) - 1) as u16
}

/// The calls that returned.
pub fn returned(calls: &[Call]) -> u16 {
    set(calls, |call| call.returned != NEVER)
}

/// The calls of which this is true.
pub fn set(calls: &[Call], belongs: impl Fn(&Call) -> bool) -> u16 {
    calls.iter().enumerate().filter(|(_, call)| belongs(call)).fold(0, |set, (index, _)| set | 1 << index)
}

/// For each call those of `may` that returned before it was asked.
fn before(calls: &[Call], may: u16) -> [u16; 16] {
    let mut before = [0; 16];
    for (call, before) in calls.iter().zip(&mut before) {
        *before = may & set(calls, |earlier| earlier.returned < call.invoked);
    }
    before
}

/// Whether this order of calls explains the history: the oracle's own replay of somebody's evidence.
pub fn replay(calls: &[Call], held: u64, order: &[usize]) -> Result<(), String> {
    let (mut held, mut taken, mut latest) = (held, 0u16, 0);
    for (place, index) in order.iter().enumerate() {
        let call = calls.get(*index).ok_or_else(|| format!("the order names call {index}, which does not exist"))?;
        if taken & (1 << index) != 0 {
            return Err(format!("the order has call {index} twice"));
        }
        if call.returned < latest {
            return Err(format!("call {index} at place {place} returned before an earlier one was asked"));
        }
        let after = call.step(held).ok_or_else(|| format!("call {index} at place {place} cannot be answered so"))?;
        (held, taken, latest) = (after, taken | 1 << index, latest.max(call.invoked));
    }
    match returned(calls) & !taken {
        0 => Ok(()),
        missing => Err(format!("the order leaves out call {}", missing.trailing_zeros())),
    }
}

/// Every state that at most `steps` of these questions lead to, in any order and each as often as wanted; `limit` at most.
pub fn states(calls: &[Call], held: u64, steps: usize, limit: usize, found: &mut Vec<u64>) {
    found.clear();
    found.push(held);
    let mut looked = 0;
    for _ in 0..steps {
        let known = found.len();
        for place in looked..known {
            for call in calls {
                let after = step(found[place], call.ask).map(|(after, _)| after);
                found.extend(after.filter(|after| !found.contains(after)));
            }
            if found.len() >= limit {
                return found.truncate(limit);
            }
        }
        looked = known;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(process: u8, ask: Ask, said: Option<Said>, invoked: u8, returned: u8) -> Call {
        Call { process, ask, said, invoked, returned }
    }

    // 0  |-write 1-|
    // 1              |-write 2-?
    // 2                |-read 2-||-read 1-|
    #[test]
    fn a_write_of_unknown_outcome_explains_one_read_but_not_the_way_back() {
        let mut calls = vec![
            call(0, Ask::Write(1), Some(Said::Done), 0, 1),
            call(1, Ask::Write(2), None, 2, NEVER),
            call(2, Ask::Read, Some(Said::Value(2)), 3, 4),
        ];
        assert!(Oracle::default().legal(&calls, 0));
        assert_eq!(replay(&calls, 0, &[0, 1, 2]), Ok(()));
        assert!(replay(&calls, 0, &[0, 2]).is_err() && replay(&calls, 0, &[0, 1]).is_err());
        assert!(replay(&calls, 0, &[1, 0, 2]).is_err() && replay(&calls, 0, &[0, 0, 1, 2]).is_err());
        calls.push(call(2, Ask::Read, Some(Said::Value(1)), 5, 6));
        assert!(!Oracle::default().legal(&calls, 0));
        // Alone, the last two calls are possible from 2 or 1 if somebody may still write.
        let mut oracle = Oracle::default();
        assert!(!oracle.explains(&calls, 0b1100, 0b1110, 2) && oracle.explains(&calls, 0b1000, 0b1010, 2));
    }

    #[test]
    fn states_are_all_that_the_questions_lead_to() {
        let calls = [call(0, Ask::Enqueue(0), None, 0, NEVER), call(1, Ask::Dequeue, None, 1, NEVER)];
        let mut found = Vec::new();
        states(&calls, 0, 3, 100, &mut found);
        assert_eq!(found, [0x0, 0x1, 0x11, 0x111]);
    }
}
