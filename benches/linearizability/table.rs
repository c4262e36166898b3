//! The table, row by row as it is measured, for people and for programs.

use crate::child::{Ended, Report};
use std::io::Write;
use std::path::Path;

/// What was measured of one file. Times are nanoseconds of CPU time for the whole file.
pub struct Row {
    /// Folder and name.
    pub name: String,
    /// Calls in the file.
    pub calls: usize,
    /// True if it is stated to be linearizable.
    pub stated: bool,
    /// Reading and typing the file; made histories are not read.
    pub parse: Option<f64>,
    /// One pass over the events.
    pub pass: f64,
    /// The engine.
    pub ours: Ended,
    /// The peer, if it was asked.
    pub peer: Option<Ended>,
}

/// How many times the engine's time the peer's is.
#[derive(Clone, Copy)]
pub struct Ratio {
    /// How many times.
    pub times: f64,
    /// The peer was killed: it would have taken longer.
    pub at_least: bool,
}

impl Row {
    /// What the engine said, if it has a verdict.
    pub fn ours(&self) -> Option<&Report> {
        report(&self.ours).filter(|report| report.verdict.is_some())
    }

    /// Time of the peer, and true if it was killed then.
    pub fn peer_time(&self) -> Option<(f64, bool)> {
        match self.peer.as_ref()? {
            Ended::Answered(report) => Some((report.check, false)),
            Ended::OutOfTime(spent) | Ended::OutOfMemory(spent) => Some((spent.as_nanos() as f64, true)),
            Ended::Failed(_) => None,
        }
    }

    /// Where the engine has a verdict and the peer was asked.
    pub fn ratio(&self) -> Option<Ratio> {
        let (time, at_least) = self.peer_time()?;
        Some(Ratio { times: time / self.ours()?.check, at_least })
    }

    /// What is wrong about it, if anything is: a checker that lied or fell over.
    pub fn wrong(&self) -> Option<String> {
        let lie = |who: &str, ended: &Ended| match ended {
            Ended::Answered(Report { verdict: Some(verdict), .. }) if *verdict != self.stated => {
                Some(format!("{}: {who} says {}, it is {}", self.name, word(*verdict), word(self.stated)))
            }
            Ended::Failed(why) => Some(format!("{}: {who} failed: {why}", self.name)),
            _ => None,
        };
        lie("the engine", &self.ours).or_else(|| lie("the peer", self.peer.as_ref()?))
    }

    /// The peer was faster, or had an answer where the engine had none.
    pub fn lost(&self) -> bool {
        let answered = self.peer.as_ref().is_some_and(|peer| matches!(peer, Ended::Answered(_)));
        self.ratio().map_or(answered, |ratio| ratio.times < 1.0 && !ratio.at_least)
    }
}

/// What a child said, if it came to an end by itself.
pub fn report(ended: &Ended) -> Option<&Report> {
    match ended {
        Ended::Answered(report) => Some(report),
        _ => None,
    }
}

const HEAD: &str = "
CPU time of one core, in nanoseconds for each operation where no unit is given. The engine's time includes its witness;
`proof` replays that, or confirms a refutation by the plain search. `parse` unpacks, reads and types the file. `pass` is one
linear pass over the events, `passes` how many of them the engine takes. `memory` is the peak beyond the typed history,
`all` that of the whole process. A peer that was killed counts with the time until then, and its ratio has a `>`.
";

/// Prints the names of the columns.
pub fn print_head() {
    println!("{HEAD}");
    let names = [
        "file",
        "ops",
        "verdict",
        "engine",
        "proof",
        "parse",
        "pass",
        "passes",
        "memory",
        "all",
        "engine",
        "porcupine-rs",
        "memory",
        "ratio",
    ];
    print_line(names.map(str::to_string));
}

