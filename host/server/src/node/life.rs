//! Owns one life of the engine: from opening the store to its end by a stop or a failure. One
//! thread decides; threads beside it commit, read and price. Must never block the deciding thread
//! on any of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use busbar_charging::action::{Action, Done, Problem, Reply};
use busbar_charging::context::Policy;
use busbar_charging::fact::Call;
use busbar_charging::input::{CommandReturned, Input};
use busbar_charging::subject::Subject;
use busbar_charging::units::Timestamp;
use busbar_engine::store::{Batch, Restored, Store, StoreError};
use busbar_engine::{BatchId, Engine, Event, Output, Tuning};
use busbar_store::{Committed, Committer};
use tokio::sync::oneshot;

use super::connections::{Connections, Opening};
use super::inbox::{Inbox, Sender, inbox};
use super::live::Live;
use super::workers::{Readers, Workers};
use super::{Ask, Query, Status};
use crate::clock;
use crate::telemetry::Metrics;

/// Events taken in one go before the engine is polled.
const EVENTS_AT_ONCE: usize = 256;
/// How long inputs gather while a commit is to come that their answers wait for in any case.
const GATHER: Duration = Duration::from_millis(2);
/// How often the status is counted anew.
const COUNT_EVERY: Duration = Duration::from_secs(2);
/// How long a stop waits for the last commit.
const LAST_COMMIT: Duration = Duration::from_secs(20);

/// What reaches the deciding thread.
#[derive(Debug)]
pub enum Message {
    /// For the engine.
    Event(Event),
    /// A request from the API.
    Ask(Ask),
    /// A question to the state.
    Query(Query),
    /// A connection opens.
    Open(Opening),
    /// A connection has ended, and its last inputs were sent before.
    Closed(u64),
    /// A commit came back.
    Committed(BatchId, Result<(), StoreError>),
    /// A read failed.
    ReadFailed(StoreError),
    /// Stop in order.
    Stop,
}

/// A running life, for those who send to it.
#[derive(Clone, Debug)]
pub struct Life {
    /// Never the same again.
    pub incarnation: u64,
    sender: Sender,
}

impl Life {
    /// Sends a message to the deciding thread; false when this life is over.
    pub fn send(&self, message: Message) -> bool {
        self.sender.send(message)
    }
}

impl Message {
    /// Whether replies wait for it that are otherwise ready.
    pub(super) fn is_urgent(&self) -> bool {
        matches!(self, Self::Committed(..) | Self::ReadFailed(_) | Self::Stop)
    }
}

/// Why a life ended.
#[derive(Debug)]
pub(super) enum End {
    Stopped,
    Failed(StoreError),
}

/// What a life is made from.
pub(super) struct Birth {
    pub(super) store: Box<dyn Store>,
    pub(super) restored: Restored,
    pub(super) policy: Policy,
    pub(super) incarnation: u64,
    pub(super) seed: u128,
}

/// What a life shares with the rest of the node.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) live: Arc<Live>,
    pub(super) status: Arc<std::sync::Mutex<Status>>,
    pub(super) workers: Workers,
    pub(super) metrics: Metrics,
}

/// The deciding thread's state.
struct Deciding {
    engine: Engine,
    inbox: Inbox,
    committer: Committer<Box<dyn Store>>,
    following: BTreeMap<BatchId, Arc<Batch>>,
    readers: Readers,
    life: Life,
    connections: Connections,
    asks: HashMap<u64, oneshot::Sender<Result<Done, Problem>>>,
    next_ask: u64,
    shared: Shared,
    counted: Instant,
    stopping: Option<Instant>,
    served: bool,
    watch: clock::Watch,
}

