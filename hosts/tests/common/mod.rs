//! What the tests of real nodes share: small programs to run on nodes, which are this test binary under other names.
#![allow(dead_code)] // Each test binary uses its part.

use hosts::Daemon;
use hosts::netns::{self, Netns};
use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

const ROLE: &str = "PERJURY_TEST_ROLE";

/// Whether a test must be skipped since this process cannot make nodes; says why. No excuse where skipping is forbidden.
pub fn skipped() -> bool {
    skip(netns::possible().err().map(|error| error.to_string()))
}

/// The same for a test that does not need this process to be allowed to, only the programs.
pub fn skipped_for_programs() -> bool {
    let missing =
        |program: &&str| !Command::new(program).arg("-V").output().is_ok_and(|output| output.status.success());
    skip(["ip", "nft"].into_iter().find(missing).map(|program| format!("the program {program} is missing")))
}

/// Says why, if there is a reason.
pub fn skip(why: Option<String>) -> bool {
    if let Some(why) = &why {
        assert!(env::var_os("PERJURY_NO_SKIP").is_none(), "real nodes are wanted: {why}");
        eprintln!("skipped: {why}");
    }
    why.is_some()
}

/// This test binary in a role, as a daemon that is named after it.
pub fn role(name: &str, words: &[&str]) -> Daemon {
    let mut daemon = Daemon::new(name, env::current_exe().unwrap(), ROLE_ARGUMENTS);
    daemon.env.push((ROLE.into(), role_text(name, words)));
    daemon
}

/// The same as a command of this machine.
pub fn command(exe: &Path, name: &str, words: &[&str]) -> Vec<OsString> {
    let role = format!("{ROLE}={}", role_text(name, words).to_str().unwrap());
    let mut line: Vec<OsString> = vec!["env".into(), role.into(), exe.into()];
    line.extend(ROLE_ARGUMENTS.map(OsString::from));
    line
}

const ROLE_ARGUMENTS: [&str; 4] = ["--exact", "common::play", "--ignored", "--nocapture"];

fn role_text(name: &str, words: &[&str]) -> OsString {
    [&[name], words].concat().join(" ").into()
}

/// Not a test: where this binary begins in a role.
#[test]
#[ignore = "it is a program that other tests run"]
fn play() {
    let Ok(role) = env::var(ROLE) else { return };
    match role.split(' ').collect::<Vec<_>>()[..] {
        ["echo", address] => echo(address),
        ["clock"] => clock(),
        ["grow"] => grow(),
        ["hear", address] => hear(address),
        ["tell", address, count] => tell(address, count.parse().unwrap()),
        ["controller", state, end] => controller(Path::new(state), end),
        ["local-controller", state, keeper] => local_controller(Path::new(state), keeper),
        _ => panic!("nobody knows the role {role}"),
    }
}

/// Says what comes to an address, packet by packet.
fn hear(address: &str) {
    let socket = UdpSocket::bind(address).unwrap();
    println!("\nlistens");
    let mut packet = [0; 99];
    loop {
        let length = socket.recv(&mut packet).unwrap();
        println!("{}", String::from_utf8_lossy(&packet[..length]));
    }
}

/// Sends so many numbers there, a packet each, and stays until it is ended.
fn tell(address: &str, count: u32) {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    for number in 0..count {
        socket.send_to(number.to_string().as_bytes(), address).unwrap();
    }
    loop {
        thread::park();
    }
}

/// Says again and again what both clocks read, in milliseconds, and has a child that does so too.
fn clock() {
    let began = Instant::now();
    // A fork without a new program, as databases have workers: a shell's subshell reads its clock by itself.
    let mut shell = Command::new("bash").args(["-c", SUBSHELL]).spawn().unwrap();
    while shell.try_wait().unwrap().is_none() {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        println!("own {} {}", wall.as_millis(), began.elapsed().as_millis());
        thread::sleep(Duration::from_millis(20));
    }
}

const SUBSHELL: &str = r#"(while sleep 0.02; do printf 'fork %(%s)T000 0\n' -1; done)"#;

/// Asks again and again for 64 MiB, gives them back, and says whether it got them.
fn grow() {
    loop {
        let mut room = Vec::<u8>::new();
        let granted = room.try_reserve_exact(64 << 20).is_ok();
        drop(std::hint::black_box(room));
        println!("{}", if granted { "granted" } else { "refused" });
        thread::sleep(Duration::from_millis(10));
    }
}

