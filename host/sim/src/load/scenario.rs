//! Owns what a load run does, read from a file or made from flags: data only. One vocabulary for
//! all runs. Must never connect.

pub mod bounds;

use serde::{Deserialize, Serialize};

pub use bounds::{Bounds, PhaseBounds};

/// A run: so many stations, one phase after the other.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Stations.
    #[serde(default)]
    pub stations: usize,
    /// In place of `stations`: the phases are run once with so many, then the fleet grows to the
    /// next size and they are run again, at the same rates.
    #[serde(default)]
    pub sizes: Vec<usize>,
    /// New connections in a second while they connect for the first time.
    #[serde(default = "ramp")]
    pub ramp: f64,
    /// Shares of the versions.
    #[serde(default)]
    pub versions: Versions,
    /// So many times the phases are run, one round after the other.
    #[serde(default = "once")]
    pub rounds: usize,
    /// What the whole run must keep to.
    #[serde(default)]
    pub bounds: Bounds,
    /// What happens, in order.
    #[serde(rename = "phase", default)]
    pub phases: Vec<Phase>,
}

/// Shares of the versions; they need not add up to anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// OCPP 1.6.
    #[serde(rename = "1.6", default)]
    pub v16: u32,
    /// OCPP 2.0.1.
    #[serde(rename = "2.0.1", default)]
    pub v201: u32,
    /// OCPP 2.1.
    #[serde(rename = "2.1", default)]
    pub v21: u32,
}

impl Default for Versions {
    fn default() -> Self {
        Self { v16: 6, v201: 3, v21: 1 }
    }
}

/// A part of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// How long.
    pub seconds: f64,
    /// Messages in a second, of all stations together; 0 sends the next when the last is
    /// answered.
    #[serde(default)]
    pub rate: f64,
    /// What is sent; nothing at all where nothing is named.
    #[serde(default)]
    pub mix: Mix,
    /// Drops every connection at the start: a reconnect storm. The phase ends early when all are
    /// back, each with another state than before.
    #[serde(default)]
    pub drop: bool,
    /// In a storm, the time over which the stations come back.
    #[serde(default)]
    pub spread_s: f64,
    /// So many stations send without reading answers.
    #[serde(default)]
    pub slow: usize,
    /// So many stations send as fast as they can.
    #[serde(default)]
    pub flood: usize,
    /// So many stations charge, one short charge after the other, by a tariff of their own.
    #[serde(default)]
    pub charging: usize,
    /// The plugins of that tariff, one for each round in turn: `pricing-ocpi`, or a guest that
    /// misbehaves.
    #[serde(default)]
    pub plugins: Vec<String>,
    /// The phase of the same round that its latencies are compared with.
    #[serde(default)]
    pub against: Option<String>,
    /// What it must keep to.
    #[serde(default)]
    pub bounds: PhaseBounds,
}

impl Phase {
    /// Stations that are in no latency: they do something else than the mix.
    pub fn apart(&self) -> usize {
        self.slow + self.flood + self.charging
    }

    /// The plugin of a round.
    pub fn plugin(&self, round: usize) -> Option<&str> {
        let index = round % self.plugins.len().max(1);
        self.plugins.get(index).map(String::as_str)
    }
}

/// Shares of the messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mix {
    /// Heartbeats.
    #[serde(default)]
    pub heartbeat: u32,
    /// Changes of a connector's state: each is durable.
    #[serde(default)]
    pub status: u32,
    /// Readings within a transaction: each is durable.
    #[serde(default)]
    pub meter: u32,
    /// Steps of whole charges.
    #[serde(default)]
    pub charge: u32,
}

impl Mix {
    /// Nothing but heartbeats.
    pub const HEART: Self = Self { heartbeat: 1, status: 0, meter: 0, charge: 0 };

    /// Whether nothing is sent.
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// Whether stations need tokens.
    pub fn charges(&self) -> bool {
        self.meter + self.charge > 0
    }

    /// All shares.
    pub fn total(&self) -> u32 {
        self.heartbeat + self.status + self.meter + self.charge
    }
}

