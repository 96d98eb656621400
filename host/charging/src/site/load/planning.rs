//! Owns what the planner is to know of a site and what it said last, as facts make it. Must never
//! hold what the kernel needs to be safe: without it the site charges.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Load;
use super::battery::Held;
use super::learned::Learned;
use crate::fact::Actor;
use crate::fact::load::{
    BatteryPlan, ForecastSlot, LoadDelayed, LoadForecast, LoadPlanWanted, LoadPlanned, LoadPriced,
    LoadWished, PlanRun, PowerRun, PriceSlot,
};
use crate::ids::TransactionId;
use crate::load::circuit::Tree;
use crate::load::rows::EvseId;
use crate::units::{Current, Energy, Millis, Power, Timestamp};

/// A row that was scarce stays so: the same cars come back.
const SCARCE_FOR: Millis = Millis::from_secs(12 * 60 * 60);
/// A car that comes is planned for so much later: others may come with it.
const SETTLES: Millis = Millis::from_secs(2);
/// Plans are at least so far apart.
const APART: Millis = Millis::from_secs(15);
/// A plan that is older than that says nothing any more.
pub(super) const STALE: Millis = Millis::from_secs(15 * 60);

/// What the planner is to know, and what it said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Planning {
    /// Of the last plan that was asked for.
    pub(super) number: u64,
    pub(super) wanted: Option<Wanted>,
    pub(super) asked: Option<Timestamp>,
    /// When to plan next.
    pub(super) next: Option<Timestamp>,
    pub(super) plan: Option<Standing>,
    pub(super) prices: Vec<PriceSlot>,
    pub(super) forecast: Vec<ForecastSlot>,
    /// What the grid connection was last seen to export beside what the EVSEs draw.
    pub(super) surplus: Option<(Timestamp, Power)>,
    /// Rows, as people call them, and until when they count as scarce.
    pub(super) scarce: BTreeMap<Box<str>, Timestamp>,
    pub(super) learned: Learned,
    /// By its name, what a battery was said to hold.
    #[serde(default)]
    pub(super) batteries: BTreeMap<Box<str>, Held>,
}

/// A plan that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) until: Timestamp,
    pub(super) from: Timestamp,
    pub(super) slot: Millis,
    pub(super) slots: u32,
    pub(super) lowers: bool,
}

/// The plan that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Standing {
    pub(super) number: u64,
    pub(super) at: Timestamp,
    pub(super) by: Box<str>,
    pub(super) late: bool,
    pub(super) from: Timestamp,
    pub(super) slot: Millis,
    pub(super) evses: BTreeMap<u32, Vec<PlanRun>>,
    pub(super) power: Vec<PowerRun>,
    #[serde(default)]
    pub(super) batteries: Vec<BatteryPlan>,
}

/// What somebody said that a car needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Wish {
    /// None where it has not begun yet.
    pub(super) transaction: Option<TransactionId>,
    /// What it wants, and what it had taken when it was said.
    pub(super) energy: Option<(Energy, Energy)>,
    pub(super) departure: Option<Timestamp>,
    /// The most that the car says that it takes.
    pub(super) maximum: Option<Current>,
    /// The most that a person says that it takes.
    #[serde(default)]
    pub(super) said_maximum: Option<Current>,
    pub(super) class: Option<u8>,
    pub(super) at_once: bool,
    /// A person said it: a car does not gainsay.
    pub(super) by_person: bool,
}

impl Planning {
    /// A car came, or something else that a plan depends on changed.
    pub(super) fn soon(&mut self, at: Timestamp) {
        let at = at.plus(SETTLES).max(self.asked.map_or(at, |asked| asked.plus(APART)));
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }

    /// Our clock was set by so much. What is planned for a time stays so.
    pub(super) fn clock_set(&mut self, by: Millis) {
        let moved = |at: &mut Timestamp| *at = at.plus(by);
        self.asked.iter_mut().chain(&mut self.next).for_each(moved);
        self.scarce.values_mut().for_each(moved);
        self.plan.iter_mut().for_each(|plan| moved(&mut plan.at));
        self.surplus.iter_mut().for_each(|(at, _)| moved(at));
        self.batteries.values_mut().for_each(|held| held.clock_set(by));
        if let Some(wanted) = &mut self.wanted {
            moved(&mut wanted.at);
            moved(&mut wanted.until);
        }
    }

