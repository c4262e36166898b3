//! Faults on a real database: done by its host, measured, undone.

use super::clocks::Told;
use super::cluster::{RealCluster, trouble};
use super::damage::Damaged;
use super::limits::{Held, Short};
use super::links::on_links;
use harness::cluster::FaultId;
use harness::fault::Effect;
use harness::relevance::Before;
use harness::targets::{Scene, resolve};
use harness::{Cluster, Cut, Fault, NodeId, Target, Time, Trouble};
use hosts::{Abilities, Ability, Endpoint, Host, Slowed};
use std::time::Duration;

/// A fault in force, with what was measured when it began.
pub struct Injected {
    pub(super) fault: Fault,
    pub(super) measure: Measure,
    began: Time,
    before: Before,
}

pub(super) enum Measure {
    /// Packets that had been dropped before.
    Dropped(u64),
    /// Packets that had been lost, and what slow links had done, before.
    Rough {
        lost: u64,
        slowed: Slowed,
    },
    /// Nodes that died of it, and how long that took.
    Killed(Vec<(NodeId, Duration)>),
    /// Nodes that the kernel showed stopped.
    Stopped(Vec<NodeId>),
    /// Nodes that told a wrong time, as they should, and by how much.
    Clocks(Told),
    /// Daemons that run for a share of the time, and for how long each had been held before.
    Held(Vec<Held>),
    /// Daemons whose memory is limited.
    Short(Vec<Short>),
    /// Files that were damaged.
    Damaged(Vec<Damaged>),
    Nothing,
}

/// One of a host's abilities.
type Needed = fn(&Abilities) -> &Ability;

/// Which of a host's abilities a fault needs, by what it is. `None` where nobody has taught real nodes that fault: links that duplicate
/// are one, since TCP throws away what comes twice before a program sees it.
fn needed(fault: &Fault) -> Option<Vec<Needed>> {
    let one_way = |links: &[(NodeId, NodeId)]| links.iter().any(|(from, to)| !links.contains(&(*to, *from)));
    Some(match fault {
        Fault::Partition(Cut::Mute(_)) => vec![|can| &can.cut, |can| &can.one_way],
        Fault::Partition(Cut::Links(links)) if one_way(links) => vec![|can| &can.cut, |can| &can.one_way],
        Fault::Partition(_) => vec![|can| &can.cut],
        Fault::Kill(_) => vec![|can| &can.kill],
        Fault::Pause(_) => vec![|can| &can.pause],
        Fault::Clock { rate: 100, .. } => vec![|can| &can.clock],
        Fault::Links { duplicate: 0, delay: Time::ZERO, .. } => vec![|can| &can.loss],
        Fault::Links { duplicate: 0, loss: 0, .. } => vec![|can| &can.reorder],
        Fault::Links { duplicate: 0, .. } => vec![|can| &can.loss, |can| &can.reorder],
        Fault::Delay { .. } | Fault::Bandwidth { .. } => vec![|can| &can.delay],
        Fault::CpuLimit { .. } => vec![|can| &can.cpu],
        Fault::MemoryLimit { .. } => vec![|can| &can.memory],
        Fault::BitFlip(_) | Fault::Truncate { .. } => vec![|can| &can.kill, |can| &can.files],
        Fault::Nothing => Vec::new(),
        Fault::PowerLoss(_)
        | Fault::Clock { .. }
        | Fault::Wipe(_)
        | Fault::SlowDisk { .. }
        | Fault::Links { .. }
        | Fault::Retry { .. }
        | Fault::Rebalance(_) => return None,
    })
}

/// Whether real nodes can be hurt so at all, whatever their host can do.
pub fn known(fault: &Fault) -> bool {
    needed(fault).is_some()
}

/// Can this be done where so much can be done? The fault must be [known].
///
/// # Errors
/// Why not, and what would mend it.
pub fn possible(fault: &Fault, can: &Abilities) -> Result<(), String> {
    let needed = needed(fault).unwrap_or_else(|| panic!("\"{fault}\" is refused when a plan is checked"));
    needed.into_iter().try_for_each(|ability| ability(can).clone())
}

/// Can this be done on this host?
///
/// # Errors
/// Why not.
pub(super) fn supports(fault: &Fault, host: &dyn Host) -> Result<(), Trouble> {
    possible(fault, host.abilities()).map_err(|why| {
        let what = format!("\"{fault}\" cannot be done on {}", host.kind());
        Trouble::new(what, why, "use another host or another nemesis; see: perjury doctor")
    })
}

pub(super) fn end(node: NodeId) -> Endpoint {
    Endpoint::Node(node.index())
}

