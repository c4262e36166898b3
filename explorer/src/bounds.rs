//! What is asked, and how much may happen: inside these bounds every order is tried, and outside of them nothing is known.

use harness::client::Style;
use harness::files::Malformed;
use harness::script::{operation, spelt};
use harness::{NodeId, Op};
use std::fmt;

/// The bounds of an exploration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many nodes there are.
    pub nodes: u8,
    /// What each client asks, one operation after the other was answered.
    pub clients: Vec<Vec<Op>>,
    /// No node goes beyond this term; without meaning for a design that has none.
    pub terms: u64,
    /// The timers that run out at all, by name.
    pub fires: Vec<Fires>,
    /// How many processes die, each with its unsynced writes or without.
    pub crashes: u8,
    /// How many messages are lost.
    pub drops: u8,
    /// When writes are synced.
    pub disks: Disks,
}

/// A timer that may run out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fires {
    /// As scripts spell it.
    pub timer: String,
    /// On this node alone, if one is named. Where nodes are alike, it is enough to let some of them begin.
    pub node: Option<NodeId>,
    /// How often in all. `None`: as often as the terms allow.
    pub most: Option<u8>,
}

/// When writes are synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disks {
    /// At any time later, so that whatever can happen in between does.
    Later,
    /// At once, before anything else happens.
    AtOnce,
}

/// More operations than this are not judged.
pub const MOST_OPS: usize = 8;
/// More nodes than this are not explored.
pub const MOST_NODES: u8 = 5;

/// Reads what clients ask: `write x 1; read x, read x` is one client with one operation and one with two.
///
/// # Errors
/// The first operation that cannot be read, or that the explorer cannot judge.
pub fn clients(text: &str) -> Result<Vec<Vec<Op>>, Malformed> {
    let malformed = |(wrong, expected): (String, String)| Malformed::new("--ops", wrong, expected);
    let one = |spelling: &str| {
        let op = operation(&spelling.split_whitespace().collect::<Vec<_>>()).map_err(malformed)?;
        if crate::order::knows(&op) {
            return Ok(op);
        }
        Err(malformed((format!("the explorer does not judge \"{}\"", spelt(&op)), "read, write, cas or claim".into())))
    };
    let client = |ops: &str| ops.split(',').filter(|op| !op.trim().is_empty()).map(one).collect::<Result<Vec<_>, _>>();
    let clients = text.split(';').map(client).collect::<Result<Vec<_>, _>>()?;
    let count = clients.iter().flatten().count();
    if count > MOST_OPS {
        return Err(malformed((format!("{count} operations"), format!("at most {MOST_OPS}"))));
    }
    Ok(clients.into_iter().filter(|ops| !ops.is_empty()).collect())
}

/// Reads which timers run out: `election, heartbeat@n1=2` is one that runs out everywhere, and one only on a node and at most
/// twice.
///
/// # Errors
/// What cannot be read.
pub fn fires(text: &str) -> Result<Vec<Fires>, Malformed> {
    let one = |word: &str| {
        let malformed =
            || Malformed::new("--fires", format!("\"{word}\""), "e.g. election, heartbeat=2 or election@n1=2");
        let (whose, most) = word.split_once('=').map_or((word, None), |(whose, most)| (whose, Some(most)));
        let (timer, node) = whose.split_once('@').map_or((whose, None), |(timer, node)| (timer, Some(node)));
        Ok(Fires {
            timer: timer.to_string(),
            node: node.map(|node| node_id(node).ok_or_else(malformed)).transpose()?,
            most: most.map(|most| most.parse().map_err(|_| malformed())).transpose()?,
        })
    };
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(one).collect()
}

/// `n1` is the first.
fn node_id(word: &str) -> Option<NodeId> {
    word.strip_prefix('n')?.parse::<u8>().ok()?.checked_sub(1).map(NodeId)
}

