//! Session guarantees end to end: what who stays beside a replica keeps and who roams loses, and whom a roaming client asks is in the plan.

mod binary;

use binary::{folder, perjury};
use harness::{Seed, Verdict};
use perjury::assemble::{Request, plan, try_out};
use std::collections::BTreeSet;

fn classes(design: &str, workload: &str, nemesis: &str) -> BTreeSet<String> {
    let (design, workload, nemesis) = (design.to_string(), workload.to_string(), nemesis.to_string());
    let request = Request { design, workload, nemesis, ..Request::default() };
    let class = |seed: u64| {
        let planned = plan(&Request { seed: Seed(seed), ..request.clone() }).expect("known names");
        match try_out(&planned).expect("the simulator has no trouble").1.verdict {
            Verdict::Violated(anomaly) => anomaly.class,
            other => other.word().to_string(),
        }
    };
    (1..=5).map(class).collect()
}

fn only(class: &str) -> BTreeSet<String> {
    BTreeSet::from([class.to_string()])
}

#[test]
fn who_roams_forgets_at_once_and_who_stays_reads_backwards_after_a_cut() {
    assert_eq!(classes("ml-lww", "monotonic-reads", "calm"), only("held"));
    assert!(classes("ml-lww", "monotonic-reads", "halves").contains("mr"));
    assert_eq!(classes("ml-lww", "sessions-roaming", "calm"), only("ryw"));
    assert_eq!(classes("raft", "sessions-roaming", "kill"), only("held"));
}

#[test]
fn whom_a_roaming_client_asks_is_in_the_plan_and_a_replay_draws_nothing_anew() {
    let dir = folder();
    let ended = perjury(dir.path(), "run --design ml-lww --workload sessions-roaming --nemesis halves");
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(perjury(dir.path(), "replay runs/latest").out.contains("byte-equal"));
    let file = dir.path().join("runs/latest/plan.json");
    let text = std::fs::read_to_string(&file).expect("a plan");
    let moved = text.replace("\"node\": 1", "\"node\": 2");
    assert_ne!(moved, text);
    std::fs::write(&file, moved).expect("written");
    let ended = perjury(dir.path(), "replay runs/latest");
    assert!(ended.out.contains("the history differs"), "another node is asked: {}", ended.out);
    std::fs::write(&file, text.replace("\"node\": 1", "\"node\": 9")).expect("written");
    let ended = perjury(dir.path(), "replay runs/latest");
    assert_eq!(ended.code, 64, "{ended:?}");
    assert!(ended.err.contains("node 9 is asked, but there are 5 nodes"), "{}", ended.err);
}
