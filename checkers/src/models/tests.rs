//! Every model on histories written by hand, right and wrong.
//!
//! A call is `process: verb value -> answer`, events are split by `;`. A call without answer stays open; `process: -> answer`
//! ends it. Answers: `ok` (with the value that was asked), `no`, `failed`, or a value.

use super::judge::{Judged, Options, judge};
use super::{MODELS, find};
use crate::model::Limits;
use harness::records::{Datum, Ending, Record};
use harness::{Anomaly, Verdict};

const HELD: &str = "held";
const VIOLATED: &str = "violated";
const VACUOUS: &str = "vacuous";

/// Model, history, verdict.
const CASES: &[(&str, &str, &str)] = &[
    ("register", "0: read null -> null; 0: write 1 -> ok; 1: read null -> 1", HELD),
    ("register", "0: write 1 -> ok; 1: read null -> null", VIOLATED),
    ("register", "0: write a -> ok; 0: write b -> ok; 1: read null -> a", VIOLATED),
    ("register", "0: write 1; 1: read null -> 1; 2: read null -> 1; 0: -> ok", HELD),
    ("register", "0: write 1; 1: read null -> 1; 2: read null -> null; 0: -> ok", VIOLATED),
    ("register", "0: write 1; 1: read null -> 1; 1: read null -> null", VIOLATED),
    ("register", "0: write 1 -> failed; 1: read null -> 1", VIOLATED),
    ("register", "0: write 1 -> failed; 1: read null", VACUOUS),
    ("register", "0: write [1 [2 x]] -> ok; 1: read null -> [1 [2 x]]", HELD),
    ("cas-register", "0: write 1 -> ok; 0: cas [1 2] -> ok; 1: read null -> 2", HELD),
    ("cas-register", "0: write 1 -> ok; 0: cas [2 3] -> ok", VIOLATED),
    ("cas-register", "0: write 1 -> ok; 0: cas [2 3] -> no; 1: read null -> 1", HELD),
    ("cas-register", "0: write 1 -> ok; 0: cas [1 3] -> no", VIOLATED),
    ("cas-register", "0: write 1 -> ok; 0: cas [1 3] -> failed; 1: read null -> 1", HELD),
    ("cas-register", "0: write 1 -> ok; 0: cas [1 2]; 1: cas [1 3]; 1: -> ok; 0: -> ok", VIOLATED),
    ("cas-register", "0: cas [null 2]; 1: read null -> null; 2: read null -> 2", HELD),
    (
        "multi-register",
        "0: txn [[write x 1] [write y 2]] -> ok; 1: txn [[read x null] [read y null]] -> [[read x 1] [read y 2]]",
        HELD,
    ),
    (
        "multi-register",
        "0: txn [[write x 1] [write y 2]] -> ok; 1: txn [[read x null] [read y null]] -> [[read x 1] [read y null]]",
        VIOLATED,
    ),
    (
        "multi-register",
        "0: write [x 1] -> ok; 0: write [y 1] -> ok; 1: read [x null] -> [x 1]; 2: read [y null] -> [y 1]",
        HELD,
    ),
    ("multi-register", "0: write [x 1] -> ok; 1: read [y null] -> [y 1]", VIOLATED),
    ("multi-register", "0: txn [[write x 1] [read x null]] -> [[write x 1] [read x 1]]", HELD),
    (
        "multi-register",
        "0: txn [[write x 1] [read y null]]; 1: read [x null] -> [x 1]; 1: read [x null] -> [x null]",
        VIOLATED,
    ),
    ("multi-register", "0: txn [] -> ok", VACUOUS),
    (
        "kv",
        "0: put [k ab] -> ok; 0: append [k cd] -> ok; 1: get [k null] -> [k abcd]; 2: get [j null] -> [j null]",
        HELD,
    ),
    ("kv", "0: append [k a]; 1: append [k b]; 0: -> ok; 1: -> ok; 2: get [k null] -> [k ba]", HELD),
    ("kv", "0: append [k a] -> ok; 1: append [k b] -> ok; 2: get [k null] -> [k ba]", VIOLATED),
    ("kv", "0: append [k a] -> ok; 0: put [k b] -> ok; 2: get [k null] -> [k ab]", VIOLATED),
    ("kv", "0: append [k a]; 2: get [k null] -> [k aa]", VIOLATED),
    ("counter", "0: add 5 -> ok; 1: increment null -> ok; 2: decrement 2 -> ok; 0: read null -> 4", HELD),
    ("counter", "0: add 5; 1: add 2 -> ok; 2: read null -> 2; 2: read null -> 7", HELD),
    ("counter", "0: add 5; 1: add 2 -> ok; 2: read null -> 7; 2: read null -> 2", VIOLATED),
    ("counter", "0: add 5 -> ok; 0: read null -> 0", VIOLATED),
    (
        "set",
        "0: add 1 -> ok; 1: add 1 -> no; 1: contains 1 -> [1 true]; 1: remove 1 -> ok; 1: contains 1 -> false",
        HELD,
    ),
    ("set", "0: add 1 -> ok; 1: add 1 -> ok; 1: remove 1 -> ok; 1: remove 1 -> ok; 1: contains 1 -> false", HELD),
    ("set", "0: add 1 -> ok; 1: add 1 -> ok; 1: add 1 -> no", VIOLATED),
    ("set", "0: add 1 -> ok; 1: remove 1 -> ok; 1: remove 1 -> ok; 1: remove 1 -> no", VIOLATED),
    ("set", "0: add 1 -> ok; 1: add 1 -> ok; 1: remove 1 -> ok; 1: remove 1 -> no", HELD),
    ("set", "0: add 1 -> ok; 1: add 1 -> ok; 1: add 1 -> no; 1: read null -> [1]", VIOLATED),
    ("set", "0: add 1 -> ok; 1: remove 1 -> no", VIOLATED),
    ("set", "0: add 1 -> ok; 1: contains 1 -> [1 false]", VIOLATED),
    ("set", "0: add 1 -> ok; 1: contains [1 null] -> [1 true]; 1: contains [2 null] -> [2 false]", HELD),
    ("set", "0: add 1 -> ok; 1: contains [1 null] -> [1 false]", VIOLATED),
    ("set", "0: add 1 -> ok; 1: contains [1 null] -> [1 true]; 1: read null -> [1]", HELD),
    ("set", "0: add 1; 1: contains 1 -> [1 false]; 1: contains 1 -> [1 true]; 0: -> ok", HELD),
    ("set", "0: add 1 -> ok; 0: add 2 -> ok; 1: read null -> [2 1]", HELD),
    ("set", "0: add 1 -> ok; 0: add 2 -> ok; 1: read null -> [2]", VIOLATED),
    ("set", "0: add 1; 0: add 2 -> ok; 1: read null -> [2]; 1: read null -> [1 2]; 1: read null -> [2]", VIOLATED),
    ("set", "0: add 1 -> ok; 1: add 1 -> no; 1: remove 1 -> ok; 1: remove 1 -> no; 1: read null -> []", HELD),
    (
        "queue",
        "0: enqueue 1 -> ok; 0: enqueue 2 -> ok; 1: dequeue null -> 1; 1: dequeue null -> 2; 1: dequeue null -> null",
        HELD,
    ),
    ("queue", "0: enqueue 1 -> ok; 0: enqueue 2 -> ok; 1: dequeue null -> 2", VIOLATED),
    ("queue", "0: enqueue 1; 1: enqueue 2; 0: -> ok; 1: -> ok; 1: dequeue null -> 2; 1: dequeue null -> 1", HELD),
    ("queue", "0: enqueue 1 -> ok; 1: dequeue null -> no", VIOLATED),
    ("queue", "0: enqueue 1 -> ok; 1: dequeue null -> 1; 1: dequeue null -> 1", VIOLATED),
    ("queue", "0: enqueue 1 -> ok; 1: dequeue null; 2: dequeue null -> null", HELD),
    (
        "queue",
        "0: enqueue 1 -> ok; 0: enqueue 2 -> ok; 1: dequeue null; 2: dequeue null -> 2; 2: dequeue null -> 1",
        VIOLATED,
    ),
    ("stack", "0: push 1 -> ok; 0: push 2 -> ok; 1: pop null -> 2; 1: pop null -> 1; 1: pop null -> null", HELD),
    ("stack", "0: push 1 -> ok; 0: push 2 -> ok; 1: pop null -> 1", VIOLATED),
    ("stack", "0: push 1 -> ok; 0: push 2; 1: pop null -> 1; 1: pop null -> 2", HELD),
    ("stack", "0: push 1 -> ok; 1: pop null -> null", VIOLATED),
    (
        "priority-queue",
        "0: insert 3 -> ok; 0: add 1 -> ok; 0: add 2 -> ok; 1: delete-min null -> 1; 1: delete-min null -> 2",
        HELD,
    ),
    ("priority-queue", "0: insert 3 -> ok; 0: insert 1 -> ok; 1: delete-min null -> 3", VIOLATED),
    ("priority-queue", "0: insert -3 -> ok; 0: insert 1; 1: delete-min null -> -3; 1: delete-min null -> 1", HELD),
    ("priority-queue", "0: insert 3 -> ok; 1: delete-min null -> no", VIOLATED),
    ("mutex", "0: acquire null -> ok; 1: acquire null -> no; 0: release null -> ok; 1: acquire null -> ok", HELD),
    ("mutex", "0: acquire null -> ok; 1: acquire null -> ok", VIOLATED),
    ("mutex", "0: acquire null; 1: acquire null -> ok; 1: release null; 2: acquire null -> ok", HELD),
    ("mutex", "0: release null -> ok", VIOLATED),
    ("mutex", "0: release null -> no; 0: acquire null -> no", VIOLATED),
    (
        "registration",
        "0: claim [n ann] -> ok; 1: claim [n bob] -> no; 1: owner [n null] -> [n ann]; 1: claim [m bob] -> ok",
        HELD,
    ),
    ("registration", "0: claim [n ann] -> ok; 1: claim [n bob] -> ok", VIOLATED),
    (
        "registration",
        "0: claim [n ann] -> ok; 0: release [n ann] -> ok; 1: claim [n bob] -> ok; 1: owner [n null] -> [n bob]",
        HELD,
    ),
    ("registration", "0: claim [n ann] -> ok; 1: release [n bob] -> ok", VIOLATED),
    (
        "registration",
        "0: claim [n ann] -> ok; 1: release [n bob] -> no; 1: release [n null] -> ok; 1: release [n null] -> no",
        HELD,
    ),
    ("registration", "0: claim [n ann]; 1: owner [n null] -> [n ann]; 2: owner [n null] -> [n null]", VIOLATED),
];

