//! What a node knows of the requests that clients made at it, so that one that is sent again is not carried out again.
//!
//! It is kept in memory only: a design without a log has nowhere to write down an answer together with what it rests on.
//! Whoever asks again after a crash of the node asks for something new.

use harness::{Reply, RequestId};
use std::collections::BTreeMap;

/// The latest request of each session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Requests {
    latest: BTreeMap<u32, (u32, Option<Reply>)>,
}

/// What a request is to the node that gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It was never seen.
    New,
    /// It is being carried out, or a later one of its session was seen and nobody waits for it any more.
    UnderWay,
    /// It was answered with this.
    Answered(Reply),
}

impl Requests {
    /// Takes note of a request, and says what it is.
    pub fn ask(&mut self, id: RequestId) -> Seen {
        match self.latest.get(&id.session) {
            Some((number, Some(reply))) if *number == id.number => Seen::Answered(reply.clone()),
            Some((number, _)) if *number >= id.number => Seen::UnderWay,
            _ => {
                self.latest.insert(id.session, (id.number, None));
                Seen::New
            }
        }
    }

    /// Takes note of an answer.
    pub fn answered(&mut self, id: RequestId, reply: &Reply) {
        if let Some((_, answer)) = self.latest.get_mut(&id.session).filter(|(number, _)| *number == id.number) {
            *answer = Some(reply.clone());
        }
    }

    /// The request will never be answered: whoever sends it again asks for something new.
    pub fn forget(&mut self, id: RequestId) {
        if self.latest.get(&id.session) == Some(&(id.number, None)) {
            self.latest.remove(&id.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_carried_out_once() {
        let mut requests = Requests::default();
        let id = |number| RequestId { session: 1, number };
        assert_eq!(requests.ask(id(1)), Seen::New);
        assert_eq!(requests.ask(id(1)), Seen::UnderWay);
        requests.answered(id(1), &Reply::Done);
        assert_eq!(requests.ask(id(1)), Seen::Answered(Reply::Done));
        assert_eq!(requests.ask(id(2)), Seen::New);
        assert_eq!(requests.ask(id(1)), Seen::UnderWay);
        requests.forget(id(2));
        assert_eq!(requests.ask(id(2)), Seen::New);
    }
}
