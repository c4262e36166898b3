//! Real nodes in real namespaces. Where the machine forbids them the tests say so, unless `PERJURY_NO_SKIP` is set.
#![allow(clippy::disallowed_methods)] // A real machine keeps real time.

mod common;

use common::{eventually, read_line, role, round_trip, say};
use hosts::Endpoint::{Clients, Node};
use hosts::netns::Netns;
use hosts::{Daemon, Endpoint, Host, Slow, State, Stopped, process};
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

const PORT: u16 = 7000;
const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(300);

/// So many nodes with an echo on each, where this machine lets us.
fn nodes(count: usize) -> Option<(tempfile::TempDir, Netns)> {
    if common::skipped() {
        return None;
    }
    let state = tempfile::tempdir().unwrap();
    let host = Netns::up(count, state.path()).unwrap();
    Some((state, host))
}

fn echoes(host: &mut Netns) {
    for node in 0..host.nodes() {
        host.start(node, &role("echo", &[&format!("{}:{PORT}", host.address(node))])).unwrap();
    }
    for node in 0..host.nodes() {
        eventually("the echo listens", || dial(host, Clients, node).is_ok());
    }
}

fn dial(host: &Netns, from: Endpoint, to: usize) -> io::Result<TcpStream> {
    host.connect(from, SocketAddr::new(host.address(to), PORT), Duration::from_secs(2))
}

fn heard(host: &Netns, node: usize, words: &str) -> bool {
    fs::read_to_string(host.log(node, "echo")).unwrap().contains(words)
}