/// Answers each line with itself, and prints it.
fn echo(address: &str) {
    for stream in TcpListener::bind(address).unwrap().incoming().flatten() {
        thread::spawn(move || {
            for line in BufReader::new(&stream).lines().map_while(Result::ok) {
                println!("{line}");
                let _ = (&stream).write_all(format!("{line}\n").as_bytes());
            }
        });
    }
}

/// Sets up two nodes with an echo each and a mount on one, cuts them, tells so, and ends as told after a line of input.
fn controller(state: &Path, end: &str) {
    use hosts::Endpoint::{Clients, Node};
    use hosts::Host;
    if let Err(error) = netns::reexec_if_needed() {
        println!("refused: {error}");
        return;
    }
    let mut host = Netns::up(2, state).unwrap();
    for node in 0..2 {
        host.start(node, &role("echo", &[&format!("{}:7000", host.address(node))])).unwrap();
        eventually("it listens", || {
            host.connect(Clients, (host.address(node), 7000).into(), Duration::from_secs(1)).is_ok()
        });
    }
    host.run(0, &["mount", "-t", "tmpfs", "tmpfs", "."], Duration::from_secs(30)).unwrap();
    host.cut(&[(Node(0), Node(1))]).unwrap();
    let cut = host.connect(Node(0), (host.address(1), 7000).into(), Duration::from_millis(200));
    assert!(cut.is_err() && host.dropped().unwrap() > 0);
    assert!(host.throttle(0, "echo", Some(OFTEN)).unwrap());
    assert!(host.pause(1, "echo").unwrap());
    let uid = host.run(0, &["id", "-u"], Duration::from_secs(30)).unwrap();
    println!("up as {} in {}", String::from_utf8_lossy(&uid.stdout).trim(), host.dir(0).parent().unwrap().display());
    io::stdin().read_line(&mut String::new()).unwrap();
    match end {
        "close" => host.close().unwrap(),
        "panic" => panic!("as told"),
        "exit" => std::process::exit(0), // Nothing is dropped.
        _ => unreachable!(),
    }
}

/// Held nearly all the time.
const OFTEN: hosts::Share = hosts::Share { period: Duration::from_millis(100), percent: 5 };

/// Sets up a local node with a daemon that has forked, one that is held again and again, and one that is paused; tells their numbers, and waits to be killed.
fn local_controller(state: &Path, keeper: &str) {
    use hosts::Host;
    let mut host = hosts::local::Local::up(1, state, &[keeper.into()]).unwrap();
    host.start(0, &Daemon::new("forks", "sh", ["-c", "setsid sleep 600 & wait"])).unwrap();
    host.start(0, &Daemon::new("paused", "sleep", ["600"])).unwrap();
    host.start(0, &Daemon::new("held", "sleep", ["600"])).unwrap();
    eventually("all are there", || {
        host.pids(0, "forks").unwrap().len() == 2 && host.pids(0, "held").unwrap().len() == 1
    });
    assert!(host.throttle(0, "held", Some(OFTEN)).unwrap());
    eventually("it is held", || host.held(0, "held") > OFTEN.period);
    assert!(host.pause(0, "paused").unwrap());
    let pids =
        [host.pids(0, "forks").unwrap(), host.pids(0, "paused").unwrap(), host.pids(0, "held").unwrap()].concat();
    println!("up with {}", pids.iter().map(u32::to_string).collect::<Vec<_>>().join(" "));
    io::stdin().read_line(&mut String::new()).unwrap();
}

/// Waits, for half a minute at most, until it is so.
pub fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(30), "in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Writes a line.
pub fn say(stream: &mut TcpStream, line: &str) {
    stream.write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Reads a line, byte by byte so that nothing of the next one is taken.
pub fn read_line(stream: &mut TcpStream, timeout: Duration) -> io::Result<String> {
    stream.set_read_timeout(Some(timeout))?;
    let mut line = Vec::new();
    loop {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        match byte {
            [b'\n'] => return Ok(String::from_utf8(line).unwrap()),
            [byte] => line.push(byte),
        }
    }
}

/// How long a question to an echo and its answer take.
pub fn round_trip(stream: &mut TcpStream, words: &str) -> Duration {
    let began = Instant::now();
    say(stream, words);
    assert_eq!(read_line(stream, Duration::from_secs(30)).unwrap(), words);
    began.elapsed()
}

/// This test binary where every user may run it.
pub fn copy_for_all(dir: &Path) -> PathBuf {
    let copy = dir.join("program");
    std::fs::copy(env::current_exe().unwrap(), &copy).unwrap();
    copy
}
