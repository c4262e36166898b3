//! Systems that nobody has taught us: through programs that their users wrote, described by a file, or running already.

use crate::binary::{folder, perjury};
use crate::{only_in_the_long_lane, refused, skipped, skipped_for, until};
use databases::real::Needed;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const PYTHON: Needed = Needed { what: "adapters in Python", programs: &["python3"], packages: &["python3"] };
const NATS: Needed =
    Needed { what: "NATS", programs: &["nats-server", "python3"], packages: &["nats-server", "python3"] };

fn example(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(path).display().to_string()
}

#[test]
fn a_system_that_only_a_file_describes_is_killed_and_cut_off() {
    if skipped_for(&NATS) {
        return;
    }
    let (system, client) = (example("nats/system.toml"), example("nats/client.py"));
    let dir = folder();
    // What NATS keeps is its own affair; that it was started, asked, killed and cut off is ours.
    let mut words: Vec<String> =
        "run --workload set --nemesis kill+isolate-leader --time 70s".split(' ').map(str::to_string).collect();
    words.extend(["--system".to_string(), system, "--adapter".to_string(), format!("python3 {client}")]);
    let ended = crate::binary::perjury_words(dir.path(), &words);
    let all = format!("{}{}", ended.out, ended.err);
    assert!([0, 1].contains(&ended.code), "{all}");
    assert!(ended.out.contains("was gone after") && ended.out.contains("packets stopped"), "{all}");
    assert!(ended.err.contains("is elected"), "somebody led: {all}");
    let log = std::fs::read_to_string(dir.path().join("runs/latest/nodes/n1-nats.log")).expect("its log was kept");
    assert!(log.contains("Starting nats-server"), "{log}");
}

/// NATS 2.9 compares the expected number of a subject with what is stored, and not with what is on its way to the other nodes: of two
/// who publish within a millisecond both may be told yes (nats-server, issue 4320).
#[test]
fn nats_lets_two_change_a_register_from_one_value_while_nobody_hurts_it() {
    let version = Command::new("nats-server").arg("--version").output();
    let version = version.map(|told| String::from_utf8_lossy(&told.stdout).into_owned()).unwrap_or_default();
    if only_in_the_long_lane() || skipped_for(&NATS) || !version.contains(" v2.9.") {
        return eprintln!("not tried with {version}");
    }
    let (system, client) = (example("nats/system.toml"), example("nats/client.py"));
    let lost = (1..=3).any(|seed| {
        let dir = folder();
        let words = format!("run --workload register --nemesis calm --time 20s --rate 200 --seed {seed}");
        let mut words: Vec<String> = words.split(' ').map(str::to_string).collect();
        words.extend(["--system".to_string(), system.clone(), "--adapter".to_string(), format!("python3 {client}")]);
        let ended = crate::binary::perjury_words(dir.path(), &words);
        assert!(ended.out.contains("failed-ops: held"), "{}{}", ended.out, ended.err);
        ended.code == 1 && ended.out.contains("violated: linearizable, lost-update")
    });
    assert!(lost, "in none of three runs was an update lost");
}

#[test]
fn an_adapter_of_thirty_lines_asks_a_known_database() {
    if skipped("etcd") || skipped_for(&PYTHON) {
        return;
    }
    let words = format!(
        "--database etcd --workload read-write --nemesis kill --time 40s --adapter {}",
        example("adapters/etcd.py")
    );
    until(0, 2, &words);
}

#[test]
fn an_adapter_that_calls_done_what_failed_is_told_from_a_broken_database() {
    if skipped("etcd") || skipped_for(&PYTHON) {
        return;
    }
    let dir = folder();
    let text = std::fs::read_to_string(example("adapters/etcd.py")).expect("the example is there");
    let lying = text.replace("return {\"type\": \"ok\"}", "return {\"type\": \"fail\", \"error\": \"no\"}");
    assert_ne!(text, lying);
    let program = dir.path().join("lying.py");
    std::fs::write(&program, lying).expect("written");
    make_executable(&program);
    let words =
        format!("run --database etcd --workload read-write --nemesis calm --time 10s --adapter {}", program.display());
    let ended = perjury(dir.path(), &words);
    assert_eq!(ended.code, 1, "{}{}", ended.out, ended.err);
    assert!(ended.out.contains("failed-op-observed"), "{}", ended.out);
}

