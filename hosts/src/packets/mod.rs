//! Links that are slow or narrow: what a rule of the kernel's firewall sends to a queue is held, each packet for its time, by a thread that
//! lets it go on then, or throws it away where too much waits for a narrow link. Which rule that is, is for others to say.

mod queue;

pub(crate) use queue::Queue;

use crate::error::{Error, Result};
use crate::links::{Slow, Slowed};
use queue::Waiting;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// What may wait for a narrow link, as the time in which it is sent.
const PATIENCE: Duration = Duration::from_secs(1);

/// A directed link, by the addresses of its ends.
pub(crate) type Link = (Ipv4Addr, Ipv4Addr);

/// Holds packets of slow links.
#[derive(Debug)]
pub(crate) struct Holder {
    shared: Arc<Mutex<State>>,
    /// The keeper looks when it is rung and answers when it has done so. It ends when this is closed.
    bell: Option<UnixStream>,
    keeper: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct State {
    slow: BTreeMap<Link, Slow>,
    /// What was done so far.
    done: Slowed,
}

impl Holder {
    /// Begins, with all links as fast as ever.
    pub fn start(queue: Queue) -> io::Result<Holder> {
        let (bell, its_bell) = UnixStream::pair()?;
        let shared = Arc::new(Mutex::default());
        let keeper = Keeper {
            queue,
            bell: its_bell,
            shared: shared.clone(),
            held: BinaryHeap::new(),
            passed: BTreeMap::new(),
            number: 0,
        };
        let thread = thread::Builder::new().name("slow links".into());
        // What goes wrong there ends it, and whoever rings next is told.
        let keeper = thread.spawn(move || drop(keeper.keep()))?;
        Ok(Holder { shared, bell: Some(bell), keeper: Some(keeper) })
    }

    /// What comes on exactly these links is held from now on.
    pub fn set(&mut self, links: &[(Link, Slow)]) {
        let mut state = lock(&self.shared);
        if state.slow.is_empty() && !links.is_empty() {
            state.done.longest = Duration::ZERO;
        }
        state.slow = links.iter().copied().collect();
    }

    /// Lets go on what is held for links that are not slow any more.
    pub fn let_go(&mut self) -> Result<()> {
        let mut bell = self.bell.as_ref().expect("it is there until this is dropped");
        let rung = bell.write_all(&[0]).and_then(|()| bell.read_exact(&mut [0]));
        rung.map_err(|error| {
            Error::new(
                "cannot slow links down",
                format!("the thread that holds packets has ended: {error}"),
                "run it again",
            )
        })
    }

    /// What was done to packets so far.
    pub fn slowed(&self) -> Slowed {
        lock(&self.shared).done
    }

    /// Nothing that was done so far counts.
    pub fn forget(&mut self) {
        lock(&self.shared).done = Slowed::default();
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.bell = None;
        let _ = self.keeper.take().map(JoinHandle::join);
    }
}

fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().expect("nobody panics with it")
}

/// Who holds packets, on a thread of its own.
struct Keeper {
    queue: Queue,
    bell: UnixStream,
    shared: Arc<Mutex<State>>,
    held: BinaryHeap<Reverse<Held>>,
    /// When all that waits for a narrow link will have passed it.
    passed: BTreeMap<Link, Instant>,
    /// Packets seen so far.
    number: u64,
}

/// A packet that is held. Who is due first comes first, and of two that are due at once the one that came first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Held {
    due: Instant,
    number: u64,
    since: Instant,
    id: u32,
    link: Link,
}

impl Keeper {
    fn keep(mut self) -> io::Result<()> {
        loop {
            let rung = self.wait()?;
            while let Some(packet) = self.queue.next()? {
                self.take(packet)?;
            }
            if rung {
                if self.bell.read(&mut [0])? == 0 {
                    return Ok(());
                }
                self.forgive();
            }
            self.let_go()?;
            if rung {
                self.bell.write_all(&[0])?;
            }
        }
    }

    /// Holds a packet, or throws it away.
    fn take(&mut self, Waiting { id, link, length }: Waiting) -> io::Result<()> {
        self.number += 1;
        let since = Instant::now();
        let slow = lock(&self.shared).slow.get(&link).copied();
        // A link that is fast again has a rule for a moment longer.
        let due = slow.map_or(Some(since), |slow| self.due(slow, link, length, since));
        let done = &mut lock(&self.shared).done;
        let Some(due) = due else {
            done.dropped += 1;
            return self.queue.drop(id);
        };
        if slow.is_some() {
            done.packets += 1;
            done.bytes += u64::from(length);
        }
        self.held.push(Reverse(Held { due, number: self.number, since, id, link }));
        Ok(())
    }

