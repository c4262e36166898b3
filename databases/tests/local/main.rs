//! Real processes, from spawn to reap: the nodes are `examples/node.rs`, which `cargo test` builds first.
#![allow(clippy::disallowed_methods)] // It drives real processes.

mod bench;
mod clients;
mod endings;
mod links;
mod processes;
mod trouble;
