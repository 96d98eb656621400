//! Owns the blocks that the log has no room for: files to which blocks are appended, a part of
//! the log. A block leaves sled only once it is synced here. Must never change what it wrote.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use busbar_engine::store::StoreError;

use crate::HOW_TO_RESTORE;
use crate::codec::{self, Kind, PlacedFact};
use crate::marks::ArchiveEnd;

/// What a file of blocks begins with.
pub(crate) const MAGIC: &[u8; 16] = b"busbar blocks 1\n";
/// No block is longer when packed; a greater length is damage.
const MAX_BLOCK_BYTES: u32 = 1 << 30;

/// A block: its number, its sealed bytes and its facts.
pub(crate) type Block = (u64, Vec<u8>, Vec<PlacedFact>);

/// A file of sealed blocks, read from its beginning.
pub(crate) struct BlockFile {
    path: PathBuf,
    file: BufReader<File>,
    at: u64,
}

impl BlockFile {
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut file = BufReader::new(File::open(path).map_err(|error| failed(path, &error))?);
        let mut magic = [0; 16];
        match file.read_exact(&mut magic) {
            Ok(()) if magic == *MAGIC => {}
            _ => return Err(damaged(path, 0, "it does not begin as a file of blocks")),
        }
        Ok(Self { path: path.into(), file, at: MAGIC.len() as u64 })
    }

    /// Goes on at a byte where a block begins.
    fn seek(&mut self, at: u64) -> io::Result<()> {
        self.at = at;
        self.file.seek(SeekFrom::Start(at)).map(|_| ())
    }

    /// The next block; none at the end.
    pub(crate) fn next(&mut self) -> Option<Result<Block, StoreError>> {
        let mut length = [0; 4];
        match self.file.read(&mut length[..1]) {
            Ok(0) => return None,
            Ok(_) => {}
            Err(error) => return Some(Err(failed(&self.path, &error))),
        }
        let read = self.read_block(&mut length);
        Some(read.map_err(|reason| damaged(&self.path, self.at, &reason)))
    }

    fn read_block(&mut self, length: &mut [u8; 4]) -> Result<Block, String> {
        let short = |error: io::Error| format!("a block is cut off: {error}");
        self.file.read_exact(&mut length[1..]).map_err(short)?;
        let bytes = u32::from_be_bytes(*length);
        if bytes > MAX_BLOCK_BYTES {
            return Err(format!("a block claims to have {bytes} bytes"));
        }
        let mut sealed = Vec::new();
        let read = Read::by_ref(&mut self.file).take(u64::from(bytes)).read_to_end(&mut sealed);
        if read.map_err(short)? < bytes as usize {
            return Err("a block is cut off".into());
        }
        let (number, body) = codec::unseal(Kind::Block, &sealed)?;
        let facts = codec::decode_block(&body)?;
        self.at += 4 + u64::from(bytes);
        Ok((number, sealed, facts))
    }

    /// Where the next block begins.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }
}

fn failed(path: &Path, error: &io::Error) -> StoreError {
    let text = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full(text),
        _ => StoreError::Failed(text),
    }
}

fn damaged(path: &Path, at: u64, reason: &str) -> StoreError {
    let path = path.display();
    StoreError::Damaged(format!("{path} at byte {at}: {reason}; {HOW_TO_RESTORE}"))
}

/// Writes sealed blocks to a file of its own or to the end of one.
pub(crate) fn write_block(file: &mut impl Write, sealed: &[u8]) -> io::Result<u64> {
    let length = u32::try_from(sealed.len()).map_err(io::Error::other)?;
    file.write_all(&length.to_be_bytes())?;
    file.write_all(sealed)?;
    Ok(4 + u64::from(length))
}

/// Begins a file of blocks.
pub(crate) fn create_block_file(path: &Path) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(MAGIC)?;
    Ok(file)
}

/// The files of blocks in a folder, oldest first: each is named by its first block.
pub(crate) fn block_files(folder: &Path) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| failed(folder, &error))? {
        let path = entry.map_err(|error| failed(folder, &error))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let first = name.strip_suffix(".blocks").and_then(|digits| digits.parse().ok());
        if let Some(first) = first {
            files.push((first, path));
        }
    }
    files.sort_unstable();
    Ok(files)
}

pub(crate) fn block_file_name(first: u64) -> String {
    format!("{first:020}.blocks")
}

/// The file that grows.
#[derive(Debug)]
struct OpenFile {
    file: File,
    /// Its first block.
    first: u64,
    length: u64,
}

/// The archive of one store.
#[derive(Debug)]
pub(crate) struct Archive {
    folder: PathBuf,
    file_bytes: u64,
    open: Option<OpenFile>,
    /// The last block in it; 0 where there is none.
    last: u64,
    /// Where that block is.
    end: Option<ArchiveEnd>,
}

