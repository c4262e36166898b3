//! However a run of a real database ends, nothing of it is left, on nodes of either kind: counted while it runs, so that the count
//! means something, and again afterwards. Other tests run at the same time, so only what belongs to the run is counted.

use crate::binary::{folder, perjury};
use crate::{missing, skipped};
use databases::real::choose;
use hosts::{State, process};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// A run that is under way.
struct Running {
    child: Child,
    prints: Prints,
}

/// What belongs to a controller.
struct Prints {
    processes: BTreeSet<u32>,
    namespaces: BTreeSet<PathBuf>,
    /// Where it and its processes listen on the machine's own network, each with the socket's number.
    listening: BTreeSet<(String, String)>,
    /// Its directory and its lock.
    files: Vec<PathBuf>,
}

fn namespaces(pid: u32) -> impl Iterator<Item = PathBuf> {
    let kinds = ["net", "mnt", "uts", "pid"].into_iter();
    kinds.filter_map(move |kind| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok())
}

fn processes() -> Vec<(u32, u32)> {
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let with_parent = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?))
    };
    all.filter_map(|entry| with_parent(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Sockets that listen on the machine's own network: address and number.
fn listening() -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if fields[3] == "0A" {
                found.insert((fields[1].to_string(), fields[9].to_string()));
            }
        }
    }
    found
}

fn sockets(pid: u32) -> Vec<String> {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = files.filter_map(|file| fs::read_link(file.path()).ok()?.into_os_string().into_string().ok());
    links.filter_map(|link| Some(link.strip_prefix("socket:[")?.strip_suffix(']')?.to_string())).collect()
}

impl Prints {
    fn of(controller: u32) -> Prints {
        let all = processes();
        let mut processes = BTreeSet::from([controller]);
        while let Some((pid, _)) =
            all.iter().find(|(pid, parent)| processes.contains(parent) && !processes.contains(pid))
        {
            processes.insert(*pid);
        }
        let here: BTreeSet<PathBuf> = namespaces(std::process::id()).collect();
        let namespaces = processes.iter().flat_map(|pid| namespaces(*pid)).filter(|one| !here.contains(one)).collect();
        let held: BTreeSet<String> = processes.iter().flat_map(|pid| sockets(*pid)).collect();
        let listening = listening().into_iter().filter(|(_, number)| held.contains(number)).collect();
        let files =
            fs::read_dir(hosts::registry::state_dir()).into_iter().flatten().flatten().map(|entry| entry.path());
        let own = format!("run-{controller}-");
        let files = files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&own)));
        Prints { processes, namespaces, listening, files: files.collect() }
    }

    /// What of it is still there, in words.
    fn left(&self) -> Vec<String> {
        let alive = |pid: &&u32| !matches!(process::state(**pid), State::Gone | State::Zombie);
        let mut left: Vec<String> = self.processes.iter().filter(alive).map(|pid| format!("process {pid}")).collect();
        for (pid, _) in processes() {
            let held = namespaces(pid).filter(|one| self.namespaces.contains(one));
            left.extend(held.map(|one| format!("{} in process {pid}", one.display())));
        }
        left.extend(listening().intersection(&self.listening).map(|(at, _)| format!("a listener at {at}")));
        left
    }

    fn files_left(&self) -> Vec<&PathBuf> {
        self.files.iter().filter(|path| path.exists()).collect()
    }

    /// What of the machine's own mounts, interfaces and rules could come from it; there is none at any time.
    fn of_the_machine(&self) -> Vec<String> {
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("/proc");
        let ours = |line: &&str| self.files.iter().any(|file| line.contains(&*file.to_string_lossy()));
        let mut found: Vec<String> = mounts.lines().filter(ours).map(str::to_string).collect();
        let interfaces = fs::read_dir("/sys/class/net").into_iter().flatten().flatten();
        let interfaces = interfaces.filter_map(|entry| entry.file_name().into_string().ok());
        found.extend(interfaces.filter(|name| ["bridge0", "clients", "n1", "n2"].contains(&&**name)));
        if let Ok(rules) = Command::new("nft").args(["list", "tables"]).output() {
            let rules = String::from_utf8_lossy(&rules.stdout).into_owned();
            found.extend(rules.lines().filter(|line| line.contains("perjury")).map(str::to_string));
        }
        found
    }
}

