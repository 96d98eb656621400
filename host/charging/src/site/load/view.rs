//! Owns what people see of load control at one moment: every row with its limit and what flows
//! there, every EVSE with its limit and why it is no more. Must never decide.

mod outside;

use std::sync::Arc;

pub use self::outside::{MeterView, SourceView};
use super::Load;
use super::battery::BatteryView;
use super::reason::Found;
use super::tick::Room;
use crate::fact::load::{ForecastSlot, PlanRun, PowerRun, PriceSlot};
use crate::ids::{StationId, TransactionId};
use crate::load::amount::Amount;
use crate::load::config::Config;
use crate::load::fill::{EvseState, Filler};
use crate::load::kernel::capability::WRITES_A_DAY;
use crate::load::kernel::event::Purpose;
use crate::load::kernel::ledger::GrantId;
use crate::load::kernel::meter::Standing;
use crate::load::legs::Legs;
use crate::load::rows::{EvseId, RowKind};
use crate::row::LoadSlot;
use crate::site::Site;
use crate::units::{Current, Energy, Millis, Timestamp};

/// Load control at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadView {
    /// When.
    pub at: Timestamp,
    /// How it is configured.
    pub config: Arc<Config>,
    /// In the order of the rows.
    pub rows: Vec<RowView>,
    /// In the order of the tree.
    pub evses: Vec<EvseView>,
    /// In the order of the tree.
    pub sources: Vec<SourceView>,
    /// In the order of the tree.
    pub meters: Vec<MeterView>,
    /// In the order of the tree.
    pub batteries: Vec<BatteryView>,
    /// Stations of the site of which its tree has no EVSE: what they draw is counted nowhere.
    pub strangers: Vec<StationId>,
    /// Slots of its history that are not over.
    pub history: Vec<LoadSlot>,
    /// What limits kept back since the site is controlled, at most.
    pub throttled: Energy,
    /// Limits that the last check held back since then: each is a defect of ours.
    pub withheld: u64,
    /// When it decided last.
    pub decided: Timestamp,
    /// When it decides next, if nothing happens.
    pub next: Option<Timestamp>,
    /// What is planned; none where nothing was yet.
    pub plan: Option<PlanView>,
}

/// What is planned, slot after slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanView {
    /// The plan's number.
    pub number: u64,
    /// When it was made.
    pub at: Timestamp,
    /// Who made it: `lp`, `greedy`, a plugin's name; empty where there was nothing to plan.
    pub by: Box<str>,
    /// Whether the planner was late, and another stood in for it.
    pub late: bool,
    /// Whether the next one is asked for already.
    pub asked: bool,
    /// When the first slot begins.
    pub from: Timestamp,
    /// How long a slot is.
    pub slot: Millis,
    /// What all cars together are expected to take, for so many slots each.
    pub power: Vec<PowerRun>,
    /// By EVSE, what is planned for so many slots each; others are left to the policy.
    pub evses: Vec<(EvseId, Vec<PlanRun>)>,
    /// What energy costs, as it was told.
    pub prices: Vec<PriceSlot>,
    /// The surplus that is expected, as it was told.
    pub forecast: Vec<ForecastSlot>,
}

/// A row at one moment. Currents are as the row counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowView {
    /// Its circuit.
    pub circuit: Box<str>,
    /// What it limits there.
    pub kind: RowKind,
    /// As people call it.
    pub name: Box<str>,
    /// The configured limit; none where only limits from outside set one.
    pub configured: Option<Current>,
    /// The limit that holds; none where nothing limits it.
    pub limit: Option<Current>,
    /// The source that set it, as an index into `LoadView::sources`; none where it is the
    /// configured one.
    pub set_by: Option<u32>,
    /// What is kept free below the limit.
    pub reserve: Current,
    /// What is not managed there.
    pub base: Current,
    /// The most that it lately was: limits are raised no further than that leaves.
    pub lately: Current,
    /// How well that is known; none where it is not measured and counts as configured.
    pub standing: Option<Standing>,
    /// What there is for the EVSEs.
    pub headroom: Current,
    /// What the EVSEs may be drawing.
    pub exposure: Current,
    /// What they are measured to draw.
    pub drawn: Current,
    /// What the EVSEs may be drawing when nobody controls them any more.
    pub fallback: Current,
    /// Whether nothing is increased, because a meter is silent.
    pub bound: bool,
    /// Millivolts by which the row turns power into current.
    pub millivolts: u32,
}

