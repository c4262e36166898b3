//! Faults on real processes: done, measured, undone. What is measured is read back from the kernel, the proxies or the
//! node.

use super::clock::{Clock, deviation};
use super::cluster::LocalCluster;
use super::mesh::{Counts, Rough};
use super::wire::Command;
use harness::cluster::FaultId;
use harness::fault::Effect;
use harness::relevance::{Before, on_links};
use harness::targets::{Scene, resolve};
use harness::{Cluster, Cut, Fault, MS, Motion, NodeId, Skew, Target, Time, Trouble};
use hosts::State;
use std::io;

/// A clock that is off by less than this is right.
const PRECISION: i64 = 20_000;
/// How long a node may take to say what its clock reads.
const READING: Time = Time(500 * MS.0);

/// A fault in force, with what was measured when it began.
pub struct Injected {
    fault: Fault,
    measure: Measure,
    began: Time,
    before: Before,
}

enum Measure {
    /// Counted so far: stopped messages, slowed syncs, requests that were asked again.
    Before(u64),
    /// What link faults had done so far.
    Roughed(Counts),
    /// Processes that were started again with an empty disk.
    Wiped(u64),
    /// Nodes that died of it: their processes, and how many milliseconds it took.
    Killed(Vec<(NodeId, u32, f64)>),
    /// Nodes that were stopped, in which life; those that did not stop are not among them.
    Stopped(Vec<(NodeId, u32)>),
    /// By how many microseconds each clock was wrong before.
    Clocks(Vec<(NodeId, i64)>, Skew),
    Nothing,
}

/// Can this be done to real processes?
pub fn supports(fault: &Fault) -> Result<(), Trouble> {
    match fault {
        Fault::PowerLoss(_) => Err(Trouble::new(
            "power loss on real processes cannot be done",
            "the operating system keeps what a killed process had written, synced or not",
            "use --tier sim",
        )),
        Fault::Rebalance(_) => Err(Trouble::new(
            "the members of a cluster of real processes cannot be changed",
            "nobody operates it: only the simulator has an operator who takes nodes out and replaces their machines",
            "use --tier sim",
        )),
        fault if fault.real_only() => Err(Trouble::new(
            format!("\"{fault}\" cannot be done to the bundled store"),
            "it is for real databases",
            "use --database, or another fault",
        )),
        _ => Ok(()),
    }
}

impl LocalCluster {
    /// Injects a fault; returns it resolved.
    pub(super) fn strike(&mut self, fault: &Fault) -> Result<(FaultId, Fault), Trouble> {
        supports(fault)?;
        let lives = &self.lives;
        let view = |node: NodeId| lives[node.index()].view;
        let scene = Scene { nodes: lives.len() as u8, view: &view, marked: self.marked };
        let fault = resolve(fault, &scene, &mut self.targets);
        let began = self.now();
        let before = self.seen.strikes(&fault, began, self.heartbeat(), &|node| self.leads(node));
        let measure = self.hurt(&fault).map_err(|error| {
            Trouble::new(
                format!("\"{fault}\" cannot be done"),
                error,
                "see what this machine can do with: perjury doctor",
            )
        })?;
        if let Fault::Clock { target, .. } | Fault::SlowDisk { target, .. } = &fault {
            self.settle(&self.victims(target))?;
        }
        self.faults.push(Some(Injected { fault: fault.clone(), measure, began, before }));
        Ok((FaultId(self.faults.len() as u32 - 1), fault))
    }

    fn hurt(&mut self, fault: &Fault) -> io::Result<Measure> {
        Ok(match fault {
            Fault::Partition(Cut::Links(links)) => Measure::Before(self.mesh.cut(links)),
            Fault::Partition(_) => panic!("a partition is resolved before it is injected"),
            Fault::PowerLoss(_)
            | Fault::Rebalance(_)
            | Fault::Bandwidth { .. }
            | Fault::CpuLimit { .. }
            | Fault::MemoryLimit { .. }
            | Fault::BitFlip(_)
            | Fault::Truncate { .. } => {
                panic!("\"{fault}\" is refused before")
            }
            Fault::Kill(target) => Measure::Killed(self.kill(&self.victims(target))?),
            Fault::Pause(target) => Measure::Stopped(self.pause(&self.victims(target))?),
            Fault::Clock { target, offset, rate, motion } => {
                let skew = Skew { offset: *offset, rate: *rate, motion: *motion, since: self.now() };
                Measure::Clocks(self.skew(&self.victims(target), |clock, now| clock.skew(now, skew)), skew)
            }
            Fault::SlowDisk { target, by } => {
                let victims = self.victims(target);
                victims.iter().for_each(|node| self.slow_disk(*node, |slow| slow + *by));
                Measure::Before(self.slowed(&victims))
            }
            Fault::Wipe(target) => Measure::Wiped(self.wipe(&self.victims(target))?),
            Fault::Links { loss, duplicate, late, delay } => {
                let before = self.mesh.counts();
                self.mesh.roughen(Rough { loss: *loss, duplicate: *duplicate, late: *late, delay: *delay });
                Measure::Roughed(before)
            }
            Fault::Delay { target, by } => {
                let before = self.mesh.counts();
                self.victims(target).iter().for_each(|node| self.mesh.slow_down(*node, *by));
                Measure::Roughed(before)
            }
            Fault::Retry { after } => {
                self.clients.hurry(*after);
                Measure::Before(self.clients.hurried())
            }
            Fault::Nothing => Measure::Nothing,
        })
    }

