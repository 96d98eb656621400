//! How the load of a site looks on the API at one moment. Must never say less of a limit than who
//! set it, nor hide a meter that is not heard.

mod battery;

use busbar_charging::fact::load::{ForecastSlot, PlanRun, PriceSlot};
use busbar_charging::load::amount::Amount;
use busbar_charging::load::config::Config;
use busbar_charging::load::external::Window as Said;
use busbar_charging::load::kernel::meter::Standing as Known;
use busbar_charging::load::rows::{CircuitLimit, RowKind};
use busbar_charging::site::{EvseView, LoadView, MeterView, PlanView, RowView, SourceView};
use busbar_charging::units::{Current, Millis, Power, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use self::battery::Battery;
use crate::http::units::{A, Time, W, Wh};

/// How a site's load is controlled now: what was decided, also where it is not yet durable.
#[derive(Debug, Serialize, ToSchema)]
pub struct Load {
    site_id: String,
    /// When this was so, by the node's clock.
    now: Time,
    /// `policy`, `model` and `tree`, as the site has them.
    #[schema(value_type = Object)]
    configuration: Config,
    /// When it was last decided who may draw what; absent before the first time.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<Time>,
    /// When it is decided again, if nothing happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_decision_at: Option<Time>,
    /// In the order of the tree; `parent` makes the tree of them.
    circuits: Vec<CircuitLoad>,
    /// In the order of the tree.
    evses: Vec<EvseLoad>,
    /// Who may limit circuits from outside, in the order of the tree.
    sources: Vec<Source>,
    /// Meters of circuits, in the order of the tree.
    meters: Vec<Meter>,
    /// Batteries, in the order of the tree.
    batteries: Vec<Battery>,
    /// Stations of this site of which the tree has no EVSE: nothing limits them, and what they
    /// draw is counted nowhere.
    uncontrolled_stations: Vec<String>,
    /// What the next 24 hours are planned to be; absent where there is no plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Vec<Planned>>,
    /// What energy costs the site, as it was told to the planner; absent where there is no plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    prices: Option<Vec<Priced>>,
    /// What the site is expected to have left over, as it was told; absent where there is no plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    forecast: Option<Vec<Planned>>,
}

/// What a kWh costs for a while.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadPriced)]
pub(super) struct Priced {
    from: Time,
    until: Time,
    /// In the site's currency, as decimal text.
    #[schema(example = "0.2534")]
    per_kwh: String,
}

/// What is planned for a while.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadPlanned)]
pub(super) struct Planned {
    from: Time,
    until: Time,
    /// What all EVSEs together are planned to draw, or what is expected to be left over.
    power_w: W,
}

/// What flows through a circuit.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CircuitLoad {
    /// As the tree names it.
    #[schema(example = "feeder B")]
    circuit: String,
    /// The circuit that feeds it; absent where the grid does.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    /// `grid`, `transformer`, `board`, `circuit` or `cabinet`.
    #[schema(value_type = String)]
    kind: busbar_charging::load::circuit::CircuitKind,
    /// What is limited there: each line, the power, the imbalance of two lines. Where phasors mix
    /// (above a delta-wye transformer) the tightest of the directions of each line.
    rows: Vec<RowLoad>,
}

/// One limit of a circuit, and what is below it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RowLoad {
    /// What it limits.
    #[schema(example = "L2")]
    row: String,
    /// In A, where it limits currents.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_a: Option<Flow<A>>,
    /// In W, where it limits power.
    #[serde(skip_serializing_if = "Option::is_none")]
    power_w: Option<Flow<W>>,
    /// The source whose limit holds; absent where the configured one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    set_by: Option<String>,
    /// Until when that source has said so; absent where it said no end, or its fallback holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    set_until: Option<Time>,
    /// How well the base load is known.
    base_load_standing: Standing,
}

/// A current that only an unknown bound is taken for.
const NO_LINE_CARRIES: Current = Current(1_000_000_000_000);

/// What may flow and what does, in the unit that the field is named after.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Flow<T> {
    /// As configured; null where only sources outside set a limit.
    configured_limit: Option<T>,
    /// What holds now; null where nothing limits it.
    limit: Option<T>,
    /// What is kept free below the limit.
    reserve: T,
    /// What is not managed and taken to flow here; null where a silent meter may show anything.
    base_load: Option<T>,
    /// The most that this was in the last minutes: limits are raised no further than that leaves.
    base_load_lately: Option<T>,
    /// Limit less base load less reserve: what there is for the EVSEs; null where nothing limits
    /// it.
    headroom: Option<T>,
    /// What the EVSEs may be drawing at most, with all that may still arrive or be late.
    exposure: T,
    /// What they are measured to draw.
    measured: T,
    /// What they may draw when nobody controls them any more.
    fallback: T,
}

