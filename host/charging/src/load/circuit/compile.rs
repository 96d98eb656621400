//! Owns the way from a checked tree to its rows. Must never be called on a tree that was not
//! checked, and never round to the unsafe side.

use std::collections::BTreeMap;

use super::{Circuit, CircuitKind, EvsePoint, LEAST_AC, Supply, Tree, Winding};
use crate::load::amount::Amount;
use crate::load::legs::{Leg, Line};
use crate::load::rows::{
    EvseId, EvseWiring, Phasor, Row, RowKind, Rows, RowsBuilder, Term, of_power,
};
use crate::units::Current;

const SQRT_3: f64 = 1.732_050_807_568_877_2;
/// Percent of a DC EVSE's input that reach the car, where nothing else is said.
const DC_EFFICIENCY: u32 = 94;

/// What flows through a circuit, line by line, and what it adds up to as power.
#[derive(Default)]
pub(super) struct Flow {
    pub(super) lines: [Vec<Term>; 3],
    pub(super) power: Vec<Term>,
}

/// The rows of a tree: circuits in their order, of each its lines, power and imbalance.
pub(super) fn rows(tree: &Tree) -> Rows {
    let (places, mut flows) = (places(tree), flows(tree));
    let mut wirings = Vec::new();
    for (index, point) in tree.evses.iter().enumerate() {
        let Some(place) = places.get(&*point.circuit) else { continue };
        let wiring = wiring(point, millivolts(tree, &places, *place));
        add_flows(
            tree,
            &places,
            *place,
            &Leaf { index: index as u32, point, wiring: &wiring },
            &mut flows,
        );
        wirings.push(wiring);
    }
    let mut builder = RowsBuilder::new(wirings);
    for (place, (circuit, flow)) in tree.circuits.iter().zip(&flows).enumerate() {
        add_rows(&mut builder, circuit, flow, millivolts(tree, &places, place));
    }
    builder.build()
}

/// Where each circuit stands in the tree, by its name.
pub(super) fn places(tree: &Tree) -> BTreeMap<&str, usize> {
    tree.circuits.iter().enumerate().map(|(n, circuit)| (&*circuit.name, n)).collect()
}

/// By circuit, with nothing in it yet.
pub(super) fn flows(tree: &Tree) -> Vec<Flow> {
    tree.circuits.iter().map(|_| Flow::default()).collect()
}

pub(super) struct Leaf<'a> {
    pub(super) index: u32,
    pub(super) point: &'a EvsePoint,
    pub(super) wiring: &'a EvseWiring,
}

/// Lets an EVSE's legs flow from its circuit up to the grid.
pub(super) fn add_flows(
    tree: &Tree,
    places: &BTreeMap<&str, usize>,
    from: usize,
    leaf: &Leaf<'_>,
    flows: &mut [Flow],
) {
    for (leg, connected) in leaf.point.phases.legs().iter().enumerate() {
        let term = |phasor| Term { evse: leaf.index, leg: leg as u8, phasor };
        let mut lines = line_currents(*connected);
        let mut next = Some(from);
        while let Some(place) = next {
            let (circuit, flow) = (&tree.circuits[place], &mut flows[place]);
            for (line, terms) in flow.lines.iter_mut().enumerate() {
                terms.push(term(lines[line]));
            }
            let volts = f64::from(millivolts(tree, places, place));
            let mut share = f64::from(leaf.wiring.millivolts) / volts;
            if circuit.kind == CircuitKind::Cabinet {
                share *= f64::from(leaf.wiring.efficiency) / 1e3;
            }
            flow.power.push(term(Phasor { re: share, im: 0.0 }));
            if circuit.kind == CircuitKind::Transformer {
                lines = through(circuit, lines);
            }
            next = circuit.parent.as_deref().and_then(|parent| places.get(parent).copied());
        }
    }
}

/// What one ampere on a leg puts on each line; the voltage of L1 is the angle 0.
fn line_currents(leg: Leg) -> [Phasor; 3] {
    let angle = |line: Line| [0.0, -120.0, 120.0][line as usize];
    let mut lines = [Phasor::default(); 3];
    match leg {
        Leg::Neutral(line) => lines[line as usize] = Phasor::polar(1.0, angle(line)),
        Leg::Between(line) => {
            let current = Phasor::polar(1.0, angle(line) + 30.0);
            lines[line as usize] = current;
            lines[(line as usize + 1) % 3] = current.times(-1.0);
        }
    }
    lines
}

