//! Owns the proof of the kernel: its parts by themselves, properties over any order of events, and
//! a site with faults in virtual time.

mod faults;
mod host;
mod parts;
mod properties;
pub(crate) mod station;
mod world;

use super::event::Wired;
use crate::load::amount::{Amount, PerLine};
use crate::load::circuit::{Circuit, EvsePoint, Tree};
use crate::load::legs::Rotation;
use crate::load::rows::Rows;
use crate::units::{Current, Timestamp};

/// A day of 2026 on which all tests begin.
pub(crate) const START: Timestamp = Timestamp(1_790_000_000_000);

/// A generator of numbers: the same for the same seed (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// At least `low`, at most `high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.next() % (high - low + 1) as u64) as i64
    }

    pub(crate) fn per_mille(&mut self, chance: i64) -> bool {
        self.between(0, 999) < chance
    }
}

/// EVSEs `CS-0/1`, `CS-1/1`, ... on one line with one limit.
pub(super) fn one_row(evses: usize, amps: i64, fallback: i64) -> Rows {
    let grid = circuit("grid", None, amps);
    let points = (0..evses).map(|n| point(n, "grid", "L1", fallback)).collect();
    rows(vec![grid], points)
}

/// Feeders of ten three-phase EVSEs each, rotated, below one grid connection.
pub(super) fn feeders(feeders: usize, amps: i64, each: i64, fallback: i64) -> Rows {
    let names: Vec<_> = (0..feeders).map(|n| format!("feeder {n}")).collect();
    let below = names.iter().map(|name| circuit(name, Some("grid"), each));
    let circuits = std::iter::once(circuit("grid", None, amps)).chain(below).collect();
    let phases = ["L1 L2 L3", "L2 L3 L1", "L3 L1 L2"];
    let points = (0..feeders * 10).map(|n| point(n, &names[n / 10], phases[n % 3], fallback));
    rows(circuits, points.collect())
}

fn rows(circuits: Vec<Circuit>, evses: Vec<EvsePoint>) -> Rows {
    Tree { voltage: 230, circuits, evses, batteries: Vec::new() }.compile(None).unwrap()
}

fn circuit(name: &str, parent: Option<&str>, amps: i64) -> Circuit {
    Circuit {
        name: name.into(),
        parent: parent.map(Into::into),
        current: Some(PerLine::all(Current(amps * 1_000))),
        ..Circuit::default()
    }
}

fn point(n: usize, circuit: &str, phases: &str, fallback: i64) -> EvsePoint {
    EvsePoint {
        evse: format!("CS-{n}/1").into(),
        circuit: circuit.into(),
        phases: Rotation::parse(phases).unwrap(),
        supply: Default::default(),
        efficiency_percent: None,
        min: None,
        max: Amount::Current(Current(32_000)),
        fallback: Some(Amount::Current(Current(fallback * 1_000))),
        weight: None,
        class: None,
    }
}

/// The EVSEs of rows, as the kernel must know them.
pub(super) fn wired(rows: &Rows) -> Vec<Wired> {
    let wired = rows.evses().iter().map(|evse| Wired {
        id: evse.id.clone(),
        maximum: evse.max,
        fallback: evse.fallback,
    });
    wired.collect()
}
