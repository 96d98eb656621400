//! Owns which blocks the log must keep: those that hold a fact that is in no snapshot on disk.
//! Must never forget a block before the snapshot that replaces it is durable.

use std::collections::{BTreeSet, HashMap};

use busbar_charging::subject::Subject;

/// The first block that each subject needs.
#[derive(Debug, Default)]
pub(crate) struct Needed {
    /// Of subjects with facts since their newest snapshot, waiting ones among them.
    first: HashMap<Subject, u64>,
    /// The same, and what snapshots that wait to be written will replace.
    order: BTreeSet<(u64, Subject)>,
}

impl Needed {
    /// A fact of a subject stands in a block.
    pub(crate) fn fact(&mut self, block: u64, subject: &Subject) {
        if !self.first.contains_key(subject) {
            self.first.insert(subject.clone(), block);
            self.order.insert((block, subject.clone()));
        }
    }

    /// A snapshot of a subject waits to be written. Returns the first block that it replaces.
    pub(crate) fn covered(&mut self, subject: &Subject) -> Option<u64> {
        self.first.remove(subject)
    }

    /// The snapshot that replaces the blocks from `from` on is on disk.
    pub(crate) fn saved(&mut self, from: Option<u64>, subject: &Subject) {
        if let Some(from) = from {
            self.order.remove(&(from, subject.clone()));
        }
    }

    /// The oldest block that is needed.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.order.first().map(|(block, _)| *block)
    }
}
