//! The recorded histories: which files there are, what they are histories of, and what is stated about them.

use crate::history::{Act, Call, History, NEVER, Object};
use harness::records::{Datum, Ending, Record};
use rustc_hash::FxHashMap;
use std::path::{Path, PathBuf};

/// A file whose verdict is known.
pub struct Recorded {
    /// Folder and name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// True if it is linearizable.
    pub stated: bool,
    /// What its verbs mean.
    pub family: Family,
}

/// What the verbs and values of a file mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// One compare-and-set register.
    Register,
    /// A compare-and-set register for each key; values are `[key, value]`.
    Registers,
    /// A text for each key; values are `[key, text]`.
    Texts,
    /// A set; each element is an object of its own.
    Set,
    /// A queue.
    Queue,
}

/// The files below `root`, folder by folder, by name.
pub fn recorded(root: &Path) -> Vec<Recorded> {
    let folders = ["etcd", "subtle", "kv", "knossos/good", "knossos/bad", "generated"];
    folders.iter().flat_map(|folder| in_folder(root, folder)).collect()
}

fn in_folder(root: &Path, folder: &str) -> Vec<Recorded> {
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else { return Vec::new() };
    let table = std::fs::read_to_string(root.join(folder).join("VERDICTS.tsv")).unwrap_or_default();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| is_history(name))
        .collect();
    names.sort();
    let recorded = |name: String| Recorded {
        stated: stated(&table, folder, &name),
        family: family(folder, &name),
        path: root.join(folder).join(&name),
        name: format!("{folder}/{name}"),
    };
    names.into_iter().map(recorded).collect()
}

fn is_history(name: &str) -> bool {
    [".jsonl", ".jsonl.gz", ".edn"].iter().any(|ending| name.ends_with(ending))
}

/// The folder's table knows it, or the folder's name, or the file's.
fn stated(table: &str, folder: &str, name: &str) -> bool {
    if let Some(row) = table.lines().find(|row| row.split('\t').next() == Some(name)) {
        return row.split('\t').any(|field| field == "Ok");
    }
    let bare = name.split('.').next().unwrap_or(name);
    folder.ends_with("good") || bare.ends_with("_ok") || bare.ends_with("-ok")
}

fn family(folder: &str, name: &str) -> Family {
    match (folder, name.split('_').next()) {
        ("kv", _) => Family::Texts,
        ("generated", Some("kv")) => Family::Registers,
        ("generated", Some("set")) => Family::Set,
        ("generated", Some("queue")) => Family::Queue,
        _ => Family::Register,
    }
}

/// Types the records: values become small numbers, calls are parted by key, those that say nothing are left out.
///
/// # Panics
/// If a record fits no verb of the family.
pub fn typed(family: Family, records: &[Record]) -> History {
    let mut typing = Typing::default();
    // One object is there even if nobody calls it.
    let alone = matches!(family, Family::Register | Family::Queue);
    let mut keys: Vec<Vec<Call>> = vec![Vec::new(); usize::from(alone)];
    for record in records {
        let returned = match &record.ending {
            Ending::Failed(_) => continue,
            Ending::Ok(place, _) | Ending::No(place, _) => *place as u32,
            Ending::Unknown => NEVER,
        };
        let Some((key, act)) = typing.call(family, record) else { continue };
        keys.resize_with(keys.len().max(key as usize + 1), Vec::new);
        keys[key as usize].push(Call { act, invoked: record.invoked as u32, returned });
    }
    let object = match family {
        Family::Texts => Object::Text,
        Family::Queue => Object::Queue,
        Family::Register | Family::Registers | Family::Set => Object::Register,
    };
    History { object, texts: typing.texts, keys }
}

/// The numbers that stand for values and keys so far.
#[derive(Default)]
struct Typing {
    numbers: FxHashMap<i64, u32>,
    known: FxHashMap<String, u32>,
    texts: Vec<String>,
    keys: FxHashMap<String, u32>,
    numbered_keys: FxHashMap<i64, u32>,
}

