//! Recorded histories of other tools, if they are there: every file is read, and as many calls come out as were put in.

use harness::files::foreign::{Foreign, read};
use harness::records::Ending;
use std::path::{Path, PathBuf};

fn corpus() -> Option<PathBuf> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/linearizability");
    if !corpus.is_dir() {
        println!("skipped: there is no {}", corpus.display());
        return None;
    }
    Some(corpus)
}

/// All histories of a folder, by name.
fn all(folder: &Path) -> Vec<(String, Foreign)> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e != "tsv")).collect();
    files.sort();
    let one = |path: PathBuf| {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let foreign = read(&name, &std::fs::read(&path).expect("bytes")).unwrap_or_else(|why| panic!("{why}"));
        (name, foreign)
    };
    files.into_iter().map(one).collect()
}

/// How many calls ended ok, with "no", certainly failed, and in nobody knows what.
fn endings(foreign: &Foreign) -> [usize; 4] {
    let mut endings = [0; 4];
    for record in &foreign.records {
        endings[match record.ending {
            Ending::Ok(..) => 0,
            Ending::No(..) => 1,
            Ending::Failed(..) => 2,
            Ending::Unknown => 3,
        }] += 1;
    }
    endings
}

#[test]
fn every_recorded_history_is_read() {
    let Some(corpus) = corpus() else { return };
    // Folder, files, calls by ending, events of others than clients: counted with grep.
    let expected: [(&str, usize, [usize; 4], usize); 6] = [
        ("etcd", 60, [3193, 1066, 0, 764], 0),
        ("kv", 4, [838, 0, 0, 0], 0),
        ("knossos/good", 45, [5407, 0, 4868, 203], 0),
        ("knossos/bad", 4, [341, 0, 206, 7], 8),
        ("subtle", 40, [17345, 4811, 0, 244], 0),
        ("generated", 63, [521270, 141236, 0, 575], 0),
    ];
    for (folder, files, calls, others) in expected {
        let all = all(&corpus.join(folder));
        let mut sum = [0; 4];
        for (_, foreign) in &all {
            endings(foreign).iter().zip(&mut sum).for_each(|(count, sum)| *sum += count);
            assert!(foreign.events >= foreign.records.len());
        }
        let skipped: usize = all.iter().map(|(_, foreign)| foreign.others).sum();
        println!("{folder}: {} files, calls {sum:?}, {skipped} of others", all.len());
        assert_eq!((all.len(), sum, skipped), (files, calls, others), "{folder}");
    }
}

#[test]
fn names_of_generated_histories_say_how_many_calls_and_crashes_they_have() {
    let Some(corpus) = corpus() else { return };
    let number = |name: &str, mark: &str| -> Option<usize> {
        name.split(['_', '.']).find_map(|part| part.strip_prefix(mark)?.parse().ok())
    };
    for (name, foreign) in all(&corpus.join("generated")) {
        let calls = number(&name, "n").expect("a number of calls");
        // A bad one ends with a few calls of one more client.
        assert!(foreign.records.len().abs_diff(calls) <= 3, "{name}: {} calls", foreign.records.len());
        let unknown = endings(&foreign)[3];
        assert_eq!(unknown, number(&name, "crash").unwrap_or(0), "{name}");
    }
}
