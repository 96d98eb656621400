//! Owns the node over its lives: it opens the store, runs an engine, and after a failure drops
//! both and starts again by the same path. Must never go on with a store whose commit failed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use busbar_charging::context::Policy;
use busbar_engine::store::{Reader, Restored, Store, StoreError};
use tokio::sync::watch;

use super::life::{Birth, End, Life, Message, Shared, run};
use super::live::Live;
use super::plugins::PluginHost;
use super::workers::{self, Workers};
use super::{Ask, FramePage, FrameQuery, Node, NotReady, Plugins, Query, Runtime, Status};
use crate::secrets;
use crate::telemetry::Metrics;

/// Facts kept for followers of the live facts.
const LIVE_FACTS: usize = 10_000;
/// How long to wait before a store that failed is opened again.
const OPEN_AGAIN: Duration = Duration::from_secs(1);

/// Why a node cannot start.
#[derive(Debug)]
pub struct StartError(pub String);

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Opens the store: at the start, and again after a failure.
pub type OpenStore = Box<dyn Fn() -> Result<(Box<dyn Store>, Restored), StoreError> + Send + Sync>;

/// Reads the frame log.
pub trait Frames: Send + Sync {
    /// Frames of a station, newest first. Blocks.
    ///
    /// # Errors
    /// The frame log cannot be read.
    fn page(&self, query: &FrameQuery) -> Result<FramePage, StoreError>;
}

/// A node over its lives.
pub struct Machine {
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
    died: watch::Receiver<Option<String>>,
}

struct Inner {
    life: RwLock<Option<Life>>,
    reader: RwLock<Option<Arc<dyn Reader>>>,
    status: Arc<Mutex<Status>>,
    plugins: Arc<PluginHost>,
    frames: Arc<dyn Frames>,
    stopping: std::sync::atomic::AtomicBool,
}

impl Machine {
    /// Opens the store and starts the node's threads.
    ///
    /// # Errors
    /// The store cannot be opened the first time.
    pub fn start(
        open: OpenStore,
        policy: Policy,
        plugins: Arc<PluginHost>,
        frames: Arc<dyn Frames>,
        metrics: Metrics,
    ) -> Result<(Self, Node), StartError> {
        let failed = |error: &dyn std::fmt::Display| StartError(error.to_string());
        let epoch = secrets::random::<8>().map_err(|error| failed(&error))?;
        let live = Arc::new(Live::new(u64::from_le_bytes(epoch), LIVE_FACTS));
        let first = open().map_err(|error| failed(&error))?;
        let inner = Arc::new(Inner {
            life: RwLock::new(None),
            reader: RwLock::new(None),
            status: Arc::new(Mutex::new(Status::default())),
            plugins: Arc::clone(&plugins),
            frames,
            stopping: false.into(),
        });
        let shared = Shared {
            live: Arc::clone(&live),
            status: Arc::clone(&inner.status),
            workers: Workers::start(&plugins, &metrics, workers::built_in()),
            metrics,
        };
        let lives = Lives { inner: Arc::clone(&inner), open, policy, shared };
        let (born, is_born) = std::sync::mpsc::channel();
        let (dying, died) = watch::channel(None);
        let thread = thread::Builder::new()
            .name("engine".into())
            .spawn(move || lives.run_to_the_end(first, born, &dying))
            .map_err(|error| failed(&error))?;
        // Nothing is served before the rows that a crash left out are there.
        let _born_or_dead = is_born.recv();
        let node = Node::new(Arc::clone(&inner) as Arc<dyn Runtime>, live);
        Ok((Self { inner, thread: Some(thread), died }, node))
    }

    /// The life that takes connections now.
    pub fn life(&self) -> Option<Life> {
        self.inner.life()
    }

    /// A handle to ask for the life that takes connections.
    pub fn lives(&self) -> impl Fn() -> Option<Life> + Send + Sync + Clone + 'static {
        let inner = Arc::clone(&self.inner);
        move || inner.life()
    }

    /// The rows, while the store is open.
    pub fn reader(&self) -> impl Fn() -> Option<Arc<dyn Reader>> + Send + Sync + Clone + 'static {
        let inner = Arc::clone(&self.inner);
        move || inner.reader()
    }

    /// Says that the node stops: no more requests.
    pub fn drain(&self) {
        lock(&self.inner.status).draining = true;
    }

    /// A way to say whether the disk is nearly full.
    pub fn low_space(&self) -> impl Fn(bool) + Send + Sync + 'static {
        let status = Arc::clone(&self.inner.status);
        move |low| lock(&status).low_space = low
    }

    /// A way to end the life that runs now, for what is found out beside it.
    pub fn fail(&self) -> impl Fn(StoreError) + Send + Sync + 'static {
        let lives = self.lives();
        move |error| {
            if let Some(life) = lives() {
                life.send(Message::ReadFailed(error));
            }
        }
    }

    /// Waits until the node has come to an end after which nothing in this process can go on, and
    /// says why. A node that is stopped never does.
    pub fn died(&self) -> impl Future<Output = String> + Send + 'static {
        let mut died = self.died.clone();
        async move {
            let why = died.wait_for(Option::is_some).await.ok().and_then(|why| why.clone());
            match why {
                Some(why) => why,
                None => std::future::pending().await,
            }
        }
    }

    /// Commits what was decided and ends the node. Blocks.
    pub fn stop(mut self) {
        self.inner.stopping.store(true, std::sync::atomic::Ordering::SeqCst);
        self.drain();
        if let Some(life) = self.life() {
            life.send(Message::Stop);
        }
        if let Some(thread) = self.thread.take() {
            // Its panic was reported where it happened.
            let _panicked = thread.join();
        }
    }
}

