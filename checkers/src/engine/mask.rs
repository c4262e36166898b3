//! Sets of slots: which of the open calls a configuration has taken.
//!
//! A slot is a small number that no two open calls share, so a history of any length needs only as many as it has calls open
//! at once. Up to 256 slots are an array in the configuration itself, more of them a slice on the heap.

use std::hash::Hash;

/// A set of slots.
pub trait Mask: Clone + Eq + Hash {
    /// The empty set, with room for so many slots.
    fn empty(slots: usize) -> Self;
    /// The set in words of 64 slots. All sets of one search have equally many.
    fn words(&self) -> &[u64];
    /// The same, to be changed.
    fn words_mut(&mut self) -> &mut [u64];

    /// True if the slot is in the set.
    #[inline(always)]
    fn has(&self, slot: usize) -> bool {
        self.words()[slot / 64] >> (slot % 64) & 1 == 1
    }
    /// Puts a slot in.
    #[inline(always)]
    fn set(&mut self, slot: usize) {
        self.words_mut()[slot / 64] |= 1 << (slot % 64);
    }
    /// Puts a slot in if that is wanted; without a branch, for what nobody can foresee.
    #[inline(always)]
    fn set_if(&mut self, slot: usize, wanted: bool) {
        self.words_mut()[slot / 64] |= u64::from(wanted) << (slot % 64);
    }
    /// Takes a slot out.
    #[inline(always)]
    fn clear(&mut self, slot: usize) {
        self.words_mut()[slot / 64] &= !(1 << (slot % 64));
    }
    /// True if this set has a slot that the other has not.
    #[inline(always)]
    fn exceeds(&self, other: &Self) -> bool {
        self.words().iter().zip(other.words()).any(|(mine, others)| mine & !others != 0)
    }
    /// Puts all slots of another set in.
    #[inline(always)]
    fn join(&mut self, other: &Self) {
        self.words_mut().iter_mut().zip(other.words()).for_each(|(mine, others)| *mine |= others);
    }
    /// True if no slot is in the set.
    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.words().iter().all(|word| *word == 0)
    }
    /// How many slots are in both sets.
    #[inline(always)]
    fn common(&self, other: &Self) -> u32 {
        self.words().iter().zip(other.words()).map(|(mine, others)| (mine & others).count_ones()).sum()
    }
    /// Bytes on the heap.
    fn heap(&self) -> usize {
        0
    }
}

impl<const WORDS: usize> Mask for [u64; WORDS] {
    fn empty(slots: usize) -> Self {
        assert!(slots <= WORDS * 64, "{slots} slots do not fit into {WORDS} words");
        [0; WORDS]
    }
    #[inline(always)]
    fn words(&self) -> &[u64] {
        self
    }
    #[inline(always)]
    fn words_mut(&mut self) -> &mut [u64] {
        self
    }
}

impl Mask for Box<[u64]> {
    fn empty(slots: usize) -> Self {
        vec![0; slots.div_ceil(64)].into()
    }
    fn words(&self) -> &[u64] {
        self
    }
    fn words_mut(&mut self) -> &mut [u64] {
        self
    }
    fn heap(&self) -> usize {
        self.len() * 8
    }
}
