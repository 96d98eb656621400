//! Owns what people and cars say of what is to come: what a car needs, what energy costs, what the
//! site will generate. Must never take a price or a time that cannot be.

use crate::action::{Action, Done, Problem, Reply};
use crate::context::Outcome;
use crate::fact::load::{ForecastSlot, LoadForecast, LoadPriced, LoadWished, PriceSlot};
use crate::fact::station::StationReported;
use crate::fact::{Actor, Call, Fact};
use crate::ids::{StationId, TransactionId};
use crate::input::CarWish;
use crate::input::needs::Needs;
use crate::input::notice::{ChargingReply, Follows, Notice};
use crate::load::amount::Amps;
use crate::load::circuit::CLASS_MOST;
use crate::load::rows::EvseId;
use crate::network::{done, problem};
use crate::site::Site;
use crate::site::operator::Asking;
use crate::units::{Current, Energy, Micros, Millis, Power, Timestamp};

/// So many prices may be told at once: quarters of an hour for ten days.
const SLOTS: usize = 1_000;
/// No kWh costs more, in any currency.
const PRICE_MOST: Micros = Micros(1_000_000_000_000);
/// No site generates more.
const POWER_MOST: Power = Power(10_000_000_000);
/// No car takes more at once.
const ENERGY_MOST: Energy = Energy::from_wh(5_000_000);
/// Nobody stays for longer.
const STAYS_MOST: Millis = Millis::from_secs(60 * 24 * 3_600);

impl Site {
    pub(in crate::site) fn wish_load(
        &self,
        asking: Asking,
        evse: &EvseId,
        transaction: Option<TransactionId>,
        wish: CarWish,
    ) -> Outcome {
        let Some(load) = self.load() else { return uncontrolled(asking) };
        let Some(index) = load.kernel.evse(evse) else {
            return problem(asking.call, Problem::NotFound(format!("the tree has no EVSE {evse}")));
        };
        let runs = load.kernel.transaction(index);
        if let Some(named) = transaction.as_ref().filter(|named| runs != Some(*named)) {
            let why = format!("transaction {named} does not run at {evse}");
            return problem(asking.call, Problem::Conflict(why));
        }
        let Some(runs) = runs else {
            return problem(asking.call, Problem::Conflict(format!("no car charges at {evse}")));
        };
        let least = load.rows.evses()[index as usize].min;
        let wrong = what_is_wrong(&wish, asking.now).or_else(|| too_little(&wish, least));
        if let Some(wrong) = wrong {
            return problem(asking.call, Problem::Invalid(wrong));
        }
        let wished = LoadWished {
            at: asking.now,
            actor: asking.actor,
            evse: evse.to_string().into(),
            transaction: Some(runs.clone()),
            energy: wish.energy,
            departure: wish.departure,
            maximum: wish.maximum,
            class: wish.class,
            at_once: wish.at_once,
        };
        done(asking.call, Done::Accepted, wished)
    }

    pub(in crate::site) fn price_load(&self, asking: Asking, slots: Vec<PriceSlot>) -> Outcome {
        if self.load().is_none() {
            return uncontrolled(asking);
        }
        let times = slots.iter().map(|slot| (slot.from, slot.until));
        let mut wrong = out_of_order("prices", times, asking.now);
        let dear =
            slots.iter().find(|slot| slot.price > PRICE_MOST || slot.price.0 < -PRICE_MOST.0);
        let dear = dear.map(|slot| format!("the price from {} on is none", slot.from));
        wrong = wrong.or(dear);
        if let Some(wrong) = wrong {
            return problem(asking.call, Problem::Invalid(wrong));
        }
        let (at, actor) = (asking.now, asking.actor);
        let slots = slots.into_iter().filter(|slot| slot.until > at).collect();
        done(asking.call, Done::Accepted, LoadPriced { at, actor, slots })
    }

    pub(in crate::site) fn forecast_load(
        &self,
        asking: Asking,
        slots: Vec<ForecastSlot>,
    ) -> Outcome {
        if self.load().is_none() {
            return uncontrolled(asking);
        }
        let times = slots.iter().map(|slot| (slot.from, slot.until));
        let mut wrong = out_of_order("forecasts", times, asking.now);
        let odd = |slot: &&ForecastSlot| slot.power < Power::ZERO || slot.power > POWER_MOST;
        let odd = slots.iter().find(odd);
        wrong = wrong.or(odd.map(|slot| format!("the power from {} on is none", slot.from)));
        if let Some(wrong) = wrong {
            return problem(asking.call, Problem::Invalid(wrong));
        }
        let (at, actor) = (asking.now, asking.actor);
        let slots = slots.into_iter().filter(|slot| slot.until > at).collect();
        done(asking.call, Done::Accepted, LoadForecast { at, actor, slots })
    }

