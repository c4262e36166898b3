//! Into a namespace: a closure on a thread of its own, or this whole program again as root of a user namespace.

use crate::error::{Error, Result};
use crate::tool;
use rustix::process::getuid;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::env;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread;

/// Runs a closure on a thread that is inside a network namespace. Sockets and processes that it makes stay in there.
pub(crate) fn inside<T: Send>(namespace: &OwnedFd, f: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let entered = scope.spawn(|| {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            f()
        });
        entered.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Tells the program that comes back as root of its own user namespace that it has been there, and whose it is.
pub(crate) const MARK: &str = "PERJURY_IN_USER_NAMESPACE";

/// Makes sure that this process may create namespaces: nothing where it may already; otherwise this program begins again, under the
/// same process id and with the same arguments, as root of a user namespace. Call it first in `main`, before anything has been
/// done that may not be done twice. Returns an error where the machine forbids both.
pub fn reexec_if_needed() -> Result<()> {
    let Err(why) = allowed() else { return Ok(()) };
    if env::var_os(MARK).is_some() {
        return Err(forbidden(why));
    }
    // Asked with another program first, since nobody comes back from an `exec` to tell why it failed.
    user_namespace().map_err(|user| forbidden(format!("directly: {why}; as root of a user namespace: {user}")))?;
    let program =
        env::current_exe().map_err(|error| forbidden(format!("this program does not find itself: {error}")))?;
    let error = Command::new("unshare")
        .args(["--user", "--map-root-user", "--"])
        .arg(program)
        .args(env::args_os().skip(1))
        .env(MARK, getuid().as_raw().to_string())
        .exec();
    Err(forbidden(error.to_string()))
}

/// Whether this process may set up nodes as it is, and the programs for it are there.
pub fn possible() -> Result<()> {
    for (program, version) in PROGRAMS {
        tool::call(program, &[version], "")?;
    }
    allowed().map_err(forbidden)
}

/// The same for a process that begins again first, as [`reexec_if_needed`] lets it.
pub fn possible_somehow() -> Result<()> {
    possible().or_else(|error| user_namespace().map_err(|_| error))
}

/// What is called to set up nodes, and how each tells its version.
pub(super) const PROGRAMS: [(&str, &str); 3] = [("ip", "-V"), ("nft", "--version"), ("nsenter", "--version")];

pub(super) fn forbidden(why: String) -> Error {
    Error::new(
        "cannot create network namespaces",
        why,
        "run as root, allow user namespaces (sysctl user.max_user_namespaces=10000, on Ubuntu \
         kernel.apparmor_restrict_unprivileged_userns=0), or use --tier local, which needs no privileges",
    )
}

/// Whether this process may create all the namespaces that a node has; if not, what was said.
pub(super) fn allowed() -> std::result::Result<(), String> {
    attempt(&["--net", "--mount", "--uts", "--pid", "--fork", "--mount-proc", "true"])
}

/// Whether root of a user namespace may.
pub(super) fn user_namespace() -> std::result::Result<(), String> {
    attempt(&["--user", "--map-root-user", "--net", "--mount", "--uts", "--pid", "--fork", "--mount-proc", "true"])
}

fn attempt(arguments: &[&str]) -> std::result::Result<(), String> {
    match Command::new("unshare").args(arguments).stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err("the program `unshare` is missing; it is in the package util-linux".into())
        }
        Err(error) => Err(format!("unshare: {error}")),
    }
}
