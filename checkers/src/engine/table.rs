//! Any object whose states can be compared: states and classes of calls are numbered as they turn up, and every step is taken once.
//!
//! [`Table`] knows what the numbers stand for. [`Numbered`] is all that the engine sees of it, so that the engine is built once and not
//! anew for every model; the model is asked, by way of [`Steps`], the first time that a step is taken.

use super::domain::{Domain, NONE, Treats};
use super::mask::Mask;
use super::open::Open;
use crate::model::{Kind, Model};
use rustc_hash::FxHashMap;

/// The states and classes of a model that have turned up so far.
pub struct Table<'a, M: Model> {
    known: FxHashMap<Call<M>, u32>,
    treats: Vec<Treats>,
    /// Steps taken so far: from a state, by a call of a class.
    taken: FxHashMap<(u32, u32), u32>,
    named: Named<'a, M>,
}

/// What numbers stand for.
struct Named<'a, M: Model> {
    model: &'a M,
    states: Vec<M::State>,
    numbers: FxHashMap<M::State, u32>,
    calls: Vec<Option<Call<M>>>,
    /// Bytes of the states, each counted twice: it is a key too.
    weight: u64,
}

/// What was asked and answered.
type Call<M> = (<M as Model>::Op, Option<<M as Model>::Reply>);

/// About what a state, and a step between two, take in tables, beside what the state holds on the heap.
const ENTRY: u64 = 64;

/// The class of calls that tell nothing: they are never possible, and never have to be.
pub const SILENT: u32 = 0;

impl<'a, M: Model> Table<'a, M> {
    /// The initial state is number 0, and there is only the class [`SILENT`].
    pub fn new(model: &'a M) -> Table<'a, M> {
        let mut named =
            Named { model, states: Vec::new(), numbers: FxHashMap::default(), calls: vec![None], weight: 0 };
        named.number(model.init());
        Table { known: FxHashMap::default(), treats: vec![Treats::Pure], taken: FxHashMap::default(), named }
    }

    /// The class of a call.
    pub fn class(&mut self, op: &M::Op, reply: Option<M::Reply>) -> u32 {
        let key = (op.clone(), reply);
        if let Some(class) = self.known.get(&key) {
            return *class;
        }
        let (op, reply) = &key;
        let treats = match self.named.model.kind(op, reply.as_ref()) {
            Kind::Pure if reply.is_none() => return SILENT,
            Kind::Pure => Treats::Pure,
            Kind::Overwrite => Treats::Blind(self.named.overwrite(op, reply.as_ref())),
            Kind::Other => Treats::Other(0),
        };
        let class = self.treats.len() as u32;
        self.treats.push(treats);
        self.named.calls.push(Some(key.clone()));
        self.known.insert(key, class);
        class
    }

    /// What a number stands for.
    pub fn state(&self, number: u32) -> &M::State {
        &self.named.states[number as usize]
    }

    /// The object as the engine sees it. No class may turn up meanwhile.
    pub fn numbered(&mut self) -> Numbered<'_> {
        Numbered { treats: &self.treats, taken: &mut self.taken, steps: &mut self.named }
    }
}

/// Where steps come from that were not taken yet.
trait Steps {
    /// The state after a call of this class, or [`NONE`].
    fn step(&mut self, state: u32, class: u32) -> u32;
    /// Bytes of the states that have turned up.
    fn weight(&self) -> u64;
}

impl<M: Model> Named<'_, M> {
    fn overwrite(&mut self, op: &M::Op, reply: Option<&M::Reply>) -> u32 {
        let state = self.model.step(&self.states[0], op, reply).expect("what overwrites is possible in every state");
        self.number(state)
    }

    fn number(&mut self, state: M::State) -> u32 {
        if let Some(number) = self.numbers.get(&state) {
            return *number;
        }
        let number = self.states.len() as u32;
        self.weight += ENTRY + 2 * self.model.weight(&state) as u64;
        self.states.push(state.clone());
        self.numbers.insert(state, number);
        number
    }
}

impl<M: Model> Steps for Named<'_, M> {
    fn step(&mut self, state: u32, class: u32) -> u32 {
        let Some((op, reply)) = &self.calls[class as usize] else { return NONE };
        let next = self.model.step(&self.states[state as usize], op, reply.as_ref());
        next.map_or(NONE, |next| self.number(next))
    }
    fn weight(&self) -> u64 {
        self.weight
    }
}

/// A table without what its numbers stand for.
pub struct Numbered<'t> {
    treats: &'t [Treats],
    taken: &'t mut FxHashMap<(u32, u32), u32>,
    steps: &'t mut dyn Steps,
}

impl Domain for Numbered<'_> {
    const LISTS_PURE: bool = true;

    fn classes(&self) -> usize {
        self.treats.len()
    }
    fn lists(&self) -> usize {
        1
    }
    fn treats(&self, class: u32) -> Treats {
        self.treats[class as usize]
    }
    fn list(&self, _state: u32) -> u32 {
        0
    }
    fn step(&mut self, state: u32, class: u32) -> u32 {
        if let Some(next) = self.taken.get(&(state, class)) {
            return *next;
        }
        let next = self.steps.step(state, class);
        match self.treats(class) {
            Treats::Pure | Treats::Absent => {
                assert!(next == NONE || next == state, "the model called a call pure that is not")
            }
            Treats::Blind(to) => assert_eq!(next, to, "the model said of a call that it overwrites, and it does not"),
            Treats::Other(_) => {}
        }
        self.taken.insert((state, class), next);
        next
    }
    fn take<S: Mask>(&mut self, state: u32, open: &Open<S>, mask: &mut S) {
        for class in open.pure_classes() {
            if open.classes[class as usize].mask.exceeds(mask) && self.step(state, class) == state {
                mask.join(&open.classes[class as usize].mask);
            }
        }
    }
    fn awaited<S: Mask>(&mut self, state: u32, open: &Open<S>, mask: &S) -> bool {
        open.pure_classes()
            .any(|class| open.classes[class as usize].mask.exceeds(mask) && self.step(state, class) == state)
    }
    fn anywhere(&self, _classes: &[u32]) -> Option<Vec<u32>> {
        None
    }
    fn bytes(&self) -> u64 {
        self.steps.weight() + self.taken.len() as u64 * ENTRY / 2
    }
}
