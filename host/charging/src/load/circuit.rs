//! Owns the electrical tree of a site as people configure it: the grid connection, transformers,
//! boards, circuits and cabinets, and the EVSEs that hang on them. `Tree::compile` checks all of
//! it at once and makes rows of it. Must never hold what changes with time.

mod battery;
mod check;
mod compile;

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::battery::BatteryPoint;
pub(crate) use self::battery::shares;
use super::amount::{Amount, Amps, PerLine, Watts};
use super::legs::Rotation;
use super::rows::{CircuitLimit, EvseId, Rows};
use crate::units::Current;

/// A site's electrical tree, as in TOML:
///
/// ```toml
/// voltage = 230
///
/// [[circuit]]
/// name = "grid connection"
/// current = "170 A"
/// base_load = "60 A"
///
/// [[circuit]]
/// name = "feeder B"
/// parent = "grid connection"
/// current = "63 A"
///
/// [[evse]]
/// evse = "CS-0007/1"
/// circuit = "feeder B"
/// phases = "L2 L3 L1"
/// max = "32 A"
/// fallback = "0 A"
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// Volts between a line and the neutral where no transformer of the tree says otherwise.
    #[serde(default = "default_voltage")]
    pub voltage: u32,
    /// The circuits, in any order.
    #[serde(default, rename = "circuit")]
    pub circuits: Vec<Circuit>,
    /// The EVSEs; their order is that of the rows.
    #[serde(default, rename = "evse")]
    pub evses: Vec<EvsePoint>,
    /// The batteries. They are part of the base load: meters or `base_load` must count them.
    #[serde(default, rename = "battery", skip_serializing_if = "Vec::is_empty")]
    pub batteries: Vec<BatteryPoint>,
}

/// A node of the tree, with the limits of what flows through it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Circuit {
    /// What people call it; no two are called the same.
    pub name: Box<str>,
    /// The circuit that feeds it; none for a grid connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<Box<str>>,
    /// What it is.
    #[serde(default)]
    pub kind: CircuitKind,
    /// The most on each line; of a transformer, on its secondary side. A limit on its primary side
    /// is one of its parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<PerLine>,
    /// The most of all lines together; of a cabinet, on its DC side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<Watts>,
    /// How much more one line may carry than another: `"20 A"`, or `"4.6 kVA"` of one line. The
    /// base load counts as it is measured; `base_load` says nothing about its balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imbalance: Option<Amount>,
    /// What is kept free below every limit of this circuit's lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserve: Option<Amps>,
    /// The most on each line that is not managed: everything below this circuit but the EVSEs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_load: Option<PerLine>,
    /// The meter that measures this circuit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter: Option<Box<str>>,
    /// Of a transformer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub winding: Option<Winding>,
    /// Of a transformer: volts between lines, primary and secondary, as `"480/208"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Ratio>,
    /// Who may limit this circuit from outside, each with its own fallback.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub external: Vec<ExternalSource>,
}

/// What a circuit is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CircuitKind {
    /// Where the site meets the grid.
    Grid,
    /// A transformer.
    Transformer,
    /// A distribution board.
    Board,
    /// A feeder, a fused circuit, a busbar.
    #[default]
    Circuit,
    /// A DC cabinet that several outlets share.
    Cabinet,
}

/// How a transformer is wound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Winding {
    /// Lines stay what they are.
    #[default]
    WyeWye,
    /// A line of the primary side carries the difference of two of the secondary's.
    DeltaWye,
}

/// Volts between lines of both sides of a transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ratio {
    /// Towards the grid.
    pub primary: u32,
    /// Towards the EVSEs.
    pub secondary: u32,
}

impl TryFrom<String> for Ratio {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let sides = text.split_once('/').and_then(|(primary, secondary)| {
            Some((primary.trim().parse().ok()?, secondary.trim().parse().ok()?))
        });
        match sides {
            Some((primary, secondary)) if primary > 0 && secondary > 0 => {
                Ok(Self { primary, secondary })
            }
            _ => Err(format!("ratio {text:?}: write the volts between lines as \"480/208\"")),
        }
    }
}

impl From<Ratio> for String {
    fn from(ratio: Ratio) -> Self {
        format!("{}/{}", ratio.primary, ratio.secondary)
    }
}

/// Someone outside who may limit a circuit: a grid operator, an energy manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalSource {
    /// What it is called when it posts a limit.
    pub source: Box<str>,
    /// It is silent so many seconds after it was last heard: its fallback holds then, and what it
    /// announced only where that is lower; without, never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
    /// The current that stands when it is silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_current: Option<PerLine>,
    /// The power that stands when it is silent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback_power: Option<Watts>,
}

impl ExternalSource {
    /// What stands when it is silent.
    pub fn fallback(&self) -> CircuitLimit {
        CircuitLimit {
            lines: self.fallback_current.map(|current| current.0),
            power: self.fallback_power.map(|power| power.0),
        }
    }
}

/// An EVSE on its circuit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EvsePoint {
    /// `STATION/1`.
    pub evse: Box<str>,
    /// The circuit that feeds it.
    pub circuit: Box<str>,
    /// How it is connected, in the order of its connector.
    #[serde(default)]
    pub phases: Rotation,
    /// AC, or DC with a rectifier of its own or in a cabinet.
    #[serde(default)]
    pub supply: Supply,
    /// Of a DC EVSE: percent of its input that reach the car.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub efficiency_percent: Option<u32>,
    /// The least that it can give a car.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Amount>,
    /// The most that it may give: `"32 A"` in each phase, or `"150 kW"`.
    pub max: Amount,
    /// What it gives by itself when it has no valid profile: its minimum where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Amount>,
    /// Its share beside others, of which 100 is usual; `fair` gives by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
    /// The priority class of its cars, where their drivers' wishes name none; 0 is served before 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<u8>,
}

/// How an EVSE charges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Supply {
    /// The car rectifies; 6 A is the least (IEC 61851-1).
    #[default]
    Ac,
    /// The EVSE rectifies and draws on three phases alike.
    Dc,
}

/// The least current of AC charging (IEC 61851-1).
pub const LEAST_AC: Current = Current(6_000);

/// The last priority class.
pub const CLASS_MOST: u8 = 9;

/// The weights that an EVSE can have.
pub const WEIGHTS: std::ops::RangeInclusive<u32> = 1..=10_000;

/// Something that is wrong with a tree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The circuit, EVSE or row, as it is called.
    pub place: String,
    /// What is wrong there, and what would be right.
    pub problem: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl Tree {
    /// Checks everything and makes the rows. `known` are the EVSEs that the site has, where that
    /// is known: each must hang somewhere, and no others may.
    ///
    /// # Errors
    /// All that is wrong, each with its place. The commissioning rule (in every row the fallbacks
    /// fit beside the base load) is judged once the rest is right.
    pub fn compile(&self, known: Option<&BTreeSet<EvseId>>) -> Result<Rows, Vec<Problem>> {
        let mut problems = check::check(self, known);
        problems.extend(battery::check(self));
        if !problems.is_empty() {
            return Err(problems);
        }
        let rows = compile::rows(self);
        let mut problems = check::commissioning(self, &rows);
        problems.extend(battery::commissioning(self, &rows));
        if problems.is_empty() { Ok(rows) } else { Err(problems) }
    }
}

fn default_voltage() -> u32 {
    230
}

#[cfg(test)]
mod tests;
