//! What a run writes on the controller's own disk, and a process that removes it when the controller has ended, however that was.

use crate::error::{Result, file, machine};
use crate::tool;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Directories that are gone when it is dropped.
#[derive(Debug)]
pub(super) struct Guard(Option<Child>);

impl Guard {
    /// Will remove these, which nobody else may have.
    pub fn new(directories: &[PathBuf]) -> Result<Guard> {
        let mut command = Command::new("sh");
        command.args(["-c", r#"cat >/dev/null; rm -rf -- "$@""#, "perjury-guard"]).args(directories);
        // A group of its own: Ctrl-C at a terminal reaches the controller only.
        let child = command.stdin(Stdio::piped()).process_group(0).spawn().map_err(tool::missing("sh"))?;
        Ok(Guard(Some(child)))
    }

    /// Removes them, and waits for that.
    pub fn close(&mut self) -> Result<()> {
        let Some(mut child) = self.0.take() else { return Ok(()) };
        drop(child.stdin.take());
        child.wait().map(drop).map_err(machine("cannot wait for a process"))
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.close();
    }
}

/// Makes the controller's copy of a run's directory, with a file that tells an agent that it has found this one and no other.
pub(super) fn directory(root: &Path, dir: &Path, token: &str) -> Result<()> {
    for path in [root, dir] {
        DirBuilder::new().mode(0o711).create(path).map_err(file("create", path))?;
    }
    let path = root.join("controller");
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    made.and_then(|mut made| made.write_all(token.as_bytes())).map_err(file("write", &path))
}
