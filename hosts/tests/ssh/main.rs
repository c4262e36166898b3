//! Machines that are reached by SSH, which are nodes in namespaces with an SSH server each.
#![allow(clippy::disallowed_methods)] // A real machine keeps real time.

#[path = "../common/mod.rs"]
mod common;
mod hand;
#[path = "../sshd/mod.rs"]
mod sshd;

use common::{eventually, read_line, role, say};
use hosts::ssh::{HostsFile, Ssh};
use hosts::{Endpoint, Host, Slow, Stopped};
use sshd::Machines;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(300);

fn skipped() -> bool {
    common::skipped() || common::skip(sshd::missing())
}

fn up(machines: &Machines, text: &str, nodes: usize) -> hosts::Result<Ssh> {
    Ssh::up(&HostsFile::read(text).expect("it is a hosts file"), nodes, &machines.dialer(), None)
}

#[test]
fn daemons_are_started_paused_killed_and_cut_off_by_ssh_alone() {
    if skipped() {
        return;
    }
    let machines = Machines::up(2);
    let mut host = up(&machines, &machines.file(), 2).unwrap();
    for (what, ability) in host.abilities().each() {
        let beyond = ["delay", "reorder", "clock", "cpu-limit", "files"];
        assert_eq!(ability.is_ok(), !beyond.contains(&what), "{what}: {ability:?}");
    }
    let there = machines.left();
    for sign in ["n2: perjury_", "n1: table inet perjury_", "perjury-agent", "here: "] {
        assert!(
            there.iter().any(|line| line.contains(sign)),
            "what is left is seen while it is there: {sign}: {there:?}"
        );
    }

    // Commands: words of any kind, both outputs, the status, and an end when patience runs out.
    let said = host.run(0, &["sh", "-c", "pwd; cat file; echo \"$0\" >&2; exit 3", "it's\n\"$so\""], LONG);
    let said = said.unwrap();
    assert_eq!(said.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&said.stdout).starts_with(host.dir(0).to_str().unwrap()), "{said:?}");
    assert!(String::from_utf8_lossy(&said.stderr).contains("it's\n\"$so\""), "{said:?}");
    let error = host.run(1, &["sh", "-c", "sleep 600 & sleep 600"], SHORT).unwrap_err();
    assert!(error.why.contains("took longer"), "{error}");

    // Files that are written here are there, as they are here.
    let script = host.dir(0).join("below/script");
    fs::create_dir_all(script.parent().unwrap()).unwrap();
    fs::write(&script, "#!/bin/sh\necho \"it's \\\\ here\"\n").unwrap();
    Command::new("chmod").arg("750").arg(&script).status().unwrap();
    let said = host.run(0, &["sh", "-c", "below/script; stat -c %a below/script"], LONG).unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "it's \\ here\n750\n");

    // Daemons, and connections that begin beside them.
    let addresses: Vec<SocketAddr> = (0..2).map(|node| SocketAddr::new(host.address(node), 7000)).collect();
    for (node, address) in addresses.iter().enumerate() {
        let refused = host.connect(Endpoint::Clients, *address, LONG).unwrap_err();
        assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
        host.start(node, &role("echo", &[&address.to_string()])).unwrap();
        eventually("it listens", || host.connect(Endpoint::Clients, *address, LONG).is_ok());
    }
    assert!(host.start(0, &role("echo", &[&addresses[0].to_string()])).unwrap_err().why.contains("runs there"));
    let mut across = host.connect(Endpoint::Node(0), addresses[1], LONG).unwrap();
    let mut beside = host.connect(Endpoint::Node(1), addresses[1], LONG).unwrap();
    let mut outside = host.connect(Endpoint::Clients, addresses[1], LONG).unwrap();
    for stream in [&mut across, &mut beside, &mut outside] {
        say(stream, "hello");
        assert_eq!(read_line(stream, LONG).unwrap(), "hello");
    }
    let long = "long ".repeat(100_000);
    say(&mut across, &long);
    assert_eq!(read_line(&mut across, LONG).unwrap(), long);
    assert!(fs::read_to_string(host.log(1, "echo")).unwrap().contains("hello"));

    // A cut holds back what comes from that peer, and neither other clients nor the controller.
    host.cut(&[(Endpoint::Node(0), Endpoint::Node(1))]).unwrap();
    say(&mut across, "held back");
    read_line(&mut across, SHORT).unwrap_err();
    let late = host.connect(Endpoint::Node(0), addresses[1], SHORT).unwrap_err();
    assert_eq!(late.kind(), std::io::ErrorKind::TimedOut);
    for stream in [&mut beside, &mut outside] {
        say(stream, "not cut");
        assert_eq!(read_line(stream, LONG).unwrap(), "not cut");
    }
    assert!(host.dropped().unwrap() > 0);
    host.cut(&[]).unwrap();
    assert_eq!(read_line(&mut across, LONG).unwrap(), "held back");
    host.cut(&[(Endpoint::Clients, Endpoint::Node(1))]).unwrap_err();
    host.lose(&[(Endpoint::Node(0), Endpoint::Node(1), 100)]).unwrap();
    host.connect(Endpoint::Node(0), addresses[1], SHORT).unwrap_err();
    host.lose(&[]).unwrap();
    assert!(host.lost().unwrap() > 0);

    assert!(machines.left().iter().any(|line| line.contains("common::play")), "a daemon is seen");

    // What a daemon asks for beyond its limit is refused until it is lifted.
    host.start(0, &role("grow", &[])).unwrap();
    let grow = host.log(0, "grow");
    let said = |host: &Ssh, word: &str| {
        host.log(0, "grow");
        fs::read_to_string(&grow).unwrap_or_default().lines().last() == Some(word)
    };
    eventually("it grows", || said(&host, "granted"));
    let limited = host.limit_memory(0, "grow", Some(1 << 20)).unwrap();
    assert!(!limited.is_empty() && limited.iter().all(|one| one.may_have == one.had + (1 << 20)), "{limited:?}");
    let again = host.limit_memory(0, "grow", Some(1 << 30)).unwrap();
    assert!(again.iter().all(|one| one.may_have < 1 << 30), "who is limited is left alone: {again:?}");
    eventually("it is refused", || said(&host, "refused"));
    assert_eq!(host.limit_memory(0, "grow", None).unwrap(), []);
    eventually("it grows again", || said(&host, "granted"));
    assert!(host.kill(0, "grow").unwrap().is_some());
    assert_eq!(host.limit_memory(0, "grow", Some(1)).unwrap(), []);

    // Pause, resume, kill, stop.
    assert!(host.pause(1, "echo").unwrap());
    say(&mut beside, "later");
    read_line(&mut beside, SHORT).unwrap_err();
    assert!(host.resume(1, "echo").unwrap());
    assert_eq!(read_line(&mut beside, LONG).unwrap(), "later");
    assert_eq!(host.pids(1, "echo").unwrap().len(), 1);
    assert!(host.kill(1, "echo").unwrap().is_some());
    assert!(!host.alive(1, "echo").unwrap() && host.pids(1, "echo").unwrap().is_empty());
    read_line(&mut beside, LONG).unwrap_err();
    assert_eq!(host.kill(1, "echo").unwrap(), None);
    assert_eq!(host.stop(0, "echo", LONG).unwrap(), Stopped::Asked);
    let forks =
        hosts::Daemon::new("forks", "sh", ["-c", "sleep 601 & setsid sleep 602 & trap '' TERM; sleep 603; wait"]);
    host.start(0, &forks).unwrap();
    eventually("it has forked", || host.pids(0, "forks").unwrap().len() == 4);
    assert!(host.pause(0, "forks").unwrap());
    assert!(host.kill(0, "forks").unwrap().is_some());

    host.close().unwrap();
    host.close().unwrap();
    assert_eq!(machines.left(), [""; 0]);
}

