//! Directed links: latency, order, loss, duplication, cuts. Without a fault a link loses nothing and keeps its order.

use crate::node::NodeId;
use crate::seed::Rng;
use crate::time::Time;

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Envelope<M> {
    /// Who said it.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// What.
    pub message: M,
    /// Its place among the messages of its link.
    number: u64,
    /// Another copy of it was put on its way before.
    copy: bool,
}

/// All links of a cluster, and what is on its way over them.
#[derive(Debug)]
pub struct Network<M> {
    nodes: usize,
    delay: (Time, Time),
    links: Vec<Link>,
    rough: Vec<Rough>,
    /// Nodes whose links are slow now, and by how much.
    slow: Vec<(NodeId, Time)>,
    slab: Vec<Option<Envelope<M>>>,
    free: Vec<u32>,
    rng: Rng,
    /// Messages that link faults lost, doubled or delayed so far.
    pub roughed: u64,
    /// Copies that came to a node after the first one, so far.
    pub doubled: u64,
    /// Messages that came after a later one of their link, so far.
    pub overtaken: u64,
}

#[derive(Clone, Debug, Default)]
struct Link {
    /// How many partitions cut it.
    cuts: u32,
    /// Messages that a cut stopped, ever.
    blocked: u64,
    /// When the latest message sent so far arrives: the next one is not earlier.
    latest: Time,
    /// Messages sent so far.
    sent: u64,
    /// The latest of them that has arrived.
    arrived: u64,
}

/// When a copy arrives: at the link's pace, and how much later than that.
struct Arrival {
    at: Time,
    late: Time,
}

/// A link fault in force, on every link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rough {
    /// Percent.
    pub loss: u32,
    /// Percent.
    pub duplicate: u32,
    /// A further copy, at most.
    pub late: Time,
    /// At most.
    pub delay: Time,
}

impl<M: Clone> Network<M> {
    /// Quiet links between `nodes` nodes.
    pub fn new(nodes: u8, delay: (Time, Time), rng: Rng) -> Self {
        let nodes = usize::from(nodes);
        let links = vec![Link::default(); nodes * nodes];
        Network {
            nodes,
            delay,
            links,
            rough: Vec::new(),
            slow: Vec::new(),
            slab: Vec::new(),
            free: Vec::new(),
            rng,
            roughed: 0,
            doubled: 0,
            overtaken: 0,
        }
    }

    fn link(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        &mut self.links[from.index() * self.nodes + to.index()]
    }

    /// May a message pass from `from` to `to` now? Counts it if not.
    pub fn passes(&mut self, from: NodeId, to: NodeId) -> bool {
        let link = self.link(from, to);
        if from != to && link.cuts > 0 {
            link.blocked += 1;
            return false;
        }
        true
    }

    /// How long a client's message takes.
    pub fn latency(&mut self) -> Time {
        self.rng.between(self.delay.0, self.delay.1)
    }

    /// Puts a message on its way; `arrive` is told when each copy arrives, and its place for [`Network::arrive`].
    pub fn send(&mut self, now: Time, from: NodeId, to: NodeId, message: M, mut arrive: impl FnMut(Time, u32)) {
        if !self.passes(from, to) {
            return;
        }
        self.link(from, to).sent += 1;
        let number = self.link(from, to).sent;
        let slower = self.slower(from, to);
        if self.rough.is_empty() {
            let at = (now + self.latency() + slower).max(self.link(from, to).latest);
            self.link(from, to).latest = at;
            arrive(at, self.put(Envelope { from, to, message, number, copy: false }));
            return;
        }
        // What only loses or doubles does not let messages overtake each other; a late copy does.
        let in_order = self.rough.iter().all(|rough| rough.delay == Time::ZERO);
        let mut first = true;
        for Arrival { at, late } in self.rough_arrivals(now + slower) {
            let mut at = at;
            if in_order {
                let latest = self.link(from, to).latest;
                at = at.max(latest);
                self.link(from, to).latest = at;
            }
            let envelope = Envelope { from, to, message: message.clone(), number, copy: !first };
            arrive(at + late, self.put(envelope));
            first = false;
        }
    }

    /// When the copies of one message arrive under link faults: none if it is lost, in no order if it is delayed.
    fn rough_arrivals(&mut self, now: Time) -> Vec<Arrival> {
        let mut arrivals = vec![Arrival { at: now + self.latency(), late: Time::ZERO }];
        for rough in self.rough.clone() {
            if self.rng.percent(rough.loss.into()) {
                self.roughed += 1;
                return Vec::new();
            }
            if self.rng.percent(rough.duplicate.into()) {
                self.roughed += 1;
                // Two copies or three in all.
                for _ in 0..=self.rng.below(2) {
                    let at = now + self.latency();
                    arrivals.push(Arrival { at, late: self.rng.between(Time::ZERO, rough.late) });
                }
            }
            if rough.delay > Time::ZERO {
                self.roughed += 1;
                for arrival in &mut arrivals {
                    arrival.at += self.rng.between(Time::ZERO, rough.delay);
                }
            }
        }
        arrivals
    }

    /// By how much slow links delay a message, which is counted.
    fn slower(&mut self, from: NodeId, to: NodeId) -> Time {
        let slow = self.slow.iter().filter(|(node, _)| *node == from || *node == to);
        let slower = slow.fold(Time::ZERO, |sum, (_, by)| sum + *by);
        self.roughed += u64::from(slower > Time::ZERO);
        slower
    }

