//! `ml-crdt`: every node takes writes, and states are joined so that nothing that was done is undone.
//!
//! An operation is answered as soon as the node's own disk has it; then the node's whole state is told to the others, and
//! they join it to theirs. The set and the accounts have data types of their own ([`state`], [`elements`]); registers and
//! names are "the last writer wins", by stamps that are larger than every stamp the node has seen.
//! What needs a look at all replicas at once, such as "never below zero" or "only one owner", no such type can promise.

mod elements;
mod state;

use crate::data::{Data, Decision, decide, digest, sees};
use crate::design::{About, Design, Setup, Switch};
use crate::desk::Desk;
use crate::gossip::Gossip;
use crate::replica::Stamp;
use harness::client::Style;
use harness::{Input, LocalClock, Node, NodeId, Op, Outbox, Reply, RequestId, Time, View, marks, timers};
pub use state::State;
use state::Transfer;
use std::sync::Arc;

/// What every node is told.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    nodes: u8,
    gossip: Time,
    /// The deliberate bug.
    sloppily: bool,
}

timers! {
    /// A node's timers.
    pub enum Clock {
        /// Time to compare replicas.
        Gossip,
    }
}

marks! {
    /// What may matter to a plan or a reader.
    pub enum Sign {
        /// What only a deliberate bug does was done.
        Strayed = "strayed",
    }
}

/// A node of `ml-crdt`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Crdt {
    config: Config,
    id: NodeId,
    /// Shared with what is on its way, to the disk or to others: states travel whole and are long.
    state: Arc<State>,
    desk: Desk<Arc<State>>,
}

impl Design for Crdt {
    const MODES: &'static [About] = &[About {
        name: "ml-crdt",
        about: "multi-leader, states that can be joined in any order: an observed-remove set, counters that go up and down",
        source: "Shapiro, Preguiça, Baquero and Zawirski, \"Conflict-free replicated data types\" (2011)",
        style: Style::Sticky,
        switches: &[Switch {
            name: "adding-join",
            about: "a join adds up what counters have gone up by, in place of taking the larger",
        }],
    }];

    fn config(setup: &Setup) -> Config {
        let gossip = setup.settings.election_low;
        Config { nodes: setup.nodes, gossip, sloppily: setup.has("adding-join") }
    }
}

impl Node for Crdt {
    type Config = Config;
    type Message = Gossip<Arc<State>>;
    type Timer = Clock;
    type Mark = Sign;
    type Record = Arc<State>;
    type Durable = Arc<State>;

    fn fold(durable: &mut Arc<State>, record: Arc<State>) {
        *durable = record;
    }

    fn new(config: &Config, id: NodeId) -> Self {
        Crdt { config: config.clone(), id, state: Arc::default(), desk: Desk::new(id, config.nodes) }
    }

    fn step(&mut self, _: LocalClock, input: Input<Self>, out: &mut Outbox<Self>) {
        match input {
            Input::Start(state) => {
                self.state = state;
                out.set_timer(Clock::Gossip, self.config.gossip, self.config.gossip);
            }
            Input::Receive { from, message } => self.receive(from, message, out),
            Input::Request { id, op } => self.request(id, &op, out),
            Input::Fire(Clock::Gossip) => {
                self.desk.compare(digest(&self.state), out);
                out.set_timer(Clock::Gossip, self.config.gossip, self.config.gossip);
            }
            Input::Persisted { records } => self.desk.persisted(records, out),
        }
    }

    fn view(&self) -> View {
        View::default()
    }

    fn digest(&self) -> u64 {
        digest(&self.state)
    }
}

impl Crdt {
    fn request(&mut self, id: RequestId, op: &Op, out: &mut Outbox<Self>) {
        if !self.desk.takes(id, out) {
            return;
        }
        if op.is_read() {
            return self.desk.answer(id, self.look(op), out);
        }
        let reply = self.change(op);
        if reply == Reply::No {
            return self.desk.answer(id, reply, out);
        }
        self.desk.write(self.state.clone(), (id, reply), self.state.clone(), out);
    }

    fn look(&self, op: &Op) -> Reply {
        let State { elements, accounts, .. } = &*self.state;
        match *op {
            Op::Members => Reply::Elements(elements.members()),
            Op::Balances { accounts: count } => {
                Reply::Balances((0..count).map(|account| accounts.balance(account)).collect())
            }
            Op::Ledger { accounts: count } => {
                Reply::Ledger((0..count).flat_map(|account| accounts.postings(account)).collect())
            }
            _ => self.decide(op).reply,
        }
    }

    /// Does an operation to the own state, in one step.
    fn change(&mut self, op: &Op) -> Reply {
        let state = &mut self.state;
        match *op {
            Op::Add { element } => Arc::make_mut(state).elements.add(self.id, element),
            Op::Remove { element } => Arc::make_mut(state).elements.remove(element),
            Op::Transfer { id, from, to, amount } => {
                let done = Arc::make_mut(state).accounts.transfer(self.id, Transfer { id, from, to, amount });
                return if done { Reply::Done } else { Reply::No };
            }
            _ => return self.change_cells(op),
        }
        Reply::Done
    }

    fn decide(&self, op: &Op) -> Decision {
        let seen = self.state.cells.select(&sees(op));
        decide(op, &seen.into_iter().map(|(cell, _, content)| (cell, content)).collect::<Data>())
    }

    fn change_cells(&mut self, op: &Op) -> Reply {
        let Decision { writes, reply } = self.decide(op);
        if !writes.is_empty() {
            let cells = &mut Arc::make_mut(&mut self.state).cells;
            let stamp = Stamp { clock: cells.clock() + 1, tie: 0, node: self.id };
            cells.merge_all(writes.into_iter().map(|(cell, content)| (cell, stamp, content)).collect());
        }
        reply
    }

    fn receive(&mut self, from: NodeId, message: Gossip<Arc<State>>, out: &mut Outbox<Self>) {
        let (news, answer) = message.open(|| digest(&self.state));
        if let Some(news) = news {
            let joined = self.state.joined(&news, self.config.sloppily);
            if self.config.sloppily && joined != self.state.joined(&news, false) {
                out.mark(Sign::Strayed);
            }
            if joined != *self.state {
                self.state = Arc::new(joined);
                self.desk.keep(self.state.clone(), out);
            }
        }
        if let Some(answer) = answer {
            self.desk.tell(from, answer(self.state.clone()), out);
        }
    }
}
