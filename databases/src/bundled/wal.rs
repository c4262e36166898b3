//! The write-ahead file: records of length, checksum and bytes, appended and synced.
//!
//! A process that is killed while it appends leaves a torn record at the end: it was never called durable, so it is cut
//! off. A bad record with a good one after it is damage, and starting from what is left would break promises: that is
//! an error.

use harness::Trouble;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// Bytes before a record's own: its length, and a checksum of length and record, both 32 bits, little endian.
const HEAD: usize = 8;

/// An open file with what it holds.
#[derive(Debug)]
pub struct Wal {
    /// Stands at the end.
    pub file: File,
    /// Every whole record, oldest first.
    pub records: Vec<Vec<u8>>,
    /// Bytes of a torn record that were cut off.
    pub torn: usize,
}

/// A record as it stands in the file.
pub fn encode(record: &[u8]) -> Vec<u8> {
    let length = u32::try_from(record.len()).expect("a record is below 4 GiB").to_le_bytes();
    let mut bytes = Vec::with_capacity(HEAD + record.len());
    bytes.extend(length);
    bytes.extend(checksum(length, record).to_le_bytes());
    bytes.extend(record);
    bytes
}

/// The length is part of the checksum, so that zeros are no record.
fn checksum(length: [u8; 4], record: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&length);
    crc.update(record);
    crc.finalize()
}

/// Opens the file, or makes it; cuts a torn record off its end; syncs what is left, and the directory that names it.
pub fn open(path: &Path) -> Result<Wal, Trouble> {
    let opened = || -> io::Result<(File, Vec<u8>)> {
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok((file, bytes))
    };
    let failed = |error: io::Error| {
        let what = format!("the write-ahead file {} cannot be opened", path.display());
        Trouble::new(what, error, "look at the permissions and the free space of its directory")
    };
    let (mut file, bytes) = opened().map_err(failed)?;
    let (records, whole) = decode(&bytes).map_err(|damage| damage.trouble(path))?;
    let mut settle = || -> io::Result<()> {
        file.set_len(whole as u64)?;
        file.seek(SeekFrom::End(0))?;
        file.sync_all()?;
        File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    settle().map_err(failed)?;
    Ok(Wal { file, records, torn: bytes.len() - whole })
}

/// A bad record that is not the last one.
#[derive(Debug, PartialEq, Eq)]
struct Damage {
    record: usize,
    at: usize,
    good_at: usize,
}

impl Damage {
    fn trouble(&self, path: &Path) -> Trouble {
        let Damage { record, at, good_at } = self;
        let what = format!("the write-ahead file {} is damaged", path.display());
        let why =
            format!("record {record}, at byte {at}, fails its checksum, and a good one follows at byte {good_at}");
        Trouble::new(
            what,
            why,
            "this node has lost what it promised: look at the disk, then begin with an empty directory",
        )
    }
}

/// Every whole record, and how many bytes they take.
fn decode(bytes: &[u8]) -> Result<(Vec<Vec<u8>>, usize), Damage> {
    let (mut records, mut at) = (Vec::new(), 0);
    while let Some(record) = record_at(bytes, at) {
        records.push(record.to_vec());
        at += HEAD + record.len();
    }
    // A flipped bit in a length looks like a torn end; only what stands behind it tells the two apart.
    match (at + 1..bytes.len()).find(|at| record_at(bytes, *at).is_some()) {
        Some(good_at) => Err(Damage { record: records.len() + 1, at, good_at }),
        None => Ok((records, at)),
    }
}

/// The record that begins at this byte, if it is whole and its checksum holds.
fn record_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let (head, rest) = bytes.get(at..)?.split_at_checked(HEAD)?;
    let (length, crc) = (head[..4].try_into().ok()?, u32::from_le_bytes(head[4..].try_into().ok()?));
    let record = rest.get(..u32::from_le_bytes(length) as usize)?;
    (checksum(length, record) == crc).then_some(record)
}

