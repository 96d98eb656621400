//! Owns what of a store stands in a folder before anything opens it, and the making of a new one.
//! Must never make one where anything of a store is, nor leave half of one under its name.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use busbar_engine::store::StoreError;

use super::opening::ARCHIVE_FOLDER;
use super::table::{SLED_FOLDER, await_release, open_sled_at};
use super::tip::TIP_FILE;
use super::{Options, io_error, sled_error};
use crate::archive::block_files;
use crate::marks::Marks;
use crate::rows::{ROWS_FILE, RowsFile};
use crate::{HOW_TO_RESTORE, keys};

/// Where the log of a new store is made, before it gets its name.
const NEW_FOLDER: &str = "sled.new";

/// What of a store stands in a folder.
pub(super) struct Found {
    /// The file of sled, with the log.
    pub(super) log: bool,
    /// What only stands beside a log: what sled keeps with it, the rows, the tip, or blocks in
    /// the archive.
    beside: Option<&'static str>,
}

impl Found {
    /// Looks, and changes nothing.
    pub(super) fn look(folder: &Path) -> Result<Self, StoreError> {
        let archive = folder.join(ARCHIVE_FOLDER);
        let archived = is_there(&archive)? && !block_files(&archive)?.is_empty();
        let sled = folder.join(SLED_FOLDER);
        let kept = keeps(&sled).map_err(|error| io_error(&sled.display().to_string(), &error))?;
        let beside = match () {
            () if is_there(&folder.join(ROWS_FILE))? => Some(ROWS_FILE),
            () if is_there(&folder.join(TIP_FILE))? => Some(TIP_FILE),
            () if archived => Some(ARCHIVE_FOLDER),
            () if kept => Some("sled/snap"),
            () => None,
        };
        Ok(Self { log: is_there(&sled.join("db"))?, beside })
    }

    /// True where anything of a store is.
    pub(super) fn anything(&self) -> bool {
        self.log || self.beside.is_some()
    }

    /// Refuses what a new store would hide, before anything is made.
    pub(super) fn check(&self, folder: &Path, options: &Options) -> Result<(), StoreError> {
        let folder = folder.display();
        match self.beside {
            _ if self.log => Ok(()),
            Some(beside) => Err(StoreError::Damaged(format!(
                "{folder} lost its log, {SLED_FOLDER}/db, though {beside} is there; \
                 {HOW_TO_RESTORE}"
            ))),
            None if options.read_only => {
                Err(StoreError::Failed(format!("{folder} holds no store")))
            }
            None if !options.create => Err(StoreError::Failed(format!(
                "{folder} held the store and holds none any more: put it back, or mount its disk"
            ))),
            None => Ok(()),
        }
    }
}

/// Whether something is at a path. A disk that does not say so has not lost it.
fn is_there(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(|error| io_error(&path.display().to_string(), &error))
}

/// True where sled left a snapshot of where its pages are.
fn keeps(sled: &Path) -> io::Result<bool> {
    let entries = match fs::read_dir(sled) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        entries => entries?,
    };
    for entry in entries {
        if entry?.file_name().to_string_lossy().starts_with("snap.") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Removes what sled makes before its log, and fails where there is anything else.
fn clear(sled: &Path) -> io::Result<()> {
    let gone = |removed: io::Result<()>| match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    gone(fs::remove_file(sled.join("conf")))?;
    gone(fs::remove_dir(sled.join("blobs")))?;
    fs::remove_dir(sled)
}

/// Makes a new store. Its log gets its name once its marks are durable: whatever bears that name
/// was a store, and is never begun again, however empty sled finds it. The rows come last: rows
/// without a log are a log that is lost, and those that a crash left out are made again.
pub(super) fn make(folder: &Path, options: &Options) -> Result<(), StoreError> {
    let (new, sled) = (folder.join(NEW_FOLDER), folder.join(SLED_FOLDER));
    let named = |error: io::Error| io_error(&new.display().to_string(), &error);
    // What first starts left that died, before they had a log.
    if is_there(&new)? {
        fs::remove_dir_all(&new).map_err(named)?;
    }
    if is_there(&sled)? {
        clear(&sled).map_err(|error| io_error(&sled.display().to_string(), &error))?;
    }
    let failed = |error: sled::Error| sled_error(folder, "a new store", &error);
    let db = open_sled_at(folder, &new, options.log_cache_bytes)?;
    db.insert(keys::MARKS, Marks::new().encode()).map_err(failed)?;
    db.flush().map_err(failed)?;
    drop(db);
    await_release(folder, &new)?;
    let sync = || -> io::Result<()> {
        for entry in fs::read_dir(&new)? {
            File::open(entry?.path())?.sync_all()?;
        }
        File::open(&new)?.sync_all()?;
        fs::rename(&new, &sled)?;
        File::open(folder)?.sync_all()
    };
    sync().map_err(named)?;
    drop(RowsFile::create(&folder.join(ROWS_FILE), options.cache_bytes)?);
    Ok(())
}
