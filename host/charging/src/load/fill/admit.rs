//! Owns who may charge when not everyone's minimum fits: in which order minima are given, who is
//! spared a pause, and whose turn it is. Must never let a minimum in that does not fit into every
//! row, counted in integers.

use super::{Bounds, Demand, Filler, Held, Policy, STEP, Tick};
use crate::load::legs::Legs;
use crate::units::Timestamp;

/// Someone who has waited so many turns has it whatever his class.
const TURNS_OVERDUE: i64 = 4;

/// An EVSE in the order in which minima are given: the first of these that differs decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    rank: Ranked,
    /// The bits of a number that is not negative are in its order.
    laxity: u64,
    is_off: bool,
    /// Who waits longest is first; who charges longest is last.
    age: i64,
    evse: u32,
}

/// Who is guarded is before all classes; within a class the rank decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    is_not_guarded: bool,
    class: u8,
    rank: Rank,
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

impl Filler {
    /// Whether every minimum fits into every row: then nobody has to wait.
    pub(super) fn all_fit(&mut self, tick: &Tick<'_>) -> bool {
        self.used.clear();
        self.used.resize(self.capacity.len(), 0);
        for (evse, bounds) in self.bounds.iter().enumerate() {
            if bounds.held != Held::Nothing {
                add(&mut self.used, tick.parts(evse, bounds.legs, bounds.min));
            }
        }
        self.used.iter().zip(&self.capacity).all(|(used, capacity)| used <= capacity)
    }

    /// Orders all that want to charge. Unless all fit, the filling has said what everyone's share
    /// would be without minima.
    pub(super) fn order(&mut self, tick: &Tick<'_>, all_fit: bool) {
        for (evse, bounds) in self.bounds.iter().enumerate() {
            if bounds.held == Held::Nothing {
                continue;
            }
            let target = tick.states[evse].target.map(|target| target.0 as f64);
            let share = if all_fit { target } else { target.or(self.water.value(evse as u32)) };
            self.order.push(tick.candidate(evse, bounds, self.laxities[evse], share));
        }
        if !all_fit || self.is_planned {
            self.order.sort_unstable();
        }
    }

    /// Gives minima to all who are not to wait, in order, while they fit.
    pub(super) fn admit(&mut self, tick: &Tick<'_>) {
        self.used.clear();
        self.used.resize(self.capacity.len(), 0);
        for candidate in &self.order {
            if candidate.rank.rank != Rank::Waiting {
                let evse = candidate.evse as usize;
                let bounds = &mut self.bounds[evse];
                let parts = || tick.parts(evse, bounds.legs, bounds.min);
                if fits(&self.used, &self.capacity, parts()) {
                    add(&mut self.used, parts());
                    bounds.admitted = true;
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
                let limit = super::settle::rounded(value, bounds);
                add(&mut self.used, tick.parts(evse, bounds.legs, limit));
            }
        }
        let mut any = false;
        for candidate in &self.order {
            let evse = candidate.evse as usize;
            let bounds = &mut self.bounds[evse];
            let parts = || tick.parts(evse, bounds.legs, bounds.min);
            if !bounds.admitted && fits(&self.used, &self.capacity, parts()) {
                add(&mut self.used, parts());
                bounds.admitted = true;
                any = true;
            }
        }
        any
    }
}

impl Tick<'_> {
    /// An EVSE with its rank. Its share is `None` when all minima fit.
    fn candidate(
        &self,
        evse: usize,
        bounds: &Bounds,
        laxity: f64,
        share: Option<f64>,
    ) -> Candidate {
        let (state, settings) = (&self.states[evse], self.settings);
        debug_assert_eq!(state.demand, Demand::Wants);
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
        let (is_not_guarded, class) =
            (rank != Rank::Guarded, if overdue { 0 } else { state.class });
        Candidate {
            rank: Ranked { is_not_guarded, class, rank },
            laxity: laxity.to_bits(),
            is_off: !state.on,
            age: age(state.since, state.on),
            evse: evse as u32,
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
    mut parts: impl Iterator<Item = (usize, i64)>,
) -> bool {
    parts.all(|(row, part)| used[row].saturating_add(part) <= capacity[row])
}

pub(super) fn add(used: &mut [i64], parts: impl Iterator<Item = (usize, i64)>) {
    for (row, part) in parts {
        used[row] = used[row].saturating_add(part);
    }
}

impl Tick<'_> {
    /// What a current of an EVSE, in mA, takes of each of its rows, in microamperes; rows in which
    /// it does not count are left out.
    pub(super) fn parts(
        &self,
        evse: usize,
        legs: Legs,
        current: i64,
    ) -> impl Iterator<Item = (usize, i64)> + '_ {
        let rows = self.rows.of_evse(evse as u32, legs).filter(|(_, a)| *a > 0);
        rows.map(move |(row, a)| (row as usize, current.saturating_mul(i64::from(a))))
    }
}
