//! Owns one commit: what goes into its step of sled, and the order in which it becomes visible.
//! Must never trim what a subject, a row or a backup still needs, nor before the archive has it.

use std::sync::{Arc, PoisonError};

use busbar_engine::store::{Batch, Snapshot, StoreError};

use super::{Progress, Shared, SledStore, WaitingSnapshot, io_error, sled_error};
use crate::codec::{self, Kind};
use crate::marks::Marks;
use crate::rows::{self, Take, WaitingRow};
use crate::{keys, parts};

/// With every commit about so many bytes of snapshots are written.
const SNAPSHOT_BYTES_PER_COMMIT: usize = 256 << 10;
/// With every commit at most so many blocks are removed.
const REMOVED_PER_COMMIT: u64 = 256;
/// After so many commits the reserve is looked after.
const COMMITS_PER_LOOK: u64 = 4_096;

impl SledStore {
    pub(super) fn commit_batch(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let mut progress = shared.progress();
        self.queue_snapshots_later(batch, &progress)?;
        if batch.facts.is_empty() {
            self.show(batch, None, &progress);
            return Ok(());
        }
        if shared.options.read_only {
            return Err(StoreError::Failed("the store was opened to be read only".into()));
        }
        let (mut step, block) = (sled::Batch::default(), progress.last_block + 1);
        let mut marks = progress.marks.clone();
        self.add_block(&mut step, block, batch)?;
        let take = Take {
            before: block.saturating_sub(shared.options.row_delay_blocks),
            most_old: shared.options.rows_per_commit,
            keep_rows: shared.options.waiting_rows,
            keep_bytes: shared.options.waiting_row_bytes,
        };
        let written = self.add_rows(&mut step, &mut marks, progress.last_block, take)?;
        if progress.backups == 0 {
            self.add_snapshots(&mut step, marks.rows_through)?;
            self.trim(&mut step, &mut marks, block)?;
        }
        marks.heads = self.newest.heads;
        self.make_durable(step, &marks, &progress.marks, written.is_empty())?;
        progress.marks = marks;
        progress.last_block = block;
        self.waiting_rows(|waiting| waiting.written(&written));
        self.show(batch, Some(block), &progress);
        self.look_after_reserve();
        Ok(())
    }

    /// One step, flushed, then synced by our own handle: only then is it durable.
    fn make_durable(
        &self,
        mut step: sled::Batch,
        marks: &Marks,
        old: &Marks,
        no_rows: bool,
    ) -> Result<(), StoreError> {
        let moved = (marks.rows_through, marks.first_block) != (old.rows_through, old.first_block);
        if moved || !no_rows {
            step.insert(keys::MARKS, marks.encode());
        }
        let shared = &self.shared;
        let failed = |error: sled::Error| sled_error(&shared.folder, "a commit", &error);
        shared.db.apply_batch(step).map_err(failed)?;
        shared.db.flush().map_err(failed)?;
        self.file.sync_data().map_err(|error| io_error("a sync", &error))
    }

    /// Makes rows readable. Those that were owed count as rows of the first block whose rows are
    /// not on disk, which keeps the log from there on.
    fn show(&mut self, batch: &Batch, block: Option<u64>, progress: &Progress) {
        let oldest_missing = progress.marks.rows_through + 1;
        let block = match block {
            Some(block) if !self.owed => block,
            _ => oldest_missing,
        };
        self.owed = false;
        self.waiting_rows(|waiting| waiting.put(block, &batch.rows));
    }

