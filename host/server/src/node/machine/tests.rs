//! Proves that a node that cannot go on says so, whatever it was that ended it.

use std::sync::atomic::{AtomicUsize, Ordering};

use busbar_charging::input::Needs;
use busbar_charging::subject::{Key, Row};
use busbar_engine::store::{Batch, Range};
use tempfile::TempDir;

use super::*;

/// Holds nothing, and takes all.
struct Nothing;

impl Store for Nothing {
    fn commit(&mut self, _: &Batch) -> Result<(), StoreError> {
        Ok(())
    }

    fn reader(&self) -> Arc<dyn Reader> {
        Arc::new(Self)
    }
}

impl Reader for Nothing {
    fn get(&self, _: &Key) -> Result<Option<Row>, StoreError> {
        Ok(None)
    }

    fn page(&self, _: &Range) -> Result<Vec<(Key, Row)>, StoreError> {
        Ok(Vec::new())
    }
}

impl Frames for Nothing {
    fn page(&self, _: &FrameQuery) -> Result<FramePage, StoreError> {
        Err(StoreError::Failed("there are none".into()))
    }
}

/// A machine whose store panics where it is opened again.
fn start(folder: &TempDir) -> (Machine, Node, Arc<AtomicUsize>) {
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let open = move || -> Result<(Box<dyn Store>, Restored), StoreError> {
        assert_eq!(count.fetch_add(1, Ordering::SeqCst), 0, "this panic is wanted");
        Ok((Box::new(Nothing), Restored::default()))
    };
    let plugins = Arc::new(PluginHost::open(folder.path(), [0; 32]).unwrap());
    let frames = Arc::new(Nothing);
    let started =
        Machine::start(Box::new(open), Policy::default(), plugins, frames, Metrics::new());
    let (machine, node) = started.unwrap();
    (machine, node, opened)
}

async fn died(machine: &Machine, node: &Node) -> String {
    let why = tokio::time::timeout(Duration::from_secs(20), machine.died()).await.unwrap();
    let status = node.status();
    assert!(!status.running && status.trouble.as_ref() == Some(&why), "{status:?}");
    why
}

#[tokio::test]
async fn a_log_that_cannot_be_written_is_not_opened_again() {
    let folder = TempDir::new().unwrap();
    let (machine, node, opened) = start(&folder);
    machine.fail()(StoreError::Unsynced("a sync".into()));
    let why = died(&machine, &node).await;
    assert!(why.contains("a sync") && why.contains("nothing can be acknowledged"), "{why}");
    assert_eq!(opened.load(Ordering::SeqCst), 1);
    machine.stop();
}

#[tokio::test]
async fn a_panic_of_the_engines_thread_is_told() {
    let folder = TempDir::new().unwrap();
    let (machine, node, opened) = start(&folder);
    machine.fail()(StoreError::Failed("any other reason".into()));
    let why = died(&machine, &node).await;
    assert!(why.contains("panicked"), "{why}");
    assert_eq!(opened.load(Ordering::SeqCst), 2);
    machine.stop();
}

#[tokio::test]
async fn a_machine_that_is_stopped_did_not_die() {
    let folder = TempDir::new().unwrap();
    let (machine, _, _) = start(&folder);
    let died = machine.died();
    machine.stop();
    assert!(tokio::time::timeout(Duration::from_millis(50), died).await.is_err());
}

/// A recall that never came back would hold its subject for ever.
#[test]
fn a_panic_of_a_read_is_a_failed_read() {
    struct Panics;
    impl Reader for Panics {
        fn get(&self, _: &Key) -> Result<Option<Row>, StoreError> {
            panic!("this panic is wanted")
        }

        fn page(&self, _: &Range) -> Result<Vec<(Key, Row)>, StoreError> {
            panic!("this panic is wanted")
        }
    }
    let key = Key { table: busbar_charging::subject::Table::Token, path: String::new() };
    let needs = Needs { keys: vec![key], ..Needs::default() };
    let error = workers::recall(&Panics, &needs).unwrap_err();
    assert!(error.to_string().contains("panicked while it read"), "{error}");
}
