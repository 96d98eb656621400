//! Owns when the planner is asked, what it is asked, and what is taken of its answer. Must never
//! wait for it, nor take an answer that names what it may not.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Load;
use super::held::is_tight;
use super::planning::Wanted;
use crate::context::Outcome;
use crate::fact::load::{EvsePlan, LoadPlanWanted, LoadPlanned, PlanRun, PowerRun};
use crate::fact::{Actor, Fact, InputRefused};
use crate::input::Work;
use crate::load::fill::{Demand, EvseState, Filler, Reason, Settings};
use crate::load::plan::greedy::Greedy;
use crate::load::plan::settings::Clock;
use crate::load::plan::{Asked, Plan, Planner, Wish};
use crate::site::Site;
use crate::units::{Current, Millis, Power, Timestamp};

/// Slots begin at whole ones of an hour, as prices do.
const SLOT: Millis = Millis::from_secs(5 * 60);
/// A day.
const SLOTS: u32 = 288;
/// An answer after that is late. The planner gives up much earlier.
const PATIENCE: Millis = Millis::from_secs(10);
/// Targets are for as long as a plan may stand; caps are for all of it.
const TARGETS: usize = 4;
/// For more cars than that, the cheapest slots are not looked for while everything else waits.
const GREEDY_MOST: usize = 1_000;
/// A surplus that was just measured lasts so many slots.
const MEASURED: usize = 6;
/// A measured surplus is one for so long.
const MEASURED_FOR: Millis = Millis::from_secs(10 * 60);
/// What energy is taken to cost where nobody says: only differences count.
const NOMINAL: i64 = 1_000_000;
/// A car has hardly more time than it needs when it needs so many thousandths of it.
const TIGHT: i64 = 700;
/// A planner is called no longer.
const NAME: usize = 64;
/// A plan expects no more than that.
const POWER_MOST: Power = Power(1_000_000_000_000);

impl Site {
    /// When the planner wants to be asked.
    pub(in crate::site) fn plan_due(&self) -> Option<Timestamp> {
        self.load()?.planning.due()
    }

    /// Asks the planner, or does without one that is late.
    pub(in crate::site) fn plan_load(&self, now: Timestamp, outcome: &mut Outcome) {
        let Some(load) = self.load() else { return };
        if let Some(wanted) = &load.planning.wanted {
            let asked = load.asked(now, self.load_zone());
            let is_few = asked.cars.len() <= GREEDY_MOST;
            let plan = asked.of(|question| match is_few {
                true => Greedy::default().plan(question),
                false => Plan::empty(question, ""),
            });
            let late = Wanted { from: asked.from, ..wanted.clone() };
            let planned = load.take(now, &late, &plan, &mut Vec::new());
            outcome.facts.push(LoadPlanned { late: true, ..planned }.into());
            return;
        }
        let asked = load.asked(now, self.load_zone());
        let lowers = asked.is_priced();
        let laxity = load.config.policy == crate::load::fill::Policy::Laxity;
        // Of a car of which nothing is known nothing is taken from a plan.
        let known = |state: &EvseState| state.energy.is_some() && state.departure.is_some();
        let is_known = load.states(now).iter().any(known);
        let for_cars = is_known && (lowers || laxity);
        let for_batteries = !asked.stores.batteries.is_empty() && !asked.prices.is_empty();
        if !for_cars && !for_batteries {
            // Nothing to plan until something happens, or a price differs.
            let has_any = is_known || !asked.stores.batteries.is_empty();
            let next = (has_any && load.is_planned()).then(|| asked.from.plus(SLOT));
            outcome.facts.push(load.nothing(now, &asked, next).into());
            return;
        }
        let number = load.planning.number + 1;
        let scarce = load.scarce_now(now, &load.room(now).announced);
        let wanted = LoadPlanWanted {
            at: now,
            number,
            until: now.plus(PATIENCE),
            from: asked.from,
            slot: asked.slot,
            slots: asked.slots,
            lowers,
            scarce,
        };
        outcome.facts.push(wanted.into());
        let (subject, asked) = (self.subject.clone(), Arc::new(asked));
        outcome.work.push(Work::Plan { subject, number, asked });
    }

