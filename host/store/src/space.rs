//! Owns what is done about a full disk: a reserve that is given up so that the process can stop
//! in order, and the measure of what is left.
//! Must never take space that something acknowledged may need.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Bytes that a folder's disk has left for us.
///
/// # Errors
/// The folder cannot be asked.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let stat = rustix::fs::statvfs(folder)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// A file that holds space until it is needed.
#[derive(Debug)]
pub(crate) struct Reserve {
    path: PathBuf,
    bytes: u64,
}

impl Reserve {
    pub(crate) fn new(path: PathBuf, bytes: u64) -> Self {
        Self { path, bytes }
    }

    /// Makes the file where it is missing and the disk has at least `above` to spare.
    pub(crate) fn keep(&self, above: u64) -> io::Result<()> {
        let there = fs::metadata(&self.path).is_ok_and(|file| file.len() >= self.bytes);
        let folder = self.path.parent().unwrap_or(Path::new("."));
        if there || free_bytes(folder)? < self.bytes + above {
            return Ok(());
        }
        let file = File::create(&self.path)?;
        let flags = rustix::fs::FallocateFlags::empty();
        rustix::fs::fallocate(&file, flags, 0, self.bytes)?;
        file.sync_all()?;
        File::open(folder)?.sync_all()
    }

    /// Gives the space back.
    pub(crate) fn give_up(&self) {
        // It may be gone already, which is as good.
        let _ = fs::remove_file(&self.path);
    }
}