/// How well a load is known that is not managed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LoadStanding)]
pub(super) enum Standing {
    /// It is not measured: the configured most counts.
    Configured,
    /// The meter was just heard.
    Fresh,
    /// The meter was silent for three periods: the upper quantile of its last hour counts.
    Quantile,
    /// The meter was silent for a minute: nothing is increased beside it.
    Bound,
    /// The meter was silent for five minutes, or never heard: all that there can be counts.
    Lost,
}

/// What an EVSE may draw, and why it is no more.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EvseLoad {
    /// `STATION/1`.
    #[schema(example = "CS-0007/1")]
    evse: String,
    state: EvseState,
    /// Since when it may charge, or waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    transaction_id: Option<String>,
    /// The limit on each phase that its station was told last; `null` where it was told none yet.
    limit_a: Option<A>,
    /// When it was told that.
    #[serde(skip_serializing_if = "Option::is_none")]
    told_at: Option<Time>,
    /// The limit on each phase that its station has acknowledged and that holds now.
    acknowledged_a: A,
    /// What it may be drawing on a phase, whatever of what was said has arrived.
    exposure_a: A,
    /// What it was last measured to draw on its busiest phase.
    #[serde(skip_serializing_if = "Option::is_none")]
    measured_a: Option<A>,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured_at: Option<Time>,
    /// What it gives by itself without a valid limit, as its station has acknowledged.
    fallback_a: A,
    /// True where it draws more than it may: it is counted with what it draws.
    ignores_limits: bool,
    /// How many limits were written to its station today (UTC).
    writes_today: u32,
    /// What its car still wants, as it was said or is usual for its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    wants_wh: Option<Wh>,
    /// When its car leaves, as it was said or is usual, on the safe side.
    #[serde(skip_serializing_if = "Option::is_none")]
    departs_at: Option<Time>,
    /// Its priority class; 0 is served before 1.
    class: u8,
    /// Why it is given what it is given at this moment, for people.
    #[schema(example = "6.0 A: feeder B, L2 at 62.4 of 63 A")]
    reason: String,
    /// What is planned for it; absent where it is left to the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<Vec<EvsePlanned>>,
}

/// What is planned for an EVSE for a while.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadEvsePlanned)]
pub(super) struct EvsePlanned {
    from: Time,
    until: Time,
    /// The most that it may have on each phase; null where the plan does not lower it.
    at_most_a: Option<A>,
    /// What it is to have before others get more than theirs; null where it waits like all.
    first_a: Option<A>,
}

/// What an EVSE does as load control sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EvseState {
    /// No transaction runs.
    Idle,
    /// It may charge, and its station has acknowledged a limit.
    Charging,
    /// It has not charged yet and waits for room.
    Waiting,
    /// It has charged and has to make room, or its next limit has yet to be told.
    Paused,
    /// It cannot be told anything now (offline, faulted, without an answer), or does not do what
    /// it is told: it is counted with the most that it may draw.
    Uncommandable,
}

/// Who limits a circuit from outside, and how.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadSource)]
pub(super) struct Source {
    circuit: String,
    /// As the tree names it.
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    heard_at: Option<Time>,
    /// When it counts as silent, if it says nothing until then.
    #[serde(skip_serializing_if = "Option::is_none")]
    silent_at: Option<Time>,
    /// True where it is silent: its fallback holds, or what it announced where that is lower.
    silent: bool,
    /// What holds of it now.
    holds: Limit,
    /// What holds when it is silent.
    fallback: Limit,
    /// All that it announced and that is not over.
    announced: Vec<Window>,
}

/// A limit; empty where nothing is limited.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadLimit)]
pub(super) struct Limit {
    /// On each line.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<f64>>)]
    current_a: Option<[A; 3]>,
    /// Of all lines together.
    #[serde(skip_serializing_if = "Option::is_none")]
    power_w: Option<W>,
}

/// A limit that holds for a while.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadWindow)]
pub(super) struct Window {
    from: Time,
    /// Absent where it has no end.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
    limit: Limit,
}

/// A meter of a circuit.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadMeter)]
pub(super) struct Meter {
    /// As the tree names it.
    meter: String,
    circuit: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    read_at: Option<Time>,
    standing: Standing,
    /// Readings that were refused, because they cannot be.
    refused_readings: u32,
}

