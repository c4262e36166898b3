//! Where nodes keep their data: `nodes/n1/…` of a run's directory, owned by one living controller.
//!
//! ```text
//! <run>/nodes/owner.json     which controller; gone when the run is over
//! <run>/nodes/n1/data/wal    gone when the run is over, or at the next start after the controller was killed
//! <run>/nodes/n1/log         what the node wrote to its standard error; stays
//! ```

use harness::{NodeId, Trouble};
use hosts::Identity;
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Directories below which [`sweep`] looks for what killed controllers left: `<name>/<time>-<seed>/nodes`.
const DEPTH: u32 = 4;
const OWNER: &str = "owner.json";

/// The data of one run's nodes. Dropping it removes them and keeps the logs.
#[derive(Debug)]
pub struct Place {
    root: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Owner {
    pid: u32,
    started: u64,
    boot: String,
}

impl Owner {
    fn lives(self) -> bool {
        Identity { pid: self.pid, started: self.started, boot: self.boot }.lives()
    }
}

impl Place {
    /// Takes the directory of a run for this process.
    pub fn claim(run: &Path, nodes: u8) -> Result<Place, Trouble> {
        let root = run.join("nodes");
        let what = || format!("{} cannot be used for the data of nodes", root.display());
        if owner(&root).is_some_and(Owner::lives) {
            let mend = "name another directory with --out, or wait until that run is over";
            return Err(Trouble::new(what(), "another run that is still going on uses it", mend));
        }
        let failed = |error: io::Error| Trouble::new(what(), error, "look at its permissions and the free space");
        if root.exists() {
            clear(&root).map_err(failed)?;
        }
        let place = Place { root: root.clone() };
        place.furnish(nodes).map_err(failed)?;
        Ok(place)
    }

    fn furnish(&self, nodes: u8) -> io::Result<()> {
        fs::create_dir_all(&self.root)?;
        let me =
            Identity::of(std::process::id()).ok_or_else(|| io::Error::other("/proc does not show this process"))?;
        let owner = Owner { pid: me.pid, started: me.started, boot: me.boot };
        fs::write(self.root.join(OWNER), serde_json::to_vec(&owner)?)?;
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

fn owner(root: &Path) -> Option<Owner> {
    serde_json::from_slice(&fs::read(root.join(OWNER)).ok()?).ok()
}

/// Removes data, then the owner's file: whatever is interrupted between the two is done again.
fn clear(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let data = entry?.path().join("data");
        if data.is_dir() {
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
    if owner(dir).is_some_and(|owner| !owner.lives()) {
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
        let mut owner = owner(&living.join("nodes")).unwrap();
        owner.started -= 1;
        fs::write(dead.join("nodes/owner.json"), serde_json::to_vec(&owner).unwrap()).unwrap();
        assert_eq!((sweep(dir.path()), sweep(dir.path())), (1, 0));
        assert!(!dead.join("nodes/n1/data").exists());
        assert!(place.wal(NodeId(0)).parent().unwrap().exists());
    }
}
