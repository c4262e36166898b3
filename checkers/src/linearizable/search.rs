//! Is there an order? A depth-first search over orders of calls, after Wing and Gong (1993) with the memo of Lowe ("Testing
//! for linearizability", 2017), on one register.
//!
//! A configuration is what has been ordered so far: the first `k` calls by return, a few later ones (each has a slot among
//! the calls that are open at once, so a long history needs no long set), calls that never return, and what the register
//! holds. Four rules keep the search small; each only skips configurations from which success implies success elsewhere:
//!
//! 1. A call that changes nothing and is possible now is taken at once. Were it ordered later in some success, it could be
//!    moved to here without disturbing anybody.
//! 2. Of open calls with equal effect the one that returns first is taken; in a success that takes the other, the two can
//!    change places. A call that never returns is taken only if no returning one has its effect, and last of all.
//! 3. A configuration is given up if an earlier one had ordered the same returning calls, held the same, and had used up no
//!    call that never returns beyond those used here: whatever succeeds from here succeeded from there.
//! 4. After a call that never returns comes one that looks at what the register holds. A success that goes on with a plain
//!    write succeeds without that call, from the configuration before it.
//! 5. Values that nobody ever looks for are one value.
//!
//! Together they lose nothing: of all entered configurations with a success take those with the shortest, and of these one that
//! used the fewest calls that never return. Its next step, or an equal one, was tried and led to a shorter success, or was given
//! up for an earlier one at least as short, or was a plain write after an unneeded call; each contradicts the choice.

use super::problem::{Effect, Needs, Problem};
use super::register::{Act, RegisterCall};
use harness::Value;
use rustc_hash::FxHashMap;

/// What a remembered configuration takes from the budget, so that the budget bounds memory too: about 150 bytes each.
const REMEMBERED: u64 = 10;

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This order of calls (indexes into what was asked) explains every answer. Calls that never return may be missing.
    Linearizable(Vec<usize>),
    /// No order does.
    Impossible,
    /// The budget was spent before either was certain.
    OutOfBudget,
}

/// Searches for an order of `calls` that respects who returned before whom was invoked and explains every answer, on a
/// register that holds `initial` at first. Takes from `budget` one for each call looked at and some for each configuration
/// remembered; never answers wrongly for lack of it.
///
/// # Panics
/// If a call returns before its invocation, or a read has no return.
pub fn check_calls(calls: &[RegisterCall], initial: Option<Value>, budget: &mut u64) -> Answer {
    let problem = Problem::new(calls, initial);
    let answer = Search::new(&problem, budget).run();
    if let Answer::Linearizable(order) = &answer {
        let replayed = replay(calls, initial, order);
        assert_eq!(replayed, Ok(()), "the search found an order that is none");
    }
    answer
}

/// Says whether an order really explains the calls, without knowing how it was found; else which call it fails to explain.
pub fn replay(calls: &[RegisterCall], initial: Option<Value>, order: &[usize]) -> Result<(), usize> {
    let (mut held, mut latest, mut seen) = (initial, 0, vec![false; calls.len()]);
    for index in order {
        let call = &calls[*index];
        latest = latest.max(call.invoked);
        let in_time = call.returned.is_none_or(|returned| latest < returned);
        let explained = match call.act {
            Act::Missed { from, .. } => held != Some(from),
            act => act.saw().is_none_or(|saw| saw == held),
        };
        if !in_time || !explained || std::mem::replace(&mut seen[*index], true) {
            return Err(*index);
        }
        held = call.act.sets().map_or(held, Some);
    }
    let missing = |index: &usize| !seen[*index] && calls[*index].returned.is_some();
    (0..calls.len()).find(missing).map_or(Ok(()), Err)
}

/// A call that was or may be ordered next.
#[derive(Clone, Copy)]
enum Choice {
    /// A returning one, by its rank.
    Returning(usize),
    /// The next one of a class of calls that never return.
    Open(usize),
}

/// A choice that was made, and what was before it.
struct Made {
    choice: Choice,
    held: u32,
    returned: usize,
    /// Where the choices that it led to begin.
    choices: usize,
}

