//! A type of one's own, used by two threads and judged: `cargo run -p perjury-checkers --example own_type`.
//!
//! A dispenser hands out the tickets 1, 2, 3, … It looks at the last number and writes the next one in two steps: that is the
//! bug. Two threads draw at the same time and are given the same ticket.

use checkers::engine;
use checkers::model::{Answer, Called, Limits, Model};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst};

/// What is under test.
struct Dispenser {
    last: AtomicU32,
    /// Threads wait here between looking and writing, so that the bug shows in every run.
    between: Barrier,
}

impl Dispenser {
    fn draw(&self) -> u32 {
        let ticket = self.last.load(SeqCst) + 1;
        self.between.wait();
        self.last.store(ticket, SeqCst); // too late: somebody else may have looked meanwhile
        ticket
    }
}

/// What it should do, if one client came after the other.
struct Tickets;

#[rustfmt::skip] // One line for each thing that a model has to say.
impl Model for Tickets {
    type State = u32; // the last ticket that was handed out
    type Op = (); // there is only one thing to ask for
    type Reply = u32;
    fn init(&self) -> u32 { 0 }
    fn step(&self, last: &u32, _: &(), ticket: Option<&u32>) -> Option<u32> {
        ticket.is_none_or(|ticket| *ticket == last + 1).then_some(last + 1)
    }
}

/// One thread's call: the places are those of one counter that all threads share.
fn call(dispenser: &Dispenser, places: &AtomicUsize) -> Called<(), u32> {
    let invoked = places.fetch_add(1, SeqCst);
    let ticket = dispenser.draw();
    Called { op: (), invoked, answer: Some((places.fetch_add(1, SeqCst), ticket)) }
}

fn main() {
    let (dispenser, places) = (Dispenser { last: AtomicU32::new(0), between: Barrier::new(2) }, AtomicUsize::new(0));
    let calls: Vec<Called<(), u32>> = std::thread::scope(|scope| {
        let clients = [(); 2].map(|()| scope.spawn(|| call(&dispenser, &places)));
        clients.map(|client| client.join().expect("a client that ends")).into()
    });
    let answer = engine::check(&Tickets, &calls, &mut Limits::default());
    match answer {
        Answer::Linearizable(order) => println!("linearizable: {order:?} is such an order"),
        Answer::Impossible(why) => {
            let given = calls[why.wrong].answer.map(|(_, ticket)| ticket);
            println!("not linearizable: one of {} calls was given {given:?}", why.calls.len());
            why.survivors
                .iter()
                .for_each(|left| println!("before that answer, {} could be the last ticket", left.state));
            println!("{}", if why.confirmed { "confirmed by the plain search" } else { "engine only" });
        }
        Answer::Unknown(why) => println!("unknown: {} were spent at place {}", why.spent, why.reached),
    }
}
