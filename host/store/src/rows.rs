//! Owns the rows that are not on disk yet, and reading: what waits lies over what is on disk.
//! Must never lose a row before the disk has it, nor show one before its facts are durable.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use busbar_charging::subject::{Key, Row};
use busbar_engine::store::{Range, Reader, StoreError};

use crate::keys;
use crate::parts;

/// A row that waits to be written.
#[derive(Clone, Debug)]
pub(crate) struct WaitingRow {
    pub(crate) key: Arc<Key>,
    /// The block whose facts made it.
    pub(crate) block: u64,
    /// None where it is to be removed.
    pub(crate) row: Option<Arc<Row>>,
}

/// Which rows are to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Take {
    /// Those of blocks before this one ...
    pub(crate) before: u64,
    /// ... but no more than so many of them.
    pub(crate) most_old: usize,
    /// All beyond so many.
    pub(crate) keep_rows: usize,
    /// All beyond so many bytes.
    pub(crate) keep_bytes: usize,
}

/// Rows that wait to be written, each in its newest version. A row that changes again before it
/// is written is written once: what changes all the time costs the disk nothing.
#[derive(Debug, Default)]
pub(crate) struct WaitingRows {
    rows: BTreeMap<Arc<Key>, (u64, Option<Arc<Row>>)>,
    /// Keys by block, oldest first; those that a later block changed are skipped.
    order: VecDeque<(u64, Arc<Key>)>,
    bytes: usize,
}

fn size(row: Option<&Arc<Row>>) -> usize {
    row.map_or(0, |row| row.0.len()) + 100
}

impl WaitingRows {
    pub(crate) fn put(&mut self, block: u64, rows: &[(Key, Option<Row>)]) {
        for (key, row) in rows {
            let key = Arc::new(key.clone());
            let row = row.clone().map(Arc::new);
            self.bytes += size(row.as_ref());
            if let Some((_, old)) = self.rows.insert(Arc::clone(&key), (block, row)) {
                self.bytes -= size(old.as_ref());
            }
            self.order.push_back((block, key));
        }
    }

    /// Rows that wait.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The block of the oldest row that waits.
    pub(crate) fn oldest(&mut self) -> Option<u64> {
        while let Some((block, key)) = self.order.front() {
            if self.waits(*block, key) {
                return Some(*block);
            }
            self.order.pop_front();
        }
        None
    }

    fn waits(&self, block: u64, key: &Key) -> bool {
        self.rows.get(key).is_some_and(|(newest, _)| *newest == block)
    }

    /// The oldest rows that are to be written by what `take` says.
    pub(crate) fn take(&self, take: &Take) -> Vec<WaitingRow> {
        let (mut taken, mut bytes) = (Vec::new(), self.bytes);
        for (block, key) in &self.order {
            let too_many = self.rows.len() - taken.len() > take.keep_rows;
            let old = *block < take.before && taken.len() < take.most_old;
            if !too_many && bytes <= take.keep_bytes && !old {
                break;
            }
            if let Some((newest, row)) = self.rows.get(key)
                && newest == block
            {
                bytes = bytes.saturating_sub(size(row.as_ref()));
                let (key, row) = (Arc::clone(key), row.clone());
                taken.push(WaitingRow { key, block: *block, row });
            }
        }
        taken
    }

    /// The block of the oldest row that waits once `taken` is written.
    pub(crate) fn oldest_without(&self, taken: &[WaitingRow]) -> Option<u64> {
        let mut taken = taken.iter().peekable();
        for (block, key) in &self.order {
            if !self.waits(*block, key) {
                continue;
            }
            match taken.peek() {
                Some(next) if next.key == *key => {
                    taken.next();
                }
                _ => return Some(*block),
            }
        }
        None
    }

    /// These are on disk.
    pub(crate) fn written(&mut self, taken: &[WaitingRow]) {
        for row in taken {
            if self.waits(row.block, &row.key)
                && let Some((_, old)) = self.rows.remove(&row.key)
            {
                self.bytes -= size(old.as_ref());
            }
        }
        self.oldest();
        // A key that changes all the time must not grow the order for ever.
        if self.order.len() > 4 * self.rows.len() + 1_000 {
            let order = std::mem::take(&mut self.order);
            self.order = order.into_iter().filter(|(block, key)| self.waits(*block, key)).collect();
        }
    }

