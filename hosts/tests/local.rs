//! Nodes that are plain processes behind proxies. They need no privilege, so nothing here is ever skipped.
#![allow(clippy::disallowed_methods)] // A real machine keeps real time.

mod common;
#[path = "local/slow.rs"]
mod slow;

use common::{eventually, read_line, role, say};
use hosts::Endpoint::{Clients, Node};
use hosts::local::Local;
use hosts::{Daemon, Endpoint, Host, State, Stopped, process};
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

const PORT: u16 = 7000;
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(300);

fn keeper() -> [OsString; 1] {
    [env!("CARGO_BIN_EXE_perjury-keep").into()]
}

fn nodes(count: usize) -> (tempfile::TempDir, Local) {
    let state = tempfile::tempdir().unwrap();
    let host = Local::up(count, state.path(), &keeper()).unwrap();
    (state, host)
}

/// An echo on each node, and where it is reached.
fn echoes(host: &mut Local) -> Vec<SocketAddr> {
    let at: Vec<SocketAddr> = (0..host.nodes()).map(|node| host.reach(node, PORT).unwrap()).collect();
    for (node, at) in at.iter().enumerate() {
        let refused = host.connect(Clients, *at, LONG).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused, "the proxy listens, and nobody behind it");
        host.start(node, &role("echo", &[&format!("{}:{PORT}", host.address(node))])).unwrap();
    }
    for at in &at {
        eventually("the echo listens", || dial(host, Clients, *at).is_ok());
    }
    at
}

fn dial(host: &Local, from: Endpoint, to: SocketAddr) -> io::Result<TcpStream> {
    host.connect(from, to, Duration::from_secs(2))
}

fn heard(host: &Local, node: usize, words: &str) -> bool {
    fs::read_to_string(host.log(node, "echo")).unwrap().contains(words)
}

fn ask(host: &Local, from: Endpoint, to: SocketAddr) -> String {
    let mut stream = dial(host, from, to).unwrap();
    say(&mut stream, "hello");
    read_line(&mut stream, LONG).unwrap()
}

#[test]
fn each_node_has_an_address_of_its_own_and_is_reached_through_a_proxy() {
    let (_state, mut host) = nodes(3);
    let (_other_state, mut other) = nodes(3);
    let (at, at_other) = (echoes(&mut host), echoes(&mut other));
    for (node, to) in at.iter().enumerate() {
        assert!(host.address(node).is_loopback() && to.ip() != host.address(node) && to.port() == PORT);
        assert_eq!(host.reach(node, PORT).unwrap(), *to, "it is the same each time");
        for from in (0..3).map(Node).chain([Clients]) {
            let mut stream = dial(&host, from, *to).unwrap();
            say(&mut stream, "hello");
            assert_eq!(read_line(&mut stream, LONG).unwrap(), "hello");
            if let Node(from) = from {
                assert_eq!(stream.local_addr().unwrap().ip(), host.address(from));
            }
        }
        let output = host.run(node, &["pwd"], LONG).unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), host.dir(node).to_str().unwrap());
    }
    assert!(at.iter().all(|at| !at_other.contains(at)), "runs beside each other share nothing");
    host.cut(&[(Clients, Node(0))]).unwrap();
    assert_eq!(ask(&other, Clients, at_other[0]), "hello");
    for (name, ability) in host.abilities().each() {
        let clock = name == "clock" && std::env::consts::ARCH != "x86_64";
        assert_eq!(ability.is_err(), clock || name == "reorder" || name == "loss", "{name}: {ability:?}");
    }
    assert!(host.lose(&[(Node(0), Node(1), 30)]).unwrap_err().mend.contains("netns"));
}

