//! Histories of other tools: calls with any verb and any value, as JSON lines or EDN say them.
//!
//! [`crate::files::foreign`] reads them; models make typed operations of them. The harness's own histories are typed from
//! the start ([`crate::history`]).

/// A value in somebody's file.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub enum Datum {
    /// `nil`, `null`.
    Nil,
    /// `true`, `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number that is no `i64`, as it was written: `123456789012345678901N`, `1/3`, `1.5M`, `2.5`.
    Number(String),
    /// Text in quotes, or one character.
    Text(String),
    /// A keyword or symbol, without its colon; JSON has none.
    Word(String),
    /// A list or vector.
    List(Vec<Datum>),
    /// A set, in the order written.
    Set(Vec<Datum>),
    /// A map, in the order written.
    Map(Vec<(Datum, Datum)>),
    /// A tagged literal that is no record: `#inst "…"`.
    Tagged(String, Box<Datum>),
}

/// One call of a foreign history.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Who asked.
    pub process: Datum,
    /// The verb, e.g. `read`.
    pub f: String,
    /// What stood in the invocation.
    pub asked: Datum,
    /// Index of the invocation among the file's events.
    pub invoked: usize,
    /// How it ended.
    pub ending: Ending,
    /// Times of invocation and completion in nanoseconds, where the file has them.
    pub times: (Option<u64>, Option<u64>),
    /// Line and column of the invocation, for complaints.
    pub place: (usize, usize),
}

/// How a call ended. Places are indexes among the file's events.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// `ok`, with the value of its completion.
    Ok(usize, Datum),
    /// `fail` with the error `precondition`: it saw that its condition did not hold, and changed nothing. The value is that of
    /// its completion.
    No(usize, Datum),
    /// Any other `fail`: it certainly did not happen.
    Failed(usize),
    /// `info`, or never completed: it may take effect at any later time, once or never.
    Unknown,
}
