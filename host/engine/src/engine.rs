//! Owns the one value that all of a node's deciding goes through.
//! Must never wait: what takes time is an output, and its answer an event.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use busbar_charging::action::Action;
use busbar_charging::context::{Context, Outcome, Policy};
use busbar_charging::fact::Fact;
use busbar_charging::input::{Input, Needs, Recalled, Work};
use busbar_charging::network::Network;
use busbar_charging::site::Site;
use busbar_charging::subject::{Key, Row, Subject};
use busbar_charging::units::{Millis, Timestamp};

use crate::deadlines::Deadlines;
use crate::ids::IdSource;
use crate::pending::{BatchId, Pending};
use crate::store::{Batch, Position, Restored, Snapshot};
use crate::subjects::{Recall, RecallId, SlotId, Subjects};

/// What a driver tells the engine.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all events are inputs")]
pub enum Event {
    /// Something happened to a subject. What is about a station is named by the station, whatever
    /// site it is at: it is routed there.
    Input(Subject, Input),
    /// A recall is answered: what the store holds now.
    Recalled(RecallId, Recalled),
    /// A batch is durable, and its rows are readable.
    Committed(BatchId),
    /// The clock was set by so much: what is handed in from now on is by another time.
    ClockSet(Millis),
}

/// What a driver does for the engine.
#[derive(Debug)]
pub enum Output {
    /// Read these rows (`store::recall`) and answer with `Event::Recalled`.
    Recall(RecallId, Needs),
    /// Make this durable and answer with `Event::Committed`. At most one is under way. Whoever
    /// follows facts (console, roaming, metrics) gets the same batch once it is committed.
    Commit(BatchId, Arc<Batch>),
    /// Work this out; the answer is an input.
    Work(Work),
    /// Do this to the world: everything that it follows from is durable.
    Act(Action),
}

/// How the engine paces itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// The least time between two commits under load; an idle engine commits at once. A commit of
    /// sled costs about a millisecond of CPU whatever is in it: a longer time makes messages
    /// cheaper and their answers later by half of it.
    pub pace: Millis,
    /// A batch of so many facts does not wait for the pace.
    pub full_batch: usize,
    /// A subject is saved when so many facts of all subjects were decided since its first
    /// unsaved one. It bounds the log, what a start replays, and how often a state is saved.
    pub log_window: u64,
    /// At most so many subjects are saved with one batch.
    pub snapshots_per_batch: usize,
}

impl Default for Tuning {
    fn default() -> Self {
        Self { pace: Millis(16), full_batch: 2_048, log_window: 262_144, snapshots_per_batch: 64 }
    }
}

/// What the engine did and holds, for metrics.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Inputs decided.
    pub inputs: u64,
    /// Facts decided.
    pub facts: u64,
    /// Recalls asked for.
    pub recalls: u64,
    /// Batches handed out.
    pub commits: u64,
    /// Snapshots handed out.
    pub snapshots: u64,
    /// Actions let go.
    pub actions: u64,
    /// Replies to calls of another process, dropped.
    pub strange_replies: u64,
    /// Decisions of load control.
    pub load_ticks: u64,
    /// Deadlines put off by a second, because a subject was due again and again.
    pub idle_deadlines: u64,
    /// Now: subjects in memory.
    pub subjects: u64,
    /// Now: inputs that wait.
    pub queued: u64,
    /// Now: recalls under way.
    pub recalling: u64,
    /// Now: facts decided and not yet durable.
    pub uncommitted: u64,
    /// Now: actions that wait for a commit.
    pub held_actions: u64,
}

/// So often in a row a subject may be due again at once, with facts each time.
const DUE_AGAIN_LIMIT: u32 = 1_000;

/// A node's machinery.
#[derive(Debug)]
pub struct Engine {
    incarnation: u64,
    policy: Policy,
    tuning: Tuning,
    ids: IdSource,
    network: Network,
    pub(crate) subjects: Subjects,
    /// The last sequence number of each shard.
    pub(crate) heads: [u64; 64],
    pub(crate) pending: Pending,
    recalls: BTreeMap<RecallId, Recall>,
    next_recall: u64,
    deadlines: Deadlines,
    /// First unsaved fact, by number, and whose.
    unsaved: BTreeMap<u64, SlotId>,
    /// All facts that ever went through this engine, replayed ones among them.
    facts_seen: u64,
    outbox: VecDeque<Output>,
    released: Vec<Action>,
    queued: u64,
    counters: Counters,
}