    /// When it wants to be asked again.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.wanted.as_ref().map_or(self.next, |wanted| Some(wanted.until))
    }

    /// The tree has changed: what was planned for its EVSEs is not known to fit any more.
    pub(super) fn rewired(&mut self, tree: &Tree) {
        (self.plan, self.wanted) = (None, None);
        let is_there = |name: &str| tree.batteries.iter().any(|battery| *battery.name == *name);
        self.batteries.retain(|name, _| is_there(name));
    }

    pub(super) fn is_scarce(&self, row: &str, now: Timestamp) -> bool {
        self.scarce.get(row).is_some_and(|until| now < *until)
    }

    fn wanted(&mut self, fact: &LoadPlanWanted) {
        let LoadPlanWanted { at, number, until, from, slot, slots, lowers, .. } = *fact;
        self.wanted = Some(Wanted { number, at, until, from, slot, slots, lowers });
        (self.number, self.asked, self.next) = (number, Some(at), None);
        self.scarce.retain(|_, until| at < *until);
        let scarce = fact.scarce.iter().map(|row| (row.clone(), at.plus(SCARCE_FOR)));
        self.scarce.extend(scarce);
    }
}

impl Standing {
    /// Cap and target of an EVSE at a time; nothing of a plan that is too old.
    pub(super) fn at(&self, evse: u32, now: Timestamp) -> (Option<Current>, Option<Current>) {
        let since = now.since(self.from).0;
        if since < 0 || self.slot.0 <= 0 || now >= self.at.plus(STALE) {
            return (None, None);
        }
        let mut slot = since / self.slot.0;
        for run in self.evses.get(&evse).into_iter().flatten() {
            if slot < i64::from(run.slots) {
                return (run.cap, run.target);
            }
            slot -= i64::from(run.slots);
        }
        (None, None)
    }
}

impl Load {
    /// Whether there is anything to plan at all: by prices, or by who leaves first.
    pub(super) fn is_planned(&self) -> bool {
        let planning = &self.planning;
        self.config.policy == crate::load::fill::Policy::Laxity
            || !self.config.plan.off_peak.is_empty()
            || !planning.prices.is_empty()
            || !planning.forecast.is_empty()
            || !planning.batteries.is_empty()
            || planning.surplus.is_some_and(|(_, surplus)| surplus > Power::ZERO)
    }

    /// Something changed that a plan depends on.
    pub(super) fn plan_soon(&mut self, at: Timestamp) {
        if self.is_planned() {
            self.planning.soon(at);
        }
    }

    pub(super) fn plan_wanted(&mut self, wanted: &LoadPlanWanted) {
        self.planning.wanted(wanted);
    }

    pub(super) fn planned(&mut self, planned: &LoadPlanned) {
        let index = |evse: &str| EvseId::parse(evse).and_then(|id| self.kernel.evse(&id));
        let evses = planned.evses.iter();
        let evses = evses.filter_map(|plan| Some((index(&plan.evse)?, plan.runs.clone())));
        let standing = Standing {
            number: planned.number,
            at: planned.at,
            by: planned.by.clone(),
            late: planned.late,
            from: planned.from,
            slot: planned.slot,
            evses: evses.collect(),
            power: planned.power.clone(),
            batteries: planned.batteries.clone(),
        };
        self.planning.plan = Some(standing);
        // What happened since it was asked for is planned for soon.
        let since = self.planning.next.filter(|next| *next > planned.at);
        self.planning.next = since.into_iter().chain(planned.next).min();
        self.planning.wanted = None;
        self.at_once(planned.at);
    }

    pub(super) fn priced(&mut self, priced: &LoadPriced) {
        self.planning.prices.clone_from(&priced.slots);
        self.planning.soon(priced.at);
    }

    pub(super) fn forecast(&mut self, forecast: &LoadForecast) {
        self.planning.forecast.clone_from(&forecast.slots);
        self.planning.soon(forecast.at);
    }

    pub(super) fn delayed(&mut self, delayed: &LoadDelayed) {
        for delay in &delayed.evses {
            let evse = EvseId::parse(&delay.evse).and_then(|id| self.kernel.evse(&id));
            let Some(evse) = evse else { continue };
            let live = &mut self.evses[evse as usize];
            live.delay = Some(delay.until);
            self.not_after(delay.until);
        }
    }

    pub(super) fn wished(&mut self, wished: &LoadWished) {
        let evse = EvseId::parse(&wished.evse).and_then(|id| self.kernel.evse(&id));
        let Some(live) = evse.and_then(|evse| self.evses.get_mut(evse as usize)) else { return };
        let by_person = wished.actor != Actor::Station;
        let new = Wish {
            transaction: wished.transaction.clone(),
            energy: wished.energy.map(|energy| (energy, live.taken)),
            departure: wished.departure,
            maximum: wished.maximum.filter(|_| !by_person),
            said_maximum: wished.maximum.filter(|_| by_person),
            class: wished.class,
            at_once: wished.at_once,
            by_person,
        };
        live.wish = Some(match live.wish.take() {
            Some(old) if old.by_person && !by_person => Wish {
                energy: old.energy.or(new.energy),
                departure: old.departure.or(new.departure),
                maximum: new.maximum,
                ..old
            },
            // What a car can take does not change by what a person says.
            Some(old) if by_person => Wish { maximum: old.maximum, ..new },
            _ => new,
        });
        self.at_once(wished.at);
        self.plan_soon(wished.at);
    }
}
