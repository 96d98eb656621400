//! Owns what a start does about a file of rows that it cannot use: all rows are made again from
//! the archive and the log. Must never do it silently, nor for a store that is only read.

use std::path::Path;

use busbar_engine::store::StoreError;

use super::opening::{ARCHIVE_FOLDER, Log, check_beside};
use super::{Options, sled_error};
use crate::archive::{BlockFile, block_files};
use crate::codec::PlacedFact;
use crate::marks::Marks;
use crate::rows::{Opened, ROWS_FILE, RowsFile, rebuild};
use crate::{HOW_TO_RESTORE, keys};

/// Opens the file of rows, and makes it again where it is missing, damaged or older than the log
/// remembers. Sets how far the rows are.
pub(super) fn rows_of(
    folder: &Path,
    options: &Options,
    db: &sled::Db,
    marks: &mut Marks,
    log: &Log,
) -> Result<(RowsFile, Option<String>), StoreError> {
    let path = folder.join(ROWS_FILE);
    let why = match RowsFile::open(&path, options.cache_bytes)? {
        Opened::Ready(file) => {
            let through = file.through()?;
            check_beside(folder, log, ROWS_FILE, through)?;
            if through >= marks.rows_through && !marks.old_form {
                marks.rows_through = through;
                return Ok((file, None));
            }
            format!("it holds the rows up to block {through}, not {}", marks.rows_through)
        }
        Opened::Unusable(why) if marks.old_form => format!("rows were elsewhere before; {why}"),
        Opened::Unusable(why) => why,
    };
    let why = format!("{}: {why}", path.display());
    if options.read_only {
        let how = "start a host on this data folder once, which makes it again from the log";
        return Err(StoreError::Damaged(format!("{why}; {how}")));
    }
    let first_in_log = marks.first_block;
    let file = rebuild(&path, options.cache_bytes, log.last_block, |each| {
        each_archived(&folder.join(ARCHIVE_FOLDER), first_in_log, each)?;
        log.facts.iter().try_for_each(|(_, fact)| each(fact.clone()))
    })?;
    marks.rows_through = log.last_block;
    if std::mem::take(&mut marks.old_form) {
        forget_old_rows(folder, db, marks)?;
    }
    Ok((file, Some(format!("{why}; all rows were made again from the log"))))
}

/// Gives the facts of all blocks before the log, in order.
fn each_archived(
    archive: &Path,
    first_in_log: u64,
    each: &mut dyn FnMut(PlacedFact) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut next = 1;
    for (_, path) in block_files(archive)? {
        let mut blocks = BlockFile::open(&path)?;
        while next < first_in_log
            && let Some(read) = blocks.next()
        {
            let (number, _, facts) = read?;
            if number != next {
                return Err(lacking(next));
            }
            next += 1;
            facts.into_iter().try_for_each(&mut *each)?;
        }
    }
    if next < first_in_log { Err(lacking(next)) } else { Ok(()) }
}

/// The archive is a part of the log: a block that it lacks is lost.
pub(crate) fn lacking(block: u64) -> StoreError {
    StoreError::Damaged(format!("the archive lacks block {block}; {HOW_TO_RESTORE}"))
}

/// Removes the rows that the first form of the store kept in sled.
fn forget_old_rows(folder: &Path, db: &sled::Db, marks: &Marks) -> Result<(), StoreError> {
    let failed = |error: sled::Error| sled_error(folder, "rows of the first form", &error);
    for key in db.scan_prefix(keys::OLD_ROWS).keys() {
        db.remove(key.map_err(failed)?).map_err(failed)?;
    }
    db.insert(keys::MARKS, marks.encode()).map_err(failed)?;
    db.flush().map_err(failed)?;
    Ok(())
}
