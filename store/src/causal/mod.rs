//! `ml-dvv` and `ml-vv-naive`: every node takes writes, and what was written side by side is kept side by side.
//!
//! A store like Dynamo or Riak has no operation that reads and writes at once: a client *gets* what is there and then comes
//! back to *put* something in its place, together with the context that it was given. Between the two others may put. So an
//! operation that writes is two visits here, [`Clock::Put`] apart; one that only reads is one. A put is answered as soon as
//! the node's own disk has it, and is told to the others afterwards. What overwrites what is in [`versions`], what operations
//! make of siblings in [`programs`].

mod programs;
mod versions;

use crate::design::{About, Design, Setup, Switch};
use crate::desk::Desk;
use crate::gossip::Gossip;
use harness::client::Style;
use harness::{Input, LocalClock, Node, NodeId, Op, Outbox, Reply, RequestId, Time, View, marks, timers};
use programs::{Put, decide};
use std::collections::VecDeque;
use versions::Rule;
pub use versions::{Siblings, Versions};

/// What every node is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    nodes: u8,
    gossip: Time,
    /// From a client's get to its put: its way there and back.
    visit: (Time, Time),
    rule: Rule,
    /// The deliberate bug.
    collect: bool,
}

timers! {
    /// A node's timers.
    pub enum Clock {
        /// Time to compare replicas.
        Gossip,
        /// The client that has waited longest since its get comes to put.
        Put,
    }
}

marks! {
    /// What may matter to a plan or a reader.
    pub enum Sign {
        /// A put left siblings behind: somebody else had put since its get.
        Siblings = "siblings",
        /// What only a deliberate bug does was done.
        Strayed = "strayed",
    }
}

/// A client between its get and its put.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Visit {
    id: RequestId,
    puts: Vec<Put>,
    reply: Reply,
}

/// A node of `ml-dvv` or `ml-vv-naive`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Causal {
    config: Config,
    id: NodeId,
    versions: Versions,
    /// The oldest first.
    visits: VecDeque<Visit>,
    desk: Desk<Vec<Siblings>>,
}

impl Design for Causal {
    const MODES: &'static [About] = &[
        About {
            name: "ml-dvv",
            about: "multi-leader, dotted version vectors: what was written side by side is shown side by side",
            source: "Preguiça, Baquero et al., \"Dotted version vectors\" (2010, arXiv 1011.5808); Riak",
            style: Style::Sticky,
            switches: &[Switch {
                name: "collect-early",
                about: "a write of the set forgets which elements were removed before",
            }],
        },
        About {
            name: "ml-vv-naive",
            about: "multi-leader, one version vector entry a server: a larger vector overwrites, whoever had seen what",
            source: "Preguiça, Baquero et al., \"Dotted version vectors\" (2010), section 3: vectors with one entry a server",
            style: Style::Sticky,
            switches: &[],
        },
    ];

    fn config(setup: &Setup) -> Config {
        let settings = &setup.settings;
        Config {
            nodes: setup.nodes,
            gossip: settings.election_low,
            visit: (settings.delay_low * 2, settings.delay_high * 2),
            rule: if setup.design == "ml-vv-naive" { Rule::Vectors } else { Rule::Dots },
            collect: setup.has("collect-early"),
        }
    }
}

impl Node for Causal {
    type Config = Config;
    type Message = Gossip<Vec<Siblings>>;
    type Timer = Clock;
    type Mark = Sign;
    type Record = Vec<Siblings>;
    type Durable = Versions;

    fn fold(durable: &mut Versions, record: Vec<Siblings>) {
        record.into_iter().for_each(|siblings| durable.replace(siblings));
    }

    fn new(config: &Config, id: NodeId) -> Self {
        let (versions, visits) = (Versions::default(), VecDeque::new());
        Causal { config: config.clone(), id, versions, visits, desk: Desk::new(id, config.nodes) }
    }

    fn step(&mut self, _: LocalClock, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Start(versions) => {
                self.versions = versions;
                self.versions.rule = self.config.rule;
                out.set_timer(Clock::Gossip, self.config.gossip, self.config.gossip);
            }
            Input::Receive { from, message } => self.receive(from, message, out),
            Input::Request { id, op } => self.get(id, &op, out),
            Input::Fire(Clock::Put) => self.put(out),
            Input::Fire(Clock::Gossip) => {
                self.desk.compare(self.versions.digest(), out);
                out.set_timer(Clock::Gossip, self.config.gossip, self.config.gossip);
            }
            Input::Persisted { records } => self.desk.persisted(records, out),
        }
    }

    fn view(&self) -> View {
        View::default()
    }

    fn digest(&self) -> u64 {
        self.versions.digest()
    }
}

impl Causal {
    /// The first visit of a client.
    fn get(&mut self, id: RequestId, op: &Op, out: &mut Outbox<Self>) {
        if !self.desk.takes(id, out) {
            return;
        }
        let (puts, reply) = decide(op, &self.versions, self.config.collect);
        if self.config.collect && puts != decide(op, &self.versions, false).0 {
            out.mark(Sign::Strayed);
        }
        if puts.is_empty() {
            return self.desk.answer(id, reply, out);
        }
        self.visits.push_back(Visit { id, puts, reply });
        if self.visits.len() == 1 {
            out.set_timer(Clock::Put, self.config.visit.0, self.config.visit.1);
        }
    }

    /// The second visit of the client whose turn it is.
    fn put(&mut self, out: &mut Outbox<Self>) {
        let Some(Visit { id, puts, reply }) = self.visits.pop_front() else { return };
        let put = |(slot, seen, item)| self.versions.put(self.id, slot, seen, item);
        let changed: Vec<Siblings> = puts.into_iter().map(put).collect();
        if changed.iter().any(|(_, versions)| versions.len() > 1) {
            out.mark(Sign::Siblings);
        }
        self.desk.write(changed.clone(), (id, reply), changed, out);
        if !self.visits.is_empty() {
            out.set_timer(Clock::Put, self.config.visit.0, self.config.visit.1);
        }
    }

    fn receive(&mut self, from: NodeId, message: Gossip<Vec<Siblings>>, out: &mut Outbox<Self>) {
        let (news, answer) = message.open(|| self.versions.digest());
        let changed = self.versions.merge(news.unwrap_or_default());
        if !changed.is_empty() {
            self.desk.keep(changed, out);
        }
        if let Some(answer) = answer {
            self.desk.tell(from, answer(self.versions.all()), out);
        }
    }
}
