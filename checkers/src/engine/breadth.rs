//! All configurations at once, event by event, of which only the best so many are kept.

use super::domain::Domain;
use super::log::{call, is_return};
use super::mask::Mask;
use super::space::{Config, Space};
use crate::model::Limits;

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// At the event asked for, with configurations left.
    Alive,
    /// No configuration survives the next event, a return. The frontier is the one before it.
    Died,
    /// Out of this.
    Spent(&'static str),
}

/// Brings the frontier from where the space is to before event `until`. Where it grows beyond `beam`, those that used up least
/// are kept, and `space.cut` becomes true. `passed` is shown the frontier before every event.
pub fn breadth<M: Mask, D: Domain>(
    space: &mut Space<M, D>,
    frontier: &mut Vec<Config<M>>,
    until: usize,
    beam: usize,
    limits: &mut Limits,
    mut passed: impl FnMut(usize, &[Config<M>], bool),
) -> End {
    let mut found = Vec::new();
    while space.at < until {
        space.allowed = Limits { steps: space.steps.saturating_add(limits.steps), bytes: limits.bytes };
        passed(space.at, frontier, space.cut);
        let event = space.log.events[space.at];
        if is_return(event) {
            space.begin();
            found.clear();
            let before = space.steps;
            for config in frontier.iter() {
                space.through(config, call(event), &mut found);
                if space.steps - before >= limits.steps {
                    limits.steps = 0;
                    return End::Spent("steps");
                }
            }
            if found.is_empty() {
                return End::Died;
            }
            limits.steps = limits.steps.saturating_sub(space.steps - before + frontier.len() as u64);
            if limits.steps == 0 {
                return End::Spent("steps");
            }
            if held(space, frontier, &found) > limits.bytes {
                return End::Spent("bytes");
            }
            std::mem::swap(frontier, &mut found);
        }
        space.go(space.at + 1);
        if frontier.len() > beam {
            space.cut = true;
            frontier.sort_by_cached_key(|config| space.open.used(config));
            frontier.truncate(beam);
        }
    }
    End::Alive
}

/// Bytes that the search holds.
pub fn held<M: Mask, D: Domain>(space: &Space<M, D>, frontier: &[Config<M>], found: &[Config<M>]) -> u64 {
    let config = size_of::<Config<M>>() + frontier.first().map_or(0, |config| config.mask.heap());
    // Beside itself each found configuration has an entry in a table.
    let configs = (frontier.len() + found.len()) * config + found.len() * 24;
    configs as u64 + space.trail.len() as u64 * 8 + space.domain.bytes()
}
