//! How the passes work together: depth first, then windows around the place where it got stuck, then ever wider beams.
//!
//! ```text
//!   depth first ──▶ end: this order explains all
//!        │ stuck at T
//!   windows that end near T ──▶ one is impossible from every state: no order explains all
//!        │ none
//!   a beam from a mark before T; wider, and from further back, each time it dies
//!        │ beyond T: depth first again, from there
//! ```
//!
//! An answer is exact whatever the widths: a configuration at the end is an order, and an empty frontier proves that there is none
//! if nothing was ever cut from it. The last beam is unlimited and begins where nothing had been cut.

use super::breadth::{self, breadth};
use super::clash::{Clash, Clashes};
use super::depth::{self, Depth, MARKED};
use super::domain::Domain;
use super::log::{Log, is_return};
use super::mask::Mask;
use super::open::Open;
use super::space::{Config, NIL, Space};
use super::{window, witness};
use crate::model::Limits;

/// The engine's shortcuts. The default is what users get; tests force each of them with others.
#[derive(Clone, Debug)]
pub struct Tuning {
    /// Choices that the depth-first pass may try without coming any further before windows are tried, and then 16 times as many. 0:
    /// there is no depth-first pass.
    pub patience: u64,
    /// Widths of the beams, and how many events before the trouble each begins. The last must be unlimited and begin at the start.
    pub beams: Vec<(usize, usize)>,
    /// Events that a beam must come beyond the trouble before the depth-first pass goes on.
    pub margin: usize,
    /// Events of the smallest and the largest window; `None`: no windows.
    pub windows: Option<(usize, usize)>,
    /// Objects that hold one value are looked at for a [`super::clash`]: with up to so many calls before anything else, with more when
    /// the depth-first pass is stuck. `None`: never.
    pub clashes: Option<usize>,
    /// True: what is impossible is shown by the shortest window. False: by whatever proved it first.
    pub shortest: bool,
    /// False: no configuration makes another superfluous, unless they are equal.
    pub dominance: bool,
    /// Words of 64 slots that masks have at least.
    pub words: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Tuning {
            patience: 256,
            beams: vec![(8, 256), (64, 1024), (512, 8_192), (4_096, 65_536), (usize::MAX, usize::MAX)],
            margin: 256,
            windows: Some((16, 4_096)),
            clashes: Some(1_000),
            shortest: true,
            dominance: true,
            words: 1,
        }
    }
}

/// What was found, with calls, events and states as the log and the domain number them.
#[derive(Debug)]
pub enum Found {
    /// An order that explains all.
    Order(Vec<u32>),
    /// None does.
    Refuted(Refuted),
    /// Out of this, after everything before event `reached` was explained.
    Spent { spent: &'static str, reached: usize },
}

/// Why no order explains all.
#[derive(Debug)]
pub struct Refuted {
    /// Index of the event before which the window begins; `None`: at the start, in the initial state.
    pub from: Option<usize>,
    /// Index of the return that no configuration survives.
    pub until: usize,
    /// The call that returns there.
    pub wrong: u32,
    /// The calls of the window.
    pub calls: Vec<u32>,
    /// Configurations right before `until`: state, and open calls that took effect.
    pub survivors: Vec<(u32, Vec<u32>)>,
}

/// A frontier to come back to.
pub struct Mark<M> {
    /// Index of the event that comes next.
    pub at: usize,
    pub configs: Vec<Config<M>>,
    /// True if no other configuration is possible here.
    pub exact: bool,
    /// True if it lies on the way of the depth-first pass.
    pub deep: bool,
}

/// Survivors told of, at most.
pub const TOLD: usize = 8;
/// A frontier longer than this is not marked.
const MARKED_WIDTH: usize = 4_096;

/// Decides whether some order explains a log, from the state `initial`.
pub fn decide<D: Domain>(
    domain: &mut D,
    initial: u32,
    log: &Log,
    limits: &mut Limits,
    tuning: &Tuning,
    clashes: Clashes,
) -> Found {
    match log.window_slots.max(64 * tuning.words).max(log.slots) {
        0..=64 => Search::<[u64; 1], D>::new(domain, log, 64, limits, tuning, clashes).run(initial),
        65..=128 => Search::<[u64; 2], D>::new(domain, log, 128, limits, tuning, clashes).run(initial),
        129..=256 => Search::<[u64; 4], D>::new(domain, log, 256, limits, tuning, clashes).run(initial),
        slots => Search::<Box<[u64]>, D>::new(domain, log, slots, limits, tuning, clashes).run(initial),
    }
}

/// A search in one log.
pub struct Search<'a, M, D> {
    pub space: Space<'a, M, D>,
    pub limits: &'a mut Limits,
    pub tuning: &'a Tuning,
    pub initial: u32,
    clashes: Clashes<'a>,
    /// Ascending.
    marks: Vec<Mark<M>>,
    /// For windows, whose calls are others; nothing is open in it between two of them.
    pub spare: Option<Open<M>>,
}

