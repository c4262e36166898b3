//! Connections that begin at a place of a host, and commands that run there.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::Duration;

/// Opens connections from a place of a host.
#[derive(Clone, Debug)]
pub struct Dialer(pub(crate) Way);

#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// From where this program runs.
    Plain,
    /// From the machine of a node, by way of its SSH server.
    #[cfg(feature = "ssh")]
    Ssh(crate::ssh::Place),
    /// From within this network namespace, which a process holds in a pid namespace of its own.
    Netns { network: std::sync::Weak<std::os::fd::OwnedFd>, holder: u32 },
    /// From an address of this machine, through the proxies.
    Local(crate::local::Place),
}

impl Dialer {
    /// Opens connections from where this program runs.
    pub fn plain() -> Dialer {
        Dialer(Way::Plain)
    }

    /// The beginning of a command that runs there: add a program and its arguments. It has the network of that place, the
    /// controller's files, and only `PATH` and `LANG` in its environment; where the place has processes of its own it ends with them.
    /// See [`end_command`]. On hosts that are other machines it runs on this one all the same, with this one's network.
    pub fn command(&self) -> io::Result<Command> {
        let mut command = match &self.0 {
            Way::Netns { network, holder } => {
                network.upgrade().ok_or_else(|| io::Error::other("the host was closed"))?;
                let mut command = Command::new("nsenter");
                command.args(["--net", "--pid", "--target", &holder.to_string(), "--"]);
                command
            }
            Way::Local(place) => place.command()?,
            _ => {
                let mut command = Command::new("env");
                command.arg("--");
                command
            }
        };
        let path = std::env::var_os("PATH").unwrap_or_else(|| crate::tool::PATH.into());
        command.env_clear().env("PATH", path).env("LANG", "C.UTF-8").process_group(0);
        Ok(command)
    }

    /// A connection that stands, with `TCP_NODELAY`. It keeps its place whatever thread uses it.
    pub fn connect(&self, to: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
        let stream = match &self.0 {
            Way::Plain => TcpStream::connect_timeout(&to, timeout)?,
            #[cfg(feature = "ssh")]
            Way::Ssh(place) => place.connect(to, timeout)?,
            Way::Netns { network, .. } => {
                let namespace = network.upgrade().ok_or_else(|| io::Error::other("the host was closed"))?;
                crate::netns::inside(&namespace, || TcpStream::connect_timeout(&to, timeout))?
            }
            Way::Local(place) => place.connect(to, timeout)?,
        };
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Ends what [`Dialer::command`] has begun, with all that descends from it, and reaps it.
pub fn end_command(child: &mut Child) {
    // It leads a group of its own, which nobody else is in; nothing else can go wrong with a child of our own.
    let _ = crate::process::end(child);
}
