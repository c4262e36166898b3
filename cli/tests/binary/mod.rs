//! Starts the `perjury` binary in a folder of its own, as a person would.

use std::path::Path;
use std::process::Command;

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Runs `perjury` with these words, split at spaces, in `dir`.
pub fn perjury(dir: &Path, words: &str) -> Ended {
    perjury_words(dir, &words.split(' ').map(str::to_string).collect::<Vec<_>>())
}

/// The same with words that may have spaces in them.
#[allow(dead_code)] // Each test binary uses its part.
pub fn perjury_words(dir: &Path, words: &[String]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_perjury"));
    let output = command.args(words).current_dir(dir).output().expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the binary writes UTF-8");
    let code = output.status.code().expect("the binary was not killed");
    Ended { code, out: text(output.stdout), err: text(output.stderr) }
}

/// A new folder that is gone when the test is over.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}
