//! Histories of other tools: JSON lines, a JSON array, or Jepsen's EDN, each plain or gzipped.
//!
//! Which of them is found out from the content, never from the name. Events stand in the order in which they happened:
//!
//! ```text
//! {"process":0,"type":"invoke","f":"cas","value":[1,2]}
//! {"process":0,"type":"fail","f":"cas","value":[1,2],"error":"precondition"}     an answer: 1 was not there
//! {:process 3, :type :invoke, :f :write, :value 7}
//! {:process 3, :type :info, :f :write, :value 7, :error :timeout}                may take effect at any later time
//! ```
//!
//! Which completion belongs to which invocation: [`super::foreign_calls`].

use super::edn::{Place, Reader};
use super::foreign_calls::Calls;
use super::{Malformed, foreign_json};
use crate::records::{Datum, Record};
use std::borrow::Cow;
use std::io::Read;

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    /// The calls of clients, in the order in which they were invoked.
    pub records: Vec<Record>,
    /// Events in the file, those of others than clients among them.
    pub events: usize,
    /// Events of others than clients.
    pub others: usize,
}

/// Reads a history. `name` is the file's, for complaints.
///
/// # Errors
/// The first place that is no event or that cannot follow what stands before it: a completion of nothing, a second
/// invocation before the first was completed, an invocation after an outcome that nobody knows, events out of order.
pub fn read(name: &str, bytes: &[u8]) -> Result<Foreign, Malformed> {
    let plain = unpacked(name, bytes)?;
    let text = std::str::from_utf8(&plain).map_err(|error| {
        let line = 1 + plain[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        Malformed::new(format!("{name}:{line}"), "not UTF-8", "text in UTF-8: JSON lines, a JSON array or EDN")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut calls = Calls::default();
    let take = |place: Place, event: Event<'_>| {
        calls.take(place, event).map_err(|(wrong, expected)| {
            let (line, column) = place;
            Malformed::new(format!("{name}:{line}:{column}"), wrong, expected)
        })
    };
    match notation(text) {
        Notation::Lines => foreign_json::lines(name, text, take)?,
        Notation::Array => foreign_json::array(name, text, take)?,
        Notation::Edn => edn(name, text, take)?,
    }
    Ok(Foreign { records: calls.records, events: calls.events, others: calls.others })
}

/// One value as somebody writes it on a command line: JSON, or EDN.
///
/// # Errors
/// Where it is neither, and for a bare word, which could mean text or a keyword.
pub fn value(text: &str) -> Result<Datum, Malformed> {
    if let Some(datum) = foreign_json::value(text) {
        return Ok(datum);
    }
    let expected = "one value as it would stand in the file, such as 5, null, \"text\", :keyword or [1, 2]";
    let wrong = |why: String| Malformed::new(text, why, expected);
    let mut reader = Reader::new("", text);
    let datum = match reader.form().map_err(|malformed| wrong(malformed.wrong))? {
        None => return Err(wrong("no value".to_string())),
        Some((_, Datum::Word(_))) if !text.trim_start().starts_with(':') => {
            return Err(wrong("a bare word".to_string()));
        }
        Some((_, datum)) => datum,
    };
    match reader.form() {
        Ok(None) => Ok(datum),
        _ => Err(wrong("more than one value".to_string())),
    }
}

/// The content of a file that may be gzipped.
fn unpacked<'a>(name: &str, bytes: &'a [u8]) -> Result<Cow<'a, [u8]>, Malformed> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(Cow::Borrowed(bytes));
    }
    let mut plain = Vec::with_capacity(bytes.len().saturating_mul(8));
    let read = flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut plain);
    read.map_err(|error| Malformed::new(name, format!("broken gzip: {error}"), "a file that `gzip -t` accepts"))?;
    Ok(Cow::Owned(plain))
}

enum Notation {
    Lines,
    Array,
    Edn,
}

