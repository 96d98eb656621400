//! Owns backups of a running store, and their way back. While one is made nothing is trimmed and
//! no snapshot replaced; commits go on. Must never give back what a checksum does not vouch for.
//!
//! A backup is a folder: `archive/` and `log/` with all blocks, `snapshots` and `rows` as they
//! are on disk, `files/` with what else the caller adds, and `manifest.json` with the length and
//! the SHA-256 of each. The rows are those of one moment, up to a block of the log: a start makes
//! the later ones.

mod restoring;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use busbar_engine::store::StoreError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub use restoring::restore;

use crate::archive::{self, BlockFile, block_files};
use crate::codec::{self, Kind};
use crate::keeper::Keeper;
use crate::keys;
use crate::marks::Marks;
use crate::sled_store::{ARCHIVE_FOLDER, io_error, lacking, sled_error};

const FORM: u32 = 2;
const MANIFEST: &str = "manifest.json";
const LOG_FOLDER: &str = "log";
const SNAPSHOTS: &str = "snapshots";
const ROWS: &str = "rows";
const FILES_FOLDER: &str = "files";

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the form of backups.
    pub form: u32,
    /// The last block.
    pub last_block: u64,
    /// Facts in all blocks.
    pub facts: u64,
    /// Snapshots, in parts.
    pub snapshot_parts: u64,
    /// Rows.
    pub rows: u64,
    /// The first block of the log; those before are in the archive.
    first_block: u64,
    /// The rows of all blocks up to this one are in the backup.
    rows_through: u64,
    /// The last sequence number of each shard.
    heads: Vec<u64>,
    /// Every file by its path in the backup: its length and its SHA-256.
    files: BTreeMap<String, (u64, String)>,
}

/// A backup that is being made.
struct Writer<'a> {
    folder: &'a Path,
    files: BTreeMap<String, (u64, String)>,
}

/// Counts a backup as running until it is dropped.
struct Pause<'a>(&'a Keeper);

impl<'a> Pause<'a> {
    fn begin(keeper: &'a Keeper) -> (Self, Marks) {
        let mut progress = keeper.shared.progress();
        progress.backups += 1;
        (Self(keeper), progress.marks.clone())
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.0.shared.progress().backups -= 1;
    }
}

impl Keeper {
    /// Makes a backup in a folder that is not there yet or is empty, while the store goes on.
    /// `files` are added under their names: plugins, configuration, keys.
    ///
    /// # Errors
    /// Something cannot be read or written, or is damaged. A folder without a manifest is no
    /// backup.
    pub fn backup(&self, to: &Path, files: &[(String, PathBuf)]) -> Result<Manifest, StoreError> {
        let named = |error: io::Error| io_error(&to.display().to_string(), &error);
        fs::create_dir_all(to).map_err(named)?;
        if fs::read_dir(to).map_err(named)?.next().is_some() {
            return Err(StoreError::Failed(format!("{} is not empty", to.display())));
        }
        let (_pause, mut marks) = Pause::begin(self);
        let mut writer = Writer { folder: to, files: BTreeMap::new() };
        for folder in [ARCHIVE_FOLDER, LOG_FOLDER, FILES_FOLDER] {
            fs::create_dir(to.join(folder)).map_err(named)?;
        }
        let mut facts = self.copy_archive(&mut writer, marks.first_block)?;
        let snapshot_parts = self.copy_snapshots(&mut writer)?;
        let (rows, rows_through) = self.copy_rows(&mut writer)?;
        // After the rows: theirs may be a block that came meanwhile.
        let last_block = self.log_blocks().1;
        facts += self.copy_log(&mut writer, &mut marks, last_block)?;
        for (name, path) in files {
            writer.copy(&format!("{FILES_FOLDER}/{name}"), path).map_err(named)?;
        }
        let manifest = Manifest {
            form: FORM,
            last_block,
            facts,
            snapshot_parts,
            rows,
            first_block: marks.first_block,
            rows_through,
            heads: marks.heads.to_vec(),
            files: writer.files.clone(),
        };
        writer.finish(&manifest).map_err(named)?;
        Ok(manifest)
    }

    /// Copies the archive, and counts its facts up to the log.
    fn copy_archive(&self, writer: &mut Writer<'_>, first: u64) -> Result<u64, StoreError> {
        let (mut facts, mut next) = (0, 1);
        for (_, path) in block_files(&self.shared.folder.join(ARCHIVE_FOLDER))? {
            let mut blocks = BlockFile::open(&path)?;
            while let Some(block) = blocks.next() {
                let (number, _, of_block) = block?;
                if number != next {
                    return Err(lacking(next));
                }
                next += 1;
                facts += if number < first { of_block.len() as u64 } else { 0 };
            }
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let copied = writer.copy(&format!("{ARCHIVE_FOLDER}/{name}"), &path);
            copied.map_err(|error| io_error("the backup", &error))?;
        }
        if next < first { Err(lacking(next)) } else { Ok(facts) }
    }

