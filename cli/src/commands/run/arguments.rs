//! What `perjury run` is told, and the request that it makes.

use crate::assemble::Request;
use crate::commands::{Failure, default_out, read, span};
use crate::machines::{self, HOSTS};
use crate::systems::{ADAPTER, GivenTexts, SYSTEM, URL, database};
use clap::{Args, ValueEnum};
use databases::own::SystemFile;
use databases::real::Chosen;
use harness::files::Malformed;
use harness::gate::CALM;
use harness::{SECOND, Seed, Settings, Strike, Tier, Time};
use std::path::{Path, PathBuf};

/// What to test, and how.
#[derive(Args)]
pub struct Arguments {
    /// A design of the bundled store (`perjury list designs`); raft without
    #[arg(long)]
    design: Option<String>,
    /// A real database (`perjury list databases`), with what is chosen of it behind a colon: etcd:reads=serializable
    #[arg(long, conflicts_with = "design")]
    database: Option<String>,
    /// A system of your own: a file that says how its nodes are started and asked how they are (docs/databases.md)
    #[arg(long, value_name = "FILE", requires = "adapter", conflicts_with_all = ["design", "database", "url"])]
    system: Option<PathBuf>,
    /// A program that asks the system, with its arguments: JSON lines on its input and output (docs/databases.md)
    #[arg(long, value_name = "COMMAND")]
    adapter: Option<String>,
    /// Where the system runs already, a host:port for each node, joined by commas; it is asked and never touched
    #[arg(long, value_name = "ADDRESSES", conflicts_with_all = ["design", "nodes"])]
    url: Option<String>,
    /// Machines of your own for --tier ssh: a file that says which there are, and how one gets in (docs/databases.md)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["design", "url", "install"])]
    hosts: Option<PathBuf>,
    /// Install first, as root, what is missing of the database's packages, or by the line that the system's file has for it
    #[arg(long)]
    pub(super) install: bool,
    /// Deliberate bugs to switch on in it, separated by commas (`perjury list switches`)
    #[arg(long = "switch", value_delimiter = ',')]
    switches: Vec<String>,
    /// Where the nodes live; sim for a design and netns for a database without, which can live in local too
    #[arg(long, value_enum)]
    tier: Option<TierName>,
    /// What clients ask (`perjury list workloads`)
    #[arg(long, default_value = "registration")]
    workload: String,
    /// How the cluster is hurt (`perjury list nemeses`); join several with +. isolate-leader without, and calm with --url
    #[arg(long)]
    nemesis: Option<String>,
    /// From the start of one fault to the start of the next, e.g. 10s
    #[arg(long, value_parser = span)]
    every: Option<Time>,
    /// A JSON file with strikes to use in place of a nemesis, or a whole plan.json whose strikes are taken
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// What everything is drawn from
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// Test so many seeds, from --seed on (in the simulator, on all cores)
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) seeds: u64,
    /// How many nodes; 5 without, or as many as the database usually has
    #[arg(long, allow_negative_numbers = true)]
    nodes: Option<u8>,
    /// How many clients
    #[arg(long, default_value_t = 10, allow_negative_numbers = true)]
    clients: u32,
    /// How long clients ask and faults strike; 30 s for a design and 60 s for a database without
    #[arg(long, value_parser = span, allow_negative_numbers = true)]
    time: Option<Time>,
    /// Requests a second of all clients together
    #[arg(long, default_value_t = 30.0, allow_negative_numbers = true)]
    rate: f64,
    /// Judge registers while the run goes on, and end it at the first answer that cannot be explained
    #[arg(long)]
    online: bool,
    /// Where runs are kept
    #[arg(long, default_value_os_t = default_out())]
    pub(super) out: PathBuf,
    /// Print JSON in place of the text: verdict.json, or with --seeds what came out of all
    #[arg(long)]
    pub(super) json: bool,
}

/// A tier on the command line.
#[derive(Clone, Copy, ValueEnum)]
enum TierName {
    /// Virtual time, one thread, the same bytes for the same seed
    Sim,
    /// Real processes on this machine, of a bundled design or a real database; needs no privileges
    Local,
    /// Real databases, each node in namespaces of its own on this machine
    Netns,
    /// Real databases on machines of your own, which --hosts names
    Ssh,
}

