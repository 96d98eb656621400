//! Owns the rows that an electrical tree compiles to: for each limit the EVSEs that count in it,
//! and by how much. Everything here is an integer and every rounding is to the safe side.
//! Must never hold what changes with time: limits, base loads and currents are arguments.

mod build;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::amount::{Amount, Amps, Watts};
use super::legs::{Legs, Line};
use crate::ids::StationId;
use crate::units::{Current, Power};

pub use build::{Phasor, RowsBuilder, Term};

/// Half-planes that stand for one limit on mixed phasors.
pub const DIRECTIONS: u8 = 48;

/// An EVSE of a site, written `STATION/1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EvseId {
    /// Its station.
    pub station: StationId,
    /// Its number there, from 1; in 1.6 the connector's.
    pub evse: u32,
}

impl EvseId {
    /// Reads `STATION/1`.
    pub fn parse(text: &str) -> Option<Self> {
        let (station, evse) = text.rsplit_once('/')?;
        let evse = evse.parse().ok().filter(|evse| *evse > 0)?;
        (!station.is_empty()).then(|| Self { station: station.into(), evse })
    }
}

impl fmt::Display for EvseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.station, self.evse)
    }
}

/// What the wiring says about an EVSE. All currents of load control are per phase on the AC side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvseWiring {
    /// Its name.
    pub id: EvseId,
    /// The least that it can give a car; below that it must pause.
    pub min: Current,
    /// The most that it, its cable and its fuse can carry.
    pub max: Current,
    /// What it gives by itself, without a valid profile.
    pub fallback: Current,
    /// How many legs are connected.
    pub legs: u8,
    /// Millivolts across one leg.
    pub millivolts: u32,
    /// Thousandths of its AC power that reach the car: 1000 for AC.
    pub efficiency: u32,
    /// It gives direct current, through a rectifier that draws on all legs alike.
    pub dc: bool,
}

impl EvseWiring {
    /// The current of each of so many legs at which a power reaches the car.
    pub fn current(&self, power: Power, legs: u32) -> Current {
        let milliwatts = i128::from(power.0) * 1_000 * 1_000 / i128::from(self.efficiency.max(1));
        let per_leg =
            milliwatts * 1_000 / i128::from(self.millivolts.max(1)) / i128::from(legs.max(1));
        Current(i64::try_from(per_leg).unwrap_or(i64::MAX))
    }

    /// The power that reaches the car at a current on so many legs.
    pub fn power(&self, current: Current, legs: u32) -> Power {
        let milliwatts = i128::from(current.0) * i128::from(self.millivolts) * i128::from(legs)
            / 1_000
            * i128::from(self.efficiency)
            / 1_000;
        Power(i64::try_from(milliwatts / 1_000).unwrap_or(i64::MAX))
    }
}

/// What a row limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowKind {
    /// The current on one line.
    Line(Line),
    /// One half-plane of 48 that stand for the current on a line where phasors mix.
    Direction(Line, u8),
    /// The power of all lines.
    Power,
    /// How much more the first line may carry than the second.
    Imbalance(Line, Line),
    /// The power on the DC side of a cabinet.
    Cabinet,
}

/// A limit: the sum of its members' currents, each times its coefficient, stays at or below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The circuit that it belongs to.
    pub circuit: Arc<str>,
    /// What it limits there.
    pub kind: RowKind,
    /// Its configured limit, as the row counts; `None` where only external limits set one.
    pub limit: Option<Current>,
    /// What is kept free below the limit.
    pub reserve: Current,
    /// The most that is not managed here, as configured.
    pub base_max: Current,
    /// Millivolts by which the row turns power into current.
    pub millivolts: u32,
}

impl Row {
    /// What a load that is measured line by line counts in this row, rounded up.
    pub fn counts(&self, lines: [Current; 3]) -> Current {
        match self.kind {
            RowKind::Line(line) | RowKind::Direction(line, _) => lines[line as usize],
            RowKind::Power => lines[0].plus(lines[1]).plus(lines[2]),
            RowKind::Imbalance(more, less) => {
                lines[more as usize].minus(lines[less as usize]).max(Current::ZERO)
            }
            RowKind::Cabinet => Current::ZERO,
        }
    }

    /// The limit that this row takes from one on its circuit, rounded down; `None` if the row
    /// limits something else.
    pub fn limit_from(&self, limit: &CircuitLimit) -> Option<Current> {
        self.kind.limit_from(limit, self.millivolts)
    }

    /// A value of this row in the unit that people know: power for power, else current.
    pub fn shown(&self, value: Current) -> Amount {
        self.kind.shown(value, self.millivolts)
    }
}

impl RowKind {
    /// What a limit of a circuit is for its row of this kind.
    pub fn limit_from(self, limit: &CircuitLimit, millivolts: u32) -> Option<Current> {
        match self {
            Self::Line(line) => limit.lines.map(|lines| lines[line as usize]),
            Self::Direction(line, _) => {
                limit.lines.map(|lines| build::within_circle(lines[line as usize]))
            }
            Self::Power | Self::Cabinet => limit.power.map(|power| of_power(power, millivolts)),
            Self::Imbalance(..) => None,
        }
    }

    /// A value of a row of this kind in the unit that people know.
    pub fn shown(self, value: Current, millivolts: u32) -> Amount {
        match self {
            Self::Power | Self::Cabinet => {
                let watts = i128::from(value.0) * i128::from(millivolts) / 1_000_000;
                Amount::Power(Power(i64::try_from(watts).unwrap_or(i64::MAX)))
            }
            _ => Amount::Current(value),
        }
    }
}

