//! Links that are slow or narrow: what is said there is cut into packets, each of which is held until its time has come. None is thrown
//! away: where much waits for a narrow link nothing more is read, and TCP holds up whoever speaks.
//!
//! Only arithmetic is done here. The [mesh](super::mesh) tells the time, and does what comes of it.

use crate::links::{Endpoint, Slow, Slowed};
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// From whom, and to whom.
pub(super) type Way = (Endpoint, Endpoint);

/// What a packet carries at most, in bytes, and its headers: what is usual for TCP on a wire.
const PACKET: usize = 1448;
const HEADERS: usize = 52;
/// What may wait for a narrow link, as the time in which it is sent.
const PATIENCE: Duration = Duration::from_secs(1);
/// A connection of which so many bytes are held is not read from.
const MOST: usize = 1 << 20;

/// Which links are slow, what waits for them, and what they did so far.
#[derive(Debug, Default)]
pub(super) struct Pace {
    slow: BTreeMap<Way, Slow>,
    /// When all that was said on a narrow link will have passed it.
    passed: BTreeMap<Way, Instant>,
    done: Slowed,
}

impl Pace {
    /// Slows exactly these links.
    pub fn set(&mut self, links: &[(Endpoint, Endpoint, Slow)]) {
        let between = links.iter().filter(|(from, to, _)| from != to);
        let slow: BTreeMap<Way, Slow> = between.map(|(from, to, slow)| ((*from, *to), *slow)).collect();
        if self.slow.is_empty() && !slow.is_empty() {
            self.done.longest = Duration::ZERO;
        }
        self.passed.retain(|way, _| slow.get(way).is_some_and(|slow| slow.rate.is_some()));
        self.slow = slow;
    }

    /// Whether what is said there is held.
    pub fn slows(&self, way: Way) -> bool {
        self.slow.contains_key(&way)
    }

    /// What was done so far.
    pub fn done(&self) -> Slowed {
        self.done
    }

    /// When a packet with so many bytes may go on that comes now.
    ///
    /// # Errors
    /// When there will be room for it, where too much waits for the link.
    fn take(&mut self, way: Way, length: usize, now: Instant) -> Result<Instant, Instant> {
        let Some(slow) = self.slow.get(&way) else { return Ok(now) };
        let size = (length + HEADERS) as u64;
        let mut passed = now;
        if let Some(rate) = slow.rate {
            let free = self.passed.get(&way).map_or(now, |passed| now.max(*passed));
            if free > now + PATIENCE {
                return Err(free - PATIENCE);
            }
            passed = free + Duration::from_secs_f64(size as f64 / rate as f64);
            self.passed.insert(way, passed);
        }
        self.done.packets += 1;
        self.done.bytes += size;
        Ok(passed + slow.by)
    }

    /// Whether a packet may go on, which is told before it does. What is held for a link that is fast again may.
    fn lets_go(&mut self, way: Way, packet: &Packet, now: Instant) -> bool {
        let due = if self.slows(way) { packet.due } else { packet.due.min(now) };
        if due <= now {
            self.done.longest = self.done.longest.max(due.saturating_duration_since(packet.since));
        }
        due <= now
    }
}

/// What is under way in a connection, in one direction and in order.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// What was heard and has found no room yet, in packets; an empty one is the end.
    heard: VecDeque<Vec<u8>>,
    held: VecDeque<Packet>,
    /// The bytes of those that are held.
    bytes: usize,
    ended: bool,
}

#[derive(Debug)]
struct Packet {
    due: Instant,
    since: Instant,
    said: Vec<u8>,
}

/// What happens next in a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This goes on; where it is empty, the end does.
    Say(Vec<u8>),
    /// Nothing is under way.
    Hear,
    /// Nothing goes on before then, unless links change. More may be heard meanwhile, or may not.
    Wait { until: Instant, hear: bool },
}

impl Line {
    /// Something was said; nothing is the end.
    pub fn hear(&mut self, said: &[u8]) {
        self.ended = said.is_empty();
        self.heard.extend(said.chunks(PACKET).map(<[u8]>::to_vec));
        if self.ended {
            self.heard.push_back(Vec::new());
        }
    }