#[test]
fn an_adapter_that_does_not_answer_as_it_should_ends_the_run_with_its_own_words() {
    let dir = folder();
    for (program, expected) in [
        ("#!/bin/sh\nwhile read line; do echo done; done\n", "it said: done"),
        ("#!/bin/sh\nwhile read line; do echo '{\"type\":\"ok\"}'; done\n", "without a value"),
        ("#!/bin/sh\nexit 3\n", "has ended"),
    ] {
        let path = dir.path().join("adapter");
        std::fs::write(&path, program).expect("written");
        make_executable(&path);
        let words = "run --adapter ./adapter --url 127.0.0.1:1 --workload read-write --time 5s";
        let ended = perjury(dir.path(), words);
        assert_eq!(ended.code, 70, "{program}: {}{}", ended.out, ended.err);
        assert!(ended.err.contains(expected), "{program}: {}", ended.err);
    }
}

#[test]
fn what_runs_already_is_asked_and_never_touched() {
    let redis = Needed { what: "redis", programs: &["redis-server"], packages: &["redis-server"] };
    if skipped("etcd") || skipped_for(&redis) {
        return;
    }
    let dir = folder();
    let etcd = Running::etcd(dir.path());
    let words = format!("--database etcd --url 127.0.0.1:{} --workload bank --time 10s", etcd.port);
    until(0, 1, &words);
    let ended = perjury(dir.path(), &format!("run {words} --nemesis kill"));
    assert_eq!(ended.code, 64, "{}{}", ended.out, ended.err);
    assert!(ended.err.contains("never touched"), "{}", ended.err);

    let redis = Running::redis(dir.path());
    let adapter = Path::new(env!("CARGO_BIN_EXE_perjury")).with_file_name("examples").join("adapter");
    let words =
        format!("--adapter {} --url 127.0.0.1:{} --workload read-write --time 10s", adapter.display(), redis.port);
    until(0, 1, &words);
}

#[test]
fn mistakes_are_told_before_anything_is_started() {
    let dir = folder();
    std::fs::write(dir.path().join("s.toml"), "name = 'x'\nnodes = 2\n").expect("written");
    let cases = [
        ("run --system s.toml --adapter cat", "s.toml:"),
        ("run --system s.toml", "--adapter"),
        ("run --system nothing.toml --adapter cat", "cannot read nothing.toml"),
        ("run --adapter cat", "name it by --system, --database or --url"),
        ("run --adapter ./nothing --url 127.0.0.1:1", "there is no program ./nothing"),
        ("run --url 127.0.0.1:1", "--adapter"),
        ("run --url nowhere --adapter cat", "use host:port"),
        ("run --database etcd --url 127.0.0.1:1 --tier netns", "leave --tier out"),
    ];
    refused(dir.path(), &cases);
}

#[test]
fn the_page_shows_the_examples_as_they_are() {
    let page = std::fs::read_to_string(example("../docs/databases.md")).expect("the page is there");
    let rust = example("../databases/examples/adapter.rs");
    for path in [example("adapters/etcd.py"), rust, example("nats/system.toml")] {
        let text = std::fs::read_to_string(&path).expect("the example is there");
        assert!(page.contains(text.trim_end()), "docs/databases.md does not show {path} as it is");
    }
}

/// A server that this test started on loopback.
struct Running {
    child: Child,
    port: u16,
}

impl Running {
    fn etcd(dir: &Path) -> Running {
        let (port, peer) = (free(), free());
        let (at, peers) = (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{peer}"));
        let mut command = Command::new("etcd");
        command.args(["--data-dir", &dir.join("etcd").display().to_string(), "--listen-client-urls", &at]);
        command.args(["--advertise-client-urls", &at, "--listen-peer-urls", &peers]);
        command.args(["--initial-advertise-peer-urls", &peers, "--initial-cluster", &format!("default={peers}")]);
        Running::start(command, port)
    }
    fn redis(dir: &Path) -> Running {
        let port = free();
        let mut command = Command::new("redis-server");
        command.args([
            "--bind",
            "127.0.0.1",
            "--port",
            &port.to_string(),
            "--save",
            "",
            "--dir",
            &dir.display().to_string(),
        ]);
        Running::start(command, port)
    }
    fn start(mut command: Command, port: u16) -> Running {
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        Running { child, port }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("its own file");
}
