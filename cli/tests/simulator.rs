//! The whole road in the simulator: a broken design is caught and explained, a right one is clean, a seed is a history,
//! a replay is the same bytes.

mod binary;

use binary::{folder, perjury};
use harness::{Fault, NodeId, Run, SECOND, Seed, Strike, Target, Verdict, When};
use perjury::assemble::{Request, judgement, plan, try_out};
use std::fs;
use std::path::Path;

const CAUGHT: &str = "run --design sl-async-fo --workload registration --nemesis isolate-leader --seed";

fn request(design: &str, workload: &str, nemesis: &str, seed: u64) -> Request {
    let (design, workload, nemesis) = (design.to_string(), workload.to_string(), nemesis.to_string());
    Request { design, workload, nemesis, seed: Seed(seed), ..Request::default() }
}

fn tried(request: &Request) -> (Run, Verdict) {
    let (run, judgement) = try_out(&plan(request).expect("known names")).expect("the simulator has no troubles");
    (run, judgement.verdict)
}

fn bytes(run: &Run) -> String {
    harness::files::history::write(&run.history)
}

#[test]
fn the_promised_command_finds_a_double_acknowledgement_and_explains_it() {
    let dir = folder();
    let ended = perjury(dir.path(), &format!("{CAUGHT} 1"));
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.starts_with("violated: uniqueness, double-ack\n"), "{}", ended.out);
    let sentence = ended.out.lines().find(|line| line.starts_with("client ")).expect("a sentence about a client");
    assert!(sentence.contains("was told") && sentence.contains("owns `"), "{sentence}");
    let run = dir.path().join("runs/latest");
    for file in ["history.jsonl", "plan.json", "verdict.json", "report.html", "junit.xml"] {
        assert!(fs::metadata(run.join(file)).is_ok_and(|file| file.len() > 0), "{file}");
    }
    let name =
        ended.out.lines().find_map(|line| line.trim().strip_prefix("again: perjury replay ")).expect("a command");
    let real = |path: &Path| path.canonicalize().expect("the folder is there");
    assert_eq!(real(&dir.path().join(name)), real(&run));
    let json = perjury(dir.path(), &format!("{CAUGHT} 1 --json"));
    assert_eq!(
        (json.code, json.out.trim()),
        (1, fs::read_to_string(run.join("verdict.json")).expect("a verdict").trim())
    );
    let report = perjury(dir.path(), "report runs/latest/ --format json");
    assert_eq!((report.code, &report.out), (0, &json.out), "judged anew, and the replay command outlives the link");
    let verdict: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(verdict["format"], 1);
}

/// Who can do without a majority is caught where nobody has one, and where everybody has another one.
#[test]
fn thirds_and_a_ring_of_majorities_catch_whoever_answers_alone_and_no_majority() {
    for nemesis in ["thirds", "majorities-ring"] {
        for (design, right) in [("raft", true), ("ll-abd", true), ("sl-async-fo", false), ("ml-lww", false)] {
            let workload = if design == "ll-abd" { "read-write" } else { "register" };
            let verdicts = (1..=5).map(|seed| tried(&request(design, workload, nemesis, seed)).1);
            let violated = verdicts.inspect(|verdict| {
                assert!(!right || *verdict == Verdict::Held, "{design} under {nemesis}: {verdict:?}");
            });
            let violated = violated.filter(|verdict| matches!(verdict, Verdict::Violated(_))).count();
            assert!(right || violated == 5, "{design} under {nemesis}: {violated} of 5");
        }
    }
}

/// A remove that is stamped by a clock that has gone back loses against its own add.
#[test]
fn a_clock_that_jumps_or_drifts_brings_removed_elements_back_and_a_right_one_does_not() {
    for nemesis in ["clock-strobe-leader", "clock-strobe-follower", "clock-drift-leader", "clock-drift-follower"] {
        let caught = (1..=10).filter(|seed| {
            let (run, verdict) = tried(&request("ml-lww", "set", nemesis, *seed));
            assert!(run.faults.iter().all(|fault| fault.effect.as_ref().is_some_and(|effect| effect.effective)));
            matches!(verdict, Verdict::Violated(anomaly) if anomaly.class == "resurrected")
        });
        assert!(caught.count() >= 8, "{nemesis}");
        let seed = request("raft", "register", nemesis, 1);
        assert!(matches!(tried(&seed).1, Verdict::Held), "nobody there reads the clock on the wall");
        assert_eq!(bytes(&tried(&seed).0), bytes(&tried(&seed).0));
    }
    assert!((1..=10).all(|seed| matches!(tried(&request("ml-lww", "set", "calm", seed)).1, Verdict::Held)));
}

#[test]
fn a_deliberate_bug_is_named_in_the_folder_and_in_what_is_said() {
    let dir = folder();
    let ended = perjury(dir.path(), "run --switch no-dedup,ack-before-fsync --nemesis kill");
    assert!(ended.out.contains("no-dedup") && ended.out.contains("ack-before-fsync"), "{}", ended.out);
    assert!(dir.path().join("runs/raft+no-dedup+ack-before-fsync-registration-kill").is_dir(), "{}", ended.out);
    assert!(perjury(dir.path(), "replay runs/latest").out.contains("byte-equal"));
}

