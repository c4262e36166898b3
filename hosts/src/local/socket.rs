//! Sockets as the [mesh](super::mesh) needs them: opened from an address of their own, asked whether somebody is there, and waited for.

use crate::error::{Result, machine};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

/// A socket that is not connected yet, at an address of its own.
pub(super) fn bound(address: Ipv4Addr) -> io::Result<TcpStream> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    bind(&socket, &SocketAddrV4::new(address, 0))?;
    Ok(socket.into())
}

/// Connects it.
pub(super) fn open(socket: TcpStream, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let patience = Some(timeout.max(Duration::from_millis(1)));
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, patience)?;
    connect(&socket, &to).map_err(|error| match error {
        rustix::io::Errno::INPROGRESS | rustix::io::Errno::AGAIN => io::ErrorKind::TimedOut.into(),
        error => io::Error::from(error),
    })?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, None)?;
    Ok(socket)
}

/// An error where somebody listens at a daemon's own address. That is found out without listening: what is open here for a moment is
/// open for as long in whatever another thread begins meanwhile, and nobody is to be answered there.
pub(super) fn nobody_listens(address: Ipv4Addr, port: u16) -> io::Result<()> {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    Ok(bind(&socket, &SocketAddrV4::new(address, port))?)
}

/// Whether the other side has closed its connection, or ended.
pub(super) fn has_hung_up(stream: &TcpStream) -> bool {
    let mut polled = [PollFd::new(stream, PollFlags::RDHUP)];
    let at_once = Timespec::default();
    poll(&mut polled, Some(&at_once)).is_ok_and(|changed| changed > 0)
}

/// Wakes whoever waits for it, once: there is another one then.
#[derive(Debug)]
pub(super) struct Bell {
    rope: UnixStream,
    heard: Arc<UnixStream>,
}

impl Bell {
    /// Not rung yet.
    pub fn new() -> Result<Bell> {
        let (rope, heard) = UnixStream::pair().map_err(machine("cannot make a pair of sockets"))?;
        Ok(Bell { rope, heard: Arc::new(heard) })
    }

    /// Rings, as a bell does that is dropped.
    pub fn ring(&self) {
        let _ = self.rope.shutdown(Shutdown::Both);
    }

    /// Where it is heard.
    pub fn heard(&self) -> Arc<UnixStream> {
        self.heard.clone()
    }
}

/// Waits until somebody, if anybody is named, says something or ends: true then. It waits no longer than this, nor when the bell rings.
pub(super) fn listen(bell: &UnixStream, from: Option<&TcpStream>, most: Duration) -> bool {
    let mut sides = vec![PollFd::new(bell, PollFlags::IN)];
    sides.extend(from.map(|from| PollFd::new(from, PollFlags::IN)));
    let most = Timespec { tv_sec: most.as_secs() as _, tv_nsec: most.subsec_nanos().into() };
    poll(&mut sides, Some(&most)).is_ok() && sides.get(1).is_some_and(|side| !side.revents().is_empty())
}
