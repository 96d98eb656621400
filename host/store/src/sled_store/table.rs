//! Owns sled's own folder: who may open it, when, and what it leaves behind.
//! Must never open sled twice at a time, or on a disk that is full.

use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use busbar_engine::store::StoreError;

use super::opening::ARCHIVE_FOLDER;
use super::{io_error, sled_error};
use crate::HOW_TO_RESTORE;
use crate::space::free_bytes;

/// sled's own folder.
pub(crate) const SLED_FOLDER: &str = "sled";

/// Takes the store for this process, or says who has it.
pub(super) fn lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let opened = File::options().write(true).create(true).truncate(false).open(&path);
    let file = opened.map_err(|error| io_error(&path.display().to_string(), &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(in_use(folder)),
        Err(TryLockError::Error(error)) => Err(io_error(&path.display().to_string(), &error)),
    }
}

fn in_use(folder: &Path) -> StoreError {
    let folder = folder.display();
    StoreError::Failed(format!(
        "{folder} is in use: a busbar runs on it. Speak to the running host (leave --data out), \
         or stop it first"
    ))
}

/// So long sled may take to let go of a store that this process closed.
const LET_GO: Duration = Duration::from_secs(10);

/// Below this much space sled is not opened: it writes when it opens, and what it cannot finish
/// it takes for damage the next time.
fn space_to_open(folder: &Path) -> u64 {
    let table = fs::metadata(folder.join(SLED_FOLDER).join("db")).map_or(0, |file| file.len());
    (8 << 20) + table / 128
}

/// True when there is space enough to open a store.
pub(super) fn has_space(folder: &Path) -> bool {
    free_bytes(folder).is_ok_and(|free| free >= space_to_open(folder))
}

/// sled without threads of its own: only the committing thread flushes.
pub(crate) fn open_sled(folder: &Path, cache_bytes: u64) -> Result<sled::Db, StoreError> {
    open_sled_at(folder, &folder.join(SLED_FOLDER), cache_bytes)
}

/// The same under another path in the store's folder.
pub(super) fn open_sled_at(
    folder: &Path,
    path: &Path,
    cache_bytes: u64,
) -> Result<sled::Db, StoreError> {
    if !has_space(folder) {
        let (folder, bytes) = (folder.display(), space_to_open(folder));
        return Err(StoreError::Full(format!("{folder} needs {bytes} bytes free to be opened")));
    }
    let config = sled::Config::new().path(path).cache_capacity(cache_bytes).flush_every_ms(None);
    let (began, mut forgot) = (Instant::now(), false);
    remove_own_snapshots(path, ".generating").map_err(|error| io_error("sled", &error))?;
    loop {
        // sled panics on some kinds of damage.
        let opened = catch_unwind(AssertUnwindSafe(|| config.open())).map_err(|_| {
            let path = path.display();
            StoreError::Damaged(format!("{path} cannot be opened; {HOW_TO_RESTORE}"))
        })?;
        match opened {
            Ok(db) => return Ok(db),
            // Its snapshot, not its data: see below.
            Err(sled::Error::Corruption { at: None, .. }) if !forgot => {
                forgot = true;
                remove_own_snapshots(path, "").map_err(|error| io_error("sled", &error))?;
            }
            Err(sled::Error::Io(error)) if error.to_string().contains("acquire lock") => {
                // The store is ours by our own lock: this is what sled's threads still hold.
                if began.elapsed() > LET_GO {
                    return Err(in_use(folder));
                }
                thread::sleep(Duration::from_millis(5));
            }
            Err(error) => return Err(sled_error(folder, &path.display().to_string(), &error)),
        }
    }
}

/// Waits until sled has let go of what this process closed: it writes and syncs until then.
pub(super) fn await_release(folder: &Path, path: &Path) -> Result<(), StoreError> {
    let path = path.join("db");
    let named = |error: io::Error| io_error(&path.display().to_string(), &error);
    let file = File::open(&path).map_err(named)?;
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if began.elapsed() > LET_GO => {
                return Err(in_use(folder));
            }
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
            Err(TryLockError::Error(error)) => return Err(named(error)),
        }
    }
}

/// Removes sled's own snapshots of where its pages are. It reads its file from the beginning
/// without one, while one that a crash or a full disk cut off keeps it from opening for ever: it
/// does not cut the unfinished file off before it writes it again.
fn remove_own_snapshots(sled: &Path, ending: &str) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(sled) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with("snap.") && name.ends_with(ending) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The file that all of sled's data is in.
pub(super) fn open_file(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join(SLED_FOLDER).join("db");
    let opened = File::options().read(true).write(true).open(&path);
    opened.map_err(|error| io_error(&path.display().to_string(), &error))
}

/// Syncs what an opening may have made: sled's files, the end of the archive, and the folders that
/// name them. What was archived before was synced then.
pub(super) fn sync_all(folder: &Path) -> io::Result<()> {
    let (sled, archive) = (folder.join(SLED_FOLDER), folder.join(ARCHIVE_FOLDER));
    for entry in fs::read_dir(&sled)? {
        File::open(entry?.path())?.sync_all()?;
    }
    let entries = fs::read_dir(&archive)?.collect::<io::Result<Vec<_>>>()?;
    if let Some(last) = entries.iter().map(fs::DirEntry::path).max() {
        File::open(last)?.sync_all()?;
    }
    for folder in [&sled, &archive, folder] {
        File::open(folder)?.sync_all()?;
    }
    match folder.canonicalize()?.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}
