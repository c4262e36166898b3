//! Whose clock can be wrong on a machine that is reached by SSH: one process's, or the whole machine's, where the hosts file says that it
//! may be set. `clock.sh` sets that, and sets it right in the end.

use super::ask::Ask;
use super::node::Node;
use super::side_by_side;
use crate::abilities::Ability;
use crate::error::Result;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A clock that is as near as this to what it should be is left alone, in microseconds: nearer than what `date` and its shell take and
/// the hundredths of a second of `/proc/uptime` nobody can set it.
const NEAR: i64 = 20_000;
/// So far apart the clocks of two machines may be before anybody sets one wrong.
const APART: i64 = 30_000;
/// As far from what it should be, by the controller's clock, one may therefore be.
pub const GRAIN: i64 = NEAR + APART;

/// Whether clocks can be wrong there: those of single processes, or, where the hosts file says so of all, those of whole machines.
pub(super) fn may(nodes: &[Arc<Node>], handed: &Ability) -> Ability {
    let set = |node: &&Arc<Node>| node.door.machine.set_clock;
    match (nodes.iter().find(set), nodes.iter().find(|node| !set(node))) {
        (None, _) => handed.clone().and_then(|()| side_by_side(nodes, |node| of_processes(node)).into_iter().collect()),
        (Some(_), None) => of_machines(nodes),
        (Some(whole), Some(not)) => Err(format!(
            "the hosts file says `set_clock = true` of {} and not of {}: say it of all of them, or of none",
            whole.door.name, not.door.name
        )),
    }
}

fn of_processes(node: &Node) -> Ability {
    let why = node.ask_hand(&Ask::Clock).map_err(|error| error.why)?;
    if why.is_empty() { Ok(()) } else { Err(format!("{}: {}", node.door.name, why.join("; "))) }
}

fn of_machines(nodes: &[Arc<Node>]) -> Ability {
    let place = |node: &Node| (node.door.machine.address.clone(), node.door.machine.port);
    if let Some(twice) = (1..nodes.len()).find(|one| nodes[..*one].iter().any(|two| place(two) == place(&nodes[*one])))
    {
        return Err(format!("{} shares its machine, and thereby its clock, with another node", nodes[twice].door.name));
    }
    let can = side_by_side(nodes, |node| can(node).map_err(|why| format!("{}: {why}", node.door.name)));
    can.into_iter().collect()
}

fn can(node: &Node) -> Ability {
    if !node.hello.root {
        return Err("only root may set a clock: log in as root, or say `sudo = true`".into());
    }
    if node.hello.shared {
        return Err("its disk is the controller's, so its clock may be the controller's, too".into());
    }
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64);
    let (before, told, after) = (now(), node.ask(&["date", "+%s%N"]).map_err(|error| error.why)?, now());
    let told: i64 = told.concat().parse().map_err(|_| "its `date` tells no nanoseconds")?;
    let told = told / 1000;
    let apart = (before - told).max(told - after).max(0);
    match apart <= APART {
        true => Ok(()),
        false => Err(format!(
            "its clock and the controller's are {:.3} s apart, so that nobody could tell whether it is wrong: have both set by NTP",
            apart as f64 / 1e6
        )),
    }
}

/// Sets a machine's clock wrong by so many microseconds, unless it is by now. Returns how many processes of the daemon see it, none if it
/// did not take.
pub(super) fn set(node: &Node, daemon: &str, offset: i64) -> Result<usize> {
    let near = |off: i64| (off - offset).abs() <= NEAR;
    let mut off = number(node, &["deviation"])?;
    if !near(off) {
        let own = Own::now();
        off = number(node, &["set_clock", &offset.to_string()])?;
        if own.moved() {
            number(node, &["set_clock", "0"])?;
            let mend = "say `set_clock = false`: what sets it wrong sets the controller's wrong, which is right again";
            return Err(node.door.error("has the controller's clock", "both moved when it was set", mend));
        }
    }
    Ok(if near(off) { node.pids(daemon)?.len() } else { 0 })
}

fn number(node: &Node, words: &[&str]) -> Result<i64> {
    let told = node.ask(words)?.concat();
    let mend = "see what `date` and /proc/uptime tell there";
    told.parse().map_err(|_| node.door.error("does not tell how wrong its clock is", format!("it told: {told}"), mend))
}

/// The controller's own clocks at a moment.
struct Own(SystemTime, Instant);

impl Own {
    fn now() -> Own {
        Own(SystemTime::now(), Instant::now())
    }
    /// Whether the one on the wall was set since.
    fn moved(&self) -> bool {
        let passed = self.1.elapsed();
        let told = match self.0.elapsed() {
            Ok(ahead) => ahead.as_micros() as i64,
            Err(behind) => -(behind.duration().as_micros() as i64),
        };
        (told - passed.as_micros() as i64).abs() > NEAR
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_controller_notices_when_its_own_clock_was_set() {
        assert!(!Own::now().moved());
        let second = Duration::from_secs(1);
        for told in [SystemTime::now() - second, SystemTime::now() + second] {
            assert!(Own(told, Instant::now()).moved());
        }
    }
}