/// The keys of a JSON object stand in quotes, those of Jepsen's maps behind colons.
fn notation(text: &str) -> Notation {
    let text = text.trim_ascii_start();
    let object = |text: &str| text.strip_prefix('{').is_some_and(|rest| rest.trim_ascii_start().starts_with('"'));
    match text.strip_prefix('[') {
        Some(rest) if object(rest.trim_ascii_start()) => Notation::Array,
        None if object(text) => Notation::Lines,
        _ => Notation::Edn,
    }
}

/// One event of a file, before anything is known of it. What is absent is nil.
pub(super) struct Event<'a> {
    pub(super) process: Datum,
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) f: Option<Cow<'a, str>>,
    pub(super) value: Datum,
    pub(super) error: Datum,
    pub(super) index: Datum,
    pub(super) time: Datum,
}

/// Hands each map of the text on: those in one list or vector, or one after the other.
fn edn(
    name: &str,
    text: &str,
    mut take: impl FnMut(Place, Event<'static>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut reader = Reader::new(name, text);
    let closing = reader.enter()?;
    let next = |reader: &mut Reader<'_>| match closing {
        Some(closing) => reader.element(closing),
        None => reader.form(),
    };
    let wrong = |(line, column): Place, (wrong, expected): Complaint| {
        Malformed::new(format!("{name}:{line}:{column}"), wrong, expected)
    };
    while let Some((place, form)) = next(&mut reader)? {
        take(place, event(form).map_err(|complaint| wrong(place, complaint))?)?;
    }
    match reader.form()? {
        None => Ok(()),
        Some((place, _)) => {
            let complaint = complaint("something stands after the list of events", "one list, or one map a line");
            Err(wrong(place, complaint))
        }
    }
}

fn event(form: Datum) -> Result<Event<'static>, Complaint> {
    let Datum::Map(pairs) = form else {
        let expected = "JSON objects or EDN maps with process, type, f and value; one a line, or all in one list";
        return Err(complaint("not an event", expected));
    };
    let mut fields: [Option<Datum>; 7] = Default::default();
    for (key, value) in pairs {
        let (Datum::Word(key) | Datum::Text(key)) = key else { continue };
        let known = ["process", "type", "f", "value", "error", "index", "time"];
        let Some(field) = known.iter().position(|known| *known == key) else { continue };
        if fields[field].replace(value).is_some() {
            return Err(complaint(format!("{key} stands here twice"), "each field once"));
        }
    }
    let [process, kind, f, value, error, index, time] = fields;
    let or_nil = |field: Option<Datum>| field.unwrap_or(Datum::Nil);
    let name = |what: &str, field: Option<Datum>| match field {
        None | Some(Datum::Nil) => Ok(None),
        Some(Datum::Word(word) | Datum::Text(word)) => Ok(Some(Cow::Owned(word))),
        Some(_) => {
            Err(complaint(format!("{what} is no keyword"), format!("a keyword as {what}, such as :read or :ok")))
        }
    };
    Ok(Event {
        process: or_nil(process),
        kind: name("type", kind)?,
        f: name("f", f)?,
        value: or_nil(value),
        error: or_nil(error),
        index: or_nil(index),
        time: or_nil(time),
    })
}

/// What is wrong, and what was expected.
pub(super) type Complaint = (String, String);