    /// What a station says about smart charging, beside being recorded as it came.
    pub(in crate::site) fn noticed(
        &self,
        now: Timestamp,
        station: &StationId,
        call: Option<Call>,
        notice: &Notice,
        reported: StationReported,
    ) -> Outcome {
        let (follows, answer) = match notice {
            Notice::Needs { evse, needs, .. } => {
                let wish = self.car_wish(now, station, *evse, needs);
                let later = Reply::Charging(ChargingReply::Needs(Follows::Later));
                let answer = if wish.is_some() { later } else { Reply::Received };
                (wish, answer)
            }
            Notice::Limited { local_generation: false, evse, source, schedules, .. } => {
                let to = Some(&schedules[..]);
                (self.station_limited(now, station, *evse, source, to), Reply::Received)
            }
            Notice::Unlimited { evse, source } => {
                (self.station_limited(now, station, *evse, source, None), Reply::Received)
            }
            Notice::Profiles { request, evse, profiles, more, .. } => {
                let id = EvseId { station: station.clone(), evse: *evse };
                let held =
                    self.load().and_then(|load| load.held(now, id, *request, profiles, *more));
                (held.map(Fact::from), Reply::Received)
            }
            _ => (None, Reply::Received),
        };
        let facts = std::iter::once(Fact::from(reported)).chain(follows).collect();
        let reply = |call| Action::Reply { call, reply: answer };
        Outcome { facts, actions: call.map(reply).into_iter().collect(), ..Outcome::default() }
    }

    /// What a car says over its station (NotifyEVChargingNeeds); none where nobody plans for it.
    fn car_wish(
        &self,
        now: Timestamp,
        station: &StationId,
        evse: u32,
        needs: &Needs,
    ) -> Option<Fact> {
        let load = self.load()?;
        let id = EvseId { station: station.clone(), evse };
        let index = load.kernel.evse(&id)?;
        let ahead = load.kernel.station(station).and_then(|known| known.clock().offset());
        let departure = needs.departure.map(|at| at.plus(Millis(-ahead.unwrap_or_default().0)));
        let wish = CarWish { energy: needs.energy, departure, ..CarWish::default() };
        let sound = |wish: CarWish| match what_is_wrong(&wish, now) {
            None => wish,
            Some(_) => CarWish::default(),
        };
        let CarWish { energy, departure, .. } = sound(wish);
        if energy.is_none() && departure.is_none() && needs.maximum.is_none() {
            return None;
        }
        let wished = LoadWished {
            at: now,
            actor: Actor::Station,
            evse: id.to_string().into(),
            transaction: load.kernel.transaction(index).cloned(),
            energy,
            departure,
            maximum: needs.maximum,
            class: None,
            at_once: false,
        };
        Some(wished.into())
    }
}

/// Why a wish for an EVSE that gives no less than so much is not taken.
fn too_little(wish: &CarWish, least: Current) -> Option<String> {
    let most = wish.maximum.filter(|most| *most < least)?;
    Some(format!(
        "max_current: {} is less than the {} that the EVSE gives",
        Amps(most),
        Amps(least)
    ))
}

/// Why a wish is not taken.
fn what_is_wrong(wish: &CarWish, now: Timestamp) -> Option<String> {
    let energy = wish.energy.filter(|energy| *energy < Energy::ZERO || *energy > ENERGY_MOST);
    if let Some(energy) = energy {
        let wh = energy.0 / 1_000;
        return Some(format!("energy_wh: {wh} is not from 0 to {}", ENERGY_MOST.0 / 1_000));
    }
    match wish.departure {
        Some(at) if at <= now => return Some(format!("departure: {at} has passed")),
        Some(at) if at.since(now) > STAYS_MOST => {
            return Some(format!("departure: {at} is too far away"));
        }
        _ => {}
    }
    let class = wish.class.filter(|class| *class > CLASS_MOST);
    class.map(|class| format!("class: {class} is more than {CLASS_MOST}"))
}

/// What is wrong with times that are to follow each other.
fn out_of_order(
    what: &str,
    times: impl Iterator<Item = (Timestamp, Timestamp)>,
    now: Timestamp,
) -> Option<String> {
    let (mut count, mut last) = (0, None);
    for (from, until) in times {
        count += 1;
        if count > SLOTS {
            return Some(format!("at most {SLOTS} {what} may be told at once"));
        }
        if until <= from {
            return Some(format!("slot {count}: it ends before it begins"));
        }
        if last.is_some_and(|last| from < last) {
            return Some(format!("slot {count}: it begins before the one before it ends"));
        }
        last = Some(until);
    }
    let over = last.filter(|last| *last <= now);
    over.map(|last| format!("all {what} are over: the last ends at {last}"))
}

fn uncontrolled(asking: Asking) -> Outcome {
    problem(asking.call, Problem::Conflict("the load of this site is not controlled".into()))
}
