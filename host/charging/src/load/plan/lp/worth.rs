//! Owns what a kWh is worth in each slot, and what of a surplus may make one cheaper. Must never
//! count a surplus that others take before whoever waits for it.

use std::ops::Range;

use super::problem::{Column, Grid, Spare};
use crate::load::plan::Question;
use crate::units::Power;

/// Who waits does so for a reason: energy is worth so much less at the end of what is planned, so
/// that of two slots of one price the earlier is taken.
const LATER: f64 = 0.01;

/// What a kWh is worth by its price: 1 at the lowest.
pub(super) struct Worth<'a> {
    question: &'a Question<'a>,
    value: f64,
    lowest: f64,
    highest: i64,
    horizon: f64,
}

impl<'a> Worth<'a> {
    /// A kWh that is not delivered costs so many spreads of the prices more than the dearest one.
    pub(super) fn new(question: &'a Question<'a>, grid: &Grid, spreads: u32) -> Self {
        let prices = question.prices;
        let costs = |(slot, price): (usize, &i64)| match question.surplus_in(slot) {
            Power::ZERO => *price,
            _ => price - question.saves_in(slot),
        };
        let highest = prices.iter().max().copied().unwrap_or(0);
        let lowest = prices.iter().enumerate().map(costs).min().unwrap_or(0);
        let spread = highest.saturating_sub(lowest).max(1) as f64;
        let value = highest as f64 + f64::from(spreads.max(1)) * spread;
        let horizon = grid.ends.last().copied().unwrap_or(1).max(1) as f64;
        Self { question, value, lowest: lowest as f64, highest, horizon }
    }

    /// To whoever waits, from the grid in a range of slots. What is not known is taken for the
    /// highest.
    pub(super) fn of(&self, slots: Range<usize>) -> f64 {
        let later = self.later(&slots);
        (self.value - self.price(slots)) / (self.value - self.lowest) * later
    }

    /// What it costs in a range of slots, in the same measure; never below zero.
    pub(super) fn costs(&self, slots: Range<usize>) -> f64 {
        self.price(slots).max(0.0) / (self.value - self.lowest)
    }

    fn price(&self, slots: Range<usize>) -> f64 {
        let length = slots.len().max(1) as f64;
        let price = |slot| self.question.prices.get(slot).copied().unwrap_or(self.highest) as f64;
        slots.map(price).sum::<f64>() / length
    }

    fn later(&self, slots: &Range<usize>) -> f64 {
        1.0 - LATER * slots.start as f64 / self.horizon
    }

    /// What there is of a surplus for those who wait, and what it saves them. One that is less than
    /// any of them can charge with is none: nobody could follow it.
    pub(super) fn spares(&self, grid: &Grid, columns: &[Column], waits: &[bool]) -> Vec<Spare> {
        let question = self.question;
        if !waits.contains(&true) || question.surplus.is_empty() {
            return Vec::new();
        }
        let left = beside_others(question, waits);
        let waiting = question.cars.iter().zip(waits).filter(|(_, waits)| **waits);
        let least = waiting.map(|(car, _)| car.power_at(question, car.min).0).min();
        let least = least.unwrap_or(0) as f64;
        let mut could = vec![0.0; grid.ends.len()];
        for column in columns {
            could[column.slot] += column.takes * column.watts(question);
        }
        let ranges = grid.ranges().enumerate();
        let spares = ranges.filter_map(|(slot, range)| {
            let length = range.len().max(1) as f64;
            let of = |slot: usize| left.get(slot).copied().unwrap_or(0.0);
            let mean = range.clone().map(of).sum::<f64>() / length;
            let saved: f64 =
                range.clone().map(|slot| of(slot) * question.saves_in(slot) as f64).sum();
            let most = mean.min(could[slot]);
            if saved <= 0.0 || most <= 0.0 || mean < least {
                return None;
            }
            // Each slot's counts as much as it has.
            let saves = saved / length / mean / (self.value - self.lowest) * self.later(&range);
            Some(Spare { slot, there: mean, most, weight: saves })
        });
        spares.collect()
    }
}

/// What is left of a surplus, in W, once all who do not wait have taken theirs: at once, and all
/// that they can.
fn beside_others(question: &Question<'_>, waits: &[bool]) -> Vec<f64> {
    let slots = 0..question.surplus.len();
    let mut left: Vec<_> = slots.map(|slot| question.surplus_in(slot).0 as f64).collect();
    for car in question.cars.iter().zip(waits).filter(|(_, waits)| !**waits).map(|(car, _)| car) {
        let power = car.power(question).0 as f64;
        let slots = usize::try_from((car.need(question) + 999) / 1_000).unwrap_or(usize::MAX);
        for left in left.iter_mut().take(slots.min(car.there.len())) {
            *left = (*left - power).max(0.0);
        }
    }
    left
}