impl Load {
    /// What is shown of a view.
    pub(super) fn of(site_id: String, view: LoadView) -> Self {
        let circuits = view.config.tree.circuits.iter().map(|circuit| CircuitLoad {
            circuit: circuit.name.to_string(),
            parent: circuit.parent.as_deref().map(str::to_owned),
            kind: circuit.kind,
            rows: rows(&view, &circuit.name),
        });
        Self {
            circuits: circuits.collect(),
            site_id,
            now: Time(view.at),
            decided_at: Some(view.decided).filter(|at| *at > Timestamp(0)).map(Time),
            next_decision_at: view.next.map(Time),
            evses: view.evses.iter().map(|evse| EvseLoad::of(evse, view.plan.as_ref())).collect(),
            sources: view.sources.iter().map(Source::from).collect(),
            meters: view.meters.iter().map(Meter::from).collect(),
            batteries: view.batteries.iter().map(|one| Battery::of(one, view.at)).collect(),
            uncontrolled_stations: view.strangers.iter().map(ToString::to_string).collect(),
            plan: view.plan.as_ref().map(planned),
            prices: view.plan.as_ref().map(|plan| plan.prices.iter().map(Priced::from).collect()),
            forecast: view.plan.as_ref().map(forecast),
            configuration: Config::clone(&view.config),
        }
    }
}

impl From<&PriceSlot> for Priced {
    fn from(slot: &PriceSlot) -> Self {
        Self { from: Time(slot.from), until: Time(slot.until), per_kwh: slot.price.to_decimal(0) }
    }
}

/// What a plan expects all cars together to take, while after while.
fn planned(plan: &PlanView) -> Vec<Planned> {
    let runs = plan.power.iter().zip(whiles(plan, plan.power.iter().map(|run| run.slots)));
    runs.map(|(run, [from, until])| Planned { from, until, power_w: W(run.power) }).collect()
}

/// What was told that the site will have left over.
fn forecast(plan: &PlanView) -> Vec<Planned> {
    let slots = plan.forecast.iter();
    let slot = |slot: &ForecastSlot| Planned {
        from: Time(slot.from),
        until: Time(slot.until),
        power_w: W(slot.power),
    };
    slots.map(slot).collect()
}

/// The same for one EVSE, of which it says something.
fn planned_at(plan: &PlanView, evse: &EvseView) -> Option<Vec<EvsePlanned>> {
    let (_, runs) = plan.evses.iter().find(|(id, _)| *id == evse.evse)?;
    let runs = runs.iter().zip(whiles(plan, runs.iter().map(|run| run.slots)));
    let planned = |(run, [from, until]): (&PlanRun, [Time; 2])| EvsePlanned {
        from,
        until,
        at_most_a: run.cap.map(A),
        first_a: run.target.map(A),
    };
    Some(runs.map(planned).collect())
}

/// From when until when so many slots each are.
fn whiles(plan: &PlanView, slots: impl Iterator<Item = u32>) -> impl Iterator<Item = [Time; 2]> {
    let (mut from, slot) = (plan.from, plan.slot.0);
    slots.map(move |slots| {
        let until = from.plus(Millis(slot.saturating_mul(i64::from(slots))));
        [Time(std::mem::replace(&mut from, until)), Time(until)]
    })
}

/// The rows of a circuit: of the directions of a line only the tightest.
fn rows(view: &LoadView, circuit: &str) -> Vec<RowLoad> {
    let mut shown: Vec<&RowView> = Vec::new();
    for row in view.rows.iter().filter(|row| *row.circuit == *circuit) {
        let left = |row: &RowView| row.headroom.minus(row.exposure);
        let same = shown.iter_mut().find(|known| match (known.kind, row.kind) {
            (RowKind::Direction(one, _), RowKind::Direction(other, _)) => one == other,
            _ => false,
        });
        match same {
            Some(known) if left(row) < left(known) => *known = row,
            Some(_) => {}
            None => shown.push(row),
        }
    }
    shown.into_iter().map(|row| RowLoad::of(row, view)).collect()
}

