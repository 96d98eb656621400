//! Owns a question as it can be handed to another thread: it owns all that it names, and is small
//! where cars are many. Must never hold what a site learned of one driver but in numbers.

use std::sync::Arc;

use super::battery::Stores;
use super::departure::Departures;
use super::surplus::is_priced;
use super::{Car, Question};
use crate::load::legs::Legs;
use crate::load::rows::Rows;
use crate::units::{Current, Energy, Millis, Power, Timestamp};

/// A question that owns what it asks.
#[derive(Clone, Debug)]
pub struct Asked {
    /// As in `Question`.
    pub from: Timestamp,
    /// As in `Question`.
    pub slot: Millis,
    /// How many slots there are.
    pub slots: u32,
    /// As in `Question`.
    pub rows: Arc<Rows>,
    /// As in `Question`.
    pub headroom: Vec<Current>,
    /// As in `Question`.
    pub scarce: Vec<bool>,
    /// As in `Question`.
    pub prices: Vec<i64>,
    /// As in `Question`.
    pub surplus: Vec<Power>,
    /// As in `Question`.
    pub feed_in: i64,
    /// The cars that want to charge.
    pub cars: Vec<Parked>,
    /// As in `Question`.
    pub free: Vec<u32>,
    /// As in `Question`.
    pub stores: Stores,
}

/// A car that wants to charge, and when it may leave.
#[derive(Clone, Debug)]
pub struct Parked {
    /// As in `Car`.
    pub evse: u32,
    /// As in `Car`.
    pub legs: Legs,
    /// As in `Car`.
    pub min: Current,
    /// As in `Car`.
    pub max: Current,
    /// As in `Car`.
    pub is_on: bool,
    /// As in `Car`.
    pub energy: Energy,
    /// When it is expected to leave; where `departures` are of how long cars stayed, when it came.
    pub expected: Timestamp,
    /// How far off others were.
    pub departures: Arc<Departures>,
}

impl Asked {
    /// Whether it matters when a car charges: only then may one wait.
    pub fn is_priced(&self) -> bool {
        is_priced(&self.prices, &self.surplus, self.feed_in)
    }

    /// Asks a planner.
    pub fn of<T>(&self, ask: impl FnOnce(&Question<'_>) -> T) -> T {
        let cars: Vec<_> = self.cars.iter().map(|car| self.car(car)).collect();
        ask(&Question {
            from: self.from,
            slot: self.slot,
            rows: &self.rows,
            headroom: &self.headroom,
            scarce: &self.scarce,
            prices: &self.prices,
            surplus: &self.surplus,
            feed_in: self.feed_in,
            cars: &cars,
            free: &self.free,
            stores: &self.stores,
        })
    }

    /// What its rows would let it have if nobody else charged.
    fn alone(&self, car: &Parked) -> Current {
        let rows = self.rows.of_evse(car.evse, car.legs).filter(|(_, a)| *a > 0);
        let left = rows.map(|(row, a)| {
            let headroom = self.headroom.get(row as usize).copied().unwrap_or_default();
            Current(headroom.0.max(0).saturating_mul(1_000) / i64::from(a))
        });
        left.min().unwrap_or(car.max)
    }

    fn car(&self, car: &Parked) -> Car {
        let end = |slot: i64| self.from.plus(Millis(self.slot.0.saturating_mul(slot)));
        let chance = |slot| car.departures.still_there(car.expected, self.from, end(slot));
        Car {
            evse: car.evse,
            legs: car.legs,
            min: car.min,
            max: car.max.min(self.alone(car)).max(car.min),
            is_on: car.is_on,
            energy: car.energy,
            there: (1..=i64::from(self.slots)).map(chance).take_while(|there| *there > 0).collect(),
        }
    }
}
