//! Owns a site battery as a planner sees it: what it can do and holds, what it is to do, and what
//! of that it can. Must never let one be planned beyond its power, its capacity, or the room of the
//! rows above it; what it gives back makes no room: only what a meter shows does.

use std::collections::BTreeMap;

use super::Question;
use super::expected::Expected;
use crate::units::{Current, Energy, Millis, Power};

/// So much less than its most is not worth switching a battery for, in thousandths.
const LEAST: i64 = 10;

/// A battery that can be planned for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Battery {
    /// Its index in the tree.
    pub index: u32,
    /// What it can hold.
    pub capacity: Energy,
    /// What it holds now.
    pub energy: Energy,
    /// What it is not discharged below, or below what it holds where that is less.
    pub reserve: Energy,
    /// The most that it can charge with, before its losses.
    pub charge: Power,
    /// The most that it can give.
    pub discharge: Power,
    /// Thousandths of what it charges that it gives back: all that is lost is lost in charging.
    pub efficiency: u32,
    /// Millionths of the currency that a kWh costs by wear, counted when it is given back.
    pub wear: i64,
    /// What it counts in rows.
    pub shares: Vec<Share>,
}

/// What a battery counts in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// The row's index.
    pub row: u32,
    /// Microamperes for each watt, as the row counts.
    pub microamps: u32,
}

/// The batteries of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stores {
    /// In the order of the tree; those of which it is not known what they hold are not there.
    pub batteries: Vec<Battery>,
    /// By row, what all of them together may add to it. Nothing for a row that is not there.
    pub room: Vec<Current>,
}

/// What a battery is to do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetPoints {
    /// Its index in the tree.
    pub battery: u32,
    /// Slot after slot; positive charges.
    pub power: Vec<Power>,
}

impl Share {
    /// What a power counts in the row, rounded up.
    pub fn of(self, power: Power) -> Current {
        let micros = i128::from(power.0) * i128::from(self.microamps);
        Current(i64::try_from((micros + 999).div_euclid(1_000)).unwrap_or(i64::MAX))
    }

    /// The power that fits into a current, rounded down.
    fn within(self, room: Current) -> Power {
        let micros = i128::from(room.0.max(0)) * 1_000 / i128::from(self.microamps.max(1));
        Power(i64::try_from(micros).unwrap_or(i64::MAX))
    }
}

/// What a battery holds, exactly: thousandths of a watt for a millisecond.
#[derive(Clone, Copy)]
struct Holds(i128);

/// A mWh.
const MILLIWATT_HOUR: i128 = 3_600_000;

impl Holds {
    fn of(energy: Energy) -> Self {
        Self(i128::from(energy.0) * MILLIWATT_HOUR)
    }

    /// What is left of it above another, for a time at a rate: a power, rounded down.
    fn above(self, other: Self, time: Millis, thousandths: u32) -> Power {
        let each = i128::from(time.0.max(1)) * i128::from(thousandths.max(1));
        Power(i64::try_from((self.0 - other.0).max(0) / each).unwrap_or(i64::MAX))
    }
}

impl Battery {
    /// What it is not discharged below: its reserve, or what it holds where that is less already.
    pub(super) fn kept(&self) -> Energy {
        self.reserve.min(self.energy)
    }

    /// What it holds after a time.
    fn after(&self, holds: Holds, power: Power, time: Millis) -> Holds {
        let kept = if power > Power::ZERO { i128::from(self.efficiency) } else { 1_000 };
        Holds(holds.0 + i128::from(power.0) * i128::from(time.0) * kept)
    }

    /// The most that it can charge with for a time.
    fn charges(&self, holds: Holds, time: Millis) -> Power {
        Holds::of(self.capacity).above(holds, time, self.efficiency).min(self.charge)
    }

    /// The most that it can give for a time.
    fn gives(&self, holds: Holds, time: Millis) -> Power {
        holds.above(Holds::of(self.kept()), time, 1_000).min(self.discharge)
    }
}

impl Stores {
    /// Set-points brought to where they may be, whoever wished them, in the order in which they
    /// are named.
    pub fn keep(&self, slot: Millis, wished: &[SetPoints]) -> Vec<SetPoints> {
        self.keep_in(slot, wished, |row, _| self.room(row))
    }

    fn battery(&self, index: u32) -> Option<&Battery> {
        self.batteries.iter().find(|battery| battery.index == index)
    }

    /// What all batteries together may add to a row.
    pub(super) fn room(&self, row: u32) -> Current {
        self.room.get(row as usize).copied().unwrap_or_default()
    }

    fn keep_in(
        &self,
        slot: Millis,
        wished: &[SetPoints],
        room: impl Fn(u32, usize) -> Current,
    ) -> Vec<SetPoints> {
        let mut taken: BTreeMap<(u32, usize), Current> = BTreeMap::new();
        let kept = wished.iter().filter_map(|wished| {
            let battery = self.battery(wished.battery)?;
            let (mut holds, mut kept) = (Holds::of(battery.energy), Vec::new());
            for (at, power) in wished.power.iter().enumerate() {
                let mut power = (*power).min(battery.charges(holds, slot));
                for share in &battery.shares {
                    let taken = taken.get(&(share.row, at)).copied().unwrap_or_default();
                    power = power.min(share.within(room(share.row, at).minus(taken)));
                }
                let power = power.max(Power(-battery.gives(holds, slot).0));
                if power > Power::ZERO {
                    for share in &battery.shares {
                        let taken = taken.entry((share.row, at)).or_default();
                        *taken = taken.plus(share.of(power));
                    }
                }
                holds = battery.after(holds, power, slot);
                kept.push(power);
            }
            Some(SetPoints { battery: wished.battery, power: kept })
        });
        kept.collect()
    }

    /// As `keep`, for what a planner has reckoned: beside what the cars are expected to take, and
    /// without what is hardly anything.
    pub(super) fn settle(
        &self,
        question: &Question<'_>,
        expected: &Expected<'_>,
        wished: &mut [SetPoints],
    ) -> Vec<SetPoints> {
        for wished in &mut *wished {
            let Some(battery) = self.battery(wished.battery) else { continue };
            for power in &mut wished.power {
                let most = if *power > Power::ZERO { battery.charge } else { battery.discharge };
                if power.0.abs().saturating_mul(1_000) < most.0.saturating_mul(LEAST) {
                    *power = Power::ZERO;
                }
            }
        }
        let room = |row, slot| self.room(row).min(expected.room(row, slot));
        self.keep_in(question.slot, wished, room)
    }
}

/// For whom the solver is too late: batteries charge from what is left over of a surplus, and do
/// nothing else.
pub(super) fn from_surplus(question: &Question<'_>, expected: &Expected<'_>) -> Vec<SetPoints> {
    let mut left: Vec<_> = (0..question.surplus.len())
        .map(|slot| question.surplus_in(slot).minus(expected.power(slot)).max(Power::ZERO))
        .collect();
    if left.is_empty() {
        return Vec::new();
    }
    let stores = question.stores;
    let mut all: Vec<SetPoints> = Vec::new();
    for battery in &stores.batteries {
        all.push(SetPoints { battery: battery.index, power: left.clone() });
        all = stores.settle(question, expected, &mut all);
        let Some(last) = all.last() else { continue };
        left.iter_mut().zip(&last.power).for_each(|(left, taken)| *left = left.minus(*taken));
    }
    all
}
