//! Owns the file of rows: one B-tree, whose first byte of a key is its table and the rest its
//! path, and the mark that says up to which block its rows are. It opens in the same time however
//! much it holds. Must never give a row whose checksum is wrong, nor be what a fact is kept in.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use busbar_charging::subject::{Key, Row, Table};
use busbar_engine::store::{Range, StoreError};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use super::waiting::is_under;
use crate::sled_store::io_error;

/// The file's name in the store's folder.
pub(crate) const ROWS_FILE: &str = "rows.redb";

const ROWS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("rows");
const MARKS: TableDefinition<'_, &str, u64> = TableDefinition::new("marks");
/// The mark: the rows of all blocks up to this one are in the file.
const THROUGH: &str = "through";
const CHECKSUM_BYTES: usize = 4;

/// What every message about a damaged file ends with.
const HOW_TO_MEND: &str =
    "stop the host and remove that file: the next start makes all rows again from the log";

/// The file of rows.
pub(crate) struct RowsFile {
    path: PathBuf,
    db: Database,
}

/// What opening a file of rows came to.
pub(crate) enum Opened {
    Ready(RowsFile),
    /// It cannot be used: why.
    Unusable(String),
}

impl RowsFile {
    /// Makes a file without rows.
    pub(crate) fn create(path: &Path, cache_bytes: u64) -> Result<Self, StoreError> {
        let db = builder(cache_bytes).create(path).map_err(|error| failed(path, error))?;
        let file = Self { path: path.into(), db };
        file.write(&BTreeMap::new(), 0)?;
        Ok(file)
    }

    /// Opens a file, after whatever end its last writer came to.
    pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<Opened, StoreError> {
        if !path.exists() {
            return Ok(Opened::Unusable("it is missing".into()));
        }
        // Kinds of damage on which the file's code panics count as damage.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            let file = Self { path: path.into(), db: builder(cache_bytes).open(path)? };
            file.read_through().map(|_| file)
        }));
        let error = match opened {
            Ok(Ok(file)) => return Ok(Opened::Ready(file)),
            Ok(Err(error)) => error,
            Err(_) => return Ok(Opened::Unusable("reading it panicked".into())),
        };
        match error {
            redb::Error::Io(io) if is_damage(&io) => Ok(Opened::Unusable(io.to_string())),
            redb::Error::Io(io) => Err(io_error(&path.display().to_string(), &io)),
            redb::Error::DatabaseAlreadyOpen => Err(failed(path, error)),
            other => Ok(Opened::Unusable(other.to_string())),
        }
    }

    /// The rows of all blocks up to this one are in it.
    pub(crate) fn through(&self) -> Result<u64, StoreError> {
        self.read_through().map_err(|error| failed(&self.path, error))
    }

    fn read_through(&self) -> Result<u64, redb::Error> {
        let reading = self.db.begin_read()?;
        reading.open_table(ROWS)?;
        let marks = reading.open_table(MARKS)?;
        let mark = marks.get(THROUGH)?.map(|mark| mark.value());
        mark.ok_or_else(|| redb::Error::Corrupted("it lacks its mark".into()))
    }

    /// A row.
    pub(crate) fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        let at = pack_key(key.table, &key.path);
        let read = || -> Result<Option<Option<Row>>, redb::Error> {
            // What a table gives must not outlive it: its pages are then written over.
            let table = self.db.begin_read()?.open_table(ROWS)?;
            let value = table.get(&at[..])?;
            Ok(value.map(|value| unpack_row(&at, value.value())))
        };
        match read().map_err(|error| failed(&self.path, error))? {
            None => Ok(None),
            Some(row) => row.map(Some).ok_or_else(|| self.damaged(&at)),
        }
    }

    /// The first rows of a range, without those that are to be skipped.
    pub(crate) fn page(
        &self,
        range: &Range,
        skip: impl Fn(&Key) -> bool,
    ) -> Result<Vec<(Key, Row)>, StoreError> {
        let mut found = Vec::new();
        let Some((low, high)) = bounds(range) else { return Ok(found) };
        let mut read = || -> Result<Option<Vec<u8>>, redb::Error> {
            let table = self.db.begin_read()?.open_table(ROWS)?;
            let mut within = table.range::<&[u8]>((as_slice(&low), as_slice(&high)))?;
            while found.len() < range.limit {
                let next = if range.reverse { within.next_back() } else { within.next() };
                let Some(entry) = next else { break };
                let (at, value) = entry?;
                let Some(key) = unpack_key(range.prefix.table, at.value()) else {
                    return Ok(Some(at.value().to_vec()));
                };
                if skip(&key) || !is_under(&key, range) {
                    continue;
                }
                match unpack_row(at.value(), value.value()) {
                    Some(row) => found.push((key, row)),
                    None => return Ok(Some(at.value().to_vec())),
                }
            }
            Ok(None)
        };
        match read().map_err(|error| failed(&self.path, error))? {
            None => Ok(found),
            Some(at) => Err(self.damaged(&at)),
        }
    }

    /// Writes rows, and says with them up to which block they are. Durable when it returns.
    pub(crate) fn write(
        &self,
        rows: &BTreeMap<Key, Option<Row>>,
        through: u64,
    ) -> Result<(), StoreError> {
        let packed = rows.iter().map(|(key, row)| {
            let at = pack_key(key.table, &key.path);
            let value = row.as_ref().map(|row| pack_row(&at, row));
            (at, value)
        });
        self.write_packed(packed, through)
    }

    /// The same with rows as `copy` gave them.
    pub(crate) fn write_packed(
        &self,
        rows: impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)>,
        through: u64,
    ) -> Result<(), StoreError> {
        let write = || -> Result<(), redb::Error> {
            let mut writing = self.db.begin_write()?;
            // Costs a little with each write, and saves reading the whole file after a crash.
            writing.set_quick_repair(true);
            {
                let mut table = writing.open_table(ROWS)?;
                for (at, value) in rows {
                    match value {
                        Some(value) => drop(table.insert(&at[..], &value[..])?),
                        None => drop(table.remove(&at[..])?),
                    }
                }
                writing.open_table(MARKS)?.insert(THROUGH, through)?;
            }
            Ok(writing.commit()?)
        };
        write().map_err(|error| failed(&self.path, error))
    }

    /// Gives every row as it stands at one moment, and says how far the rows are then.
    pub(crate) fn copy(
        &self,
        mut each: impl FnMut(&[u8], &[u8]) -> io::Result<()>,
    ) -> Result<u64, StoreError> {
        let mut copy = || -> Result<u64, redb::Error> {
            let reading = self.db.begin_read()?;
            let (rows, marks) = (reading.open_table(ROWS)?, reading.open_table(MARKS)?);
            let mark = marks.get(THROUGH)?.map(|mark| mark.value());
            for entry in rows.iter()? {
                let (at, value) = entry?;
                if unpack_row(at.value(), value.value()).is_none() {
                    let text = String::from_utf8_lossy(at.value()).into_owned();
                    return Err(redb::Error::Corrupted(format!("the row {text:?}")));
                }
                each(at.value(), value.value()).map_err(redb::Error::Io)?;
            }
            Ok(mark.unwrap_or(0))
        };
        copy().map_err(|error| failed(&self.path, error))
    }

    fn damaged(&self, at: &[u8]) -> StoreError {
        let (path, text) = (self.path.display(), String::from_utf8_lossy(at));
        StoreError::Damaged(format!("{path}: the row {text:?} is damaged; {HOW_TO_MEND}"))
    }
}

