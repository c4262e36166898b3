//! Draws tiny histories: an atomic object answers at a random moment of each call, and then somebody lies, or not.

use crate::objects::{Ask, EMPTY, Said, step};
use crate::oracle::{Call, NEVER};
use harness::Rng;

/// Draws a question: how many values there are, and the index of the call, for values that must be unique.
pub type DrawAsk = fn(&mut Rng, u64, u64) -> Ask;

/// How a history is drawn. Percentages; each history is wilder or tamer by chance.
#[derive(Clone, Copy)]
pub struct Habits {
    /// Histories with at least one lie.
    pub lying: u64,
    /// How many, at most.
    pub lies: u64,
    /// Calls of unknown outcome, in the histories that have some.
    pub unknown: u64,
}

/// Most calls of one history.
pub const LONGEST: u64 = 8;

/// Draws a history of 3 to 8 calls by 2 to 4 clients over 2 or 3 values into `calls`.
pub fn draw(rng: &mut Rng, habits: Habits, ask: DrawAsk, calls: &mut Vec<Call>) {
    let values = 2 + rng.below(2);
    let mut lane = Lane::new(rng, habits);
    calls.clear();
    while lane.left > 0 || lane.open.iter().any(Option::is_some) {
        lane.turn(rng, |rng, index| ask(rng, values, index), calls);
    }
    if rng.percent(habits.lying) {
        for _ in 0..1 + rng.below(habits.lies) {
            lie(rng, |rng, index| ask(rng, values, index), calls);
        }
    }
}

/// The clients while a history is drawn.
struct Lane {
    /// For each client its open call and what was said, if it took effect already.
    open: [Option<(usize, Option<Said>)>; 4],
    process: [u8; 4],
    clients: u64,
    left: u64,
    unknown: u64,
    held: u64,
    now: u8,
    next_process: u8,
}

impl Lane {
    fn new(rng: &mut Rng, habits: Habits) -> Self {
        let clients = 2 + rng.below(3);
        Lane {
            open: [None; 4],
            process: [0, 1, 2, 3],
            clients,
            left: 3 + rng.below(LONGEST - 2),
            unknown: if rng.percent(70) { habits.unknown } else { 0 },
            held: EMPTY,
            now: 0,
            next_process: clients as u8,
        }
    }

    /// Somebody asks, or the object answers somebody, or somebody hears the answer.
    fn turn(&mut self, rng: &mut Rng, ask: impl Fn(&mut Rng, u64) -> Ask, calls: &mut Vec<Call>) {
        let client = rng.below(self.clients) as usize;
        match self.open[client] {
            // Not all ask at once: where everything overlaps everything, few histories are wrong.
            None if self.left > 0 && (rng.percent(60) || self.open.iter().all(Option::is_none)) => {
                self.left -= 1;
                let ask = ask(rng, calls.len() as u64);
                self.open[client] = Some((calls.len(), None));
                let (process, invoked) = (self.process[client], self.tick());
                calls.push(Call { process, ask, said: None, invoked, returned: NEVER });
            }
            None => {}
            Some((index, None)) if rng.percent(self.unknown / 2) => self.vanish(client, calls[index]),
            Some((index, None)) => match step(self.held, calls[index].ask) {
                Some((after, said)) => {
                    self.held = after;
                    self.open[client] = Some((index, Some(said)));
                }
                // Nobody may be left to make it possible.
                None if rng.percent(25) => self.vanish(client, calls[index]),
                None => {}
            },
            Some((index, Some(_))) if rng.percent(self.unknown / 2) => self.vanish(client, calls[index]),
            Some((index, said)) => {
                calls[index].said = said;
                calls[index].returned = self.tick();
                self.open[client] = None;
            }
        }
    }

    /// The client never hears an answer. Somebody new goes on in its place.
    fn vanish(&mut self, client: usize, call: Call) {
        assert_eq!((call.said, call.returned), (None, NEVER));
        self.open[client] = None;
        self.process[client] = self.next_process;
        self.next_process += 1;
    }

    fn tick(&mut self) -> u8 {
        self.now += 1;
        self.now - 1
    }
}

/// Makes one answer another, or one question, or lets two neighbouring events change places.
fn lie(rng: &mut Rng, ask: impl Fn(&mut Rng, u64) -> Ask, calls: &mut [Call]) {
    let mut victim = 0;
    // Best somebody who could have been answered otherwise.
    for _ in 0..4 {
        victim = rng.below(calls.len() as u64) as usize;
        if !matches!(calls[victim].said, None | Some(Said::Done)) {
            break;
        }
    }
    match rng.below(10) {
        0..7 => {}
        7..9 => calls[victim].ask = ask(rng, victim as u64),
        _ => return change_places(rng, calls),
    }
    let Some(before) = calls[victim].said else { return };
    for _ in 0..4 {
        calls[victim].said = somehow(rng, calls, victim);
        if calls[victim].said != Some(before) {
            return;
        }
    }
}

/// What this question is answered after some of the history's others; done, if it cannot be answered then.
fn somehow(rng: &mut Rng, calls: &[Call], victim: usize) -> Option<Said> {
    let mut held = EMPTY;
    for _ in 0..rng.below(4) {
        let earlier = &calls[rng.below(calls.len() as u64) as usize];
        held = step(held, earlier.ask).map_or(held, |(after, _)| after);
    }
    Some(step(held, calls[victim].ask).map_or(Said::Done, |(_, said)| said))
}

/// Only events of two different processes change places.
fn change_places(rng: &mut Rng, calls: &mut [Call]) {
    let events = 2 * calls.len() as u64;
    let early = rng.below(events) as u8;
    let late = early + 1;
    let whose = |place: u8| calls.iter().find(|call| call.invoked == place || call.returned == place);
    let (Some(one), Some(other)) = (whose(early), whose(late)) else { return };
    if one.process == other.process {
        return;
    }
    for call in calls {
        for place in [&mut call.invoked, &mut call.returned] {
            *place = match *place {
                place if place == early => late,
                place if place == late => early,
                place => place,
            };
        }
    }
}
