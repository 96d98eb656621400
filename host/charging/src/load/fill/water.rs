//! Owns progressive filling: all members rise with one level, and where a row is full its members
//! stay. A heap holds the level at which each row fills; as members stay behind, that level only
//! rises, so a stale one is computed again when it comes up. Must never hand anything out: what
//! it finds is rounded and checked elsewhere.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::load::fill::EvseState;
use crate::load::legs::Legs;
use crate::load::rows::Rows;

/// Halvings after which a level is as exact as it gets.
const MOST_STEPS: u32 = 200;
/// A row is full when so little is left of it, in mA.
const FULL: f64 = 1e-3;

/// How much a member gets at a level: nothing below `low`, nothing above `high`, between them
/// `slope` for each level above `offset`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Curve {
    pub(super) offset: f64,
    pub(super) slope: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Curve {
    fn at(&self, level: f64) -> f64 {
        (self.slope * (level - self.offset)).max(self.low).min(self.high)
    }

    fn is_rising(&self, level: f64) -> bool {
        let value = self.slope * (level - self.offset);
        value >= self.low && value < self.high
    }

    /// The level at which it begins to rise.
    fn start(&self) -> f64 {
        self.offset + self.low / self.slope
    }
}

/// Memory of a filling and, after `run`, its result.
#[derive(Debug, Default)]
pub(super) struct Water {
    curves: Vec<Curve>,
    members: Vec<Member>,
    rows: Vec<Filling>,
    /// Members that still rise, row by row.
    rising: Vec<(u32, f64)>,
    heap: BinaryHeap<Full>,
    /// No member rises above it.
    top: f64,
    bottom: f64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Member {
    is_rising: bool,
    takes_part: bool,
    value: f64,
    /// The row that stopped it.
    stopped: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Filling {
    capacity: f64,
    /// What stopped members take.
    stopped: f64,
    /// What rising members would take at their most.
    most: f64,
    /// The sum of the slopes of rising members: it fills no faster than that.
    slopes: f64,
    /// A level at which it would be full, but for `gap`: what members take less than there because
    /// they were stopped since that level was found.
    level: f64,
    gap: f64,
    start: u32,
    end: u32,
    is_stale: bool,
}

impl Filling {
    /// A level below which it is not full. A part is left off for what floating point loses.
    fn not_before(&self) -> f64 {
        self.level + 0.99 * self.gap / self.slopes
    }
}

/// A row and the level at which it fills; the lowest comes first.
#[derive(Clone, Copy, Debug)]
struct Full {
    level: f64,
    row: u32,
}

impl Ord for Full {
    fn cmp(&self, other: &Self) -> Ordering {
        other.level.total_cmp(&self.level).then(other.row.cmp(&self.row))
    }
}

impl PartialOrd for Full {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Full {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Full {}

impl Water {
    /// Forgets the last filling. Capacities are in microamperes.
    pub(super) fn begin(&mut self, rows: &Rows, capacity: &[i64]) {
        self.curves.clear();
        self.curves.resize(rows.evses().len(), Curve::default());
        self.members.clear();
        self.members.resize(rows.evses().len(), Member::default());
        self.rows.clear();
        let filling = |capacity: &i64| Filling {
            capacity: (*capacity as f64 / 1e3).max(0.0),
            ..Filling::default()
        };
        self.rows.extend(capacity.iter().map(filling));
        (self.bottom, self.top) = (f64::INFINITY, f64::NEG_INFINITY);
    }

    /// Lets an EVSE take part.
    pub(super) fn add(&mut self, rows: &Rows, evse: u32, legs: Legs, curve: Curve) {
        self.curves[evse as usize] = curve;
        let member = &mut self.members[evse as usize];
        *member = Member { is_rising: true, takes_part: true, value: curve.high, stopped: None };
        for (row, coefficient) in rows.of_evse(evse, legs) {
            let filling = &mut self.rows[row as usize];
            filling.most += thousandths(coefficient) * curve.high;
            filling.slopes += thousandths(coefficient) * curve.slope;
        }
        self.bottom = self.bottom.min(curve.start());
        self.top = self.top.max(curve.offset + curve.high / curve.slope);
    }

    /// Fills.
    pub(super) fn run(&mut self, rows: &Rows, states: &[EvseState]) {
        self.gather(rows, states);
        while let Some(full) = self.heap.pop() {
            let filling = self.rows[full.row as usize];
            if filling.is_stale {
                let level = filling.not_before();
                if filling.stopped + filling.most <= filling.capacity + FULL {
                    // All of its members can have their most.
                } else if level > full.level && level < self.top {
                    self.heap.push(Full { level, row: full.row });
                } else if let Some(level) = self.level(full.row, full.level) {
                    let filling = &mut self.rows[full.row as usize];
                    (filling.level, filling.gap, filling.is_stale) = (level, 0.0, false);
                    self.heap.push(Full { level, row: full.row });
                }
                continue;
            }
            self.stop(rows, states, full);
        }
    }

    /// What a member got; `None` if it takes no part.
    pub(super) fn value(&self, evse: u32) -> Option<f64> {
        let member = self.members.get(evse as usize)?;
        member.takes_part.then_some(member.value)
    }

    /// The row that stopped a member below its most.
    pub(super) fn stopped_by(&self, evse: u32) -> Option<u32> {
        self.members.get(evse as usize)?.stopped
    }

    #[cfg(test)]
    pub(super) fn footprint(&self) -> [usize; 5] {
        [
            self.curves.capacity(),
            self.members.capacity(),
            self.rows.capacity(),
            self.rising.capacity(),
            self.heap.capacity(),
        ]
    }

    /// Lists the members of the rows that can fill, and the level at which each does.
    fn gather(&mut self, rows: &Rows, states: &[EvseState]) {
        self.rising.clear();
        self.heap.clear();
        for row in 0..self.rows.len() as u32 {
            let filling = &mut self.rows[row as usize];
            filling.start = self.rising.len() as u32;
            filling.end = filling.start;
            if filling.most <= filling.capacity + FULL {
                continue;
            }
            let legs = |evse: u32| states[evse as usize].legs;
            let members = &self.members;
            let takes_part = |evse: u32| members[evse as usize].takes_part;
            let there = rows.of_row_where(row, takes_part, legs);
            // A car that uses none of this row's lines is not held by it.
            let there = there.filter(|(_, coefficient)| *coefficient > 0);
            self.rising.extend(there.map(|(evse, a)| (evse, thousandths(a))));
            filling.end = self.rising.len() as u32;
            if let Some(level) = self.level(row, self.bottom) {
                self.rows[row as usize].level = level;
                self.heap.push(Full { level, row });
            }
        }
    }

    /// The level at which a row is full, at or above `from`; `None` if nothing of it rises.
    fn level(&mut self, row: u32, from: f64) -> Option<f64> {
        self.drop_stopped(row);
        let filling = self.rows[row as usize];
        let rising = &self.rising[filling.start as usize..filling.end as usize];
        if rising.is_empty() {
            return None;
        }
        let (mut low, mut high, mut at) = (from, self.top, from);
        for _ in 0..MOST_STEPS {
            let (mut value, mut slope) = (filling.stopped, 0.0);
            for (evse, coefficient) in rising {
                let curve = &self.curves[*evse as usize];
                value += coefficient * curve.at(at);
                slope += if curve.is_rising(at) { coefficient * curve.slope } else { 0.0 };
            }
            let left = filling.capacity - value;
            if left.abs() <= FULL {
                return Some(at);
            }
            if left > 0.0 {
                low = at;
            } else {
                high = at;
            }
            let mut next = at + left / slope;
            if slope == 0.0 && left > 0.0 {
                next = self.next_start(rising, at).unwrap_or(high);
            }
            if !(next > low && next < high) {
                next = f64::midpoint(low, high);
            }
            if next <= low || next >= high {
                break;
            }
            at = next;
        }
        Some(low)
    }

    /// The lowest level above `at` from which a member rises.
    fn next_start(&self, rising: &[(u32, f64)], at: f64) -> Option<f64> {
        let starts = rising.iter().map(|(evse, _)| self.curves[*evse as usize].start());
        starts.filter(|start| *start > at).min_by(f64::total_cmp)
    }

    fn drop_stopped(&mut self, row: u32) {
        let filling = &mut self.rows[row as usize];
        let (start, mut end) = (filling.start as usize, filling.start as usize);
        for place in start..filling.end as usize {
            let entry = self.rising[place];
            if self.members[entry.0 as usize].is_rising {
                self.rising[end] = entry;
                end += 1;
            }
        }
        filling.end = end as u32;
    }

    /// Stops the members of a full row where they are.
    fn stop(&mut self, rows: &Rows, states: &[EvseState], full: Full) {
        let filling = self.rows[full.row as usize];
        for place in filling.start..filling.end {
            let (evse, _) = self.rising[place as usize];
            let member = &mut self.members[evse as usize];
            if !member.is_rising {
                continue;
            }
            let curve = self.curves[evse as usize];
            member.is_rising = false;
            member.value = curve.at(full.level);
            if member.value < curve.high {
                member.stopped = Some(full.row);
            }
            let value = member.value;
            for (row, coefficient) in rows.of_evse(evse, states[evse as usize].legs) {
                let filling = &mut self.rows[row as usize];
                let coefficient = thousandths(coefficient);
                filling.stopped += coefficient * value;
                filling.most -= coefficient * curve.high;
                filling.slopes -= coefficient * curve.slope;
                filling.gap += coefficient * (curve.at(filling.level) - value);
                filling.is_stale = true;
            }
        }
    }
}

fn thousandths(coefficient: u32) -> f64 {
    f64::from(coefficient) / 1e3
}
