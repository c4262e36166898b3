//! A register with compare-and-set.

use super::Spec;
use super::cells::{Effect, misses, moves, register};
use super::judge::{Judged, Options, judge_objects, whole};
use super::reading::{Call, Misfit, Told};
use super::register::read_or_write;
use super::values::Values;
use harness::records::Record;

/// See the head of this file.
pub const CAS_REGISTER: Spec = Spec {
    name: "cas-register",
    about: "a register that is also changed from one value to another, if it holds the first; null at first",
    calls: "read (answer: the value), write v, cas [from, to] (fail with error `precondition`: it did not hold `from`)",
    judge,
};

fn judge(records: &[Record], options: &Options) -> Result<Judged, Misfit> {
    judge_objects(records, options, whole, |calls, initial| register(calls, initial, effect))
}

fn effect(call: &Call, values: &mut Values) -> Result<Option<Effect>, Misfit> {
    if call.f() != "cas" {
        let known = "read, write and cas";
        return read_or_write(call, values).unwrap_or_else(|| Err(call.no_such_verb(CAS_REGISTER.name, known)));
    }
    let (from, to) = call.pair(call.asked, "[from, to]")?;
    let (from, to) = (values.number(from), values.number(to));
    Ok(Some(if call.told == Told::No { misses(from) } else { moves(from, to) }))
}
