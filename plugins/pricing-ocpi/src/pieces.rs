//! Owns the session as it is priced: pieces, each priced by what holds at its start. They are the
//! periods as the host cut them (a partner's CDR: as the partner cut them, OCPI `mod_cdrs`,
//! ChargingPeriod), but for durations after a reservation: they count from the start of charging,
//! and the host cuts them from the start of the session. Must never lose or make energy.

use busbar_sdk::{Activity, Error, Period, Session};

use crate::local::Local;
use crate::tariff::Tariff;

/// A part of the session in which the same elements are active.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) activity: Activity,
    /// Local time at `start`.
    pub(crate) local: Local,
    /// In mWh, during the piece.
    pub(crate) energy: u64,
    /// In mWh, from the start of the session to `start`.
    pub(crate) energy_before: u64,
    /// In ms, from the start of charging or of the reservation to `start`.
    pub(crate) elapsed: u64,
    /// Smallest and largest, in W.
    pub(crate) power: (Option<u64>, Option<u64>),
    /// Smallest and largest, in mA.
    pub(crate) current: (Option<u64>, Option<u64>),
}

/// What an element is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Charging,
    Reservation,
    Expiry,
}

impl Piece {
    /// Reserved, whether or not the reservation was used.
    pub(crate) fn is_reserved(&self) -> bool {
        is_reserved(self.activity)
    }

    /// In ms.
    pub(crate) fn length(&self) -> u64 {
        self.end.abs_diff(self.start)
    }
}

/// The pieces of the session.
///
/// # Errors
/// When periods overlap, end before they start, or are missing.
pub(crate) fn cut(tariff: &Tariff, session: &Session) -> Result<Vec<Piece>, Error> {
    if session.periods.is_empty() {
        return Err(Error::session("periods", "a session has at least one period"));
    }
    let first = session.periods.iter().find(|period| !is_reserved(period.activity));
    let begins_reserved = session.periods.first().is_some_and(|p| is_reserved(p.activity));
    let (charging_from, cuts) = match first {
        Some(first) if begins_reserved => (first.start, durations(tariff)),
        _ => (session.start, vec![]),
    };
    let mut pieces = Vec::with_capacity(session.periods.len());
    let (mut energy_before, mut last_end) = (0_u64, session.start);
    for (index, period) in session.periods.iter().enumerate() {
        if period.start < last_end || period.end < period.start || period.end > session.end {
            return Err(Error::session(format!("periods/{index}"), "it is out of order"));
        }
        let reserved = is_reserved(period.activity);
        if reserved && period.energy > 0 {
            let at = format!("periods/{index}/energy");
            return Err(Error::session(at, "a reserved EVSE delivers no energy"));
        }
        match reserved {
            true => add(&mut pieces, period, session.start, energy_before, &[]),
            false => add(&mut pieces, period, charging_from, energy_before, &cuts),
        }
        last_end = period.end;
        energy_before = energy_before
            .checked_add(period.energy)
            .filter(|&energy| i64::try_from(energy).is_ok())
            .ok_or_else(|| Error::session(format!("periods/{index}/energy"), "it is too much"))?;
    }
    Ok(pieces)
}

fn is_reserved(activity: Activity) -> bool {
    matches!(activity, Activity::Reserved | Activity::ReservationExpired)
}

/// Durations at which restrictions begin or end to hold, in ms.
fn durations(tariff: &Tariff) -> Vec<u64> {
    let whens = tariff.elements.iter().map(|element| &element.when);
    whens.flat_map(|when| [when.min_duration, when.max_duration]).flatten().collect()
}

/// Adds the pieces of a period whose durations count from `from`.
fn add(pieces: &mut Vec<Piece>, period: &Period, from: i64, energy_before: u64, cuts: &[u64]) {
    let (mut start, mut energy) = (period.start, 0);
    while let Some(end) = next_cut(start, period.end, from, cuts) {
        let until = share(period, end);
        pieces.push(piece(period, (start, end), (energy, until), from, energy_before));
        (start, energy) = (end, until);
    }
    let rest = (start, period.end);
    pieces.push(piece(period, rest, (energy, period.energy), from, energy_before));
}

fn next_cut(start: i64, end: i64, from: i64, cuts: &[u64]) -> Option<i64> {
    let instants = cuts.iter().filter_map(|&span| from.checked_add(i64::try_from(span).ok()?));
    instants.filter(|instant| (start + 1..end).contains(instant)).min()
}

fn piece(
    period: &Period,
    (start, end): (i64, i64),
    (energy, until): (u64, u64),
    from: i64,
    energy_before: u64,
) -> Piece {
    Piece {
        start,
        end,
        activity: period.activity,
        local: Local::at(start, period.utc_offset),
        energy: until - energy,
        energy_before: energy_before + energy,
        elapsed: start.abs_diff(from),
        power: (period.min_power, period.max_power),
        current: (period.min_current, period.max_current),
    }
}

/// The energy of a period up to an instant inside it: linear, rounded down.
fn share(period: &Period, instant: i64) -> u64 {
    let part = u128::from(instant.abs_diff(period.start));
    let length = u128::from(period.end.abs_diff(period.start));
    (u128::from(period.energy) * part / length) as u64
}
