//! Owns what is decided and not yet durable: the batch that gathers, the one that is being
//! committed, the rows that readers of the store cannot see yet, and the actions that wait.
//! Must never let an action go before its facts, and all decided before them, are durable.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use busbar_charging::action::Action;
use busbar_charging::fact::Fact;
use busbar_charging::input::{Needs, Recalled};
use busbar_charging::subject::{Key, Row, Subject};
use busbar_charging::units::{Millis, Timestamp};

use crate::store::{Batch, PREFIX_LIMIT, Position, Snapshot};

/// Names a batch within one engine; later batches have greater ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub u64);

/// What is decided and not yet durable.
#[derive(Debug)]
pub(crate) struct Pending {
    gathering: Batch,
    gathering_id: BatchId,
    in_flight: Option<BatchId>,
    committed: BatchId,
    /// The last one handed out with facts: what an action without facts waits for.
    last_with_facts: BatchId,
    handed_out_at: Option<Timestamp>,
    /// Handed out, oldest first: the one in flight, and before it those that a recall still
    /// under way may have missed in the store.
    handed: VecDeque<(BatchId, Arc<Batch>)>,
    /// The newest version of each row in `gathering` and `handed`: where it is.
    rows: BTreeMap<Key, (BatchId, usize)>,
    actions: VecDeque<(BatchId, Action)>,
}

impl Pending {
    pub(crate) fn new() -> Self {
        Self {
            gathering: Batch::default(),
            gathering_id: BatchId(1),
            in_flight: None,
            committed: BatchId(0),
            last_with_facts: BatchId(0),
            handed_out_at: None,
            handed: VecDeque::new(),
            rows: BTreeMap::new(),
            actions: VecDeque::new(),
        }
    }

    /// The last batch that is durable.
    pub(crate) fn committed(&self) -> BatchId {
        self.committed
    }

    /// Whether facts were decided that are not durable yet.
    pub(crate) fn is_uncommitted(&self) -> bool {
        self.in_flight.is_some() || !self.gathering.facts.is_empty()
    }

    /// Facts decided and not yet durable.
    pub(crate) fn facts(&self) -> usize {
        let in_flight = self.in_flight.and_then(|id| self.handed.iter().find(|(b, _)| *b == id));
        self.gathering.facts.len() + in_flight.map_or(0, |(_, batch)| batch.facts.len())
    }

    /// Actions that wait.
    pub(crate) fn actions(&self) -> usize {
        self.actions.len()
    }

    pub(crate) fn push(&mut self, position: Position, subject: &Subject, fact: Fact) {
        self.gathering.facts.push((position, subject.clone(), fact));
    }

    pub(crate) fn push_snapshot(&mut self, snapshot: Snapshot) {
        self.gathering.snapshots.push(snapshot);
    }

    /// Rows of the last fact. Within a batch the last of a key replaces the others.
    pub(crate) fn put_rows(&mut self, rows: Vec<(Key, Option<Row>)>) {
        for (key, row) in rows {
            match self.rows.get_mut(&key) {
                Some((batch, index)) if *batch == self.gathering_id => {
                    self.gathering.rows[*index].1 = row;
                }
                Some(place) => {
                    *place = (self.gathering_id, self.gathering.rows.len());
                    self.gathering.rows.push((key, row));
                }
                None => {
                    let place = (self.gathering_id, self.gathering.rows.len());
                    self.rows.insert(key.clone(), place);
                    self.gathering.rows.push((key, row));
                }
            }
        }
    }

    /// The batch that an action decided now waits for; none when all facts are durable.
    fn must_be_durable(&self) -> Option<BatchId> {
        if !self.gathering.facts.is_empty() {
            return Some(self.gathering_id);
        }
        (self.last_with_facts > self.committed).then_some(self.last_with_facts)
    }

    /// Keeps an action until its facts are durable; gives it back when they are.
    pub(crate) fn hold(&mut self, action: Action) -> Option<Action> {
        match self.must_be_durable() {
            None => Some(action),
            Some(batch) => {
                self.actions.push_back((batch, action));
                None
            }
        }
    }