    /// Lifts a fault and says what it did.
    pub(super) fn relieve(&mut self, id: FaultId) -> Result<Effect, Trouble> {
        let Injected { fault, measure, began, before } =
            self.faults[id.0 as usize].take().expect("a fault is lifted once");
        let effect = self.undo(&fault, measure, self.now().since(began))?;
        Ok(self.seen.ended(&before, &fault, effect, &|node| self.leads(node)))
    }

    fn undo(&mut self, fault: &Fault, measure: Measure, lasted: Time) -> Result<Effect, Trouble> {
        Ok(match (fault, measure) {
            (Fault::Partition(Cut::Links(links)), Measure::Before(before)) => {
                let stopped = self.mesh.mend(links, before);
                effect(stopped > 0, format!("{stopped} messages stopped"))
            }
            (Fault::Kill(_), Measure::Killed(killed)) => self.revive(&killed, lasted)?,
            (Fault::Pause(target), Measure::Stopped(stopped)) => {
                let victims = self.victims(target);
                let resumed = self.resume(&victims, &stopped, lasted);
                resumed.map_err(|error| {
                    let mend = "see what this machine can do with: perjury doctor";
                    Trouble::new(format!("\"{fault}\" cannot be undone"), error, mend)
                })?
            }
            (Fault::Clock { .. }, Measure::Clocks(before, skew)) => self.set_right(&before, skew)?,
            (Fault::SlowDisk { target, by }, Measure::Before(before)) => {
                let victims = self.victims(target);
                victims.iter().for_each(|node| self.slow_disk(*node, |slow| slow.since(*by)));
                self.settle(&victims)?;
                let slowed = self.slowed(&victims) - before;
                effect(slowed > 0, format!("{slowed} syncs slowed by {by} each"))
            }
            (Fault::Wipe(_), Measure::Wiped(wiped)) => effect(wiped > 0, format!("{wiped} write-ahead files removed")),
            (Fault::Links { loss, duplicate, late, delay }, Measure::Roughed(before)) => {
                self.mesh.smooth(Rough { loss: *loss, duplicate: *duplicate, late: *late, delay: *delay });
                let Counts { roughed, doubled, overtaken } = self.mesh.counts();
                on_links(fault, roughed - before.roughed, doubled - before.doubled, overtaken - before.overtaken)
            }
            (Fault::Delay { target, by }, Measure::Roughed(before)) => {
                self.victims(target).iter().for_each(|node| self.mesh.speed_up(*node, *by));
                let late = self.mesh.counts().roughed - before.roughed;
                effect(late > 0, format!("{late} messages delayed by {by}"))
            }
            (Fault::Retry { after }, Measure::Before(before)) => {
                self.clients.relax(*after);
                let again = self.clients.hurried() - before;
                effect(again > 0, format!("{again} requests asked again"))
            }
            (Fault::Nothing, Measure::Nothing) => effect(false, "nothing was done".to_string()),
            (fault, _) => panic!("\"{fault}\" was measured as another kind of fault"),
        })
    }

    fn victims(&self, target: &Target) -> Vec<NodeId> {
        target.nodes(self.lives.len())
    }

    fn leads(&self, node: NodeId) -> bool {
        self.lives[node.index()].view.is_some_and(|view| view.leads)
    }

    /// Kills, removes what the disk held, and starts again. How many processes that were.
    fn wipe(&mut self, victims: &[NodeId]) -> io::Result<u64> {
        let killed = self.kill(victims)?;
        for node in victims {
            self.empty_disk(*node)?;
        }
        for (node, ..) in &killed {
            self.spawn(*node).map_err(|trouble| io::Error::other(trouble.to_string()))?;
        }
        Ok(killed.len() as u64)
    }

    /// `SIGKILL` to all, then each is reaped.
    fn kill(&mut self, victims: &[NodeId]) -> io::Result<Vec<(NodeId, u32, f64)>> {
        for node in victims {
            self.lives[node.index()].child.as_mut().map_or(Ok(()), |child| child.doom())?;
        }
        let mut killed = Vec::new();
        for node in victims {
            let Some(mut child) = self.bury(*node) else { continue };
            let (pid, took) = (child.pid(), child.kill()?);
            killed.extend(took.map(|took| (*node, pid, took.as_secs_f64() * 1e3)));
        }
        Ok(killed)
    }

