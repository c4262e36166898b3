//! The `perjury` binary.
fn main() {}
