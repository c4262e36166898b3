//! Faults in the simulator: done, measured, undone.

use super::network::Rough;
use super::{Event, Simulator};
use crate::client::Client;
use crate::cluster::FaultId;
use crate::fault::{Cut, Effect, Fault, Target};
use crate::motion::{Motion, Skew};
use crate::node::{Node, NodeId};
use crate::relevance::{Before, on_links};
use crate::targets::{Scene, resolve};
use crate::time::Time;
use std::collections::VecDeque;

/// A clock that is wrong by less has not been touched: natural rates differ by up to half a percent, 50 ms in 10 s.
const NOTICED: i64 = 100_000;

/// A fault in force, with what was measured when it began.
pub(super) struct Injected {
    fault: Fault,
    measure: Measure,
    before: Before,
}

enum Measure {
    /// Counted so far: stopped messages, slowed syncs, requests that were asked again.
    Before(u64),
    /// Counted so far: roughed messages, those that came twice, those that were overtaken.
    Roughed(u64, u64, u64),
    /// Nodes that were started again with an empty disk.
    Wiped(u64),
    /// Nodes that leave, by the numbers of their dismissals.
    Dismissed(Vec<u64>),
    /// By how much the clocks on the wall were wrong before.
    Clocks(Vec<(NodeId, i64)>, Skew),
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
        let before = self.seen.strikes(&fault, self.now, self.settings.heartbeat, &|node| self.leads(node));
        let measure = self.hurt(&fault);
        self.faults.push(Some(Injected { fault: fault.clone(), measure, before }));
        (FaultId(self.faults.len() as u32 - 1), fault)
    }

    fn leads(&self, node: NodeId) -> bool {
        self.world.view(node).is_some_and(|view| view.leads)
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
                // A machine whose process is dead already loses what was not synced all the same.
                let machines: Vec<NodeId> = self.victims(target).collect();
                let lost = machines.iter().map(|node| self.world.unsynced(*node)).sum();
                let alive = machines.iter().copied().filter(|node| self.world.node(*node).is_some()).collect();
                machines.iter().for_each(|node| self.die(*node, true));
                Measure::Died(alive, lost)
            }
            Fault::Pause(target) => {
                let victims: Vec<NodeId> = self.victims(target).collect();
                victims.iter().for_each(|node| self.machines[node.index()].paused += 1);
                Measure::Stopped(victims, self.now)
            }
            Fault::Clock { target, offset, rate, motion } => {
                let skew = Skew { offset: *offset, rate: *rate, motion: *motion, since: self.now };
                let victims: Vec<NodeId> = self.victims(target).collect();
                let before = victims.iter().map(|node| (*node, self.machines[node.index()].deviation(self.now)));
                let measure = Measure::Clocks(before.collect(), skew);
                for node in victims {
                    self.machines[node.index()].skews.push(skew);
                    self.skew(node);
                }
                measure
            }
            Fault::SlowDisk { target, by } => {
                let victims: Vec<NodeId> = self.victims(target).collect();
                victims.iter().for_each(|node| self.machines[node.index()].slow += *by);
                Measure::Before(victims.iter().map(|node| self.machines[node.index()].slowed).sum())
            }
            Fault::Wipe(target) => {
                let victims: Vec<NodeId> = self.victims(target).collect();
                Measure::Wiped(victims.iter().map(|node| u64::from(self.wipe(*node))).sum())
            }
            Fault::Rebalance(target) => {
                Measure::Dismissed(self.victims(target).map(|node| self.dismiss(node)).collect())
            }
            Fault::Links { loss, duplicate, late, delay } => {
                self.network.roughen(Rough { loss: *loss, duplicate: *duplicate, late: *late, delay: *delay });
                self.roughed()
            }
            Fault::Delay { target, by } => {
                self.victims(target).for_each(|node| self.network.slow_down(node, *by));
                self.roughed()
            }
            Fault::Bandwidth { .. } => panic!("\"{fault}\" is refused when a plan is checked"),
            Fault::Retry { after } => {
                self.clients.iter_mut().for_each(|client| client.hurry(*after));
                Measure::Before(self.clients.iter().map(Client::hurried).sum())
            }
            Fault::CpuLimit { .. } | Fault::MemoryLimit { .. } | Fault::BitFlip(_) | Fault::Truncate { .. } => {
                panic!("\"{fault}\" is for real databases, and refused before")
            }
            Fault::Nothing => Measure::Nothing,
        }
    }

    fn roughed(&self) -> Measure {
        Measure::Roughed(self.network.roughed, self.network.doubled, self.network.overtaken)
    }

    /// Lifts a fault and says what it did.
    pub(super) fn relieve(&mut self, id: FaultId) -> Effect {
        let Injected { fault, measure, before } = self.faults[id.0 as usize].take().expect("a fault is lifted once");
        let effect = self.undo(&fault, measure);
        self.seen.ended(&before, &fault, effect, &|node| self.leads(node))
    }

    fn undo(&mut self, fault: &Fault, measure: Measure) -> Effect {
        match (fault, measure) {
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
                let words = format!("{victims} lost power and {}", count(lost, "unsynced record", "unsynced records"));
                effect(lost > 0, words).met(Some(lost > 0), "")
            }
            (Fault::Pause(_), Measure::Stopped(victims, since)) => {
                let held = victims.iter().map(|node| self.resume(*node)).sum();
                let span = self.now.since(since);
                effect(held > 0, format!("{} waited during {span}", count(held, "event", "events")))
            }
            (Fault::Clock { .. }, Measure::Clocks(before, skew)) => self.set_right(&before, skew),
            (Fault::SlowDisk { target, by }, Measure::Before(before)) => {
                let victims: Vec<NodeId> = self.victims(target).collect();
                let slowed = victims.iter().map(|node| self.machines[node.index()].slowed).sum::<u64>() - before;
                victims.iter().for_each(|node| {
                    let machine = &mut self.machines[node.index()];
                    machine.slow = machine.slow - *by;
                });
                effect(slowed > 0, format!("{slowed} syncs slowed"))
            }
            (Fault::Wipe(_), Measure::Wiped(records)) => {
                effect(records > 0, format!("{} emptied", count(records as usize, "disk", "disks")))
            }
            (Fault::Rebalance(_), Measure::Dismissed(numbers)) => self.moved(&numbers),
            (Fault::Links { loss, duplicate, late, delay }, Measure::Roughed(roughed, doubled, overtaken)) => {
                let network = &mut self.network;
                network.smooth(Rough { loss: *loss, duplicate: *duplicate, late: *late, delay: *delay });
                let (roughed, doubled) = (network.roughed - roughed, network.doubled - doubled);
                on_links(fault, roughed, doubled, network.overtaken - overtaken)
            }
            (Fault::Delay { target, by }, Measure::Roughed(before, ..)) => {
                self.victims(target).for_each(|node| self.network.speed_up(node, *by));
                let late = self.network.roughed - before;
                effect(late > 0, format!("{late} messages delayed by {by}"))
            }
            (Fault::Retry { after }, Measure::Before(before)) => {
                self.clients.iter_mut().for_each(|client| client.relax(*after));
                let again = self.clients.iter().map(Client::hurried).sum::<u64>() - before;
                effect(again > 0, format!("{again} requests asked again"))
            }
            (Fault::Nothing, Measure::Nothing) => effect(false, "nothing was done".to_string()),
            (fault, _) => panic!("\"{fault}\" was measured as another kind of fault"),
        }
    }

    fn victims(&self, target: &Target) -> std::vec::IntoIter<NodeId> {
        target.nodes(self.world.len()).into_iter()
    }

    pub(super) fn die(&mut self, node: NodeId, power: bool) {
        if power {
            self.world.power_loss(node);
        } else {
            self.world.kill(node);
        }
        for event in self.machines[node.index()].die() {
            if let Event::Deliver(place) = event {
                self.network.take(place);
            }
        }
        self.pending.retain(|(of, _)| *of != node);
    }

    /// Empties a disk, and starts what ran there again. True if anything ran.
    fn wipe(&mut self, node: NodeId) -> bool {
        let lived = self.world.node(node).is_some();
        self.die(node, false);
        self.world.wipe(node);
        if lived {
            self.start(node);
        }
        lived
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
        // All of it comes at once and before anything else, so that nothing later on a link overtakes it.
        for event in self.interleave(held) {
            self.queue.push(self.now, event);
        }
        waited
    }

    /// Events in a drawn order that keeps the order of messages on each link, and of everything that is no message.
    fn interleave(&mut self, events: Vec<Event>) -> Vec<Event> {
        let link = |event: &Event| match event {
            Event::Deliver(place) => self.network.peek(*place).from.index(),
            _ => self.world.len(),
        };
        let mut turns: Vec<usize> = events.iter().map(link).collect();
        let mut queues: Vec<VecDeque<Event>> = (0..=self.world.len()).map(|_| VecDeque::new()).collect();
        events.into_iter().zip(&turns).for_each(|(event, link)| queues[*link].push_back(event));
        self.targets.shuffle(&mut turns);
        turns.into_iter().filter_map(|link| queues[link].pop_front()).collect()
    }

    fn skew(&mut self, node: NodeId) {
        for (timer, generation, at) in self.machines[node.index()].skew(self.now) {
            self.queue.push(at, Event::Fire { node, timer, generation });
        }
    }

    /// Takes one clock fault back, and tells by how much the clocks had come to be wrong.
    fn set_right(&mut self, before: &[(NodeId, i64)], skew: Skew) -> Effect {
        let (mut effective, mut words) = (false, Vec::new());
        let jumps = skew.motion.jumps(self.now.since(skew.since));
        let jumped = if jumps > 0 { format!(" after {jumps} jumps") } else { String::new() };
        for (node, before) in before {
            let machine = &mut self.machines[node.index()];
            let off = machine.deviation(self.now) - before;
            effective |= off.abs() > NOTICED && (jumps > 0 || !matches!(skew.motion, Motion::Strobe(_)));
            words.push(format!("the clock of {node} went {:+.3} s off{jumped}", off as f64 / 1e6));
            let place = machine.skews.iter().position(|other| *other == skew).expect("it was in force");
            machine.skews.remove(place);
            self.skew(*node);
        }
        effect(effective, words.join(", "))
    }
}

pub(super) fn effect(effective: bool, measured: String) -> Effect {
    Effect::new(effective, measured)
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
