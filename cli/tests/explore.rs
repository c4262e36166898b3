//! `perjury explore`: every row of its table ends as it must, the same number of states each time, and a counterexample is one that
//! the checkers see too.

mod binary;

use binary::{folder, perjury};
use explorer::table::{HIDDEN, OUT_OF_REACH, Row, TABLE, row};
use explorer::{Disks, End, Explored, LINEARIZABLE};
use harness::{Exit, Seed, Settings, Verdict};
use perjury::assemble::{plan, try_out};
use perjury::exploration::{Question, exit};
use perjury::matrix::{built_in, request};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Far more steps than any of these takes.
const MOST: usize = 3_000_000;

fn explored(question: &Question) -> Explored {
    question.explore(MOST, &Arc::default()).expect("its bounds fit")
}

/// The question of a row with other bounds.
fn question(design: &str, switch: Option<&str>, change: impl Fn(&mut Row)) -> Question {
    let mut row = *row(design, switch).expect("the design has a row");
    change(&mut row);
    Question::new(design, switch.into_iter().map(str::to_string).collect(), &row).expect("the names are known")
}

#[test]
fn the_table_names_designs_and_deliberate_bugs_that_there_are() {
    for row in TABLE {
        let question = Question::of(row).unwrap_or_else(|usage| panic!("{}: {usage}", row.design));
        question.explore(1, &Arc::default()).unwrap_or_else(|malformed| panic!("{}: {malformed}", row.design));
    }
}

#[test]
fn a_counterexample_is_one_in_the_eyes_of_the_checkers_too() {
    for row in TABLE.iter().filter(|row| row.broken.is_some()) {
        let question = Question::of(row).expect("known names");
        let explored = explored(&question);
        let name = format!("{} {:?}", row.design, row.switch);
        let End::Broken { broken, .. } = &explored.end else { panic!("{name}: {explored:?}") };
        assert_eq!(Some(broken.property), row.broken, "{name}");
        assert_eq!(exit(&explored), Exit::Violated);
        let replayed = question.replay(&explored).unwrap_or_else(|words| panic!("{words}")).expect("a counterexample");
        assert!(matches!(replayed.judgement.verdict, Verdict::Violated(_)), "{name}");
        if broken.property == LINEARIZABLE && row.switch.is_some() {
            // Without the bug the same schedule is harmless, as far as it can be played at all.
            if let Ok(run) = store::mutants::play("t.txt", &replayed.text, &[]) {
                let judgement = perjury::exploration::judged(&run);
                assert!(!matches!(judgement.verdict, Verdict::Violated(_)), "{name}: {judgement:?}");
            }
        }
    }
}

#[test]
fn what_is_exhausted_has_the_same_number_of_states_each_time() {
    let raft = |nodes, terms, crashes, drops| {
        question("raft", None, move |row| *row = Row { nodes, terms, crashes, drops, fires: "election", ..*row })
    };
    let later = Row { disks: Disks::Later, ..TABLE[0] };
    let later = Row { nodes: 2, crashes: 1, fires: "election", ..later };
    let cases = [
        (raft(2, 1, 0, 0), 146),
        (raft(2, 2, 0, 0), 1127),
        (raft(2, 1, 1, 0), 984),
        (raft(2, 1, 0, 1), 353),
        (raft(3, 1, 0, 0), 72_302),
        (Question::of(&later).expect("known names"), 48_854),
        (question("ll-quorum", None, |row| row.drops = 0), 11_705),
    ];
    for (question, states) in cases {
        let explored = explored(&question);
        assert_eq!((exit(&explored), explored.states), (Exit::Held, states), "{}", question.bounds);
    }
}

#[test]
fn what_was_stopped_is_unknown_and_what_promises_nothing_is_vacuous() {
    let raft = question("raft", None, |_| {});
    let stopped = raft.explore(1000, &Arc::default()).expect("its bounds fit");
    assert_eq!((&stopped.end, exit(&stopped)), (&End::Stopped, Exit::Unknown));
    let told = raft.explore(MOST, &Arc::new(true.into())).expect("its bounds fit");
    assert_eq!((&told.end, told.states), (&End::Stopped, 1));
    let silent = question("raft", None, |row| (row.ops, row.terms) = ("", 1));
    for nobody in [question("raft", None, |row| row.fires = ""), silent] {
        let explored = explored(&nobody);
        assert_eq!((&explored.end, exit(&explored)), (&End::Exhausted, Exit::Vacuous), "{}", nobody.bounds);
    }
}

/// Bugs that hide from random faults: the built-in campaign's cells of `raft` never show them, the explorer does.
#[test]
fn only_the_explorer_finds_these_within_its_budget() {
    assert!(HIDDEN.len() >= 2);
    for &switch in HIDDEN {
        let row = row("raft", Some(switch)).expect("a row of its own");
        assert_eq!((row.switch, row.broken.is_some()), (Some(switch), true));
        for mut cell in built_in(SEEDS).into_iter().filter(|cell| cell.design == "raft") {
            cell.switches = vec![switch.to_string()];
            cell.settings = Settings { max_entries_per_append: row.entries.unwrap_or(256), ..cell.settings };
            for seed in (1..=SEEDS).map(Seed) {
                let (_, judgement) = try_out(&plan(&request(&cell, seed)).expect("known names")).expect("no trouble");
                let violated = matches!(judgement.verdict, Verdict::Violated(_));
                assert!(!violated, "{switch} {} {} {}: {judgement:?}", cell.workload, cell.nemesis, seed.0);
            }
        }
    }
}

