//! What the program does that is sent to machines: wrong clocks of single processes, processors that are held, files that are damaged.

use crate::common::{eventually, read_line, role, round_trip, say};
use crate::sshd::{Machines, SOMEBODY};
use crate::{LONG, SHORT, skipped};
use hosts::damage::Hurt;
use hosts::ssh::{HostsFile, Ssh};
use hosts::{Daemon, Endpoint, Host, Share, Slow, Slowed};
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

pub const SHARE: Share = Share { period: Duration::from_millis(100), percent: 50 };

pub fn up(machines: &Machines, text: &str, nodes: usize) -> Ssh {
    let program = Path::new(env!("CARGO_BIN_EXE_perjury-keep"));
    let file = HostsFile::read(text).expect("it is a hosts file");
    Ssh::up(&file, nodes, &machines.dialer(), Some(program)).expect("the machines take the program")
}

/// By how many seconds the clock is off that a daemon of the role `clock`, or its fork, reads.
fn off(host: &Ssh, node: usize, who: &str) -> f64 {
    let log = fs::read_to_string(host.log(node, "clock")).unwrap_or_default();
    let last = log.lines().rfind(|line| line.starts_with(who)).unwrap_or_default();
    let told: f64 = last.split(' ').nth(1).and_then(|millis| millis.parse().ok()).unwrap_or(0.0);
    told / 1e3 - SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64()
}

/// What a daemon of the role `clock` has said so far, in lines.
fn said(host: &Ssh) -> usize {
    fs::read_to_string(host.log(0, "clock")).unwrap_or_default().lines().count()
}

#[test]
fn single_processes_have_wrong_clocks_and_are_held_by_root_with_and_without_namespaces_and_by_others() {
    if skipped() {
        return;
    }
    let machines = Machines::up(2);
    for (root, namespaces) in [(true, true), (true, false), (false, false)] {
        if !namespaces {
            machines.program("unshare", "exit 1");
        }
        let user = if root { "root" } else { SOMEBODY };
        let mut host = up(&machines, &machines.file().replace("\"root\"", &format!("\"{user}\"")), 2);
        for (what, ability) in host.abilities().each() {
            let of_root = ["cut", "one-way", "loss", "delay", "reorder"].contains(&what);
            assert_eq!(ability.is_ok(), root || !of_root, "{user}, {what}: {ability:?}");
        }
        assert_eq!(host.skew(0, "clock", 1).unwrap(), 0, "nobody is there");
        assert!(!host.throttle(0, "clock", Some(SHARE)).unwrap() && !host.pause(0, "clock").unwrap());
        let near = |one: f64, other: f64| (one - other).abs() < 5.0;
        for node in 0..2 {
            host.start(node, &role("clock", &[])).unwrap();
            eventually("it tells the time", || {
                near(off(&host, node, "fork "), 0.0) && near(off(&host, node, "own "), 0.0)
            });
        }
        for offset in [100_250_000, -100_250_000] {
            assert!(host.skew(0, "clock", offset).unwrap() >= 3, "the program, a shell and its fork");
            for who in ["own ", "fork "] {
                eventually("it tells a wrong time", || near(off(&host, 0, who), offset as f64 / 1e6));
            }
            assert!(near(off(&host, 1, "own "), 0.0), "another node's clock is right");
        }
        assert!(host.skew(0, "clock", 0).unwrap() >= 3);
        eventually("it is right again", || near(off(&host, 0, "own "), 0.0));

        // Held by turns, paused meanwhile, and let go.
        let silent = |host: &Ssh| {
            let before = said(host);
            thread::sleep(SHARE.period * 4);
            said(host) == before
        };
        assert!(host.throttle(0, "clock", Some(SHARE)).unwrap());
        eventually("it was held", || host.held(0, "clock") > SHARE.period);
        assert!(host.pause(0, "clock").unwrap());
        eventually("a pause holds it all the time", || silent(&host));
        assert!(silent(&host));
        assert!(host.resume(0, "clock").unwrap());
        let before = said(&host);
        eventually("it goes on", || said(&host) > before);
        assert!(host.throttle(0, "clock", None).unwrap());
        let held = host.held(0, "clock");
        thread::sleep(SHARE.period * 4);
        assert_eq!(host.held(0, "clock"), held, "nobody holds it any more");

        // Whoever is started again is another one.
        assert!(host.throttle(0, "clock", Some(SHARE)).unwrap());
        assert!(host.skew(0, "clock", 100_000_000).unwrap() >= 3);
        assert!(host.kill(0, "clock").unwrap().is_some());
        assert_eq!(host.skew(0, "clock", 100_000_000).unwrap(), 0);
        host.start(0, &role("clock", &[])).unwrap();
        eventually("it tells the time", || near(off(&host, 0, "own "), 0.0));
        assert!(host.throttle(0, "clock", Some(SHARE)).unwrap());
        host.close().unwrap();
        assert_eq!(machines.left(), [""; 0]);
    }
}

