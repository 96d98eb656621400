//! Owns the simulated disk: batches that are durable or not, rows that readers see, and rows that
//! reached the disk later than their facts. Must never lose what it said was durable, unless a
//! break asks for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use busbar_charging::fact::Fact;
use busbar_charging::input::{Needs, Recalled};
use busbar_charging::subject::{Key, Row, Subject};
use busbar_engine::store::{
    Batch, Position, Range, Reader, Restored, Snapshot, StoreError, recall,
};

pub(super) type Rows = BTreeMap<Key, Row>;

/// What survives the process, and what readers see.
#[derive(Default)]
pub(super) struct Disk {
    log: Vec<Arc<Batch>>,
    /// What readers see.
    pub(super) rows: Rows,
    /// What is on disk of the rows: those of `log[..written]`.
    written_rows: Rows,
    written: usize,
}

struct View<'a>(&'a Rows);

impl Reader for View<'_> {
    fn get(&self, key: &Key) -> Result<Option<Row>, StoreError> {
        Ok(self.0.get(key).cloned())
    }

    fn page(&self, range: &Range) -> Result<Vec<(Key, Row)>, StoreError> {
        let prefix = &range.prefix;
        let under = |key: &Key| key.table == prefix.table && key.path.starts_with(&prefix.path);
        let all = self.0.range(prefix.clone()..).take_while(|(key, _)| under(key));
        Ok(all.take(range.limit).map(|(key, row)| (key.clone(), row.clone())).collect())
    }
}

pub(super) fn put(rows: &mut Rows, changed: &[(Key, Option<Row>)]) {
    for (key, row) in changed {
        match row {
            Some(row) => rows.insert(key.clone(), row.clone()),
            None => rows.remove(key),
        };
    }
}

impl Disk {
    /// What a reader answers to a recall now.
    pub(super) fn read(&self, needs: &Needs) -> Recalled {
        recall(&View(&self.rows), needs).expect("a map can be read")
    }

    /// A batch is durable and its rows are readable.
    pub(super) fn commit(&mut self, batch: &Arc<Batch>) {
        put(&mut self.rows, &batch.rows);
        self.log.push(Arc::clone(batch));
    }

    /// Writes the rows of some more batches.
    pub(super) fn write_behind(&mut self, batches: usize) {
        for _ in 0..batches.min(self.log.len() - self.written) {
            put(&mut self.written_rows, &self.log[self.written].rows);
            self.written += 1;
        }
    }

    /// All facts that are durable, in order.
    pub(super) fn facts(&self) -> impl Iterator<Item = &(Position, Subject, Fact)> {
        self.log.iter().flat_map(|batch| &batch.facts)
    }

    /// The process died: what a start finds. With `trim` the log begins at the oldest fact that
    /// no snapshot has.
    pub(super) fn reopen(&mut self, trim: bool) -> Restored {
        self.rows = self.written_rows.clone();
        let mut snapshots: BTreeMap<&Subject, &Snapshot> = BTreeMap::new();
        for snapshot in self.log[..self.written].iter().flat_map(|batch| &batch.snapshots) {
            snapshots.insert(&snapshot.subject, snapshot);
        }
        let saved = |(position, subject, _): &(Position, Subject, Fact)| {
            snapshots.get(subject).is_some_and(|s| position.sequence <= s.position.sequence)
        };
        let old = self.log[..self.written].iter().take_while(|b| trim && b.facts.iter().all(saved));
        let trimmed = old.count();
        let before = self.log[trimmed..self.written].iter().map(|batch| batch.facts.len()).sum();
        let mut heads = BTreeMap::new();
        for (position, ..) in self.facts() {
            heads.insert(position.shard, *position);
        }
        Restored {
            snapshots: snapshots.into_values().cloned().collect(),
            facts: self.log[trimmed..].iter().flat_map(|batch| batch.facts.clone()).collect(),
            rows_from: before,
            heads: heads.into_values().collect(),
        }
    }

    /// A break: one fact of the last batch with such facts is gone, as a store would lose it that
    /// acknowledged what it had not written.
    pub(super) fn lose(&mut self, which: impl Fn(&Fact) -> bool) -> bool {
        for batch in self.log.iter_mut().rev() {
            if let Some(index) = batch.facts.iter().position(|(_, _, fact)| which(fact)) {
                let mut less = Batch::clone(batch);
                less.facts.remove(index);
                *batch = Arc::new(less);
                return true;
            }
        }
        false
    }
}
