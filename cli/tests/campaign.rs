//! Campaigns: expected beside observed, green only if all is as expected, and the same table for any number of jobs.

mod binary;

use binary::{folder, perjury};
use serde_json::Value;
use std::fs;

const AS_EXPECTED: &str = "seeds = 3
[[cell]]
design = \"raft\"
workload = \"register\"
nemesis = \"kill\"
expected = \"held\"
[[cell]]
design = \"sl-async-fo\"
workload = \"registration\"
nemesis = \"isolate-leader\"
expected = \"violated\"
classes = [\"double-ack\"]
[[cell]]
design = \"sl-async-fo\"
workload = \"registration\"
nemesis = \"calm\"
expected = \"held\"
";

const MISSED: &str = "seeds = 2
[[cell]]
design = \"raft\"
workload = \"set\"
nemesis = \"halves\"
expected = \"violated\"
classes = [\"lost\"]
first_seed = 5
";

const UNEXPECTED: &str = "seeds = 2
[[cell]]
design = \"sl-async-fo\"
workload = \"bank\"
nemesis = \"isolate-leader\"
expected = \"held\"
";

#[test]
fn as_expected_is_green_and_keeps_nothing() {
    let dir = folder();
    fs::write(dir.path().join("c.toml"), AS_EXPECTED).expect("written");
    let ended = perjury(dir.path(), "campaign c.toml");
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.ends_with("3 cells, 9 runs, 0 not as expected\n"), "{}", ended.out);
    assert!(ended.err.contains("9 of 9 runs\n"), "{}", ended.err);
    let row = ended.out.lines().find(|line| line.starts_with("sl-async-fo registration")).expect("a row");
    assert!(row.contains("V 3/3") && row.contains("H 0/3"), "{row}");
    assert!(!dir.path().join("runs").exists());
    let kept = perjury(dir.path(), "campaign c.toml --out kept");
    assert_eq!((kept.code, &kept.out), (0, &ended.out));
    let caught = dir.path().join("kept/sl-async-fo-registration-isolate-leader");
    assert_eq!(fs::read_dir(&caught).expect("the caught run is kept").count(), 1);
    let index = fs::read_to_string(dir.path().join("kept/index.html")).expect("an index");
    let report = index.split("href=\"").find_map(|part| part.split_once("/report.html\"").map(|(folder, _)| folder));
    let report = dir.path().join("kept").join(report.expect("a link to a report")).join("report.html");
    assert!(report.exists(), "{} is not there", report.display());
    assert_eq!(index.matches("/report.html\"").count(), 3, "each cell leads to a report");
}

#[test]
fn a_violation_that_does_not_come_is_not_as_expected() {
    let dir = folder();
    fs::write(dir.path().join("c.toml"), MISSED).expect("written");
    let ended = perjury(dir.path(), "campaign c.toml");
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(ended.out.contains("!V 0/2") && ended.out.contains("none of 2 runs was violated by lost"), "{}", ended.out);
    replays(&dir, &ended.out, 0, "seed 5");
}

#[test]
fn a_violation_that_nobody_expects_is_not_as_expected() {
    let dir = folder();
    fs::write(dir.path().join("c.toml"), UNEXPECTED).expect("written");
    let ended = perjury(dir.path(), "campaign c.toml");
    assert_eq!(ended.code, 4, "{ended:?}");
    assert!(
        ended.out.contains("!H 2/2") && ended.out.contains("expected held; 2 runs were violated by lost"),
        "{}",
        ended.out
    );
    replays(&dir, &ended.out, 1, "seed 1");
}

#[test]
fn a_wrong_class_and_a_vacuous_cell_are_not_as_expected() {
    let dir = folder();
    let other = AS_EXPECTED.replace("double-ack", "owner-lost");
    let vacuous = MISSED.replace("halves", "nothing").replace("violated", "maybe");
    for (text, expected) in
        [(other, "3 runs were violated by double-ack (first seed 1)"), (vacuous, "2 runs were vacuous: ")]
    {
        fs::write(dir.path().join("c.toml"), text).expect("written");
        let ended = perjury(dir.path(), "campaign c.toml");
        assert_eq!(ended.code, 4, "{ended:?}");
        assert!(ended.out.contains(expected), "{}", ended.out);
    }
}

#[test]
fn a_vacuous_cell_is_inconclusive() {
    let dir = folder();
    fs::write(dir.path().join("c.toml"), MISSED.replace("halves", "nothing").replace("violated", "maybe"))
        .expect("written");
    let ended = perjury(dir.path(), "campaign c.toml");
    assert!(ended.out.contains("?v 0/2") && ended.out.contains("0 not as expected, 1 inconclusive"), "{}", ended.out);
}

/// A follower of `raft` answers nobody, so nobody ever sees its clock.
const ASIDE: &str = "seeds = 8
[[cell]]
design = \"raft\"
workload = \"register\"
nemesis = \"clock-back-follower\"
expected = \"held\"
[[cell]]
design = \"raft\"
workload = \"register\"
nemesis = \"clock-back-leader\"
expected = \"held\"
";

#[test]
fn a_fault_that_never_meets_anything_makes_a_cell_inconclusive() {
    let dir = folder();
    fs::write(dir.path().join("c.toml"), ASIDE).expect("written");
    let ended = perjury(dir.path(), "campaign c.toml --json");
    let json: Value = serde_json::from_str(&ended.out).expect("JSON");
    let [aside, there] = [0, 1].map(|cell| &json["cells"][cell]);
    assert_eq!((ended.code, &aside["observed"]["held"], &aside["inconclusive"]), (4, &8.into(), &true.into()));
    let why = aside["surprise"].as_str().unwrap_or_default();
    assert!(
        why.ends_with("clock faults met anything that it could have harmed: that every run held says nothing"),
        "{why}"
    );
    assert_eq!((&there["surprise"], &there["observed"]["held"]), (&Value::Null, &8.into()), "{there}");
    assert!(there["observed"]["met"]["clock"]["mattered"].as_u64() > Some(0), "{there}");
}

const CUT: &str = "seeds = 8
[[cell]]
design = \"DESIGN\"
workload = \"total\"
nemesis = \"isolate-leader\"
expected = \"unavailable\"
";

#[test]
fn a_design_that_serves_the_side_that_is_cut_off_is_not_unavailable_there() {
    let dir = folder();
    let campaign = |design: &str, seeds: u64| {
        let text = CUT.replace("DESIGN", design).replace("seeds = 8", &format!("seeds = {seeds}"));
        fs::write(dir.path().join("c.toml"), text).expect("written");
        perjury(dir.path(), "campaign c.toml --json")
    };
    let cell = |out: &str| serde_json::from_str::<Value>(out).expect("JSON")["cells"][0].clone();
    let right = campaign("raft", 8);
    assert_eq!(right.code, 0, "{right:?}");
    let unserved = &cell(&right.out)["observed"]["unserved"];
    assert!(unserved["during"]["tried"].as_u64() >= Some(50), "{unserved}");
    // What it says is true all the while: no checker complains.
    let served = campaign("sl-async-fo", 8);
    let (code, cell_of) = (served.code, cell(&served.out));
    assert_eq!(
        (code, &cell_of["observed"]["held"], &cell_of["inconclusive"]),
        (4, &Value::from(8), &Value::from(false))
    );
    let why = cell_of["surprise"].as_str().unwrap_or_default();
    assert!(why.starts_with("the cut side was served while faults lasted: "), "{why}");
    let few = campaign("raft", 1);
    let (code, cell_of) = (few.code, cell(&few.out));
    assert_eq!((code, &cell_of["inconclusive"]), (4, &Value::from(true)), "{cell_of}");
    assert!(cell_of["surprise"].as_str().is_some_and(|why| why.contains("50 are needed")), "{cell_of}");
}

const BUG: &str = "seeds = 10
[[cell]]
design = \"raft\"
switches = [\"BUG\"]
workload = \"set\"
nemesis = \"calm\"
expected = \"caught\"
mark = \"strayed\"
";

#[test]
fn a_bug_that_nothing_catches_was_never_reached_or_is_masked() {
    let dir = folder();
    // Nobody asks twice without a fault, and everybody votes; but nobody forgets a vote who is never killed.
    for (bug, says) in [
        ("no-dedup", "the bug survived; never reached: no run hit the mark \"strayed\""),
        ("vote-not-persisted", "the bug survived; masked: 10 of 10 runs reached it, and nothing came of it"),
    ] {
        fs::write(dir.path().join("c.toml"), BUG.replace("BUG", bug)).expect("written");
        let ended = perjury(dir.path(), "campaign c.toml");
        assert_eq!(ended.code, 4, "{ended:?}");
        assert!(ended.out.contains(says), "{}", ended.out);
    }
}

/// The printed command works, from where it was printed.
fn replays(dir: &tempfile::TempDir, out: &str, code: i32, seed: &str) {
    let command = out.lines().find_map(|line| line.trim().strip_prefix("perjury replay ")).expect("a command");
    let again = perjury(dir.path(), &format!("replay {command}"));
    assert_eq!(again.code, code, "{again:?}");
    assert!(again.out.contains("byte-equal"), "{}", again.out);
    let report = perjury(dir.path(), &format!("report {command}"));
    assert!(report.out.contains(seed), "{}", report.out);
}

#[test]
fn json_and_junit_say_the_same() {
    let dir = folder();
    fs::write(dir.path().join("c.toml"), format!("{AS_EXPECTED}{}", MISSED.replace("seeds = 2\n", "")))
        .expect("written");
    let ended = perjury(dir.path(), "campaign c.toml --json --junit c.xml");
    assert_eq!(ended.code, 4, "{ended:?}");
    let json: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!((&json["format"], &json["exit"]), (&Value::from(1), &Value::from(4)));
    let cells = json["cells"].as_array().expect("cells");
    assert_eq!(cells.len(), 4);
    let names: Vec<&str> = cells.iter().filter_map(|cell| cell["nemesis"].as_str()).collect();
    assert_eq!(names, ["kill", "isolate-leader", "calm", "halves"]);
    assert_eq!((&cells[0]["observed"]["held"], &cells[0]["surprise"]), (&Value::from(3), &Value::Null));
    assert_eq!(cells[1]["expected"]["violated"], Value::from(vec!["double-ack"]));
    assert_eq!((&cells[3]["first_seed"], &cells[3]["seeds"]), (&Value::from(5), &Value::from(3)));
    assert!(cells[3]["surprise"].as_str().is_some_and(|words| words.starts_with("none of 3 runs")), "{}", cells[3]);
    let xml = fs::read_to_string(dir.path().join("c.xml")).expect("a file");
    assert!(xml.starts_with("<?xml"), "{xml}");
    assert_eq!((xml.matches("<testcase ").count(), xml.matches("<failure ").count()), (4, 1), "{xml}");
}

#[test]
fn filters_choose_cells() {
    let dir = folder();
    let names = |flags: &str| -> Vec<[String; 3]> {
        let ended = perjury(dir.path(), &format!("campaign --seeds 1 --json --jobs 2 {flags}"));
        let json: Value = serde_json::from_str(&ended.out).expect("JSON");
        let name = |cell: &Value, key: &str| cell[key].as_str().expect("a name").to_string();
        let cells = json["cells"].as_array().expect("cells");
        cells.iter().map(|cell| ["design", "workload", "nemesis"].map(|key| name(cell, key))).collect()
    };
    let one = names("--design ll-quorum --workload set --fault halves");
    assert_eq!(one, [["ll-quorum", "set", "halves"].map(String::from)]);
    let row = names("--design raft --fault kill");
    assert!(row.iter().all(|[design, _, nemesis]| (design.as_str(), nemesis.as_str()) == ("raft", "kill")), "{row:?}");
    let rows = |fault: &str, wanted: fn(&store::grid::Row) -> bool| {
        let cells = store::grid::GRID.iter().filter(|row| wanted(row)).flat_map(store::grid::Row::cells);
        cells.filter(|(of, _)| *of == fault).count()
    };
    assert_eq!(row.len(), rows("kill", |row| row.design == "raft"));
    let column = names("--workload bank --fault calm");
    assert_eq!(column.len(), rows("calm", |row| row.claim == "bank"));
}

#[test]
fn the_table_does_not_depend_on_the_number_of_jobs() {
    let dir = folder();
    let table =
        |jobs: usize| perjury(dir.path(), &format!("campaign --seeds 2 --fault mixed --out jobs{jobs} --jobs {jobs}"));
    let (one, three) = (table(1), table(3));
    // The folders that surprising cells name are dated.
    let said =
        |out: &str| out.lines().filter(|line| !line.contains("perjury replay")).map(String::from).collect::<Vec<_>>();
    assert_eq!((one.code, said(&one.out)), (three.code, said(&three.out)));
    assert!(said(&one.out).len() > 16, "{}", one.out);
    let json = |jobs: usize| {
        let ended =
            perjury(dir.path(), &format!("campaign --seeds 2 --fault halves --json --out json{jobs} --jobs {jobs}"));
        let mut json: Value = serde_json::from_str(&ended.out).expect("JSON");
        for cell in json["cells"].as_array_mut().expect("cells") {
            assert!(cell["replay"].take().as_array().is_some_and(|commands| !commands.is_empty()), "nothing was kept");
        }
        json
    };
    assert_eq!(json(1), json(3));
}

#[test]
fn cells_that_differ_in_size_only_have_rows_of_their_own() {
    let dir = folder();
    let small =
        "[[cell]]\ndesign = \"raft\"\nworkload = \"register\"\nnemesis = \"kill\"\nexpected = \"held\"\nnodes = 3\n";
    fs::write(dir.path().join("c.toml"), format!("{AS_EXPECTED}{small}{small}")).expect("written");
    let ended = perjury(dir.path(), "campaign c.toml --seeds 1");
    assert_eq!(ended.out.lines().filter(|line| line.starts_with("raft register")).count(), 3, "{}", ended.out);
}
