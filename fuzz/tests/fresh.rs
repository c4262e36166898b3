//! Every family at a small count, with a seed that nobody has seen before. A failure prints the command that shows it again.
#![allow(clippy::disallowed_methods)]

use fuzz::Orders;
use fuzz::families::{FAMILIES, Family};
use std::time::{SystemTime, UNIX_EPOCH};

/// Histories of each family.
const COUNT: u64 = if cfg!(debug_assertions) { 5_000 } else { 50_000 };

#[test]
fn everything_that_judges_agrees_with_the_brute_force() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let seed = now.as_nanos() as u64;
    println!("seed {seed}");
    let complaints: Vec<String> = FAMILIES.iter().filter_map(|family| judged(family, seed).err()).collect();
    assert!(complaints.is_empty(), "seed {seed}\n{}", complaints.join("\n"));
}

fn judged(family: &Family, seed: u64) -> Result<(), String> {
    let tally = fuzz::run(family, Orders { count: COUNT, seed, forced: 3, threads: 2 });
    println!(
        "{:16} {} histories, {:.1} % illegal, {:.1} % with unknown outcomes",
        family.name,
        tally.histories,
        tally.percent(tally.illegal()),
        tally.percent(tally.uncertain)
    );
    tally.complaint().map_err(|why| format!("{}: {why}", family.name))
}
