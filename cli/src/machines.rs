//! Machines that are reached by SSH (`--tier ssh`): the text of a hosts file, and nodes on what it names. A program that was built
//! without the feature `ssh` says so.

use crate::assemble::Usage;
use harness::files::Malformed;
use harness::{Plan, Trouble};
use hosts::Host;

/// What the text of a hosts file is called among what a plan is given.
pub const HOSTS: &str = "hosts";

/// How many machines a hosts file has. `name` is the file's, for complaints.
#[cfg(feature = "ssh")]
pub fn count(name: &str, text: &str) -> Result<usize, Malformed> {
    let read = hosts::ssh::HostsFile::read(text);
    let wrong =
        |wrong: hosts::ssh::Wrong| Malformed::new(format!("{name}:{}", wrong.line), wrong.what, &*wrong.expected);
    read.map(|file| file.machines().count()).map_err(wrong)
}

/// Complains about clocks that are to be set on machines of which the hosts file does not say that they may be.
#[cfg(feature = "ssh")]
pub fn clocks(plan: &Plan) -> Result<(), Usage> {
    let wrong = |strike: &harness::Strike| matches!(strike.fault, harness::Fault::Clock { .. });
    let Some(text) = plan.given.get(HOSTS).filter(|_| plan.strikes.iter().any(wrong)) else { return Ok(()) };
    let file = hosts::ssh::HostsFile::read(text).map_err(|wrong| Usage(wrong.what))?;
    match file.machines().take(plan.nodes.into()).find(|machine| !machine.set_clock) {
        None => Ok(()),
        Some(machine) => Err(Usage(format!(
            "a wrong clock on a machine that is reached by SSH is that of all that runs there: say `set_clock = true` of {} in the hosts \
             file if that may be, or use --tier netns",
            machine.address
        ))),
    }
}

/// The nodes of a plan.
#[cfg(feature = "ssh")]
pub fn up(plan: &Plan) -> Result<Box<dyn Host>, Trouble> {
    let wrong = |why: String| Trouble::new("the machines cannot be used", why, "plan it anew");
    let text = plan.given.get(HOSTS).ok_or_else(|| wrong("the plan has no hosts file".to_string()))?;
    let file = hosts::ssh::HostsFile::read(text).map_err(|error| wrong(error.what))?;
    let up = hosts::ssh::Ssh::up(&file, plan.nodes.into(), &hosts::Dialer::plain());
    Ok(Box::new(up.map_err(|error| Trouble::new(error.what, error.why, error.mend))?))
}

/// Without the feature nobody reads one.
#[cfg(not(feature = "ssh"))]
pub fn count(name: &str, _: &str) -> Result<usize, Malformed> {
    Err(Malformed::new(name, "this program was built without SSH", BUILD))
}

/// Without the feature there are no machines.
#[cfg(not(feature = "ssh"))]
pub fn clocks(_: &Plan) -> Result<(), Usage> {
    Ok(())
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
