//! Everything that judges a history, each held against the brute force.

use crate::Tally;
use crate::evidence::examine;
use crate::families::Family;
use crate::objects::{Ask, EMPTY, Object, Said};
use crate::oracle::{Call, NEVER, Oracle, replay, returned};
use crate::recorded::{records, understood};
use crate::tickets::{TicketOp, TicketReply, Tickets};
use checkers::engine::register::{Access, Effect, Needs};
use checkers::engine::{self, Tuning};
use checkers::model::{Answer, Called, Limits, Model};
use checkers::models::{self, Options};
use checkers::monitors::{Deed, Handling, Ruling, priority_queue, queue, stack, zones};
use checkers::plain;
use harness::Verdict;

/// Who was wrong, and how.
pub type Wrong = String;

/// The engine as users get it, and with each of its shortcuts forced: what it would do on large histories only, it does on
/// these.
pub fn tunings() -> Vec<(&'static str, Tuning)> {
    let whole = (usize::MAX, usize::MAX);
    let broad = || Tuning { patience: 0, beams: vec![whole], windows: None, clashes: None, ..Tuning::default() };
    vec![
        ("as it is", Tuning::default()),
        ("clashes as they are", Tuning { shortest: false, ..Tuning::default() }),
        ("clashes when stuck", Tuning { clashes: Some(0), patience: 1, ..Tuning::default() }),
        ("no clashes", Tuning { clashes: None, ..Tuning::default() }),
        ("breadth first", broad()),
        ("beam 1", Tuning { beams: vec![(1, usize::MAX), whole], ..broad() }),
        ("short beams", Tuning { beams: vec![(1, 1), (1, 3), (2, 5), whole], margin: 1, ..broad() }),
        ("windows of 1", Tuning { beams: vec![(1, 1), whole], windows: Some((1, 64)), ..broad() }),
        ("windows of 3", Tuning { beams: vec![(1, usize::MAX), whole], windows: Some((3, 64)), ..broad() }),
        (
            "patience 1",
            Tuning { patience: 1, beams: vec![(1, 1), whole], margin: 1, windows: Some((1, 64)), ..broad() },
        ),
        ("depth only", Tuning { patience: 1_000_000, ..broad() }),
        ("no dominance", Tuning { dominance: false, ..broad() }),
        ("2 words", Tuning { words: 2, ..broad() }),
        ("4 words", Tuning { words: 4, patience: 1, windows: Some((1, 64)), ..broad() }),
        ("5 words", Tuning { words: 5, patience: 1, windows: Some((1, 64)), ..broad() }),
    ]
}