    /// After a start: whoever was asked may never answer.
    pub(in crate::site) fn ask_plan_again(&self, now: Timestamp, outcome: &mut Outcome) {
        let Some(load) = self.load() else { return };
        let Some(wanted) = &load.planning.wanted else { return };
        let asked = load.asked(now, self.load_zone());
        let (number, lowers) = (wanted.number, asked.is_priced());
        let (until, scarce) = (now.plus(PATIENCE), Vec::new());
        let (from, slot, slots) = (asked.from, asked.slot, asked.slots);
        let wanted = LoadPlanWanted { at: now, number, until, from, slot, slots, lowers, scarce };
        outcome.facts.push(wanted.into());
        let (subject, asked) = (self.subject.clone(), Arc::new(asked));
        outcome.work.push(Work::Plan { subject, number, asked });
    }

    /// A plan came back.
    pub(in crate::site) fn planned(&self, now: Timestamp, number: u64, plan: &Plan) -> Outcome {
        let mut outcome = Outcome::default();
        let refuse = |reason: String| {
            let what = "a plan of the load".into();
            let (actor, reason) = (Actor::Plugin(named(&plan.by)), reason.into());
            Fact::from(InputRefused { at: now, actor, station: None, what, reason })
        };
        let Some(load) = self.load() else { return outcome };
        let Some(wanted) = load.planning.wanted.as_ref().filter(|known| known.number == number)
        else {
            outcome.facts.push(refuse(format!("nobody waits for plan {number}: it is late")));
            return outcome;
        };
        if plan.from != wanted.from || plan.slot != wanted.slot {
            let why = format!(
                "plan {number} begins at {} in slots of {} ms, and {} in slots of {} ms was asked",
                plan.from, plan.slot.0, wanted.from, wanted.slot.0
            );
            outcome.facts.push(refuse(why));
            // The question stands until it is late, and then the cheapest slots do.
            return outcome;
        }
        let mut problems = Vec::new();
        let planned = load.take(now, wanted, plan, &mut problems);
        if let Some(first) = problems.first() {
            let count = problems.len();
            outcome.facts.push(refuse(format!("plan {number}: {first} ({count} such in all)")));
        }
        outcome.facts.push(planned.into());
        outcome
    }

    fn load_zone(&self) -> &str {
        self.put().map_or("Etc/UTC", |put| &put.time_zone)
    }
}

impl Load {
    /// The question as it stands.
    fn asked(&self, now: Timestamp, zone: &str) -> Asked {
        let states = self.states(now);
        let shared = self.shared();
        let from = Timestamp(now.0 - now.0.rem_euclid(SLOT.0));
        let (mut cars, mut free) = (Vec::new(), Vec::new());
        let (mut headroom, stores) = self.stores(now, &states);
        for (evse, state) in (0..).zip(&states) {
            match state.demand {
                Demand::Wants => cars.push(self.parked(evse, state, &shared)),
                Demand::Fixed(exposure) => {
                    for (row, a) in self.rows.of_evse(evse, state.legs) {
                        let part = exposure.0.saturating_mul(i64::from(a)) / 1_000;
                        headroom[row as usize] = headroom[row as usize].minus(Current(part));
                    }
                    let runs = self.kernel.transaction(evse).is_some();
                    free.extend((!runs).then_some(evse));
                }
                Demand::None => free.push(evse),
            }
        }
        let rows = self.rows.rows().iter();
        let scarce = rows.map(|row| self.planning.is_scarce(&row.to_string(), now));
        Asked {
            from,
            slot: SLOT,
            slots: SLOTS,
            scarce: if self.planning.scarce.is_empty() { Vec::new() } else { scarce.collect() },
            rows: Arc::clone(&self.rows),
            headroom,
            prices: self.prices(now, from, zone),
            surplus: self.surplus(now, from),
            feed_in: self.config.plan.feed_in.0,
            cars,
            free,
            stores,
        }
    }

