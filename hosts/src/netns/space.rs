//! A set of namespaces and the process that holds them open.
//!
//! The holder reads from a pipe that only the controller has the other end of. However the controller ends, the kernel closes the
//! pipe, the holder ends, and with it all that is in its namespaces: processes, mounts, interfaces, rules.

use crate::error::{Error, Result, machine};
use crate::{process, tool};
use rustix::process::Signal;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

/// TCP backs off while a link is cut. With the kernel's two minutes at most, a link that heals after 14 s stays silent for eight more.
const RTO_MAX_MS: &str = "1000";

/// Prints the holder's number as it is outside, and waits. `/proc` is still the outer one when it is asked for the number.
const HOLD: &str = r#"
set -e
read -r pid rest </proc/self/stat
if [ -n "$1" ]; then
  mount -t proc proc /proc
  mount --bind "$1" /etc/hosts
  # What a killed program leaves there ends with the node.
  if [ -d /dev/shm ]; then mount -t tmpfs -o mode=1777 tmpfs /dev/shm; fi
  if [ -f /etc/resolv.conf ]; then mount --bind /dev/null /etc/resolv.conf; fi
fi
sysctl() { if [ -e "/proc/sys/net/$1" ]; then echo "$2" >"/proc/sys/net/$1"; fi; }
sysctl ipv4/tcp_rto_max_ms "$2"
sysctl ipv6/conf/default/disable_ipv6 1
echo "$pid"
trap '' CHLD # orphans are reaped by the kernel
exec cat >/dev/null
"#;

/// Namespaces that live as long as this does.
#[derive(Debug)]
pub(super) struct Space {
    /// The holder's number: the first process of its pid namespace, where it has one.
    pub pid: u32,
    /// Its network.
    pub network: Arc<OwnedFd>,
    child: Child,
}

/// A holder that was spawned and has not answered yet, so that several begin side by side.
pub(super) struct Coming(Child);

impl Coming {
    /// Spawns the holder of a network namespace.
    pub fn network() -> Result<Coming> {
        Coming::spawn(&["--net"], Path::new(""))
    }

    /// Spawns the holder of all that a node has. `hosts` becomes its `/etc/hosts`; there are no name servers.
    pub fn node(hosts: &Path) -> Result<Coming> {
        Coming::spawn(&["--net", "--mount", "--uts", "--pid", "--fork", "--kill-child=KILL"], hosts)
    }

    fn spawn(namespaces: &[&str], hosts: &Path) -> Result<Coming> {
        let mut command = Command::new("unshare");
        command.args(namespaces).args(["sh", "-c", HOLD, "perjury-node"]).arg(hosts).arg(RTO_MAX_MS);
        // A group of its own: Ctrl-C at a terminal reaches the controller only, which then takes everything down in order.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        Ok(Coming(command.spawn().map_err(tool::missing("unshare"))?))
    }

    /// Waits until it holds.
    pub fn arrive(mut self) -> Result<Space> {
        let mut line = String::new();
        let stdout = self.0.stdout.take().expect("its output was piped");
        let told = BufReader::new(stdout).read_line(&mut line);
        match (told, line.trim().parse()) {
            (Ok(_), Ok(pid)) => {
                let opened = File::open(format!("/proc/{pid}/ns/net"));
                let network = Arc::new(opened.map_err(machine("cannot open a network namespace"))?.into());
                Ok(Space { pid, network, child: self.0 })
            }
            _ => {
                drop(self.0.stdin.take());
                let said =
                    self.0.wait_with_output().map(|output| String::from_utf8_lossy(&output.stderr).trim().to_string());
                Err(Error::new(
                    "cannot create namespaces",
                    said.unwrap_or_else(|error| error.to_string()),
                    "run as root, or allow user namespaces; `perjury doctor` says what this machine lets you do",
                ))
            }
        }
    }
}

impl Space {
    /// Runs a program of the system inside this network.
    pub fn call(&self, program: &str, arguments: &[&str], input: &str) -> Result<String> {
        let called = super::inside(&self.network, || Ok(tool::call(program, arguments, input)));
        called.map_err(machine("cannot enter a network namespace"))?
    }

    /// Sets the host name.
    pub fn name(&self, name: &str) -> Result<()> {
        let set = || -> io::Result<()> {
            let names = File::open(format!("/proc/{}/ns/uts", self.pid))?;
            // A thread of its own, since it stays in there.
            let named = thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    move_into_link_name_space(names.as_fd(), Some(LinkNameSpaceType::HostNameAndNISDomainName))?;
                    rustix::system::sethostname(name.as_bytes())
                });
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            Ok(named?)
        };
        set().map_err(machine(format!("cannot set the host name {name}")))
    }

    /// Ends the holder and all that is in its pid namespace, and waits until the kernel has reaped all of it.
    pub fn close(&mut self) -> io::Result<()> {
        if self.child.try_wait()?.is_none() {
            // It is this child or the only child of it, which nobody but it reaps, so the number is still its own.
            process::signal_if(self.pid, Signal::KILL, |_| true)?;
            self.child.wait()?;
        }
        Ok(())
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = self.close();
    }
}
