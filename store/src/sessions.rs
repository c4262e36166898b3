//! What a coordinator remembers of its clients, in memory: a request that is asked again is answered, and not done again.

use harness::{Reply, RequestId};
use std::collections::BTreeMap;

/// The latest request of each session, and its answer once there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sessions {
    latest: BTreeMap<u32, (u32, Option<Reply>)>,
}

/// What is known of a request that comes in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nothing: do it.
    New,
    /// It is under way, or an older one that nobody waits for any more.
    Open,
    /// It was answered so.
    Answered(Reply),
}

impl Sessions {
    /// A request comes in. A session has one request open at a time.
    pub fn ask(&mut self, id: RequestId) -> Known {
        match self.latest.get(&id.session) {
            Some((number, _)) if *number > id.number => Known::Open,
            Some((number, answer)) if *number == id.number => answer.clone().map_or(Known::Open, Known::Answered),
            _ => {
                self.latest.insert(id.session, (id.number, None));
                Known::New
            }
        }
    }
    /// It is answered.
    pub fn answer(&mut self, id: RequestId, reply: &Reply) {
        if let Some((number, answer)) = self.latest.get_mut(&id.session)
            && *number == id.number
        {
            *answer = Some(reply.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_done_once_and_answered_as_often_as_it_is_asked() {
        let mut sessions = Sessions::default();
        let id = |number| RequestId { session: 7, number };
        assert_eq!((sessions.ask(id(1)), sessions.ask(id(1))), (Known::New, Known::Open));
        sessions.answer(id(1), &Reply::Done);
        assert_eq!(sessions.ask(id(1)), Known::Answered(Reply::Done));
        assert_eq!(sessions.ask(id(2)), Known::New);
        sessions.answer(id(1), &Reply::No);
        assert_eq!((sessions.ask(id(1)), sessions.ask(id(2))), (Known::Open, Known::Open));
    }
}
