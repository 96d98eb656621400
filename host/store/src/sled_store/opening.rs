//! Owns the start: opens sled, checks the log from end to end, and finds out what is owed.
//! Must never start silently on a log with a gap or a wrong checksum.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::{fs, io};

use busbar_charging::subject::Subject;
use busbar_engine::store::{Restored, Snapshot, StoreError};

use super::found::{Found, make};
use super::table::{SLED_FOLDER, has_space, lock, open_file, open_sled, sync_all};
use super::tip::{TipFile, forget_segments};
use super::{Options, Progress, Shared, SledStore, io_error, mending, segments, sled_error};
use crate::archive::Archive;
use crate::codec::{self, Kind, PlacedFact, Sealer};
use crate::keeper::identity;
use crate::marks::Marks;
use crate::needed::Needed;
use crate::rows::{Bounds, ROWS_FILE, RowWriter, Rows};
use crate::space::Reserve;
use crate::{HOW_TO_RESTORE, keys, parts};

/// The archive's folder.
pub(crate) const ARCHIVE_FOLDER: &str = "archive";

pub(super) fn open(folder: &Path, options: Options) -> Result<(SledStore, Restored), StoreError> {
    let reserve = Reserve::new(folder.join("reserve"), options.reserve_bytes);
    let (lock, acknowledged) = take(folder, &options)?;
    let db = start_sled(folder, &options, &reserve, acknowledged)?;
    let mut marks = read_marks(folder, &db)?;
    let log = read_log(folder, &db, &marks)?;
    let (snapshots, snapshot_parts) = read_snapshots(folder, &db)?;
    let mut newest = marks.clone();
    log.facts.iter().for_each(|(_, (position, ..))| newest.see(*position));
    check_acknowledged(folder, &log, acknowledged)?;
    check_ends(folder, &marks, &newest, &log, &snapshots)?;
    let archive = open_archive(folder.join(ARCHIVE_FOLDER), &options, &marks)?;
    check_beside(folder, &log, ARCHIVE_FOLDER, archive.last())?;
    let (rows, mended) = mending::rows_of(folder, &options, &db, &mut marks, &log)?;
    let needed = needed(&log, &snapshots);
    let rows_from = log.facts.partition_point(|(block, _)| *block <= marks.rows_through);
    keep_reserve(&reserve, &options)?;
    let file = open_file(folder)?;
    let last_block = log.last_block;
    let tip = begin_tip(folder, &db, last_block)?;
    // The first batch brings the rows of the facts whose rows are not in the file.
    let shown = if rows_from < log.facts.len() { marks.rows_through } else { last_block };
    let rows = Arc::new(Rows::new(rows, options.bounds(), marks.rows_through, shown));
    let restored = Restored {
        snapshots,
        facts: log.facts.into_iter().map(|(_, fact)| fact).collect(),
        rows_from,
        heads: newest.positions(),
    };
    let files = [folder.join(SLED_FOLDER).join("db"), folder.join(ROWS_FILE)];
    let identified = files.into_iter().map(|path| identity(&path).map(|file| (path, file)));
    let files = identified.collect::<io::Result<_>>();
    let files = files.map_err(|error| io_error("the files of the store", &error))?;
    let writer = if options.read_only { None } else { Some(RowWriter::start(&rows)?) };
    let shared = Shared {
        folder: folder.into(),
        options,
        db,
        lock: Arc::new(lock),
        files,
        rows,
        progress: Mutex::new(Progress { marks, last_block, backups: 0 }),
    };
    let store = SledStore {
        _writer: writer,
        shared: Arc::new(shared),
        file,
        tip,
        sealer: Sealer::new()?,
        archive,
        reserve,
        needed,
        snapshots: VecDeque::new(),
        snapshot_parts,
        block_parts: log.parts,
        newest,
        commits: 0,
        dead: false,
        mended,
    };
    Ok((store, restored))
}

/// Takes the folder for this process, and refuses what is not whole before anything is changed.
/// Says up to which block the log was acknowledged, where that is known.
fn take(folder: &Path, options: &Options) -> Result<(File, Option<u64>), StoreError> {
    let found = Found::look(folder)?;
    found.check(folder, options)?;
    let named = |error| io_error(&folder.display().to_string(), &error);
    fs::create_dir_all(folder).map_err(named)?;
    let lock = lock(folder)?;
    let acknowledged = if found.log { segments::check(folder)? } else { None };
    Ok((lock, acknowledged))
}

