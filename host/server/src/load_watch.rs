//! Owns the look at every controlled site that metrics and alerts are made of, some seconds apart.
//! Must never change anything, nor look at two sites at once: each look takes the deciding thread
//! as long as a decision.

use std::collections::BTreeMap;
use std::time::Duration;

use busbar_charging::load::amount::{Amount, Amps};
use busbar_charging::load::kernel::draw::TOLERANCE;
use busbar_charging::load::kernel::meter::Standing as Known;
use busbar_charging::load::rows::{RowKind, beside_limit};
use busbar_charging::site::{EvseView, LoadView, RowView};
use busbar_charging::units::{Current, Millis, Timestamp};

use crate::alerts::{AlertKind, Alerts, Standing};
use crate::http::api::load::EvseState;
use crate::node::{AskError, Node};
use crate::telemetry::{Metrics, RowLoad, SiteLoad};

/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// How long a look may wait for the deciding thread.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is wrong for a moment while stations come up is no alert: so long it has to be.
const COMMISSIONING: Millis = Millis::from_secs(60);
/// A limit that has just fallen is kept by cars some seconds later.
const OVER: Millis = Millis::from_secs(15);

/// Looks at all sites until the task is ended.
pub async fn watch(node: Node, metrics: Metrics, alerts: Alerts) {
    let mut watch = Watch::default();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        // A node that opens its store again has nothing to show: what stood is kept until then.
        if let Ok(views) = look(&node).await {
            watch.seen(&views, &metrics, &alerts);
        }
    }
}

async fn look(node: &Node) -> Result<Vec<(String, LoadView)>, AskError> {
    let mut views = Vec::new();
    for site in node.controlled(PATIENCE).await? {
        // It may have gone meanwhile.
        if let Some(view) = node.load(&site, PATIENCE).await? {
            views.push((site.to_string(), *view));
        }
    }
    Ok(views)
}

/// What is remembered from look to look.
#[derive(Debug, Default)]
pub struct Watch {
    /// Since when something is wrong that may pass.
    since: BTreeMap<(AlertKind, String), Timestamp>,
    /// Limits held back so far, by site.
    withheld: BTreeMap<String, u64>,
}

impl Watch {
    /// Tells metrics and alerts of what was seen.
    pub fn seen(&mut self, views: &[(String, LoadView)], metrics: &Metrics, alerts: &Alerts) {
        let loads: Vec<_> = views.iter().map(|(site, view)| measured(site, view)).collect();
        metrics.observe_loads(&loads);
        let mut found = Vec::new();
        for (site, view) in views {
            let before = self.withheld.insert(site.clone(), view.withheld);
            let more = view.withheld.saturating_sub(before.unwrap_or(0));
            if more > 0 {
                let detail = format!(
                    "{more} limits were held back that would have exceeded a row: a defect of \
                     ours, please report it with the log"
                );
                alerts.raise(AlertKind::LoadLimitWithheld, site, &detail);
            }
            found.extend(wrong(site, view).into_iter().map(|one| (view.at, one)));
        }
        self.withheld.retain(|site, _| views.iter().any(|(known, _)| known == site));
        alerts.stand(&self.lasting(found));
    }

    /// Of what is wrong, what has been so for long enough.
    fn lasting(&mut self, found: Vec<(Timestamp, Standing)>) -> Vec<Standing> {
        let before = std::mem::take(&mut self.since);
        let mut lasting = Vec::new();
        for (now, one) in found {
            let patience = match one.kind {
                AlertKind::LoadCommissioning => COMMISSIONING,
                AlertKind::LoadOverLimit => OVER,
                _ => Millis::ZERO,
            };
            let key = (one.kind, one.subject.clone());
            let since = before.get(&key).copied().unwrap_or(now);
            self.since.insert(key, since);
            if now.since(since) >= patience {
                lasting.push(one);
            }
        }
        lasting
    }
}

/// A site's rows: of the directions of a line the first stands for all.
fn rows(view: &LoadView) -> impl Iterator<Item = &RowView> {
    view.rows.iter().filter(|row| !matches!(row.kind, RowKind::Direction(_, 1..)))
}

fn measured(site: &str, view: &LoadView) -> SiteLoad {
    let limited = rows(view).filter(|row| row.limit.is_some());
    let rows = limited.map(|row| {
        let number = |value: Current| match row.shown(value) {
            Amount::Current(current) => current.0,
            Amount::Power(power) => power.0,
        };
        RowLoad {
            row: row.name.to_string(),
            is_power: matches!(row.shown(Current::ZERO), Amount::Power(_)),
            headroom: number(row.headroom),
            exposure: number(row.exposure),
        }
    });
    let of = |wanted| {
        view.evses.iter().filter(|evse| EvseState::of(evse) == wanted).count().try_into().ok()
    };
    let states = [
        ("idle", EvseState::Idle),
        ("charging", EvseState::Charging),
        ("waiting", EvseState::Waiting),
        ("paused", EvseState::Paused),
        ("uncommandable", EvseState::Uncommandable),
    ];
    SiteLoad {
        site: site.to_owned(),
        rows: rows.collect(),
        evses: states.map(|(name, state)| (name, of(state).unwrap_or(i64::MAX))).to_vec(),
        throttled_mwh: view.throttled.0,
    }
}

