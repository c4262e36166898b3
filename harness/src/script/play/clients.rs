//! Clients of a schedule: what they ask, and what they may conclude from answers.

use super::{Complaint, Open, Stage};
use crate::history::{ProcessId, What};
use crate::node::{Input, Node, NodeId, RequestId};
use crate::op::Op;
use crate::outcome::{Outcome, Reason};

impl<N: Node> Stage<N> {
    pub(super) fn ask(&mut self, client: usize, node: NodeId, op: &Op) -> Result<(), Complaint> {
        let clients = self.askers.len() as u32;
        let asker = &mut self.askers[client];
        if let Some(open) = asker.open.take() {
            let process = asker.process;
            (asker.process, asker.number) = (ProcessId(process.0 + clients), 0);
            self.record(What::Return { process, op: open.op, outcome: Outcome::Unknown(Reason::TimedOut) });
        }
        let asker = &mut self.askers[client];
        asker.number += 1;
        let (process, id) = (asker.process, RequestId { session: asker.process.0, number: asker.number });
        asker.open = Some(Open { id, op: op.clone(), uncertain: 0 });
        self.record(What::Invoke { process, op: op.clone() });
        self.again(client, node)
    }

    pub(super) fn again(&mut self, client: usize, node: NodeId) -> Result<(), Complaint> {
        let Some(open) = &mut self.askers[client].open else {
            let expected = "a client that waits for an answer".to_string();
            return Err((format!("client {client} has asked nothing that is still open"), expected));
        };
        open.uncertain += 1;
        let (id, op) = (open.id, open.op.clone());
        match self.world.node(node) {
            Some(_) => self.step(node, Input::Request { id, op }),
            None => self.answered(id, Outcome::Failed(Reason::Refused)),
        }
        Ok(())
    }

    /// An answer reaches its client at once. It is a failure only if nobody else may still act on the request.
    pub(super) fn answered(&mut self, id: RequestId, outcome: Outcome) {
        let client = id.session as usize % self.askers.len();
        let asker = &mut self.askers[client];
        let Some(open) = asker.open.as_mut().filter(|open| open.id == id) else { return };
        let over = match outcome {
            Outcome::Ok(_) => true,
            Outcome::Failed(_) => {
                open.uncertain = open.uncertain.saturating_sub(1);
                open.uncertain == 0
            }
            Outcome::Unknown(_) => false,
        };
        if over && let Some(open) = asker.open.take() {
            let process = asker.process;
            self.record(What::Return { process, op: open.op, outcome });
        }
    }
}
