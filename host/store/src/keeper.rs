//! Owns what can be asked of a store beside commits, from any thread: space, history, backup.
//! Must never hold a commit up for longer than one commit takes.

use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use busbar_engine::store::{Reader, StoreError};

use crate::archive::{BlockFile, block_files};
use crate::codec::{self, Kind, PlacedFact};
use crate::sled_store::{ARCHIVE_FOLDER, Shared, lacking};
use crate::space;

/// What tells a file from every other one: its device and its inode.
pub(crate) fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// A handle to a store that is open.
#[derive(Clone)]
pub struct Keeper {
    pub(crate) shared: Arc<Shared>,
}

impl Keeper {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Bytes that the store's disk has left for us.
    ///
    /// # Errors
    /// The folder cannot be asked.
    pub fn free_bytes(&self) -> io::Result<u64> {
        space::free_bytes(&self.shared.folder)
    }

    /// True when there is so little space that no new session may begin, or nobody can say.
    pub fn is_low_on_space(&self) -> bool {
        self.free_bytes().map_or(true, |free| free < self.shared.options.low_space_bytes)
    }

    /// Says which file of the store is not where it was when it was opened: all that is written
    /// into it since is lost with it.
    pub fn lost(&self) -> Option<StoreError> {
        let shared = &self.shared;
        let lost = shared.files.iter().find(|(path, file)| identity(path).ok() != Some(*file));
        let (path, _) = lost?;
        let path = path.display();
        Some(StoreError::Failed(format!("{path} is open, and gone or replaced under its name")))
    }

    /// A reader of this store.
    pub fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(self.shared.reader())
    }

    /// Rows that wait to be written, for metrics.
    pub fn waiting_rows(&self) -> usize {
        self.shared.rows.waiting()
    }

    /// The first and the last block of the log in sled, for metrics.
    pub fn log_blocks(&self) -> (u64, u64) {
        let progress = self.shared.progress();
        (progress.marks.first_block, progress.last_block)
    }

    /// Every fact ever committed, in the order of decision, up to now: the archive, then the log.
    ///
    /// # Errors
    /// A block is damaged.
    pub fn history(
        &self,
        mut each: impl FnMut(PlacedFact) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut next = 1;
        for (_, path) in block_files(&self.shared.folder.join(ARCHIVE_FOLDER))? {
            let mut blocks = BlockFile::open(&path)?;
            let first_in_log = self.log_blocks().0;
            while let Some(read) = blocks.next() {
                let (number, _, facts) = match read {
                    Ok(block) => block,
                    // The end of the last file may be being written: the log has those blocks.
                    Err(_) if next >= first_in_log => break,
                    Err(error) => return Err(error),
                };
                if number != next {
                    return Err(lacking(next));
                }
                next += 1;
                if facts.into_iter().try_for_each(&mut each).is_break() {
                    return Ok(());
                }
            }
        }
        // Blocks that go to the archive meanwhile are read from there: see `block`.
        let last = self.log_blocks().1;
        for number in next..=last {
            let sealed = self.block(number)?;
            let damaged = |reason| StoreError::Damaged(format!("block {number}: {reason}"));
            let (_, body) = codec::unseal(Kind::Block, &sealed).map_err(damaged)?;
            let facts = codec::decode_block(&body).map_err(damaged)?;
            if facts.into_iter().try_for_each(&mut each).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A block of the log, or of the archive when it has just gone there.
    fn block(&self, number: u64) -> Result<Vec<u8>, StoreError> {
        match self.shared.sealed_block(number) {
            Err(_) if number < self.log_blocks().0 => {}
            read => return read,
        }
        let files = block_files(&self.shared.folder.join(ARCHIVE_FOLDER))?;
        let file = files.iter().rev().find(|(first, _)| *first <= number);
        let lost = || StoreError::Damaged(format!("block {number} is in no file"));
        let mut blocks = BlockFile::open(&file.ok_or_else(lost)?.1)?;
        while let Some(read) = blocks.next() {
            match read? {
                (found, sealed, _) if found == number => return Ok(sealed),
                _ => {}
            }
        }
        Err(lost())
    }
}
