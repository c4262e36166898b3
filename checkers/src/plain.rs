//! The search that nobody can doubt: tries one order after the other, and replays a given one.
//!
//! After Wing and Gong, "Testing and verifying concurrent objects" (1993): of the calls that are left, one that was invoked
//! before any of them returned comes next. After Lowe, "Testing for linearizability" (2017): the same calls taken with the
//! same state reached are looked at once. There is no other shortcut and nothing shared with the engine, so that it can
//! confirm what the engine says of few calls. It is too slow for many.

use crate::model::{Called, Model, Refutation};
use rustc_hash::FxHashSet;

/// True if some order explains every answer, beginning in any of `starts`; `None` if `steps`, one for each call that is
/// tried somewhere, ran out before that was decided.
pub fn search<M: Model>(
    model: &M,
    starts: &[M::State],
    calls: &[Called<M::Op, M::Reply>],
    steps: &mut u64,
) -> Option<bool> {
    explore(model, starts, calls, false, steps)
}

/// The same in a world that allows more: calls of unknown outcome may take effect any number of times. What is impossible
/// there is impossible, and found to be so without trying every set of such calls; what is possible there says nothing.
pub fn search_repeating<M: Model>(
    model: &M,
    starts: &[M::State],
    calls: &[Called<M::Op, M::Reply>],
    steps: &mut u64,
) -> Option<bool> {
    explore(model, starts, calls, true, steps)
}

fn explore<M: Model>(
    model: &M,
    starts: &[M::State],
    calls: &[Called<M::Op, M::Reply>],
    repeating: bool,
    steps: &mut u64,
) -> Option<bool> {
    let (ranks, answered) = by_return(calls);
    let open = open(calls, &ranks, answered);
    let mut ahead: Vec<Taken<M::State>> = starts.iter().map(|start| Taken::none(start.clone())).collect();
    let mut seen: FxHashSet<Taken<M::State>> = ahead.iter().cloned().collect();
    while let Some(taken) = ahead.pop() {
        if taken.all >= answered {
            return Some(true);
        }
        // The one that returns first is put there last, and so tried first.
        for rank in open[taken.all].iter().rev().filter(|rank| !taken.others.contains(rank)) {
            *steps = steps.checked_sub(1)?;
            let call = &calls[ranks[*rank]];
            let reply = call.answer.as_ref().map(|(_, reply)| reply);
            let Some(state) = model.step(&taken.state, &call.op, reply) else { continue };
            // A large state is paid for too, or one that grows without end would take all memory.
            *steps = steps.checked_sub(model.weight(&state) as u64 / 64)?;
            let next = match repeating && reply.is_none() {
                true => Taken { state, ..taken.clone() },
                false => taken.and(*rank, state),
            };
            if seen.insert(next.clone()) {
                ahead.push(next);
            }
        }
    }
    Some(false)
}

/// Steps of each of the two searches that confirm a refutation, at most.
const CONFIRMING: u64 = 200_000;

/// True if the calls of a refutation are found impossible here too; false if that would take too long. `states` is every state that
/// the object can be in, as far as these calls tell; none if nobody can list them.
///
/// # Panics
/// If the calls are possible: then whoever refuted them is wrong.
pub fn confirm<M: Model>(
    model: &M,
    call: impl Fn(usize) -> Called<M::Op, M::Reply>,
    refutation: &Refutation<M::State>,
    states: &[M::State],
) -> bool {
    let first = [model.init()];
    let starts = if refutation.from.is_none() { &first[..] } else { states };
    if starts.is_empty() {
        return false;
    }
    // Calls that reach over an edge of the window may take effect in it or not, just as those that nobody knows of.
    let within = |index: &usize| {
        let call = call(*index);
        let begins = refutation.from.is_none_or(|from| call.invoked >= from);
        let due = begins && call.returned() <= refutation.until;
        answered(call, due)
    };
    let (model, calls): (_, Vec<_>) = (Answered(model), refutation.calls.iter().map(within).collect());
    // Where nobody can list the states there may be no end of them: a queue that is put into again and again.
    if !states.is_empty() && search_repeating(&model, starts, &calls, &mut CONFIRMING.clone()) == Some(false) {
        return true;
    }
    let possible = search(&model, starts, &calls, &mut CONFIRMING.clone());
    assert_ne!(possible, Some(true), "what was refuted is possible: {:?}", refutation.calls);
    possible == Some(false)
}

/// A model whose questions carry their answers. A call that reaches over an edge of a window can then be left out as if
/// nobody knew its outcome, and still takes effect only as it was answered.
struct Answered<'a, M>(&'a M);

