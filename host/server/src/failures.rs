//! Owns counts of failures by whoever failed, which leak away with time. Must never grow past its
//! bound, nor forget a failure before its time.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::level::Level;

/// More keys than that are not told apart: a flood of them costs no memory.
const TOLD_APART: usize = 50_000;
/// How often a full table is looked through for what has leaked away.
const SWEEP: Duration = Duration::from_secs(1);

/// Failures by key.
#[derive(Debug)]
pub struct Failures<K> {
    per_minute: u32,
    table: Mutex<Table<K>>,
}

#[derive(Debug)]
struct Table<K> {
    levels: HashMap<K, Level>,
    swept: Instant,
}

impl<K: Hash + Eq> Failures<K> {
    /// Bears so many in a minute.
    pub fn new(per_minute: u32) -> Self {
        let table = Table { levels: HashMap::new(), swept: Instant::now() };
        Self { per_minute: per_minute.max(1), table: Mutex::new(table) }
    }

    /// How long this one has to wait before it may try again; none: it may.
    pub fn wait(&self, key: &K, now: Instant) -> Option<Duration> {
        self.table().levels.get(key)?.wait(self.per_minute, now)
    }

    /// Whether it has failed lately.
    pub fn has_failed(&self, key: &K, now: Instant) -> bool {
        let table = self.table();
        table.levels.get(key).is_some_and(|level| !level.is_empty(self.per_minute, now))
    }

    /// It failed.
    pub fn failed(&self, key: K, now: Instant) {
        let mut table = self.table();
        if table.levels.len() >= TOLD_APART && now.duration_since(table.swept) >= SWEEP {
            table.swept = now;
            table.levels.retain(|_, level| !level.is_empty(self.per_minute, now));
        }
        if table.levels.len() < TOLD_APART || table.levels.contains_key(&key) {
            let level = table.levels.entry(key).or_insert_with(|| Level::new(now));
            level.add(self.per_minute, now);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table<K>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is counted as one address: who has an IPv6 address has 2^64 of them.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 => v4,
    }
}

#[cfg(test)]
mod tests;