/// Writes records as they come and syncs them, as many at once as have come meanwhile. Ends when nobody can send any
/// more.
///
/// `slowness` is slept before each sync, which is then told to `slowed`; `durable` is told how many records each sync
/// covered.
pub fn write_behind(
    mut file: File,
    queue: &Receiver<Vec<u8>>,
    slowness: impl Fn() -> Duration,
    slowed: impl Fn(),
    durable: impl Fn(usize),
) -> io::Result<()> {
    while let Ok(mut batch) = queue.recv() {
        let mut records = 1;
        while let Ok(more) = queue.try_recv() {
            batch.extend(more);
            records += 1;
        }
        file.write_all(&batch)?;
        let slowness = slowness();
        if !slowness.is_zero() {
            std::thread::sleep(slowness);
            slowed();
        }
        file.sync_data()?;
        durable(records);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::sync::mpsc;

    const RECORDS: [&[u8]; 4] = [b"first", b"", b"the third one", b"last"];

    fn file() -> Vec<u8> {
        RECORDS.iter().flat_map(|record| encode(record)).collect()
    }

    fn reopened(bytes: &[u8]) -> Result<(Wal, Vec<u8>), Trouble> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wal");
        std::fs::write(&path, bytes).unwrap();
        let wal = open(&path)?;
        let left = std::fs::read(&path).unwrap();
        Ok((wal, left))
    }

    #[test]
    fn a_whole_file_is_read_back_and_appended_to() {
        let (mut wal, left) = reopened(&file()).unwrap();
        assert_eq!((wal.records.as_slice(), wal.torn), (RECORDS.map(<[u8]>::to_vec).as_slice(), 0));
        assert_eq!(left, file());
        assert_eq!(wal.file.stream_position().unwrap(), file().len() as u64);
    }

    #[test]
    fn an_empty_file_holds_nothing() {
        let (wal, left) = reopened(b"").unwrap();
        assert_eq!((wal.records.len(), wal.torn, left.len()), (0, 0, 0));
    }

    #[test]
    fn a_torn_end_is_cut_off_wherever_it_was_torn() {
        let whole = file();
        let last = whole.len() - encode(RECORDS[3]).len();
        for end in last + 1..whole.len() {
            let (wal, left) = reopened(&whole[..end]).unwrap();
            assert_eq!((wal.records.len(), wal.torn, left.len()), (3, end - last, last), "torn at byte {end}");
        }
    }

    #[test]
    fn zeros_at_the_end_are_no_records() {
        let mut bytes = file();
        bytes.extend([0; 64]);
        let (wal, left) = reopened(&bytes).unwrap();
        assert_eq!((wal.records.len(), wal.torn, left), (4, 64, file()));
    }

    #[test]
    fn a_flipped_bit_is_an_error_unless_it_is_in_the_last_record() {
        let whole = file();
        let last = whole.len() - encode(RECORDS[3]).len();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            match reopened(&bytes) {
                Ok((wal, _)) => assert!(at >= last && wal.records.len() == 3, "byte {at} went unseen"),
                Err(trouble) => assert!(at < last && trouble.what.contains("damaged"), "byte {at}: {trouble}"),
            }
        }
    }

    #[test]
    fn a_huge_length_is_torn_at_the_end_and_damage_before_it() {
        let mut end = file();
        end.extend([0xff; HEAD]);
        assert_eq!(reopened(&end).unwrap().0.torn, HEAD);
        let mut middle = file();
        middle[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        let trouble = reopened(&middle).unwrap_err();
        assert!(trouble.why.contains("record 1, at byte 0") && trouble.why.contains("at byte 13"), "{trouble}");
    }

    #[test]
    fn records_that_wait_are_synced_together() {
        let dir = tempfile::tempdir().unwrap();
        let (path, (sender, queue)) = (dir.path().join("wal"), mpsc::channel());
        RECORDS.iter().for_each(|record| sender.send(encode(record)).unwrap());
        drop(sender);
        let (durable, slowed) = (RefCell::new(Vec::new()), RefCell::new(0));
        let wal = open(&path).unwrap();
        let slowness = || Duration::from_millis(1);
        write_behind(wal.file, &queue, slowness, || *slowed.borrow_mut() += 1, |n| durable.borrow_mut().push(n))
            .unwrap();
        assert_eq!((durable.into_inner(), slowed.into_inner()), (vec![4], 1));
        assert_eq!(open(&path).unwrap().records.len(), 4);
    }
}
