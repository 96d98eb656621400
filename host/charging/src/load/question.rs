//! Owns what load control asks a station beside setting limits, and what it is answered, in our
//! words: the adapters of `link` make messages of the one and read the other. Must never hold words
//! of one OCPP version.

use serde::{Deserialize, Serialize};

use super::kernel::capability::RateUnit;
use crate::input::schedule::Schedule;

/// A question to a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// What it can do with charging profiles (1.6 GetConfiguration, 2.x GetVariables).
    Capability,
    /// What it is going to do at an EVSE in the next so many seconds (GetCompositeSchedule).
    Composite {
        /// Where.
        evse: u32,
        /// How far ahead.
        seconds: u32,
        /// In which unit.
        unit: RateUnit,
    },
    /// Which profiles it holds of an EVSE (2.x GetChargingProfiles). They come on their own, as
    /// `Notice::Profiles` of the same request.
    Profiles {
        /// Where.
        evse: u32,
        /// `requestId`.
        request: i32,
    },
}

/// What a station answered, as far as it can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// What it can do.
    Capability(Told),
    /// What it is going to do.
    Schedule(Schedule),
    /// Whether it holds profiles: if so, it reports them.
    Profiles(bool),
    /// Nothing, and why, for people.
    Nothing(Box<str>),
}

/// What a station says that it can do with charging profiles; what it does not say is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// `ChargeProfileMaxStackLevel`, `SmartChargingCtrlr.ProfileStackLevel`.
    #[serde(default)]
    pub stack_level_max: Option<u32>,
    /// `ChargingScheduleMaxPeriods`, `SmartChargingCtrlr.PeriodsPerSchedule`.
    #[serde(default)]
    pub periods_max: Option<u32>,
    /// It takes amperes (`ChargingScheduleAllowedChargingRateUnit`, `SmartChargingCtrlr.RateUnit`).
    #[serde(default)]
    pub amperes: Option<bool>,
    /// It takes watts.
    #[serde(default)]
    pub watts: Option<bool>,
    /// It can choose the phase of a car that uses one (`ACPhaseSwitchingSupported`).
    #[serde(default)]
    pub switches_phases: Option<bool>,
    /// It takes profiles that end while it is offline (2.1 `SupportsMaxOfflineDuration`).
    #[serde(default)]
    pub ends_offline: Option<bool>,
    /// It takes `Dynamic` profiles (2.1 `SupportsDynamicProfiles`).
    #[serde(default)]
    pub takes_dynamic: Option<bool>,
}

impl Told {
    /// The unit that its limits are written in: amperes where it takes them, for the rows count in
    /// amperes; none where it says nothing that can be read.
    pub fn unit(&self) -> Option<RateUnit> {
        match (self.amperes, self.watts) {
            (Some(true), _) => Some(RateUnit::Amperes),
            (_, Some(true)) => Some(RateUnit::Watts),
            _ => None,
        }
    }
}
