//! `perjury gc`: what controllers that died have left.

use super::{Failure, default_out};
use harness::{Exit, Trouble};

/// Removes it, and says what that was.
pub fn gc() -> Result<Exit, Failure> {
    databases::bundled::sweep(&default_out());
    let removed = hosts::registry::gc(&hosts::registry::state_dir());
    let removed = removed.map_err(|error| Trouble::new(error.what, error.why, error.mend))?;
    match removed.as_slice() {
        [] => println!("nothing was left"),
        lines => lines.iter().for_each(|line| println!("removed: {line}")),
    }
    Ok(Exit::Held)
}
