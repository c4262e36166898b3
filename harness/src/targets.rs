//! Symbolic targets become nodes at the moment a fault is injected.

use crate::fault::{Cut, Fault, Target};
use crate::node::{NodeId, View};
use crate::seed::Rng;

/// What is known of a cluster when a fault strikes.
pub struct Scene<'a> {
    /// How many nodes there are.
    pub nodes: u8,
    /// What a node shows; `None` if it is dead.
    pub view: &'a dyn Fn(NodeId) -> Option<View>,
    /// Who hit a mark last.
    pub marked: Option<NodeId>,
}

/// The same fault without symbols. Where nobody leads (an election, a design without leaders) the leader is drawn
/// among the living nodes, and where nobody lives among all.
pub fn resolve(fault: &Fault, scene: &Scene, rng: &mut Rng) -> Fault {
    let mut node = |target: &Target| match target {
        Target::Node(node) => Target::Node(*node),
        Target::Leader => Target::Node(scene.leader(rng)),
        Target::Follower => Target::Node(scene.follower(rng)),
        Target::Marked => Target::Node(scene.marked.unwrap_or_else(|| scene.leader(rng))),
        Target::All => Target::All,
        Target::Others => Target::AllBut(scene.leader(rng)),
        Target::AllBut(node) => Target::AllBut(*node),
    };
    match fault {
        Fault::Kill(target) => Fault::Kill(node(target)),
        Fault::PowerLoss(target) => Fault::PowerLoss(node(target)),
        Fault::Pause(target) => Fault::Pause(node(target)),
        Fault::Clock { target, offset, rate, motion } => {
            Fault::Clock { target: node(target), offset: *offset, rate: *rate, motion: *motion }
        }
        Fault::SlowDisk { target, by } => Fault::SlowDisk { target: node(target), by: *by },
        Fault::Wipe(target) => Fault::Wipe(node(target)),
        Fault::CpuLimit { target, percent, period } => {
            Fault::CpuLimit { target: node(target), percent: *percent, period: *period }
        }
        Fault::MemoryLimit { target, spare } => Fault::MemoryLimit { target: node(target), spare: *spare },
        Fault::BitFlip(target) => Fault::BitFlip(node(target)),
        Fault::Truncate { target, bytes } => Fault::Truncate { target: node(target), bytes: *bytes },
        Fault::Rebalance(target) => Fault::Rebalance(node(target)),
        Fault::Delay { target, by } => Fault::Delay { target: node(target), by: *by },
        Fault::Bandwidth { target, rate } => Fault::Bandwidth { target: node(target), rate: *rate },
        Fault::Partition(cut) => {
            let links = match cut {
                Cut::Isolate(target) => Cut::around(&scene.side(&node(target), 1, rng), scene.nodes.into()),
                Cut::Minority(target) => {
                    let size = usize::from(scene.nodes - 1) / 2;
                    Cut::around(&scene.side(&node(target), size, rng), scene.nodes.into())
                }
                Cut::Mute(target) => scene.mute(&scene.side(&node(target), 1, rng)),
                Cut::Bridge(target) => scene.bridge(&node(target), rng),
                Cut::Links(links) => Cut::Links(links.clone()),
            };
            Fault::Partition(links)
        }
        Fault::Links { .. } | Fault::Retry { .. } | Fault::Nothing => fault.clone(),
    }
}

impl Scene<'_> {
    fn all(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes).map(NodeId)
    }

    fn alive(&self) -> Vec<NodeId> {
        let alive: Vec<NodeId> = self.all().filter(|node| (self.view)(*node).is_some()).collect();
        if alive.is_empty() { self.all().collect() } else { alive }
    }

    /// Who leads in the highest term; of leaders without terms any one.
    fn leader(&self, rng: &mut Rng) -> NodeId {
        let term = |node: &NodeId| (self.view)(*node).filter(|view| view.leads).map(|view| view.term.unwrap_or(0));
        let leaders: Vec<NodeId> = self.all().filter(|node| term(node).is_some()).collect();
        match leaders.iter().map(&term).max() {
            Some(highest) => {
                let newest: Vec<NodeId> = leaders.into_iter().filter(|node| term(node) == highest).collect();
                *rng.pick(&newest)
            }
            None => *rng.pick(&self.alive()),
        }
    }

    fn follower(&self, rng: &mut Rng) -> NodeId {
        let leads = |node: &NodeId| (self.view)(*node).is_some_and(|view| view.leads);
        let followers: Vec<NodeId> = self.alive().into_iter().filter(|node| !leads(node)).collect();
        if followers.is_empty() { self.leader(rng) } else { *rng.pick(&followers) }
    }

    /// The target with enough others to make `size` nodes.
    fn side(&self, target: &Target, size: usize, rng: &mut Rng) -> Vec<NodeId> {
        let Target::Node(node) = *target else { return Vec::new() };
        let mut others: Vec<NodeId> = self.all().filter(|other| *other != node).collect();
        rng.shuffle(&mut others);
        let mut side: Vec<NodeId> = others.into_iter().take(size.saturating_sub(1)).collect();
        side.push(node);
        side.sort();
        side
    }

    /// Every link between the target's half and the other one. Who is in neither is the bridge; of an even number of nodes the
    /// other half is the larger one.
    fn bridge(&self, target: &Target, rng: &mut Rng) -> Cut {
        let half = self.side(target, usize::from(self.nodes.saturating_sub(1)) / 2, rng);
        let mut others: Vec<NodeId> = self.all().filter(|node| !half.contains(node)).collect();
        rng.shuffle(&mut others);
        let apart =
            others.iter().skip(1).flat_map(|other| half.iter().flat_map(|one| [(*one, *other), (*other, *one)]));
        let mut links: Vec<_> = apart.collect();
        links.sort();
        Cut::Links(links)
    }

    fn mute(&self, side: &[NodeId]) -> Cut {
        let others = |from: NodeId| self.all().filter(move |to| *to != from);
        Cut::Links(side.iter().flat_map(|from| others(*from).map(|to| (*from, to))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motion::Motion;
    use crate::seed::Seed;

    fn resolved(nodes: u8, fault: &Fault, seed: u64) -> Fault {
        let view = |node: NodeId| Some(View { leads: node.0 == 1, ..View::default() });
        resolve(fault, &Scene { nodes, view: &view, marked: None }, &mut Seed(seed).stream("targets"))
    }

    #[test]
    fn a_bridge_hears_everybody_and_is_not_the_leader() {
        for seed in 1..50 {
            let fault = resolved(5, &Fault::Partition(Cut::Bridge(Target::Leader)), seed);
            let Fault::Partition(Cut::Links(links)) = &fault else { panic!("{fault}") };
            let cut = |node: u8| links.iter().filter(|(from, to)| from.0 == node || to.0 == node).count();
            let bridges: Vec<u8> = (0..5).filter(|node| cut(*node) == 0).collect();
            assert!(bridges.len() == 1 && bridges[0] != 1, "{fault}");
            assert!((0..5).all(|node| bridges == [node] || cut(node) == 4), "two others, both ways: {fault}");
            assert_eq!(fault.nodes(5), [], "no side is the smaller one: {fault}");
        }
    }

    #[test]
    fn others_are_all_but_the_leader() {
        let fault =
            resolved(3, &Fault::Clock { target: Target::Others, offset: 0, rate: 200, motion: Motion::Still }, 1);
        assert_eq!(fault.target().map(|target| target.nodes(3)), Some(vec![NodeId(0), NodeId(2)]));
    }
}
