//! Owns a site battery as people configure it, what is right for one, and what it counts in rows.
//! Must never let one charge where its charging is counted nowhere: the kernel knows a battery only
//! as part of the base load.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::compile::{self, Leaf};
use super::{CircuitKind, EvsePoint, Problem, Supply, Tree};
use crate::load::amount::{Amount, Watts};
use crate::load::legs::Rotation;
use crate::load::plan::battery::{Battery, Share};
use crate::load::rows::{RowKind, Rows, Term};
use crate::units::{Current, Energy, Micros, Power};

/// A site has no more batteries.
const MOST: usize = 4;
/// No battery holds more, in Wh.
const CAPACITY_MOST: u64 = 1_000_000_000;
/// None charges or gives more.
const POWER_MOST: Power = Power(1_000_000_000);
/// No kWh wears more off, in any currency.
const WEAR_MOST: Micros = Micros(1_000_000_000_000);
const LONGEST_NAME: usize = 100;

/// A battery on its circuit, as in TOML:
///
/// ```toml
/// [[battery]]
/// name = "cellar"
/// circuit = "grid connection"
/// capacity_wh = 20000
/// charge = "8 kW"
/// discharge = "10 kW"
/// efficiency_thousandths = 900
/// reserve_percent = 10
/// wear_per_kwh = 40000
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatteryPoint {
    /// What people call it; no two are called the same.
    pub name: Box<str>,
    /// The circuit that it hangs on.
    pub circuit: Box<str>,
    /// The phases that it charges from, alike.
    #[serde(default)]
    pub phases: Rotation,
    /// What it can hold and give back, in Wh: between its states of charge of 0 and 100 %.
    pub capacity_wh: u64,
    /// The most that it charges with, on its AC side.
    pub charge: Watts,
    /// The most that it gives, on its AC side.
    pub discharge: Watts,
    /// Thousandths of what it charges that it gives back.
    #[serde(default = "default_efficiency")]
    pub efficiency_thousandths: u32,
    /// The state of charge, in percent, that no plan discharges it below; where it holds less
    /// already, below that.
    #[serde(default)]
    pub reserve_percent: u32,
    /// What a kWh that it gives wears off it, in millionths of the currency.
    #[serde(default)]
    pub wear_per_kwh: Micros,
}

impl BatteryPoint {
    /// As a planner sees it, at a state of charge in thousandths.
    pub(crate) fn at(&self, index: usize, charge_thousandths: u32, shares: Vec<Share>) -> Battery {
        let capacity = Energy::from_wh(i64::try_from(self.capacity_wh).unwrap_or(i64::MAX));
        let part = |of: u32, whole: i128| {
            let part = i128::from(capacity.0) * i128::from(of) / whole;
            Energy(i64::try_from(part).unwrap_or(i64::MAX)).min(capacity)
        };
        Battery {
            index: index as u32,
            capacity,
            energy: part(charge_thousandths, 1_000),
            reserve: part(self.reserve_percent, 100),
            charge: self.charge.0,
            discharge: self.discharge.0,
            efficiency: self.efficiency_thousandths,
            wear: self.wear_per_kwh.0,
            shares,
        }
    }

    /// What is wrong with it by itself.
    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let printable = !self.name.chars().any(char::is_control) && self.name.trim() == &*self.name;
        if self.name.is_empty() || self.name.len() > LONGEST_NAME || !printable {
            problems.push("a battery's name has 1 to 100 bytes and no blanks around it".into());
        }
        if !(1..=CAPACITY_MOST).contains(&self.capacity_wh) {
            problems.push(format!("capacity_wh of {}: no battery holds that", self.capacity_wh));
        }
        for (what, power) in [("charge", self.charge), ("discharge", self.discharge)] {
            if !(Power::ZERO..=POWER_MOST).contains(&power.0) {
                problems.push(format!("{what} of {power}: it cannot be"));
            }
        }
        if !(1..=1_000).contains(&self.efficiency_thousandths) {
            let given = self.efficiency_thousandths;
            problems.push(format!("efficiency_thousandths of {given}: 1 to 1000 are possible"));
        }
        if self.reserve_percent > 100 {
            let given = self.reserve_percent;
            problems.push(format!("reserve_percent of {given}: 0 to 100 are possible"));
        }
        if !(Micros(0)..=WEAR_MOST).contains(&self.wear_per_kwh) {
            problems.push("wear_per_kwh: it cannot be".into());
        }
        problems
    }
}

