//! How much the harness costs beside what it asks: the same number of connections to one Redis server, by `redis-benchmark` and by the
//! harness, in turns. Machines differ and are noisy, so that only the ratio of the two says something.

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use harness::history::What;
use harness::run::{Witness, run};
use harness::{Ask, ClientId, Event, Op, Outcome, Plan, SECOND, Tier, Time};
use perjury::assemble::{Request, plan};
use perjury::systems;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// How much is asked, and how often the two take turns.
#[derive(Args)]
pub struct Arguments {
    /// Connections of each
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    connections: u32,
    /// Requests a turn
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u64).range(1..))]
    requests: u64,
    /// Turns; medians are told
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    turns: u64,
}

/// Longer than any turn takes.
const FOREVER: Time = Time(3600 * SECOND.0);

/// Prints what each of them reached, and the ratio of the medians.
pub fn overhead(arguments: &Arguments) -> Result<()> {
    let server = Server::start()?;
    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    for turn in 1..=arguments.turns {
        theirs.push(redis_benchmark(&server, arguments)?);
        ours.push(harness(&server, arguments)?);
        let (theirs, ours) = (theirs.last().expect("pushed"), ours.last().expect("pushed"));
        println!("turn {turn}: redis-benchmark {theirs:.0} requests a second, the harness {ours:.0}");
    }
    let (theirs, ours) = (median(theirs), median(ours));
    println!("medians: redis-benchmark {theirs:.0}, the harness {ours:.0}: {:.2} of it", ours / theirs);
    Ok(())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// A server on loopback with nothing on disk, that ends with this value.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start() -> Result<Server> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let words = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()];
        let started = Command::new("redis-server").args(words).stdout(Stdio::null()).spawn();
        let server = Server { child: started.context("redis-server cannot be started: install redis-server")?, port };
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            ensure!(began.elapsed() < Duration::from_secs(10), "redis-server does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Requests a second: `SET` on a thousand keys, each connection waiting for its answer.
fn redis_benchmark(server: &Server, arguments: &Arguments) -> Result<f64> {
    let (port, connections) = (server.port.to_string(), arguments.connections.to_string());
    let requests = arguments.requests.to_string();
    let words = ["-p", &port, "-c", &connections, "-n", &requests, "-r", "1000", "-t", "set", "--csv"];
    let output = Command::new("redis-benchmark").args(words).output().context("redis-benchmark cannot be started")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find(|line| line.starts_with("\"SET\""));
    let rate = line.and_then(|line| line.split(',').nth(1)).and_then(|rate| rate.trim_matches('"').parse().ok());
    rate.with_context(|| format!("redis-benchmark told no rate: {text}"))
}

/// Requests a second: writes to a thousand registers by as many clients, each waiting for its answer; all recorded as ever.
fn harness(server: &Server, arguments: &Arguments) -> Result<f64> {
    let plan = writes(server, arguments)?;
    let dir = std::env::temp_dir();
    let mut cluster = systems::start(&plan, &dir).map_err(|trouble| anyhow::anyhow!("{trouble}"))?;
    let mut watch = Watch { left: arguments.requests, began: None, took: Duration::ZERO, odd: None };
    run(&plan, &mut *cluster, &mut watch, &AtomicBool::new(false)).map_err(|trouble| anyhow::anyhow!("{trouble}"))?;
    if let Some(odd) = watch.odd {
        bail!("a write was not answered as it should be: {odd:?}");
    }
    Ok(arguments.requests as f64 / watch.took.as_secs_f64())
}

fn writes(server: &Server, arguments: &Arguments) -> Result<Plan> {
    let url = format!("127.0.0.1:{}", server.port);
    let request = Request {
        design: "redis:mode=single".to_string(),
        workload: "register".to_string(),
        tier: Tier::Url,
        given: [(systems::URL.to_string(), url)].into(),
        nemesis: "calm".to_string(),
        nodes: 1,
        clients: arguments.connections,
        ..Request::default()
    };
    let drawn = plan(&request).map_err(|usage| anyhow::anyhow!("{usage}"))?;
    let write = |number: u64| {
        let client = ClientId((number % u64::from(arguments.connections)) as u32);
        Ask::new(Time::ZERO, client, Op::Write { key: format!("r{}", number % 1000).into(), value: number as i64 })
    };
    Ok(Plan { asks: (0..arguments.requests).map(write).collect(), finals: Vec::new(), time: FOREVER, ..drawn })
}

/// Counts answers, and ends the run with the last one.
struct Watch {
    left: u64,
    began: Option<Instant>,
    took: Duration,
    odd: Option<Outcome>,
}

impl Witness for Watch {
    fn saw(&mut self, _: usize, event: &Event) {
        let began = *self.began.get_or_insert_with(Instant::now);
        let What::Return { outcome, .. } = &event.what else { return };
        if !matches!(outcome, Outcome::Ok(_)) {
            self.odd.get_or_insert_with(|| outcome.clone());
        }
        self.left -= 1;
        self.took = began.elapsed();
    }
    fn enough(&self) -> bool {
        self.left == 0 || self.odd.is_some()
    }
}