/// Seeds of each cell there.
const SEEDS: u64 = 3;

/// What only the simulator finds: the explorer's clients never ask twice, its links never repeat a message, and it has one clock that
/// never goes back. The cells that find them are kept by `mutants.rs` and by the campaign's `ml-lww` under `set` and `clock-slow`.
#[test]
fn the_explorer_is_blind_to_these() {
    let blind = [
        question("raft", Some("no-dedup"), |row| (row.nodes, row.terms, row.fires) = (2, 1, "election")),
        question("ll-abd", Some("count-twice"), |_| {}),
    ];
    assert_eq!(blind.iter().map(|question| question.switches[0].as_str()).collect::<Vec<_>>(), OUT_OF_REACH);
    let clocks =
        Question::new("ml-lww", Vec::new(), &Row { fires: "", ops: "write x 1, write x 2, read x", ..TABLE[0] });
    for question in blind.into_iter().chain([clocks.expect("known names")]) {
        let explored = explored(&question);
        assert_eq!((&explored.end, exit(&explored)), (&End::Exhausted, Exit::Held), "{}", question.design.name);
    }
    let cell = built_in(1).into_iter().find(|cell| {
        (cell.design.as_str(), cell.workload.as_str(), cell.nemesis.as_str()) == ("ml-lww", "set", "clock-slow")
    });
    let cell = cell.expect("a cell of the campaign");
    let (_, judgement) = try_out(&plan(&request(&cell, Seed(1))).expect("known names")).expect("no trouble");
    assert!(matches!(judgement.verdict, Verdict::Violated(_)), "{judgement:?}");
}

#[test]
fn a_counterexample_is_told_like_a_run_and_kept_as_a_script() {
    let dir = folder();
    let ended = perjury(dir.path(), "explore --design sl-async-fo");
    assert_eq!(ended.code, 1, "{ended:?}");
    for part in ["violated: linearizable, stale-after-ack", "┌ write x = 1", "Schedule", "states"] {
        assert!(ended.out.contains(part), "no \"{part}\" in\n{}", ended.out);
    }
    let again = perjury(dir.path(), "explore --play runs/explore/sl-async-fo.txt");
    assert_eq!(again.code, 1, "{again:?}");
    assert!(again.out.starts_with("violated: linearizable, stale-after-ack"), "{}", again.out);
    let json = perjury(dir.path(), "explore --design raft --nodes 2 --terms 1 --json");
    let told: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!((json.code, &told["verdict"], &told["exit"]), (0, &"held".into(), &0.into()), "{told}");
}

#[test]
fn bad_input_is_refused_with_what_it_takes() {
    let dir = folder();
    let cases = [
        ("explore --design meteor", "there is no design \"meteor\""),
        ("explore --switch meteor", "there is no raft switch \"meteor\""),
        ("explore --nodes 9", "1 to 5"),
        ("explore --ops dance", "write KEY VALUE"),
        ("explore --ops members", "read, write, cas or claim"),
        ("explore --fires heartbeet", "election, heartbeat"),
        ("explore --fires election@n4", "a node of 3"),
        ("explore --limit soon", "is no span"),
        ("explore --steps 0", "invalid value '0' for '--steps"),
        ("explore --play nothing.txt", "cannot read nothing.txt"),
        ("explore --table --design raft", "cannot be used with"),
    ];
    for (words, expected) in cases {
        let ended = perjury(dir.path(), words);
        assert_eq!((ended.code, ended.out.as_str()), (64, ""), "{words}: {ended:?}");
        assert!(ended.err.contains(expected), "{words}: no \"{expected}\" in\n{}", ended.err);
    }
}

/// Ends the server when the test is over, however it ends.
struct Server(std::process::Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[allow(clippy::disallowed_methods)] // It waits for a real server.
fn states_are_shown_to_a_browser_of_this_machine() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = free.local_addr().expect("bound").port();
    // Whoever finds the port taken says so.
    let dir = folder();
    let taken = perjury(dir.path(), &format!("explore --design ll-abd --serve {port}"));
    assert!(taken.code == 70 && taken.err.contains("name another --serve PORT"), "{taken:?}");
    drop(free);

    let words = ["explore", "--design", "ll-abd", "--serve", &port.to_string()].map(str::to_string);
    let mut command = Command::new(env!("CARGO_BIN_EXE_perjury"));
    let started =
        command.args(words).current_dir(dir.path()).stdout(Stdio::piped()).spawn().expect("the binary starts");
    let mut server = Server(started);
    let mut line = String::new();
    let out = server.0.stdout.take().expect("piped");
    BufReader::new(out).read_line(&mut line).expect("it says where");
    assert!(line.contains(&format!("http://127.0.0.1:{port}/")), "{line}");

    let ask = |path: &str| -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).map(|_| answer)
    };
    let page = (0..600).find_map(|_| {
        std::thread::sleep(Duration::from_millis(50));
        ask("/").ok()
    });
    assert!(page.expect("it listens").contains("<html"), "the page");
    let states = ask("/.states/").expect("it answers");
    assert!(states.contains("200 OK") && states.contains("fingerprint"), "{states}");
}
