//! Owns the threads beside the deciding one: readers that recall, workers that price. Must never
//! decide.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Instant;

use busbar_charging::input::{Input, Needs, Work};
use busbar_charging::pricing::PriceError;
use busbar_engine::store::{self, Reader};
use busbar_engine::{Event, RecallId};

use super::life::{Life, Message};
use super::plugins::PluginHost;
use crate::telemetry::Metrics;

const READERS: usize = 2;
const WORKERS: usize = 2;
/// What a plugin call needs on the thread that makes it.
const WORKER_STACK: usize = 4 * 1024 * 1024;

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
                    life.send(match store::recall(&*reader, &needs) {
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

/// Threads that price, for the whole process: a plugin outlives an engine.
#[derive(Clone)]
pub(super) struct Workers {
    queue: mpsc::Sender<(Work, Life)>,
}

impl Workers {
    pub(super) fn start(plugins: &Arc<PluginHost>, metrics: &Metrics) -> Self {
        let (queue, jobs) = mpsc::channel::<(Work, Life)>();
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..WORKERS {
            let (jobs, plugins) = (Arc::clone(&jobs), Arc::clone(plugins));
            let metrics = metrics.clone();
            let working = move || {
                while let Some((work, life)) = next(&jobs) {
                    price(&plugins, &metrics, work, &life);
                }
            };
            let builder = thread::Builder::new().name("price".into()).stack_size(WORKER_STACK);
            let _detached = builder.spawn(working);
        }
        Self { queue }
    }

    pub(super) fn submit(&self, work: Work, life: &Life) {
        // Workers live as long as the process.
        let _gone = self.queue.send((work, life.clone()));
    }
}

fn next<T>(jobs: &Mutex<mpsc::Receiver<T>>) -> Option<T> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}

fn price(plugins: &PluginHost, metrics: &Metrics, work: Work, life: &Life) {
    let Work::Price { subject, station, transaction, attempt, session, tariff } = work;
    let began = Instant::now();
    let result = plugins.price_metered(&tariff, &session);
    let word = match &result {
        Ok(_) => "priced",
        Err(PriceError::NotApplicable(_)) => "not_applicable",
        Err(PriceError::Misbehaved(_)) => "misbehaved",
        Err(_) => "failed",
    };
    metrics.price(word, began.elapsed());
    let input = Input::Priced { station, transaction, attempt, result };
    life.send(Message::Event(Event::Input(subject, input)));
}
