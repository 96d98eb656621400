//! Owns one tick of the filling: who may charge at all (the 6 A rule, with hysteresis and
//! rotation), and how what there is is shared (progressive filling). A function of its arguments:
//! `Filler` only keeps memory, so that a tick allocates nothing. What it hands out is in whole
//! 100 mA, was checked against the integer rows, and never exceeds one. Must never believe that a
//! limit is obeyed: exposure, leases and sending are the kernel's.

mod admit;
mod reason;
mod settle;
mod water;

use serde::{Deserialize, Serialize};

use super::legs::Legs;
use super::rows::Rows;
use crate::units::{Current, Energy, Millis, Timestamp};
use water::{Curve, Water};

pub use reason::{Explained, Reason};

/// Limits have one decimal in OCPP: all are whole multiples of it.
pub const STEP: Current = Current(100);

/// How what there is is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// Equal amperes by weight: where departures are not known, such as in public.
    #[default]
    Fair,
    /// By the time that a car could still wait: where departures are known.
    Laxity,
}

/// How the filling behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How what there is is shared.
    pub policy: Policy,
    /// A car that began to charge is not paused before so long.
    pub guard: Millis,
    /// A car that has waited so long has its turn, if it is as urgent as any.
    pub turn: Millis,
    /// A car that charges keeps charging while its share is so many thousandths of its minimum.
    pub keep: u32,
    /// A car that waits begins when its share is so many thousandths of its minimum.
    pub begin: u32,
    /// Laxity is levelled over such a time: the shorter, the more the most urgent car gets.
    pub horizon: Millis,
    /// A car that draws less than it may is offered so much more than it draws.
    pub probe: Current,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            policy: Policy::Fair,
            guard: Millis::from_secs(15 * 60),
            turn: Millis::from_secs(30 * 60),
            keep: 300,
            begin: 800,
            horizon: Millis::from_secs(15 * 60),
            probe: Current(2_000),
        }
    }
}

/// Whether an EVSE takes part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// No car, or one that wants nothing: it gets no share, and counts with nothing.
    #[default]
    None,
    /// A car that wants to charge and an EVSE that can be told.
    Wants,
    /// It cannot be told: it counts with all that it may draw, and nothing is allotted to it.
    Fixed(Current),
}

/// An EVSE as it stands at a tick, in the order of the rows' EVSEs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EvseState {
    /// Whether it takes part.
    pub demand: Demand,
    /// The legs that its car uses, as measured.
    pub legs: Legs,
    /// The least that car and EVSE can do; below that is a pause.
    pub min: Current,
    /// The most that car, cable and EVSE can do.
    pub max: Current,
    /// Whether it is allowed to charge now, as the last tick left it.
    pub on: bool,
    /// Since when it is on, or has been waiting.
    pub since: Timestamp,
    /// What it draws on its busiest leg under its present limit, once that has settled.
    pub drawn: Option<Current>,
    /// Its present limit, to tell from `drawn` whether the car could take more.
    pub limit: Current,
    /// What it still wants, where that is known.
    pub energy: Option<Energy>,
    /// When it leaves, by the quantile that one wants to be safe with.
    pub departure: Option<Timestamp>,
    /// Its weight in a fair share; 100 is usual. Zero counts as one.
    pub weight: u32,
    /// Its priority class; 0 is served before 1.
    pub class: u8,
    /// The most that the plan lets it have now.
    pub cap: Option<Current>,
    /// What the plan wants it to have before others get more than that of theirs.
    pub target: Option<Current>,
}

impl Default for EvseState {
    fn default() -> Self {
        Self {
            demand: Demand::None,
            legs: Legs::UNKNOWN,
            min: Current::ZERO,
            max: Current::ZERO,
            on: false,
            since: Timestamp(0),
            drawn: None,
            limit: Current::ZERO,
            energy: None,
            departure: None,
            weight: 100,
            class: 0,
            cap: None,
            target: None,
        }
    }
}

/// What an EVSE may draw on each leg, and why not more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allocation {
    /// The limit; zero is a pause.
    pub limit: Current,
    /// What holds it there.
    pub reason: Reason,
}

/// What a tick came to.
#[derive(Clone, Copy, Debug)]
pub struct Filled<'a> {
    /// By EVSE.
    pub allocations: &'a [Allocation],
    /// By row: what its members may draw together, rounded up.
    pub loads: &'a [Current],
}

