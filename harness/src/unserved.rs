//! Is a side that a fault parts from what its writes need really not served while the fault lasts, and served again afterwards?
//!
//! That a design refuses is its promise kept: whoever stays available on a side that is cut off has to pay with something else. Only
//! writes count, from two election time-outs after the fault began until it ended, and only those that came to an end by then. What
//! was asked three election time-outs after the end or later, before the next fault, tells whether they are served again.

use crate::fault::Fault;
use crate::history::{Call, FaultInterval};
use crate::needs::{Needs, served};
use crate::outcome::Outcome;
use crate::time::Time;
use crate::verdict::Run;
use serde::{Deserialize, Serialize};
use std::iter::Sum;

/// Requests, and how many of them were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// How many were tried.
    pub tried: u64,
    /// How many were answered.
    pub answered: u64,
}

/// Writes of the clients whom faults parted from what they need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unserved {
    /// While the fault lasted.
    pub during: Share,
    /// Once it was over.
    pub after: Share,
}

/// Fewer writes than this prove nothing.
pub const ENOUGH: u64 = 50;
/// Of 100 writes at most so many may be answered while the fault lasts.
pub const DURING: u64 = 5;
/// Of 100 writes at least so many must be answered once it is over.
pub const AFTER: u64 = 95;
/// Election time-outs until a fault has come to bear.
const SETTLED: u64 = 2;
/// Election time-outs until everybody is served again.
const GRACE: u64 = 3;

/// Counts the writes of a run.
pub fn measure(run: &Run) -> Unserved {
    let (unit, finals) = (run.plan.settings.election_low, run.finals());
    let calls: Vec<Call> =
        run.history.calls().into_iter().filter(|call| call.invoked < finals && !call.op.is_read()).collect();
    let beside = |fault: &FaultInterval, other: &FaultInterval| {
        other.strike != fault.strike && other.began < fault.ended && fault.began < other.ended
    };
    let alone = |fault: &&FaultInterval| !run.faults.iter().any(|other| beside(fault, other));
    let of_fault = |fault: &FaultInterval| {
        let next = run.faults.iter().map(|other| other.began).filter(|began| *began >= fault.ended).min();
        let next = next.unwrap_or(Time::NEVER).min(run.chaos().1);
        let within = |from: Time, to: Time| {
            let asked = calls.iter().filter(move |call| from <= call.asked && call.asked < to && call.answered <= to);
            Share::of(asked.filter(|call| parts(run, fault, call)))
        };
        let during = within(fault.began + unit * SETTLED, fault.ended);
        let after = if fault.ended < next { within(fault.ended + unit * GRACE, next) } else { Share::default() };
        Unserved { during, after }
    };
    run.faults.iter().filter(alone).map(of_fault).sum()
}

/// Does the fault part this call's client from what its writes need? Where that is no certain node, those beside the nodes that it hit
/// are parted: cut off, in the minority, dead or stopped.
fn parts(run: &Run, fault: &FaultInterval, call: &Call) -> bool {
    let parting = matches!(fault.fault, Fault::Partition(_) | Fault::Kill(_) | Fault::Pause(_) | Fault::PowerLoss(_));
    let home = run.plan.home(run.client(call.process));
    let hit = || fault.fault.nodes(usize::from(run.plan.nodes)).contains(&home);
    parting
        && (!served(run.plan.needs, home, &fault.fault, run.plan.nodes)
            || (run.plan.needs == Needs::WhoeverIsLeft && hit()))
}

impl Share {
    fn of<'a>(calls: impl Iterator<Item = &'a Call<'a>>) -> Share {
        calls.fold(Share::default(), |share, call| Share {
            tried: share.tried + 1,
            answered: share.answered + u64::from(matches!(call.outcome, Some(Outcome::Ok(_)))),
        })
    }
    fn and(self, other: Share) -> Share {
        Share { tried: self.tried + other.tried, answered: self.answered + other.answered }
    }
}

impl Sum for Unserved {
    fn sum<I: Iterator<Item = Unserved>>(parts: I) -> Unserved {
        let and = |one: Unserved, two: Unserved| Unserved {
            during: one.during.and(two.during),
            after: one.after.and(two.after),
        };
        parts.fold(Unserved::default(), and)
    }
}

