//! Did a fault matter? One that nothing met proves nothing, however well it was done: a leader may be cut off while nobody asks it.
//!
//! A driver tells [`Seen`] what passes between clients and nodes. What a fault met is the difference between its end and its
//! beginning, and becomes [`Effect::mattered`] with a few words.

use crate::fault::{Cut, Effect, Fault};
use crate::node::{NodeId, RequestId, View};
use crate::time::Time;

/// What an observer saw so far, node by node.
#[derive(Clone, Debug)]
pub struct Seen {
    nodes: Vec<Met>,
    /// By client: its latest request, and the nodes that this came to, as bits.
    reached: Vec<(RequestId, u32)>,
    /// Requests that came to a node that had them already.
    again: u64,
}

/// What one node met.
#[derive(Clone, Copy, Debug, Default)]
struct Met {
    asked: u64,
    /// Of these, while it led.
    led: u64,
    /// Of these, while another one led too, in a later term where there are terms, or once it had stepped down alone.
    deposed: u64,
    /// Requests that it did what they asked for.
    answered: u64,
    /// How often it had a say in who leads.
    said: u64,
    /// When it last acknowledged a change.
    changed: Option<Time>,
}

/// Whether something was met, and in words what.
type Mattered = (Option<bool>, String);

/// What had been seen when a fault struck, and what it met at that moment.
#[derive(Clone, Debug)]
pub struct Before {
    seen: Seen,
    met: Mattered,
}

/// The effect of a fault on links that did something to so many messages, of which so many copies came after the first one
/// and so many messages after a later one of their link.
pub fn on_links(fault: &Fault, roughed: u64, doubled: u64, overtaken: u64) -> Effect {
    let effect = Effect::new(roughed > 0, format!("{roughed} messages lost, doubled or delayed"));
    let (twice, order) = (format!("{doubled} copies came late"), format!("{overtaken} messages were overtaken"));
    match fault {
        Fault::Links { duplicate: 0, delay: Time::ZERO, .. } => effect,
        Fault::Links { delay: Time::ZERO, .. } => effect.met(Some(doubled > 0), &twice),
        Fault::Links { duplicate: 0, .. } => effect.met(Some(overtaken > 0), &order),
        _ => effect.met(Some(doubled > 0 && overtaken > 0), &format!("{twice}, {order}")),
    }
}

impl Seen {
    /// Nothing, of so many nodes and clients.
    pub fn new(nodes: u8, clients: u32) -> Seen {
        let never = (RequestId { session: u32::MAX, number: 0 }, 0);
        Seen { nodes: vec![Met::default(); nodes.into()], reached: vec![never; clients as usize], again: 0 }
    }

    /// A request came to a node. `view` is what nodes show, `None` for the dead.
    pub fn asked(&mut self, node: NodeId, id: RequestId, view: impl Fn(NodeId) -> Option<View>) {
        let others = (0..self.nodes.len() as u8).map(NodeId).filter(|other| *other != node);
        let mine = view(node).unwrap_or_default();
        let rival = |other: NodeId| {
            view(other).is_some_and(|other| other.leads && (other.term.is_none() || other.term > mine.term))
        };
        let met = &mut self.nodes[node.index()];
        // A leader that hears nobody may have stepped down; its term says that it still knows of no other one.
        let led = mine.leads || mine.term.is_some() && met.led > 0;
        let deposed = led && others.into_iter().any(rival);
        met.asked += 1;
        met.led += u64::from(mine.leads);
        met.deposed += u64::from(deposed);
        let client = id.session as usize % self.reached.len();
        let (latest, nodes) = &mut self.reached[client];
        if *latest != id {
            (*latest, *nodes) = (id, 0);
        }
        self.again += u64::from(*nodes & 1 << node.0 != 0);
        *nodes |= 1 << node.0;
    }

    /// A node did what a request asked for, and said so.
    pub fn answered(&mut self, node: NodeId, now: Time, change: bool) {
        let met = &mut self.nodes[node.index()];
        met.answered += 1;
        if change {
            met.changed = Some(now);
        }
    }

    /// Requests that anybody did what they asked for, so far.
    pub fn answered_in_all(&self) -> u64 {
        self.nodes.iter().map(|met| met.answered).sum()
    }

    /// A node hit a mark.
    pub fn marked(&mut self, node: NodeId, mark: &str) {
        self.nodes[node.index()].said += u64::from(SAYS.contains(&mark));
    }

