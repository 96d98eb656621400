//! Owns what a surplus of the site means for a plan: so much power, slot after slot, costs only
//! what it would have earned, and nothing beyond it does. Must never make more of a surplus than
//! there is: what two cars take of it counts once.

use super::Question;
use crate::units::Power;

impl Question<'_> {
    /// The surplus in a slot, beside all that charges.
    pub(super) fn surplus_in(&self, slot: usize) -> Power {
        self.surplus.get(slot).copied().unwrap_or_default().max(Power::ZERO)
    }

    /// What a kWh of a surplus in a slot saves who takes it instead of one from the grid; none
    /// where prices are not known.
    pub(super) fn saves_in(&self, slot: usize) -> i64 {
        saves(self.prices, self.feed_in, slot)
    }

    /// Whether it matters when a car charges.
    pub(super) fn is_priced(&self) -> bool {
        is_priced(self.prices, self.surplus, self.feed_in)
    }

    /// By slot, what a kWh costs on average if all charge at their most: for who counts in prices
    /// alone.
    pub(super) fn mixed_prices(&self) -> Vec<i64> {
        let demand: i64 = self.cars.iter().map(|car| car.power(self).0).sum();
        let mixed = |(slot, price): (usize, &i64)| {
            let surplus = self.surplus_in(slot).0.saturating_mul(1_000);
            let share = (surplus / demand.max(1)).min(1_000);
            let less = i128::from(self.saves_in(slot)) * i128::from(share) / 1_000;
            price - i64::try_from(less).unwrap_or(0)
        };
        self.prices.iter().enumerate().map(mixed).collect()
    }
}

/// Whether it matters when a car charges: prices differ, or a surplus is cheaper than the grid.
pub(super) fn is_priced(prices: &[i64], surplus: &[Power], feed_in: i64) -> bool {
    let differ = prices.iter().any(|price| *price != prices[0]);
    let is_cheaper =
        |(slot, power): (usize, &Power)| *power > Power::ZERO && saves(prices, feed_in, slot) > 0;
    differ || surplus.iter().enumerate().any(is_cheaper)
}

fn saves(prices: &[i64], feed_in: i64, slot: usize) -> i64 {
    prices.get(slot).map_or(0, |price| price.saturating_sub(feed_in).max(0))
}
