//! `sites`: what stations share, and which station is where. Must never say that a station is at a
//! site before its state is.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use busbar_charging::action::Done;
use busbar_charging::fact::site::{Blob, LoadBody, Party as StoredParty, SitePut as Put};
use busbar_charging::ids::{SiteId, StationId};
use busbar_charging::input::Request;
use busbar_charging::load::config::Config;
use busbar_charging::row;
use busbar_charging::subject::{Key, Subject, Table};
use busbar_charging::units::{Currency, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::tokens::Version;
use super::{PATIENCE, body, listed};
use crate::http::App;
use crate::http::body::{Json, Path, Query};
use crate::http::etag::{precondition, versioned};
use crate::http::guard::Caller;
use crate::http::names;
use crate::http::page::{Listing, Page, PageQuery};
use crate::http::problem::{Kind, Problem, ProblemDetails};
use crate::http::units::Time;

/// A site: stations that share a grid connection, a time zone and a currency.
#[derive(Debug, Serialize, ToSchema)]
pub struct Site {
    id: String,
    name: String,
    /// IANA: what local times of tariffs mean there.
    time_zone: String,
    /// ISO 4217.
    currency: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    party: Option<Party>,
    /// How its load is controlled: `policy` (`fair` or `laxity`), `model` (what models of stations
    /// can do) and `tree` (`voltage`, `circuit`, `evse`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    load: Option<Config>,
    updated_at: Time,
    version: u64,
}

/// Who operates a site.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// ISO 3166-1 alpha-2, as `DE`.
    country: String,
    /// Three characters.
    id: String,
}

/// What a site is made or changed to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SitePut {
    /// 1 to 100 characters.
    name: String,
    /// IANA; the node's where nothing is said.
    #[serde(default)]
    time_zone: Option<String>,
    /// ISO 4217; the node's where nothing is said.
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    party: Option<Party>,
    /// How its load is controlled; not at all where nothing is said.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    load: Option<Value>,
}

/// A station of a site.
#[derive(Debug, Serialize, ToSchema)]
pub struct SiteStation {
    /// Its identity.
    id: String,
}

/// Where a station is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Place {
    station_id: String,
    /// Where it is; absent where it is a site of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    site_id: Option<String>,
    /// Where it is wanted. It moves when no transaction is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    wanted_site_id: Option<String>,
    /// True until it is where it is wanted.
    moving: bool,
    version: u64,
}

/// Where a station is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlacePut {
    /// The site; null where it is to be a site of its own.
    site_id: Option<String>,
}

/// Lists sites by id.
#[utoipa::path(
    get, path = "/api/v1/sites", tag = "sites", params(PageQuery),
    responses((status = 200, body = Page<Site>), (status = 400, body = ProblemDetails)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Site>>, Problem> {
    let listing = Listing::new(Table::Site, "", false, query.limit, query.cursor.as_deref())?;
    let page = app.node.read(move |reader| {
        listing.read(reader, |key, row| listed::<row::Site>(key, row).map(Site::from))
    });
    Ok(axum::Json(page.await?))
}

/// One site.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}", tag = "sites", params(("site" = String, Path)),
    responses((status = 200, body = Site), (status = 404, body = ProblemDetails)),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = find(&app, &names::site(&id)?).await?.ok_or_else(missing)?;
    Ok(versioned(&headers, found.put.version, &Site::from(found)))
}