impl Inner {
    fn life(&self) -> Option<Life> {
        self.life.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, life: Option<Life>, reader: Option<Arc<dyn Reader>>) {
        *self.life.write().unwrap_or_else(PoisonError::into_inner) = life;
        *self.reader.write().unwrap_or_else(PoisonError::into_inner) = reader;
    }
}

impl Runtime for Inner {
    fn submit(&self, ask: Ask) -> Result<(), NotReady> {
        let ready = self.life().filter(|_| !lock(&self.status).draining);
        match ready {
            Some(life) if life.send(Message::Ask(ask)) => Ok(()),
            _ => Err(NotReady),
        }
    }

    fn query(&self, query: Query) -> Result<(), NotReady> {
        match self.life() {
            Some(life) if life.send(Message::Query(query)) => Ok(()),
            _ => Err(NotReady),
        }
    }

    fn reader(&self) -> Option<Arc<dyn Reader>> {
        self.reader.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn frames(&self, query: &FrameQuery) -> Result<FramePage, StoreError> {
        self.frames.page(query)
    }

    fn status(&self) -> Status {
        lock(&self.status).clone()
    }

    fn plugins(&self) -> Arc<dyn Plugins> {
        Arc::clone(&self.plugins) as Arc<dyn Plugins>
    }
}

/// The thread over all lives.
struct Lives {
    inner: Arc<Inner>,
    open: OpenStore,
    policy: Policy,
    shared: Shared,
}

impl Lives {
    /// All lives, and the news of an end that nobody asked for. A panic, here or where sled is
    /// dropped or opened, must not leave a process that answers and does nothing.
    fn run_to_the_end(
        self,
        first: (Box<dyn Store>, Restored),
        born: std::sync::mpsc::Sender<()>,
        dying: &watch::Sender<Option<String>>,
    ) {
        let lived = catch_unwind(AssertUnwindSafe(|| self.run(first, Some(born))));
        let panicked =
            |_| Err("the thread of the engine panicked; the log above says where".into());
        if let Err(why) = lived.unwrap_or_else(panicked) {
            tracing::error!(%why, "the node ended");
            self.inner.set(None, None);
            let mut status = lock(&self.inner.status);
            (status.running, status.trouble) = (false, Some(why.clone()));
            drop(status);
            dying.send_replace(Some(why));
        }
    }

    fn run(
        &self,
        first: (Box<dyn Store>, Restored),
        mut born: Option<std::sync::mpsc::Sender<()>>,
    ) -> Result<(), String> {
        let mut opened = Some(first);
        loop {
            let Some((store, restored)) = opened.take().or_else(|| self.open_again()) else {
                return Ok(());
            };
            let reader = store.reader();
            let seed = secrets::random::<24>().map_err(|error| error.to_string())?;
            let (incarnation, rest) = seed.split_at(8);
            let number = |bytes: &[u8]| bytes.iter().fold(0_u128, |n, b| (n << 8) | u128::from(*b));
            let birth = Birth {
                store,
                restored,
                policy: self.policy.clone(),
                incarnation: u64::try_from(number(incarnation) >> 1).unwrap_or(1),
                seed: number(rest),
            };
            let end = run(birth, self.shared.clone(), |life| {
                self.inner.set(Some(life.clone()), Some(Arc::clone(&reader)));
                lock(&self.inner.status).trouble = None;
                lock(&self.inner.status).running = true;
                if let Some(born) = born.take() {
                    // Who started the node may have given up.
                    let _gone = born.send(());
                }
            });
            self.inner.set(None, None);
            lock(&self.inner.status).running = false;
            match end {
                End::Stopped => return Ok(()),
                End::Failed(error @ StoreError::Unsynced(_)) => return Err(error.to_string()),
                End::Failed(error) => {
                    tracing::error!(%error, "the engine ended; the store is opened again");
                    self.shared.metrics.engine_restart();
                    lock(&self.inner.status).trouble = Some(error.to_string());
                }
            }
        }
    }

    fn open_again(&self) -> Option<(Box<dyn Store>, Restored)> {
        loop {
            if self.inner.stopping.load(std::sync::atomic::Ordering::SeqCst) {
                return None;
            }
            thread::sleep(OPEN_AGAIN);
            match (self.open)() {
                Ok(opened) => return Some(opened),
                Err(error) => {
                    tracing::error!(%error, "the store cannot be opened; trying again");
                    lock(&self.inner.status).trouble = Some(error.to_string());
                }
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