    fn get(&self, key: &Key) -> Option<Option<Arc<Row>>> {
        self.rows.get(key).map(|(_, row)| row.clone())
    }

    /// What of a range waits, in its order: as many as may be among its first rows.
    fn range(&self, range: &Range) -> Vec<(Arc<Key>, Option<Arc<Row>>)> {
        let Some(bounds) = bounds(range) else { return Vec::new() };
        let within = self.rows.range::<Key, _>(bounds).filter(|(key, _)| is_under(key, range));
        let (mut found, mut live) = (Vec::new(), 0);
        let mut take = |(key, (_, row)): (&Arc<Key>, &(u64, Option<Arc<Row>>))| {
            live += usize::from(row.is_some());
            found.push((Arc::clone(key), row.clone()));
            live < range.limit
        };
        let _all_taken =
            if range.reverse { within.rev().all(&mut take) } else { { within }.all(&mut take) };
        found
    }
}

fn is_under(key: &Key, range: &Range) -> bool {
    key.table == range.prefix.table && key.path.starts_with(&range.prefix.path)
}

/// The bounds of a range of keys; none where nothing can be in it.
fn bounds(range: &Range) -> Option<(Bound<Key>, Bound<Key>)> {
    let key = |path: String| Key { table: range.prefix.table, path };
    // No text that begins with the prefix comes after this.
    let end = key(format!("{}{}", range.prefix.path, "\u{10FFFF}".repeat(4)));
    let start = range.prefix.clone();
    let after = range.after.clone().map(key);
    match after {
        None => Some((Bound::Included(start), Bound::Included(end))),
        Some(after) if range.reverse => {
            let before = after.min(end);
            (start < before).then_some((Bound::Included(start), Bound::Excluded(before)))
        }
        Some(after) if after < start => Some((Bound::Included(start), Bound::Included(end))),
        Some(after) => (after < end).then_some((Bound::Excluded(after), Bound::Included(end))),
    }
}

/// Reads a sled store.
#[derive(Clone)]
pub(crate) struct SledReader {
    pub(crate) db: sled::Db,
    pub(crate) waiting: Arc<RwLock<WaitingRows>>,
    /// The store is in use as long as somebody can read it.
    pub(crate) _lock: Option<Arc<File>>,
}

fn unreadable(error: &sled::Error) -> StoreError {
    StoreError::Failed(format!("a row cannot be read: {error}"))
}

fn damaged(key: &[u8]) -> StoreError {
    let text = String::from_utf8_lossy(key);
    StoreError::Damaged(format!("the row {text:?} is incomplete; {}", crate::HOW_TO_RESTORE))
}

/// A row as it is cut into parts: its path, where the key does not hold it, and its body.
pub(crate) fn pack(key: &Key, row: &Row) -> Vec<u8> {
    let path = if keys::is_cut(&key.path) { key.path.as_bytes() } else { &[] };
    let mut packed = Vec::with_capacity(4 + path.len() + row.0.len());
    packed.extend(u32::try_from(path.len()).unwrap_or(0).to_be_bytes());
    packed.extend(path);
    packed.extend(&row.0);
    packed
}

fn unpack(packed: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = packed.split_first_chunk()?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
}

/// So often a row that its writer replaces meanwhile is read again.
const ATTEMPTS: usize = 20;

impl SledReader {
    /// The value whose first part stands at `at`.
    fn value(&self, at: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        for _ in 0..ATTEMPTS {
            let Some(first) = self.get_part(at)? else { return Ok(None) };
            let count = parts::count(&first).ok_or_else(|| damaged(at))?;
            let mut others = Vec::new();
            for part in 1..count {
                let mut key = at[..at.len() - 2].to_vec();
                key.extend(part.to_be_bytes());
                others.push(self.get_part(&key)?);
            }
            let unchanged = others.is_empty() || self.get_part(at)?.as_ref() == Some(&first);
            let all = std::iter::once(&first).chain(others.iter().flatten()).map(|part| &part[..]);
            match parts::join(all) {
                Some(whole) if unchanged => return Ok(Some(whole)),
                _ => {}
            }
        }
        Err(damaged(at))
    }

