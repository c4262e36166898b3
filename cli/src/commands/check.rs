//! `perjury check`: judge histories that already exist: the harness's own, or with `--model` those of other tools.

mod foreign;

use super::replay::planned;
use super::{Failure, read};
use crate::assemble::{rows, unknown};
use clap::Args;
use harness::plan::FORMAT;
use harness::records::Datum;
use harness::verdict::judge;
use harness::{Budget, Checker, Exit, History, Judgement, Plan, Run, Seed, Settings, Tier, Time, Verdict, What};
use std::path::{Path, PathBuf};

/// Which histories, and who judges.
#[derive(Args)]
pub struct Arguments {
    /// Histories, or folders of runs. With --model: JSON lines, a JSON array or EDN of any tool, plain or gzipped
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Who judges a file (`perjury list checkers`); a run's folder names its own
    #[arg(long, default_value = "linearizable")]
    checker: String,
    /// What the clients worked on (`perjury list models`); needed for histories of other tools
    #[arg(long)]
    model: Option<String>,
    /// Each value is [key, value], and each key is an object of its own
    #[arg(long, requires = "model")]
    independent: bool,
    /// What every object holds at first, as it would stand in the file: 5, null, "text", :keyword, [1, 2]
    #[arg(long, value_name = "VALUE", requires = "model", value_parser = value, allow_hyphen_values = true)]
    initial: Option<Datum>,
    /// Steps of a search before nobody knows; with --model for each object
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u64).range(1..))]
    budget: Option<u64>,
    /// Memory of a search before nobody knows, such as 512MiB, beside that of the history; for each object
    #[arg(long, value_name = "BYTES", requires = "model", value_parser = bytes)]
    memory: Option<u64>,
    /// How many threads; all cores without
    #[arg(long, requires = "model", value_parser = clap::value_parser!(u64).range(1..=1024))]
    jobs: Option<u64>,
    /// Print JSON, one object a file
    #[arg(long)]
    json: bool,
}

/// Judges them; the worst verdict is the exit code.
pub fn check(arguments: &Arguments) -> Result<Exit, Failure> {
    let checker = checkers::find(&arguments.checker).ok_or_else(|| {
        unknown("checker", &arguments.checker, &rows(checkers::CHECKERS, |checker| (checker.name, checker.about)))
    })?;
    if let Some(model) = &arguments.model {
        return foreign::check(arguments, model);
    }
    let budget = arguments.budget.map_or_else(Budget::default, |steps| Budget { steps });
    // All are read before the first is judged, so that bad input costs nothing.
    let runs: Vec<(PathBuf, Run, bool)> = arguments.files.iter().map(|file| load(file)).collect::<Result<_, _>>()?;
    let mut exits = Vec::new();
    for (file, run, whole) in &runs {
        let judgement = judged(run, *whole, checker, budget);
        exits.push(judgement.verdict.exit());
        print(arguments, file, run, &judgement);
    }
    Ok(summary(arguments, &exits))
}

/// Several files need a line that says what became of all of them. Returns the worst.
fn summary(arguments: &Arguments, exits: &[Exit]) -> Exit {
    if exits.len() > 1 && !arguments.json {
        let count = |wanted: Exit| exits.iter().filter(|exit| **exit == wanted).count();
        let [held, violated] = [Exit::Held, Exit::Violated].map(count);
        let [unknown, vacuous] = [Exit::Unknown, Exit::Vacuous].map(count);
        let files = exits.len();
        println!("{files} files: {held} held, {violated} violated, {unknown} unknown, {vacuous} vacuous");
    }
    exits.iter().fold(Exit::Held, |worst, exit| worst.worst(*exit))
}

/// Reads `--initial`.
fn value(text: &str) -> Result<Datum, String> {
    harness::files::foreign::value(text).map_err(|malformed| malformed.to_string())
}

