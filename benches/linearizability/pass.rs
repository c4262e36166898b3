//! What no checker can beat: one pass over the events that finds each return's invocation and keeps a register's state.

use crate::history::{Act, Call, History, NEVER, numbers};
use std::hint::black_box;

/// An invocation or a return: 16 bytes, as a reader would hand it over.
struct Event {
    client: u16,
    is_return: bool,
    verb: u8,
    first: u32,
    second: u32,
    call: u32,
}

/// Nanoseconds of one pass over the history.
pub fn measure(history: &History) -> f64 {
    let (events, clients) = events(history);
    crate::child::median(|| {
        black_box(pass(black_box(&events), clients));
    })
}

/// How many calls answer what a register would answer that was asked at their return, and for how many events they were open.
fn pass(events: &[Event], clients: usize) -> (u64, u64) {
    let mut open = vec![(0, 0); clients];
    let (mut state, mut right, mut waited) = (0, 0, 0);
    for (place, event) in (0u32..).zip(events) {
        if !event.is_return {
            open[event.client as usize] = (place, event.call);
            continue;
        }
        let (invoked, call) = open[event.client as usize];
        waited += u64::from(place - invoked);
        right += u64::from(call == event.call);
        match event.verb {
            0 => right += u64::from(event.first == state),
            1 => right += u64::from(event.first != state),
            3 if event.first == state => state = event.second,
            3 => {}
            _ => state = event.first,
        }
    }
    (right, waited)
}

/// The events of all keys, key by key, and how many clients there are; a client's number is free again after a return.
fn events(history: &History) -> (Vec<Event>, usize) {
    let mut events = Vec::with_capacity(history.calls() * 2);
    let mut clients = 1;
    for calls in &history.keys {
        let mut order: Vec<(u32, u32)> = Vec::with_capacity(calls.len() * 2);
        for (call, Call { invoked, returned, .. }) in (0u32..).zip(calls) {
            order.push((*invoked, call * 2));
            order.extend((*returned != NEVER).then_some((*returned, call * 2 + 1)));
        }
        order.sort_unstable();
        let mut client_of = vec![0; calls.len()];
        let mut free: Vec<u16> = Vec::new();
        let mut used = 0;
        for (_, event) in order {
            let (call, is_return) = (event / 2, event % 2 == 1);
            let client = &mut client_of[call as usize];
            if is_return {
                free.push(*client);
            } else {
                *client = free.pop().unwrap_or_else(|| {
                    used += 1;
                    used - 1
                });
            }
            events.push(event_of(calls[call as usize].act, *client, is_return, call));
        }
        clients = clients.max(used as usize);
    }
    (events, clients)
}

fn event_of(act: Act, client: u16, is_return: bool, call: u32) -> Event {
    let (verb, first, second) = numbers(act);
    Event { client, is_return, verb: verb as u8, first, second, call }
}
