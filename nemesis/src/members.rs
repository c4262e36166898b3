//! Nodes that leave the cluster and come back on new machines, while clients ask.

use crate::rounds::{LONGER, Span, rounds};
use harness::{Cut, Fault, Nemesis, NodeId, Strike, Target, Tier, When};

/// R: one node at a time.
pub const REBALANCE: Nemesis = Nemesis {
    name: "rebalance",
    about: "a follower, and every third time the leader, leaves the cluster, gets a new machine and joins again (simulator only)",
    plan: |shape, rng| {
        let target = |number: usize| if number % 3 == 2 { Target::Leader } else { Target::Follower };
        let rounds = rounds(shape, rng, LONGER).into_iter();
        rounds.map(|round| round.strike(Fault::Rebalance(target(round.number)))).collect()
    },
    tiers: &[Tier::Sim],
};

/// R with P2: two nodes in one change, when the leader has been in a minority for so long that it has a successor.
pub const REBALANCE_HALVES: Nemesis = Nemesis {
    name: "rebalance-halves",
    about: "two nodes at once move to new machines while a minority with the leader is cut off (simulator only)",
    plan: |shape, rng| {
        let unit = shape.settings.election_low;
        let mut strikes = Vec::new();
        for round in rounds(shape, rng, WITHIN) {
            let (start, cut) = (round.start + unit * ALONE, rng.between(unit * LONGER.0, unit * LONGER.1));
            let fault = Fault::Partition(Cut::Minority(Target::Leader));
            strikes.push(Strike { when: When::At(round.start), fault, lasts: cut });
            let mut nodes: Vec<NodeId> = shape.node_ids().collect();
            rng.shuffle(&mut nodes);
            let moves = |node| Fault::Rebalance(Target::Node(node));
            let lasts = round.lasts.since(unit * ALONE);
            strikes.extend(nodes.into_iter().take(2).map(|node| Strike {
                when: When::At(start),
                fault: moves(node),
                lasts,
            }));
        }
        strikes
    },
    tiers: &[Tier::Sim],
};

/// The cut, and what it takes to end the change after it, in election time-outs.
const WITHIN: Span = (17, 18);
/// How long the cut lasts already when the nodes are to leave.
const ALONE: u64 = 6;
