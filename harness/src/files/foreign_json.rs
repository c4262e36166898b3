//! Events of a foreign history as JSON: one object a line, or one array of them.

use super::edn::{Place, Places};
use super::foreign::Event;
use super::{Malformed, words};
use crate::records::Datum;
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

const LINE: &str = "one JSON object a line, with process, type, f and value; delete a last line that was cut off";
const ARRAY: &str =
    "[{…}, {…}]: objects with process, type, f and value, between commas, and nothing after the bracket";

/// Hands each line's event on.
///
/// # Errors
/// Where a line is no event, and what `take` complains of.
pub(super) fn lines(
    name: &str,
    text: &str,
    mut take: impl FnMut(Place, Event<'_>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim_ascii().is_empty()) {
        let event: Line<'_> = serde_json::from_str(line).map_err(|error| {
            Malformed::new(format!("{name}:{}:{}", number + 1, error.column()), words(&error), LINE)
        })?;
        let column = 1 + line.len() - line.trim_ascii_start().len();
        take((number + 1, column), event.into())?;
    }
    Ok(())
}

/// Hands each event of the array on.
///
/// # Errors
/// Where the text is no array of events, and what `take` complains of.
pub(super) fn array(
    name: &str,
    text: &str,
    mut take: impl FnMut(Place, Event<'_>) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let wrong = |at: usize, wrong: &str| {
        let (line, column) = Places::default().of(text, at);
        Malformed::new(format!("{name}:{line}:{column}"), wrong, ARRAY)
    };
    let blank = |at: usize| text.len() - text[at..].trim_ascii_start().len();
    let mut places = Places::default();
    let mut at = blank(text.find('[').map_or(text.len(), |at| at + 1));
    if text[at..].starts_with(']') {
        at += 1;
    } else {
        loop {
            let mut events = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Line<'_>>();
            let event = match events.next() {
                Some(Ok(event)) => event,
                Some(Err(error)) => return Err(wrong(at + offset(&text[at..], &error), &words(&error))),
                None => return Err(wrong(text.len(), "the array is never closed")),
            };
            take(places.of(text, at), event.into())?;
            at = blank(at + events.byte_offset());
            let closed = text[at..].starts_with(']');
            if !closed && !text[at..].starts_with(',') {
                return Err(wrong(at, "neither a comma nor the end of the array"));
            }
            at = blank(at + 1);
            if closed {
                break;
            }
        }
    }
    if blank(at) < text.len() { Err(wrong(blank(at), "something stands after the array")) } else { Ok(()) }
}

/// One value; `None` where it is no JSON.
pub(super) fn value(text: &str) -> Option<Datum> {
    serde_json::from_str::<Value>(text).ok().map(|value| value.0)
}

/// The byte of `text` that serde complains of.
fn offset(text: &str, error: &serde_json::Error) -> usize {
    let start = match error.line() {
        0 | 1 => 0,
        line => text.match_indices('\n').nth(line - 2).map_or(0, |(at, _)| at + 1),
    };
    let end = (start + error.column().saturating_sub(1)).min(text.len());
    (0..=end).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(default)]
    index: Value,
    #[serde(default)]
    time: Value,
    #[serde(default)]
    process: Value,
    #[serde(borrow)]
    r#type: Option<Word<'a>>,
    #[serde(borrow)]
    f: Option<Word<'a>>,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    error: Value,
}

impl<'a> From<Line<'a>> for Event<'a> {
    fn from(line: Line<'a>) -> Self {
        Event {
            process: line.process.0,
            kind: line.r#type.map(|word| word.0),
            f: line.f.map(|word| word.0),
            value: line.value.0,
            error: line.error.0,
            index: line.index.0,
            time: line.time.0,
        }
    }
}

/// Text that is borrowed from the file unless it has escapes. (Serde itself would copy what is optional.)
struct Word<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Word<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text in quotes")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Word(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Word(Cow::Owned(text.to_string())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// Any JSON as a [`Datum`], without a tree in between.
struct Value(Datum);