    /// Copies all parts of snapshots, as they are.
    fn copy_snapshots(&self, writer: &mut Writer<'_>) -> Result<u64, StoreError> {
        let failed = |error: io::Error| io_error("the backup", &error);
        let mut file = writer.create(SNAPSHOTS).map_err(failed)?;
        let mut count = 0;
        for entry in self.shared.db.scan_prefix(keys::SNAPSHOTS) {
            let (key, value) =
                entry.map_err(|error| sled_error(&self.shared.folder, SNAPSHOTS, &error))?;
            write_entry(&mut file, &key, &value).map_err(failed)?;
            count += 1;
        }
        writer.done(SNAPSHOTS, file).map_err(failed)?;
        Ok(count)
    }

    /// Copies all rows as they stand now; says how many they are, and of which blocks.
    fn copy_rows(&self, writer: &mut Writer<'_>) -> Result<(u64, u64), StoreError> {
        let failed = |error: io::Error| io_error("the backup", &error);
        let mut file = writer.create(ROWS).map_err(failed)?;
        let mut count = 0;
        let through = self.shared.rows.file.copy(|key, value| {
            count += 1;
            write_entry(&mut file, key, value)
        })?;
        writer.done(ROWS, file).map_err(failed)?;
        Ok((count, through))
    }

    /// Copies the log up to a block, and counts its facts.
    fn copy_log(
        &self,
        writer: &mut Writer<'_>,
        marks: &mut Marks,
        last: u64,
    ) -> Result<u64, StoreError> {
        let failed = |error: io::Error| io_error("the backup", &error);
        let name = format!("{LOG_FOLDER}/{}", archive::block_file_name(marks.first_block));
        let mut file = writer.create(&name).map_err(failed)?;
        file.write_all(archive::MAGIC).map_err(failed)?;
        let mut count = 0;
        for block in marks.first_block..=last {
            let sealed = self.shared.sealed_block(block)?;
            let read = codec::unseal(Kind::Block, &sealed)
                .and_then(|(_, body)| codec::decode_block(&body));
            let facts =
                read.map_err(|reason| StoreError::Damaged(format!("block {block}: {reason}")))?;
            facts.iter().for_each(|(position, ..)| marks.see(*position));
            count += facts.len() as u64;
            archive::write_block(&mut file, &sealed).map_err(failed)?;
        }
        writer.done(&name, file).map_err(failed)?;
        Ok(count)
    }
}

fn write_entry(file: &mut impl Write, key: &[u8], value: &[u8]) -> io::Result<()> {
    for bytes in [key, value] {
        let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        file.write_all(&length.to_be_bytes())?;
        file.write_all(bytes)?;
    }
    Ok(())
}

/// Counts and hashes what goes through.
struct Hashed<T> {
    inner: T,
    hash: Sha256,
    bytes: u64,
}

impl<T> Hashed<T> {
    fn new(inner: T) -> Self {
        Self { inner, hash: Sha256::new(), bytes: 0 }
    }

    fn sum(self) -> (T, (u64, String)) {
        let hash = self.hash.finalize();
        let text = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        (self.inner, (self.bytes, text))
    }
}

impl<T: Write> Write for Hashed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The length and the SHA-256 of a file.
fn sum_of(path: &Path) -> io::Result<(u64, String)> {
    let mut hashed = Hashed::new(io::sink());
    io::copy(&mut BufReader::new(File::open(path)?), &mut hashed)?;
    Ok(hashed.sum().1)
}

impl Writer<'_> {
    fn create(&self, name: &str) -> io::Result<BufWriter<Hashed<File>>> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(BufWriter::new(Hashed::new(File::create_new(path)?)))
    }

    fn done(&mut self, name: &str, file: BufWriter<Hashed<File>>) -> io::Result<()> {
        let (file, sum) = file.into_inner().map_err(io::IntoInnerError::into_error)?.sum();
        file.sync_all()?;
        self.files.insert(name.into(), sum);
        Ok(())
    }

    fn copy(&mut self, name: &str, from: &Path) -> io::Result<()> {
        let mut file = self.create(name)?;
        let mut source = File::open(from)?;
        io::copy(&mut Read::by_ref(&mut source), &mut file)?;
        self.done(name, file)
    }

    /// Writes the manifest last: it makes the folder a backup.
    fn finish(&self, manifest: &Manifest) -> io::Result<()> {
        sync_folders(self.folder)?;
        let mut file = File::create_new(self.folder.join(MANIFEST))?;
        serde_json::to_writer_pretty(&mut file, manifest)?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        File::open(self.folder)?.sync_all()
    }
}

/// Syncs a folder and all below.
fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