impl Scenario {
    /// Reads a scenario file.
    ///
    /// # Errors
    /// What is wrong, with its line and column.
    pub fn read(text: &str) -> Result<Self, String> {
        let scenario: Self = parse(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Whether any station needs a token and a tariff.
    pub fn charges(&self) -> bool {
        self.phases.iter().any(|phase| phase.mix.charges() || phase.charging > 0)
    }

    /// Stations at the end.
    pub fn most(&self) -> usize {
        self.sizes.last().copied().unwrap_or(self.stations)
    }

    /// The sizes of the fleet, one after the other.
    pub fn steps(&self) -> Vec<usize> {
        if self.sizes.is_empty() { vec![self.stations] } else { self.sizes.clone() }
    }

    /// Stations that charge by the tariff of the phases' plugins: those that come first.
    pub fn charging(&self) -> usize {
        self.phases.iter().map(|phase| phase.charging).max().unwrap_or(0)
    }

    /// All plugins that phases name, in their order.
    pub fn plugins(&self) -> Vec<&str> {
        let named = self.phases.iter().flat_map(|phase| &phase.plugins);
        let mut all: Vec<&str> = Vec::new();
        for name in named {
            if !all.contains(&name.as_str()) {
                all.push(name);
            }
        }
        all
    }

    /// The versions of the stations in turn, in the shares that are asked for.
    pub fn version(&self, index: usize) -> busbar_ocpp::Version {
        let Versions { v16, v201, v21 } = self.versions;
        let place = index as u32 % (v16 + v201 + v21).max(1);
        if place < v16 {
            busbar_ocpp::Version::V16
        } else if place < v16 + v201 {
            busbar_ocpp::Version::V201
        } else {
            busbar_ocpp::Version::V21
        }
    }

    /// Whether its numbers make sense.
    ///
    /// # Errors
    /// What does not.
    pub fn check(&self) -> Result<(), String> {
        let bad = |what: &str| Err(format!("scenario {}: {what}", self.name));
        if !self.sizes.is_empty() && self.stations > 0 {
            return bad("stations and sizes: only one of them");
        }
        if self.steps().iter().any(|size| *size == 0 || *size > 1_000_000) {
            return bad("stations must be between 1 and 1000000");
        }
        if !self.sizes.is_sorted_by(|one, next| one < next) {
            return bad("sizes must grow");
        }
        if self.ramp.is_nan() || self.ramp <= 0.0 {
            return bad("ramp must be more than 0");
        }
        if self.rounds == 0 || self.rounds > 1000 {
            return bad("rounds must be between 1 and 1000");
        }
        let Versions { v16, v201, v21 } = self.versions;
        if v16 + v201 + v21 == 0 {
            return bad("versions must name one");
        }
        for phase in &self.phases {
            if let Err(what) = self.check_phase(phase) {
                return bad(&format!("phase {}: {what}", phase.name));
            }
        }
        Ok(())
    }

    fn check_phase(&self, phase: &Phase) -> Result<(), String> {
        let numbers = [phase.seconds, phase.rate, phase.spread_s];
        if numbers.iter().any(|number| !number.is_finite() || *number < 0.0) {
            return Err("numbers must be 0 or more".to_owned());
        }
        if phase.apart() > self.steps()[0] {
            return Err("more slow, flooding and charging stations than there are".to_owned());
        }
        if let Some(against) = &phase.against {
            let before = self.phases.iter().take_while(|other| other.name != phase.name);
            if !before.into_iter().any(|other| other.name == *against) {
                return Err(format!("against {against:?}: no phase before it has this name"));
            }
        }
        if let Some(unknown) = phase.plugins.iter().find(|name| !super::tariffs::is_known(name)) {
            let known = super::tariffs::known().join(", ");
            return Err(format!("plugin {unknown:?} is not one of {known}"));
        }
        if phase.bounds.p99_ratio_max.is_some() && phase.against.is_none() {
            return Err("p99_ratio_max needs against, the phase to compare with".to_owned());
        }
        if phase.bounds.cpu_ratio_max.is_some() && self.sizes.len() < 2 {
            return Err("cpu_ratio_max needs sizes to compare".to_owned());
        }
        Ok(())
    }
}

/// A scenario's file as it stands.
///
/// # Errors
/// What is wrong, with its line and column.
pub(crate) fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| {
        let (line, column) = place(text, error.span().map_or(0, |span| span.start));
        format!("{line}:{column}: {}", error.message())
    })
}

/// Line and column of a byte, from 1.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}

fn ramp() -> f64 {
    400.0
}

fn once() -> usize {
    1
}

#[cfg(test)]
mod tests;