impl Bounds {
    /// The workload whose checkers judge these operations too.
    pub fn workload(&self) -> &'static str {
        let claims = |op: &Op| matches!(op, Op::Claim { .. });
        if self.clients.iter().flatten().any(claims) { "registration" } else { "register" }
    }

    /// The nodes that there are.
    pub fn node_ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0..self.nodes).map(NodeId)
    }

    /// Complains about bounds that make no sense. `timers` are those that the design has.
    ///
    /// # Errors
    /// Which bound, and what it takes.
    pub fn check(&self, timers: &[String]) -> Result<(), Malformed> {
        let wrong = |place, wrong: String, expected: String| Err(Malformed::new(place, wrong, expected));
        if !(1..=MOST_NODES).contains(&self.nodes) {
            return wrong("--nodes", self.nodes.to_string(), format!("1 to {MOST_NODES}"));
        }
        if let Some(fires) = self.fires.iter().find(|fires| !timers.contains(&fires.timer)) {
            return wrong("--fires", format!("the timer \"{}\"", fires.timer), timers.join(", "));
        }
        if let Some(node) = self.fires.iter().filter_map(|fires| fires.node).find(|node| node.0 >= self.nodes) {
            return wrong("--fires", format!("a timer of {node}"), format!("a node of {}", self.nodes));
        }
        let claims = |op: &Op| matches!(op, Op::Claim { .. });
        let mut ops = self.clients.iter().flatten();
        if self.workload() == "registration" && !ops.all(claims) {
            return wrong("--ops", "claims beside other operations".into(), "claims alone, or none".into());
        }
        Ok(())
    }

    /// In words, as `asked` and `happens`.
    pub fn words(&self, style: Style) -> (String, String) {
        let client = |ops: &Vec<Op>| ops.iter().map(spelt).collect::<Vec<_>>().join(", ");
        let asked: Vec<String> = self.clients.iter().map(client).collect();
        let whom = match style {
            Style::FollowLeader => "whoever leads",
            Style::Sticky => "its home node",
            Style::ReadAtHome => "its home node, or to write whoever leads",
        };
        let asked = match asked.len() {
            0 => "nobody asks anything".to_string(),
            1 => format!("one client asks {whom}: {}", asked[0]),
            count => format!("{count} clients, each asks {whom}: {}", asked.join(" | ")),
        };
        (asked, self.to_string())
    }
}

impl fmt::Display for Fires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.timer)?;
        self.node.map_or(Ok(()), |node| write!(f, " of {node}"))?;
        match self.most {
            None => Ok(()),
            Some(1) => f.write_str(" once at most"),
            Some(most) => write!(f, " {most} times at most"),
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fires: Vec<String> = self.fires.iter().map(Fires::to_string).collect();
        let fires = if fires.is_empty() { "no timer".to_string() } else { fires.join(", ") };
        let count = |number: u8, thing: &str| format!("{number} {thing}{}", if number == 1 { "" } else { "s" });
        let (nodes, terms) = (count(self.nodes, "node"), self.terms);
        let (crashes, drops) = (self.crashes, count(self.drops, "lost message"));
        write!(
            f,
            "{nodes}; terms up to {terms}; timers that run out: {fires}; processes that die: {crashes}; {drops}; links in order; "
        )?;
        f.write_str(match self.disks {
            Disks::Later => "writes are synced at any time",
            Disks::AtOnce => "writes are synced at once",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_and_timers_are_read_and_mistakes_say_what_is_expected() {
        let read = || Op::Read { key: "x".into() };
        let write = Op::Write { key: "x".into(), value: 1 };
        assert_eq!(clients("write x 1; read x, read x").expect("right"), [vec![write], vec![read(), read()]]);
        assert_eq!(clients("").expect("nobody asks"), Vec::<Vec<Op>>::new());
        for (text, part) in [("wirte x 1", "write KEY VALUE"), ("members", "read, write, cas or claim")] {
            assert!(clients(text).expect_err(text).expected.contains(part), "{text}");
        }
        assert!(clients(&"read x,".repeat(9)).is_err());
        let election = Fires { timer: "election".into(), node: None, most: None };
        let heartbeat = Fires { timer: "heartbeat".into(), node: Some(NodeId(0)), most: Some(2) };
        assert_eq!(fires("election, heartbeat@n1=2").expect("right"), [election, heartbeat]);
        for wrong in ["election=often", "election@n0", "election@1"] {
            assert!(fires(wrong).is_err(), "{wrong}");
        }
    }
}