fn builder(cache_bytes: u64) -> redb::Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(usize::try_from(cache_bytes).unwrap_or(usize::MAX));
    builder
}

/// What a file that is no such file, or is cut off, is told as.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

fn failed(path: &Path, error: impl Into<redb::Error>) -> StoreError {
    let named = path.display();
    match error.into() {
        redb::Error::Io(io) if is_damage(&io) => {
            StoreError::Damaged(format!("{named}: {io}; {HOW_TO_MEND}"))
        }
        redb::Error::Io(io) => io_error(&named.to_string(), &io),
        redb::Error::Corrupted(what) => {
            StoreError::Damaged(format!("{named}: {what}; {HOW_TO_MEND}"))
        }
        other => StoreError::Failed(format!("{named}: {other}")),
    }
}

fn pack_key(table: Table, path: &str) -> Vec<u8> {
    let mut at = Vec::with_capacity(1 + path.len());
    at.push(table as u8);
    at.extend(path.as_bytes());
    at
}

fn unpack_key(table: Table, at: &[u8]) -> Option<Key> {
    let path = String::from_utf8(at.get(1..)?.to_vec()).ok()?;
    Some(Key { table, path })
}

fn checksum(at: &[u8], row: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(at);
    hasher.update(row);
    hasher.finalize().to_be_bytes()
}

fn pack_row(at: &[u8], row: &Row) -> Vec<u8> {
    let mut value = Vec::with_capacity(CHECKSUM_BYTES + row.0.len());
    value.extend(checksum(at, &row.0));
    value.extend(&row.0);
    value
}

fn unpack_row(at: &[u8], value: &[u8]) -> Option<Row> {
    let (sum, row) = value.split_first_chunk::<CHECKSUM_BYTES>()?;
    (checksum(at, row) == *sum).then(|| Row(row.to_vec()))
}

type Bounds = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// The bounds of a range in the file; none where nothing can be in it.
fn bounds(range: &Range) -> Option<Bounds> {
    let start = pack_key(range.prefix.table, &range.prefix.path);
    // No UTF-8 text holds this byte.
    let mut end = start.clone();
    end.push(0xFF);
    let after = range.after.as_ref().map(|path| pack_key(range.prefix.table, path));
    let (low, high) = match after {
        None => (Bound::Included(start), end),
        Some(after) if range.reverse => (Bound::Included(start), after.min(end)),
        Some(after) if after < start => (Bound::Included(start), end),
        Some(after) => (Bound::Excluded(after), end),
    };
    let (Bound::Included(first) | Bound::Excluded(first)) = &low else { return None };
    (*first < high).then_some((low, Bound::Excluded(high)))
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}
