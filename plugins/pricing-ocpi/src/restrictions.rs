//! Owns when an element is active: OCPI TariffRestrictions against a piece of the session in which
//! nothing that they ask for changes. Must never look at another piece.

use crate::local::{DAY_MS, Local};
use crate::pieces::{Piece, Purpose};

/// TariffRestrictions: all that are given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Restrictions {
    /// Milliseconds after local midnight, inclusive.
    pub(crate) start_time: Option<u32>,
    /// Milliseconds after local midnight, exclusive; midnight is the end of the day.
    pub(crate) end_time: Option<u32>,
    /// Local day, inclusive, in days since 1970-01-01.
    pub(crate) start_date: Option<i64>,
    /// Local day, exclusive, in days since 1970-01-01.
    pub(crate) end_date: Option<i64>,
    /// In mWh since the start of the session, inclusive.
    pub(crate) min_energy: Option<u64>,
    /// In mWh since the start of the session, exclusive.
    pub(crate) max_energy: Option<u64>,
    /// In mA, sum of phases, inclusive.
    pub(crate) min_current: Option<u64>,
    /// In mA, sum of phases, exclusive.
    pub(crate) max_current: Option<u64>,
    /// In W, inclusive.
    pub(crate) min_power: Option<u64>,
    /// In W, exclusive.
    pub(crate) max_power: Option<u64>,
    /// In ms since the start, inclusive.
    pub(crate) min_duration: Option<u64>,
    /// In ms since the start, exclusive.
    pub(crate) max_duration: Option<u64>,
    /// Bit 0 is Monday; 0 means every day.
    pub(crate) days: u8,
    pub(crate) reservation: Option<Reservation>,
}

/// ReservationRestrictionType.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reservation {
    Reservation,
    Expires,
}

impl Restrictions {
    /// True when all hold during the piece.
    pub(crate) fn hold(&self, piece: &Piece, purpose: Purpose) -> bool {
        self.serves(purpose)
            && self.time_holds(&piece.local)
            && self.day_holds(&piece.local)
            && within(self.min_energy, self.max_energy, piece.energy_before, piece.energy_before)
            && within(self.min_duration, self.max_duration, piece.elapsed, piece.elapsed)
            && range_within(self.min_power, self.max_power, piece.power)
            && range_within(self.min_current, self.max_current, piece.current)
    }

    /// True when the element depends on power or current.
    pub(crate) fn is_electrical(&self) -> bool {
        let all = [self.min_power, self.max_power, self.min_current, self.max_current];
        all.iter().any(Option::is_some)
    }

    fn serves(&self, purpose: Purpose) -> bool {
        self.reservation
            == match purpose {
                Purpose::Charging => None,
                Purpose::Reservation => Some(Reservation::Reservation),
                Purpose::Expiry => Some(Reservation::Expires),
            }
    }

    fn time_holds(&self, local: &Local) -> bool {
        let start = self.start_time.unwrap_or(0);
        let end = self.end_time.unwrap_or(DAY_MS as u32);
        match start < end {
            true => (start..end).contains(&local.time),
            // It passes midnight, or ends at it.
            false => local.time >= start || local.time < end,
        }
    }

    fn day_holds(&self, local: &Local) -> bool {
        self.start_date.is_none_or(|first| local.day >= first)
            && self.end_date.is_none_or(|end| local.day < end)
            && (self.days == 0 || self.days & 1 << local.weekday() != 0)
    }
}

/// A range that touches both sides of a limit counts for both; an unknown one restricts nothing.
fn range_within(min: Option<u64>, max: Option<u64>, range: (Option<u64>, Option<u64>)) -> bool {
    let (smallest, largest) = range;
    within(min, max, largest.unwrap_or(u64::MAX), smallest.unwrap_or(0))
}

fn within(min: Option<u64>, max: Option<u64>, largest: u64, smallest: u64) -> bool {
    min.is_none_or(|min| largest >= min) && max.is_none_or(|max| smallest < max)
}

#[cfg(test)]
mod tests;
