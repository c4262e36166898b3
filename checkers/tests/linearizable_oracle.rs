//! The checker against three strangers: stateright's tester, every order of every subset tried in turn, and a search without
//! any of the checker's rules.
//!
//! Histories are small and drawn from printed seeds, so that a disagreement can be had again.

use checkers::linearizable::{Act, Answer, RegisterCall, check_calls, replay};
use checkers::{LINEARIZABLE, script};
use harness::{
    Budget, Event, History, Op, Outcome, ProcessId, Reason, Reply, Rng, Run, Seed, Time, Value, Verdict, What,
};
use stateright::semantics::{ConsistencyTester, LinearizabilityTester, SequentialSpec};

/// How many histories stateright judges.
const HISTORIES: u64 = 12_000;
/// How many the brute force judges.
const BRUTE: u64 = 4_000;
/// How many the search without rules judges.
const PLAIN: u64 = 20_000;
/// Calls open at once: stateright has no memo.
const OPEN: usize = 7;

/// A compare-and-set register, as stateright wants it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Register(Option<Value>);

impl SequentialSpec for Register {
    type Op = Op;
    type Ret = Reply;
    fn invoke(&mut self, op: &Op) -> Reply {
        match op {
            Op::Read { .. } => Reply::Value(self.0),
            Op::Write { value, .. } => {
                self.0 = Some(*value);
                Reply::Done
            }
            Op::Cas { from, to, .. } if self.0 == Some(*from) => {
                self.0 = Some(*to);
                Reply::Done
            }
            Op::Cas { .. } => Reply::No,
            other => panic!("no register operation: {other:?}"),
        }
    }
}

/// A process while a history is drawn.
struct Drawn {
    process: ProcessId,
    open: Option<(Op, Option<Reply>)>,
}

/// Draws a history of 3 to 8 operations by 2 to 4 clients over 2 or 3 values. An atomic register answers, at a moment between
/// invocation and return; some answers are then replaced by others, so that about half of the histories are wrong.
fn draw(rng: &mut Rng) -> History {
    let clients = 2 + rng.below(3) as u32;
    let (mut left, values) = (3 + rng.below(6), 2 + rng.below(2));
    let lies = *rng.pick(&[0, 40, 70, 90]);
    let mut register = Register::default();
    let mut drawn: Vec<Drawn> = (0..clients).map(|n| Drawn { process: ProcessId(n), open: None }).collect();
    let (mut next_process, mut unknown) = (clients, 0);
    let mut events = Vec::new();
    while left > 0 || drawn.iter().any(|drawn| drawn.open.is_some()) {
        let open = unknown + drawn.iter().filter(|drawn| drawn.open.is_some()).count();
        let turn = rng.below(u64::from(clients)) as usize;
        let client = &mut drawn[turn];
        let process = client.process;
        match client.open.take() {
            None if left > 0 && open < OPEN => {
                left -= 1;
                let op = draw_op(rng, values);
                client.open = Some((op.clone(), None));
                events.push(What::Invoke { process, op });
            }
            None => {}
            Some((op, None)) if rng.percent(60) => {
                let reply = register.invoke(&op);
                client.open = Some((op, Some(reply)));
            }
            Some((op, happened)) => {
                let happened = happened.or_else(|| rng.percent(75).then(|| register.invoke(&op)));
                let outcome = draw_outcome(rng, &op, happened, values, lies);
                if matches!(outcome, Outcome::Unknown(_)) {
                    client.process = ProcessId(next_process);
                    next_process += 1;
                    unknown += 1;
                }
                events.push(What::Return { process, op, outcome });
            }
        }
    }
    // Now and then the history ends before the last answers.
    if rng.percent(10) {
        events.pop();
    }
    let at = |(n, what)| Event { time: Time(n as u64 * 1000), what };
    History { events: events.into_iter().enumerate().map(at).collect() }
}

fn draw_op(rng: &mut Rng, values: u64) -> Op {
    let key = "x".into();
    let mut value = || rng.below(values) as Value;
    let (one, other) = (value(), value());
    match rng.below(10) {
        0..4 => Op::Read { key },
        4..7 => Op::Write { key, value: one },
        _ => Op::Cas { key, from: one, to: other },
    }
}