#[test]
fn at_least_15_of_20_seeds_catch_the_lost_failover() {
    let caught = (1..=20).filter(|seed| {
        let (_, verdict) = tried(&request("sl-async-fo", "registration", "isolate-leader", *seed));
        matches!(verdict, Verdict::Violated(anomaly) if anomaly.class == "double-ack")
    });
    let caught = caught.count();
    assert!(caught >= 15, "{caught} of 20 seeds");
    let dir = folder();
    let ended = perjury(dir.path(), &format!("{CAUGHT} 1 --seeds 20"));
    assert_eq!(ended.code, 1, "{ended:?}");
    let line = format!("violated: {caught} runs, double-ack; the first is seed ");
    let line = ended.out.lines().find_map(|said| said.strip_prefix(&line)).expect("a line for the class");
    let (_, command) = line.split_once(": perjury ").expect("a command");
    assert_eq!(perjury(dir.path(), command).code, 1);
}

#[test]
fn a_replay_is_byte_equal_and_says_what_is_not() {
    let dir = folder();
    for (command, code) in [(format!("{CAUGHT} 1"), 1), ("run --nemesis halves --seed 2".to_string(), 0)] {
        assert_eq!(perjury(dir.path(), &command).code, code);
        let again = perjury(dir.path(), "replay runs/latest");
        assert_eq!(again.code, code, "{again:?}");
        assert!(again.out.contains("byte-equal: "), "{}", again.out);

        let (plan, history) = (dir.path().join("runs/latest/plan.json"), dir.path().join("runs/latest/history.jsonl"));
        let text = fs::read_to_string(&plan).expect("a plan");
        let build = serde_json::from_str::<serde_json::Value>(&text).expect("JSON")["build"].as_str().map(String::from);
        fs::write(&plan, text.replace(&build.expect("a build"), "0123456789abcdef")).expect("written");
        let other = perjury(dir.path(), "replay runs/latest");
        assert_eq!(other.code, code, "{other:?}");
        let words = "the plan was made by build 0123456789abcdef, this is build ";
        assert!(other.out.contains(words) && other.out.contains("byte-equal: "), "{}", other.out);

        let text = fs::read_to_string(&history).expect("a history");
        let mut lines: Vec<&str> = text.lines().collect();
        let changed = lines[6].replace("\"time\":", "\"time\":1");
        lines[6] = &changed;
        fs::write(&history, lines.join("\n") + "\n").expect("written");
        let differs = perjury(dir.path(), "replay runs/latest");
        // A violation is worse than a replay that differs.
        assert_eq!(differs.code, if code == 1 { 1 } else { 5 }, "{differs:?}");
        assert!(differs.out.contains("at line 7:\n"), "{}", differs.out);
        fs::write(&history, text.trim_end()).expect("written");
        assert!(
            !perjury(dir.path(), "replay runs/latest").out.contains("byte-equal"),
            "the end of the last line counts"
        );
    }
    fs::remove_file(dir.path().join("runs/latest/history.jsonl")).expect("it was there");
    let alone = perjury(dir.path(), "replay runs/latest/plan.json");
    assert_eq!(alone.code, 0, "{alone:?}");
    assert!(alone.out.contains("nothing to compare"), "{}", alone.out);
    assert_eq!(perjury(dir.path(), "replay runs/latest").code, 64, "a run's folder holds its history");
}

#[test]
fn a_plan_keeps_its_history_when_the_generators_change() {
    // A replay draws no operation anew: a plan with fewer of them is carried out as it stands.
    let mut shorter = plan(&request("raft", "register", "kill", 3)).expect("known names");
    shorter.asks.truncate(700);
    shorter.workload = "registration".to_string();
    let dir = folder();
    fs::write(dir.path().join("plan.json"), harness::files::plan::write(&shorter)).expect("written");
    let (run, _) = try_out(&shorter).expect("no troubles");
    fs::write(dir.path().join("history.jsonl"), bytes(&run)).expect("written");
    let again = perjury(dir.path(), "replay plan.json");
    assert!(again.out.contains("byte-equal: "), "{again:?}");
}

#[test]
fn one_seed_is_one_history_for_every_design_and_workload() {
    for design in store::designs() {
        for workload in workloads::WORKLOADS {
            let run = |seed| tried(&request(design.name, workload.name, "mixed", seed));
            let runs = [run(1), run(2)];
            for (seed, (first, verdict)) in (1..).zip(&runs) {
                let (second, again) = run(seed);
                assert!(bytes(first) == bytes(&second), "{} {} seed {seed}", design.name, workload.name);
                assert_eq!(*verdict, again, "{} {} seed {seed}", design.name, workload.name);
            }
            assert!(
                bytes(&runs[0].0) != bytes(&runs[1].0),
                "{} {}: two seeds, one history",
                design.name,
                workload.name
            );
        }
    }
}

