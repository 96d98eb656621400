//! Owns the embedded backend: one block of facts per commit in sled, snapshots written behind it
//! there, rows in a file of their own. Must never return from a commit before its block is synced,
//! use `flush_async` or `generate_id`, or give sled a value above 4 KiB (FACTS.md: its flush is no
//! sync, the first hangs, the second skips, and large values go into files that nothing syncs).

mod committing;
mod found;
mod mending;
mod opening;
mod segments;
mod table;
mod tip;

pub(crate) use mending::lacking;
pub(crate) use opening::ARCHIVE_FOLDER;
pub(crate) use table::{SLED_FOLDER, open_sled};
pub(crate) use tip::TIP_FILE;

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use busbar_charging::subject::Subject;
use busbar_engine::store::{Batch, Reader, Restored, Store, StoreError};

use crate::archive::Archive;
use crate::codec::Sealer;
use crate::keeper::Keeper;
use crate::marks::Marks;
use crate::needed::Needed;
use crate::rows::{RowReader, RowWriter, Rows};
use crate::space::Reserve;
use tip::TipFile;

/// How a store is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What of the rows may be kept in memory.
    pub cache_bytes: u64,
    /// What of the log and the snapshots may be kept in memory.
    pub log_cache_bytes: u64,
    /// Space held for the day when the disk is full.
    pub reserve_bytes: u64,
    /// With less space than this, no new sessions.
    pub low_space_bytes: u64,
    /// The rows of so many blocks are gathered, in the hope that they change again, and written
    /// in one step. The log is not trimmed before.
    pub row_delay_blocks: u64,
    /// Written sooner when so many rows have gathered; as many may gather meanwhile.
    pub waiting_rows: usize,
    /// The same in bytes.
    pub waiting_row_bytes: usize,
    /// So many blocks go to the archive at once.
    pub archive_step: u64,
    /// An archive file grows to about this.
    pub archive_file_bytes: u64,
    /// For those who only look: commits fail, and nothing is written.
    pub read_only: bool,
    /// Makes a store where there is none. A process that had one open must not: what is gone then
    /// was taken away, and an empty store in its place would hide that.
    pub create: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 32 << 20,
            log_cache_bytes: 16 << 20,
            reserve_bytes: 32 << 20,
            low_space_bytes: 256 << 20,
            row_delay_blocks: 4_096,
            waiting_rows: 50_000,
            waiting_row_bytes: 32 << 20,
            archive_step: 64,
            archive_file_bytes: 64 << 20,
            read_only: false,
            create: true,
        }
    }
}

/// What the committing thread shares with readers and with whoever makes a backup.
pub(crate) struct Shared {
    pub(crate) folder: PathBuf,
    pub(crate) options: Options,
    pub(crate) db: sled::Db,
    /// Held by whoever holds the table.
    lock: Arc<File>,
    /// The files that are open, each with its device and its inode.
    pub(crate) files: Vec<(PathBuf, (u64, u64))>,
    pub(crate) rows: Arc<Rows>,
    progress: Mutex<Progress>,
}

/// Where the store stands. Held by a commit from its beginning to its end.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    /// As they are on disk.
    pub(crate) marks: Marks,
    /// The last block of the log.
    pub(crate) last_block: u64,
    /// So many backups run: nothing is trimmed and no snapshot is replaced.
    pub(crate) backups: u32,
}

impl Shared {
    pub(crate) fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn reader(&self) -> RowReader {
        RowReader { rows: Arc::clone(&self.rows), _lock: Some(Arc::clone(&self.lock)) }
    }
}

/// A snapshot that waits until all rows up to its block are on disk.
struct WaitingSnapshot {
    block: u64,
    subject: Subject,
    /// The first block that it makes needless.
    replaces: Option<u64>,
    sealed: Vec<u8>,
}

/// A store in a folder of its own.
pub struct SledStore {
    /// None where the store is only read. First: it ends before what it writes to.
    _writer: Option<RowWriter>,
    shared: Arc<Shared>,
    /// sled's file, by a handle of our own: what makes a commit durable.
    file: File,
    /// Says how far the log was acknowledged.
    tip: TipFile,
    sealer: Sealer,
    archive: Archive,
    reserve: Reserve,
    needed: Needed,
    snapshots: VecDeque<WaitingSnapshot>,
    /// Into how many parts each snapshot on disk is cut.
    snapshot_parts: BTreeMap<Subject, u16>,
    /// Into how many parts each block of the log is cut, the first block first.
    block_parts: VecDeque<u16>,
    /// The heads with all facts of the log.
    newest: Marks,
    commits: u64,
    /// A failed commit, or closed: the store is not used again.
    dead: bool,
    /// What opening had to mend.
    mended: Option<String>,
}

impl SledStore {
    /// Opens a store, or makes one, and gives what an engine starts from. Checks the whole log.
    ///
    /// # Errors
    /// Another process holds it, the disk is full, or something is damaged: the message says what
    /// and what to do.
    pub fn open(folder: &Path, options: Options) -> Result<(Self, Restored), StoreError> {
        opening::open(folder, options)
    }

    /// Whether anything of a store is in a folder. Changes nothing.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn is_there(folder: &Path) -> Result<bool, StoreError> {
        Ok(found::Found::look(folder)?.anything())
    }

    /// What can be asked of a store beside commits, from any thread.
    pub fn keeper(&self) -> Keeper {
        Keeper::new(Arc::clone(&self.shared))
    }

    /// What opening had to mend, for the operator.
    pub fn mended(&self) -> Option<&str> {
        self.mended.as_deref()
    }
}

impl Store for SledStore {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.dead {
            return Err(StoreError::Failed("the store has ended: open it again".into()));
        }
        let done = self.commit_batch(batch);
        if let Err(error) = &done {
            self.dead = true;
            if matches!(error, StoreError::Full(_)) {
                self.reserve.give_up();
            }
        }
        done
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(self.shared.reader())
    }

    fn close(&mut self) -> Result<(), StoreError> {
        if std::mem::replace(&mut self.dead, true) || self.shared.options.read_only {
            return Ok(());
        }
        self.write_all()
    }
}

/// Says what a failure of sled means.
pub(crate) fn sled_error(folder: &Path, what: &str, error: &sled::Error) -> StoreError {
    let text = format!("{what}: {error}");
    let full = matches!(error, sled::Error::Io(io) if is_full(io));
    // sled passes some failures on as "bugs": ask the disk itself.
    if full || crate::space::free_bytes(folder).is_ok_and(|free| free < 1 << 20) {
        return StoreError::Full(text);
    }
    match error {
        sled::Error::Corruption { .. } => {
            StoreError::Damaged(format!("{text}; {}", crate::HOW_TO_RESTORE))
        }
        _ => StoreError::Failed(text),
    }
}

pub(crate) fn io_error(what: &str, error: &std::io::Error) -> StoreError {
    let text = format!("{what}: {error}");
    if is_full(error) { StoreError::Full(text) } else { StoreError::Failed(text) }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
pub(crate) mod tests;
