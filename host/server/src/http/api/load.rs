//! `sites/{site}/load`: what each EVSE may draw and why, and what outsiders say: limits of a grid
//! operator or an energy manager, readings of a site's meters. Must never decide who gets what.

pub mod history;
mod view;

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use busbar_charging::fact::Actor;
use busbar_charging::input::Request;
use busbar_charging::load::amount::{PerLine, PerLineTold, Watts};
use busbar_charging::load::external::Window;
use busbar_charging::load::rows::CircuitLimit;
use busbar_charging::subject::Subject;
use busbar_charging::units::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

pub use self::view::{EvseState, Load};
use super::PATIENCE;
use super::sites::{find, missing};
use crate::clock;
use crate::http::App;
use crate::http::body::{Json, Path};
use crate::http::guard::Caller;
use crate::http::names;
use crate::http::problem::{Kind, Problem, ProblemDetails};
use crate::http::units::Time;

/// What a source outside says about a circuit.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitPut {
    /// As the tree names it.
    circuit: String,
    /// All that it announces, in the place of what it announced before. Without any, the source
    /// only says that it is still there.
    limits: Option<Vec<Announced>>,
}

/// A limit that holds for a while.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Announced {
    /// At once where nothing is said.
    from: Option<Time>,
    /// Without an end where nothing is said.
    until: Option<Time>,
    /// On each line: `"63 A"`, or a list of three.
    #[schema(value_type = Option<Object>, example = "63 A")]
    current: Option<PerLineTold>,
    /// Of all lines together: `"40 kW"`.
    #[schema(value_type = Option<String>, example = "40 kW")]
    power: Option<Watts>,
}

/// What a meter shows.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadingPut {
    /// On each line: `"12.5 A"`, or a list of three; negative where it is exported.
    #[schema(value_type = Object, example = "12.5 A")]
    current: PerLineTold,
    /// True where the EVSEs of its circuit are in it.
    #[serde(default)]
    with_evses: bool,
}

/// How the load stands now: the tree with what may flow and what does, what each EVSE may draw and
/// why, limits from outside and meters.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/load", tag = "sites",
    params(("site" = String, Path)),
    responses(
        (status = 200, body = Load), (status = 404, body = ProblemDetails),
        (status = 503, body = ProblemDetails),
    ),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<axum::Json<Load>, Problem> {
    let site = names::site(&id)?;
    find(&app, &site).await?.ok_or_else(missing)?;
    let view = app.node.load(&site, PATIENCE).await?.ok_or_else(uncontrolled)?;
    Ok(axum::Json(Load::of(site.to_string(), *view)))
}

/// Says what a circuit may carry, or that the source is still there.
#[utoipa::path(
    put, path = "/api/v1/sites/{site}/load/limits/{source}", tag = "sites",
    params(
        ("site" = String, Path),
        ("source" = String, Path, description = "As the tree names it"),
    ),
    request_body = LimitPut,
    responses(
        (status = 204), (status = 404, body = ProblemDetails),
        (status = 422, body = ProblemDetails),
    ),
)]
pub async fn limit(
    State(app): State<Arc<App>>,
    Path((id, source)): Path<(String, String)>,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(put): Json<LimitPut>,
) -> Result<StatusCode, Problem> {
    let now = clock::now();
    let windows = put.limits.map(|limits| limits.iter().map(|one| one.window(now)).collect());
    let (circuit, source) = (put.circuit.into(), source.into());
    tell(&app, &id, actor, Request::LimitLoad { circuit, source, windows }).await
}

/// Says what a meter of the site shows.
#[utoipa::path(
    put, path = "/api/v1/sites/{site}/load/meters/{meter}", tag = "sites",
    params(
        ("site" = String, Path),
        ("meter" = String, Path, description = "As the tree names it"),
    ),
    request_body = ReadingPut,
    responses(
        (status = 204), (status = 404, body = ProblemDetails),
        (status = 422, body = ProblemDetails),
    ),
)]
pub async fn reading(
    State(app): State<Arc<App>>,
    Path((id, meter)): Path<(String, String)>,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(put): Json<ReadingPut>,
) -> Result<StatusCode, Problem> {
    let PerLineTold(PerLine(lines)) = put.current;
    let request = Request::MeterLoad { meter: meter.into(), lines, with_evses: put.with_evses };
    tell(&app, &id, actor, request).await
}

/// Asks a site that is there for something that has no answer but yes.
async fn tell(app: &App, id: &str, actor: Actor, request: Request) -> Result<StatusCode, Problem> {
    let site = names::site(id)?;
    find(app, &site).await?.ok_or_else(missing)?;
    app.node.ask(Subject::Site(site), actor, request, PATIENCE).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn uncontrolled() -> Problem {
    Kind::NotFound.because("the load of this site is not controlled")
}

impl Announced {
    fn window(&self, now: Timestamp) -> Window {
        let limit = CircuitLimit {
            lines: self.current.map(|PerLineTold(PerLine(lines))| lines),
            power: self.power.map(|Watts(power)| power),
        };
        Window {
            from: self.from.map_or(now, |Time(at)| at),
            until: self.until.map_or(Timestamp::NEVER, |Time(at)| at),
            limit,
        }
    }
}
