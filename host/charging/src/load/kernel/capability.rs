//! Owns what a station's model can do with charging profiles, as data: found by a probe at
//! commissioning or known of the model. Must never credit a model with what was not shown.

use serde::{Deserialize, Serialize};

use crate::load::question::Told;
use crate::units::Current;

/// What a station can do with charging profiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capability {
    /// The highest stack level that it takes (`ChargeProfileMaxStackLevel`; 0 on EVBox Elvi, 3 on
    /// ABB).
    pub stack_level_max: u32,
    /// The unit that it takes.
    pub unit: RateUnit,
    /// The most periods in a schedule.
    pub periods_max: u32,
    /// The step of its limits: 100 mA in OCPP, an ampere on some models.
    pub step: Current,
    /// The least that it keeps to. Below that it charges with this or, where it can, not at all.
    pub minimum: Current,
    /// How it is told to pause.
    pub pause: Pause,
    /// It takes TxProfile.
    pub takes_transaction_profile: bool,
    /// It takes `Absolute` profiles; others take `Relative` ones only.
    pub takes_absolute: bool,
    /// It ends a profile and a period when they say so.
    pub keeps_durations: bool,
    /// Its clock goes on while it reboots. One that comes back with an earlier time makes a lease
    /// hold again that was over.
    pub keeps_clock: bool,
    /// Its profiles survive a reboot (2.0.1 K01.FR.27, 1.6 errata 3.37).
    pub persists: bool,
    /// What it does while it replaces a profile.
    pub hole: Hole,
    /// It gives a profile up when it has been offline for longer than the profile says
    /// (2.1 `maxOfflineDuration`).
    pub ends_offline: bool,
    /// It takes `Dynamic` profiles and UpdateDynamicSchedule (2.1).
    pub takes_dynamic: bool,
    /// It bears the question what it can do with charging profiles.
    #[serde(default = "yes")]
    pub tells_capability: bool,
    /// It answers GetCompositeSchedule with what it does.
    #[serde(default = "yes")]
    pub tells_schedule: bool,
    /// It answers GetChargingProfiles (2.x) with what it holds.
    #[serde(default = "yes")]
    pub tells_profiles: bool,
    /// Where its readings name some phases, those that they do not name carry no current. One that
    /// names the first phase alone, whatever is on the others, must not have this.
    #[serde(default)]
    pub omits_idle_phases: bool,
    /// So many profiles may be written to it in a day (UTC) before people are told, since its flash
    /// wears out; beyond them increases are rarer, and nothing else.
    #[serde(default = "writes_a_day")]
    pub writes_a_day: u32,
}

/// Writes that wear no flash out.
pub const WRITES_A_DAY: u32 = 300;

fn yes() -> bool {
    true
}

fn writes_a_day() -> u32 {
    WRITES_A_DAY
}

/// The unit of a station's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateUnit {
    /// Amperes on each phase.
    Amperes,
    /// Watts over all phases.
    Watts,
}

/// How a station is told to pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pause {
    /// By a limit of 0.
    Zero,
    /// Not at all (it rejects 0): its minimum is the least.
    Minimum,
}

/// What a station does while it replaces a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hole {
    /// It keeps to the old limit or the new one, or to its TxDefaultProfile in between.
    Default,
    /// It charges with all it can for some seconds: it is told its fallback and nothing else.
    Full,
}

impl Capability {
    /// Of a model that nothing is known of: everything at its worst, and no lease is believed.
    pub const UNKNOWN: Self = Self {
        stack_level_max: 0,
        unit: RateUnit::Amperes,
        periods_max: 1,
        step: Current(100),
        minimum: Current(6_000),
        pause: Pause::Zero,
        takes_transaction_profile: true,
        takes_absolute: true,
        keeps_durations: false,
        keeps_clock: false,
        persists: false,
        hole: Hole::Default,
        ends_offline: false,
        takes_dynamic: false,
        tells_capability: true,
        tells_schedule: true,
        tells_profiles: true,
        omits_idle_phases: false,
        writes_a_day: WRITES_A_DAY,
    };

    /// Of a model that was shown to do what the standard says.
    pub const STANDARD: Self = Self {
        stack_level_max: 8,
        periods_max: 24,
        keeps_durations: true,
        keeps_clock: true,
        persists: true,
        ..Self::UNKNOWN
    };

    /// Whether a lease that was written to it can be believed, as far as the model goes.
    pub fn leases(&self) -> bool {
        self.keeps_durations && self.keeps_clock && self.takes_absolute
    }

    /// As the station itself says, where it says it and nothing of it is a promise: what a station
    /// keeps to is shown, not told.
    #[must_use]
    pub fn told(self, told: &Told) -> Self {
        Self {
            stack_level_max: told.stack_level_max.unwrap_or(self.stack_level_max),
            periods_max: told.periods_max.map_or(self.periods_max, |periods| periods.max(1)),
            unit: told.unit().unwrap_or(self.unit),
            ends_offline: told.ends_offline.unwrap_or(self.ends_offline),
            takes_dynamic: told.takes_dynamic.unwrap_or(self.takes_dynamic),
            ..self
        }
    }

    /// The greatest limit that can be written and that the station keeps to, at or below a wish;
    /// its minimum where it cannot pause.
    pub fn writable(&self, wish: Current) -> Current {
        let step = self.step.0.max(100);
        let floor = wish.0.max(0) / step * step;
        // A minimum that is no whole step is kept to from the next one on.
        let minimum = (self.minimum.0.max(0) + step - 1) / step * step;
        match self.pause {
            _ if floor >= minimum => Current(floor),
            Pause::Zero => Current::ZERO,
            Pause::Minimum => Current(minimum),
        }
    }
}

impl Default for Capability {
    fn default() -> Self {
        Self::UNKNOWN
    }
}