/// Reads a number of bytes: `1GiB`, `500MB`, `4096`.
fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let units =
        [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000)];
    let unit = match text[digits..].trim_start() {
        "" => Some(1),
        unit => units.iter().find(|(name, _)| *name == unit).map(|(_, bytes)| *bytes),
    };
    let number = text[..digits].parse::<u64>().ok().filter(|number| *number > 0);
    let bytes = number.zip(unit).and_then(|(number, unit)| number.checked_mul(unit));
    bytes.ok_or_else(|| format!("\"{text}\" is no amount of memory: use for example 512MiB, 1GiB or a number of bytes"))
}

/// A whole run is judged by its workload's checkers and must have tested something; a bare history by the one that was named.
fn judged(run: &Run, whole: bool, checker: &Checker, budget: Budget) -> Judgement {
    if whole && let Some(workload) = workloads::find(&run.plan.workload) {
        return judge(run, workload.checkers, budget);
    }
    let opinion = (checker.check)(run, budget);
    Judgement { verdict: opinion.verdict.clone(), opinions: vec![opinion] }
}

fn print(arguments: &Arguments, file: &Path, run: &Run, judgement: &Judgement) {
    let verdict = &judgement.verdict;
    let operations = run.history.calls().len();
    if arguments.json {
        let object = serde_json::json!({
            "format": FORMAT, "file": file.display().to_string(), "verdict": verdict.word(), "exit": verdict.exit() as u8,
            "operations": operations, "opinions": judgement.opinions,
        });
        return println!("{object}");
    }
    println!("{}: {} ({operations} operations)", file.display(), reports::words::headline(judgement));
    if let Verdict::Violated(anomaly) = verdict {
        anomaly.sentences.iter().for_each(|sentence| println!("  {sentence}"));
    }
}

/// The run behind a folder, or one made up around a bare history. The flag says which.
fn load(path: &Path) -> Result<(PathBuf, Run, bool), Failure> {
    let (folder, file) = (path.is_dir(), history_of(path));
    let history = harness::files::history::read(&file.display().to_string(), &read(&file)?).map_err(|malformed| {
        let hint = "say with --model what a history of another tool is about (`perjury list models`)";
        Failure::Usage(if folder { malformed.to_string() } else { format!("{malformed}\n  {hint}") })
    })?;
    let plan = if folder { planned(path)?.1 } else { made_up(&history) };
    Ok((path.to_path_buf(), Run::new(plan, history), folder))
}

/// The file itself, or the history in a run's folder.
fn history_of(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("history.jsonl") } else { path.to_path_buf() }
}

/// A plan for a history that nobody planned: each process is a client of its own.
fn made_up(history: &History) -> Plan {
    let processes = history.events.iter().filter_map(|event| match &event.what {
        What::Invoke { process, .. } => Some(process.0.saturating_add(1)),
        _ => None,
    });
    Plan {
        format: FORMAT,
        build: crate::build::hash().to_string(),
        design: "unknown".to_string(),
        needs: harness::Needs::default(),
        switches: Vec::new(),
        given: Default::default(),
        tier: Tier::Sim,
        workload: "unknown".to_string(),
        nemesis: harness::gate::CALM.to_string(),
        seed: Seed(0),
        nodes: 1,
        clients: processes.max().unwrap_or(1),
        time: history.events.last().map_or(Time::ZERO, |event| event.time),
        settings: Settings::default(),
        asks: Vec::new(),
        strikes: Vec::new(),
        finals: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_given_with_a_unit() {
        let cases = [
            ("4096", Some(4096)),
            ("1KiB", Some(1024)),
            ("1GiB", Some(1 << 30)),
            ("512 MiB", Some(512 << 20)),
            ("2GB", Some(2_000_000_000)),
            ("20MB", Some(20_000_000)),
            ("3kB", Some(3000)),
            ("0", None),
            ("", None),
            ("GiB", None),
            ("-1", None),
            ("1.5GiB", None),
            ("1gib", None),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551615KiB", None),
        ];
        for (text, expected) in cases {
            assert_eq!(bytes(text).ok(), expected, "{text}");
        }
    }
}
