//! What the kernel says about processes, by their numbers: `/proc`, signals, and the signal at a parent's death.

use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal, set_parent_process_death_signal,
};
use std::fs;
use std::io;
use std::path::PathBuf;

/// What a process is doing, as `/proc` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It runs, sleeps, or waits for the disk.
    Running,
    /// `SIGSTOP` holds it.
    Stopped,
    /// It has ended and nobody has reaped it.
    Zombie,
    /// There is no such process.
    Gone,
}

/// What a process is doing now.
pub fn state(pid: u32) -> State {
    meaning(stat(&format!("/proc/{pid}/stat")))
}

fn meaning(stat: Option<Vec<String>>) -> State {
    match stat.as_deref().and_then(|fields| fields.first()).map(String::as_str) {
        None => State::Gone,
        Some("T" | "t") => State::Stopped,
        Some("Z" | "X" | "x") => State::Zombie,
        Some(_) => State::Running,
    }
}

/// The fields of `/proc/PID/stat` from the third one on. The second is the program's name in brackets, and may hold
/// spaces and brackets of its own.
fn stat(path: &str) -> Option<Vec<String>> {
    let line = fs::read_to_string(path).ok()?;
    let (_, rest) = line.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_string).collect())
}

/// When a process began, in the kernel's ticks since the machine did: a number that is used again has another one.
pub(crate) fn began(pid: u32) -> Option<u64> {
    stat(&format!("/proc/{pid}/stat"))?.get(19)?.parse().ok()
}

/// What the threads of a process are doing, those left out that have ended.
pub(crate) fn threads(pid: u32) -> Vec<State> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let each = tasks.flatten().map(|task| meaning(stat(&task.path().join("stat").to_string_lossy())));
    each.filter(|state| matches!(state, State::Running | State::Stopped)).collect()
}

/// The numbers of all processes that are to be seen.
pub(crate) fn all() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The first process whose parent is this one.
pub(crate) fn child_of(parent: u32) -> Option<u32> {
    let parent = parent.to_string();
    all().find(|pid| stat(&format!("/proc/{pid}/stat")).is_some_and(|fields| fields.get(1) == Some(&parent)))
}

/// The name of the namespace that a process is in, such as `pid:[4026531836]` for `pid`.
pub(crate) fn namespace(pid: u32, kind: &str) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()
}

/// Asks the kernel to kill this process when the thread that spawned it ends, even while this process is stopped.
/// False if `parent` had ended before the kernel was asked.
pub fn die_with(parent: u32) -> io::Result<bool> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(std::os::unix::process::parent_id() == parent)
}

/// Sends a signal. Private to the crate: whoever holds a [`crate::Child`] that is not reaped knows that the number is
/// not used again.
pub(crate) fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    Ok(kill_process(number(pid)?, signal)?)
}

/// Sends a signal to a process that is still what it was taken for, which is asked after its number can no longer be given to
/// another one. False if it is not.
pub(crate) fn signal_if(pid: u32, signal: Signal, still: impl FnOnce(u32) -> bool) -> io::Result<bool> {
    let sent = pidfd_open(number(pid)?, PidfdFlags::empty()).and_then(|process| match still(pid) {
        true => pidfd_send_signal(&process, signal).map(|()| true),
        false => Ok(false),
    });
    match sent {
        Err(rustix::io::Errno::SRCH) => Ok(false),
        sent => Ok(sent?),
    }
}

fn number(pid: u32) -> io::Result<Pid> {
    Ok(i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs() {
        let pid = std::process::id();
        assert_eq!(state(pid), State::Running);
        assert!(threads(pid).len() >= 2, "the test's thread is not the first one");
        assert!(began(pid).is_some() && all().any(|one| one == pid));
        assert_eq!(namespace(pid, "pid"), namespace(pid, "pid_for_children"));
    }

    #[test]
    fn no_process_has_the_largest_number() {
        assert_eq!(state(u32::MAX), State::Gone);
        assert!(threads(u32::MAX).is_empty());
        assert!(signal(u32::MAX, Signal::CONT).is_err());
    }

    #[test]
    fn a_process_that_is_no_longer_what_it_was_gets_no_signal() {
        assert!(!signal_if(std::process::id(), Signal::KILL, |_| false).unwrap());
        assert!(signal_if(std::process::id(), Signal::CONT, |_| true).unwrap());
    }
}
