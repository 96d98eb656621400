//! `cdrs`: sealed bills, with everything that made them. Must never change one.

use std::sync::Arc;

use axum::extract::State;
use busbar_charging::fact::metering::{Reading as StoredReading, ReadingValue};
use busbar_charging::fact::transaction::{CdrKind, CdrSealed};
use busbar_charging::ids::CdrId;
use busbar_charging::row;
use busbar_charging::subject::{Key, Table};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::billing::{Line, PricedSession, Quote};
use super::stations::actor_name;
use super::tokens::TokenName;
use super::{body, listed};
use crate::http::App;
use crate::http::body::{Path, Query};
use crate::http::names;
use crate::http::page::{Listing, Page};
use crate::http::problem::{Kind, Problem, ProblemDetails};
use crate::http::units::{Cost, Time, Wh};
use crate::verify::{Verdict, verify as verify_cdr};

/// A charge detail record.
#[derive(Debug, Serialize, ToSchema)]
pub struct Cdr {
    id: String,
    kind: CdrType,
    /// The CDR that this one takes back.
    credits_cdr_id: Option<String>,
    session_id: String,
    visit_id: String,
    station_id: String,
    transaction_id: String,
    evse_id: Option<u32>,
    connector_id: Option<u32>,
    token: Option<TokenName>,
    sealed_at: Time,
    sealed_by: String,
    started_at: Time,
    ended_at: Time,
    energy_wh: Wh,
    cost: Cost,
    quote: Quote,
    /// The quote that the session had, where an operator priced it by another.
    repriced_from: Option<Quote>,
    /// The operator's reason, where there was one.
    reason: Option<String>,
    lines: Vec<Line>,
    /// The complete input of the price; only on the page of one CDR.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<PricedSession>,
    /// Signed readings, byte for byte; only on the page of one CDR.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    signed_readings: Vec<SignedReading>,
}

/// What a CDR is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum CdrType {
    /// A charge.
    Charge,
    /// The negation of an earlier CDR.
    Credit,
}

/// A signed reading.
#[derive(Debug, Serialize, ToSchema)]
pub struct SignedReading {
    at: Time,
    /// As it came.
    data: String,
    signing_method: Option<String>,
    encoding_method: Option<String>,
    public_key: Option<String>,
}

/// What came out when a CDR was priced again.
#[derive(Debug, Serialize, ToSchema)]
pub struct Verified {
    cdr_id: String,
    /// True when the same plugin bytes and input made the same lines and sums.
    verified: bool,
    /// What differs, or why it could not be run again.
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<String>,
    plugin_hash: String,
    configuration_hash: String,
}

/// What a list of CDRs takes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CdrQuery {
    /// Only those of this session.
    #[param(required = false)]
    session: Option<String>,
    /// Only those of this station.
    #[param(required = false)]
    station: Option<String>,
    /// Only those sealed at this point or later.
    #[param(required = false, value_type = String)]
    from: Option<Time>,
    /// Only those sealed before this point.
    #[param(required = false, value_type = String)]
    to: Option<Time>,
    /// At most so many: 1 to 500, 50 where nothing is said.
    #[param(required = false)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(required = false)]
    cursor: Option<String>,
}

/// Lists CDRs, newest first.
#[utoipa::path(
    get, path = "/api/v1/cdrs", tag = "charging", params(CdrQuery),
    responses((status = 200, body = Page<Cdr>), (status = 400, body = ProblemDetails)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<CdrQuery>,
) -> Result<axum::Json<Page<Cdr>>, Problem> {
    query.station.as_deref().map_or(Ok(()), |text| names::plain("station", text))?;
    query.session.as_deref().map_or(Ok(()), |text| names::plain("session", text))?;
    let listing = Listing::new(Table::Cdr, "", true, query.limit, query.cursor.as_deref())?;
    let page = app.node.read(move |reader| {
        listing.read(reader, |key, row| {
            listed::<row::Cdr>(key, row).filter(|cdr| query.wants(&cdr.sealed)).map(Cdr::short)
        })
    });
    Ok(axum::Json(page.await?))
}

/// One CDR with everything that made it.
#[utoipa::path(
    get, path = "/api/v1/cdrs/{cdr}", tag = "charging", params(("cdr" = String, Path)),
    responses((status = 200, body = Cdr), (status = 404, body = ProblemDetails)),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<axum::Json<Cdr>, Problem> {
    let key = Key::cdr(CdrId(names::uuid(&id)?));
    let found = app.node.read(move |reader| body::<row::Cdr>(reader, &key)).await?;
    Ok(axum::Json(Cdr::whole(found.ok_or_else(missing)?)))
}

