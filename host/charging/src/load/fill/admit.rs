//! Owns who may charge when not everyone's minimum fits: in which order minima are given, who is
//! spared a pause, and whose turn it is. Must never let a minimum in that does not fit into every
//! row, counted in integers.

use std::cmp::Ordering;

use super::{Bounds, Demand, Filler, Held, Policy, STEP, Tick};
use crate::load::legs::Legs;
use crate::units::Timestamp;

/// Someone who has waited so many turns has it whatever his class.
const TURNS_OVERDUE: i64 = 4;

/// An EVSE in the order in which minima are given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    evse: u32,
    class: u8,
    rank: Rank,
    laxity: f64,
    is_off: bool,
    /// Who waits longest is first; who charges longest is last.
    age: i64,
}

/// Whether it is admitted before the filling, and how early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Began a short while ago: not paused yet.
    Guarded,
    /// Has waited for its turn.
    Turn,
    /// Its share is worth charging with.
    Share,
    /// Gets what others leave.
    Waiting,
}

impl Candidate {
    fn order(&self, other: &Self) -> Ordering {
        let of = |c: &Self| (c.rank != Rank::Guarded, c.class, c.rank);
        let rest = |c: &Self| (c.is_off, c.age, c.evse);
        of(self)
            .cmp(&of(other))
            .then(self.laxity.total_cmp(&other.laxity))
            .then(rest(self).cmp(&rest(other)))
    }
}

impl Filler {
    /// Whether every minimum fits into every row: then nobody has to wait.
    pub(super) fn all_fit(&mut self, tick: &Tick<'_>) -> bool {
        self.used.clear();
        self.used.resize(self.capacity.len(), 0);
        for (evse, bounds) in self.bounds.iter().enumerate() {
            if bounds.held != Held::Nothing {
                add(&mut self.used, tick, evse, bounds.min);
            }
        }
        self.used.iter().zip(&self.capacity).all(|(used, capacity)| used <= capacity)
    }

    /// Orders all that want to charge. Unless all fit, the filling has said what everyone's share
    /// would be without minima.
    pub(super) fn order(&mut self, tick: &Tick<'_>, all_fit: bool) {
        self.order.clear();
        for (evse, bounds) in self.bounds.iter().enumerate() {
            if bounds.held == Held::Nothing {
                continue;
            }
            let target = tick.states[evse].target.map(|target| target.0 as f64);
            let share = if all_fit { target } else { target.or(self.water.value(evse as u32)) };
            self.order.push(tick.candidate(evse, bounds, share));
        }
        if !all_fit || tick.states.iter().any(|state| state.target.is_some()) {
            self.order.sort_unstable_by(Candidate::order);
        }
    }

    /// Gives minima to all who are not to wait, in order, while they fit.
    pub(super) fn admit(&mut self, tick: &Tick<'_>) {
        self.used.clear();
        self.used.resize(self.capacity.len(), 0);
        for candidate in &self.order {
            if candidate.rank != Rank::Waiting {
                let evse = candidate.evse as usize;
                let min = self.bounds[evse].min;
                if fits(&self.used, &self.capacity, tick, evse, min) {
                    add(&mut self.used, tick, evse, min);
                    self.bounds[evse].admitted = true;
                }
            }
        }
    }

    /// After the filling, gives minima to those who wait where they still fit: whether to any.
    pub(super) fn admit_waiting(&mut self, tick: &Tick<'_>) -> bool {
        if self.order.iter().all(|candidate| self.bounds[candidate.evse as usize].admitted) {
            return false;
        }
        self.used.clear();
        self.used.resize(self.capacity.len(), 0);
        for (evse, bounds) in self.bounds.iter().enumerate() {
            if let (true, Some(value)) = (bounds.admitted, self.water.value(evse as u32)) {
                add(&mut self.used, tick, evse, super::settle::rounded(value, bounds));
            }
        }
        let mut any = false;
        for candidate in &self.order {
            let evse = candidate.evse as usize;
            let Bounds { min, admitted, .. } = self.bounds[evse];
            if !admitted && fits(&self.used, &self.capacity, tick, evse, min) {
                add(&mut self.used, tick, evse, min);
                self.bounds[evse].admitted = true;
                any = true;
            }
        }
        any
    }
}

impl Tick<'_> {
    /// An EVSE with its rank. Its share is `None` when all minima fit.
    fn candidate(&self, evse: usize, bounds: &Bounds, share: Option<f64>) -> Candidate {
        let (state, settings) = (&self.states[evse], self.settings);
        debug_assert_eq!(state.demand, Demand::Wants);
        let laxity = self.laxity(evse);
        let since = self.now.since(state.since).0;
        let urgent = settings.policy == Policy::Fair || laxity <= 0.0;
        let worth = if state.on { settings.keep } else { settings.begin };
        let worth = bounds.min as f64 * f64::from(worth) / 1e3;
        let rank = if state.on && since < settings.guard.0 {
            Rank::Guarded
        } else if !state.on && urgent && since >= settings.turn.0 {
            Rank::Turn
        } else if share.is_none_or(|share| share + STEP.0 as f64 / 2.0 >= worth) {
            Rank::Share
        } else {
            Rank::Waiting
        };
        let overdue = !state.on && since >= settings.turn.0.saturating_mul(TURNS_OVERDUE);
        Candidate {
            evse: evse as u32,
            class: if overdue { 0 } else { state.class },
            rank,
            laxity,
            is_off: !state.on,
            age: age(state.since, state.on),
        }
    }
}

fn age(since: Timestamp, on: bool) -> i64 {
    if on { since.0.saturating_neg() } else { since.0 }
}

/// Whether a current fits into every row beside what is used.
pub(super) fn fits(
    used: &[i64],
    capacity: &[i64],
    tick: &Tick<'_>,
    evse: usize,
    current: i64,
) -> bool {
    tick.parts(evse, current).all(|(row, part)| used[row].saturating_add(part) <= capacity[row])
}

pub(super) fn add(used: &mut [i64], tick: &Tick<'_>, evse: usize, current: i64) {
    for (row, part) in tick.parts(evse, current) {
        used[row] = used[row].saturating_add(part);
    }
}

impl Tick<'_> {
    /// What a current of an EVSE, in mA, takes of each of its rows, in microamperes; rows in which
    /// it does not count are left out.
    pub(super) fn parts(
        &self,
        evse: usize,
        current: i64,
    ) -> impl Iterator<Item = (usize, i64)> + '_ {
        let legs = self.states.get(evse).map_or(Legs::UNKNOWN, |state| state.legs);
        let rows = self.rows.of_evse(evse as u32, legs).filter(|(_, a)| *a > 0);
        rows.map(move |(row, a)| (row as usize, current.saturating_mul(i64::from(a))))
    }
}