impl RealCluster {
    /// Injects a fault; returns it resolved.
    pub(super) fn strike(&mut self, fault: &Fault) -> Result<(FaultId, Fault), Trouble> {
        let views = &self.views;
        let view = |node: NodeId| views[node.index()];
        let scene = Scene { nodes: views.len() as u8, view: &view, marked: None };
        let resolved = resolve(fault, &scene, &mut self.targets);
        let fault = self.same_victim(fault, resolved);
        let began = self.now();
        let before = self.seen.strikes(&fault, began, self.heartbeat(), &|node| self.leads(node));
        // What is cut is what all faults in force cut, so this one belongs to them before the links are set.
        self.faults.push(Some(Injected { fault: fault.clone(), measure: Measure::Nothing, began, before }));
        let id = self.faults.len() - 1;
        let measure = self.hurt(&fault)?;
        self.faults[id].as_mut().expect("it was just put there").measure = measure;
        Ok((FaultId(id as u32), fault))
    }

    fn hurt(&mut self, fault: &Fault) -> Result<Measure, Trouble> {
        Ok(match fault {
            Fault::Partition(_) => {
                let before = self.host.dropped().map_err(trouble)?;
                self.cut()?;
                Measure::Dropped(before)
            }
            Fault::Kill(target) => Measure::Killed(self.kill(&self.victims(target))?),
            Fault::Pause(target) => Measure::Stopped(self.pause(&self.victims(target))?),
            Fault::Clock { target, .. } => Measure::Clocks(self.skew(target)?),
            Fault::Links { .. } | Fault::Delay { .. } | Fault::Bandwidth { .. } => {
                let (lost, slowed) = self.roughed()?;
                self.roughen()?;
                Measure::Rough { lost, slowed }
            }
            Fault::CpuLimit { target, .. } => Measure::Held(self.hold(&self.victims(target))?),
            Fault::MemoryLimit { target, spare } => Measure::Short(self.shorten_memory(&self.victims(target), *spare)?),
            Fault::BitFlip(target) | Fault::Truncate { target, .. } => {
                Measure::Damaged(self.damage(&self.victims(target), fault)?)
            }
            Fault::Nothing => Measure::Nothing,
            other => panic!("\"{other}\" is refused before"),
        })
    }

    /// Lifts a fault and says what it did.
    pub(super) fn relieve(&mut self, id: FaultId) -> Result<Effect, Trouble> {
        let Injected { fault, measure, began, before } =
            self.faults[id.0 as usize].take().expect("a fault is lifted once");
        let effect = self.undo(&fault, measure, began)?;
        Ok(self.seen.ended(&before, &fault, effect, &|node| self.leads(node)))
    }

    fn undo(&mut self, fault: &Fault, measure: Measure, began: Time) -> Result<Effect, Trouble> {
        let lasted = self.now().since(began);
        Ok(match (fault, measure) {
            (Fault::Partition(_), Measure::Dropped(before)) => {
                self.cut()?;
                let dropped = self.host.dropped().map_err(trouble)? - before;
                Effect::new(dropped > 0, format!("{dropped} packets stopped"))
            }
            (Fault::Kill(target), Measure::Killed(killed)) => self.revive(&self.victims(target), &killed, lasted)?,
            (Fault::Pause(target), Measure::Stopped(stopped)) => {
                self.resume(&self.victims(target), &stopped, lasted)?
            }
            (Fault::Clock { .. }, Measure::Clocks(told)) => self.unskew(fault, &told, began)?,
            (Fault::Links { .. } | Fault::Delay { .. } | Fault::Bandwidth { .. }, Measure::Rough { lost, slowed }) => {
                self.roughen()?;
                let (lost_now, slowed_now) = self.roughed()?;
                on_links(fault, lost_now - lost, slowed_now.since(slowed))
            }
            (Fault::CpuLimit { target, percent, .. }, Measure::Held(held)) => {
                self.let_go(&self.victims(target), &held, *percent, lasted)?
            }
            (Fault::MemoryLimit { .. }, Measure::Short(short)) => self.give_memory_back(&short)?,
            (Fault::BitFlip(_) | Fault::Truncate { .. }, Measure::Damaged(damaged)) => self.put_back(damaged)?,
            (Fault::Nothing, Measure::Nothing) => Effect::new(false, "nothing was done".to_string()),
            (fault, _) => panic!("\"{fault}\" was measured as another kind of fault"),
        })
    }

    /// The faults in force.
    pub(super) fn in_force(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().flatten().map(|injected| &injected.fault)
    }

    /// The same, each with when it began.
    pub(super) fn injected(&self) -> impl Iterator<Item = (&Fault, Time)> {
        self.faults.iter().flatten().map(|injected| (&injected.fault, injected.began))
    }

    fn victims(&self, target: &Target) -> Vec<NodeId> {
        target.nodes(self.views.len())
    }

