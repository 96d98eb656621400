//! Owns what is right for an electrical tree. Must never stop at the first thing that is wrong.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    CLASS_MOST, Circuit, CircuitKind, EvsePoint, LEAST_AC, Problem, Supply, Tree, WEIGHTS,
};
use crate::load::amount::{Amount, Amps};
use crate::load::legs::{Leg, Legs};
use crate::load::rows::{CircuitLimit, EvseId, Rows, beside};
use crate::units::Current;

/// A limit below that is taken for a slip of the unit.
const LEAST_LIMIT: Current = Current(1_000);
/// A limit above that too: a million amperes.
const MOST_LIMIT: Current = Current(1_000_000_000);
/// Names longer than that fit on no page.
const LONGEST_NAME: usize = 100;

struct Check<'a> {
    tree: &'a Tree,
    circuits: BTreeMap<&'a str, &'a Circuit>,
    problems: Vec<Problem>,
}

/// All that is wrong with a tree, but for the commissioning rule.
pub(super) fn check(tree: &Tree, known: Option<&BTreeSet<EvseId>>) -> Vec<Problem> {
    let circuits = tree.circuits.iter().map(|circuit| (&*circuit.name, circuit)).collect();
    let mut check = Check { tree, circuits, problems: Vec::new() };
    if !(50..=1_000).contains(&tree.voltage) {
        let problem =
            format!("{} V between line and neutral: 50 to 1000 are possible", tree.voltage);
        check.wrong("voltage", problem);
    }
    if tree.circuits.is_empty() {
        check.wrong("circuit", "at least one is needed: the grid connection");
    }
    check.names();
    check.cycles();
    for circuit in &tree.circuits {
        check.circuit(circuit);
    }
    for evse in &tree.evses {
        check.evse(evse);
    }
    check.evse_names(known);
    check.problems
}

/// The commissioning rule: in every row the fallbacks of all EVSEs fit beside the base load, so
/// that the site is safe with no one to control it. And what holds while a source outside is silent
/// bears them alone, for they are drawn whatever the building does.
pub(super) fn commissioning(tree: &Tree, rows: &Rows) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, row) in rows.rows().iter().enumerate() {
        let fallbacks =
            rows.load(index as u32, |evse| (rows.evses()[evse as usize].fallback, Legs::UNKNOWN));
        let mut wrong =
            |problem: String| problems.push(Problem { place: row.to_string(), problem });
        let sum = fallbacks.plus(row.base_max).plus(row.reserve);
        if let Some(limit) = row.limit.filter(|limit| sum > *limit) {
            wrong(format!(
                "without control it carries {}: the fallbacks of its EVSEs add up to {}, the base \
                 load to {}, the reserve is {}; give some of its EVSEs a fallback of 0 A",
                beside(row, sum, limit),
                row.shown(fallbacks),
                row.shown(row.base_max),
                row.shown(row.reserve),
            ));
        }
        let circuits = tree.circuits.iter().filter(|circuit| *circuit.name == *row.circuit);
        for external in circuits.flat_map(|circuit| &circuit.external) {
            let limit = row.limit_from(&external.fallback());
            if let Some(limit) = limit.filter(|limit| fallbacks > *limit) {
                wrong(format!(
                    "the fallbacks of its EVSEs add up to {}, which is more than what holds while \
                     {:?} is silent; give some of its EVSEs a fallback of 0 A",
                    beside(row, fallbacks, limit),
                    external.source,
                ));
            }
        }
    }
    problems
}

