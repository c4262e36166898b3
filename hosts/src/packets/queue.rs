//! The kernel's queue of packets: what a rule sends there waits in the kernel until it is let go on or dropped. Only its header is copied.
//!
//! Spoken over a netlink socket, as `linux/netfilter/nfnetlink_queue.h` has it. Whoever closes the socket loses what waits there.

use super::Link;
use rustix::io::Errno;
use rustix::net::netlink::{NETFILTER, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{bind, recv, send, socket_with, sockopt};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Packets that may wait. One more would be dropped, so it is more than a few connections can have on their way.
const MOST: u32 = 200_000;
/// Bytes of news of packets that may wait to be read.
const NEWS: usize = 16 << 20;
/// The beginning of a packet, which has its length and its two addresses.
const COPIED: u32 = 20;

// Kinds of messages, of this part of netfilter.
const PACKET: u16 = 3 << 8;
const VERDICT: u16 = PACKET | 1;
const CONFIG: u16 = PACKET | 2;
/// What the kernel answers where it was asked to, or cannot do something.
const ERROR: u16 = 2;
/// The lengths of what every message begins with, and every attribute.
const HEAD: usize = 20;
const ATTRIBUTE: usize = 4;

/// A queue that is ours.
#[derive(Debug)]
pub(crate) struct Queue {
    socket: OwnedFd,
    number: u16,
}

/// A packet that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// By which it is let go on.
    pub id: u32,
    pub link: Link,
    /// In bytes, from the IP header on.
    pub length: u16,
}

