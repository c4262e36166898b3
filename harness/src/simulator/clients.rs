//! Simulated clients: the store's client beside its home node, and its way to other nodes.

use super::{Event, Simulator};
use crate::client::Move;
use crate::cluster::Happening;
use crate::history::ProcessId;
use crate::node::{Input, Node, NodeId, RequestId};
use crate::op::{Op, Reply};
use crate::outcome::{Outcome, Reason};
use crate::time::Time;

impl<N: Node> Simulator<N> {
    /// A process asks.
    pub(super) fn begin(&mut self, process: ProcessId, op: Op, first: Option<NodeId>) {
        let client = process.0 % self.clients.len() as u32;
        let (session, number) = &mut self.asked[client as usize];
        if *session != process {
            (*session, *number) = (process, 0);
        }
        *number += 1;
        let id = RequestId { session: process.0, number: *number };
        let next = self.clients[client as usize].begin(self.now, id, op, first, &self.settings);
        self.queue.push(self.now + self.settings.request_timeout, Event::Deadline { client, id });
        self.go_on(client, next);
    }

    fn go_on(&mut self, client: u32, next: Move) {
        match next {
            Move::Ask { node, attempt, give_up } => self.ask(client, node, attempt, give_up),
            Move::Pause { until, attempt } => {
                if let Some(open) = self.clients[client as usize].open() {
                    self.queue.push(until, Event::AskAgain { client, id: open.id, attempt });
                }
            }
            Move::Done(outcome) => {
                let process = self.asked[client as usize].0;
                self.happenings.push_back(Happening::Answered(process, outcome));
            }
            Move::Wait => {}
        }
    }

    fn ask(&mut self, client: u32, node: NodeId, attempt: u32, give_up: Time) {
        let asker = &self.clients[client as usize];
        let open = asker.open().expect("it asks because a request is open");
        let id = open.id;
        let request = Box::new((node, id, open.op.clone()));
        if self.network.passes(asker.home(), node) {
            let at = self.now + self.network.latency();
            self.queue.push(at, Event::Request(request));
        }
        if give_up < Time::NEVER {
            self.queue.push(give_up, Event::GiveUp { client, id, attempt });
        }
    }

    /// A request arrives at a node, or at a closed port, unless its way was cut meanwhile.
    pub(super) fn requested(&mut self, (node, id, op): (NodeId, RequestId, Op)) {
        let home = self.clients[(id.session % self.clients.len() as u32) as usize].home();
        if !self.network.passes(home, node) {
            return;
        }
        if self.world.node(node).is_some() {
            let world = &self.world;
            self.seen.asked(node, id, |node| world.view(node));
            return self.step(node, Input::Request { id, op });
        }
        let at = self.now + self.network.latency();
        self.queue.push(at, Event::Answer(Box::new((node, id, Outcome::Failed(Reason::Refused)))));
    }

    /// A node says how a request ended.
    pub(super) fn replied(&mut self, node: NodeId, id: RequestId, outcome: &Outcome) {
        let asker = &self.clients[(id.session % self.clients.len() as u32) as usize];
        if let (Outcome::Ok(reply), Some(open)) = (outcome, asker.open().filter(|open| open.id == id)) {
            self.seen.answered(node, self.now, !open.op.is_read() && *reply != Reply::No);
        }
    }

    /// An answer arrives beside the home of whoever asked.
    pub(super) fn answered(&mut self, (node, id, outcome): (NodeId, RequestId, Outcome)) {
        let client = id.session % self.clients.len() as u32;
        let asker = &mut self.clients[client as usize];
        if asker.open().is_none_or(|open| open.id != id) || !self.network.passes(node, asker.home()) {
            return;
        }
        let next = asker.answered(self.now, node, outcome);
        self.go_on(client, next);
    }

    pub(super) fn ask_again(&mut self, client: u32, id: RequestId, attempt: u32) {
        let next = self.clients[client as usize].ask_again(self.now, id, attempt, &self.settings);
        self.go_on(client, next);
    }

    pub(super) fn give_up(&mut self, client: u32, id: RequestId, attempt: u32) {
        let next = self.clients[client as usize].attempt_timed_out(self.now, id, attempt, &self.settings);
        self.go_on(client, next);
    }

    pub(super) fn deadline(&mut self, client: u32, id: RequestId) {
        let next = self.clients[client as usize].deadline(id);
        self.go_on(client, next);
    }
}