/// What is kept from one history to the next.
pub struct Bench {
    /// The brute force.
    pub oracle: Oracle,
    /// What was counted.
    pub tally: Tally,
    /// Who was asked last, for those who panic.
    pub asked: String,
    tunings: Vec<(&'static str, Tuning)>,
    forced: usize,
}

impl Bench {
    /// With so many of the forced tunings for each history.
    pub fn new(forced: usize) -> Self {
        let tunings = tunings();
        let forced = forced.min(tunings.len() - 1);
        Bench { oracle: Oracle::default(), tally: Tally::default(), asked: String::new(), tunings, forced }
    }
}

/// Asks the brute force, and then everybody else.
///
/// # Errors
/// Who was wrong, and how.
pub fn judge(family: &Family, calls: &[Call], bench: &mut Bench) -> Result<(), Wrong> {
    let legal = bench.oracle.legal(calls, EMPTY);
    bench.tally.legal += u64::from(legal);
    let says_kinds = bench.tally.histories.is_multiple_of(2);
    any_model(&Object { says_kinds }, calls, legal, bench, |call| (call.ask, call.said))?;
    if let Some(accesses) = calls.iter().map(access).collect::<Option<Vec<Access>>>() {
        register(&accesses, calls, legal, bench)?;
    }
    bench.asked = "a monitor".to_string();
    by_monitor(calls, legal, bench)?;
    if let Some(model) = family.model {
        bench.asked.clear();
        bench.asked.push_str("a model of checkers");
        let understood = understood(calls);
        let legal = if understood == calls { legal } else { bench.oracle.legal(&understood, EMPTY) };
        by_records(model, &understood, legal)?;
    }
    family.judges.iter().try_for_each(|judge| judge(calls, legal, bench))
}

/// The user's own type.
///
/// # Errors
/// Who was wrong, and how.
pub fn own_type(calls: &[Call], legal: bool, bench: &mut Bench) -> Result<(), Wrong> {
    any_model(&Tickets, calls, legal, bench, |call| {
        let op = match call.ask {
            Ask::Draw => TicketOp::Draw,
            Ask::Drawn => TicketOp::Drawn,
            Ask::Rewind => TicketOp::Rewind,
            _ => TicketOp::Skip,
        };
        let reply = call.said.map(|said| match said {
            Said::Value(number) => TicketReply::Number(number),
            said => TicketReply::Done(said == Said::Done),
        });
        (op, reply)
    })
}

/// Says the history in a model's words and asks everybody who judges any model.
fn any_model<M: Model>(
    model: &M,
    calls: &[Call],
    legal: bool,
    bench: &mut Bench,
    words: impl Fn(&Call) -> (M::Op, Option<M::Reply>),
) -> Result<(), Wrong> {
    let called = |call: &Call| {
        let (op, reply) = words(call);
        Called {
            op,
            invoked: usize::from(call.invoked),
            answer: reply.map(|reply| (usize::from(call.returned), reply)),
        }
    };
    let called: Vec<Called<M::Op, M::Reply>> = calls.iter().map(called).collect();
    let plainly = plain::search(model, &[model.init()], &called, &mut u64::MAX.clone());
    if plainly != Some(legal) {
        return Err(format!("the plain search says {plainly:?}, the brute force {legal}"));
    }
    each_tuning("the engine", calls, legal, bench, |tuning| {
        engine::check_tuned(model, &called, &mut Limits::default(), tuning)
    })
}

/// The engine's path for objects that hold one value.
fn register(accesses: &[Access], calls: &[Call], legal: bool, bench: &mut Bench) -> Result<(), Wrong> {
    each_tuning("the register engine", calls, legal, bench, |tuning| {
        engine::register::check_tuned(0, accesses, &mut Limits::default(), tuning)
    })
}

fn each_tuning<State>(
    who: &str,
    calls: &[Call],
    legal: bool,
    bench: &mut Bench,
    check: impl Fn(&Tuning) -> Answer<State>,
) -> Result<(), Wrong> {
    let Bench { oracle, tally, tunings, asked, forced } = bench;
    // The first is what users get; of the others so many at a time, all of them in turn.
    let (others, turn) = (tunings.len() - 1, tally.histories as usize * *forced);
    let chosen = (0..*forced).map(|place| 1 + (turn + place) % others);
    for (name, tuning) in std::iter::once(0).chain(chosen).map(|number| &tunings[number]) {
        asked.clear();
        asked.extend([who, ", ", name]);
        let seen = examine(calls, legal, &check(tuning), oracle).map_err(|why| format!("{who}, {name}: {why}"))?;
        tally.windowed += u64::from(seen.windowed);
        tally.unconfirmed += u64::from(seen.unconfirmed);
    }
    Ok(())
}

/// What a call needs and does, if its object holds one value: 0 is null, or a free mutex.
fn access(call: &Call) -> Option<Access> {
    let (is, set) = (|value: u8| u32::from(value) + 1, |value: u8| Some(u32::from(value) + 1));
    let no = call.said == Some(Said::No);
    let (needs, sets) = match (call.ask, call.said) {
        (Ask::Read, None) => (Needs::Nothing, None),
        (Ask::Read, Some(Said::Value(value))) => (Needs::Is(value + 1), None),
        (Ask::Read, Some(_)) => (Needs::Is(0), None),
        (Ask::Write(value), _) => (Needs::Nothing, set(value)),
        (Ask::Swap(from, _), _) if no => (Needs::IsNot(is(from)), None),
        (Ask::Swap(from, to), _) => (Needs::Is(is(from)), set(to)),
        (Ask::TryAcquire, _) if no => (Needs::IsNot(0), None),
        (Ask::TryRelease, _) if no => (Needs::Is(0), None),
        (Ask::Acquire | Ask::TryAcquire, _) => (Needs::Is(0), Some(1)),
        (Ask::Release | Ask::TryRelease, _) => (Needs::IsNot(0), Some(0)),
        _ => return None,
    };
    let returned = if call.returned == NEVER { u32::MAX } else { u32::from(call.returned) };
    Some(Access { effect: Effect { needs, sets }, invoked: u32::from(call.invoked), returned })
}

/// The monitor of such calls, if there is one. What it refutes with must be impossible even if there were no other calls.
fn by_monitor(calls: &[Call], legal: bool, bench: &mut Bench) -> Result<(), Wrong> {
    let Some(ruling) = ruling(calls) else { return Ok(()) };
    bench.tally.ruled += 1;
    match ruling {
        Ruling::Linearizable(order) if legal => {
            replay(calls, EMPTY, &order).map_err(|why| format!("the order of the monitor: {why}"))
        }
        Ruling::Impossible { calls: few, wrong } if !legal => {
            let may = few.iter().fold(0u16, |set, index| set | 1 << index);
            let fine = few.is_sorted_by(|one, other| one < other) && few.contains(&wrong);
            if !fine || bench.oracle.explains(calls, may & returned(calls), may, EMPTY) {
                return Err(format!("the monitor refutes with {few:?}, wrong {wrong}, which alone are possible"));
            }
            Ok(())
        }
        ruling => Err(format!("the monitor: {ruling:?}; the brute force: {legal}")),
    }
}

fn ruling(calls: &[Call]) -> Option<Ruling> {
    const NULL: i64 = -1;
    if let Some(touches) = calls.iter().map(|call| touch(call, NULL)).collect::<Option<Vec<_>>>() {
        return zones::zones(&touches, NULL);
    }
    let handlings = calls.iter().map(handling).collect::<Option<Vec<Handling>>>()?;
    match calls[0].ask {
        Ask::Enqueue(_) | Ask::Dequeue => queue::queue(&handlings),
        Ask::Push(_) | Ask::Pop => stack::stack(&handlings),
        _ => priority_queue::priority_queue(&handlings),
    }
}

fn touch(call: &Call, null: i64) -> Option<zones::Access> {
    let deed = match (call.ask, call.said) {
        (Ask::Write(value), _) => zones::Touch::Wrote(i64::from(value)),
        (Ask::Read, Some(Said::Value(value))) => zones::Touch::Read(i64::from(value)),
        (Ask::Read, _) => zones::Touch::Read(null),
        _ => return None,
    };
    Some(zones::Access { invoked: usize::from(call.invoked), returned: until(call), deed })
}

fn handling(call: &Call) -> Option<Handling> {
    let deed = match (call.ask, call.said) {
        (Ask::Enqueue(value) | Ask::Push(value) | Ask::Offer(value), _) => Deed::Put(i64::from(value)),
        (Ask::Dequeue | Ask::Pop | Ask::Take, None) => Deed::Asked,
        (Ask::Dequeue | Ask::Pop | Ask::Take, Some(Said::Value(value))) => Deed::Took(i64::from(value)),
        (Ask::Dequeue | Ask::Pop | Ask::Take, Some(_)) => Deed::FoundEmpty,
        _ => return None,
    };
    Some(Handling { invoked: usize::from(call.invoked), returned: until(call), deed })
}

fn until(call: &Call) -> usize {
    if call.returned == NEVER { usize::MAX } else { usize::from(call.returned) }
}

/// A model of `checkers`, given records as a file has them: it splits, types, asks monitors or the engine, and puts orders together.
fn by_records(model: &str, calls: &[Call], legal: bool) -> Result<(), Wrong> {
    let spec = models::find(model).ok_or_else(|| format!("no model is called {model}"))?;
    let judged = models::judge(spec, &records(calls), &Options::default())
        .map_err(|misfit| format!("the model {model} cannot read the records: {misfit}"))?;
    match (&judged.verdict, judged.order) {
        (Verdict::Held, Some(order)) if legal => {
            let index = |invoked: &usize| calls.iter().position(|call| usize::from(call.invoked) == *invoked);
            let order: Option<Vec<usize>> = order.iter().map(index).collect();
            let order = order.ok_or_else(|| format!("the model {model} names a call that does not exist"))?;
            replay(calls, EMPTY, &order).map_err(|why| format!("the order of the model {model}: {why}"))
        }
        (Verdict::Violated(_), _) if !legal => Ok(()),
        // All calls say nothing.
        (Verdict::Vacuous(_), _) if legal => Ok(()),
        (verdict, order) => Err(format!("the model {model}: {verdict:?}, order {order:?}; the brute force: {legal}")),
    }
}