impl Check<'_> {
    fn wrong(&mut self, place: &str, problem: impl Into<String>) {
        self.problems.push(Problem { place: place.to_owned(), problem: problem.into() });
    }

    fn names(&mut self) {
        let mut seen = BTreeSet::new();
        for circuit in &self.tree.circuits {
            let name = &*circuit.name;
            let printable = !name.chars().any(char::is_control) && name.trim() == name;
            if name.is_empty() || name.len() > LONGEST_NAME || !printable {
                let problem = "a circuit's name has 1 to 100 bytes and no blanks around it";
                self.wrong(&format!("circuit {name:?}"), problem);
            }
            if !seen.insert(name) {
                self.wrong(name, "there are two circuits of that name");
            }
        }
    }

    fn cycles(&mut self) {
        let mut reported = BTreeSet::new();
        for circuit in &self.tree.circuits {
            let (mut seen, mut next) = (Vec::new(), Some(circuit));
            while let Some(here) = next {
                let name = &*here.name;
                if let Some(first) = seen.iter().position(|seen| *seen == name) {
                    let mut ring = seen.split_off(first);
                    let least = ring.iter().min().copied().unwrap_or(name);
                    if reported.insert(least) {
                        ring.push(name);
                        self.wrong(least, format!("feeds itself: {}", ring.join(" from ")));
                    }
                    break;
                }
                if reported.contains(name) {
                    break;
                }
                seen.push(name);
                next = here.parent.as_deref().and_then(|p| self.circuits.get(p).copied());
            }
        }
    }

    fn circuit(&mut self, circuit: &Circuit) {
        let name = &*circuit.name;
        if let Some(parent) = circuit.parent.as_deref()
            && !self.circuits.contains_key(parent)
        {
            self.wrong(name, format!("its parent {parent:?} is not there"));
        }
        if circuit.parent.is_none() && circuit.current.is_none() && circuit.power.is_none() {
            self.wrong(name, "nothing feeds it, so it needs a limit: current, power or both");
        }
        for line in circuit.current.iter().flat_map(|current| current.0) {
            self.limit(name, "current", line);
        }
        if let Some(power) = circuit.power {
            // 1 A at 100 V: 100 W.
            self.limit(name, "power", Current(power.0.0.saturating_mul(10)));
        }
        match circuit.imbalance {
            Some(Amount::Current(current)) => self.limit(name, "imbalance", current),
            Some(Amount::Power(power)) => {
                self.limit(name, "imbalance", Current(power.0.saturating_mul(5)));
            }
            None => {}
        }
        let base = circuit.base_load.iter().flat_map(|base| base.0);
        for (what, value) in base
            .map(|line| ("base_load", line))
            .chain(circuit.reserve.map(|reserve| ("reserve", reserve.0)))
            .collect::<Vec<_>>()
        {
            if !(Current::ZERO..=MOST_LIMIT).contains(&value) {
                self.wrong(name, format!("{what} of {}: it cannot be", Amps(value)));
            }
        }
        self.kind(circuit);
        self.external(circuit);
    }

    fn kind(&mut self, circuit: &Circuit) {
        let name = &*circuit.name;
        match (circuit.kind, circuit.ratio, circuit.winding) {
            (CircuitKind::Transformer, None, _) => {
                self.wrong(name, "a transformer needs its ratio, as \"10000/400\"");
            }
            (CircuitKind::Transformer, Some(_), _) | (_, None, None) => {}
            _ => self.wrong(name, "ratio and winding are those of a transformer"),
        }
        if circuit.imbalance.is_some() && self.mixes_phasors(circuit) {
            self.wrong(
                name,
                "an imbalance has no meaning where legs between lines or a delta \
                              winding mix the lines",
            );
        }
    }

    fn mixes_phasors(&self, circuit: &Circuit) -> bool {
        let below = |from: &str| self.path(from).contains(&&*circuit.name);
        self.tree.evses.iter().any(|point| {
            let path = self.path(&point.circuit);
            let Some(height) = path.iter().position(|name| *name == &*circuit.name) else {
                return false;
            };
            let between = point.phases.legs().iter().any(|leg| matches!(leg, Leg::Between(_)));
            let delta = path[..height]
                .iter()
                .filter_map(|name| self.circuits.get(name))
                .any(|c| c.winding == Some(super::Winding::DeltaWye));
            below(&point.circuit) && (between || delta)
        })
    }

    /// The circuits from one up to the grid; ends where a cycle would begin.
    fn path<'b>(&'b self, from: &'b str) -> Vec<&'b str> {
        let (mut path, mut next) = (Vec::new(), Some(from));
        while let Some(name) = next {
            if path.contains(&name) {
                break;
            }
            path.push(name);
            next = self.circuits.get(name).and_then(|circuit| circuit.parent.as_deref());
        }
        path
    }

    fn external(&mut self, circuit: &Circuit) {
        let mut seen = BTreeSet::new();
        for external in &circuit.external {
            let (name, source) = (&*circuit.name, &*external.source);
            if source.is_empty() || !seen.insert(source) {
                self.wrong(name, format!("external source {source:?}: each has a name of its own"));
            }
            if external.timeout_seconds == Some(0) {
                self.wrong(name, format!("external source {source:?}: a time-out of 0 seconds"));
            }
            if external.timeout_seconds.is_some() && external.fallback() == CircuitLimit::default()
            {
                let problem = format!(
                    "external source {source:?}: a time-out and no fallback: say what holds once \
                     it is silent, be it as much as the circuit carries"
                );
                self.wrong(name, problem);
            }
            let lines = external.fallback_current.iter().flat_map(|current| current.0);
            let power = external.fallback_power.map(|power| Current(power.0.0));
            if lines.chain(power).any(|value| value < Current::ZERO) {
                self.wrong(name, format!("external source {source:?}: a fallback below zero"));
            }
        }
    }

    fn limit(&mut self, place: &str, what: &str, value: Current) {
        if value < LEAST_LIMIT {
            let problem = format!(
                "{what} is not above zero or too small to be meant: write \"63 A\" or \"40 kW\"; \
                 a bare integer is mA or W"
            );
            self.wrong(place, problem);
        } else if value > MOST_LIMIT {
            self.wrong(place, format!("{what} is too large to be meant"));
        }
    }

    fn evse(&mut self, point: &EvsePoint) {
        let name = &*point.evse;
        if EvseId::parse(name).is_none() {
            self.wrong(name, "an EVSE is written with its station and number, as \"CS-0007/1\"");
        }
        match self.circuits.get(&*point.circuit) {
            None => {
                let problem = format!("an orphan: its circuit {:?} is not there", point.circuit);
                self.wrong(name, problem);
            }
            Some(circuit) if circuit.kind == CircuitKind::Cabinet && point.supply == Supply::Ac => {
                self.wrong(name, "hangs on a cabinet, so it needs supply = \"dc\"");
            }
            Some(_) => {}
        }
        let three = point.phases.legs().len() == 3;
        match (point.supply, point.efficiency_percent) {
            (Supply::Dc, _) if !three => self.wrong(name, "a DC EVSE has three phases"),
            (Supply::Dc, Some(percent)) if !(50..=100).contains(&percent) => {
                self.wrong(name, format!("efficiency of {percent} %: 50 to 100 are possible"));
            }
            (Supply::Ac, Some(_)) => self.wrong(name, "an efficiency is that of a DC EVSE"),
            _ => {}
        }
        let size = |amount: Option<Amount>| match amount {
            Some(Amount::Current(current)) => Some(current.0),
            Some(Amount::Power(power)) => Some(power.0),
            None => None,
        };
        if size(Some(point.max)).is_some_and(|max| max <= 0) {
            self.wrong(name, format!("max of {}: it must be above zero", point.max));
        }
        for (what, amount) in [("min", point.min), ("fallback", point.fallback)] {
            if let (Some(value), Some(amount)) = (size(amount), amount)
                && value < 0
            {
                self.wrong(name, format!("{what} of {amount}: it cannot be below zero"));
            }
        }
        if let (Supply::Ac, Some(Amount::Current(min))) = (point.supply, point.min)
            && min < LEAST_AC
        {
            self.wrong(name, "min: no AC car charges below 6 A (IEC 61851-1)");
        }
        if let Some(weight) = point.weight.filter(|weight| !WEIGHTS.contains(weight)) {
            let (least, most) = (WEIGHTS.start(), WEIGHTS.end());
            self.wrong(name, format!("weight of {weight}: {least} to {most} are possible"));
        }
        if let Some(class) = point.class.filter(|class| *class > CLASS_MOST) {
            self.wrong(name, format!("class of {class}: 0 to {CLASS_MOST} are possible"));
        }
        self.order(point);
    }

    /// Fallback and minimum against the most, by what they come to as current.
    fn order(&mut self, point: &EvsePoint) {
        let wiring = super::compile::wiring(point, self.tree.voltage.saturating_mul(1_000));
        let name = &*point.evse;
        if wiring.max > MOST_LIMIT {
            self.wrong(name, format!("max of {}: it is too large to be meant", point.max));
        }
        if wiring.min > wiring.max {
            let (min, max) = (Amps(wiring.min), Amps(wiring.max));
            self.wrong(name, format!("its min of {min} is above its max of {max}"));
        }
        let (fallback, min) = (wiring.fallback, wiring.min);
        if fallback > wiring.max || (fallback > Current::ZERO && fallback < min) {
            let problem = format!(
                "a fallback of {}: it is 0 A, or from its min of {} to its max of {}",
                Amps(fallback),
                Amps(min),
                Amps(wiring.max)
            );
            self.wrong(name, problem);
        }
    }

    fn evse_names(&mut self, known: Option<&BTreeSet<EvseId>>) {
        let mut seen: BTreeMap<EvseId, &str> = BTreeMap::new();
        for point in &self.tree.evses {
            let Some(id) = EvseId::parse(&point.evse) else { continue };
            if known.is_some_and(|known| !known.contains(&id)) {
                self.wrong(&point.evse, "the site has no such EVSE");
            }
            if let Some(first) = seen.insert(id, &point.circuit) {
                let problem = format!(
                    "has two parents: it is listed under {first:?} and under {:?}",
                    point.circuit
                );
                self.wrong(&point.evse, problem);
            }
        }
        for id in known.into_iter().flatten().filter(|id| !seen.contains_key(id)) {
            self.wrong(&id.to_string(), "an orphan: no circuit of the tree feeds this EVSE");
        }
    }
}
