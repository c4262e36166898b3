//! The one part of linearizability that a quorum keeps without writing back: no read returns what had been overwritten by the time it
//! was asked. Reads that see a write under way and then miss it are allowed, and so are lost updates.

use super::classes::{Class, Contradiction, contradictions};
use super::{register, story};
use crate::{calls, script, words};
use harness::{Budget, Call, Checker, Opinion, Run, Verdict};

/// See the head of this file.
pub const NO_STALE_AFTER_ACK: Checker = Checker {
    name: "no-stale-after-ack",
    about: "no read returns what an acknowledged write had overwritten before the read was asked",
    check,
    trap: || script::run("0: write x 1 -> done\n1: write x 2 -> done\n2: read x -> 1"),
};

fn check(run: &Run, budget: Budget) -> Opinion {
    let calls = run.history.calls();
    if let Some(unknown) = calls::misfit(&calls) {
        return Opinion::new(NO_STALE_AFTER_ACK.name, unknown);
    }
    let registers = register::registers(&calls);
    // Every answer is held against every other call of its register.
    let pairs: u64 = registers.values().map(|entries| (entries.len() as u64).pow(2)).sum();
    if pairs > budget.steps {
        let why = format!("{pairs} pairs of calls are more than the budget of {} steps allows", budget.steps);
        return Opinion::new(NO_STALE_AFTER_ACK.name, Verdict::Unknown(why));
    }
    let stale = |found: &Contradiction| found.class == Class::StaleAfterAck;
    let mut worst: Option<(usize, Verdict)> = None;
    let (mut answers, mut found) = (0, 0);
    for (key, entries) in &registers {
        for wrong in 0..entries.len() {
            answers += usize::from(entries[wrong].call.act.saw().is_some() && entries[wrong].certain().is_some());
            let Some(why) = contradictions(entries, wrong, usize::MAX).into_iter().find(stale) else { continue };
            found += 1;
            let at = entries[wrong].of.returned.unwrap_or(usize::MAX);
            if worst.as_ref().is_none_or(|(earlier, _)| at < *earlier) {
                let (sentences, proof) = story::tell(run, key, entries, &why);
                let proof: Vec<&Call> = proof.into_iter().map(|index| entries[index].of).collect();
                let (events, table) = (words::events(&proof), words::table(run, &proof));
                worst =
                    Some((at, words::violated(NO_STALE_AFTER_ACK.name, why.class.name(), sentences, events, table)));
            }
        }
    }
    let verdict = match worst {
        Some((_, verdict)) => verdict,
        None if answers == 0 => Verdict::Vacuous("no answer showed what a register held".to_string()),
        None => Verdict::Held,
    };
    let note = format!("{} that show what a register held, {found} stale", words::count(answers, "answer"));
    Opinion { notes: vec![note], ..Opinion::new(NO_STALE_AFTER_ACK.name, verdict) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_overwritten_before_is_stale() {
        let class = |text| script::class(&NO_STALE_AFTER_ACK, text);
        assert_eq!(class("0: write x 1 -> done\n1: write x 2 -> done\n2: read x -> 1"), "stale-after-ack");
        assert_eq!(class("0: write x 1 -> done\n1: read x -> nothing"), "stale-after-ack");
        for legal in [
            "0: write x 1 -> done\n1: write x 2 -> done\n2: read x -> 2",
            // New, then old, while the write is under way.
            "0: write x 1 -> done\n1: write x 2\n2: read x -> 2\n3: read x -> 1\n1: -> done",
            // Two changes from one value.
            "0: write x 1 -> done\n1: cas x 1 2\n2: cas x 1 3\n1: -> done\n2: -> done\n3: read x -> 3",
            "0: write x 1 -> unknown\n1: write x 2 -> done\n2: read x -> 1",
        ] {
            assert_eq!(class(legal), "held", "{legal}");
        }
        assert_eq!(class("0: write x 1 -> done"), "vacuous");
    }
}