#[test]
fn each_model_tells_right_from_wrong() {
    for (model, text, expected) in CASES {
        let judged = judged(model, text, &Options::default());
        assert_eq!(judged.verdict.word(), *expected, "{model}: {text}\n{judged:#?}");
        match &judged.verdict {
            Verdict::Held => assert_eq!(judged.order.map(|order| fits(&records(text), &order)), Some(Ok(()))),
            Verdict::Violated(anomaly) => sound(anomaly, &judged, text),
            _ => assert_eq!((judged.order, judged.confirmed), (None, None)),
        }
    }
}

#[test]
fn each_model_has_right_and_wrong_histories() {
    for model in MODELS {
        for verdict in [HELD, VIOLATED] {
            let cases = CASES.iter().filter(|(name, _, expected)| *name == model.name && *expected == verdict);
            assert!(cases.count() >= 2, "{} {verdict}", model.name);
        }
    }
}

/// Everything that a violation must come with.
fn sound(anomaly: &Anomaly, judged: &Judged, text: &str) {
    assert_eq!((anomaly.property.as_str(), judged.confirmed), ("linearizable", Some(true)), "{text}");
    assert!(anomaly.sentences.iter().any(|line| line.ends_with("which no order explains")), "{text}: {anomaly:?}");
    assert!(anomaly.sentences.last().is_some_and(|last| last.starts_with("confirmed by")), "{text}: {anomaly:?}");
    assert!(!anomaly.events.is_empty() && anomaly.events.is_sorted() && anomaly.table.len() >= 2, "{text}");
    let (from, until) = judged.window.expect("a window");
    assert!(from < until && anomaly.events.contains(&until), "{text}: {judged:?}");
}