fn print_line(cells: [String; 14]) {
    let [file, ops, verdict, each, proof, parse, pass, passes, memory, all, engine, peer, peer_memory, ratio] = cells;
    print!(
        "{file:<52} {ops:>8} {verdict:>8} {each:>9} {proof:>8} {parse:>7} {pass:>6} {passes:>8} {memory:>9} {all:>9}"
    );
    println!(" {engine:>9} {peer:>14} {peer_memory:>9} {ratio:>11}");
}

/// Prints one row.
pub fn print(row: &Row) {
    let each = |time: f64| format!("{:.1}", time / row.calls.max(1) as f64);
    let dash = || "-".to_string();
    let ours = row.ours();
    let verdict = ours.and_then(|ours| ours.verdict).map_or("unknown", word);
    print_line([
        row.name.clone(),
        row.calls.to_string(),
        verdict.to_string(),
        ours.map_or_else(dash, |ours| each(ours.check)),
        ours.and_then(|ours| ours.proof).map_or_else(dash, each),
        row.parse.map_or_else(dash, each),
        each(row.pass),
        ours.map_or_else(dash, |ours| format!("{:.1}", ours.check / row.pass)),
        report(&row.ours).map_or_else(dash, |ours| kib(ours.grown)),
        report(&row.ours).map_or_else(dash, |ours| kib(ours.peak)),
        time_or_end(&row.ours),
        row.peer.as_ref().map_or_else(dash, time_or_end),
        row.peer.as_ref().and_then(report).map_or_else(dash, |peer| kib(peer.grown)),
        row.ratio().map_or_else(dash, |ratio| ratio.to_string()),
    ]);
}

/// Writes the rows as JSON, one object a line.
pub fn save(rows: &[Row], path: &Path) -> std::io::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    let side = |ended: &Ended| match ended {
        Ended::Answered(report) => serde_json::json!({
            "verdict": report.verdict.map_or("unknown", word), "ns": report.check, "proof_ns": report.proof,
            "grown_kib": report.grown, "peak_kib": report.peak,
        }),
        Ended::OutOfTime(spent) => serde_json::json!({ "killed": "time", "ns": spent.as_nanos() as u64 }),
        Ended::OutOfMemory(spent) => serde_json::json!({ "killed": "memory", "ns": spent.as_nanos() as u64 }),
        Ended::Failed(why) => serde_json::json!({ "failed": why }),
    };
    for row in rows {
        let line = serde_json::json!({
            "file": row.name, "operations": row.calls, "stated": word(row.stated), "parse_ns": row.parse,
            "pass_ns": row.pass, "engine": side(&row.ours), "porcupine_rs": row.peer.as_ref().map(side),
        });
        writeln!(file, "{line}")?;
    }
    file.flush()
}

impl std::fmt::Display for Ratio {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let least = if self.at_least { "> " } else { "" };
        let digits = if self.times < 10.0 { 2 } else { usize::from(self.times < 100.0) };
        write!(to, "{least}{:.digits$}x", self.times)
    }
}

fn word(verdict: bool) -> &'static str {
    if verdict { "ok" } else { "illegal" }
}

/// The time of a child, or how it ended.
pub fn time_or_end(ended: &Ended) -> String {
    match ended {
        Ended::Answered(Report { verdict: None, check, .. }) => format!("? {}", span(*check)),
        Ended::Answered(report) => span(report.check),
        Ended::OutOfTime(spent) => format!("> {:.0} s", spent.as_secs_f64()),
        Ended::OutOfMemory(_) => "out of memory".to_string(),
        Ended::Failed(_) => "failed".to_string(),
    }
}

/// A time with its unit.
pub fn span(nanoseconds: f64) -> String {
    match nanoseconds {
        ..1e3 => format!("{nanoseconds:.0} ns"),
        ..1e6 => format!("{:.1} us", nanoseconds / 1e3),
        ..1e9 => format!("{:.1} ms", nanoseconds / 1e6),
        _ => format!("{:.1} s", nanoseconds / 1e9),
    }
}

fn kib(kib: u64) -> String {
    if kib < 10_000 { format!("{kib} KiB") } else { format!("{} MiB", kib / 1024) }
}
