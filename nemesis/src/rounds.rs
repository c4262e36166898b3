//! When faults strike, in units of the election time-out (ET).

use harness::{Fault, Rng, Shape, Strike, Time, When};

/// How long a fault lasts, in ET: at least, at most.
pub type Span = (u64, u64);
/// Long enough for a new leader to serve: kills and pauses.
pub const LONG: Span = (8, 10);
/// Partitions.
pub const LONGER: Span = (10, 12);
/// Between two faults.
const GAP: Span = (6, 8);

/// One fault's turn.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// Counted from zero.
    pub number: usize,
    /// When it begins.
    pub start: Time,
    /// How long it lasts.
    pub lasts: Time,
}

impl Round {
    /// A strike at the round's start.
    pub fn strike(self, fault: Fault) -> Strike {
        Strike { when: When::At(self.start), fault, lasts: self.lasts }
    }
}

/// As many rounds as fit, one after the other, with calm before, between and after.
pub fn rounds(shape: &Shape, rng: &mut Rng, span: Span) -> Vec<Round> {
    let unit = shape.settings.election_low;
    let mut draw = |(low, high): Span| rng.between(unit * low, unit * high);
    let (mut rounds, mut start) = (Vec::new(), shape.every.unwrap_or_else(|| draw(GAP)));
    loop {
        let (lasts, gap) = (draw(span), draw(GAP));
        let lasts = shape.every.map_or(lasts, |every| lasts.min(Time(every.0 / 3 * 2)));
        if start + lasts + unit * 2 > shape.time {
            return rounds;
        }
        rounds.push(Round { number: rounds.len(), start, lasts });
        start = shape.every.map_or(start + lasts + gap, |every| start + every);
    }
}

/// Deals the strikes of several plans one by one, and gives each a turn of its own. Which plan begins is drawn, so that
/// short runs of many seeds see them all.
pub fn in_turns(mut parts: Vec<Vec<Strike>>, shape: &Shape, rng: &mut Rng) -> Vec<Strike> {
    let first = rng.below(parts.len() as u64) as usize;
    parts.rotate_left(first);
    let unit = shape.settings.election_low;
    let mut gap = || rng.between(unit * GAP.0, unit * GAP.1);
    let most = parts.iter().map(Vec::len).max().unwrap_or(0);
    let dealt = (0..most).flat_map(|turn| parts.iter().filter_map(move |part| part.get(turn)));
    let (mut strikes, mut start) = (Vec::new(), shape.every.unwrap_or_else(&mut gap));
    for strike in dealt {
        if start + strike.lasts + unit * 2 > shape.time {
            break;
        }
        let when = match strike.when.clone() {
            When::At(_) => When::At(start),
            When::OnMark { mark, nth, delay, .. } => When::OnMark { mark, from: start, nth, delay },
        };
        strikes.push(Strike { when, ..strike.clone() });
        start = shape.every.map_or_else(|| start + strike.lasts + gap(), |every| start + every);
    }
    strikes
}