/// Real time, and every answered call that says something once; what the model says of it was replayed already.
fn fits(records: &[Record], order: &[usize]) -> Result<(), usize> {
    let mut now = 0;
    for invoked in order {
        let record = records.iter().find(|record| record.invoked == *invoked).ok_or(*invoked)?;
        now = now.max(*invoked);
        let returned = match record.ending {
            Ending::Ok(at, _) | Ending::No(at, _) => at,
            Ending::Failed(_) => return Err(*invoked),
            Ending::Unknown => usize::MAX,
        };
        if returned <= now || order.iter().filter(|other| *other == invoked).count() > 1 {
            return Err(*invoked);
        }
    }
    let answered = records.iter().filter(|record| matches!(record.ending, Ending::Ok(..)));
    answered.map(|record| record.invoked).find(|invoked| !order.contains(invoked)).map_or(Ok(()), Err)
}

#[test]
fn keys_are_judged_apart_and_told_in_order() {
    let text = "0: write [9 1] -> ok; 0: write [3 5] -> ok; 1: read [9 null] -> [9 1]; 1: read [3 null] -> [3 5]";
    let independent = Options { independent: true, ..Options::default() };
    let held = judged("register", text, &independent);
    assert_eq!((held.verdict.word(), held.operations, held.parts), (HELD, 4, 2));
    assert_eq!(held.order, Some(vec![0, 2, 4, 6]));
    assert_eq!(judged("register", text, &Options::default()).verdict.word(), VIOLATED);

    let wrong =
        format!("{text}; 2: read [9 null] -> [9 4]; 2: read [3 null] -> [3 null]; 2: read [1 null] -> [1 null]");
    let told = judged("register", &wrong, &independent);
    let anomaly = anomaly(&told);
    assert_eq!(anomaly.class, "stale-after-ack");
    let expected = "process 2 read null (line 11) (key 3), which no order explains";
    assert!(anomaly.sentences.iter().any(|sentence| sentence == expected), "{anomaly:?}");
    assert_eq!(told.notes[1], "2 of 3 are violated: key 3, key 9");
    assert_eq!((told.window, told.confirmed), (Some((2, 11)), Some(true)));

    let nested = "0: add [k 5] -> ok; 0: contains [k 5] -> [k [5 true]]; 0: contains [j 5] -> [j [5 true]]";
    let told = judged("set", nested, &independent);
    assert_eq!(told.notes[1], "1 of 2 are violated: key \"j\", element 5");
}