impl Typing {
    /// The key and what was done with it, or `None` where the record says nothing.
    fn call(&mut self, family: Family, record: &Record) -> Option<(u32, Act)> {
        let answer = match &record.ending {
            Ending::Ok(_, answer) => Some(answer),
            _ => None,
        };
        match family {
            Family::Register => Some((0, self.register(record, &record.asked, answer)?)),
            Family::Registers => {
                let key = self.key(&pair(&record.asked).0);
                Some((
                    key,
                    self.register(record, &pair(&record.asked).1, answer.map(|answer| pair(answer).1).as_ref())?,
                ))
            }
            Family::Texts => {
                let (key, asked) = pair(&record.asked);
                let act = match (record.f.as_str(), answer) {
                    ("get", None) => return None,
                    ("get", Some(answer)) => Act::Read(self.text(&pair(answer).1)),
                    ("put", _) => Act::Write(self.text(&asked)),
                    ("append", _) => Act::Append(self.text(&asked)),
                    (other, _) => panic!("a text has no {other}"),
                };
                Some((self.key(&key), act))
            }
            Family::Set => self.element(record, answer),
            Family::Queue => match (record.f.as_str(), answer) {
                ("enqueue", _) => Some((0, Act::Enqueue(self.value(&record.asked)))),
                ("dequeue", Some(answer)) => Some((0, Act::Dequeue(self.value(answer)))),
                other => panic!("a queue that says what it answered has no {other:?}"),
            },
        }
    }

    fn register(&mut self, record: &Record, asked: &Datum, answer: Option<&Datum>) -> Option<Act> {
        let refused = matches!(record.ending, Ending::No(..));
        match record.f.as_str() {
            "read" => Some(Act::Read(self.value(answer?))),
            "write" => Some(Act::Write(self.value(asked))),
            "cas" => {
                let (from, to) = pair(asked);
                let from = self.value(&from);
                Some(if refused { Act::Missed(from) } else { Act::Cas(from, self.value(&to)) })
            }
            other => panic!("a register has no {other}"),
        }
    }

    /// A set's element is a register of 0 and 1. `ok` says that it is in or out now, whatever it was before; a refusal says
    /// that it was already, which is a read.
    fn element(&mut self, record: &Record, answer: Option<&Datum>) -> Option<(u32, Act)> {
        let refused = matches!(record.ending, Ending::No(..));
        let act = match record.f.as_str() {
            "add" if refused => Act::Read(1),
            "add" => Act::Write(1),
            "remove" if refused => Act::Read(0),
            "remove" => Act::Write(0),
            "contains" => Act::Read(u32::from(pair(answer?).1 == Datum::Bool(true))),
            other => panic!("a set has no {other}"),
        };
        let element = if record.f == "contains" { pair(&record.asked).0 } else { record.asked.clone() };
        Some((self.key(&element), act))
    }

    /// Null is 0, the rest goes by first appearance.
    fn value(&mut self, value: &Datum) -> u32 {
        let next = self.numbers.len() as u32 + 1;
        match value {
            Datum::Nil => 0,
            Datum::Int(value) => *self.numbers.entry(*value).or_insert(next),
            other => panic!("a value that is no whole number: {other:?}"),
        }
    }

    fn text(&mut self, text: &Datum) -> u32 {
        let Datum::Text(text) = text else { panic!("no text: {text:?}") };
        *self.known.entry(text.clone()).or_insert_with(|| {
            self.texts.push(text.clone());
            self.texts.len() as u32 - 1
        })
    }

    fn key(&mut self, key: &Datum) -> u32 {
        let next = (self.keys.len() + self.numbered_keys.len()) as u32;
        match key {
            Datum::Int(key) => *self.numbered_keys.entry(*key).or_insert(next),
            Datum::Text(key) => *self.keys.entry(key.clone()).or_insert(next),
            other => panic!("a key that is neither number nor text: {other:?}"),
        }
    }
}

fn pair(value: &Datum) -> (Datum, Datum) {
    match value {
        Datum::List(items) if items.len() == 2 => (items[0].clone(), items[1].clone()),
        other => panic!("no pair: {other:?}"),
    }
}
