//! Owns the number of calls at one time, and the clock that ends those that run too long: it
//! ticks once in a millisecond while a call is under way, and rests otherwise. Must never let in
//! more calls than the pool has room for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// One tick of the engine's epoch.
const TICK: Duration = Duration::from_millis(1);

/// Lets calls in, as many as there is room for, and keeps the clock going for them.
pub(crate) struct Gate {
    shared: Arc<Shared>,
    ticker: Option<JoinHandle<()>>,
    thread: Thread,
    most: usize,
}

struct Shared {
    calls: Mutex<usize>,
    ended: Condvar,
    resting: AtomicBool,
    stop: AtomicBool,
}

/// A call under way.
pub(crate) struct Entered<'a>(&'a Gate);

impl Gate {
    pub(crate) fn new(engine: Engine, most: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            calls: Mutex::new(0),
            ended: Condvar::new(),
            resting: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let theirs = shared.clone();
        let ticker = std::thread::Builder::new()
            .name("sandbox-clock".into())
            .spawn(move || theirs.tick(&engine))?;
        let thread = ticker.thread().clone();
        Ok(Self { shared, ticker: Some(ticker), thread, most: most.max(1) })
    }

    /// Waits until there is room.
    pub(crate) fn enter(&self) -> Entered<'_> {
        let mut calls = self.shared.calls();
        while *calls >= self.most {
            calls = self.shared.ended.wait(calls).unwrap_or_else(PoisonError::into_inner);
        }
        *calls += 1;
        drop(calls);
        if self.shared.resting.load(Ordering::SeqCst) {
            self.thread.unpark();
        }
        Entered(self)
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        *self.0.shared.calls() -= 1;
        self.0.shared.ended.notify_one();
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.thread.unpark();
        if let Some(ticker) = self.ticker.take() {
            // A clock that panicked has nothing more to say.
            let _ = ticker.join();
        }
    }
}

impl Shared {
    fn calls(&self) -> MutexGuard<'_, usize> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self, engine: &Engine) {
        while !self.stop.load(Ordering::SeqCst) {
            if *self.calls() > 0 {
                engine.increment_epoch();
                std::thread::park_timeout(TICK);
                continue;
            }
            // Who enters counts first and looks here second; so one of the two sees the other.
            self.resting.store(true, Ordering::SeqCst);
            if *self.calls() == 0 && !self.stop.load(Ordering::SeqCst) {
                std::thread::park();
            }
            self.resting.store(false, Ordering::SeqCst);
        }
    }
}
