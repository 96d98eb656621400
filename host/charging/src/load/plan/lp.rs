//! Owns the plan that weighs time against money: a linear program over all cars and slots, in
//! which energy counts by the chance that its car is still there to take it. Where a row is
//! scarce nobody waits, and the plan says who is first; where none is, cars wait for cheap slots.
//! Batteries are planned after the cars, by a program of their own, so that none counts on them.
//! Must never be the only plan: what it cannot solve is left to the greedy one.

mod problem;
mod storage;
mod worth;

use super::battery::from_surplus;
use super::expected::Expected;
use super::greedy::Greedy;
use super::scarcity::{Need, may_wait, scarce_rows};
use super::{Car, Plan, Planner, Question, Wish};
use crate::units::{Current, Millis};
use problem::{Column, Grid, solve};
use storage::set_points;
use worth::Worth;

/// A car that is there with a chance of so many thousandths is taken to be, when needs are summed.
const THERE: u32 = 500;

/// Less than that, in mA, is nothing.
const STEP: f64 = 100.0;

/// A car that follows a surplus with so much of what it can take takes all.
const ALL: f64 = 0.97;

/// The linear program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lp {
    /// A kWh that is not delivered costs so many times the spread of the prices more than the
    /// dearest one.
    pub value: u32,
    /// To pause a car costs what its minimum delivers in such a time, which is what stopping and
    /// waking a car takes: that energy, or the price of it where the car has time to wait.
    pub pause: Millis,
    /// More columns than that are avoided by longer slots, and beyond that not solved.
    pub columns_max: usize,
    /// It gives up after so long by the solver's own clock; zero never, so that the same question
    /// has the same answer.
    pub budget: Millis,
    /// What stands when it is late or fails.
    pub greedy: Greedy,
}

impl Default for Lp {
    fn default() -> Self {
        Self {
            value: 5,
            pause: Millis::from_secs(60),
            columns_max: 4_000,
            budget: Millis::ZERO,
            greedy: Greedy::default(),
        }
    }
}

impl Planner for Lp {
    fn plan(&mut self, question: &Question<'_>) -> Plan {
        let solved = self.solved(question);
        let (mut plan, expected) = solved.unwrap_or_else(|| self.greedy.cars(question));
        let stored = set_points(question, &expected, self.budget);
        plan.batteries = stored.unwrap_or_else(|| from_surplus(question, &expected));
        plan.power = expected.powers();
        plan
    }
}

impl Lp {
    fn solved<'a>(&self, question: &'a Question<'a>) -> Option<(Plan, Expected<'a>)> {
        let grid = Grid::within(question.cars, self.columns_max)?;
        let needs = question.cars.iter();
        let needs = needs.map(|car| Need::of(question, car, car.slots_there(THERE))).collect();
        let scarce = scarce_rows(question, self.greedy.coming, self.greedy.scarce, needs);
        let is_priced = question.is_priced();
        let waits = |car| is_priced && may_wait(question, car, &scarce);
        let waits: Vec<_> = question.cars.iter().map(waits).collect();
        let worth = Worth::new(question, &grid, self.value);
        let columns = self.columns(question, &grid, &waits, &worth);
        let spares = worth.spares(&grid, &columns, &waits);
        let shares = solve(question, &grid, &columns, &spares, self.budget)?;
        let mut there = vec![None; grid.ends.len()];
        spares.iter().for_each(|spare| there[spare.slot] = Some(spare.there));
        let mut currents = vec![vec![0.0; grid.ends.len()]; question.cars.len()];
        for (column, share) in columns.iter().zip(shares) {
            currents[column.car][column.slot] += share * column.part.0 as f64;
        }
        let beside = beside(question, &currents);
        let mut plan = Plan::empty(question, "lp");
        let mut expected = Expected::nothing(question);
        for (n, (car, waits)) in question.cars.iter().zip(waits).enumerate() {
            let currents = &currents[n];
            let whole = currents.iter().map(|current| Current(current.round() as i64));
            for (slot, current) in grid.spread(whole).into_iter().enumerate() {
                expected.add(car, slot, current);
            }
            let (caps, targets) = if waits {
                let room = |slot: usize| room(question, car, currents[slot], &beside[slot]);
                (caps(question, &grid, car, currents, room, &there), Vec::new())
            } else {
                let target = |(_, current): (usize, &f64)| Some(Current(current.round() as i64));
                (Vec::new(), grid.spread(currents.iter().enumerate().map(target)))
            };
            plan.wishes.push(Wish { evse: car.evse, caps, targets });
        }
        Some((plan, expected))
    }

    /// A column for each car and slot; two in the first slot of a car that charges, whose minimum
    /// is worth more than the rest.
    fn columns(
        &self,
        question: &Question<'_>,
        grid: &Grid,
        waits: &[bool],
        worth: &Worth<'_>,
    ) -> Vec<Column> {
        let spared = self.pause.0 as f64 / question.slot.0.max(1) as f64;
        let mut columns = Vec::new();
        for (index, (car, waits)) in question.cars.iter().zip(waits).enumerate() {
            for (slot, range) in grid.ranges().enumerate() {
                let length = range.len() as f64;
                let there = range.clone().map(|slot| car.there.get(slot).copied().unwrap_or(0));
                let chance = f64::from(there.sum::<u32>()) / 1e3 / length;
                if chance <= 0.0 {
                    break;
                }
                let (weight, pause) = match waits {
                    true => (worth.of(range.clone()), worth.costs(range)),
                    false => (1.0, 1.0),
                };
                let (weight, pause) = (chance * weight, chance * pause * spared);
                let takes = if *waits { chance } else { 0.0 };
                let column = Column { car: index, slot, weight, takes, part: car.max };
                if slot > 0 || !car.is_on {
                    columns.push(column);
                    continue;
                }
                let min = car.min.min(car.max);
                columns.push(Column { part: min, weight: weight + pause, ..column });
                columns.push(Column { part: car.max.minus(min), ..column });
            }
        }
        columns
    }
}