#[test]
fn initial_values_are_what_the_model_holds() {
    let list = |items: &[i64]| Datum::List(items.iter().copied().map(Datum::Int).collect());
    let map = Datum::Map(vec![(Datum::Text("x".to_string()), Datum::Int(7))]);
    let cases = [
        ("register", Datum::Int(3), "0: read null -> 3"),
        ("cas-register", Datum::Int(3), "0: cas [3 4] -> ok"),
        ("counter", Datum::Int(3), "0: add 1 -> ok; 0: read null -> 4"),
        ("kv", Datum::Text("a".to_string()), "0: append [k b] -> ok; 0: get [k null] -> [k ab]"),
        ("queue", list(&[2, 1]), "0: dequeue null -> 2"),
        ("stack", list(&[2, 1]), "0: pop null -> 1"),
        ("priority-queue", list(&[2, 1]), "0: insert 0; 0: delete-min null -> 1"),
        ("set", list(&[2]), "0: contains 2 -> [2 true]; 0: contains 1 -> [1 false]"),
        ("set", list(&[2]), "0: read null -> [2]"),
        ("mutex", Datum::Text("held".to_string()), "0: release null -> ok"),
        ("registration", Datum::Text("root".to_string()), "0: claim [n me] -> no"),
        ("multi-register", map, "0: read [x null] -> [x 7]; 0: read [y null] -> [y null]"),
    ];
    for (model, initial, text) in cases {
        let given = Options { initial: Some(initial), ..Options::default() };
        assert_eq!(judged(model, text, &given).verdict.word(), HELD, "{model}: {text}");
        assert_eq!(judged(model, text, &Options::default()).verdict.word(), VIOLATED, "{model}: {text}");
    }
    let wrong = Options { initial: Some(Datum::Int(3)), ..Options::default() };
    let misfit = judge(find("queue").expect("a model"), &records("0: dequeue null -> 3"), &wrong);
    assert_eq!(
        misfit.map_err(|misfit| misfit.to_string()),
        Err("--initial should be a list of what is in it at first, but it is 3".into())
    );
}

