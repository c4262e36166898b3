//! What a client may expect of its own session (Terry et al. 1994), each register by itself:
//!
//! - `ryw`, read your writes: it read something older than a write of its own that was acknowledged before.
//! - `mr`, monotonic reads: it read something older than it had read before.
//! - `mw`, monotonic writes: a final read shows a write whose client was told later that it wrote something else there.
//! - `wfr`, writes follow reads: a final read shows what a client had read before it was told that it wrote something else there.
//!
//! Judged by values, against the order of acknowledgements in real time: a value is *older* than another if its write was acknowledged
//! before the other's was asked; what nobody has written yet is older than everything. Writes beside each other are in no order, so a
//! client may see them in any. The last two are judged by what stands in the end, because only that says which write came last.
//! Values are unique. A session is a client, through all its processes.

use crate::{calls, script, words};
use harness::{Call, Checker, ClientId, Key, Op, Opinion, Reply, Run, Value, Verdict};
use std::collections::BTreeMap;

/// See the head of this file.
pub const SESSIONS: Checker = Checker {
    name: "sessions",
    about: "clients read their writes, read monotonically, and their writes follow their writes and reads",
    check: |run, _| judge(run, SESSIONS.name, &Class::ALL),
    trap: || script::run("0: write x 1 -> done\n1: read x -> 1\n1: write x 2 -> done\nfinal\n2: read x -> 1"),
};

/// The first of them alone.
pub const READ_YOUR_WRITES: Checker = Checker {
    name: "read-your-writes",
    about: "no client reads something older than an acknowledged write of its own",
    check: |run, _| judge(run, READ_YOUR_WRITES.name, &[Class::Ryw]),
    trap: || script::run("0: write x 1 -> done\n0: read x -> nothing"),
};

/// The second of them alone.
pub const MONOTONIC_READS: Checker = Checker {
    name: "monotonic-reads",
    about: "no client reads something older than it has read before",
    check: |run, _| judge(run, MONOTONIC_READS.name, &[Class::Mr]),
    trap: || script::run("0: write x 1 -> done\n0: write x 2 -> done\n1: read x -> 2\n1: read x -> 1"),
};

/// The third of them alone.
pub const MONOTONIC_WRITES: Checker = Checker {
    name: "monotonic-writes",
    about: "no write of a client stands in the end over a later one of its own",
    check: |run, _| judge(run, MONOTONIC_WRITES.name, &[Class::Mw]),
    trap: || script::run("0: write x 1 -> done\n0: write x 2 -> done\nfinal\n1: read x -> 1"),
};

/// The last of them alone.
pub const WRITES_FOLLOW_READS: Checker = Checker {
    name: "writes-follow-reads",
    about: "nothing that a client had read stands in the end over what it wrote afterwards",
    check: |run, _| judge(run, WRITES_FOLLOW_READS.name, &[Class::Wfr]),
    trap: || script::run("0: write x 1 -> done\n1: read x -> 1\n1: write x 2 -> done\nfinal\n2: read x -> 1"),
};

/// In the order in which they are told.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Ryw,
    Mr,
    Mw,
    Wfr,
}

impl Class {
    const ALL: [Class; 4] = [Class::Ryw, Class::Mr, Class::Mw, Class::Wfr];

    fn name(self) -> &'static str {
        ["ryw", "mr", "mw", "wfr"][self as usize]
    }
    fn about(self) -> &'static str {
        [
            "a client did not read its own write",
            "a client read backwards",
            "a write of a client stands over a later one of its own",
            "what a client had read stands over what it wrote afterwards",
        ][self as usize]
    }
}

/// What one client did with one register, and what others did with it.
struct Session<'a> {
    writes: &'a BTreeMap<Value, &'a Call<'a>>,
    /// Its acknowledged writes.
    wrote: Vec<(Value, &'a Call<'a>)>,
    /// Its answered reads.
    read: Vec<(Option<Value>, &'a Call<'a>)>,
}

/// A broken guarantee: the calls that prove it, in order, the wrong read last.
struct Wrong<'a> {
    class: Class,
    proof: Vec<&'a Call<'a>>,
}

