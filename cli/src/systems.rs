//! Real systems: a database of the table, one that a file describes, or one that runs already; asked by a client of ours or by
//! somebody's program. What is not said by names stands in the plan's `given`, so that a replay needs nothing else.

use crate::assemble::{Usage, unknown};
use crate::machines::{self, HOSTS};
use databases::own::{Program, SystemFile, running};
use databases::real::{Chosen, Subject, choose};
use harness::{Cluster, Needs, NodeId, Plan, Strike, Tier, Trouble};
use hosts::local::Local;
use hosts::netns::Netns;
use hosts::registry::state_dir;
use hosts::{Given, Host, addresses};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

/// What a plan is given besides names.
pub type GivenTexts = BTreeMap<String, String>;

/// The text of the file that describes a system.
pub const SYSTEM: &str = "system";
/// The program that asks it, with its arguments.
pub const ADAPTER: &str = "adapter";
/// Where it runs already.
pub const URL: &str = "url";

/// The database of this name, with what is chosen of it: `etcd`, `etcd:reads=serializable`.
pub fn database(text: &str) -> Result<Chosen, Usage> {
    let known: Vec<_> = databases::DATABASES.iter().map(|database| (database.name, database.about)).collect();
    choose(text).ok_or_else(|| unknown("database", text, &known))?.map_err(Usage)
}

/// What is run under this name.
pub fn subject(design: &str, given: &GivenTexts) -> Result<Subject, Usage> {
    let urls = given.get(URL).map(|urls| addresses(urls).map_err(Usage)).transpose()?;
    let subject = match (given.get(SYSTEM), &urls) {
        (Some(text), _) => {
            SystemFile::read("--system", text).map_err(|malformed| Usage(malformed.to_string()))?.subject()
        }
        (None, Some(_)) if choose(design).is_none() => running::unknown(design),
        (None, Some(_)) => running::untouched(database(design)?.subject()),
        (None, None) => database(design)?.subject(),
    };
    let Some(adapter) = given.get(ADAPTER) else {
        return match given.contains_key(SYSTEM) || choose(design).is_none() {
            true => Err(Usage(format!("nobody knows how to ask {design}: give a program by --adapter"))),
            false => Ok(subject),
        };
    };
    let words: Vec<String> = adapter.split_whitespace().map(str::to_string).collect();
    if words.is_empty() {
        return Err(Usage("--adapter takes a program, and its arguments behind spaces".to_string()));
    }
    let env = given.get(URL).map(|urls| ("PERJURY_URL".to_string(), urls.clone()));
    Ok(subject.through(Program { words, env: env.into_iter().collect() }))
}

/// Whom a write of it needs.
pub fn needs(design: &str, given: &GivenTexts) -> Result<Needs, Usage> {
    subject(design, given)?;
    Ok(choose(design).and_then(Result::ok).map_or_else(Needs::default, |chosen| chosen.needs()))
}

/// The running cluster of a plan whose tier has real systems.
pub fn start(plan: &Plan, dir: &Path) -> Result<Box<dyn Cluster>, Trouble> {
    let wrong = |Usage(words)| Trouble::new(format!("{} cannot be started", plan.design), words, "plan it anew");
    let subject = subject(&plan.design, &plan.given).map_err(wrong)?;
    let up = |error: hosts::Error| Trouble::new(error.what, error.why, error.mend);
    let host: Box<dyn Host> = match plan.given.get(URL) {
        Some(urls) => Box::new(Given::new(addresses(urls).map_err(|words| wrong(Usage(words)))?)),
        None if plan.tier == Tier::Ssh => {
            let host = machines::up(plan)?;
            programs_there(plan, &*host)?;
            host
        }
        None => {
            programs(plan)?;
            match plan.tier {
                Tier::Local => {
                    Box::new(Local::up(plan.nodes.into(), &state_dir(), &KEEPER.map(OsString::from)).map_err(up)?)
                }
                _ => Box::new(Netns::up(plan.nodes.into(), &state_dir()).map_err(up)?),
            }
        }
    };
    Ok(Box::new(databases::real::start(plan, &subject, host, dir)?))
}

/// Complains where a database's programs are missing.
fn programs(plan: &Plan) -> Result<(), Trouble> {
    let Some(Ok(chosen)) = choose(&plan.design).filter(|_| !plan.given.contains_key(SYSTEM)) else { return Ok(()) };
    let needed = chosen.database.needed();
    let Some(missing) = needed.missing().first().copied() else { return Ok(()) };
    let what = format!("{} cannot be started", plan.design);
    let mend = format!("run it again with --install, as root, or install {}", needed.packages.join(" and "));
    Err(Trouble::new(what, format!("there is no program {missing} on this machine"), mend))
}

/// This program as the keeper of a local node: by a name that stays right when its file is replaced by a newer one.
pub const KEEPER: [&str; 2] = ["/proc/self/exe", "keep"];

/// How long a machine may look for a program.
const LOOKING: Duration = Duration::from_secs(30);
/// Ends with 0 where there is a program of this name, also where Debian keeps those that exist in many versions.
const LOOK: &str = r#"command -v "$0" || ls /usr/lib/postgresql/*/bin/"$0""#;

/// Complains where a database's programs are missing on a machine.
fn programs_there(plan: &Plan, host: &dyn Host) -> Result<(), Trouble> {
    let Some(Ok(chosen)) = choose(&plan.design).filter(|_| !plan.given.contains_key(SYSTEM)) else { return Ok(()) };
    let needed = chosen.database.needed();
    for (node, program) in (0..host.nodes()).flat_map(|node| needed.programs.iter().map(move |program| (node, program)))
    {
        let looked = host.run(node, &["sh", "-c", LOOK, program], LOOKING);
        let looked = looked.map_err(|error| Trouble::new(error.what, error.why, error.mend))?;
        if !looked.status.success() {
            let what = format!("{} cannot be started", plan.design);
            let why = format!("there is no program {program} on the machine of {}", NodeId(node as u8));
            return Err(Trouble::new(what, why, format!("install {} there", needed.packages.join(" and "))));
        }
    }
    Ok(())
}

/// Complains where a tier's nodes have no place.
pub fn place(tier: Tier, nodes: u8, given: &GivenTexts) -> Result<(), Usage> {
    match tier {
        Tier::Ssh => machines::check(nodes, given.get(HOSTS)),
        _ => Ok(()),
    }
}

/// Complains about the first strike that a real system cannot have on plain processes, whatever the machine.
pub fn strikes(plan: &Plan) -> Result<(), Usage> {
    if plan.tier != Tier::Local || !real(bears(&plan.design, plan.tier, &plan.given)) {
        return Ok(());
    }
    let can = hosts::local::abilities();
    (1..).zip(&plan.strikes).try_for_each(|(number, Strike { fault, .. })| {
        let possible = databases::real::possible(fault, &can);
        possible.map_err(|why| Usage(format!("strike {number} cannot be done with --tier local, \"{fault}\": {why}")))
    })
}

/// Whether a tier has real systems, and none of the bundled designs; see [`bears`].
pub fn real(tier: Tier) -> bool {
    matches!(tier, Tier::Netns | Tier::Ssh | Tier::Url)
}

/// The tier by which it is known what a system bears. Processes of this machine may be the bundled store's or a real system's, and a
/// real system bears there what it does in namespaces.
pub fn bears(name: &str, tier: Tier, given: &GivenTexts) -> Tier {
    match tier {
        Tier::Local if !given.is_empty() || choose(name).is_some() => Tier::Netns,
        tier => tier,
    }
}
