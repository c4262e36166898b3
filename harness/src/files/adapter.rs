//! What the harness and a client program say to each other: a line of JSON for each operation, and one for each outcome. The field
//! names are those of `history.jsonl`.

use super::Malformed;
use super::values::{Complaint, asked, outcome};
use crate::op::Op;
use crate::outcome::Outcome;
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// The question, without the line's end: `{"f":"write","node":1,"value":["r1",5]}`. `node` is whom to ask, counted from 1.
pub fn question(op: &Op, node: usize) -> String {
    json!({"f": op.verb(), "node": node, "value": asked(op)}).to_string()
}

#[derive(Deserialize)]
struct Answer {
    r#type: String,
    #[serde(default)]
    value: Json,
    #[serde(default)]
    error: Option<Json>,
}

/// What an answer says of an operation: `{"type":"ok"}`, `{"type":"ok","value":["r1",5]}`, `{"type":"fail","error":"precondition"}`,
/// `{"type":"fail","error":"read only"}` or `{"type":"info","error":"broken pipe"}`. `name` is the program's, for complaints.
///
/// # Errors
/// If it is none of these, or its value is no answer to that operation.
pub fn answer(name: &str, op: &Op, line: &str) -> Result<Outcome, Malformed> {
    let wrong = |(wrong, expected): Complaint| {
        Malformed::new(
            format!("{name}, asked {} {}", op.verb(), asked(op)),
            format!("{wrong} (it said: {})", line.trim_end()),
            expected,
        )
    };
    let expected = "one line of JSON with type: ok, fail or info";
    let said: Answer = serde_json::from_str(line).map_err(|error| wrong((error.to_string(), expected.to_string())))?;
    if said.r#type == "ok" && said.value.is_null() && op.is_read() && !matches!(op, Op::Members) {
        // An unkeyed null would do for a register that holds nothing, but a forgotten value must not look like one.
        return Err(wrong(("a read was answered without a value".to_string(), "what was read, as value".to_string())));
    }
    outcome(op, &said.r#type, &said.value, said.error.as_ref()).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::Reply;
    use crate::outcome::Reason;

    fn read() -> Op {
        Op::Read { key: "r1".into() }
    }

    #[test]
    fn each_kind_of_answer_is_understood() {
        let write = Op::Write { key: "r1".into(), value: 5 };
        assert_eq!(question(&write, 2), r#"{"f":"write","node":2,"value":["r1",5]}"#);
        let cases = [
            (&write, r#"{"type":"ok"}"#, Outcome::Ok(Reply::Done)),
            (&write, r#"{"type":"fail","error":"precondition"}"#, Outcome::Ok(Reply::No)),
            (
                &write,
                r#"{"type":"fail","error":"read only"}"#,
                Outcome::Failed(Reason::Unavailable("read only".into())),
            ),
            (&write, r#"{"type":"info","error":"timed-out"}"#, Outcome::Unknown(Reason::TimedOut)),
            (&read(), r#"{"type":"ok","value":["r1",5]}"#, Outcome::Ok(Reply::Value(Some(5)))),
            (&read(), r#"{"type":"ok","value":["r1",null]}"#, Outcome::Ok(Reply::Value(None))),
            (&Op::Members, r#"{"type":"ok","value":[1,2]}"#, Outcome::Ok(Reply::Elements(vec![1, 2]))),
        ];
        for (op, line, expected) in cases {
            assert_eq!(answer("client.py", op, line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_is_no_answer_is_told_with_the_question_and_what_was_said() {
        for line in ["", "done", r#"{"type":"done"}"#, r#"{"type":"ok"}"#, r#"{"type":"ok","value":"five"}"#] {
            let words = answer("client.py", &read(), line).expect_err(line).to_string();
            assert!(words.contains("client.py") && words.contains("asked read [\"r1\",null]"), "{words}");
        }
    }
}
