//! A client that its user wrote, in any language: a process for each client, beside that client's home node. It reads a line of
//! JSON for each operation and writes one for each outcome ([`harness::files::adapter`]).

use crate::real::{Observer, Session, Setup, Stamp, System};
use crate::wire::Lost;
use harness::files::adapter::{answer, question};
use harness::{NodeId, Op, Outcome, Reason, Time, Trouble};
use hosts::{Daemon, Dialer};
use std::io::{self, BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Longer than its own deadline an adapter is not waited for.
const GRACE: Duration = Duration::from_secs(1);

const ENDED: &str = "each client's program must read and answer until its input ends";

/// The user's program.
#[derive(Clone, Debug)]
pub struct Program {
    /// The program and its arguments.
    pub words: Vec<String>,
    /// Added to its environment: where the system is, where it runs already.
    pub env: Vec<(String, String)>,
}

/// A system that is asked through somebody's program, and else as it is.
pub(crate) struct Adapted {
    system: Box<dyn System>,
    program: Program,
    env: Vec<(String, String)>,
    beside: Vec<Dialer>,
    patience: Time,
}

impl Adapted {
    /// This system, of this setup.
    pub fn new(system: Box<dyn System>, program: Program, setup: &Setup) -> Adapted {
        let patience = setup.settings.request_timeout;
        let mut env = vec![
            ("PERJURY_NODES".to_string(), setup.nodes().to_string()),
            ("PERJURY_TIMEOUT_MS".to_string(), (patience.0 / 1000).to_string()),
        ];
        for port in setup.ports() {
            let all: Vec<String> = (0..setup.nodes()).map(|node| setup.reach(node, port).to_string()).collect();
            env.push((format!("PERJURY_AT_{port}"), all.join(",")));
        }
        env.extend(program.env.clone());
        Adapted { system, program, env, beside: setup.beside.clone(), patience }
    }
}

impl System for Adapted {
    fn prepare(&self, node: usize) -> io::Result<()> {
        self.system.prepare(node)
    }
    fn daemons(&self, node: usize) -> Vec<Daemon> {
        self.system.daemons(node)
    }
    fn ready(&self) -> Result<(), String> {
        self.system.ready()
    }
    fn has_leaders(&self) -> bool {
        self.system.has_leaders()
    }
    fn clock(&self, node: usize) -> Result<Stamp, Lost> {
        self.system.clock(node)
    }
    fn observer(&self, node: usize) -> Observer {
        self.system.observer(node)
    }
    fn logs(&self, node: usize) -> Vec<PathBuf> {
        self.system.logs(node)
    }
    fn is_data(&self, path: &str) -> bool {
        self.system.is_data(path)
    }
    fn session(&self, home: usize) -> Box<dyn Session> {
        let mut env = self.env.clone();
        env.push(("PERJURY_HOME".to_string(), (home + 1).to_string()));
        let patience = Duration::from_micros(self.patience.0);
        Box::new(Client {
            home,
            beside: self.beside[home].clone(),
            program: self.program.clone(),
            env,
            patience,
            running: None,
            trouble: None,
        })
    }
}

struct Client {
    home: usize,
    beside: Dialer,
    program: Program,
    env: Vec<(String, String)>,
    patience: Duration,
    running: Option<Running>,
    /// The program does not do what it should.
    trouble: Option<Trouble>,
}

struct Running {
    child: Child,
    input: ChildStdin,
    lines: Receiver<io::Result<String>>,
}

impl Client {
    fn name(&self) -> &str {
        &self.program.words[0]
    }

    fn start(&self) -> io::Result<Running> {
        let mut command = self.beside.command()?;
        command.args(&self.program.words).envs(self.env.iter().cloned());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let input = child.stdin.take().expect("its input was piped");
        let mut output = BufReader::new(child.stdout.take().expect("its output was piped"));
        let (tell, lines) = channel();
        thread::Builder::new().name("adapter".to_string()).spawn(move || {
            loop {
                let mut line = String::new();
                let read = output.read_line(&mut line);
                let over = !matches!(read, Ok(read) if read > 0);
                if tell.send(read.map(|_| line)).is_err() || over {
                    return;
                }
            }
        })?;
        Ok(Running { child, input, lines })
    }

    fn went_wrong(&mut self, what: &str, why: impl ToString) -> Outcome {
        let mend = "run it by hand, with the questions that docs/databases.md shows";
        self.trouble = Some(Trouble::new(format!("the adapter {} {what}", self.name()), why, mend));
        Outcome::Unknown(Reason::Unavailable(format!("the adapter {what}")))
    }
}

impl Session for Client {
    fn ask(&mut self, op: &Op, first: Option<NodeId>) -> Outcome {
        let mut running = match self.running.take().map_or_else(|| self.start(), Ok) {
            Ok(running) => running,
            Err(error) => return self.went_wrong("cannot be started", error),
        };
        let node = first.map_or(self.home, NodeId::index) + 1;
        match writeln!(running.input, "{}", question(op, node)) {
            Ok(()) => {}
            // It closed its input before the question came, or while it came: which of the two is chance.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return self.went_wrong("has ended", ENDED),
            Err(error) => return self.went_wrong("reads no questions", error),
        }
        match running.lines.recv_timeout(self.patience + GRACE) {
            Ok(Ok(line)) if !line.is_empty() => match answer(self.name(), op, &line) {
                Ok(outcome) => {
                    self.running = Some(running);
                    outcome
                }
                Err(malformed) => self.went_wrong("does not answer as it should", malformed),
            },
            Ok(Ok(_)) => self.went_wrong("has ended", ENDED),
            Ok(Err(error)) => self.went_wrong("writes what is no text", error),
            // It is ended, and the next question goes to a new one: an answer that came late would be taken for the next one's.
            Err(RecvTimeoutError::Timeout) => Outcome::Unknown(Reason::TimedOut),
            Err(RecvTimeoutError::Disconnected) => self.went_wrong("has ended", ENDED),
        }
    }

    fn trouble(&mut self) -> Option<Trouble> {
        self.trouble.take()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        hosts::end_command(&mut self.child);
    }
}
