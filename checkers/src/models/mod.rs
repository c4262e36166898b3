//! The objects that histories are checked against. To add one, write a file with a `const` of type [`Spec`], its `mod` line
//! and its line in [`MODELS`].

pub mod cas_register;
pub mod cells;
mod classes;
pub mod collection;
pub mod counter;
pub mod judge;
pub mod kv;
pub mod multi_register;
pub mod mutex;
pub mod priority_queue;
pub mod queue;
pub mod reading;
pub mod register;
pub mod registration;
pub mod set;
pub mod stack;
mod story;
#[cfg(test)]
mod tests;
pub mod values;

pub use judge::{Judged, Options, judge};
pub use reading::Misfit;

use harness::records::Record;

/// An object that histories can be checked against.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// As on the command line.
    pub name: &'static str,
    /// One sentence: what it does, and what it holds at first.
    pub about: &'static str,
    /// Its verbs, with the values that they are asked and answered with.
    pub calls: &'static str,
    /// Judges records by it; see [`judge()`].
    pub judge: fn(&[Record], &Options) -> Result<Judged, Misfit>,
}

/// Every model, in the order in which they are listed to users.
pub const MODELS: &[Spec] = &[
    register::REGISTER,
    cas_register::CAS_REGISTER,
    multi_register::MULTI_REGISTER,
    kv::KV,
    counter::COUNTER,
    set::SET,
    queue::QUEUE,
    stack::STACK,
    priority_queue::PRIORITY_QUEUE,
    mutex::MUTEX,
    registration::REGISTRATION,
];

/// The model of this name, as on the command line.
pub fn find(name: &str) -> Option<&'static Spec> {
    MODELS.iter().find(|model| model.name == name)
}
