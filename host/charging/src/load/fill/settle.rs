//! Owns the last step of a tick: rounding down to 100 mA, handing out what rounding left, and the
//! check against the integer rows, always, also in release builds. Must never let a row go out
//! that is over: whoever is too much is taken back, down to nothing.

use super::admit::{add, fits};
use super::{Allocation, Bounds, Demand, Filler, Held, Reason, STEP, Tick};
use crate::load::rows::round_up;

/// A value of the filling as it may be handed out: whole steps, within its bounds.
pub(super) fn rounded(value: f64, bounds: &Bounds) -> i64 {
    // A millionth of a step is taken for an error of the floating point; the check would find it.
    let steps = (value / STEP.0 as f64 + 1e-6).floor() as i64;
    (steps * STEP.0).max(bounds.min).min(bounds.max)
}

impl Filler {
    /// Makes allocations of what the filling found.
    pub(super) fn settle(&mut self, tick: &Tick<'_>) {
        self.allocations.clear();
        self.used.clear();
        self.used.resize(self.capacity.len(), 0);
        for (evse, bounds) in self.bounds.iter().enumerate() {
            let value = self.water.value(evse as u32).filter(|_| bounds.admitted);
            let limit = value.map_or(0, |value| rounded(value, bounds));
            add(&mut self.used, tick.parts(evse, bounds.legs, limit));
            let stopped = self.water.stopped_by(evse as u32).map(Reason::Row);
            let reason = match (tick.states.get(evse).map(|state| state.demand), bounds.held) {
                (Some(Demand::Fixed(_)), _) => Reason::NotCommandable,
                (Some(Demand::None) | None, _) => Reason::NoDemand,
                (_, Held::Nothing) if bounds.planned_out => Reason::Plan,
                (_, Held::Nothing) => Reason::BelowMinimum,
                _ if !bounds.admitted => Reason::Waiting(0),
                (_, Held::Maximum) => stopped.unwrap_or(Reason::Maximum),
                (_, Held::Draw) => stopped.unwrap_or(Reason::Draw),
                (_, Held::Plan) => stopped.unwrap_or(Reason::Plan),
            };
            self.allocations.push(Allocation { limit: crate::units::Current(limit), reason });
        }
        self.hand_out_the_rest(tick);
        self.take_back(tick);
        self.name_what_they_wait_for(tick);
        self.loads.clear();
        self.loads.extend(self.used.iter().map(|used| round_up(*used)));
    }

    /// Rounding has left up to a step of each: whoever was stopped by a row gets one, if it fits.
    fn hand_out_the_rest(&mut self, tick: &Tick<'_>) {
        for (evse, allocation) in self.allocations.iter_mut().enumerate() {
            let (more, bounds) = (allocation.limit.plus(STEP), &self.bounds[evse]);
            let parts = || tick.parts(evse, bounds.legs, STEP.0);
            if matches!(allocation.reason, Reason::Row(_))
                && more.0 <= bounds.max
                && fits(&self.used, &self.capacity, parts())
            {
                add(&mut self.used, parts());
                allocation.limit = more;
            }
        }
    }

    /// The check. By the filling's own argument no row is over here; if one is, its members go
    /// back to their minimum, the last ones to nothing, until it holds.
    fn take_back(&mut self, tick: &Tick<'_>) {
        for row in 0..self.capacity.len() {
            for to_nothing in [false, true] {
                if self.used[row] <= self.capacity[row] {
                    break;
                }
                for evse in (0..self.allocations.len()).rev() {
                    let allocation = &mut self.allocations[evse];
                    let bounds = &self.bounds[evse];
                    let mut parts = tick.parts(evse, bounds.legs, 1);
                    let counts = parts.any(|(other, _)| other == row);
                    let least = if to_nothing { 0 } else { bounds.min };
                    if !counts || allocation.limit.0 <= least {
                        continue;
                    }
                    let less = least - allocation.limit.0;
                    add(&mut self.used, tick.parts(evse, bounds.legs, less));
                    allocation.limit.0 = least;
                    allocation.reason = if least == 0 {
                        Reason::Waiting(row as u32)
                    } else {
                        Reason::Row(row as u32)
                    };
                    if self.used[row] <= self.capacity[row] {
                        break;
                    }
                }
            }
        }
    }

    /// Whoever waits is told for which row: the one that has least left for his minimum.
    fn name_what_they_wait_for(&mut self, tick: &Tick<'_>) {
        for (evse, allocation) in self.allocations.iter_mut().enumerate() {
            if let Reason::Waiting(row) = &mut allocation.reason {
                let left =
                    |(row, part): &(usize, i64)| self.capacity[*row] - self.used[*row] - part;
                let Bounds { legs, min, .. } = self.bounds[evse];
                let tightest = tick.parts(evse, legs, min).min_by_key(left);
                *row = tightest.map_or(0, |(row, _)| row as u32);
            }
        }
    }
}
