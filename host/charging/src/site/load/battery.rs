//! Owns what a site is told of its batteries, and what of a plan it keeps for them. Must never use
//! what was told too long ago, let a set-point stand that the battery or a row above it cannot
//! bear, nor speak to a battery: an energy manager reads what is planned, and what the battery
//! then does is part of the measured base load.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Load;
use super::ahead::powers;
use super::planning::{STALE, Wanted};
use crate::action::{Done, Problem};
use crate::context::Outcome;
use crate::fact::load::{BatteryPlan, LoadBattery, PowerRun};
use crate::load::amount::Watts;
use crate::load::circuit::shares;
use crate::load::fill::{Demand, EvseState};
use crate::load::kernel::meter::Standing;
use crate::load::plan::Plan;
use crate::load::plan::battery::{SetPoints, Stores};
use crate::network::{done, problem};
use crate::site::Site;
use crate::site::operator::Asking;
use crate::units::{Current, Millis, Power, Timestamp};

/// What a battery was said to hold is so for so long.
const HOLDS_FOR: Millis = Millis::from_secs(15 * 60);
/// What it was said to do is so for so long.
const DOES_FOR: Millis = Millis::from_secs(2 * 60);

/// What a battery was said to hold and to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Held {
    at: Timestamp,
    /// Thousandths of what it can hold.
    charge: u32,
    power: Option<Power>,
}

impl Held {
    /// Our clock was set by so much.
    pub(super) fn clock_set(&mut self, by: Millis) {
        self.at = self.at.plus(by);
    }

    fn is_known(&self, now: Timestamp) -> bool {
        now.since(self.at) < HOLDS_FOR
    }

    fn power(&self, now: Timestamp) -> Option<Power> {
        self.power.filter(|_| now.since(self.at) < DOES_FOR)
    }
}

/// A battery at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatteryView {
    /// As the tree names it.
    pub battery: Box<str>,
    /// Its circuit.
    pub circuit: Box<str>,
    /// When it was told of last; none where it never was.
    pub told: Option<Timestamp>,
    /// Thousandths of what it can hold, as was told then.
    pub charge: Option<u32>,
    /// What it took then; negative where it gave.
    pub power: Option<Power>,
    /// Whether that is so no more: it is not planned for.
    pub is_stale: bool,
    /// When the first slot of its set-points begins, and how long each is.
    pub from: Timestamp,
    /// See `from`.
    pub slot: Millis,
    /// What it is to do; empty where nothing is planned for it.
    pub runs: Vec<PowerRun>,
    /// From then on nobody should follow them: a newer plan is missing.
    pub follow_until: Timestamp,
}

impl Site {
    pub(in crate::site) fn battery_load(
        &self,
        asking: Asking,
        battery: Box<str>,
        charge: u32,
        power: Option<Power>,
    ) -> Outcome {
        let Some(load) = self.load() else {
            let why = "the load of this site is not controlled";
            return problem(asking.call, Problem::Conflict(why.into()));
        };
        let mut batteries = load.config.tree.batteries.iter();
        let Some(known) = batteries.find(|known| known.name == battery) else {
            let why = format!("the tree names no battery {battery}");
            return problem(asking.call, Problem::NotFound(why));
        };
        if charge > 1_000 {
            let why = "state_of_charge_percent: none holds more than 100 % of what it can";
            return problem(asking.call, Problem::Invalid(why.into()));
        }
        // A meter errs, and a battery can do a little more than is planned with.
        let most = |size: Watts| Power(size.0.0.saturating_mul(2).saturating_add(1_000));
        let (takes, gives) = (most(known.charge), Power(-most(known.discharge).0));
        if power.is_some_and(|power| power > takes || power < gives) {
            let why = format!(
                "power: {battery} takes {} and gives {} at most",
                known.charge, known.discharge
            );
            return problem(asking.call, Problem::Invalid(why));
        }
        let (at, actor) = (asking.now, asking.actor);
        done(asking.call, Done::Accepted, LoadBattery { at, actor, battery, charge, power })
    }
}

impl Load {
    pub(super) fn battery_told(&mut self, told: &LoadBattery) {
        let LoadBattery { at, charge, power, .. } = *told;
        let known = self.config.tree.batteries.iter().any(|known| known.name == told.battery);
        if !known {
            return;
        }
        let held = Held { at, charge, power };
        let before = self.planning.batteries.insert(told.battery.clone(), held);
        if !before.is_some_and(|before| before.is_known(at)) {
            self.plan_soon(at);
        }
    }

    /// What all batteries take, as far as that was told lately; negative where they give.
    pub(super) fn battery_flow(&self, now: Timestamp) -> Power {
        let powers = self.planning.batteries.values().filter_map(|held| held.power(now));
        powers.fold(Power::ZERO, Power::plus)
    }

