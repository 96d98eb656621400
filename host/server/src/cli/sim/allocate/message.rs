//! Owns the lines of the driver's protocol (`tests/load/drive.py`). Its numbers are binary
//! fractions; here each becomes an integer, rounded to the safe side. Must never decide.

use std::collections::BTreeMap;

use busbar_charging::units::{Current, Energy};
use serde::{Deserialize, Serialize};

/// The first line: the site.
#[derive(Debug, Deserialize)]
pub(super) struct Hello {
    pub(super) period_s: u32,
    pub(super) phasors: BTreeMap<String, f64>,
    pub(super) evses: Vec<Evse>,
    pub(super) constraints: Vec<Constraint>,
    #[serde(default = "six")]
    pub(super) fallback_a: f64,
    #[serde(default = "one")]
    pub(super) fallback_after_steps: u32,
}

#[derive(Debug, Deserialize)]
pub(super) struct Evse {
    pub(super) id: String,
    pub(super) legs: Vec<String>,
    pub(super) v_leg: f64,
    pub(super) min_a: f64,
    pub(super) max_a: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Constraint {
    pub(super) id: String,
    #[serde(default)]
    pub(super) phase: Option<String>,
    /// EVSE, leg, coefficient.
    pub(super) terms: Vec<(u32, u8, f64)>,
}

/// Every further line: one step.
#[derive(Debug, Deserialize)]
pub(super) struct Step {
    pub(super) t: u32,
    pub(super) limits: Vec<f64>,
    pub(super) background: Vec<f64>,
    #[serde(default)]
    pub(super) price: Vec<f64>,
    pub(super) evses: Vec<Seen>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Seen {
    pub(super) i: u32,
    pub(super) online: bool,
    pub(super) session: Option<Session>,
    pub(super) drawn_a: f64,
    pub(super) allowed_a: f64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) est_departure: i64,
    pub(super) legs: usize,
    pub(super) min_a: f64,
    pub(super) max_a: f64,
    pub(super) remaining_kwh: f64,
}

/// What is answered to a step.
#[derive(Debug, Default, Serialize)]
pub(super) struct Amps {
    pub(super) amps: BTreeMap<u32, f64>,
    pub(super) ms: f64,
}

/// Amperes as mA, rounded up; what is no number is nothing.
pub(super) fn up(amps: f64) -> Current {
    Current((amps * 1e3 - 1e-6).ceil() as i64)
}

/// Amperes as mA, rounded down; what is no number is nothing.
pub(super) fn down(amps: f64) -> Current {
    Current((amps * 1e3 + 1e-6).floor() as i64)
}

pub(super) fn energy(kwh: f64) -> Energy {
    Energy((kwh * 1e6).ceil() as i64)
}

fn six() -> f64 {
    6.0
}

fn one() -> u32 {
    1
}
