//! A daemon on a node: a pid namespace of its own within the node's, so that whatever it forks, and however, is known and hit too.

use super::space::Space;
use crate::error::{Error, Result, file, machine};
use crate::host::Daemon;
use crate::process;
use crate::service::{Held, MOMENT, PATIENCE, Service};
use crate::tool;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The first process of the daemon's namespace: it reaps orphans while it waits, and its end ends everybody.
/// What stands before it in the row, `nsenter` and `unshare`, has another standard error: not all that they say is the daemon's.
const INIT: &str = r#"cd "$0" && "$@" 2>&1; exit $?"#;

/// A command that enters all namespaces of a node, with an environment that is the same everywhere.
pub(super) fn enter(node: &Space, home: &Path) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--net", "--mount", "--uts", "--pid", "--target", &node.pid.to_string(), "--"]);
    let path = std::env::var_os("PATH").unwrap_or_else(|| tool::PATH.into());
    command
        .env_clear()
        .env("PATH", path)
        .env("LANG", "C.UTF-8")
        .env("HOME", home)
        .stdin(Stdio::null())
        .process_group(0);
    command
}

/// Starts it on `node`, in `dir`.
pub(super) fn start(node: &Space, dir: &Path, daemon: &Daemon, log: &Path) -> Result<Service> {
    let output = OpenOptions::new().create(true).append(true).open(log).map_err(file("write", log))?;
    let mut command = enter(node, dir);
    command.args(["unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "sh", "-c", INIT]);
    command.arg(dir).arg(&daemon.program).args(&daemon.args);
    command.envs(daemon.env.iter().map(|(name, value)| (name, value))).stdout(output).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(tool::missing("nsenter"))?;
    // `nsenter` waits for `unshare`, which waits for the first process of the new namespace.
    let began = Instant::now();
    loop {
        let init = process::child_of(child.id()).and_then(process::child_of);
        if let Some((init, name)) = init.and_then(|init| Some((init, process::namespace(init, "pid")?))) {
            return Ok(Service::new(child, Held::Namespace { init, name }));
        }
        let ended = child.try_wait().map_err(machine("cannot wait for a process"))?;
        if ended.is_some() || began.elapsed() > PATIENCE {
            let _ = child.kill();
            let mut said = String::new();
            let heard = child.stderr.take().map_or(Ok(0), |mut pipe| pipe.read_to_string(&mut said));
            if ended.is_some() && heard.is_ok() && said.trim().is_empty() {
                // What makes the namespace had nothing to complain of, so the daemon itself has ended, before anybody could look.
                let nobody = Held::Namespace { init: child.id(), name: PathBuf::new() };
                return Ok(Service::new(child, nobody));
            }
            let _ = child.wait();
            return Err(Error::new(
                format!("cannot start {}", daemon.name),
                format!("its namespace did not last: {}", said.trim()),
                format!("read its log, {}", log.display()),
            ));
        }
        thread::sleep(MOMENT);
    }
}

/// Runs a command on a node to its end and returns what it said; kills it when patience runs out.
pub(super) fn run(
    node: &Space,
    dir: &Path,
    words: &[&str],
    patience: Duration,
) -> io::Result<Option<std::process::Output>> {
    let mut command = enter(node, dir);
    command.args(["sh", "-c", r#"cd "$0" && exec "$@""#]).arg(dir).args(words);
    crate::tool::within(command, patience)
}