#[test]
fn a_cut_has_a_direction_hits_what_stands_and_heals() {
    let (_state, mut host) = nodes(3);
    let at = echoes(&mut host);
    let (mut first, mut other) = (dial(&host, Node(0), at[1]).unwrap(), dial(&host, Node(2), at[1]).unwrap());
    assert_eq!(host.dropped().unwrap(), 0);

    // What n2 says does not reach n1, and what n1 says reaches n2.
    host.cut(&[(Node(1), Node(0))]).unwrap();
    say(&mut first, "there");
    eventually("n2 hears n1", || heard(&host, 1, "there"));
    assert!(read_line(&mut first, SHORT).is_err(), "the answer is held back");
    let so_far = host.dropped().unwrap();
    assert!(so_far > 0);

    // The other way round: the held answer arrives, the next question does not.
    host.cut(&[(Node(0), Node(1))]).unwrap();
    assert_eq!(read_line(&mut first, LONG).unwrap(), "there");
    say(&mut first, "back");
    assert!(read_line(&mut first, SHORT).is_err());
    assert!(!heard(&host, 1, "back"));
    assert!(host.dropped().unwrap() > so_far);
    assert_eq!(dial(&host, Node(0), at[1]).unwrap_err().kind(), io::ErrorKind::TimedOut, "new connections are cut too");
    say(&mut other, "unhurt");
    assert_eq!(read_line(&mut other, LONG).unwrap(), "unhurt");
    assert!(dial(&host, Node(1), at[2]).is_ok() && dial(&host, Clients, at[1]).is_ok());

    host.cut(&[]).unwrap();
    assert_eq!(read_line(&mut first, LONG).unwrap(), "back");
    let healed = host.dropped().unwrap();
    assert_eq!(ask(&host, Node(0), at[1]), "hello");
    assert_eq!(host.dropped().unwrap(), healed, "a healed link holds nothing back");

    host.cut(&[(Clients, Node(1)), (Node(2), Node(1)), (Node(1), Node(2))]).unwrap();
    assert!(dial(&host, Clients, at[1]).is_err() && dial(&host, Clients, at[0]).is_ok());
    assert!(dial(&host, Node(1), at[1]).is_ok(), "who sits beside a node reaches it always");
    // Both ways: nothing is heard and nothing is answered, and nothing is lost.
    say(&mut other, "later");
    assert!(read_line(&mut other, SHORT).is_err() && !heard(&host, 1, "later"));
    host.cut(&[]).unwrap();
    assert_eq!(read_line(&mut other, LONG).unwrap(), "later");
}

/// A program beside a place that sends each line of its input to an address, and prints what comes back.
struct Caller(Child, BufReader<std::process::ChildStdout>);

impl Caller {
    fn new(host: &Local, from: Endpoint, to: SocketAddr) -> Caller {
        let mut command = host.dialer(from).command().unwrap();
        // The one that connects is a fork in a session of its own, whose parent has ended.
        let line = format!("setsid bash -c 'exec 3<>/dev/tcp/{}/{}; cat <&3 & cat >&3' <&0 & wait", to.ip(), to.port());
        command.args(["bash", "-c", &line]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Caller(child, out)
    }
    fn say(&mut self, words: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{words}").unwrap();
    }
    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.1.read_line(&mut line).unwrap();
        line.trim().to_string()
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        hosts::end_command(&mut self.0);
    }
}

#[test]
fn programs_are_known_by_their_processes_and_cut_off_with_their_place() {
    let (_state, mut host) = nodes(3);
    let at = echoes(&mut host);
    let mut beside = Caller::new(&host, Node(0), at[1]);
    let mut outside = Caller::new(&host, Clients, at[1]);
    for caller in [&mut beside, &mut outside] {
        caller.say("one");
        assert_eq!(caller.hear(), "one");
    }
    host.cut(&[(Node(0), Node(1)), (Node(1), Node(0))]).unwrap();
    beside.say("two");
    outside.say("three");
    assert_eq!(outside.hear(), "three");
    eventually("it is held back", || host.dropped().unwrap() > 0);
    assert!(!heard(&host, 1, "two"));
    // A new connection of a daemon is cut too, and goes on after the heal if its owner still waits.
    let so_far = host.dropped().unwrap();
    let line = format!("exec 3<>/dev/tcp/{}/{PORT}; echo four >&3; head -1 <&3", at[1].ip());
    host.start(0, &Daemon::new("caller", "bash", ["-c", &line])).unwrap();
    eventually("it is held back", || host.dropped().unwrap() > so_far);
    assert!(!heard(&host, 1, "four"));
    host.cut(&[]).unwrap();
    assert_eq!(beside.hear(), "two");
    eventually("it is answered", || fs::read_to_string(host.log(0, "caller")).unwrap() == "four\n");

    // Whoever belongs to no place is not let in.
    let mut stranger = TcpStream::connect(at[1]).unwrap();
    say(&mut stranger, "five");
    assert!(read_line(&mut stranger, LONG).is_err() && !heard(&host, 1, "five"));
    let pid = beside.0.id();
    drop(beside);
    assert_eq!(process::state(pid), State::Gone);
}