    fn waiting_rows<T>(&self, change: impl FnOnce(&mut rows::WaitingRows) -> T) -> T {
        change(&mut self.shared.waiting.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn add_block(
        &mut self,
        step: &mut sled::Batch,
        block: u64,
        batch: &Batch,
    ) -> Result<(), StoreError> {
        let body = codec::encode_block(&batch.facts)?;
        let sealed = self.sealer.seal(Kind::Block, block, &body)?;
        let cut = parts::cut(&sealed)?;
        self.block_parts.push_back(cut.len() as u16);
        for (part, value) in cut {
            step.insert(keys::block_part(block, part), value);
        }
        for (position, subject, _) in &batch.facts {
            self.newest.see(*position);
            self.needed.fact(block, subject);
        }
        for snapshot in &batch.snapshots {
            self.queue_snapshot(block, snapshot)?;
        }
        Ok(())
    }

    /// A batch that only saves subjects makes no block: they count for the last one.
    fn queue_snapshots_later(
        &mut self,
        batch: &Batch,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        if batch.facts.is_empty() {
            for snapshot in &batch.snapshots {
                self.queue_snapshot(progress.last_block, snapshot)?;
            }
        }
        Ok(())
    }

    fn queue_snapshot(&mut self, block: u64, snapshot: &Snapshot) -> Result<(), StoreError> {
        let body = codec::encode_snapshot(snapshot)?;
        let sealed = self.sealer.seal(Kind::Snapshot, snapshot.position.sequence, &body)?;
        let subject = snapshot.subject.clone();
        let replaces = self.needed.covered(&subject);
        self.snapshots.push_back(WaitingSnapshot { block, subject, replaces, sealed });
        Ok(())
    }

    /// Writes the oldest rows that wait, and says how far the rows are then.
    fn add_rows(
        &self,
        step: &mut sled::Batch,
        marks: &mut Marks,
        last_block: u64,
        take: Take,
    ) -> Result<Vec<WaitingRow>, StoreError> {
        if self.owed {
            return Ok(Vec::new());
        }
        let waiting = self.shared.waiting.read().unwrap_or_else(PoisonError::into_inner);
        let taken = waiting.take(&take);
        let oldest = waiting.oldest_without(&taken);
        drop(waiting);
        marks.rows_through = oldest.map_or(last_block, |block| block - 1).max(marks.rows_through);
        for row in &taken {
            put_row(&self.shared, step, row)?;
        }
        Ok(taken)
    }

    /// Writes the snapshots whose rows are on disk.
    fn add_snapshots(
        &mut self,
        step: &mut sled::Batch,
        rows_through: u64,
    ) -> Result<(), StoreError> {
        let mut bytes = 0;
        while bytes < SNAPSHOT_BYTES_PER_COMMIT
            && self.snapshots.front().is_some_and(|one| one.block <= rows_through)
        {
            let Some(snapshot) = self.snapshots.pop_front() else { break };
            bytes += snapshot.sealed.len();
            let cut = parts::cut(&snapshot.sealed)?;
            let count = cut.len() as u16;
            for (part, value) in cut {
                step.insert(keys::snapshot_part(&snapshot.subject, part), value);
            }
            let old = self.snapshot_parts.insert(snapshot.subject.clone(), count);
            for part in count..old.unwrap_or(0) {
                step.remove(keys::snapshot_part(&snapshot.subject, part));
            }
            self.needed.saved(snapshot.replaces, &snapshot.subject);
        }
        Ok(())
    }

    /// Moves what nobody needs to the archive, and out of sled what the archive has.
    fn trim(
        &mut self,
        step: &mut sled::Batch,
        marks: &mut Marks,
        block: u64,
    ) -> Result<(), StoreError> {
        let needless = self.needed.oldest().unwrap_or(block) - 1;
        let needless = needless.min(marks.rows_through);
        let archived = self.archive.last();
        if needless >= archived + self.shared.options.archive_step {
            let until = needless.min(archived + REMOVED_PER_COMMIT);
            let blocks = archived + 1..=until;
            let sealed: Result<Vec<_>, _> =
                blocks.map(|block| Ok((block, self.shared.sealed_block(block)?))).collect();
            self.archive.append(&sealed?)?;
        }
        let until = needless.min(self.archive.last()).min(marks.first_block + REMOVED_PER_COMMIT);
        while marks.first_block <= until {
            for part in 0..self.block_parts.pop_front().unwrap_or(0) {
                step.remove(keys::block_part(marks.first_block, part));
            }
            marks.first_block += 1;
        }
        Ok(())
    }

    pub(super) fn write_all_rows(&mut self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let mut progress = shared.progress();
        loop {
            let (mut step, mut marks) = (sled::Batch::default(), progress.marks.clone());
            let (keep_rows, keep_bytes) = (usize::MAX, usize::MAX);
            let take = Take { before: u64::MAX, most_old: 1_000, keep_rows, keep_bytes };
            let written = self.add_rows(&mut step, &mut marks, progress.last_block, take)?;
            if progress.backups == 0 {
                self.add_snapshots(&mut step, marks.rows_through)?;
            }
            marks.heads = self.newest.heads;
            self.make_durable(step, &marks, &progress.marks, written.is_empty())?;
            progress.marks = marks;
            self.waiting_rows(|waiting| waiting.written(&written));
            if written.is_empty() {
                return Ok(());
            }
        }
    }

    /// Space may have come back since the reserve was given up.
    fn look_after_reserve(&mut self) {
        self.commits += 1;
        if self.commits.is_multiple_of(COMMITS_PER_LOOK) {
            // Without a reserve the store works as well as before.
            let _ = self.reserve.keep(self.shared.options.low_space_bytes);
        }
    }
}

impl Shared {
    /// A block of the log, as it was written.
    pub(crate) fn sealed_block(&self, block: u64) -> Result<Vec<u8>, StoreError> {
        let failed = |error: sled::Error| sled_error(&self.folder, "the log", &error);
        let mut all = Vec::new();
        let mut count = 1;
        while all.len() < usize::from(count) {
            let part = self.db.get(keys::block_part(block, all.len() as u16)).map_err(failed)?;
            let Some(part) = part else { break };
            if all.is_empty() {
                count = parts::count(&part).unwrap_or(1);
            }
            all.push(part);
        }
        parts::join(all.iter().map(|part| &part[..])).ok_or_else(|| {
            let how = crate::HOW_TO_RESTORE;
            StoreError::Damaged(format!("block {block} of the log cannot be read; {how}"))
        })
    }
}

/// Writes one row, and removes what its older version had more.
fn put_row(shared: &Shared, step: &mut sled::Batch, row: &WaitingRow) -> Result<(), StoreError> {
    let failed = |error: sled::Error| sled_error(&shared.folder, "a row", &error);
    let first = shared.db.get(keys::row_part(&row.key, 0)).map_err(failed)?;
    let old = first.as_ref().and_then(|first| parts::count(first)).unwrap_or(0);
    let cut = match &row.row {
        Some(body) => parts::cut(&rows::pack(&row.key, body))?,
        None => Vec::new(),
    };
    let count = cut.len() as u16;
    for (part, value) in cut {
        step.insert(keys::row_part(&row.key, part), value);
    }
    for part in count..old {
        step.remove(keys::row_part(&row.key, part));
    }
    Ok(())
}
