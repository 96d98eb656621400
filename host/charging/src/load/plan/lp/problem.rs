//! Owns the linear program as the solver takes it: which slots are put together, its matrix, and
//! whether an answer is one. Must never know why a column has its weight.

use std::ops::Range;

use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettings, DefaultSolver, IPSolver, SolverStatus, SupportedConeT::NonnegativeConeT,
};

use crate::load::plan::{Car, Question};
use crate::units::{Current, Millis};

/// The solver needs about fifteen steps; one that needs more does not get there.
const STEPS_MAX: u32 = 60;
/// Rows count in units of 10 A, so that all numbers are about one.
const UNIT: f64 = 1e4;

/// Slots that are put together, the more the later they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Grid {
    /// The slot after the last one of each.
    pub(super) ends: Vec<usize>,
}

impl Grid {
    /// The finest that makes no more columns than that; `None` if none does, or nobody is there.
    pub(super) fn within(cars: &[Car], columns_max: usize) -> Option<Self> {
        let horizon = cars.iter().map(|car| car.there.len()).max().filter(|slots| *slots > 0)?;
        let mut percent = 0;
        loop {
            let grid = Self::growing(percent, horizon);
            let slots = |car: &Car| grid.ends.partition_point(|end| *end < car.there.len()) + 2;
            if cars.iter().map(slots).sum::<usize>() <= columns_max {
                return Some(grid);
            }
            if grid.ends.len() <= 3 {
                return None;
            }
            percent = percent * 2 + 5;
        }
    }

    /// Each is longer by so many percent of what lies before it.
    fn growing(percent: usize, horizon: usize) -> Self {
        let (mut ends, mut end) = (Vec::new(), 0);
        while end < horizon {
            end = (end + 1 + end.saturating_mul(percent) / 100).min(horizon);
            ends.push(end);
        }
        Self { ends }
    }

    pub(super) fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| start..*end)
    }

    /// One value for each slot of one for each that was put together.
    pub(super) fn spread<T: Clone>(&self, values: impl Iterator<Item = T>) -> Vec<T> {
        let each = self.ranges().zip(values);
        each.flat_map(|(range, value)| std::iter::repeat_n(value, range.len())).collect()
    }
}

/// How much of `part` a car gets in a slot: between none and all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) car: usize,
    pub(super) slot: usize,
    /// What energy is worth in it.
    pub(super) weight: f64,
    /// The chance with which it counts against a surplus; none of a car that does not wait for it.
    pub(super) takes: f64,
    pub(super) part: Current,
}

impl Column {
    /// What reaches the car of all of its part.
    pub(super) fn watts(&self, question: &Question<'_>) -> f64 {
        question.cars[self.car].power_at(question, self.part).0 as f64
    }
}

/// What of a surplus those who wait may take in a slot: between none and all of `most`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spare {
    pub(super) slot: usize,
    /// What there is of it, in W.
    pub(super) there: f64,
    /// In W.
    pub(super) most: f64,
    /// How much more energy is worth that is taken of it.
    pub(super) weight: f64,
}

/// The share of its part that each column gets; `None` if that was not found.
pub(super) fn solve(
    question: &Question<'_>,
    grid: &Grid,
    columns: &[Column],
    spares: &[Spare],
    budget: Millis,
) -> Option<Vec<f64>> {
    if columns.is_empty() {
        return Some(Vec::new());
    }
    let Problem { matrix, bounds, costs } = Problem::new(question, grid, columns, spares);
    let settings = settings(budget);
    let quadratic = CscMatrix::zeros((costs.len(), costs.len()));
    let cones = [NonnegativeConeT(bounds.len())];
    let mut solver = DefaultSolver::new(&quadratic, &costs, &matrix, &bounds, &cones, settings);
    solver.solve();
    let solution = &solver.solution;
    let is_solved = matches!(solution.status, SolverStatus::Solved | SolverStatus::AlmostSolved);
    (is_solved && solution.x.iter().all(|share| share.is_finite()))
        .then(|| solution.x.iter().take(columns.len()).map(|share| share.clamp(0.0, 1.0)).collect())
}

/// It gives up after so long by its own clock; after no time never.
pub(super) fn settings(budget: Millis) -> DefaultSettings<f64> {
    DefaultSettings {
        verbose: false,
        max_iter: STEPS_MAX,
        time_limit: if budget.0 > 0 { budget.0 as f64 / 1e3 } else { f64::INFINITY },
        tol_gap_abs: 1e-5,
        tol_gap_rel: 1e-5,
        tol_feas: 1e-6,
        ..DefaultSettings::default()
    }
}

