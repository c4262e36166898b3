//! Every object that is fuzzed, as one closed list of questions and what a number holds after each.
//!
//! This is the oracle's own idea of a register or a queue. It knows nothing of the models in `checkers`, on purpose: where
//! the two differ, a history shows it. What an object holds is packed into one number, so that it is copied and compared at once.

use checkers::model::{Kind, Model};

/// A question. Each belongs to one object. Values, keys and elements are small: 0 to 13.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// A register: what does it hold?
    Read,
    /// A register: hold this.
    Write(u8),
    /// A register: hold the second, if it holds the first.
    Swap(u8, u8),
    /// Several registers: what does this one hold?
    ReadAt(u8),
    /// Several registers: let this one hold that.
    WriteAt(u8, u8),
    /// Two registers at once: what do they hold? The answer has both cells, the second four bits higher.
    ReadBoth,
    /// Two registers at once: let them hold these.
    WriteBoth(u8, u8),
    /// Texts under keys: what is under this key?
    Get(u8),
    /// Texts under keys: put this one letter under this key.
    Put(u8, u8),
    /// Texts under keys: append this letter.
    Append(u8, u8),
    /// A counter: how much is it?
    Total,
    /// A counter: add this.
    Add(i8),
    /// A set: take this element in, unless it is there.
    Insert(u8),
    /// A set: take this element out, if it is there.
    Remove(u8),
    /// A set: let this element be in, whether it was or not.
    Include(u8),
    /// A set: let this element be out, whether it was or not.
    Exclude(u8),
    /// A set: is this element there?
    Contains(u8),
    /// A set: which elements are there? The answer has a bit for each.
    All,
    /// A queue: put this at its end.
    Enqueue(u8),
    /// A queue: take its head.
    Dequeue,
    /// A stack: put this on top.
    Push(u8),
    /// A stack: take its top.
    Pop,
    /// A priority queue: put this in.
    Offer(u8),
    /// A priority queue: take the most urgent.
    Take,
    /// A mutex: take it; possible while nobody has it.
    Acquire,
    /// A mutex: give it back; possible while somebody has it.
    Release,
    /// A mutex: take it, unless somebody has it.
    TryAcquire,
    /// A mutex: give it back, unless nobody has it.
    TryRelease,
    /// Names: this name for this owner, unless somebody has it.
    Claim(u8, u8),
    /// Names: free this name, if this owner has it.
    Free(u8, u8),
    /// Names: free this name, whoever has it.
    Evict(u8),
    /// Names: whose is this name?
    Owner(u8),
    /// The user's own type, a lane of tickets: draw the next ticket.
    Draw,
    /// Tickets: how many have been drawn?
    Drawn,
    /// Tickets: begin anew at the first.
    Rewind,
    /// Tickets: skip one, unless that would make a multiple of three.
    Skip,
}

/// An answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Said {
    /// It is done.
    Done,
    /// It saw that its condition did not hold, and changed nothing.
    No,
    /// A value; for texts the letters packed as the object holds them, for `contains` 0 or 1.
    Value(u32),
    /// Nothing is there: a register never written, an empty queue, a name that nobody has.
    Nothing,
}

/// What every object holds at first.
pub const EMPTY: u64 = 0;

