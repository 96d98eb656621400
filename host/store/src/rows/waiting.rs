//! Owns the rows that are not in their file yet: one generation that gathers, and one that is
//! being written. Must never let go of a generation before the file has it durably.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use busbar_charging::subject::{Key, Row};
use busbar_engine::store::Range;

/// How much one generation gathers before it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) blocks: u64,
    pub(crate) rows: usize,
    pub(crate) bytes: usize,
}

/// Rows in their newest version; none where one is to be removed.
pub(super) type Generation = BTreeMap<Key, Option<Row>>;

/// A generation that does not change any more.
#[derive(Debug)]
pub(super) struct Frozen {
    pub(super) rows: Generation,
    /// Once it is written, the file holds the rows of all blocks up to this one.
    pub(super) through: u64,
}

/// Rows that wait to be written. One that changes again in its generation is written once.
#[derive(Debug)]
pub(super) struct WaitingRows {
    gathering: Generation,
    bytes: usize,
    frozen: Option<Arc<Frozen>>,
    /// The blocks whose rows gather: those after this one ...
    after: u64,
    /// ... up to this one.
    shown: u64,
}

fn size(row: Option<&Row>) -> usize {
    row.map_or(0, |row| row.0.len()) + 100
}

impl WaitingRows {
    pub(super) fn new(through: u64, shown: u64) -> Self {
        let gathering = Generation::new();
        Self { gathering, bytes: 0, frozen: None, after: through, shown }
    }

    /// Takes what all blocks up to `block` made of the rows.
    pub(super) fn put(&mut self, block: u64, rows: &[(Key, Option<Row>)]) {
        for (key, row) in rows {
            self.bytes += size(row.as_ref());
            if let Some(old) = self.gathering.insert(key.clone(), row.clone()) {
                self.bytes -= size(old.as_ref());
            }
        }
        self.shown = block;
    }

    /// Rows that wait.
    pub(super) fn len(&self) -> usize {
        self.gathering.len() + self.frozen.as_ref().map_or(0, |frozen| frozen.rows.len())
    }

    /// True when what has gathered is enough to be written.
    pub(super) fn are_due(&self, bounds: &Bounds) -> bool {
        self.shown - self.after >= bounds.blocks
            || self.gathering.len() >= bounds.rows
            || self.bytes >= bounds.bytes
    }

    /// True while a generation is written.
    pub(super) fn is_writing(&self) -> bool {
        self.frozen.is_some()
    }

    /// Ends what gathers, so that it can be written; false where there is nothing to write, or
    /// another generation is written.
    pub(super) fn freeze(&mut self) -> bool {
        if self.frozen.is_some() || self.shown == self.after {
            return false;
        }
        let rows = std::mem::take(&mut self.gathering);
        (self.bytes, self.after) = (0, self.shown);
        self.frozen = Some(Arc::new(Frozen { rows, through: self.shown }));
        true
    }

    /// The generation that is to be written.
    pub(super) fn frozen(&self) -> Option<Arc<Frozen>> {
        self.frozen.clone()
    }

    /// That generation is in the file.
    pub(super) fn thaw(&mut self) {
        self.frozen = None;
    }

    fn generations(&self) -> impl Iterator<Item = &Generation> {
        let frozen = self.frozen.as_ref().map(|frozen| &frozen.rows);
        [Some(&self.gathering), frozen].into_iter().flatten()
    }

    /// The newest version of a row that waits; its inner none where it is removed.
    pub(super) fn get(&self, key: &Key) -> Option<Option<&Row>> {
        self.generations().find_map(|rows| rows.get(key)).map(Option::as_ref)
    }

    /// What of a range waits: as many as may be among its first rows.
    pub(super) fn range(&self, range: &Range) -> Generation {
        let mut found = Generation::new();
        let Some(bounds) = bounds(range) else { return found };
        for rows in self.generations() {
            let mut live = 0;
            let mut take = |(key, row): (&Key, &Option<Row>)| {
                if live == range.limit || !is_under(key, range) {
                    return live < range.limit;
                }
                if !found.contains_key(key) {
                    live += usize::from(row.is_some());
                    found.insert(key.clone(), row.clone());
                }
                true
            };
            let mut within = rows.range::<Key, _>(bounds.clone());
            let _all_taken =
                if range.reverse { within.rev().all(&mut take) } else { within.all(&mut take) };
        }
        found
    }
}

pub(super) fn is_under(key: &Key, range: &Range) -> bool {
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