/// Minimise `costs` times the shares, while `matrix` times the shares is at most `bounds`: first
/// that none is above one, then that none is below zero, then each car's energy, then that no more
/// of a surplus is taken than is used, then each row in each slot in which it could be exceeded.
struct Problem {
    matrix: CscMatrix,
    bounds: Vec<f64>,
    costs: Vec<f64>,
}

impl Problem {
    fn new(question: &Question<'_>, grid: &Grid, columns: &[Column], spares: &[Spare]) -> Self {
        let (count, cars) = (columns.len() + spares.len(), question.cars);
        let mut bounds = vec![1.0; count];
        bounds.resize(2 * count, 0.0);
        bounds.extend(cars.iter().map(|car| car.need(question) as f64 / 1e3));
        let mut spare_of = vec![None; grid.ends.len()];
        for (spare, place) in spares.iter().zip(bounds.len()..) {
            spare_of[spare.slot] = Some((place, spare.most.max(1.0)));
        }
        bounds.resize(bounds.len() + spares.len(), 0.0);
        let places = places(question, grid, columns, &mut bounds);
        let lengths: Vec<_> = grid.ranges().map(|range| range.len() as f64).collect();
        let power = |car: &Car| car.power(question).0.max(1) as f64 / 1e3;
        let (mut starts, mut rows, mut values) = (vec![0], Vec::new(), Vec::new());
        let mut costs = Vec::with_capacity(count);
        let mut entries: Vec<(usize, f64)> = Vec::new();
        for (index, column) in columns.iter().enumerate() {
            let car = &cars[column.car];
            let length = lengths[column.slot] * column.part.0 as f64 / car.max.0.max(1) as f64;
            costs.push(-column.weight * length * power(car));
            entries.clear();
            entries.extend([(index, 1.0), (count + index, -1.0)]);
            entries.push((2 * count + column.car, length));
            if let Some((place, most)) = spare_of[column.slot].filter(|_| column.takes > 0.0) {
                entries.push((place, -column.takes * column.watts(question) / most));
            }
            for (row, a) in parts(question, column) {
                if let Some(place) = places[row * lengths.len() + column.slot] {
                    entries.push((place, a / UNIT));
                }
            }
            entries.sort_unstable_by_key(|entry| entry.0);
            rows.extend(entries.iter().map(|entry| entry.0));
            values.extend(entries.iter().map(|entry| entry.1));
            starts.push(rows.len());
        }
        for (index, spare) in (columns.len()..).zip(spares) {
            costs.push(-spare.weight * lengths[spare.slot] * spare.most / 1e3);
            rows.extend([index, count + index]);
            rows.extend(spare_of[spare.slot].map(|(place, _)| place));
            values.extend([1.0, -1.0, 1.0]);
            starts.push(rows.len());
        }
        Self { matrix: CscMatrix::new(bounds.len(), count, starts, rows, values), bounds, costs }
    }
}

/// Where each row of each slot stands, if all at their most would exceed it; its bound is added.
fn places(
    question: &Question<'_>,
    grid: &Grid,
    columns: &[Column],
    bounds: &mut Vec<f64>,
) -> Vec<Option<usize>> {
    let slots = grid.ends.len();
    let mut most = vec![0.0; question.rows.rows().len() * slots];
    for column in columns {
        for (row, a) in parts(question, column) {
            most[row * slots + column.slot] += a;
        }
    }
    let headroom = |row: usize| question.headroom.get(row).map_or(0.0, |h| h.0.max(0) as f64);
    let places = most.iter().enumerate().map(|(place, most)| {
        let headroom = headroom(place / slots);
        (*most > headroom).then(|| {
            bounds.push(headroom / UNIT);
            bounds.len() - 1
        })
    });
    places.collect()
}

/// What all of a column takes of each of its rows, in mA.
fn parts<'a>(
    question: &'a Question<'_>,
    column: &Column,
) -> impl Iterator<Item = (usize, f64)> + 'a {
    let (car, part) = (&question.cars[column.car], column.part.0 as f64);
    let rows = question.rows.of_evse(car.evse, car.legs).filter(|(_, a)| *a > 0);
    rows.map(move |(row, a)| (row as usize, f64::from(a) / 1e3 * part))
}
