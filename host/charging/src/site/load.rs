//! Owns the load control of a site as its facts make it: the kernel, which EVSEs may charge, what
//! cars were measured to do, limits from outside and meters. Only sites with a tree have one.
//! Must never change but by facts, nor send anything itself.

mod ahead;
mod ask;
mod battery;
mod check;
mod dynamic;
mod held;
mod history;
mod learn;
mod learned;
mod limited;
mod memory;
mod phases;
mod planning;
mod profiles;
mod reason;
mod record;
mod survey;
mod tick;
mod told;
mod view;
mod visit;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use self::ask::what_is_wrong;
pub use self::battery::BatteryView;
use self::check::Check;
use self::history::History;
use self::learned::Habit;
use self::memory::Memory;
use self::planning::{Planning, Wish};
pub use self::view::{EvseView, LoadView, MeterView, PlanView, RowView, SourceView};
use super::Site;
use crate::context::Outcome;
use crate::fact::load::LoadClockDoubted;
use crate::fact::site::SitePut;
use crate::ids::StationId;
use crate::load::config::Config;
use crate::load::external::ExternalLimit;
use crate::load::kernel::Kernel;
use crate::load::kernel::event::{Event, Wired};
use crate::load::kernel::meter::Meter;
use crate::load::legs::Legs;
use crate::load::rows::{Row, Rows};
use crate::units::{Current, Energy, Millis, Power, Timestamp};

/// While something charges, what there is is shared anew so often.
const TICK: Millis = Millis::from_secs(5);

/// What happens at once is decided on so soon after the last time, and later at large sites: a
/// decision looks at every EVSE.
const SPACING: Millis = Millis(100);
const SPACING_MICROS_PER_EVSE: i64 = 200;

/// A limit that could not even leave is tried again so much later: whatever keeps it back may last.
const TRY_AGAIN: Millis = TICK;

/// A meter that does not say how often it is read is read so often.
const METER_PERIOD: Millis = Millis::from_secs(10);

/// The load control of a site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Load {
    config: Arc<Config>,
    rows: Arc<Rows>,
    kernel: Kernel,
    /// By EVSE, in the order of the rows.
    evses: Vec<Live>,
    sources: Vec<ExternalLimit>,
    /// By row: what is not managed, where it is measured.
    meters: Vec<Option<Meter>>,
    /// What is known of stations beside what the kernel knows.
    checks: BTreeMap<StationId, Check>,
    /// When to decide next.
    due: Option<Timestamp>,
    decided: Timestamp,
    history: History,
    memory: Memory,
    planning: Planning,
    /// Who else limits stations here.
    limited: Vec<limited::Limited>,
}

/// What is known of an EVSE beside what the kernel knows.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Live {
    /// Whether it may charge.
    on: bool,
    /// Since when it may, or has been waiting.
    since: Timestamp,
    /// Legs on which its car was seen to draw, and since when.
    seen: [bool; 3],
    seen_since: Option<Timestamp>,
    /// The legs that its car uses, once that is sure.
    legs: Legs,
    /// Whether its draw is measured phase by phase, or follows from its legs.
    is_sure: bool,
    /// Whether it charged before in this transaction: one that waits is paused.
    #[serde(default)]
    charged: bool,
    /// Since when its transaction runs, or none does.
    #[serde(default)]
    arrived: Timestamp,
    /// What its transaction has taken, and what flowed when that was last reckoned.
    #[serde(default)]
    taken: Energy,
    #[serde(default)]
    flow: Option<(Timestamp, Power)>,
    /// The most that its car was seen to take where it could have taken more.
    #[serde(default)]
    takes: Option<Current>,
    /// The most that its car was seen to take at all: it takes no less.
    #[serde(default)]
    follows: Option<Current>,
    /// What its car was last seen to take where it could have taken more.
    #[serde(default)]
    tapers: Option<(Timestamp, Current)>,
    /// What somebody said that its car needs.
    #[serde(default)]
    wish: Option<Wish>,
    /// What cars of its token usually do.
    #[serde(default)]
    habit: Option<Habit>,
    /// The end of its random delay, once that was drawn.
    #[serde(default)]
    delay: Option<Timestamp>,
}

impl Live {
    fn new(at: Timestamp) -> Self {
        Self {
            on: false,
            since: at,
            seen: [false; 3],
            seen_since: None,
            legs: Legs::UNKNOWN,
            is_sure: false,
            charged: false,
            arrived: at,
            taken: Energy::ZERO,
            flow: None,
            takes: None,
            follows: None,
            tapers: None,
            wish: None,
            habit: None,
            delay: None,
        }
    }
}

impl Load {
    /// Of a configuration; what was known before is kept of EVSEs, sources and meters that stay.
    /// None where there is none, or it cannot be read or is wrong: `decide` takes none such.
    fn wired(put: &SitePut, before: Option<Self>) -> Option<Self> {
        let stored = put.load.as_ref()?;
        let config = Config::read(stored.version, &stored.body.0).ok()?;
        Self::of(config, put.at, before)
    }

