//! Machines with an SSH server, for tests: nodes in namespaces, each with `sshd`, a disk of its own for runs, and nothing of this
//! machine's configuration.
#![allow(dead_code)] // Each test binary uses its part.

use hosts::netns::Netns;
use hosts::{Daemon, Dialer, Endpoint, Host};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Where the servers listen.
pub const PORT: u16 = 2222;
/// Somebody who may log in to the machines and is not root.
pub const SOMEBODY: &str = "perjurer";
const LONG: Duration = Duration::from_secs(30);

/// Machines that can be entered by SSH from the side of the clients.
pub struct Machines {
    pub netns: Netns,
    nodes: usize,
    folder: tempfile::TempDir,
}

/// What a test needs besides nodes: the first of these programs that is missing.
pub fn missing() -> Option<String> {
    let there = |program: &&str| ["/usr/sbin", "/usr/bin"].iter().any(|dir| Path::new(dir).join(program).exists());
    let missing = ["sshd", "ssh-keygen"].into_iter().find(|program| !there(program));
    missing.map(|program| format!("there is no program {program}"))
}

impl Machines {
    pub fn up(nodes: usize) -> Machines {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| folder.path().join(name);
        // The server has a second key that nobody knows, of a kind that is asked for first where nobody asks for another one.
        for (key, kind) in [("host", "ed25519"), ("other", "ecdsa"), ("user", "ed25519"), ("stranger", "ed25519")] {
            let made = Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "", "-f"]).arg(path(key)).status();
            assert!(made.expect("ssh-keygen is there").success());
        }
        fs::copy(path("user.pub"), path("authorized")).expect("there is room");
        let [state, runs, bin] = ["state", "runs", "bin"].map(path);
        for dir in [&runs, &bin] {
            fs::create_dir(dir).expect("there is room");
        }
        let config = format!(
            "Port {PORT}\nListenAddress 0.0.0.0\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nStrictModes no\nUsePAM no\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nUseDNS no\nHostKey {}\nSetEnv PATH={}:/usr/sbin:/usr/bin:/sbin:/bin\n",
            path("host").display(),
            path("authorized").display(),
            path("other").display(),
            bin.display()
        );
        fs::write(path("sshd_config"), config).expect("there is room");
        let users = fs::read_to_string("/etc/passwd").expect("there are users");
        fs::write(path("passwd"), format!("{users}{SOMEBODY}:x:12345:12345::/:/bin/sh\n")).expect("there is room");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).expect("it is the test's own");

        let mut netns = Netns::up(nodes, &state).expect("nodes can be made");
        let sshd = Daemon::new("sshd", "/usr/sbin/sshd", ["-D", "-e", "-f", path("sshd_config").to_str().unwrap()]);
        for node in 0..nodes {
            // A place for the server, a disk that the controller does not see, a user whom it does not have.
            let mounts = "mount -t tmpfs tmpfs /run && mkdir -m 755 /run/sshd && mount -t tmpfs -o mode=1777 tmpfs \"$0\" \
                          && mount --bind \"$1\" /etc/passwd";
            let words =
                ["sh", "-c", mounts, runs.to_str().unwrap(), path("passwd").to_str().unwrap()].map(str::to_string);
            let done = netns.run(node, &words.each_ref().map(String::as_str), LONG).unwrap();
            assert!(done.status.success(), "{done:?}");
            netns.start(node, &sshd).unwrap();
            let (began, to) = (Instant::now(), SocketAddr::new(netns.address(node), PORT));
            while netns.connect(Endpoint::Clients, to, Duration::from_secs(1)).is_err() {
                assert!(began.elapsed() < LONG, "{}", fs::read_to_string(netns.log(node, "sshd")).unwrap_or_default());
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        let machines = Machines { netns, nodes, folder };
        machines.know(&fs::read_to_string(machines.path("host.pub")).expect("it was made"));
        machines
    }

    /// A file of the test.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where runs keep what they have on a machine, and the controller its copies.
    pub fn runs(&self) -> PathBuf {
        self.path("runs")
    }

    /// A program that whoever logs in finds before all others of its name: a shell script.
    pub fn program(&self, name: &str, script: &str) {
        let path = self.path("bin").join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("there is room");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it is the test's own");
    }

    /// Writes down that each machine has this key.
    pub fn know(&self, key: &str) {
        let line = |node| format!("[{}]:{PORT} {key}\n", self.netns.address(node));
        fs::write(self.path("known_hosts"), (0..self.nodes).map(line).collect::<String>()).expect("there is room");
    }

    /// The hosts file.
    pub fn file(&self) -> String {
        let mut text = format!(
            "known_hosts = \"{}\"\nkey = \"{}\"\nuser = \"root\"\nport = {PORT}\ndirectory = \"{}\"\n",
            self.path("known_hosts").display(),
            self.path("user").display(),
            self.runs().display()
        );
        for node in 0..self.nodes {
            text += &format!("[[node]]\naddress = \"{}\"\n", self.netns.address(node));
        }
        text
    }

    /// From where the servers are reached.
    pub fn dialer(&self) -> Dialer {
        self.netns.dialer(Endpoint::Clients)
    }

    /// What runs have left on the machines, a line each: files, tables, and processes that `sshd` itself is none of.
    pub fn left(&self) -> Vec<String> {
        let look = "ls -A \"$0\"; nft list tables; iptables -t mangle -S | grep perjury_q; for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline; echo; done \
                    | grep -E '[p]erjury-(agent|keeper)|[e]tcd --|[s]leep 60|[c]ommon::play|[.]/[h]and hand'";
        let mut left = Vec::new();
        for node in 0..self.nodes {
            let said = self.netns.run(node, &["sh", "-c", look, self.runs().to_str().unwrap()], LONG).unwrap();
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            left.extend(said.lines().map(|line| format!("n{}: {line}", node + 1)));
        }
        let here = fs::read_dir(self.runs()).expect("it is there").flatten();
        left.extend(here.map(|entry| format!("here: {}", entry.path().display())));
        left
    }
}
