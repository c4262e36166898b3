//! Connections that begin on a machine: a channel through its SSH server for each, with a socket of this machine at the near end, so
//! that whoever uses one sees an ordinary connection.
//!
//! A session carries one connection at a time and then another one. In one that carried several, a peer that does not answer would
//! hold all others up, since a session opens one channel after the other.

use super::door::{Door, Entered};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, Channel, ErrorCode};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long nobody looks whether the host was closed.
const MOMENT: Duration = Duration::from_millis(200);
/// How long a channel may take to close before its session is thrown away.
const CLOSING: Duration = Duration::from_secs(2);
/// What libssh2 calls a call that would wait, and a channel that the server does not open.
const AGAIN: ErrorCode = ErrorCode::Session(-37);
const NOT_OPENED: ErrorCode = ErrorCode::Session(-21);

/// The way to one machine and on from there.
pub(super) struct Road {
    pub door: Arc<Door>,
    idle: Mutex<Vec<Entered>>,
    closed: AtomicBool,
}

impl fmt::Debug for Road {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Road({})", self.door.name)
    }
}

impl Road {
    pub fn new(door: Arc<Door>) -> Road {
        Road { door, idle: Mutex::new(Vec::new()), closed: AtomicBool::new(false) }
    }

    /// A connection from that machine.
    pub fn connect(self: &Arc<Road>, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        let deadline = Instant::now() + timeout;
        loop {
            if self.closed.load(Relaxed) {
                return Err(io::Error::other("the host was closed"));
            }
            let rested = self.idle().pop();
            let again = rested.is_some();
            let entered = match rested {
                Some(entered) => entered,
                None => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    self.door.enter(left).map_err(|error| io::Error::other(format!("{}: {}", error.what, error.why)))?
                }
            };
            entered.session.set_blocking(false);
            match open(&entered, to, deadline) {
                Ok(channel) => return self.bridge(entered, channel),
                // The server has answered, and may be asked again.
                Err(Closed::Refused(error)) => {
                    self.idle().push(entered);
                    return Err(error);
                }
                Err(Closed::Late) => return Err(ErrorKind::TimedOut.into()),
                // A session that rested may have ended meanwhile.
                Err(Closed::Lost(_)) if again => {}
                Err(Closed::Lost(error)) => return Err(error),
            }
        }
    }

    /// Carries bytes between a channel and a new socket, on a thread of its own, until one side has enough.
    fn bridge(self: &Arc<Road>, entered: Entered, channel: Channel) -> io::Result<TcpStream> {
        let (near, far) = pair()?;
        far.set_nodelay(true)?;
        far.set_nonblocking(true)?;
        let road = self.clone();
        let carry = move || {
            let mut bridge = Bridge { entered, channel, local: far, there: Vec::new(), here: Vec::new() };
            // An error ends the connection, which is what its user sees.
            let carried = bridge.carry(&road.closed);
            let Bridge { entered, mut channel, local, .. } = bridge;
            drop(local);
            if carried.is_ok() && close(&entered, &mut channel).is_ok() {
                drop(channel);
                road.idle().push(entered);
            }
        };
        thread::Builder::new().name(format!("bridge {}", self.door.name)).spawn(carry)?;
        Ok(near)
    }

    /// Opens no more connections, and ends those that there are.
    pub fn close(&self) {
        self.closed.store(true, Relaxed);
        self.idle().clear();
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Entered>> {
        self.idle.lock().unwrap_or_else(|broken| broken.into_inner())
    }
}

/// Why there is no channel.
enum Closed {
    /// The server says that nobody listens there, or that it may not go there.
    Refused(io::Error),
    /// Nobody has answered.
    Late,
    /// The session itself has ended.
    Lost(io::Error),
}

fn open(entered: &Entered, to: SocketAddr, deadline: Instant) -> Result<Channel, Closed> {
    let host = to.ip().to_string();
    loop {
        match entered.session.channel_direct_tcpip(&host, to.port(), None) {
            Ok(channel) => return Ok(channel),
            Err(error) if error.code() == AGAIN => {}
            Err(error) if error.code() == NOT_OPENED && error.message().contains("prohibited") => {
                return Err(Closed::Refused(io::Error::new(ErrorKind::PermissionDenied, error)));
            }
            Err(error) if error.code() == NOT_OPENED => {
                return Err(Closed::Refused(io::Error::new(ErrorKind::ConnectionRefused, error)));
            }
            Err(error) => return Err(Closed::Lost(error.into())),
        }
        if Instant::now() >= deadline {
            return Err(Closed::Late);
        }
        wait(entered, PollFlags::IN, None, deadline.saturating_duration_since(Instant::now())).map_err(Closed::Lost)?;
    }
}

