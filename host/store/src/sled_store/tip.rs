//! Owns the tip: a small file beside the log that says how far the log was acknowledged, and which
//! segments of sled's file held it. It is written after each commit's sync, and not synced itself:
//! after kill -9 it is exact, after a power cut it is older. Must never be ahead of the log.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::segments::SEGMENT_BYTES;
use super::table::SLED_FOLDER;

/// The file's name in the store's folder.
pub(crate) const TIP_FILE: &str = "tip";

/// Two places for the tip, written in turn: one that a crash cut off leaves the other.
const SLOT_BYTES: u64 = 32;
/// Where the segments stand.
const SEGMENTS_AT: u64 = 4096;

/// How far the log was acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tip {
    /// All of sled's log up to this sequence number was synced.
    pub(super) lsn: i64,
    /// The last block of it.
    pub(super) block: u64,
}

/// Which segments sled's log was in, at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Segments {
    /// sled's own snapshot then, by its number. Another one means that sled was opened since, and
    /// may have freed any.
    pub(super) snapshot: i64,
    /// sled's log ended here.
    pub(super) lsn: i64,
    /// The first sequence number of each, and the byte at which it begins.
    pub(super) places: BTreeMap<i64, u64>,
}

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) tip: Option<Tip>,
    pub(super) segments: Option<Segments>,
}

impl Known {
    /// Reads the file of a store; knows nothing where it is missing or unreadable.
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let bytes = match fs::read(folder.join(TIP_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read?,
        };
        let slots = bytes.chunks(SLOT_BYTES as usize).take(2);
        let tip = slots.filter_map(decode_tip).max();
        let segments = bytes.get(SEGMENTS_AT as usize..).and_then(decode_segments);
        Ok(Self { tip, segments })
    }
}

/// The numbers of a part of the file, where its checksum is right.
fn numbers<const N: usize>(bytes: &[u8]) -> Option<[i64; N]> {
    let (body, rest) = bytes.split_at_checked(8 * N)?;
    let sum = u32::from_be_bytes(*rest.first_chunk()?);
    let mut found = [0; N];
    for (number, bytes) in found.iter_mut().zip(body.as_chunks().0) {
        *number = i64::from_be_bytes(*bytes);
    }
    (crc32fast::hash(body) == sum).then_some(found)
}

fn put(numbers: impl IntoIterator<Item = i64>) -> Vec<u8> {
    let mut bytes: Vec<u8> = numbers.into_iter().flat_map(i64::to_be_bytes).collect();
    bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
    bytes
}

fn decode_tip(slot: &[u8]) -> Option<Tip> {
    let [lsn, block] = numbers(slot)?;
    // The checksum of nothing but zeros is not zero.
    Some(Tip { lsn, block: block.cast_unsigned() })
}

fn decode_segments(bytes: &[u8]) -> Option<Segments> {
    let [snapshot, lsn, count] = numbers(bytes)?;
    let bytes = bytes.get(3 * 8 + 4..)?;
    let (body, rest) = bytes.split_at_checked(usize::try_from(count).ok()?.checked_mul(16)?)?;
    if u32::from_be_bytes(*rest.first_chunk()?) != crc32fast::hash(body) {
        return None;
    }
    let number = |bytes: &[u8]| bytes.first_chunk().map_or(0, |bytes| i64::from_be_bytes(*bytes));
    let pairs = body.chunks(16).map(|pair| (number(pair), number(&pair[8..]).cast_unsigned()));
    Some(Segments { snapshot, lsn, places: pairs.collect() })
}

/// The newest snapshot that sled made of where its pages are, by its number; 0 where there is none.
pub(super) fn newest_snapshot(folder: &Path) -> io::Result<i64> {
    let mut newest = 0;
    for entry in fs::read_dir(folder.join(SLED_FOLDER))? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_prefix("snap."));
        let number = digits.and_then(|digits| i64::from_str_radix(digits, 16).ok());
        newest = number.unwrap_or(0).max(newest);
    }
    Ok(newest)
}

/// Forgets the segments: sled, where it is opened, frees and overwrites those that hold nothing.
pub(super) fn forget_segments(folder: &Path) -> io::Result<()> {
    match File::options().write(true).open(folder.join(TIP_FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        file => {
            let file = file?;
            file.set_len(SEGMENTS_AT)?;
            file.sync_all()
        }
    }
}

/// Writes the file.
pub(super) struct TipFile {
    file: File,
    snapshot: i64,
    /// The other slot is written next.
    slot: u64,
    /// The segment in which the log ended when the segments were written.
    mapped: i64,
}

impl TipFile {
    /// Opens the file of a store that sled has open, or makes it.
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(TIP_FILE);
        let file = File::options().write(true).create(true).truncate(false).open(path)?;
        Ok(Self { file, snapshot: newest_snapshot(folder)?, slot: 0, mapped: -1 })
    }

    /// The log is synced up to its present end, which is the end of this block. Failing to say so
    /// takes nothing from what is acknowledged: the file is then only older than it could be.
    pub(super) fn advance(&mut self, db: &sled::Db, block: u64) {
        let lsn = db.context.pagecache.log.stable_offset();
        self.slot = 1 - self.slot;
        let bytes = put([lsn, block.cast_signed()]);
        let _older = self.file.write_all_at(&bytes, self.slot * SLOT_BYTES);
        if lsn / SEGMENT_BYTES != self.mapped {
            self.map(db);
        }
    }

    /// Writes down in which segments the log is, which is synced.
    pub(super) fn map(&mut self, db: &sled::Db) {
        let log = &db.context.pagecache.log;
        let lsn = log.stable_offset();
        self.mapped = lsn / SEGMENT_BYTES;
        // One that sled has allocated and not written yet begins later.
        let mut places = log.iter_from(0).segments;
        places.retain(|first, _| *first <= lsn);
        let count = i64::try_from(places.len()).unwrap_or(i64::MAX);
        let mut bytes = put([self.snapshot, lsn, count]);
        bytes.extend(put(places.into_iter().flat_map(|(lsn, at)| [lsn, at.cast_signed()])));
        let _older = self.file.write_all_at(&bytes, SEGMENTS_AT);
    }

    /// Makes it durable: now and then, so that a power cut leaves one that is not old.
    pub(super) fn sync(&self) {
        let _older = self.file.sync_data();
    }
}
