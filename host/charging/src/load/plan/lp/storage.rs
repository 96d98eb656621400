//! Owns the linear program of the batteries: when they charge and give back, so that what the cars
//! are expected to take and the batteries lose costs the least. The cars are given, and need no
//! battery: it charges in the room that they leave, and what it gives saves money and makes no
//! room. Must never let a battery give more than the cars take: what else the site uses is not
//! known here.

use clarabel::algebra::CscMatrix;
use clarabel::solver::SupportedConeT::{NonnegativeConeT, ZeroConeT};
use clarabel::solver::{DefaultSolver, IPSolver, SolverStatus};

use super::problem::settings;
use crate::load::plan::Question;
use crate::load::plan::battery::{Battery, SetPoints};
use crate::load::plan::expected::Expected;
use crate::units::{Millis, Power};

/// Of two slots of one price the earlier is taken: at the end of what is planned a kWh costs so
/// much of the highest price more.
const LATER: f64 = 0.000_5;
/// What is stored at the end is worth so much of the highest price less than it may have cost, so
/// that nothing is bought only to be kept.
const UNSOLD: f64 = 0.001;
/// Rows count in units of 10 A, as with the cars.
const UNIT: f64 = 1e4;

/// What a battery does in a slot, as a column: three of each slot.
#[derive(Clone, Copy)]
enum Does {
    Charge,
    Give,
    Hold,
}

/// What batteries are to do; `None` where no solution was found in time.
pub(super) fn set_points(
    question: &Question<'_>,
    expected: &Expected<'_>,
    budget: Millis,
) -> Option<Vec<SetPoints>> {
    let batteries = &question.stores.batteries;
    if batteries.is_empty() || question.prices.is_empty() {
        return Some(Vec::new());
    }
    let program = Program::new(question, expected);
    let equal = program.equal;
    let cones = [ZeroConeT(equal), NonnegativeConeT(program.bounds.len() - equal)];
    let count = program.costs.len();
    let quadratic = CscMatrix::zeros((count, count));
    let matrix = program.matrix();
    let (costs, bounds) = (&program.costs, &program.bounds);
    let settings = settings(budget);
    let mut solver = DefaultSolver::new(&quadratic, costs, &matrix, bounds, &cones, settings);
    solver.solve();
    let solution = &solver.solution;
    let is_solved = matches!(solution.status, SolverStatus::Solved | SolverStatus::AlmostSolved);
    if !is_solved || !solution.x.iter().all(|value| value.is_finite()) {
        return None;
    }
    let mut wished: Vec<_> = (0..batteries.len())
        .map(|battery| {
            let power = |slot| {
                let of = |does| solution.x[program.place(battery, slot, does)] * program.unit;
                Power((of(Does::Charge) - of(Does::Give)).round() as i64)
            };
            let battery = batteries[battery].index;
            SetPoints { battery, power: (0..program.slots).map(power).collect() }
        })
        .collect();
    Some(question.stores.settle(question, expected, &mut wished))
}

/// Minimise `costs`: first the rows that are equal to their bounds, then those that are at most.
struct Program {
    slots: usize,
    batteries: usize,
    /// The power that is one, in W.
    unit: f64,
    equal: usize,
    bounds: Vec<f64>,
    costs: Vec<f64>,
    /// Row, column, value.
    entries: Vec<(usize, usize, f64)>,
}

impl Program {
    fn new(question: &Question<'_>, expected: &Expected<'_>) -> Self {
        let batteries = &question.stores.batteries;
        let most = batteries.iter().map(|battery| battery.charge.max(battery.discharge).0).max();
        let (slots, unit) = (question.prices.len(), most.unwrap_or(0).max(1) as f64);
        let mut program = Self {
            slots,
            batteries: batteries.len(),
            unit,
            equal: batteries.len() * slots,
            bounds: Vec::new(),
            costs: Vec::new(),
            entries: Vec::new(),
        };
        program.costs = vec![0.0; 3 * batteries.len() * slots];
        program.bounds = vec![0.0; program.equal];
        for (index, battery) in batteries.iter().enumerate() {
            program.hold(question, index, battery);
            program.limit(index, battery);
            program.price(question, index, battery);
        }
        for slot in 0..slots {
            program.balance(question, expected, slot);
            program.room(question, expected, slot);
        }
        program
    }

    fn place(&self, battery: usize, slot: usize, does: Does) -> usize {
        3 * (battery * self.slots + slot) + does as usize
    }

    /// A row of which the sum is at most so much.
    fn at_most(&mut self, bound: f64, entries: impl IntoIterator<Item = (usize, f64)>) {
        let row = self.bounds.len();
        self.bounds.push(bound);
        self.entries.extend(entries.into_iter().map(|(column, value)| (row, column, value)));
    }