impl Unserved {
    /// Why there is too little to judge by, if so.
    pub fn too_little(&self) -> Option<String> {
        let few = [("while faults lasted", self.during.tried), ("once they were over", self.after.tried)];
        let (when, tried) = few.into_iter().find(|(_, tried)| *tried < ENOUGH)?;
        Some(format!("only {tried} writes were tried on the cut side {when}, {ENOUGH} are needed"))
    }
    /// What is not as it should be on a side that cannot be served, if anything.
    pub fn wrong(&self) -> Option<String> {
        let Unserved { during, after } = self;
        if during.answered * 100 > during.tried * DURING {
            return Some(format!(
                "the cut side was served while faults lasted: {during}, at most {DURING} % are expected"
            ));
        }
        let low = after.answered * 100 < after.tried * AFTER;
        low.then(|| format!("the cut side was not served again once they were over: {after}, {AFTER} % are expected"))
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {} writes were answered", self.answered, self.tried)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::{Cut, Effect, Strike, Target, When};
    use crate::history::{Event, History, Phase, ProcessId, What};
    use crate::node::NodeId;
    use crate::op::{Op, Reply};
    use crate::outcome::Reason;
    use crate::plan::{Plan, Settings, Tier};
    use crate::seed::Seed;
    use crate::time::{MS, SECOND};

    /// Three nodes, six clients. From 2 s to 8 s n1 is cut off or dead; clients write at the times given, and are answered 100 ms later.
    fn run(aimed: Fault, resolved: Fault, writes: &[(u32, u64, bool)]) -> Run {
        let strikes = vec![Strike { when: When::At(SECOND * 2), fault: aimed, lasts: SECOND * 6 }];
        let effect = Effect::new(true, String::new());
        let mut events = vec![
            Event { time: Time::ZERO, what: What::Phase(Phase::Chaos) },
            Event { time: SECOND * 2, what: What::Began { strike: 0, fault: resolved } },
            Event { time: SECOND * 8, what: What::Ended { strike: 0, effect } },
            Event { time: SECOND * 20, what: What::Phase(Phase::Heal) },
            Event { time: SECOND * 20, what: What::Phase(Phase::Final) },
        ];
        for (client, ms, answered) in writes {
            let (process, op) = (ProcessId(*client), Op::Write { key: "x".into(), value: *ms as i64 });
            let outcome = if *answered { Outcome::Ok(Reply::Done) } else { Outcome::Failed(Reason::TimedOut) };
            events.push(Event { time: MS * *ms, what: What::Invoke { process, op: op.clone() } });
            events.push(Event { time: MS * (*ms + 100), what: What::Return { process, op, outcome } });
        }
        events.sort_by_key(|event| event.time);
        Run::new(plan(strikes), History { events })
    }

    fn plan(strikes: Vec<Strike>) -> Plan {
        let (name, settings) = (String::new, Settings::default());
        Plan {
            format: crate::plan::FORMAT,
            build: name(),
            design: name(),
            needs: Needs::default(),
            switches: Vec::new(),
            given: Default::default(),
            tier: Tier::Sim,
            workload: name(),
            nemesis: name(),
            seed: Seed(1),
            nodes: 3,
            clients: 6,
            time: SECOND * 20,
            settings,
            asks: Vec::new(),
            strikes,
            finals: Vec::new(),
        }
    }

    fn isolated(writes: &[(u32, u64, bool)]) -> Run {
        let cut = Fault::Partition(Cut::around(&[NodeId(0)], 3));
        run(Fault::Partition(Cut::Isolate(Target::Leader)), cut, writes)
    }

    fn measure_as(run: &Run, needs: Needs) -> Unserved {
        let mut run = run.clone();
        run.plan.needs = needs;
        measure(&run)
    }

    fn share(tried: u64, answered: u64) -> Share {
        Share { tried, answered }
    }

    #[test]
    fn the_cut_side_is_counted_once_the_fault_has_come_to_bear_and_once_it_is_over() {
        // Clients 0 and 3 sit beside n1. ET is 500 ms.
        let writes = [
            (0, 2900, true),   // too early
            (0, 3100, false),  // during
            (3, 3200, true),   // during
            (1, 3300, true),   // of the other side
            (0, 7950, false),  // ends after the fault
            (3, 9000, false),  // in the grace time
            (3, 9600, true),   // after
            (0, 19_990, true), // ends after the chaos
        ];
        let run = isolated(&writes);
        let of = |needs| measure_as(&run, needs);
        assert_eq!(of(Needs::WhoeverIsLeft), Unserved { during: share(2, 1), after: share(1, 1) });
        assert_eq!(of(Needs::Node(NodeId(0))), Unserved { during: share(1, 1), after: share(0, 0) });
        assert_eq!(of(Needs::Everybody), Unserved { during: share(3, 2), after: share(1, 1) });
    }

    #[test]
    fn a_dead_leader_serves_nobody_and_a_dead_follower_parts_nobody_from_it() {
        let (writes, dead) = ([(0, 4000, false), (1, 4000, false)], Fault::Kill(Target::Node(NodeId(0))));
        let leader = run(Fault::Kill(Target::Leader), dead, &writes);
        assert_eq!(measure_as(&leader, Needs::Node(NodeId(0))).during, share(2, 0));
        assert_eq!(measure(&leader).during, share(1, 0));
        let follower = run(Fault::Kill(Target::Follower), Fault::Kill(Target::Node(NodeId(2))), &writes);
        assert_eq!(measure_as(&follower, Needs::Node(NodeId(0))).during, share(0, 0));
        let all = run(Fault::Kill(Target::All), Fault::Kill(Target::All), &writes);
        assert_eq!(measure(&all).during, share(2, 0));
        let slow = Fault::SlowDisk { target: Target::Node(NodeId(0)), by: MS };
        assert_eq!(measure_as(&run(slow.clone(), slow, &writes), Needs::Everybody).during, share(0, 0));
    }

    #[test]
    fn a_side_that_is_served_or_not_served_again_is_told_off_and_few_writes_prove_nothing() {
        let of = |during, after| Unserved { during, after };
        let right = of(share(60, 3), share(60, 57));
        assert_eq!((right.wrong(), right.too_little()), (None, None));
        let served = of(share(60, 4), share(60, 60)).wrong();
        assert_eq!(
            served.as_deref(),
            Some("the cut side was served while faults lasted: 4 of 60 writes were answered, at most 5 % are expected")
        );
        let stuck = of(share(60, 0), share(60, 56)).wrong();
        assert_eq!(
            stuck.as_deref(),
            Some(
                "the cut side was not served again once they were over: 56 of 60 writes were answered, 95 % are expected"
            )
        );
        assert!(
            of(share(49, 0), share(60, 60))
                .too_little()
                .is_some_and(|why| why.starts_with("only 49 writes were tried"))
        );
        assert!(of(share(50, 0), share(49, 49)).too_little().is_some());
    }
}
