//! Owns how rows are made: coefficients from phasors, mixed phasors into half-planes, both ways
//! of finding entries. Floating point is used for angles only, and is rounded up at once.
//! Must never make a coefficient below zero: a car that draws less must never raise a row.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use super::{DIRECTIONS, Entry, EvseWiring, Groups, Row, RowKind, Rows};
use crate::units::Current;

/// A current as a phasor, per ampere of the leg that makes it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Phasor {
    /// In phase with L1.
    pub re: f64,
    /// A quarter of a turn ahead.
    pub im: f64,
}

impl Phasor {
    /// A phasor of a size at an angle in degrees.
    pub fn polar(size: f64, degrees: f64) -> Self {
        let angle = degrees.to_radians();
        Self { re: size * angle.cos(), im: size * angle.sin() }
    }

    /// The difference.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self { re: self.re - other.re, im: self.im - other.im }
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { re: self.re + other.re, im: self.im + other.im }
    }

    /// So many times as large.
    #[must_use]
    pub fn times(self, factor: f64) -> Self {
        Self { re: self.re * factor, im: self.im * factor }
    }

    /// How large it is.
    pub fn size(self) -> f64 {
        self.re.hypot(self.im)
    }

    fn along(self, angle: f64) -> f64 {
        self.re * angle.cos() + self.im * angle.sin()
    }

    fn is_nothing(self) -> bool {
        self.size() < 1e-9
    }

    fn is_parallel(self, other: Self) -> bool {
        let (cross, dot) =
            (self.re * other.im - self.im * other.re, self.re * other.re + self.im * other.im);
        dot > 0.0 && cross.abs() <= 1e-9 * self.size() * other.size()
    }
}

/// What one leg of an EVSE puts into a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Term {
    /// The EVSE's index.
    pub evse: u32,
    /// Its leg, from 0, in the order of the connector.
    pub leg: u8,
    /// Per ampere of the leg.
    pub phasor: Phasor,
}

/// Makes rows one by one.
#[derive(Debug)]
pub struct RowsBuilder {
    rows: Rows,
    tables: BTreeMap<[u32; 8], u32>,
    members: Vec<Vec<Entry>>,
}

impl RowsBuilder {
    /// Over these EVSEs, whose indexes are their places.
    pub fn new(evses: Vec<EvseWiring>) -> Self {
        let rows = Rows { evses, ..Rows::default() };
        Self { rows, tables: BTreeMap::new(), members: Vec::new() }
    }

    /// Adds a limit on a line by its terms. Where all of them are in phase it is one row; where
    /// phasors mix, it is 48 half-planes whose intersection lies within the limit's circle.
    pub fn line(&mut self, row: Row, terms: &[Term]) {
        let mut there = terms.iter().map(|term| term.phasor).filter(|p| !p.is_nothing());
        let first = there.next().unwrap_or_default();
        let RowKind::Line(line) = row.kind else { return self.sum(row, terms) };
        if there.all(|phasor| phasor.is_parallel(first)) {
            return self.sum(row, terms);
        }
        for n in 0..DIRECTIONS {
            let angle = TAU * f64::from(n) / f64::from(DIRECTIONS);
            let mut parts: BTreeMap<u32, [u32; 3]> = BTreeMap::new();
            for term in terms {
                let along = thousandths(term.phasor.along(angle));
                add_leg(&mut parts, term, along);
            }
            let row = Row {
                kind: RowKind::Direction(line, n),
                limit: row.limit.map(within_circle),
                ..row.clone()
            };
            self.add(row, parts.into_iter().map(|(evse, legs)| (evse, by_legs(legs))));
        }
    }

    /// Adds a limit on the plain sum of the sizes of its terms.
    pub fn sum(&mut self, row: Row, terms: &[Term]) {
        let mut parts: BTreeMap<u32, [u32; 3]> = BTreeMap::new();
        for term in terms {
            add_leg(&mut parts, term, thousandths(term.phasor.size()));
        }
        self.add(row, parts.into_iter().map(|(evse, legs)| (evse, by_legs(legs))));
    }

