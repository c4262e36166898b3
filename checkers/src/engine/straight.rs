//! Calls one after the other: where none overlaps, there is only one order, and no state needs to be compared with another.

use crate::model::{Answer, Called, Limits, Model, Refutation, Survivor};

/// The answer if nothing overlaps before it is clear; `None` otherwise. `calls` may be in any order, but only where they are in order
/// of invocation is there an answer. Each call is a step.
pub fn straight<M: Model>(
    model: &M,
    calls: &[Called<M::Op, M::Reply>],
    limits: &mut Limits,
) -> Option<Answer<M::State>> {
    let mut state = model.init();
    for (index, call) in calls.iter().enumerate() {
        let (returned, reply) = call.answer.as_ref()?;
        limits.steps = limits.steps.checked_sub(1).filter(|left| *left > 0)?;
        assert!(call.invoked < *returned, "a call returns before it is invoked");
        if calls.get(index + 1).is_some_and(|next| next.invoked < *returned) {
            return None;
        }
        match model.step(&state, &call.op, Some(reply)) {
            Some(next) => state = next,
            None => {
                // Nobody else can help, unless somebody was asked before and stands behind.
                let in_order = calls[index..].is_sorted_by_key(|call| call.invoked);
                return in_order.then(|| Answer::Impossible(wrong(index, *returned, state)));
            }
        }
    }
    Some(Answer::Linearizable((0..calls.len()).collect()))
}

fn wrong<State>(index: usize, until: usize, state: State) -> Refutation<State> {
    let survivors = vec![Survivor { state, taken: Vec::new() }];
    Refutation { from: None, until, calls: (0..=index).collect(), wrong: index, survivors, confirmed: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::register::{Cell, Effect, Needs};

    #[test]
    fn there_is_only_one_order_as_long_as_nothing_overlaps() {
        let call = |needs, sets, invoked, answer: Option<usize>| {
            let answer = answer.map(|returned| (returned, ()));
            Called { op: Effect { needs, sets }, invoked, answer }
        };
        let write = |value, invoked, returned| call(Needs::Nothing, Some(value), invoked, returned);
        let read = |value, invoked, returned| call(Needs::Is(value), None, invoked, Some(returned));
        let answer = |calls: &[Called<Effect, ()>]| straight(&Cell { initial: 0 }, calls, &mut Limits::default());

        let good = [write(1, 0, Some(1)), read(1, 2, 3), write(2, 4, Some(5))];
        assert_eq!(answer(&good), Some(Answer::Linearizable(vec![0, 1, 2])));
        // Whatever overlaps behind it, the read is wrong.
        let bad = [write(1, 0, Some(1)), read(2, 2, 3), write(2, 4, Some(7)), write(3, 5, None)];
        assert_eq!(answer(&bad), Some(Answer::Impossible(wrong(1, 3, 1))));
        for overlapping in [
            [write(1, 0, Some(1)), read(2, 2, 4), write(2, 3, Some(5))],
            [write(1, 1, Some(2)), read(2, 3, 4), write(2, 0, None)],
            [write(1, 1, None), read(2, 3, 4), write(2, 5, Some(6))],
        ] {
            assert_eq!(answer(&overlapping), None);
        }
    }
}