impl Default for Value {
    fn default() -> Self {
        Value(Datum::Nil)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any).map(Value)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Datum;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Datum, E> {
        Ok(Datum::Nil)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Datum, E> {
        Ok(Datum::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Datum, E> {
        Ok(Datum::Int(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Datum, E> {
        Ok(i64::try_from(value).map_or_else(|_| Datum::Number(value.to_string()), Datum::Int))
    }
    /// Beyond 64 bits JSON has only floats, which would make different whole numbers equal, and a wrong answer right.
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Datum, E> {
        if value.abs() >= (1u64 << 63) as f64 {
            return Err(E::custom("a number beyond 64 bits, which cannot be compared exactly; put it in quotes"));
        }
        Ok(Datum::Number(format!("{value:?}")))
    }
    fn visit_str<E>(self, value: &str) -> Result<Datum, E> {
        Ok(Datum::Text(value.to_string()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Datum, A::Error> {
        let mut list = Vec::with_capacity(2);
        while let Some(Value(datum)) = seq.next_element()? {
            list.push(datum);
        }
        Ok(Datum::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Datum, A::Error> {
        let mut pairs = Vec::new();
        while let Some((key, Value(value))) = map.next_entry::<String, Value>()? {
            pairs.push((Datum::Text(key), value));
        }
        Ok(Datum::Map(pairs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each event's place and value.
    fn read(text: &str) -> Result<Vec<(Place, Datum)>, Malformed> {
        let mut events = Vec::new();
        let take = |place, event: Event<'_>| {
            events.push((place, event.value));
            Ok(())
        };
        if text.starts_with('[') { array("h", text, take) } else { lines("h", text, take) }?;
        Ok(events)
    }

    #[test]
    fn values_of_every_kind_are_read() {
        use Datum::{Bool, Int, List, Map, Nil, Number, Text};
        let (text, number) = (|text: &str| Text(text.to_string()), |text: &str| Number(text.to_string()));
        let cases = [
            ("null", Nil),
            ("true", Bool(true)),
            ("-3", Int(-3)),
            ("9223372036854775807", Int(i64::MAX)),
            ("9223372036854775808", number("9223372036854775808")),
            ("2.50", number("2.5")),
            ("3.0", number("3.0")),
            (r#""\u00e9\n""#, text("é\n")),
            ("[]", List(vec![])),
            ("[1,[null]]", List(vec![Int(1), List(vec![Nil])])),
            (r#"{"a":[1],"b":"c"}"#, Map(vec![(text("a"), List(vec![Int(1)])), (text("b"), text("c"))])),
        ];
        for (value, expected) in cases {
            let line = format!(r#"{{"process":0,"type":"ok","f":"f","more":[{{}}],"value":{value}}}"#);
            assert_eq!(read(&line), Ok(vec![((1, 1), expected.clone())]), "{value}");
            assert_eq!(read(&format!("[{line}]")), Ok(vec![((1, 2), expected)]), "{value}");
        }
    }

    #[test]
    fn events_know_their_places() {
        let places = |text: &str| read(text).map(|events| events.into_iter().map(|(place, _)| place).collect());
        assert_eq!(places("{}\r\n\n  {\"é\":1}\n"), Ok(vec![(1, 1), (3, 3)]));
        assert_eq!(places("[{}, {\"é\":\n1},\n\n  {}\n]\n"), Ok(vec![(1, 2), (1, 6), (4, 3)]));
        for text in ["[]", "[ \n] ", ""] {
            assert_eq!(places(text), Ok(vec![]), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_event_is_refused_with_its_place() {
        let deep = format!("{{\"value\":{}", "[".repeat(200));
        let cases = [
            ("{}\n{\"process\":", "h:2:11: EOF while parsing"),
            ("{}\n7", "h:2:1: invalid type: integer `7`"),
            ("{} {}", "h:1:4: trailing characters"),
            ("{\"f\":7}", "h:1:6: invalid type: integer `7`, expected text in quotes"),
            ("{\"f\":\"a\",\n", "h:1:9: EOF"),
            ("{\"f\":\"a\",\"f\":\"b\"}", "duplicate field `f`"),
            ("{\"value\":18446744073709551616}", "a number beyond 64 bits"),
            (&deep, "recursion limit exceeded"),
            ("[", "h:1:2: the array is never closed"),
            ("[{},\n {}", "h:2:4: neither a comma nor the end"),
            ("[{},\n\n {\"f\": 7}]", "h:3:8: invalid type"),
            ("[{},]", "h:1:5: "),
            ("[{}] {}", "h:1:6: something stands after the array"),
            ("[{} {}]", "h:1:5: neither a comma"),
            ("[7]", "h:1:2: invalid type"),
        ];
        for (text, expected) in cases {
            let complaint = read(text).expect_err(text).to_string();
            assert!(complaint.contains(expected), "{text}: {complaint}");
        }
    }
}