/// Memory for ticks. Holds nothing that a tick depends on.
#[derive(Debug, Default)]
pub struct Filler {
    water: Water,
    order: Vec<admit::Candidate>,
    /// By row, in microamperes: what fixed EVSEs left, and what is used of it.
    capacity: Vec<i64>,
    used: Vec<i64>,
    /// By EVSE: the bounds in mA, and whether it may charge.
    bounds: Vec<Bounds>,
    /// By EVSE: how long it could wait, in hours.
    laxities: Vec<f64>,
    /// Whether the plan wants something for anyone.
    is_planned: bool,
    /// By EVSE: what the targets came to.
    reached: Vec<f64>,
    allocations: Vec<Allocation>,
    loads: Vec<Current>,
}

/// What an EVSE may get if it may charge.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    min: i64,
    max: i64,
    /// What holds it at `max`.
    held: Held,
    legs: Legs,
    admitted: bool,
    /// The plan leaves it less than its minimum.
    planned_out: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Held {
    #[default]
    Nothing,
    Maximum,
    Draw,
    Plan,
}

/// One tick's arguments.
#[derive(Clone, Copy)]
struct Tick<'a> {
    rows: &'a Rows,
    settings: &'a Settings,
    now: Timestamp,
    states: &'a [EvseState],
}

impl Filler {
    /// One tick. `headroom` is by row what there is for its members: limit less base load less
    /// reserve; `states` is by EVSE. A missing headroom is none, a missing state is no demand.
    pub fn tick(
        &mut self,
        rows: &Rows,
        settings: &Settings,
        now: Timestamp,
        headroom: &[Current],
        states: &[EvseState],
    ) -> Filled<'_> {
        let tick = Tick { rows, settings, now, states };
        self.begin(&tick, headroom);
        // By laxity a minimum may be too much for someone who can wait, even where it fits.
        let all_fit = settings.policy == Policy::Fair && self.all_fit(&tick);
        if !all_fit {
            self.fill(&tick, Stage::Shares);
        }
        self.order(&tick, all_fit);
        self.admit(&tick);
        self.share(&tick);
        if self.admit_waiting(&tick) {
            self.share(&tick);
        }
        self.settle(&tick);
        Filled { allocations: &self.allocations, loads: &self.loads }
    }

    /// What the last tick gave an EVSE.
    pub fn limit(&self, evse: u32) -> Current {
        self.allocations.get(evse as usize).map_or(Current::ZERO, |given| given.limit)
    }

    /// Takes the arguments over: what each EVSE could get, and what the rows have left for those
    /// that can be told.
    fn begin(&mut self, tick: &Tick<'_>, headroom: &[Current]) {
        let (rows, evses) = (tick.rows.rows().len(), tick.rows.evses().len());
        self.capacity.clear();
        let micros =
            |row: usize| headroom.get(row).map_or(0, |headroom| headroom.0.saturating_mul(1_000));
        self.capacity.extend((0..rows).map(micros));
        self.bounds.clear();
        self.laxities.clear();
        self.is_planned = false;
        self.order.clear();
        self.order.reserve(evses);
        self.reached.clear();
        self.reached.reserve(evses);
        let no_demand = EvseState::default();
        for evse in 0..evses {
            let state = tick.states.get(evse).unwrap_or(&no_demand);
            if let Demand::Fixed(exposure) = state.demand {
                for (row, coefficient) in tick.rows.of_evse(evse as u32, state.legs) {
                    let part = super::rows::micros(exposure, coefficient);
                    let left = &mut self.capacity[row as usize];
                    *left = left.saturating_sub(part);
                }
            }
            let bounds = bounds(tick.settings, state);
            let wants = bounds.held != Held::Nothing;
            self.laxities.push(if wants { tick.laxity(evse, state) } else { 0.0 });
            self.is_planned |= wants && state.target.is_some();
            self.bounds.push(bounds);
        }
    }

    /// Shares the rows among those who were admitted: first up to the targets of the plan, then
    /// what is left by the policy.
    fn share(&mut self, tick: &Tick<'_>) {
        self.reached.clear();
        if self.is_planned {
            self.fill(tick, Stage::Targets);
            let values = (0..self.bounds.len() as u32).map(|evse| self.water.value(evse));
            self.reached.extend(values.map(Option::unwrap_or_default));
        }
        self.fill(tick, Stage::Rest);
    }

    fn fill(&mut self, tick: &Tick<'_>, stage: Stage) {
        self.water.begin(tick.rows, &self.capacity);
        for (evse, bounds) in self.bounds.iter().enumerate() {
            let takes_part = match stage {
                Stage::Shares => bounds.held != Held::Nothing,
                Stage::Targets | Stage::Rest => bounds.admitted,
            };
            if !takes_part {
                continue;
            }
            let state = &tick.states[evse];
            let (min, max) = (bounds.min as f64, bounds.max as f64);
            let (low, high) = match (stage, state.target) {
                (Stage::Shares, _) => (0.0, max),
                (Stage::Targets, Some(target)) => (min, (target.0 as f64).clamp(min, max)),
                (Stage::Targets, None) => (min, max),
                (Stage::Rest, _) => (self.reached.get(evse).map_or(min, |got| got.max(min)), max),
            };
            let (offset, slope) = tick.course(state, self.laxities[evse]);
            let curve = Curve { offset, slope, low, high };
            self.water.add(evse as u32, bounds.legs, curve);
        }
        self.water.run(tick.rows);
    }
}