/// Forks one child in a session of its own, one whose parent ends, and a plain one.
fn family() -> Daemon {
    Daemon::new("family", "sh", ["-c", "setsid sleep 600 & (sleep 600 &); sleep 600 & echo born; wait"])
}

#[test]
fn a_kill_or_a_pause_hits_all_that_was_forked() {
    let (_state, mut host) = nodes(1);
    host.start(0, &family()).unwrap();
    host.start(0, &role("echo", &[&format!("{}:{PORT}", host.address(0))])).unwrap();
    eventually("four processes", || host.pids(0, "family").unwrap().len() == 4);
    let pids = host.pids(0, "family").unwrap();
    let all = |wanted: State| pids.iter().all(|pid| process::state(*pid) == wanted);
    assert!(host.start(0, &family()).unwrap_err().why.contains("runs there"));

    assert!(host.pause(0, "family").unwrap());
    assert!(all(State::Stopped) && host.alive(0, "family").unwrap());
    eventually("the echo runs", || host.pids(0, "echo").unwrap().len() == 1);
    let echo = host.pids(0, "echo").unwrap()[0];
    assert_eq!(process::state(echo), State::Running, "another daemon of the node is not hurt");
    assert!(host.resume(0, "family").unwrap());
    assert!(all(State::Running));
    for _ in 0..20 {
        assert!(host.pause(0, "family").unwrap() && all(State::Stopped));
        assert!(host.resume(0, "family").unwrap() && all(State::Running));
    }

    assert!(host.pause(0, "family").unwrap());
    assert!(host.kill(0, "family").unwrap().is_some(), "a paused daemon dies too");
    assert!(all(State::Gone), "killed and reaped");
    assert!(!host.alive(0, "family").unwrap() && host.pids(0, "family").unwrap().is_empty());
    assert_eq!(host.kill(0, "family").unwrap(), None, "a kill of a dead daemon did nothing");
    assert!(!host.pause(0, "family").unwrap() && !host.resume(0, "family").unwrap());
    assert!(host.alive(0, "echo").unwrap());

    host.start(0, &family()).unwrap();
    eventually("it is born again", || fs::read_to_string(host.log(0, "family")).unwrap() == "born\nborn\n");
}

#[test]
fn a_daemon_that_ends_takes_with_it_what_it_has_forked() {
    let (_state, mut host) = nodes(1);
    let forks = Daemon::new("forks", "sh", ["-c", "setsid sleep 600 & echo $! >child; kill 0"]);
    host.start(0, &forks).unwrap();
    eventually("it has ended", || !host.alive(0, "forks").unwrap());
    let child = fs::read_to_string(host.dir(0).join("child")).unwrap().trim().parse().unwrap();
    assert_eq!(process::state(child), State::Gone);
}

#[test]
fn a_daemon_is_asked_to_end_before_it_is_made_to() {
    let (_state, mut host) = nodes(1);
    let trapping = |name: &str, what: &str| {
        Daemon::new(name, "sh", ["-c", &format!("trap '{what}' TERM; echo up; while :; do sleep 0.05; done")])
    };
    for (daemon, ends) in [(trapping("polite", "exit 0"), Stopped::Asked), (trapping("stubborn", ""), Stopped::Forced)]
    {
        host.start(0, &daemon).unwrap();
        let log = host.log(0, &daemon.name);
        eventually("its trap is set", || fs::read_to_string(&log).is_ok_and(|said| said.contains("up")));
        let patience = if ends == Stopped::Asked { LONG } else { SHORT };
        assert_eq!(host.stop(0, &daemon.name, patience).unwrap(), ends);
        assert!(!host.alive(0, &daemon.name).unwrap());
        assert_eq!(host.stop(0, &daemon.name, LONG).unwrap(), Stopped::Before);
    }
}

