//! What all checkers ask of a call: was it acknowledged, did it certainly not happen, does its answer fit its question?

use harness::{Call, Op, Outcome, Reply, Value, Verdict};

/// True if the client was told that it is done.
pub fn done(call: &Call) -> bool {
    matches!(call.outcome, Some(Outcome::Ok(Reply::Done)))
}

/// What it was answered, if it was.
pub fn answer<'a>(call: &Call<'a>) -> Option<&'a Reply> {
    match call.outcome {
        Some(Outcome::Ok(reply)) => Some(reply),
        _ => None,
    }
}

/// The values that a read of a register was shown side by side.
pub fn siblings<'a>(call: &Call<'a>) -> Option<&'a [Value]> {
    match (call.op, answer(call)?) {
        (Op::Read { .. }, Reply::Siblings(values)) => Some(values),
        _ => None,
    }
}

/// True if it certainly changed nothing: it failed, or its condition did not hold.
pub fn void(call: &Call) -> bool {
    matches!(call.outcome, Some(Outcome::Failed(_) | Outcome::Ok(Reply::No)))
}

/// Unknown, if any answer does not fit its question: then the adapter is wrong, and no checker can say anything.
pub fn misfit(calls: &[Call]) -> Option<Verdict> {
    let call = calls.iter().find(|call| answer(call).is_some_and(|reply| !fits(call.op, reply)))?;
    let reply = answer(call)?;
    Some(Verdict::Unknown(format!(
        "event {}: {} was answered with {}, which is no answer to it; the client program must be mended",
        call.returned.unwrap_or(call.invoked),
        crate::words::op(call.op),
        crate::words::reply(reply),
    )))
}

fn fits(op: &Op, reply: &Reply) -> bool {
    match op {
        Op::Read { .. } | Op::Owner { .. } => matches!(reply, Reply::Value(_) | Reply::Siblings(_)),
        Op::Stock { .. } => matches!(reply, Reply::Value(_)),
        // They have no condition that could be false.
        Op::Write { .. } | Op::Add { .. } | Op::Remove { .. } => matches!(reply, Reply::Done),
        Op::Cas { .. } | Op::Claim { .. } | Op::Transfer { .. } | Op::Sell { .. } | Op::Refund { .. } => {
            matches!(reply, Reply::Done | Reply::No)
        }
        Op::Balances { accounts } => {
            matches!(reply, Reply::Balances(balances) if balances.len() == usize::from(*accounts))
        }
        Op::Ledger { .. } => matches!(reply, Reply::Ledger(_)),
        Op::Members => matches!(reply, Reply::Elements(_)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script;

    #[test]
    fn an_answer_to_another_question_is_named() {
        let wrong = script::run("0: read x -> done");
        let Some(Verdict::Unknown(why)) = misfit(&wrong.history.calls()) else { panic!("not seen") };
        assert!(why.starts_with("event 2: read `x` was answered with done"), "{why}");
        let short = script::run("0: balances 3 -> [1 2]");
        assert!(misfit(&short.history.calls()).is_some());
        let right = script::run("0: read x -> 5\n1: cas x 1 2 -> no\n2: write x 1 -> unknown");
        assert_eq!(misfit(&right.history.calls()), None);
    }
}