/// Opens sled, which writes; makes a store where there is none.
fn start_sled(
    folder: &Path,
    options: &Options,
    reserve: &Reserve,
    acknowledged: Option<u64>,
) -> Result<sled::Db, StoreError> {
    let named = |error| io_error(&folder.display().to_string(), &error);
    // Only now nobody else makes anything here.
    let found = Found::look(folder)?;
    found.check(folder, options)?;
    fs::create_dir_all(folder.join(ARCHIVE_FOLDER)).map_err(named)?;
    if !options.read_only && !has_space(folder) {
        reserve.give_up();
    }
    if !found.anything() {
        make(folder, options)?;
    }
    forget_segments(folder).map_err(named)?;
    let db = open_sled(folder, options.log_cache_bytes).map_err(|error| match error {
        StoreError::Damaged(text) => {
            let block = acknowledged.unwrap_or(0);
            StoreError::Damaged(format!("of the log up to block {block}: {text}"))
        }
        other => other,
    })?;
    // sled makes files when it opens, and leaves their names to chance.
    sync_all(folder).map_err(named)?;
    Ok(db)
}

/// Says that the log is acknowledged up to its last block, once nothing contradicts it.
fn begin_tip(folder: &Path, db: &sled::Db, last_block: u64) -> Result<TipFile, StoreError> {
    let named = |error| io_error(&folder.display().to_string(), &error);
    let mut tip = TipFile::open(folder).map_err(named)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(named)?;
    tip.advance(db, last_block);
    Ok(tip)
}

impl Options {
    /// What one generation of rows gathers.
    fn bounds(&self) -> Bounds {
        if self.read_only {
            // Nothing is written, so nothing is ever due.
            return Bounds { blocks: u64::MAX, rows: usize::MAX, bytes: usize::MAX };
        }
        let blocks = self.row_delay_blocks.max(1);
        Bounds { blocks, rows: self.waiting_rows.max(1), bytes: self.waiting_row_bytes.max(1) }
    }
}

fn open_archive(folder: PathBuf, options: &Options, marks: &Marks) -> Result<Archive, StoreError> {
    Archive::open(folder, options.archive_file_bytes, marks.first_block, marks.archive)
}

fn keep_reserve(reserve: &Reserve, options: &Options) -> Result<(), StoreError> {
    if options.read_only {
        return Ok(());
    }
    let kept = reserve.keep(options.low_space_bytes);
    kept.map_err(|error| io_error("the reserve file", &error))
}

fn read_marks(folder: &Path, db: &sled::Db) -> Result<Marks, StoreError> {
    let read = db.get(keys::MARKS).map_err(|error| sled_error(folder, "the marks", &error))?;
    let folder = folder.display();
    let Some(bytes) = read else {
        return Err(StoreError::Damaged(format!(
            "{folder}/{SLED_FOLDER}/db lost its marks, or is no store of busbar; {HOW_TO_RESTORE}"
        )));
    };
    Marks::decode(&bytes).map_err(|reason| StoreError::Damaged(format!("{folder}: {reason}")))
}

/// The log as it was found.
pub(super) struct Log {
    /// With the block of each.
    pub(super) facts: Vec<(u64, PlacedFact)>,
    parts: VecDeque<u16>,
    pub(super) last_block: u64,
}

fn damaged_block(folder: &Path, block: u64, reason: &str) -> StoreError {
    let folder = folder.display();
    StoreError::Damaged(format!("block {block} of the log in {folder}: {reason}; {HOW_TO_RESTORE}"))
}

fn read_log(folder: &Path, db: &sled::Db, marks: &Marks) -> Result<Log, StoreError> {
    let mut log =
        Log { facts: Vec::new(), parts: VecDeque::new(), last_block: marks.first_block - 1 };
    let (mut whole, mut next_part) = (Vec::new(), 0_u16);
    for entry in db.scan_prefix(keys::LOG) {
        let (key, part) = entry.map_err(|error| sled_error(folder, "the log", &error))?;
        let block = log.last_block + 1;
        match keys::parse_block_part(&key) {
            Some(place) if place == (block, next_part) => {}
            Some((found, _)) if found > block => {
                return Err(damaged_block(folder, block, "it is missing, or a part of it"));
            }
            _ => return Err(damaged_block(folder, block, "a part is not where it belongs")),
        }
        whole.push(part);
        next_part += 1;
        if parts::count(&whole[0]) == Some(next_part) {
            let bytes = parts::join(whole.iter().map(|part| &part[..])).unwrap_or_default();
            let read = codec::unseal(Kind::Block, &bytes)
                .and_then(|(number, body)| Ok((number, codec::decode_block(&body)?)));
            let (number, facts) = read.map_err(|reason| damaged_block(folder, block, &reason))?;
            if number != block {
                return Err(damaged_block(folder, block, &format!("it says that it is {number}")));
            }
            log.facts.extend(facts.into_iter().map(|fact| (block, fact)));
            log.parts.push_back(next_part);
            log.last_block = block;
            (whole, next_part) = (Vec::new(), 0);
        }
    }
    if whole.is_empty() {
        return Ok(log);
    }
    // A commit is one step of sled, so not even the last block can be half there by a crash.
    Err(damaged_block(folder, log.last_block + 1, "a part of it is missing"))
}