/// Makes or changes a site.
#[utoipa::path(
    put, path = "/api/v1/sites/{site}", tag = "sites",
    params(
        ("site" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that has to be there"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: it must not be there"),
    ),
    request_body = SitePut,
    responses(
        (status = 200, body = Version), (status = 201, body = Version),
        (status = 409, body = ProblemDetails,
            description = "The site is configured in the host's file"),
        (status = 412, body = ProblemDetails), (status = 422, body = ProblemDetails),
    ),
)]
pub async fn put(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(put): Json<SitePut>,
) -> Result<Response, Problem> {
    let site = names::site(&id)?;
    app.configured.refuse_site(&site)?;
    let existing = find(&app, &site).await?;
    let current = existing.as_ref().map(|found| found.put.version);
    let precondition = precondition(&headers, || current)?;
    let time_zone = put.time_zone.unwrap_or_else(|| app.site.time_zone.clone());
    if jiff::tz::TimeZone::get(&time_zone).is_err() {
        return Err(at("/time_zone", "a time zone of the IANA database, as Europe/Berlin"));
    }
    let currency = match put.currency.as_deref() {
        None => app.site.currency,
        Some(code) => {
            Currency::parse(code).ok_or_else(|| at("/currency", "a code of ISO 4217, as EUR"))?
        }
    };
    let put = Put {
        at: Timestamp(0),
        actor: actor.clone(),
        site: site.clone(),
        name: name(&put.name)?,
        time_zone: time_zone.into(),
        currency,
        party: put.party.map(party).transpose()?,
        load: put.load.map(load).transpose()?,
        version: 0,
    };
    let request = Request::PutSite(Box::new(put), precondition);
    let done = app.node.ask(Subject::Site(site), actor, request, PATIENCE).await?;
    Ok(version_of(&done))
}

/// Removes a site that no station is at. What was charged there stays: sessions and CDRs are their
/// stations'. The history of its load goes.
#[utoipa::path(
    delete, path = "/api/v1/sites/{site}", tag = "sites",
    params(
        ("site" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that has to be there"),
    ),
    responses(
        (status = 204), (status = 404, body = ProblemDetails),
        (status = 409, body = ProblemDetails, description = "A station is there or is to come, \
            or the site is configured in the host's file"),
        (status = 412, body = ProblemDetails),
    ),
)]
pub async fn delete(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
) -> Result<StatusCode, Problem> {
    let site = names::site(&id)?;
    let current = find(&app, &site).await?.ok_or_else(missing)?.put.version;
    app.configured.refuse_site(&site)?;
    let precondition = precondition(&headers, || Some(current))?;
    let request = Request::RemoveSite(site.clone(), precondition);
    app.node.ask(Subject::Site(site), actor, request, PATIENCE).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The stations of a site, by identity.
#[utoipa::path(
    get, path = "/api/v1/sites/{site}/stations", tag = "sites",
    params(("site" = String, Path), PageQuery),
    responses((status = 200, body = Page<SiteStation>), (status = 404, body = ProblemDetails)),
)]
pub async fn stations(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<SiteStation>>, Problem> {
    let site = names::site(&id)?;
    find(&app, &site).await?.ok_or_else(missing)?;
    let Key { table, path } = Key::site_stations(&site);
    let listing = Listing::new(table, &path, false, query.limit, query.cursor.as_deref())?;
    let page = app.node.read(move |reader| {
        listing.read(reader, |key, _| {
            let (_, station) = key.path.split_once('\0')?;
            Some(SiteStation { id: station.to_owned() })
        })
    });
    Ok(axum::Json(page.await?))
}

/// Where a station is, and where it is wanted.
#[utoipa::path(
    get, path = "/api/v1/stations/{station}/site", tag = "sites",
    params(("station" = String, Path)),
    responses((status = 200, body = Place), (status = 404, body = ProblemDetails)),
)]
pub async fn place(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let station = names::station(&id)?;
    super::stations::find(&app, &station).await?.ok_or_else(super::stations::missing)?;
    let place = placed(&app, &station).await?;
    let version = place.as_ref().map_or(0, |place| place.placed.version);
    Ok(versioned(&headers, version, &Place::of(&station, place)))
}

