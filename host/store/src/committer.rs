//! Owns the one thread that commits. The engine paces it: it hands out one batch at a time.
//! Must never commit after a commit has failed.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use busbar_engine::BatchId;
use busbar_engine::store::{Batch, Store, StoreError};

/// What came of a commit.
#[derive(Debug)]
pub struct Committed {
    /// Which batch.
    pub id: BatchId,
    /// So many facts it held.
    pub facts: u64,
    /// So long it took.
    pub took: Duration,
    /// After an error nothing is committed any more.
    pub result: Result<(), StoreError>,
}

/// A thread that commits what it is handed.
pub struct Committer<S> {
    batches: Sender<(BatchId, Arc<Batch>)>,
    thread: JoinHandle<S>,
}

impl<S: Store + 'static> Committer<S> {
    /// Starts the thread. `done` is called on it after each commit; after the first error no
    /// batch is committed any more.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        mut store: S,
        mut done: impl FnMut(Committed) + Send + 'static,
    ) -> io::Result<Self> {
        let (batches, waiting) = channel::<(BatchId, Arc<Batch>)>();
        let thread = thread::Builder::new().name("commit".into()).spawn(move || {
            for (id, batch) in waiting {
                let began = Instant::now();
                // A panic of a backend must reach the driver as a failed commit, not as silence.
                let committed = catch_unwind(AssertUnwindSafe(|| store.commit(&batch)));
                let panicked =
                    |_| Err(StoreError::Failed("the store panicked while it committed".into()));
                let result = committed.unwrap_or_else(panicked);
                let failed = result.is_err();
                let facts = batch.facts.len() as u64;
                // Who hears of it may take the facts out of a batch that nobody else holds.
                drop(batch);
                done(Committed { id, facts, took: began.elapsed(), result });
                if failed {
                    break;
                }
            }
            store
        })?;
        Ok(Self { batches, thread })
    }

    /// Hands a batch over. After a failed commit it is dropped: its outcome was told already.
    pub fn submit(&self, id: BatchId, batch: Arc<Batch>) {
        let _ = self.batches.send((id, batch));
    }

    /// Waits until all that was handed over is committed, and gives the store back.
    ///
    /// # Errors
    /// The thread panicked.
    pub fn finish(self) -> Result<S, StoreError> {
        drop(self.batches);
        let panicked = |_| StoreError::Failed("the committing thread panicked".into());
        self.thread.join().map_err(panicked)
    }
}

#[cfg(test)]
mod tests;