/// Runs a life to its end on this thread. `born` is called once rows may be read.
pub(super) fn run(birth: Birth, shared: Shared, born: impl FnOnce(&Life)) -> End {
    let (sender, inbox) = inbox();
    let life = Life { incarnation: birth.incarnation, sender };
    let reader = birth.store.reader();
    let committer = match start_committer(birth.store, life.clone(), shared.metrics.clone()) {
        Ok(committer) => committer,
        Err(error) => return End::Failed(error),
    };
    let readers = Readers::start(reader, &life);
    let (now, steady) = (clock::now(), Instant::now());
    let engine = Engine::new(
        birth.seed,
        birth.incarnation,
        birth.policy,
        Tuning::default(),
        birth.restored,
        now,
    );
    let mut deciding = Deciding {
        engine,
        inbox,
        committer,
        following: BTreeMap::new(),
        readers,
        life,
        connections: Connections::default(),
        asks: HashMap::new(),
        next_ask: 0,
        shared,
        counted: Instant::now() - COUNT_EVERY,
        stopping: None,
        served: false,
        watch: clock::Watch::new(now, steady),
    };
    let end = deciding.run(born);
    // The store is held by these threads: it must be gone before it can be opened again.
    let Deciding { committer, readers, .. } = deciding;
    readers.stop();
    // What of it panicked was reported where it happened.
    if let Ok(mut store) = committer.finish()
        && matches!(end, End::Stopped)
        && let Err(error) = store.close()
    {
        // Nothing is lost by it: the next start has more to do.
        tracing::warn!(%error, "the store was not written to its end");
    }
    end
}

fn start_committer(
    store: Box<dyn Store>,
    life: Life,
    metrics: Metrics,
) -> Result<Committer<Box<dyn Store>>, StoreError> {
    let done = move |done: Committed| {
        if done.result.is_ok() {
            metrics.commit(done.facts, done.took);
        }
        life.send(Message::Committed(done.id, done.result));
    };
    let no_thread = |error| StoreError::Failed(format!("no thread to commit: {error}"));
    Committer::start(store, done).map_err(no_thread)
}

impl Deciding {
    fn run(&mut self, born: impl FnOnce(&Life)) -> End {
        let mut born = Some(born);
        let mut taken = Vec::new();
        loop {
            self.drain_outputs();
            // Rows that a crash left out are in the first batch: nothing is served before it.
            if !self.served && self.following.is_empty() {
                self.served = true;
                if let Some(born) = born.take() {
                    born(&self.life);
                }
            }
            if self.counted.elapsed() >= COUNT_EVERY {
                self.count();
            }
            if self.may_stop() {
                return End::Stopped;
            }
            self.inbox.take(&mut taken, self.gather(), self.wait());
            for (place, message) in taken.drain(..).enumerate() {
                if place % EVENTS_AT_ONCE == EVENTS_AT_ONCE - 1 {
                    self.drain_outputs();
                }
                if let Some(end) = self.take(message) {
                    return end;
                }
            }
        }
    }

    /// An answer cannot leave before the facts before it are durable: while some are not, inputs
    /// may as well come together.
    fn gather(&self) -> Duration {
        if self.engine.has_uncommitted() { GATHER } else { Duration::ZERO }
    }

    /// Now; a clock that was set since the last time is told before anything is decided by it.
    fn now(&mut self) -> Timestamp {
        let now = clock::now();
        if let Some(by) = self.watch.set_by(now, Instant::now()) {
            tracing::warn!(by_ms = by.0, "the clock of the host was set");
            self.engine.handle(Event::ClockSet(by), now);
        }
        now
    }

    fn wait(&self) -> Duration {
        let until_due = self.engine.deadline().map(|due| {
            let millis = due.since(clock::now()).0.max(0);
            Duration::from_millis(u64::try_from(millis).unwrap_or(0))
        });
        until_due.unwrap_or(COUNT_EVERY).min(COUNT_EVERY)
    }

    fn may_stop(&self) -> bool {
        let Some(since) = self.stopping else { return false };
        let idle = self.following.is_empty() && !self.engine.has_uncommitted();
        idle || since.elapsed() > LAST_COMMIT
    }

    fn drain_outputs(&mut self) {
        loop {
            let now = self.now();
            let Some(output) = self.poll(now) else { return };
            match output {
                Output::Recall(id, needs) => self.readers.recall(id, needs),
                Output::Commit(id, batch) => {
                    self.following.insert(id, Arc::clone(&batch));
                    self.committer.submit(id, batch);
                }
                Output::Work(work) => self.shared.workers.submit(work, &self.life),
                Output::Act(action) => self.act(action),
            }
        }
    }