impl<'a, M: Mask, D: Domain> Search<'a, M, D> {
    fn new(
        domain: &'a mut D,
        log: &'a Log,
        slots: usize,
        limits: &'a mut Limits,
        tuning: &'a Tuning,
        clashes: Clashes<'a>,
    ) -> Self {
        let mut space = Space::new(domain, log, slots);
        space.dominance = tuning.dominance;
        Search { space, limits, tuning, initial: 0, clashes, marks: Vec::new(), spare: None }
    }

    /// The configuration before the first event, in a state.
    pub fn fresh(&self, state: u32) -> Config<M> {
        Config { mask: M::empty(self.space.open.capacity), state, last: 0, trail: NIL }
    }

    fn run(mut self, initial: u32) -> Found {
        self.initial = initial;
        if let Clashes::Known(clash) = self.clashes {
            return Found::Refuted(self.clashing(clash));
        }
        let start = vec![self.fresh(initial)];
        self.marks.push(Mark { at: 0, configs: start.clone(), exact: true, deep: false });
        let (mut frontier, mut exact) = (start, true);
        loop {
            let trouble = match self.deep(frontier, exact) {
                Ok(found) => return found,
                Err(trouble) => trouble,
            };
            (frontier, exact) = match self.wide(trouble) {
                Ok(found) => return found,
                Err(beyond) => beyond,
            };
        }
    }

    /// Depth first from a frontier, with ever more patience, and windows in between: an answer, or the event where it got stuck.
    fn deep(&mut self, frontier: Vec<Config<M>>, exact: bool) -> Result<Found, usize> {
        let begun = self.space.at == 0;
        let mut depth = Depth::new(&self.space, frontier, exact);
        let patience = self.tuning.patience;
        (self.space.patience, self.space.cut) = (64, false);
        for (effort, patience) in [patience, 16 * patience].into_iter().enumerate() {
            if patience > 0 {
                let end = depth.run(&mut self.space, patience, self.limits, &mut self.marks);
                self.spend();
                match end {
                    depth::End::Done(_) if begun => return Ok(Found::Order(depth.order.finish())),
                    depth::End::Done(config) => return Ok(self.explained(&config)),
                    depth::End::Spent(spent) => return Ok(Found::Spent { spent, reached: depth.reached }),
                    depth::End::Exhausted if depth.exact && !self.space.cut => {
                        return Ok(Found::Refuted(self.proved(depth.reached)));
                    }
                    depth::End::Exhausted => return Err(depth.reached),
                    depth::End::Stuck => {}
                }
            }
            if let Clashes::Perhaps(look) = std::mem::replace(&mut self.clashes, Clashes::None)
                && let Some(clash) = look(&self.space.log.events)
            {
                return Ok(Found::Refuted(self.clashing(clash)));
            }
            if let Some(refuted) = window::refute(self, depth.reached, effort) {
                return Ok(Found::Refuted(refuted));
            }
        }
        Err(depth.reached)
    }

