//! Real databases on machines that are reached by SSH, which are nodes in namespaces with an SSH server each. The whole program is
//! run where such machines are reached from.
#![allow(clippy::disallowed_methods)] // Real databases keep real time.

#[path = "../../hosts/tests/sshd/mod.rs"]
mod sshd;

use databases::real::choose;
use sshd::Machines;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Whether a test must be skipped since this machine has not what it needs; says why. No excuse where skipping is forbidden.
fn skipped() -> bool {
    let etcd = choose("etcd").expect("it is in the table").expect("its choices are known").database.needed();
    let missing = etcd.missing().first().map(|program| format!("there is no program {program}"));
    let why = missing.or_else(sshd::missing).or_else(|| hosts::netns::possible().err().map(|error| error.to_string()));
    if let Some(why) = &why {
        assert!(std::env::var_os("PERJURY_NO_SKIP").is_none(), "machines are wanted: {why}");
        eprintln!("skipped: {why}");
    }
    why.is_some()
}

/// `perjury` with these words, where the machines are reached from, in `dir`.
fn perjury(machines: &Machines, dir: &Path, words: &str) -> Command {
    let mut command = machines.dialer().command().expect("the machines are up");
    command.arg(env!("CARGO_BIN_EXE_perjury")).args(words.split(' ')).current_dir(dir).stdin(Stdio::null());
    command
}

/// Signals a running program alone: what was spawned stands before it, and waits for it.
fn signal(run: &Child, signal: &str) {
    let parent = run.id().to_string();
    let pids = Command::new("ps").args(["--ppid", &parent, "-o", "pid="]).output().expect("ps is there").stdout;
    let pid = String::from_utf8_lossy(&pids).trim().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().expect("kill is there").success());
}

/// How it ended, and all that it said.
fn ended(mut command: Command) -> (i32, String) {
    let output = command.output().expect("it starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.code().expect("it was not killed"), String::from_utf8_lossy(&said).into_owned())
}

fn eventually(what: &str, so: impl FnMut() -> bool) {
    assert!(comes_true(so), "in vain: {what}");
}

/// Whether it is so within a minute and a half: whoever is lost without a word is given up after one.
fn comes_true(mut so: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    while !so() {
        if began.elapsed() > Duration::from_secs(90) {
            return false;
        }
        thread::sleep(Duration::from_millis(100));
    }
    true
}

#[test]
fn etcd_on_three_machines_holds_while_its_leader_is_cut_off_and_killed_and_nothing_is_left() {
    if skipped() {
        return;
    }
    let machines = Machines::up(3);
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::write(dir.path().join("hosts.toml"), machines.file()).expect("there is room");
    let words = "run --database etcd --tier ssh --hosts hosts.toml --workload register --nemesis isolate-leader+kill --time 40s";
    let (code, said) = ended(perjury(&machines, dir.path(), words));
    println!("{said}");
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("packets stopped") && said.contains("was gone after"), "{said}");
    assert_eq!(machines.left(), [""; 0]);
    for node in 1..=3 {
        let log = dir.path().join(format!("runs/latest/nodes/n{node}-etcd.log"));
        assert!(fs::read_to_string(log).expect("its log was brought here").contains("raft"));
    }

    // A replay needs the plan alone. Its controller is killed in the middle of it.
    fs::remove_file(dir.path().join("hosts.toml")).expect("it is there");
    let mut replay = perjury(&machines, dir.path(), "replay runs/latest").spawn().expect("it starts");
    let seen = |sign: &str| machines.left().iter().any(|line| line.contains(sign));
    eventually("etcd runs on all machines", || {
        ["n1: etcd", "n2: etcd", "n3: etcd", "inet perjury_", "here: "].into_iter().all(seen)
    });
    signal(&replay, "-KILL");
    replay.wait().expect("it ends with its controller");
    let mut left = Vec::new();
    let clean = || {
        left = machines.left();
        left.is_empty()
    };
    assert!(comes_true(clean), "the machines should clean up by themselves: {left:?}");
}

/// What `perjury run` says and how it ends, of etcd on three machines under such faults; that nothing is left there.
fn etcd_under(nemesis: &str, time: &str) -> (i32, String) {
    let machines = Machines::up(3);
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::write(dir.path().join("hosts.toml"), machines.file()).expect("there is room");
    let words = format!("run --database etcd --tier ssh --hosts hosts.toml --nemesis {nemesis} --time {time}");
    let (code, said) = ended(perjury(&machines, dir.path(), &format!("{words} --workload register")));
    println!("{said}");
    assert_eq!(machines.left(), [""; 0]);
    (code, said)
}

#[test]
fn the_program_that_is_sent_there_does_what_a_shell_cannot() {
    if skipped() {
        return;
    }
    let (code, said) = etcd_under("clock-ahead-leader+cpu-limit+delay", "40s");
    assert_eq!(code, 0, "{said}");
    for measured in ["was off by +", "was held for", "packets held back by"] {
        assert!(said.contains(measured), "{measured}: {said}");
    }
}

