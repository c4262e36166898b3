//! What the program is asked that was sent to a machine, and how that is written: a line for each question. Both ends are this program.

use super::door::{base64, unbase64};
use crate::damage::{Damage, Hurt};
use crate::links::{Slow, Slowed};
use crate::packets::Link;
use crate::throttle::Share;
use std::path::Path;
use std::time::Duration;

/// A question, in the words of one line; the last one may have spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask<'a> {
    /// Why no process's clock can be set, a line, or none.
    Clock,
    /// Makes a daemon's clock wrong; how many processes read back so.
    Skew(i64, &'a str),
    /// Lets a daemon run for a share of the time; whether it runs.
    Throttle(Option<Share>, &'a str),
    /// For how many microseconds it was held.
    Held(&'a str),
    /// Stops it, throttled or not; whether it runs.
    Pause(&'a str),
    /// Lets it go on; whether it runs.
    Resume(&'a str),
    /// The files below a directory, a line each.
    Files(&'a Path),
    /// Damages one; what was done, in a line.
    Damage(Hurt, &'a Path),
    /// Puts back what was there; whether it was as it was left.
    Undo(Damage),
    /// Opens a queue of packets that nobody else has; its number.
    Queue,
    /// Holds what comes to the queue on these links, and lets go on what is held for others.
    Slow(Vec<(Link, Slow)>),
    /// What was held.
    Slowed,
}

impl Ask<'_> {
    /// The words of its line.
    pub fn words(&self) -> Vec<String> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let words = |words: &[&str]| words.iter().map(|word| word.to_string()).collect();
        match self {
            Ask::Clock => words(&["clock"]),
            Ask::Skew(offset, name) => words(&["skew", &offset.to_string(), name]),
            Ask::Throttle(share, name) => {
                let (period, percent) = share.map_or((0, 0), |share| (share.period.as_micros(), share.percent));
                words(&["throttle", &period.to_string(), &percent.to_string(), name])
            }
            Ask::Held(name) => words(&["held", name]),
            Ask::Pause(name) => words(&["pause", name]),
            Ask::Resume(name) => words(&["resume", name]),
            Ask::Files(dir) => words(&["files", &text(dir)]),
            Ask::Damage(Hurt::Flip { byte, bit }, path) => {
                words(&["flip", &byte.to_string(), &bit.to_string(), &text(path)])
            }
            Ask::Damage(Hurt::Shorten(bytes), path) => words(&["shorten", &bytes.to_string(), &text(path)]),
            Ask::Undo(damage) => {
                let mut all = vec!["undo".to_string()];
                all.extend(told(damage).split(' ').map(str::to_string));
                all.push(text(&damage.file));
                all
            }
            Ask::Queue => words(&["queue"]),
            Ask::Slow(links) => std::iter::once("slow".to_string()).chain(links.iter().map(link)).collect(),
            Ask::Slowed => words(&["slowed"]),
        }
    }

    /// Reads them back; `None` where they are none of these.
    pub fn read(line: &str) -> Option<Ask<'_>> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = rest.splitn(3, ' ');
        Some(match verb {
            "clock" => Ask::Clock,
            "queue" => Ask::Queue,
            "slowed" => Ask::Slowed,
            "slow" => Ask::Slow(rest.split_terminator(' ').map(linked).collect::<Option<_>>()?),
            "held" => Ask::Held(rest),
            "pause" => Ask::Pause(rest),
            "resume" => Ask::Resume(rest),
            "files" => Ask::Files(Path::new(rest)),
            "skew" => Ask::Skew(words.next()?.parse().ok()?, words.next()?),
            "throttle" => {
                let (period, percent): (u64, u8) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
                let share = Share { period: Duration::from_micros(period), percent };
                Ask::Throttle(Some(share).filter(|_| period > 0), words.next()?)
            }
            "flip" => {
                let (byte, bit) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
                Ask::Damage(Hurt::Flip { byte, bit }, Path::new(words.next()?))
            }
            "shorten" => {
                let (bytes, path) = rest.split_once(' ')?;
                Ask::Damage(Hurt::Shorten(bytes.parse().ok()?), Path::new(path))
            }
            "undo" => {
                let (told, file) = rest.match_indices(' ').nth(3).map(|(at, _)| (&rest[..at], &rest[at + 1..]))?;
                Ask::Undo(damaged(told, Path::new(file))?)
            }
            _ => return None,
        })
    }
}

/// A slow link: its two ends, in microseconds what is fixed and what is drawn, and its rate or 0.
fn link(((from, to), Slow { by, up_to, rate }): &(Link, Slow)) -> String {
    format!("{from},{to},{},{},{}", by.as_micros(), up_to.as_micros(), rate.unwrap_or(0))
}

fn linked(word: &str) -> Option<(Link, Slow)> {
    let mut parts = word.split(',');
    let ends = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let mut number = || parts.next()?.parse::<u64>().ok();
    let (by, up_to, rate) = (number()?, number()?, number()?);
    let slow = Slow {
        by: Duration::from_micros(by),
        up_to: Duration::from_micros(up_to),
        rate: Some(rate).filter(|rate| *rate > 0),
    };
    Some((ends, slow))
}

/// What slow links did, in a line.
pub(super) fn counted(Slowed { packets, bytes, dropped, longest }: Slowed) -> String {
    format!("{packets} {bytes} {dropped} {}", longest.as_micros())
}

/// Reads that back.
pub(super) fn slowed(told: &str) -> Option<Slowed> {
    let mut numbers = told.split(' ').map(|word| word.parse::<u64>().ok());
    let mut number = || numbers.next()?;
    let (packets, bytes, dropped) = (number()?, number()?, number()?);
    Some(Slowed { packets, bytes, dropped, longest: Duration::from_micros(number()?) })
}

/// What was done to a file, its name left out: where, how long it was, what was there and what is there.
pub(super) fn told(damage: &Damage) -> String {
    let Damage { offset, length, before, after, .. } = damage;
    format!("{offset} {length} {} {}", base64(before), base64(after))
}

/// Reads that back.
pub(super) fn damaged(told: &str, file: &Path) -> Option<Damage> {
    let mut words = told.split(' ');
    let (offset, length) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let (before, after) = (unbase64(words.next()?)?, unbase64(words.next()?)?);
    Some(Damage { file: file.to_path_buf(), offset, before, after, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_read_back_from_its_line() {
        let path = Path::new("/a path/with  spaces");
        let share = Share { period: Duration::from_millis(20), percent: 35 };
        let damage = |before: &[u8], after: &[u8]| Damage {
            file: path.to_path_buf(),
            offset: 7,
            before: before.to_vec(),
            after: after.to_vec(),
            length: 99,
        };
        let ends = ([10, 77, 0, 1].into(), [10, 77, 0, 2].into());
        let slow = Slow { by: Duration::from_millis(15), up_to: Duration::from_millis(250), rate: None };
        let questions = [
            Ask::Clock,
            Ask::Skew(-100_000_000, "etcd"),
            Ask::Throttle(Some(share), "etcd"),
            Ask::Throttle(None, "etcd"),
            Ask::Held("a-b_c"),
            Ask::Pause("etcd"),
            Ask::Resume("etcd"),
            Ask::Files(path),
            Ask::Damage(Hurt::Flip { byte: u64::MAX, bit: 7 }, path),
            Ask::Damage(Hurt::Shorten(512), path),
            Ask::Undo(damage(&[0, 255, 10], &[])),
            Ask::Undo(damage(&[1], &[3])),
            Ask::Queue,
            Ask::Slow(Vec::new()),
            Ask::Slow(vec![(ends, slow), (ends, Slow { rate: Some(2000), ..slow })]),
            Ask::Slowed,
        ];
        for question in questions {
            assert_eq!(Ask::read(&question.words().join(" ")), Some(question));
        }
        for line in ["", "skew", "skew x etcd", "throttle 5 etcd", "undo 1 2 !! /file", "files"] {
            let read = Ask::read(line);
            assert!(read.is_none() || read == Some(Ask::Files(Path::new(""))), "{line}: {read:?}");
        }
        let done = Slowed { packets: 3, bytes: 456, dropped: 1, longest: Duration::from_micros(1_234_567) };
        assert_eq!(slowed(&counted(done)), Some(done));
    }
}