    /// What energy from the grid costs in each slot, as far as that is known.
    fn prices(&self, now: Timestamp, from: Timestamp, zone: &str) -> Vec<i64> {
        let planning = &self.planning;
        let clock = Clock::of(&self.config.plan, zone);
        let any_surplus = planning.surplus.is_some_and(|(_, power)| power > Power::ZERO)
            || !planning.forecast.is_empty();
        let mut prices = Vec::new();
        for slot in 0..SLOTS as usize {
            let at = middle(now, from, slot);
            let of = planning.prices.partition_point(|known| known.until <= at);
            let known = planning.prices.get(of).filter(|known| known.from <= at);
            prices.push(match (known, &clock) {
                (Some(known), _) => known.price.0,
                (None, Some(clock)) if planning.prices.is_empty() => {
                    if clock.is_off_peak(at) {
                        NOMINAL / 2
                    } else {
                        NOMINAL
                    }
                }
                (None, _) if any_surplus && planning.prices.is_empty() => NOMINAL,
                (None, _) => break,
            });
        }
        prices
    }

    /// What is left over in each slot beside the EVSEs: as measured, soon as forecast; up to the
    /// last slot in which anything is.
    fn surplus(&self, now: Timestamp, from: Timestamp) -> Vec<Power> {
        let planning = &self.planning;
        let measured = planning.surplus.filter(|(seen, _)| now.since(*seen) < MEASURED_FOR);
        let in_slot = |slot: usize| {
            let at = middle(now, from, slot);
            let measured = measured.filter(|_| slot < MEASURED).map(|(_, power)| power);
            let of = planning.forecast.partition_point(|known| known.until <= at);
            let forecast = planning.forecast.get(of).filter(|known| known.from <= at);
            measured.or(forecast.map(|known| known.power)).unwrap_or_default().max(Power::ZERO)
        };
        let mut surplus: Vec<_> = (0..SLOTS as usize).map(in_slot).collect();
        surplus
            .truncate(surplus.iter().rposition(|power| *power > Power::ZERO).map_or(0, |n| n + 1));
        surplus
    }

    /// The rows that hold back a car which has hardly more time than it needs.
    fn scarce_now(&self, now: Timestamp, headroom: &[Current]) -> Vec<Box<str>> {
        let states = self.states(now);
        if !states.iter().any(|state| state.energy.is_some() && state.departure.is_some()) {
            return Vec::new();
        }
        let settings = Settings { policy: self.config.policy, ..Settings::default() };
        let mut filler = Filler::default();
        let filled = filler.tick(&self.rows, &settings, now, headroom, &states);
        let mut rows = Vec::new();
        for (evse, (given, state)) in (0..).zip(filled.allocations.iter().zip(&states)) {
            let (Reason::Row(row) | Reason::Waiting(row)) = given.reason else { continue };
            let (Some(energy), Some(departure)) = (state.energy, state.departure) else { continue };
            let tight = is_tight(self.need(evse, energy), departure.since(now), TIGHT);
            let row = self.rows.rows().get(row as usize).filter(|_| tight);
            rows.extend(row.map(|row| row.to_string().into()));
        }
        rows.sort_unstable();
        rows.dedup();
        rows
    }