/// By slot and row, what all cars are to get together, in mA.
fn beside(question: &Question<'_>, currents: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let slots = currents.first().map_or(0, Vec::len);
    let mut loads = vec![vec![0.0; question.rows.rows().len()]; slots];
    for (car, currents) in question.cars.iter().zip(currents) {
        for (row, a) in question.rows.of_evse(car.evse, car.legs) {
            for (load, current) in loads.iter_mut().zip(currents) {
                load[row as usize] += current * f64::from(a) / 1e3;
            }
        }
    }
    loads
}

/// What a car that is to get so much could have beside what the others are to get, in mA.
fn room(question: &Question<'_>, car: &Car, current: f64, loads: &[f64]) -> f64 {
    let rows = question.rows.of_evse(car.evse, car.legs).filter(|(_, a)| *a > 0);
    let left = rows.map(|(row, a)| {
        let headroom = question.headroom.get(row as usize).map_or(0, |headroom| headroom.0);
        current + (headroom as f64 - loads[row as usize]) * 1e3 / f64::from(a)
    });
    left.fold(car.max.0 as f64, f64::min).max(0.0)
}

/// Caps of zero in the slots in which a car is to get less than half of what it could take beside
/// the others (`room`, in mA). Where there is a surplus of less than that (in W), it may have what
/// it is to get of it: beyond that it would take from the grid.
fn caps(
    question: &Question<'_>,
    grid: &Grid,
    car: &Car,
    currents: &[f64],
    room: impl Fn(usize) -> f64,
    surplus: &[Option<f64>],
) -> Vec<Option<Current>> {
    let (max, power) = (car.max.0.max(1) as f64, car.power(question).0 as f64);
    let mut left = car.need(question) as f64 / 1e3;
    let lengths: Vec<_> = grid.ranges().map(|range| range.len() as f64).collect();
    grid.spread(currents.iter().enumerate().map(|(slot, current)| {
        let could_ever = (left / lengths[slot]).clamp(0.0, 1.0);
        let could = could_ever.min(room(slot) / max);
        left -= current / max * lengths[slot];
        let is_less = surplus[slot].is_some_and(|surplus| surplus < power);
        if is_less && current * 2.0 >= car.min.0 as f64 {
            let cap = Current(current.round() as i64).max(car.min);
            return (*current < max * ALL).then_some(cap);
        }
        // Beside a full row both are next to nothing.
        let waits = current / max < could / 2.0 || (*current < STEP && could_ever > 0.01);
        waits.then_some(Current::ZERO)
    }))
}
