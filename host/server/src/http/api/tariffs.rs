//! `tariffs`: what it costs. A tariff is prepared by its plugin before it is accepted, and each
//! change makes a version that never changes.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use busbar_charging::action::Done;
use busbar_charging::fact::network::TariffPut as Put;
use busbar_charging::ids::{Hash, TariffId};
use busbar_charging::input::Request;
use busbar_charging::pricing::{PreparedTariff, PriceComponent, PriceError, PriceUnit};
use busbar_charging::row;
use busbar_charging::subject::{Key, Subject, Table};
use busbar_charging::units::{Currency, Timestamp};
use busbar_engine::store::{Range, Reader, StoreError};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::tokens::Version;
use super::{PATIENCE, body, decode, listed};
use crate::http::App;
use crate::http::body::{Json, Path, Query};
use crate::http::etag::{precondition, versioned};
use crate::http::guard::Caller;
use crate::http::names;
use crate::http::page::{Listing, Page, PageQuery, cursor, limit, to_cursor};
use crate::http::problem::{Kind, Problem, ProblemDetails};
use crate::http::units::{Amount, Time};
use crate::verify::sentence;

/// The plugin of a tariff that names none.
const USUAL_PLUGIN: &str = "pricing-ocpi";

/// A version of a tariff.
#[derive(Debug, Serialize, ToSchema)]
pub struct Tariff {
    id: String,
    version: u64,
    /// From when on it is in force, by corrected station time of a transaction's start.
    valid_from: Time,
    /// Whether it holds where a station names no other.
    default: bool,
    #[schema(example = "EUR")]
    currency: String,
    plugin: String,
    /// SHA-256 of the plugin's bytes.
    plugin_hash: String,
    /// The plugin's own, as it was sent.
    #[schema(value_type = Object)]
    configuration: Box<RawValue>,
    /// SHA-256 of the configuration and the currency.
    configuration_hash: String,
    /// What a driver is shown before the session.
    components: Vec<Component>,
    /// Whether unit prices and totals may be negative.
    negative_prices: bool,
    created_at: Time,
}

/// A price that a driver is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct Component {
    per: Per,
    price: Amount,
    tax_included: bool,
    description: String,
}

/// What a displayed price is per.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Per {
    Kwh,
    Minute,
    Session,
    Other,
}

/// What a tariff is made or changed to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TariffPut {
    /// ISO 4217; the site's where nothing is said.
    #[schema(example = "EUR")]
    currency: Option<String>,
    /// The plugin's name; `pricing-ocpi` where nothing is said.
    plugin: Option<String>,
    /// The plugin's own: for `pricing-ocpi` an OCPI tariff.
    #[schema(value_type = Object)]
    configuration: Box<RawValue>,
    /// From when on it is in force; at once where nothing is said.
    valid_from: Option<Time>,
    /// Whether it holds where a station names no other.
    #[serde(default)]
    default: bool,
}

/// Lists the newest version of each tariff.
#[utoipa::path(
    get, path = "/api/v1/tariffs", tag = "tariffs", params(PageQuery),
    responses((status = 200, body = Page<Tariff>), (status = 400, body = ProblemDetails)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Tariff>>, Problem> {
    let limit = limit(query.limit)?;
    let after = cursor("newest tariffs", query.cursor.as_deref())?;
    let page = app.node.read(move |reader| newest_of_each(reader, after, limit));
    Ok(axum::Json(page.await?))
}

/// The newest version of a tariff.
#[utoipa::path(
    get, path = "/api/v1/tariffs/{tariff}", tag = "tariffs", params(("tariff" = String, Path)),
    responses((status = 200, body = Tariff), (status = 404, body = ProblemDetails)),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let found = find(&app, &names::tariff(&id)?).await?.ok_or_else(missing)?;
    Ok(versioned(&headers, found.put.version, &Tariff::from(found)))
}

