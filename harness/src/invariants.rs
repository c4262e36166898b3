//! What must be true inside a cluster at every moment, whatever its clients see.
//!
//! Two of four deliberate Raft bugs never reach a client in thousands of runs; they show here.

use crate::node::{NodeId, View};
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

/// At most one node leads in a term.
pub const ONE_LEADER: &str = "one leader a term";
/// Two nodes that hold the same number of entries for committed hold the same entries.
pub const PREFIXES_AGREE: &str = "committed prefixes agree";
/// A node's step never panics.
pub const NO_PANIC: &str = "no step panics";

/// Watches the views of all nodes.
#[derive(Clone, Debug, Default)]
pub struct Invariants {
    leaders: BTreeMap<u64, NodeId>,
    prefixes: BTreeMap<u64, (u64, NodeId)>,
    last: Vec<View>,
}

/// Equal are those that will find the same from here on. Who held a prefix first only changes the words.
impl PartialEq for Invariants {
    fn eq(&self, other: &Invariants) -> bool {
        self.leaders == other.leaders && self.digests().eq(other.digests())
    }
}

impl Hash for Invariants {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.leaders.hash(state);
        self.digests().for_each(|prefix| prefix.hash(state));
    }
}

impl Invariants {
    /// Each length of a committed prefix that was seen, with its digest.
    fn digests(&self) -> impl Iterator<Item = (u64, u64)> {
        self.prefixes.iter().map(|(length, (digest, _))| (*length, *digest))
    }

    /// Looks at a node after a step. Returns what is wrong, once for each new sight of it.
    pub fn see(&mut self, node: NodeId, view: View) -> Option<(&'static str, String)> {
        if self.last.len() <= node.index() {
            self.last.resize(node.index() + 1, View::default());
        }
        let last = std::mem::replace(&mut self.last[node.index()], view);
        if last == view {
            return None;
        }
        let leads = if (view.leads, view.term) == (last.leads, last.term) { None } else { self.leader(node, view) };
        leads.or_else(|| if view.committed == last.committed { None } else { self.prefix(node, view) })
    }

    fn leader(&mut self, node: NodeId, view: View) -> Option<(&'static str, String)> {
        let term = view.term.filter(|_| view.leads)?;
        let first = *self.leaders.entry(term).or_insert(node);
        (first != node).then(|| (ONE_LEADER, format!("{first} and {node} both lead in term {term}")))
    }

    fn prefix(&mut self, node: NodeId, view: View) -> Option<(&'static str, String)> {
        let (length, digest) = view.committed?;
        let (first, by) = *self.prefixes.entry(length).or_insert((digest, node));
        (first != digest).then(|| {
            let sentence =
                format!("{by} and {node} both hold their first {length} entries for committed, but the entries differ");
            (PREFIXES_AGREE, sentence)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(term: u64) -> View {
        View { leads: true, term: Some(term), committed: None }
    }

    #[test]
    fn two_leaders_of_one_term_are_found_and_of_two_terms_are_not() {
        let mut invariants = Invariants::default();
        assert_eq!(invariants.see(NodeId(0), leads(1)), None);
        assert_eq!(invariants.see(NodeId(1), leads(2)), None);
        let (name, sentence) = invariants.see(NodeId(2), leads(1)).expect("a finding");
        assert_eq!((name, sentence.as_str()), (ONE_LEADER, "n1 and n3 both lead in term 1"));
    }

    #[test]
    fn prefixes_of_one_length_must_have_one_digest() {
        let committed = |length, digest| View { committed: Some((length, digest)), ..View::default() };
        let mut invariants = Invariants::default();
        assert_eq!(invariants.see(NodeId(0), committed(3, 7)), None);
        assert_eq!(invariants.see(NodeId(1), committed(2, 8)), None);
        assert_eq!(invariants.see(NodeId(1), committed(3, 7)), None);
        assert_eq!(invariants.see(NodeId(2), committed(3, 9)).map(|found| found.0), Some(PREFIXES_AGREE));
    }
}
