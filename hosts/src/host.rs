//! [`Host`]: a place where nodes live, whatever it is made of.
//!
//! Everything here is synchronous, and every claim is read back: a paused daemon shows as stopped in `/proc`, a killed one has
//! been reaped, a cut counts the packets that it dropped.

use crate::abilities::Abilities;
use crate::damage::{self, Damage, Hurt};
use crate::dialer::Dialer;
use crate::error::{Error, Result, file};
use crate::links::{Endpoint, Slow, Slowed};
use crate::memory::Limited;
use crate::throttle::Share;
use std::ffi::OsString;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

/// A program that a node runs until it is stopped. It must stay in the foreground: when it ends, whatever it has forked ends too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Daemon {
    /// What it is called on its node; a node runs one daemon of a name. Letters, digits, `-` and `_`.
    pub name: String,
    /// A path, or a name that is looked up in `PATH`.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Added to its environment, which otherwise is `PATH`, `LANG=C.UTF-8` and `HOME`, the node's directory.
    pub env: Vec<(OsString, OsString)>,
}

impl Daemon {
    /// A daemon with these arguments and nothing added to its environment.
    pub fn new<A: Into<OsString>>(
        name: impl Into<String>,
        program: impl Into<OsString>,
        args: impl IntoIterator<Item = A>,
    ) -> Daemon {
        let args = args.into_iter().map(Into::into).collect();
        Daemon { name: name.into(), program: program.into(), args, env: Vec::new() }
    }
}

impl Daemon {
    /// Complains about a name that cannot be one, and where one of that name runs.
    pub(crate) fn may_start(&self, node: usize, alive: bool) -> Result<()> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        let (why, mend) = match self.name.chars().all(plain) && !self.name.is_empty() {
            false => ("its name must be letters, digits, - and _", "give it another name"),
            true if alive => ("one of that name runs there", "stop it first, or give this one another name"),
            true => return Ok(()),
        };
        Err(Error::new(format!("cannot start {} on {}", self.name, name(node)), why, mend))
    }
}

/// What a node is called, by itself and by others.
pub(crate) fn name(node: usize) -> String {
    format!("n{}", node + 1)
}

/// How a daemon that was asked to stop has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It was not running.
    Before,
    /// By itself, after `SIGTERM`.
    Asked,
    /// By `SIGKILL`, when patience ran out.
    Forced,
}

/// A place where nodes live. Nodes are counted from 0; in names and logs node 0 is `n1`.
///
/// # Panics
/// All calls panic where a node is named that is not there.
pub trait Host: Send {
    /// What kind of place it is: `netns`, `local`.
    fn kind(&self) -> &'static str;
    /// What it can do.
    fn abilities(&self) -> &Abilities;
    /// How many nodes there are.
    fn nodes(&self) -> usize;
    /// The address that a node's daemons listen on.
    fn address(&self, node: usize) -> IpAddr;
    /// Where others, peers and clients, reach a port of the node: what a daemon should advertise. On a host without networks of
    /// its own this is a proxy in front of the port, which only links through it can be cut.
    fn reach(&mut self, node: usize, port: u16) -> Result<SocketAddr>;
    /// The node's own data directory. It has the same path on the node and outside, and is removed by [`Host::close`].
    fn dir(&self, node: usize) -> &Path;

    /// Runs a command on a node, in its data directory, and waits for its end; kills it and fails when patience runs out. A
    /// command that fails is no error: see its status.
    fn run(&self, node: usize, command: &[&str], patience: Duration) -> Result<Output>;

