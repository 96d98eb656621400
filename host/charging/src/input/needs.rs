//! Owns what a car says that it needs (NotifyEVChargingNeeds), and what of it is nonsense. Must
//! never plan with a departure or an energy that cannot be.

use std::fmt;

use crate::units::{Current, Energy, Millis, Power, Timestamp};

/// Clocks before this (2010-01-01) were never set (QUIRKS Q30).
const CLOCKS_BEGIN: Timestamp = Timestamp(1_262_304_000_000);
/// Nobody stays for longer.
const STAYS_AT_MOST: Millis = Millis::from_secs(60 * 24 * 3_600);
/// A departure that has passed by no more than this may be told by a clock that is behind.
const BEHIND_AT_MOST: Millis = Millis::from_secs(3_600);
/// No vehicle takes more at once.
const ENERGY_AT_MOST: Energy = Energy::from_wh(5_000_000);
/// No outlet gives more.
const CURRENT_AT_MOST: Current = Current(5_000_000);
/// No outlet gives more.
const POWER_AT_MOST: Power = Power(10_000_000);

/// What a car says that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// When the station heard it, by its clock (2.1).
    pub reported: Option<Timestamp>,
    /// How it charges.
    pub transfer: Transfer,
    /// When it leaves, by the station's clock.
    pub departure: Option<Timestamp>,
    /// How much it wants until then.
    pub energy: Option<Energy>,
    /// The least that it takes, on each phase.
    pub minimum: Option<Current>,
    /// The most that it takes, on each phase.
    pub maximum: Option<Current>,
    /// The most that it takes.
    pub power: Option<Power>,
    /// What its battery holds when full.
    pub capacity: Option<Energy>,
    /// How full it is, in percent.
    pub charge_percent: Option<u8>,
    /// How many schedules it takes to choose from (`maxScheduleTuples`).
    pub schedules: Option<u32>,
}

/// How a car charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// On alternating current, on so many phases; none where it does not say.
    Ac(Option<u8>),
    /// On direct current.
    Dc,
    /// Without a cable.
    Wireless,
}

/// Why a part of what a car says is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nonsense {
    /// A departure of a clock that was never set.
    DepartureUnset(Timestamp),
    /// A departure that has passed.
    DeparturePassed(Timestamp),
    /// A departure in months.
    DepartureFar(Timestamp),
    /// An energy below zero, or that no battery holds.
    Energy(Energy),
    /// More energy than there is room for in its battery.
    EnergyBeyondBattery(Energy),
    /// A battery that cannot be.
    Capacity(Energy),
    /// A current that cannot be.
    Current(Current),
    /// A least current above the most.
    CurrentsCrossed(Current),
    /// A power that cannot be.
    Power(Power),
}

impl fmt::Display for Nonsense {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DepartureUnset(at) => write!(f, "the departure {at} is of a clock never set"),
            Self::DeparturePassed(at) => write!(f, "the departure {at} has passed"),
            Self::DepartureFar(at) => write!(f, "the departure {at} is too far away"),
            Self::Energy(energy) => write!(f, "no car takes {energy}"),
            Self::EnergyBeyondBattery(energy) => {
                write!(f, "its battery has no room for {energy}")
            }
            Self::Capacity(energy) => write!(f, "no battery holds {energy}"),
            Self::Current(current) => write!(f, "no car takes {current}"),
            Self::CurrentsCrossed(current) => {
                write!(f, "the least current, {current}, is above the most")
            }
            Self::Power(power) => write!(f, "no car takes {power}"),
        }
    }
}

impl Needs {
    /// Without what is nonsense, and what that was; `now` is by the clock that the departure is
    /// told by.
    pub fn sound(mut self, now: Timestamp) -> (Self, Vec<Nonsense>) {
        let mut found = Vec::new();
        sift(&mut self.departure, &mut found, |at| departure(at, now));
        let energy = |energy: Energy| {
            let wrong = energy < Energy::ZERO || energy > ENERGY_AT_MOST;
            wrong.then_some(Nonsense::Energy(energy))
        };
        sift(&mut self.energy, &mut found, energy);
        let capacity = |energy: Energy| {
            let wrong = energy <= Energy::ZERO || energy > ENERGY_AT_MOST;
            wrong.then_some(Nonsense::Capacity(energy))
        };
        sift(&mut self.capacity, &mut found, capacity);
        let current = |current: Current| {
            let wrong = current < Current::ZERO || current > CURRENT_AT_MOST;
            wrong.then_some(Nonsense::Current(current))
        };
        sift(&mut self.minimum, &mut found, current);
        sift(&mut self.maximum, &mut found, current);
        let power = |power: Power| {
            let wrong = power < Power::ZERO || power > POWER_AT_MOST;
            wrong.then_some(Nonsense::Power(power))
        };
        sift(&mut self.power, &mut found, power);
        let room = self.capacity;
        sift(&mut self.energy, &mut found, |energy| {
            let wrong = room.is_some_and(|room| energy > room.plus(Energy(room.0 / 4)));
            wrong.then_some(Nonsense::EnergyBeyondBattery(energy))
        });
        let most = self.maximum;
        sift(&mut self.minimum, &mut found, |least| {
            let wrong = most.is_some_and(|most| least > most);
            wrong.then_some(Nonsense::CurrentsCrossed(least))
        });
        (self, found)
    }
}

/// Drops a value that is wrong.
fn sift<T: Copy>(
    value: &mut Option<T>,
    found: &mut Vec<Nonsense>,
    wrong: impl Fn(T) -> Option<Nonsense>,
) {
    if let Some(nonsense) = value.and_then(wrong) {
        *value = None;
        found.push(nonsense);
    }
}

fn departure(at: Timestamp, now: Timestamp) -> Option<Nonsense> {
    if at < CLOCKS_BEGIN {
        Some(Nonsense::DepartureUnset(at))
    } else if at.plus(BEHIND_AT_MOST) < now {
        Some(Nonsense::DeparturePassed(at))
    } else if at.since(now) > STAYS_AT_MOST {
        Some(Nonsense::DepartureFar(at))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
