//! Owns what one set of readings says about the legs that a car draws on.
//! Must never take a leg for unused of which nothing is said, but where that follows.

use super::learn::DRAWS;
use crate::fact::metering::{Measurand, Reading, ReadingValue};
use crate::load::rows::EvseWiring;
use crate::units::Current;

/// The voltage of a line is within so many parts of a hundred of what it is named after (EN 50160).
const VOLTAGE_PERCENT: i64 = 10;

/// From so much on a leg, as much on one more is beyond all that is tolerated here.
const MUCH: Current = Current(5_000);

/// What readings say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// Nothing of which one could be sure.
    Nothing,
    /// It draws on these legs, and on no others.
    Uses([bool; 3]),
    /// It draws more than is on the legs that they name: on others too.
    More,
}

/// What readings of one moment say of the legs that a car draws on. They are believed
/// - where they name each leg that is connected;
/// - where what is on the legs that they name makes up the whole power, by the voltage that they
///   tell, else by a tenth more than the lines are named after. A car draws alike on the legs that
///   it uses, since it is told one limit for all: on one more it would take half as much again, or
///   twice as much, and even at a tenth too little voltage that is more than the tolerance. Only
///   from 5 A on each leg: a car on standby draws little power for its current;
/// - where the model is known to leave out only legs without current, and the power does not say
///   otherwise.
///
/// Never where they name a leg that is not connected: a grid's name for the only one says nothing.
/// Where no current is told by leg, the power of each leg says it.
pub(super) fn told(now: &[&Reading], wiring: &EvseWiring, omits_idle: bool) -> Told {
    let mut most: [Option<Current>; 3] = [None; 3];
    for (leg, current) in by_leg(now, wiring) {
        // One leg may be told at several places.
        most[leg] = most[leg].max(Some(current));
    }
    let named = most.map(|leg| leg.is_some());
    let uses = most.map(|leg| leg.is_some_and(|current| current >= DRAWS));
    let used = || most.iter().flatten().filter(|current| **current >= DRAWS);
    let is_much = used().all(|current| *current >= MUCH);
    let sum =
        most.iter().flatten().fold(Current::ZERO, |sum, leg| sum.plus((*leg).max(Current::ZERO)));
    let connected = usize::from(wiring.legs);
    if !named.contains(&true) || (connected..3).any(|leg| named[leg]) {
        return Told::Nothing;
    }
    if (0..connected).all(|leg| named[leg]) {
        return Told::Uses(uses);
    }
    let microwatts = i128::from(sum.plus(DRAWS).0) * i128::from(millivolts(now, wiring));
    match whole_power(now).map(|watts| i128::from(watts) * 1_000_000 <= microwatts) {
        Some(true) if is_much => Told::Uses(uses),
        Some(true) => Told::Nothing,
        Some(false) => Told::More,
        None if omits_idle => Told::Uses(uses),
        None => Told::Nothing,
    }
}

/// What is told of each leg.
fn by_leg(now: &[&Reading], wiring: &EvseWiring) -> Vec<(usize, Current)> {
    let of = |reading: &&Reading, power: bool| {
        let leg = reading.phase.as_deref().and_then(leg)?;
        match reading.value {
            ReadingValue::Current(current) if !power => Some((leg, current)),
            ReadingValue::Power(watts) if power => Some((leg, wiring.current(watts, 1))),
            _ => None,
        }
    };
    let currents: Vec<_> = now.iter().filter_map(|reading| of(reading, false)).collect();
    match currents.is_empty() {
        true => now.iter().filter_map(|reading| of(reading, true)).collect(),
        false => currents,
    }
}

fn whole_power(now: &[&Reading]) -> Option<i64> {
    let whole = now.iter().filter_map(|reading| match reading.value {
        ReadingValue::Power(power) if reading.phase.is_none() => Some(power.0),
        _ => None,
    });
    whole.max()
}

/// The most volts that there are across a leg, in millivolts: as told, where that can be so (two
/// lines have more between them), else as much as there may be.
fn millivolts(now: &[&Reading], wiring: &EvseWiring) -> i64 {
    let named = i64::from(wiring.millivolts);
    let most = named.saturating_add(named * VOLTAGE_PERCENT / 100);
    let told = now.iter().filter_map(|reading| match (&reading.measurand, &reading.value) {
        (Measurand::Voltage, ReadingValue::Other { thousandths, unit }) if &**unit == "V" => {
            Some(*thousandths)
        }
        _ => None,
    });
    let likely = told.filter(|told| (told - named).abs() <= most - named);
    likely.max().unwrap_or(most)
}

/// The leg of a connector that a station calls so: `L1`, `L2-N`.
fn leg(phase: &str) -> Option<usize> {
    match phase.get(..2)? {
        "L1" => Some(0),
        "L2" => Some(1),
        "L3" => Some(2),
        _ => None,
    }
}