impl Archive {
    /// Opens the archive of a log that begins with `first_in_log`. What a crash left of an
    /// unfinished append is cut off: those blocks are still in the log. `end` is where the archive
    /// ended once: only what follows is read, unless that is not as it was left.
    pub(crate) fn open(
        folder: PathBuf,
        file_bytes: u64,
        first_in_log: u64,
        end: Option<ArchiveEnd>,
    ) -> Result<Self, StoreError> {
        let mut archive = Self { folder, file_bytes, open: None, last: 0, end: None };
        let files = block_files(&archive.folder)?;
        if let Some((first, _)) = files.first().filter(|(first, _)| *first != 1) {
            let (folder, last) = (archive.folder.display(), first - 1);
            return Err(StoreError::Damaged(format!(
                "{folder} lacks the blocks 1 to {last}; {HOW_TO_RESTORE}"
            )));
        }
        if let Some((first, path)) = files.last() {
            let known = end.filter(|end| end.file == *first);
            let quick = known.map(|end| archive.continue_file(path, first_in_log, end));
            if !matches!(quick, Some(Ok(()))) {
                let begin = ArchiveEnd { file: *first, last: *first, at: MAGIC.len() as u64 };
                archive.continue_file(path, first_in_log, begin)?;
            }
        }
        if archive.last + 1 < first_in_log {
            let (missing, folder) = (archive.last + 1, archive.folder.display());
            return Err(StoreError::Damaged(format!(
                "{folder} lacks the blocks {missing} to {}; {HOW_TO_RESTORE}",
                first_in_log - 1
            )));
        }
        Ok(archive)
    }

    /// Goes on with a file, which is read from where the block `from.last` begins.
    fn continue_file(
        &mut self,
        path: &Path,
        first_in_log: u64,
        from: ArchiveEnd,
    ) -> Result<(), StoreError> {
        (self.last, self.end) = (from.last - 1, None);
        let length = fs::metadata(path).map_err(|error| failed(path, &error))?.len();
        if length < MAGIC.len() as u64 && self.last + 1 >= first_in_log {
            // A crash while the file was made.
            return fs::remove_file(path).map_err(|error| failed(path, &error));
        }
        let mut blocks = BlockFile::open(path)?;
        blocks.seek(from.at).map_err(|error| failed(path, &error))?;
        loop {
            let at = blocks.position();
            let Some(next) = blocks.next() else { break };
            match next {
                Ok((number, ..)) if number == self.last + 1 => {
                    self.last = number;
                    self.end = Some(ArchiveEnd { at, last: number, file: from.file });
                }
                Ok((number, ..)) => {
                    let reason = format!("block {number} follows block {}", self.last);
                    return Err(damaged(path, blocks.position(), &reason));
                }
                // Cut off below where the log has those blocks still, else it is damage.
                Err(_) if self.last + 1 >= first_in_log => break,
                Err(error) => return Err(error),
            }
        }
        if self.end.is_none() && from.at > MAGIC.len() as u64 {
            return Err(damaged(path, from.at, "the last block is not where it was left"));
        }
        let end = blocks.position();
        let open = || -> io::Result<File> {
            let mut file = OpenOptions::new().write(true).open(path)?;
            if end < length {
                file.set_len(end)?;
                file.sync_all()?;
            }
            file.seek(SeekFrom::Start(end))?;
            Ok(file)
        };
        let file = open().map_err(|error| failed(path, &error))?;
        self.open = Some(OpenFile { file, first: from.file, length: end });
        Ok(())
    }

    /// The last block in it; 0 where there is none.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Where its last block is; none where it is empty.
    pub(crate) fn end(&self) -> Option<ArchiveEnd> {
        self.end
    }

    /// Appends blocks and syncs them.
    pub(crate) fn append(&mut self, blocks: &[(u64, Vec<u8>)]) -> Result<(), StoreError> {
        let folder = self.folder.clone();
        self.write(blocks).map_err(|error| failed(&folder, &error))?;
        let Some(open) = &self.open else { return Ok(()) };
        // As with the log: what a failed sync left cannot be told by reading it again.
        let unsynced =
            |error| StoreError::Unsynced(format!("a sync in {}: {error}", folder.display()));
        open.file.sync_data().map_err(unsynced)
    }

    fn write(&mut self, blocks: &[(u64, Vec<u8>)]) -> io::Result<()> {
        let Some((first, _)) = blocks.first() else { return Ok(()) };
        if self.open.as_ref().is_none_or(|open| open.length >= self.file_bytes) {
            let file = create_block_file(&self.folder.join(block_file_name(*first)))?;
            file.sync_all()?;
            File::open(&self.folder)?.sync_all()?;
            self.open = Some(OpenFile { file, first: *first, length: MAGIC.len() as u64 });
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let (mut bytes, mut end) = (Vec::new(), self.end);
        for (number, sealed) in blocks {
            end = Some(ArchiveEnd { file: open.first, last: *number, at: open.length });
            open.length += write_block(&mut bytes, sealed)?;
        }
        open.file.write_all(&bytes)?;
        self.end = end;
        self.last = blocks.last().map_or(self.last, |(number, _)| *number);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
