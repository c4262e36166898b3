//! Decides whether the calls on one object are linearizable, and proves it.
//!
//! [`space`] has the rules by which a configuration goes through a return, [`search`] how passes over the events work together:
//! [`depth`] first, [`window`]s around trouble, beams ([`breadth`]). [`register`] and [`table`] are the two kinds of objects;
//! [`witness`] makes the order of what was found.
//!
//! A just-in-time search over the open calls alone goes back to Lowe, "Testing for linearizability" (2017), its configurations as
//! layers to Lee and Mathur (PLDI 2026, arXiv 2509.05586).

mod breadth;
mod cells;
mod clash;
mod depth;
mod domain;
mod log;
mod mask;
mod open;
pub mod register;
mod search;
mod seen;
mod space;
mod straight;
mod stream;
mod table;
mod window;
mod witness;

pub use search::Tuning;

use crate::model::{Answer, Called, Limits, Model, Refutation, Survivor, Unknown};
use crate::plain;
use clash::Clashes;
use log::{Log, NEVER, call, is_return, ordered};
use search::{Found, Refuted, decide};
use straight::straight;
pub use stream::{Sight, Stream, Ticket};
use table::{SILENT, Table};

/// Decides whether some order explains the calls on one object. The order is replayed, and what is impossible is confirmed by a
/// plain search where that is not too much.
///
/// # Panics
/// If a call returns before it is invoked, if the model breaks a promise of [`Model::kind`], or if the engine is wrong.
pub fn check<M: Model>(model: &M, calls: &[Called<M::Op, M::Reply>], limits: &mut Limits) -> Answer<M::State> {
    check_tuned(model, calls, limits, &Tuning::default())
}

/// The same, with the engine's shortcuts tuned: for tests that force each of them.
pub fn check_tuned<M: Model>(
    model: &M,
    calls: &[Called<M::Op, M::Reply>],
    limits: &mut Limits,
    tuning: &Tuning,
) -> Answer<M::State> {
    let answer = search(model, calls, limits, tuning);
    if let Answer::Linearizable(order) = &answer {
        assert_eq!(plain::replay(model, calls, order), Ok(()), "the engine found an order that is none");
    }
    confirmed(answer, |refutation| plain::confirm(model, |index| calls[index].clone(), refutation, &[]))
}

/// The engine alone: what it answers is neither replayed nor confirmed.
pub fn search<M: Model>(
    model: &M,
    calls: &[Called<M::Op, M::Reply>],
    limits: &mut Limits,
    tuning: &Tuning,
) -> Answer<M::State> {
    if tuning.straight
        && let Some(answer) = straight(model, calls, limits)
    {
        return answer;
    }
    let mut table = Table::new(model);
    let class =
        |call: &Called<M::Op, M::Reply>| table.class(&call.op, call.answer.as_ref().map(|(_, reply)| reply.clone()));
    let classes: Vec<u32> = calls.iter().map(class).collect();
    let places = ranks(calls);
    let numbered = classes.iter().zip(&places).map(|(class, (invoked, returned))| (*class, *invoked, *returned));
    let told = numbered.clone().map(|(class, invoked, returned)| (class != SILENT).then_some((invoked, returned)));
    let log = Log::new(ordered(told), numbered);
    let found = decide(&mut table.numbered(), 0, &log, limits, tuning, Clashes::None);
    let place = |call: usize, end: bool| if end { calls[call].returned() } else { calls[call].invoked };
    answer(found, &log.events, place, |state| table.state(state).clone())
}

/// Places of any size as ranks.
fn ranks<Op, Reply>(calls: &[Called<Op, Reply>]) -> Vec<(u32, u32)> {
    let ends = |(index, call): (usize, &Called<Op, Reply>)| {
        let returned = call.answer.as_ref().map(|(returned, _)| (*returned, index, true));
        std::iter::once((call.invoked, index, false)).chain(returned)
    };
    let mut places: Vec<(usize, usize, bool)> = calls.iter().enumerate().flat_map(ends).collect();
    places.sort_unstable();
    let mut ranks = vec![(0, NEVER); calls.len()];
    for (rank, (_, index, end)) in (0..).zip(places) {
        if end {
            ranks[index].1 = rank;
        } else {
            ranks[index].0 = rank;
        }
    }
    ranks
}

/// What was found, in the caller's numbers.
fn answer<S>(
    found: Found,
    events: &[u32],
    place: impl Fn(usize, bool) -> usize,
    state: impl Fn(u32) -> S,
) -> Answer<S> {
    // Behind the last event everything was reached.
    let event_at = |event: usize| events.get(event).or(events.last());
    let place_of = |event: usize| event_at(event).map_or(0, |event| place(call(*event), is_return(*event)));
    match found {
        Found::Order(order) => Answer::Linearizable(order.into_iter().map(|call| call as usize).collect()),
        Found::Spent { spent, reached } => Answer::Unknown(Unknown { spent, reached: place_of(reached) }),
        Found::Refuted(Refuted { from, until, wrong, calls, survivors }) => {
            let ascending = |calls: Vec<u32>| {
                let mut calls: Vec<usize> = calls.into_iter().map(|call| call as usize).collect();
                calls.sort_unstable();
                calls
            };
            let survivor = |(number, taken)| Survivor { state: state(number), taken: ascending(taken) };
            Answer::Impossible(Refutation {
                from: from.map(place_of),
                until: place_of(until),
                calls: ascending(calls),
                wrong: wrong as usize,
                survivors: survivors.into_iter().map(survivor).collect(),
                confirmed: false,
            })
        }
    }
}

/// The same answer; a refutation is told whether the plain search came to it too.
fn confirmed<S>(answer: Answer<S>, confirm: impl FnOnce(&Refutation<S>) -> bool) -> Answer<S> {
    match answer {
        Answer::Impossible(refutation) => {
            let confirmed = confirm(&refutation);
            Answer::Impossible(Refutation { confirmed, ..refutation })
        }
        other => other,
    }
}
