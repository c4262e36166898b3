//! The engine beside a published port of Porcupine on every history there is: one table, all rows in one run, on one core.
//!
//! `cargo bench -p perjury-benches --bench linearizability -- [--no-peer] [--filter TEXT] [--json FILE]`
//!
//! Both checkers get each history typed, with values numbered and parted by key, before the clock starts, and each works in
//! a process of its own ([`child`]). Histories are those of `../shared/data/linearizability` beside the workspace; where
//! that is missing they are made here. An answer that is not the stated one ends the program with an error.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

mod child;
mod generate;
mod history;
mod load;
mod ours;
mod pass;
mod peer;
mod sum;
mod table;

use child::{Side, ask};
use generate::{Wanted, generate};
use harness::Seed;
use harness::files::foreign;
use history::History;
use load::{Recorded, recorded, typed};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use table::Row;

/// What made histories are drawn from.
const SEED: Seed = Seed(1);

#[derive(Default)]
struct Options {
    bench: bool,
    no_peer: bool,
    filter: String,
    json: Option<PathBuf>,
    child: Option<String>,
}

fn main() -> ExitCode {
    let options = options();
    if let Some(side) = &options.child {
        child::serve(side);
        return ExitCode::SUCCESS;
    }
    one_core();
    if !options.bench {
        println!("a trial on two small histories; `cargo bench` measures");
    }
    let rows = measure(&options);
    if let Some(path) = &options.json {
        table::save(&rows, path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    }
    sum::print(&rows);
    let wrong: Vec<String> = rows.iter().filter_map(Row::wrong).collect();
    wrong.iter().for_each(|wrong| eprintln!("WRONG: {wrong}"));
    if wrong.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options() -> Options {
    let mut options = Options::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
        match word.as_str() {
            "--bench" => options.bench = true,
            "--no-peer" => options.no_peer = true,
            "--filter" => options.filter = value(),
            "--json" => options.json = Some(PathBuf::from(value())),
            "--child" => options.child = Some(value()),
            other => panic!("no option {other}; there are --no-peer, --filter TEXT and --json FILE"),
        }
    }
    options
}

/// This process and its children stay on the first core that they may use.
fn one_core() {
    let allowed = sched_getaffinity(None).expect("the kernel says which cores may be used");
    let mut one = CpuSet::new();
    one.set((0..CpuSet::MAX_CPU).find(|core| allowed.is_set(*core)).expect("some core may be used"));
    sched_setaffinity(None, &one).expect("one of the cores that may be used");
}

/// Measures row by row, and prints each as soon as it is there.
fn measure(options: &Options) -> Vec<Row> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/linearizability");
    let recorded = if options.bench { recorded(&root) } else { Vec::new() };
    if options.bench && recorded.is_empty() {
        println!("skipped: there are no recorded histories in {}", root.display());
    }
    let wanted = |name: &str| name.contains(&options.filter);
    table::print_head();
    let mut rows = Vec::new();
    let mut add = |name: String, calls, stated, parse, history: History| {
        let peer = (!options.no_peer).then(|| ask(Side::Peer, &history));
        let row =
            Row { name, calls, stated, parse, pass: pass::measure(&history), ours: ask(Side::Ours, &history), peer };
        table::print(&row);
        rows.push(row);
    };
    for file in recorded.iter().filter(|file| wanted(&file.name)) {
        let (history, calls, parse) = read(file);
        add(file.name.clone(), calls, file.stated, Some(parse), history);
    }
    for made in made(options.bench, recorded.is_empty()) {
        let name = format!("made/{}", made.name());
        if wanted(&name) {
            add(name, made.calls as usize, !made.bad, None, generate(made, SEED));
        }
    }
    rows
}

/// A file's history, how many calls are in it, and the nanoseconds that reading and typing take.
fn read(file: &Recorded) -> (History, usize, f64) {
    let complain = |why: &dyn std::fmt::Display| -> ! { panic!("{}: {why}", file.path.display()) };
    let bytes = std::fs::read(&file.path).unwrap_or_else(|why| complain(&why));
    let parse = || {
        let foreign = foreign::read(&file.name, &bytes).unwrap_or_else(|why| complain(&why));
        (typed(file.family, &foreign.records), foreign.records.len())
    };
    let (history, calls) = parse();
    (history, calls, child::median(|| drop(parse())))
}

/// The histories to make: the long one always, the others where none are recorded, two small ones for a trial.
fn made(bench: bool, alone: bool) -> Vec<Wanted> {
    let plain = Wanted { clients: 5, values: 5, calls: 1000, unknown: 0, hot: false, bad: false };
    if !bench {
        return vec![Wanted { calls: 100, ..plain }, Wanted { calls: 100, unknown: 3, bad: true, ..plain }];
    }
    let mut made = Vec::new();
    if alone {
        for (calls, unknown) in [(1000, 0), (1000, 5), (1000, 10), (1000, 20), (1000, 60), (10_000, 0), (100_000, 0)] {
            made.extend([false, true].map(|bad| Wanted { calls, unknown, bad, ..plain }));
        }
        for clients in [10, 30, 100] {
            made.extend([false, true].map(|bad| Wanted { clients, calls: 2000, hot: true, bad, ..plain }));
        }
    }
    made.push(Wanted { calls: 1_000_000, ..plain });
    made
}