#[test]
fn a_written_history_is_judged_as_the_run_was() {
    for (design, workload) in [("sl-async-fo", "bank"), ("ml-lww", "register"), ("raft", "set")] {
        let (run, verdict) = tried(&request(design, workload, "mixed", 4));
        let history = harness::files::history::read("history.jsonl", &bytes(&run)).expect("what was written");
        assert_eq!(history, run.history, "{design} {workload}");
        assert_eq!(judgement(&Run::new(run.plan, history)).verdict, verdict, "{design} {workload}");
    }
}

#[test]
fn raft_stays_clean_under_mixed_faults() {
    for workload in workloads::WORKLOADS {
        for seed in 1..=100 {
            let (_, verdict) = tried(&request("raft", workload.name, "mixed", seed));
            assert_eq!(verdict, Verdict::Held, "{} seed {seed}", workload.name);
        }
        for (nodes, seed) in [3, 7].into_iter().flat_map(|nodes| (1..=10).map(move |seed| (nodes, seed))) {
            let (_, verdict) = tried(&Request { nodes, ..request("raft", workload.name, "mixed", seed) });
            assert_eq!(verdict, Verdict::Held, "{} seed {seed}, {nodes} nodes", workload.name);
        }
    }
}

#[test]
fn the_total_of_a_bank_is_blind_to_what_its_ledger_sees() {
    for seed in 1..=20 {
        let plan = plan(&request("sl-async-fo", "bank", "isolate-leader", seed)).expect("known names");
        let (_, judgement) = try_out(&plan).expect("no troubles");
        let opinion = |name: &str| judgement.opinions.iter().find(|opinion| opinion.checker == name);
        assert_eq!(opinion("bank-total").map(|opinion| &opinion.verdict), Some(&Verdict::Held), "seed {seed}");
        match opinion("bank-ledger").map(|opinion| &opinion.verdict) {
            Some(Verdict::Violated(anomaly)) => assert_eq!(anomaly.class, "lost", "seed {seed}"),
            other => panic!("seed {seed}: {other:?}"),
        }
    }
}

#[test]
fn a_history_cut_off_by_a_kill_is_readable_and_half_a_line_inside_is_named() {
    let (run, _) = tried(&request("raft", "bank", "halves", 1));
    let text = bytes(&run);
    let lines = text.lines().count();
    for kept in [0, 1, lines / 2, lines - 1] {
        let cut: String = text.split_inclusive('\n').take(kept).collect();
        let history = harness::files::history::read("h.jsonl", &cut).expect("whole lines");
        assert_eq!(history.events[..], run.history.events[..kept]);
        // The half line at the very end is what a kill leaves behind; anywhere else it is a mistake with a place.
        let half: String = cut + &text.lines().nth(kept).expect("one more line")[..20];
        match harness::files::history::read("h.jsonl", &half) {
            Ok(history) => assert_eq!(history.events[..], run.history.events[..kept]),
            Err(complaint) => assert!(kept == 0 && complaint.to_string().starts_with("h.jsonl:1:"), "{complaint}"),
        }
        let inside = half + "\n" + text.lines().next().expect("a line");
        let complaint = harness::files::history::read("h.jsonl", &inside).expect_err("half a line").to_string();
        assert!(complaint.starts_with(&format!("h.jsonl:{}:", kept + 1)), "{complaint}");
    }
    let dir = folder();
    assert_eq!(perjury(dir.path(), "run --workload bank --nemesis halves").code, 0);
    let cut: String = text.split_inclusive('\n').take(lines / 2).collect();
    fs::write(dir.path().join("runs/latest/history.jsonl"), cut).expect("written");
    let ended = perjury(dir.path(), "check runs/latest");
    assert!(matches!(ended.code, 0 | 2 | 3) && ended.err.is_empty(), "half a history is no violation: {ended:?}");
    assert_eq!(perjury(dir.path(), "report runs/latest").code, 0);
}

#[test]
fn without_a_fault_no_request_is_sent_again() {
    for seed in 1..=20 {
        let calm = Request { switches: vec!["no-dedup".to_string()], ..request("raft", "bank", "calm", seed) };
        let (run, verdict) = tried(&calm);
        assert_eq!(verdict, Verdict::Held, "seed {seed}");
        assert!(run.history.marks().all(|(_, _, mark)| mark != "deduplicated"), "seed {seed}");
    }
}

#[test]
fn a_dead_node_loses_its_unsynced_writes_with_the_power() {
    let (victim, at) = (Target::Node(NodeId(0)), |second| When::At(SECOND * second));
    let slow = Fault::SlowDisk { target: victim.clone(), by: SECOND };
    let strikes = vec![
        Strike { when: at(2), fault: slow, lasts: SECOND * 20 },
        Strike { when: at(5), fault: Fault::Kill(victim.clone()), lasts: SECOND * 6 },
        Strike { when: at(7), fault: Fault::PowerLoss(victim), lasts: SECOND * 2 },
    ];
    let (run, _) = tried(&Request { strikes: Some(strikes), ..request("raft", "set", "calm", 1) });
    let effect = run.faults[2].effect.as_ref().expect("it was lifted");
    assert!(effect.effective && effect.measured.starts_with("0 nodes lost power and "), "{effect:?}");
    assert!(run.faults[1].ended == SECOND * 11, "the power does not bring back what was killed");
}
