//! `stations`: who may connect, and how they are. Must never show a password again.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use busbar_charging::action::Done;
use busbar_charging::fact::Actor;
use busbar_charging::fact::station::{ConnectorStatus, Dialect, Registration, StationRegistered};
use busbar_charging::ids::StationId;
use busbar_charging::input::Request;
use busbar_charging::row;
use busbar_charging::subject::{Key, Subject, Table};
use busbar_charging::units::Timestamp;
use busbar_engine::store::{Range, Reader, StoreError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{PATIENCE, body, listed};
use crate::http::App;
use crate::http::body::{Json, Path, Query};
use crate::http::etag::{precondition, versioned};
use crate::http::guard::Caller;
use crate::http::names;
use crate::http::page::{Listing, Page};
use crate::http::problem::{Kind, Problem, ProblemDetails};
use crate::http::units::Time;
use crate::secrets;

/// More connectors of one station are not kept.
const MOST_CONNECTORS: usize = 256;

/// A charging station.
#[derive(Debug, Serialize, ToSchema)]
pub struct Station {
    /// Its identity: the last part of the path that it connects to.
    id: String,
    /// The site that it is at; absent where it is a site of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    site_id: Option<String>,
    /// Whether it is connected now.
    online: bool,
    /// How it is registered; absent for one that was let in without.
    registration: Option<StationRegistration>,
    /// Its connection, while it has one.
    connection: Option<Connection>,
    /// When it was last connected or disconnected.
    changed_at: Time,
    /// Its last boot.
    boot: Option<Boot>,
    /// Its connectors, as they last reported.
    connectors: Vec<Connector>,
    /// The OCPP security profile that it has to connect with at least: the highest that it ever
    /// did, until an operator resets it.
    least_security_profile: u8,
    /// The newest version of the registration.
    version: u64,
}

/// How a station is registered.
#[derive(Debug, Serialize, ToSchema)]
pub struct StationRegistration {
    /// What its boot is answered.
    status: RegistrationStatus,
    /// Whether it may connect without a password.
    unauthenticated: bool,
    /// Whether it has a password.
    password_set: bool,
    /// Whether every deviation from the schemas is refused.
    strict: bool,
    /// A tariff of its own.
    tariff_id: Option<String>,
}

/// What a boot is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationStatus {
    /// It may charge.
    #[default]
    Accepted,
    /// It may boot and be configured.
    Pending,
    /// It may boot and be refused again.
    Rejected,
}

/// A station's connection.
#[derive(Debug, Serialize, ToSchema)]
pub struct Connection {
    /// Since when.
    since: Time,
    /// `ocpp1.6`, `ocpp2.0.1` or `ocpp2.1`.
    protocol: &'static str,
    /// The peer's address.
    remote: String,
    /// OCPP security profile, 0 to 3.
    security_profile: u8,
}

/// What a station said of itself when it booted.
#[derive(Debug, Serialize, ToSchema)]
pub struct Boot {
    at: Time,
    vendor: String,
    model: String,
    serial_number: Option<String>,
    firmware_version: Option<String>,
    reason: Option<String>,
    answered: RegistrationStatus,
}

/// A connector.
#[derive(Debug, Serialize, ToSchema)]
pub struct Connector {
    /// 0 is the station itself.
    evse_id: u32,
    connector_id: u32,
    #[schema(value_type = String, example = "available")]
    status: ConnectorStatus,
    /// By the station's clock.
    since: Time,
    error: Option<String>,
}

/// What a station is made or changed to.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StationPut {
    /// A password to set: 16 to 40 printable characters. Without one, an existing password stays
    /// and a new station gets a generated one.
    password: Option<String>,
    /// Make a new password, which the answer tells once.
    generate_password: bool,
    /// Let it connect without a password. A permanent warning stands beside it.
    unauthenticated: bool,
    /// What its boot is answered.
    status: RegistrationStatus,
    /// Refuse every deviation from the schemas.
    strict: bool,
    /// A tariff of its own, else the default one.
    tariff_id: Option<String>,
}

/// Why a station may connect with a lower security profile.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProfileReset {
    /// 1 to 500 characters: kept with the change.
    reason: String,
}

/// What was made of a station.
#[derive(Debug, Serialize, ToSchema)]
pub struct StationPutDone {
    id: String,
    version: u64,
    /// The generated password. It is not kept and not shown again.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

/// What a list of stations takes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct StationQuery {
    /// Only those that are connected, or are not.
    #[param(required = false)]
    online: Option<bool>,
    /// At most so many: 1 to 500, 50 where nothing is said.
    #[param(required = false)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(required = false)]
    cursor: Option<String>,
}

