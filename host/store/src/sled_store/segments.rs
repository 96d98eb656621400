//! Owns the reading of sled's file before sled does, which takes every record that it cannot read
//! for the end of its log, cuts the log off there, and overwrites what follows. What was
//! acknowledged is known (`tip`): up to there every record must be whole, in every segment that
//! the log was in. Must never write, nor refuse what only a crash left behind.
//!
//! The form is that of sled 0.34: a file of segments, each with a header, then records one after
//! the other up to a cap or the last few bytes. A sequence number counts the bytes of the log;
//! divided by the size of a segment it gives the number that each record of a segment carries.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use busbar_engine::store::StoreError;

use super::io_error;
use super::table::SLED_FOLDER;
use super::tip::{Known, Segments, Tip, newest_snapshot};
use crate::HOW_TO_RESTORE;

/// The size of sled's segments, as we leave it.
pub(super) const SEGMENT_BYTES: i64 = 512 * 1024;
/// A segment's header: checksum, first sequence number, and how far the log was stable then.
const HEADER_BYTES: usize = 20;
/// No record begins in so many bytes at the end of a segment: so long its header may be.
const RECORD_HEADER_BYTES: usize = 32;
/// What the numbers of a segment's header are combined with.
const MASK: i64 = i64::MAX;
/// The kinds of records, and the one that ends a segment.
const KINDS: std::ops::RangeInclusive<u8> = 1..=11;
const CAP: u8 = 2;

/// Refuses a log that is not whole up to where it was acknowledged. Says up to which block that
/// was; none where that is not known.
///
/// # Errors
/// Names the byte, the block, and what to do.
pub(super) fn check(folder: &Path) -> Result<Option<u64>, StoreError> {
    let path = folder.join(SLED_FOLDER).join("db");
    let failed = |error| io_error(&path.display().to_string(), &error);
    let known = Known::read(folder).map_err(failed)?;
    let Some(tip) = known.tip else { return Ok(None) };
    let log = LogFile::open(&path).map_err(failed)?;
    let snapshot = newest_snapshot(folder).map_err(failed)?;
    let known = known.segments.filter(|segments| segments.snapshot == snapshot);
    match log.check(tip, snapshot, known.as_ref()).map_err(failed)? {
        Ok(()) => Ok(Some(tip.block)),
        Err(Damage { at, what }) => Err(StoreError::Damaged(format!(
            "{} at byte {at}: {what}, so that the log cannot be read up to block {}, which was \
             acknowledged; nothing was changed; {HOW_TO_RESTORE}",
            path.display(),
            tip.block
        ))),
    }
}

/// What is wrong, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Damage {
    at: u64,
    what: &'static str,
}

/// The header of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    lsn: i64,
    stable: i64,
}

struct LogFile {
    file: File,
    bytes: u64,
    /// Of each segment of the file; none where it has no good one.
    headers: Vec<Option<Header>>,
}

