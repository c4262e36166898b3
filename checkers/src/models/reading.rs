//! From anybody's records to calls that a model can type, and complaints about those that it cannot.

use harness::records::{Datum, Ending, Record};
use std::fmt;

/// A call as a model reads it. Those that certainly did not happen are not among them.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Its index among the records.
    pub index: usize,
    /// Where it stands.
    pub record: &'a Record,
    /// What stood in the invocation, without the key of `--independent`.
    pub asked: &'a Datum,
    /// How it ended.
    pub told: Told<'a>,
}

/// How a call ended that may have happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Told<'a> {
    /// It was done, and answered so.
    Ok(&'a Datum),
    /// Its condition did not hold, and it changed nothing.
    No,
    /// Nobody knows.
    Unknown,
}

impl<'a> Call<'a> {
    /// All calls that may have happened, in order of invocation.
    pub fn all(records: &'a [Record]) -> Vec<Call<'a>> {
        let mut calls: Vec<Call> =
            records.iter().enumerate().filter_map(|(index, record)| Call::new(index, record)).collect();
        calls.sort_by_key(|call| call.record.invoked);
        calls
    }

    fn new(index: usize, record: &'a Record) -> Option<Call<'a>> {
        let told = match &record.ending {
            Ending::Ok(_, value) => Told::Ok(value),
            Ending::No(..) => Told::No,
            Ending::Unknown => Told::Unknown,
            Ending::Failed(_) => return None,
        };
        Some(Call { index, record, asked: &record.asked, told })
    }

    /// The verb.
    pub fn f(&self) -> &'a str {
        &self.record.f
    }

    /// The event of its answer.
    pub fn returned(&self) -> Option<usize> {
        match self.record.ending {
            Ending::Ok(at, _) | Ending::No(at, _) => Some(at),
            Ending::Failed(_) | Ending::Unknown => None,
        }
    }

    /// A complaint about this call.
    pub fn misfit(&self, what: impl Into<String>) -> Misfit {
        let (line, column) = self.record.place;
        Misfit { line, column, what: what.into() }
    }

    /// The complaint that the model has no such verb; `known` are those it has.
    pub fn no_such_verb(&self, model: &str, known: &str) -> Misfit {
        self.misfit(format!("the model {model} knows no `{}`, only {known}; see `perjury list models`", self.f()))
    }

    /// The two elements of a list of two, or a complaint that says what was expected, such as `[key, value]`.
    pub fn pair(&self, value: &'a Datum, shape: &str) -> Result<(&'a Datum, &'a Datum), Misfit> {
        match value {
            Datum::List(items) if items.len() == 2 => Ok((&items[0], &items[1])),
            other => Err(self.expected(shape, other)),
        }
    }

    /// The elements of a list or set.
    pub fn items(&self, value: &'a Datum, shape: &str) -> Result<&'a [Datum], Misfit> {
        match value {
            Datum::List(items) | Datum::Set(items) => Ok(items),
            other => Err(self.expected(shape, other)),
        }
    }

    /// A whole number.
    pub fn whole(&self, value: &Datum) -> Result<i64, Misfit> {
        match value {
            Datum::Int(number) => Ok(*number),
            other => Err(self.expected("a whole number", other)),
        }
    }

    /// The complaint that a value has another shape than this model reads.
    pub fn expected(&self, shape: &str, found: &Datum) -> Misfit {
        self.misfit(format!("the value of `{}` should be {shape}, but it is {}", self.f(), show(found)))
    }
}

/// A call or value that the model does not know. Its text says where, what, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Line of the invocation, from 1; 0 if it is about an option and not about the file.
    pub line: usize,
    /// Column of the invocation, from 1.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub what: String,
}

impl Misfit {
    /// A complaint about `--initial`.
    pub fn initial(shape: &str, found: &Datum) -> Misfit {
        Misfit { line: 0, column: 0, what: format!("--initial should be {shape}, but it is {}", show(found)) }
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}", self.what),
            line => write!(f, "line {line}, column {}: {}", self.column, self.what),
        }
    }
}

impl std::error::Error for Misfit {}

/// A value as people read it.
pub fn show(value: &Datum) -> String {
    let all = |items: &[Datum]| items.iter().map(show).collect::<Vec<_>>().join(", ");
    match value {
        Datum::Nil => "null".to_string(),
        Datum::Bool(value) => value.to_string(),
        Datum::Int(number) => number.to_string(),
        Datum::Number(text) | Datum::Word(text) => text.clone(),
        Datum::Text(text) => format!("{text:?}"),
        Datum::List(items) => format!("[{}]", all(items)),
        Datum::Set(items) => format!("{{{}}}", all(items)),
        Datum::Map(entries) => {
            let entries: Vec<String> =
                entries.iter().map(|(key, value)| format!("{}: {}", show(key), show(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Datum::Tagged(tag, value) => format!("#{tag} {}", show(value)),
    }
}
