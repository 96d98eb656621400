//! `sessions`: transactions seen as sales, and what an operator does about those that are held.
//! Must never price or bill by itself.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use busbar_charging::action::Done;
use busbar_charging::fact::Actor;
use busbar_charging::fact::transaction::Quote as Pinned;
use busbar_charging::ids::SessionId;
use busbar_charging::input::Request;
use busbar_charging::row::{self, SessionState};
use busbar_charging::subject::{Key, Table};
use busbar_engine::store::{Range, Reader, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::billing::{Finding, Held, Proposal, Quote};
use super::stations::subject_of;
use super::tokens::TokenName;
use super::{PATIENCE, body, listed};
use crate::http::App;
use crate::http::body::{Json, Path, Query};
use crate::http::guard::Caller;
use crate::http::names;
use crate::http::page::{Listing, Page};
use crate::http::problem::{Kind, Problem, ProblemDetails};
use crate::http::units::{Cost, Thousandths, Time, W, Wh};

/// A session never has more CDRs than that on one page of it.
const CDRS: usize = 100;

/// A session.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    id: String,
    /// Transactions of one visit share it.
    visit_id: String,
    station_id: String,
    transaction_id: String,
    evse_id: Option<u32>,
    connector_id: Option<u32>,
    token: Option<TokenName>,
    state: SessionStatus,
    started_at: Time,
    ended_at: Option<Time>,
    energy_wh: Wh,
    power_w: Option<W>,
    state_of_charge_percent: Option<Thousandths>,
    stopped_reason: Option<String>,
    quote: Option<Quote>,
    /// So far, or the bill.
    cost: Option<Cost>,
    /// Why it is held.
    held: Option<Held>,
    /// What may be accepted by `resolve`.
    proposal: Option<Proposal>,
    /// What was found after sealing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    review: Vec<Finding>,
    /// Its CDRs; only on the page of one session.
    #[serde(skip_serializing_if = "Option::is_none")]
    cdr_ids: Option<Vec<String>>,
    updated_at: Time,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// It runs.
    Open,
    /// Its total is known and provisional.
    Ended,
    /// Its CDR is sealed.
    Billed,
    /// For review, or unpriced.
    Held,
    /// Given up by an operator.
    Void,
}

/// What a list of sessions takes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SessionQuery {
    /// Only those that stand so.
    #[param(required = false)]
    state: Option<SessionStatus>,
    /// Only those of this station.
    #[param(required = false)]
    station: Option<String>,
    /// Only those of the token with this value.
    #[param(required = false)]
    token: Option<String>,
    /// Only those that started at this point or later.
    #[param(required = false, value_type = String)]
    from: Option<Time>,
    /// Only those that started before this point.
    #[param(required = false, value_type = String)]
    to: Option<Time>,
    /// At most so many: 1 to 500, 50 where nothing is said.
    #[param(required = false)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(required = false)]
    cursor: Option<String>,
}

/// How a held session is priced again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reprice {
    /// Why, for the record.
    reason: String,
    /// A tariff to price by; the pinned quote where nothing is said.
    tariff_id: Option<String>,
    /// Its version; the newest where nothing is said.
    tariff_version: Option<u64>,
}

/// How a session under review is resolved.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolve {
    /// True to bill the proposal, false to bill nothing.
    accept: bool,
    /// Why, for the record.
    reason: String,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionDone {
    /// `sealed`, or `accepted` where it will be done.
    status: &'static str,
    /// The CDR that was sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    cdr_id: Option<String>,
}

/// Lists sessions, newest first.
#[utoipa::path(
    get, path = "/api/v1/sessions", tag = "charging", params(SessionQuery),
    responses((status = 200, body = Page<Session>), (status = 400, body = ProblemDetails)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<SessionQuery>,
) -> Result<axum::Json<Page<Session>>, Problem> {
    for (name, text) in [("station", &query.station), ("token", &query.token)] {
        text.as_deref().map_or(Ok(()), |text| names::plain(name, text))?;
    }
    let listing = Listing::new(Table::Session, "", true, query.limit, query.cursor.as_deref())?;
    let page = app.node.read(move |reader| {
        listing.read(reader, |key, row| {
            listed::<row::Session>(key, row)
                .filter(|session| query.wants(session))
                .map(Session::from)
        })
    });
    Ok(axum::Json(page.await?))
}

/// One session.
#[utoipa::path(
    get, path = "/api/v1/sessions/{session}", tag = "charging",
    params(("session" = String, Path)),
    responses((status = 200, body = Session), (status = 404, body = ProblemDetails)),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<axum::Json<Session>, Problem> {
    let id = SessionId(names::uuid(&id)?);
    let found = app.node.read(move |reader| {
        let Some(session) = body::<row::Session>(reader, &Key::session(id))? else {
            return Ok(None);
        };
        let cdrs = cdrs_of(reader, id)?;
        Ok(Some((session, cdrs)))
    });
    let (session, cdrs) = found.await?.ok_or_else(missing)?;
    Ok(axum::Json(Session { cdr_ids: Some(cdrs), ..Session::from(session) }))
}