fn judge(run: &Run, name: &str, classes: &[Class]) -> Opinion {
    let calls = run.history.calls();
    if let Some(unknown) = calls::misfit(&calls) {
        return Opinion::new(name, unknown);
    }
    let writes = writes(&calls);
    let sessions = sessions(run, &calls, &writes);
    let finals: Vec<&Call> = calls.iter().filter(|call| call.invoked >= run.finals()).collect();
    let mut wrong: Vec<Wrong> = Vec::new();
    for ((key, _), session) in &sessions {
        wrong.extend(session.reads_wrong().filter(|wrong| classes.contains(&wrong.class)));
        let last = finals.iter().filter_map(|call| Some((seen(call, key)?, *call)));
        wrong.extend(last.filter_map(|last| session.ends_wrong(last)).filter(|wrong| classes.contains(&wrong.class)));
    }
    wrong.sort_by_key(|wrong| (wrong.class, wrong.proof.last().map(|call| call.returned)));
    let verdict = match wrong.first() {
        Some(worst) => violated(run, name, worst),
        None if sessions.values().any(Session::tells) => Verdict::Held,
        None => Verdict::Vacuous("no client read a register after it had written it".to_string()),
    };
    Opinion { notes: notes(&sessions, &wrong), ..Opinion::new(name, verdict) }
}

/// Every write that may have happened, by register and value.
fn writes<'a>(calls: &'a [Call<'a>]) -> BTreeMap<&'a Key, BTreeMap<Value, &'a Call<'a>>> {
    let mut writes: BTreeMap<&Key, BTreeMap<Value, &Call>> = BTreeMap::new();
    for call in calls {
        match call.op {
            Op::Write { key, value } if !calls::void(call) => drop(writes.entry(key).or_default().insert(*value, call)),
            _ => {}
        }
    }
    writes
}

fn sessions<'a>(
    run: &Run,
    calls: &'a [Call<'a>],
    writes: &'a BTreeMap<&'a Key, BTreeMap<Value, &'a Call<'a>>>,
) -> BTreeMap<(&'a Key, ClientId), Session<'a>> {
    let mut sessions: BTreeMap<(&Key, ClientId), Session> = BTreeMap::new();
    for call in calls {
        let (Op::Read { key } | Op::Write { key, .. }) = call.op else { continue };
        let Some(writes) = writes.get(key) else { continue };
        let empty = || Session { writes, wrote: Vec::new(), read: Vec::new() };
        let session = sessions.entry((key, run.client(call.process))).or_insert_with(empty);
        match (call.op, seen(call, key)) {
            (_, Some(value)) => session.read.push((value, call)),
            (Op::Write { value, .. }, _) if calls::done(call) => session.wrote.push((*value, call)),
            _ => {}
        }
    }
    sessions
}

/// What a call read from this register, if it did and was answered.
fn seen(call: &Call, of: &Key) -> Option<Option<Value>> {
    match (call.op, calls::answer(call)) {
        (Op::Read { key }, Some(Reply::Value(value))) if key == of => Some(*value),
        _ => None,
    }
}

/// Was the first call over before the second was asked?
fn before(first: &Call, second: &Call) -> bool {
    first.returned.is_some_and(|returned| returned < second.invoked)
}

impl<'a> Session<'a> {
    /// Does it show anything at all?
    fn tells(&self) -> bool {
        self.wrote.iter().any(|(_, write)| self.read.iter().any(|(_, read)| before(write, read)))
    }

    /// Is `value` certainly older than what `newer` wrote? Then also the write of it, where there is one.
    fn older(&self, value: Option<Value>, newer: &Call) -> Option<Option<&'a Call<'a>>> {
        let Some(value) = value else { return Some(None) };
        let write = *self.writes.get(&value)?;
        (calls::done(write) && before(write, newer)).then_some(Some(write))
    }

    /// Reads of something older than the session wrote or read before.
    fn reads_wrong(&self) -> impl Iterator<Item = Wrong<'a>> {
        let wrong = |class, known: &'a Call<'a>, written: &'a Call<'a>, (value, read): &(_, &'a Call<'a>)| {
            let older = before(known, read).then(|| self.older(*value, written))??;
            Some(Wrong { class, proof: older.into_iter().chain([written, known, *read]).collect() })
        };
        let own = move |read| self.wrote.iter().find_map(|&(_, write)| wrong(Class::Ryw, write, write, read));
        let earlier = move |read| {
            let written = |value: Option<Value>| self.writes.get(&value?).copied();
            self.read.iter().find_map(|&(value, known)| wrong(Class::Mr, known, written(value)?, read))
        };
        self.read.iter().flat_map(move |read| [own(read), earlier(read)]).flatten()
    }

    /// A final read of something that the session knew to be there before it wrote something else.
    fn ends_wrong(&self, (value, last): (Option<Value>, &'a Call<'a>)) -> Option<Wrong<'a>> {
        let value = value?;
        let own = self.wrote.iter().find(|(written, _)| *written == value).map(|(_, write)| (Class::Mw, *write));
        let read = || self.read.iter().find(|(read, _)| *read == Some(value)).map(|(_, read)| (Class::Wfr, *read));
        let (class, known) = own.or_else(read)?;
        let later = self.wrote.iter().find(|(_, write)| before(known, write)).map(|(_, write)| *write)?;
        Some(Wrong { class, proof: vec![known, later, last] })
    }
}

