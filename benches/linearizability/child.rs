//! One checker on one history, in a process of its own: what it takes is read from the outside, and a search that never
//! ends or eats all memory is killed. The history goes in, a few lines come out; `ready` says that the clock starts.

use crate::history::History;
use crate::ours::{Answered, Ours};
use crate::peer::Peer;
use rustix::time::{ClockId, clock_gettime};
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// A child that has no answer after this long is killed.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// A child that holds more memory than this, in KiB, is killed.
pub const MEMORY: u64 = 6 << 20;

/// Which checker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The engine.
    Ours,
    /// porcupine-rs.
    Peer,
}

/// How it went.
#[derive(Clone, Debug)]
pub enum Ended {
    /// It answered.
    Answered(Report),
    /// It was killed after [`PATIENCE`].
    OutOfTime(Duration),
    /// It was killed above [`MEMORY`], after this long.
    OutOfMemory(Duration),
    /// It fell over.
    Failed(String),
}

/// What a child says.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Linearizable or not; `None` where it does not know.
    pub verdict: Option<bool>,
    /// Nanoseconds of CPU time for the whole history, with the witness where there is one.
    pub check: f64,
    /// Nanoseconds more to replay the witness, or to confirm a refutation by the plain search; only of ours.
    pub proof: Option<f64>,
    /// How far the peak of resident memory rose above what the typed history takes, proof included, in KiB.
    pub grown: u64,
    /// The process's peak of resident memory with the history, in KiB.
    pub peak: u64,
}

/// Has a child check the history.
pub fn ask(side: Side, history: &History) -> Ended {
    let name = if side == Side::Ours { "ours" } else { "peer" };
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(["--child", name]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("this program can be started");
    // Where sending fails, the child fell over, and its exit says so.
    let sent = history.send(child.stdin.take().expect("piped"));
    let lines = lines(&mut child);
    let ended = wait(&child, &lines);
    if matches!(ended, Ended::OutOfTime(_) | Ended::OutOfMemory(_)) {
        child.kill().expect("a child can be killed");
    }
    let status = child.wait().expect("a child can be waited for");
    match (ended, sent) {
        (Ended::Failed(why), sent) => Ended::Failed(format!("{why} ({status}, {sent:?})")),
        (Ended::Answered(_), _) if !status.success() => Ended::Failed(format!("{status} after its answer")),
        (ended, _) => ended,
    }
}

fn lines(child: &mut Child) -> Receiver<String> {
    let (send, receive) = channel();
    let stdout = BufReader::new(child.stdout.take().expect("piped"));
    std::thread::spawn(move || stdout.lines().map_while(Result::ok).all(|line| send.send(line).is_ok()));
    receive
}

fn wait(child: &Child, lines: &Receiver<String>) -> Ended {
    let mut started = None;
    let mut report = Report::default();
    loop {
        match lines.recv_timeout(Duration::from_millis(20)) {
            Ok(line) if line == "ready" => started = Some(Instant::now()),
            Ok(line) if line == "end" => return Ended::Answered(report),
            Ok(line) => {
                read(&line, &mut report);
                // It answered: from here on it only repeats itself.
                started = None;
            }
            Err(RecvTimeoutError::Disconnected) => return Ended::Failed("it ended without an answer".to_string()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        let Some(spent) = started.map(|started| started.elapsed()) else { continue };
        if spent >= PATIENCE {
            return Ended::OutOfTime(spent);
        }
        if status(child.id(), "VmRSS") > MEMORY {
            return Ended::OutOfMemory(spent);
        }
    }
}

fn read(line: &str, report: &mut Report) {
    let (name, value) = line.split_once(' ').expect("a name and a value");
    let number = || value.parse::<f64>().expect("a number");
    match name {
        "verdict" => report.verdict = value.parse().ok(),
        "check" => report.check = number(),
        "proof" => report.proof = Some(number()),
        "grown" => report.grown = number() as u64,
        "peak" => report.peak = number() as u64,
        other => panic!("a child said {other}"),
    }
}

/// What the child does: reads a history, checks it, says what that took.
pub fn serve(side: &str) {
    let history = History::receive(std::io::stdin().lock()).expect("a whole history");
    match side {
        "ours" => {
            let ours = Ours::new(history);
            let whole = run(|| ours.check(), Answered::verdict);
            let search = median(|| drop(black_box(ours.search())));
            say("check", search);
            say("proof", (whole - search).max(0.0));
        }
        "peer" => {
            let peer = Peer::new(&history);
            drop(history);
            say("check", run(|| peer.check(), |linearizable| Some(*linearizable)));
        }
        other => panic!("there is no side {other}"),
    }
    println!("end");
}

/// Nanoseconds of a check. The first shows what memory it needs, and whether there will be others.
fn run<T>(mut check: impl FnMut() -> T, verdict: impl Fn(&T) -> Option<bool>) -> f64 {
    // Forgets the peak so far, which is that of typing the calls. Where the kernel refuses, the peak comes out too high.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = status(std::process::id(), "VmRSS");
    println!("ready");
    let mut answer = None;
    let first = timed(1, &mut || answer = Some(check()));
    let peak = status(std::process::id(), "VmHWM");
    let verdict = verdict(&answer.expect("it was checked once"));
    println!("verdict {}", verdict.map_or("unknown".to_string(), |verdict| verdict.to_string()));
    say("grown", peak.saturating_sub(before) as f64);
    say("peak", peak as f64);
    if first >= LONG { first } else { median(|| drop(black_box(check()))) }
}

fn say(name: &str, value: f64) {
    println!("{name} {value}");
}

/// Nanoseconds of CPU time that `work` takes: the median of several repetitions when it is short, once when it is long.
pub fn median(mut work: impl FnMut()) -> f64 {
    let first = timed(1, &mut work);
    if first >= LONG {
        return first;
    }
    // A batch is long enough for the clock to cost nothing.
    let batch = (BATCH / first).ceil().max(1.0);
    let batches = (ALL / (batch * first)).clamp(3.0, 31.0) as usize;
    let mut times: Vec<f64> = (0..batches).map(|_| timed(batch as usize, &mut work)).collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

/// Nanoseconds of something that is done only once.
const LONG: f64 = 1e9;
/// Nanoseconds of a batch, and of all batches.
const BATCH: f64 = 3e5;
const ALL: f64 = 6e7;

fn timed(times: usize, work: &mut impl FnMut()) -> f64 {
    let begin = cpu();
    (0..times).for_each(|_| work());
    (cpu() - begin).max(1.0) / times as f64
}

/// Nanoseconds of CPU time of this process: what others do on this machine hardly shows in it.
fn cpu() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 * 1e9 + now.tv_nsec as f64
}

/// A figure in KiB out of `/proc`; 0 for a process that ended.
fn status(process: u32, name: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