    /// What is taken of an answer. What is wrong is left out or brought to where it may be, and
    /// said.
    fn take(
        &self,
        now: Timestamp,
        wanted: &Wanted,
        plan: &Plan,
        problems: &mut Vec<String>,
    ) -> LoadPlanned {
        let mut evses: BTreeMap<u32, EvsePlan> = BTreeMap::new();
        for wish in &plan.wishes {
            let Some(wiring) = self.rows.evses().get(wish.evse as usize) else {
                problems.push(format!("there is no EVSE with the index {}", wish.evse));
                continue;
            };
            let live = &self.evses[wish.evse as usize];
            if self.kernel.transaction(wish.evse).is_none() || live.arrived > wanted.at {
                problems.push(format!("no car of the question is at {}", wiring.id));
                continue;
            }
            if evses.contains_key(&wish.evse) {
                problems.push(format!("{} is named twice", wiring.id));
                continue;
            }
            let runs = runs(wish, wanted, wiring.max, |problem| {
                problems.push(format!("{}: {problem}", wiring.id));
            });
            if !runs.is_empty() {
                let evse = wiring.id.to_string().into();
                evses.insert(wish.evse, EvsePlan { evse, runs });
            }
        }
        let power = plan.power.iter().take(wanted.slots as usize);
        LoadPlanned {
            at: now,
            number: wanted.number,
            by: named(&plan.by),
            late: false,
            from: wanted.from,
            slot: wanted.slot,
            next: Some(wanted.from.plus(wanted.slot).max(now.plus(Millis::from_secs(1)))),
            evses: evses.into_values().collect(),
            power: powers(power.map(|power| (*power).min(POWER_MOST).max(Power::ZERO))),
            batteries: self.set_points(now, wanted, plan, problems),
        }
    }

    fn nothing(&self, now: Timestamp, asked: &Asked, next: Option<Timestamp>) -> LoadPlanned {
        LoadPlanned {
            at: now,
            number: self.planning.number,
            by: "".into(),
            late: false,
            from: asked.from,
            slot: asked.slot,
            next: next.map(|next| next.max(now.plus(Millis::from_secs(1)))),
            evses: Vec::new(),
            power: Vec::new(),
            batteries: Vec::new(),
        }
    }
}

/// What is planned for an EVSE, slot after slot, brought to where it may be.
fn runs(
    wish: &Wish,
    wanted: &Wanted,
    max: Current,
    mut problem: impl FnMut(String),
) -> Vec<PlanRun> {
    let slots = wish.caps.len().max(wish.targets.len());
    if slots > wanted.slots as usize {
        problem(format!("{slots} slots are more than the {} asked", wanted.slots));
    }
    if !wanted.lowers && wish.caps.iter().any(Option::is_some) {
        problem("it may not wait where no price differs".into());
    }
    let mut runs: Vec<PlanRun> = Vec::new();
    let mut odd = None;
    for slot in 0..slots.min(wanted.slots as usize) {
        let (cap, target) = wish.at(slot);
        let mut within = |value: Current| {
            if value < Current::ZERO || value > max {
                odd.get_or_insert(value);
            }
            value.max(Current::ZERO).min(max)
        };
        let cap = cap.filter(|_| wanted.lowers).map(&mut within).filter(|cap| *cap < max);
        let target = target.filter(|_| slot < TARGETS).map(&mut within);
        match runs.last_mut() {
            Some(run) if (run.cap, run.target) == (cap, target) => run.slots += 1,
            _ => runs.push(PlanRun { slots: 1, cap, target }),
        }
    }
    if let Some(value) = odd {
        problem(format!("{} mA is not between nothing and its {} mA", value.0, max.0));
    }
    while runs.last().is_some_and(|run| run.cap.is_none() && run.target.is_none()) {
        runs.pop();
    }
    runs
}

/// A power for each slot, as runs.
pub(super) fn powers(each: impl Iterator<Item = Power>) -> Vec<PowerRun> {
    let mut runs: Vec<PowerRun> = Vec::new();
    for power in each {
        match runs.last_mut() {
            Some(run) if run.power == power => run.slots += 1,
            _ => runs.push(PowerRun { slots: 1, power }),
        }
    }
    runs
}

/// The middle of what is left of a slot: of the first one a part is over, and what held there is
/// not asked.
fn middle(now: Timestamp, from: Timestamp, slot: usize) -> Timestamp {
    let begins = from.plus(Millis(SLOT.0 * slot as i64));
    let left = begins.plus(SLOT).since(begins.max(now));
    begins.max(now).plus(Millis(left.0 / 2))
}

/// A planner's name is no longer than people read.
fn named(by: &str) -> Box<str> {
    by.chars().take(NAME).collect::<String>().into()
}
