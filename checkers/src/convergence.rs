//! After quiescence all nodes hold the same: what clients of different home nodes read of it agrees, and so do the digests
//! of the nodes' data.

use crate::{calls, script, words};
use harness::{Budget, Call, Checker, NodeId, Op, Opinion, Reply, Run, Verdict, What};
use std::collections::{BTreeMap, BTreeSet};

/// See the head of this file.
pub const CONVERGENCE: Checker = Checker {
    name: "convergence",
    about: "after everything has healed and come to rest, all nodes hold the same",
    check,
    trap,
};

fn check(run: &Run, _: Budget) -> Opinion {
    let calls = run.history.calls();
    let finals: Vec<&Call> =
        calls.iter().filter(|call| call.invoked >= run.finals() && calls::answer(call).is_some()).collect();
    let digests = digests(run);
    let note = format!(
        "{} and the digests of {} compared",
        words::count(finals.len(), "final read"),
        words::count(digests.len(), "node")
    );
    let verdict = reads_differ(run, &finals)
        .or_else(|| digests_differ(run, &digests))
        .unwrap_or_else(|| unseen(run, &finals, &digests));
    Opinion { notes: vec![note], ..Opinion::new(CONVERGENCE.name, verdict) }
}

/// The last digest of each node, with its event.
fn digests(run: &Run) -> BTreeMap<NodeId, (usize, u64)> {
    let digest = |(index, event): (usize, &harness::Event)| match event.what {
        What::Digest { node, digest } => Some((node, (index, digest))),
        _ => None,
    };
    run.history.events.iter().enumerate().filter_map(digest).collect()
}

fn reads_differ(run: &Run, finals: &[&Call]) -> Option<Verdict> {
    let mut first: BTreeMap<&Op, (&Call, &Reply)> = BTreeMap::new();
    for call in finals {
        let reply = calls::answer(call)?;
        let (other, expected) = first.entry(call.op).or_insert((call, reply));
        if *expected != reply && home(run, call) != home(run, other) {
            return Some(diverged_reads(run, other, call));
        }
    }
    None
}

fn home(run: &Run, call: &Call) -> NodeId {
    run.plan.home(run.client(call.process))
}

fn diverged_reads(run: &Run, one: &Call, other: &Call) -> Verdict {
    let side = |call: &Call| {
        let answered = calls::answer(call).map_or(String::new(), words::reply);
        format!("{} beside {} was answered {answered}", words::who(run, call.process), home(run, call))
    };
    let sentence = format!(
        "after everything had come to rest, two clients asked the same ({}): {}, {}",
        words::op(one.op),
        side(one),
        side(other)
    );
    let proof = [one, other];
    let (events, table) = (words::events(&proof), words::table(run, &proof));
    words::violated(CONVERGENCE.name, "diverged", vec![sentence], events, table)
}

fn digests_differ(run: &Run, digests: &BTreeMap<NodeId, (usize, u64)>) -> Option<Verdict> {
    let (first, (_, expected)) = digests.iter().next()?;
    let (other, _) = digests.iter().find(|(_, (_, digest))| digest != expected)?;
    let sentence = format!(
        "{}, when the run was over, {first} and {other} held different data",
        words::at(run, digests[other].0).replacen("at", "At", 1)
    );
    let mut table = vec![vec!["node".to_string(), "digest of its data".to_string()]];
    table.extend(digests.iter().map(|(node, (_, digest))| vec![node.to_string(), format!("{digest:016x}")]));
    let events = digests.values().map(|(event, _)| *event).collect();
    Some(words::violated(CONVERGENCE.name, "diverged", vec![sentence], events, table))
}

/// Held, if every node was looked at in one way or the other. One whose files were damaged may have gone for good.
fn unseen(run: &Run, finals: &[&Call], digests: &BTreeMap<NodeId, (usize, u64)>) -> Verdict {
    let read: BTreeSet<NodeId> = finals.iter().map(|call| home(run, call)).collect();
    let missing: Vec<String> = run
        .plan
        .node_ids()
        .filter(|node| !read.contains(node) && !digests.contains_key(node) && !run.damaged(*node))
        .map(|node| node.to_string())
        .collect();
    if read.is_empty() && digests.is_empty() {
        return Verdict::Unknown("no final read was answered and no node showed a digest of its data".to_string());
    }
    if !missing.is_empty() {
        let missing = missing.join(", ");
        return Verdict::Unknown(format!("nothing is known of what {missing} held when the run was over"));
    }
    Verdict::Held
}

fn trap() -> Run {
    script::run(
        "
        0: write x 1 -> done
        final
        0: read x -> 1
        1: read x -> nothing
        2: read x -> 1
        ",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str) -> Verdict {
        check(&script::run(text), Budget::default()).verdict
    }

    #[test]
    fn final_reads_that_differ_are_found() {
        let Verdict::Violated(anomaly) = verdict("final\n0: read x -> 1\n1: read x -> 2\n2: read x -> 1") else {
            panic!()
        };
        assert_eq!(anomaly.class, "diverged");
        assert_eq!(
            anomaly.sentences,
            ["after everything had come to rest, two clients asked the same (read `x`): \
              client 0 beside n1 was answered 1, client 1 beside n2 was answered 2"]
        );
    }

    #[test]
    fn digests_that_differ_are_found_even_if_the_reads_agree() {
        let reads = "final\n0: read x -> 1\n1: read x -> 1\n2: read x -> 1\n";
        assert_eq!(verdict(&format!("{reads}n1 holds 5\nn2 holds 5\nn3 holds 6")).word(), "violated");
        assert_eq!(verdict(&format!("{reads}n1 holds 5\nn2 holds 5\nn3 holds 5")), Verdict::Held);
    }

    #[test]
    fn legal_neighbours_are_not_reported() {
        // Before the final reads, nodes may differ.
        assert_eq!(
            verdict("0: read x -> 1\n1: read x -> 2\nfinal\n0: read x -> 1\n1: read x -> 1\n2: read x -> 1"),
            Verdict::Held
        );
        assert_eq!(verdict("final\nn1 holds 5\nn2 holds 5\nn3 holds 5"), Verdict::Held);
        // Two different questions may have two different answers.
        assert_eq!(verdict("final\n0: read x -> 1\n1: read y -> 2\n2: read x -> 1"), Verdict::Held);
    }

    #[test]
    fn a_node_that_nobody_saw_is_not_known_to_agree() {
        let Verdict::Unknown(why) = verdict("final\n0: read x -> 1\n1: read x -> 1\n2: read x -> failed") else {
            panic!()
        };
        assert_eq!(why, "nothing is known of what n3 held when the run was over");
        assert_eq!(verdict("").word(), "unknown");
        let damaged = "damage n3\nmend\nfinal\n0: read x -> 1\n1: read x -> 1\n2: read x -> failed";
        assert_eq!(verdict(damaged), Verdict::Held, "it may have gone for good");
    }
}
