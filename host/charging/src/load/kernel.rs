//! Owns the safety kernel of load control: what every EVSE may be drawing, and what may be sent so
//! that no row can be exceeded, whatever arrives, is lost or comes late. `apply` is the only way
//! that its state changes; `decide` says what to send now. Must never grant a limit whose arrival
//! could exceed a row, nor believe one that no station has acknowledged.
//!
//! **Invariant.** In every row, the sum of what the EVSEs may be drawing, times their
//! coefficients, is at most what there is for them: nothing is sent that would break it. Only
//! limits that fall, base load that rises, and stations that draw more than they may can do so.

pub mod capability;
pub mod clock;
pub mod decide;
pub mod draw;
pub mod event;
pub mod heard;
pub mod ledger;
pub mod meter;
pub mod profile;
mod shed;
pub mod station;
mod view;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::draw::Draw;
use self::event::{Event, EvseChange, Granted, Purpose, Returned, StationChange, Wired};
use self::ledger::{GrantId, Ledger};
use self::station::{Line, Station};
use super::rows::EvseId;
use crate::ids::{StationId, TransactionId};
use crate::units::{Current, Millis, Timestamp};

/// The kernel's state. EVSEs are named by their index in the rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Kernel {
    evses: Vec<Evse>,
    index: BTreeMap<EvseId, u32>,
    stations: Vec<Slot>,
    station_index: BTreeMap<StationId, u32>,
}

/// What the kernel knows of an EVSE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Evse {
    id: EvseId,
    station: u32,
    maximum: Current,
    fallback: Current,
    ledger: Ledger,
    draw: Draw,
    transaction: Option<TransactionId>,
    /// When its limit was last raised.
    increased: Option<Timestamp>,
    /// The grant of that, as long as it has no answer.
    #[serde(default)]
    raising: Option<GrantId>,
    /// How many such in a row were never answered.
    #[serde(default)]
    unanswered: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Slot {
    id: StationId,
    station: Station,
    evses: Vec<u32>,
}

/// The kernel as it is stored: without what follows from the rest.
#[derive(Serialize, Deserialize)]
struct Stored {
    evses: Vec<Evse>,
    stations: Vec<Slot>,
}

impl From<Stored> for Kernel {
    fn from(Stored { evses, stations }: Stored) -> Self {
        let index = (0..).zip(&evses).map(|(index, evse)| (evse.id.clone(), index)).collect();
        let of_station = (0..).zip(&stations).map(|(index, slot)| (slot.id.clone(), index));
        let station_index = of_station.collect();
        Self { evses, index, stations, station_index }
    }
}

impl From<Kernel> for Stored {
    fn from(kernel: Kernel) -> Self {
        Self { evses: kernel.evses, stations: kernel.stations }
    }
}

impl Kernel {
    /// The index of an EVSE.
    pub fn evse(&self, id: &EvseId) -> Option<u32> {
        self.index.get(id).copied()
    }

    /// The transaction that runs on an EVSE.
    pub fn transaction(&self, evse: u32) -> Option<&TransactionId> {
        self.evses.get(evse as usize)?.transaction.as_ref()
    }

    /// The EVSEs of a station, by their indices.
    pub fn evses_of(&self, station: &StationId) -> &[u32] {
        let index = self.station_index.get(station);
        let slot = index.and_then(|index| self.stations.get(*index as usize));
        slot.map_or(&[], |slot| &slot.evses)
    }

    /// What an EVSE was last told that its station took, and when that was said.
    pub fn told(&self, evse: u32) -> Option<ledger::Held> {
        let evse = self.evses.get(evse as usize)?;
        let running = evse.ledger.held(self.governing(evse));
        running.or_else(|| evse.ledger.held(Purpose::Default))
    }

    /// Whether something is under way that time alone changes: a car that charges, a limit without
    /// an answer, a station that is there and has no fallback yet.
    pub fn is_busy(&self) -> bool {
        self.evses.iter().any(|evse| {
            let purposes = [Purpose::Default, Purpose::Transaction];
            let waits = purposes.iter().any(|of| !evse.ledger.in_flight(*of).is_empty());
            let bare = self.station_of(evse).connected && evse.ledger.is_unlimited();
            evse.transaction.is_some() || waits || bare
        })
    }

