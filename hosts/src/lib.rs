//! Where real nodes live: processes of this machine, in network namespaces or not. Nothing here knows what the processes are for.
//!
//! Everything that is claimed about a process is read back from the kernel: a stopped one shows as stopped in
//! `/proc`, a killed one has been reaped.
#![allow(clippy::disallowed_methods)] // This crate drives a real machine, and real machines keep real time.

mod abilities;
pub mod child;
mod clock;
pub mod damage;
mod dialer;
pub mod error;
mod given;
pub mod host;
mod links;
pub mod local;
mod memory;
pub mod netns;
mod packets;
pub mod probe;
pub mod process;
pub mod registry;
mod service;
#[cfg(feature = "ssh")]
pub mod ssh;
mod throttle;
mod tool;

pub use abilities::{Abilities, Ability};
pub use child::{Child, Nursery};
pub use dialer::{Dialer, end_command};
pub use error::{Error, Result};
pub use given::{Given, addresses};
pub use host::{Daemon, Host, Stopped};
pub use links::{Endpoint, Slow, Slowed};
pub use memory::Limited;
pub use probe::{Finding, probe};
pub use process::State;
pub use throttle::Share;
