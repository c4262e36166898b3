//! Links between real nodes that lose packets, are slow or narrow: what the faults in force come to on each, and what they did.

use super::cluster::{RealCluster, trouble};
use super::faults::end;
use harness::fault::Effect;
use harness::{Fault, NodeId, Time, Trouble};
use hosts::{Slow, Slowed};
use std::time::Duration;

impl RealCluster {
    /// Packets that links lost so far, and what those that were slow did.
    pub(super) fn roughed(&self) -> Result<(u64, Slowed), Trouble> {
        Ok((self.host.lost().map_err(trouble)?, self.host.slowed().map_err(trouble)?))
    }

    /// Makes links between nodes as rough as the faults in force make them, and no link any other. A client that sits beside a node
    /// uses that node's links: what it says to another node is lost or late as well.
    pub(super) fn roughen(&mut self) -> Result<(), Trouble> {
        let faults: Vec<&Fault> = self.in_force().collect();
        let nodes = self.views.len();
        let percent = loss(&faults);
        let lossy: Vec<_> =
            links(nodes).filter(|_| percent > 0).map(|(from, to)| (end(from), end(to), percent)).collect();
        let slow = links(nodes).map(|(from, to)| (end(from), end(to), slow(&faults, nodes, from, to)));
        let slow: Vec<_> = slow.filter(|(.., slow)| *slow != Slow::default()).collect();
        self.host.lose(&lossy).map_err(trouble)?;
        self.host.slow(&slow).map_err(trouble)
    }
}

/// Every link between two of so many nodes, each way.
fn links(nodes: usize) -> impl Iterator<Item = (NodeId, NodeId)> {
    let nodes = move || (0..nodes as u8).map(NodeId);
    nodes().flat_map(move |from| nodes().filter(move |to| from != *to).map(move |to| (from, to)))
}

/// The share of packets, in percent, that every link loses under these faults, one after the other.
fn loss(faults: &[&Fault]) -> u8 {
    let left = faults.iter().fold(1.0, |left, fault| match fault {
        Fault::Links { loss, .. } => left * (1.0 - f64::from(*loss) / 100.0),
        _ => left,
    });
    ((1.0 - left) * 100.0).round() as u8
}

/// How much slower a link is under these faults: delays add up, those of its two ends too, and of several rates the lowest counts.
fn slow(faults: &[&Fault], nodes: usize, from: NodeId, to: NodeId) -> Slow {
    let time = |time: Time| Duration::from_micros(time.0);
    faults.iter().fold(Slow::default(), |slow, fault| match fault {
        Fault::Links { delay, .. } => Slow { up_to: slow.up_to + time(*delay), ..slow },
        Fault::Delay { target, by } => {
            let ends = target.nodes(nodes).iter().filter(|node| **node == from || **node == to).count();
            Slow { by: slow.by + time(*by) * ends as u32, ..slow }
        }
        Fault::Bandwidth { target, rate } => {
            let narrow = target.nodes(nodes).iter().any(|node| *node == from || *node == to);
            Slow { rate: slow.rate.into_iter().chain(narrow.then_some(*rate)).min(), ..slow }
        }
        _ => slow,
    })
}