/// What the object that held `held` holds after `ask`, and what it says; `None` if it cannot answer now.
pub fn step(held: u64, ask: Ask) -> Option<(u64, Said)> {
    Some(match ask {
        Ask::Read => (held, cell(held)),
        Ask::Write(value) => (u64::from(value) + 1, Said::Done),
        Ask::Swap(from, to) if held == u64::from(from) + 1 => (u64::from(to) + 1, Said::Done),
        Ask::ReadAt(key) => (held, cell(slot(held, key))),
        Ask::WriteAt(key, value) => (with_slot(held, key, u64::from(value) + 1), Said::Done),
        Ask::ReadBoth => (held, Said::Value(held as u32)),
        Ask::WriteBoth(one, other) => ((u64::from(one) + 1) | ((u64::from(other) + 1) << 4), Said::Done),
        Ask::Get(key) => (held, Said::Value(text(held, key) as u32)),
        Ask::Put(key, letter) => (with_text(held, key, u64::from(letter) + 1), Said::Done),
        Ask::Append(key, letter) => (with_text(held, key, text(held, key) << 2 | (u64::from(letter) + 1)), Said::Done),
        Ask::Total => (held, Said::Value(held as u32)),
        Ask::Add(amount) => (held.wrapping_add_signed(i64::from(amount)), Said::Done),
        Ask::Insert(element) if held & bit(element) == 0 => (held | bit(element), Said::Done),
        Ask::Remove(element) if held & bit(element) != 0 => (held & !bit(element), Said::Done),
        Ask::Include(element) => (held | bit(element), Said::Done),
        Ask::Exclude(element) => (held & !bit(element), Said::Done),
        Ask::Contains(element) => (held, Said::Value(u32::from(held & bit(element) != 0))),
        Ask::All => (held, Said::Value(held as u32)),
        Ask::Enqueue(value) | Ask::Push(value) => (pushed(held, value), Said::Done),
        Ask::Dequeue => first(held),
        Ask::Pop => (held >> 4, cell(held & 15)),
        Ask::Offer(value) => (offered(held, value), Said::Done),
        Ask::Take => first(held),
        Ask::Acquire => return (held == 0).then_some((1, Said::Done)),
        Ask::Release => return (held == 1).then_some((0, Said::Done)),
        Ask::TryAcquire if held == 0 => (1, Said::Done),
        Ask::TryRelease if held == 1 => (0, Said::Done),
        Ask::Claim(name, owner) if slot(held, name) == 0 => (with_slot(held, name, u64::from(owner) + 1), Said::Done),
        Ask::Free(name, owner) if slot(held, name) == u64::from(owner) + 1 => (with_slot(held, name, 0), Said::Done),
        Ask::Evict(name) if slot(held, name) != 0 => (with_slot(held, name, 0), Said::Done),
        Ask::Owner(name) => (held, cell(slot(held, name))),
        Ask::Draw => (held + 1, Said::Value(held as u32)),
        Ask::Drawn => (held, Said::Value(held as u32)),
        Ask::Rewind => (0, Said::Done),
        Ask::Skip if !(held + 1).is_multiple_of(3) => (held + 1, Said::Done),
        Ask::Swap(..) | Ask::Insert(_) | Ask::Remove(_) | Ask::Claim(..) | Ask::Free(..) => (held, Said::No),
        Ask::TryAcquire | Ask::TryRelease | Ask::Evict(_) | Ask::Skip => (held, Said::No),
    })
}

/// The same objects for the engine, as a model. The engine is on trial here, not the models of `checkers`: those are asked
/// by records, in `contenders.rs`.
#[derive(Clone, Copy, Debug)]
pub struct Object {
    /// Whether it says how its calls treat states, or leaves the engine to find out.
    pub says_kinds: bool,
}

impl Model for Object {
    type State = u64;
    type Op = Ask;
    type Reply = Said;

    fn init(&self) -> u64 {
        EMPTY
    }

    fn step(&self, held: &u64, ask: &Ask, reply: Option<&Said>) -> Option<u64> {
        let (after, said) = step(*held, *ask)?;
        reply.is_none_or(|reply| *reply == said).then_some(after)
    }

    fn kind(&self, ask: &Ask, reply: Option<&Said>) -> Kind {
        use Ask::*;
        match (ask, reply) {
            _ if !self.says_kinds => Kind::Other,
            (Read | ReadAt(_) | ReadBoth | Get(_) | Total | Contains(_) | All | Owner(_) | Drawn | Add(0), _) => {
                Kind::Pure
            }
            (_, Some(Said::No | Said::Nothing)) => Kind::Pure,
            (Swap(from, to), _) if from == to => Kind::Pure,
            (Write(_) | WriteBoth(..) | Rewind, None | Some(Said::Done)) => Kind::Overwrite,
            _ => Kind::Other,
        }
    }
}

fn cell(held: u64) -> Said {
    held.checked_sub(1).map_or(Said::Nothing, |value| Said::Value(value as u32))
}

fn bit(element: u8) -> u64 {
    1 << element
}

/// Four bits for each key.
fn slot(held: u64, key: u8) -> u64 {
    held >> (4 * key) & 15
}

fn with_slot(held: u64, key: u8, cell: u64) -> u64 {
    held & !(15 << (4 * key)) | cell << (4 * key)
}

