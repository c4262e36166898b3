//! The engine fed event by event: each return is judged when it happens.
//!
//! What an open call will answer is not known yet, so until then it is taken for one that never returns. When it does, the events
//! since its invocation are gone through again, from the frontier that was there, with what is known now:
//!
//! ```text
//!   write 1 |------|
//!       read |----------?           open: says nothing yet
//!         ▲ frontier kept ▲ now      when it answers, from here to now once more
//! ```
//!
//! A verdict is thus one event late, and a call costs the events of its own life. What is kept is the frontiers since the oldest open
//! invocation; everything before is dropped now and then.

use super::breadth::{End, breadth};
use super::log::{Log, NEVER, Step, is_return};
use super::mask::Mask;
use super::open::Open;
use super::space::{Config, NIL, Space};
use super::table::{Numbered, SILENT, Table};
use crate::model::{Limits, Model};
use std::collections::{BTreeMap, VecDeque};

/// Calls open at once, at most.
const SLOTS: usize = 256;
/// Configurations at once, at most.
const WIDTH: usize = 4_096;
/// Sequences tried for one configuration at one return, at most.
const PATIENCE: usize = 4_096;
/// Steps of one event, at most.
const STEPS: u64 = 200_000;
/// Events that may be settled before they are dropped.
const SETTLED: usize = 1_024;

type Slots = [u64; SLOTS / 64];
type Frontier = Vec<Config<Slots>>;

/// What is known after an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Some order explains everything so far.
    Possible,
    /// No order does, whatever follows.
    Impossible,
    /// Too many calls are open or too much is possible: nothing will be known any more.
    Lost,
}

/// A call whose end is open, as the stream numbers it.
pub type Ticket = u64;

/// The calls on one object, as they happen.
pub struct Stream<'a, M: Model> {
    table: Table<'a, M>,
    log: Log,
    /// What is open before event `at`; taken out only while events are gone through.
    open: Option<Open<Slots>>,
    at: usize,
    /// The frontier before each event, and the one before the next.
    frontiers: VecDeque<Frontier>,
    unresolved: BTreeMap<Ticket, Unresolved<M::Op>>,
    free: Vec<u32>,
    tickets: Ticket,
    place: u32,
    sight: Sight,
}

struct Unresolved<Op> {
    /// Index among the log's steps.
    call: u32,
    /// Index of its invocation among the events.
    invoked: usize,
    op: Op,
}

