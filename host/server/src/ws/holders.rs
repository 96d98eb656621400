//! Owns who holds which identity in this process, and how often one identity may be opened. Must
//! never lock a station out: one that opens too often waits for its next turn.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use busbar_charging::ids::StationId;

use crate::level::Level;

/// With fewer identities than that, none is forgotten.
const FEW: usize = 10_000;

/// All holders.
pub(crate) struct Holders {
    per_minute: u32,
    table: Arc<Mutex<Table>>,
}

#[derive(Default)]
struct Table {
    holders: HashMap<StationId, Holder>,
    /// With so many, those are forgotten that are not open and need not wait.
    sweep_at: usize,
}

struct Holder {
    /// Connections that are open.
    open: u32,
    /// From where it was opened last.
    peer: SocketAddr,
    /// From where it was opened before that, at another address.
    other: Option<SocketAddr>,
    openings: Level,
}

/// An open connection's hold of its identity: given back when it is dropped.
pub(crate) struct Hold {
    station: StationId,
    table: Arc<Mutex<Table>>,
}

/// An identity that was opened too often.
#[derive(Debug)]
pub(crate) struct TooOften {
    /// When its next turn comes.
    pub(crate) wait: Duration,
    /// Who else holds it open, or held it: at another address, where there is one.
    pub(crate) holder: Option<SocketAddr>,
}

impl Holders {
    /// Every identity may be opened so often in a minute.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { per_minute: per_minute.max(1), table: Arc::default() }
    }

    /// An authenticated newcomer opens an identity.
    pub(crate) fn open(
        &self,
        station: &StationId,
        peer: SocketAddr,
        now: Instant,
    ) -> Result<Hold, TooOften> {
        let mut table = lock(&self.table);
        if table.holders.len() >= table.sweep_at.max(FEW) {
            let needed = |holder: &Holder| {
                holder.open > 0 || !holder.openings.is_empty(self.per_minute, now)
            };
            table.holders.retain(|_, holder| needed(holder));
            table.sweep_at = 2 * table.holders.len();
        }
        let fresh = || Holder { open: 0, peer, other: None, openings: Level::new(now) };
        let holder = table.holders.entry(station.clone()).or_insert_with(fresh);
        if let Some(wait) = holder.openings.wait(self.per_minute, now) {
            let elsewhere = |other: &SocketAddr| other.ip() != peer.ip();
            let other = Some(holder.peer).filter(elsewhere).or(holder.other.filter(elsewhere));
            let holder = (holder.open > 0).then_some(other.unwrap_or(holder.peer));
            return Err(TooOften { wait, holder });
        }
        holder.openings.add(self.per_minute, now);
        holder.open += 1;
        if holder.peer.ip() != peer.ip() {
            holder.other = Some(holder.peer);
        }
        holder.peer = peer;
        Ok(Hold { station: station.clone(), table: Arc::clone(&self.table) })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        if let Some(holder) = lock(&self.table).holders.get_mut(&self.station) {
            holder.open = holder.open.saturating_sub(1);
        }
    }
}

fn lock(table: &Mutex<Table>) -> MutexGuard<'_, Table> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
