//! The API under `/api/v1`: one file per resource, each with its JSON, its handlers and its part
//! of the OpenAPI document. Must never show a fact's or row's stored form as it is.

pub mod ahead;
pub mod alerts;
pub mod backups;
pub mod billing;
pub mod cdrs;
pub mod commands;
pub mod events;
pub mod frames;
pub mod load;
pub mod plugins;
pub mod sessions;
pub mod sites;
pub mod stations;
pub mod tariffs;
pub mod tokens;
pub mod transactions;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use busbar_charging::row::RowBody;
use busbar_charging::subject::{Key, Row};
use busbar_engine::store::{Reader, StoreError};
use utoipa::OpenApi;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::App;
use super::problem::ProblemDetails;

/// How long a change may wait for the core.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Busbar",
        description = "The API of a Busbar node. Units: energy in Wh, power in W, current in A, \
            spans in ms, times in RFC 3339 UTC, money as decimal text with an ISO 4217 currency. \
            Lists are pages: follow `next_cursor`. Everything that goes wrong is told as problem \
            details (RFC 9457).",
        license(name = "Apache-2.0"),
    ),
    components(schemas(ProblemDetails)),
    security(("bearer" = [])),
    tags(
        (name = "stations", description = "Charging stations, their frames and commands to them"),
        (name = "sites", description = "Sites, and which stations are where"),
        (name = "charging", description = "Transactions, sessions and CDRs"),
        (name = "tokens", description = "Who may charge"),
        (name = "tariffs", description = "What it costs, and the plugins that say so"),
        (name = "host", description = "The host itself"),
        (name = "events", description = "What happens, as it happens"),
    ),
)]
struct Document;

fn routes() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::with_openapi(Document::openapi())
        .routes(routes!(stations::list))
        .routes(routes!(stations::get, stations::put, stations::delete))
        .routes(routes!(stations::reset_security_profile))
        .routes(routes!(sites::list))
        .routes(routes!(sites::get, sites::put, sites::delete))
        .routes(routes!(sites::stations))
        .routes(routes!(sites::place, sites::put_place))
        .routes(routes!(load::get))
        .routes(routes!(load::history::get))
        .routes(routes!(load::limit))
        .routes(routes!(load::reading))
        .routes(routes!(ahead::wish))
        .routes(routes!(ahead::prices))
        .routes(routes!(ahead::forecast))
        .routes(routes!(ahead::battery))
        .routes(routes!(frames::list))
        .routes(routes!(commands::send))
        .routes(routes!(transactions::list))
        .routes(routes!(transactions::get))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::get))
        .routes(routes!(sessions::reprice))
        .routes(routes!(sessions::resolve))
        .routes(routes!(cdrs::list))
        .routes(routes!(cdrs::get))
        .routes(routes!(cdrs::verify))
        .routes(routes!(tokens::list))
        .routes(routes!(tokens::get, tokens::put, tokens::delete))
        .routes(routes!(tariffs::list))
        .routes(routes!(tariffs::get, tariffs::put))
        .routes(routes!(tariffs::versions))
        .routes(routes!(tariffs::version))
        .routes(routes!(plugins::list, plugins::install))
        .routes(routes!(events::follow))
        .routes(routes!(alerts::list))
        .routes(routes!(backups::make))
}

/// The routes of the API.
pub(super) fn router() -> Router<Arc<App>> {
    routes().split_for_parts().0
}

/// The OpenAPI document, made from the code.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut document = routes().split_for_parts().1;
    let components = document.components.get_or_insert_default();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme("bearer", bearer);
    document
}

/// `GET /api/v1/openapi.json`.
pub(super) async fn document() -> Response {
    let text = openapi().to_pretty_json().unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// The body of a row that is there.
fn body<T: RowBody>(reader: &dyn Reader, key: &Key) -> Result<Option<T>, StoreError> {
    reader.get(key)?.map(|row| decode(&row)).transpose()
}

fn decode<T: RowBody>(row: &Row) -> Result<T, StoreError> {
    T::from_row(row).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// The body of a row in a list: one that cannot be read is logged and left out, so that it does
/// not hide all others.
fn listed<T: RowBody>(key: &Key, row: &Row) -> Option<T> {
    T::from_row(row).inspect_err(|error| tracing::error!(?key, %error, "a row cannot be read")).ok()
}