impl RowLoad {
    fn of(row: &RowView, view: &LoadView) -> Self {
        let source = row.set_by.and_then(|index| view.sources.get(index as usize));
        // Of those that hold now, the end of the lowest.
        let until = source.and_then(|source| {
            let says = |one: &Said| row.kind.limit_from(&one.limit, row.millivolts);
            let holds = |one: &&Said| one.from <= view.at && view.at < one.until;
            let now = || source.windows.iter().filter(holds);
            let fallback = row.kind.limit_from(&source.fallback, row.millivolts);
            let fallback = fallback.filter(|_| source.is_silent);
            let least = now().filter_map(says).min()?;
            let holds = fallback.is_none_or(|fallback| least < fallback);
            now()
                .filter(|_| holds)
                .filter(|one| says(one) == Some(least))
                .map(|one| one.until)
                .max()
        });
        let is_power = matches!(row.shown(Current::ZERO), Amount::Power(_));
        Self {
            row: row.kind.to_string(),
            current_a: (!is_power).then(|| Flow::of(row, A)),
            power_w: is_power.then(|| Flow::of(row, |value| W(watts(row, value)))),
            set_by: source.map(|source| source.source.to_string()),
            set_until: until.filter(|until| *until < Timestamp::NEVER).map(Time),
            base_load_standing: row.standing.map_or(Standing::Configured, Standing::from),
        }
    }
}

fn watts(row: &RowView, value: Current) -> Power {
    match row.shown(value) {
        Amount::Power(power) => power,
        Amount::Current(_) => Power::ZERO,
    }
}

impl<T> Flow<T> {
    fn of(row: &RowView, shown: impl Fn(Current) -> T) -> Self {
        Self {
            configured_limit: row.configured.map(&shown),
            limit: row.limit.map(&shown),
            reserve: shown(row.reserve),
            base_load: (row.base < NO_LINE_CARRIES).then(|| shown(row.base)),
            base_load_lately: (row.lately < NO_LINE_CARRIES).then(|| shown(row.lately)),
            headroom: row.limit.map(|_| shown(row.headroom)),
            exposure: shown(row.exposure),
            measured: shown(row.drawn),
            fallback: shown(row.fallback),
        }
    }
}

impl EvseState {
    /// What an EVSE does.
    pub fn of(evse: &EvseView) -> Self {
        match evse {
            _ if !evse.commandable => Self::Uncommandable,
            EvseView { transaction: None, .. } => Self::Idle,
            EvseView { on: true, limit, .. } if *limit > Current::ZERO => Self::Charging,
            EvseView { charged: true, .. } => Self::Paused,
            _ => Self::Waiting,
        }
    }
}

impl EvseLoad {
    fn of(evse: &EvseView, plan: Option<&PlanView>) -> Self {
        Self {
            plan: plan.and_then(|plan| planned_at(plan, evse)),
            evse: evse.evse.to_string(),
            state: EvseState::of(evse),
            since: evse.transaction.as_ref().map(|_| Time(evse.since)),
            transaction_id: evse.transaction.as_ref().map(ToString::to_string),
            limit_a: evse.told.map(|(_, limit)| A(limit)),
            told_at: evse.told.map(|(at, _)| Time(at)),
            acknowledged_a: A(evse.limit),
            exposure_a: A(evse.exposure),
            measured_a: evse.drawn.map(|(_, drawn)| A(drawn)),
            measured_at: evse.drawn.map(|(at, _)| Time(at)),
            fallback_a: A(evse.fallback),
            ignores_limits: evse.disobedient,
            writes_today: evse.writes,
            wants_wh: evse.wants.map(Wh),
            departs_at: evse.departure.map(Time),
            class: evse.class,
            reason: evse.reason.to_string(),
        }
    }
}

impl From<CircuitLimit> for Limit {
    fn from(limit: CircuitLimit) -> Self {
        Self { current_a: limit.lines.map(|lines| lines.map(A)), power_w: limit.power.map(W) }
    }
}

impl From<&SourceView> for Source {
    fn from(source: &SourceView) -> Self {
        let window = |one: &Said| Window {
            from: Time(one.from),
            until: Some(one.until).filter(|until| *until < Timestamp::NEVER).map(Time),
            limit: one.limit.into(),
        };
        Self {
            circuit: source.circuit.to_string(),
            source: source.source.to_string(),
            heard_at: source.heard.map(Time),
            silent_at: source.silent_from.map(Time),
            silent: source.is_silent,
            holds: source.holds.into(),
            fallback: source.fallback.into(),
            announced: source.windows.iter().map(window).collect(),
        }
    }
}

impl From<&MeterView> for Meter {
    fn from(meter: &MeterView) -> Self {
        Self {
            meter: meter.meter.to_string(),
            circuit: meter.circuit.to_string(),
            read_at: meter.read.map(Time),
            standing: meter.standing.into(),
            refused_readings: meter.refused,
        }
    }
}

impl From<Known> for Standing {
    fn from(known: Known) -> Self {
        match known {
            Known::Fresh => Self::Fresh,
            Known::Quantile => Self::Quantile,
            Known::Bound => Self::Bound,
            Known::Lost => Self::Lost,
        }
    }
}