    /// What it holds at the end of each slot.
    fn hold(&mut self, question: &Question<'_>, index: usize, battery: &Battery) {
        let hours = hours(question);
        let gained = f64::from(battery.efficiency) / 1e3 * hours;
        for slot in 0..self.slots {
            let row = index * self.slots + slot;
            let before = slot.checked_sub(1).map(|before| self.place(index, before, Does::Hold));
            let entries = [
                (self.place(index, slot, Does::Hold), 1.0),
                (self.place(index, slot, Does::Charge), -gained),
                (self.place(index, slot, Does::Give), hours),
            ];
            let before = before.map(|before| (before, -1.0));
            let entries = entries.into_iter().chain(before);
            self.entries.extend(entries.map(|(column, value)| (row, column, value)));
            if slot == 0 {
                self.bounds[row] = battery.energy.0 as f64 / 1e3 / self.unit;
            }
        }
    }

    fn limit(&mut self, index: usize, battery: &Battery) {
        let unit = self.unit;
        let kept = battery.kept().0 as f64 / 1e3 / unit;
        let limits = [
            (Does::Charge, 0.0, battery.charge.0 as f64 / unit),
            (Does::Give, 0.0, battery.discharge.0 as f64 / unit),
            (Does::Hold, kept, battery.capacity.0 as f64 / 1e3 / unit),
        ];
        for slot in 0..self.slots {
            for (does, least, most) in limits {
                let column = self.place(index, slot, does);
                self.at_most(most, [(column, 1.0)]);
                self.at_most(-least, [(column, -1.0)]);
            }
        }
    }

    /// Costs are in highest prices for a unit of power and an hour.
    fn price(&mut self, question: &Question<'_>, index: usize, battery: &Battery) {
        let (hours, highest) = (hours(question), highest(question));
        let slots = self.slots;
        for (slot, price) in question.prices.iter().enumerate() {
            let later = LATER * slot as f64 / slots as f64;
            let price = *price as f64 / highest;
            let (charge, give) =
                (self.place(index, slot, Does::Charge), self.place(index, slot, Does::Give));
            self.costs[charge] = hours * (price + later);
            self.costs[give] = hours * (battery.wear as f64 / highest - price + later);
        }
        // What is left is worth what may be midway between what a surplus earns and the lowest
        // price, after losses and wear.
        let lowest = question.prices.iter().min().copied().unwrap_or(0);
        let middle = (lowest as f64 + question.feed_in.min(lowest) as f64) / 2.0 / highest;
        let kept = (middle - UNSOLD) * 1e3 / f64::from(battery.efficiency.max(1));
        let last = self.place(index, slots - 1, Does::Hold);
        self.costs[last] = -(kept - battery.wear as f64 / highest).max(0.0);
    }

    /// No more is given back than is used, and no more of a surplus is.
    fn balance(&mut self, question: &Question<'_>, expected: &Expected<'_>, slot: usize) {
        let mut entries: Vec<_> = (0..self.batteries)
            .flat_map(|index| {
                let charge = (self.place(index, slot, Does::Charge), -1.0);
                [charge, (self.place(index, slot, Does::Give), 1.0)]
            })
            .collect();
        let surplus = question.surplus_in(slot).0 as f64 / self.unit;
        let saves = question.saves_in(slot) as f64 / highest(question);
        if surplus > 0.0 && saves > 0.0 {
            let column = self.costs.len();
            self.costs.push(-hours(question) * saves);
            self.at_most(surplus, [(column, 1.0)]);
            self.at_most(0.0, [(column, -1.0)]);
            entries.push((column, 1.0));
        }
        self.at_most(expected.power(slot).0 as f64 / self.unit, entries);
    }

    /// Rows that all batteries at their most would exceed beside the cars.
    fn room(&mut self, question: &Question<'_>, expected: &Expected<'_>, slot: usize) {
        let stores = question.stores;
        let shares = || {
            let batteries = stores.batteries.iter().enumerate();
            batteries.flat_map(|(index, battery)| {
                battery.shares.iter().map(move |share| (index, battery.charge, *share))
            })
        };
        let mut rows: Vec<_> = shares().map(|(_, _, share)| share.row).collect();
        rows.sort_unstable();
        rows.dedup();
        for row in rows {
            let members = || shares().filter(move |(_, _, share)| share.row == row);
            let room = stores.room(row).min(expected.room(row, slot)).0.max(0);
            let most: i64 = members().map(|(_, charge, share)| share.of(charge).0).sum();
            if most > room {
                let entries: Vec<_> = members()
                    .map(|(index, _, share)| {
                        let each = f64::from(share.microamps) / 1e3 * self.unit / UNIT;
                        (self.place(index, slot, Does::Charge), each)
                    })
                    .collect();
                self.at_most(room as f64 / UNIT, entries);
            }
        }
    }

    fn matrix(&self) -> CscMatrix {
        let of = |part: fn(&(usize, usize, f64)) -> usize| self.entries.iter().map(part).collect();
        let values = self.entries.iter().map(|entry| entry.2).collect();
        let (rows, columns) = (of(|entry| entry.0), of(|entry| entry.1));
        CscMatrix::new_from_triplets(self.bounds.len(), self.costs.len(), rows, columns, values)
    }
}

fn hours(question: &Question<'_>) -> f64 {
    question.slot.0.max(1) as f64 / 3.6e6
}

/// The size of the highest price.
fn highest(question: &Question<'_>) -> f64 {
    question.prices.iter().map(|price| price.unsigned_abs()).max().unwrap_or(0).max(1) as f64
}
