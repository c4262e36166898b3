//! Damage to files of a node that does not run: a bit that is turned over, an end that is lost. What is damaged lies below the node's
//! directory, and what was there is kept, so that it can be put back.
//!
//! Programs make their files longer than what they write into them, so zeros at the end of a file are no part of it here, and neither is
//! a byte that is zero worth turning a bit of: it may never have been written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What is to be done to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hurt {
    /// One bit of a byte that is not zero is turned over: which byte and which bit is drawn, and counts modulo how many there are.
    Flip {
        /// For the byte.
        byte: u64,
        /// For the bit.
        bit: u64,
    },
    /// So many bytes are cut off what was written, or all of it where it was less.
    Shorten(u64),
}

/// What was done to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Which one.
    pub file: PathBuf,
    /// Where in it, in bytes from its beginning.
    pub offset: u64,
    /// What was there.
    pub before: Vec<u8>,
    /// What is there now; nothing where the file ends there.
    pub after: Vec<u8>,
    /// How long the file was.
    pub length: u64,
}

/// Plain files with something in them below `dir`, the one that was changed last first. Links are not followed, and files that have
/// another name elsewhere are left out.
pub fn files(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found: Vec<(SystemTime, PathBuf)> = Vec::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next)?.flatten() {
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                dirs.push(path);
                continue;
            }
            let meta = entry.metadata()?;
            if kind.is_file() && meta.nlink() == 1 && meta.len() > 0 {
                found.push((meta.modified()?, path));
            }
        }
    }
    found.sort_by(|one, other| other.cmp(one));
    Ok(found.into_iter().map(|(_, path)| path).filter(|path| nth_byte(path, 0).is_ok()).collect())
}

/// Does it to a file, and reads it back.
pub fn damage(file: &Path, hurt: Hurt) -> io::Result<Damage> {
    match hurt {
        Hurt::Flip { byte, bit } => flip(file, byte, bit),
        Hurt::Shorten(bytes) => shorten(file, bytes),
    }
}

fn flip(file: &Path, byte: u64, bit: u64) -> io::Result<Damage> {
    let offset = nth_byte(file, byte % written(file)?.bytes.max(1))?;
    let handle = OpenOptions::new().read(true).write(true).open(file)?;
    let mut before = vec![0];
    handle.read_exact_at(&mut before, offset)?;
    let after = vec![before[0] ^ (1 << (bit % 8))];
    handle.write_all_at(&after, offset)?;
    is_there(&handle, offset, &after)?;
    Ok(Damage { file: file.to_path_buf(), offset, before, after, length: handle.metadata()?.len() })
}

fn shorten(file: &Path, bytes: u64) -> io::Result<Damage> {
    let end = written(file)?.end;
    let offset = end.saturating_sub(bytes);
    let handle = OpenOptions::new().read(true).write(true).open(file)?;
    let length = handle.metadata()?.len();
    let mut before = vec![0; (end - offset) as usize];
    handle.read_exact_at(&mut before, offset)?;
    handle.set_len(offset)?;
    match handle.metadata()?.len() == offset {
        true => Ok(Damage { file: file.to_path_buf(), offset, before, after: Vec::new(), length }),
        false => Err(io::Error::other("the file has not become shorter")),
    }
}

impl Damage {
    /// Puts back what was there. False where somebody has changed the file, in its length or in this place: then it is left alone.
    pub fn undo(&self) -> io::Result<bool> {
        let handle = OpenOptions::new().read(true).write(true).open(&self.file)?;
        let cut = self.after.is_empty();
        let as_left = match cut {
            true => handle.metadata()?.len() == self.offset,
            false => is_there(&handle, self.offset, &self.after).is_ok(),
        };
        if as_left {
            handle.write_all_at(&self.before, self.offset)?;
            handle.set_len(self.length.max(handle.metadata()?.len()))?;
            is_there(&handle, self.offset, &self.before)?;
        }
        Ok(as_left)
    }
}

fn is_there(file: &File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let mut read = vec![0; bytes.len()];
    file.read_exact_at(&mut read, offset)?;
    if read == bytes { Ok(()) } else { Err(io::Error::other("what was written is not there")) }
}

/// How many bytes of a file are not zero, and where the last one ends.
struct Written {
    bytes: u64,
    end: u64,
}