    /// When a packet that comes now on a slow link may go on. `None` where too much waits for the link already.
    fn due(&mut self, slow: Slow, link: Link, length: u16, now: Instant) -> Option<Instant> {
        let passed = match slow.rate {
            None => now,
            Some(rate) => {
                let before = self.passed.get(&link).map_or(now, |passed| now.max(*passed));
                let passed = pass(before, now, length, rate)?;
                self.passed.insert(link, passed);
                passed
            }
        };
        Some(passed + delay(slow, self.number))
    }

    /// Waits until a packet comes, the first one is due, or somebody rings: true then.
    fn wait(&self) -> io::Result<bool> {
        let left = self.held.peek().map(|Reverse(first)| first.due.saturating_duration_since(Instant::now()));
        let left = left.map(|left| Timespec { tv_sec: left.as_secs() as _, tv_nsec: left.subsec_nanos().into() });
        let mut sides = [PollFd::new(&self.queue, PollFlags::IN), PollFd::new(&self.bell, PollFlags::IN)];
        match poll(&mut sides, left.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(!sides[1].revents().is_empty()),
            Err(error) => Err(error.into()),
        }
    }

    /// What is held for links that are slow no longer is due now.
    fn forgive(&mut self) {
        let state = lock(&self.shared);
        let (slow, now) = (&state.slow, Instant::now());
        let due = |held: Held| if slow.contains_key(&held.link) { held.due } else { held.due.min(now) };
        self.held = self.held.drain().map(|Reverse(held)| Reverse(Held { due: due(held), ..held })).collect();
        self.passed.retain(|link, _| slow.get(link).is_some_and(|slow| slow.rate.is_some()));
    }

    /// Lets what is due go on.
    fn let_go(&mut self) -> io::Result<()> {
        let now = Instant::now();
        while self.held.peek().is_some_and(|Reverse(first)| first.due <= now) {
            let Reverse(first) = self.held.pop().expect("one was seen");
            // Told before it goes, so that whoever has heard of it finds it told.
            let done = &mut lock(&self.shared).done;
            done.longest = done.longest.max(first.due.saturating_duration_since(first.since));
            self.queue.release(first.id)?;
        }
        Ok(())
    }
}

/// When a packet that comes now has passed a link of so many bytes a second, which is free from `before` on. `None` where it would
/// wait for too long until it is its turn.
fn pass(before: Instant, now: Instant, length: u16, rate: u64) -> Option<Instant> {
    let turn = before.saturating_duration_since(now);
    (turn <= PATIENCE).then(|| before + Duration::from_secs_f64(f64::from(length) / rate as f64))
}

/// How long a packet is held: the part that is drawn comes from its number.
fn delay(slow: Slow, number: u64) -> Duration {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^= mixed >> 32;
    let share = (mixed >> 11) as f64 / (1u64 << 53) as f64;
    slow.by + slow.up_to.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_all_of_the_fixed_part_and_any_share_of_the_other() {
        let (by, up_to) = (Duration::from_millis(100), Duration::from_millis(80));
        let drawn: Vec<_> = (0..1000).map(|number| delay(Slow { by, up_to, rate: None }, number)).collect();
        assert!(drawn.iter().all(|drawn| (by..by + up_to).contains(drawn)));
        for tenth in 0..10 {
            let low = by + up_to * tenth / 10;
            let inside = drawn.iter().filter(|drawn| (low..low + up_to / 10).contains(drawn)).count();
            assert!((60..140).contains(&inside), "{inside} of 1000 are in a tenth");
        }
        assert!((0..1000).all(|number| delay(Slow { by, ..Slow::default() }, number) == by));
    }

    #[test]
    fn a_narrow_link_sends_one_after_the_other_and_holds_what_it_sends_within_a_second() {
        let now = Instant::now();
        let (mut free, mut taken) = (now, 0);
        while let Some(passed) = pass(free, now, 500, 2000) {
            assert_eq!(passed - free, Duration::from_millis(250));
            (free, taken) = (passed, taken + 1);
        }
        assert_eq!(taken, 5, "one is on its way when the queue is full, at the end of a second");
        assert!(pass(free, now + Duration::from_millis(250), 500, 2000).is_some(), "there is room again");
        assert!(pass(now, now, u16::MAX, 100).is_some(), "where nothing waits there is room for any");
    }
}