/// From the secondary lines of a transformer to its primary ones.
fn through(circuit: &Circuit, lines: [Phasor; 3]) -> [Phasor; 3] {
    let ratio = circuit.ratio.map_or(1.0, |r| f64::from(r.secondary) / f64::from(r.primary));
    match circuit.winding.unwrap_or_default() {
        Winding::WyeWye => lines.map(|line| line.times(ratio)),
        Winding::DeltaWye => {
            let windings = lines.map(|line| line.times(ratio / SQRT_3));
            [0, 1, 2].map(|line| windings[line].minus(windings[(line + 2) % 3]))
        }
    }
}

/// Millivolts between a line and the neutral of a circuit; of a transformer, of its secondary.
pub(super) fn millivolts(tree: &Tree, places: &BTreeMap<&str, usize>, from: usize) -> u32 {
    let mut next = Some(from);
    while let Some(place) = next {
        let circuit = &tree.circuits[place];
        if let Some(ratio) = circuit.ratio {
            return (f64::from(ratio.secondary) * 1e3 / SQRT_3).floor() as u32;
        }
        next = circuit.parent.as_deref().and_then(|parent| places.get(parent).copied());
    }
    tree.voltage.saturating_mul(1_000)
}

pub(super) fn wiring(point: &EvsePoint, millivolts: u32) -> EvseWiring {
    let legs = point.phases.legs();
    let between = matches!(legs.first(), Some(Leg::Between(_)));
    let across = if between { (f64::from(millivolts) * SQRT_3) as u32 } else { millivolts };
    let efficiency = match point.supply {
        Supply::Ac => 1_000,
        Supply::Dc => point.efficiency_percent.unwrap_or(DC_EFFICIENCY).saturating_mul(10),
    };
    // Watts at the car as the current of each leg.
    let volts = u64::from(across) * legs.len() as u64 * u64::from(efficiency) / 1_000;
    let volts = u32::try_from(volts).unwrap_or(u32::MAX);
    let current = |amount: Amount| match amount {
        Amount::Current(current) => current,
        Amount::Power(power) => of_power(power, volts),
    };
    let least = match point.supply {
        Supply::Ac => LEAST_AC,
        Supply::Dc => Current::ZERO,
    };
    let min = point.min.map_or(least, current);
    EvseWiring {
        id: EvseId::parse(&point.evse)
            .unwrap_or_else(|| EvseId { station: point.evse.as_ref().into(), evse: 1 }),
        min,
        max: current(point.max),
        fallback: point.fallback.map_or(min, current),
        legs: legs.len() as u8,
        millivolts: across,
        efficiency,
        dc: point.supply == Supply::Dc,
    }
}

fn add_rows(builder: &mut RowsBuilder, circuit: &Circuit, flow: &Flow, millivolts: u32) {
    let base = circuit.base_load.map(|base| base.0).unwrap_or_default();
    let reserve = circuit.reserve.map_or(Current::ZERO, |reserve| reserve.0);
    let from_outside = !circuit.external.is_empty();
    let row = |kind, limit| {
        let row = Row {
            circuit: (&*circuit.name).into(),
            kind,
            limit,
            reserve,
            base_max: Current::ZERO,
            millivolts,
        };
        Row { base_max: row.counts(base), ..row }
    };
    for line in Line::ALL {
        let limit = circuit.current.map(|current| current.0[line as usize]);
        if limit.is_some() || from_outside {
            builder.line(row(RowKind::Line(line), limit), &flow.lines[line as usize]);
        }
    }
    let kind = match circuit.kind {
        CircuitKind::Cabinet => RowKind::Cabinet,
        _ => RowKind::Power,
    };
    let limit = circuit.power.map(|power| of_power(power.0, millivolts));
    if limit.is_some() || from_outside {
        // The reserve of each of three lines.
        let row = row(kind, limit);
        let reserve = Current(row.reserve.0.saturating_mul(3));
        builder.sum(Row { reserve, ..row }, &flow.power);
    }
    if let Some(imbalance) = circuit.imbalance {
        let limit = match imbalance {
            Amount::Current(current) => current,
            Amount::Power(power) => of_power(power, millivolts),
        };
        for (more, less) in Line::ALL.into_iter().flat_map(|a| Line::ALL.map(|b| (a, b))) {
            if more != less {
                let row = row(RowKind::Imbalance(more, less), Some(limit));
                // What is configured are the lines' most: it says nothing of balance.
                let row = Row { reserve: Current::ZERO, base_max: Current::ZERO, ..row };
                builder.imbalance(row, &flow.lines[more as usize], &flow.lines[less as usize]);
            }
        }
    }
}