    /// What rows have for the EVSEs if no battery did anything, and the batteries that can be
    /// planned for with what they may add to rows: beside what EVSEs fall back to, and those that
    /// cannot be told anything draw.
    pub(super) fn stores(&self, now: Timestamp, states: &[EvseState]) -> (Vec<Current>, Stores) {
        let room = self.room(now);
        let (mut headroom, mut stores) = (room.announced.clone(), Stores::default());
        let mut watched = BTreeSet::new();
        for (index, point) in self.config.tree.batteries.iter().enumerate() {
            let Some(held) = self.planning.batteries.get(&point.name) else { continue };
            let shares = shares(&self.config.tree, &self.rows, index);
            for share in &shares {
                let row = share.row as usize;
                if let Some(power) = held.power(now).filter(|_| self.is_measured(row, now)) {
                    // Where the rest exports, the base load is no less than nothing without it.
                    let most = room.announced[row].plus(room.base[row].max(Current::ZERO));
                    headroom[row] = headroom[row].plus(share.of(power)).min(most);
                }
                watched.insert(share.row);
            }
            if held.is_known(now) {
                stores.batteries.push(point.at(index, held.charge, shares));
            }
        }
        if stores.batteries.is_empty() {
            return (headroom, stores);
        }
        stores.room = vec![Current::ZERO; headroom.len()];
        for row in watched {
            let least = |evse: u32| {
                let state = &states[evse as usize];
                let fallback = self.kernel.fallback(evse);
                let draws = match state.demand {
                    Demand::Fixed(exposure) => exposure.max(fallback),
                    _ => fallback,
                };
                (draws, state.legs)
            };
            let others = self.rows.load(row, least);
            stores.room[row as usize] = headroom[row as usize].minus(others).max(Current::ZERO);
        }
        (headroom, stores)
    }

    fn is_measured(&self, row: usize, now: Timestamp) -> bool {
        let meter = self.meters[row].as_ref();
        meter.is_some_and(|meter| meter.background(now).standing == Standing::Fresh)
    }

    /// What is taken of a plan for batteries, brought to where it may be, and said where it was
    /// not.
    pub(super) fn set_points(
        &self,
        now: Timestamp,
        wanted: &Wanted,
        plan: &Plan,
        problems: &mut Vec<String>,
    ) -> Vec<BatteryPlan> {
        if plan.batteries.is_empty() {
            return Vec::new();
        }
        let (_, stores) = self.stores(now, &self.states(now));
        let (mut seen, mut wished) = (BTreeSet::new(), Vec::new());
        let points = &self.config.tree.batteries;
        for wish in &plan.batteries {
            let Some(point) = points.get(wish.battery as usize) else {
                problems.push(format!("there is no battery with the index {}", wish.battery));
                continue;
            };
            let name = &point.name;
            if !stores.batteries.iter().any(|known| known.index == wish.battery) {
                problems.push(format!("it is not known what {name} holds"));
                continue;
            }
            if !seen.insert(wish.battery) {
                problems.push(format!("{name} is named twice"));
                continue;
            }
            if wish.power.len() > wanted.slots as usize {
                let (slots, most) = (wish.power.len(), wanted.slots);
                problems.push(format!("{name}: {slots} slots are more than the {most} asked"));
            }
            let power = wish.power.iter().take(wanted.slots as usize).copied().collect();
            wished.push(SetPoints { battery: wish.battery, power });
        }
        let kept = stores.keep(wanted.slot, &wished);
        let plans = kept.into_iter().zip(&wished).map(|(kept, wished)| {
            let name = &points[kept.battery as usize].name;
            let cut = kept.power.iter().zip(&wished.power).find(|(kept, wished)| kept != wished);
            if let Some((kept, wished)) = cut {
                problems.push(format!("{name}: {wished} is cut to {kept}: it can do no more"));
            }
            BatteryPlan { battery: name.clone(), runs: powers(kept.power.into_iter()) }
        });
        plans.collect()
    }

    pub(super) fn battery_views(&self, now: Timestamp) -> Vec<BatteryView> {
        let plan = self.planning.plan.as_ref();
        let points = self.config.tree.batteries.iter();
        let view = |point: &crate::load::circuit::BatteryPoint| {
            let held = self.planning.batteries.get(&point.name);
            let planned = plan.and_then(|plan| {
                plan.batteries.iter().find(|planned| planned.battery == point.name)
            });
            BatteryView {
                battery: point.name.clone(),
                circuit: point.circuit.clone(),
                told: held.map(|held| held.at),
                charge: held.map(|held| held.charge),
                power: held.and_then(|held| held.power),
                is_stale: held.is_some_and(|held| !held.is_known(now)),
                from: plan.map_or(Timestamp(0), |plan| plan.from),
                slot: plan.map_or(Millis::ZERO, |plan| plan.slot),
                runs: planned.map(|planned| planned.runs.clone()).unwrap_or_default(),
                follow_until: plan.map_or(Timestamp(0), |plan| plan.at.plus(STALE)),
            }
        };
        points.map(view).collect()
    }
}
