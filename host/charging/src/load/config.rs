//! Owns how a site's load is controlled, as people configure it: the electrical tree, how what
//! there is is shared, and what models of stations can do. Must never hold what changes with time.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::amount::Amps;
use super::circuit::Tree;
use super::fill::Policy;
use super::kernel::capability::{Capability, Hole, Pause, RateUnit};
use super::models;
use super::plan::settings::PlanSettings;
use super::question::Told;
use super::rows::Rows;

/// The version of the stored form.
const VERSION: u16 = 1;

/// How a site's load is controlled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How what there is is shared.
    #[serde(default)]
    pub policy: Policy,
    /// What models can do; the first that fits holds. Of others nothing is known.
    #[serde(default, rename = "model", skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<Model>,
    /// How it is planned.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub plan: PlanSettings,
    /// Whether what a meter shows to be exported makes room for EVSEs. Whoever sets it accepts that
    /// when all of it ends at once, a circuit carries more than its limit until cars have followed,
    /// as after a cut that nobody announced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub count_generation: bool,
    /// Circuits, EVSEs and batteries.
    pub tree: Tree,
}

/// What a model can do with charging profiles. What is not said is as of `known_as`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// As it says when it boots; any where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<Box<str>>,
    /// As it says when it boots, which is at most 20 characters (BootNotificationRequest); any
    /// where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Box<str>>,
    /// What it was shown to be.
    #[serde(default)]
    pub known_as: KnownAs,
    /// The highest stack level that it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack_level_max: Option<u32>,
    /// The unit that it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<RateUnit>,
    /// The most periods in a schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub periods_max: Option<u32>,
    /// The step of its limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Amps>,
    /// The least that it keeps to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Amps>,
    /// How it is told to pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// It takes TxProfile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes_transaction_profile: Option<bool>,
    /// It takes `Absolute` profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes_absolute: Option<bool>,
    /// It ends a profile and a period when they say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps_durations: Option<bool>,
    /// Its clock goes on while it reboots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps_clock: Option<bool>,
    /// Its profiles survive a reboot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persists: Option<bool>,
    /// What it does while it replaces a profile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hole: Option<Hole>,
    /// It gives a profile up when it has been offline for as long as that says (2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_offline: Option<bool>,
    /// It takes `Dynamic` profiles (2.1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub takes_dynamic: Option<bool>,
    /// It bears the question what it can do with charging profiles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tells_capability: Option<bool>,
    /// It answers GetCompositeSchedule with what it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tells_schedule: Option<bool>,
    /// It answers GetChargingProfiles with what it holds (2.x).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tells_profiles: Option<bool>,
    /// Where its readings name some phases, those that they do not name carry no current: so the
    /// phases that a car uses are known, also where its power is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub omits_idle_phases: Option<bool>,
    /// So many profiles may be written to it in a day before people are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes_a_day: Option<u32>,
}

/// What a model was shown to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KnownAs {
    /// Nothing: everything at its worst.
    #[default]
    Unknown,
    /// What the standard says.
    Standard,
}

/// Why a stored configuration cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration of the load cannot be read: {}", self.0)
    }
}

impl Config {
    /// As stored: a version and a body.
    pub fn store(&self) -> (u16, Vec<u8>) {
        // A tree of text and numbers can always be written.
        (VERSION, minicbor_serde::to_vec(self).unwrap_or_default())
    }

    /// Reads what `store` wrote.
    ///
    /// # Errors
    /// It is of another version, or none.
    pub fn read(version: u16, body: &[u8]) -> Result<Self, Unreadable> {
        if version != VERSION {
            return Err(Unreadable(format!("version {version} is not known here")));
        }
        minicbor_serde::from_slice(body).map_err(|error| Unreadable(error.to_string()))
    }

    /// Checks everything and makes the rows.
    ///
    /// # Errors
    /// All that is wrong, each with its place.
    pub fn compile(&self) -> Result<Rows, Vec<super::circuit::Problem>> {
        let place = "plan".to_owned();
        match self.plan.problem() {
            Some(problem) => Err(vec![super::circuit::Problem { place, problem }]),
            None => self.tree.compile(None),
        }
    }

    /// What a station can do: as its model is known, as it says itself, as was seen of the model
    /// in the field, and as the configuration says; the later holds.
    pub fn capability(&self, vendor: &str, model: &str, told: Option<&Told>) -> Capability {
        let is = |asked: &Option<Box<str>>, said: &str| {
            asked.as_deref().is_none_or(|asked| asked.eq_ignore_ascii_case(said))
        };
        let mut models = self.models.iter();
        let known = models.find(|known| is(&known.vendor, vendor) && is(&known.model, model));
        let base = match known.map(|known| known.known_as).unwrap_or_default() {
            KnownAs::Unknown => Capability::UNKNOWN,
            KnownAs::Standard => Capability::STANDARD,
        };
        let base = told.map_or(base, |told| base.told(told));
        let seen = models::known(vendor, model).map_or(base, |seen| seen.says.over(base));
        known.map_or(seen, |known| known.over(seen))
    }
}

impl Model {
    /// What is said here, and else as known before.
    fn over(&self, known: Capability) -> Capability {
        let amps = |amps: Option<Amps>, or| amps.map_or(or, |Amps(current)| current);
        Capability {
            stack_level_max: self.stack_level_max.unwrap_or(known.stack_level_max),
            unit: self.unit.unwrap_or(known.unit),
            periods_max: self.periods_max.unwrap_or(known.periods_max),
            step: amps(self.step, known.step),
            minimum: amps(self.minimum, known.minimum),
            pause: self.pause.unwrap_or(known.pause),
            takes_transaction_profile: self
                .takes_transaction_profile
                .unwrap_or(known.takes_transaction_profile),
            takes_absolute: self.takes_absolute.unwrap_or(known.takes_absolute),
            keeps_durations: self.keeps_durations.unwrap_or(known.keeps_durations),
            keeps_clock: self.keeps_clock.unwrap_or(known.keeps_clock),
            persists: self.persists.unwrap_or(known.persists),
            hole: self.hole.unwrap_or(known.hole),
            ends_offline: self.ends_offline.unwrap_or(known.ends_offline),
            takes_dynamic: self.takes_dynamic.unwrap_or(known.takes_dynamic),
            tells_capability: self.tells_capability.unwrap_or(known.tells_capability),
            tells_schedule: self.tells_schedule.unwrap_or(known.tells_schedule),
            tells_profiles: self.tells_profiles.unwrap_or(known.tells_profiles),
            omits_idle_phases: self.omits_idle_phases.unwrap_or(known.omits_idle_phases),
            writes_a_day: self.writes_a_day.unwrap_or(known.writes_a_day),
        }
    }
}

fn is_usual(settings: &PlanSettings) -> bool {
    *settings == PlanSettings::default()
}