/// What a fault on links did. Where it both loses and delays, it must have done both. A narrow link that never made a packet wait for a
/// millisecond did nothing.
pub(super) fn on_links(fault: &Fault, lost: u64, slowed: Slowed) -> Effect {
    let Slowed { packets, bytes, dropped, longest } = slowed;
    let lost = |percent: &u32| (lost > 0, format!("{lost} packets lost"), *percent > 0);
    let late = |by: String, any: bool| (packets > 0, format!("{packets} packets held back by {by}"), any);
    let narrow = || {
        let words = format!(
            "{packets} packets of {bytes} bytes held back by up to {:.3} s, {dropped} dropped",
            longest.as_secs_f64()
        );
        (dropped > 0 || longest >= Duration::from_millis(1), words, true)
    };
    let parts = match fault {
        Fault::Links { loss, delay, .. } => vec![lost(loss), late(format!("up to {delay}"), *delay > Time::ZERO)],
        Fault::Delay { by, .. } => vec![late(by.to_string(), true)],
        Fault::Bandwidth { .. } => vec![narrow()],
        _ => Vec::new(),
    };
    let parts: Vec<_> = parts.into_iter().filter(|(.., wanted)| *wanted).collect();
    let words: Vec<&str> = parts.iter().map(|(_, words, _)| words.as_str()).collect();
    Effect::new(!parts.is_empty() && parts.iter().all(|(done, ..)| *done), words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use harness::{MS, Target};

    fn rough(loss: u32, delay: u64) -> Fault {
        Fault::Links { loss, duplicate: 0, late: Time::ZERO, delay: MS * delay }
    }

    #[test]
    fn what_is_lost_twice_is_lost_once() {
        assert_eq!(loss(&[]), 0);
        assert_eq!(loss(&[&rough(25, 0), &Fault::Nothing]), 25);
        assert_eq!(loss(&[&rough(50, 0), &rough(50, 9)]), 75);
        assert_eq!(loss(&[&rough(100, 0), &rough(10, 0)]), 100);
    }

    #[test]
    fn delays_add_up_on_the_links_that_they_concern() {
        let [one, two, three] = [0, 1, 2].map(NodeId);
        let delay = |node, by| Fault::Delay { target: Target::Node(node), by: MS * by };
        let (delays, up_to) = ([delay(one, 100), delay(two, 10)], rough(5, 7));
        let faults = [&delays[0], &delays[1], &up_to];
        let millis =
            |by, up_to| Slow { by: Duration::from_millis(by), up_to: Duration::from_millis(up_to), rate: None };
        assert_eq!(slow(&faults, 3, one, two), millis(110, 7));
        assert_eq!(slow(&faults, 3, three, one), millis(100, 7));
        assert_eq!(slow(&faults[1..2], 3, three, one), Slow::default());
    }

    #[test]
    fn a_link_is_as_narrow_as_its_narrowest_part() {
        let [one, two, three] = [0, 1, 2].map(NodeId);
        let narrow = |node, rate| Fault::Bandwidth { target: Target::Node(node), rate };
        let (first, second, late) = (narrow(one, 900), narrow(two, 100), rough(0, 7));
        let faults = [&first, &late, &second];
        assert_eq!(slow(&faults, 3, one, two).rate, Some(100));
        assert_eq!(slow(&faults, 3, three, one).rate, Some(900));
        assert_eq!(slow(&faults, 3, three, one).up_to, Duration::from_millis(7));
        assert_eq!(slow(&faults[..2], 3, three, two).rate, None);
    }

    #[test]
    fn a_fault_on_links_did_something_once_all_of_it_did() {
        let told = |fault, lost, packets| {
            let effect = on_links(&fault, lost, Slowed { packets, ..Slowed::default() });
            (effect.effective, effect.measured)
        };
        assert_eq!(told(rough(25, 0), 3, 9), (true, "3 packets lost".to_string()));
        assert_eq!(told(rough(0, 250), 3, 9), (true, "9 packets held back by up to 0.250 s".to_string()));
        assert!(!told(rough(25, 250), 0, 9).0 && !told(rough(25, 250), 3, 0).0 && !told(rough(0, 0), 3, 9).0);
        let delay = Fault::Delay { target: Target::All, by: MS * 1500 };
        assert!(told(delay.clone(), 0, 1).0 && !told(delay, 1, 0).0);
    }

    #[test]
    fn a_narrow_link_did_something_once_a_packet_had_to_wait_or_was_dropped() {
        let told = |dropped, longest| {
            let slowed = Slowed { packets: 12, bytes: 3456, dropped, longest: Duration::from_micros(longest) };
            on_links(&Fault::Bandwidth { target: Target::All, rate: 2000 }, 0, slowed)
        };
        assert_eq!(told(3, 1_020_000).measured, "12 packets of 3456 bytes held back by up to 1.020 s, 3 dropped");
        assert!(told(0, 1000).effective && told(1, 0).effective && !told(0, 999).effective);
    }

    #[test]
    fn each_pair_of_nodes_has_a_link_each_way() {
        let named: Vec<_> = links(3).map(|(from, to)| (from.0, to.0)).collect();
        assert_eq!(named, [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]);
    }
}
