//! What the kernel says about a process, by its number: `/proc/PID/stat`, signals, and the signal at a parent's death.

use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use std::fs;
use std::io;

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
    match stat(pid).as_deref().and_then(|fields| fields.first()).map(String::as_str) {
        None => State::Gone,
        Some("T" | "t") => State::Stopped,
        Some("Z" | "X" | "x") => State::Zombie,
        Some(_) => State::Running,
    }
}

/// The fields of `/proc/PID/stat` from the third one on. The second is the program's name in brackets, and may hold
/// spaces and brackets of its own.
fn stat(pid: u32) -> Option<Vec<String>> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = line.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_string).collect())
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
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    Ok(kill_process(pid.ok_or(io::ErrorKind::InvalidInput)?, signal)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs() {
        assert_eq!(state(std::process::id()), State::Running);
    }

    #[test]
    fn no_process_has_the_largest_number() {
        assert_eq!(state(u32::MAX), State::Gone);
        assert!(signal(u32::MAX, Signal::CONT).is_err());
    }
}