    /// What happens now, or when to ask again.
    pub fn next(&mut self, pace: &mut Pace, way: Way, now: Instant) -> Next {
        let mut room = None;
        while let Some(said) = self.heard.pop_front() {
            match pace.take(way, said.len(), now) {
                Ok(due) => {
                    self.bytes += said.len();
                    self.held.push_back(Packet { due, since: now, said });
                }
                Err(later) => {
                    self.heard.push_front(said);
                    room = Some(later);
                    break;
                }
            }
        }
        if let Some(Packet { said, .. }) = self.held.pop_front_if(|packet| pace.lets_go(way, packet, now)) {
            self.bytes -= said.len();
            return Next::Say(said);
        }
        match self.held.front().map(|packet| packet.due).into_iter().chain(room).min() {
            Some(until) => Next::Wait { until, hear: !self.ended && self.heard.is_empty() && self.bytes < MOST },
            None => Next::Hear,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::links::Endpoint::{Clients, Node};

    const WAY: Way = (Node(0), Node(1));
    const BACK: Way = (Node(1), Node(0));
    const SECOND: Duration = Duration::from_secs(1);

    fn by(by: Duration) -> Slow {
        Slow { by, ..Slow::default() }
    }

    fn narrow(rate: u64) -> Slow {
        Slow { rate: Some(rate), ..Slow::default() }
    }

    fn pace(slow: Slow) -> Pace {
        let mut pace = Pace::default();
        pace.set(&[(WAY.0, WAY.1, slow)]);
        pace
    }

    fn line(said: &[u8]) -> Line {
        let mut line = Line::default();
        line.hear(said);
        line
    }

    /// All that goes on now, joined, and what comes then.
    fn all(line: &mut Line, pace: &mut Pace, now: Instant) -> (Vec<u8>, Next) {
        let mut all = Vec::new();
        loop {
            match line.next(pace, WAY, now) {
                Next::Say(said) if !said.is_empty() => all.extend(said),
                next => return (all, next),
            }
        }
    }

    #[test]
    fn what_is_said_on_a_slow_link_goes_on_in_order_when_its_time_has_come_and_so_does_the_end() {
        let (now, mut pace) = (Instant::now(), pace(by(SECOND)));
        let said: Vec<u8> = (0..4000).map(|number| number as u8).collect();
        let mut line = line(&said);
        let waits = Next::Wait { until: now + SECOND, hear: true };
        assert_eq!(line.next(&mut pace, WAY, now), waits);
        assert_eq!((pace.done().packets, pace.done().bytes), (3, 4000 + 3 * 52), "counted when it comes");
        line.hear(&[]);
        assert_eq!(line.next(&mut pace, WAY, now + SECOND / 2), Next::Wait { until: now + SECOND, hear: false });
        assert_eq!(pace.done().longest, Duration::ZERO);
        let ends = now + SECOND * 3 / 2;
        assert_eq!(all(&mut line, &mut pace, now + SECOND), (said, Next::Wait { until: ends, hear: false }));
        assert_eq!(line.next(&mut pace, WAY, ends), Next::Say(Vec::new()));
        assert_eq!(line.next(&mut pace, WAY, ends), Next::Hear);
        assert_eq!(pace.done(), Slowed { packets: 4, bytes: 4000 + 4 * 52, dropped: 0, longest: SECOND });
    }

    #[test]
    fn only_the_links_that_are_named_are_slow_and_no_way_to_oneself() {
        let (now, mut pace) = (Instant::now(), Pace::default());
        pace.set(&[(WAY.0, WAY.1, by(SECOND)), (Node(2), Node(2), by(SECOND))]);
        for way in [BACK, (Node(2), Node(2)), (Clients, Node(1))] {
            assert!(!pace.slows(way));
            assert_eq!(line(b"fast").next(&mut pace, way, now), Next::Say(b"fast".to_vec()));
        }
        assert!(pace.slows(WAY));
        assert_eq!(pace.done(), Slowed::default());
    }

    #[test]
    fn what_is_held_for_a_link_that_is_fast_again_goes_on_at_once() {
        let (now, mut pace) = (Instant::now(), pace(by(SECOND * 86_400)));
        let mut line = line(b"held");
        assert!(matches!(line.next(&mut pace, WAY, now), Next::Wait { .. }));
        pace.set(&[(BACK.0, BACK.1, by(SECOND))]);
        line.hear(b" and said now");
        let later = now + SECOND * 5;
        assert_eq!(all(&mut line, &mut pace, later), (b"held and said now".to_vec(), Next::Hear));
        assert_eq!((pace.done().packets, pace.done().longest), (1, SECOND * 5), "as long as it was held");
        pace.set(&[(BACK.0, BACK.1, by(SECOND)), (WAY.0, WAY.1, by(SECOND))]);
        assert_eq!(pace.done().longest, SECOND * 5, "some link has been slow all the while");
        pace.set(&[]);
        pace.set(&[(WAY.0, WAY.1, by(SECOND))]);
        assert_eq!(pace.done().longest, Duration::ZERO);
    }

    #[test]
    fn a_narrow_link_sends_one_after_the_other_whichever_connection_they_are_of() {
        // A packet with nothing takes 52 ms.
        let (now, mut pace) = (Instant::now(), pace(narrow(1000)));
        let step = Duration::from_millis(52);
        let (mut one, mut other) = (line(&[]), line(&[]));
        assert_eq!(one.next(&mut pace, WAY, now), Next::Wait { until: now + step, hear: false });
        assert_eq!(other.next(&mut pace, WAY, now), Next::Wait { until: now + step * 2, hear: false });
        assert_eq!(one.next(&mut pace, WAY, now + step), Next::Say(Vec::new()));
        assert_eq!(other.next(&mut pace, WAY, now + step * 2), Next::Say(Vec::new()));
        let later = now + SECOND;
        assert_eq!(
            line(&[]).next(&mut pace, WAY, later),
            Next::Wait { until: later + step, hear: false },
            "none waits"
        );
        pace.set(&[(WAY.0, WAY.1, Slow { by: SECOND, ..narrow(1000) })]);
        let due = later + step * 2 + SECOND;
        assert_eq!(line(&[]).next(&mut pace, WAY, later), Next::Wait { until: due, hear: false }, "and is late then");
    }

    #[test]
    fn where_a_second_of_it_waits_nothing_more_is_heard_and_nothing_is_lost() {
        // A full packet takes a quarter of a second.
        let (now, mut pace) = (Instant::now(), pace(narrow(6000)));
        let said: Vec<u8> = (0..PACKET * 20).map(|number| (number / 100) as u8).collect();
        let mut line = line(&said);
        let (mut at, mut came) = (now, Vec::new());
        while came.len() < said.len() {
            let (more, next) = all(&mut line, &mut pace, at);
            came.extend(more);
            let taken = pace.done().packets as u32;
            let sent = ((at - now).as_millis() / 250) as u32;
            assert!(taken <= sent + 5, "{taken} were taken when {sent} had been sent");
            match next {
                Next::Wait { until, hear } => {
                    assert!(until > at && hear == (taken == 20), "{taken}");
                    at = until;
                }
                next => assert_eq!(next, Next::Hear),
            }
        }
        assert_eq!(came, said);
        assert_eq!(at - now, SECOND * 5, "20 packets of 1500 bytes, 6000 a second");
        let done = pace.done();
        assert_eq!((done.packets, done.bytes, done.dropped, done.longest), (20, 30_000, 0, SECOND * 5 / 4));
    }

    #[test]
    fn a_connection_of_which_a_mebibyte_is_held_is_not_read_from() {
        let (now, mut pace) = (Instant::now(), pace(by(SECOND)));
        let mut line = line(&vec![0; MOST - 1]);
        assert_eq!(line.next(&mut pace, WAY, now), Next::Wait { until: now + SECOND, hear: true });
        line.hear(&[1]);
        assert_eq!(line.next(&mut pace, WAY, now), Next::Wait { until: now + SECOND, hear: false });
        assert_eq!(all(&mut line, &mut pace, now + SECOND).0.len(), MOST);
        line.hear(&[2]);
        assert!(matches!(line.next(&mut pace, WAY, now), Next::Wait { hear: true, .. }));
    }
}
