//! Owns the visit of a car at an EVSE: what it takes while it charges, and what is learned when it
//! leaves. Must never learn of what a station kept while it was away as if it were now.

use std::collections::BTreeSet;

use super::learned::Visit;
use super::{Live, Load};
use crate::fact::load::{LoadFilled, LoadMetered};
use crate::fact::metering::ReportKind;
use crate::ids::{StationId, TransactionId};
use crate::load::fill::could_take_more;
use crate::load::rows::EvseId;
use crate::site::station::Station;
use crate::units::{Current, Energy, Millis, Power, Timestamp};

/// What flows is taken to have flowed for so long at most.
const FLOWS: Millis = Millis::from_secs(10 * 60);

impl Load {
    /// What a transaction has taken: by its register, or by what flowed where it has none.
    pub(super) fn took(
        &mut self,
        at: Timestamp,
        id: &StationId,
        evse: Option<u32>,
        station: &Station,
    ) {
        let id = evse.map(|evse| EvseId { station: id.clone(), evse });
        let Some(index) = id.and_then(|id| self.kernel.evse(&id)) else { return };
        let runs = self.kernel.transaction(index);
        let Some(known) = runs.and_then(|runs| station.transactions.get(runs)) else { return };
        let registered = known.glance.energy();
        let wiring = &self.rows.evses()[index as usize];
        let draw = self.kernel.draw(index).and_then(|draw| draw.fresh(at));
        let takes = self.takes_at_most(index, at);
        let follows = self.settled_draw(index, at).filter(|drawn| *drawn > Current::ZERO);
        let live = &mut self.evses[index as usize];
        (live.takes, live.follows) = (live.takes.max(takes), live.follows.max(follows));
        let legs = match live.legs.count() {
            0 => u32::from(wiring.legs),
            count => count,
        };
        let flows = draw.map(|draw| (at, wiring.power(draw, legs)));
        if registered > Energy::ZERO {
            live.taken = live.taken.max(registered);
        } else if let Some((since, power)) = live.flow {
            let span = at.since(since).0.clamp(0, FLOWS.0);
            live.taken = live.taken.plus(Energy(power.0.saturating_mul(span) / 3_600));
        }
        live.flow = flows;
    }

    /// What a car takes at its most; none while it may be held back.
    fn takes_at_most(&self, evse: u32, at: Timestamp) -> Option<Current> {
        let drawn = self.settled_draw(evse, at).filter(|drawn| *drawn > Current::ZERO)?;
        let limit = self.kernel.acknowledged(evse, at);
        let most = self.rows.evses()[evse as usize].max;
        let free = could_take_more(drawn, limit) || !could_take_more(drawn, most);
        free.then_some(drawn)
    }

    /// A transaction begins, or none runs any more: all that was known of the last one is over.
    pub(super) fn arrives(&mut self, at: Timestamp, station: &Station, evse: u32) {
        let runs = self.kernel.transaction(evse);
        let known = runs.and_then(|runs| station.transactions.get(runs));
        let token = known.and_then(|known| {
            known.reports.values().find_map(|report| report.report.token.as_ref())
        });
        let habit = token.and_then(|token| self.planning.learned.habit(token));
        let live = &mut self.evses[evse as usize];
        // A car may say what it needs before its transaction begins.
        let early = live.wish.take().filter(|wish| wish.waits() && runs.is_some());
        *live = Live { habit, wish: early, ..Live::new(at) };
        if let Some(plan) = &mut self.planning.plan {
            plan.evses.remove(&evse);
        }
        self.plan_soon(at);
    }

    /// A transaction is over: what it shows of when cars leave.
    pub(super) fn leaves(
        &mut self,
        at: Timestamp,
        station: &Station,
        ended: &TransactionId,
        evse: u32,
    ) {
        let Some(known) = station.transactions.get(ended) else { return };
        let mut reports = known.reports.values().map(|record| &record.report);
        let Some(end) = reports.find(|report| report.kind == ReportKind::Ended) else { return };
        let Some(start) = known.glance.start else { return };
        let live = &self.evses[evse as usize];
        let stated = live.wish.as_ref().and_then(|wish| wish.departure);
        let mut tokens = known.reports.values().filter_map(|record| record.report.token.clone());
        let visit = Visit {
            token: tokens.next(),
            // By the station's clock both.
            stayed: end.at.since(start),
            took: live.taken,
            stated: stated.filter(|_| !end.offline).map(|stated| (stated, at)),
        };
        let unknown = stated.is_some() && visit.stated.is_none();
        if !unknown {
            self.planning.learned.left(at, &visit);
        }
    }

    /// What the grid connection exports beside what the EVSEs draw.
    pub(super) fn left_over(&mut self, metered: &LoadMetered) {
        let circuits = self.config.tree.circuits.iter();
        let mut grids = circuits.filter(|circuit| circuit.parent.is_none());
        let is_grid = grids.any(|grid| grid.meter.as_deref() == Some(&*metered.meter));
        if !is_grid {
            return;
        }
        let volts = i64::from(self.config.tree.voltage);
        let amps = metered.lines.iter().fold(Current::ZERO, |sum, line| sum.plus(*line));
        let mut flows = amps.0.saturating_mul(volts) / 1_000;
        if metered.with_evses {
            for (evse, live) in (0..).zip(&self.evses) {
                let wiring = &self.rows.evses()[evse as usize];
                let draw = self.kernel.draw(evse).and_then(|draw| draw.fresh(metered.at));
                let legs = match live.legs.count() {
                    0 => u32::from(wiring.legs),
                    count => count,
                };
                flows = flows.saturating_sub(wiring.power(draw.unwrap_or_default(), legs).0);
            }
        }
        // What batteries take could be taken of it, and what they give is none.
        let flows = flows.saturating_sub(self.battery_flow(metered.at).0);
        let surplus = Power(flows.saturating_neg().max(0));
        let had = self.planning.surplus.is_some_and(|(_, surplus)| surplus > Power::ZERO);
        self.planning.surplus = Some((metered.at, surplus));
        if had != (surplus > Power::ZERO) {
            self.plan_soon(metered.at);
        }
    }

    /// EVSEs of a decision that stopped because a plan says so.
    pub(super) fn planned_out(&self, filled: &LoadFilled) -> BTreeSet<Box<str>> {
        if self.config.plan.start_delay_seconds == 0 {
            return BTreeSet::new();
        }
        let Some(plan) = &self.planning.plan else { return BTreeSet::new() };
        let stops = filled.changes.iter().filter(|change| !change.on);
        let held = stops.filter(|change| {
            let evse = EvseId::parse(&change.evse).and_then(|id| self.kernel.evse(&id));
            evse.is_some_and(|evse| plan.at(evse, filled.at).0 == Some(Current::ZERO))
        });
        held.map(|change| change.evse.clone()).collect()
    }
}
