//! The bundled store for real: every node is a process of the controller's own binary, on TCP over loopback, with a
//! write-ahead file that is synced. The protocol is the same [`harness::Node::step`] that runs in the simulator.
//!
//! ```text
//!  controller                                      node process (`perjury node`), one a node
//!  ┌────────────────────────────────┐   stdin      ┌───────────────────────────────────────┐
//!  │ cluster: Cluster, on one thread├─────────────►│ control: clocks, disk, marks          │
//!  │   ▲ events      clients        │◄─────────────┤ notices: views, marks, panics         │
//!  │   │                │           │   stdout     │                                       │
//!  │ tokio: mesh ◄──────┼───────────►├─── TCP ──────┤ sockets ──► core: Node::step ──► wal  │
//!  └────────────────────────────────┘              └───────────────────────────────────────┘
//! ```
//!
//! Each directed link between nodes is a proxy of the controller, so that cutting one way needs no root. Clients live
//! in the controller beside their home nodes. The operating system keeps what a killed process had written, so a loss
//! of power cannot be done here; the simulator does it. The write-ahead file is never compacted: it ends with the run.

mod clients;
mod clock;
mod cluster;
mod faults;
mod life;
mod mesh;
mod node;
mod place;
mod sockets;
mod wal;
mod wire;

pub use cluster::{Launch, LocalCluster, start};
pub use faults::supports;
pub use node::{Serve, node_main, node_process};
pub use place::sweep;