/// All that is wrong with the batteries of a tree, but for what follows from its rows.
pub(super) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    if tree.batteries.len() > MOST {
        let problem = format!("{} are more than the {MOST} of a site", tree.batteries.len());
        problems.push(Problem { place: "battery".into(), problem });
    }
    for battery in &tree.batteries {
        let mut own = battery.problems();
        if !seen.insert(&battery.name) {
            own.push("there are two batteries of that name".into());
        }
        let circuit = tree.circuits.iter().find(|circuit| circuit.name == battery.circuit);
        match circuit.map(|circuit| circuit.kind) {
            None => own.push(format!("its circuit {:?} is not there", battery.circuit)),
            Some(CircuitKind::Cabinet) => {
                own.push("hangs on a cabinet, which feeds EVSEs alone".into());
            }
            Some(_) => {}
        }
        let place = battery.name.to_string();
        problems.extend(own.into_iter().map(|problem| Problem { place: place.clone(), problem }));
    }
    problems
}

/// In every row that batteries charge through a meter shows it, or the configured base load has
/// it.
pub(super) fn commissioning(tree: &Tree, rows: &Rows) -> Vec<Problem> {
    let mut charged: BTreeMap<u32, (&BatteryPoint, Current)> = BTreeMap::new();
    for (index, battery) in tree.batteries.iter().enumerate() {
        for share in shares(tree, rows, index) {
            let (_, sum) = charged.entry(share.row).or_insert((battery, Current::ZERO));
            *sum = sum.plus(share.of(battery.charge.0));
        }
    }
    let mut problems = Vec::new();
    for (row, (battery, charges)) in charged {
        let Some(row) = rows.rows().get(row as usize) else { continue };
        let mut circuits = tree.circuits.iter();
        let is_metered =
            circuits.any(|circuit| *circuit.name == *row.circuit && circuit.meter.is_some());
        let is_most_known = row.base_max > Current::ZERO || !is_metered;
        let is_balance = matches!(row.kind, RowKind::Imbalance(..));
        // A thousandth is what shares are rounded up by.
        let exact = Current(charges.0 - charges.0 / 1_000);
        if is_most_known && !is_balance && row.base_max < exact {
            let problem = format!(
                "charges through {row} with up to {}, and the base_load of that circuit is {}: \
                 what batteries charge is base load, and must be in it",
                row.shown(charges),
                row.shown(row.base_max)
            );
            problems.push(Problem { place: battery.name.to_string(), problem });
        }
    }
    problems
}

/// What a battery of a checked tree counts in the rows of it, or of one with more circuits.
pub(crate) fn shares(tree: &Tree, rows: &Rows, battery: usize) -> Vec<Share> {
    let places = compile::places(tree);
    let Some(point) = tree.batteries.get(battery) else { return Vec::new() };
    let Some(place) = places.get(&*point.circuit).copied() else { return Vec::new() };
    let outlet = EvsePoint {
        evse: "battery/1".into(),
        circuit: point.circuit.clone(),
        phases: point.phases.clone(),
        supply: Supply::Ac,
        efficiency_percent: None,
        min: None,
        max: Amount::Power(point.charge.0),
        fallback: None,
        weight: None,
        class: None,
    };
    let wiring = compile::wiring(&outlet, compile::millivolts(tree, &places, place));
    let mut flows = compile::flows(tree);
    let leaf = Leaf { index: 0, point: &outlet, wiring: &wiring };
    compile::add_flows(tree, &places, place, &leaf, &mut flows);
    // Microamperes on each leg for a watt.
    let each = 1e9 / f64::from(wiring.millivolts.max(1)) / f64::from(wiring.legs.max(1));
    let size = |terms: &[Term]| terms.iter().map(|term| term.phasor.size()).sum::<f64>();
    let share = |(index, row): (usize, &crate::load::rows::Row)| {
        let flow = &flows[*places.get(&*row.circuit)?];
        let factor = match row.kind {
            RowKind::Line(line) | RowKind::Direction(line, _) => size(&flow.lines[line as usize]),
            RowKind::Power | RowKind::Cabinet => size(&flow.power),
            RowKind::Imbalance(more, less) => {
                size(&flow.lines[more as usize]) - size(&flow.lines[less as usize])
            }
        };
        let microamps = (factor * each - 1e-6).ceil().clamp(0.0, 1e9) as u32;
        (microamps > 0).then_some(Share { row: index as u32, microamps })
    };
    rows.rows().iter().enumerate().filter_map(share).collect()
}

fn default_efficiency() -> u32 {
    900
}
