//! Owns the threads beside the deciding one: readers that recall, workers that price, one that
//! plans. Must never decide.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Instant;

use busbar_charging::input::{Input, Needs, Recalled, Work};
use busbar_charging::load::plan::Planner;
use busbar_charging::load::plan::lp::Lp;
use busbar_charging::pricing::PriceError;
use busbar_charging::units::Millis;
use busbar_engine::store::{self, Reader, StoreError};
use busbar_engine::{Event, RecallId};

use super::life::{Life, Message};
use super::plugins::PluginHost;
use crate::telemetry::Metrics;

const READERS: usize = 2;
const WORKERS: usize = 2;
/// What a plugin call needs on the thread that makes it.
const WORKER_STACK: usize = 4 * 1024 * 1024;

/// The solver gives up after so long, and the cheapest slots stand in for it.
const PLAN_BUDGET: Millis = Millis(250);

/// Threads that recall rows, for one life.
pub(super) struct Readers {
    queue: mpsc::Sender<(RecallId, Needs)>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(reader: Arc<dyn Reader>, life: &Life) -> Self {
        let (queue, jobs) = mpsc::channel::<(RecallId, Needs)>();
        let jobs = Arc::new(Mutex::new(jobs));
        let mut threads = Vec::new();
        for _ in 0..READERS {
            let (jobs, reader, life) = (Arc::clone(&jobs), Arc::clone(&reader), life.clone());
            let reading = move || {
                while let Some((id, needs)) = next(&jobs) {
                    life.send(match recall(&*reader, &needs) {
                        Ok(recalled) => Message::Event(Event::Recalled(id, recalled)),
                        Err(error) => Message::ReadFailed(error),
                    });
                }
            };
            threads.extend(thread::Builder::new().name("recall".into()).spawn(reading).ok());
        }
        Self { queue, threads }
    }

    /// Ends the threads, and with them their hold on the store.
    pub(super) fn stop(self) {
        drop(self.queue);
        for thread in self.threads {
            // Its panic was reported where it happened.
            let _panicked = thread.join();
        }
    }

    pub(super) fn recall(&self, id: RecallId, needs: Needs) {
        // A reader that is gone has failed, and said so.
        let _gone = self.queue.send((id, needs));
    }
}

/// Threads that price, and one that plans, for the whole process: a plugin outlives an engine.
#[derive(Clone)]
pub(super) struct Workers {
    prices: mpsc::Sender<(Work, Life)>,
    /// A plan takes longer than a price, and who pays must not wait for it.
    plans: mpsc::Sender<(Work, Life)>,
}

/// The planner that is built in. An `energy` plugin is another one: whatever either says, its
/// site clamps.
pub(super) fn built_in() -> Box<dyn Planner + Send> {
    Box::new(Lp { budget: PLAN_BUDGET, ..Lp::default() })
}

impl Workers {
    pub(super) fn start(
        plugins: &Arc<PluginHost>,
        metrics: &Metrics,
        mut planner: Box<dyn Planner + Send>,
    ) -> Self {
        let (prices, jobs) = mpsc::channel::<(Work, Life)>();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..WORKERS {
            let (jobs, plugins) = (Arc::clone(&jobs), Arc::clone(plugins));
            let metrics = metrics.clone();
            let working = move || {
                while let Some((work, life)) = next(&jobs) {
                    if let Some(answer) = price(&plugins, &metrics, work) {
                        life.send(Message::Event(answer));
                    }
                }
            };
            let builder = thread::Builder::new().name("price".into()).stack_size(WORKER_STACK);
            let _detached = builder.spawn(working);
        }
        let (plans, jobs) = mpsc::channel::<(Work, Life)>();
        let planning = move || {
            while let Ok((work, life)) = jobs.recv() {
                if let Some(answer) = plan(&mut *planner, work) {
                    life.send(Message::Event(answer));
                }
            }
        };
        let _detached = thread::Builder::new().name("plan".into()).spawn(planning);
        Self { prices, plans }
    }

    pub(super) fn submit(&self, work: Work, life: &Life) {
        let queue = match work {
            Work::Price { .. } => &self.prices,
            Work::Plan { .. } => &self.plans,
        };
        // Workers live as long as the process.
        let _gone = queue.send((work, life.clone()));
    }
}

fn next<T>(jobs: &Mutex<mpsc::Receiver<T>>) -> Option<T> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

/// A panic is a failed read: a recall that never returns would hold its subject, and all that is
/// decided meanwhile, for ever.
pub(super) fn recall(reader: &dyn Reader, needs: &Needs) -> Result<Recalled, StoreError> {
    let read = catch_unwind(AssertUnwindSafe(|| store::recall(reader, needs)));
    read.unwrap_or_else(|_| Err(StoreError::Failed("the store panicked while it read".into())))
}

fn price(plugins: &PluginHost, metrics: &Metrics, work: Work) -> Option<Event> {
    let Work::Price { subject, station, transaction, attempt, session, tariff } = work else {
        return None;
    };
    let began = Instant::now();
    // After a panic the thread goes on, and the session is held as after any other failure.
    let asked = catch_unwind(AssertUnwindSafe(|| plugins.price_metered(&tariff, &session)));
    let panicked = |_| Err(PriceError::Internal("the host panicked while it priced".into()));
    let result = asked.unwrap_or_else(panicked);
    let word = match &result {
        Ok(_) => "priced",
        Err(PriceError::NotApplicable(_)) => "not_applicable",
        Err(PriceError::Misbehaved(_)) => "misbehaved",
        Err(_) => "failed",
    };
    metrics.price(word, began.elapsed());
    Some(Event::Input(subject, Input::Priced { station, transaction, attempt, result }))
}

fn plan(planner: &mut dyn Planner, work: Work) -> Option<Event> {
    let Work::Plan { subject, number, asked } = work else { return None };
    // After a panic there is no plan: the site goes on without, and asks again in its time.
    let made = catch_unwind(AssertUnwindSafe(|| asked.of(|question| planner.plan(question))));
    let plan = Box::new(made.ok()?);
    Some(Event::Input(subject, Input::Plan { number, plan }))
}