    fn revive(&mut self, killed: &[(NodeId, u32, f64)], lasted: Time) -> Result<Effect, Trouble> {
        for (node, ..) in killed {
            if self.lives[node.index()].child.is_none() {
                self.spawn(*node)?;
            }
        }
        let words =
            killed.iter().map(|(node, pid, took)| format!("process {pid} of {node} was gone after {took:.1} ms"));
        let words: Vec<String> = words.collect();
        Ok(match killed {
            [] => effect(false, "nothing ran that could be killed".to_string()),
            _ => effect(true, format!("{}, and down for {lasted}", words.join(", "))),
        })
    }

    fn pause(&mut self, victims: &[NodeId]) -> io::Result<Vec<(NodeId, u32)>> {
        let mut stopped = Vec::new();
        for node in victims {
            let life = &mut self.lives[node.index()];
            life.paused += 1;
            if let Some(child) = &mut life.child
                && child.stop()?
            {
                stopped.push((*node, life.number));
            }
        }
        Ok(stopped)
    }

    /// Continues what no other fault keeps stopped. A process that was killed meanwhile was stopped until then.
    fn resume(&mut self, victims: &[NodeId], stopped: &[(NodeId, u32)], lasted: Time) -> io::Result<Effect> {
        let mut held = Vec::new();
        for node in victims {
            let life = &mut self.lives[node.index()];
            life.paused -= 1;
            let Some(child) = &mut life.child else { continue };
            if stopped.contains(&(*node, life.number)) && child.state() == State::Stopped {
                held.push(node.to_string());
            }
            if life.paused == 0 {
                child.go_on()?;
            }
        }
        Ok(match (held.as_slice(), stopped.len()) {
            ([], 0) => effect(false, "no process was stopped".to_string()),
            ([], _) => effect(true, "stopped, and killed before it could go on".to_string()),
            (held, _) => effect(true, format!("{} stopped for {lasted}", held.join(", "))),
        })
    }

    fn skew(&mut self, victims: &[NodeId], change: impl Fn(&mut Clock, Time)) -> Vec<(NodeId, i64)> {
        let now = self.now();
        let mut before = Vec::new();
        for node in victims {
            let life = &mut self.lives[node.index()];
            before.push((*node, deviation(life.clock.read(now).wall, now)));
            change(&mut life.clock, now);
            life.wall = None;
            life.say(&Command::Clock(life.clock.clone()));
        }
        before
    }

    /// Reads the clocks, says by how much they had come to be wrong, and takes one fault back.
    fn set_right(&mut self, before: &[(NodeId, i64)], skew: Skew) -> Result<Effect, Trouble> {
        let jumps = skew.motion.jumps(self.now().since(skew.since));
        let jumped = if jumps > 0 { format!(" after {jumps} jumps") } else { String::new() };
        let nodes: Vec<NodeId> = before.iter().map(|(node, _)| *node).collect();
        self.settle(&nodes)?;
        let mut words = Vec::new();
        let mut effective = false;
        for (node, before) in before {
            match self.lives[node.index()].wall {
                Some((wall, heard)) => {
                    let off = deviation(wall, heard) - before;
                    effective |= off.abs() > PRECISION && (jumps > 0 || !matches!(skew.motion, Motion::Strobe(_)));
                    words.push(format!("the clock of {node} read {:+.3} s off{jumped}", off as f64 / 1e6));
                }
                None => words.push(format!("the clock of {node} could not be read")),
            }
        }
        self.skew(&nodes, |clock, now| clock.unskew(now, skew));
        self.settle(&nodes)?;
        Ok(effect(effective, words.join(", ")))
    }

    /// Waits until nodes have done what they were told and say what their wall clocks read, unless they are stopped or
    /// dead. What they said before stays where they cannot answer now.
    fn settle(&mut self, nodes: &[NodeId]) -> Result<(), Trouble> {
        let mut earlier = Vec::new();
        for node in nodes {
            let life = &mut self.lives[node.index()];
            if life.answers() {
                earlier.push((*node, life.wall.take()));
                life.say(&Command::ReadClock);
            }
        }
        let deadline = self.now() + READING;
        let heard = |cluster: &LocalCluster, node: &NodeId| cluster.lives[node.index()].wall.is_some();
        self.wait_for(deadline, |cluster| earlier.iter().all(|(node, _)| heard(cluster, node)))?;
        for (node, wall) in earlier {
            let life = &mut self.lives[node.index()];
            life.wall = life.wall.or(wall);
        }
        Ok(())
    }

    fn slow_disk(&mut self, node: NodeId, slower: impl Fn(Time) -> Time) {
        let life = &mut self.lives[node.index()];
        life.slow_disk = slower(life.slow_disk);
        life.say(&Command::SlowDisk(life.slow_disk));
    }

    fn slowed(&self, victims: &[NodeId]) -> u64 {
        victims.iter().map(|node| self.lives[node.index()].slowed).sum()
    }
}

fn effect(effective: bool, measured: String) -> Effect {
    Effect::new(effective, measured)
}
