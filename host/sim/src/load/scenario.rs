//! Owns what a load run does, read from a file or made from flags: data only. Must never connect.

use serde::{Deserialize, Serialize};

/// A run: so many stations, one phase after the other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Stations.
    pub stations: usize,
    /// New connections in a second while they connect for the first time.
    #[serde(default = "ramp")]
    pub ramp: f64,
    /// Shares of the versions.
    #[serde(default)]
    pub versions: Versions,
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// back.
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
        let scenario: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        scenario.check()?;
        Ok(scenario)
    }

    /// Whether any station needs a token.
    pub fn charges(&self) -> bool {
        self.phases.iter().any(|phase| phase.mix.charges())
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
        if self.stations == 0 || self.stations > 1_000_000 {
            return bad("stations must be between 1 and 1000000");
        }
        if self.ramp.is_nan() || self.ramp <= 0.0 {
            return bad("ramp must be more than 0");
        }
        let Versions { v16, v201, v21 } = self.versions;
        if v16 + v201 + v21 == 0 {
            return bad("versions must name one");
        }
        for phase in &self.phases {
            let numbers = [phase.seconds, phase.rate, phase.spread_s];
            if numbers.iter().any(|number| !number.is_finite() || *number < 0.0) {
                return bad(&format!("phase {}: numbers must be 0 or more", phase.name));
            }
            if phase.slow + phase.flood > self.stations {
                return bad(&format!(
                    "phase {}: more slow and flooding stations than there are",
                    phase.name
                ));
            }
        }
        Ok(())
    }
}

fn ramp() -> f64 {
    400.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_that_ships_can_be_read() {
        for text in crate::load::SCENARIOS {
            let scenario = Scenario::read(text.1).expect(text.0);
            assert_eq!(scenario.name, text.0);
            assert!(!scenario.phases.is_empty());
        }
    }

    #[test]
    fn a_typing_error_is_named_with_its_place() {
        let error = Scenario::read("name = \"a\"\nstations = 1\nstation = 2\n").unwrap_err();
        assert!(error.contains("station") && error.contains("line 3"), "{error}");
        let error = Scenario::read("name = \"a\"\nstations = 0\n").unwrap_err();
        assert!(error.contains("stations must be"), "{error}");
    }

    #[test]
    fn versions_come_in_their_shares() {
        let scenario = Scenario::read("name = \"a\"\nstations = 10\n").expect("a scenario");
        let of = |version| (0..100).filter(|i| scenario.version(*i) == version).count();
        use busbar_ocpp::Version;
        assert_eq!([of(Version::V16), of(Version::V201), of(Version::V21)], [60, 30, 10]);
    }
}