#[test]
fn what_goes_wrong_on_a_node_is_told() {
    let (state, mut host) = nodes(1);
    assert_eq!(host.run(0, &["sh", "-c", "exit 3"], LONG).unwrap().status.code(), Some(3));
    let error = host.run(0, &["sh", "-c", "setsid sleep 600 & wait"], SHORT).unwrap_err();
    assert!(error.what.contains("was killed"), "{error}");
    host.start(0, &Daemon::new("nobody", "no-such-program", [""; 0])).unwrap();
    eventually("it has ended", || !host.alive(0, "nobody").unwrap());
    assert!(fs::read_to_string(host.log(0, "nobody")).unwrap().contains("no-such-program"));
    assert!(host.start(0, &Daemon::new("../x", "true", [""; 0])).is_err());
    let taken = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    let _holder = TcpListener::bind(("0.0.0.0", taken)).unwrap();
    assert!(host.reach(0, taken).unwrap_err().what.contains(&taken.to_string()));
    let (dialer, dir, at) = (host.dialer(Clients), host.dir(0).to_path_buf(), host.reach(0, PORT).unwrap());
    host.close().unwrap();
    host.close().unwrap();
    assert!(!dir.exists() && fs::read_dir(state.path()).unwrap().count() == 0);
    assert!(TcpStream::connect(at).is_err(), "nobody listens any more");
    assert!(host.cut(&[]).unwrap_err().why.contains("closed") && host.run(0, &["true"], LONG).is_err());
    assert!(dialer.connect(at, SHORT).unwrap_err().to_string().contains("closed"));
    assert!(Local::up(0, state.path(), &keeper()).unwrap_err().why.contains("1 to 99"));
}

#[test]
fn a_probe_tries_a_node_and_leaves_nothing() {
    let state = tempfile::tempdir().unwrap();
    let finding = hosts::local::probe(state.path(), &keeper());
    assert!(finding.ok && finding.detail.contains("loss"), "{finding:?}");
    let finding = hosts::local::probe(state.path(), &["no-such-keeper".into()]);
    assert!(!finding.ok && finding.detail.contains("probe"), "{finding:?}");
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
}

/// By how many seconds the last clock that a process of the daemon told differs from this one's.
fn off(host: &Local, who: &str) -> f64 {
    let log = fs::read_to_string(host.log(0, "clock")).unwrap_or_default();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let last =
        log.lines().rev().find_map(|line| line.strip_prefix(who)?.split_whitespace().next()?.parse::<f64>().ok());
    last.map_or(f64::NAN, |millis| millis / 1000.0 - now)
}

#[test]
fn a_clock_is_wrong_for_one_daemon_with_its_forks_until_it_is_set_right() {
    let (_state, mut host) = nodes(1);
    if let Err(why) = &host.abilities().clock {
        return assert_ne!(std::env::consts::ARCH, "x86_64", "{why}");
    }
    let near = |seen: f64, wanted: f64| (seen - wanted).abs() < 2.0;
    host.start(0, &role("clock", &[])).unwrap();
    for offset in [0, 100_250_000, 0] {
        eventually("all are there", || host.skew(0, "clock", offset).unwrap() >= 3);
        for who in ["own ", "fork "] {
            eventually("it tells the time", || near(off(&host, who), offset as f64 / 1e6));
        }
    }
}

/// This process again, as a controller that is killed; see `common::play`.
#[test]
fn nobody_outlives_a_controller_that_is_killed_and_gc_removes_its_files() {
    let state = tempfile::tempdir().unwrap();
    let line = common::command(
        &std::env::current_exe().unwrap(),
        "local-controller",
        &[state.path().to_str().unwrap(), env!("CARGO_BIN_EXE_perjury-keep")],
    );
    let mut command = std::process::Command::new(&line[0]);
    let mut child = command.args(&line[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let told = lines.find_map(|line| line.unwrap().split_once("up with ").map(|(_, pids)| pids.to_string())).unwrap();
    let pids: Vec<u32> = told.split_whitespace().map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.len() == 4 && pids.iter().all(|pid| process::state(*pid) != State::Gone), "{pids:?}");
    assert_eq!(hosts::registry::gc(state.path()).unwrap(), [""; 0], "it lives");
    child.kill().unwrap();
    child.wait().unwrap();
    let removed = hosts::registry::gc(state.path()).unwrap();
    assert!(removed.iter().any(|line| line.starts_with("directory")), "{removed:?}");
    eventually("all are gone", || {
        pids.iter().all(|pid| matches!(process::state(*pid), State::Gone | State::Zombie)) && nobody_in(state.path())
    });
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
}

/// Whether no process has this directory among its arguments, as a keeper has.
fn nobody_in(state: &Path) -> bool {
    let lines =
        fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let words = format!("{}/run-", state.display()).into_bytes();
    lines.filter(|line| line.windows(words.len()).any(|window| window == words)).count() == 0
}
