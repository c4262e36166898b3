//! Files that go to a machine, and those that come back while they grow.

use super::door::{base64, unbase64};
use super::node::{Node, lock, text};
use crate::error::{Result, file};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

impl Node {
    /// Keeps a copy here, under the same path, of a file that grows there.
    pub fn follow(&self, path: &Path) {
        if !self.hello.shared {
            lock(&self.followed).entry(path.to_path_buf()).or_insert(0);
        }
    }

    /// Brings what is new in the files that are followed. The agent hears from its controller so, too.
    pub fn refresh(&self) -> Result<()> {
        self.ask(&[":"])?;
        let mut followed = lock(&self.followed);
        for (path, come) in followed.iter_mut() {
            let new = self.news(path, *come)?;
            if !new.is_empty() {
                let opened = OpenOptions::new().create(true).append(true).open(path);
                opened.and_then(|mut copy| copy.write_all(&new)).map_err(file("write", path))?;
                *come += new.len() as u64;
            }
        }
        Ok(())
    }

    /// What a file there has behind its first bytes.
    pub(super) fn news(&self, path: &Path, from: u64) -> Result<Vec<u8>> {
        let mut new = Vec::new();
        loop {
            let lines = self.ask(&["news", &text(path), &(from + new.len() as u64).to_string()])?;
            let Some(line) = lines.first() else { return Ok(new) };
            let bytes = unbase64(line).ok_or_else(|| {
                self.door.error(
                    "cannot be read",
                    "its `base64` writes something else",
                    "install the usual coreutils there",
                )
            })?;
            new.extend(bytes);
        }
    }

    /// Sends what has been written here, below the node's directory, since it was sent.
    pub(super) fn send(&self) -> Result<()> {
        if self.hello.shared {
            return Ok(());
        }
        let mut left = vec![self.dir.clone()];
        while let Some(path) = left.pop() {
            let about = fs::metadata(&path).map_err(file("read", &path))?;
            if about.is_dir() {
                self.ask(&["mkdir", "-p", &text(&path)])?;
                left.extend(fs::read_dir(&path).map_err(file("read", &path))?.flatten().map(|entry| entry.path()));
                continue;
            }
            let state = (about.modified().map_err(file("read", &path))?, about.len());
            if lock(&self.followed).contains_key(&path) || lock(&self.sent).get(&path) == Some(&state) {
                continue;
            }
            let bytes = fs::read(&path).map_err(file("read", &path))?;
            let mode = format!("{:o}", about.permissions().mode() & 0o777);
            self.ask(&["put", &text(&path), &mode, &base64(&bytes)])?;
            lock(&self.sent).insert(path, state);
        }
        Ok(())
    }
}