    fn put(&mut self, envelope: Envelope<M>) -> u32 {
        match self.free.pop() {
            Some(place) => {
                self.slab[place as usize] = Some(envelope);
                place
            }
            None => {
                self.slab.push(Some(envelope));
                (self.slab.len() - 1) as u32
            }
        }
    }

    /// Takes a message that has arrived, and counts copies and what was overtaken.
    pub fn arrive(&mut self, place: u32) -> Envelope<M> {
        let envelope = self.take(place);
        let Envelope { from, to, number, copy, .. } = envelope;
        let link = self.link(from, to);
        let late = number < link.arrived;
        link.arrived = link.arrived.max(number);
        self.doubled += u64::from(copy);
        self.overtaken += u64::from(late && !copy);
        envelope
    }
    /// Takes a message off its way.
    pub fn take(&mut self, place: u32) -> Envelope<M> {
        self.free.push(place);
        self.slab[place as usize].take().expect("a message arrives once")
    }
    /// Looks at a message on its way.
    pub fn peek(&self, place: u32) -> &Envelope<M> {
        self.slab[place as usize].as_ref().expect("a message on its way")
    }

    /// Cuts links; returns what [`Network::mend`] needs to say how much they stopped.
    pub fn cut(&mut self, links: &[(NodeId, NodeId)]) -> u64 {
        links
            .iter()
            .map(|(from, to)| {
                let link = self.link(*from, *to);
                link.cuts += 1;
                link.blocked
            })
            .sum()
    }
    /// Mends what was cut, once; returns how many messages were stopped since `before`.
    pub fn mend(&mut self, links: &[(NodeId, NodeId)], before: u64) -> u64 {
        let after: u64 = links
            .iter()
            .map(|(from, to)| {
                let link = self.link(*from, *to);
                link.cuts -= 1;
                link.blocked
            })
            .sum();
        after - before
    }
    /// The links of a node become slow.
    pub fn slow_down(&mut self, node: NodeId, by: Time) {
        self.slow.push((node, by));
    }
    /// They are as fast as before.
    pub fn speed_up(&mut self, node: NodeId, by: Time) {
        let place = self.slow.iter().position(|other| *other == (node, by)).expect("it was in force");
        self.slow.remove(place);
    }
    /// A link fault begins.
    pub fn roughen(&mut self, rough: Rough) {
        self.rough.push(rough);
    }
    /// A link fault ends.
    pub fn smooth(&mut self, rough: Rough) {
        let place = self.rough.iter().position(|other| *other == rough).expect("it was in force");
        self.rough.remove(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;
    use crate::time::{MS, SECOND};

    const N1: NodeId = NodeId(0);
    const N2: NodeId = NodeId(1);

    /// Sends a message every 10 ms, and lets all arrive in the order of their arrival times.
    fn sent(network: &mut Network<u32>, messages: u32) -> Vec<(Time, u32)> {
        let mut arriving = Vec::new();
        for message in 0..messages {
            network.send(MS * 10 * u64::from(message), N1, N2, message, |at, place| arriving.push((at, place)));
        }
        // What arrives at one moment arrives in the order in which it was sent.
        arriving.sort_by_key(|(at, _)| *at);
        arriving.into_iter().map(|(at, place)| (at, network.arrive(place).message)).collect()
    }

    fn quiet() -> Network<u32> {
        Network::new(3, (MS, MS * 5), Seed(1).stream("network"))
    }

    #[test]
    fn slow_links_are_late_in_order_and_so_is_what_comes_after() {
        let mut network = quiet();
        network.slow_down(N2, MS * 500);
        let late = sent(&mut network, 10);
        assert!(late.iter().all(|(at, message)| *at >= MS * (500 + 10 * u64::from(*message))), "{late:?}");
        network.speed_up(N2, MS * 500);
        let after = sent(&mut network, 10);
        assert!(after[0].0 >= late[9].0, "nothing overtakes what is under way");
        assert_eq!((network.roughed, network.doubled, network.overtaken), (10, 0, 0));
        assert_eq!(after.iter().map(|(_, message)| *message).collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    }

    #[test]
    fn copies_come_later_and_first_ones_in_order() {
        let mut network = quiet();
        network.roughen(Rough { loss: 0, duplicate: 100, late: SECOND, delay: Time::ZERO });
        let arrived = sent(&mut network, 100);
        let mut firsts: Vec<u32> = Vec::new();
        for (_, message) in &arrived {
            if !firsts.contains(message) {
                firsts.push(*message);
            }
        }
        assert_eq!(firsts, (0..100).collect::<Vec<_>>());
        assert_eq!(network.doubled, arrived.len() as u64 - 100);
        assert!((130..=170).contains(&network.doubled), "one or two each: {}", network.doubled);
        assert_eq!((network.roughed, network.overtaken), (100, 0));
    }

    #[test]
    fn what_is_delayed_at_random_is_overtaken_and_counted() {
        let mut network = quiet();
        network.roughen(Rough { loss: 0, duplicate: 0, late: Time::ZERO, delay: MS * 250 });
        let arrived = sent(&mut network, 100);
        let mut latest = 0;
        let overtaken = arrived.iter().filter(|(_, message)| {
            let late = *message < latest;
            latest = latest.max(*message);
            late
        });
        assert_eq!(overtaken.count() as u64, network.overtaken);
        assert!(network.overtaken > 10, "{}", network.overtaken);
    }
}
