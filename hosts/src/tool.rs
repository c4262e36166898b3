//! Programs that are called and waited for: `ip`, `nft`, `iptables-restore`, `unshare`, and the commands that somebody runs on a node.

use crate::error::{Error, Result};
use crate::process;
use std::io::{self, Read, Write};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Where programs are looked for if nobody says.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Which package has the program, by Debian's names.
fn package(program: &str) -> &'static str {
    match program {
        "ip" => "iproute2",
        "nft" => "nftables",
        "iptables-restore" => "iptables",
        "unshare" | "nsenter" | "mount" => "util-linux",
        _ => "that has it",
    }
}

/// For `map_err`: a program that could not be started.
pub(crate) fn missing(program: &str) -> impl FnOnce(io::Error) -> Error {
    let (what, mend) = (format!("cannot run `{program}`"), format!("install the package {}", package(program)));
    move |why| Error::new(what, why, mend)
}

/// Runs a program to its end and feeds it `input`. Returns what it printed; an error if it failed.
pub(crate) fn call(program: &str, arguments: &[&str], input: &str) -> Result<String> {
    let output = output(program, arguments, input).map_err(missing(program))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::new(
        format!("`{program} {}` failed", arguments.join(" ")),
        said.trim(),
        "see what `perjury doctor` says about namespaces on this machine",
    ))
}

fn output(program: &str, arguments: &[&str], input: &str) -> io::Result<Output> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    // Inputs are a few lines, less than a pipe holds, so this never waits for the program to read. One that ended without
    // reading says why in its status.
    let _ = child.stdin.take().expect("its input was piped").write_all(input.as_bytes());
    child.wait_with_output()
}

/// Runs a command to its end. When patience runs out its process group, which it must lead, is killed with all that descends from it, and there is no output.
pub(crate) fn within(mut command: Command, patience: Duration) -> io::Result<Option<Output>> {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let stdout = read(child.stdout.take().expect("its output was piped"));
    let stderr = read(child.stderr.take().expect("its errors were piped"));
    // Whoever holds these open, a child that was left behind included, may yet say something.
    let left = || patience.saturating_sub(began.elapsed());
    let said = stdout.recv_timeout(left()).ok().and_then(|stdout| Some((stdout, stderr.recv_timeout(left()).ok()?)));
    let mut status = child.try_wait()?;
    while status.is_none() && began.elapsed() < patience {
        thread::sleep(Duration::from_millis(1));
        status = child.try_wait()?;
    }
    match (said, status) {
        (Some((stdout, stderr)), Some(status)) => Ok(Some(Output { status, stdout: stdout?, stderr: stderr? })),
        _ => {
            if status.is_none() {
                process::end(&mut child)?;
            }
            Ok(None)
        }
    }
}

/// Reads everything on a thread of its own.
fn read(mut from: impl Read + Send + 'static) -> mpsc::Receiver<io::Result<Vec<u8>>> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = from.read_to_end(&mut bytes);
        let _ = send.send(read.map(|_| bytes));
    });
    receive
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;

    fn shell(line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]).process_group(0);
        command
    }

    #[test]
    fn a_command_is_waited_for_and_killed_when_it_takes_too_long() {
        let output = within(shell("echo out; echo err >&2; exit 3"), Duration::from_secs(60)).unwrap().unwrap();
        assert_eq!((&*output.stdout, &*output.stderr, output.status.code()), (&b"out\n"[..], &b"err\n"[..], Some(3)));
        assert!(within(shell("sleep 600 & sleep 600"), Duration::from_millis(50)).unwrap().is_none());
    }

    #[test]
    fn what_a_program_says_is_returned_or_told() {
        assert_eq!(call("cat", &[], "words").unwrap(), "words");
        let error = call("sh", &["-c", "echo no >&2; exit 3"], "").unwrap_err();
        assert_eq!(error.why, "no");
        assert!(missing("nft")(io::ErrorKind::NotFound.into()).mend.contains("nftables"));
    }
}