/// A `date` for machines whose clock is this machine's: it keeps by how many microseconds it is off, each machine its own.
const DATE: &str = r#"
off=$(cat /run/off 2>/dev/null || echo 0)
now=$(($(/bin/date +%s%N) / 1000))
case "$*" in
"+%s%N") echo $(((now + off) * 1000)) ;;
"-u -s @"*) wanted=${3#@} && echo $((${wanted%.*} * 1000000 + 1${wanted#*.} - 1000000 - now)) >/run/off ;;
*) exit 1 ;;
esac"#;

#[test]
fn a_whole_machines_clock_is_set_where_that_is_asked_for_and_comes_right() {
    if skipped() {
        return;
    }
    let machines = Machines::up(2);
    machines.program("date", DATE);
    let run = |node: usize, script: &str| {
        let said = machines.netns.run(node, &["sh", "-c", script], LONG).unwrap();
        String::from_utf8_lossy(&said.stdout).trim().to_string()
    };
    let off = |node: usize| run(node, "cat /run/off || echo 0").parse::<i64>().unwrap();
    let is = |node: usize, wished: i64| assert!((off(node) - wished).abs() < 50_000, "{wished}: {}", off(node));

    let mixed = format!("{}set_clock = true\n", machines.file());
    let mut host = up(&machines, &mixed, 2).unwrap();
    let why = host.abilities().clock.clone().unwrap_err();
    assert!(why.contains("set_clock = true` of n2") && why.contains("not of n1"), "{why}");
    assert!(host.skew(1, "sleeps", 1_000_000).unwrap_err().why.contains("set_clock = true"));
    host.close().unwrap();

    let asked = format!("set_clock = true\n{}", machines.file());
    run(1, "echo 3000000 >/run/off");
    let host = up(&machines, &asked, 2).unwrap();
    let why = host.abilities().clock.clone().unwrap_err();
    assert!(why.contains("n2") && why.contains(" s apart") && why.contains("NTP"), "{why}");
    drop(host);
    run(1, "echo 0 >/run/off");

    let mut host = up(&machines, &asked, 2).unwrap();
    assert_eq!(host.abilities().clock, Ok(()));
    let sleeps = hosts::Daemon::new("sleeps", "sh", ["-c", "sleep 604 & sleep 605"]);
    host.start(0, &sleeps).unwrap();
    eventually("it has forked", || host.pids(0, "sleeps").unwrap().len() == 3);
    for wished in [100_000_000, -7_000_000, 0, 250_000] {
        assert_eq!(host.skew(0, "sleeps", wished).unwrap(), 3);
        is(0, wished);
        is(1, 0);
    }
    // Somebody else sets it right.
    run(0, "echo 0 >/run/off");
    assert_eq!(host.skew(0, "sleeps", 250_000).unwrap(), 3);
    is(0, 250_000);
    // A clock that does not move is not believed, and where the kernel refuses that is told.
    machines.program("date", &DATE.replace(">/run/off", ">/dev/null"));
    assert_eq!(host.skew(0, "sleeps", -5_000_000).unwrap(), 0);
    machines.program("date", DATE);
    host.skew(1, "none", 5_000_000).unwrap();
    machines.program("date", "[ \"$*\" = +%s%N ] && exec /bin/date +%s%N; echo 'Operation not permitted' >&2; exit 1");
    let error = host.skew(1, "none", -5_000_000).unwrap_err();
    assert!(error.to_string().contains("not permitted"), "{error}");
    machines.program("date", DATE);
    host.close().unwrap();
    is(0, 0);
    is(1, 0);
    assert_eq!(machines.left(), [""; 0]);
}

