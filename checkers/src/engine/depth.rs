//! One configuration, event by event; where there is a choice the others are kept for later.

use super::domain::Domain;
use super::log::{call, is_return};
use super::mask::Mask;
use super::search::Mark;
use super::space::{Config, Space};
use super::witness::{Length, Order};
use crate::model::Limits;
use rustc_hash::FxHashSet;
use std::collections::VecDeque;

/// How a pass ended.
#[derive(Debug)]
pub enum End<M> {
    /// Behind the last event.
    Done(Config<M>),
    /// Nothing is left to try.
    Exhausted,
    /// Too much was tried without coming any further.
    Stuck,
    /// Out of this.
    Spent(&'static str),
}

/// A configuration to come back to.
struct Choice<M> {
    /// The event that comes next.
    at: usize,
    config: Config<M>,
    /// The trail was so long when all of its siblings had been found.
    trail: usize,
    order: Length,
    turn: Turn<M>,
}

/// How to go on from there.
enum Turn<M> {
    /// Whichever way.
    Any,
    /// Through the return that comes next, but not this way, which was tried.
    Otherwise(Config<M>),
    /// Through the return that comes next, this way.
    By(Config<M>),
}

/// How a configuration got through a return.
#[derive(Clone, Copy, PartialEq)]
enum Passed {
    /// The call had taken effect already, or changes nothing.
    AsItIs,
    /// Calls were placed.
    Placed,
    /// There is no way.
    Nowhere,
}

/// After so many failures, where the search has been is remembered.
const CAREFUL: u64 = 16;
/// Events between two marks.
pub const MARKED: usize = 256;
/// Choices kept at most; beyond, the earliest is given up.
const CHOICES: usize = 1 << 11;

/// A depth-first pass and how far it came.
pub struct Depth<M> {
    choices: VecDeque<Choice<M>>,
    found: Vec<Config<M>>,
    /// The order so far, from where the pass began.
    pub order: Order,
    /// Where the search has been, if it was in trouble then: event, and mask, state and last write of the configuration before it.
    memo: FxHashSet<(usize, M, u32, u32)>,
    /// Index of the event that no configuration has passed yet.
    pub reached: usize,
    /// True as long as no choice was given up: then nothing left to try is a proof.
    pub exact: bool,
}

impl<M: Mask> Depth<M> {
    /// Begins with a frontier at an event, of which the first is tried first.
    pub fn new<D: Domain>(space: &Space<M, D>, frontier: Vec<Config<M>>, exact: bool) -> Depth<M> {
        let (at, trail) = (space.at, space.trail.len());
        let choice = |config| Choice { at, config, trail, order: Length::default(), turn: Turn::Any };
        let mut choices = VecDeque::with_capacity(64.min(space.log.steps.len()) + frontier.len());
        choices.extend(frontier.into_iter().rev().map(choice));
        let order = Order::with_capacity(if at == 0 { space.log.steps.len() } else { 0 });
        Depth { choices, order, found: Vec::new(), memo: FxHashSet::default(), reached: at, exact }
    }

    /// Goes on until the end, or until `patience` choices led no further. Leaves a mark now and then.
    pub fn run<D: Domain>(
        &mut self,
        space: &mut Space<M, D>,
        patience: u64,
        limits: &mut Limits,
        marks: &mut Vec<Mark<M>>,
    ) -> End<M> {
        let end = space.log.events.len();
        let mut tries = 0;
        'choices: while let Some(Choice { at, mut config, trail, order, turn }) = self.choices.pop_back() {
            space.go(at);
            space.trail.truncate(trail);
            self.order.cut(order);
            while marks.last().is_some_and(|mark| mark.at >= at && mark.deep) {
                marks.pop();
            }
            let mut marked = marks.last().map_or(0, |mark| mark.at);
            let mut begun = match turn {
                Turn::Any => None,
                Turn::Otherwise(tried) => Some(self.pass_otherwise(space, &mut config, &tried)),
                Turn::By(way) => Some(self.pass_by(space, &mut config, way)),
            };
            while space.at < end {
                let event = space.log.events[space.at];
                if is_return(event) {
                    let passed = begun.take().unwrap_or_else(|| self.pass(space, &mut config, call(event)));
                    let known = passed == Passed::Placed && tries > CAREFUL && self.tried(space.at + 1, &config);
                    if passed == Passed::Nowhere || known {
                        if space.at > self.reached {
                            (self.reached, tries) = (space.at, 0);
                        }
                        tries += 1;
                        if limits.steps <= space.steps {
                            return End::Spent("steps");
                        }
                        if tries > patience {
                            return End::Stuck;
                        }
                        continue 'choices;
                    }
                    if space.at >= marked + MARKED {
                        marked = space.at + 1;
                        marks.push(Mark { at: marked, configs: vec![config.clone()], exact: false, deep: true });
                    }
                }
                space.forward();
            }
            return End::Done(config);
        }
        End::Exhausted
    }