#[test]
fn each_node_is_a_machine_of_its_own() {
    let Some((_state, mut host)) = nodes(5) else { return };
    echoes(&mut host);
    for node in 0..5 {
        let ask = |command: &[&str]| {
            let output = host.run(node, command, LONG).unwrap();
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(ask(&["uname", "-n"]).trim(), format!("n{}", node + 1));
        assert!(ask(&["ip", "-o", "addr"]).contains(&format!("inet 10.77.0.{}/24", node + 1)));
        assert!(ask(&["getent", "hosts", "n5"]).starts_with("10.77.0.5 "));
        assert_eq!(ask(&["pwd"]).trim(), host.dir(node).to_str().unwrap());
        // What somebody leaves in memory is seen by that node alone, and by nobody once it has gone.
        assert_eq!(ask(&["sh", "-c", "ls /dev/shm; touch /dev/shm/perjury-test"]), "");
        assert!(!std::path::Path::new("/dev/shm/perjury-test").exists());
        let processes = ask(&["sh", "-c", "ls -d /proc/[0-9]* | wc -l"]).trim().parse::<usize>().unwrap();
        assert!((4..12).contains(&processes), "{processes} processes are seen on a node, and none of the machine's");
        for from in (0..5).map(Node).chain([Clients]) {
            let mut stream = dial(&host, from, node).unwrap();
            say(&mut stream, "hello");
            assert_eq!(read_line(&mut stream, LONG).unwrap(), "hello");
            let whose = stream.local_addr().unwrap().ip();
            assert_eq!(whose, if let Node(from) = from { host.address(from) } else { "10.77.0.254".parse().unwrap() });
        }
    }
    let interfaces = fs::read_dir("/sys/class/net").unwrap().flatten().map(|entry| entry.file_name());
    let ours = ["bridge0", "clients", "n1", "n5"];
    assert_eq!(
        interfaces.filter(|name| ours.iter().any(|ours| name == ours)).count(),
        0,
        "the machine's own network has none of this"
    );
    assert_eq!(host.abilities().reorder, host.abilities().delay);
    for (name, ability) in host.abilities().each().into_iter().filter(|(name, _)| !["delay", "reorder"].contains(name))
    {
        assert!(ability.is_ok(), "{name}: {ability:?}");
    }
}

#[test]
fn a_cut_has_a_direction_hits_what_stands_and_heals() {
    let Some((_state, mut host)) = nodes(3) else { return };
    echoes(&mut host);
    let (mut first, mut other) = (dial(&host, Node(0), 1).unwrap(), dial(&host, Node(2), 1).unwrap());
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
    assert_eq!(dial(&host, Node(0), 1).unwrap_err().kind(), io::ErrorKind::TimedOut, "new connections are cut too");
    say(&mut other, "unhurt");
    assert_eq!(read_line(&mut other, LONG).unwrap(), "unhurt");
    assert!(dial(&host, Node(1), 2).is_ok() && dial(&host, Clients, 1).is_ok());

    host.cut(&[]).unwrap();
    assert_eq!(read_line(&mut first, LONG).unwrap(), "back");
    let healed = host.dropped().unwrap();
    dial(&host, Node(0), 1).unwrap();
    assert_eq!(host.dropped().unwrap(), healed, "a healed link drops nothing");

    host.cut(&[(Clients, Node(1))]).unwrap();
    assert!(dial(&host, Clients, 1).is_err() && dial(&host, Clients, 0).is_ok());
    assert!(dial(&host, Node(1), 1).is_ok(), "who sits beside a node reaches it always");
}

#[test]
fn loss_loses_some_and_is_counted() {
    let Some((_state, mut host)) = nodes(2) else { return };
    echoes(&mut host);
    host.lose(&[(Node(0), Node(1), 30)]).unwrap();
    let mut stream = host.connect(Node(0), SocketAddr::new(host.address(1), PORT), LONG).unwrap();
    for number in 0..30 {
        say(&mut stream, &number.to_string());
        assert_eq!(read_line(&mut stream, LONG).unwrap(), number.to_string());
    }
    assert!(host.lost().unwrap() > 0);
    assert_eq!(host.dropped().unwrap(), 0, "loss is no cut");
    host.lose(&[]).unwrap();
    let lost = host.lost().unwrap();
    say(&mut stream, "all");
    assert_eq!(read_line(&mut stream, LONG).unwrap(), "all");
    assert_eq!(host.lost().unwrap(), lost);
}

#[test]
fn a_link_that_loses_all_is_silent_one_way_until_it_is_healed() {
    let Some((_state, mut host)) = nodes(2) else { return };
    echoes(&mut host);
    let mut stream = dial(&host, Node(0), 1).unwrap();
    host.lose(&[(Node(0), Node(1), 100)]).unwrap();
    say(&mut stream, "all is lost");
    assert!(read_line(&mut stream, SHORT).is_err() && !heard(&host, 1, "all is lost"));
    assert!(host.lost().unwrap() > 0);
    host.lose(&[]).unwrap();
    assert_eq!(read_line(&mut stream, LONG).unwrap(), "all is lost");
}

/// So many nodes whose links can be slow, where this machine lets us.
fn slow_nodes(count: usize) -> Option<(tempfile::TempDir, Netns)> {
    nodes(count).filter(|(_, host)| !common::skip(host.abilities().delay.clone().err()))
}

#[test]
fn a_slow_link_has_a_direction_keeps_its_order_and_is_fast_again() {
    let Some((_state, mut host)) = slow_nodes(3) else { return };
    echoes(&mut host);
    assert_eq!(host.slowed().unwrap().packets, 0, "what was tried is not counted");
    let (mut slowed, mut other) = (dial(&host, Node(0), 1).unwrap(), dial(&host, Node(2), 1).unwrap());
    let by = Duration::from_millis(200);
    let slow = Slow { by, ..Slow::default() };

    host.slow(&[(Node(1), Node(0), slow)]).unwrap();
    assert!(round_trip(&mut slowed, "one way") >= by, "the answer is held");
    let one_way = host.slowed().unwrap();
    assert!(one_way.packets > 0);
    // What TCP has said again meanwhile may still come.
    round_trip(&mut other, &"beside it ".repeat(5_000));
    assert!(host.slowed().unwrap().bytes < one_way.bytes + 5_000, "no other link is slow");

    host.slow(&[(Node(1), Node(0), slow), (Node(0), Node(1), slow)]).unwrap();
    assert!(round_trip(&mut slowed, "both ways") >= by * 2);
    let numbers: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    numbers.iter().for_each(|number| say(&mut slowed, number));
    for number in &numbers {
        assert_eq!(read_line(&mut slowed, LONG).unwrap(), *number);
    }

    // A day would be longer than anybody waits: what is held goes on when the link is fast again.
    let day = Slow { by: Duration::from_secs(86_400), ..Slow::default() };
    host.slow(&[(Node(0), Node(1), day)]).unwrap();
    say(&mut slowed, "held");
    assert!(read_line(&mut slowed, SHORT).is_err() && !heard(&host, 1, "held"));
    host.slow(&[]).unwrap();
    assert_eq!(read_line(&mut slowed, LONG).unwrap(), "held");
    let healed = host.slowed().unwrap().packets;
    round_trip(&mut slowed, "fast");
    assert_eq!(host.slowed().unwrap().packets, healed, "a link that is fast again holds nothing");
    assert_eq!((host.dropped().unwrap(), host.lost().unwrap()), (0, 0), "nothing was thrown away");
}

#[test]
fn a_narrow_link_carries_its_rate_drops_what_does_not_fit_and_loses_nothing_for_tcp() {
    const RATE: u64 = 32_000;
    let Some((_state, mut host)) = slow_nodes(3) else { return };
    echoes(&mut host);
    let (mut narrow, mut other) = (dial(&host, Node(0), 1).unwrap(), dial(&host, Node(2), 1).unwrap());
    host.slow(&[(Node(0), Node(1), Slow { rate: Some(RATE), ..Slow::default() })]).unwrap();
    let lines: Vec<String> = (0..10).map(|number| format!("{number:010000}")).collect();
    let began = Instant::now();
    lines.iter().for_each(|line| say(&mut narrow, line));
    for line in &lines {
        assert_eq!(read_line(&mut narrow, LONG).unwrap(), *line);
    }
    let least = Duration::from_secs_f64(100_000.0 / RATE as f64);
    assert!(began.elapsed() >= least, "100 kB came in {:?}", began.elapsed());
    let slowed = host.slowed().unwrap();
    assert!(slowed.bytes > 100_000 && slowed.packets > 60, "packets are as small as on a wire: {slowed:?}");
    assert!(slowed.dropped > 0 && slowed.longest > Duration::from_millis(500), "{slowed:?}");
    assert!(slowed.longest < Duration::from_millis(1100), "what waits is sent within a second: {slowed:?}");
    // The last acknowledgements of the narrow one may still come.
    round_trip(&mut other, &"beside it ".repeat(5_000));
    assert!(host.slowed().unwrap().bytes < slowed.bytes + 5_000, "no other link is narrow");

    host.slow(&[]).unwrap();
    round_trip(&mut narrow, "wide");
    assert_eq!(host.slowed().unwrap().dropped, slowed.dropped);
    host.slow(&[(Node(0), Node(1), Slow { by: Duration::from_millis(50), ..Slow::default() })]).unwrap();
    round_trip(&mut narrow, "slow");
    assert_eq!(host.slowed().unwrap().longest, Duration::from_millis(50), "the longest since links became slow");
}

#[test]
fn what_is_held_when_a_cut_begins_is_cut() {
    let Some((_state, mut host)) = slow_nodes(2) else { return };
    echoes(&mut host);
    let mut stream = dial(&host, Node(0), 1).unwrap();
    host.slow(&[(Node(0), Node(1), Slow { by: Duration::from_secs(86_400), ..Slow::default() })]).unwrap();
    say(&mut stream, "held");
    eventually("it is held", || host.slowed().unwrap().packets > 0);
    host.cut(&[(Node(0), Node(1))]).unwrap();
    assert_eq!(host.dropped().unwrap(), 0, "it has not come to the cut yet");
    host.slow(&[]).unwrap();
    assert!(host.dropped().unwrap() > 0 && !heard(&host, 1, "held"));
    host.cut(&[]).unwrap();
    assert_eq!(read_line(&mut stream, LONG).unwrap(), "held", "TCP says it again");
}

#[test]
fn packets_overtake_each_other_where_each_is_held_as_it_comes() {
    let Some((_state, mut host)) = slow_nodes(2) else { return };
    let address = format!("{}:{PORT}", host.address(1));
    host.start(1, &role("hear", &[&address])).unwrap();
    let log = host.log(1, "hear");
    let heard = || fs::read_to_string(&log).unwrap();
    eventually("it listens", || heard().contains("listens"));
    host.slow(&[(Node(0), Node(1), Slow { up_to: Duration::from_millis(200), ..Slow::default() })]).unwrap();
    host.start(0, &role("tell", &[&address, "50"])).unwrap();
    let numbers = || heard().lines().filter_map(|line| line.parse::<u32>().ok()).collect::<Vec<_>>();
    eventually("all are heard", || numbers().len() == 50);
    assert!(!numbers().is_sorted(), "{:?}", numbers());
    assert_eq!(host.slowed().unwrap().packets, 50);

    // None that is held is thrown away, whatever becomes of the links meanwhile.
    let day = Slow { by: Duration::from_secs(86_400), ..Slow::default() };
    host.kill(0, "tell").unwrap();
    host.slow(&[(Node(0), Node(1), day)]).unwrap();
    host.start(0, &role("tell", &[&address, "50"])).unwrap();
    eventually("all are held", || host.slowed().unwrap().packets == 100);
    host.slow(&[(Node(0), Node(1), day), (Node(1), Node(0), day)]).unwrap();
    assert_eq!(numbers().len(), 50);
    host.slow(&[]).unwrap();
    eventually("all are let go", || numbers().len() == 100);
    assert!(numbers()[50..].is_sorted(), "{:?}", numbers());
}

/// Forks one child in a session of its own, one whose parent ends, and a plain one.
fn family() -> Daemon {
    Daemon::new("family", "sh", ["-c", "setsid sleep 600 & (sleep 600 &); sleep 600 & echo born; wait"])
}

#[test]
fn a_kill_or_a_pause_hits_all_that_was_forked() {
    let Some((_state, mut host)) = nodes(1) else { return };
    host.start(0, &family()).unwrap();
    host.start(0, &role("echo", &[&format!("{}:{PORT}", host.address(0))])).unwrap();
    eventually("four processes", || host.pids(0, "family").unwrap().len() == 4);
    let pids = host.pids(0, "family").unwrap();
    let all = |wanted: State| pids.iter().all(|pid| process::state(*pid) == wanted);
    assert!(host.start(0, &family()).unwrap_err().why.contains("runs there"));

    assert!(host.pause(0, "family").unwrap());
    assert!(all(State::Stopped) && host.alive(0, "family").unwrap());
    let echo = host.pids(0, "echo").unwrap();
    assert!(echo.len() == 1 && process::state(echo[0]) == State::Running, "another daemon of the node is not hurt");
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
fn a_daemon_is_asked_to_end_before_it_is_made_to() {
    let Some((_state, mut host)) = nodes(1) else { return };
    let trapping = |name: &str, what: &str| {
        Daemon::new(name, "sh", ["-c", &format!("trap '{what}' TERM; echo up; while :; do sleep 0.05; done")])
    };
    for (daemon, ends) in [(trapping("polite", "exit 0"), Stopped::Asked), (trapping("stubborn", ""), Stopped::Forced)]
    {
        host.start(0, &daemon).unwrap();
        let log = host.log(0, &daemon.name);
        eventually("its trap is set", || fs::read_to_string(&log).unwrap().contains("up"));
        let patience = if ends == Stopped::Asked { LONG } else { SHORT };
        assert_eq!(host.stop(0, &daemon.name, patience).unwrap(), ends);
        assert!(!host.alive(0, &daemon.name).unwrap());
        assert_eq!(host.stop(0, &daemon.name, LONG).unwrap(), Stopped::Before);
    }
}

#[test]
fn what_goes_wrong_on_a_node_is_told() {
    let Some((_state, mut host)) = nodes(1) else { return };
    assert_eq!(host.run(0, &["sh", "-c", "exit 3"], LONG).unwrap().status.code(), Some(3));
    let error = host.run(0, &["sleep", "600"], SHORT).unwrap_err();
    assert!(error.what.contains("was killed"), "{error}");
    host.start(0, &Daemon::new("nobody", "no-such-program", [""; 0])).unwrap();
    eventually("it has ended", || !host.alive(0, "nobody").unwrap());
    assert!(host.pids(0, "nobody").unwrap().is_empty() && host.kill(0, "nobody").unwrap().is_none());
    assert!(fs::read_to_string(host.log(0, "nobody")).unwrap().contains("no-such-program"));
    assert!(host.start(0, &Daemon::new("../x", "true", [""; 0])).is_err());
    let dialer = host.dialer(Clients);
    let dir = host.dir(0).to_path_buf();
    host.close().unwrap();
    host.close().unwrap();
    assert!(!dir.exists());
    assert!(host.cut(&[]).unwrap_err().why.contains("closed") && host.run(0, &["true"], LONG).is_err());
    assert!(dialer.connect("10.77.0.1:1".parse().unwrap(), SHORT).unwrap_err().to_string().contains("closed"));
}

#[test]
fn a_probe_says_what_the_machine_lets_us_do_and_leaves_nothing() {
    let state = tempfile::tempdir().unwrap();
    let findings = hosts::netns::probe(state.path());
    let names: Vec<&str> = findings.iter().map(|finding| finding.name).collect();
    assert!(names.starts_with(&["ip", "nft", "nsenter", "namespaces"]), "{names:?}");
    assert!(findings.iter().all(|finding| !finding.detail.is_empty()));
    if !common::skipped() {
        assert!(findings.iter().all(|finding| finding.ok) && names.last() == Some(&"node"), "{findings:?}");
    }
    assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
}

#[test]
fn a_wish_that_cannot_be_is_refused() {
    let state = tempfile::tempdir().unwrap();
    assert!(Netns::up(0, state.path()).unwrap_err().why.contains("1 to 200"));
    let file = state.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(Netns::up(1, &file).unwrap_err().what.contains("file"));
}

/// By how many seconds the last clock that a process of the daemon told differs from this one's.
fn off(host: &Netns, node: usize, who: &str) -> f64 {
    let log = fs::read_to_string(host.log(node, "clock")).unwrap_or_default();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let last =
        log.lines().rev().find_map(|line| line.strip_prefix(who)?.split_whitespace().next()?.parse::<f64>().ok());
    last.map_or(f64::NAN, |millis| millis / 1000.0 - now)
}

#[test]
fn a_clock_is_wrong_for_one_daemon_with_its_forks_until_it_is_set_right() {
    let Some((_state, mut host)) = nodes(2) else { return };
    if let Err(why) = &host.abilities().clock {
        return assert_ne!(std::env::consts::ARCH, "x86_64", "{why}");
    }
    let near = |seen: f64, wanted: f64| (seen - wanted).abs() < 2.0;
    for node in 0..2 {
        host.start(node, &role("clock", &[])).unwrap();
        for who in ["own ", "fork "] {
            eventually("it tells the time", || near(off(&host, node, who), 0.0));
        }
    }
    for offset in [100_250_000, -100_250_000] {
        let wanted = offset as f64 / 1e6;
        assert!(host.skew(0, "clock", offset).unwrap() >= 3, "the program, a shell and its fork");
        for who in ["own ", "fork "] {
            eventually("it tells a wrong time", || near(off(&host, 0, who), wanted));
        }
        assert!(near(off(&host, 1, "own "), 0.0), "another node's clock is right");
    }
    assert!(host.pause(0, "clock").unwrap());
    host.skew(0, "clock", 0).unwrap();
    let stopped =
        |host: &Netns| host.pids(0, "clock").unwrap().iter().all(|pid| process::state(*pid) == State::Stopped);
    assert!(stopped(&host), "who was paused stays so");
    assert!(host.resume(0, "clock").unwrap());
    for who in ["own ", "fork "] {
        eventually("it is right again", || near(off(&host, 0, who), 0.0));
    }
    let log = fs::read_to_string(host.log(0, "clock")).unwrap();
    let other = log.lines().filter_map(|line| line.strip_prefix("own ")?.split_once(' ')?.1.parse::<u64>().ok());
    assert!(other.is_sorted(), "the clock that only goes forward has not jumped");
    host.skew(0, "clock", 100_000_000).unwrap();
    host.kill(0, "clock").unwrap();
    assert_eq!(host.skew(0, "clock", 100_000_000).unwrap(), 0, "nobody is there");
    host.start(0, &role("clock", &[])).unwrap();
    eventually("it tells the time", || near(off(&host, 0, "own "), 0.0));
}