#[test]
fn a_machine_whose_key_is_unknown_or_another_one_is_not_entered() {
    if skipped() {
        return;
    }
    let machines = Machines::up(1);
    let host_key = machines.path("host.pub");
    let shown = Command::new("ssh-keygen").arg("-lf").arg(&host_key).output().unwrap().stdout;
    let shown = String::from_utf8(shown).unwrap().split(' ').nth(1).unwrap().to_string();
    assert!(shown.starts_with("SHA256:"), "{shown}");

    fs::remove_file(machines.path("known_hosts")).unwrap();
    let error = up(&machines, &machines.file(), 1).err().expect("nobody knows it");
    assert!(error.what.contains("is not known") && error.why.contains(&shown), "{error}");
    assert!(error.mend.contains("ssh-keyscan -p 2222 10.77.0.1 >>"), "{error}");

    machines.know(&fs::read_to_string(machines.path("stranger.pub")).unwrap());
    let error = up(&machines, &machines.file(), 1).err().expect("it has another key");
    assert!(error.what.contains("ANOTHER KEY") && error.why.contains(&shown), "{error}");
    assert!(error.mend.contains("ssh-keygen -R '[10.77.0.1]:2222'"), "{error}");
    assert_eq!(machines.left(), [""; 0]);
}

#[test]
fn a_login_that_fails_says_which_key_of_which_user_and_what_would_do() {
    if skipped() {
        return;
    }
    let machines = Machines::up(1);
    let [right, wrong, none] = ["user", "stranger", "none"].map(|name| machines.path(name).display().to_string());
    let error = up(&machines, &machines.file().replace(&right, &wrong), 1).err().expect("it opens nothing");
    assert!(error.why.contains(&format!("{wrong} cannot open it for the user root")), "{error}");
    assert!(
        error.why.contains("the server accepts: publickey") && error.mend.contains("~root/.ssh/authorized_keys"),
        "{error}"
    );
    let error = up(&machines, &machines.file().replace(&right, &none), 1).err().expect("there is none");
    assert!(error.why.contains(&format!("there is no key {none}")), "{error}");

    // An address where nobody is, a directory that is not there, more nodes than machines.
    let error = up(&machines, &machines.file().replace("port = 2222", "port = 2223"), 1).err().expect("nobody listens");
    assert!(error.what.contains("n1, root@10.77.0.1:2223 cannot be reached"), "{error}");
    let text = machines.file().replace(machines.runs().to_str().unwrap(), "/proc");
    let error = up(&machines, &text, 1).err().expect("nobody writes there");
    assert!(error.what.contains("/proc"), "{error}");
    let error = up(&machines, &machines.file(), 2).err().expect("there is one");
    assert!(error.why.contains("has 1"), "{error}");
    let text = machines.file() + "sudo = true\n";
    machines.program("sudo", "echo 'sudo: a password is required' >&2; exit 1");
    let error = up(&machines, &text, 1).err().expect("nobody types a password");
    assert!(error.why.contains("a password is required") && error.mend.contains("asks for no password"), "{error}");
    machines.program("sudo", "[ \"$1\" = -n ] && shift && exec \"$@\"");
    up(&machines, &text, 1).unwrap().close().unwrap();
    assert_eq!(machines.left(), [""; 0]);
}