impl RowView {
    /// A value of this row in the unit that people know: power for power, else current.
    pub fn shown(&self, value: Current) -> Amount {
        self.kind.shown(value, self.millivolts)
    }
}

/// An EVSE at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvseView {
    /// Which.
    pub evse: EvseId,
    /// The transaction that runs there.
    pub transaction: Option<TransactionId>,
    /// Whether it may charge, and since when; or since when it waits.
    pub on: bool,
    /// See `on`.
    pub since: Timestamp,
    /// Whether it charged before in this transaction.
    pub charged: bool,
    /// What its station was told last, and when, whether or not it has acknowledged it.
    pub told: Option<(Timestamp, Current)>,
    /// What its station has acknowledged, on each phase.
    pub limit: Current,
    /// What it falls back to by itself, as far as its station has acknowledged that.
    pub fallback: Current,
    /// Why it is given no more at this moment; for people.
    pub reason: Box<str>,
    /// What it may be drawing.
    pub exposure: Current,
    /// What it was last measured to draw on its busiest phase, and when.
    pub drawn: Option<(Timestamp, Current)>,
    /// The legs that its car is known to use now.
    pub legs: Legs,
    /// What its car still wants, where that was said or is usual.
    pub wants: Option<Energy>,
    /// When its car leaves, as it was said or is usual.
    pub departure: Option<Timestamp>,
    /// Its priority class; 0 is served before 1.
    pub class: u8,
    /// Its weight in a fair share; 100 is usual.
    pub weight: u32,
    /// What the plan lets it have now; none where it does not lower it.
    pub cap: Option<Current>,
    /// Whether it can be told a limit now.
    pub commandable: bool,
    /// Whether it draws more than it may, or says that it would, and is counted with that.
    pub disobedient: bool,
    /// What its station says that it allows on a phase, where that is more than it was told.
    pub claimed: Option<Current>,
    /// How often its station was written to today.
    pub writes: u32,
    /// Whether that is as often as its budget of a day allows.
    pub over_budget: bool,
}

impl Site {
    /// Load control at a moment; none where the load is not controlled.
    pub fn load_view(&self, now: Timestamp) -> Option<LoadView> {
        let mut view = self.load()?.view(now);
        let here = self.stations().filter(|station| !station.removed).map(|station| &station.id);
        view.strangers = here.filter(|id| !self.has_controlled(id)).cloned().collect();
        Some(view)
    }
}

impl Site {
    fn has_controlled(&self, station: &StationId) -> bool {
        self.load().is_some_and(|load| !load.kernel.evses_of(station).is_empty())
    }
}

impl Load {
    fn view(&self, now: Timestamp) -> LoadView {
        let mut filler = Filler::default();
        let found = self.found(now, &mut filler);
        let rows = (0..self.rows.rows().len()).map(|row| self.row_view(row, now, &found.room));
        let evses = 0..self.evses.len() as u32;
        LoadView {
            at: now,
            config: Arc::clone(&self.config),
            rows: rows.collect(),
            evses: evses.map(|evse| self.evse_view(evse, &found)).collect(),
            sources: self.source_views(now),
            meters: self.meter_views(now),
            batteries: self.battery_views(now),
            strangers: Vec::new(),
            history: self.history.open(),
            throttled: self.history.throttled(),
            withheld: self.history.withheld(),
            decided: self.decided,
            next: self.due,
            plan: self.plan_view(),
        }
    }

