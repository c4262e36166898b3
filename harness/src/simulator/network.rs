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
}

/// All links of a cluster, and what is on its way over them.
#[derive(Debug)]
pub struct Network<M> {
    nodes: usize,
    delay: (Time, Time),
    links: Vec<Link>,
    rough: Vec<Rough>,
    slab: Vec<Option<Envelope<M>>>,
    free: Vec<u32>,
    rng: Rng,
    /// Messages that link faults lost, doubled or delayed so far.
    pub roughed: u64,
}

#[derive(Clone, Debug, Default)]
struct Link {
    /// How many partitions cut it.
    cuts: u32,
    /// Messages that a cut stopped, ever.
    blocked: u64,
    /// When the latest message sent so far arrives: the next one is not earlier.
    latest: Time,
}

/// A link fault in force, on every link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rough {
    /// Percent.
    pub loss: u32,
    /// Percent.
    pub duplicate: u32,
    /// At most.
    pub delay: Time,
}

impl<M: Clone> Network<M> {
    /// Quiet links between `nodes` nodes.
    pub fn new(nodes: u8, delay: (Time, Time), rng: Rng) -> Self {
        let nodes = usize::from(nodes);
        let links = vec![Link::default(); nodes * nodes];
        Network { nodes, delay, links, rough: Vec::new(), slab: Vec::new(), free: Vec::new(), rng, roughed: 0 }
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

    /// Puts a message on its way; `arrive` is told when each copy arrives, and its place for [`Network::take`].
    pub fn send(&mut self, now: Time, from: NodeId, to: NodeId, message: M, mut arrive: impl FnMut(Time, u32)) {
        if !self.passes(from, to) {
            return;
        }
        if self.rough.is_empty() {
            let at = (now + self.latency()).max(self.link(from, to).latest);
            self.link(from, to).latest = at;
            arrive(at, self.put(Envelope { from, to, message }));
            return;
        }
        let in_order = self.rough.iter().all(|rough| rough.delay == Time::ZERO);
        for mut at in self.rough_arrivals(now) {
            if in_order {
                // What only loses or doubles does not let messages overtake each other.
                at = at.max(self.link(from, to).latest);
                self.link(from, to).latest = at;
            }
            arrive(at, self.put(Envelope { from, to, message: message.clone() }));
        }
    }

    /// When the copies of one message arrive under link faults: none if it is lost, in no order if it is delayed.
    fn rough_arrivals(&mut self, now: Time) -> Vec<Time> {
        let mut arrivals = vec![now + self.latency()];
        for rough in self.rough.clone() {
            if self.rng.percent(rough.loss.into()) {
                self.roughed += 1;
                return Vec::new();
            }
            if self.rng.percent(rough.duplicate.into()) {
                self.roughed += 1;
                arrivals.push(now + self.latency());
            }
            if rough.delay > Time::ZERO {
                self.roughed += 1;
                for at in &mut arrivals {
                    *at += self.rng.between(Time::ZERO, rough.delay);
                }
            }
        }
        arrivals
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

    /// Takes a message that has arrived.
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