    /// Adds a limit on how much more one line carries than another: of each EVSE the part counts
    /// that another of its own legs does not balance.
    pub fn imbalance(&mut self, row: Row, more: &[Term], less: &[Term]) {
        let mut parts: BTreeMap<u32, ([u32; 3], [u32; 3])> = BTreeMap::new();
        for (terms, is_more) in [(more, true), (less, false)] {
            for term in terms {
                let (plus, minus) = parts.entry(term.evse).or_default();
                // Rounded down, what balances balances no more than it does.
                let size = term.phasor.size() * 1e3;
                let (legs, value) = if is_more {
                    (plus, thousandths(term.phasor.size()))
                } else {
                    (minus, (size + 1e-6).floor() as u32)
                };
                if let Some(leg) = legs.get_mut(usize::from(term.leg)) {
                    *leg += value;
                }
            }
        }
        let tables = parts.into_iter().map(|(evse, (plus, minus))| {
            let (plus, minus) = (by_legs(plus), by_legs(minus));
            let mut table = [0; 8];
            for legs in 1..8 {
                table[legs] = plus[legs].saturating_sub(minus[legs]);
            }
            table[0] = table.into_iter().max().unwrap_or_default();
            (evse, table)
        });
        self.add(row, tables);
    }

    fn add(&mut self, row: Row, parts: impl Iterator<Item = (u32, [u32; 8])>) {
        let mut members = Vec::new();
        for (evse, table) in parts {
            let known = (evse as usize) < self.rows.evses.len();
            if !known || table == [0; 8] {
                continue;
            }
            let next = self.tables.len() as u32;
            let index = *self.tables.entry(table).or_insert(next);
            if index == next {
                self.rows.tables.push(table);
            }
            members.push(Entry { other: evse, table: index });
        }
        self.rows.rows.push(row);
        self.members.push(members);
    }

    /// The rows.
    pub fn build(self) -> Rows {
        let Self { mut rows, members, .. } = self;
        let mut of_evse = vec![Vec::new(); rows.evses.len()];
        for (row, members) in members.iter().enumerate() {
            for entry in members {
                let entry_of_row = Entry { other: row as u32, table: entry.table };
                of_evse[entry.other as usize].push(entry_of_row);
            }
        }
        rows.of_evse = groups(&of_evse);
        rows.of_row = groups(&members);
        rows
    }
}

/// What a limit's circle leaves of its radius to half-planes in 48 directions: rounded down.
pub(super) fn within_circle(limit: Current) -> Current {
    let factor = (TAU / 2.0 / f64::from(DIRECTIONS)).cos();
    Current((limit.0 as f64 * factor).floor() as i64)
}

/// Rounded up; what is not above zero counts as nothing. A millionth of a thousandth is taken for
/// an error of the sine.
fn thousandths(value: f64) -> u32 {
    (value * 1e3 - 1e-6).ceil().clamp(0.0, 1e9) as u32
}

fn add_leg(parts: &mut BTreeMap<u32, [u32; 3]>, term: &Term, value: u32) {
    if let Some(leg) = parts.entry(term.evse).or_default().get_mut(usize::from(term.leg)) {
        *leg = leg.saturating_add(value);
    }
}

/// The sum over the legs in use; for legs that are not known, over all.
fn by_legs(legs: [u32; 3]) -> [u32; 8] {
    let mut table = [0; 8];
    for (uses, sum) in table.iter_mut().enumerate() {
        let uses = if uses == 0 { 7 } else { uses };
        *sum = (0..3).filter(|leg| uses >> leg & 1 == 1).map(|leg| legs[leg]).sum();
    }
    table
}

fn groups(lists: &[Vec<Entry>]) -> Groups {
    let mut groups = Groups { starts: vec![0], entries: Vec::new() };
    for list in lists {
        groups.entries.extend(list);
        groups.starts.push(groups.entries.len() as u32);
    }
    groups
}
