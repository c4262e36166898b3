//! What the kernel says about processes, by their numbers: `/proc`, signals, and the signal at a parent's death.

use rustix::process::{
    Pid, PidfdFlags, Signal, kill_process, kill_process_group, pidfd_open, pidfd_send_signal,
    set_parent_process_death_signal,
};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Child;
use std::thread;
use std::time::Duration;

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
    all().find(|pid| parent_of(*pid) == Some(parent))
}

/// The session that a process is in, by the number of whoever leads it.
pub(crate) fn session_of(pid: u32) -> Option<u32> {
    stat(&format!("/proc/{pid}/stat"))?.get(3)?.parse().ok()
}

/// Whether these bytes stand in the environment that a process began with.
pub(crate) fn began_with(pid: u32, mark: &str) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
}

/// The number of a process's parent.
pub(crate) fn parent_of(pid: u32) -> Option<u32> {
    stat(&format!("/proc/{pid}/stat"))?.get(1)?.parse().ok()
}

/// Whatever descends from a process and has not ended. Who loses a parent while this is asked may be missing: ask until it is so twice.
pub(crate) fn below(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for pid in all() {
        if let Some(parent) = parent_of(pid) {
            children.entry(parent).or_default().push(pid);
        }
    }
    let (mut found, mut next) = (Vec::new(), vec![root]);
    while let Some(pid) = next.pop() {
        let children = children.remove(&pid).unwrap_or_default();
        found.extend(&children);
        next.extend(children);
    }
    found.retain(|pid| matches!(state(*pid), State::Running | State::Stopped));
    found
}

/// Whether a process descends from another one.
pub(crate) fn is_below(pid: u32, root: u32) -> bool {
    std::iter::successors(parent_of(pid), |pid| parent_of(*pid)).any(|ancestor| ancestor == root)
}

/// Sends `SIGKILL` to whatever descends from a process. False if there was nobody.
pub(crate) fn kill_below(root: u32) -> io::Result<bool> {
    let below = below(root);
    for pid in &below {
        signal_if(*pid, Signal::KILL, |pid| is_below(pid, root))?;
    }
    Ok(!below.is_empty())
}

/// Ends a child that leads a process group, the rest of that group, and whatever descends from the child; reaps the child.
pub(crate) fn end(child: &mut Child) -> io::Result<()> {
    // Where it has ended already there is nothing left to signal.
    while child.try_wait()?.is_none() {
        if !kill_below(child.id())? {
            kill_process_group(Pid::from_child(child), Signal::KILL)?;
            break;
        }
        thread::sleep(Duration::from_millis(1));
    }
    child.wait().map(drop)
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
    fn what_descends_from_a_process_is_found_and_ended_with_it() {
        use std::os::unix::process::CommandExt;
        let mut command = std::process::Command::new("sh");
        let mut child = command.args(["-c", "setsid sleep 600 & sleep 600; :"]).process_group(0).spawn().unwrap();
        let mut family = Vec::new();
        while family.len() < 2 {
            family = below(child.id());
            thread::sleep(Duration::from_millis(1));
        }
        assert!(family.iter().all(|pid| is_below(*pid, child.id()) && is_below(*pid, std::process::id())));
        assert!(!is_below(child.id(), family[0]));
        end(&mut child).unwrap();
        // Who is left behind is reaped by the first process of all.
        let ended = || family.iter().all(|pid| matches!(state(*pid), State::Zombie | State::Gone));
        assert!(
            (0..10_000).any(|_| ended() || {
                thread::sleep(Duration::from_millis(1));
                false
            }),
            "{family:?}"
        );
        assert_eq!(state(child.id()), State::Gone);
        end(&mut child).unwrap();
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
