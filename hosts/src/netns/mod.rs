//! Nodes in network namespaces of this machine: each has its own network, processes, mounts and host name.

mod enter;

pub(crate) use enter::inside;
pub use enter::reexec_if_needed;

use crate::error::Result;
use std::path::{Path, PathBuf};

/// A set of nodes in namespaces, behind one switch.
#[derive(Debug)]
pub struct Netns {}

impl Netns {
    /// Sets up so many nodes, at most 200. The run registers itself below `state` ([`state_dir`]), where its nodes' directories are.
    pub fn up(nodes: usize, state: &Path) -> Result<Netns> {
        todo!("{nodes} {state:?}")
    }
}

/// Where runs of this user register: `/var/tmp/perjury-UID`.
pub fn state_dir() -> PathBuf {
    PathBuf::from(format!("/var/tmp/perjury-{}", rustix::process::getuid().as_raw()))
}

/// Removes what dead controllers left below `state`, and nothing else. Returns what was removed, a line each.
pub fn gc(state: &Path) -> Result<Vec<String>> {
    todo!("{state:?}")
}
