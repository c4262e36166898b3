//! A register: holds what was written last.

use super::Spec;
use super::cells::{Effect, puts, register, sees};
use super::judge::{Judged, Options, judge_objects, whole};
use super::reading::{Call, Misfit, Told};
use super::values::Values;
use harness::records::Record;

/// See the head of this file.
pub const REGISTER: Spec = Spec {
    name: "register",
    about: "holds what was written last; null at first",
    calls: "read (answer: the value), write v",
    judge,
};

fn judge(records: &[Record], options: &Options) -> Result<Judged, Misfit> {
    judge_objects(records, options, whole, |calls, initial| {
        register(calls, initial, |call, values| {
            read_or_write(call, values).unwrap_or_else(|| Err(call.no_such_verb(REGISTER.name, "read and write")))
        })
    })
}

/// The effect of a read or write, `None` if it is neither. Nobody learns of a read without answer, and a read or write has
/// no condition that could have failed: these say nothing.
pub fn read_or_write(call: &Call, values: &mut Values) -> Option<Result<Option<Effect>, Misfit>> {
    let effect = match (call.f(), call.told) {
        ("read", Told::Ok(value)) => Some(sees(values.number(value))),
        ("write", Told::Ok(_) | Told::Unknown) => Some(puts(values.number(call.asked))),
        ("read" | "write", _) => None,
        _ => return None,
    };
    Some(Ok(effect))
}