impl<'a, M: Model> Stream<'a, M> {
    /// Before the first call.
    pub fn new(model: &'a M) -> Stream<'a, M> {
        let mut table = Table::new(model);
        let open = Open::new(&table.numbered(), SLOTS);
        let start = Config { mask: Mask::empty(SLOTS), state: 0, last: 0, trail: NIL };
        Stream {
            table,
            log: empty(),
            open: Some(open),
            at: 0,
            frontiers: VecDeque::from([vec![start]]),
            unresolved: BTreeMap::new(),
            free: (0..SLOTS as u32).rev().collect(),
            tickets: 0,
            place: 0,
            sight: Sight::Possible,
        }
    }

    /// Somebody asks.
    pub fn invoked(&mut self, op: M::Op) -> Ticket {
        self.tickets += 1;
        if self.sight != Sight::Possible {
            return self.tickets;
        }
        let Some(slot) = self.free.pop() else {
            self.sight = Sight::Lost;
            return self.tickets;
        };
        self.place += 1;
        let class = self.table.class(&op, None);
        let (call, invoked) = (self.log.steps.len() as u32, self.log.events.len());
        self.log.steps.push(Step { class, invoked: self.place, returned: NEVER, slot });
        self.log.events.push(call << 1);
        self.unresolved.insert(self.tickets, Unresolved { call, invoked, op });
        self.go_on();
        self.tickets
    }

    /// Somebody is answered. A ticket that is not that of a call whose end is open is nobody's: nothing happens.
    pub fn answered(&mut self, ticket: Ticket, reply: M::Reply) -> Sight {
        if let Some(Unresolved { call, invoked, op }) = self.resolve(ticket) {
            self.go_back(invoked);
            self.place += 1;
            let class = self.table.class(&op, Some(reply));
            let step = &mut self.log.steps[call as usize];
            (step.class, step.returned) = (class, self.place);
            self.free.push(step.slot);
            self.log.events.push((call << 1) | 1);
            self.go_on();
            self.settle();
        }
        self.sight
    }

    /// Nobody will know how it ended: it may take effect at any later time.
    pub fn unknown(&mut self, ticket: Ticket) -> Sight {
        self.resolve(ticket);
        self.settle();
        self.sight
    }

    /// It certainly did not happen.
    pub fn failed(&mut self, ticket: Ticket) -> Sight {
        if let Some(Unresolved { call, invoked, .. }) = self.resolve(ticket) {
            self.go_back(invoked);
            self.log.steps[call as usize].class = SILENT;
            self.go_on();
            self.settle();
        }
        self.sight
    }

    /// What is known so far.
    pub fn sight(&self) -> Sight {
        self.sight
    }

    /// Events that are kept.
    pub fn kept(&self) -> usize {
        self.log.events.len()
    }

    fn resolve(&mut self, ticket: Ticket) -> Option<Unresolved<M::Op>> {
        self.unresolved.remove(&ticket).filter(|_| self.sight == Sight::Possible)
    }

    /// Back to before an event, with what was known then.
    fn go_back(&mut self, event: usize) {
        self.through(|space, _| space.go(event));
        self.frontiers.truncate(event + 1);
    }

    /// On to behind the latest event, with what is known now.
    fn go_on(&mut self) {
        let Some(mut frontier) = self.frontiers.pop_back() else { return };
        let mut limits = Limits { steps: STEPS, ..Limits::default() };
        let until = self.log.events.len();
        let (end, cut) = self.through(|space, frontiers| {
            let end = breadth(space, &mut frontier, until, WIDTH, &mut limits, |_, frontier, _| {
                frontiers.push_back(frontier.to_vec());
            });
            frontiers.push_back(std::mem::take(&mut frontier));
            (end, space.cut)
        });
        self.sight = match end {
            End::Alive if !cut => self.sight,
            End::Died if !cut => Sight::Impossible,
            _ => Sight::Lost,
        };
    }

    fn through<R>(&mut self, go: impl FnOnce(&mut Space<'_, Slots, Numbered<'_>>, &mut VecDeque<Frontier>) -> R) -> R {
        let mut open = self.open.take().expect("only taken out in here");
        let mut domain = self.table.numbered();
        open.grow(&domain);
        let mut space = Space::with_open(&mut domain, &self.log, open);
        (space.at, space.patience) = (self.at, PATIENCE);
        let result = go(&mut space, &mut self.frontiers);
        self.at = space.at;
        self.open = Some(space.open);
        result
    }

    /// Drops what no open call will look at again, now and then.
    fn settle(&mut self) {
        let oldest = self.unresolved.values().map(|call| call.invoked).min().unwrap_or(self.log.events.len());
        // With few slots left those of failed calls are wanted back sooner, but not at every event.
        let scarce = self.free.len() < SLOTS / 4 && oldest >= SETTLED / 16;
        if self.sight != Sight::Possible || (oldest < SETTLED && !scarce) {
            return;
        }
        self.through(|space, _| space.go(0));
        let (silent, mut kept): (Vec<u32>, Vec<u32>) =
            self.log.open_at(oldest).into_iter().partition(|call| self.log.steps[*call as usize].class == SILENT);
        self.free.extend(silent.iter().map(|call| self.log.steps[*call as usize].slot));
        let before = kept.len();
        kept.extend(self.log.events[oldest..].iter().filter(|event| !is_return(**event)).map(|event| event >> 1));
        let numbers: BTreeMap<u32, u32> = kept.iter().copied().zip(0..).collect();
        let opened = (0..before as u32).map(|call| call << 1);
        let renamed = |event: &u32| (numbers[&(event >> 1)] << 1) | (event & 1);
        let events = opened.chain(self.log.events[oldest..].iter().map(renamed)).collect();
        let steps = kept.iter().map(|call| self.log.steps[*call as usize]).collect();
        self.log = Log { events, steps, ..empty() };
        self.frontiers.drain(..oldest);
        // Nobody goes back to before the oldest open call: what opens the others needs no frontier.
        (0..before).for_each(|_| self.frontiers.push_front(Vec::new()));
        for call in self.unresolved.values_mut() {
            (call.call, call.invoked) = (numbers[&call.call], call.invoked - oldest + before);
        }
        let end = self.log.events.len();
        self.through(|space, _| space.go(end));
    }
}

fn empty() -> Log {
    Log { events: Vec::new(), steps: Vec::new(), slots: SLOTS, window_slots: SLOTS }
}
