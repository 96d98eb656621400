//! Owns what is known of the car at an EVSE (what it still wants, when it leaves), and what of a
//! plan holds for it. Must never let a plan make a car wait that has no time to, nor one of which
//! nothing is known.

use std::sync::Arc;

use super::planning::Wish;
use super::{Live, Load};
use crate::load::fill::{EvseState, Policy};
use crate::load::plan::Parked;
use crate::load::plan::departure::Departures;
use crate::units::{Current, Energy, Millis, Timestamp};

/// One wants to be done before a car leaves in so many of a thousand cases.
const QUANTILE: u32 = 500;
/// A car that needs so many thousandths of the time that is left does not wait; once it charges,
/// so many are enough to go on, so that it does not stop again at once.
const NEEDS: i64 = 900;
const NEEDS_ON: i64 = 800;
/// A car of which nothing is known is planned as one that charges so long and stays so long.
const CHARGES: Millis = Millis::from_secs(90 * 60);
const STAYS: Millis = Millis::from_secs(8 * 3_600);

/// Why a car does not begin yet.
pub(super) const DELAYED: &str = "0 A: begins a random while later, as configured";

/// What is known of the departures of a car.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves<'a> {
    /// It was said.
    Stated(Timestamp),
    /// Its token has a habit.
    Usually(&'a [Millis]),
    /// Cars that say nothing stay so long here.
    LikeOthers,
    Unknown,
}

/// Distributions that many cars share.
pub(super) struct Shared {
    stated: Arc<Departures>,
    stays: Arc<Departures>,
    unknown: Arc<Departures>,
}