    fn get_part(&self, at: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
        self.db.get(at).map_err(|error| unreadable(&error))
    }

    fn on_disk(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        let at = keys::row_part(key, 0);
        let Some(value) = self.value(&at)? else { return Ok(None) };
        let (_, body) = unpack(&value).ok_or_else(|| damaged(&at))?;
        Ok(Some(Row(body.to_vec())))
    }

    /// The first rows of a range on disk, without those that `skip` names.
    fn scan(
        &self,
        range: &Range,
        skip: &BTreeMap<Arc<Key>, Option<Arc<Row>>>,
    ) -> Result<Vec<(Key, Row)>, StoreError> {
        let Some((low, high)) = disk_bounds(range) else { return Ok(Vec::new()) };
        let (mut found, mut all) = (Vec::new(), self.db.range(low..high).keys());
        while found.len() < range.limit {
            let next = if range.reverse { all.next_back() } else { all.next() };
            let Some(at) = next else { break };
            let at = at.map_err(|error| unreadable(&error))?;
            if keys::part_of(&at) != Some(0) {
                continue;
            }
            let Some((key, row)) = self.entry(range, &at)? else { continue };
            if is_under(&key, range) && !skip.contains_key(&key) {
                found.push((key, row));
            }
        }
        Ok(found)
    }

    fn entry(&self, range: &Range, at: &[u8]) -> Result<Option<(Key, Row)>, StoreError> {
        let Some(value) = self.value(at)? else { return Ok(None) };
        let (long, body) = unpack(&value).ok_or_else(|| damaged(at))?;
        let path = match keys::parse_path(at) {
            Some(path) => path,
            None => String::from_utf8(long.to_vec()).map_err(|_| damaged(at))?,
        };
        Ok(Some((Key { table: range.prefix.table, path }, Row(body.to_vec()))))
    }
}

/// The bounds of a range on disk; none where nothing can be in it.
fn disk_bounds(range: &Range) -> Option<(Vec<u8>, Vec<u8>)> {
    let prefix = keys::row_prefix(&range.prefix);
    let mut end = prefix.clone();
    end.extend([0xFF; 4]);
    let after = range.after.as_ref().map(|path| keys::row_key(range.prefix.table, path));
    let (low, high) = match after {
        None => (prefix, end),
        Some(after) if range.reverse => (prefix, after.min(end)),
        Some(mut after) => {
            // Beyond all parts of that row.
            after.extend([0xFF; 3]);
            (prefix.max(after), end)
        }
    };
    (low < high).then_some((low, high))
}

impl Reader for SledReader {
    fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        let waiting = self.waiting.read().unwrap_or_else(PoisonError::into_inner).get(key);
        match waiting {
            Some(row) => Ok(row.map(|row| Row::clone(&row))),
            None => self.on_disk(key),
        }
    }

    fn page(&self, range: &Range) -> Result<Vec<(Key, Row)>, StoreError> {
        // First what waits: a row that is written meanwhile is then seen twice, never missed.
        let waiting = self.waiting.read().unwrap_or_else(PoisonError::into_inner).range(range);
        let waiting: BTreeMap<_, _> = waiting.into_iter().collect();
        let mut rows: BTreeMap<Key, Row> = self.scan(range, &waiting)?.into_iter().collect();
        for (key, row) in waiting {
            if let Some(row) = row {
                rows.insert(Key::clone(&key), Row::clone(&row));
            }
        }
        let mut rows: Vec<_> = rows.into_iter().collect();
        if range.reverse {
            rows.reverse();
        }
        rows.truncate(range.limit);
        Ok(rows)
    }
}

#[cfg(test)]
mod tests;
