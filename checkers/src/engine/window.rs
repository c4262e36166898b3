//! Part of a log that nothing explains, whatever was before it.
//!
//! A window begins in every state that its calls can tell apart. Calls that are open at its start may have taken effect already, or may
//! do so at any time in it, or never; that allows everything that really can have been before it, and more. So if no configuration
//! survives the window, no order explains the log.
//!
//! ```text
//!   write 1 |-----------|            open at the start: may be used, never must
//!               ¦   write 2 |--|
//!               ¦                  read 3 |--|   nobody in here can have written 3, and it is gone since write 2
//!               ¦◀── window ──────────────────▶¦
//! ```

use super::breadth::{End, breadth};
use super::domain::{Domain, Treats};
use super::log::Log;
use super::mask::Mask;
use super::open::Open;
use super::search::{Refuted, Search, TOLD};
use super::space::{Config, NIL, Space};
use crate::model::Limits;

/// Steps that a window may take, by how often windows were tried before; the last is for certain violations.
const STEPS: [u64; 4] = [16_000, 80_000, 400_000, 4_000_000];
/// A frontier longer than this gives a window up.
const WIDTH: usize = 8_192;

/// Tries windows that end at or a little after event `trouble`, from short to long, and then shortens the first impossible one.
pub fn refute<M: Mask, D: Domain>(search: &mut Search<M, D>, trouble: usize, effort: usize) -> Option<Refuted> {
    let (least, most) = search.tuning.windows?;
    let steps = STEPS[effort.min(STEPS.len() - 1)];
    let end = search.space.log.events.len();
    let mut length = least;
    let (from, dead) = loop {
        let from = trouble.saturating_sub(length);
        let until = (trouble + 1 + 2 * length).min(end);
        match attempt(search, from, until, steps) {
            Attempt::Impossible(dead) => break (from, dead),
            Attempt::Possible => {}
            Attempt::Unclear => return None,
        }
        if from == 0 || length >= most {
            return None;
        }
        length *= 2;
    };
    if search.tuning.shortest { Some(later(search, from, dead, steps)) } else { Some(dead) }
}

/// The same for a window that is known to be impossible: shortens it.
pub fn shorten<M: Mask, D: Domain>(search: &mut Search<M, D>, from: usize, until: usize) -> Option<Refuted> {
    search.tuning.windows?;
    let steps = STEPS[STEPS.len() - 1];
    match attempt(search, from, until + 1, steps) {
        Attempt::Impossible(dead) => Some(later(search, from, dead, steps)),
        _ => None,
    }
}

/// Ever later starts, as long as it stays impossible.
fn later<M: Mask, D: Domain>(search: &mut Search<M, D>, mut from: usize, mut dead: Refuted, steps: u64) -> Refuted {
    let mut possible = dead.until;
    while from + 1 < possible {
        let middle = (from + possible) / 2;
        match attempt(search, middle, dead.until + 1, steps) {
            Attempt::Impossible(later) => {
                (from, dead) = (middle, later);
                // A call that was open at the earlier start and is over by the later one may be used in the earlier window only, so
                // the later one may die sooner.
                possible = possible.min(dead.until);
            }
            _ => possible = middle,
        }
    }
    dead
}

enum Attempt {
    /// Nothing survives it.
    Impossible(Refuted),
    /// Something does.
    Possible,
    /// It took too long.
    Unclear,
}

fn attempt<M: Mask, D: Domain>(search: &mut Search<M, D>, from: usize, until: usize, steps: u64) -> Attempt {
    let (domain, whole) = (&mut *search.space.domain, search.space.log);
    let tells = |class: u32| !matches!(domain.treats(class), Treats::Pure | Treats::Absent);
    let (log, calls) = whole.window(from..until, tells);
    let capacity = search.space.open.capacity;
    if log.slots > capacity {
        return Attempt::Unclear;
    }
    let starts = match from {
        0 => vec![search.initial],
        _ => {
            let classes: Vec<u32> = log.steps.iter().map(|step| step.class).collect();
            match domain.anywhere(&classes) {
                Some(states) => states,
                None => return Attempt::Possible,
            }
        }
    };
    let fresh = |state: &u32| Config { mask: M::empty(capacity), state: *state, last: 0, trail: NIL };
    let mut frontier: Vec<Config<M>> = starts.iter().map(fresh).collect();
    let open = search.spare.take().unwrap_or_else(|| Open::new(domain, capacity));
    let mut space = Space::with_open(domain, &log, open);
    space.dominance = search.tuning.dominance;
    let allowed = steps.min(search.limits.steps);
    let mut limits = Limits { steps: allowed, ..*search.limits };
    let end = breadth(&mut space, &mut frontier, log.events.len(), WIDTH, &mut limits, |_, _, _| {});
    search.limits.steps -= allowed - limits.steps;
    let attempt = match end {
        End::Died if !space.cut => Attempt::Impossible(dead(&space, whole, from, &frontier, &calls)),
        End::Alive if !space.cut => Attempt::Possible,
        _ => Attempt::Unclear,
    };
    let mut open = space.open;
    open.clear(&log);
    search.spare = Some(open);
    attempt
}

/// What is known of a window that died, in the numbers of the whole log. `calls` are the window's calls there.
fn dead<M: Mask, D: Domain>(
    space: &Space<M, D>,
    whole: &Log,
    from: usize,
    frontier: &[Config<M>],
    calls: &[u32],
) -> Refuted {
    let wrong = calls[super::log::call(space.log.events[space.at])];
    let until = whole.return_of(wrong);
    let returned = whole.steps[wrong as usize].returned;
    let inside = calls.iter().copied().filter(|call| whole.steps[*call as usize].invoked < returned);
    let taken = |config: &Config<M>| space.taken(config).map(|call| calls[call as usize]).collect();
    let survivors = frontier.iter().take(TOLD).map(|config| (config.state, taken(config))).collect();
    Refuted { from: (from > 0).then_some(from), until, wrong, calls: inside.collect(), survivors }
}