/// Prices a held session again.
#[utoipa::path(
    post, path = "/api/v1/sessions/{session}/reprice", tag = "charging",
    params(("session" = String, Path)), request_body = Reprice,
    responses(
        (status = 200, body = SessionDone), (status = 202, body = SessionDone),
        (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails),
    ),
)]
pub async fn reprice(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(asked): Json<Reprice>,
) -> Result<(StatusCode, axum::Json<SessionDone>), Problem> {
    let session = find(&app, &id).await?;
    let quote = match (&asked.tariff_id, asked.tariff_version) {
        (None, None) => None,
        (None, Some(_)) => {
            let detail = "name the tariff too";
            return Err(Kind::InvalidBody.because(detail).at("/tariff_version", detail));
        }
        (Some(tariff), version) => Some(quote_of(&app, tariff, version).await?),
    };
    let reason = names::reason(&asked.reason)?;
    let (station, transaction) = (session.station.clone(), session.transaction.clone());
    let request = Request::Reprice { station, transaction, quote, reason };
    done(&app, &session, actor, request).await
}

/// Accepts the proposal of a session under review, or gives the session up.
#[utoipa::path(
    post, path = "/api/v1/sessions/{session}/resolve", tag = "charging",
    params(("session" = String, Path)), request_body = Resolve,
    responses(
        (status = 200, body = SessionDone), (status = 202, body = SessionDone),
        (status = 404, body = ProblemDetails), (status = 409, body = ProblemDetails),
    ),
)]
pub async fn resolve(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(asked): Json<Resolve>,
) -> Result<(StatusCode, axum::Json<SessionDone>), Problem> {
    let session = find(&app, &id).await?;
    let (station, transaction) = (session.station.clone(), session.transaction.clone());
    let (accept, reason) = (asked.accept, names::reason(&asked.reason)?);
    let request = Request::Resolve { station, transaction, accept, reason };
    done(&app, &session, actor, request).await
}

async fn done(
    app: &App,
    session: &row::Session,
    actor: Actor,
    request: Request,
) -> Result<(StatusCode, axum::Json<SessionDone>), Problem> {
    let subject = subject_of(&session.station);
    Ok(match app.node.ask(subject, actor, request, PATIENCE).await? {
        Done::Sealed(cdr) => {
            let done = SessionDone { status: "sealed", cdr_id: Some(cdr.to_string()) };
            (StatusCode::OK, axum::Json(done))
        }
        _ => {
            let done = SessionDone { status: "accepted", cdr_id: None };
            (StatusCode::ACCEPTED, axum::Json(done))
        }
    })
}

async fn find(app: &App, id: &str) -> Result<row::Session, Problem> {
    let key = Key::session(SessionId(names::uuid(id)?));
    let found = app.node.read(move |reader| body::<row::Session>(reader, &key)).await?;
    found.ok_or_else(missing)
}

async fn quote_of(app: &App, tariff: &str, version: Option<u64>) -> Result<Pinned, Problem> {
    let tariff = names::tariff(tariff)?;
    let found = app.node.read(move |reader| match version {
        Some(version) => body::<row::Tariff>(reader, &Key::tariff(&tariff, version)),
        None => super::tariffs::newest(reader, &tariff),
    });
    let missing = || {
        let detail = "there is no such version of a tariff";
        Kind::InvalidBody.because(detail).at("/tariff_id", detail)
    };
    Ok(Pinned::from(&found.await?.ok_or_else(missing)?.put))
}

fn cdrs_of(reader: &dyn Reader, session: SessionId) -> Result<Vec<String>, StoreError> {
    let prefix = Key { table: Table::SessionCdr, path: format!("{session}\0") };
    let range = Range { prefix, after: None, reverse: false, limit: CDRS };
    let rows = reader.page(&range)?;
    let id = |key: &Key| key.path.split('\0').next_back().map(str::to_owned);
    Ok(rows.iter().filter_map(|(key, _)| id(key)).collect())
}

fn missing() -> Problem {
    Kind::NotFound.because("there is no such session")
}

impl SessionQuery {
    fn wants(&self, session: &row::Session) -> bool {
        let token = session.token.as_ref().map(|token| token.value());
        self.state.is_none_or(|state| state == SessionStatus::from(session.state))
            && self.station.as_deref().is_none_or(|station| station == session.station.as_str())
            && self.token.as_deref().is_none_or(|wanted| {
                token.is_some_and(|value| value == wanted || value == wanted.to_uppercase())
            })
            && self.from.is_none_or(|from| session.start >= from.0)
            && self.to.is_none_or(|to| session.start < to.0)
    }
}

impl From<SessionState> for SessionStatus {
    fn from(state: SessionState) -> Self {
        match state {
            SessionState::Open => Self::Open,
            SessionState::Ended => Self::Ended,
            SessionState::Billed => Self::Billed,
            SessionState::Held => Self::Held,
            SessionState::Void => Self::Void,
        }
    }
}

impl From<row::Session> for Session {
    fn from(row: row::Session) -> Self {
        Self {
            id: row.session.to_string(),
            visit_id: row.visit.to_string(),
            station_id: row.station.to_string(),
            transaction_id: row.transaction.to_string(),
            evse_id: row.evse,
            connector_id: row.connector,
            token: row.token.as_ref().map(TokenName::from),
            state: row.state.into(),
            started_at: Time(row.start),
            ended_at: row.end.map(Time),
            energy_wh: Wh(row.energy),
            power_w: row.power.map(W),
            state_of_charge_percent: row.state_of_charge.map(Thousandths),
            stopped_reason: row.stopped_reason.map(Into::into),
            quote: row.quote.map(Quote::from),
            cost: row.cost.as_ref().map(Cost::from),
            held: row.held.map(Held::from),
            proposal: row.proposal.map(Proposal::from),
            review: row.review.into_iter().map(Finding::from).collect(),
            cdr_ids: None,
            updated_at: Time(row.updated),
        }
    }
}
