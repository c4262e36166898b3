//! The state machine that a log feeds: data, and what each client session was last told, so that a retry of a request
//! is answered and not applied again (Ongaro 2014, section 6.3).

use crate::data::Data;
use harness::{Op, Reply, RequestId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Data and sessions. Both belong into a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Machine {
    /// What is served.
    pub data: Data,
    /// The last request of each session, and its answer.
    sessions: BTreeMap<u32, (u32, Reply)>,
}

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// It took effect now.
    Fresh(Reply),
    /// It had taken effect before; this is what it was answered.
    Again(Reply),
}

impl Machine {
    /// Applies a command, once.
    pub fn apply(&mut self, id: RequestId, op: &Op) -> Applied {
        if let Some(reply) = self.answered(id) {
            return Applied::Again(reply);
        }
        Applied::Fresh(self.apply_again(id, op))
    }

    /// Applies a command whether it was applied before or not: the deliberate bug.
    pub fn apply_again(&mut self, id: RequestId, op: &Op) -> Reply {
        let reply = self.data.apply(op);
        self.sessions.insert(id.session, (id.number, reply.clone()));
        reply
    }

    /// Forgets what sessions were told: the deliberate bug.
    pub fn forget_sessions(&mut self) {
        self.sessions.clear();
    }

    /// What this request was answered, if it was applied. A session has one request open, so an earlier number is a
    /// late copy of one that has ended; nobody waits for its answer.
    pub fn answered(&self, id: RequestId) -> Option<Reply> {
        let (number, reply) = self.sessions.get(&id.session)?;
        (*number >= id.number).then(|| reply.clone())
    }
}
