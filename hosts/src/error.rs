//! The machine or the operator failed: what, why, and how to mend it.

use std::fmt;
use std::io;
use std::path::Path;

/// What could not be done. Never a verdict on what runs on a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What could not be done, and to what.
    pub what: String,
    /// Why not.
    pub why: String,
    /// What a person can do about it.
    pub mend: String,
}

/// What most calls of a host return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error in three parts.
    pub fn new(what: impl Into<String>, why: impl ToString, mend: impl Into<String>) -> Error {
        Error { what: what.into(), why: why.to_string(), mend: mend.into() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  to mend it: {}", self.what, self.why, self.mend)
    }
}

impl std::error::Error for Error {}

/// For `map_err`: what failed on the machine itself, with the kernel's reason.
pub(crate) fn machine(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
    move |why| Error::new(what, why, "see what `perjury doctor` says about this machine")
}

/// For `map_err`: a file or a directory that cannot be used.
pub(crate) fn file(verb: &str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let what = format!("cannot {verb} {}", path.display());
    move |why| Error::new(what, why, "check its permissions and the room that is left on its disk")
}
