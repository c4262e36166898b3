//! The words of a test, and the loop that runs one.
//!
//! Two small enums are closed: [`op::Op`] (what a client may ask) and [`fault::Fault`] (what may be done to a cluster).
//! Workloads, fault plans, checkers and designs are open: tables of names and plain functions that live elsewhere.

pub mod anomaly;
pub mod campaign;
pub mod client;
pub mod cluster;
pub mod fault;
pub mod files;
pub mod gate;
pub mod history;
pub mod invariants;
pub mod motion;
pub mod needs;
pub mod nemesis;
pub mod node;
pub mod op;
pub mod outcome;
pub mod plan;
pub mod records;
pub mod relevance;
pub mod run;
pub mod script;
pub mod seed;
pub mod simulator;
pub mod targets;
pub mod time;
pub mod unserved;
pub mod verdict;
pub mod workload;
pub mod world;

pub use anomaly::Anomaly;
pub use cluster::{Cluster, Trouble};
pub use fault::{Cut, Fault, Strike, Target, When};
pub use history::{Call, Event, FaultInterval, History, Phase, ProcessId, What};
pub use motion::{Motion, Skew};
pub use needs::Needs;
pub use nemesis::Nemesis;
pub use node::{Effect, Input, LocalClock, Membership, Node, NodeId, Outbox, RequestId, View};
pub use op::{Account, Key, Op, Posting, Reply, Value};
pub use outcome::{Outcome, Reason};
pub use plan::{Ask, ClientId, Plan, Settings, Tier};
pub use seed::{Rng, Seed};
pub use time::{MS, SECOND, Time};
pub use verdict::{Budget, Checker, Exit, Judgement, Opinion, Run, Verdict};
pub use workload::{Shape, Workload};