struct Search<'a> {
    problem: &'a Problem,
    budget: &'a mut u64,
    /// What the register holds.
    held: u32,
    /// So many calls, by return, are all ordered.
    returned: usize,
    /// Which returning calls are ordered.
    ordered: Vec<bool>,
    /// The slots of ordered calls beyond the first `returned`.
    slots: Vec<u64>,
    /// How many calls of each class that never return are ordered.
    used: Vec<usize>,
    /// The same as a set: within a class they are used in order of invocation.
    used_set: Vec<u64>,
    /// The returning calls that are not ordered, by invocation, as a list that forgets and remembers: `next` and `before`, where
    /// the last index is both ends.
    next: Vec<usize>,
    before: Vec<usize>,
    made: Vec<Made>,
    choices: Vec<Choice>,
    /// For each configuration without its never-returning calls, the smallest sets of these with which it was entered.
    memo: FxHashMap<Box<[u64]>, Vec<u64>>,
    key: Vec<u64>,
}

impl<'a> Search<'a> {
    fn new(problem: &'a Problem, budget: &'a mut u64) -> Search<'a> {
        let ends = problem.returning.len();
        let (mut next, mut before) = (vec![ends; ends + 1], vec![ends; ends + 1]);
        let mut last = ends;
        for rank in &problem.by_invocation {
            (next[last], before[*rank]) = (*rank, last);
            last = *rank;
        }
        (next[last], before[ends]) = (ends, last);
        Search {
            problem,
            budget,
            held: problem.initial,
            returned: 0,
            ordered: vec![false; ends],
            slots: vec![0; problem.slots.div_ceil(64)],
            used: vec![0; problem.classes.len()],
            used_set: vec![0; problem.open.len().div_ceil(64)],
            next,
            before,
            made: Vec::new(),
            choices: Vec::new(),
            memo: FxHashMap::default(),
            key: Vec::new(),
        }
    }

    fn run(mut self) -> Answer {
        self.offer();
        while self.returned < self.problem.returning.len() {
            if *self.budget == 0 {
                return Answer::OutOfBudget;
            }
            let from = self.made.last().map_or(0, |made| made.choices);
            if self.choices.len() > from
                && let Some(choice) = self.choices.pop()
            {
                self.make(choice);
                if self.is_new() {
                    self.offer();
                } else {
                    self.unmake();
                }
            } else if self.made.is_empty() {
                return Answer::Impossible;
            } else {
                self.unmake();
            }
        }
        Answer::Linearizable(self.order())
    }

    fn spend(&mut self, steps: usize) {
        *self.budget = self.budget.saturating_sub(steps as u64);
    }

    /// Puts the calls that may come next onto the choices, the best on top.
    fn offer(&mut self) {
        let problem = self.problem;
        let Some(deadline) = problem.returning.get(self.returned).map(|step| step.returned) else { return };
        let from = self.choices.len();
        let ends = problem.returning.len();
        let after_open = self.made.last().is_some_and(|made| matches!(made.choice, Choice::Open(_)));
        let allowed =
            |effect: &Effect, held: u32| effect.possible(held) && !(after_open && effect.needs == Needs::Nothing);
        let (mut rank, mut looked) = (self.next[ends], 0);
        while rank != ends && problem.returning[rank].invoked < deadline {
            looked += 1;
            let step = &problem.returning[rank];
            if allowed(&step.effect, self.held) {
                if step.effect.sets.is_none() {
                    self.choices.truncate(from);
                    self.choices.push(Choice::Returning(rank));
                    self.spend(looked);
                    return;
                }
                self.offer_returning(from, rank);
            }
            rank = self.next[rank];
        }
        let rank_of = |choice: &Choice| match choice {
            Choice::Returning(rank) => std::cmp::Reverse(*rank),
            Choice::Open(_) => unreachable!("only returning calls were offered so far"),
        };
        self.choices[from..].sort_unstable_by_key(rank_of);
        self.offer_open(from, deadline, |effect, held| allowed(effect, held) && effect.sets != Some(held));
        self.spend(looked + problem.classes.len());
    }

    /// Of returning calls with equal effect only the one that returns first is offered.
    fn offer_returning(&mut self, from: usize, rank: usize) {
        let effect_of = |rank: usize| self.problem.returning[rank].effect;
        let equal = self.choices[from..].iter_mut().find_map(|choice| match choice {
            Choice::Returning(other) if effect_of(*other) == effect_of(rank) => Some(other),
            _ => None,
        });
        match equal {
            Some(other) => *other = rank.min(*other),
            None => self.choices.push(Choice::Returning(rank)),
        }
    }

    /// Puts calls that never return below the returning ones. One that leaves everything as it is helps nobody.
    fn offer_open(&mut self, from: usize, deadline: usize, helps: impl Fn(&Effect, u32) -> bool) {
        let problem = self.problem;
        let returning = self.choices.len();
        for (class, range) in problem.classes.iter().enumerate() {
            let next = range.start + self.used[class];
            if next >= range.end
                || problem.open[next].invoked >= deadline
                || !helps(&problem.open[next].effect, self.held)
            {
                continue;
            }
            let offered = |choice: &Choice| match choice {
                Choice::Returning(rank) => problem.returning[*rank].effect == problem.open[next].effect,
                Choice::Open(_) => false,
            };
            if !self.choices[from..returning].iter().any(offered) {
                self.choices.push(Choice::Open(class));
            }
        }
        let open = self.choices.len() - returning;
        self.choices[from..].rotate_right(open);
    }

    fn make(&mut self, choice: Choice) {
        self.spend(1);
        let made = Made { choice, held: self.held, returned: self.returned, choices: self.choices.len() };
        self.made.push(made);
        let effect = match choice {
            Choice::Returning(rank) => {
                self.forget(rank);
                self.problem.returning[rank].effect
            }
            Choice::Open(class) => {
                let index = self.problem.classes[class].start + self.used[class];
                self.used[class] += 1;
                self.used_set[index / 64] |= 1 << (index % 64);
                self.problem.open[index].effect
            }
        };
        self.held = effect.sets.unwrap_or(self.held);
    }

    fn forget(&mut self, rank: usize) {
        let (before, next) = (self.before[rank], self.next[rank]);
        (self.next[before], self.before[next]) = (next, before);
        self.ordered[rank] = true;
        self.flip(rank);
        while self.ordered.get(self.returned) == Some(&true) {
            self.flip(self.returned);
            self.returned += 1;
        }
    }

    fn unmake(&mut self) {
        let Some(made) = self.made.pop() else { return };
        self.choices.truncate(made.choices);
        match made.choice {
            Choice::Returning(rank) => {
                for earlier in made.returned..self.returned {
                    self.flip(earlier);
                }
                self.flip(rank);
                self.ordered[rank] = false;
                let (before, next) = (self.before[rank], self.next[rank]);
                (self.next[before], self.before[next]) = (rank, rank);
            }
            Choice::Open(class) => {
                self.used[class] -= 1;
                let index = self.problem.classes[class].start + self.used[class];
                self.used_set[index / 64] &= !(1 << (index % 64));
            }
        }
        (self.held, self.returned) = (made.held, made.returned);
    }

    fn flip(&mut self, rank: usize) {
        let slot = self.problem.returning[rank].slot;
        self.slots[slot / 64] ^= 1 << (slot % 64);
    }

    /// Remembers the configuration, unless an earlier one was at least as good.
    fn is_new(&mut self) -> bool {
        self.key.clear();
        self.key.extend([self.returned as u64, u64::from(self.held)]);
        self.key.extend(&self.slots);
        let words = self.used_set.len();
        let Some(entered) = self.memo.get_mut(self.key.as_slice()) else {
            self.memo.insert(self.key.as_slice().into(), self.used_set.clone());
            *self.budget = self.budget.saturating_sub(REMEMBERED);
            return true;
        };
        if words == 0 {
            return false;
        }
        let known = entered.len() / words;
        *self.budget = self.budget.saturating_sub(known as u64);
        let within = |inner: &[u64], outer: &[u64]| inner.iter().zip(outer).all(|(inner, outer)| inner & !outer == 0);
        if entered.chunks(words).any(|earlier| within(earlier, &self.used_set)) {
            return false;
        }
        let kept = entered.chunks(words).filter(|earlier| !within(&self.used_set, earlier)).flatten();
        *entered = kept.copied().chain(self.used_set.iter().copied()).collect();
        true
    }

    /// The calls in the order in which they were chosen.
    fn order(&self) -> Vec<usize> {
        let mut used = vec![0; self.problem.classes.len()];
        let original = |made: &Made| match made.choice {
            Choice::Returning(rank) => self.problem.returning[rank].original,
            Choice::Open(class) => {
                used[class] += 1;
                self.problem.open[self.problem.classes[class].start + used[class] - 1].original
            }
        };
        self.made.iter().map(original).collect()
    }
}
