//! `stations/{id}/frames`: what stood on the wire, newest first. Must never show a secret.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::body::{Path, Query};
use crate::http::names;
use crate::http::page::{Page, cursor, limit, to_cursor};
use crate::http::problem::{Problem, ProblemDetails};
use crate::http::units::Time;
use crate::node::{FrameQuery, FrameRecord};

/// A frame as it was on the wire, with secrets blanked out.
#[derive(Debug, Serialize, ToSchema)]
pub struct Frame {
    /// Opaque, in the order of capture.
    id: String,
    at: Time,
    direction: Direction,
    /// Which connection of the station.
    connection: u64,
    /// What stood on the wire.
    text: String,
    /// What a quirk mended it to.
    #[serde(skip_serializing_if = "Option::is_none")]
    mended: Option<String>,
}

/// Who sent a frame.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Direction {
    /// The station.
    In,
    /// The host.
    Out,
}

/// What a list of frames takes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct FramesQuery {
    /// Only frames at or after this point.
    #[param(required = false, value_type = String)]
    since: Option<Time>,
    /// At most so many: 1 to 500, 50 where nothing is said.
    #[param(required = false)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(required = false)]
    cursor: Option<String>,
}

/// Lists frames of a station, newest first.
#[utoipa::path(
    get, path = "/api/v1/stations/{station}/frames", tag = "stations",
    params(("station" = String, Path), FramesQuery),
    responses((status = 200, body = Page<Frame>), (status = 400, body = ProblemDetails)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Path(station): Path<String>,
    Query(query): Query<FramesQuery>,
) -> Result<axum::Json<Page<Frame>>, Problem> {
    let station = names::station(&station)?;
    if super::stations::find(&app, &station).await?.is_none() {
        return Err(super::stations::missing());
    }
    let list = format!("frames of {station}");
    let wanted = FrameQuery {
        station,
        before: cursor(&list, query.cursor.as_deref())?,
        since: query.since.map(|since| since.0),
        limit: limit(query.limit)?,
    };
    let page = app.node.frames(wanted).await?;
    let oldest = page.frames.last().filter(|_| page.more);
    let next_cursor = oldest.map(|frame| to_cursor(&list, &frame.id));
    let items = page.frames.into_iter().map(Frame::from).collect();
    Ok(axum::Json(Page { items, next_cursor }))
}

impl From<FrameRecord> for Frame {
    fn from(record: FrameRecord) -> Self {
        Self {
            id: record.id,
            at: Time(record.at),
            direction: if record.inbound { Direction::In } else { Direction::Out },
            connection: record.generation,
            text: record.text,
            mended: record.mended,
        }
    }
}