impl<M: Model> Model for Answered<'_, M> {
    type State = M::State;
    type Op = (M::Op, Option<M::Reply>);
    type Reply = ();

    fn init(&self) -> M::State {
        self.0.init()
    }
    fn step(&self, state: &M::State, (op, reply): &Self::Op, _reply: Option<&()>) -> Option<M::State> {
        self.0.step(state, op, reply.as_ref())
    }
    fn weight(&self, state: &M::State) -> usize {
        self.0.weight(state)
    }
}

/// A call for [`Answered`]; one that is not `due` may take effect or not.
fn answered<Op, Reply>(call: Called<Op, Reply>, due: bool) -> Called<(Op, Option<Reply>), ()> {
    let (returned, reply) = call.answer.map_or((usize::MAX, None), |(returned, reply)| (returned, Some(reply)));
    let answer = (due && reply.is_some()).then_some((returned, ()));
    Called { op: (call.op, reply), invoked: call.invoked, answer }
}

/// Checks an order of calls against real time and the model, in time linear in the calls: every answered call once, every
/// other at most once, each at some place between its invocation and its return, and none where the model forbids it.
///
/// # Errors
/// The index of the first call that does not fit; of one that is missing, if all in the order do.
pub fn replay<M: Model>(model: &M, calls: &[Called<M::Op, M::Reply>], order: &[usize]) -> Result<(), usize> {
    let mut state = model.init();
    replay_with(calls, order, |op, reply| match model.step(&state, op, reply) {
        Some(next) => {
            state = next;
            true
        }
        None => false,
    })
}

/// The same where steps change something in place: `step` says whether the call is possible, and does it.
///
/// # Errors
/// As [`replay`].
pub fn replay_with<Op, Reply>(
    calls: &[Called<Op, Reply>],
    order: &[usize],
    mut step: impl FnMut(&Op, Option<&Reply>) -> bool,
) -> Result<(), usize> {
    let ends = |index: usize| (calls[index].invoked, calls[index].returned(), calls[index].answer.is_some());
    replay_by(calls.len(), ends, order, |index| {
        let reply = calls[index].answer.as_ref().map(|(_, reply)| reply);
        step(&calls[index].op, reply)
    })
}

/// The same for `count` calls of any form: `ends` gives where each was invoked, where it returned (`usize::MAX`: never), and
/// whether it must be in the order.
///
/// # Errors
/// As [`replay`].
pub fn replay_by(
    count: usize,
    ends: impl Fn(usize) -> (usize, usize, bool),
    order: &[usize],
    mut step: impl FnMut(usize) -> bool,
) -> Result<(), usize> {
    let (mut used, mut now) = (vec![false; count], 0);
    for &index in order {
        if index >= count || std::mem::replace(&mut used[index], true) {
            return Err(index);
        }
        let (invoked, returned, _) = ends(index);
        now = now.max(invoked);
        if now >= returned || !step(index) {
            return Err(index);
        }
    }
    let missing = (0..count).find(|index| !used[*index] && ends(*index).2);
    missing.map_or(Ok(()), Err)
}

/// Which calls were taken, by rank of return, and the state that this led to.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Taken<State> {
    /// All calls up to here, without this one.
    all: usize,
    /// And these beyond it, ascending.
    others: Vec<usize>,
    state: State,
}

impl<State> Taken<State> {
    fn none(state: State) -> Taken<State> {
        Taken { all: 0, others: Vec::new(), state }
    }

    fn and(&self, rank: usize, state: State) -> Taken<State> {
        let mut others = self.others.clone();
        others.insert(others.partition_point(|other| *other < rank), rank);
        let contiguous = others.iter().zip(self.all..).take_while(|(other, wanted)| *other == wanted).count();
        others.drain(..contiguous);
        Taken { all: self.all + contiguous, others, state }
    }
}

/// The indexes of all calls by return, those that never return last, and how many return.
fn by_return<Op, Reply>(calls: &[Called<Op, Reply>]) -> (Vec<usize>, usize) {
    let mut ranks: Vec<usize> = (0..calls.len()).collect();
    ranks.sort_by_key(|index| calls[*index].returned());
    let answered = calls.iter().filter(|call| call.answer.is_some()).count();
    (ranks, answered)
}

