//! However a controller ends, nothing of it is left: counted before and after, as root and as an ordinary user.
#![allow(clippy::disallowed_methods)] // A real machine keeps real time.

mod common;

use common::eventually;
use hosts::registry::gc;
use hosts::{State, process};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A controller with two nodes, in a process of its own.
struct Controller {
    child: Child,
    /// What it told when its nodes were up.
    told: String,
    run: PathBuf,
    footprint: Footprint,
}

/// What belongs to a controller, by its numbers in the kernel.
struct Footprint {
    processes: BTreeSet<u32>,
    namespaces: BTreeSet<PathBuf>,
}

fn namespaces(pid: u32) -> impl Iterator<Item = PathBuf> {
    ["net", "mnt", "uts", "pid"]
        .into_iter()
        .filter_map(move |kind| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok())
}

fn processes() -> Vec<(u32, u32)> {
    let all = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let with_parent = |pid: u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        Some((pid, stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()?))
    };
    all.filter_map(with_parent).collect()
}

impl Footprint {
    /// All that descends from a process, with the namespaces that this one is not in.
    fn of(controller: u32) -> Footprint {
        let all = processes();
        let mut processes = BTreeSet::from([controller]);
        while let Some((pid, _)) =
            all.iter().find(|(pid, parent)| processes.contains(parent) && !processes.contains(pid))
        {
            processes.insert(*pid);
        }
        let here: BTreeSet<PathBuf> = namespaces(std::process::id()).collect();
        let namespaces = processes.iter().flat_map(|pid| namespaces(*pid)).filter(|one| !here.contains(one)).collect();
        Footprint { processes, namespaces }
    }

    /// What of it is still there, in words.
    fn left(&self) -> Vec<String> {
        let alive = |pid: &&u32| !matches!(process::state(**pid), State::Gone | State::Zombie);
        let mut left: Vec<String> = self.processes.iter().filter(alive).map(|pid| format!("process {pid}")).collect();
        for (pid, _) in processes() {
            let held = namespaces(pid).filter(|one| self.namespaces.contains(one));
            left.extend(held.map(|one| format!("{} in process {pid}", one.display())));
        }
        left
    }
}

/// The machine's own mounts and interfaces, as far as they could come from us.
fn of_the_machine(state: &Path) -> Vec<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    let mounts = mounts.lines().filter(|line| line.contains(state.to_str().unwrap())).map(str::to_string);
    let interfaces =
        fs::read_dir("/sys/class/net").unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap());
    mounts.chain(interfaces.filter(|name| ["bridge0", "clients", "n1", "n2"].contains(&name.as_str()))).collect()
}

/// A line that a controller says, without what the test harness put before it on the same line.
fn telling(line: &str) -> Option<&str> {
    ["up as ", "refused: "].iter().find_map(|word| line.find(word).map(|at| &line[at..]))
}

