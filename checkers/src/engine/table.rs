//! Any object whose states can be compared: states and classes of calls are numbered as they turn up, and every step is taken once.

use super::domain::{Domain, NONE, Treats};
use super::mask::Mask;
use super::open::Open;
use crate::model::{Kind, Model};
use rustc_hash::FxHashMap;

/// The states and steps of a model that were needed so far.
pub struct Table<'a, M: Model> {
    model: &'a M,
    states: Vec<M::State>,
    numbers: FxHashMap<M::State, u32>,
    classes: Vec<(Option<Call<M>>, Treats)>,
    known: FxHashMap<Call<M>, u32>,
    steps: FxHashMap<(u32, u32), u32>,
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
        let mut table = Table {
            model,
            states: Vec::new(),
            numbers: FxHashMap::default(),
            classes: vec![(None, Treats::Pure)],
            known: FxHashMap::default(),
            steps: FxHashMap::default(),
            weight: 0,
        };
        table.number(model.init());
        table
    }

    /// The class of a call.
    pub fn class(&mut self, op: &M::Op, reply: Option<M::Reply>) -> u32 {
        let key = (op.clone(), reply);
        if let Some(class) = self.known.get(&key) {
            return *class;
        }
        let (op, reply) = &key;
        let treats = match self.model.kind(op, reply.as_ref()) {
            Kind::Pure if reply.is_none() => return SILENT,
            Kind::Pure => Treats::Pure,
            Kind::Overwrite => Treats::Blind(self.overwrite(op, reply.as_ref())),
            Kind::Other => Treats::Other(0),
        };
        let class = self.classes.len() as u32;
        self.classes.push((Some(key.clone()), treats));
        self.known.insert(key, class);
        class
    }

    /// What a number stands for.
    pub fn state(&self, number: u32) -> &M::State {
        &self.states[number as usize]
    }

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

impl<M: Model> Domain for Table<'_, M> {
    const LISTS_PURE: bool = true;

    fn classes(&self) -> usize {
        self.classes.len()
    }
    fn lists(&self) -> usize {
        1
    }
    fn treats(&self, class: u32) -> Treats {
        self.classes[class as usize].1
    }
    fn list(&self, _state: u32) -> u32 {
        0
    }
    fn step(&mut self, state: u32, class: u32) -> u32 {
        if let Some(next) = self.steps.get(&(state, class)) {
            return *next;
        }
        let (Some((op, reply)), treats) = &self.classes[class as usize] else { return NONE };
        let next = self.model.step(&self.states[state as usize], op, reply.as_ref());
        let treats = *treats;
        let next = next.map_or(NONE, |next| self.number(next));
        match treats {
            Treats::Pure | Treats::Absent => {
                assert!(next == NONE || next == state, "the model called a call pure that is not")
            }
            Treats::Blind(to) => assert_eq!(next, to, "the model said of a call that it overwrites, and it does not"),
            Treats::Other(_) => {}
        }
        self.steps.insert((state, class), next);
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
        self.weight + self.steps.len() as u64 * ENTRY / 2
    }
}
