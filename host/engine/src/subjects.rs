//! Owns each subject's state, its queue of inputs and what it waits for.
//! Must never decide.

use std::collections::VecDeque;

use busbar_charging::input::{Input, Needs};
use busbar_charging::site::Site;
use busbar_charging::subject::Subject;
use busbar_charging::units::Timestamp;

use crate::pending::BatchId;

/// Names a recall until it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecallId(pub u64);

/// Where a subject stands in memory.
pub(crate) type SlotId = usize;

/// One subject.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) subject: Subject,
    /// Of the subject, computed once.
    pub(crate) shard: u8,
    /// None for the network, whose state the engine holds, since every context reads it.
    pub(crate) site: Option<Box<Site>>,
    /// Inputs not decided yet, in the order in which they came.
    pub(crate) queue: VecDeque<Input>,
    /// What the head of the queue waits for.
    pub(crate) recall: Option<RecallId>,
    /// As it stands in the index of deadlines.
    pub(crate) deadline: Option<Timestamp>,
    /// True while `Input::Deadline` stands in the queue.
    pub(crate) deadline_queued: bool,
    /// Deadlines in a row after which the subject was due again at once.
    pub(crate) due_again: u32,
    /// True once a fact was applied.
    pub(crate) has_facts: bool,
    /// The number of the first fact since its last snapshot.
    pub(crate) unsaved_since: Option<u64>,
    /// True once it was forgotten, until another takes its place.
    is_free: bool,
}

/// What was asked of the driver.
#[derive(Debug)]
pub(crate) struct Recall {
    pub(crate) slot: SlotId,
    pub(crate) needs: Needs,
    /// The last batch that was committed when it was asked: what the store surely shows.
    pub(crate) seen: BatchId,
}

/// Asked with every input: a tree compares a dozen names for each, all of them cold.
#[expect(clippy::disallowed_types, reason = "its order never shows: slots() sorts")]
type Index = std::collections::HashMap<Subject, SlotId>;

/// All subjects.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    index: Index,
    slots: Vec<Slot>,
    free: Vec<SlotId>,
}

impl Subjects {
    /// A subject's slot, made when it is new.
    pub(crate) fn slot(&mut self, subject: &Subject) -> SlotId {
        if let Some(id) = self.index.get(subject) {
            return *id;
        }
        let slot = Slot {
            subject: subject.clone(),
            shard: subject.shard(),
            site: (*subject != Subject::Network).then(|| Box::new(Site::new(subject.clone()))),
            queue: VecDeque::new(),
            recall: None,
            deadline: None,
            deadline_queued: false,
            due_again: 0,
            has_facts: false,
            unsaved_since: None,
            is_free: false,
        };
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id] = slot;
                id
            }
            None => {
                self.slots.push(slot);
                self.slots.len() - 1
            }
        };
        self.index.insert(subject.clone(), id);
        id
    }

    pub(crate) fn get(&self, id: SlotId) -> &Slot {
        &self.slots[id]
    }

    pub(crate) fn get_mut(&mut self, id: SlotId) -> &mut Slot {
        &mut self.slots[id]
    }

    /// A subject that is there.
    pub(crate) fn find(&self, subject: &Subject) -> Option<&Slot> {
        self.index.get(subject).map(|id| &self.slots[*id])
    }

    /// All sites that are there, in the order of their slots.
    pub(crate) fn sites(&self) -> impl Iterator<Item = &Site> {
        self.slots.iter().filter(|slot| !slot.is_free).filter_map(|slot| slot.site.as_deref())
    }

    /// Where all stand now, in the order of their subjects: deciding may make others.
    pub(crate) fn slots(&self) -> Vec<SlotId> {
        let mut slots: Vec<_> = self.index.values().copied().collect();
        slots.sort_unstable_by(|a, b| self.slots[*a].subject.cmp(&self.slots[*b].subject));
        slots
    }

    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    /// Forgets a subject that has no fact and no input: asking about a station that does not
    /// exist must not cost memory for ever, nor one that moved to a site.
    pub(crate) fn forget_if_unused(&mut self, id: SlotId) {
        let slot = &self.slots[id];
        let unused = !slot.has_facts
            && slot.queue.is_empty()
            && slot.recall.is_none()
            && slot.deadline.is_none();
        if unused && self.index.get(&slot.subject) == Some(&id) {
            self.index.remove(&slot.subject);
            self.slots[id].is_free = true;
            self.free.push(id);
        }
    }
}
