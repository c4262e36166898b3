//! The checker on recorded histories whose verdicts are known, if they are there: Jepsen's logs of an early etcd, histories
//! with one subtly wrong read, and generated ones. See the README beside them for the format.

use checkers::LINEARIZABLE;
use checkers::linearizable::{Answer, RegisterCall, check_calls};
use checkers::script;
use harness::{Budget, History, Op, Outcome, Reply, Run, Verdict};
use std::path::{Path, PathBuf};

/// Enough for all but a few, and few enough that none takes long.
const STEPS: u64 = 2_000_000;
/// An illegal history with more calls of unknown outcome than this may stay undecided. It must never be called right.
const UNDECIDED_FROM: usize = 30;

fn corpus() -> Option<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/linearizability");
    if !corpus.is_dir() {
        println!("skipped: there is no {}", corpus.display());
        return None;
    }
    Some(corpus)
}

/// A history of one register without a name.
fn read(path: &Path) -> History {
    let text = std::fs::read_to_string(path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    harness::files::history::read(&path.display().to_string(), &text).unwrap_or_else(|why| panic!("{why}"))
}

fn judge(path: &Path) -> &'static str {
    let run = Run::new(script::plan(), read(path));
    match (LINEARIZABLE.check)(&run, Budget { steps: STEPS }).verdict {
        Verdict::Held | Verdict::Vacuous(_) => "Ok",
        Verdict::Violated(anomaly) => {
            assert!(!anomaly.sentences.is_empty(), "{}: {anomaly:?}", path.display());
            assert!(anomaly.events.iter().all(|event| *event < run.history.events.len()));
            "Illegal"
        }
        Verdict::Unknown(_) => "Unknown",
    }
}

/// Compares a folder with its table of verdicts, where the column after the name or the one after that has the verdict.
fn compare(folder: &str) {
    let Some(folder) = corpus().map(|corpus| corpus.join(folder)) else { return };
    let table = std::fs::read_to_string(folder.join("VERDICTS.tsv")).expect("a table of verdicts");
    let mut files = 0;
    for row in table.lines().skip(1) {
        let fields: Vec<&str> = row.split('\t').collect();
        let expected = *fields.iter().find(|field| ["Ok", "Illegal"].contains(field)).expect("a verdict");
        assert_eq!(judge(&folder.join(fields[0])), expected, "{}", fields[0]);
        files += 1;
    }
    println!("{}: all {files} as expected", folder.display());
    assert!(files >= 40);
}

#[test]
fn the_logs_of_an_early_etcd() {
    compare("etcd");
}

#[test]
fn histories_with_one_subtly_wrong_read() {
    compare("subtle");
}

#[test]
fn generated_histories_of_a_thousand_operations() {
    let Some(folder) = corpus().map(|corpus| corpus.join("generated")) else { return };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    assert!(files.len() >= 10, "{files:?}");
    for path in &files {
        let name = path.file_stem().expect("a name").to_string_lossy();
        let expected = if name.ends_with("_ok") { "Ok" } else { "Illegal" };
        let calls = searched(&read(path));
        let mut steps = STEPS;
        let answer = match check_calls(&calls, None, &mut steps) {
            Answer::Linearizable(_) => "Ok",
            Answer::Impossible => "Illegal",
            Answer::OutOfBudget => "Unknown",
        };
        println!("{name}: {answer} after {} steps", STEPS - steps);
        let open = calls.iter().filter(|call| call.returned.is_none()).count();
        for answer in [answer, judge(path)] {
            let undecided = answer == "Unknown" && expected == "Illegal" && open >= UNDECIDED_FROM;
            assert!(answer == expected || undecided, "{name}: {answer} with {open} open calls");
        }
    }
}

/// What the checker asks the search.
fn searched(history: &History) -> Vec<RegisterCall> {
    use checkers::linearizable::Act;
    let call = |call: &harness::Call| {
        let act = match (call.op, call.outcome) {
            (_, Some(Outcome::Failed(_))) => return None,
            (Op::Read { .. }, Some(Outcome::Ok(Reply::Value(value)))) => Act::Read(*value),
            (Op::Read { .. }, _) => return None,
            (Op::Write { value, .. }, _) => Act::Write(*value),
            (Op::Cas { from, to, .. }, Some(Outcome::Ok(Reply::No))) => Act::Missed { from: *from, to: *to },
            (Op::Cas { from, to, .. }, _) => Act::Cas { from: *from, to: *to },
            other => panic!("no register operation: {other:?}"),
        };
        let returned = call.returned.filter(|_| matches!(call.outcome, Some(Outcome::Ok(_))));
        Some(RegisterCall { act, invoked: call.invoked, returned })
    };
    history.calls().iter().filter_map(call).collect()
}