fn draw_outcome(rng: &mut Rng, op: &Op, happened: Option<Reply>, values: u64, lies: u64) -> Outcome {
    if rng.percent(15) {
        return Outcome::Unknown(Reason::TimedOut);
    }
    let Some(truth) = happened else { return Outcome::Failed(Reason::Refused) };
    if !rng.percent(lies) {
        return Outcome::Ok(truth);
    }
    Outcome::Ok(match op {
        Op::Read { .. } => Reply::Value(rng.below(values + 1).checked_sub(1).map(|value| value as Value)),
        Op::Cas { .. } => rng.pick(&[Reply::Done, Reply::No]).clone(),
        _ => Reply::Done,
    })
}

/// Stateright's opinion. What certainly failed was never asked; what is of unknown outcome stays in flight.
fn stateright_says(history: &History) -> bool {
    let mut tester = LinearizabilityTester::new(Register::default());
    let failed: Vec<usize> = history
        .calls()
        .iter()
        .filter(|call| matches!(call.outcome, Some(Outcome::Failed(_))))
        .flat_map(|call| [Some(call.invoked), call.returned])
        .flatten()
        .collect();
    for (index, event) in history.events.iter().enumerate().filter(|(index, _)| !failed.contains(index)) {
        match &event.what {
            What::Invoke { process, op } => {
                tester.on_invoke(process.0, op.clone()).unwrap_or_else(|why| panic!("event {index}: {why}"));
            }
            What::Return { process, outcome: Outcome::Ok(reply), .. } => {
                tester.on_return(process.0, reply.clone()).unwrap_or_else(|why| panic!("event {index}: {why}"));
            }
            _ => {}
        }
    }
    tester.is_consistent()
}

fn run_of(history: &History) -> Run {
    Run::new(script::plan(), history.clone())
}

#[test]
fn the_checker_agrees_with_stateright() {
    let (mut illegal, mut unknown) = (0, 0);
    for seed in 0..HISTORIES {
        let history = draw(&mut Seed(seed).stream("oracle"));
        let calls = history.calls();
        assert!((3..=8).contains(&calls.len()), "seed {seed}");
        let legal = stateright_says(&history);
        illegal += u64::from(!legal);
        let uncertain = |outcome: Option<&Outcome>| matches!(outcome, None | Some(Outcome::Unknown(_)));
        unknown += u64::from(calls.iter().any(|call| uncertain(call.outcome)));
        let run = run_of(&history);
        match (LINEARIZABLE.check)(&run, Budget::default()).verdict {
            Verdict::Held => assert!(legal, "seed {seed}: held, but stateright finds no order\n{history:#?}"),
            Verdict::Violated(anomaly) => assert!(!legal, "seed {seed}: {anomaly:?}\n{history:#?}"),
            // Nothing but reads and failures that say nothing.
            Verdict::Vacuous(_) => assert!(legal, "seed {seed}"),
            Verdict::Unknown(why) => panic!("seed {seed}: {why}"),
        }
        // Without any budget the checker may know less, but nothing else: every named class is a proof by itself.
        if let Verdict::Violated(anomaly) = (LINEARIZABLE.check)(&run, Budget { steps: 0 }).verdict {
            assert!(!legal, "seed {seed}: {anomaly:?}\n{history:#?}");
        }
    }
    let percent = |part: u64| part * 100 / HISTORIES;
    println!(
        "seeds 0 to {}: {illegal} illegal ({} %), {unknown} with unknown outcomes ({} %)",
        HISTORIES - 1,
        percent(illegal),
        percent(unknown)
    );
    assert!(percent(illegal) >= 30 && percent(unknown) >= 30, "the histories are too tame: {illegal} {unknown}");
    assert!(percent(illegal) <= 70, "the histories are too wild: {illegal}");
}

/// Calls drawn without any register behind them: wilder than what processes do, and with any number open at once.
fn draw_calls(rng: &mut Rng, longest: u64, returning: u64) -> Vec<RegisterCall> {
    let length = 1 + rng.below(longest) as usize;
    let mut places: Vec<usize> = (0..2 * length).collect();
    rng.shuffle(&mut places);
    let values = 2 + rng.below(2);
    let mut calls: Vec<RegisterCall> = Vec::new();
    for pair in places.chunks(2) {
        let (invoked, returned) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
        let (one, other) = (rng.below(values) as Value, rng.below(values) as Value);
        let act = match rng.below(8) {
            0..3 => Act::Read(rng.below(values + 1).checked_sub(1).map(|value| value as Value)),
            3..5 => Act::Write(one),
            5..7 => Act::Cas { from: one, to: other },
            _ => Act::Missed { from: one, to: other },
        };
        let may_be_open = matches!(act, Act::Write(_) | Act::Cas { .. });
        let returned = (!may_be_open || rng.percent(returning)).then_some(returned);
        calls.push(RegisterCall { act, invoked, returned });
    }
    calls
}