    /// The profile that governs an EVSE now.
    pub fn governs(&self, evse: u32) -> Option<Purpose> {
        self.evses.get(evse as usize).map(|evse| self.governing(evse))
    }

    /// What is known of a station.
    pub fn station(&self, id: &StationId) -> Option<&Station> {
        let index = self.station_index.get(id)?;
        self.stations.get(*index as usize).map(|slot| &slot.station)
    }

    /// An EVSE's ledger.
    pub fn ledger(&self, evse: u32) -> Option<&Ledger> {
        self.evses.get(evse as usize).map(|evse| &evse.ledger)
    }

    /// An EVSE's measured draw.
    pub fn draw(&self, evse: u32) -> Option<&Draw> {
        self.evses.get(evse as usize).map(|evse| &evse.draw)
    }

    /// The most that an EVSE may be drawing on a phase now: by its limits, or as measured where it
    /// draws more.
    pub fn exposure(&self, evse: u32, now: Timestamp) -> Current {
        let Some(evse) = self.evses.get(evse as usize) else { return Current::ZERO };
        self.allowed(evse, now).max(evse.draw.counted(now, evse.maximum))
    }

    /// The same once all that falls has fallen. That is over sooner than anyone could make room for
    /// it: nobody is lowered or paused beside it.
    pub fn settled_exposure(&self, evse: u32, now: Timestamp) -> Current {
        let Some(evse) = self.evses.get(evse as usize) else { return Current::ZERO };
        let by_limits = evse.ledger.settled(now, self.station_of(evse).credit(now));
        self.or_forgotten(evse, by_limits).max(evse.draw.counted(now, evse.maximum))
    }

    /// What of a reading of all is an EVSE's: its draw as freshly measured, but no more than it
    /// counts with now, so that both together are never less than what was read; and nothing once
    /// its transaction is over.
    pub fn share_of_reading(&self, evse: u32, now: Timestamp) -> Current {
        let Some(evse) = self.evses.get(evse as usize) else { return Current::ZERO };
        let Some(draw) = evse.draw.fresh(now).filter(|_| evse.transaction.is_some()) else {
            return Current::ZERO;
        };
        if evse.draw.is_disobedient() {
            return draw;
        }
        draw.min(self.allowed(evse, now))
    }

    /// Whether an EVSE can be told a limit now. One that cannot is counted with its exposure, and
    /// the others share what is left.
    pub fn is_commandable(&self, evse: u32, now: Timestamp) -> bool {
        self.evses.get(evse as usize).is_some_and(|evse| {
            self.station_of(evse).is_commandable(now) && !evse.draw.is_disobedient()
        })
    }

    /// What an EVSE is told now, as far as its station has acknowledged it.
    pub fn acknowledged(&self, evse: u32, now: Timestamp) -> Current {
        self.evses.get(evse as usize).map_or(Current::ZERO, |evse| self.commanded(evse, now))
    }

    /// What an EVSE counts with at least, whatever it is told: its fallback.
    pub fn fallback(&self, evse: u32) -> Current {
        self.evses.get(evse as usize).map_or(Current::ZERO, |evse| evse.ledger.fallback())
    }

    fn station_of(&self, evse: &Evse) -> &Station {
        &self.stations[evse.station as usize].station
    }

    /// What the limits of an EVSE let it draw, without what is measured.
    pub fn allowed_by_limits(&self, evse: u32, now: Timestamp) -> Current {
        self.evses.get(evse as usize).map_or(Current::ZERO, |evse| self.allowed(evse, now))
    }

    /// The most that its limits let an EVSE draw.
    fn allowed(&self, evse: &Evse, now: Timestamp) -> Current {
        let credit = self.station_of(evse).credit(now);
        self.or_forgotten(evse, evse.ledger.exposure(now, credit))
    }

    /// A station that forgets its profiles at a reboot may have had one while it is away.
    fn or_forgotten(&self, evse: &Evse, by_limits: Current) -> Current {
        let station = self.station_of(evse);
        let forgets = !station.connected && !station.capability.persists;
        if forgets { by_limits.max(evse.maximum) } else { by_limits }
    }

