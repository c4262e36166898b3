//! Who has connected: the kernel says which process has a socket, and its keeper says where that process belongs.

use crate::host::name;
use crate::links::Endpoint;
use crate::process::{below, parent_of};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// What the clients' place is called, beside nodes' names.
const CLIENTS: &str = "clients";

/// A place as its keepers are told it.
pub(super) fn written(end: Endpoint) -> String {
    match end {
        Endpoint::Node(node) => name(node),
        Endpoint::Clients => CLIENTS.to_string(),
    }
}

fn read(words: &[u8]) -> Option<Endpoint> {
    let words = std::str::from_utf8(words).ok()?;
    let number = || words.strip_prefix('n')?.parse::<usize>().ok()?.checked_sub(1);
    if words == CLIENTS { Some(Endpoint::Clients) } else { number().map(Endpoint::Node) }
}

/// Where the connection from `peer` to the proxy at `door` comes from. `None` where whoever opened it has closed it already, or
/// belongs to no place of this run.
pub(super) fn of(peer: SocketAddr, door: SocketAddr, run: &Path) -> Option<Endpoint> {
    let socket = format!("socket:[{}]", inode(peer, door)?);
    let holder = below(std::process::id()).into_iter().find(|pid| holds(*pid, &socket))?;
    std::iter::successors(Some(holder), |pid| parent_of(*pid)).find_map(|pid| kept(pid, run))
}

/// The number of the socket of a connection's first side.
fn inode(peer: SocketAddr, door: SocketAddr) -> Option<u64> {
    let ends = (port_and_address(peer)?, port_and_address(door)?);
    // A program may use a socket of IPv6 for addresses of IPv4.
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().filter_map(|table| fs::read_to_string(table).ok());
    tables.into_iter().find_map(|table| {
        table.lines().skip(1).find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let same = listed(fields.get(1)?)? == ends.0 && listed(fields.get(2)?)? == ends.1;
            // Zero when its owner has closed it.
            fields.get(9)?.parse().ok().filter(|inode| same && *inode != 0)
        })
    })
}

fn port_and_address(address: SocketAddr) -> Option<(u16, Ipv4Addr)> {
    match address {
        SocketAddr::V4(address) => Some((address.port(), *address.ip())),
        SocketAddr::V6(_) => None,
    }
}

/// Reads `0100007F:0CEA`, with 24 digits more before it in the table of IPv6, as the kernel writes the bytes of a number.
fn listed(text: &str) -> Option<(u16, Ipv4Addr)> {
    let (address, port) = text.split_once(':')?;
    let (before, address) = address.split_at_checked(address.len().checked_sub(8)?)?;
    let mapped = before.is_empty() || before == "0000000000000000FFFF0000";
    let number = u32::from_str_radix(address, 16).ok()?;
    mapped.then_some((u16::from_str_radix(port, 16).ok()?, Ipv4Addr::from(number.to_ne_bytes())))
}

fn holds(pid: u32, socket: &str) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|link| link.as_os_str() == socket))
}

/// The place of a process that is a keeper of this run.
fn kept(pid: u32, run: &Path) -> Option<Endpoint> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut words = line.split(|byte| *byte == 0).skip_while(|word| *word != run.as_os_str().as_bytes());
    words.next()?;
    read(words.next()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_socket_is_found_by_both_of_its_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (here, there) = (stream.local_addr().unwrap(), listener.local_addr().unwrap());
        let inode = inode(here, there).unwrap();
        assert!(holds(std::process::id(), &format!("socket:[{inode}]")));
        assert_eq!(super::inode(here, here), None);
        assert_eq!(of(here, there, Path::new("/nowhere")), None, "it belongs to no run");
    }

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        let expected = Some((0x0CEA, Ipv4Addr::from(0x0100_007F_u32.to_ne_bytes())));
        assert_eq!(listed("0100007F:0CEA"), expected);
        assert_eq!(listed("0000000000000000FFFF00000100007F:0CEA"), expected);
        assert_eq!(listed("000000000000000000000000010000FF:0CEA"), None);
        assert_eq!(listed("7F:0CEA"), None);
    }

    #[test]
    fn a_place_is_read_as_it_was_written() {
        for end in [Endpoint::Clients, Endpoint::Node(0), Endpoint::Node(31)] {
            assert_eq!(read(written(end).as_bytes()), Some(end));
        }
        assert!(read(b"n0").is_none() && read(b"node").is_none());
    }
}
