//! Nodes that are short of something: held for a share of the time, or refused memory. What came of it is measured, and what died of it
//! is started again.

use super::cluster::{RealCluster, trouble};
use harness::fault::Effect;
use harness::{Cluster, Fault, NodeId, SECOND, Time, Trouble};
use hosts::{Limited, Share};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// A daemon that is held again and again.
pub(super) struct Held {
    node: NodeId,
    daemon: String,
    /// For how long it had been held before.
    before: Duration,
}

/// A node whose memory is limited.
pub(super) struct Short {
    node: NodeId,
    /// Its daemons, with what their processes had and may have.
    daemons: Vec<(String, Vec<Limited>)>,
    /// Its logs, and how long they were.
    logs: Vec<(PathBuf, u64)>,
    began: Time,
}

/// For how long after a limit was lifted a daemon's end is still laid to it.
const GRACE: Time = Time(2 * SECOND.0);

impl RealCluster {
    /// How much of the time the faults in force let a node run; the least of them.
    fn share(&self, node: NodeId) -> Option<Share> {
        let limits = self.in_force().filter_map(|fault| match fault {
            Fault::CpuLimit { target, percent, period } if target.nodes(self.views.len()).contains(&node) => {
                Some(Share { period: Duration::from_micros(period.0), percent: (*percent).min(99) as u8 })
            }
            _ => None,
        });
        limits.min_by_key(|share| share.percent)
    }

    /// Holds the victims' daemons as the faults in force say; returns those that run.
    pub(super) fn hold(&mut self, victims: &[NodeId]) -> Result<Vec<Held>, Trouble> {
        let mut held = Vec::new();
        for node in victims {
            let share = self.share(*node);
            for daemon in self.system.daemons(node.index()) {
                let before = self.host.held(node.index(), &daemon.name);
                if self.host.throttle(node.index(), &daemon.name, share).map_err(trouble)? {
                    held.push(Held { node: *node, daemon: daemon.name, before });
                }
            }
        }
        Ok(held)
    }

    /// Holds whatever was started since.
    pub(super) fn keep_held(&mut self) -> Result<(), Trouble> {
        let nodes = (0..self.views.len() as u8).map(NodeId);
        let held: Vec<NodeId> = nodes.filter(|node| self.share(*node).is_some()).collect();
        self.hold(&held).map(drop)
    }

    /// Lets the victims run again, and says for how long each was held. It must have been for half of what was meant.
    pub(super) fn let_go(
        &mut self,
        victims: &[NodeId],
        held: &[Held],
        percent: u32,
        lasted: Time,
    ) -> Result<Effect, Trouble> {
        self.hold(victims)?;
        let meant = Duration::from_micros(lasted.0) * (100 - percent) / 100;
        let (mut words, mut effective) = (Vec::new(), !held.is_empty());
        for Held { node, daemon, before } in held {
            let time = self.host.held(node.index(), daemon).saturating_sub(*before);
            effective &= time >= meant / 2;
            words.push(format!("{daemon} of {node} was held for {:.3} s of {lasted}", time.as_secs_f64()));
        }
        if words.is_empty() {
            words.push("nothing ran that could be held".to_string());
        }
        Ok(Effect::new(effective, words.join(", ")))
    }

    /// Limits the victims' memory. From now on their daemons may end by themselves.
    pub(super) fn shorten_memory(&mut self, victims: &[NodeId], spare: u64) -> Result<Vec<Short>, Trouble> {
        let mut short = Vec::new();
        for node in victims {
            self.excused[node.index()].until = Time::NEVER;
            let mut daemons = Vec::new();
            let mut logs = self.system.logs(node.index());
            for daemon in self.system.daemons(node.index()) {
                logs.push(self.host.log(node.index(), &daemon.name));
                let limited = self.host.limit_memory(node.index(), &daemon.name, Some(spare)).map_err(trouble)?;
                if !limited.is_empty() {
                    daemons.push((daemon.name, limited));
                }
            }
            let length = |log: &PathBuf| fs::metadata(log).map_or(0, |log| log.len());
            let logs = logs.into_iter().map(|log| (log.clone(), length(&log))).collect();
            short.push(Short { node: *node, daemons, logs, began: self.now() });
        }
        Ok(short)
    }