/// Tries every order of every subset that has all returning calls.
fn brute_force(calls: &[RegisterCall], initial: Option<Value>, order: &mut Vec<usize>) -> bool {
    if replay(calls, initial, order).is_ok() {
        return true;
    }
    (0..calls.len()).any(|next| {
        if order.contains(&next) {
            return false;
        }
        order.push(next);
        let found = brute_force(calls, initial, order);
        order.pop();
        found
    })
}

#[test]
fn the_search_agrees_with_every_order_of_every_subset() {
    let mut illegal = 0;
    for seed in 0..BRUTE {
        let calls = draw_calls(&mut Seed(seed).stream("brute"), 6, 60);
        let initial = (seed % 3 == 0).then_some(0);
        let legal = brute_force(&calls, initial, &mut Vec::new());
        illegal += u64::from(!legal);
        let mut budget = u64::MAX;
        match check_calls(&calls, initial, &mut budget) {
            Answer::Linearizable(order) => {
                assert!(legal, "seed {seed}: {calls:?}");
                assert_eq!(replay(&calls, initial, &order), Ok(()), "seed {seed}");
            }
            Answer::Impossible => assert!(!legal, "seed {seed}: {calls:?}"),
            Answer::OutOfBudget => panic!("seed {seed}: the budget has no end"),
        }
        // However small the budget, the answer is the same or none.
        let mut small = seed % 40;
        match check_calls(&calls, initial, &mut small) {
            Answer::Linearizable(_) => assert!(legal, "seed {seed}"),
            Answer::Impossible => assert!(!legal, "seed {seed}"),
            Answer::OutOfBudget => assert_eq!(small, 0, "seed {seed}"),
        }
    }
    println!("seeds 0 to {}: {illegal} illegal", BRUTE - 1);
    assert!(illegal * 100 >= BRUTE * 30 && illegal * 100 <= BRUTE * 80, "{illegal} of {BRUTE}");
}

/// Wing and Gong's search with a memo of whole sets: no classes, no windows, nothing but the definition.
fn plain_search(calls: &[RegisterCall], initial: Option<Value>) -> bool {
    let returning =
        (0..calls.len()).filter(|index| calls[*index].returned.is_some()).fold(0u32, |set, index| set | 1 << index);
    let mut entered = std::collections::BTreeSet::new();
    let mut left = vec![(0u32, initial)];
    while let Some((ordered, held)) = left.pop() {
        if ordered & returning == returning {
            return true;
        }
        if !entered.insert((ordered, held)) {
            continue;
        }
        let open = || (0..calls.len()).filter(|index| ordered & (1 << index) == 0);
        let deadline = open().filter_map(|index| calls[index].returned).min().unwrap_or(usize::MAX);
        for next in open().filter(|index| calls[*index].invoked < deadline) {
            let after = match calls[next].act {
                Act::Read(value) => (held == value).then_some(held),
                Act::Write(value) => Some(Some(value)),
                Act::Cas { from, to } => (held == Some(from)).then_some(Some(to)),
                Act::Missed { from, .. } => (held != Some(from)).then_some(held),
            };
            left.extend(after.map(|held| (ordered | 1 << next, held)));
        }
    }
    false
}

#[test]
fn the_search_agrees_with_one_without_its_rules() {
    let (mut illegal, mut open) = (0, 0);
    for seed in 0..PLAIN {
        let mut rng = Seed(seed).stream("plain");
        let returning = *rng.pick(&[20, 50, 80]);
        let calls = draw_calls(&mut rng, 14, returning);
        let legal = plain_search(&calls, None);
        illegal += u64::from(!legal);
        open += calls.iter().filter(|call| call.returned.is_none()).count();
        let found = matches!(check_calls(&calls, None, &mut u64::MAX.clone()), Answer::Linearizable(_));
        assert_eq!(found, legal, "seed {seed}: {calls:#?}");
    }
    println!("seeds 0 to {}: {illegal} illegal, {open} calls that never return", PLAIN - 1);
    assert!(illegal * 100 >= PLAIN * 30 && illegal * 100 <= PLAIN * 80, "{illegal} of {PLAIN}");
}