fn violated(run: &Run, name: &str, wrong: &Wrong) -> Verdict {
    let mut proof = wrong.proof.clone();
    proof.dedup_by_key(|call| call.invoked);
    let mut sentences: Vec<String> = proof.iter().map(|call| told(run, call)).collect();
    sentences.push(format!("so {}", wrong.class.about()));
    words::violated(name, wrong.class.name(), sentences, words::events(&proof), words::table(run, &proof))
}

fn told(run: &Run, call: &Call) -> String {
    let (client, at, cut) = (words::who(run, call.process), words::told_at(run, call), words::by_cut_node(run, call));
    match (call.op, calls::answer(call)) {
        (Op::Read { key }, Some(Reply::Value(value))) => {
            let last = if call.invoked >= run.finals() { ", after everything had come to rest" } else { "" };
            format!("{client} read {} from {} {at}{cut}{last}", words::value(*value), words::register(key))
        }
        (Op::Write { key, value }, Some(_)) => {
            format!("{client} was told {at} that it wrote {value} to {}{cut}", words::register(key))
        }
        (op, _) => {
            format!("{client} asked {} to {}, and never learnt its fate", words::at(run, call.invoked), words::op(op))
        }
    }
}

fn notes(sessions: &BTreeMap<(&Key, ClientId), Session>, wrong: &[Wrong]) -> Vec<String> {
    let telling = sessions.values().filter(|session| session.tells()).count();
    let mut notes = vec![format!(
        "{} with a register, in {telling} of them a write was followed by a read",
        words::count(sessions.len(), "session")
    )];
    for class in Class::ALL {
        let found = wrong.iter().filter(|wrong| wrong.class == class).count();
        if found > 0 {
            notes.push(format!("{}: {}", class.name(), words::count(found, "read")));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> String {
        script::class(&SESSIONS, text)
    }

    #[test]
    fn each_guarantee_has_its_class() {
        let two = "0: write x 1 -> done\n1: write x 2 -> done\n";
        assert_eq!(class(&format!("{two}1: read x -> 1")), "ryw");
        assert_eq!(class("0: write x 1 -> done\n0: read x -> nothing"), "ryw");
        assert_eq!(class(&format!("{two}2: read x -> 2\n2: read x -> 1")), "mr");
        assert_eq!(class("0: write x 1\n2: read x -> 1\n2: read x -> nothing"), "mr");
        assert_eq!(class("0: write x 1 -> done\n0: write x 2 -> done\nfinal\n2: read x -> 1"), "mw");
        assert_eq!(
            class("0: write x 1\n1: read x -> 1\n1: write x 2 -> done\n0: -> done\nfinal\n2: read x -> 1"),
            "wfr"
        );
    }

    #[test]
    fn each_claim_sees_its_own_class_only() {
        let backwards = "0: write x 1 -> done\n0: write x 2 -> done\n1: read x -> 2\n1: read x -> 1\n0: read x -> 2";
        assert_eq!(script::class(&MONOTONIC_READS, backwards), "mr");
        assert_eq!(script::class(&READ_YOUR_WRITES, backwards), "held");
        let forgotten = "0: write x 1 -> done\n0: read x -> nothing";
        assert_eq!(script::class(&READ_YOUR_WRITES, forgotten), "ryw");
        assert_eq!(script::class(&MONOTONIC_READS, forgotten), "held");
        let undone = "0: write x 1 -> done\n0: write x 2 -> done\n0: read x -> 2\nfinal\n2: read x -> 1";
        assert_eq!(script::class(&MONOTONIC_WRITES, undone), "mw");
        assert_eq!(script::class(&WRITES_FOLLOW_READS, undone), "held");
        let covered =
            "0: write x 1 -> done\n1: read x -> 1\n1: write x 2 -> done\n1: read x -> 2\nfinal\n2: read x -> 1";
        assert_eq!(script::class(&WRITES_FOLLOW_READS, covered), "wfr");
        assert_eq!(script::class(&MONOTONIC_WRITES, covered), "held");
    }

    #[test]
    fn a_session_goes_on_through_all_processes_of_a_client() {
        assert_eq!(class("1: write x 1 -> done\n1: write x 2 -> unknown\n7: read x -> nothing"), "ryw");
    }

    #[test]
    fn legal_neighbours_are_not_reported() {
        let own = "0: write x 9 -> done\n0: read x -> 9\n";
        for text in [
            // Writes beside each other are in no order.
            "1: write y 1\n2: write y 2 -> done\n1: -> done\n2: read y -> 1\n1: read y -> 2",
            "1: write y 1\n2: write y 2\n3: read y -> 1\n3: read y -> 2\n3: read y -> 1\n1: -> done\n2: -> done",
            // What was never acknowledged need not be there, and may come at any time.
            "1: write y 1 -> unknown\n7: read y -> nothing",
            "1: write y 1 -> unknown\n2: write y 2 -> done\n2: read y -> 1",
            // Somebody else may be behind.
            "1: write y 1 -> done\n2: read y -> nothing",
            "1: write y 1 -> done\n2: read y -> 1\n3: read y -> nothing",
            // Another register is another matter.
            "1: write y 1 -> done\n1: read z -> nothing",
            // Somebody overwrote it.
            "1: write y 1 -> done\n1: write y 2 -> done\n2: write y 3 -> done\nfinal\n1: read y -> 3",
            "1: write y 1 -> done\n2: read y -> 1\n2: write y 2 -> unknown\nfinal\n3: read y -> 1",
        ] {
            assert_eq!(class(&format!("{own}{text}")), "held", "{text}");
        }
    }

    #[test]
    fn without_a_read_behind_a_write_nothing_is_said() {
        assert_eq!(class("0: write x 1 -> done\n1: read x -> 1"), "vacuous");
        assert_eq!(class(""), "vacuous");
    }

    #[test]
    fn the_sentences_say_who_knew_what() {
        let text = "0: write x 1 -> done\n1: write x 2 -> done\ncut n2\n1: read x -> 1";
        let Verdict::Violated(anomaly) = (SESSIONS.check)(&script::run(text), harness::Budget::default()).verdict
        else {
            panic!()
        };
        assert_eq!(
            anomaly.sentences,
            [
                "client 0 was told at 0.200 s that it wrote 1 to `x`",
                "client 1 was told at 0.400 s that it wrote 2 to `x`",
                "client 1 read 1 from `x` at 0.700 s, by a node that had been cut off",
                "so a client did not read its own write"
            ]
        );
        assert_eq!(anomaly.events, [1, 2, 3, 4, 6, 7]);
    }
}