/// All that an operator should look at.
fn wrong(site: &str, view: &LoadView) -> Vec<Standing> {
    let mut found: Vec<_> = view.evses.iter().flat_map(|evse| of_evse(site, evse)).collect();
    // A station's budget is one for all of its EVSEs.
    found.dedup_by(|one, other| (one.kind, &one.subject) == (other.kind, &other.subject));
    found.extend(outside(site, view));
    for row in rows(view) {
        let subject = format!("{site}: {}", row.name);
        let Some(limit) = row.limit else { continue };
        let drawn = row.base.plus(row.drawn);
        if drawn > limit && row.drawn > Current::ZERO {
            let detail = format!("it carries {}", beside_limit(row.shown(drawn), row.shown(limit)));
            found.push(Standing { kind: AlertKind::LoadOverLimit, subject, detail });
            continue;
        }
        let alone = row.fallback.plus(row.base).plus(row.reserve);
        // Beside a silent meter anything may be too much: that is an alert of its own.
        if alone > limit && row.fallback > Current::ZERO && !row.bound {
            let detail = format!(
                "if nobody controlled it now it would carry {}: the EVSEs below fall back to {} in \
                 all, as far as their stations have acknowledged a fallback",
                beside_limit(row.shown(alone), row.shown(limit)),
                row.shown(row.fallback),
            );
            found.push(Standing { kind: AlertKind::LoadCommissioning, subject, detail });
        }
    }
    let strangers = view.strangers.iter().map(|station| Standing {
        kind: AlertKind::LoadCommissioning,
        subject: format!("{site}: {station}"),
        detail: "the station is at this site and no EVSE of it is in the site's tree: nothing \
                 limits it, and what it draws is counted nowhere"
            .into(),
    });
    found.extend(strangers);
    found
}

fn of_evse(site: &str, evse: &EvseView) -> Vec<Standing> {
    let mut found = Vec::new();
    if let Some(claimed) = evse.claimed {
        let detail = format!(
            "asked what it is going to do (GetCompositeSchedule) or which limits it holds \
             (GetChargingProfiles), its station shows that it allows {} where it was told {}: it \
             is counted with that, and the others of site {site} get less",
            Amps(claimed),
            Amps(evse.limit)
        );
        let (kind, subject) = (AlertKind::LoadStationAllowsMore, evse.evse.to_string());
        found.push(Standing { kind, subject, detail });
    }
    let drawn = evse.drawn.map_or(Current::ZERO, |(_, drawn)| drawn);
    // That it says so is no proof that it does so.
    if evse.disobedient && (evse.claimed.is_none() || drawn > evse.limit.plus(TOLERANCE)) {
        let detail = format!(
            "it draws {} where it may draw {}: it is counted with what it draws, and the others of \
             site {site} get less",
            Amps(drawn),
            Amps(evse.limit)
        );
        let (kind, subject) = (AlertKind::LoadLimitIgnored, evse.evse.to_string());
        found.push(Standing { kind, subject, detail });
    }
    if evse.over_budget {
        let detail = format!(
            "{} limits were written to it today: each may wear its memory; lower limits and \
             renewals go on",
            evse.writes
        );
        let (kind, subject) = (AlertKind::LoadWriteBudget, evse.evse.station.to_string());
        found.push(Standing { kind, subject, detail });
    }
    found
}

fn outside(site: &str, view: &LoadView) -> Vec<Standing> {
    let meters = view.meters.iter().filter(|meter| meter.standing >= Known::Bound);
    let meters = meters.map(|meter| {
        let since = match meter.read {
            Some(at) => format!("silent for {} s", view.at.since(at).0 / 1_000),
            None => "never heard".into(),
        };
        let what = match meter.standing {
            Known::Lost => "all that there can be counts there, and cars are shed",
            _ => "nothing is increased there",
        };
        Standing {
            kind: AlertKind::LoadMeterSilent,
            subject: format!("{site}: {}", meter.meter),
            detail: format!("the meter of {} was {since}: {what}", meter.circuit),
        }
    });
    let sources = view.sources.iter().filter(|source| source.is_silent);
    let sources = sources.map(|source| Standing {
        kind: AlertKind::LoadSourceSilent,
        subject: format!("{site}: {}, {}", source.circuit, source.source),
        detail: format!(
            "{} is silent: its fallback holds on {}, or what it announced where that is lower",
            source.source, source.circuit
        ),
    });
    meters.chain(sources).collect()
}
