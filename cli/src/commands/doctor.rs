//! `perjury doctor`: what this machine can do, tier by tier; or what other machines can, that are reached by SSH.

use super::Failure;
use super::run::machines_of;
use crate::machines;
use harness::Exit;
use std::path::{Path, PathBuf};

/// What is asked.
#[derive(clap::Args)]
pub struct Arguments {
    /// Try the machines of this file instead, as --tier ssh would use them
    #[arg(long, value_name = "FILE")]
    hosts: Option<PathBuf>,
}

/// Prints it. What the `local` tier misses is a trouble; the simulator needs nothing.
pub fn doctor(arguments: &Arguments) -> Result<Exit, Failure> {
    arguments.hosts.as_deref().map_or_else(here, there)
}

/// Enters all machines, and says which faults they can have. Whatever was started or written there is gone in the end.
fn there(file: &Path) -> Result<Exit, Failure> {
    let (text, count) = machines_of(file)?;
    let abilities = machines::probe(&text)?;
    println!("ssh    {count} machines were entered, and left as they were");
    for (name, ability) in &abilities {
        match ability {
            Ok(()) => println!("  + {name}"),
            Err(why) => println!("  - {name}: {why}"),
        }
    }
    Ok(Exit::Held)
}

fn here() -> Result<Exit, Failure> {
    println!("perjury {} (build {})", env!("CARGO_PKG_VERSION"), crate::build::hash());
    println!("sim    ok       needs nothing of the machine");
    let mut probes = hosts::probe(&std::env::current_dir().unwrap_or_else(|_| std::env::temp_dir()));
    probes.push(hosts::local::probe(&hosts::registry::state_dir(), &crate::systems::KEEPER.map(Into::into)));
    let ready = probes.iter().all(|finding| finding.ok);
    println!("local  {}", if ready { "ok" } else { "not ready" });
    for finding in &probes {
        println!("  {} {}: {}", if finding.ok { "+" } else { "-" }, finding.name, finding.detail);
    }
    let probes = hosts::netns::probe(&hosts::registry::state_dir());
    println!(
        "netns  {}",
        if probes.iter().all(|finding| finding.ok) {
            "ok"
        } else {
            "not ready; real databases run with --tier local, where links lose no packets"
        }
    );
    for finding in &probes {
        println!("  {} {}: {}", if finding.ok { "+" } else { "-" }, finding.name, finding.detail);
    }
    let ssh =
        if cfg!(feature = "ssh") { "built in; try machines with: perjury doctor --hosts FILE" } else { "not built in" };
    println!("ssh    {ssh} (docs/databases.md)");
    Ok(if ready { Exit::Held } else { Exit::Harness })
}