/// Starts a controller below `state` with a command in front, and waits until its nodes are up.
fn controller(before: &[&str], exe: &Path, state: &Path, end: &str) -> Controller {
    let mut line: Vec<OsString> = before.iter().map(OsString::from).collect();
    line.extend(common::command(exe, "controller", &[state.to_str().unwrap(), end]));
    let mut child =
        Command::new(&line[0]).args(&line[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines.find_map(|line| telling(&line.unwrap()).map(str::to_string)).expect("it says how it fares");
    std::thread::spawn(move || lines.for_each(drop));
    let run = told.rsplit_once(" in ").map(|(_, run)| PathBuf::from(run)).unwrap_or_default();
    let footprint = Footprint::of(child.id());
    Controller { child, told, run, footprint }
}

impl Controller {
    /// The two nodes, the switch, the clients' side and the daemons were really seen, so what is counted afterwards means something.
    fn is_up(&self) {
        assert!(self.told.starts_with("up as 0"), "{}", self.told);
        assert!(self.footprint.processes.len() >= 15, "{:?}", self.footprint.processes);
        // Four networks; two nodes with mounts, host name and processes; two daemons with mounts and processes.
        assert!(self.footprint.namespaces.len() >= 14, "{:?}", self.footprint.namespaces);
        assert!(self.run.join("n1").is_dir() && !self.footprint.left().is_empty());
    }

    /// Closes its input, which lets it end as it was told to, and waits for that.
    fn end(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }
}

fn here() -> PathBuf {
    std::env::current_exe().unwrap()
}

#[test]
fn a_closed_host_and_a_panic_leave_nothing() {
    if common::skipped() {
        return;
    }
    for end in ["close", "panic"] {
        let state = tempfile::tempdir().unwrap();
        let mut controller = controller(&[], &here(), state.path(), end);
        controller.is_up();
        assert_eq!(of_the_machine(state.path()), [""; 0], "while it is up, too");
        controller.end();
        eventually("the kernel ends the last of it", || controller.footprint.left().is_empty());
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0, "no file is left after {end}");
        assert_eq!(of_the_machine(state.path()), [""; 0]);
    }
}

#[test]
fn a_controller_that_is_killed_leaves_directories_and_gc_removes_them() {
    if common::skipped() {
        return;
    }
    let state = tempfile::tempdir().unwrap();
    let mut killed = controller(&[], &here(), state.path(), "close");
    let mut exits = controller(&[], &here(), state.path(), "exit");
    let mut living = controller(&[], &here(), state.path(), "close");
    for controller in [&killed, &exits, &living] {
        controller.is_up();
    }
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();
    exits.end();
    for dead in [&killed, &exits] {
        eventually("the kernel ends all of it", || dead.footprint.left().is_empty());
        assert!(dead.run.is_dir());
    }
    assert_eq!(of_the_machine(state.path()), [""; 0]);

    let removed = gc(state.path()).unwrap();
    assert_eq!(removed.len(), 4, "two directories and two locks: {removed:?}");
    assert!(!killed.run.exists() && !exits.run.exists());
    living.is_up();
    assert_eq!(gc(state.path()).unwrap(), [""; 0]);
    living.end();
    eventually("the kernel ends the last of it", || living.footprint.left().is_empty());
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
}

/// A place that every user can reach and write to.
fn open_to_all() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    dir
}

/// What goes before a command so that an ordinary user runs it; nothing where that is who runs this.
fn ordinary() -> &'static [&'static str] {
    match rustix::process::getuid().is_root() {
        true => &["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"],
        false => &[],
    }
}

#[test]
fn an_ordinary_user_sets_up_nodes_and_leaves_nothing() {
    if common::skipped_for_programs() {
        return;
    }
    let dir = open_to_all();
    let exe = common::copy_for_all(dir.path());
    let state = dir.path().join("state");
    let mut closed = controller(ordinary(), &exe, &state, "close");
    if common::skip(closed.told.starts_with("refused").then(|| closed.told.clone())) {
        return closed.end();
    }
    closed.is_up();
    let mut killed = controller(ordinary(), &exe, &state, "close");
    killed.is_up();
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();
    closed.end();
    for dead in [&killed, &closed] {
        eventually("the kernel ends all of it", || dead.footprint.left().is_empty());
    }
    assert!(!closed.run.exists() && killed.run.exists());
    assert_eq!(of_the_machine(&state), [""; 0]);
    if rustix::process::getuid().is_root() {
        assert!(gc(&state).unwrap().len() == 2, "root removes what it is told to");
        assert_eq!(fs::read_dir(&state).unwrap().count(), 0);
    }
}

#[test]
fn where_namespaces_are_forbidden_it_says_so_and_what_to_do() {
    let forbid =
        "echo 0 >/proc/sys/user/max_user_namespaces && echo 0 >/proc/sys/user/max_net_namespaces && exec \"$@\"";
    let within = ["unshare", "--user", "--map-root-user", "sh", "-c", forbid, "sh"];
    if !Command::new(within[0]).args(&within[1..]).arg("true").status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: nobody can be forbidden anything here, since user namespaces are forbidden already");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut refused = controller(&within, &here(), dir.path(), "close");
    refused.end();
    assert!(refused.told.starts_with("refused: cannot create network namespaces: directly: "), "{}", refused.told);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}
