//! `perjury run --online` ends at the first violation, and its run is replayed to the same bytes.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn perjury(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_perjury")).args(arguments).output().expect("the program is built")
}

fn asked(run: &Path) -> usize {
    let history = std::fs::read_to_string(run.join("history.jsonl")).expect("a run leaves its history");
    history.lines().filter(|line| line.contains("\"invoke\"")).count()
}

#[test]
fn an_online_run_stops_at_its_first_violation_and_replays() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = |name: &str, online: &[&str]| {
        let out = folder.path().join(name);
        let fixed =
            ["run", "--design", "sl-async-fo", "--workload", "register", "--nemesis", "isolate-leader", "--out"];
        let place = out.display().to_string();
        let output = perjury(&[&fixed[..], &[&place], online].concat());
        assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
        let inside = |folder: &Path| -> Vec<PathBuf> {
            std::fs::read_dir(folder).expect("runs are kept").map(|entry| entry.expect("readable").path()).collect()
        };
        let designs = inside(&out).into_iter().filter(|path| path.is_dir() && !path.is_symlink());
        let holds = |path: &PathBuf| path.join("history.jsonl").exists();
        designs.flat_map(|design| [inside(&design), vec![design]].concat()).find(holds).expect("one run")
    };
    let (whole, short) = (run("whole", &[]), run("short", &["--online"]));
    assert!(asked(&short) * 2 < asked(&whole), "{} of {} operations", asked(&short), asked(&whole));
    let replayed = perjury(&["replay", &short.display().to_string()]);
    let said = String::from_utf8_lossy(&replayed.stdout).to_string();
    assert_eq!(replayed.status.code(), Some(1), "{said}");
    assert!(said.contains("byte-equal"), "{said}");
}