impl Engine {
    /// An engine that goes on where the store stands. `seed` and `incarnation` are drawn anew by
    /// the driver at every start. Its first batch hands the store the rows that it may miss:
    /// nothing must be read before that is committed.
    pub fn new(
        seed: u128,
        incarnation: u64,
        policy: Policy,
        tuning: Tuning,
        restored: Restored,
        now: Timestamp,
    ) -> Self {
        let mut engine = Self {
            incarnation,
            policy,
            tuning,
            ids: IdSource::new(seed),
            network: Network::default(),
            subjects: Subjects::default(),
            heads: [0; 64],
            pending: Pending::new(),
            recalls: BTreeMap::new(),
            next_recall: 0,
            deadlines: Deadlines::default(),
            unsaved: BTreeMap::new(),
            facts_seen: 0,
            outbox: VecDeque::new(),
            released: Vec::new(),
            queued: 0,
            counters: Counters::default(),
        };
        engine.restore(restored);
        for slot in engine.subjects.slots() {
            engine.enqueue(slot, Input::Recovered, now);
        }
        engine
    }

    /// Takes an event in and decides all that can be decided.
    pub fn handle(&mut self, event: Event, now: Timestamp) {
        match event {
            Event::Input(subject, input) => {
                let subject = self.route(subject, &input);
                let slot = self.subjects.slot(&subject);
                self.enqueue(slot, input, now);
            }
            Event::Recalled(id, recalled) => self.recalled(id, &recalled, now),
            Event::Committed(id) => self.committed(id),
            Event::ClockSet(by) => {
                // Before all that waits, which is decided by the new time.
                for slot in self.subjects.slots() {
                    self.decide(slot, Input::ClockSet { by }, &Recalled::default(), now);
                }
            }
        }
    }

    /// The next thing to do; none when there is nothing to do before the next event or
    /// `deadline`.
    pub fn poll(&mut self, now: Timestamp) -> Option<Output> {
        self.run_due(now);
        let Tuning { pace, full_batch, .. } = self.tuning;
        if self.pending.is_ready(pace, full_batch, now) {
            self.save_oldest(now);
            let (id, batch) = self.pending.hand_out(now);
            self.counters.commits += 1;
            return Some(Output::Commit(id, batch));
        }
        self.outbox.pop_front()
    }

    /// When to poll again without an event. A point that has passed: at once.
    pub fn deadline(&self) -> Option<Timestamp> {
        let Tuning { pace, full_batch, .. } = self.tuning;
        let commit = self.pending.ready_at(pace, full_batch);
        [self.deadlines.first(), commit].into_iter().flatten().min()
    }

    /// The network's state.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The state of a site, or of a station without one.
    pub fn site(&self, subject: &Subject) -> Option<&Site> {
        self.subjects.find(subject)?.site.as_deref()
    }

