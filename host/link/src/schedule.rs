//! Owns how limits on the wire become limits of the core. Must never show one higher than it was
//! told.

use busbar_charging::input::schedule::{Limit, Step};
use busbar_charging::units::{Current, Energy, Millis, Power};
use busbar_ocpp::values::Number;

/// Places that are looked at before a number is rounded down.
const PLACES: u32 = 6;

/// A period's begin in seconds, and what it says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) start: i64,
    pub(crate) limit: Option<&'a Number>,
    pub(crate) amperes: bool,
    pub(crate) phases: Option<i64>,
}

impl Told<'_> {
    /// A limit below zero is one of zero.
    pub(crate) fn step(self) -> Step {
        let unit = if self.amperes { 3 } else { 0 };
        let limit = self.limit.map(|number| floor(number, unit).max(0));
        let limit = limit.map(|value| {
            if self.amperes { Limit::Current(Current(value)) } else { Limit::Power(Power(value)) }
        });
        let phases = self.phases.and_then(|phases| u8::try_from(phases).ok());
        Step { start: Millis::from_secs(self.start), limit, phases }
    }

    /// The same where a limit below zero stands for none (QUIRKS Q76).
    pub(crate) fn step_of_composite(self) -> Step {
        let none = self.limit.is_some_and(|number| number.compare(0).is_lt());
        Self { limit: self.limit.filter(|_| !none), ..self }.step()
    }
}

/// A number times 10^`places`, rounded down; at the bounds of 64 bits instead of beyond them.
pub(crate) fn floor(number: &Number, places: u32) -> i64 {
    let finer = number.to_fixed_rounded(PLACES);
    let scale = 10_i64.pow(PLACES - places);
    match finer {
        Some(finer) => finer.div_euclid(scale),
        None if number.compare(0).is_lt() => i64::MIN,
        None => i64::MAX,
    }
}

/// A quantity that 2.0.1 tells in whole units and 2.1 in decimals.
pub(crate) trait Quantity {
    /// In thousandths, rounded down.
    fn thousandths(&self) -> i64;
}

impl Quantity for i64 {
    fn thousandths(&self) -> i64 {
        self.saturating_mul(1_000)
    }
}

impl Quantity for Number {
    fn thousandths(&self) -> i64 {
        floor(self, 3)
    }
}

/// Amperes.
pub(crate) fn current(amperes: &impl Quantity) -> Current {
    Current(amperes.thousandths())
}

/// Watt-hours.
pub(crate) fn energy(watt_hours: &impl Quantity) -> Energy {
    Energy(watt_hours.thousandths())
}

/// Watts.
pub(crate) fn power(watts: &impl Quantity) -> Power {
    Power(watts.thousandths().div_euclid(1_000))
}

#[cfg(test)]
mod tests;