/// Has a station at a site, or at none. It moves with all that is known of it, once no transaction
/// is open there; until then, and after it has left, it may be told to come back.
#[utoipa::path(
    put, path = "/api/v1/stations/{station}/site", tag = "sites",
    params(
        ("station" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that has to be there"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: it was never placed"),
    ),
    request_body = PlacePut,
    responses(
        (status = 200, body = Version), (status = 201, body = Version),
        (status = 404, body = ProblemDetails),
        (status = 409, body = ProblemDetails,
            description = "The place is configured in the host's file"),
        (status = 412, body = ProblemDetails), (status = 422, body = ProblemDetails),
    ),
)]
pub async fn put_place(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(put): Json<PlacePut>,
) -> Result<Response, Problem> {
    let station = names::station(&id)?;
    let site = put.site_id.as_deref().map(names::site).transpose();
    let site = site.map_err(|problem| at("/site_id", problem.detail()))?;
    app.configured.refuse_place(&station, site.as_ref())?;
    let current = placed(&app, &station).await?.map(|place| place.placed.version);
    let precondition = precondition(&headers, || current)?;
    let request = Request::PlaceStation { station, site, precondition };
    let done = app.node.ask(Subject::Network, actor, request, PATIENCE).await?;
    Ok(version_of(&done))
}

pub(super) async fn find(app: &App, site: &SiteId) -> Result<Option<row::Site>, Problem> {
    let key = Key::site(site);
    Ok(app.node.read(move |reader| body::<row::Site>(reader, &key)).await?)
}

async fn placed(app: &App, station: &StationId) -> Result<Option<row::Place>, Problem> {
    let key = Key::place(station);
    Ok(app.node.read(move |reader| body::<row::Place>(reader, &key)).await?)
}

fn version_of(done: &Done) -> Response {
    let version = if let Done::Version(version) = *done { version } else { 0 };
    let code = if version == 1 { StatusCode::CREATED } else { StatusCode::OK };
    (code, axum::Json(Version { version })).into_response()
}

fn name(text: &str) -> Result<Box<str>, Problem> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 100 || text.chars().any(char::is_control) {
        return Err(at("/name", "1 to 100 printable characters"));
    }
    Ok(text.into())
}

fn party(party: Party) -> Result<StoredParty, Problem> {
    let country = party.country.len() == 2;
    if !country || !party.country.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(at("/party/country", "two capitals of ISO 3166-1, as DE"));
    }
    if party.id.len() != 3 || !party.id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(at("/party/id", "three letters or digits"));
    }
    Ok(StoredParty { country: party.country.into(), id: party.id.into() })
}

/// What is wrong in itself is told with its place; what is wrong with the tree, the core says.
fn load(value: Value) -> Result<LoadBody, Problem> {
    let config: Config = serde_json::from_value(value)
        .map_err(|error| at("/load", &format!("it cannot be read: {error}")))?;
    let (version, body) = config.store();
    Ok(LoadBody { version, body: Blob(body) })
}

pub(super) fn missing() -> Problem {
    Kind::NotFound.because("there is no such site")
}

fn at(pointer: &str, detail: &str) -> Problem {
    Kind::InvalidBody.because(format!("{pointer}: {detail}")).at(pointer, detail)
}

impl From<row::Site> for Site {
    fn from(row::Site { put }: row::Site) -> Self {
        Self {
            id: put.site.to_string(),
            name: put.name.into(),
            time_zone: put.time_zone.into(),
            currency: put.currency.to_string(),
            party: put
                .party
                .map(|party| Party { country: party.country.into(), id: party.id.into() }),
            load: put.load.and_then(|stored| Config::read(stored.version, &stored.body.0).ok()),
            updated_at: Time(put.at),
            version: put.version,
        }
    }
}

impl Place {
    fn of(station: &StationId, place: Option<row::Place>) -> Self {
        let (wanted, holder, version) = match place {
            Some(row::Place { placed, holder }) => (placed.site, holder, placed.version),
            None => (None, None, 0),
        };
        Self {
            station_id: station.to_string(),
            moving: wanted != holder,
            site_id: holder.map(|site| site.to_string()),
            wanted_site_id: wanted.map(|site| site.to_string()),
            version,
        }
    }
}