    /// A resolved fault strikes now. `lag` is how long a change may take until it has a copy.
    pub fn strikes(&self, fault: &Fault, now: Time, lag: Time, leads: &dyn Fn(NodeId) -> bool) -> Before {
        let victims = self.victims(fault);
        let met = match fault {
            Fault::Kill(_) => self.acknowledged_lately(&victims, now, lag),
            Fault::Pause(_) => {
                let somebody = (0..self.nodes.len() as u8).map(NodeId).any(leads);
                let led = victims.into_iter().any(leads);
                let words = if led { "it led" } else { "it did not lead" };
                if somebody { (Some(led), words.to_string()) } else { (None, String::new()) }
            }
            _ => (None, String::new()),
        };
        Before { seen: self.clone(), met }
    }

    /// The fault is over, and had this effect. `leads` says who leads now.
    pub fn ended(&self, before: &Before, fault: &Fault, effect: Effect, leads: &dyn Fn(NodeId) -> bool) -> Effect {
        let (mattered, words) = match before.met.0 {
            Some(_) => before.met.clone(),
            None => self.met(&before.seen, fault, leads),
        };
        let mattered = mattered.or(effect.mattered);
        effect.met(mattered, &words)
    }

    /// Whom a resolved fault hits.
    fn victims(&self, fault: &Fault) -> Vec<NodeId> {
        let cluster = self.nodes.len();
        fault.target().map_or_else(|| fault.nodes(cluster), |target| target.nodes(cluster))
    }

    /// What somebody who dies now takes along: a change that it acknowledged so lately that a copy may not have left it yet.
    fn acknowledged_lately(&self, victims: &[NodeId], now: Time, lag: Time) -> Mattered {
        let ago = |node: &NodeId| self.nodes[node.index()].changed.map(|changed| now.since(changed));
        match victims.iter().filter_map(ago).min() {
            Some(ago) => (Some(ago <= lag), format!("it had acknowledged a change {ago} before")),
            None => (Some(false), "it had never acknowledged a change".to_string()),
        }
    }

    fn met(&self, before: &Seen, fault: &Fault, leads: &dyn Fn(NodeId) -> bool) -> Mattered {
        let nodes = self.victims(fault);
        match fault {
            Fault::Partition(Cut::Links(links)) => {
                let two_way = links.iter().all(|(from, to)| links.contains(&(*to, *from)));
                let elsewhere = (0..self.nodes.len() as u8).map(NodeId).filter(|node| !nodes.contains(node));
                let succeeded = !nodes.is_empty() && elsewhere.into_iter().any(leads);
                // Where neither side is the smaller one, everybody who has lost a link counts.
                let mut side: Vec<NodeId> = links.iter().flat_map(|(from, to)| [*from, *to]).collect();
                side.sort();
                side.dedup();
                self.came(before, if nodes.is_empty() { &side } else { &nodes }, two_way && succeeded)
            }
            Fault::Delay { .. } | Fault::Bandwidth { .. } | Fault::CpuLimit { .. } | Fault::MemoryLimit { .. } => {
                self.came(before, &nodes, false)
            }
            Fault::BitFlip(_) | Fault::Truncate { .. } => {
                let answered = self.sum(before, &nodes, |met| met.answered);
                (Some(answered > 0), format!("it answered {answered} requests since"))
            }
            Fault::Clock { .. } => {
                let answered = self.sum(before, &nodes, |met| met.answered);
                (Some(answered > 0), format!("{answered} requests were answered by such a clock"))
            }
            Fault::Wipe(_) => {
                let answered = self.sum(before, &nodes, |met| met.answered);
                let said = self.sum(before, &nodes, |met| met.said);
                let words =
                    format!("without memory it had a say in who leads {said} times and answered {answered} requests");
                (Some(answered + said > 0), words)
            }
            Fault::Retry { .. } => {
                let again = self.again - before.again;
                (Some(again > 0), format!("{again} requests came to a node that had them already"))
            }
            _ => (None, String::new()),
        }
    }

    /// Did requests come to the leader on this side (to anybody, where nobody leads)? `strictly`: to a leader that is deposed.
    fn came(&self, before: &Seen, side: &[NodeId], strictly: bool) -> Mattered {
        let sum = |what| self.sum(before, side, what);
        let (asked, led, deposed) = (sum(|met| met.asked), sum(|met| met.led), sum(|met| met.deposed));
        match (led, deposed) {
            (0, _) => (Some(asked > 0 && !strictly), format!("{asked} requests came to that side, none to a leader")),
            (led, 0) => (Some(!strictly), format!("{led} requests came to its leader, none to a deposed one")),
            (_, deposed) => (Some(true), format!("{deposed} requests came to a deposed leader")),
        }
    }

