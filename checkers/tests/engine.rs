//! Histories that once brought the engine down, each with what it did.

use checkers::engine::register::{Access, Effect, Needs, check};
use checkers::model::{Answer, Limits};

fn access(needs: Needs, sets: Option<u32>, invoked: u32, returned: u32) -> Access {
    Access { effect: Effect { needs, sets }, invoked, returned }
}

/// A window that begins later died sooner than the one before it, and the next start was taken behind its end.
#[test]
fn a_later_window_that_dies_sooner_does_not_end_before_it_begins() {
    let (write, read) = (|value| (Needs::Nothing, Some(value)), |value| (Needs::Is(value), None));
    let (missed, cas) = (|value| (Needs::IsNot(value), None), |from, to| (Needs::Is(from), Some(to)));
    let calls = [
        (write(3), 10, 16),
        (read(2), 15, 19),
        (write(2), 17, 21),
        (missed(3), 22, 24),
        (read(2), 25, 28),
        (missed(3), 27, 31),
        (cas(2, 1), 29, 33),
        (missed(3), 34, 36),
        (cas(3, 2), 37, 41),
        (write(2), 44, 46),
        (write(3), 50, 56),
        (write(1), 69, 74),
        (read(2), 71, 75),
    ];
    let accesses = calls.map(|((needs, sets), invoked, returned)| access(needs, sets, invoked, returned));
    let Answer::Impossible(refutation) = check(0, &accesses, &mut Limits::default()) else {
        panic!("nobody can have put 3 there when it was swapped");
    };
    assert!(refutation.confirmed);
    assert!(refutation.from.is_none_or(|from| from < refutation.until));
}

/// Calls that never return were put behind all of their like, one by one.
#[test]
fn very_many_calls_that_never_return_and_do_the_same() {
    let mut accesses: Vec<Access> =
        (0..100_000).map(|place| access(Needs::Nothing, Some(1), place, u32::MAX)).collect();
    accesses.push(access(Needs::Is(1), None, 100_000, 100_001));
    let answer = check(0, &accesses, &mut Limits::default());
    assert!(matches!(answer, Answer::Linearizable(order) if order.len() == 2));
}
