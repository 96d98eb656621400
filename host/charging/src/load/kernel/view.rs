//! Owns one look at the site: what every EVSE may be drawing and what that makes in every row, in
//! integers. Must never be kept beyond the decision that it was made for.

use super::Kernel;
use super::decide::Site;
use crate::units::{Current, Timestamp};

/// The site at one moment.
pub(super) struct View<'a> {
    pub(super) kernel: &'a Kernel,
    pub(super) now: Timestamp,
    pub(super) site: &'a Site<'a>,
    /// By EVSE: what it may be drawing, with all that was decided to send.
    pub(super) exposure: Vec<Current>,
    /// By row, in microamperes: what that adds up to.
    pub(super) loads: Vec<i64>,
}

impl<'a> View<'a> {
    /// Looks. The memory is taken as it is, and can be taken back.
    pub(super) fn new(
        kernel: &'a Kernel,
        now: Timestamp,
        site: &'a Site<'a>,
        memory: (Vec<Current>, Vec<i64>),
    ) -> Self {
        let (mut exposure, mut loads) = memory;
        let evses = kernel.evses.len().min(site.rows.evses().len()) as u32;
        exposure.clear();
        exposure.extend((0..evses).map(|evse| kernel.exposure(evse, now)));
        let mut view = Self { kernel, now, site, exposure, loads: Vec::new() };
        view.sums(&mut loads, |evse| view.exposure[evse as usize]);
        view.loads = loads;
        view
    }

    pub(super) fn evses(&self) -> std::ops::Range<u32> {
        0..self.exposure.len() as u32
    }

    /// The rows of an EVSE with its coefficients in thousandths, as its car counts.
    pub(super) fn rows_of(&self, evse: u32) -> impl Iterator<Item = (usize, i64)> + '_ {
        let legs = self.site.legs.get(evse as usize).copied().unwrap_or_default();
        let rows = self.site.rows.of_evse(evse, legs);
        rows.map(|(row, coefficient)| (row as usize, i64::from(coefficient)))
    }

    /// By row, in microamperes: what the EVSEs' currents add up to.
    pub(super) fn sums(&self, sums: &mut Vec<i64>, current: impl Fn(u32) -> Current) {
        sums.clear();
        sums.resize(self.site.rows.rows().len(), 0);
        for evse in self.evses() {
            let current = current(evse).0;
            for (row, coefficient) in self.rows_of(evse) {
                sums[row] = sums[row].saturating_add(current.saturating_mul(coefficient));
            }
        }
    }

    /// What a row has for its members, now and for as long as a limit takes to arrive, in
    /// microamperes.
    pub(super) fn room(&self, row: usize) -> i64 {
        self.room_now(row).min(micros(self.site.announced, row))
    }

    /// What a row has for its members now, in microamperes.
    pub(super) fn room_now(&self, row: usize) -> i64 {
        micros(self.site.headroom, row)
    }

    /// What of that is expected to last, in microamperes.
    pub(super) fn lasting(&self, row: usize) -> i64 {
        self.room(row).min(micros(self.site.lasting, row))
    }

    /// Whether an EVSE may draw so much beside all that the others may.
    pub(super) fn fits(&self, evse: u32, current: Current) -> bool {
        let room = |row| self.room(row);
        current <= self.exposure[evse as usize] || self.holds(evse, current, room)
    }

    /// Whether every row of an EVSE, with so much room, holds when it may draw so much, also those
    /// that it does not raise: an increase in a row that is over would be wrong even where it
    /// changes nothing.
    pub(super) fn holds(&self, evse: u32, current: Current, room: impl Fn(usize) -> i64) -> bool {
        let more = current.minus(self.exposure[evse as usize]).0.max(0);
        self.rows_of(evse).all(|(row, coefficient)| {
            coefficient == 0
                || self.loads[row].saturating_add(more.saturating_mul(coefficient)) <= room(row)
        })
    }

    /// The most that an EVSE may draw beside all that the others may.
    pub(super) fn most(&self, evse: u32, room: impl Fn(usize) -> i64) -> Current {
        let rows = self.rows_of(evse).filter(|(_, coefficient)| *coefficient > 0);
        let left = rows.map(|(row, coefficient)| {
            room(row).saturating_sub(self.loads[row]).div_euclid(coefficient)
        });
        self.exposure[evse as usize].plus(Current(left.min().unwrap_or(0)))
    }

    /// From now on an EVSE may be drawing so much.
    pub(super) fn raise(&mut self, evse: u32, current: Current) {
        let more = current.minus(self.exposure[evse as usize]).0;
        if more <= 0 {
            return;
        }
        self.exposure[evse as usize] = current;
        let legs = self.site.legs.get(evse as usize).copied().unwrap_or_default();
        for (row, coefficient) in self.site.rows.of_evse(evse, legs) {
            let load = &mut self.loads[row as usize];
            *load = load.saturating_add(more.saturating_mul(i64::from(coefficient)));
        }
    }
}

fn micros(currents: &[Current], row: usize) -> i64 {
    currents.get(row).map_or(0, |current| current.0.saturating_mul(1_000))
}