    /// Starts a daemon, in the node's data directory. What it says is appended to [`Host::log`]. An error where one of that name
    /// runs. A program that is not there ends at once: ask [`Host::alive`].
    fn start(&mut self, node: usize, daemon: &Daemon) -> Result<()>;
    /// Whether the daemon runs or is paused. False after it ended by itself.
    fn alive(&mut self, node: usize, daemon: &str) -> Result<bool>;
    /// The numbers of the daemon's processes as the controller sees them, those that it has forked included. Empty if it does
    /// not run.
    fn pids(&self, node: usize, daemon: &str) -> Result<Vec<u32>>;
    /// `SIGTERM` for each of its processes, and `SIGKILL` when patience runs out. Returns when all of them are reaped.
    fn stop(&mut self, node: usize, daemon: &str, patience: Duration) -> Result<Stopped>;
    /// `SIGKILL` for all of its processes at once. Returns when all of them are reaped, with how long that took; `None` if it was
    /// not running: such a kill did nothing.
    fn kill(&mut self, node: usize, daemon: &str) -> Result<Option<Duration>>;
    /// `SIGSTOP` for each of its processes, until the kernel shows all of them stopped. False if it was not running.
    fn pause(&mut self, node: usize, daemon: &str) -> Result<bool>;
    /// `SIGCONT` for each of its processes, until the kernel shows none of them stopped. False if it was not running.
    fn resume(&mut self, node: usize, daemon: &str) -> Result<bool>;
    /// Makes the clock on the wall of each of its processes (of its machine, where nodes are whole ones) wrong by so many microseconds, 0 for right; those that are wrong by as
    /// much already are not touched, those that are wrong otherwise run on, others are stopped for some milliseconds. Returns how many processes read back as wished. What
    /// they fork inherits it; a process that begins another program has a right clock, until this is called again.
    fn skew(&mut self, node: usize, daemon: &str, offset: i64) -> Result<usize>;
    /// How exact a clock can be set, and how far apart clocks may be that nobody has set, in microseconds.
    fn clock_grain(&self) -> i64 {
        0
    }
    /// Lets each of its processes, and what they fork, run for this share of the time only, until this is called again; `None` for all
    /// of it. A pause holds it all the same. False if it was not running. A daemon that is started again is not held.
    fn throttle(&mut self, node: usize, daemon: &str, share: Option<Share>) -> Result<bool> {
        let _ = (node, daemon, share);
        Err(self.cannot("limit a daemon's processor"))
    }
    /// For how long [`Host::throttle`] has held daemons of this name so far, each time with all of its processes stopped.
    fn held(&self, _node: usize, _daemon: &str) -> Duration {
        Duration::ZERO
    }
    /// Lets each of its processes have so many bytes of memory more than it has; `None` for as many as before. Those that are limited
    /// already are left alone. Returns those that read back as limited. What they fork inherits it; a daemon that is started again
    /// is not limited.
    fn limit_memory(&mut self, node: usize, daemon: &str, spare: Option<u64>) -> Result<Vec<Limited>> {
        let _ = (node, daemon, spare);
        Err(self.cannot("limit a daemon's memory"))
    }
    /// Plain files with something in them below the node's directory, as paths from there on, the one that was changed last first. See
    /// [`damage::files`].
    fn files(&self, node: usize) -> Result<Vec<PathBuf>> {
        let dir = self.dir(node);
        let found = damage::files(dir).map_err(file("look through", dir))?;
        Ok(found.iter().filter_map(|path| Some(path.strip_prefix(dir).ok()?.to_path_buf())).collect())
    }
    /// Damages one of these files. What runs may have it open: no daemon should.
    fn damage(&mut self, node: usize, path: &Path, hurt: Hurt) -> Result<Damage> {
        let path = self.dir(node).join(path);
        damage::damage(&path, hurt).map_err(file("damage", &path))
    }
    /// Puts back what was there. False where somebody has changed it since: then it is left alone.
    fn undo(&mut self, _node: usize, damage: &Damage) -> Result<bool> {
        damage.undo().map_err(file("put back what was in", &damage.file))
    }
    /// What is said where there is no way to do something.
    fn cannot(&self, what: &str) -> Error {
        let why = format!("a host of the kind {} has no way to", self.kind());
        Error::new(format!("cannot {what}"), why, "use --tier netns or local")
    }
    /// Where the daemon's standard output and error go. Beside the data directory, not in it, and removed by [`Host::close`].
    fn log(&self, node: usize, daemon: &str) -> PathBuf;

    /// Keeps a file below the node's directory readable on this machine, under the same path, from now on. A host whose nodes have
    /// this machine's disk has nothing to do for that.
    fn follow(&self, _node: usize, _file: &Path) {}

    /// Cuts exactly these links, each from the first to the second, instead of those that were cut before: all in one moment.
    /// An empty set heals. What is under way in a connection is held back, as by loss, and arrives after the heal.
    fn cut(&mut self, pairs: &[(Endpoint, Endpoint)]) -> Result<()>;
    /// How often cuts have held something back so far, in packets; read it before and after to see that a cut did anything.
    fn dropped(&self) -> Result<u64>;
    /// Loses a share of what passes on these links, in percent, and on no others. An empty set heals.
    fn lose(&mut self, pairs: &[(Endpoint, Endpoint, u8)]) -> Result<()>;
    /// How many packets loss has dropped so far.
    fn lost(&self) -> Result<u64>;
    /// Slows exactly these links down, and no others: what is held for a link that is fast again goes on at once. A link may be named
    /// once. An empty set heals.
    fn slow(&mut self, pairs: &[(Endpoint, Endpoint, Slow)]) -> Result<()> {
        match pairs {
            [] => Ok(()),
            _ => Err(Error::new(
                "cannot slow links down",
                format!("a host of the kind {} has no way to hold packets back", self.kind()),
                "use --tier netns or local",
            )),
        }
    }
    /// What slow links have done so far.
    fn slowed(&self) -> Result<Slowed> {
        Ok(Slowed::default())
    }
    /// Opens connections from there. It is cheap, may be cloned, and is used from any thread while the host is being hurt.
    fn dialer(&self, from: Endpoint) -> Dialer;
    /// Opens one connection: see [`Dialer::connect`].
    fn connect(&self, from: Endpoint, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        self.dialer(from).connect(to, timeout)
    }

    /// Ends all daemons and takes everything down. Again: nothing. Dropping the host does it too.
    fn close(&mut self) -> Result<()>;
}
