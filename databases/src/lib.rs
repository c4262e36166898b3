//! Systems under test. So far one: the bundled store, as real processes on this machine.
#![allow(clippy::disallowed_methods)] // This crate drives real processes, and these keep real time.

pub mod bundled;