    fn leads(&self, node: NodeId) -> bool {
        self.views[node.index()].is_some_and(|view| view.leads)
    }

    /// Cuts what the faults in force cut, and nothing else.
    fn cut(&mut self) -> Result<(), Trouble> {
        let links = self.in_force().filter_map(|fault| match fault {
            Fault::Partition(Cut::Links(links)) => Some(links),
            _ => None,
        });
        let mut pairs: Vec<_> = links.flatten().map(|(from, to)| (end(*from), end(*to))).collect();
        pairs.sort();
        pairs.dedup();
        self.host.cut(&pairs).map_err(trouble)
    }

    pub(super) fn kill(&mut self, victims: &[NodeId]) -> Result<Vec<(NodeId, Duration)>, Trouble> {
        let mut killed = Vec::new();
        for node in victims {
            self.down[node.index()] += 1;
            let mut took = None;
            for daemon in self.system.daemons(node.index()) {
                took = took.max(self.host.kill(node.index(), &daemon.name).map_err(trouble)?);
            }
            killed.extend(took.map(|took| (*node, took)));
        }
        Ok(killed)
    }

    fn revive(&mut self, victims: &[NodeId], killed: &[(NodeId, Duration)], lasted: Time) -> Result<Effect, Trouble> {
        for node in victims {
            self.raise(*node)?;
        }
        let words =
            killed.iter().map(|(node, took)| format!("{node} was gone after {:.1} ms", took.as_secs_f64() * 1e3));
        let words: Vec<String> = words.collect();
        Ok(match words.as_slice() {
            [] => Effect::new(false, "nothing ran that could be killed".to_string()),
            _ => Effect::new(true, format!("{}, and down for {lasted}", words.join(", "))),
        })
    }

    /// Starts a node again, once nothing keeps it down any more. Faults in force hit what has begun.
    pub(super) fn raise(&mut self, node: NodeId) -> Result<(), Trouble> {
        self.down[node.index()] -= 1;
        if self.down[node.index()] == 0 {
            self.start_what_ended(node)?;
        }
        Ok(())
    }

    /// Starts those daemons of a node that do not run.
    pub(super) fn start_what_ended(&mut self, node: NodeId) -> Result<(), Trouble> {
        self.excused[node.index()].ended.clear();
        for daemon in self.system.daemons(node.index()) {
            if !self.host.alive(node.index(), &daemon.name).map_err(trouble)? {
                self.host.start(node.index(), &daemon).map_err(trouble)?;
            }
        }
        self.keep_clocks_wrong();
        self.keep_held()
    }

    fn pause(&mut self, victims: &[NodeId]) -> Result<Vec<NodeId>, Trouble> {
        let mut stopped = Vec::new();
        for node in victims {
            self.stopped[node.index()] += 1;
            let mut all = true;
            for daemon in self.system.daemons(node.index()) {
                all &= self.host.pause(node.index(), &daemon.name).map_err(trouble)?;
            }
            stopped.extend(all.then_some(*node));
        }
        Ok(stopped)
    }

    fn resume(&mut self, victims: &[NodeId], stopped: &[NodeId], lasted: Time) -> Result<Effect, Trouble> {
        for node in victims {
            self.stopped[node.index()] -= 1;
            if self.stopped[node.index()] == 0 {
                for daemon in self.system.daemons(node.index()) {
                    self.host.resume(node.index(), &daemon.name).map_err(trouble)?;
                }
            }
        }
        let words: Vec<String> = stopped.iter().map(NodeId::to_string).collect();
        Ok(match stopped {
            [] => Effect::new(false, "no process was stopped".to_string()),
            _ => Effect::new(true, format!("{} stopped for {lasted}", words.join(", "))),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_duplicate_are_nothing_for_real_nodes() {
        let links = |duplicate| Fault::Links { loss: 25, duplicate, late: Time::ZERO, delay: Time(9) };
        assert!(known(&links(0)) && !known(&links(50)));
    }

    #[test]
    fn in_the_order_in_which_it_was_said_packets_are_slow_and_neither_lost_nor_overtaken() {
        let can = hosts::local::abilities();
        let links = |loss, delay| Fault::Links { loss, duplicate: 0, late: Time::ZERO, delay: Time(delay) };
        let (target, by) = (Target::Leader, Time(9));
        assert_eq!(possible(&Fault::Delay { target: target.clone(), by }, &can), Ok(()));
        assert_eq!(possible(&Fault::Bandwidth { target, rate: 100 }, &can), Ok(()));
        assert_eq!(possible(&links(0, 9), &can), can.reorder);
        assert!(can.reorder.is_err() && can.loss.is_err() && can.reorder != can.loss);
        for rough in [links(25, 0), links(25, 9)] {
            assert_eq!(possible(&rough, &can), can.loss);
        }
    }
}