type Snapshots = (Vec<Snapshot>, BTreeMap<Subject, u16>);

fn read_snapshots(folder: &Path, db: &sled::Db) -> Result<Snapshots, StoreError> {
    let (mut snapshots, mut counts) = (Vec::new(), BTreeMap::new());
    let mut whole: Vec<sled::IVec> = Vec::new();
    for entry in db.scan_prefix(keys::SNAPSHOTS) {
        let (key, part) = entry.map_err(|error| sled_error(folder, "the snapshots", &error))?;
        let damaged = |reason: &str| {
            let (name, folder) = (String::from_utf8_lossy(&key).into_owned(), folder.display());
            StoreError::Damaged(format!(
                "the snapshot {name:?} in {folder}: {reason}; {HOW_TO_RESTORE}"
            ))
        };
        if keys::part_of(&key).map(usize::from) != Some(whole.len()) {
            return Err(damaged("a part of it is missing"));
        }
        whole.push(part);
        let count = parts::count(&whole[0]).ok_or_else(|| damaged("it has no length"))?;
        if usize::from(count) == whole.len() {
            let bytes = parts::join(whole.iter().map(|part| &part[..])).unwrap_or_default();
            let read = codec::unseal(Kind::Snapshot, &bytes)
                .and_then(|(_, body)| codec::decode_snapshot(&body));
            let snapshot = read.map_err(|reason| damaged(&reason))?;
            counts.insert(snapshot.subject.clone(), count);
            snapshots.push(snapshot);
            whole.clear();
        }
    }
    if whole.is_empty() {
        return Ok((snapshots, counts));
    }
    Err(StoreError::Damaged(format!("a snapshot is cut off; {HOW_TO_RESTORE}")))
}

/// What was acknowledged must be there, whatever became of the file that it was in.
fn check_acknowledged(folder: &Path, log: &Log, block: Option<u64>) -> Result<(), StoreError> {
    match block {
        Some(block) if block > log.last_block => {
            let reason = format!("the log ends before it, and block {block} was acknowledged");
            Err(damaged_block(folder, log.last_block + 1, &reason))
        }
        _ => Ok(()),
    }
}

/// What is derived from the log is never ahead of it. Where no tip says how far the log was
/// acknowledged, it is what says so.
pub(super) fn check_beside(
    folder: &Path,
    log: &Log,
    beside: &str,
    block: u64,
) -> Result<(), StoreError> {
    if block <= log.last_block {
        return Ok(());
    }
    let reason = format!(
        "the log in {SLED_FOLDER}/db ends before it, and {beside} holds what was committed up to \
         block {block}"
    );
    Err(damaged_block(folder, log.last_block + 1, &reason))
}

/// Nothing may speak of facts that the log lost.
fn check_ends(
    folder: &Path,
    marks: &Marks,
    newest: &Marks,
    log: &Log,
    snapshots: &[Snapshot],
) -> Result<(), StoreError> {
    if marks.rows_through > log.last_block {
        let reason = format!("rows of block {} are there, the block is not", marks.rows_through);
        return Err(damaged_block(folder, log.last_block + 1, &reason));
    }
    for snapshot in snapshots {
        if snapshot.position.sequence > newest.heads[usize::from(snapshot.position.shard % 64)] {
            let reason = format!("the snapshot of {} is newer than the log", snapshot.subject);
            return Err(damaged_block(folder, log.last_block + 1, &reason));
        }
    }
    Ok(())
}

fn needed(log: &Log, snapshots: &[Snapshot]) -> Needed {
    let saved: BTreeMap<&Subject, u64> =
        snapshots.iter().map(|one| (&one.subject, one.position.sequence)).collect();
    let mut needed = Needed::default();
    for (block, (position, subject, _)) in &log.facts {
        if saved.get(subject).is_none_or(|saved| position.sequence > *saved) {
            needed.fact(*block, subject);
        }
    }
    needed
}