impl Arguments {
    /// What is to be planned.
    pub(super) fn request(&self) -> Result<Request, Failure> {
        let strikes = self.plan.as_deref().map(strikes).transpose()?;
        let chosen = self.database.as_deref().map(database).transpose()?;
        let own = self.system.as_deref().map(system).transpose()?;
        let machines = self.hosts.as_deref().map(machines_of).transpose()?;
        let given = self.given(own.as_ref().map(|(text, _)| text), machines.as_ref().map(|(text, _)| text))?;
        let usual = Request::default();
        let real = chosen.is_some() || !given.is_empty();
        let tier = match self.tier {
            Some(TierName::Sim) => Tier::Sim,
            Some(TierName::Local) => Tier::Local,
            Some(TierName::Netns) => Tier::Netns,
            Some(TierName::Ssh) => Tier::Ssh,
            None if machines.is_some() => Tier::Ssh,
            None if self.url.is_some() => Tier::Url,
            None if real => Tier::Netns,
            None => Tier::Sim,
        };
        if let (Some(_), true) = (&self.url, tier != Tier::Url) {
            return Err(Failure::Usage("--url names a system that runs already: leave --tier out".to_string()));
        }
        if machines.is_some() && tier != Tier::Ssh {
            return Err(Failure::Usage("--hosts names machines for --tier ssh, and for no other".to_string()));
        }
        let settings = chosen
            .as_ref()
            .map(|chosen| (chosen.database.settings)())
            .or(own.as_ref().map(|(_, file)| file.settings()));
        // More than can be counted are refused like more than there may be.
        let count = |urls: &str| u8::try_from(urls.split(',').count()).unwrap_or(u8::MAX);
        let addresses = self.url.as_deref().map(count);
        // A database takes all machines that there are, unless it is chosen to be one node alone.
        let all = chosen.as_ref().filter(|chosen| chosen.nodes() > 1).and(machines.as_ref()).map(|(_, all)| *all);
        let nodes =
            addresses.or(all).or(own.as_ref().map(|(_, file)| file.nodes)).or(chosen.as_ref().map(Chosen::nodes));
        if let (Some((_, file)), Some(nodes)) = (&own, self.nodes)
            && file.nodes != nodes
        {
            return Err(Failure::Usage(format!(
                "{} has {} nodes: change its file, or leave --nodes out",
                file.name, file.nodes
            )));
        }
        let name = self.database.clone().or(own.map(|(_, file)| file.name)).or(self.design.clone());
        let nemesis = self.nemesis.clone().unwrap_or(if tier == Tier::Url { CALM.to_string() } else { usual.nemesis });
        Ok(Request {
            design: name.unwrap_or(if self.url.is_some() { "own".to_string() } else { usual.design }),
            switches: self.switches.clone(),
            tier,
            given,
            workload: self.workload.clone(),
            nemesis,
            strikes,
            every: self.every,
            seed: Seed(self.seed),
            nodes: self.nodes.or(nodes).unwrap_or(usual.nodes),
            clients: self.clients,
            time: self.time.unwrap_or(if real { SECOND * 60 } else { usual.time }),
            rate: self.rate,
            settings: Settings { online: self.online, ..settings.unwrap_or(usual.settings) },
        })
    }

    /// What a plan must have besides names.
    fn given(&self, system: Option<&String>, machines: Option<&String>) -> Result<GivenTexts, Failure> {
        let adapter = self.adapter.as_deref().map(found).transpose()?;
        if adapter.is_some() && self.database.is_none() && self.system.is_none() && self.url.is_none() {
            return Err(Failure::Usage(
                "--adapter asks a real system: name it by --system, --database or --url".to_string(),
            ));
        }
        let texts = [(SYSTEM, system.cloned()), (HOSTS, machines.cloned())];
        let given = texts.into_iter().chain([(ADAPTER, adapter), (URL, self.url.clone())]);
        Ok(given.filter_map(|(name, text)| Some((name.to_string(), text?))).collect())
    }

    /// Installs what is missing, as root.
    pub(super) fn install(&self) -> Result<(), Failure> {
        if let Some(name) = &self.database {
            return crate::commands::install(name);
        }
        let own = self.system.as_deref().map(system).transpose()?;
        let Some((_, file)) = own else {
            return Err(Failure::Usage("--install goes with --database or --system".to_string()));
        };
        let Some(line) = &file.install else {
            return Err(Failure::Usage(format!("{} has no line called install", file.name)));
        };
        crate::commands::install_nodes()?;
        let status = std::process::Command::new("sh").args(["-c", line]).status();
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure::Trouble(format!("`{line}` ended with {status}"))),
            Err(error) => Err(Failure::Trouble(format!("`{line}` cannot be run: {error}"))),
        }
    }
}

/// The text of a file with its own directory in it, wherever a replay is started from.
fn read_here(path: &Path) -> Result<String, Failure> {
    let here = std::fs::canonicalize(path).ok().and_then(|path| path.parent().map(Path::to_path_buf));
    Ok(read(path)?.replace("{here}", &here.unwrap_or_default().display().to_string()))
}

/// The file that says which machines there are: its text, and how many there are.
pub(in crate::commands) fn machines_of(path: &Path) -> Result<(String, u8), Failure> {
    let text = read_here(path)?;
    let count = machines::count(&path.display().to_string(), &text)?;
    Ok((text, u8::try_from(count).unwrap_or(u8::MAX)))
}

/// The file that describes a system: its text, and what it says.
fn system(path: &Path) -> Result<(String, SystemFile), Failure> {
    let text = read_here(path)?;
    let file = SystemFile::read(&path.display().to_string(), &text)?;
    Ok((text, file))
}

/// A command whose program is named so that it is found from wherever the plan is replayed.
fn found(command: &str) -> Result<String, Failure> {
    let (program, rest) = command.split_once(' ').unwrap_or((command, ""));
    if !program.contains('/') {
        return Ok(command.to_string());
    }
    let path = std::fs::canonicalize(program);
    let path = path.map_err(|error| Failure::Usage(format!("there is no program {program} for --adapter: {error}")))?;
    Ok(format!("{} {rest}", path.display()).trim_end().to_string())
}

/// Strikes that somebody wrote, alone or within a plan.
fn strikes(path: &Path) -> Result<Vec<Strike>, Failure> {
    let (name, text) = (path.display().to_string(), read(path)?);
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(&text).map_err(|error| {
            let place = format!("{name}:{}:{}", error.line(), error.column());
            Malformed::new(place, error, "a list of strikes, as they stand in the plan.json of a run").into()
        });
    }
    Ok(harness::files::plan::read(&name, &text)?.strikes)
}