    fn of(config: Config, at: Timestamp, before: Option<Self>) -> Option<Self> {
        let limited = before.as_ref().map(|before| before.limited.clone()).unwrap_or_default();
        let with_limited = limited::effective(&config, &limited);
        let (wires, rows) = match with_limited.compile() {
            Ok(rows) => (&with_limited, rows),
            Err(_) => (&config, config.compile().ok()?),
        };
        let event = Event::Wired { at, evses: wired(&rows) };
        let mut load = Self {
            evses: vec![Live::new(at); rows.evses().len()],
            sources: sources(wires, before.as_ref()),
            meters: meters(&config, &rows, before.as_ref()),
            limited,
            config: Arc::new(config),
            rows: Arc::new(rows),
            kernel: Kernel::default(),
            checks: BTreeMap::new(),
            due: Some(at),
            decided: Timestamp(0),
            history: History::default(),
            memory: Memory::default(),
            planning: Planning::default(),
        };
        let Some(before) = before else {
            load.kernel.apply(&event);
            return Some(load);
        };
        load.decided = before.decided;
        load.history = before.history;
        load.checks = before.checks;
        load.planning = before.planning;
        load.planning.rewired(&load.config.tree);
        load.plan_soon(at);
        load.kernel = before.kernel;
        load.kernel.apply(&event);
        for (evse, live) in before.rows.evses().iter().zip(before.evses) {
            if let Some(index) = load.kernel.evse(&evse.id) {
                load.evses[index as usize] = live;
            }
        }
        Some(load)
    }

    /// Something happened that is decided on at once.
    fn at_once(&mut self, at: Timestamp) {
        let size = i64::try_from(self.evses.len()).unwrap_or(i64::MAX);
        let spacing = SPACING.0.max(size * SPACING_MICROS_PER_EVSE / 1_000);
        // A decision in the time to come was made before our clock was set back.
        self.not_after(at.max(self.decided.min(at).plus(Millis(spacing))));
    }

    fn not_after(&mut self, at: Timestamp) {
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }
}

/// The EVSEs of rows, as the kernel must know them.
fn wired(rows: &Rows) -> Vec<Wired> {
    let wired = rows.evses().iter().map(|evse| Wired {
        id: evse.id.clone(),
        maximum: evse.max,
        fallback: evse.fallback,
    });
    wired.collect()
}

/// The sources of limits that a tree names.
fn sources(config: &Config, before: Option<&Load>) -> Vec<ExternalLimit> {
    let circuits = config.tree.circuits.iter();
    let named = circuits
        .flat_map(|circuit| circuit.external.iter().map(move |source| (circuit, source)))
        .map(|(circuit, source)| ExternalLimit::new(circuit, source));
    let known = before.map(|before| &*before.sources).unwrap_or_default();
    let kept = |new: ExternalLimit| {
        let same =
            |old: &&ExternalLimit| (&old.circuit, &old.source) == (&new.circuit, &new.source);
        match known.iter().find(same) {
            Some(old) => ExternalLimit { heard: old.heard, windows: old.windows.clone(), ..new },
            None => new,
        }
    };
    named.map(kept).collect()
}

/// A meter for each row of a circuit that has one: before it is heard, it counts with the most.
fn meters(config: &Config, rows: &Rows, before: Option<&Load>) -> Vec<Option<Meter>> {
    let of_row = rows.rows().iter().map(|row| {
        let mut circuits = config.tree.circuits.iter();
        let circuit = circuits.find(|circuit| *circuit.name == *row.circuit)?;
        circuit.meter.as_ref()?;
        let known = before.and_then(|before| {
            let same = |old: &Row| {
                (&old.circuit, old.kind, old.base_max) == (&row.circuit, row.kind, row.base_max)
            };
            let index = before.rows.rows().iter().position(same)?;
            before.meters[index].clone()
        });
        let mut meter = known.unwrap_or_else(|| Meter::new(Current::ZERO, METER_PERIOD));
        set_up(&mut meter, row, config);
        Some(meter)
    });
    of_row.collect()
}

/// What the configuration says of a meter, whatever it has read.
fn set_up(meter: &mut Meter, row: &Row, config: &Config) {
    let carries = row.limit.unwrap_or(Current(i64::MAX / 16));
    let most = if row.base_max > Current::ZERO { row.base_max } else { carries };
    meter.bound(most, carries);
    meter.count_generation(config.count_generation);
}

impl Site {
    pub(super) fn load(&self) -> Option<&Load> {
        self.common.as_ref()?.load.as_deref()
    }

    /// Whether the site's load is controlled.
    pub fn is_load_controlled(&self) -> bool {
        self.load().is_some()
    }

    /// The host's clock may not have gone on as it did: `by` as in the fact.
    pub(super) fn clock_doubted(&self, now: Timestamp, by: Option<Millis>) -> Outcome {
        let doubted = self.load().map(|_| LoadClockDoubted { at: now, by }.into());
        Outcome { facts: doubted.into_iter().collect(), ..Outcome::default() }
    }

    /// When load control wants to be asked again.
    pub(super) fn load_due(&self) -> Option<Timestamp> {
        self.load()?.due
    }
}