    /// When the next batch may leave; none while one is under way or there is nothing in it. A
    /// point that has passed: at once.
    pub(crate) fn ready_at(&self, pace: Millis, full: usize) -> Option<Timestamp> {
        let nothing = self.gathering.facts.is_empty() && self.gathering.rows.is_empty();
        if self.in_flight.is_some() || nothing {
            return None;
        }
        match self.handed_out_at {
            Some(last) if self.gathering.facts.len() < full => Some(last.plus(pace)),
            _ => Some(Timestamp(i64::MIN)),
        }
    }

    /// True when the next batch may leave now.
    pub(crate) fn is_ready(&self, pace: Millis, full: usize, now: Timestamp) -> bool {
        // A clock that went back must not hold the commits up.
        let clock_went_back = self.handed_out_at.is_some_and(|last| last > now);
        self.ready_at(pace, full).is_some_and(|at| at <= now || clock_went_back)
    }

    /// Hands the gathered batch out.
    pub(crate) fn hand_out(&mut self, now: Timestamp) -> (BatchId, Arc<Batch>) {
        let id = self.gathering_id;
        let batch = Arc::new(std::mem::take(&mut self.gathering));
        if !batch.facts.is_empty() {
            self.last_with_facts = id;
        }
        self.gathering_id = BatchId(id.0 + 1);
        self.in_flight = Some(id);
        self.handed_out_at = Some(now);
        self.handed.push_back((id, Arc::clone(&batch)));
        (id, batch)
    }

    /// A batch is durable. Gives back the actions that waited for it, in order.
    pub(crate) fn commit(&mut self, id: BatchId, actions: &mut Vec<Action>) {
        if self.in_flight != Some(id) {
            return;
        }
        self.in_flight = None;
        self.committed = id;
        while self.actions.front().is_some_and(|(batch, _)| *batch <= id) {
            actions.extend(self.actions.pop_front().map(|(_, action)| action));
        }
    }

    /// Forgets the rows of batches that every recall under way sees in the store: those up to
    /// `seen`.
    pub(crate) fn forget(&mut self, seen: BatchId) {
        while self.handed.front().is_some_and(|(id, _)| *id <= seen) {
            let Some((id, batch)) = self.handed.pop_front() else { return };
            for (key, _) in &batch.rows {
                if self.rows.get(key).is_some_and(|(newest, _)| *newest == id) {
                    self.rows.remove(key);
                }
            }
        }
    }

    /// What was recalled, with what was decided since over it.
    pub(crate) fn merge(&self, needs: &Needs, recalled: &Recalled) -> Recalled {
        let mut rows = Vec::with_capacity(recalled.rows.len());
        for key in &needs.keys {
            let row = match self.rows.get(key) {
                Some(place) => self.row(*place).cloned(),
                None => recalled.get(key).cloned(),
            };
            rows.push((key.clone(), row));
        }
        for prefix in &needs.prefixes {
            rows.extend(self.merge_prefix(prefix, recalled));
        }
        Recalled { rows }
    }

    fn merge_prefix(&self, prefix: &Key, recalled: &Recalled) -> Vec<(Key, Option<Row>)> {
        let under = |key: &Key| key.table == prefix.table && key.path.starts_with(&prefix.path);
        let mut found: BTreeMap<&Key, &Row> = recalled
            .rows
            .iter()
            .filter(|(key, _)| under(key))
            .filter_map(|(key, row)| Some((key, row.as_ref()?)))
            .collect();
        for (key, place) in self.rows.range(prefix..).take_while(|(key, _)| under(key)) {
            match self.row(*place) {
                Some(row) => found.insert(key, row),
                None => found.remove(key),
            };
        }
        let first = found.into_iter().take(PREFIX_LIMIT);
        first.map(|(key, row)| (key.clone(), Some(row.clone()))).collect()
    }

    fn row(&self, (id, index): (BatchId, usize)) -> Option<&Row> {
        if id == self.gathering_id {
            return self.gathering.rows[index].1.as_ref();
        }
        let first = self.handed.front()?.0;
        let (_, batch) = self.handed.get(usize::try_from(id.0 - first.0).ok()?)?;
        batch.rows[index].1.as_ref()
    }
}
