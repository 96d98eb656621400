//! Owns the contract of a store: what the engine commits and what others may read. The contract
//! belongs to its user; the backends are in `busbar-store`. Must never name a backend.

use std::fmt;
use std::sync::Arc;

use busbar_charging::fact::Fact;
use busbar_charging::input::{Needs, Recalled};
use busbar_charging::subject::{Key, Row, Subject};
use busbar_charging::units::Timestamp;

/// Where a fact stands: its shard, and its number within the shard. Opaque to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Of 64.
    pub shard: u8,
    /// From 1, without gaps.
    pub sequence: u64,
}

/// A subject's state at a position, as the facts that make it again. Written behind, and never
/// on disk before all rows up to its position.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Whose.
    pub subject: Subject,
    /// The last fact of its shard that it takes into account.
    pub position: Position,
    /// When it was made.
    pub at: Timestamp,
    /// In order.
    pub facts: Vec<Fact>,
}

/// What is made durable in one step.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// In the order of decision.
    pub facts: Vec<(Position, Subject, Fact)>,
    /// Each key once, as it stands after all of the batch's facts.
    pub rows: Vec<(Key, Option<Row>)>,
    /// At most one for each subject.
    pub snapshots: Vec<Snapshot>,
}

/// Why a commit or a read failed. After a failed commit the store is not used again.
#[derive(Clone, Debug)]
pub enum StoreError {
    /// The disk is full: the store opens again when there is space.
    Full(String),
    /// What is on disk is damaged: where, and how to restore.
    Damaged(String),
    /// A write of the log failed, and not for lack of space. What is on disk is unknown: the
    /// system may tell this process what it did not keep. Only another process can go on.
    Unsynced(String),
    /// Anything else.
    Failed(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(what) => write!(f, "the disk is full: {what}"),
            Self::Damaged(what) => write!(f, "the store is damaged: {what}"),
            Self::Unsynced(what) => {
                write!(f, "the log cannot be written, so that nothing can be acknowledged: {what}")
            }
            Self::Failed(what) => write!(f, "the store failed: {what}"),
        }
    }
}

impl std::error::Error for StoreError {}

/// A range of rows, in the order of their keys.
#[derive(Clone, Debug)]
pub struct Range {
    /// All keys of this table that begin with this path.
    pub prefix: Key,
    /// Only keys after this path (before it, when `reverse`).
    pub after: Option<String>,
    /// Newest keys first.
    pub reverse: bool,
    /// At most so many.
    pub limit: usize,
}

/// Reads rows. Sees every commit that has returned.
pub trait Reader: Send + Sync {
    /// The row of a key.
    ///
    /// # Errors
    /// The store cannot be read.
    fn get(&self, key: &Key) -> Result<Option<Row>, StoreError>;

    /// The rows of a range.
    ///
    /// # Errors
    /// The store cannot be read.
    fn page(&self, range: &Range) -> Result<Vec<(Key, Row)>, StoreError>;
}

/// Makes batches durable. One thread commits; any number read.
pub trait Store: Send {
    /// When it returns, the facts are durable and the rows readable by every `Reader`.
    ///
    /// # Errors
    /// The batch may or may not be durable: the store must be opened again.
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError>;

    /// A reader of this store.
    fn reader(&self) -> Arc<dyn Reader>;

    /// Ends in order: what is written behind is written, so that the next start has little to do.
    /// A store that is dropped without it loses nothing. Nothing is committed after.
    ///
    /// # Errors
    /// The disk failed; nothing that was committed is lost.
    fn close(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl<S: Store + ?Sized> Store for Box<S> {
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        (**self).commit(batch)
    }

    fn reader(&self) -> Arc<dyn Reader> {
        (**self).reader()
    }

    fn close(&mut self) -> Result<(), StoreError> {
        (**self).close()
    }
}

/// What a store held when it was opened: what an engine starts from.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// The newest snapshot of each subject.
    pub snapshots: Vec<Snapshot>,
    /// All facts after the oldest position that a snapshot needs, in the order of decision.
    pub facts: Vec<(Position, Subject, Fact)>,
    /// The rows of `facts[rows_from..]` may be missing from the store. Every subject's snapshot is
    /// older than those facts, so the engine derives the rows again while it replays and hands
    /// them back as rows of the first batch, which the store must not mistake for new ones.
    pub rows_from: usize,
    /// The last position of every shard that ever had a fact.
    pub heads: Vec<Position>,
}

/// A prefix recalls at most so many rows.
pub const PREFIX_LIMIT: usize = 100;

/// Reads what a recall asks for: what a driver answers `Output::Recall` with, on any thread.
///
/// # Errors
/// The store cannot be read.
pub fn recall(reader: &dyn Reader, needs: &Needs) -> Result<Recalled, StoreError> {
    let mut rows = Vec::with_capacity(needs.keys.len());
    for key in &needs.keys {
        rows.push((key.clone(), reader.get(key)?));
    }
    for prefix in &needs.prefixes {
        // Twice the limit: what was removed since and is not committed yet takes some away.
        let limit = 2 * PREFIX_LIMIT;
        let range = Range { prefix: prefix.clone(), after: None, reverse: false, limit };
        rows.extend(reader.page(&range)?.into_iter().map(|(key, row)| (key, Some(row))));
    }
    Ok(Recalled { rows })
}