/// Lists stations by identity.
#[utoipa::path(
    get, path = "/api/v1/stations", tag = "stations", params(StationQuery),
    responses((status = 200, body = Page<Station>), (status = 400, body = ProblemDetails)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<StationQuery>,
) -> Result<axum::Json<Page<Station>>, Problem> {
    let cursor = query.cursor.as_deref();
    let listing = Listing::new(Table::Station, "", false, query.limit, cursor)?;
    let page = app.node.read(move |reader| {
        let mut page = listing.read(reader, |key, row| {
            let station = listed::<row::Station>(key, row).filter(|station| !station.removed)?;
            let online = station.connected.is_some();
            query.online.is_none_or(|wanted| wanted == online).then(|| Station::from(station))
        })?;
        for station in &mut page.items {
            station.connectors = connectors(reader, &station.id.as_str().into())?;
        }
        Ok(page)
    });
    Ok(axum::Json(page.await?))
}

/// One station.
#[utoipa::path(
    get, path = "/api/v1/stations/{station}", tag = "stations",
    params(("station" = String, Path)),
    responses((status = 200, body = Station), (status = 404, body = ProblemDetails)),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id = names::station(&id)?;
    let mut station = Station::from(find(&app, &id).await?.ok_or_else(missing)?);
    station.connectors = app.node.read(move |reader| connectors(reader, &id)).await?;
    Ok(versioned(&headers, station.version, &station))
}

/// Makes or changes a station.
#[utoipa::path(
    put, path = "/api/v1/stations/{station}", tag = "stations",
    params(
        ("station" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that has to be there"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: it must not be there"),
    ),
    request_body = StationPut,
    responses(
        (status = 200, body = StationPutDone), (status = 201, body = StationPutDone),
        (status = 412, body = ProblemDetails), (status = 422, body = ProblemDetails),
    ),
)]
pub async fn put(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(put): Json<StationPut>,
) -> Result<Response, Problem> {
    let id = names::station(&id)?;
    let existing = find(&app, &id).await?;
    let precondition = precondition(&headers, || existing.as_ref().and_then(version_of))?;
    let kept = existing.and_then(|station| station.registered);
    let made = kept.is_none();
    let (password_hash, password) = password_of(&app, &put, kept)?;
    let tariff = put.tariff_id.as_deref().map(names::tariff).transpose();
    let tariff = tariff.map_err(|problem| at("/tariff_id", problem.detail()))?;
    let registered = StationRegistered {
        at: Timestamp(0),
        actor: actor.clone(),
        station: id.clone(),
        password_hash,
        unauthenticated: put.unauthenticated,
        registration: put.status.into(),
        strict: put.strict,
        tariff,
        version: 0,
    };
    let request = Request::RegisterStation(Box::new(registered), precondition);
    let done = app.node.ask(subject_of(&id), actor, request, PATIENCE).await?;
    let version = if let Done::Version(version) = done { version } else { 0 };
    if let Some(site) = app.configured.place_of(&id).filter(|_| made)
        && let Err(why) = crate::sites::place(&app.node, &id, site).await
    {
        // It is registered all the same, and placed at the next start.
        tracing::warn!(station = %id, %site, %why, "the station could not be placed");
    }
    let code = if made { StatusCode::CREATED } else { StatusCode::OK };
    let body = StationPutDone { id: id.to_string(), version, password };
    Ok((code, axum::Json(body)).into_response())
}

