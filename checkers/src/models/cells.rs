//! One cell that holds one value: what registers, locks, names that can be claimed and the elements of a set have in
//! common. Each of their calls needs something there and puts something there, so one fast path decides them all.

use super::judge::{Object, Part, ruled, typed};
use super::reading::{Call, Misfit};
use super::values::Values;
use crate::engine::Tuning;
use crate::engine::register::{self, Access};
use crate::model::{Answer, Called, Kind, Limits, Model};
use crate::monitors::zones::{self, Touch};
use harness::records::Datum;

pub use crate::engine::register::{Effect, Needs};

/// A cell with its values.
#[derive(Clone, Debug)]
pub struct Cell {
    initial: u32,
    values: Values,
    register: bool,
}

impl Model for Cell {
    type State = u32;
    type Op = Effect;
    /// Everything that was answered is in the effect.
    type Reply = ();

    fn init(&self) -> u32 {
        self.initial
    }

    fn step(&self, held: &u32, effect: &Effect, reply: Option<&()>) -> Option<u32> {
        register::Cell { initial: self.initial }.step(held, effect, reply)
    }

    fn kind(&self, effect: &Effect, reply: Option<&()>) -> Kind {
        register::Cell { initial: self.initial }.kind(effect, reply)
    }
}

impl Object for Cell {
    fn is_register(&self) -> bool {
        self.register && self.values.all()[self.initial as usize] == Datum::Nil
    }

    fn decide(&self, calls: &[Called<Effect, ()>], limits: &mut Limits) -> Answer<u32> {
        self.by_zones(calls).unwrap_or_else(|| {
            let place = |place: usize| u32::try_from(place).expect("fewer than 2^32 events");
            let access = |call: &Called<Effect, ()>| Access {
                effect: call.op,
                invoked: place(call.invoked),
                returned: call.answer.map_or(u32::MAX, |(returned, ())| place(returned)),
            };
            let accesses: Vec<Access> = calls.iter().map(access).collect();
            // What it answers is replayed or confirmed by whoever asked for it.
            register::search(self.initial, &accesses, limits, &Tuning::default())
        })
    }

    fn show(&self, held: &u32) -> String {
        self.values.show(*held)
    }

    /// Every value that anybody named: no other is ever there.
    fn states(&self) -> Vec<u32> {
        (0..self.values.all().len() as u32).collect()
    }
}

impl Cell {
    /// Where values are only read and written, each at most once written, zones decide.
    fn by_zones(&self, calls: &[Called<Effect, ()>]) -> Option<Answer<u32>> {
        let mut writes = 0;
        for call in calls {
            match call.op {
                Effect { needs: Needs::Nothing, sets: Some(_) } => writes += 1,
                Effect { needs: Needs::Is(_), sets: None } => {}
                _ => return None,
            }
        }
        // The initial value is one, and not written.
        if writes >= self.values.all().len() {
            return None;
        }
        let access = |call: &Called<Effect, ()>| zones::Access {
            invoked: call.invoked,
            returned: call.returned(),
            deed: match (call.op.sets, call.op.needs) {
                (Some(value), _) => Touch::Wrote(i64::from(value)),
                (None, Needs::Is(value)) => Touch::Read(i64::from(value)),
                (None, needs) => unreachable!("neither a read nor a write: {needs:?}"),
            },
        };
        let accesses: Vec<zones::Access> = calls.iter().map(access).collect();
        Some(ruled(calls, zones::zones(&accesses, i64::from(self.initial))?))
    }
}

/// The calls of one cell. `read` gives the effect of each, or `None` for a call that says nothing.
///
/// # Errors
/// What `read` complains of.
pub fn cell(
    calls: &[Call],
    initial: &Datum,
    read: impl Fn(&Call, &mut Values) -> Result<Option<Effect>, Misfit>,
) -> Result<Part<Cell>, Misfit> {
    let mut values = Values::default();
    let initial = values.number(initial);
    let (calls, indexes) = typed(calls, |call| Ok(read(call, &mut values)?.map(|effect| (effect, ()))))?;
    Ok(Part { model: Cell { initial, values, register: false }, calls, indexes })
}

/// The same for a register; what is wrong with it may have a name.
///
/// # Errors
/// What `read` complains of.
pub fn register(
    calls: &[Call],
    initial: Option<&Datum>,
    read: impl Fn(&Call, &mut Values) -> Result<Option<Effect>, Misfit>,
) -> Result<Part<Cell>, Misfit> {
    let mut part = cell(calls, initial.unwrap_or(&Datum::Nil), read)?;
    part.model.register = true;
    Ok(part)
}

/// A call that is possible where this is held, and leaves it.
pub fn sees(value: u32) -> Effect {
    Effect { needs: Needs::Is(value), sets: None }
}

/// A call that is possible where this is not held, and leaves what is.
pub fn misses(value: u32) -> Effect {
    Effect { needs: Needs::IsNot(value), sets: None }
}

/// A call that is possible everywhere and puts this there.
pub fn puts(value: u32) -> Effect {
    Effect { needs: Needs::Nothing, sets: Some(value) }
}

/// A call that is possible where `from` is held and puts `to` there.
pub fn moves(from: u32, to: u32) -> Effect {
    Effect { needs: Needs::Is(from), sets: Some(to) }
}