impl Load {
    fn outlook<'a>(&self, live: &'a Live) -> Leaves<'a> {
        let stated = live.wish.as_ref().and_then(|wish| wish.departure);
        match (stated, &live.habit) {
            (Some(departure), _) => Leaves::Stated(departure),
            (None, Some(habit)) => Leaves::Usually(&habit.stays),
            (None, None) if self.planning.learned.knows_stays() => Leaves::LikeOthers,
            (None, None) => Leaves::Unknown,
        }
    }

    /// What a car still wants; none where that is not known, or where it has all of it and still
    /// draws.
    fn wants(live: &Live) -> Option<Energy> {
        let stated = live.wish.as_ref().and_then(|wish| wish.energy);
        let left = match (stated, &live.habit) {
            (Some((wanted, before)), _) => wanted.minus(live.taken.minus(before)),
            (None, Some(habit)) => habit.energy.minus(live.taken),
            (None, None) => return None,
        };
        (left > Energy::ZERO).then_some(left)
    }

    /// When a car leaves, by the quantile that one wants to be safe with.
    fn departure(&self, live: &Live, now: Timestamp) -> Option<Timestamp> {
        let learned = &self.planning.learned;
        match self.outlook(live) {
            // Whoever stays longer than he says is no reason to be late.
            Leaves::Stated(at) => Some(learned.stated.quantile(at, now, QUANTILE).min(at)),
            Leaves::Usually(stays) => {
                let stays = Departures::of(stays.iter().copied());
                Some(stays.quantile(live.arrived, now, QUANTILE))
            }
            Leaves::LikeOthers => Some(learned.stays.quantile(live.arrived, now, QUANTILE)),
            Leaves::Unknown => None,
        }
    }

    /// The most that car and EVSE can take.
    pub(super) fn most(&self, evse: u32) -> Current {
        let most = self.rows.evses()[evse as usize].max;
        self.said_most(evse).map_or(most, |said| said.min(most))
    }

    /// The most that a car was said to take.
    fn said_most(&self, evse: u32) -> Option<Current> {
        let wish = self.evses[evse as usize].wish.as_ref()?;
        wish.most(self.rows.evses()[evse as usize].min)
    }

    /// Its class, by what was said of its car or as configured, and its weight.
    pub(super) fn rank(&self, evse: u32, state: &mut EvseState) {
        let wish = self.evses[evse as usize].wish.as_ref();
        // EVSEs are in the rows in the order of the tree.
        if let Some(point) = self.config.tree.evses.get(evse as usize) {
            let class = wish.and_then(|wish| wish.class).or(point.class);
            state.class = class.unwrap_or(state.class);
            state.weight = point.weight.unwrap_or(state.weight);
        }
    }

    /// Adds what is known of a car to what the filling is told, and what the plan holds for it.
    pub(super) fn hold(&self, evse: u32, now: Timestamp, state: &mut EvseState) {
        let live = &self.evses[evse as usize];
        state.max = self.most(evse);
        self.rank(evse, state);
        (state.energy, state.departure) = (Self::wants(live), self.departure(live, now));
        if self.is_delayed(evse, now) {
            state.cap = Some(Current::ZERO);
            return;
        }
        if let Some(plan) = &self.planning.plan {
            let (cap, target) = plan.at(evse, now);
            let known = state.energy.is_some() && state.departure.is_some();
            let laxity = self.config.policy == Policy::Laxity;
            state.target = target.filter(|_| known && laxity);
            state.cap = cap.filter(|_| known && self.can_wait(evse, now, state));
        }
    }

    /// Whether a car has more time than it needs.
    fn can_wait(&self, evse: u32, now: Timestamp, state: &EvseState) -> bool {
        let at_once = self.evses[evse as usize].wish.as_ref().is_some_and(|wish| wish.at_once);
        let (Some(energy), Some(departure)) = (state.energy, state.departure) else { return false };
        let needs = if state.on { NEEDS_ON } else { NEEDS };
        // It is tried once, before it waits, unless it was said what it takes.
        let is_tried = self.takes(evse).or(self.evses[evse as usize].follows).is_some();
        is_tried && !at_once && !is_tight(self.need(evse, energy), departure.since(now), needs)
    }

    /// What a car was seen to take, or said that it can.
    fn takes(&self, evse: u32) -> Option<Current> {
        let seen = self.evses[evse as usize].takes;
        seen.or_else(|| self.said_most(evse)).map(|takes| takes.min(self.most(evse)))
    }

    /// How long a car must charge at its most for an energy; where that was never seen, at what it
    /// surely takes. One that was not tried may charge on one phase.
    pub(super) fn need(&self, evse: u32, energy: Energy) -> Millis {
        let wiring = &self.rows.evses()[evse as usize];
        let live = &self.evses[evse as usize];
        let legs = match live.legs.count() {
            0 if live.follows.is_none() && !wiring.dc => 1,
            0 => u32::from(wiring.legs),
            count => count,
        };
        let takes = self.takes(evse).or(live.follows);
        let watts = wiring.power(takes.unwrap_or_else(|| self.most(evse)), legs).0.max(1);
        Millis(energy.0.saturating_mul(3_600) / watts)
    }

    /// Whether an EVSE waits for the end of its random delay, or for one to be drawn.
    pub(super) fn is_delayed(&self, evse: u32, now: Timestamp) -> bool {
        let live = &self.evses[evse as usize];
        let at_once = live.wish.as_ref().is_some_and(|wish| wish.at_once);
        let spread = self.config.plan.start_delay_seconds > 0 && !live.on && !at_once;
        spread && live.delay.is_none_or(|until| now < until)
    }

    /// EVSEs whose random delay has yet to be drawn.
    pub(super) fn undelayed(&self, now: Timestamp) -> Vec<u32> {
        let evses = 0..self.evses.len() as u32;
        let draws = |evse: &u32| {
            let is_new = self.evses[*evse as usize].delay.is_none();
            is_new && self.kernel.transaction(*evse).is_some() && self.is_delayed(*evse, now)
        };
        if self.config.plan.start_delay_seconds == 0 {
            return Vec::new();
        }
        evses.filter(draws).collect()
    }

    pub(super) fn shared(&self) -> Shared {
        let learned = &self.planning.learned;
        Shared {
            stated: Arc::new(learned.stated.clone()),
            stays: Arc::new(learned.stays.clone()),
            unknown: Arc::new(Departures::of(std::iter::once(STAYS))),
        }
    }

    /// A car, as the planner is asked about it. One of which nothing is known counts with what
    /// cars usually take, so that nobody waits beside it who could not afford to.
    pub(super) fn parked(&self, evse: u32, state: &EvseState, shared: &Shared) -> Parked {
        let live = &self.evses[evse as usize];
        let (expected, departures) = match self.outlook(live) {
            Leaves::Stated(at) => (at, Arc::clone(&shared.stated)),
            Leaves::Usually(stays) => {
                (live.arrived, Arc::new(Departures::of(stays.iter().copied())))
            }
            Leaves::LikeOthers => (live.arrived, Arc::clone(&shared.stays)),
            Leaves::Unknown => (live.arrived, Arc::clone(&shared.unknown)),
        };
        let wiring = &self.rows.evses()[evse as usize];
        let usual = || {
            let watts = wiring.power(state.max, u32::from(wiring.legs)).0;
            Energy(watts.saturating_mul(CHARGES.0) / 3_600)
        };
        Parked {
            evse,
            legs: live.legs,
            min: state.min,
            max: self.takes(evse).unwrap_or(state.max).max(state.min).min(state.max),
            is_on: live.on,
            energy: state.energy.unwrap_or_else(usual),
            expected,
            departures,
        }
    }
}

/// Whether a need is more than so many thousandths of the time that is left.
pub(super) fn is_tight(need: Millis, left: Millis, thousandths: i64) -> bool {
    need.0.saturating_mul(1_000) > left.0.saturating_mul(thousandths)
}

impl Wish {
    /// Whether it was said before its transaction began.
    pub(super) fn waits(&self) -> bool {
        self.transaction.is_none()
    }

    /// The most that it was said to take at an EVSE that gives no less than `least`: who says
    /// less does not know.
    fn most(&self, least: Current) -> Option<Current> {
        self.maximum.into_iter().chain(self.said_maximum).filter(|most| *most >= least).min()
    }
}
