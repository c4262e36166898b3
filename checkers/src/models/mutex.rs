//! A lock that one at a time can hold.

use super::Spec;
use super::cells::{Effect, cell, moves, sees};
use super::judge::{Judged, Options, judge_objects, whole};
use super::reading::{Call, Misfit, Told};
use super::values::Values;
use harness::records::{Datum, Record};

/// See the head of this file.
pub const MUTEX: Spec = Spec {
    name: "mutex",
    about: "a lock; free at first. Whoever releases it need not be who acquired it",
    calls: "acquire, release (fail with error `precondition`: it was held, or was free); values are not looked at",
    judge,
};

fn judge(records: &[Record], options: &Options) -> Result<Judged, Misfit> {
    judge_objects(records, options, whole, |calls, initial| {
        let initial = match initial {
            None | Some(Datum::Nil) => free(),
            Some(word) if *word == free() || *word == held() => word.clone(),
            Some(Datum::Text(text)) if ["free", "held"].contains(&text.as_str()) => Datum::Word(text.clone()),
            Some(other) => return Err(Misfit::initial("free or held", other)),
        };
        cell(calls, &initial, effect)
    })
}

fn effect(call: &Call, values: &mut Values) -> Result<Option<Effect>, Misfit> {
    let (free, held) = (values.number(&free()), values.number(&held()));
    let (from, to) = match call.f() {
        "acquire" => (free, held),
        "release" => (held, free),
        _ => return Err(call.no_such_verb(MUTEX.name, "acquire and release")),
    };
    Ok(Some(if call.told == Told::No { sees(to) } else { moves(from, to) }))
}

fn free() -> Datum {
    Datum::Word("free".to_string())
}

fn held() -> Datum {
    Datum::Word("held".to_string())
}
