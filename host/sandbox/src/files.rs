//! Owns how a file is written so that it is whole after a power cut, or not there at all. Must
//! never leave one that others than its owner can read.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes a folder that only its owner can enter, or takes the rights of others away.
pub(crate) fn private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    if fs::metadata(folder)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Written beside its place, synced, renamed, and the folder synced; readable by its owner only.
pub(crate) fn write_whole(folder: &Path, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let beside = folder.join(format!(".{name}.{}.{number}.part", std::process::id()));
    let written = write_synced(&beside, parts).and_then(|()| {
        fs::rename(&beside, folder.join(name))?;
        File::open(folder)?.sync_all()
    });
    if written.is_err() {
        // What is left over is never read; the first error is the one that counts.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write_synced(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}
