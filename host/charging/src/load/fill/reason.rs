//! Owns why an EVSE gets what it gets, and how that reads. Must never be computed from anything
//! but what the tick itself found.

use std::fmt;

use super::{Allocation, Filled};
use crate::load::amount::Amps;
use crate::load::rows::{Rows, beside};
use crate::units::Current;

/// Why an EVSE gets no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reason {
    /// No car wants anything here.
    #[default]
    NoDemand,
    /// It cannot be told.
    NotCommandable,
    /// It has all that car, cable and EVSE can take.
    Maximum,
    /// The car draws less than it may, and is offered a little more than it draws.
    Draw,
    /// The plan keeps it there, for a price or for others.
    Plan,
    /// Its share of a row that is full; the row's index.
    Row(u32),
    /// Its minimum does not fit into a row, or is not its turn there; the row's index.
    Waiting(u32),
    /// Its minimum is more than it may take.
    BelowMinimum,
}

/// An allocation in words: `6 A: feeder B, L2 at 62.4 of 63 A`.
#[derive(Clone, Copy, Debug)]
pub struct Explained<'a> {
    allocation: Allocation,
    rows: &'a Rows,
    load: Current,
    limit: Current,
}

impl<'a> Explained<'a> {
    /// Explains an allocation of a tick. `limits` and `headroom` are by row: a row's load is shown
    /// with what is not managed there.
    pub fn new(
        filled: &Filled<'_>,
        evse: u32,
        rows: &'a Rows,
        limits: &[Current],
        headroom: &[Current],
    ) -> Option<Self> {
        let allocation = *filled.allocations.get(evse as usize)?;
        let (mut load, mut limit) = (Current::ZERO, Current::ZERO);
        if let Reason::Row(row) | Reason::Waiting(row) = allocation.reason {
            let row = row as usize;
            limit = *limits.get(row)?;
            load = limit.minus(*headroom.get(row)?).plus(*filled.loads.get(row)?);
        }
        Some(Self { allocation, rows, load, limit })
    }
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", Amps(self.allocation.limit))?;
        match self.allocation.reason {
            Reason::NoDemand => f.write_str("no car wants to charge"),
            Reason::NotCommandable => f.write_str("the station cannot be told"),
            Reason::Maximum => f.write_str("all that car, cable and EVSE can take"),
            Reason::Draw => f.write_str("the car draws less than it may"),
            Reason::Plan => f.write_str("as planned"),
            Reason::BelowMinimum => f.write_str("what it may take is below its minimum"),
            Reason::Row(row) | Reason::Waiting(row) => {
                if matches!(self.allocation.reason, Reason::Waiting(_)) {
                    f.write_str("waiting for its turn, ")?;
                }
                match self.rows.rows().get(row as usize) {
                    Some(row) => write!(f, "{row} at {}", beside(row, self.load, self.limit)),
                    None => f.write_str("a row that is not there"),
                }
            }
        }
    }
}
