//! Where nodes keep their data: `nodes/n1/…` of a run's directory, owned by one living controller.
//!
//! ```text
//! <run>/nodes/owner.json     which controller, which keeps it locked while it lives; gone when the run is over
//! <run>/nodes/n1/data/wal    gone when the run is over, or at the next start after the controller was killed
//! <run>/nodes/n1/log         what the node wrote to its standard error; stays
//! ```

use harness::{NodeId, Trouble};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Directories below which [`sweep`] looks for what killed controllers left: `<name>/<time>-<seed>/nodes`.
const DEPTH: u32 = 4;
const OWNER: &str = "owner.json";

/// The data of one run's nodes. Dropping it removes them and keeps the logs.
#[derive(Debug)]
pub struct Place {
    root: PathBuf,
    /// Locked for as long as this process lives: the kernel lets go of it however the process ends, and the lock says so to
    /// processes elsewhere too that see the same file.
    _lock: File,
}

/// For a person who wonders, and to tell our file from another of this name.
#[derive(Serialize, Deserialize)]
struct Owner {
    perjury: u32,
    pid: u32,
}

impl Place {
    /// Takes the directory of a run for this process.
    pub fn claim(run: &Path, nodes: u8) -> Result<Place, Trouble> {
        let root = run.join("nodes");
        let what = || format!("{} cannot be used for the data of nodes", root.display());
        if owner(&root) == Some(Life::Lives) {
            let mend = "name another directory with --out, or wait until that run is over";
            return Err(Trouble::new(what(), "another run that is still going on uses it", mend));
        }
        let failed = |error: io::Error| Trouble::new(what(), error, "look at its permissions and the free space");
        if root.exists() {
            clear(&root).map_err(failed)?;
        }
        let lock = sign(&root).map_err(failed)?;
        let place = Place { root, _lock: lock };
        place.furnish(nodes).map_err(|error| {
            Trouble::new("making the directories of nodes", error, "look at their permissions and the free space")
        })?;
        Ok(place)
    }

    fn furnish(&self, nodes: u8) -> io::Result<()> {
        (0..nodes).map(NodeId).try_for_each(|node| fs::create_dir_all(self.node(node).join("data")))
    }

    fn node(&self, node: NodeId) -> PathBuf {
        self.root.join(node.to_string())
    }
    /// A node's write-ahead file.
    pub fn wal(&self, node: NodeId) -> PathBuf {
        self.node(node).join("data").join("wal")
    }
    /// A node's log.
    pub fn log(&self, node: NodeId) -> PathBuf {
        self.node(node).join("log")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What cannot be removed now is removed at the next start, which finds the owner dead.
        let _ = clear(&self.root);
    }
}

/// Writes the owner's file and locks it.
fn sign(root: &Path) -> io::Result<File> {
    fs::create_dir_all(root)?;
    let mut file = File::create(root.join(OWNER))?;
    file.lock()?;
    file.write_all(&serde_json::to_vec(&Owner { perjury: 1, pid: std::process::id() })?)?;
    Ok(file)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Lives,
    Dead,
}

/// Is there an owner, and does it live? A file that cannot be asked is taken for a living one's.
fn owner(root: &Path) -> Option<Life> {
    let file = File::open(root.join(OWNER)).ok()?;
    match file.try_lock() {
        Ok(()) => {
            let _: Owner = serde_json::from_reader(&file).ok()?;
            Some(Life::Dead)
        }
        Err(_) => Some(Life::Lives),
    }
}

/// Removes data, then the owner's file: whatever is interrupted between the two is done again.
fn clear(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let node = entry
            .file_name()
            .to_str()
            .is_some_and(|name| name.strip_prefix('n').is_some_and(|number| number.parse::<u8>().is_ok()));
        let data = entry.path().join("data");
        if node && data.is_dir() {
            fs::remove_dir_all(data)?;
        }
    }
    match fs::remove_file(root.join(OWNER)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes the nodes' data that earlier controllers left below `dir` because they were killed; never those of a living
/// one. Returns how many runs it cleaned up.
pub fn sweep(dir: &Path) -> usize {
    sweep_to(dir, DEPTH)
}

fn sweep_to(dir: &Path, depth: u32) -> usize {
    if owner(dir) == Some(Life::Dead) {
        return usize::from(clear(dir).is_ok());
    }
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let directories = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    directories.map(|entry| if depth == 0 { 0 } else { sweep_to(&entry.path(), depth - 1) }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_cleared_when_it_is_dropped_and_keeps_its_logs() {
        let dir = tempfile::tempdir().unwrap();
        let place = Place::claim(dir.path(), 2).unwrap();
        fs::write(place.wal(NodeId(1)), "records").unwrap();
        fs::write(place.log(NodeId(1)), "words").unwrap();
        let trouble = Place::claim(dir.path(), 2).unwrap_err();
        assert!(trouble.why.contains("still going on"), "{trouble}");
        drop(place);
        assert!(dir.path().join("nodes/n2/log").exists());
        assert!(!dir.path().join("nodes/n2/data").exists() && !dir.path().join("nodes/owner.json").exists());
    }

    #[test]
    fn the_dead_are_swept_and_the_living_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let (dead, living) = (dir.path().join("raft/1-7"), dir.path().join("raft/2-8"));
        let place = Place::claim(&living, 1).unwrap();
        fs::create_dir_all(dead.join("nodes/n1/data")).unwrap();
        fs::create_dir_all(dead.join("nodes/mine/data")).unwrap();
        // Whoever wrote it has let go of it.
        drop(sign(&dead.join("nodes")).unwrap());
        let foreign = dir.path().join("raft/3-9/nodes");
        fs::create_dir_all(foreign.join("n1/data")).unwrap();
        fs::write(foreign.join("owner.json"), "{\"owner\": \"somebody else\"}").unwrap();
        assert_eq!((sweep(dir.path()), sweep(dir.path())), (1, 0));
        assert!(!dead.join("nodes/n1/data").exists() && dead.join("nodes/mine/data").exists());
        assert!(foreign.join("n1/data").exists());
        assert!(place.wal(NodeId(0)).parent().unwrap().exists());
    }
}
