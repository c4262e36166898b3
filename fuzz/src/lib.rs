//! Millions of tiny histories, each judged by everything in `checkers` that judges, and by a brute force that shares nothing with it.
//!
//! The idea is McKeeman's differential testing ("Differential testing for software", 1998): programs that should agree are
//! given the same input, and every difference is somebody's fault. Three calls show most faults of a checker, eight nearly all, and so few
//! can be decided by trying everything. What the engine would only do on large histories (narrow beams, windows, wide masks)
//! is forced on these small ones, by [`contenders::tunings`].
//!
//! ```text
//! draw ──> brute force ──> legal? ──┬── plain search      same verdict
//!                                   ├── engine            same verdict, order replayed, window tried from every state
//!                                   ├── engine, each shortcut forced      the same
//!                                   └── monitors, where they apply        the same
//! ```

pub mod contenders;
pub mod draw;
pub mod drawing;
pub mod evidence;
pub mod families;
pub mod objects;
pub mod oracle;
pub mod recorded;
pub mod tickets;

use contenders::Bench;
use families::Family;
use harness::Seed;
use oracle::{Call, NEVER};
use rayon::ThreadPoolBuilder;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What came of many histories of one family.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many were drawn.
    pub histories: u64,
    /// Those that some order explains.
    pub legal: u64,
    /// Those with at least one call of unknown outcome.
    pub uncertain: u64,
    /// Those that a monitor for unique values decided.
    pub ruled: u64,
    /// Refutations that begin inside a history, of all tunings together.
    pub windowed: u64,
    /// Refutations that the engine's own plain search did not confirm.
    pub unconfirmed: u64,
    /// Histories on which somebody was wrong.
    pub mismatches: u64,
    /// The smallest few of those, and how many calls each has: the history drawn, what was said of it, and the command that
    /// shows it again.
    pub shown: Vec<(usize, String)>,
}

/// Mismatches that are kept whole.
const SHOWN: usize = 3;
/// Mismatches after which a block is not judged any further: somebody is wrong, and that is known by then.
const ENOUGH: u64 = 20;
/// Histories drawn from one seed.
pub const BLOCK: u64 = 10_000;

impl Tally {
    /// Those that no order explains.
    pub fn illegal(&self) -> u64 {
        self.histories - self.legal
    }

    /// This many of all histories, in percent.
    pub fn percent(&self, part: u64) -> f64 {
        100.0 * part as f64 / self.histories.max(1) as f64
    }

    /// What is wrong: mismatches, or histories so tame that there was nothing to find.
    ///
    /// # Errors
    /// The complaint, with everything needed to see it again.
    pub fn complaint(&self) -> Result<(), String> {
        if self.mismatches > 0 {
            let shown: Vec<&str> = self.shown.iter().map(|(_, text)| text.as_str()).collect();
            return Err(format!("{} histories judged wrongly\n{}", self.mismatches, shown.join("\n")));
        }
        for (part, name) in [(self.illegal(), "illegal"), (self.uncertain, "with unknown outcomes")] {
            if self.percent(part) < 30.0 {
                return Err(format!("only {:.1} % of the histories are {name}: too tame", self.percent(part)));
            }
        }
        Ok(())
    }

    fn and(mut self, other: Tally) -> Tally {
        self.histories += other.histories;
        self.legal += other.legal;
        self.uncertain += other.uncertain;
        self.ruled += other.ruled;
        self.windowed += other.windowed;
        self.unconfirmed += other.unconfirmed;
        self.mismatches += other.mismatches;
        self.shown.extend(other.shown);
        self.shown.sort_by_key(|(calls, _)| *calls);
        self.shown.truncate(SHOWN);
        self
    }
}

/// How many histories are judged, and how.
#[derive(Clone, Copy, Debug)]
pub struct Orders {
    /// How many.
    pub count: u64,
    /// Where chance begins.
    pub seed: u64,
    /// How many of the forced [`contenders::tunings`] each history is given to, beside the engine as it is; all take turns.
    pub forced: usize,
    /// How many threads share the work.
    pub threads: usize,
}

/// Draws and judges histories of a family. Block by block, each [`BLOCK`] from a seed of its own,
/// one more than the last: the same seed gives the same histories and counts on any number of threads.
///
/// # Panics
/// If a thread cannot be started.
pub fn run(family: &Family, orders: Orders) -> Tally {
    let Orders { count, seed, forced, threads } = orders;
    let (next, done) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let work = || {
        // Models judge objects in parallel. A pool of this one thread keeps them from taking up another block meanwhile.
        let alone = ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().expect("a pool of one thread");
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number * BLOCK >= count {
                return drop(alone);
            }
            let tally = one_block(family, BLOCK.min(count - number * BLOCK), seed.wrapping_add(number), forced);
            done.lock().expect("no thread panics").push((number, tally));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let mut done = done.into_inner().expect("no thread panicked");
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, tally)| tally).fold(Tally::default(), Tally::and)
}

fn one_block(family: &Family, count: u64, seed: u64, forced: usize) -> Tally {
    let mut rng = Seed(seed).stream(family.name);
    let mut bench = Bench::new(forced);
    let mut calls = Vec::new();
    for place in 1..=count {
        draw::draw(&mut rng, family.habits, family.ask, &mut calls);
        bench.tally.histories += 1;
        bench.tally.uncertain += u64::from(calls.iter().any(|call| call.returned == NEVER));
        let judged = catch_unwind(AssertUnwindSafe(|| contenders::judge(family, &calls, &mut bench)))
            .unwrap_or_else(|panic| Err(format!("{} panics: {}", bench.asked, words(&*panic))));
        if let Err(why) = judged {
            let shown = (calls.len(), told(family, seed, place, &calls, &why));
            let wrong = Tally { mismatches: 1, shown: vec![shown], ..Tally::default() };
            bench.tally = std::mem::take(&mut bench.tally).and(wrong);
        }
        if bench.tally.mismatches >= ENOUGH {
            break;
        }
    }
    bench.tally
}

fn told(family: &Family, seed: u64, place: u64, calls: &[Call], why: &str) -> String {
    let name = family.name;
    let picture = drawing::picture(calls);
    let again = format!("cargo run --release -p perjury-xtask -- fuzz --model {name} --seed {seed} --count {place}");
    format!("{name}: {why}\n{picture}again, as the last one: {again}\n")
}

fn words(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words")
}
