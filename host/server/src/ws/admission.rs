//! Owns how many may come in at once, from where and how fast, and who has failed too often.
//! Must never end a connection that is open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Ocpp;

const WINDOW: Duration = Duration::from_secs(60);
/// More names and addresses than that are not told apart: a flood of them costs no memory.
const TOLD_APART: usize = 50_000;

/// Who may come in.
pub(crate) struct Admission {
    handshakes: Arc<Semaphore>,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    per_address: usize,
    rate: u32,
    next: Mutex<Instant>,
    borne: u32,
    failures: Mutex<(Instant, HashMap<String, u32>)>,
}

/// A connection's place: given back when it is dropped.
pub(crate) struct Place {
    shaking: Mutex<Option<OwnedSemaphorePermit>>,
    address: IpAddr,
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Admission {
    pub(crate) fn new(config: &Ocpp) -> Self {
        Self {
            handshakes: Arc::new(Semaphore::new(config.handshakes)),
            counts: Arc::default(),
            per_address: config.connections_per_ip,
            rate: config.accept_rate.max(1),
            next: Mutex::new(Instant::now()),
            borne: config.failed_logins,
            failures: Mutex::new((Instant::now(), HashMap::new())),
        }
    }

    /// Waits until one more may be accepted: no faster than the configured rate, and no more
    /// handshakes at once than configured. Who waits stands in the kernel's queue.
    pub(crate) async fn pace(&self) {
        let wait = {
            let mut next = lock(&self.next);
            let now = Instant::now();
            let at = (*next).max(now);
            *next = at + Duration::from_secs(1) / self.rate;
            at - now
        };
        if wait > Duration::from_millis(1) {
            tokio::time::sleep(wait).await;
        }
        // Never closed: an error cannot be.
        let _turn = self.handshakes.acquire().await;
    }

    /// A place for a connection; none when its address has too many.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<Place> {
        let mut counts = lock(&self.counts);
        let count = counts.entry(address).or_insert(0);
        if *count >= self.per_address {
            return None;
        }
        *count += 1;
        drop(counts);
        let permit = Arc::clone(&self.handshakes).try_acquire_owned().ok();
        Some(Place { shaking: Mutex::new(permit), address, counts: Arc::clone(&self.counts) })
    }

    /// Whether this name or address has failed too often in the last minute.
    pub(crate) fn is_locked_out(&self, who: &str) -> bool {
        let mut failures = lock(&self.failures);
        if failures.0.elapsed() >= WINDOW {
            *failures = (Instant::now(), HashMap::new());
        }
        failures.1.get(who).is_some_and(|failed| *failed >= self.borne)
    }

    /// This name or address failed.
    pub(crate) fn failed(&self, who: &str) {
        let mut failures = lock(&self.failures);
        if failures.1.len() < TOLD_APART || failures.1.contains_key(who) {
            *failures.1.entry(who.to_owned()).or_insert(0) += 1;
        }
    }
}

impl Place {
    /// The handshake is over: another one may begin.
    pub(crate) fn shaken(&self) {
        lock(&self.shaking).take();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
