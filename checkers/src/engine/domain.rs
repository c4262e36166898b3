//! What the engine asks of an object: numbered states, and classes of calls that do the same to every state.

use super::mask::Mask;
use super::open::Open;

/// No state: the call is impossible there.
pub const NONE: u32 = u32::MAX;

/// How calls of a class treat states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treats {
    /// They leave every state as it is, wherever they are possible.
    Pure,
    /// The same, and they are possible in every state but one.
    Absent,
    /// They are possible everywhere and always lead to this state.
    Blind(u32),
    /// Anything else. They are listed under this number, see [`Domain::list`].
    Other(u32),
}

/// An object with numbered states.
pub trait Domain {
    /// True if [`Open::pure_classes`] is needed.
    const LISTS_PURE: bool;

    /// How many classes of calls there are.
    fn classes(&self) -> usize;
    /// How many lists of other classes there are.
    fn lists(&self) -> usize;
    /// How calls of this class treat states.
    fn treats(&self, class: u32) -> Treats;
    /// The list of those other classes that may be possible in this state. Those of list 0 may be so in any.
    fn list(&self, state: u32) -> u32;
    /// The state after a call of this class, or [`NONE`].
    fn step(&mut self, state: u32, class: u32) -> u32;
    /// Puts every open pure call that is possible in this state into the mask.
    fn take<M: Mask>(&mut self, state: u32, open: &Open<M>, mask: &mut M);
    /// True if an open pure call that is not in the mask is possible in this state.
    fn awaited<M: Mask>(&mut self, state: u32, open: &Open<M>, mask: &M) -> bool;
    /// The states that calls of these classes tell apart, for a window that may begin in any; one stands for all others. `None` if
    /// nobody can list them.
    fn anywhere(&self, classes: &[u32]) -> Option<Vec<u32>>;
    /// Bytes that the domain has come to hold, beyond those at its start.
    fn bytes(&self) -> u64;
}
