//! A type of somebody's own, with a `Model` as short as they come: the engine knows nothing of it.

use checkers::model::{Kind, Model};

/// A lane that hands out tickets 0, 1, 2 and so on.
pub struct Tickets;

/// What can be asked of the lane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TicketOp {
    /// Draw the next ticket.
    Draw,
    /// How many have been drawn?
    Drawn,
    /// Begin anew at the first.
    Rewind,
    /// Skip one, unless that would make a multiple of three.
    Skip,
}

/// What the lane answers: how much, or whether it did so.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TicketReply {
    /// A ticket or a count.
    Number(u32),
    /// Whether it was done.
    Done(bool),
}

impl Model for Tickets {
    /// Everything handed out since the last rewind, skipped ones too.
    type State = Vec<u32>;
    type Op = TicketOp;
    type Reply = TicketReply;

    fn init(&self) -> Vec<u32> {
        Vec::new()
    }

    fn step(&self, lane: &Vec<u32>, op: &TicketOp, reply: Option<&TicketReply>) -> Option<Vec<u32>> {
        let next = lane.len() as u32;
        let longer = || lane.iter().copied().chain([next]).collect();
        let (after, answer) = match op {
            TicketOp::Draw => (longer(), TicketReply::Number(next)),
            TicketOp::Drawn => (lane.clone(), TicketReply::Number(next)),
            TicketOp::Rewind => (Vec::new(), TicketReply::Done(true)),
            TicketOp::Skip if next % 3 == 2 => (lane.clone(), TicketReply::Done(false)),
            TicketOp::Skip => (longer(), TicketReply::Done(true)),
        };
        reply.is_none_or(|reply| *reply == answer).then_some(after)
    }

    fn kind(&self, op: &TicketOp, reply: Option<&TicketReply>) -> Kind {
        match (op, reply) {
            (TicketOp::Drawn, _) | (TicketOp::Skip, Some(TicketReply::Done(false))) => Kind::Pure,
            (TicketOp::Rewind, None | Some(TicketReply::Done(true))) => Kind::Overwrite,
            _ => Kind::Other,
        }
    }
}