/// For each rank of return: which of the calls that did not return earlier had been invoked by then, ascending.
fn open<Op, Reply>(calls: &[Called<Op, Reply>], ranks: &[usize], answered: usize) -> Vec<Vec<usize>> {
    let mut by_invocation: Vec<usize> = (0..ranks.len()).collect();
    by_invocation.sort_by_key(|rank| calls[ranks[*rank]].invoked);
    let mut coming = by_invocation.into_iter().peekable();
    let mut open: Vec<usize> = Vec::new();
    let mut at = Vec::with_capacity(answered);
    for first in 0..answered {
        let deadline = calls[ranks[first]].returned();
        while let Some(rank) = coming.next_if(|rank| calls[ranks[*rank]].invoked < deadline) {
            open.insert(open.partition_point(|other| *other < rank), rank);
        }
        at.push(open.clone());
        open.retain(|rank| *rank != first);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A register of small numbers that begins with 0.
    struct Register;

    impl Model for Register {
        type State = u8;
        type Op = Option<u8>;
        type Reply = u8;
        fn init(&self) -> u8 {
            0
        }
        fn step(&self, state: &u8, op: &Option<u8>, reply: Option<&u8>) -> Option<u8> {
            match (op, reply) {
                (Some(written), _) => Some(*written),
                (None, Some(read)) => (read == state).then_some(*state),
                (None, None) => Some(*state),
            }
        }
    }

    type Calls = Vec<Called<Option<u8>, u8>>;

    fn write(invoked: usize, returned: Option<usize>, value: u8) -> Called<Option<u8>, u8> {
        Called { op: Some(value), invoked, answer: returned.map(|returned| (returned, value)) }
    }

    fn read(invoked: usize, returned: usize, value: u8) -> Called<Option<u8>, u8> {
        Called { op: None, invoked, answer: Some((returned, value)) }
    }

    #[test]
    fn orders_are_found_where_there_are_any() {
        let cases: [(&str, Calls, bool); 7] = [
            ("no call at all", vec![], true),
            ("the initial value", vec![read(0, 1, 0)], true),
            ("never written", vec![read(0, 1, 3)], false),
            ("overwritten", vec![write(0, Some(1), 1), write(2, Some(3), 2), read(4, 5, 1)], false),
            ("two at once, either way", vec![write(0, Some(3), 1), write(1, Some(2), 2), read(4, 5, 1)], true),
            ("a lost answer", vec![write(0, None, 1), read(1, 2, 0), read(3, 4, 1)], true),
            ("it happens once", vec![write(0, None, 1), read(1, 2, 1), read(3, 4, 0)], false),
        ];
        for (name, calls, right) in cases {
            assert_eq!(search(&Register, &[0], &calls, &mut 1_000), Some(right), "{name}");
        }
    }

    #[test]
    fn any_start_will_do() {
        let calls = [read(0, 1, 3)];
        assert_eq!(search(&Register, &[1, 3], &calls, &mut 100), Some(true));
        assert_eq!(search(&Register, &[1, 2], &calls, &mut 100), Some(false));
        assert_eq!(search(&Register, &[], &calls, &mut 100), Some(false));
    }

    #[test]
    fn what_is_impossible_though_calls_repeat_is_found_without_all_their_sets() {
        let mut calls: Calls = (0..30).map(|value| write(value, None, value as u8 + 1)).collect();
        calls.extend([write(40, Some(41), 90), read(42, 43, 91)]);
        assert_eq!(search(&Register, &[0], &calls, &mut 10_000), None);
        assert_eq!(search_repeating(&Register, &[0], &calls, &mut 10_000), Some(false));
        let twice = [write(0, None, 1), read(1, 2, 1), write(3, Some(4), 2), read(5, 6, 1)];
        assert_eq!(search(&Register, &[0], &twice, &mut 100), Some(false));
        assert_eq!(search_repeating(&Register, &[0], &twice, &mut 100), Some(true));
    }

    #[test]
    fn it_says_when_its_steps_are_spent() {
        let calls = [write(0, Some(1), 1), write(2, Some(3), 2), read(4, 5, 1)];
        assert_eq!(search(&Register, &[0], &calls, &mut 2), None);
        let mut steps = 3;
        assert_eq!((search(&Register, &[0], &calls, &mut steps), steps), (Some(false), 0));
    }

    #[test]
    fn orders_that_do_not_fit_are_refused_where_they_first_do_not() {
        let calls = [write(0, Some(3), 1), write(1, Some(2), 2), read(4, 5, 1), write(6, None, 4)];
        let cases: [(&[usize], Result<(), usize>); 8] = [
            (&[1, 0, 2], Ok(())),
            (&[1, 0, 2, 3], Ok(())),
            (&[0, 1, 2], Err(2)), // The model: it holds 2.
            (&[2, 1, 0], Err(2)), // The model: it holds 0.
            (&[1, 0], Err(2)),    // An answer is missing.
            (&[1, 0, 2, 2], Err(2)),
            (&[1, 0, 3, 2], Err(2)), // Real time: 3 was asked after 2 was answered.
            (&[1, 0, 2, 9], Err(9)),
        ];
        for (order, expected) in cases {
            assert_eq!(replay(&Register, &calls, order), expected, "{order:?}");
        }
    }
}
