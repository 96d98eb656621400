//! Owns how many may come in at once, from where and how fast, and who has failed too often.
//! Must never end a connection that is open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::Ocpp;
use crate::failures::{Failures, network};

/// An address may fail by so many names as often as by one: behind it may stand a whole site,
/// with a station whose password is wrong.
const NAMES: u32 = 10;
/// An identity that fails from more addresses than that, as often as each may, is being guessed.
const ADDRESSES: u32 = 10;

/// Who may come in.
pub(crate) struct Admission {
    handshakes: Arc<Semaphore>,
    counts: Counts,
    per_address: usize,
    shaking_per_address: usize,
    rate: u32,
    next: Mutex<Instant>,
    by_pair: Failures<(IpAddr, Box<str>)>,
    by_address: Failures<IpAddr>,
    by_name: Failures<Box<str>>,
}

type Counts = Arc<Mutex<HashMap<IpAddr, Count>>>;

/// An address's connections, and those of them that have not come in yet.
#[derive(Default)]
struct Count {
    all: usize,
    shaking: usize,
}

/// A handshake's turn.
pub(crate) struct Turn {
    _permit: OwnedSemaphorePermit,
}

/// A connection's place: given back when it is dropped.
pub(crate) struct Place {
    /// None once it has come in.
    shaking: Option<Turn>,
    address: IpAddr,
    counts: Counts,
}

impl Admission {
    pub(crate) fn new(config: &Ocpp) -> Self {
        let borne = config.failed_logins;
        Self {
            handshakes: Arc::new(Semaphore::new(config.handshakes)),
            counts: Arc::default(),
            per_address: config.connections_per_ip,
            // One address that is slow on purpose leaves the other half to all others.
            shaking_per_address: config.handshakes.div_ceil(2),
            rate: config.accept_rate.max(1),
            next: Mutex::new(Instant::now()),
            by_pair: Failures::new(borne),
            by_address: Failures::new(borne.saturating_mul(NAMES)),
            by_name: Failures::new(borne.saturating_mul(ADDRESSES)),
        }
    }

    /// Waits until one more may be accepted: no faster than the configured rate, and no more
    /// handshakes at once than configured. Who waits stands in the kernel's queue.
    pub(crate) async fn turn(&self) -> Option<Turn> {
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
        let permit = Arc::clone(&self.handshakes).acquire_owned().await.ok()?;
        Some(Turn { _permit: permit })
    }

    /// A place for a connection whose turn it is; none when its address has too many.
    pub(crate) fn enter(&self, address: IpAddr, turn: Turn) -> Option<Place> {
        let address = network(address);
        let mut counts = lock(&self.counts);
        let count = counts.entry(address).or_default();
        if count.all >= self.per_address || count.shaking >= self.shaking_per_address {
            return None;
        }
        count.all += 1;
        count.shaking += 1;
        drop(counts);
        Some(Place { shaking: Some(turn), address, counts: Arc::clone(&self.counts) })
    }

    /// How long this address has to wait before it may try a password of this name again; none:
    /// it may. Known and unknown names wait alike.
    pub(crate) fn wait(&self, name: &str, address: IpAddr, now: Instant) -> Option<Duration> {
        let address = network(address);
        let pair = (address, name.into());
        let of_pair = self.by_pair.wait(&pair, now);
        let of_address = self.by_address.wait(&address, now);
        // A name that many addresses guess at: each has one try. One that has not failed is let
        // try, since it may be the station, from an address that is new.
        let of_name =
            self.by_name.wait(&pair.1, now).filter(|_| self.by_pair.has_failed(&pair, now));
        of_pair.max(of_address).max(of_name)
    }

    /// A password of this name was wrong.
    pub(crate) fn failed(&self, name: &str, address: IpAddr, now: Instant) {
        let address = network(address);
        self.by_pair.failed((address, name.into()), now);
        self.by_address.failed(address, now);
        self.by_name.failed(name.into(), now);
    }
}

impl Place {
    /// The handshake is over: another one may begin.
    pub(crate) fn shaken(&mut self) {
        if self.shaking.take().is_some()
            && let Some(count) = lock(&self.counts).get_mut(&self.address)
        {
            count.shaking -= 1;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shaken();
        let mut counts = lock(&self.counts);
        if let Some(count) = counts.get_mut(&self.address) {
            count.all -= 1;
            if count.all == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