/// Removes a station: it may not connect any more; its history stays.
#[utoipa::path(
    delete, path = "/api/v1/stations/{station}", tag = "stations",
    params(("station" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemDetails)),
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
) -> Result<StatusCode, Problem> {
    let id = names::station(&id)?;
    find(&app, &id).await?.ok_or_else(missing)?;
    let request = Request::RemoveStation(id.clone());
    app.node.ask(subject_of(&id), actor, request, PATIENCE).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a station connect with a lower security profile than it did: whatever it connects with
/// next counts from then on. A downgrade that nobody asked for is refused and raises an alert.
#[utoipa::path(
    post, path = "/api/v1/stations/{station}/reset-security-profile", tag = "stations",
    params(("station" = String, Path)), request_body = ProfileReset,
    responses(
        (status = 204),
        (status = 404, body = ProblemDetails),
        (status = 422, body = ProblemDetails),
    ),
)]
pub async fn reset_security_profile(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(reset): Json<ProfileReset>,
) -> Result<StatusCode, Problem> {
    let id = names::station(&id)?;
    find(&app, &id).await?.ok_or_else(missing)?;
    let reason = names::reason(&reset.reason)?;
    let request = Request::ResetProfile { station: id.clone(), reason };
    app.node.ask(subject_of(&id), actor, request, PATIENCE).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The row of a station that was not removed.
pub(super) async fn find(app: &App, id: &StationId) -> Result<Option<row::Station>, Problem> {
    let key = Key::station(id);
    let station = app.node.read(move |reader| body::<row::Station>(reader, &key)).await?;
    Ok(station.filter(|station| !station.removed))
}

/// The connectors of a station, as they last reported.
fn connectors(reader: &dyn Reader, id: &StationId) -> Result<Vec<Connector>, StoreError> {
    let prefix = Key::connectors(id);
    let rows =
        reader.page(&Range { prefix, after: None, reverse: false, limit: MOST_CONNECTORS })?;
    let shown = rows.iter().filter_map(|(key, row)| listed::<row::Connector>(key, row));
    Ok(shown.map(Connector::from).collect())
}

/// Whom to ask about a station; the engine knows at which site it is.
pub(super) fn subject_of(station: &StationId) -> Subject {
    Subject::Station(station.clone())
}

pub(super) fn missing() -> Problem {
    Kind::NotFound.because("there is no such station")
}

fn version_of(station: &row::Station) -> Option<u64> {
    station.registered.as_ref().map(|registered| registered.version)
}

/// The hash to keep, and the password to show once where it was made here.
fn password_of(
    app: &App,
    put: &StationPut,
    kept: Option<StationRegistered>,
) -> Result<(Option<String>, Option<String>), Problem> {
    let hash = |password: &str| app.station_key.digest(password.as_bytes()).to_hex();
    let kept = kept.and_then(|registered| registered.password_hash);
    match (&put.password, put.generate_password) {
        (Some(_), true) => {
            Err(at("/generate_password", "send a password or have one made, not both"))
        }
        (Some(password), false) => {
            let printable = password.bytes().all(|b| (0x20..0x7F).contains(&b));
            if !(16..=40).contains(&password.len()) || !printable {
                return Err(at("/password", "16 to 40 printable ASCII characters"));
            }
            Ok((Some(hash(password)), None))
        }
        (None, false) if kept.is_some() || put.unauthenticated => Ok((kept, None)),
        (None, _) => {
            let password = secrets::generate().map_err(|error| {
                tracing::error!(%error, "no randomness");
                Kind::Internal.because("the system gives no random numbers")
            })?;
            Ok((Some(hash(&password)), Some(password)))
        }
    }
}

fn at(pointer: &str, detail: &str) -> Problem {
    Kind::InvalidBody.because(format!("{pointer}: {detail}")).at(pointer, detail)
}

/// The name of a version's subprotocol.
pub(super) fn protocol(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::V16 => "ocpp1.6",
        Dialect::V201 => "ocpp2.0.1",
        Dialect::V21 => "ocpp2.1",
    }
}

/// The name of an actor.
pub(super) fn actor_name(actor: &Actor) -> String {
    match actor {
        Actor::Station => "station".to_owned(),
        Actor::Clock => "clock".to_owned(),
        Actor::User(name) => format!("user:{name}"),
        Actor::Plugin(name) => format!("plugin:{name}"),
        Actor::Partner(name) => format!("partner:{name}"),
    }
}

impl From<RegistrationStatus> for Registration {
    fn from(status: RegistrationStatus) -> Self {
        match status {
            RegistrationStatus::Accepted => Self::Accepted,
            RegistrationStatus::Pending => Self::Pending,
            RegistrationStatus::Rejected => Self::Rejected,
        }
    }
}

impl From<Registration> for RegistrationStatus {
    fn from(registration: Registration) -> Self {
        match registration {
            Registration::Accepted => Self::Accepted,
            Registration::Pending => Self::Pending,
            Registration::Rejected => Self::Rejected,
        }
    }
}

impl From<row::Station> for Station {
    fn from(row: row::Station) -> Self {
        let version = version_of(&row).unwrap_or(0);
        Self {
            id: row.station.to_string(),
            site_id: row.site.map(|site| site.to_string()),
            online: row.connected.is_some(),
            registration: row.registered.map(|registered| StationRegistration {
                status: registered.registration.into(),
                unauthenticated: registered.unauthenticated,
                password_set: registered.password_hash.is_some(),
                strict: registered.strict,
                tariff_id: registered.tariff.map(|tariff| tariff.to_string()),
            }),
            connection: row.connected.map(|connected| Connection {
                since: Time(connected.at),
                protocol: protocol(connected.dialect),
                remote: connected.remote.into(),
                security_profile: connected.security_profile,
            }),
            changed_at: Time(row.changed),
            boot: row.booted.map(|booted| Boot {
                at: Time(booted.at),
                vendor: booted.vendor.into(),
                model: booted.model.into(),
                serial_number: booted.serial.map(Into::into),
                firmware_version: booted.firmware.map(Into::into),
                reason: booted.reason.map(Into::into),
                answered: booted.registration.into(),
            }),
            // In rows of their own.
            connectors: Vec::new(),
            least_security_profile: row.least_profile,
            version,
        }
    }
}

impl From<row::Connector> for Connector {
    fn from(row: row::Connector) -> Self {
        Self {
            evse_id: row.evse,
            connector_id: row.connector,
            status: row.status,
            since: Time(row.since),
            error: row.error.map(Into::into),
        }
    }
}