#[test]
fn what_a_model_does_not_know_is_refused_with_its_place() {
    let cases = [
        (
            "register",
            "0: write 1 -> ok; 0: cas [1 2] -> ok",
            "line 3, column 1: the model register knows no `cas`, only read and write; see `perjury list models`",
        ),
        ("cas-register", "0: cas 3 -> ok", "line 1, column 1: the value of `cas` should be [from, to], but it is 3"),
        ("kv", "0: get x -> y", "line 1, column 1: the value of `get` should be [key, string], but it is \"x\""),
        ("counter", "0: add [1] -> ok", "line 1, column 1: the value of `add` should be a whole number, but it is [1]"),
        (
            "queue",
            "0: enqueue null -> ok",
            "line 1, column 1: the value of `enqueue` should be something: null stands for empty, but it is null",
        ),
        (
            "set",
            "0: contains [1 null] -> [2 true]",
            "line 1, column 1: the value of `contains` should be [v, true] or [v, false] with the v that was asked for, but it is [2, true]",
        ),
        (
            "priority-queue",
            "0: insert a -> ok",
            "line 1, column 1: the value of `insert` should be a whole number, but it is \"a\"",
        ),
    ];
    for (model, text, expected) in cases {
        let misfit = judge(find(model).expect("a model"), &records(text), &Options::default());
        assert_eq!(misfit.map(|judged| judged.verdict).map_err(|misfit| misfit.to_string()), Err(expected.to_string()));
    }
    let independent = Options { independent: true, ..Options::default() };
    let misfit = judge(find("register").expect("a model"), &records("0: read null -> 3"), &independent);
    let expected =
        "line 1, column 1: the value of `read` should be [key, value], as --independent says, but it is null";
    assert_eq!(misfit.map(|judged| judged.verdict).map_err(|misfit| misfit.to_string()), Err(expected.to_string()));
}