    /// The profile that governs an EVSE now.
    fn governing(&self, evse: &Evse) -> Purpose {
        let takes = self.station_of(evse).capability.takes_transaction_profile;
        if evse.transaction.is_some() && takes { Purpose::Transaction } else { Purpose::Default }
    }

    fn commanded(&self, evse: &Evse, now: Timestamp) -> Current {
        let told = |held: ledger::Held| if held.is_past(now) { held.after } else { held.limit };
        let running = evse.ledger.held(self.governing(evse));
        let base = evse.ledger.held(Purpose::Default);
        running.or(base).map_or(Current::ZERO, told)
    }
}

/// How the state changes.
impl Kernel {
    /// Takes an event over.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Wired { evses, .. } => self.wire(evses),
            Event::Capable { station, capability, .. } => {
                let index = self.slot(station);
                self.stations[index as usize].station.capability = *capability;
                if !capability.leases() {
                    self.judge_ends_anew(index);
                }
            }
            Event::Station { at, station, what } => self.station_changed(*at, station, *what),
            Event::Evse { at, evse, what } => {
                if let Some(index) = self.evse(evse) {
                    self.evse_changed(*at, index as usize, what);
                }
            }
            Event::Granted(granted) => self.granted(granted),
            Event::Returned { at, evse, grant, how } => self.returned(*at, evse, *grant, *how),
            Event::Restarted { at, known } => {
                self.stations.iter_mut().for_each(|slot| slot.station.disconnect());
                // Nobody knows by how much it was set, but that nothing happens before it did.
                let set_back = Millis(at.since(*known).0.min(0));
                self.doubt_our_clock(*at, *known, set_back);
                self.evses.iter_mut().for_each(|evse| evse.draw.restarted());
                let slots = self.stations.iter_mut();
                slots.for_each(|slot| slot.station.clock.restarted(*at, (*known).min(*at)));
            }
            Event::ClockSet { at, known, by } => self.doubt_our_clock(*at, *known, *by),
        }
    }

    /// Ends of leases are by the clocks of stations, of which what is known is by ours: no lease
    /// that was not over yet counts as over before its station is heard again.
    fn doubt_our_clock(&mut self, at: Timestamp, known: Timestamp, by: Millis) {
        for evse in &mut self.evses {
            let credit = self.stations[evse.station as usize].station.credit(known);
            evse.ledger.doubt_our_clock(at, known, by, credit);
            evse.draw.clock_set(by);
            evse.increased = evse.increased.map(|at| at.plus(by));
        }
        self.stations.iter_mut().for_each(|slot| slot.station.doubt_our_clock(by));
    }

    fn slot(&mut self, id: &StationId) -> u32 {
        if let Some(index) = self.station_index.get(id) {
            return *index;
        }
        let index = self.stations.len() as u32;
        let station = Station::default();
        self.stations.push(Slot { id: id.clone(), station, evses: Vec::new() });
        self.station_index.insert(id.clone(), index);
        index
    }

    /// EVSEs that stay keep all that is known of them.
    fn wire(&mut self, evses: &[Wired]) {
        let known = std::mem::take(&mut self.evses);
        let mut known: BTreeMap<_, _> =
            known.into_iter().map(|evse| (evse.id.clone(), evse)).collect();
        self.index.clear();
        self.stations.iter_mut().for_each(|slot| slot.evses.clear());
        for (index, wired) in (0..).zip(evses) {
            let station = self.slot(&wired.id.station);
            self.stations[station as usize].evses.push(index);
            self.index.insert(wired.id.clone(), index);
            let mut evse = known.remove(&wired.id).unwrap_or_else(|| Evse {
                id: wired.id.clone(),
                station,
                maximum: wired.maximum,
                fallback: wired.fallback,
                ledger: Ledger::new(wired.maximum),
                draw: Draw::default(),
                transaction: None,
                increased: None,
                raising: None,
                unanswered: 0,
            });
            if evse.ledger.is_unlimited() {
                evse.ledger.lost(wired.maximum);
            }
            (evse.maximum, evse.fallback) = (wired.maximum, wired.fallback);
            self.evses.push(evse);
        }
    }

    fn station_changed(&mut self, at: Timestamp, id: &StationId, what: StationChange) {
        let index = self.slot(id);
        let slot = &mut self.stations[index as usize];
        slot.station.change(at, what);
        let judged = match what {
            StationChange::Connected | StationChange::Booted | StationChange::Heard { .. } => true,
            StationChange::KeepsDurations(keeps) => !keeps,
            _ => false,
        };
        if judged {
            self.judge_ends_anew(index);
        }
        let slot = &mut self.stations[index as usize];
        if what == StationChange::Booted {
            slot.evses.iter().for_each(|evse| self.evses[*evse as usize].unanswered = 0);
        }
        if what == StationChange::Booted && !slot.station.capability.persists {
            for evse in &slot.evses {
                let evse = &mut self.evses[*evse as usize];
                evse.ledger.lost(evse.maximum);
            }
        }
    }

    fn evse_changed(&mut self, at: Timestamp, index: usize, what: &EvseChange) {
        let allowed = self.allowed(&self.evses[index], at);
        let pauses = matches!(what, EvseChange::Paused(_))
            && self.commanded(&self.evses[index], at) == Current::ZERO;
        let station = &mut self.stations[self.evses[index].station as usize].station;
        let credit = station.credit(at);
        let evse = &mut self.evses[index];
        match what {
            EvseChange::Started(transaction) => evse.transaction = Some(transaction.clone()),
            EvseChange::Ended => {
                evse.transaction = None;
                evse.increased = None;
                evse.ledger.transaction_ended(at, credit);
            }
            EvseChange::Claimed(current) => evse.draw.claims(*current),
            EvseChange::Lacks(current) => evse.draw.lacks_limit(*current),
            EvseChange::Measured(draw) | EvseChange::Paused(draw) => {
                let disobeys = match pauses {
                    true => evse.draw.paused(at, *draw, allowed),
                    false => evse.draw.measured(at, *draw, allowed),
                };
                let ended = |purpose| {
                    evse.ledger.held(purpose).is_some_and(|held| held.has_ended(at, credit))
                };
                if disobeys && (ended(Purpose::Default) || ended(Purpose::Transaction)) {
                    // Its lease was over and it went on: it gets no credit for one any more.
                    station.capability.keeps_durations = false;
                    let station = evse.station;
                    self.judge_ends_anew(station);
                }
            }
        }
    }

    /// From here on a station's own clock says what is over, or nobody does.
    fn judge_ends_anew(&mut self, station: u32) {
        for evse in &self.stations[station as usize].evses {
            self.evses[*evse as usize].ledger.judge_ends_anew();
        }
    }

    fn granted(&mut self, granted: &Granted) {
        let Some(index) = self.evse(&granted.evse) else { return };
        let raised = granted.limit > self.acknowledged(index, granted.at);
        let evse = &mut self.evses[index as usize];
        if raised {
            (evse.increased, evse.raising) = (Some(granted.at), Some(granted.grant));
        }
        evse.ledger.grant(granted);
        let station = &mut self.stations[evse.station as usize].station;
        station.wrote(granted.at);
        station.line =
            Line::Limit { evse: granted.evse.evse, grant: granted.grant, since: granted.at };
    }

    fn returned(&mut self, at: Timestamp, id: &EvseId, grant: GrantId, how: Returned) {
        self.free_line(id, grant);
        let Some(index) = self.evse(id) else { return };
        let evse = &mut self.evses[index as usize];
        let station = &self.stations[evse.station as usize].station;
        let credit = station.credit(at);
        evse.ledger.returned(at, grant, how, credit);
        if evse.transaction.is_none() {
            evse.ledger.drop_refused(at, credit);
        }
        if evse.raising == Some(grant) {
            evse.raising = None;
            evse.unanswered = match how {
                Returned::Accepted | Returned::Refused => 0,
                Returned::TimedOut => evse.unanswered.saturating_add(1),
                // A connection that ended says nothing of the next.
                Returned::Gone { .. } => evse.unanswered,
            };
        }
    }

    /// The line of a station on which a grant came back, be its EVSE still in the tree or not.
    fn free_line(&mut self, id: &EvseId, grant: GrantId) {
        let Some(index) = self.station_index.get(&id.station) else { return };
        let line = &mut self.stations[*index as usize].station.line;
        if let Line::Limit { evse, grant: open, .. } = *line
            && (evse, open) == (id.evse, grant)
        {
            *line = Line::Free;
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