/// All versions of a tariff, newest first.
#[utoipa::path(
    get, path = "/api/v1/tariffs/{tariff}/versions", tag = "tariffs",
    params(("tariff" = String, Path), PageQuery),
    responses((status = 200, body = Page<Tariff>), (status = 400, body = ProblemDetails)),
)]
pub async fn versions(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    Query(query): Query<PageQuery>,
) -> Result<axum::Json<Page<Tariff>>, Problem> {
    let id = names::tariff(&id)?;
    find(&app, &id).await?.ok_or_else(missing)?;
    let cursor = query.cursor.as_deref();
    let listing = Listing::new(Table::Tariff, &format!("{id}\0"), true, query.limit, cursor)?;
    let page = app.node.read(move |reader| {
        listing.read(reader, |key, row| listed::<row::Tariff>(key, row).map(Tariff::from))
    });
    Ok(axum::Json(page.await?))
}

/// One version of a tariff.
#[utoipa::path(
    get, path = "/api/v1/tariffs/{tariff}/versions/{version}", tag = "tariffs",
    params(("tariff" = String, Path), ("version" = u64, Path)),
    responses((status = 200, body = Tariff), (status = 404, body = ProblemDetails)),
)]
pub async fn version(
    State(app): State<Arc<App>>,
    Path((id, version)): Path<(String, u64)>,
) -> Result<axum::Json<Tariff>, Problem> {
    let key = Key::tariff(&names::tariff(&id)?, version);
    let found = app.node.read(move |reader| body::<row::Tariff>(reader, &key)).await?;
    Ok(axum::Json(Tariff::from(found.ok_or_else(missing)?)))
}

/// Makes a new version of a tariff, once its plugin has prepared it. Sending what stands already
/// makes none.
#[utoipa::path(
    put, path = "/api/v1/tariffs/{tariff}", tag = "tariffs",
    params(
        ("tariff" = String, Path),
        ("If-Match" = Option<String>, Header, description = "The ETag that has to be there"),
        ("If-None-Match" = Option<String>, Header, description = "`*`: it must not be there"),
    ),
    request_body = TariffPut,
    responses(
        (status = 200, body = Version), (status = 201, body = Version),
        (status = 409, body = ProblemDetails), (status = 412, body = ProblemDetails),
        (status = 422, body = ProblemDetails),
    ),
)]
pub async fn put(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    axum::Extension(Caller(actor)): axum::Extension<Caller>,
    Json(asked): Json<TariffPut>,
) -> Result<Response, Problem> {
    let id = names::tariff(&id)?;
    let currency = currency_of(&app, asked.currency.as_deref())?;
    let plugin = asked.plugin.unwrap_or_else(|| USUAL_PLUGIN.to_owned());
    let plugin_hash = hash_of(&app, &plugin).await?;
    let configuration: Box<str> = asked.configuration.get().trim().into();
    let (prepared, configuration_hash) =
        prepare(&app, plugin_hash, &configuration, currency).await?;
    let current = find(&app, &id).await?.map(|found| found.put);
    let precondition = precondition(&headers, || current.as_ref().map(|put| put.version))?;
    let put = Put {
        at: Timestamp(0),
        actor: actor.clone(),
        tariff: id,
        version: 0,
        valid_from: asked.valid_from.map_or(Timestamp(0), |from| from.0),
        currency,
        plugin: plugin.into(),
        plugin_hash,
        configuration,
        configuration_hash,
        prepared,
        default: asked.default,
    };
    let headers_say_nothing = precondition == busbar_charging::input::Precondition::None;
    if let Some(current) = current.filter(|current| headers_say_nothing && same(current, &put)) {
        return Ok(axum::Json(Version { version: current.version }).into_response());
    }
    let request = Request::PutTariff(Box::new(put), precondition);
    let done = app.node.ask(Subject::Network, actor, request, PATIENCE).await?;
    let version = if let Done::Version(version) = done { version } else { 0 };
    let code = if version == 1 { StatusCode::CREATED } else { StatusCode::OK };
    Ok((code, axum::Json(Version { version })).into_response())
}

/// The newest version of a tariff.
pub(super) fn newest(
    reader: &dyn Reader,
    tariff: &TariffId,
) -> Result<Option<row::Tariff>, StoreError> {
    let prefix = Key { table: Table::Tariff, path: format!("{tariff}\0") };
    let range = Range { prefix, after: None, reverse: true, limit: 1 };
    reader.page(&range)?.first().map(|(_, row)| decode(row)).transpose()
}