#[test]
fn files_are_damaged_by_the_program_that_is_sent_there() {
    if skipped() {
        return;
    }
    // Which file is hit is chance, and with it whether etcd notices and whether that run counts.
    let (_, said) = etcd_under("bit-flip", "20s");
    assert!(said.contains("and became 0x"), "{said}");
}

#[test]
fn after_ctrl_c_what_there_is_is_judged_and_nothing_is_left() {
    if skipped() {
        return;
    }
    let machines = Machines::up(1);
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::write(dir.path().join("hosts.toml"), machines.file()).expect("there is room");
    let words = "run --database etcd --tier ssh --hosts hosts.toml --workload register --nemesis pause --time 60s";
    let run = perjury(&machines, dir.path(), words).stdout(Stdio::piped()).spawn().expect("it starts");
    let begun =
        || fs::read_to_string(dir.path().join("runs/latest/history.jsonl")).unwrap_or_default().lines().count() > 20;
    eventually("clients have asked", begun);
    signal(&run, "-INT");
    let ended = run.wait_with_output().expect("it ends");
    assert!(ended.status.code().is_some_and(|code| code <= 3), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stdout).contains("report: "), "{ended:?}");
    assert_eq!(machines.left(), [""; 0]);
}

#[test]
fn the_keys_of_an_agent_let_one_in() {
    if skipped() {
        return;
    }
    let machines = Machines::up(1);
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (key, socket) = (machines.path("user"), dir.path().join("agent"));
    let text = machines.file().replace(&format!("key = \"{}\"\n", key.display()), "");
    assert!(!text.contains("key = "));
    fs::write(dir.path().join("hosts.toml"), text).expect("there is room");
    let mut agent =
        Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).stdout(Stdio::null()).spawn().expect("it is there");
    let run = || {
        let words = "run --database etcd --tier ssh --hosts hosts.toml --nemesis calm --time 3s";
        let mut command = perjury(&machines, dir.path(), words);
        command.env("SSH_AUTH_SOCK", &socket);
        ended(command)
    };
    eventually("the agent listens", || socket.exists());
    let (without, said_without) = run();
    // The stranger's key is tried first, and does not do.
    let add =
        |key: &str| Command::new("ssh-add").arg("-q").arg(machines.path(key)).env("SSH_AUTH_SOCK", &socket).status();
    let added = ["stranger", "user"].map(|key| add(key).expect("it is there").success());
    let (with, said_with) = run();
    agent.kill().and_then(|()| agent.wait()).expect("it was running");
    assert!(without == 70 && said_without.contains("the keys of the SSH agent cannot open"), "{said_without}");
    assert!(added == [true, true] && with != 70 && with != 64, "{with}: {said_with}");
    assert!(said_with.contains("report: "), "{said_with}");
    assert_eq!(machines.left(), [""; 0]);
}

#[test]
fn what_cannot_be_reached_is_told_and_what_is_wrong_starts_nothing() {
    if skipped() {
        return;
    }
    let machines = Machines::up(1);
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::write(dir.path().join("hosts.toml"), machines.file()).expect("there is room");
    fs::write(dir.path().join("wrong.toml"), "[[node]]\naddress = \"db1\"\npassword = \"secret\"\n")
        .expect("there is room");
    let run = "run --database etcd --workload register";
    for (words, expected) in [
        ("--tier ssh", "--hosts FILE"),
        ("--tier ssh --hosts nowhere.toml", "cannot read nowhere.toml"),
        ("--tier ssh --hosts wrong.toml", "wrong.toml:3"),
        ("--tier netns --hosts hosts.toml", "--hosts names machines for --tier ssh"),
        ("--tier ssh --hosts hosts.toml --nodes 3", "the hosts file has 1"),
    ] {
        let (code, said) = ended(perjury(&machines, dir.path(), &format!("{run} {words}")));
        assert_eq!(code, 64, "{words}: {said}");
        assert!(said.contains(expected), "{words}: {said}");
    }
    assert!(!dir.path().join("runs").exists());
    let (code, said) = ended(perjury(&machines, dir.path(), "doctor --hosts hosts.toml"));
    assert!(code == 0 && said.contains("1 machines were entered") && said.contains("  + clock"), "{said}");
    let (code, said) = ended(perjury(&machines, dir.path(), "doctor --hosts wrong.toml"));
    assert!(code == 64 && said.contains("wrong.toml:3"), "{said}");
    assert_eq!(machines.left(), [""; 0]);

    fs::remove_file(machines.path("known_hosts")).expect("it is there");
    let (code, said) = ended(perjury(&machines, dir.path(), &format!("{run} --tier ssh --hosts hosts.toml")));
    assert_eq!(code, 70, "{said}");
    assert!(said.contains("SHA256:") && said.contains("ssh-keyscan -p 2222 10.77.0.1"), "{said}");
    assert_eq!(machines.left(), [""; 0]);
}
