//! Owns what one EVSE is to be told next, if its line is free: its fallback first, then a lower
//! limit, a renewal, a higher one. Must never raise a limit more often than its station bears.

use super::LEASE;
use crate::load::kernel::capability::{Capability, Hole};
use crate::load::kernel::event::Purpose;
use crate::load::kernel::ledger::Held;
use crate::load::kernel::profile::can_lease;
use crate::load::kernel::{Evse, Kernel};
use crate::units::{Current, Millis, Timestamp};

/// Increases of one EVSE are so far apart, and small ones so much rarer where its station is
/// written to faster than its budget of a day allows.
const SPACING: Millis = Millis::from_secs(60);
const SPACING_OVER_BUDGET: Millis = Millis::from_secs(600);

/// An increase that was never answered is tried again so much later, and after twice as long each
/// time, up to the last: every one that may hold keeps room from the others.
const BACK_OFF: Millis = Millis::from_secs(60);
const BACK_OFF_MOST: Millis = Millis::from_secs(900);

/// An increase by so much of what is told now is not small: it does not wait for the budget.
const LARGE_PART: i64 = 4;

/// A change is worth a message from an ampere on, and on a large EVSE from a fiftieth of what it
/// can on.
const WORTH: Current = Current(1_000);
const WORTH_PART: i64 = 50;

/// An increase by a twentieth of what is told now is worth one too, once there was none for long.
const SMALL_PART: i64 = 20;

/// A limit that was not acknowledged is said again after so long, longer each time.
const AGAIN_AFTER: Millis = Millis::from_secs(10);

/// Why a limit is sent; the smaller goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// A lower limit, or one that makes a lower one certain.
    Decrease,
    /// The fallback of an EVSE that has none yet.
    Commission,
    /// The same limit for longer.
    Renew,
    /// A higher limit.
    Increase,
}

/// What an EVSE is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Next {
    pub(super) why: Why,
    pub(super) purpose: Purpose,
    pub(super) limit: Current,
    pub(super) counted: Current,
    pub(super) after: Current,
    pub(super) leased: bool,
    /// What it is told now.
    pub(super) commanded: Current,
    /// Whether that must be renewed anyway.
    due: bool,
    /// An increase by less is not worth a message.
    least_more: Current,
    capability: Capability,
    maximum: Current,
}

impl Next {
    /// The renewal that is due, where an increase has to wait.
    pub(super) fn renewal(self) -> Option<Self> {
        let renewal = self.with(Why::Renew, self.commanded);
        self.due.then_some(renewal)
    }

    /// A smaller increase, if it is still worth a message.
    pub(super) fn lowered_to(self, most: Current) -> Option<Self> {
        let limit = self.capability.writable(most.min(self.limit));
        let is_worth = limit.minus(self.commanded) >= self.least_more;
        is_worth.then(|| self.with(Why::Increase, limit))
    }

    fn with(self, why: Why, limit: Current) -> Self {
        let counted = counted(&self.capability, self.maximum, limit, self.after);
        Self { why, limit, counted, ..self }
    }
}

/// What an EVSE is to be told next; none if it is told what it should be.
pub(super) fn next(kernel: &Kernel, now: Timestamp, evse: &Evse, target: Current) -> Option<Next> {
    let asking = Asking::new(kernel, now, evse);
    if asking.capability.hole == Hole::Full {
        // Whatever is raised must be lowered again, and lowering it would let it charge fully.
        return asking.commission();
    }
    let first = asking.commission();
    let other = || asking.clear_base(target).or_else(|| asking.govern(target));
    match first {
        // A fallback that is to be raised has to wait for room, and a decrease waits for nothing.
        Some(raise) if raise.why == Why::Increase => {
            other().filter(|next| next.why < Why::Increase).or(first)
        }
        _ => first.or_else(other),
    }
}

struct Asking<'a> {
    kernel: &'a Kernel,
    now: Timestamp,
    evse: &'a Evse,
    capability: Capability,
    fallback: Current,
}

impl<'a> Asking<'a> {
    fn new(kernel: &'a Kernel, now: Timestamp, evse: &'a Evse) -> Self {
        let capability = kernel.station_of(evse).capability;
        let fallback = capability.writable(evse.fallback);
        Self { kernel, now, evse, capability, fallback }
    }

    fn next(&self, why: Why, purpose: Purpose, limit: Current, leased: bool) -> Next {
        Next {
            why,
            purpose,
            limit,
            counted: counted(&self.capability, self.evse.maximum, limit, self.fallback),
            after: self.fallback,
            leased,
            commanded: limit,
            due: false,
            least_more: Current(1),
            capability: self.capability,
            maximum: self.evse.maximum,
        }
    }

    /// The fallback must stand under everything before anything else is said.
    fn commission(&self) -> Option<Next> {
        let base = self.evse.ledger.held(Purpose::Default)?;
        let stands = !self.evse.ledger.is_unlimited() && base.after == self.fallback;
        if stands || !self.may_say(Purpose::Default) {
            return None;
        }
        let why = if base.after < self.fallback { Why::Increase } else { Why::Commission };
        Some(self.next(why, Purpose::Default, self.fallback, false))
    }

    /// A limit without a transaction would come back when the transaction's ends.
    fn clear_base(&self, target: Current) -> Option<Next> {
        let ledger = &self.evse.ledger;
        if self.kernel.governing(self.evse) == Purpose::Default {
            return None;
        }
        let credit = self.kernel.station_of(self.evse).credit(self.now);
        let held = ledger.held(Purpose::Default)?.at(self.now, credit);
        let in_flight = ledger.in_flight(Purpose::Default).iter().map(|held| held.limit).max();
        let may_be = in_flight.unwrap_or_default().max(held);
        let high = may_be > target && may_be > self.fallback;
        (high && self.may_say(Purpose::Default))
            .then(|| self.next(Why::Decrease, Purpose::Default, self.fallback, false))
    }

