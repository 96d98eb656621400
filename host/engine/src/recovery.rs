//! Owns how an engine comes to be what it was: snapshots, then the facts after them.
//! Must never decide: replay applies.

use std::collections::BTreeMap;

use busbar_charging::subject::Subject;

use crate::engine::Engine;
use crate::store::Restored;

impl Engine {
    /// Applies what a store held. The rows of the facts that the store says may be missing are
    /// handed back to it with the first batch.
    pub(crate) fn restore(&mut self, restored: Restored) {
        for head in &restored.heads {
            let last = &mut self.heads[usize::from(head.shard % 64)];
            *last = head.sequence.max(*last);
        }
        let mut covered: BTreeMap<Subject, u64> = BTreeMap::new();
        for snapshot in restored.snapshots {
            let slot = self.subjects.slot(&snapshot.subject);
            for fact in &snapshot.facts {
                self.apply(slot, fact);
            }
            covered.insert(snapshot.subject, snapshot.position.sequence);
        }
        for (index, (position, subject, fact)) in restored.facts.iter().enumerate() {
            let last = &mut self.heads[usize::from(position.shard % 64)];
            *last = position.sequence.max(*last);
            if covered.get(subject).is_some_and(|last| position.sequence <= *last) {
                continue;
            }
            let slot = self.subjects.slot(subject);
            self.apply(slot, fact);
            self.mark_unsaved(slot);
            if index >= restored.rows_from {
                let rows = self.rows(slot, fact);
                self.pending.put_rows(rows);
            }
        }
    }
}
