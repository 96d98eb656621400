//! Owns the way back: a store from a backup, after every checksum and every count.
//! Must never write into a folder that holds a store.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Component, Path};

use busbar_engine::store::StoreError;

use super::{FILES_FOLDER, FORM, LOG_FOLDER, MANIFEST, Manifest, ROWS, SNAPSHOTS, sum_of};
use super::{sled_error, sync_folders};
use crate::archive::{BlockFile, block_files};
use crate::marks::Marks;
use crate::rows::{ROWS_FILE, RowsFile};
use crate::sled_store::{
    ARCHIVE_FOLDER, Options, SLED_FOLDER, SledStore, TIP_FILE, io_error, open_sled,
};
use crate::{keys, parts};

/// So many rows are written in one step.
const STEP: usize = 50_000;

/// Makes a store in `store` from a backup, and puts its other files into `files` under their
/// names. Checks the length and the SHA-256 of every file, every block and every count first.
///
/// # Errors
/// The backup is damaged or incomplete: the message names the file. `store` holds a store.
pub fn restore(backup: &Path, store: &Path, files: &Path) -> Result<Manifest, StoreError> {
    let manifest = check(backup)?;
    if [SLED_FOLDER, ROWS_FILE, TIP_FILE].iter().any(|name| store.join(name).exists()) {
        return Err(StoreError::Failed(format!("{} holds a store already", store.display())));
    }
    let named = |error: io::Error| io_error(&store.display().to_string(), &error);
    fs::create_dir_all(store.join(ARCHIVE_FOLDER)).map_err(named)?;
    for name in manifest.files.keys() {
        let (folder, rest) = name.split_once('/').unwrap_or(("", name));
        let to = match folder {
            ARCHIVE_FOLDER => store.join(name),
            FILES_FOLDER => files.join(rest),
            _ => continue,
        };
        copy(&backup.join(name), &to).map_err(named)?;
    }
    sync_folders(&store.join(ARCHIVE_FOLDER)).map_err(named)?;
    fill(backup, store, &manifest)?;
    verify(store, &manifest)?;
    Ok(manifest)
}

fn damaged(backup: &Path, name: &str, reason: &str) -> StoreError {
    StoreError::Damaged(format!("{}: {reason}", backup.join(name).display()))
}

/// Reads the manifest and checks every file against it.
fn check(backup: &Path) -> Result<Manifest, StoreError> {
    let path = backup.join(MANIFEST);
    let text =
        fs::read_to_string(&path).map_err(|error| io_error(&path.display().to_string(), &error))?;
    let manifest: Manifest = serde_json::from_str(&text)
        .map_err(|error| damaged(backup, MANIFEST, &error.to_string()))?;
    if manifest.form != FORM || manifest.heads.len() != 64 {
        let reason = format!("its form is {}; this busbar knows {FORM}", manifest.form);
        return Err(damaged(backup, MANIFEST, &reason));
    }
    for (name, (length, hash)) in &manifest.files {
        let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside {
            return Err(damaged(backup, name, "it lies outside of the backup"));
        }
        let found = sum_of(&backup.join(name))
            .map_err(|error| damaged(backup, name, &error.to_string()))?;
        if (found.0, &found.1) != (*length, hash) {
            return Err(damaged(backup, name, "its length or its SHA-256 is wrong"));
        }
    }
    Ok(manifest)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut file = File::create_new(to)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    file.sync_all()?;
    to.parent().map_or(Ok(()), |parent| File::open(parent)?.sync_all())
}

/// A key or a value of a table; none at the end.
fn read_bytes(file: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match file.read(&mut length[..1])? {
        0 => return Ok(None),
        _ => file.read_exact(&mut length[1..])?,
    }
    let length = u64::from(u32::from_be_bytes(length));
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// Gives a file's entries, and says whether there are as many as there should be.
fn read_entries(
    backup: &Path,
    name: &str,
    count: u64,
    mut each: impl FnMut(Vec<u8>, Vec<u8>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let read = |error: io::Error| damaged(backup, name, &error.to_string());
    let mut file = BufReader::new(File::open(backup.join(name)).map_err(read)?);
    let mut found = 0;
    while let Some(key) = read_bytes(&mut file).map_err(read)? {
        each(key, read_bytes(&mut file).map_err(read)?.unwrap_or_default())?;
        found += 1;
    }
    if found == count {
        return Ok(());
    }
    Err(damaged(backup, name, &format!("it has {found} entries, not {count}")))
}

/// Makes the file of rows.
fn fill_rows(backup: &Path, store: &Path, manifest: &Manifest) -> Result<(), StoreError> {
    let file = RowsFile::create(&store.join(ROWS_FILE), Options::default().cache_bytes)?;
    let mut rows = Vec::new();
    read_entries(backup, ROWS, manifest.rows, |key, value| {
        rows.push((key, Some(value)));
        if rows.len() < STEP {
            return Ok(());
        }
        file.write_packed(std::mem::take(&mut rows).into_iter(), 0)
    })?;
    file.write_packed(rows.into_iter(), manifest.rows_through)
}

/// Fills a new store. Its marks come last, so that what is cut off is no store.
fn fill(backup: &Path, store: &Path, manifest: &Manifest) -> Result<(), StoreError> {
    fill_rows(backup, store, manifest)?;
    let failed = |error: sled::Error| sled_error(store, "the restored store", &error);
    let db = open_sled(store, Options::default().log_cache_bytes)?;
    read_entries(backup, SNAPSHOTS, manifest.snapshot_parts, |key, value| {
        db.insert(key, value).map(drop).map_err(failed)
    })?;
    for (_, path) in block_files(&backup.join(LOG_FOLDER))? {
        let mut blocks = BlockFile::open(&path)?;
        while let Some(block) = blocks.next() {
            let (number, sealed, _) = block?;
            let mut step = sled::Batch::default();
            for (part, value) in parts::cut(&sealed)? {
                step.insert(keys::block_part(number, part), value);
            }
            db.apply_batch(step).map_err(failed)?;
        }
    }
    let mut marks = Marks::new();
    (marks.first_block, marks.rows_through) = (manifest.first_block, manifest.rows_through);
    marks.heads.copy_from_slice(&manifest.heads);
    db.insert(keys::MARKS, marks.encode()).map_err(failed)?;
    db.flush().map_err(failed)?;
    Ok(())
}

/// Opens the new store, which checks its log and syncs its files, and counts its facts.
fn verify(store: &Path, manifest: &Manifest) -> Result<(), StoreError> {
    let opened = SledStore::open(store, Options::default())?.0;
    let (mut facts, keeper) = (0, opened.keeper());
    keeper.history(|_| {
        facts += 1;
        std::ops::ControlFlow::Continue(())
    })?;
    let last = keeper.log_blocks().1;
    if (facts, last) != (manifest.facts, manifest.last_block) {
        let wanted = (manifest.facts, manifest.last_block);
        return Err(StoreError::Damaged(format!(
            "the restored store has {facts} facts in {last} blocks; the backup says {wanted:?}"
        )));
    }
    Ok(())
}
