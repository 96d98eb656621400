//! `sites/{site}/load/history`: what a site drew and might have drawn, slot by slot. Must never
//! make up a slot in which nothing was seen.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use busbar_charging::row::{LoadSlot, RowBody};
use busbar_charging::subject::Key;
use busbar_charging::units::{Millis, Power, Timestamp};
use busbar_engine::store::Range;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::uncontrolled;
use crate::http::App;
use crate::http::api::PATIENCE;
use crate::http::api::sites::{find, missing};
use crate::http::body::{Path, Query};
use crate::http::names;
use crate::http::problem::{Kind, Problem, ProblemDetails};
use crate::http::units::{Time, W, Wh};

const DAY: Millis = Millis::from_secs(24 * 60 * 60);

/// A power that only an unknown bound is taken for.
const NO_SITE_DRAWS: Power = Power(1_000_000_000_000);

/// Which history is wanted.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// From then on; a day before `to` where nothing is said.
    #[param(required = false)]
    from: Option<Time>,
    /// Until before then; now where nothing is said.
    #[param(required = false)]
    to: Option<Time>,
    /// Of how long slots; minutes where all of it is kept in minutes, else quarters of an hour.
    #[param(required = false)]
    resolution: Option<Resolution>,
}

/// How long a slot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// A minute; kept for 24 hours.
    Minute,
    /// A quarter of an hour; kept for seven days.
    QuarterHour,
}

/// What a site drew. It is kept with the facts that it follows from, and survives a restart.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadHistory)]
pub struct History {
    site_id: String,
    resolution: Resolution,
    /// How long each slot is.
    resolution_ms: i64,
    /// By time. A slot in which the site was idle is missing; the last one may not be over.
    slots: Vec<HistorySlot>,
}

/// A slot. Powers are averages over `covered_ms`, on the AC side.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LoadHistorySlot)]
pub struct HistorySlot {
    /// When it began.
    from: Time,
    /// For how long of it the site was watched: it is not while it is idle.
    covered_ms: i64,
    /// The least that the connections to the grid might carry; null where nothing limits them.
    limit_w: Option<W>,
    /// What is not managed; null where a silent meter may have shown anything.
    base_load_w: Option<W>,
    /// What the acknowledged limits let running transactions draw.
    allocated_w: W,
    /// What they were measured to draw.
    measured_w: W,
    /// The most that they were measured to draw together.
    measured_most_w: W,
    /// What limits kept back, at most: as if every car that is at its limit, or waits, could draw
    /// all that its EVSE gives.
    throttled_wh: Wh,
}

/// What a site drew and might have drawn: the last 24 hours in minutes, the last seven days in
/// quarters of an hour.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/load/history", tag = "sites",
    params(("site" = String, Path), HistoryQuery),
    responses(
        (status = 200, body = History), (status = 400, body = ProblemDetails),
        (status = 404, body = ProblemDetails), (status = 503, body = ProblemDetails),
    ),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(query): Query<HistoryQuery>,
) -> Result<axum::Json<History>, Problem> {
    let site = names::site(&id)?;
    find(&app, &site).await?.ok_or_else(missing)?;
    let view = app.node.load(&site, PATIENCE).await?.ok_or_else(uncontrolled)?;
    let asked = Asked::of(&query, view.at)?;
    let prefix = Key::load_slots(&site, asked.span);
    let kept = usize::try_from(LoadSlot::kept(asked.span)).unwrap_or(0);
    let rows = app.node.read(move |reader| {
        reader.page(&Range { prefix, after: None, reverse: false, limit: kept })
    });
    let rows = rows.await?;
    // What is not over stands in the state; what just ended may stand in both.
    let open = view.history.into_iter();
    let slots = rows.iter().filter_map(|(_, row)| LoadSlot::from_row(row).ok()).chain(open);
    let wanted = slots.filter(|slot| asked.wants(slot)).map(|slot| (slot.start, slot));
    let wanted: BTreeMap<Timestamp, LoadSlot> = wanted.collect();
    Ok(axum::Json(History {
        site_id: site.to_string(),
        resolution: asked.resolution(),
        resolution_ms: asked.span.0,
        slots: wanted.into_values().map(HistorySlot::from).collect(),
    }))
}

/// What is wanted, with all that was left to us.
struct Asked {
    from: Timestamp,
    to: Timestamp,
    span: Millis,
}

impl Asked {
    fn of(query: &HistoryQuery, now: Timestamp) -> Result<Self, Problem> {
        let to = query.to.map_or(now, |Time(to)| to);
        let from = query.from.map_or(Timestamp(to.0.saturating_sub(DAY.0)), |Time(from)| from);
        if from >= to {
            return Err(Kind::InvalidQuery.because("from: it is not before to"));
        }
        let kept = Millis(LoadSlot::MINUTE.0 * LoadSlot::MINUTES);
        let span = match query.resolution {
            Some(Resolution::Minute) => LoadSlot::MINUTE,
            None if now.since(from) <= kept => LoadSlot::MINUTE,
            Some(Resolution::QuarterHour) | None => LoadSlot::QUARTER,
        };
        // What a ring has not overwritten yet is no part of what is kept.
        let oldest = now.0.saturating_sub(span.0 * LoadSlot::kept(span));
        Ok(Self { from: from.max(Timestamp(oldest)), to, span })
    }

    fn resolution(&self) -> Resolution {
        if self.span == LoadSlot::MINUTE { Resolution::Minute } else { Resolution::QuarterHour }
    }

    fn wants(&self, slot: &LoadSlot) -> bool {
        slot.span == self.span && slot.start < self.to && slot.start.plus(slot.span) > self.from
    }
}

impl From<LoadSlot> for HistorySlot {
    fn from(slot: LoadSlot) -> Self {
        Self {
            from: Time(slot.start),
            covered_ms: slot.covered.0,
            limit_w: slot.limit.map(W),
            base_load_w: Some(slot.base).filter(|base| *base < NO_SITE_DRAWS).map(W),
            allocated_w: W(slot.allocated),
            measured_w: W(slot.measured),
            measured_most_w: W(slot.most),
            throttled_wh: Wh(slot.throttled),
        }
    }
}
