//! Damage to what a node keeps on disk: it is killed, a file of its data is damaged, and it is started again. A database that then ends by
//! itself has noticed, which is no finding; it gets back what it had when the fault ends. One that lives on lives on with it.

use super::cluster::{RealCluster, trouble};
use super::limits::shortened;
use harness::fault::Effect;
use harness::{Cluster, Fault, NodeId, Target, Time, Trouble};
use hosts::Host;
use hosts::damage::{Damage, Hurt};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Damage is done half of the time to the file that was changed last, else to one of so many.
const LATEST: usize = 4;

/// A node whose disk was damaged, if there was anything on it.
pub(super) struct Damaged {
    node: NodeId,
    damage: Option<Damage>,
    began: Time,
}

/// The files below each node's directory now, from there on.
pub(super) fn present(host: &dyn Host) -> Result<Vec<BTreeSet<PathBuf>>, Trouble> {
    let below = |node: usize| match host.abilities().files {
        Ok(()) => Ok(host.files(node).map_err(trouble)?.into_iter().collect()),
        Err(_) => Ok(BTreeSet::new()),
    };
    (0..host.nodes()).map(below).collect()
}

impl RealCluster {
    /// Whoever was damaged once is damaged again, so that all the others keep what they have, unless the plan names somebody.
    pub(super) fn same_victim(&self, planned: &Fault, resolved: Fault) -> Fault {
        let again = self.excused.iter().position(|node| node.damaged).map(|node| Target::Node(NodeId(node as u8)));
        let symbolic = matches!(planned.target(), Some(Target::Leader | Target::Follower | Target::Marked));
        match (resolved, again) {
            (Fault::BitFlip(_), Some(again)) if symbolic => Fault::BitFlip(again),
            (Fault::Truncate { bytes, .. }, Some(again)) if symbolic => Fault::Truncate { target: again, bytes },
            (resolved, _) => resolved,
        }
    }

    /// Kills the victims, damages a file of each, and starts them again.
    pub(super) fn damage(&mut self, victims: &[NodeId], fault: &Fault) -> Result<Vec<Damaged>, Trouble> {
        let mut damaged = Vec::new();
        for node in victims {
            self.kill(&[*node])?;
            let damage = self.damage_one(*node, fault).map_err(trouble)?;
            let excused = &mut self.excused[node.index()];
            excused.damaged = true;
            excused.said.clear();
            damaged.push(Damaged { node: *node, damage, began: self.now() });
            self.raise(*node)?;
        }
        Ok(damaged)
    }

    fn damage_one(&mut self, node: NodeId, fault: &Fault) -> hosts::Result<Option<Damage>> {
        let dir = self.host.dir(node.index());
        let logs = self.system.logs(node.index());
        let data = |path: &Path| {
            self.system.is_data(&path.to_string_lossy())
                && !self.prepared[node.index()].contains(path)
                && !logs.contains(&dir.join(path))
        };
        let mut files = self.host.files(node.index())?;
        files.retain(|path| data(path));
        files.truncate(LATEST);
        if files.is_empty() {
            return Ok(None);
        }
        let latest = self.damages.percent(50);
        let file = if latest { files.swap_remove(0) } else { self.damages.pick(&files).clone() };
        let hurt = match fault {
            Fault::Truncate { bytes, .. } => Hurt::Shorten(*bytes),
            _ => Hurt::Flip { byte: self.damages.below(u64::MAX), bit: self.damages.below(8) },
        };
        self.host.damage(node.index(), &file, hurt).map(Some)
    }

    /// Says how the victims fare with what was damaged, and gives it back to those that could not live with it.
    pub(super) fn put_back(&mut self, damaged: Vec<Damaged>) -> Result<Effect, Trouble> {
        let (mut words, mut effective) = (Vec::new(), !damaged.is_empty());
        for Damaged { node, damage, began } in damaged {
            let Some(damage) = damage else {
                words.push(format!("{node} has no file that could be damaged"));
                effective = false;
                continue;
            };
            let mut told = self.told(node, &damage);
            let mut ended = None;
            for daemon in self.system.daemons(node.index()) {
                if !self.host.alive(node.index(), &daemon.name).map_err(trouble)? {
                    ended = Some(daemon.name);
                }
            }
            match ended {
                _ if self.down[node.index()] > 0 => told += ", and it was down when the fault ended",
                None => told += ", and it ran with that when the fault ended",
                Some(daemon) => {
                    let excused = &self.excused[node.index()];
                    let after = excused.ended.iter().find(|(name, _)| *name == daemon).map(|(_, at)| at.since(began));
                    let after = after.map_or(String::new(), |after| format!(" within {after}"));
                    let said = excused.said.first().map_or(String::new(), |line| format!(" ({})", shortened(line)));
                    told += &format!(", and {daemon} ended by itself{after}{said}; ");
                    told += &match self.host.undo(node.index(), &damage) {
                        Ok(true) => "what was there was put back".to_string(),
                        Ok(false) => "it has changed the file since, which was left alone".to_string(),
                        Err(error) => format!("what was there could not be put back: {}", error.why),
                    };
                    self.start_what_ended(node)?;
                }
            }
            words.push(told);
        }
        Ok(Effect::new(effective, words.join("; ")))
    }

    fn told(&self, node: NodeId, Damage { file, offset, before, after, .. }: &Damage) -> String {
        let file = file.strip_prefix(self.host.dir(node.index())).unwrap_or(file).display();
        match (&before[..], &after[..]) {
            ([before], [after]) => {
                format!("byte {offset} of {file} of {node} was 0x{before:02x} and became 0x{after:02x}")
            }
            (lost, _) => format!("{file} of {node} lost {} bytes from byte {offset} on", lost.len()),
        }
    }
}