#[test]
fn links_between_machines_are_slow_and_fast_again() {
    if skipped() {
        return;
    }
    let machines = Machines::up(2);
    let mut host = up(&machines, &machines.file(), 2);
    let addresses: Vec<SocketAddr> = (0..2).map(|node| SocketAddr::new(host.address(node), 7000)).collect();
    for (node, address) in addresses.iter().enumerate() {
        host.start(node, &role("echo", &[&address.to_string()])).unwrap();
        eventually("it listens", || host.connect(Endpoint::Clients, *address, LONG).is_ok());
    }
    let mut across = host.connect(Endpoint::Node(0), addresses[1], LONG).unwrap();
    let mut beside = host.connect(Endpoint::Node(1), addresses[1], LONG).unwrap();
    let took = |stream: &mut TcpStream| round_trip(stream, "hello");
    assert_eq!(host.slowed().unwrap(), Slowed::default());
    let slow = |by: u64, rate| Slow { by: Duration::from_millis(by), up_to: Duration::ZERO, rate };
    let link = (Endpoint::Node(0), Endpoint::Node(1));
    host.slow(&[(link.0, link.1, slow(400, None)), (link.1, link.0, slow(200, None))]).unwrap();
    assert!(took(&mut across) >= Duration::from_millis(600), "there and back");
    let before = host.slowed().unwrap();
    assert!(before.packets >= 2 && before.bytes > 100 && before.longest >= Duration::from_millis(400), "{before:?}");
    took(&mut beside);
    host.slow(&[(link.0, link.1, slow(0, Some(1000)))]).unwrap();
    let fast = took(&mut across);
    say(&mut across, &"long ".repeat(400));
    let began = Instant::now();
    read_line(&mut across, LONG).unwrap();
    assert!(began.elapsed() > Duration::from_secs(1), "2000 bytes at 1000 a second, and {fast:?} for a word");
    // What is held goes on at once where the link is fast again.
    host.slow(&[(link.0, link.1, slow(600_000, None))]).unwrap();
    say(&mut across, "held");
    read_line(&mut across, SHORT).unwrap_err();
    host.slow(&[]).unwrap();
    assert_eq!(read_line(&mut across, LONG).unwrap(), "held");
    let done = host.slowed().unwrap();
    took(&mut across);
    assert_eq!(host.slowed().unwrap().packets, done.packets);
    // A cut counts what comes late.
    host.slow(&[(link.0, link.1, slow(300, None))]).unwrap();
    let dropped = host.dropped().unwrap();
    say(&mut across, "cut");
    host.cut(&[link]).unwrap();
    read_line(&mut across, Duration::from_secs(1)).unwrap_err();
    assert!(host.dropped().unwrap() > dropped);
    host.close().unwrap();
    assert_eq!(machines.left(), [""; 0]);
}