/// Starts a run in a folder, and waits until clients ask and nodes are hurt.
fn start(dir: &Path, words: &str) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perjury"));
    command.args(words.split(' ')).current_dir(dir).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut lines = BufReader::new(child.stderr.take().expect("it was piped")).lines().map_while(Result::ok);
    let mut told = String::new();
    let chaos = lines.find(|line| {
        told += &format!("{line}\n");
        line.contains("phase: chaos")
    });
    assert!(chaos.is_some(), "{words}: {told}");
    thread::spawn(move || lines.for_each(drop));
    let prints = Prints::of(child.id());
    Running { child, prints }
}

/// Waits, for half a minute at most, until nothing is left but files.
fn gone(prints: &Prints, how: &str) {
    let gone = (0..3000).any(|_| {
        prints.left().is_empty() || {
            thread::sleep(Duration::from_millis(10));
            false
        }
    });
    assert!(gone, "{how}: {:?}", prints.left());
    assert_eq!(prints.of_the_machine(), [""; 0], "{how}");
}

/// All ways in which a run ends. `least` are the processes, namespaces and listeners that a cluster of five has at least.
fn ends(tier: &str, least: [usize; 3]) {
    let usual = format!("run --database etcd --tier {tier} --workload register");
    let dir = folder();
    let up = |words: &str| {
        let running = start(dir.path(), &format!("{usual} {words}"));
        let Prints { processes, namespaces, listening, files } = &running.prints;
        let seen = [processes.len(), namespaces.len(), listening.len()];
        assert!(seen.iter().zip(least).all(|(seen, least)| *seen >= least), "{tier}: {seen:?}, and not {least:?}");
        assert_eq!(files.len(), 2, "a directory and a lock: {files:?}");
        assert!(running.prints.of_the_machine().is_empty());
        running
    };

    let mut held = up("--nemesis calm --time 5s");
    assert!(held.child.wait().expect("it ends").code().is_some_and(|code| code == 0), "it held");
    gone(&held.prints, "after success");
    assert_eq!(held.prints.files_left(), Vec::<&PathBuf>::new(), "after success");

    let mut stopped = up("--nemesis isolate-leader --time 60s");
    let pid = rustix::process::Pid::from_child(&stopped.child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    let status = stopped.child.wait().expect("it ends");
    assert_eq!((status.code(), status.signal()), (Some(2), None), "it was stopped before it could tell");
    gone(&stopped.prints, "after Ctrl-C");
    assert_eq!(stopped.prints.files_left(), Vec::<&PathBuf>::new(), "after Ctrl-C");

    let mut killed = up("--nemesis pause --time 60s --every 5s");
    killed.child.kill().expect("it runs");
    killed.child.wait().expect("it was killed");
    gone(&killed.prints, "after SIGKILL");
    let gc = perjury(dir.path(), "gc");
    assert_eq!(gc.code, 0, "{}{}", gc.out, gc.err);
    assert_eq!(killed.prints.files_left(), Vec::<&PathBuf>::new(), "after gc: {}", gc.out);

    for seed in 1..=3 {
        let stale = format!("--nemesis isolate-leader --time 20s --seed {seed}");
        let usual = usual.replace("etcd", "etcd:reads=serializable");
        let mut failing = start(dir.path(), &format!("{usual} {stale}"));
        let code = failing.child.wait().expect("it ends").code();
        gone(&failing.prints, "after a violation");
        assert_eq!(failing.prints.files_left(), Vec::<&PathBuf>::new(), "after a violation");
        if code == Some(1) {
            return;
        }
    }
    panic!("none of three runs was violated");
}

#[test]
fn nothing_is_left_of_nodes_in_namespaces() {
    // The controller of whoever is not root begins again, under another user's number.
    if !skipped("etcd") {
        // Holders, `nsenter`, `unshare`, shells and daemons of five nodes; nobody listens on the machine's own network.
        ends("netns", [20, 20, 0]);
    }
}

#[test]
fn nothing_is_left_of_local_nodes() {
    let etcd = choose("etcd").expect("it is in the table").expect("its choices are known");
    if !missing(&etcd.database.needed()) {
        // A keeper and a daemon for each node. Two ports of each, twice, and the claim of their addresses.
        ends("local", [11, 0, 21]);
    }
}
