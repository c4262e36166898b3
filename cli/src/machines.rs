//! Machines that are reached by SSH (`--tier ssh`): the text of a hosts file, and nodes on what it names. A program that was built
//! without the feature `ssh` says so.

use crate::assemble::Usage;
use harness::files::Malformed;
use harness::{Plan, Trouble};
use hosts::Host;
#[cfg(feature = "ssh")]
use hosts::ssh::HostsFile;
#[cfg(feature = "ssh")]
use std::path::Path;

/// What the text of a hosts file is called among what a plan is given.
pub const HOSTS: &str = "hosts";

/// How many machines a hosts file has. `name` is the file's, for complaints.
#[cfg(feature = "ssh")]
pub fn count(name: &str, text: &str) -> Result<usize, Malformed> {
    let read = HostsFile::read(text);
    let wrong =
        |wrong: hosts::ssh::Wrong| Malformed::new(format!("{name}:{}", wrong.line), wrong.what, &*wrong.expected);
    read.map(|file| file.machines().count()).map_err(wrong)
}

/// This program, by a name that stays right when its file is replaced by a newer one.
#[cfg(feature = "ssh")]
const PROGRAM: &str = "/proc/self/exe";

/// The nodes of a plan. This program is sent to the machines where a fault needs it there.
#[cfg(feature = "ssh")]
pub fn up(plan: &Plan) -> Result<Box<dyn Host>, Trouble> {
    let wrong = |why: String| Trouble::new("the machines cannot be used", why, "plan it anew");
    let text = plan.given.get(HOSTS).ok_or_else(|| wrong("the plan has no hosts file".to_string()))?;
    let file = HostsFile::read(text).map_err(|error| wrong(error.what))?;
    let shell = hosts::ssh::by_shell(&file);
    let more = plan.strikes.iter().any(|strike| databases::real::possible(&strike.fault, &shell).is_err());
    let program = more.then_some(Path::new(PROGRAM));
    Ok(Box::new(enter(&file, plan.nodes.into(), program)?))
}

#[cfg(feature = "ssh")]
fn enter(file: &HostsFile, nodes: usize, program: Option<&Path>) -> Result<hosts::ssh::Ssh, Trouble> {
    let up = hosts::ssh::Ssh::up(file, nodes, &hosts::Dialer::plain(), program);
    up.map_err(|error| Trouble::new(error.what, error.why, error.mend))
}

/// What all machines of a hosts file can do, tried there: each ability by its name, with why it is not there.
#[cfg(feature = "ssh")]
pub fn probe(text: &str) -> Result<Vec<(&'static str, hosts::Ability)>, Trouble> {
    let file = HostsFile::read(text).map_err(|error| Trouble::new("the hosts file", error.what, &*error.expected))?;
    let mut host = enter(&file, file.machines().count(), Some(Path::new(PROGRAM)))?;
    let abilities = host.abilities().each().map(|(name, ability)| (name, ability.clone())).to_vec();
    host.close().map_err(|error| Trouble::new(error.what, error.why, error.mend))?;
    Ok(abilities)
}

/// Without the feature there are none.
#[cfg(not(feature = "ssh"))]
pub fn probe(_: &str) -> Result<Vec<(&'static str, hosts::Ability)>, Trouble> {
    Err(Trouble::new("the machines cannot be reached", "this program was built without SSH", BUILD))
}

/// Without the feature nobody reads one.
#[cfg(not(feature = "ssh"))]
pub fn count(name: &str, _: &str) -> Result<usize, Malformed> {
    Err(Malformed::new(name, "this program was built without SSH", BUILD))
}

/// Without the feature nobody gets there.
#[cfg(not(feature = "ssh"))]
pub fn up(_: &Plan) -> Result<Box<dyn Host>, Trouble> {
    Err(Trouble::new("the machines cannot be reached", "this program was built without SSH", BUILD))
}

#[cfg(not(feature = "ssh"))]
const BUILD: &str = "one that was built by: cargo build --release -p perjury --features ssh (on Debian it needs libssl-dev, zlib1g-dev and \
                     pkg-config)";

/// Without the feature nothing can be checked.
#[cfg(not(feature = "ssh"))]
pub fn check(_: u8, _: Option<&String>) -> Result<(), Usage> {
    Err(Usage(format!("this program was built without SSH: use {BUILD}")))
}

/// Complains where a plan's machines are too few, or are not described.
#[cfg(feature = "ssh")]
pub fn check(nodes: u8, text: Option<&String>) -> Result<(), Usage> {
    let Some(text) = text else {
        return Err(Usage(
            "--tier ssh needs a file that says which machines there are: --hosts FILE (docs/databases.md)".to_string(),
        ));
    };
    match count("--hosts", text).map_err(|malformed| Usage(malformed.to_string()))? {
        there if there < usize::from(nodes) => Err(Usage(format!(
            "{nodes} nodes need as many machines, and the hosts file has {there}: add a [[node]], or use --nodes {there}"
        ))),
        _ => Ok(()),
    }
}