    /// Ever wider beams over the trouble: an answer, or the frontier beyond it and whether that is all.
    #[allow(clippy::type_complexity, reason = "either the answer or what goes on")]
    fn wide(&mut self, mut trouble: usize) -> Result<Found, (Vec<Config<M>>, bool)> {
        for (level, (beam, back)) in self.tuning.beams.iter().copied().enumerate() {
            let unlimited = beam == usize::MAX;
            let from = self.mark_before(trouble, back, unlimited);
            self.marks.truncate(from + 1);
            let mark = &self.marks[from];
            let (mut frontier, exact) = (mark.configs.clone(), mark.exact);
            self.space.go(mark.at);
            (self.space.cut, self.space.patience) = (false, if unlimited { usize::MAX } else { 64 + 16 * beam });
            let until = (trouble + self.tuning.margin).min(self.space.log.events.len());
            let marks = &mut self.marks;
            let end = breadth(&mut self.space, &mut frontier, until, beam, self.limits, |at, configs, cut| {
                let last = marks.last().map_or(0, |mark| mark.at);
                if at >= last + MARKED && configs.len() <= MARKED_WIDTH {
                    marks.push(Mark { at, configs: configs.to_vec(), exact: exact && !cut, deep: false });
                }
            });
            self.space.steps = 0;
            let exact = exact && !self.space.cut;
            match end {
                breadth::End::Alive => {
                    let whole = self.space.at == self.space.log.events.len();
                    return if whole { Ok(self.explained(&frontier[0])) } else { Err((frontier, exact)) };
                }
                breadth::End::Spent(spent) => return Ok(Found::Spent { spent, reached: trouble.max(self.space.at) }),
                breadth::End::Died if exact => {
                    let until = self.space.at;
                    let shorter = if self.tuning.shortest { window::refute(self, until, usize::MAX) } else { None };
                    return Ok(Found::Refuted(shorter.unwrap_or_else(|| self.refuted(until, &frontier))));
                }
                breadth::End::Died => {
                    trouble = trouble.max(self.space.at);
                    if let Some(refuted) = window::refute(self, trouble, level + 1) {
                        return Ok(Found::Refuted(refuted));
                    }
                }
            }
        }
        // The last beam is unlimited and begins where nothing was cut: only for lack of memory can it have been cut itself.
        Ok(Found::Spent { spent: "bytes", reached: trouble })
    }

    /// The last mark so far before an event; if need be one at which nothing had been cut.
    fn mark_before(&self, event: usize, back: usize, exact: bool) -> usize {
        let far = |mark: &Mark<M>| mark.at + back.min(event) <= event && (!exact || mark.exact);
        let near = |mark: &Mark<M>| if exact { mark.exact } else { far(mark) };
        self.marks.iter().rposition(near).unwrap_or(0)
    }

    /// There is a clash: as short a window as shows it.
    fn clashing(&mut self, clash: Clash) -> Refuted {
        let shorter =
            if self.tuning.shortest { window::shorten(self, clash.from.unwrap_or(0), clash.until) } else { None };
        shorter.unwrap_or_else(|| clash.refuted(&self.space.log.events))
    }

    /// Nothing survives the return at event `until`, and nothing was cut: as short a window as shows it.
    fn proved(&mut self, until: usize) -> Refuted {
        if !self.tuning.shortest {
            return self.refuted(until, &[]);
        }
        if let Some(refuted) = window::refute(self, until, usize::MAX) {
            return refuted;
        }
        let from = self.mark_before(until, 0, true);
        let mut frontier = self.marks[from].configs.clone();
        self.space.go(self.marks[from].at);
        (self.space.cut, self.space.patience) = (false, usize::MAX);
        let mut limits = Limits { steps: self.limits.steps.min(100_000), ..*self.limits };
        let end = breadth(&mut self.space, &mut frontier, until + 1, usize::MAX, &mut limits, |_, _, _| {});
        let known = if end == breadth::End::Died { frontier } else { Vec::new() };
        self.refuted(until, &known)
    }

    /// No order explains the log up to the return at event `until`: the calls that are asked before it, and what was possible right
    /// before it.
    fn refuted(&self, until: usize, survivors: &[Config<M>]) -> Refuted {
        let invoked = self.space.log.events[..until].iter().filter(|event| !is_return(**event));
        let calls = invoked.map(|event| event >> 1).collect();
        let told = survivors.iter().take(TOLD).map(|config| (config.state, self.space.taken(config).collect()));
        let wrong = self.space.log.events[until] >> 1;
        Refuted { from: None, until, wrong, calls, survivors: told.collect() }
    }

    fn explained(&mut self, config: &Config<M>) -> Found {
        let placed = self.space.trail.calls(NIL, config.trail);
        self.space.open.clear(self.space.log);
        Found::Order(witness::order(self.space.domain, self.space.log, &mut self.space.open, self.initial, &placed))
    }

    fn spend(&mut self) {
        self.limits.steps = self.limits.steps.saturating_sub(self.space.steps);
        self.space.steps = 0;
    }
}
