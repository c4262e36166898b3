//! Systems under test: the bundled store as real processes of this machine, and real databases on hosts of their own.
#![allow(clippy::disallowed_methods)] // This crate drives real processes, and these keep real time.

pub mod bundled;
mod cells;
mod etcd;
mod galera;
pub mod own;
mod postgres;
pub mod real;
mod redis;
mod wire;

pub use wire::Lost;

/// Every database.
pub const DATABASES: &[real::Database] = &[etcd::ETCD, galera::GALERA, postgres::POSTGRES, redis::REDIS];
