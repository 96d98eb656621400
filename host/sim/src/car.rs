//! Owns the car: its battery, and what it takes of what it is offered. Integers only, so that a
//! charge is the same on every machine. Must never know who sells the energy.

use crate::rng::Rng;
use crate::words::Flow;

/// Volts between a phase and neutral.
pub const PHASE_V: i64 = 230;
/// Volts of a battery on direct current; the curves below hide that it rises.
pub const DC_V: i64 = 400;
/// Millijoules in a watt-hour.
pub const MJ_PER_WH: i64 = 3_600_000;
/// A car on alternating current cannot take less than this.
const AC_MIN_MA: i64 = 6_000;

/// Points of a charging curve: state of charge in permille, share of peak power in permille.
/// Shapes as published for a 400 V and an 800 V car, rounded.
const DC_CURVE: [(i64, i64); 6] =
    [(0, 700), (100, 1000), (500, 800), (700, 550), (800, 380), (1000, 60)];

/// What an outlet can give at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supply {
    /// Alternating current.
    Ac {
        /// Phases that are wired.
        phases: u8,
        /// Current on each.
        max_ma: i64,
    },
    /// Direct current.
    Dc {
        /// Power.
        max_w: i64,
    },
}

/// What flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Whether, and if not, who stopped it.
    pub flow: Flow,
    /// Power.
    pub power_w: i64,
    /// Current on each phase in use.
    pub current_ma: i64,
    /// Phases in use; 0 is direct current.
    pub phases: u8,
}

/// A car with its battery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Car {
    /// What the battery holds when full.
    pub battery_wh: i64,
    /// What it holds now.
    pub content_mj: i64,
    /// Where it stops by itself.
    pub target_permille: i64,
    /// Phases of its charger on alternating current.
    pub ac_phases: u8,
    /// Current of its charger.
    pub ac_max_ma: i64,
    /// Power on direct current at the top of its curve.
    pub dc_peak_w: i64,
    /// How long it thinks before it takes energy.
    pub wake_ms: i64,
    /// How long it takes to follow another limit; IEC 61851-1 gives it 5 s.
    pub follows_ms: i64,
    /// Whether it charges again after a pause; else only when it is plugged in anew.
    pub wakes: bool,
    /// When it leaves, where its driver told it.
    pub departs_ms: Option<i64>,
}

impl Car {
    /// One of the cars that one meets: small and large, one phase and three, more or less empty.
    pub fn any(rng: &mut Rng) -> Self {
        // Battery, phases, AC current, DC peak: from a city car to a van.
        const MODELS: [(i64, u8, i64, i64); 6] = [
            (42_000, 3, 16_000, 85_000),
            (52_000, 1, 32_000, 50_000),
            (58_000, 3, 16_000, 120_000),
            (77_000, 3, 16_000, 175_000),
            (95_000, 3, 32_000, 260_000),
            (13_000, 1, 16_000, 0),
        ];
        let model = rng.pick(&MODELS).copied().unwrap_or(MODELS[0]);
        let soc = rng.between(80, 650);
        Self {
            battery_wh: model.0,
            content_mj: model.0 * MJ_PER_WH / 1000 * soc,
            target_permille: if rng.chance(400) { 800 } else { 1000 },
            ac_phases: model.1,
            ac_max_ma: model.2,
            dc_peak_w: model.3,
            wake_ms: rng.between(800, 4000),
            follows_ms: 2_000,
            wakes: true,
            departs_ms: None,
        }
    }

    /// The same car with so much missing until its target: for a visit that shall end in time.
    #[must_use]
    pub fn missing(mut self, wh: i64) -> Self {
        let target = self.battery_wh * MJ_PER_WH / 1000 * self.target_permille;
        self.content_mj = (target - wh * MJ_PER_WH).max(0);
        self
    }

    /// State of charge.
    pub fn soc_permille(&self) -> i64 {
        self.content_mj / (self.battery_wh * MJ_PER_WH / 1000).max(1)
    }

    /// Whether it wants no more.
    pub fn is_full(&self) -> bool {
        self.soc_permille() >= self.target_permille
    }

    /// What it takes of what it is offered.
    pub fn draw(&self, offer: Supply) -> Draw {
        match offer {
            Supply::Ac { phases, max_ma } => self.draw_ac(phases, max_ma),
            Supply::Dc { max_w } => self.draw_dc(max_w),
        }
    }

    /// Energy goes into the battery.
    pub fn fill(&mut self, energy_mj: i64) {
        self.content_mj = self.content_mj.saturating_add(energy_mj);
    }

    fn draw_ac(&self, phases: u8, max_ma: i64) -> Draw {
        let used = phases.min(self.ac_phases).max(1);
        if max_ma < AC_MIN_MA {
            return nothing(Flow::SuspendedEvse, used);
        }
        if self.is_full() {
            return nothing(Flow::SuspendedEv, used);
        }
        let soc = self.soc_permille();
        // The last twentieth is filled ever more slowly.
        let share = if soc <= 950 { 1000 } else { 1000 - (soc - 950) * 14 };
        let current_ma = self.ac_max_ma.min(max_ma) * share / 1000;
        let power_w = current_ma * PHASE_V * i64::from(used) / 1000;
        Draw { flow: Flow::Charging, power_w, current_ma, phases: used }
    }

    fn draw_dc(&self, max_w: i64) -> Draw {
        if max_w < 1_000 {
            return nothing(Flow::SuspendedEvse, 0);
        }
        if self.is_full() || self.dc_peak_w == 0 {
            return nothing(Flow::SuspendedEv, 0);
        }
        let wish_w = self.dc_peak_w * on_curve(self.soc_permille()) / 1000;
        let power_w = wish_w.min(max_w);
        Draw { flow: Flow::Charging, power_w, current_ma: power_w * 1000 / DC_V, phases: 0 }
    }
}

/// Nothing flows, for this reason.
pub fn nothing(flow: Flow, phases: u8) -> Draw {
    Draw { flow, power_w: 0, current_ma: 0, phases }
}

fn on_curve(soc: i64) -> i64 {
    for pair in DC_CURVE.windows(2) {
        let [(from, high), (to, low)] = [pair[0], pair[1]];
        if soc <= to {
            return high + (low - high) * (soc - from).max(0) / (to - from);
        }
    }
    DC_CURVE[DC_CURVE.len() - 1].1
}
