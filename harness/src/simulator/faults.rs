//! Faults in the simulator: done, measured, undone.

use super::network::Rough;
use super::{Event, Simulator};
use crate::cluster::FaultId;
use crate::fault::{Cut, Effect, Fault, Target};
use crate::node::{Node, NodeId};
use crate::targets::{Scene, resolve};
use crate::time::Time;

/// A fault in force, with what was measured when it began.
pub(super) struct Injected {
    fault: Fault,
    measure: Measure,
}

enum Measure {
    /// Counted so far: stopped messages, roughed messages, slowed syncs.
    Before(u64),
    /// Nodes that died of it, and records that were lost with them.
    Died(Vec<NodeId>, usize),
    /// Nodes that were stopped, and since when.
    Stopped(Vec<NodeId>, Time),
    Nothing,
}

impl<N: Node> Simulator<N> {
    /// Injects a fault; returns it resolved.
    pub(super) fn strike(&mut self, fault: &Fault) -> (FaultId, Fault) {
        let world = &self.world;
        let scene = Scene { nodes: world.len() as u8, view: &|node| world.view(node), marked: self.marked };
        let fault = resolve(fault, &scene, &mut self.targets);
        let measure = self.hurt(&fault);
        self.faults.push(Some(Injected { fault: fault.clone(), measure }));
        (FaultId(self.faults.len() as u32 - 1), fault)
    }

    fn hurt(&mut self, fault: &Fault) -> Measure {
        match fault {
            Fault::Partition(Cut::Links(links)) => Measure::Before(self.network.cut(links)),
            Fault::Partition(_) => panic!("a partition is resolved before it is injected"),
            Fault::Kill(target) => {
                let victims: Vec<NodeId> =
                    self.victims(target).filter(|node| self.world.node(*node).is_some()).collect();
                victims.iter().for_each(|node| self.die(*node, false));
                Measure::Died(victims, 0)
            }
            Fault::PowerLoss(target) => {
                let victims: Vec<NodeId> =
                    self.victims(target).filter(|node| self.world.node(*node).is_some()).collect();
                let lost = victims.iter().map(|node| self.world.unsynced(*node)).sum();
                victims.iter().for_each(|node| self.die(*node, true));
                Measure::Died(victims, lost)
            }
            Fault::Pause(target) => {
                let victims: Vec<NodeId> = self.victims(target).collect();
                victims.iter().for_each(|node| self.machines[node.index()].paused += 1);
                Measure::Stopped(victims, self.now)
            }
            Fault::Clock { target, offset, rate } => {
                self.skew(target, *offset, *rate);
                Measure::Nothing
            }
            Fault::SlowDisk { target, by } => {
                let victims: Vec<NodeId> = self.victims(target).collect();
                victims.iter().for_each(|node| self.machines[node.index()].slow += *by);
                Measure::Before(victims.iter().map(|node| self.machines[node.index()].slowed).sum())
            }
            Fault::Links { loss, duplicate, delay } => {
                self.network.roughen(Rough { loss: *loss, duplicate: *duplicate, delay: *delay });
                Measure::Before(self.network.roughed)
            }
            Fault::Nothing => Measure::Nothing,
        }
    }

