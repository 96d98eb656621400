//! `tokens`: who may charge. Must never answer for the core whether a token may charge.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use busbar_charging::action::Done;
use busbar_charging::fact::network::TokenPut as Put;
use busbar_charging::fact::station::AuthorizationStatus;
use busbar_charging::ids::IdToken;
use busbar_charging::input::Request;
use busbar_charging::row;
use busbar_charging::subject::{Key, Subject, Table};
use busbar_charging::units::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{PATIENCE, body, listed};
use crate::http::App;
use crate::http::body::{Json, Path, Query};
use crate::http::etag::{precondition, versioned};
use crate::http::guard::Caller;
use crate::http::names;
use crate::http::page::{Listing, Page, PageQuery};
use crate::http::problem::{Kind, Problem, ProblemDetails};
use crate::http::units::Time;

/// A token.
#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    /// Its value; of RFID in capitals.
    value: String,
    /// Its kind, as OCPP 2.x spells it.
    #[schema(example = "ISO14443")]
    kind: String,
    status: TokenStatus,
    group: Option<String>,
    expires_at: Option<Time>,
    master: bool,
    concurrent: bool,
    updated_at: Time,
    version: u64,
}

/// The name of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct TokenName {
    /// Its value.
    pub value: String,
    /// Its kind, as OCPP 2.x spells it.
    #[schema(example = "ISO14443")]
    pub kind: String,
}

/// What an Authorize is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenStatus {
    /// It may charge.
    #[default]
    Accepted,
    /// It is blocked.
    Blocked,
    /// It has expired.
    Expired,
    /// It cannot be used.
    Invalid,
}

/// What a token is made or changed to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TokenPut {
    /// What an Authorize is answered.
    status: TokenStatus,
    /// Its group: one token of it stops what another started.
    group: Option<String>,
    /// From when on it is expired.
    expires_at: Option<Time>,
    /// A master pass: it stops any transaction and starts none.
    master: bool,
    /// It may run several transactions at once.
    concurrent: bool,
}

/// The version that a resource is at now.
#[derive(Debug, Serialize, ToSchema)]
pub struct Version {
    /// What `ETag` shows.
    pub version: u64,
}

/// How a token is named beside its value.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct KindQuery {
    /// Its kind, as OCPP 2.x spells it; ISO14443 where nothing is said.
    #[param(required = false)]
    kind: Option<String>,
}

/// Lists tokens by value.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "tokens", params(PageQuery),
    responses((status = 200, body = Page<Token>), (status = 400, body = ProblemDetails)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Token>>, Problem> {
    let listing = Listing::new(Table::Token, "", false, query.limit, query.cursor.as_deref())?;
    let page = app.node.read(move |reader| {
        listing.read(reader, |key, row| listed::<row::Token>(key, row).map(Token::from))
    });
    Ok(axum::Json(page.await?))
}

/// One token.
#[utoipa::path(
    get, path = "/api/v1/tokens/{value}", tag = "tokens",
    params(("value" = String, Path), KindQuery),
    responses((status = 200, body = Token), (status = 404, body = ProblemDetails)),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    Path(value): Path<String>,
    Query(query): Query<KindQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = names::token(&value, query.kind.as_deref())?;
    let found = find(&app, &token).await?.ok_or_else(missing)?;
    Ok(versioned(&headers, found.put.version, &Token::from(found)))
}

/// Makes or changes a token.
#[utoipa::path(
    put, path = "/api/v1/tokens/{value}", tag = "tokens",
    params(
        ("value" = String, Path), KindQuery,
        ("If-Match" = Option<String>, Header, description = "The ETag that has to be there"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: it must not be there"),
    ),
    request_body = TokenPut,
    responses(
        (status = 200, body = Version), (status = 201, body = Version),
        (status = 412, body = ProblemDetails), (status = 422, body = ProblemDetails),
    ),
)]
pub async fn put(
    State(app): State<Arc<App>>,
    Path(value): Path<String>,
    Query(query): Query<KindQuery>,
    headers: HeaderMap,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(put): Json<TokenPut>,
) -> Result<Response, Problem> {
    let token = names::token(&value, query.kind.as_deref())?;
    let group = put.group.as_deref().unwrap_or("none");
    if group.is_empty() || group.chars().count() > 36 || group.chars().any(char::is_control) {
        let detail = "1 to 36 printable characters";
        return Err(Kind::InvalidBody.because(format!("/group: {detail}")).at("/group", detail));
    }
    let current = find(&app, &token).await?.map(|found| found.put.version);
    let precondition = precondition(&headers, || current)?;
    let put = Put {
        at: Timestamp(0),
        actor: actor.clone(),
        token,
        status: put.status.into(),
        group: put.group.map(Into::into),
        expires: put.expires_at.map(|at| at.0),
        master: put.master,
        concurrent: put.concurrent,
        version: 0,
    };
    let request = Request::PutToken(Box::new(put), precondition);
    let done = app.node.ask(Subject::Network, actor, request, PATIENCE).await?;
    let version = if let Done::Version(version) = done { version } else { 0 };
    let code = if version == 1 { StatusCode::CREATED } else { StatusCode::OK };
    Ok((code, axum::Json(Version { version })).into_response())
}

/// Removes a token.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{value}", tag = "tokens",
    params(("value" = String, Path), KindQuery),
    responses((status = 204), (status = 404, body = ProblemDetails)),
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Path(value): Path<String>,
    Query(query): Query<KindQuery>,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
) -> Result<StatusCode, Problem> {
    let request = Request::RemoveToken(names::token(&value, query.kind.as_deref())?);
    app.node.ask(Subject::Network, actor, request, PATIENCE).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(app: &App, token: &IdToken) -> Result<Option<row::Token>, Problem> {
    let key = Key::token(token);
    Ok(app.node.read(move |reader| body::<row::Token>(reader, &key)).await?)
}

fn missing() -> Problem {
    Kind::NotFound.because("there is no such token")
}

impl From<TokenStatus> for AuthorizationStatus {
    fn from(status: TokenStatus) -> Self {
        match status {
            TokenStatus::Accepted => Self::Accepted,
            TokenStatus::Blocked => Self::Blocked,
            TokenStatus::Expired => Self::Expired,
            TokenStatus::Invalid => Self::Invalid,
        }
    }
}

impl From<&IdToken> for TokenName {
    fn from(token: &IdToken) -> Self {
        Self { value: token.value().to_owned(), kind: token.kind_name().to_owned() }
    }
}

impl From<row::Token> for Token {
    fn from(row::Token { put }: row::Token) -> Self {
        let name = TokenName::from(&put.token);
        Self {
            value: name.value,
            kind: name.kind,
            status: match put.status {
                AuthorizationStatus::Accepted => TokenStatus::Accepted,
                AuthorizationStatus::Blocked => TokenStatus::Blocked,
                AuthorizationStatus::Expired => TokenStatus::Expired,
                _ => TokenStatus::Invalid,
            },
            group: put.group.map(Into::into),
            expires_at: put.expires.map(Time),
            master: put.master,
            concurrent: put.concurrent,
            updated_at: Time(put.at),
            version: put.version,
        }
    }
}
