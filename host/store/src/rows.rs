//! Owns the rows: those that wait to be written lie over those in their file, and a thread of
//! their own writes what waits. Must never lose a row before the file has it durably, nor hold a
//! commit up for a write but where a whole further generation of rows waits already.

mod file;
mod rebuild;
mod waiting;

use std::collections::BTreeMap;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, JoinHandle};

use busbar_charging::subject::{Key, Row};
use busbar_engine::store::{Range, Reader, StoreError};

pub(crate) use file::{Opened, ROWS_FILE, RowsFile};
pub(crate) use rebuild::rebuild;
pub(crate) use waiting::Bounds;
use waiting::WaitingRows;

/// The rows of a store.
pub(crate) struct Rows {
    pub(crate) file: RowsFile,
    bounds: Bounds,
    waiting: RwLock<WaitingRows>,
    writing: Mutex<Writing>,
    /// `writing` changed.
    changed: Condvar,
}

/// Where the writing thread stands.
#[derive(Debug, Default)]
struct Writing {
    /// The rows of all blocks up to this one are durable in the file.
    through: u64,
    /// Why nothing is written any more.
    failed: Option<StoreError>,
    ended: bool,
}

impl Writing {
    /// Fails for ever once nothing is written any more: rows would gather without end.
    fn check(&self) -> Result<(), StoreError> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None if self.ended => {
                Err(StoreError::Failed("the thread that writes rows has ended".into()))
            }
            None => Ok(()),
        }
    }
}

impl Rows {
    /// The rows of a file that holds those of all blocks up to `through`; those of the blocks up
    /// to `shown` need not be brought any more.
    pub(crate) fn new(file: RowsFile, bounds: Bounds, through: u64, shown: u64) -> Self {
        Self {
            file,
            bounds,
            waiting: RwLock::new(WaitingRows::new(through, shown)),
            writing: Mutex::new(Writing { through, ..Writing::default() }),
            changed: Condvar::new(),
        }
    }

    /// The rows of all blocks up to this one are durable.
    pub(crate) fn through(&self) -> u64 {
        self.writing().through
    }

    /// Rows that wait to be written.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether a generation waits for the thread, or is being written. Asked with `writing` held,
    /// so that whoever waits for a change misses none.
    fn is_writing(&self) -> bool {
        self.waiting.read().unwrap_or_else(PoisonError::into_inner).is_writing()
    }

    /// Makes the rows of all blocks up to `block` readable, and has them written when they are
    /// enough.
    pub(crate) fn show(&self, block: u64, rows: &[(Key, Option<Row>)]) {
        let mut waiting = self.waiting.write().unwrap_or_else(PoisonError::into_inner);
        waiting.put(block, rows);
        let freeze = waiting.are_due(&self.bounds) && waiting.freeze();
        drop(waiting);
        if freeze {
            self.wake();
        }
    }

    /// Waits until there is room for more rows.
    ///
    /// # Errors
    /// The file could not be written, and so is written no more.
    pub(crate) fn make_room(&self) -> Result<(), StoreError> {
        let full = || {
            let waiting = self.waiting.read().unwrap_or_else(PoisonError::into_inner);
            waiting.is_writing() && waiting.are_due(&self.bounds)
        };
        let mut writing = self.writing();
        while writing.failed.is_none() && !writing.ended && full() {
            writing = self.changed.wait(writing).unwrap_or_else(PoisonError::into_inner);
        }
        writing.check()
    }

    /// Writes all rows that wait.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write_all(&self) -> Result<(), StoreError> {
        loop {
            let mut waiting = self.waiting.write().unwrap_or_else(PoisonError::into_inner);
            let (frozen, writes) = (waiting.freeze(), waiting.is_writing());
            drop(waiting);
            if frozen {
                self.wake();
            } else if !writes {
                return Ok(());
            }
            let mut writing = self.writing();
            while self.is_writing() && writing.failed.is_none() && !writing.ended {
                writing = self.changed.wait(writing).unwrap_or_else(PoisonError::into_inner);
            }
            writing.check()?;
        }
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the thread that a generation is there for it.
    fn wake(&self) {
        let _held = self.writing();
        self.changed.notify_all();
    }

    /// What the thread does: writes each generation, until the end or a failure.
    fn write_generations(&self) {
        loop {
            let mut writing = self.writing();
            while !self.is_writing() && !writing.ended {
                writing = self.changed.wait(writing).unwrap_or_else(PoisonError::into_inner);
            }
            if writing.ended {
                return;
            }
            drop(writing);
            // A panic of the file's code must reach the committer as an error, not as silence.
            let written = catch_unwind(AssertUnwindSafe(|| self.write_generation()));
            let mut writing = self.writing();
            let panicked = |_| Err(StoreError::Failed("writing rows panicked".into()));
            match written.unwrap_or_else(panicked) {
                Ok(through) => writing.through = through,
                Err(error) => {
                    writing.failed = Some(error);
                    writing.ended = true;
                }
            }
            self.changed.notify_all();
        }
    }

    fn write_generation(&self) -> Result<u64, StoreError> {
        let frozen = self.waiting.read().unwrap_or_else(PoisonError::into_inner).frozen();
        let Some(frozen) = frozen else { return Ok(self.through()) };
        self.file.write(&frozen.rows, frozen.through)?;
        // Only now: whoever does not find a row here reads the file after this.
        self.waiting.write().unwrap_or_else(PoisonError::into_inner).thaw();
        Ok(frozen.through)
    }
}

/// The thread that writes rows; it ends with this.
pub(crate) struct RowWriter {
    rows: Arc<Rows>,
    thread: Option<JoinHandle<()>>,
}

impl RowWriter {
    pub(crate) fn start(rows: &Arc<Rows>) -> Result<Self, StoreError> {
        let of_thread = Arc::clone(rows);
        let thread = thread::Builder::new().name("rows".into());
        let thread = thread.spawn(move || of_thread.write_generations());
        let failed = |error| StoreError::Failed(format!("no thread to write rows: {error}"));
        Ok(Self { rows: Arc::clone(rows), thread: Some(thread.map_err(failed)?) })
    }
}

impl Drop for RowWriter {
    fn drop(&mut self) {
        self.rows.writing().ended = true;
        self.rows.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // Its panics are caught and told as failures.
            let _ended = thread.join();
        }
    }
}

/// Reads the rows of a store.
#[derive(Clone)]
pub(crate) struct RowReader {
    pub(crate) rows: Arc<Rows>,
    /// The store is in use as long as somebody can read it.
    pub(crate) _lock: Option<Arc<File>>,
}

impl Reader for RowReader {
    fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        let waiting = self.rows.waiting.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = waiting.get(key) {
            return Ok(row.cloned());
        }
        drop(waiting);
        self.rows.file.get(key)
    }

    fn page(&self, range: &Range) -> Result<Vec<(Key, Row)>, StoreError> {
        // First what waits: a row that is written meanwhile is then seen twice, never missed.
        let waiting = self.rows.waiting.read().unwrap_or_else(PoisonError::into_inner);
        let over = waiting.range(range);
        drop(waiting);
        let under = self.rows.file.page(range, |key| over.contains_key(key))?;
        let over = over.into_iter().filter_map(|(key, row)| Some((key, row?)));
        let rows: BTreeMap<Key, Row> = under.into_iter().chain(over).collect();
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
