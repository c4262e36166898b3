//! How much memory a process may have: the kernel's limit for its data (`RLIMIT_DATA`), which counts what it has mapped for itself and
//! may write. What it asks for beyond is refused, as where memory is out, and it is left to the process what it makes of that.
//!
//! Only the soft limit is moved, so that whoever started the process may also move it back; what a process forks inherits it.

use rustix::io::Errno;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What a process has, and what it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limited {
    /// Its number.
    pub pid: u32,
    /// What it had when the limit was set, in bytes.
    pub had: u64,
    /// What it may have, in bytes, as the kernel tells it.
    pub may_have: u64,
}

/// How many bytes of data a process has.
pub(crate) fn data(pid: u32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let words = status.lines().find_map(|line| line.strip_prefix("VmData:")?.split_whitespace().next());
    let kilobytes: Option<u64> = words.and_then(|words| words.parse().ok());
    kilobytes.map(|kilobytes| kilobytes * 1024).ok_or_else(|| io::Error::other("it has no memory of its own"))
}

/// The limit that holds for a process; `None` where there is none.
pub(crate) fn limit(pid: u32) -> io::Result<Option<u64>> {
    Ok(limits(pid)?.0)
}

/// Moves the soft limit; no higher than the hard one, which stays.
pub(crate) fn set(pid: u32, soft: Option<u64>) -> io::Result<()> {
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    let hard = limits(pid)?.1;
    let soft = [soft, hard].into_iter().flatten().min();
    match prlimit(Some(number), Resource::Data, Rlimit { current: soft, maximum: hard }) {
        Err(Errno::PERM) => set_as_owner(pid, soft),
        set => Ok(set.map(drop)?),
    }
}

/// The same by a program that runs as whoever the process runs as. Root may become anybody, and yet may not everywhere limit others.
fn set_as_owner(pid: u32, soft: Option<u64>) -> io::Result<()> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let id = |name: &str| {
        let words = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().nth(1));
        words.and_then(|word| word.parse().ok()).ok_or_else(|| io::Error::other("nobody knows who it runs as"))
    };
    let soft = soft.map_or("unlimited".to_string(), |soft| soft.to_string());
    let mut command = Command::new("prlimit");
    command.args(["--pid", &pid.to_string(), &format!("--data={soft}:")]).uid(id("Uid:")?).gid(id("Gid:")?);
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(io::Error::other(said.trim().to_string())) }
}

/// The soft and the hard limit.
fn limits(pid: u32) -> io::Result<(Option<u64>, Option<u64>)> {
    let limits = fs::read_to_string(format!("/proc/{pid}/limits"))?;
    let mut words = limits.lines().find_map(|line| line.strip_prefix("Max data size")).unwrap_or("").split_whitespace();
    let mut bytes = || match words.next() {
        Some("unlimited") => Ok(None),
        word => word
            .and_then(|word| word.parse().ok())
            .map(Some)
            .ok_or_else(|| io::Error::other("its limits are not understood")),
    };
    Ok((bytes()?, bytes()?))
}