impl LogFile {
    fn open(path: &PathBuf) -> io::Result<Self> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let mut log = Self { file, bytes, headers: Vec::new() };
        for at in (0..bytes).step_by(SEGMENT_BYTES as usize) {
            let header = log.read(at, HEADER_BYTES)?;
            log.headers.push(header.first_chunk().and_then(read_header));
        }
        Ok(log)
    }

    /// As many of so many bytes as there are.
    fn read(&self, at: u64, bytes: usize) -> io::Result<Vec<u8>> {
        let left = usize::try_from(self.bytes.saturating_sub(at)).unwrap_or(usize::MAX);
        let mut read = vec![0; bytes.min(left)];
        self.file.read_exact_at(&mut read, at)?;
        Ok(read)
    }

    fn check(
        &self,
        tip: Tip,
        snapshot: i64,
        known: Option<&Segments>,
    ) -> io::Result<Result<(), Damage>> {
        let headers = (0..).step_by(SEGMENT_BYTES as usize).zip(&self.headers);
        let headers = headers.filter_map(|(at, header)| Some((at, header.as_ref()?)));
        let mut places: BTreeMap<i64, u64> = BTreeMap::new();
        // From the segment of this on, sled overwrites none, and its own reading takes a gap for
        // the end. The tip may be older than that: it is not synced with each commit.
        let mut stable = snapshot;
        for (at, header) in headers {
            places.insert(header.lsn, at);
            stable = header.stable.max(stable);
        }
        let first = stable.max(0) / SEGMENT_BYTES * SEGMENT_BYTES;
        for lsn in (first..=tip.lsn).step_by(SEGMENT_BYTES as usize) {
            let at = places.get(&lsn).or_else(|| known?.places.get(&lsn));
            let Some(at) = at else {
                let what = "the end of the log is missing";
                return Ok(Err(Damage { at: self.bytes, what }));
            };
            if let Err(damage) = self.walk(*at, lsn, tip.lsn)? {
                return Ok(Err(damage));
            }
        }
        // sled replays what it freed and has not used again, from its snapshot on.
        let replayed = snapshot / SEGMENT_BYTES * SEGMENT_BYTES;
        for (at, header) in (0..).step_by(SEGMENT_BYTES as usize).zip(&self.headers) {
            let looked = match header {
                Some(header) if (replayed..first).contains(&header.lsn) => {
                    self.walk(at, header.lsn, tip.lsn)?
                }
                Some(_) => Ok(()),
                None => self.is_blank(at)?,
            };
            if let Err(damage) = looked
                && !self.was_freed(at, tip.lsn)?
            {
                return Ok(Err(damage));
            }
        }
        let Some(known) = known else { return Ok(Ok(())) };
        for (lsn, at) in known.places.range(..first) {
            if let Err(damage) = self.walk(*at, *lsn, tip.lsn)?
                && !self.was_freed(*at, known.lsn)?
            {
                return Ok(Err(damage));
            }
        }
        Ok(Ok(()))
    }

    /// A segment has no good header only where sled never wrote one, or wrote zeros over it.
    fn is_blank(&self, at: u64) -> io::Result<Result<(), Damage>> {
        let blank = self.read(at, HEADER_BYTES)? == [0; HEADER_BYTES];
        let damage = Damage { at, what: "the header of a segment is damaged or cut off" };
        Ok(if blank { Ok(()) } else { Err(damage) })
    }

    /// Reads the records of the segment that begins with `lsn`, up to `until`.
    fn walk(&self, at: u64, lsn: i64, until: i64) -> io::Result<Result<(), Damage>> {
        let segment = self.read(at, SEGMENT_BYTES as usize)?;
        let number = (lsn / SEGMENT_BYTES).cast_unsigned();
        if segment.first_chunk().and_then(read_header).is_none_or(|header| header.lsn != lsn) {
            return Ok(Err(Damage { at, what: "a segment does not begin as it did" }));
        }
        let mut place = HEADER_BYTES;
        let end = SEGMENT_BYTES as usize - RECORD_HEADER_BYTES;
        while place <= end && lsn + place as i64 <= until {
            match segment.get(place..).and_then(read_record) {
                Some(record) if record.segment == number && record.kind == CAP => break,
                Some(record) if record.segment == number => place += record.bytes,
                // Where sled went on in another segment it wrote nothing here.
                _ if place == end => break,
                _ => {
                    let at = at + place as u64;
                    return Ok(Err(Damage { at, what: "a record is damaged or cut off" }));
                }
            }
        }
        Ok(Ok(()))
    }

    /// True where sled took a segment for what came after `since`, or cut it off its file: what
    /// stood there was needed no more.
    fn was_freed(&self, at: u64, since: i64) -> io::Result<bool> {
        if at >= self.bytes {
            // sled cuts its file off where a segment begins.
            return Ok(self.bytes.is_multiple_of(SEGMENT_BYTES.cast_unsigned()));
        }
        let segment = self.read(at, SEGMENT_BYTES as usize)?;
        if segment.first_chunk().and_then(read_header).is_some_and(|header| header.lsn > since) {
            return Ok(true);
        }
        // After a power cut the header may be the older one.
        let newest = (since / SEGMENT_BYTES).cast_unsigned();
        let newer = |place: usize| {
            let record = Record::parse(&segment[place..]);
            // What is no record seems to be of any segment: most are told apart before the sum.
            let newer =
                record.filter(|record| (1..1_000).contains(&record.segment.wrapping_sub(newest)));
            newer.is_some_and(|record| record.is_whole(&segment[place..]))
        };
        Ok((HEADER_BYTES..segment.len()).any(newer))
    }
}

fn read_header(bytes: &[u8; HEADER_BYTES]) -> Option<Header> {
    let (sum, body) = bytes.split_first_chunk::<4>()?;
    let number = |bytes: &[u8]| bytes.first_chunk().map(|bytes| i64::from_le_bytes(*bytes) ^ MASK);
    let header = Header { lsn: number(body)?, stable: number(&body[8..])? };
    let good = crc32fast::hash(body) == !u32::from_le_bytes(*sum);
    (good && header.lsn >= 0 && header.lsn % SEGMENT_BYTES == 0).then_some(header)
}

/// A record, by its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    kind: u8,
    segment: u64,
    /// Of its header.
    header: usize,
    /// With its header.
    bytes: usize,
}

impl Record {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (kind, mut rest) = bytes.get(4..)?.split_first()?;
        let length = usize::try_from(read_number(&mut rest)?).ok()?;
        let segment = read_number(&mut rest)?;
        let _page = read_number(&mut rest)?;
        let header = bytes.len() - rest.len();
        let whole = KINDS.contains(kind) && length <= rest.len();
        whole.then(|| Self { kind: *kind, segment, header, bytes: header + length })
    }

    /// Whether the checksum of what begins with these bytes is right.
    fn is_whole(&self, bytes: &[u8]) -> bool {
        let Some(sum) = bytes.first_chunk() else { return false };
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&bytes[self.header..self.bytes]);
        hasher.update(&bytes[4..self.header]);
        hasher.finalize() == !u32::from_le_bytes(*sum)
    }
}

/// The record at the beginning of these bytes, where it is whole.
fn read_record(bytes: &[u8]) -> Option<Record> {
    Record::parse(bytes).filter(|record| record.is_whole(bytes))
}

/// A number of one to nine bytes, the first of which says of how many.
fn read_number(bytes: &mut &[u8]) -> Option<u64> {
    let (first, rest) = bytes.split_first()?;
    let more = match first {
        0..=240 => 0,
        241..=248 => 1,
        249 => 2,
        _ => usize::from(first - 247),
    };
    let (read, rest) = rest.split_at_checked(more)?;
    *bytes = rest;
    let little = read.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte));
    let big = read.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte));
    Some(match first {
        0..=240 => u64::from(*first),
        241..=248 => 240 + 256 * u64::from(first - 241) + big,
        249 => 2288 + big,
        _ => little,
    })
}

#[cfg(test)]
mod tests;
