//! `perjury reproduce`: published findings, found again.

use super::{Failure, default_out, enter_namespaces, span, stop_flag};
use crate::assemble::{Request, carry_out, judgement, plan, unknown};
use crate::findings::{Attempt, FINDINGS, Finding, find};
use crate::folder::Folder;
use crate::progress::Progress;
use crate::systems::database;
use clap::Args;
use harness::{Exit, Judgement, Seed, Tier, Time, Verdict};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

/// Which ones.
#[derive(Args)]
pub struct Arguments {
    /// Findings by name; all of them without
    names: Vec<String>,
    /// Only say what there is
    #[arg(long, conflicts_with_all = ["names", "install"])]
    list: bool,
    /// Install the databases' packages first, as root, where they are missing
    #[arg(long)]
    install: bool,
    /// How long each run lasts; without, as long as it was found to need
    #[arg(long, value_parser = span)]
    time: Option<Time>,
    /// Write the page about it, once all have come out as published
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// What everything is drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where runs are kept
    #[arg(long, default_value_os_t = default_out())]
    out: PathBuf,
}

/// What came of an attempt.
struct Came {
    observed: String,
    as_expected: bool,
    /// When the last event of its proof was seen.
    after: Option<Time>,
    folder: PathBuf,
}

/// Runs each finding and its control, and prints a table in Markdown. Held means that all came out as published.
pub fn reproduce(arguments: &Arguments) -> Result<Exit, Failure> {
    let known = || FINDINGS.iter().map(|finding| (finding.name, finding.about)).collect::<Vec<_>>();
    let wanted = arguments.names.iter().map(|name| find(name).ok_or_else(|| unknown("finding", name, &known())));
    let wanted = wanted.collect::<Result<Vec<_>, _>>()?;
    let wanted = if wanted.is_empty() { FINDINGS.iter().collect() } else { wanted };
    if arguments.list {
        FINDINGS.iter().for_each(|finding| println!("{}: {}\n  {}", finding.name, finding.about, finding.source));
        return Ok(Exit::Held);
    }
    if arguments.install {
        for Finding { found, .. } in &wanted {
            super::install(found.database)?;
        }
    }
    enter_namespaces()?;
    let stop = stop_flag();
    let mut table = vec![TABLE.to_string()];
    println!("{TABLE}");
    let mut exit = Exit::Held;
    for Finding { name, found, control, .. } in &wanted {
        for (what, attempt) in [(name.to_string(), found), (format!("{name}, control"), control)] {
            if stop.load(Ordering::Relaxed) {
                return Ok(Exit::Unknown);
            }
            let came = attempt_it(arguments, attempt, &stop)?;
            let Attempt { database, workload, nemesis, .. } = attempt;
            let (expected, observed) = (attempt.expected(), &came.observed);
            let after = came.after.map_or("-".to_string(), |time| time.to_string());
            let version = attempt.version();
            table.push(format!(
                "| {what} | `{database}` | {version} | {workload} | {nemesis} | {expected} | {observed} | {after} |"
            ));
            println!("{}", table[table.len() - 1]);
            if !came.as_expected {
                eprintln!("not as expected: {what}; see {}", came.folder.join("report.html").display());
                exit = Exit::NotAsExpected;
            }
        }
    }
    if let Some(path) = arguments.page.as_ref().filter(|_| exit == Exit::Held) {
        let written = std::fs::write(path, page(&wanted, &table.join("\n")));
        written.map_err(|error| Failure::Trouble(format!("cannot write {}: {error}", path.display())))?;
    }
    Ok(exit)
}

const TABLE: &str = "| finding | system | version | workload | faults | expected | observed | first seen after |\n|---|---|---|---|---|---|---|---|";

/// What `docs/findings.md` is.
fn page(findings: &[&Finding], table: &str) -> String {
    let about = findings.iter().map(|Finding { name, about, source, .. }| format!("- `{name}`: {about}. {source}."));
    format!(
        "# Published findings, found again\n\n\
         Made by `perjury reproduce --page docs/findings.md`. Each finding has a control, which differs in the one thing that matters and\n\
         must hold. `perjury reproduce NAME --install` repeats one on a clean machine. \"First seen after\" is when the last event of the\n\
         proof was seen, counted from the first request.\n\n\
         {table}\n\n{}\n",
        about.collect::<Vec<_>>().join("\n")
    )
}

fn attempt_it(arguments: &Arguments, attempt: &Attempt, stop: &AtomicBool) -> Result<Came, Failure> {
    let chosen = database(attempt.database)?;
    let request = Request {
        design: attempt.database.to_string(),
        tier: Tier::Netns,
        workload: attempt.workload.to_string(),
        nemesis: attempt.nemesis.to_string(),
        time: arguments.time.unwrap_or(attempt.time),
        rate: attempt.rate.unwrap_or(Request::default().rate),
        seed: Seed(arguments.seed),
        nodes: attempt.nodes.unwrap_or(chosen.nodes()),
        settings: (chosen.database.settings)(),
        ..Request::default()
    };
    let plan = plan(&request)?;
    let folder = Folder::create(&arguments.out, &plan)?;
    let mut progress = Progress::new(&plan, folder.history()?);
    let run = carry_out(&plan, folder.path(), &mut progress, stop)?;
    progress.finish().map_err(|error| Failure::Trouble(format!("the history was not written: {error}")))?;
    let judgement = judgement(&run);
    folder.finish(&run, &judgement)?;
    let first = match &judgement.verdict {
        Verdict::Violated(anomaly) => anomaly.events.iter().map(|event| run.history.events[*event].time).max(),
        _ => None,
    };
    let as_expected = match attempt.classes {
        [] => judgement.verdict == Verdict::Held,
        expected => classes(&judgement).any(|seen| expected.contains(&seen)),
    };
    let observed = match &judgement.verdict {
        Verdict::Violated(_) => format!("violated: {}", classes(&judgement).collect::<Vec<_>>().join(", ")),
        Verdict::Unknown(why) | Verdict::Vacuous(why) => format!("{}: {why}", judgement.verdict.word()),
        Verdict::Held => "held".to_string(),
    };
    Ok(Came { observed, as_expected, after: first, folder: folder.path().to_path_buf() })
}

/// The class that each checker saw.
fn classes(judgement: &Judgement) -> impl Iterator<Item = &str> {
    judgement.opinions.iter().filter_map(|opinion| match &opinion.verdict {
        Verdict::Violated(anomaly) => Some(anomaly.class.as_str()),
        _ => None,
    })
}