#[test]
fn a_machine_that_has_the_controllers_own_disk_is_not_copied_to() {
    if skipped() {
        return;
    }
    let machines = Machines::up(1);
    let shared = machines.path("shared");
    fs::create_dir(&shared).unwrap();
    let text = machines.file().replace(machines.runs().to_str().unwrap(), shared.to_str().unwrap());
    let mut host = up(&machines, &text, 1).unwrap();
    fs::write(host.dir(0).join("words"), "once\n").unwrap();
    host.start(0, &hosts::Daemon::new("says", "sh", ["-c", "cat words; sleep 601"])).unwrap();
    eventually("it says so", || !fs::read_to_string(host.log(0, "says")).unwrap_or_default().is_empty());
    host.follow(0, &host.dir(0).join("words"));
    for path in [host.log(0, "says"), host.log(0, "says"), host.dir(0).join("words")] {
        assert_eq!(fs::read_to_string(&path).unwrap(), "once\n", "{}", path.display());
    }
    host.close().unwrap();
    assert_eq!(fs::read_dir(&shared).unwrap().count(), 0);
    assert_eq!(machines.left(), [""; 0]);
}

#[test]
fn where_there_are_no_namespaces_forks_are_found_all_the_same() {
    if skipped() {
        return;
    }
    let machines = Machines::up(1);
    machines.program("unshare", "exit 1");
    let mut host = up(&machines, &machines.file(), 1).unwrap();
    let forks = hosts::Daemon::new("forks", "sh", ["-c", "sleep 601 & setsid sleep 602 & sleep 603"]);
    for _ in 0..2 {
        host.start(0, &forks).unwrap();
        eventually("it has forked", || host.pids(0, "forks").unwrap().len() == 4);
        assert!(host.pause(0, "forks").unwrap() && host.resume(0, "forks").unwrap());
        assert!(host.kill(0, "forks").unwrap().is_some());
        assert!(!machines.left().iter().any(|line| line.contains("sleep 60")));
    }
    host.start(0, &forks).unwrap();
    // Whoever is forked after all have been asked has not been.
    eventually("it has forked", || host.pids(0, "forks").unwrap().len() == 4);
    assert_eq!(host.stop(0, "forks", LONG).unwrap(), Stopped::Asked);
    host.start(0, &forks).unwrap();
    eventually("it has forked", || host.pids(0, "forks").unwrap().len() == 4);
    host.close().unwrap();
    assert_eq!(machines.left(), [""; 0]);
}