/// Closes a channel so that its session can be used again.
fn close(entered: &Entered, channel: &mut Channel) -> io::Result<()> {
    let deadline = Instant::now() + CLOSING;
    for step in [Channel::close, Channel::wait_close] {
        while let Err(error) = step(channel) {
            if error.code() != AGAIN {
                return Err(error.into());
            }
            if Instant::now() >= deadline {
                return Err(ErrorKind::TimedOut.into());
            }
            wait(entered, PollFlags::IN, None, MOMENT)?;
        }
    }
    Ok(())
}

/// Waits until the session's socket, or the local one, can be used for what is wanted, or until time is up.
fn wait(
    entered: &Entered,
    mut want: PollFlags,
    local: Option<(&TcpStream, PollFlags)>,
    most: Duration,
) -> io::Result<()> {
    if matches!(entered.session.block_directions(), BlockDirections::Outbound | BlockDirections::Both) {
        want |= PollFlags::OUT;
    }
    let mut sockets = vec![PollFd::new(&entered.socket, want)];
    sockets.extend(local.map(|(local, want)| PollFd::new(local, want)));
    let most = Timespec { tv_sec: most.as_secs() as i64, tv_nsec: i64::from(most.subsec_nanos()) };
    match poll(&mut sockets, Some(&most)) {
        Err(rustix::io::Errno::INTR) | Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A connection of this machine: both its ends.
fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let near = TcpStream::connect(listener.local_addr()?)?;
    loop {
        // Somebody else of this machine may have been faster.
        let (far, from) = listener.accept()?;
        if from == near.local_addr()? {
            return Ok((near, far));
        }
    }
}

/// A channel and a socket, with what was read from one and not yet written to the other.
struct Bridge {
    entered: Entered,
    channel: Channel,
    local: TcpStream,
    there: Vec<u8>,
    here: Vec<u8>,
}

impl Bridge {
    /// Until the near side has closed, or the far side and all that it said has been handed over.
    fn carry(&mut self, closed: &AtomicBool) -> io::Result<()> {
        let mut bytes = vec![0; 32 * 1024];
        while !closed.load(Relaxed) {
            let mut moved = false;
            if self.here.is_empty() {
                match now(self.channel.read(&mut bytes))? {
                    Some(0) if self.channel.eof() => return Ok(()),
                    Some(read) => {
                        self.here.extend_from_slice(&bytes[..read]);
                        moved |= read > 0;
                    }
                    None => {}
                }
            }
            moved |= hand_over(&mut self.here, &mut self.local)?;
            if self.there.is_empty() {
                match now(self.local.read(&mut bytes))? {
                    Some(0) => return Ok(()),
                    Some(read) => self.there.extend_from_slice(&bytes[..read]),
                    None => {}
                }
            }
            moved |= hand_over(&mut self.there, &mut self.channel)?;
            if !moved {
                self.rest()?;
            }
        }
        Err(io::Error::other("the host was closed"))
    }

    /// Waits for whoever has something to say, or room for what is left.
    fn rest(&self) -> io::Result<()> {
        let wanted = |want, so: bool| if so { want } else { PollFlags::empty() };
        let local = wanted(PollFlags::IN, self.there.is_empty()) | wanted(PollFlags::OUT, !self.here.is_empty());
        wait(&self.entered, wanted(PollFlags::IN, self.here.is_empty()), Some((&self.local, local)), MOMENT)?;
        match self.entered.session.keepalive_send() {
            Err(error) if error.code() != AGAIN => Err(error.into()),
            _ => Ok(()),
        }
    }
}

/// Writes what can be written without waiting. True if any of it was.
fn hand_over(bytes: &mut Vec<u8>, to: &mut impl Write) -> io::Result<bool> {
    let written = if bytes.is_empty() { 0 } else { now(to.write(bytes))?.unwrap_or(0) };
    bytes.drain(..written);
    Ok(written > 0)
}

/// What was done at once; `None` for what would have waited.
fn now(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        done => done.map(Some),
    }
}
