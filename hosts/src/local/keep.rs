//! A keeper: a process between the controller and a program. Whatever the program forks, and however, stays below it, so it is known,
//! hit and reaped; and when the controller has ended, in whatever way, the keeper ends all of it.

use crate::process::kill_below;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, WaitOptions, WaitStatus, getpid, getppid, pidfd_open, set_child_subreaper, wait,
};
use std::ffi::{OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::thread;
use std::time::Duration;

/// In place of a log: the program writes where its keeper would.
pub(super) const PASSED_ON: &str = "-";

/// What a shell says of a program that is not there.
const NOT_FOUND: u8 = 127;
const BAD_USE: u8 = 64;

/// Carries out the words that follow the keeper's own name: the run's directory and the place, by which it is known, the controller's
/// number, a log, and a program with its arguments. Returns the code that the program ended with, when all that it forked is reaped.
pub fn keep(words: impl Iterator<Item = OsString>) -> u8 {
    let words: Vec<OsString> = words.collect();
    let [_run, _place, controller, log, program, arguments @ ..] = &words[..] else {
        eprintln!("a keeper is started by its controller, and never by a person");
        return BAD_USE;
    };
    // Orphans become its children, and are reaped with them.
    let ready = set_child_subreaper(Some(getpid())).map_err(io::Error::from).and_then(|()| controlled_by(controller));
    let controller = match ready {
        Ok(controller) => controller,
        Err(error) => {
            eprintln!("a keeper cannot begin: {error}");
            return BAD_USE;
        }
    };
    thread::spawn(move || {
        let mut ends = [PollFd::new(&controller, PollFlags::IN)];
        while poll(&mut ends, None) == Err(Errno::INTR) {}
        loop {
            let _ = kill_below(std::process::id());
            moment();
        }
    });
    match begin(program, arguments, log) {
        Ok(child) => outlive(&child),
        Err(_) => NOT_FOUND,
    }
}

/// A handle of the controller, by its number, which no other process has got meanwhile.
fn controlled_by(number: &OsStr) -> io::Result<OwnedFd> {
    let gone = || io::Error::other("its controller has ended");
    let controller = number.to_str().and_then(|number| Pid::from_raw(number.parse().ok()?)).ok_or_else(gone)?;
    let handle = pidfd_open(controller, PidfdFlags::empty())?;
    if getppid() == Some(controller) { Ok(handle) } else { Err(gone()) }
}

/// Starts the program, in a group of its own. Where it cannot be started the log says so.
fn begin(program: &OsStr, arguments: &[OsString], log: &OsStr) -> io::Result<Child> {
    let mut command = Command::new(program);
    command.args(arguments).process_group(0);
    let mut told: Box<dyn Write> = Box::new(io::stderr());
    if log != PASSED_ON {
        let file = OpenOptions::new().create(true).append(true).open(Path::new(log))?;
        command.stdout(file.try_clone()?).stderr(file.try_clone()?);
        told = Box::new(file);
    }
    let child = command.spawn();
    if let Err(error) = &child {
        let _ = writeln!(told, "{}: {error}", program.display());
    }
    child
}

/// Waits for the program's end, then ends and reaps what it has left.
fn outlive(child: &Child) -> u8 {
    let status = loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == Pid::from_child(child) => break status,
            Err(error) if error != Errno::INTR => return NOT_FOUND,
            _ => {}
        }
    };
    loop {
        let _ = kill_below(std::process::id());
        match wait(WaitOptions::NOHANG) {
            Err(Errno::CHILD) => return code(status),
            Ok(Some(_)) => {}
            _ => moment(),
        }
    }
}

/// As a shell tells it.
fn code(status: WaitStatus) -> u8 {
    let code = status.exit_status().or(status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

fn moment() {
    thread::sleep(Duration::from_millis(1));
}