    fn plan_view(&self) -> Option<PlanView> {
        let planning = &self.planning;
        let plan = planning.plan.as_ref()?;
        let name = |evse: u32| self.rows.evses().get(evse as usize).map(|wiring| wiring.id.clone());
        let evses = plan.evses.iter();
        Some(PlanView {
            number: plan.number,
            at: plan.at,
            by: plan.by.clone(),
            late: plan.late,
            asked: planning.wanted.is_some(),
            from: plan.from,
            slot: plan.slot,
            power: plan.power.clone(),
            evses: evses.filter_map(|(evse, runs)| Some((name(*evse)?, runs.clone()))).collect(),
            prices: planning.prices.clone(),
            forecast: planning.forecast.clone(),
        })
    }

    fn row_view(&self, index: usize, now: Timestamp, room: &Room) -> RowView {
        let row = &self.rows.rows()[index];
        let legs = |evse: u32| self.legs(evse, now);
        let exposure = |evse| (self.kernel.exposure(evse, now), legs(evse));
        let drawn = |evse| {
            let draw = self.kernel.draw(evse).and_then(|draw| draw.fresh(now));
            (draw.unwrap_or_default(), legs(evse))
        };
        RowView {
            circuit: (&*row.circuit).into(),
            kind: row.kind,
            name: row.to_string().into(),
            configured: row.limit,
            limit: Some(room.limits[index]).filter(|limit| limit.0 < i64::MAX),
            set_by: self.set_by(index, now),
            reserve: row.reserve,
            base: room.base[index],
            lately: room.lately[index],
            standing: self.meters[index].as_ref().map(|meter| meter.background(now).standing),
            headroom: room.headroom[index],
            exposure: self.rows.load(index as u32, exposure),
            drawn: self.rows.load(index as u32, drawn),
            fallback: self.rows.load(index as u32, |evse| (self.kernel.fallback(evse), legs(evse))),
            bound: room.bound[index],
            millivolts: row.millivolts,
        }
    }

    /// The newest of what a station may hold for an EVSE.
    fn told_last(&self, evse: u32) -> Option<(Timestamp, Current)> {
        let ledger = self.kernel.ledger(evse)?;
        let purposes = [Purpose::Default, Purpose::Transaction];
        let sent = purposes.iter().flat_map(|of| ledger.in_flight(*of).iter().copied());
        let held = purposes.iter().filter_map(|of| ledger.held(*of));
        let real = sent.chain(held).filter(|held| held.grant != GrantId::default());
        real.max_by_key(|held| held.grant).map(|held| (held.at, held.limit))
    }

    fn evse_view(&self, evse: u32, found: &Found<'_>) -> EvseView {
        let now = found.now;
        let live = &self.evses[evse as usize];
        let id = self.rows.evses()[evse as usize].id.clone();
        let known = self.kernel.station(&id.station);
        let writes = known.map_or(0, |known| known.writes(now));
        let budget = known.map_or(WRITES_A_DAY, |known| known.capability().writes_a_day);
        let mut state = EvseState::default();
        self.rank(evse, &mut state);
        if self.kernel.transaction(evse).is_some() {
            self.hold(evse, now, &mut state);
        }
        EvseView {
            wants: state.energy,
            departure: state.departure,
            class: state.class,
            weight: state.weight,
            cap: state.cap,
            transaction: self.kernel.transaction(evse).cloned(),
            on: live.on,
            since: live.since,
            charged: live.charged,
            told: self.told_last(evse),
            fallback: self.kernel.fallback(evse),
            limit: self.kernel.acknowledged(evse, now),
            reason: found.standing(evse).into(),
            exposure: self.kernel.exposure(evse, now),
            drawn: self.kernel.draw(evse).and_then(|draw| draw.last()),
            legs: self.legs(evse, now),
            commandable: self.kernel.is_commandable(evse, now),
            disobedient: self.kernel.draw(evse).is_some_and(|draw| draw.is_disobedient()),
            claimed: self.kernel.draw(evse).and_then(|draw| draw.claimed()),
            writes,
            over_budget: writes >= budget,
            evse: id,
        }
    }
}
