//! Composes the tables: a design, a workload and a nemesis become a plan, a plan becomes a run, a run becomes a verdict.
//!
//! The binary `perjury` and the benchmarks use the same few functions. No logic lives here.
// The binary names folders by the date, measures its own speed, and reads no other clock.
#![allow(clippy::disallowed_methods)]

pub mod assemble;
pub mod build;
pub mod commands;
pub mod exploration;
pub mod findings;
pub mod fits;
pub mod folder;
pub mod machines;
pub mod matrix;
pub mod progress;
pub mod systems;