    /// Lifts the limits, starts what has died of them, and says what came of it. A limit that nobody was seen to reach did nothing.
    pub(super) fn give_memory_back(&mut self, short: &[Short]) -> Result<Effect, Trouble> {
        let (mut words, mut effective) = (Vec::new(), !short.is_empty());
        for Short { node, daemons, logs, began } in short {
            if daemons.is_empty() {
                words.push(format!("nothing ran on {node} that could be limited"));
                effective = false;
                continue;
            }
            let (mut told, mut reached) = (Vec::new(), false);
            for (daemon, limited) in daemons {
                let most = |what: fn(&Limited) -> u64| limited.iter().map(what).max().unwrap_or(0) / 1024;
                let (had, may_have) = (most(|one| one.had), most(|one| one.may_have));
                let mut part = format!("{daemon} of {node} had {had} KiB and might have {may_have} KiB");
                if !self.host.alive(node.index(), daemon).map_err(trouble)? {
                    let ended = &self.excused[node.index()].ended;
                    let after = ended.iter().find(|(name, _)| name == daemon).map(|(_, at)| at.since(*began));
                    let after = after.map_or(String::new(), |after| format!(" within {after}"));
                    part += &format!(", and ended by itself{after}");
                    reached = true;
                }
                told.push(part);
            }
            if let Some(line) = logs.iter().find_map(|(log, from)| out_of_memory(&read_from(log, *from))) {
                told.push(format!("its log says: {line}"));
                reached = true;
            }
            if !reached {
                told.push("nobody was seen to ask for more".to_string());
            }
            words.extend(told);
            effective &= reached;
            self.lift_memory(*node)?;
        }
        Ok(Effect::new(effective, words.join("; ")))
    }

    fn lift_memory(&mut self, node: NodeId) -> Result<(), Trouble> {
        let nodes = self.views.len();
        let still =
            |fault: &Fault| matches!(fault, Fault::MemoryLimit { target, .. } if target.nodes(nodes).contains(&node));
        if self.in_force().any(still) {
            return Ok(());
        }
        for daemon in self.system.daemons(node.index()) {
            self.host.limit_memory(node.index(), &daemon.name, None).map_err(trouble)?;
        }
        self.excused[node.index()].until = Time(self.now().0 + GRACE.0);
        if self.down[node.index()] == 0 { self.start_what_ended(node) } else { Ok(()) }
    }
}

/// What programs say when they are refused memory, in small letters.
const WORDS: &[&str] =
    &["out of memory", "cannot allocate memory", "not enough memory", "bad_alloc", "memory exhausted"];

/// The first line that says so, shortened.
fn out_of_memory(text: &str) -> Option<String> {
    let says = |line: &&str| WORDS.iter().any(|words| line.to_lowercase().contains(words));
    text.lines().find(says).map(shortened)
}

/// As much of a line as a report can bear.
pub(super) fn shortened(line: &str) -> String {
    let mut words: String = line.chars().take(160).collect();
    if words.len() < line.len() {
        words.push('…');
    }
    words
}

fn read_from(log: &PathBuf, from: u64) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(bytes.get(from as usize..).unwrap_or_default()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_speaks_of_memory_is_understood() {
        let log = "all is well\nfatal error: runtime: out of memory\nOut Of Memory allocating 4096 bytes\n";
        assert_eq!(out_of_memory(log).as_deref(), Some("fatal error: runtime: out of memory"));
        assert_eq!(out_of_memory("memory usage: 3 MB"), None);
        assert_eq!(shortened(&"x".repeat(200)).chars().count(), 161);
    }
}