#[test]
fn spent_limits_are_said() {
    let limits = Limits { steps: 0, ..Limits::default() };
    let text = "0: append [k a]; 1: append [k b]; 0: -> ok; 1: -> ok; 2: get [k null] -> [k ba]";
    match judged("kv", text, &Options { limits, ..Options::default() }).verdict {
        Verdict::Unknown(why) => assert!(why.starts_with("0 steps were spent when everything up to event "), "{why}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_violation_says_what_could_have_been_read() {
    let text = "0: write 1 -> ok; 1: cas [1 7]; 2: read null -> 7; 2: read null -> 1; 1: -> ok";
    let judged = judged("cas-register", text, &Options::default());
    let anomaly = anomaly(&judged);
    let expected = [
        "process 2 read 7 from the register at 0.004 s; process 2 read 1 at 0.006 s, which is older, and nobody had put it back",
        "1 had been written by process 0, which was told so at 0.001 s",
        "7 had been written by process 1, which was told so at 0.007 s",
        "process 2 read 1 (line 6), which no order explains",
        "everything before it is explained if the object held 7 then",
        "no order explains the 3 calls from event 3 (0.003 s) to event 6 (0.006 s), whatever was there before",
        "confirmed by a plain search without any shortcut",
    ];
    assert_eq!(
        (anomaly.class.as_str(), anomaly.sentences.as_slice()),
        ("new-then-old", expected.map(String::from).as_slice())
    );
}

#[test]
fn open_calls_that_took_effect_are_named() {
    let text = "0: add 5; 1: add 2 -> ok; 2: read null -> 7; 2: read null -> 2";
    let judged = judged("counter", text, &Options::default());
    let expected = "everything before it is explained if the object held 7 then, and of the calls under way `add 5` of \
                    process 0 (line 1) had taken effect";
    assert!(anomaly(&judged).sentences.iter().any(|sentence| sentence == expected), "{judged:#?}");
}

#[test]
fn a_monitor_says_which_few_calls_contradict_each_other() {
    let text = "0: enqueue 1 -> ok; 0: enqueue 2 -> ok; 0: enqueue 3 -> ok; 1: dequeue null -> 2; 1: dequeue null -> 1";
    let judged = judged("queue", text, &Options::default());
    let sentences = &anomaly(&judged).sentences;
    assert!(sentences[0].ends_with("which no order explains"), "{sentences:?}");
    assert!(sentences[1].starts_with("no order explains the 4 calls from event 0 (0.000 s)"), "{sentences:?}");
    assert!(
        sentences[2].starts_with("the others are: process 0 was told that its `enqueue 1` was done (line 1); "),
        "{sentences:?}"
    );
}

fn judged(model: &str, text: &str, options: &Options) -> Judged {
    let spec = find(model).unwrap_or_else(|| panic!("no model {model}"));
    judge(spec, &records(text), options).unwrap_or_else(|misfit| panic!("{model}: {text}: {misfit}"))
}

fn anomaly(judged: &Judged) -> &Anomaly {
    match &judged.verdict {
        Verdict::Violated(anomaly) => anomaly,
        other => panic!("{other:?}"),
    }
}

/// See the head of this file. Every event is a line, and a millisecond.
fn records(text: &str) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    let mut event = 0;
    for line in text.split(';').map(str::trim) {
        let (process, rest) = line.split_once(':').expect("a process");
        let process = datum(&mut process.to_string().as_str());
        let (call, answer) = match rest.split_once("->") {
            Some((call, answer)) => (call.trim(), Some(answer.trim())),
            None => (rest.trim(), None),
        };
        if let Some((f, value)) = call.split_once(' ') {
            records.push(Record {
                process: process.clone(),
                f: f.to_string(),
                asked: datum(&mut { value }),
                invoked: event,
                ending: Ending::Unknown,
                times: (Some(event as u64 * 1_000_000), None),
                place: (event + 1, 1),
            });
            event += 1;
        }
        if let Some(answer) = answer {
            let open = |record: &&mut Record| record.process == process && record.ending == Ending::Unknown;
            let record = records.iter_mut().rev().find(open).expect("a call to answer");
            record.times.1 = Some(event as u64 * 1_000_000);
            record.ending = match answer {
                "ok" => Ending::Ok(event, record.asked.clone()),
                "no" => Ending::No(event, record.asked.clone()),
                "failed" => Ending::Failed(event),
                mut value => Ending::Ok(event, datum(&mut value)),
            };
            event += 1;
        }
    }
    records
}

/// Numbers, `null`, `true`, `false`, lists in brackets; other words are text.
fn datum(text: &mut &str) -> Datum {
    *text = text.trim_start();
    if let Some(rest) = text.strip_prefix('[') {
        *text = rest.trim_start();
        let mut items = Vec::new();
        while !text.starts_with(']') {
            items.push(datum(text));
            *text = text.trim_start();
        }
        *text = &text[1..];
        return Datum::List(items);
    }
    let end = text.find([' ', ']']).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    *text = rest;
    match (word, word.parse()) {
        (_, Ok(number)) => Datum::Int(number),
        ("null", _) => Datum::Nil,
        ("true" | "false", _) => Datum::Bool(word == "true"),
        _ => Datum::Text(word.to_string()),
    }
}
