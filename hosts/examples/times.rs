//! How long it takes to set up, cut and take down nodes: `cargo run --release -p perjury-hosts --example times [NODES]`.
#![allow(clippy::disallowed_methods)] // It measures.

use hosts::netns::{Netns, reexec_if_needed};
use hosts::registry::state_dir;
use hosts::{Daemon, Endpoint, Host};
use std::time::{Duration, Instant};

fn timed<T>(what: &str, f: impl FnOnce() -> hosts::Result<T>) -> hosts::Result<T> {
    let began = Instant::now();
    let done = f()?;
    println!("{what:<28} {:8.1} ms", began.elapsed().as_secs_f64() * 1e3);
    Ok(done)
}

fn main() -> hosts::Result<()> {
    reexec_if_needed()?;
    let nodes = std::env::args().nth(1).and_then(|nodes| nodes.parse().ok()).unwrap_or(5);
    let mut host = timed("set up", || Netns::up(nodes, &state_dir()))?;
    let around: Vec<_> = (1..nodes)
        .flat_map(|node| [(Endpoint::Node(0), Endpoint::Node(node)), (Endpoint::Node(node), Endpoint::Node(0))])
        .collect();
    timed("isolate a node", || host.cut(&around))?;
    timed("read the counter", || host.dropped())?;
    timed("heal", || host.cut(&[]))?;
    timed("start a daemon", || host.start(0, &Daemon::new("sleep", "sleep", ["600"])))?;
    timed("run a command", || host.run(0, &["true"], Duration::from_secs(10)))?;
    timed("pause it", || host.pause(0, "sleep"))?;
    timed("resume it", || host.resume(0, "sleep"))?;
    timed("kill it", || host.kill(0, "sleep"))?;
    let dialer = host.dialer(Endpoint::Clients);
    timed("a refused connection", || {
        let refused = dialer.connect((host.address(0), 1).into(), Duration::from_secs(5));
        assert!(refused.is_err(), "nobody listens there");
        Ok(())
    })?;
    timed("take down", || host.close())
}
