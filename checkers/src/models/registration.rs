//! Names that can be claimed once: user names, leases, leaders of a term.

use super::Spec;
use super::cells::{Effect, Needs, cell, misses, moves, sees};
use super::judge::{Judged, Options, judge_objects, split};
use super::reading::{Call, Misfit, Told};
use super::values::Values;
use harness::records::{Datum, Record};

/// See the head of this file.
pub const REGISTRATION: Spec = Spec {
    name: "registration",
    about: "names that belong to whoever claimed them first, until they are released; nobody's (null) at first",
    calls: "claim [name, owner] (fail with error `precondition`: it was taken), release [name, owner] or [name, null] for \
            whoever has it (fail: it was not theirs), owner [name, null] (answer: [name, owner], null = nobody)",
    judge,
};

const KNOWN: &str = "claim, release and owner";

fn judge(records: &[Record], options: &Options) -> Result<Judged, Misfit> {
    let by_name = |calls| split(calls, "name", |call| Ok(call.pair(call.asked, "[name, owner]")?.0));
    judge_objects(records, options, by_name, |calls, initial| cell(calls, initial.unwrap_or(&Datum::Nil), effect))
}

fn effect(call: &Call, values: &mut Values) -> Result<Option<Effect>, Misfit> {
    let (_, owner) = call.pair(call.asked, "[name, owner]")?;
    let (nobody, somebody) = (values.number(&Datum::Nil), values.number(owner));
    Ok(match (call.f(), call.told, somebody == nobody) {
        ("claim", _, true) => return Err(call.expected("[name, owner] with an owner", call.asked)),
        ("claim", Told::No, _) => Some(misses(nobody)),
        ("claim", _, _) => Some(moves(nobody, somebody)),
        ("release", Told::No, true) => Some(sees(nobody)),
        ("release", Told::No, false) => Some(misses(somebody)),
        ("release", _, true) => Some(Effect { needs: Needs::IsNot(nobody), sets: Some(nobody) }),
        ("release", _, false) => Some(moves(somebody, nobody)),
        ("owner" | "read", Told::Ok(answer), _) => Some(sees(values.number(call.pair(answer, "[name, owner]")?.1))),
        ("owner" | "read", _, _) => None,
        _ => return Err(call.no_such_verb(REGISTRATION.name, KNOWN)),
    })
}
