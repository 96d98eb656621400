//! `alerts`: what an operator should look at, as this process has seen it since its start. Must
//! never show a password or a token that somebody tried.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::alerts::{self, AlertKind};
use crate::http::App;
use crate::http::body::Query;
use crate::http::page::{Page, cursor, limit, to_cursor};
use crate::http::problem::{Kind, Problem, ProblemDetails};
use crate::http::units::Time;

const LIST: &str = "alerts";

/// An episode: the same thing about the same subject, with no pause of ten minutes in between.
#[derive(Debug, Serialize, ToSchema)]
pub struct Alert {
    /// Within this process: a start begins anew.
    id: String,
    kind: AlertKind,
    /// A station's identity, an EVSE, a part of a site (`north: feeder B`) or an address.
    subject: String,
    /// What was seen last, for people.
    detail: String,
    first_at: Time,
    last_at: Time,
    /// How often it was seen; of what stands, how often it began.
    count: u64,
    /// True while it stands; false once that is over, at `last_at`. Absent where a kind only
    /// happens.
    #[serde(skip_serializing_if = "Option::is_none")]
    standing: Option<bool>,
}

/// What a list of alerts takes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AlertQuery {
    /// Only of this kind.
    #[param(required = false)]
    kind: Option<AlertKind>,
    /// True: only what stands now. False: only what is over or only happens.
    #[param(required = false)]
    standing: Option<bool>,
    /// At most so many: 1 to 500, 50 where nothing is said.
    #[param(required = false)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(required = false)]
    cursor: Option<String>,
}

/// Lists alerts, those that began last first. They are state of the process: a start forgets
/// them, the log does not. Each is told as the event `alert` when it begins.
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "host", params(AlertQuery),
    responses((status = 200, body = Page<Alert>), (status = 400, body = ProblemDetails)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<AlertQuery>,
) -> Result<axum::Json<Page<Alert>>, Problem> {
    let limit = limit(query.limit)?;
    let before = cursor(LIST, query.cursor.as_deref())?;
    let wrong = |_| Kind::InvalidCursor.because("take next_cursor of the page before");
    let before = before.map(|place| place.parse()).transpose().map_err(wrong)?;
    let mut found = app.alerts().page((query.kind, query.standing), before, limit);
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    let next_cursor = last.map(|alert| to_cursor(LIST, &alert.id.to_string()));
    let items = found.into_iter().map(Alert::from).collect();
    Ok(axum::Json(Page { items, next_cursor }))
}

impl From<alerts::Alert> for Alert {
    fn from(alert: alerts::Alert) -> Self {
        Self {
            id: alert.id.to_string(),
            kind: alert.kind,
            subject: alert.subject.into(),
            detail: alert.detail.into(),
            first_at: Time(alert.first),
            last_at: Time(alert.last),
            count: alert.count,
            standing: alert.standing,
        }
    }
}