/// Prices a CDR again by the same plugin bytes and input, and compares.
#[utoipa::path(
    get, path = "/api/v1/cdrs/{cdr}/verify", tag = "charging", params(("cdr" = String, Path)),
    responses((status = 200, body = Verified), (status = 404, body = ProblemDetails)),
)]
pub async fn verify(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<axum::Json<Verified>, Problem> {
    let key = Key::cdr(CdrId(names::uuid(&id)?));
    let found = app.node.read(move |reader| {
        let Some(row::Cdr { sealed }) = body(reader, &key)? else { return Ok(None) };
        let tariff = Key::tariff(&sealed.quote.tariff, sealed.quote.version);
        let tariff: Option<row::Tariff> = body(reader, &tariff)?;
        Ok(Some((sealed, tariff)))
    });
    let (sealed, tariff) = found.await?.ok_or_else(missing)?;
    let tariff = tariff.map(|tariff| tariff.put);
    let verified = app.node.with_plugins(move |plugins| {
        let verdict = verify_cdr(&sealed, tariff.as_ref(), plugins);
        Verified::new(&sealed, verdict)
    });
    Ok(axum::Json(verified.await?))
}

/// A CDR of a list, as the API shows it.
pub(crate) fn short(cdr: row::Cdr) -> serde_json::Value {
    serde_json::to_value(Cdr::short(cdr)).unwrap_or_default()
}

/// A CDR with everything that made it, as the API shows it.
pub(crate) fn whole(cdr: row::Cdr) -> serde_json::Value {
    serde_json::to_value(Cdr::whole(cdr)).unwrap_or_default()
}

/// What came out when a CDR was priced again, as the API shows it.
pub(crate) fn verified(cdr: &CdrSealed, verdict: Verdict) -> serde_json::Value {
    serde_json::to_value(Verified::new(cdr, verdict)).unwrap_or_default()
}

fn missing() -> Problem {
    Kind::NotFound.because("there is no such CDR")
}

impl Verified {
    fn new(cdr: &CdrSealed, verdict: Verdict) -> Self {
        let (verified, difference) = match verdict {
            Verdict::Same => (true, None),
            Verdict::Differs(why) => (false, Some(why)),
        };
        Self {
            cdr_id: cdr.cdr.to_string(),
            verified,
            difference,
            plugin_hash: cdr.quote.plugin_hash.to_string(),
            configuration_hash: cdr.quote.configuration_hash.to_string(),
        }
    }
}

impl CdrQuery {
    fn wants(&self, cdr: &CdrSealed) -> bool {
        self.session.as_deref().is_none_or(|session| session == cdr.session.to_string())
            && self.station.as_deref().is_none_or(|station| station == cdr.station.as_str())
            && self.from.is_none_or(|from| cdr.at >= from.0)
            && self.to.is_none_or(|to| cdr.at < to.0)
    }
}

impl Cdr {
    fn whole(row::Cdr { sealed }: row::Cdr) -> Self {
        let signed = sealed.signed.iter().filter_map(signed).collect();
        let input = Some(PricedSession::from(sealed.input.clone()));
        Self { input, signed_readings: signed, ..Self::short(sealed.into()) }
    }

    fn short(row::Cdr { sealed }: row::Cdr) -> Self {
        let currency = sealed.totals.payable.currency;
        let (kind, credits) = match &sealed.kind {
            CdrKind::Charge => (CdrType::Charge, None),
            CdrKind::Credit(cdr) => (CdrType::Credit, Some(cdr.to_string())),
        };
        Self {
            id: sealed.cdr.to_string(),
            kind,
            credits_cdr_id: credits,
            session_id: sealed.session.to_string(),
            visit_id: sealed.visit.to_string(),
            station_id: sealed.station.to_string(),
            transaction_id: sealed.transaction.to_string(),
            evse_id: sealed.evse,
            connector_id: sealed.connector,
            token: sealed.token.as_ref().map(TokenName::from),
            sealed_at: Time(sealed.at),
            sealed_by: actor_name(&sealed.actor),
            started_at: Time(sealed.input.start),
            ended_at: Time(sealed.input.end),
            energy_wh: Wh(sealed.energy),
            cost: Cost::from(&sealed.totals),
            quote: sealed.quote.into(),
            repriced_from: sealed.repriced_from.map(Quote::from),
            reason: sealed.reason.map(Into::into),
            lines: sealed.lines.into_iter().map(|line| Line::new(line, currency)).collect(),
            input: None,
            signed_readings: Vec::new(),
        }
    }
}

fn signed(reading: &StoredReading) -> Option<SignedReading> {
    let ReadingValue::Signed { data, method, encoding, public_key } = &reading.value else {
        return None;
    };
    let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
    Some(SignedReading {
        at: Time(reading.at),
        data: data.to_string(),
        signing_method: text(method),
        encoding_method: text(encoding),
        public_key: text(public_key),
    })
}