fn written(file: &Path) -> io::Result<Written> {
    let mut written = Written { bytes: 0, end: 0 };
    blocks(file, |from, block| {
        written.bytes += block.iter().filter(|byte| **byte != 0).count() as u64;
        if let Some(last) = block.iter().rposition(|byte| *byte != 0) {
            written.end = from + last as u64 + 1;
        }
        true
    })?;
    Ok(written)
}

/// Where the nth byte is that is not zero, counted from 0.
fn nth_byte(file: &Path, nth: u64) -> io::Result<u64> {
    let (mut left, mut found) = (nth, None);
    blocks(file, |from, block| {
        let other = block.iter().enumerate().filter(|(_, byte)| **byte != 0);
        match other.clone().nth(left as usize) {
            Some((at, _)) => found = Some(from + at as u64),
            None => left -= other.count() as u64,
        }
        found.is_none()
    })?;
    found.ok_or_else(|| io::Error::other("there is nothing in it"))
}

/// Reads a file block by block, as long as it is told to go on.
fn blocks(file: &Path, mut each: impl FnMut(u64, &[u8]) -> bool) -> io::Result<()> {
    let (mut file, mut block, mut from) = (File::open(file)?, vec![0; 1 << 16], 0);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(()),
            read if each(from, &block[..read]) => from += read as u64,
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of 200,000 bytes, of which two stretches were written.
    fn file() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = vec![0; 200_000];
        bytes[10..20].fill(7);
        bytes[70_000..70_010].fill(9);
        fs::write(dir.path().join("log"), &bytes).unwrap();
        let path = dir.path().join("log");
        (dir, path, bytes)
    }

    #[test]
    fn one_bit_of_what_was_written_is_turned_over_and_back() {
        let (_dir, path, bytes) = file();
        for (nth, offset, before) in [(0, 10, 7), (9, 19, 7), (10, 70_000, 9), (19, 70_009, 9), (40, 10, 7)] {
            let damage = super::damage(&path, Hurt::Flip { byte: nth, bit: 9 }).unwrap();
            assert_eq!((damage.offset, &*damage.before, &*damage.after), (offset, &[before][..], &[before ^ 2][..]));
            let damaged = fs::read(&path).unwrap();
            let wrong: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != damaged[*at]).collect();
            assert_eq!(wrong, [offset as usize]);
            assert!(damage.undo().unwrap() && fs::read(&path).unwrap() == bytes);
            assert!(!damage.undo().unwrap(), "nothing is damaged there any more");
        }
    }

    #[test]
    fn the_end_of_what_was_written_is_cut_off_and_put_back() {
        let (_dir, path, bytes) = file();
        let damage = super::damage(&path, Hurt::Shorten(4)).unwrap();
        assert_eq!((damage.offset, &*damage.before, damage.after.len()), (70_006, &[9; 4][..], 0));
        assert_eq!(fs::read(&path).unwrap(), bytes[..70_006]);
        assert!(damage.undo().unwrap() && fs::read(&path).unwrap() == bytes);
        let damage = super::damage(&path, Hurt::Shorten(1 << 20)).unwrap();
        assert_eq!((damage.offset, fs::read(&path).unwrap().len()), (0, 0));
        fs::write(&path, "somebody has repaired it").unwrap();
        assert!(!damage.undo().unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"somebody has repaired it");
    }

    #[test]
    fn only_plain_files_of_the_directory_can_be_hit_the_latest_first() {
        let (dir, path, _) = file();
        let outside = tempfile::NamedTempFile::new().unwrap();
        fs::write(outside.path(), "not ours").unwrap();
        std::os::unix::fs::symlink(outside.path(), dir.path().join("link")).unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("etc")).unwrap();
        fs::write(dir.path().join("empty"), "").unwrap();
        fs::write(dir.path().join("zeros"), [0; 100]).unwrap();
        fs::write(dir.path().join("twice"), "elsewhere too").unwrap();
        fs::hard_link(dir.path().join("twice"), dir.path().join("again")).unwrap();
        fs::create_dir(dir.path().join("sub")).unwrap();
        let later = dir.path().join("sub/later");
        fs::write(&later, "x").unwrap();
        let old = SystemTime::now() - std::time::Duration::from_secs(100);
        File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        let found = files(dir.path()).unwrap();
        assert_eq!(found, [later, path]);
    }
}
