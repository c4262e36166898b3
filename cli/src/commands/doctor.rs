//! `perjury doctor`: what this machine can do, tier by tier.

use super::Failure;
use harness::Exit;

/// Prints it. What the `local` tier misses is a trouble; the simulator needs nothing.
pub fn doctor() -> Result<Exit, Failure> {
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
    let ssh = if cfg!(feature = "ssh") { "built in; try a file of machines with --hosts" } else { "not built in" };
    println!("ssh    {ssh} (docs/databases.md)");
    Ok(if ready { Exit::Held } else { Exit::Harness })
}