pub(super) fn complaint(wrong: impl Into<String>, expected: impl Into<String>) -> Complaint {
    (wrong.into(), expected.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Ending;
    use std::io::Write;

    /// The same five calls in three notations.
    const LINES: &str = r#"{"index":0,"time":10,"process":0,"type":"invoke","f":"write","value":1}
{"index":1,"process":"nemesis","type":"info","f":"start","value":["cut",{}]}

{"index":3,"process":1,"type":"invoke","f":"cas","value":[1,2]}
{"index":4,"time":20,"process":0,"type":"ok","f":"write","value":1}
{"index":5,"process":1,"type":"fail","f":"cas","value":[1,2],"error":"precondition"}
{"index":6,"process":1,"type":"invoke","f":"read","value":null}
{"index":7,"process":0,"type":"invoke","f":"write","value":3}
{"index":8,"process":0,"type":"fail","f":"write","value":3,"error":"refused"}
{"index":9,"process":1,"type":"info","f":"read","value":null,"error":"timeout"}
{"index":10,"process":0,"type":"invoke","f":"read"}
"#;
    const EDN: &str = "; a comment
{:index 0, :time 10, :process 0, :type :invoke, :f :write, :value 1}
{:index 1, :process :nemesis, :type :info, :f :start, :value [cut {}]}
#jepsen.history.Op{:index 3, :process 1, :type :invoke, :f :cas, :value [1 2]}
{:index 4, :time 20, :process 0, :type :ok, :f :write, :value 1} #_{:process 9}
{:index 5, :process 1, :type :fail, :f :cas, :value (1 2), :error :precondition}
{:index 6, :process 1, :type :invoke, :f :read, :value nil}
{:index 7, :process 0, :type :invoke, :f :write, :value 3}
{:index 8, :process 0, :type :fail, :f :write, :value 3, :error [:refused 7]}
{:index 9, :process 1, :type :info, :f :read, :value nil, :error timeout}
{:index 10, :process 0, :type :invoke, :f :read}
";

    fn zipped(text: &str) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(text.as_bytes()).expect("memory takes all");
        packer.finish().expect("memory takes all")
    }

    fn expected() -> Vec<Record> {
        use Datum::{Int, List, Nil};
        let pair = || List(vec![Int(1), Int(2)]);
        let record = |process, f: &str, asked, invoked, ending, times| {
            let (process, f) = (Int(process), f.to_string());
            Record { process, f, asked, invoked, ending, times, place: (0, 0) }
        };
        vec![
            record(0, "write", Int(1), 0, Ending::Ok(3, Int(1)), (Some(10), Some(20))),
            record(1, "cas", pair(), 2, Ending::No(4, pair()), (None, None)),
            record(1, "read", Nil, 5, Ending::Unknown, (None, None)),
            record(0, "write", Int(3), 6, Ending::Failed(7), (None, None)),
            record(0, "read", Nil, 9, Ending::Unknown, (None, None)),
        ]
    }

    #[test]
    fn every_notation_says_the_same() {
        let array = format!(" [{}]", LINES.trim().replace("\n\n", "\n").replace('\n', ",\n"));
        let cases = [
            (LINES.to_string(), [1, 4, 7, 8, 11]),
            (LINES.replace('\n', "\r\n"), [1, 4, 7, 8, 11]),
            (format!("\u{feff}{LINES}"), [1, 4, 7, 8, 11]),
            (array, [1, 3, 6, 7, 10]),
            (EDN.to_string(), [2, 4, 7, 8, 11]),
            (format!("[{EDN}]"), [2, 4, 7, 8, 11]),
            (format!("({EDN})\n"), [2, 4, 7, 8, 11]),
        ];
        for (text, lines) in cases {
            for bytes in [text.clone().into_bytes(), zipped(&text)] {
                let mut foreign = read("h", &bytes).unwrap_or_else(|why| panic!("{text}\n{why}"));
                assert_eq!((foreign.events, foreign.others), (10, 1), "{text}");
                let places: Vec<usize> = foreign.records.iter().map(|record| record.place.0).collect();
                assert_eq!(places, lines, "{text}");
                foreign.records.iter_mut().for_each(|record| record.place = (0, 0));
                assert_eq!(foreign.records, expected(), "{text}");
            }
        }
    }

    #[test]
    fn nothing_is_a_history_too() {
        for text in ["", "\n \n", "[]", "()", "[ ]\n", "; nothing"] {
            assert_eq!(read("h", text.as_bytes()), Ok(Foreign { records: vec![], events: 0, others: 0 }), "{text:?}");
        }
    }

    #[test]
    fn a_single_value_is_json_or_edn() {
        let text = || Datum::Text("a b".to_string());
        let cases = [
            ("5", Some(Datum::Int(5))),
            ("null", Some(Datum::Nil)),
            (" nil ", Some(Datum::Nil)),
            ("\"a b\"", Some(text())),
            ("[\"a b\", 5]", Some(Datum::List(vec![text(), Datum::Int(5)]))),
            ("{\"a b\": 5}", Some(Datum::Map(vec![(text(), Datum::Int(5))]))),
            ("#{5}", Some(Datum::Set(vec![Datum::Int(5)]))),
            (":a", Some(Datum::Word("a".to_string()))),
            ("a", None),
            ("", None),
            ("5 6", None),
            ("5 ]", None),
            ("[5", None),
        ];
        for (written, expected) in cases {
            assert_eq!(value(written).ok(), expected, "{written}");
        }
    }

    #[test]
    fn what_is_no_history_is_refused_with_its_place() {
        let invoke = r#"{"process":0,"type":"invoke","f":"read","value":null}"#;
        let ok = r#"{"process":0,"type":"ok","f":"read","value":3}"#;
        let info = ok.replace("\"ok\"", "\"info\"");
        let edn = "{:process 0 :type :invoke :f :read}";
        let cases = [
            (ok.to_string(), "h:1:1: process 0 completes read, but asked nothing"),
            (format!("{invoke}\n{ok}\n{ok}"), "h:3:1: process 0 completes read, but asked nothing"),
            (format!("{invoke}\n {invoke}"), "h:2:2: process 0 asks again before the read of line 1 was completed"),
            (
                format!("{invoke}\n{info}\n{invoke}"),
                "h:3:1: process 0 asks again, but nobody knows how its call of line 1",
            ),
            (format!("{invoke}\n{info}\n{ok}"), "h:3:1: process 0 completes read"),
            (
                format!("{invoke}\n{}", ok.replace("read", "write")),
                "h:2:1: process 0 completes write, but asked read on line 1",
            ),
            (
                format!("{invoke}\n{}", ok.replace("\"ok\"", "\"done\"")),
                "h:2:1: type done\n  expected: invoke, ok, fail or info",
            ),
            (invoke.replace("\"process\":0,", ""), "h:1:1: no process"),
            (invoke.replace("\"process\":0,", "\"process\":0.5,"), "h:1:1: process 0.5"),
            (invoke.replace("\"type\":\"invoke\",", ""), "h:1:1: no type"),
            (invoke.replace("\"f\":\"read\",", ""), "h:1:1: no f"),
            (
                invoke.replace("{\"p", "{\"index\":4,\"p") + "\n" + &ok.replace("{\"p", "{\"index\":4,\"p"),
                "h:2:1: index 4 stands after index 4",
            ),
            (format!("{invoke}\n{}", &ok[..20]), "h:2:20: EOF"),
            (format!("[{invoke},\n{ok},\n{ok}]"), "h:3:1: process 0 completes read"),
            (format!("{edn}\n{edn}"), "h:2:1: process 0 asks again"),
            (format!("[{edn} 7]"), "h:1:38: not an event"),
            (format!("[{edn}"), "h:1:37: the text ends too early"),
            (format!("[{edn}] {edn}"), "h:1:39: something stands after the list"),
            (edn.replace(":f :read", ":f 7"), "h:1:1: f is no keyword"),
            (edn.replace(":f :read", ":f :read :f :read"), "h:1:1: f stands here twice"),
            ("hello world".to_string(), "h:1:1: not an event"),
            ("7".to_string(), "h:1:1: not an event"),
        ];
        for (text, expected) in cases {
            let complaint = read("h", text.as_bytes()).expect_err(&text).to_string();
            assert!(complaint.starts_with(expected), "{text}: {complaint}");
            assert!(complaint.contains("\n  expected: "), "{complaint}");
        }
        let complaint = read("h", b"{\"process\":0}\n\xff").expect_err("no UTF-8").to_string();
        assert!(complaint.starts_with("h:2: not UTF-8"), "{complaint}");
        let whole = zipped(LINES);
        let complaint = read("h", &whole[..whole.len() / 2]).expect_err("half a file").to_string();
        assert!(complaint.starts_with("h: broken gzip: "), "{complaint}");
    }
}
