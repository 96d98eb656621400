//! Proves that every batch is answered until the first that fails, and none is committed after.

use std::sync::mpsc::channel;

use busbar_engine::store::Reader;

use super::*;

/// Fails or panics at its third batch.
struct Third {
    commits: u64,
    panics: bool,
}

impl Store for Third {
    fn commit(&mut self, _: &Batch) -> Result<(), StoreError> {
        self.commits += 1;
        assert!(self.commits != 3 || !self.panics, "a defect");
        match self.commits {
            3 => Err(StoreError::Full("no space".into())),
            _ => Ok(()),
        }
    }

    fn reader(&self) -> Arc<dyn Reader> {
        unreachable!("nobody reads")
    }
}

fn run(panics: bool) -> (Vec<(BatchId, bool)>, u64) {
    let (answers, answered) = channel();
    let done = move |done: Committed| answers.send((done.id, done.result.is_ok())).unwrap();
    let committer = Committer::start(Third { commits: 0, panics }, done).unwrap();
    (1..=5).for_each(|n| committer.submit(BatchId(n), Arc::default()));
    let store = committer.finish().unwrap();
    (answered.iter().collect(), store.commits)
}

#[test]
fn nothing_is_committed_after_a_failure() {
    let told = vec![(BatchId(1), true), (BatchId(2), true), (BatchId(3), false)];
    assert_eq!(run(false), (told.clone(), 3));
    assert_eq!(run(true), (told, 3), "a panic is a failed commit");
}