    /// Brings the configuration through a return by the first way that is found; the others are for later.
    #[inline(always)]
    fn pass<D: Domain>(&mut self, space: &mut Space<M, D>, config: &mut Config<M>, call: usize) -> Passed {
        let slot = space.log.steps[call].slot as usize;
        // Pure calls are taken when they must be, or when the state is about to change: that they come to the same place.
        if config.mask.has(slot) {
            config.mask.clear(slot);
            return Passed::AsItIs;
        }
        let before = config.mask.clone();
        space.settle(config);
        self.order.take(&space.open, &before, &config.mask);
        if config.mask.has(slot) {
            config.mask.clear(slot);
            return Passed::AsItIs;
        }
        let (trail, order) = (space.trail.len(), self.order.length());
        let first = match space.at_once(config, call) {
            Some(first) if first.trail == config.trail => {
                self.order.leave_out(call as u32);
                first
            }
            Some(first) => {
                self.order.place(call as u32, space.domain.treats(space.log.steps[call].class));
                self.order.take(&space.open, &config.mask, &first.mask);
                first
            }
            None => {
                let Some(first) = self.first(space, config, call) else { return Passed::Nowhere };
                self.record(space, config, &first, call);
                first
            }
        };
        let before = std::mem::replace(config, first.clone());
        self.choices.push_back(Choice { at: space.at, config: before, trail, order, turn: Turn::Otherwise(first) });
        if self.choices.len() > CHOICES {
            self.choices.pop_front();
            self.exact = false;
        }
        Passed::Placed
    }

    /// True if the search has been here before: then nothing came of it.
    fn tried(&mut self, at: usize, config: &Config<M>) -> bool {
        !self.memo.insert((at, config.mask.clone(), config.state, config.last))
    }

    /// The same by every other way: the next one now, the others are for later.
    fn pass_otherwise<D: Domain>(
        &mut self,
        space: &mut Space<M, D>,
        config: &mut Config<M>,
        tried: &Config<M>,
    ) -> Passed {
        let call = call(space.log.events[space.at]);
        self.found.clear();
        space.begin();
        space.through(config, call, &mut self.found);
        let (at, trail, order) = (space.at, space.trail.len(), self.order.length());
        // Whatever the first way made superfluous failed with it.
        let mut others = self.found.drain(..).filter(|other| !space.open.beats(tried, other));
        let Some(next) = others.next() else { return Passed::Nowhere };
        let choice = |way| Choice { at, config: config.clone(), trail, order, turn: Turn::By(way) };
        self.choices.extend(others.rev().map(choice));
        self.pass_by(space, config, next)
    }

    /// The same by a way that was found before.
    fn pass_by<D: Domain>(&mut self, space: &mut Space<M, D>, config: &mut Config<M>, way: Config<M>) -> Passed {
        self.record(space, config, &way, call(space.log.events[space.at]));
        *config = way;
        Passed::Placed
    }

    /// The first way through a return.
    fn first<D: Domain>(&mut self, space: &mut Space<M, D>, config: &Config<M>, call: usize) -> Option<Config<M>> {
        self.found.clear();
        space.begin();
        space.enough = 1;
        space.through(config, call, &mut self.found);
        space.enough = usize::MAX;
        self.found.pop()
    }

    /// Writes down in which order a way through a return takes calls.
    #[inline(always)]
    fn record<D: Domain>(&mut self, space: &mut Space<M, D>, config: &Config<M>, way: &Config<M>, call: usize) {
        if way.trail == config.trail {
            return self.order.leave_out(call as u32);
        }
        let (mut state, mut taken) = (config.state, config.mask.clone());
        for placed in space.trail.calls(config.trail, way.trail) {
            let step = space.log.steps[placed as usize];
            self.order.place(placed, space.domain.treats(step.class));
            state = space.domain.step(state, step.class);
            taken.set(step.slot as usize);
            let before = taken.clone();
            space.domain.take(state, &space.open, &mut taken);
            self.order.take(&space.open, &before, &taken);
        }
    }
}
