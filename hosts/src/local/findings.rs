//! What this machine can do for local nodes, found out by doing it.

use super::Local;
use crate::error::Result;
use crate::host::{Daemon, Host};
use crate::links::Endpoint;
use crate::probe::Finding;
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

/// Sets up a node below `state` with a daemon that is paused and killed, and takes it down again.
pub fn probe(state: &Path, keeper: &[OsString]) -> Finding {
    let began = Instant::now();
    let (ok, detail) = match node(state, keeper) {
        Err(error) => (false, format!("{}: {}; {}", error.what, error.why, error.mend)),
        Ok((ok, missing)) => {
            let took = began.elapsed().as_secs_f64() * 1e3;
            (ok, format!("one was set up, paused, killed and taken down in {took:.0} ms{missing}"))
        }
    };
    Finding { name: "a database's node", ok, detail }
}

fn node(state: &Path, keeper: &[OsString]) -> Result<(bool, String)> {
    let mut host = Local::up(1, state, keeper)?;
    host.start(0, &Daemon::new("probe", "sleep", ["600"]))?;
    let paused = host.pause(0, "probe")?;
    let killed = host.kill(0, "probe")?.is_some();
    // Nobody listens behind the proxy, and that is what must be said.
    let at = host.reach(0, 4078)?;
    let refused = host.connect(Endpoint::Clients, at, Duration::from_secs(1)).is_err();
    let missing = host
        .abilities()
        .each()
        .into_iter()
        .filter_map(|(name, able)| Some(format!("{name}: {}", able.as_ref().err()?)));
    let missing = missing.collect::<Vec<_>>().join("; ");
    let missing = if missing.is_empty() { missing } else { format!("; it cannot do {missing}") };
    host.close()?;
    Ok((paused && killed && refused, missing))
}
