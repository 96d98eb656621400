//! Owns what a plan expects the cars to take, slot after slot: all of them together, and in the
//! rows that a battery counts in. Must never be more than an expectation: nothing follows from it
//! for a car.

use std::collections::{BTreeMap, BTreeSet};

use super::{Car, Question};
use crate::units::{Current, Power};

/// What the cars of a question are expected to take.
pub(super) struct Expected<'a> {
    question: &'a Question<'a>,
    power: Vec<Power>,
    /// Rows that batteries count in.
    watched: BTreeSet<u32>,
    /// By row and slot, thousandths of mA.
    rows: BTreeMap<(u32, usize), i64>,
}

impl<'a> Expected<'a> {
    pub(super) fn nothing(question: &'a Question<'a>) -> Self {
        let shares = question.stores.batteries.iter().flat_map(|battery| &battery.shares);
        let watched = shares.map(|share| share.row).collect();
        Self { question, power: Vec::new(), watched, rows: BTreeMap::new() }
    }

    /// A car takes a current in a slot.
    pub(super) fn add(&mut self, car: &Car, slot: usize, current: Current) {
        if self.power.len() <= slot {
            self.power.resize(slot + 1, Power::ZERO);
        }
        self.power[slot] = self.power[slot].plus(car.power_at(self.question, current));
        if self.watched.is_empty() {
            return;
        }
        for (row, a) in self.question.rows.of_evse(car.evse, car.legs) {
            if self.watched.contains(&row) {
                let load = self.rows.entry((row, slot)).or_default();
                *load = load.saturating_add(current.0.saturating_mul(i64::from(a)));
            }
        }
    }

    /// A car takes all that its caps allow, until it has what it wants.
    pub(super) fn add_under(&mut self, car: &Car, caps: &[Option<Current>]) {
        let most = car.max.0.max(1);
        // Thousandths of slots at its most.
        let mut left = car.need(self.question);
        for slot in 0..car.there.len() {
            if left <= 0 {
                return;
            }
            let cap = caps.get(slot).copied().flatten().map_or(most, |cap| cap.0.clamp(0, most));
            let part = (cap.saturating_mul(1_000) / most).min(left);
            left -= part;
            self.add(car, slot, Current(most.saturating_mul(part) / 1_000));
        }
    }

    /// What all cars together take.
    pub(super) fn power(&self, slot: usize) -> Power {
        self.power.get(slot).copied().unwrap_or_default()
    }

    /// What the cars leave of a row.
    pub(super) fn room(&self, row: u32, slot: usize) -> Current {
        let headroom = self.question.headroom.get(row as usize).copied().unwrap_or_default();
        let load = self.rows.get(&(row, slot)).map_or(0, |load| (load + 999).div_euclid(1_000));
        headroom.minus(Current(load))
    }

    pub(super) fn powers(self) -> Vec<Power> {
        self.power
    }
}