    /// The limit itself.
    fn govern(&self, target: Current) -> Option<Next> {
        let purpose = self.kernel.governing(self.evse);
        let target = self.capability.writable(target);
        let commanded = self.kernel.commanded(self.evse, self.now);
        let in_flight = self.evse.ledger.in_flight(purpose);
        if !in_flight.is_empty() {
            // Whether it holds is not known: what is certain then is the lowest of all.
            let lowest = in_flight.iter().map(|held| held.limit).min().unwrap_or(target);
            let limit = self.capability.writable(target.min(commanded).min(lowest));
            let lower = self.next(Why::Decrease, purpose, limit, true);
            return self.may_say(purpose).then_some(lower);
        }
        let held = self.evse.ledger.held(purpose);
        if held.is_some_and(|held| self.is_uncertain(&held)) {
            let lower = self.capability.writable(target.min(commanded));
            return Some(self.next(Why::Decrease, purpose, lower, true));
        }
        if target < commanded {
            return Some(self.next(Why::Decrease, purpose, target, true));
        }
        let due = held.is_some_and(|held| self.is_due(&held));
        let raises = self.raises(commanded, target);
        let why = if raises { Why::Increase } else { Why::Renew };
        let limit = if raises { target } else { commanded };
        let least_more = self.least_more(commanded);
        let next = Next { commanded, due, least_more, ..self.next(why, purpose, limit, true) };
        (raises || due).then_some(next)
    }

    /// Its lease should be over and may not be: what it is told next could raise what it draws, or
    /// could be lower than what it draws. The fallback makes it certain.
    fn is_uncertain(&self, held: &Held) -> bool {
        let credit = self.kernel.station_of(self.evse).credit(self.now);
        held.is_past(self.now) && held.limit > held.after && !held.has_ended(self.now, credit)
    }

    /// Half of its lease is over, or its station booted since. A limit that is the fallback needs
    /// no renewal.
    fn is_due(&self, held: &Held) -> bool {
        let half = held.at.plus(Millis(LEASE.0 / 2));
        let booted = self.kernel.station_of(self.evse).booted.is_some_and(|at| at > held.at);
        let ends = held.limit != held.after && (held.lease.is_some() || self.can_lease());
        (ends && (self.now >= half || booted)) || self.may_be_given_up(held)
    }

    /// Its station may have given it up while it was offline.
    fn may_be_given_up(&self, held: &Held) -> bool {
        let station = self.kernel.station_of(self.evse);
        let gives_up = self.capability.ends_offline && held.limit != held.after;
        gives_up && held.lease.is_none() && station.is_back_since(held.at)
    }

    fn can_lease(&self) -> bool {
        let station = self.kernel.station_of(self.evse);
        let purpose = self.kernel.governing(self.evse);
        can_lease(&station.capability, purpose) && station.clock.offset().is_some()
    }

    /// Whether it is raised from one limit to another, if there is room.
    fn raises(&self, from: Current, to: Current) -> bool {
        let station = self.kernel.station_of(self.evse);
        if to.minus(from) < self.least_more(from) || station.faulted {
            return false;
        }
        let is_large = to.minus(from).0 * LARGE_PART >= from.0;
        let in_time = is_large || station.writes_in_time(self.now);
        let spacing = if in_time { SPACING } else { SPACING_OVER_BUDGET };
        self.rested() >= spacing.max(self.backs_off()) && !self.evse.draw.is_disobedient()
    }

    /// How long after the last increase the next may be, by how many were never answered.
    fn backs_off(&self) -> Millis {
        let doubled = u32::from(self.evse.unanswered).saturating_sub(1).min(8);
        match self.evse.unanswered {
            0 => Millis::ZERO,
            _ => Millis(BACK_OFF.0 << doubled).min(BACK_OFF_MOST),
        }
    }

    /// How long it was not raised.
    fn rested(&self) -> Millis {
        self.evse.increased.map_or(Millis(i64::MAX), |at| self.now.since(at))
    }

    /// The least that an increase must bring.
    fn least_more(&self, from: Current) -> Current {
        let worth = worth(self.evse.maximum);
        if self.rested() < SPACING_OVER_BUDGET {
            return worth;
        }
        worth.min(Current((from.0 / SMALL_PART).max(1)))
    }

    /// What was not acknowledged is said again, the later the more often it was said.
    fn may_say(&self, purpose: Purpose) -> bool {
        let in_flight = self.evse.ledger.in_flight(purpose);
        let wait = Millis(AGAIN_AFTER.0 * in_flight.len() as i64);
        in_flight.last().is_none_or(|last| self.now.since(last.at) >= wait)
    }
}

/// What an EVSE may draw while its station replaces a profile.
fn counted(capability: &Capability, maximum: Current, limit: Current, after: Current) -> Current {
    match capability.hole {
        Hole::Default => limit.max(after),
        Hole::Full => limit.max(maximum),
    }
}

/// A limit of an EVSE that can so much is worth a message when it changes by so much.
pub(crate) fn worth(maximum: Current) -> Current {
    WORTH.max(Current(maximum.0 / WORTH_PART))
}

/// Whether an EVSE waits for room to be raised.
pub(in crate::load::kernel) fn waits(
    kernel: &Kernel,
    now: Timestamp,
    evse: &Evse,
    target: Current,
) -> bool {
    let asking = Asking::new(kernel, now, evse);
    asking.raises(kernel.commanded(evse, now), asking.capability.writable(target))
}
