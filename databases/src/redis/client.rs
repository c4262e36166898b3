//! A client: finds the primary by the Sentinels, and asks each operation in Redis's own commands.

use super::resp::{Command, Frame, Line, command, list, text};
use super::{DATA, GROUP, SENTINEL, number, odd, one, refusal};
use crate::cells;
use crate::real::{Session, Setup};
use crate::wire::Lost;
use harness::{NodeId, Op, Outcome, Reason, Reply};
use std::time::{Duration, Instant};
use store::data::{Cell, Content, Data, Sees, decide, sees};

/// See the head of this file.
pub(super) struct Client {
    /// Where the data servers say that they are.
    addresses: Vec<String>,
    data: Vec<Line>,
    /// The client's own one first; none where there are none.
    sentinels: Vec<Line>,
    /// Whom it was told of last.
    primary: Option<usize>,
    patience: Duration,
}

impl Session for Client {
    fn ask(&mut self, op: &Op, first: Option<NodeId>) -> Outcome {
        self.attempt(op, first).map_or_else(Outcome::from, Outcome::Ok)
    }
}

impl Client {
    /// A client beside a node, not connected yet. `watched`: whether Sentinels look after the servers.
    pub(super) fn new(setup: &Setup, home: usize, watched: bool) -> Client {
        let line = |node, port| Line::new(setup.beside[home].clone(), setup.reach(node, port));
        let nodes = setup.nodes();
        // From its own one on.
        let sentinels = (home..home + nodes).map(|node| line(node % nodes, SENTINEL));
        Client {
            addresses: (0..nodes).map(|node| setup.reach(node, DATA).to_string()).collect(),
            data: (0..nodes).map(|node| line(node, DATA)).collect(),
            sentinels: if watched { sentinels.collect() } else { Vec::new() },
            primary: None,
            patience: Duration::from_micros(setup.settings.request_timeout.0),
        }
    }

    fn attempt(&mut self, op: &Op, first: Option<NodeId>) -> Result<Reply, Lost> {
        let deadline = Instant::now() + self.patience;
        let node = match first {
            Some(node) if op.is_read() && !self.sentinels.is_empty() => node.index(),
            _ => self.find_primary(deadline).map_err(Lost::for_certain)?,
        };
        let asked = Call { line: &mut self.data[node], deadline }.ask(op);
        if asked.is_err() {
            self.primary = None;
        }
        asked
    }

    fn find_primary(&mut self, deadline: Instant) -> Result<usize, Lost> {
        if let Some(node) = self.primary.filter(|node| self.data[*node].stands()) {
            return Ok(node);
        }
        let node = if self.sentinels.is_empty() { 0 } else { self.told(deadline)? };
        let answer = one(&mut self.data[node], command(["ROLE"]), deadline)?;
        if list(&answer).first().and_then(text).as_deref() != Some("master") {
            return Err(Lost::Unsent(Reason::NotLeader { hint: None }));
        }
        self.primary = Some(node);
        Ok(node)
    }

    /// Whom the first Sentinel that answers takes for the primary.
    fn told(&mut self, deadline: Instant) -> Result<usize, Lost> {
        let share = self.patience / (self.sentinels.len() as u32 + 1);
        let mut silent = Lost::Unsent(Reason::TimedOut);
        for line in &mut self.sentinels {
            let asked = command(["SENTINEL", "GET-MASTER-ADDR-BY-NAME", GROUP]);
            let told = one(line, asked, deadline.min(Instant::now() + share)).map(|answer| {
                let words: Vec<String> = list(&answer).iter().filter_map(text).collect();
                self.addresses.iter().position(|address| *address == words.join(":"))
            });
            match told {
                Ok(Some(node)) => return Ok(node),
                Ok(None) => silent = Lost::Unsent(Reason::Unavailable("a Sentinel knows no primary".to_string())),
                Err(lost) => silent = lost,
            }
        }
        Err(silent)
    }
}

/// One operation at one node.
struct Call<'a> {
    line: &'a mut Line,
    deadline: Instant,
}

