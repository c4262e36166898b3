//! Runs written by hand, a line of text an event: for traps and tests.
//!
//! ```text
//! 0: write x 5 -> done     process 0 asks, and is answered one tick later
//! 1: read x                process 1 asks
//! 1: -> 5                  and is answered: done, no, failed, unknown, nothing, 5, [1 2 3] (of a read: siblings), [0:7:-5 1:7:5]
//! cut n1                   n1 loses every link; also: kill n1
//! mend                     the latest fault is lifted
//! at 3000                  the clock jumps to 3000 ms
//! heal                     every fault is lifted and clients fall silent
//! final                    what follows are final reads
//! n2 holds 17              the digest of a node's data
//! found one leader a term: n1 and n2 both lead in term 3
//! ```
//!
//! There are 3 nodes and 6 clients, so process `p` is client `p % 6` at home on node `p % 3`; each event takes a tick of
//! 100 ms. Operations are spelt as in [`op`].

use harness::fault::Effect;
use harness::{
    Budget, Checker, Cut, Event, Fault, History, MS, NodeId, Op, Outcome, Phase, Plan, ProcessId, Reason, Reply, Run,
    Seed, Settings, Target, Tier, Time, Verdict, What,
};
use std::collections::BTreeMap;

/// Nodes of a written run.
pub const NODES: u8 = 3;
/// Clients of a written run.
pub const CLIENTS: u32 = 6;
/// From one event to the next.
pub const TICK: Time = Time(100_000);

/// What a checker says of the run that `text` writes: the class of the violation, or else the verdict's word.
pub fn class(checker: &Checker, text: &str) -> String {
    match (checker.check)(&run(text), Budget::default()).verdict {
        Verdict::Violated(anomaly) => anomaly.class,
        other => other.word().to_string(),
    }
}

/// The run that the text describes.
///
/// # Panics
/// If a line cannot be read: the text is part of the program.
pub fn run(text: &str) -> Run {
    let mut script = Script::default();
    script.push(What::Phase(Phase::Chaos));
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        script.line(line);
    }
    Run::new(plan(), History { events: script.events })
}

/// The plan of a written run: nothing is asked or struck by plan, the text says what happened.
pub fn plan() -> Plan {
    Plan {
        format: harness::plan::FORMAT,
        build: String::new(),
        design: "script".to_string(),
        needs: harness::Needs::default(),
        switches: Vec::new(),
        given: Default::default(),
        tier: Tier::Sim,
        workload: "script".to_string(),
        nemesis: "script".to_string(),
        seed: Seed(0),
        nodes: NODES,
        clients: CLIENTS,
        time: harness::SECOND * 30,
        settings: Settings::default(),
        asks: Vec::new(),
        strikes: Vec::new(),
        finals: Vec::new(),
    }
}

#[derive(Default)]
struct Script {
    events: Vec<Event>,
    now: Time,
    open: BTreeMap<ProcessId, Op>,
    strikes: Vec<usize>,
    struck: usize,
}

impl Script {
    fn push(&mut self, what: What) {
        self.events.push(Event { time: self.now, what });
        self.now += TICK;
    }

    fn line(&mut self, line: &str) {
        if let Some((process, rest)) = line.split_once(": ")
            && let Ok(process) = process.parse()
        {
            return self.client(ProcessId(process), rest);
        }
        match line.split_once(' ') {
            Some(("at", ms)) => self.now = MS * ms.parse().expect("milliseconds"),
            Some(("cut", target)) => {
                self.strike(Fault::Partition(Cut::around(&[node(target)], usize::from(NODES))));
            }
            Some(("damage", target)) => self.strike(Fault::BitFlip(Target::Node(node(target)))),
            Some(("kill", target)) => self.strike(Fault::Kill(Target::Node(node(target)))),
            Some(("found", finding)) => {
                let (invariant, sentence) = finding.split_once(": ").expect("invariant: sentence");
                let (invariant, sentence) = (invariant.to_string().into(), sentence.to_string());
                self.push(What::Finding { invariant, sentence });
            }
            Some((holder, held)) => {
                let digest = held.strip_prefix("holds ").unwrap_or_else(|| panic!("cannot read {line:?}"));
                self.push(What::Digest { node: node(holder), digest: digest.parse().expect("a digest") });
            }
            None => self.word(line),
        }
    }

    fn word(&mut self, word: &str) {
        match word {
            "mend" => {
                let strike = self.strikes.pop().expect("a fault to lift");
                let effect = Effect::new(true, "as written");
                self.push(What::Ended { strike, effect });
            }
            "heal" => self.push(What::Phase(Phase::Heal)),
            "final" => self.push(What::Phase(Phase::Final)),
            other => panic!("cannot read {other:?}"),
        }
    }

    fn strike(&mut self, fault: Fault) {
        let strike = self.struck;
        self.struck += 1;
        self.strikes.push(strike);
        self.push(What::Began { strike, fault });
    }

