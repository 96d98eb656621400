//! Owns one commit: what goes into its step of sled, and the order in which it becomes visible.
//! Must never trim what a subject, a row or a backup still needs, nor before the archive has it.

use std::sync::Arc;

use busbar_engine::store::{Batch, StoreError};

use super::{Progress, Shared, SledStore, WaitingSnapshot, sled_error};
use crate::codec::{self, Kind};
use crate::marks::Marks;
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
        shared.rows.make_room()?;
        let mut progress = shared.progress();
        if batch.facts.is_empty() {
            // They count for the last block.
            self.queue_snapshots(progress.last_block, batch)?;
            shared.rows.show(progress.last_block, &batch.rows);
            return Ok(());
        }
        if shared.options.read_only {
            return Err(StoreError::Failed("the store was opened to be read only".into()));
        }
        let block = progress.last_block + 1;
        let mut step = sled::Batch::default();
        self.add_block(&mut step, block, batch)?;
        self.queue_snapshots(block, batch)?;
        let mut marks = progress.marks.clone();
        self.write_behind(&mut step, &mut marks, &progress)?;
        self.make_durable(step, &marks, &progress.marks)?;
        self.tip.advance(&shared.db, block);
        if marks.rows_through != progress.marks.rows_through {
            // Once for each generation of rows.
            self.tip.sync();
        }
        progress.marks = marks;
        progress.last_block = block;
        shared.rows.show(block, &batch.rows);
        self.look_after_reserve();
        Ok(())
    }

    /// Puts into a step what may follow the rows that are durable by now: snapshots, and the end
    /// of what nobody needs.
    fn write_behind(
        &mut self,
        step: &mut sled::Batch,
        marks: &mut Marks,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        marks.rows_through = self.shared.rows.through();
        if progress.backups == 0 {
            self.add_snapshots(step, marks.rows_through)?;
            self.trim(step, marks, progress.last_block + 1)?;
        }
        marks.archive = self.archive.end();
        marks.heads = self.newest.heads;
        Ok(())
    }

    /// One step, flushed, then synced by our own handle: only then is it durable.
    fn make_durable(
        &self,
        mut step: sled::Batch,
        marks: &Marks,
        old: &Marks,
    ) -> Result<(), StoreError> {
        // The heads alone are told by the log itself.
        if *marks != (Marks { heads: marks.heads, ..old.clone() }) {
            step.insert(keys::MARKS, marks.encode());
        }
        let shared = &self.shared;
        let failed = |error: sled::Error| match sled_error(&shared.folder, "a commit", &error) {
            StoreError::Failed(text) => StoreError::Unsynced(text),
            other => other,
        };
        shared.db.apply_batch(step).map_err(failed)?;
        shared.db.flush().map_err(failed)?;
        // After a failed sync the system may hold its pages for clean: no second one is honest.
        let unsynced = |error| StoreError::Unsynced(format!("a sync of sled/db: {error}"));
        self.file.sync_data().map_err(unsynced)
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
        Ok(())
    }

    fn queue_snapshots(&mut self, block: u64, batch: &Batch) -> Result<(), StoreError> {
        for snapshot in &batch.snapshots {
            let body = codec::encode_snapshot(snapshot)?;
            let sealed = self.sealer.seal(Kind::Snapshot, snapshot.position.sequence, &body)?;
            let subject = snapshot.subject.clone();
            let replaces = self.needed.covered(&subject);
            self.snapshots.push_back(WaitingSnapshot { block, subject, replaces, sealed });
        }
        Ok(())
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

    /// Writes all that waits: the rows, then the snapshots that wait for them, then the end of
    /// what nobody needs any more.
    pub(super) fn write_all(&mut self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let mut progress = shared.progress();
        shared.rows.write_all()?;
        loop {
            let (mut step, mut marks) = (sled::Batch::default(), progress.marks.clone());
            let snapshots = self.snapshots.len();
            self.write_behind(&mut step, &mut marks, &progress)?;
            if marks == progress.marks && self.snapshots.len() == snapshots {
                self.tip.advance(&shared.db, progress.last_block);
                self.tip.map(&shared.db);
                self.tip.sync();
                return Ok(());
            }
            self.make_durable(step, &marks, &progress.marks)?;
            progress.marks = marks;
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