/// Jumps from tariff to tariff, over the older versions of each.
fn newest_of_each(
    reader: &dyn Reader,
    mut after: Option<String>,
    limit: usize,
) -> Result<Page<Tariff>, StoreError> {
    let mut items = Vec::new();
    loop {
        let prefix = Key { table: Table::Tariff, path: String::new() };
        let range = Range { prefix, after: after.clone(), reverse: false, limit: 1 };
        let Some((key, _)) = reader.page(&range)?.pop() else {
            return Ok(Page { items, next_cursor: None });
        };
        if items.len() == limit {
            let next_cursor = after.map(|after| to_cursor("newest tariffs", &after));
            return Ok(Page { items, next_cursor });
        }
        let id: TariffId = key.path.split('\0').next().unwrap_or("").into();
        items.extend(newest(reader, &id)?.map(Tariff::from));
        // Beyond every version: they are digits.
        after = Some(format!("{id}\0~"));
    }
}

/// Whether a tariff is asked for that stands already.
fn same(current: &Put, asked: &Put) -> bool {
    let in_force = asked.valid_from == Timestamp(0) || asked.valid_from == current.valid_from;
    in_force
        && current.currency == asked.currency
        && current.plugin == asked.plugin
        && current.plugin_hash == asked.plugin_hash
        && current.configuration == asked.configuration
        && current.default == asked.default
}

async fn find(app: &App, tariff: &TariffId) -> Result<Option<row::Tariff>, Problem> {
    let tariff = tariff.clone();
    Ok(app.node.read(move |reader| newest(reader, &tariff)).await?)
}

fn missing() -> Problem {
    Kind::NotFound.because("there is no such tariff")
}

fn currency_of(app: &App, asked: Option<&str>) -> Result<Currency, Problem> {
    let Some(code) = asked else { return Ok(app.site.currency) };
    Currency::parse(code).ok_or_else(|| {
        let detail = "three capital letters of ISO 4217";
        Kind::InvalidBody.because(format!("/currency: {detail}")).at("/currency", detail)
    })
}

async fn hash_of(app: &App, plugin: &str) -> Result<Hash, Problem> {
    let wrong = |detail: &str| {
        Kind::InvalidTariff.because(format!("/plugin: {detail}")).at("/plugin", detail)
    };
    names::plain("plugin", plugin).map_err(|_| wrong("this is no plugin's name"))?;
    let key = Key::plugin(plugin);
    let found = app.node.read(move |reader| body::<row::Plugin>(reader, &key)).await?;
    let found = found.ok_or_else(|| wrong("no plugin of this name is installed"))?.installed;
    if &*found.world != "pricing" {
        return Err(wrong("this plugin does not price"));
    }
    Ok(found.hash)
}

async fn prepare(
    app: &App,
    plugin: Hash,
    configuration: &str,
    currency: Currency,
) -> Result<(PreparedTariff, Hash), Problem> {
    let text = configuration.to_owned();
    let prepared =
        app.node.with_plugins(move |plugins| plugins.prepare(plugin, &text, currency)).await?;
    prepared.map_err(|error| {
        let problem = Kind::InvalidTariff.because(sentence(&error));
        match error {
            PriceError::InvalidConfiguration { at, message } => {
                problem.at(format!("/configuration{at}"), message)
            }
            _ => problem,
        }
    })
}

impl From<row::Tariff> for Tariff {
    fn from(row::Tariff { put }: row::Tariff) -> Self {
        let component = |component: PriceComponent| Component {
            per: match component.unit {
                PriceUnit::PerKwh => Per::Kwh,
                PriceUnit::PerMinute => Per::Minute,
                PriceUnit::PerSession => Per::Session,
                PriceUnit::Other => Per::Other,
            },
            price: Amount::new(component.price, put.currency),
            tax_included: component.tax_included,
            description: component.description,
        };
        let configuration = RawValue::from_string(put.configuration.into());
        Self {
            id: put.tariff.to_string(),
            version: put.version,
            valid_from: Time(put.valid_from),
            default: put.default,
            currency: put.currency.to_string(),
            plugin: put.plugin.into(),
            plugin_hash: put.plugin_hash.to_string(),
            configuration: configuration.unwrap_or_else(|_| RawValue::NULL.to_owned()),
            configuration_hash: put.configuration_hash.to_string(),
            components: put.prepared.components.into_iter().map(component).collect(),
            negative_prices: put.prepared.negative_prices,
            created_at: Time(put.at),
        }
    }
}