/// `L2`, `power`, as people call it.
impl fmt::Display for RowKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => line.fmt(f),
            Self::Direction(line, n) => {
                write!(f, "{line} at {:.1} degrees", f64::from(*n) * 360.0 / f64::from(DIRECTIONS))
            }
            Self::Power => f.write_str("power"),
            Self::Imbalance(more, less) => write!(f, "imbalance of {more} over {less}"),
            Self::Cabinet => f.write_str("DC power"),
        }
    }
}

/// `feeder B, L2`, as people call it.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.circuit, self.kind)
    }
}

/// A limit on a circuit, by lines or by power or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircuitLimit {
    /// On each line.
    pub lines: Option<[Current; 3]>,
    /// Of all lines.
    pub power: Option<Power>,
}

/// An EVSE in a row, or a row of an EVSE: the other's index, and which coefficients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    other: u32,
    table: u32,
}

/// Every row and every EVSE of a site, each by its index, and how they meet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    evses: Vec<EvseWiring>,
    rows: Vec<Row>,
    /// Thousandths by `Legs::index`; the first is the largest.
    tables: Vec<[u32; 8]>,
    of_evse: Groups,
    of_row: Groups,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Groups {
    starts: Vec<u32>,
    entries: Vec<Entry>,
}

impl Groups {
    fn of(&self, index: u32) -> &[Entry] {
        let range = self.starts.get(index as usize).zip(self.starts.get(index as usize + 1));
        range.and_then(|(from, to)| self.entries.get(*from as usize..*to as usize)).unwrap_or(&[])
    }
}

/// A row that is over what it may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overload {
    /// The row's index.
    pub row: u32,
    /// What its members add up to, rounded up.
    pub load: Current,
    /// What there is for them.
    pub headroom: Current,
}

impl Rows {
    /// The rows, by index.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The EVSEs, by index.
    pub fn evses(&self) -> &[EvseWiring] {
        &self.evses
    }

    /// The index of an EVSE.
    pub fn evse(&self, id: &EvseId) -> Option<u32> {
        self.evses.iter().position(|evse| evse.id == *id).map(|index| index as u32)
    }

    /// How often an EVSE counts in a row, over all.
    pub(super) fn meetings(&self) -> usize {
        self.of_row.entries.len()
    }

    /// The rows that an EVSE counts in, and by how many thousandths of its current.
    pub fn of_evse(&self, evse: u32, legs: Legs) -> impl Iterator<Item = (u32, u32)> + '_ {
        let entries = self.of_evse.of(evse).iter();
        entries.map(move |entry| (entry.other, self.tables[entry.table as usize][legs.index()]))
    }

    /// The EVSEs that count in a row, and by how many thousandths of their current.
    pub fn of_row<'a>(
        &'a self,
        row: u32,
        legs: impl Fn(u32) -> Legs + 'a,
    ) -> impl Iterator<Item = (u32, u32)> + 'a {
        let entries = self.of_row.of(row).iter();
        entries.map(move |entry| {
            (entry.other, self.tables[entry.table as usize][legs(entry.other).index()])
        })
    }

    /// What a row's members add up to, rounded up; `current` gives each EVSE's, never below zero.
    pub fn load(&self, row: u32, current: impl Fn(u32) -> (Current, Legs)) -> Current {
        let entries = self.of_row.of(row).iter();
        let micros = entries.map(|entry| {
            let (current, legs) = current(entry.other);
            micros(current, self.tables[entry.table as usize][legs.index()])
        });
        round_up(micros.sum())
    }

    /// The invariant: no row's members add up to more than its headroom. `headroom` is what each
    /// row has for them: limit less base load less reserve.
    ///
    /// # Errors
    /// The first row that is over.
    pub fn check(
        &self,
        headroom: &[Current],
        current: impl Fn(u32) -> (Current, Legs),
    ) -> Result<(), Overload> {
        for (row, headroom) in (0..self.rows.len() as u32).zip(headroom) {
            let load = self.load(row, &current);
            if load > *headroom {
                return Err(Overload { row, load, headroom: *headroom });
            }
        }
        Ok(())
    }
}

/// A current times a coefficient in thousandths, in microamperes.
pub(super) fn micros(current: Current, coefficient: u32) -> i64 {
    current.0.saturating_mul(i64::from(coefficient))
}

/// Microamperes as milliamperes, rounded up.
pub(super) fn round_up(micros: i64) -> Current {
    Current(micros.div_euclid(1_000) + i64::from(micros.rem_euclid(1_000) > 0))
}

/// The current that a power makes at a voltage, rounded down.
pub(super) fn of_power(power: Power, millivolts: u32) -> Current {
    let milliamps = i128::from(power.0) * 1_000_000 / i128::from(millivolts.max(1));
    Current(i64::try_from(milliamps).unwrap_or(i64::MAX))
}

/// A value of a row beside a limit, as people read it: `62.4 of 63 A`.
pub fn beside(row: &Row, load: Current, limit: Current) -> String {
    beside_limit(row.shown(load), row.shown(limit))
}

/// A value beside a limit of the same unit.
pub fn beside_limit(load: Amount, limit: Amount) -> String {
    let number = match load {
        Amount::Current(load) => Amps(load).to_string(),
        Amount::Power(load) => Watts(load).to_string(),
    };
    let number = number.split_once(' ').map_or(&*number, |(number, _)| number).to_owned();
    format!("{number} of {limit}")
}

#[cfg(test)]
mod tests;
