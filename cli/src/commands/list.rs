//! `perjury list`: every table.

use super::Failure;
use crate::assemble::{Usage, rows, unknown};
use clap::Args;
use harness::Exit;
use std::borrow::Cow;

/// Which table.
#[derive(Args)]
pub struct Arguments {
    /// designs, switches, databases, workloads, claims, nemeses, checkers, models or formats; all of them without
    table: Option<String>,
}

type Rows = Vec<(&'static str, Cow<'static, str>)>;

/// Name, what it lists, and its rows.
type Table = (&'static str, &'static str, fn() -> Rows);

const TABLES: &[Table] = &[
    ("designs", "systems of the bundled store", || {
        let row =
            |design: &'static store::About| (design.name, Cow::from(format!("{} ({})", design.about, design.source)));
        store::designs().map(row).collect()
    }),
    ("switches", "deliberate bugs of the designs", || {
        let row = |design: &store::About, switch: &store::Switch| {
            (switch.name, Cow::from(format!("{} (of {})", switch.about, design.name)))
        };
        store::designs().flat_map(|design| design.switches.iter().map(move |switch| row(design, switch))).collect()
    }),
    ("databases", "real systems, on nodes of their own", || {
        let row = |database: &'static databases::real::Database| {
            let values = |choice: &databases::real::Choice| {
                let values =
                    choice.values.iter().map(|(value, about)| format!("\n      {}={value}: {about}", choice.name));
                values.collect::<String>()
            };
            let choices: String = database.choices.iter().map(values).collect();
            let mapping = database.mapping.iter().map(|(workload, words)| format!("\n      {workload}: {words}"));
            (database.name, Cow::from(format!("{}{choices}{}", database.about, mapping.collect::<String>())))
        };
        databases::DATABASES.iter().map(row).collect()
    }),
    ("workloads", "what clients ask", || plain(rows(workloads::WORKLOADS, |workload| (workload.name, workload.about)))),
    ("claims", "promises that are judged by themselves, in place of a workload", || {
        plain(rows(workloads::CLAIMS, |claim| (claim.name, claim.about)))
    }),
    ("nemeses", "how a cluster is hurt", || plain(rows(nemesis::NEMESES, |nemesis| (nemesis.name, nemesis.about)))),
    ("checkers", "who judges", || plain(rows(checkers::CHECKERS, |checker| (checker.name, checker.about)))),
    ("models", "what histories of other tools are checked against", || {
        let row = |model: &checkers::models::Spec| (model.name, Cow::from(format!("{}; {}", model.about, model.calls)));
        checkers::models::MODELS.iter().map(row).collect()
    }),
    ("formats", "how a run is shown", || plain(rows(reports::FORMATS, |format| (format.name, format.about)))),
];

fn plain(rows: Vec<(&'static str, &'static str)>) -> Rows {
    rows.into_iter().map(|(name, about)| (name, Cow::from(about))).collect()
}

/// Prints one table or all.
pub fn list(arguments: &Arguments) -> Result<Exit, Failure> {
    let wanted = |name: &str| arguments.table.as_deref().is_none_or(|table| table == name);
    if let Some(table) = &arguments.table
        && !TABLES.iter().any(|(name, ..)| name == table)
    {
        let known: Vec<(&str, &str)> = TABLES.iter().map(|(name, about, _)| (*name, *about)).collect();
        let usage: Usage = unknown("table", table, &known);
        return Err(usage.into());
    }
    for (name, about, rows) in TABLES.iter().filter(|(name, ..)| wanted(name)) {
        println!("{name}: {about}");
        let rows = rows();
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        rows.iter().for_each(|(name, about)| println!("  {name:width$}  {about}"));
    }
    Ok(Exit::Held)
}