/// 32 bits for each of two keys, two for each letter, the last letter lowest.
fn text(held: u64, key: u8) -> u64 {
    held >> (32 * key) & 0xffff_ffff
}

fn with_text(held: u64, key: u8, letters: u64) -> u64 {
    assert!(letters >> 32 == 0, "a text of sixteen letters at most");
    held & !(0xffff_ffff << (32 * key)) | letters << (32 * key)
}

/// Lists have four bits for each of at most sixteen values, the newest lowest.
fn pushed(held: u64, value: u8) -> u64 {
    assert!(held >> 60 == 0, "a list is full");
    held << 4 | (u64::from(value) + 1)
}

/// Takes the oldest, or of a priority queue the smallest.
fn first(held: u64) -> (u64, Said) {
    if held == 0 {
        return (held, Said::Nothing);
    }
    let high = (63 - held.leading_zeros()) / 4 * 4;
    (held & !(15 << high), cell(held >> high))
}

/// A priority queue is kept in order, the largest value lowest.
fn offered(held: u64, value: u8) -> u64 {
    assert!(held >> 60 == 0, "a priority queue is full");
    let cell = u64::from(value) + 1;
    let mut shift = 0;
    while held >> shift & 15 > cell {
        shift += 4;
    }
    let low = held & ((1 << shift) - 1);
    (held - low) << 4 | cell << shift | low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks all in turn and returns the answers.
    fn said(asks: &[Ask]) -> Vec<Option<Said>> {
        let mut held = EMPTY;
        let answer = |ask: &Ask| {
            let (after, said) = step(held, *ask)?;
            held = after;
            Some(said)
        };
        asks.iter().map(answer).collect()
    }

    #[test]
    fn lists_give_back_in_their_own_order() {
        use Ask::*;
        let value = |value| Some(Said::Value(value));
        let last = |asks: &[Ask], count: usize| said(asks).split_off(asks.len() - count);
        let three = [value(2), value(0), value(1), Some(Said::Nothing)];
        let queue = [Enqueue(2), Enqueue(0), Enqueue(1), Dequeue, Dequeue, Dequeue, Dequeue];
        assert_eq!(last(&queue, 4), three);
        let stack = [Push(1), Push(0), Push(2), Pop, Pop, Pop, Pop];
        assert_eq!(last(&stack, 4), three);
        let urgent = [Offer(2), Offer(0), Offer(1), Offer(1), Take, Take, Take, Take, Take];
        assert_eq!(last(&urgent, 5), [value(0), value(1), value(1), value(2), Some(Said::Nothing)]);
        let full: Vec<Ask> = [5, 7, 1, 6, 3, 0, 4, 2].into_iter().map(Offer).chain([Take; 8]).collect();
        assert_eq!(last(&full, 8), (0..8).map(value).collect::<Vec<_>>());
    }

    #[test]
    fn conditions_that_do_not_hold_change_nothing() {
        use Ask::*;
        let (done, no) = (Some(Said::Done), Some(Said::No));
        assert_eq!(said(&[Swap(0, 1), Write(0), Swap(0, 1), Read]), [no, done, done, Some(Said::Value(1))]);
        assert_eq!(said(&[Acquire, Acquire, Release, Release, Acquire]), [done, None, done, None, done]);
        let names = [Claim(1, 0), Claim(1, 2), Owner(1), Owner(0), Free(1, 2), Free(1, 0), Claim(1, 2)];
        let (mine, nobody) = (Some(Said::Value(0)), Some(Said::Nothing));
        assert_eq!(said(&names), [done, no, mine, nobody, no, done, done]);
        assert_eq!(
            said(&[Insert(1), Insert(1), Contains(1), Remove(1), Remove(1)])[1..],
            [no, Some(Said::Value(1)), done, no]
        );
    }

    #[test]
    fn texts_grow_and_counters_go_below_zero() {
        use Ask::*;
        let texts = said(&[Append(1, 0), Append(1, 2), Get(1), Get(0), Put(1, 1), Get(1)]);
        assert_eq!(
            (texts[2], texts[3], texts[5]),
            (Some(Said::Value(0b01_11)), Some(Said::Value(0)), Some(Said::Value(0b10)))
        );
        assert_eq!(said(&[Add(-2), Add(1), Total])[2], Some(Said::Value(-1i32 as u32)));
    }
}