#[test]
fn who_is_not_root_starts_and_kills_and_is_told_why_nothing_can_be_cut() {
    if skipped() {
        return;
    }
    let machines = Machines::up(1);
    let text = machines.file().replace("\"root\"", &format!("\"{}\"", sshd::SOMEBODY));
    let mut host = up(&machines, &text, 1).unwrap();
    let why = host.abilities().cut.clone().expect_err("only root has tables");
    assert!(why.contains("n1, perjurer@10.77.0.1:2222") && why.contains("`sudo = true`"), "{why}");
    assert_eq!(host.run(0, &["id", "-u"], LONG).unwrap().stdout, b"12345\n");
    fs::write(host.dir(0).join("words"), "sent\n").unwrap();
    let daemon = hosts::Daemon::new("says", "sh", ["-c", "cat words; sleep 601 & setsid sleep 602"]);
    host.start(0, &daemon).unwrap();
    eventually("it has forked", || host.pids(0, "says").unwrap().len() == 3);
    assert_eq!(fs::read_to_string(host.log(0, "says")).unwrap(), "sent\n");
    assert!(host.pause(0, "says").unwrap() && host.kill(0, "says").unwrap().is_some());
    assert!(!machines.left().iter().any(|line| line.contains("sleep 60")));
    host.start(0, &daemon).unwrap();
    host.close().unwrap();
    assert_eq!(machines.left(), [""; 0]);
}

#[test]
fn a_machine_that_hears_no_more_of_its_controller_cleans_up_by_itself() {
    if skipped() {
        return;
    }
    let mut machines = Machines::up(1);
    let mut host = hand::up(&machines, &machines.file(), 1);
    host.start(0, &hosts::Daemon::new("sleep", "sleep", ["601"])).unwrap();
    // Whatever is done to it meanwhile.
    assert!(host.throttle(0, "sleep", Some(hand::SHARE)).unwrap());
    assert_eq!(host.skew(0, "sleep", 100_000_000).unwrap(), 1);
    let slow = Slow { by: LONG, ..Slow::default() };
    host.slow(&[(Endpoint::Node(0), Endpoint::Node(0), slow)]).unwrap();
    for sign in ["perjury_q", "table ip mangle", "/hand hand"] {
        assert!(machines.left().iter().any(|line| line.contains(sign)), "{sign} is seen while it is there");
    }
    let there = |machines: &Machines| machines.left().iter().filter(|line| line.starts_with("n1: ")).count();
    assert!(there(&machines) > 3, "{:?}", machines.left());
    // Nobody is told that the connection has ended.
    machines.netns.cut(&[(Endpoint::Clients, Endpoint::Node(0)), (Endpoint::Node(0), Endpoint::Clients)]).unwrap();
    let began = Instant::now();
    while there(&machines) > 0 {
        assert!(began.elapsed() < LONG * 5, "{:?}", machines.left());
        thread::sleep(SHORT);
    }
    machines.netns.cut(&[]).unwrap();
    let error = host.close().unwrap_err();
    assert!(error.what.contains("n1, root@10.77.0.1:2222"), "{error}");
    assert_eq!(machines.left(), [""; 0]);
}
