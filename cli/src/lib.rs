//! Composes the tables: a design, a workload and a nemesis become a plan, a plan becomes a run, a run becomes a verdict.
//!
//! The binary `perjury` and the benchmarks use the same few functions. No logic lives here.

pub mod assemble;
pub mod build;
