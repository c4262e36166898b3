//! The lane of tiny histories: prints a line for each family, and every disagreement with the command that shows it again.

use anyhow::{Result, bail};
use fuzz::Orders;
use fuzz::families::{FAMILIES, Family, find};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Judges `count` histories of each family, or of one.
pub fn fuzz(count: u64, model: Option<&str>, seed: Option<u64>, forced: usize) -> Result<()> {
    let families = match model.map(|name| (name, find(name))) {
        None => FAMILIES,
        Some((_, Some(family))) => std::slice::from_ref(family),
        Some((name, None)) => {
            let known: Vec<&str> = FAMILIES.iter().map(|family| family.name).collect();
            bail!("--model {name}: no such family; there are {}", known.join(", "))
        }
    };
    let seed = match seed {
        Some(seed) => seed,
        None => SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos() as u64,
    };
    let others = fuzz::contenders::tunings().len() - 1;
    println!(
        "seed {seed}; each history is given to the engine as it is and with {} of {others} forced tunings",
        forced.min(others)
    );
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let orders = Orders { count, seed, forced, threads };
    let columns = [
        "histories",
        "legal",
        "illegal",
        "illegal %",
        "unknown %",
        "ruled",
        "windows",
        "unconfirmed",
        "wrong",
        "seconds",
    ];
    println!("{:22}{}", "family", columns.map(|column| format!("{column:>12}")).concat());
    let complaints: Vec<String> = families.iter().filter_map(|family| row(family, orders).err()).collect();
    if complaints.is_empty() {
        return Ok(());
    }
    bail!("{}", complaints.join("\n"))
}

fn row(family: &Family, orders: Orders) -> Result<(), String> {
    let began = Instant::now();
    let tally = fuzz::run(family, orders);
    let cells = [
        tally.histories.to_string(),
        tally.legal.to_string(),
        tally.illegal().to_string(),
        format!("{:.1}", tally.percent(tally.illegal())),
        format!("{:.1}", tally.percent(tally.uncertain)),
        tally.ruled.to_string(),
        tally.windowed.to_string(),
        tally.unconfirmed.to_string(),
        tally.mismatches.to_string(),
        format!("{:.1}", began.elapsed().as_secs_f64()),
    ];
    println!("{:22}{}", family.name, cells.map(|cell| format!("{cell:>12}")).concat());
    tally.complaint().map_err(|why| format!("{}: {why}", family.name))
}