/// What a filling is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// To learn what everyone's share would be without minima.
    Shares,
    /// To give what the plan wants.
    Targets,
    /// To share what is left.
    Rest,
}

impl Tick<'_> {
    /// How long a car could still wait before it must charge at its most, in hours; never below
    /// zero. What is not known is taken as urgent.
    fn laxity(&self, evse: usize, state: &EvseState) -> f64 {
        /// Whoever could wait longer than that is as patient as anyone.
        const MOST_HOURS: f64 = 1_000.0;
        if self.settings.policy == Policy::Fair {
            return 0.0;
        }
        let (Some(departure), Some(energy)) = (state.departure, state.energy) else { return 0.0 };
        let legs = match state.legs.count() {
            0 => u32::from(self.rows.evses()[evse].legs),
            count => count,
        };
        let power = self.rows.evses()[evse].power(state.max, legs).0.max(1) as f64;
        let need = energy.0 as f64 / 1e3 / power;
        let left = departure.since(self.now).0 as f64 / 3.6e6;
        (left - need).clamp(0.0, MOST_HOURS)
    }

    /// At which level a car begins to get something, and how fast it gets more.
    fn course(&self, state: &EvseState, laxity: f64) -> (f64, f64) {
        /// A class begins where the one before it has all that it can take.
        const CLASS: f64 = 1e4;
        let class = f64::from(state.class) * CLASS;
        match self.settings.policy {
            // A level is amperes of a usual weight.
            Policy::Fair => (class, f64::from(state.weight.max(1)) * 10.0),
            // A level is the laxity in hours after the horizon.
            Policy::Laxity => {
                let horizon = self.settings.horizon.0.max(1) as f64 / 3.6e6;
                (class + laxity, state.max.0.max(1) as f64 / horizon)
            }
        }
    }
}

/// What an EVSE could get: from its minimum to the least of what car, draw and plan allow.
fn bounds(settings: &Settings, state: &EvseState) -> Bounds {
    if state.demand != Demand::Wants || state.max < state.min || state.max.0 <= 0 {
        return Bounds::default();
    }
    let min = ((state.min.0 + STEP.0 - 1) / STEP.0 * STEP.0).max(STEP.0);
    let (mut max, mut held) = (state.max.0, Held::Maximum);
    if let Some(drawn) =
        state.drawn.filter(|drawn| state.on && could_take_more(*drawn, state.limit))
    {
        let offer = drawn.plus(settings.probe).0.max(drawn.0 + drawn.0 / 4).max(min);
        if offer < max {
            (max, held) = (offer, Held::Draw);
        }
    }
    if let Some(cap) = state.cap.filter(|cap| cap.0 < max) {
        (max, held) = (cap.0, Held::Plan);
    }
    let max = max - max.rem_euclid(STEP.0);
    if max < min {
        return Bounds { min, planned_out: held == Held::Plan, ..Bounds::default() };
    }
    Bounds { min, max, held, legs: state.legs, ..Bounds::default() }
}

/// A car draws clearly less than it may: it is full, cold, or limited by something of its own.
pub(crate) fn could_take_more(drawn: Current, limit: Current) -> bool {
    drawn.0 + 1_000 < limit.0
}

#[cfg(test)]
mod tests;