    /// What is due is decided while the engine is polled; load control takes the most of it.
    fn poll(&mut self, now: Timestamp) -> Option<Output> {
        let (before, began) = (self.engine.load_ticks(), Instant::now());
        let output = self.engine.poll(now);
        let ticks = self.engine.load_ticks() - before;
        if ticks > 0 {
            self.shared.metrics.load_ticks(ticks, began.elapsed());
        }
        output
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Reply { call: Call::Api { request, .. }, reply } => {
                let Some(answer) = self.asks.remove(&request) else { return };
                // A caller that is gone does not wait any more.
                let _gone = match reply {
                    Reply::Done(done) => answer.send(Ok(done)),
                    Reply::Problem(problem) => answer.send(Err(problem)),
                    _ => Ok(()),
                };
            }
            Action::Command { ref station, command, .. } => {
                let station = station.clone();
                if !self.connections.act(action) {
                    let returned = CommandReturned::Gone { may_have_left: false };
                    let subject = Subject::Station(station.clone());
                    let input = Input::Command { station, command, returned };
                    let now = self.now();
                    self.engine.handle(Event::Input(subject, input), now);
                }
            }
            Action::Tell { to, told } => {
                let now = self.now();
                self.engine.handle(Event::Input(to, Input::Told(told)), now);
            }
            other => {
                self.connections.act(other);
            }
        }
    }

    fn take(&mut self, message: Message) -> Option<End> {
        let now = self.now();
        match message {
            Message::Event(event) => self.engine.handle(event, now),
            Message::Ask(ask) => self.ask(ask),
            Message::Query(query) => query.answer(&self.engine, now),
            Message::Open(opening) => self.connections.open(opening),
            Message::Closed(generation) => self.connections.close(generation),
            Message::Committed(id, Ok(())) => {
                self.engine.handle(Event::Committed(id), now);
                if let Some(batch) = self.following.remove(&id) {
                    self.publish(batch);
                }
            }
            Message::Committed(_, Err(error)) | Message::ReadFailed(error) => {
                return Some(End::Failed(error));
            }
            Message::Stop => self.stopping = Some(Instant::now()),
        }
        None
    }

    /// Tells followers. Nearly always nobody else holds the batch any more: a recall under way may.
    fn publish(&self, batch: Arc<Batch>) {
        self.shared.metrics.load_control(&batch.facts);
        let facts = Arc::try_unwrap(batch).map_or_else(|batch| batch.facts.clone(), |b| b.facts);
        let facts = facts.into_iter().map(|(_, subject, fact)| (subject, fact));
        self.shared.live.publish(facts);
    }

    fn ask(&mut self, ask: Ask) {
        self.next_ask += 1;
        let call = Call::Api { incarnation: self.life.incarnation, request: self.next_ask };
        self.asks.insert(self.next_ask, ask.answer);
        let input = Input::Operator { actor: ask.actor, call: Some(call), request: ask.request };
        let now = self.now();
        self.engine.handle(Event::Input(ask.subject, input), now);
    }

    /// Counts what the status page and the metrics show.
    fn count(&mut self) {
        self.counted = Instant::now();
        self.asks.retain(|_, answer| !answer.is_closed());
        let mut counts = busbar_charging::site::Counts::default();
        for site in self.engine.sites() {
            counts.add(site.counts());
        }
        let mut status = self.shared.status.lock().unwrap_or_else(|lock| lock.into_inner());
        status.running = self.served && self.stopping.is_none();
        status.connected = self.connections.len() as u64;
        status.stations = counts.stations;
        status.open_sessions = counts.open;
        status.held_sessions = counts.held;
        status.queued = self.inbox.len() as u64 + self.engine.counters().queued;
        let new_sessions = !status.low_space;
        drop(status);
        if self.engine.policy().new_sessions != new_sessions {
            let policy = Policy { new_sessions, ..self.engine.policy().clone() };
            self.engine.set_policy(policy);
        }
    }
}
