//! Which runs there are, alive and dead: a directory and a locked file each, below one directory of the user.
//!
//! What lives in namespaces needs no list, since the kernel ends it with its controller; keepers of other nodes see that end and do the
//! same. What can be left are directories, and holders whose pipe somebody else kept open.

use crate::error::{Error, Result, file};
use crate::process::{self, State};
use rustix::process::Signal;
use std::env;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// Below it, `NAME/` belongs to the run that holds the lock on `NAME.lock`; the lock's text lists its holders.
const LOCK: &str = "lock";

/// A run that lives. Dropping it removes its directory.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The run's directory.
    pub dir: PathBuf,
    lock: PathBuf,
    file: File,
}

/// Where runs of this user register unless told otherwise: `/var/tmp/perjury-UID`, on a disk.
pub fn state_dir() -> PathBuf {
    let outside = env::var(crate::netns::MARK).unwrap_or_else(|_| rustix::process::getuid().as_raw().to_string());
    Path::new("/var/tmp").join(format!("perjury-{outside}"))
}

impl Entry {
    /// Registers a run under a name that no other run has.
    pub fn new(state: &Path) -> Result<Entry> {
        // Others, such as the users that databases run as, may pass through and not look around.
        DirBuilder::new().recursive(true).mode(0o711).create(state).map_err(file("create", state))?;
        let owner = fs::symlink_metadata(state).map_err(file("read", state))?;
        if !owner.is_dir() || owner.uid() != rustix::process::getuid().as_raw() {
            return Err(Error::new(
                format!("cannot keep runs in {}", state.display()),
                "it is not a directory of this user",
                "remove it, or name another directory",
            ));
        }
        for number in 0_u64.. {
            let name = format!("run-{}-{number}", std::process::id());
            let lock = state.join(&name).with_extension(LOCK);
            let dir = state.join(&name);
            if dir.exists() {
                continue; // What a dead one left is for `gc`.
            }
            let Some(file) = claim(&lock, true).map_err(file("lock", &lock))? else { continue };
            file.set_len(0).map_err(crate::error::file("write", &lock))?;
            DirBuilder::new().mode(0o711).create(&dir).map_err(crate::error::file("create", &dir))?;
            return Ok(Entry { dir, lock, file });
        }
        unreachable!("there is always another number")
    }

    /// Lists a holder, so that it can be known again.
    pub fn holder(&mut self, pid: u32) -> Result<()> {
        let began = process::began(pid).unwrap_or_default();
        writeln!(self.file, "{pid} {began}").map_err(file("write", &self.lock))
    }

    /// Removes directory and lock. Nothing if that has been done.
    pub fn remove(&self) -> Result<()> {
        remove(&self.dir)?;
        gone(fs::remove_file(&self.lock)).map_err(file("remove", &self.lock))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let _ = self.remove();
    }
}

/// Takes the lock of a run. `None` where a living controller holds it.
fn claim(lock: &Path, create: bool) -> io::Result<Option<File>> {
    loop {
        let file = OpenOptions::new().create(create).read(true).append(true).open(lock)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => {}
        }
        // Between opening and locking somebody may have removed the file, and a lock on what has no name protects nothing.
        if fs::metadata(lock).is_ok_and(|named| file.metadata().is_ok_and(|held| held.ino() == named.ino())) {
            return Ok(Some(file));
        }
        if !create {
            return Ok(None);
        }
    }
}

/// Removes what dead controllers left below `state`, and nothing else: a run whose controller lives is not touched. Returns what was
/// removed, a line each.
pub fn gc(state: &Path) -> Result<Vec<String>> {
    let mut removed = Vec::new();
    let entries = match fs::read_dir(state) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(removed),
        entries => entries.map_err(file("read", state))?,
    };
    for lock in entries.flatten().map(|entry| entry.path()) {
        let ours = lock.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("run-"));
        if !ours || lock.extension().is_none_or(|end| end != LOCK) {
            continue;
        }
        let claimed = match claim(&lock, false) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            claimed => claimed.map_err(file("lock", &lock))?,
        };
        let Some(_held) = claimed else { continue };
        for line in fs::read_to_string(&lock).map_err(file("read", &lock))?.lines() {
            let numbers =
                line.split_once(' ').and_then(|(pid, began)| Some((pid.parse().ok()?, began.parse::<u64>().ok()?)));
            let Some((pid, began)) = numbers else { continue };
            let still = |pid| process::began(pid) == Some(began) && process::state(pid) != State::Zombie;
            // A keeper that is still at work must not go before those whom it keeps.
            while still(pid) && process::kill_below(pid).unwrap_or(false) {
                thread::sleep(Duration::from_millis(1));
            }
            let killed = process::signal_if(pid, Signal::KILL, still);
            if killed.is_ok_and(|killed| killed) {
                removed.push(format!("process {pid}"));
            }
        }
        let dir = lock.with_extension("");
        if dir.exists() {
            remove(&dir)?;
            removed.push(format!("directory {}", dir.display()));
        }
        gone(fs::remove_file(&lock)).map_err(file("remove", &lock))?;
        removed.push(format!("file {}", lock.display()));
    }
    Ok(removed)
}

/// Removes a directory, also where something in it has been made unreadable for its owner.
fn remove(dir: &Path) -> Result<()> {
    fn open(dir: &Path) -> io::Result<()> {
        fs::set_permissions(dir, Permissions::from_mode(0o700))?;
        for entry in fs::read_dir(dir)?.flatten() {
            if entry.file_type()?.is_dir() {
                open(&entry.path())?;
            }
        }
        Ok(())
    }
    let removed = match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            open(dir).and_then(|()| fs::remove_dir_all(dir))
        }
        removed => removed,
    };
    gone(removed).map_err(file("remove", dir))
}

/// What is not there need not be removed.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_living_run_is_not_touched_and_a_dead_one_is_removed() {
        let state = tempfile::tempdir().unwrap();
        let living = Entry::new(state.path()).unwrap();
        fs::write(living.dir.join("data"), "kept").unwrap();
        let dead = state.path().join("run-1-0");
        fs::create_dir_all(dead.join("n1")).unwrap();
        fs::set_permissions(dead.join("n1"), Permissions::from_mode(0o000)).unwrap();
        // Process 1 runs, but did not begin at that moment: its number has been used again.
        fs::write(dead.with_extension(LOCK), "1 123456789012\n").unwrap();
        fs::write(state.path().join("notes.lock"), "somebody else's").unwrap();
        fs::create_dir(state.path().join("run-without-lock")).unwrap();

        let removed = gc(state.path()).unwrap();
        assert_eq!(
            removed,
            [format!("directory {}", dead.display()), format!("file {}", dead.with_extension(LOCK).display())]
        );
        assert_eq!(fs::read_to_string(living.dir.join("data")).unwrap(), "kept");
        assert!(state.path().join("notes.lock").exists() && state.path().join("run-without-lock").exists());

        drop(living);
        assert_eq!(gc(state.path()).unwrap(), Vec::<String>::new());
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 2, "what is not ours");
    }

    #[test]
    fn two_runs_of_one_process_have_two_directories() {
        let state = tempfile::tempdir().unwrap();
        let (one, two) = (Entry::new(state.path()).unwrap(), Entry::new(state.path()).unwrap());
        assert_ne!(one.dir, two.dir);
        one.remove().unwrap();
        one.remove().unwrap();
        assert!(!one.dir.exists() && two.dir.exists());
    }
}
