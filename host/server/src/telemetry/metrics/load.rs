//! Owns the metrics of load control. A label names a site, or a row of its tree as an operator
//! called it, never what a peer chose; the first hundred sites and twenty rows of each are told
//! apart, so that there are never more than 5,000 series.

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use busbar_charging::fact::Fact;
use busbar_charging::fact::command::{CommandEnded, CommandOutcome, CommandWanted, Intent};
use busbar_charging::subject::Subject;
use busbar_engine::store::Position;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::ResultLabel;

/// So many sites are told apart, in their order; all others are `others`.
const SITES: usize = 100;
/// So many rows of a site are told apart, in the order of its tree.
const ROWS: usize = 20;

/// A site as the metrics show it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SiteLoad {
    /// Its id.
    pub site: String,
    /// Its rows in the order of the tree.
    pub rows: Vec<RowLoad>,
    /// EVSEs by what they do.
    pub evses: Vec<(&'static str, i64)>,
    /// What limits kept back in all, in mWh.
    pub throttled_mwh: i64,
}

/// A row as the metrics show it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowLoad {
    /// As people call it.
    pub row: String,
    /// Whether it limits power: in W, else in mA.
    pub is_power: bool,
    /// What there is for the EVSEs.
    pub headroom: i64,
    /// What they may be drawing.
    pub exposure: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SiteLabel {
    site: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RowLabels {
    site: String,
    row: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabels {
    site: String,
    state: &'static str,
}

type Value = Gauge<f64, AtomicU64>;

/// The families.
pub(super) struct LoadMetrics {
    limits: Counter,
    answers: Family<ResultLabel, Counter>,
    limits_withheld: Counter,
    pauses: Counter,
    tick_seconds: Histogram,
    headroom: [Family<RowLabels, Value>; 2],
    exposure: [Family<RowLabels, Value>; 2],
    throttled: Family<SiteLabel, Counter<f64, AtomicU64>>,
    evses: Family<StateLabels, Gauge>,
    sites: Gauge,
    /// Who writes the sites, and who reads them: half of them is shown to nobody.
    shown: Mutex<()>,
}

impl LoadMetrics {
    pub(super) fn new() -> Self {
        let buckets = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 1.0];
        Self {
            limits: Counter::default(),
            answers: Family::default(),
            limits_withheld: Counter::default(),
            pauses: Counter::default(),
            tick_seconds: Histogram::new(buckets),
            headroom: Default::default(),
            exposure: Default::default(),
            throttled: Family::default(),
            evses: Family::default(),
            sites: Gauge::default(),
            shown: Mutex::default(),
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Limits that load control has sent";
        registry.register("load_limits", help, self.limits.clone());
        let help = "How stations answered the limits of load control";
        registry.register("load_limit_answers", help, self.answers.clone());
        let help = "Limits that the last check of load control held back: each is a defect";
        registry.register("load_limits_withheld", help, self.limits_withheld.clone());
        let help = "Charging that load control interrupted";
        registry.register("load_pauses", help, self.pauses.clone());
        let help = "Time to decide what was due, where load control was among it";
        registry.register_with_unit("load_tick", help, Unit::Seconds, self.tick_seconds.clone());
        let [amperes, watts] = &self.headroom;
        let help = "What a row of a site has for its EVSEs: limit less base load less reserve";
        registry.register_with_unit("load_headroom", help, Unit::Amperes, amperes.clone());
        let unit = || Unit::Other("watts".into());
        registry.register_with_unit("load_headroom", help, unit(), watts.clone());
        let [amperes, watts] = &self.exposure;
        let help = "What the EVSEs of a row may be drawing";
        registry.register_with_unit("load_exposure", help, Unit::Amperes, amperes.clone());
        registry.register_with_unit("load_exposure", help, unit(), watts.clone());
        let help = "Energy that limits kept back, at most";
        let unit = Unit::Other("watt_hours".into());
        registry.register_with_unit("load_throttled", help, unit, self.throttled.clone());
        let help = "EVSEs of a site by what they do";
        registry.register("load_evses", help, self.evses.clone());
        registry.register("load_sites", "Sites whose load is controlled", self.sites.clone());
    }

    /// What load control did, as its facts become durable.
    pub(super) fn facts(&self, facts: &[(Position, Subject, Fact)]) {
        for (_, _, fact) in facts {
            match fact {
                Fact::LoadFilled(filled) => {
                    self.limits_withheld.inc_by(filled.withheld.into());
                    let paused = filled.changes.iter().filter(|change| !change.on).count();
                    self.pauses.inc_by(paused as u64);
                }
                Fact::CommandWanted(CommandWanted { intent: Intent::Limit(_), .. }) => {
                    self.limits.inc();
                }
                Fact::CommandEnded(ended) if matches!(ended.wanted.intent, Intent::Limit(_)) => {
                    self.answers.get_or_create(&ResultLabel { result: result(ended) }).inc();
                }
                _ => {}
            }
        }
    }

    pub(super) fn ticks(&self, ticks: u64, took: Duration) {
        // Several of them at once share the time.
        let each = took.as_secs_f64() / ticks.max(1) as f64;
        (0..ticks).for_each(|_| self.tick_seconds.observe(each));
    }

    /// Shows these sites and no others.
    pub(super) fn sites(&self, sites: &[SiteLoad]) {
        let _shown = self.shown();
        self.headroom.iter().chain(&self.exposure).for_each(Family::clear);
        self.throttled.clear();
        self.evses.clear();
        self.sites.set(i64::try_from(sites.len()).unwrap_or(i64::MAX));
        for (place, load) in sites.iter().enumerate() {
            let site = if place < SITES { &*load.site } else { "others" };
            for (state, count) in &load.evses {
                let labels = StateLabels { site: site.to_owned(), state };
                self.evses.get_or_create(&labels).inc_by(*count);
            }
            let throttled = SiteLabel { site: site.to_owned() };
            let watt_hours = load.throttled_mwh.max(0) as f64 / 1_000.0;
            self.throttled.get_or_create(&throttled).inc_by(watt_hours);
            let rows = load.rows.iter().take(if place < SITES { ROWS } else { 0 });
            for row in rows {
                let labels = RowLabels { site: site.to_owned(), row: row.row.clone() };
                let family = usize::from(row.is_power);
                let shown = |value: i64| value as f64 / if row.is_power { 1.0 } else { 1_000.0 };
                self.headroom[family].get_or_create(&labels).set(shown(row.headroom));
                self.exposure[family].get_or_create(&labels).set(shown(row.exposure));
            }
        }
    }

    /// While it is held, no sites are written.
    pub(super) fn shown(&self) -> std::sync::MutexGuard<'_, ()> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn result(ended: &CommandEnded) -> &'static str {
    match &ended.outcome {
        CommandOutcome::Answered { status: Some(status), .. } if &**status == "Accepted" => {
            "accepted"
        }
        CommandOutcome::Answered { .. } | CommandOutcome::Refused { .. } => "refused",
        CommandOutcome::TimedOut => "timed_out",
        CommandOutcome::OutcomeUnknown => "outcome_unknown",
        CommandOutcome::Offline | CommandOutcome::Expired => "not_sent",
    }
}