    /// Lifts a fault and says what it did.
    pub(super) fn relieve(&mut self, id: FaultId) -> Effect {
        let injected = self.faults[id.0 as usize].take().expect("a fault is lifted once");
        match (&injected.fault, injected.measure) {
            (Fault::Partition(Cut::Links(links)), Measure::Before(before)) => {
                let stopped = self.network.mend(links, before);
                effect(stopped > 0, format!("{stopped} messages stopped"))
            }
            (Fault::Kill(_), Measure::Died(victims, _)) => {
                victims.iter().for_each(|node| self.revive(*node));
                effect(!victims.is_empty(), format!("{} killed", count(victims.len(), "process", "processes")))
            }
            (Fault::PowerLoss(_), Measure::Died(victims, lost)) => {
                victims.iter().for_each(|node| self.revive(*node));
                let victims = count(victims.len(), "node", "nodes");
                effect(
                    lost > 0,
                    format!("{victims} lost power and {}", count(lost, "unsynced record", "unsynced records")),
                )
            }
            (Fault::Pause(_), Measure::Stopped(victims, since)) => {
                let held = victims.iter().map(|node| self.resume(*node)).sum();
                let span = self.now.since(since);
                effect(held > 0, format!("{} waited during {span}", count(held, "event", "events")))
            }
            (Fault::Clock { target, offset, rate }, Measure::Nothing) => self.set_right(target, *offset, *rate),
            (Fault::SlowDisk { target, by }, Measure::Before(before)) => {
                let victims: Vec<NodeId> = self.victims(target).collect();
                let slowed = victims.iter().map(|node| self.machines[node.index()].slowed).sum::<u64>() - before;
                victims.iter().for_each(|node| {
                    let machine = &mut self.machines[node.index()];
                    machine.slow = machine.slow - *by;
                });
                effect(slowed > 0, format!("{slowed} syncs slowed"))
            }
            (Fault::Links { loss, duplicate, delay }, Measure::Before(before)) => {
                self.network.smooth(Rough { loss: *loss, duplicate: *duplicate, delay: *delay });
                let roughed = self.network.roughed - before;
                effect(roughed > 0, format!("{roughed} messages lost, doubled or delayed"))
            }
            (Fault::Nothing, Measure::Nothing) => effect(false, "nothing was done".to_string()),
            (fault, _) => panic!("\"{fault}\" was measured as another kind of fault"),
        }
    }

    fn victims(&self, target: &Target) -> std::vec::IntoIter<NodeId> {
        let all = (0..self.world.len() as u8).map(NodeId);
        let victims: Vec<NodeId> = match target {
            Target::Node(node) => vec![*node],
            Target::All => all.collect(),
            symbolic => panic!("\"{symbolic}\" is resolved before the fault is injected"),
        };
        victims.into_iter()
    }

    fn die(&mut self, node: NodeId, power: bool) {
        if power {
            self.world.power_loss(node);
        } else {
            self.world.kill(node);
        }
        self.machines[node.index()].die();
        self.pending.retain(|(of, _)| *of != node);
    }

    fn revive(&mut self, node: NodeId) {
        if self.world.node(node).is_none() {
            self.start(node);
        }
    }

    /// Lets a stopped process go on. What waited for it comes in any order across links, in order on each.
    fn resume(&mut self, node: NodeId) -> usize {
        let machine = &mut self.machines[node.index()];
        machine.paused -= 1;
        if machine.paused > 0 {
            return machine.held.len();
        }
        let held = std::mem::take(&mut machine.held);
        let waited = held.len();
        let mut latest = vec![self.now; self.world.len() + 1];
        for event in held {
            let link = match &event {
                Event::Deliver(place) => self.network.peek(*place).from.index(),
                _ => self.world.len(),
            };
            if link < self.world.len() {
                latest[link] = latest[link].max(self.now + self.network.latency());
            }
            self.queue.push(latest[link], event);
        }
        waited
    }

    fn skew(&mut self, target: &Target, offset: i64, rate: u32) {
        for node in self.victims(target) {
            for (timer, generation, at) in self.machines[node.index()].skew(self.now, offset, rate) {
                self.queue.push(at, Event::Fire { node, timer, generation });
            }
        }
    }

    /// Sets clocks right, and tells by how much that moved them.
    fn set_right(&mut self, target: &Target, offset: i64, rate: u32) -> Effect {
        let Some(node) = self.victims(target).next() else { return effect(false, "no clock was touched".into()) };
        let wrong = self.machines[node.index()].clock(self.now).wall;
        self.skew(target, 0, 100);
        let right = self.machines[node.index()].clock(self.now).wall;
        let jump = wrong.0 as i64 - right.0 as i64;
        let seconds = jump as f64 / 1e6;
        effect(
            jump != 0 || rate != 100,
            format!("the clock read {seconds:+.3} s off, set by {:+.3} s at {rate} %", offset as f64 / 1e6),
        )
    }
}

fn effect(effective: bool, measured: String) -> Effect {
    Effect { effective, measured }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