    fn client(&mut self, process: ProcessId, text: &str) {
        let (asked, answered) = match text.split_once("->") {
            None => (text.trim(), None),
            Some((asked, answered)) => (asked.trim(), Some(answered.trim())),
        };
        if !asked.is_empty() {
            let op = op(asked);
            self.open.insert(process, op.clone());
            self.push(What::Invoke { process, op });
        }
        if let Some(answered) = answered {
            let op = self.open.remove(&process).expect("an answer needs a question");
            let outcome = outcome(&op, answered);
            self.push(What::Return { process, op, outcome });
        }
    }
}

/// An operation: `read x`, `write x 5`, `cas x 5 6`, `claim ada 3`, `owner ada`, `transfer ID FROM TO AMOUNT`,
/// `balances 2`, `ledger 2`, `add 1`, `remove 1`, `members`, `sell tea ID COUNT`, `refund tea ID`, `stock tea`.
///
/// # Panics
/// If it is none of these.
pub fn op(text: &str) -> Op {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |word: &str| word.parse().unwrap_or_else(|_| panic!("not a number: {word:?} in {text:?}"));
    let account = |word: &str| word.parse().unwrap_or_else(|_| panic!("not an account: {word:?} in {text:?}"));
    match words[..] {
        ["read", key] => Op::Read { key: key.into() },
        ["write", key, value] => Op::Write { key: key.into(), value: number(value) },
        ["cas", key, from, to] => Op::Cas { key: key.into(), from: number(from), to: number(to) },
        ["claim", name, owner] => Op::Claim { name: name.into(), owner: number(owner) },
        ["owner", name] => Op::Owner { name: name.into() },
        ["transfer", id, from, to, amount] => {
            Op::Transfer { id: number(id), from: account(from), to: account(to), amount: number(amount) }
        }
        ["balances", accounts] => Op::Balances { accounts: account(accounts) },
        ["ledger", accounts] => Op::Ledger { accounts: account(accounts) },
        ["add", element] => Op::Add { element: number(element) },
        ["remove", element] => Op::Remove { element: number(element) },
        ["members"] => Op::Members,
        ["sell", item, id, count] => Op::Sell { item: item.into(), id: number(id), count: number(count) },
        ["refund", item, id] => Op::Refund { item: item.into(), id: number(id) },
        ["stock", item] => Op::Stock { item: item.into() },
        _ => panic!("not an operation: {text:?}"),
    }
}

fn outcome(op: &Op, text: &str) -> Outcome {
    let items = || text.trim_start_matches('[').trim_end_matches(']').split_whitespace();
    let numbers = || items().map(|item| item.parse().expect("a number")).collect();
    Outcome::Ok(match (op, text) {
        (_, "failed") => return Outcome::Failed(Reason::Refused),
        (_, "unknown") => return Outcome::Unknown(Reason::TimedOut),
        (_, "done") => Reply::Done,
        (_, "no") => Reply::No,
        (_, "nothing") => Reply::Value(None),
        (Op::Balances { .. }, _) => Reply::Balances(numbers()),
        (Op::Ledger { .. }, _) => Reply::Ledger(items().map(posting).collect()),
        (Op::Members, _) => Reply::Elements(numbers()),
        (Op::Read { .. } | Op::Owner { .. }, _) if text.starts_with('[') => Reply::Siblings(numbers()),
        _ => Reply::Value(Some(text.parse().unwrap_or_else(|_| panic!("not an answer: {text:?}")))),
    })
}

/// `account:transfer:amount`.
fn posting(text: &str) -> harness::op::Posting {
    let fields: Vec<i64> = text.split(':').map(|field| field.parse().expect("a number")).collect();
    harness::op::Posting { account: fields[0] as u16, transfer: fields[1], amount: fields[2] }
}

fn node(text: &str) -> NodeId {
    let number: u8 = text.strip_prefix('n').and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no node: {text:?}"));
    NodeId(number - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_read() {
        let run = run("
            0: write x 5 -> done
            cut n1
            1: read x
            0: ledger 2 -> [0:7:-5 1:7:5]
            at 3000
            1: -> nothing
            mend
            heal
            final
            7: members -> [1 2]
            n2 holds 17
            found one leader a term: n1 and n2 both lead
        ");
        assert_eq!(run.history.check(), Ok(()));
        let calls = run.history.calls();
        assert_eq!(calls.len(), 4);
        assert_eq!((calls[1].answered, calls[1].outcome), (Time(3_000_000), Some(&Outcome::Ok(Reply::Value(None)))));
        assert_eq!(run.faults.len(), 1);
        assert_eq!(run.faults[0].fault.nodes(3), [NodeId(0)]);
        assert_eq!(run.faults[0].ended, Time(3_100_000));
        assert_eq!(run.client(calls[3].process).0, 1);
        assert!(calls[3].invoked >= run.finals());
        assert_eq!(run.findings().count(), 1);
    }
}
