//! Nodes that leave the cluster and come back on new machines: that they do, that somebody asks meanwhile, and where it cannot be done.

use harness::{Fault, Plan, Seed, Tier, Verdict};
use perjury::assemble::{Request, check, check_plan, plan, try_out};

fn request(design: &str, nemesis: &str) -> Request {
    let (workload, nemesis) = ("register".to_string(), nemesis.to_string());
    Request { design: design.to_string(), workload, nemesis, ..Request::default() }
}

#[test]
fn every_node_that_leaves_is_back_and_both_phases_are_seen() {
    for nemesis in ["rebalance", "rebalance-halves"] {
        for seed in (1..=10).map(Seed) {
            let plan = plan(&Request { seed, ..request("raft", nemesis) }).expect("known names");
            let (run, judgement) = try_out(&plan).expect("no trouble");
            assert_eq!(judgement.verdict, Verdict::Held, "{nemesis} {seed:?}");
            let moves = run.faults.iter().filter(|fault| matches!(fault.fault, Fault::Rebalance(_)));
            let mattered = |fault: &&harness::FaultInterval| {
                fault.effect.as_ref().is_some_and(|effect| effect.effective && effect.mattered == Some(true))
            };
            assert!(moves.filter(mattered).count() >= 2, "{nemesis} {seed:?}: {:?}", run.faults);
            let hit = |name: &str| run.history.marks().filter(|(_, _, mark)| *mark == name).count();
            // Leaving and coming back are a joint phase each.
            assert!(hit("joint") >= 4 && hit("reconfigured") > hit("joint"), "{nemesis} {seed:?}");
        }
    }
}

#[test]
fn where_members_never_change_nobody_can_be_moved() {
    for nemesis in ["rebalance", "rebalance-halves", "kill+rebalance"] {
        let refused = plan(&request("ll-abd", nemesis)).expect_err("its members never change");
        assert!(refused.0.contains("never change") && refused.0.contains("raft-lease"), "{nemesis}: {refused}");
    }
    let changed = Plan { design: "sl-sync".to_string(), ..plan(&request("raft", "rebalance")).expect("known names") };
    let refused = check_plan(&changed).expect_err("nor by a plan that somebody changed");
    assert!(refused.0.contains("members of sl-sync never change"), "{refused}");
}

#[test]
fn real_processes_have_no_operator() {
    let local = Request { tier: Tier::Local, ..request("raft", "rebalance") };
    let refused = check(&local).expect_err("only the simulator can");
    assert!(refused.0.contains("--tier sim"), "{refused}");
    let strikes = plan(&request("raft", "rebalance")).expect("known names").strikes;
    let written = Request { strikes: Some(strikes), nemesis: "calm".to_string(), ..local };
    let refused = check(&written).expect_err("nor by a plan of one's own");
    assert!(refused.0.contains("--tier sim"), "{refused}");
}
