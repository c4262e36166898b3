//! What both checkers are asked: typed calls, one list for each key, values as small numbers. It travels to the child
//! processes as a stream of 32-bit words, so that a child's memory is that of its history and its search alone.

use std::io::{self, Read, Write};

/// Where a call without an answer returns.
pub const NEVER: u32 = u32::MAX;

/// What the objects of a history are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// Compare-and-set registers that hold 0 at first. An element of a set is one, too: 0 absent, 1 present.
    Register,
    /// Texts that start empty; numbers stand for entries of [`History::texts`].
    Text,
    /// One queue, empty at first. Values start at 1; a dequeue of 0 found it empty.
    Queue,
}

/// What a call did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Saw the value, changed nothing.
    Read(u32),
    /// Saw another value than this one, changed nothing.
    Missed(u32),
    /// Put the value there, whatever was there before.
    Write(u32),
    /// Found the first value and put the second there.
    Cas(u32, u32),
    /// Added to the end of the text.
    Append(u32),
    /// Put the value at the queue's end.
    Enqueue(u32),
    /// Took the value from the queue's front.
    Dequeue(u32),
}

/// One call. Places are indexes among the events of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// What it did. Where the outcome is unknown: what it would do.
    pub act: Act,
    /// Where it was invoked.
    pub invoked: u32,
    /// Where it returned, or [`NEVER`].
    pub returned: u32,
}

/// The calls of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// What the objects are.
    pub object: Object,
    /// What the numbers stand for, where the values are texts.
    pub texts: Vec<String>,
    /// The calls on each object, by place of invocation.
    pub keys: Vec<Vec<Call>>,
}

impl History {
    /// How many calls there are.
    pub fn calls(&self) -> usize {
        self.keys.iter().map(Vec::len).sum()
    }

    /// Sends it to a child.
    pub fn send(&self, to: impl Write) -> io::Result<()> {
        let mut to = io::BufWriter::with_capacity(1 << 16, to);
        let mut word = |word: u32| to.write_all(&word.to_le_bytes());
        word(self.object as u32)?;
        word(self.texts.len() as u32)?;
        for text in &self.texts {
            word(text.len() as u32)?;
            text.bytes().try_for_each(|byte| word(u32::from(byte)))?;
        }
        word(self.keys.len() as u32)?;
        for calls in &self.keys {
            word(calls.len() as u32)?;
            for call in calls {
                let (verb, first, second) = numbers(call.act);
                [verb, first, second, call.invoked, call.returned].into_iter().try_for_each(&mut word)?;
            }
        }
        to.flush()
    }

    /// What [`History::send`] sent.
    pub fn receive(from: impl Read) -> io::Result<History> {
        let mut from = io::BufReader::with_capacity(1 << 16, from);
        let mut word = || {
            let mut bytes = [0; 4];
            from.read_exact(&mut bytes).map(|()| u32::from_le_bytes(bytes))
        };
        let object = [Object::Register, Object::Text, Object::Queue][word()? as usize];
        let mut texts = Vec::new();
        for _ in 0..word()? {
            let bytes = (0..word()?).map(|_| word().map(|byte| byte as u8)).collect::<io::Result<Vec<u8>>>()?;
            texts.push(String::from_utf8(bytes).map_err(io::Error::other)?);
        }
        let mut keys = Vec::new();
        for _ in 0..word()? {
            let count = word()? as usize;
            let mut calls = Vec::with_capacity(count);
            for _ in 0..count {
                let act = act(word()?, word()?, word()?);
                calls.push(Call { act, invoked: word()?, returned: word()? });
            }
            keys.push(calls);
        }
        Ok(History { object, texts, keys })
    }
}

/// A verb's number and its values.
pub fn numbers(act: Act) -> (u32, u32, u32) {
    match act {
        Act::Read(value) => (0, value, 0),
        Act::Missed(value) => (1, value, 0),
        Act::Write(value) => (2, value, 0),
        Act::Cas(from, to) => (3, from, to),
        Act::Append(text) => (4, text, 0),
        Act::Enqueue(value) => (5, value, 0),
        Act::Dequeue(value) => (6, value, 0),
    }
}

fn act(verb: u32, first: u32, second: u32) -> Act {
    match verb {
        0 => Act::Read(first),
        1 => Act::Missed(first),
        2 => Act::Write(first),
        3 => Act::Cas(first, second),
        4 => Act::Append(first),
        5 => Act::Enqueue(first),
        6 => Act::Dequeue(first),
        _ => panic!("no verb has the number {verb}"),
    }
}