    fn sum(&self, before: &Seen, nodes: &[NodeId], what: fn(&Met) -> u64) -> u64 {
        let change = |node: &NodeId| what(&self.nodes[node.index()]) - what(&before.nodes[node.index()]);
        nodes.iter().map(change).sum()
    }
}

/// The marks of a node that has a say in who leads: it gave its vote, or told how much it has.
const SAYS: &[&str] = &["voted", "told-length"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Target;
    use crate::time::MS;

    const N1: NodeId = NodeId(0);

    fn id(number: u32) -> RequestId {
        RequestId { session: 1, number }
    }

    /// n1 leads in term 1, n2 in term `other`, if at all.
    fn leaders(other: Option<u64>) -> impl Fn(NodeId) -> Option<View> {
        move |node| match node.0 {
            0 => Some(View { leads: true, term: Some(1), committed: None }),
            1 => Some(View { leads: other.is_some(), term: other, committed: None }),
            _ => Some(View::default()),
        }
    }

    #[test]
    fn a_cut_matters_once_a_deposed_leader_is_asked() {
        let fault = Fault::Partition(Cut::around(&[N1], 3));
        let (before, mut seen) = (Seen::new(3, 2), Seen::new(3, 2));
        let successor = |node: NodeId| node.0 == 1;
        assert_eq!(seen.met(&before, &fault, &successor).0, Some(false), "nobody asked");
        seen.asked(N1, id(1), leaders(None));
        assert_eq!(seen.met(&before, &fault, &|node| node == N1).0, Some(true), "it had no successor");
        assert_eq!(seen.met(&before, &fault, &successor).0, Some(false), "it was asked before it was deposed");
        seen.asked(N1, id(2), leaders(Some(2)));
        let met = seen.met(&before, &fault, &successor);
        assert_eq!(met, (Some(true), "1 requests came to a deposed leader".to_string()));
    }

    #[test]
    fn a_leader_that_stepped_down_alone_is_deposed_and_one_that_follows_is_not() {
        let (before, mut seen) = (Seen::new(3, 2), Seen::new(3, 2));
        let follower = |term| {
            move |node: NodeId| match node.0 {
                0 => Some(View { leads: false, term: Some(term), committed: None }),
                _ => Some(View { leads: node.0 == 1, term: Some(2), committed: None }),
            }
        };
        let fault = Fault::Partition(Cut::around(&[N1], 3));
        let met = |seen: &Seen| seen.met(&before, &fault, &|node| node.0 == 1).0;
        seen.asked(N1, id(1), follower(1));
        assert_eq!(met(&seen), Some(false), "it never led");
        seen.asked(N1, id(2), leaders(None));
        seen.asked(N1, id(3), follower(2));
        assert_eq!(met(&seen), Some(false), "it follows");
        seen.asked(N1, id(4), follower(1));
        assert_eq!(met(&seen), Some(true));
    }

    #[test]
    fn who_leads_in_an_older_term_deposes_nobody() {
        let (before, mut seen) = (Seen::new(3, 2), Seen::new(3, 2));
        seen.asked(N1, id(1), leaders(Some(0)));
        let fault = Fault::Partition(Cut::around(&[N1], 3));
        assert_eq!(seen.met(&before, &fault, &|node| node.0 == 1).0, Some(false));
    }

    #[test]
    fn a_request_comes_again_only_under_the_same_name_to_the_same_node() {
        let (before, mut seen) = (Seen::new(3, 2), Seen::new(3, 2));
        let retry = Fault::Retry { after: MS };
        for (node, number) in [(0, 1), (1, 1), (0, 2)] {
            seen.asked(NodeId(node), id(number), leaders(None));
        }
        assert_eq!(seen.met(&before, &retry, &|_| false).0, Some(false));
        seen.asked(N1, id(2), leaders(None));
        assert_eq!(seen.met(&before, &retry, &|_| false).0, Some(true));
    }

    #[test]
    fn a_wiped_node_matters_when_it_speaks_and_a_dead_one_for_what_it_said_last() {
        let (before, mut seen) = (Seen::new(3, 2), Seen::new(3, 2));
        let wipe = Fault::Wipe(Target::Node(N1));
        assert_eq!(seen.met(&before, &wipe, &|_| false).0, Some(false));
        assert_eq!(seen.acknowledged_lately(&[N1], MS * 60, MS * 50).0, Some(false));
        seen.marked(N1, "voted");
        seen.answered(N1, MS * 5, true);
        assert_eq!(seen.met(&before, &wipe, &|_| false).0, Some(true));
        assert_eq!(seen.acknowledged_lately(&[N1], MS * 50, MS * 50).0, Some(true));
        assert_eq!(seen.acknowledged_lately(&[N1], MS * 60, MS * 50).0, Some(false));
    }
}