impl Call<'_> {
    fn ask(&mut self, op: &Op) -> Result<Reply, Lost> {
        match op {
            Op::Add { element } => self.one(["SADD", ELEMENTS, &element.to_string()]).map(|_| Reply::Done),
            Op::Remove { element } => self.one(["SREM", ELEMENTS, &element.to_string()]).map(|_| Reply::Done),
            Op::Members => {
                let answer = self.one(["SMEMBERS", ELEMENTS])?;
                let members: Option<Vec<_>> = list(&answer).iter().map(number).collect();
                let mut members = members.ok_or_else(|| odd(&answer))?;
                members.sort_unstable();
                Ok(Reply::Elements(members))
            }
            Op::Write { key, value } => {
                self.one(["SET", &cells::key(&Cell::Register(key.clone())), &value.to_string()]).map(|_| Reply::Done)
            }
            Op::Cas { key, from, to } => {
                let key = cells::key(&Cell::Register(key.clone()));
                let answer = self.one(["EVAL", COMPARE_AND_SET, "1", &key, &from.to_string(), &to.to_string()])?;
                Ok(if answer == Frame::Integer(1) { Reply::Done } else { Reply::No })
            }
            Op::Claim { name, owner } => {
                // Answers who owned it before.
                let key = cells::key(&Cell::Name(name.clone()));
                let answer = self.one(["SET", &key, &owner.to_string(), "NX", "GET"])?;
                let mine = answer == Frame::Null || number(&answer) == Some(*owner);
                Ok(if mine { Reply::Done } else { Reply::No })
            }
            _ if op.is_read() => {
                let cells = seen_by(op);
                let data = self.look(&cells, &[mget(&cells)])?;
                Ok(decide(op, &data).reply)
            }
            _ => self.look_and_write(op),
        }
    }

    fn one<'w>(&mut self, words: impl IntoIterator<Item = &'w str>) -> Result<Frame, Lost> {
        one(self.line, command(words), self.deadline)
    }

    /// Reads what the operation must see, decides, and writes if nobody has written to it since.
    fn look_and_write(&mut self, op: &Op) -> Result<Reply, Lost> {
        let cells = seen_by(op);
        let watch = [vec!["WATCH".to_string()], cells.iter().map(cells::key).collect()].concat();
        loop {
            // No byte of a write has been sent yet, or the last one was refused.
            let data = self.look(&cells, &[watch.clone(), mget(&cells)]).map_err(Lost::for_certain)?;
            let decision = decide(op, &data);
            if decision.writes.is_empty() {
                // What is watched is no promise of this operation: a lost answer only ends the connection.
                let _ = self.one(["UNWATCH"]);
                return Ok(decision.reply);
            }
            if self.transaction(&decision.writes)? {
                return Ok(decision.reply);
            }
            if Instant::now() >= self.deadline {
                return Err(Lost::Unsent(Reason::Unavailable("others were faster each time".to_string())));
            }
        }
    }

    /// What the cells hold, by the last of these commands.
    fn look(&mut self, cells: &[Cell], commands: &[Command]) -> Result<Data, Lost> {
        let answers = self.line.ask(commands, self.deadline)?;
        if let Some(lost) = answers.iter().find_map(refusal) {
            return Err(lost.for_certain());
        }
        let values = answers.last().map(list).unwrap_or_default();
        let held = cells.iter().zip(values).filter(|(_, value)| **value != Frame::Null);
        held.map(|(cell, value)| {
            Ok((cell.clone(), text(value).and_then(|value| cells::content(&value)).ok_or_else(|| odd(value))?))
        })
        .collect()
    }

    /// Writes all or nothing. False if something that is watched has been written to.
    fn transaction(&mut self, writes: &[(Cell, Content)]) -> Result<bool, Lost> {
        let set =
            |(cell, content): &(Cell, Content)| command(["SET".to_string(), cells::key(cell), cells::value(content)]);
        let mut commands = vec![command(["MULTI"])];
        commands.extend(writes.iter().map(set));
        commands.push(command(["EXEC"]));
        let answers = self.line.ask(&commands, self.deadline)?;
        let (begun, done) = (&answers[0], &answers[answers.len() - 1]);
        if matches!(begun, Frame::Error(_)) {
            // Each write was carried out by itself, or not.
            return Err(odd(begun));
        }
        match done {
            Frame::Null => Ok(false),
            Frame::Array(results) if results.len() == writes.len() && !results.iter().any(is_error) => Ok(true),
            other => Err(refusal(other).unwrap_or_else(|| odd(other))),
        }
    }
}

fn is_error(frame: &Frame) -> bool {
    matches!(frame, Frame::Error(_))
}

const COMPARE_AND_SET: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('SET', KEYS[1], ARGV[2]) return 1 end return 0";

const ELEMENTS: &str = "elements";

fn seen_by(op: &Op) -> Vec<Cell> {
    match sees(op) {
        Sees::Cells(cells) => cells,
        Sees::Elements => unreachable!("members are asked of the set itself"),
    }
}

fn mget(cells: &[Cell]) -> Command {
    [vec!["MGET".to_string()], cells.iter().map(cells::key).collect()].concat()
}