#[test]
fn two_nodes_of_one_machine_have_a_queue_each() {
    if skipped() {
        return;
    }
    let machines = Machines::up(1);
    let run = |words: &[&str]| machines.netns.run(0, words, LONG).unwrap();
    assert!(run(&["ip", "addr", "add", "10.77.0.101/32", "dev", "lo"]).status.success());
    let second = "peers = \"10.77.0.1\"\n[[node]]\naddress = \"10.77.0.1\"\npeers = \"10.77.0.101\"\n";
    let mut host = up(&machines, &(machines.file() + second), 2);
    assert_eq!(host.abilities().delay, Ok(()));
    let chains = String::from_utf8(run(&["iptables", "-t", "mangle", "-S"]).stdout).unwrap();
    assert_eq!(chains.matches("-N perjury_q").count(), 2, "{chains}");
    // Whichever of the two ends last takes the table along.
    host.close().unwrap();
    assert_eq!(machines.left(), [""; 0]);

    // A table that was there before stays as it was.
    let rule = "-A POSTROUTING -p udp -j ACCEPT";
    let words: Vec<&str> = "iptables -t mangle".split(' ').chain(rule.split(' ')).collect();
    assert!(run(&words).status.success());
    up(&machines, &machines.file(), 1).close().unwrap();
    let rules = String::from_utf8(run(&["iptables", "-t", "mangle", "-S"]).stdout).unwrap();
    assert!(rules.contains(rule) && !rules.contains("perjury"), "{rules}");
    assert_eq!(machines.left(), ["n1: table ip mangle"]);
}

#[test]
fn files_of_a_machine_are_damaged_and_put_back() {
    if skipped() {
        return;
    }
    let machines = Machines::up(1);
    let mut host = up(&machines, &machines.file(), 1);
    let read = |host: &Ssh, name: &str| host.run(0, &["cat", name], LONG).unwrap().stdout;
    let write = "mkdir 'a dir' && printf 'committed' >'a dir/log file' && : >empty && ln -s /etc/passwd link";
    assert!(host.run(0, &["sh", "-c", write], LONG).unwrap().status.success());
    let log = Path::new("a dir/log file");
    assert_eq!(host.files(0).unwrap(), [log], "they are there, and not here");
    assert!(!host.dir(0).join(log).exists());

    let damage = host.damage(0, log, Hurt::Flip { byte: 2, bit: 0 }).unwrap();
    assert_eq!((damage.offset, &damage.before[..], &damage.after[..]), (2, &b"m"[..], &b"l"[..]));
    assert_eq!(read(&host, "a dir/log file"), b"colmitted");
    assert!(host.undo(0, &damage).unwrap() && !host.undo(0, &damage).unwrap());
    let damage = host.damage(0, log, Hurt::Shorten(3)).unwrap();
    assert_eq!(read(&host, "a dir/log file"), b"commit");
    assert!(host.undo(0, &damage).unwrap());
    assert_eq!(read(&host, "a dir/log file"), b"committed");
    let error = host.damage(0, Path::new("none"), Hurt::Shorten(3)).unwrap_err();
    assert!(error.why.contains("No such file"), "{error}");
    assert_eq!(host.files(0).unwrap(), [log], "it answers on");
    host.close().unwrap();
    assert_eq!(machines.left(), [""; 0]);
}

#[test]
fn a_program_that_does_not_run_there_is_no_ability_and_ends_nothing() {
    if skipped() {
        return;
    }
    let machines = Machines::up(1);
    let file = HostsFile::read(&machines.file()).unwrap();
    let program = machines.path("program");
    for (text, expected) in
        [("\x7fELF of another machine", "has ended"), ("#!/bin/sh\necho oops >&2; exit 3\n", "oops")]
    {
        fs::write(&program, text).unwrap();
        let mut host = Ssh::up(&file, 1, &machines.dialer(), Some(&program)).unwrap();
        let why = host.abilities().files.clone().unwrap_err();
        assert!(why.contains("n1, root@10.77.0.1:2222") && why.contains(expected), "{why}");
        assert!(host.throttle(0, "sleep", Some(SHARE)).is_err() && host.skew(0, "sleep", 5).is_err());
        host.start(0, &Daemon::new("sleep", "sleep", ["601"])).unwrap();
        assert!(host.pause(0, "sleep").unwrap() && host.resume(0, "sleep").unwrap() && host.alive(0, "sleep").unwrap());
        host.close().unwrap();
        assert_eq!(machines.left(), [""; 0]);
    }
    // Where it cannot be sent at all.
    let mut host = Ssh::up(&file, 1, &machines.dialer(), Some(&machines.path("nowhere"))).unwrap();
    let why = host.abilities().cpu.clone().unwrap_err();
    assert!(why.contains("cannot read") && why.contains("nowhere"), "{why}");
    thread::sleep(SHORT);
    host.close().unwrap();
    assert_eq!(machines.left(), [""; 0]);
}
