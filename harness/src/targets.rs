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
                Cut::Thirds => scene.thirds(rng),
                Cut::MajoritiesRing => scene.ring(rng),
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

    /// All nodes, in an order that is drawn.
    fn shuffled(&self, rng: &mut Rng) -> Vec<NodeId> {
        let mut nodes: Vec<NodeId> = self.all().collect();
        rng.shuffle(&mut nodes);
        nodes
    }

    fn thirds(&self, rng: &mut Rng) -> Cut {
        let nodes = self.shuffled(rng);
        cut_where(&nodes, |from, to| from % 3 != to % 3)
    }

    /// In a circle each node hears so many on either side that it hears just a majority, itself included, or one node more.
    fn ring(&self, rng: &mut Rng) -> Cut {
        let nodes = self.shuffled(rng);
        let (all, majority) = (nodes.len(), nodes.len() / 2 + 1);
        let near = majority / 2;
        cut_where(&nodes, |from, to| {
            let ahead = (to + all - from) % all;
            // Where those on either side are all that there are, those behind are enough.
            if 2 * near + 1 >= all { ahead >= majority } else { ahead.min(all - ahead) > near }
        })
    }

    fn mute(&self, side: &[NodeId]) -> Cut {
        let others = |from: NodeId| self.all().filter(move |to| *to != from);
        Cut::Links(side.iter().flat_map(|from| others(*from).map(|to| (*from, to))).collect())
    }
}

/// Every directed link that is to be cut, by the places of its ends in a row of nodes.
fn cut_where(nodes: &[NodeId], cut: impl Fn(usize, usize) -> bool) -> Cut {
    let pairs = (0..nodes.len()).flat_map(|from| (0..nodes.len()).map(move |to| (from, to)));
    let mut links: Vec<_> =
        pairs.filter(|(from, to)| from != to && cut(*from, *to)).map(|(from, to)| (nodes[from], nodes[to])).collect();
    links.sort();
    Cut::Links(links)
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

    /// Whom each node hears, itself included, under a cut of so many nodes.
    fn heard(nodes: u8, cut: Cut, seed: u64) -> Vec<Vec<u8>> {
        let fault = resolved(nodes, &Fault::Partition(cut), seed);
        let Fault::Partition(Cut::Links(links)) = &fault else { panic!("{fault}") };
        let hears = |to: u8| (0..nodes).filter(|from| !links.contains(&(NodeId(*from), NodeId(to)))).collect();
        (0..nodes).map(hears).collect()
    }

    #[test]
    fn thirds_are_three_parts_without_a_majority() {
        for (nodes, sizes) in [(3, vec![1, 1, 1]), (4, vec![1, 1, 2]), (5, vec![1, 2, 2]), (7, vec![2, 2, 3])] {
            let mut parts = heard(nodes, Cut::Thirds, u64::from(nodes));
            assert!(parts.iter().enumerate().all(|(node, part)| part.contains(&(node as u8))));
            parts.sort();
            parts.dedup();
            let mut found: Vec<usize> = parts.iter().map(Vec::len).collect();
            found.sort_unstable();
            assert_eq!(found, sizes, "{parts:?}");
            let fault = resolved(nodes, &Fault::Partition(Cut::Thirds), u64::from(nodes));
            assert_eq!(fault.nodes(nodes.into()), [], "there are more than two sides: {fault}");
        }
    }

    #[test]
    fn in_a_ring_each_node_hears_a_majority_that_no_other_hears() {
        for (nodes, size) in [(3, 2), (4, 3), (5, 3), (6, 5), (7, 5), (9, 5)] {
            for seed in 1..20 {
                let mut heard = heard(nodes, Cut::MajoritiesRing, seed);
                assert!(heard.iter().all(|hears| hears.len() == size), "{nodes}: {heard:?}");
                heard.sort();
                heard.dedup();
                assert_eq!(heard.len(), usize::from(nodes), "{heard:?}");
            }
        }
        assert_ne!(heard(5, Cut::MajoritiesRing, 1), heard(5, Cut::MajoritiesRing, 2), "the circle is drawn");
    }

    #[test]
    fn others_are_all_but_the_leader() {
        let fault =
            resolved(3, &Fault::Clock { target: Target::Others, offset: 0, rate: 200, motion: Motion::Still }, 1);
        assert_eq!(fault.target().map(|target| target.nodes(3)), Some(vec![NodeId(0), NodeId(2)]));
    }
}