impl Queue {
    /// Opens the queue of this number in the network that this thread is in. An error where somebody else has it.
    pub fn open(number: u16) -> io::Result<Queue> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, Some(NETFILTER))?;
        bind(&socket, &SocketAddrNetlink::new(0, 0))?;
        // The larger one where that is allowed; a machine that does not has room for fewer at once.
        if sockopt::set_socket_recv_buffer_size_force(&socket, NEWS).is_err() {
            sockopt::set_socket_recv_buffer_size(&socket, NEWS)?;
        }
        let queue = Queue { socket, number };
        let mut params = COPIED.to_be_bytes().to_vec();
        params.push(2); // Copy the packet.
        let wishes = [(1, &[1, 0, 0, 0][..]), (2, &params), (3, &MOST.to_be_bytes())]
            .map(|(kind, value)| attribute(kind, value));
        queue.say(CONFIG, true, &wishes.concat())?;
        // The kernel answers before it returns from `send`.
        match queue.hear()? {
            Some(message) => accepted(&message).map(|()| queue),
            None => Err(io::Error::other("the kernel did not answer")),
        }
    }

    /// The next packet that waits and was not told yet, if there is one.
    pub fn next(&self) -> io::Result<Option<Waiting>> {
        while let Some(message) = self.hear()? {
            if let Some(waiting) = waiting(&message) {
                return Ok(Some(waiting));
            }
        }
        Ok(None)
    }

    /// Lets a packet go on.
    pub fn release(&self, id: u32) -> io::Result<()> {
        self.decide(id, 1)
    }

    /// Throws a packet away.
    pub fn drop(&self, id: u32) -> io::Result<()> {
        self.decide(id, 0)
    }

    fn decide(&self, id: u32, verdict: u32) -> io::Result<()> {
        let decision = [verdict.to_be_bytes(), id.to_be_bytes()].concat();
        self.say(VERDICT, false, &attribute(2, &decision))
    }

    fn say(&self, kind: u16, answer: bool, attributes: &[u8]) -> io::Result<()> {
        let message = message(self.number, kind, answer, attributes);
        send(&self.socket, &message, SendFlags::empty())?;
        Ok(())
    }

    fn hear(&self) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = vec![0; 1024];
        loop {
            match recv(&self.socket, &mut bytes[..], RecvFlags::empty()) {
                Ok((length, _)) => {
                    bytes.truncate(length);
                    return Ok(Some(bytes));
                }
                Err(Errno::AGAIN) => return Ok(None),
                // Packets came faster than they were read, and some of them are lost, as on any link that is too full.
                Err(Errno::INTR | Errno::NOBUFS) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// To a queue: in the machine's order of bytes but for the queue's number.
fn message(number: u16, kind: u16, answer: bool, attributes: &[u8]) -> Vec<u8> {
    let flags: u16 = if answer { 1 | 4 } else { 1 };
    let length = (HEAD + attributes.len()) as u32;
    let mut message = length.to_ne_bytes().to_vec();
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    message.extend([0; 10]); // Number, sender, family and version.
    message.extend(number.to_be_bytes());
    message.extend(attributes);
    message
}

/// A value with its length and kind, filled up to whole words.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = ((ATTRIBUTE + value.len()) as u16).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// The value of an attribute of this kind.
fn find(attributes: &[u8], wanted: u16) -> Option<&[u8]> {
    let mut rest = attributes;
    while let [low, high, kind @ ..] = rest {
        let length = usize::from(u16::from_ne_bytes([*low, *high]));
        let kind = u16::from_ne_bytes(kind.get(..2)?.try_into().ok()?);
        let value = rest.get(ATTRIBUTE..length)?;
        // The two highest bits say something else.
        if kind & 0x3fff == wanted {
            return Some(value);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

fn kind(message: &[u8]) -> Option<u16> {
    Some(u16::from_ne_bytes(message.get(4..6)?.try_into().ok()?))
}

/// Reads the news of a packet; `None` where it is other news, or the packet has no such addresses.
fn waiting(message: &[u8]) -> Option<Waiting> {
    let attributes = message.get(HEAD..).filter(|_| kind(message) == Some(PACKET))?;
    let id = u32::from_be_bytes(find(attributes, 1)?.get(..4)?.try_into().ok()?);
    let packet = find(attributes, 10)?;
    let address = |at: usize| -> Option<Ipv4Addr> { Some(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?.into()) };
    let length = u16::from_be_bytes(packet.get(2..4)?.try_into().ok()?);
    Some(Waiting { id, link: (address(12)?, address(16)?), length })
}

/// Whether the kernel did what it was asked for.
fn accepted(message: &[u8]) -> io::Result<()> {
    let code = message.get(16..20).filter(|_| kind(message) == Some(ERROR));
    match code.map(|code| i32::from_ne_bytes(code.try_into().expect("these are four"))) {
        Some(0) => Ok(()),
        Some(code) => Err(io::Error::from_raw_os_error(-code)),
        None => Err(io::Error::other("the kernel answered something else")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_news_of_a_packet_is_read_and_other_news_is_not() {
        let mut packet = vec![0x45, 0, 5, 220];
        packet.extend([0; 8]);
        packet.extend([10, 77, 0, 1, 10, 77, 0, 2]);
        let said = [attribute(1, &[0, 0, 0, 9, 8, 0, 2]), attribute(3, &[1; 4]), attribute(10, &packet)].concat();
        let link = (Ipv4Addr::new(10, 77, 0, 1), Ipv4Addr::new(10, 77, 0, 2));
        assert_eq!(waiting(&message(7, PACKET, false, &said)), Some(Waiting { id: 9, link, length: 1500 }));
        assert_eq!(waiting(&message(7, VERDICT, false, &said)), None);
        assert_eq!(waiting(&message(7, PACKET, false, &said[..30])), None, "it is not whole");
        assert_eq!(waiting(&[]), None);
    }

    #[test]
    fn a_refusal_is_told() {
        let answer = |code: i32| [&message(7, ERROR, false, &[])[..16], &code.to_ne_bytes()].concat();
        assert!(accepted(&answer(0)).is_ok());
        assert_eq!(accepted(&answer(-1)).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert!(accepted(&message(7, PACKET, false, &[])).is_err());
    }
}