    /// All subjects in memory, in order.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        self.subjects.slots().into_iter().map(|slot| &self.subjects.get(slot).subject)
    }

    /// All sites, and stations without one, in no order that means anything.
    pub fn sites(&self) -> impl Iterator<Item = &Site> {
        self.subjects.sites()
    }

    /// What the operator configured.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Replaces what the operator configured, from the next input on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    /// Whether facts were decided that are not durable yet.
    pub fn has_uncommitted(&self) -> bool {
        self.pending.is_uncommitted()
    }

    /// Decisions of load control so far.
    pub fn load_ticks(&self) -> u64 {
        self.counters.load_ticks
    }

    /// What it did and holds.
    pub fn counters(&self) -> Counters {
        Counters {
            subjects: self.subjects.len() as u64,
            queued: self.queued,
            recalling: self.recalls.len() as u64,
            uncommitted: self.pending.facts() as u64,
            held_actions: self.pending.actions() as u64,
            ..self.counters.clone()
        }
    }

    /// The site that a station is at, for what is about the station; what a site is told by
    /// another subject is for that site alone.
    fn route(&self, subject: Subject, input: &Input) -> Subject {
        let holder = match (&subject, input) {
            (_, Input::Told(_)) => None,
            (Subject::Station(station), _) => self.network.holder(station),
            _ => None,
        };
        holder.unwrap_or(subject)
    }

    fn enqueue(&mut self, id: SlotId, input: Input, now: Timestamp) {
        let queue = &mut self.subjects.get_mut(id).queue;
        if queue.capacity() == 0 {
            queue.reserve_exact(1);
        }
        queue.push_back(input);
        self.queued += 1;
        self.advance(id, now);
    }

    /// Decides a subject's inputs in order, up to the first that must wait for a recall.
    fn advance(&mut self, id: SlotId, now: Timestamp) {
        loop {
            let slot = self.subjects.get(id);
            if slot.recall.is_some() {
                return;
            }
            let Some(input) = slot.queue.front() else { break };
            let needs = match &slot.site {
                None => self.network.needs(input),
                Some(site) => site.needs(input),
            };
            if !needs.is_empty() {
                return self.recall(id, needs);
            }
            self.decide_head(id, &Recalled::default(), now);
        }
        self.subjects.forget_if_unused(id);
    }

    fn recall(&mut self, slot: SlotId, needs: Needs) {
        self.next_recall += 1;
        self.counters.recalls += 1;
        let id = RecallId(self.next_recall);
        self.subjects.get_mut(slot).recall = Some(id);
        let seen = self.pending.committed();
        self.recalls.insert(id, Recall { slot, needs: needs.clone(), seen });
        self.outbox.push_back(Output::Recall(id, needs));
    }

    fn recalled(&mut self, id: RecallId, recalled: &Recalled, now: Timestamp) {
        let Some(recall) = self.recalls.remove(&id) else { return };
        let merged = self.pending.merge(&recall.needs, recalled);
        self.forget_seen();
        self.subjects.get_mut(recall.slot).recall = None;
        self.decide_head(recall.slot, &merged, now);
        self.advance(recall.slot, now);
    }

    fn committed(&mut self, id: BatchId) {
        let mut actions = std::mem::take(&mut self.released);
        self.pending.commit(id, &mut actions);
        for action in actions.drain(..) {
            self.release(action);
        }
        self.released = actions;
        self.forget_seen();
    }

    /// A recall that was asked before a commit may have read before it, so the commit's rows are
    /// kept until the recall is answered.
    fn forget_seen(&mut self) {
        let oldest = self.recalls.first_key_value().map(|(_, recall)| recall.seen);
        self.pending.forget(oldest.unwrap_or(self.pending.committed()));
    }

    fn decide_head(&mut self, id: SlotId, recalled: &Recalled, now: Timestamp) {
        let slot = self.subjects.get_mut(id);
        let Some(input) = slot.queue.pop_front() else { return };
        if slot.queue.is_empty() {
            // Nearly all queues are empty at any time: they hold no room.
            slot.queue = VecDeque::new();
        }
        self.queued -= 1;
        if matches!(input, Input::Deadline) {
            slot.deadline_queued = false;
        }
        self.decide(id, input, recalled, now);
    }

    fn decide(&mut self, id: SlotId, input: Input, recalled: &Recalled, now: Timestamp) {
        self.counters.inputs += 1;
        let was_deadline = matches!(input, Input::Deadline);
        let ids = self.ids.next();
        let context = Context { network: &self.network, recalled, ids, policy: &self.policy };
        let outcome = match &self.subjects.get(id).site {
            None => self.network.decide(&context, now, input),
            Some(site) => site.decide(&context, now, input),
        };
        let had_facts = !outcome.facts.is_empty();
        self.take(id, outcome);
        self.ask_deadline(id, was_deadline, had_facts, now);
    }

    fn take(&mut self, id: SlotId, outcome: Outcome) {
        for fact in outcome.facts {
            self.apply(id, &fact);
            self.mark_unsaved(id);
            self.counters.facts += 1;
            self.counters.load_ticks += u64::from(matches!(fact, Fact::LoadFilled(_)));
            let rows = self.rows(id, &fact);
            let slot = self.subjects.get(id);
            let head = &mut self.heads[usize::from(slot.shard)];
            *head += 1;
            let position = Position { shard: slot.shard, sequence: *head };
            self.pending.push(position, &slot.subject, fact);
            self.pending.put_rows(rows);
        }
        self.outbox.extend(outcome.work.into_iter().map(Output::Work));
        for action in outcome.actions {
            if let Some(free) = self.pending.hold(action) {
                self.release(free);
            }
        }
    }

    fn release(&mut self, action: Action) {
        if let Action::Reply { call, .. } = &action
            && call.incarnation() != self.incarnation
        {
            self.counters.strange_replies += 1;
            return;
        }
        self.counters.actions += 1;
        self.outbox.push_back(Output::Act(action));
    }

    pub(crate) fn apply(&mut self, id: SlotId, fact: &Fact) {
        let slot = self.subjects.get_mut(id);
        slot.has_facts = true;
        match &mut slot.site {
            None => self.network.apply(fact),
            Some(site) => site.apply(fact),
        }
    }

    pub(crate) fn rows(&self, id: SlotId, fact: &Fact) -> Vec<(Key, Option<Row>)> {
        match &self.subjects.get(id).site {
            None => self.network.rows(fact),
            Some(site) => site.rows(fact),
        }
    }

    /// Counts a fact, and remembers the first one of a subject that is in no snapshot.
    pub(crate) fn mark_unsaved(&mut self, id: SlotId) {
        self.facts_seen += 1;
        let slot = self.subjects.get_mut(id);
        if slot.unsaved_since.is_none() {
            slot.unsaved_since = Some(self.facts_seen);
            self.unsaved.insert(self.facts_seen, id);
        }
    }

    /// Saves the subjects that hold the log back the most.
    fn save_oldest(&mut self, now: Timestamp) {
        for _ in 0..self.tuning.snapshots_per_batch {
            let Some((&since, &id)) = self.unsaved.first_key_value() else { return };
            if self.facts_seen - since < self.tuning.log_window {
                return;
            }
            self.unsaved.remove(&since);
            let slot = self.subjects.get_mut(id);
            slot.unsaved_since = None;
            let facts = match &slot.site {
                None => self.network.snapshot(),
                Some(site) => site.snapshot(),
            };
            let sequence = self.heads[usize::from(slot.shard)];
            let position = Position { shard: slot.shard, sequence };
            let subject = slot.subject.clone();
            // A site that is empty again is as one that never was.
            slot.has_facts = !facts.is_empty();
            self.pending.push_snapshot(Snapshot { subject, position, at: now, facts });
            self.counters.snapshots += 1;
            self.subjects.forget_if_unused(id);
        }
    }

    fn ask_deadline(&mut self, id: SlotId, was_due: bool, had_facts: bool, now: Timestamp) {
        let slot = self.subjects.get_mut(id);
        let mut next = match &slot.site {
            None => self.network.deadline(),
            Some(site) => site.deadline(),
        };
        let due_again = was_due && next.is_some_and(|at| at <= now);
        slot.due_again = if due_again { slot.due_again + 1 } else { 0 };
        if due_again && (!had_facts || slot.due_again > DUE_AGAIN_LIMIT) {
            // It would spin: a defect of the core, which must not take the node with it.
            self.counters.idle_deadlines += 1;
            next = Some(now.plus(Millis::from_secs(1)));
        }
        if slot.deadline_queued {
            next = None;
        }
        let old = std::mem::replace(&mut slot.deadline, next);
        self.deadlines.set(id, old, next);
    }

    /// Asks each subject that is due, once.
    fn run_due(&mut self, now: Timestamp) {
        if self.deadlines.first().is_none_or(|at| at > now) {
            return;
        }
        for id in self.deadlines.due(now) {
            let slot = self.subjects.get_mut(id);
            slot.deadline_queued = true;
            let old = slot.deadline.take();
            self.deadlines.set(id, old, None);
            self.enqueue(id, Input::Deadline, now);
        }
    }
}
