//! `transactions`: what stations reported, message by message. Must never change them.

use std::sync::Arc;

use axum::extract::State;
use busbar_charging::fact::metering::{
    ChargingState, Measurand, Reading as StoredReading, ReadingContext, ReadingValue, ReportKind,
};
use busbar_charging::fact::transaction::{ReportRecord, TransactionRecord};
use busbar_charging::ids::{StationId, TransactionId};
use busbar_charging::row;
use busbar_charging::subject::{Key, Table};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::tokens::TokenName;
use super::{body, listed};
use crate::http::App;
use crate::http::body::{Path, Query};
use crate::http::names;
use crate::http::page::{Listing, Page};
use crate::http::problem::{Kind, Problem, ProblemDetails};
use crate::http::units::{A, Thousandths, Time, W, Wh};

/// A transaction, as its station reported it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Transaction {
    station_id: String,
    /// At its station: text in 2.x, digits in 1.6.
    id: String,
    session_id: String,
    visit_id: String,
    /// True where its start was never seen.
    orphan: bool,
    /// True when no message still to come can change its bill.
    complete: bool,
    last_received_at: Time,
    /// How many messages came.
    message_count: usize,
    /// The messages; only on the page of one transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<Vec<Message>>,
    /// Readings from outside its messages; only on the page of one transaction.
    #[serde(skip_serializing_if = "Option::is_none")]
    readings: Option<Vec<Reading>>,
}

/// A message about a transaction.
#[derive(Debug, Serialize, ToSchema)]
pub struct Message {
    received_at: Time,
    /// By the station's clock.
    at: Time,
    kind: MessageKind,
    /// 2.x `seqNo`.
    sequence_number: Option<i64>,
    trigger: String,
    offline: bool,
    evse_id: Option<u32>,
    connector_id: Option<u32>,
    token: Option<TokenName>,
    state: Option<MessageState>,
    stopped_reason: Option<String>,
    readings: Vec<Reading>,
}

/// What a message says about its transaction's course.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum MessageKind {
    Started,
    Updated,
    Ended,
}

/// What flows, and who stopped it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum MessageState {
    Idle,
    EvConnected,
    Charging,
    SuspendedEv,
    SuspendedEvse,
}

/// A reading. Exactly one of the values is there.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(default)]
pub struct Reading {
    /// By the station's clock.
    at: Option<Time>,
    context: &'static str,
    measurand: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    energy_wh: Option<Wh>,
    #[serde(skip_serializing_if = "Option::is_none")]
    power_w: Option<W>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_a: Option<A>,
    /// In `unit`.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Thousandths>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// A signed value, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    signed: Option<String>,
    /// What could not be read, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

/// What a list of transactions takes.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct TransactionQuery {
    /// Only those of this station.
    #[param(required = false)]
    station: Option<String>,
    /// At most so many: 1 to 500, 50 where nothing is said.
    #[param(required = false)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    #[param(required = false)]
    cursor: Option<String>,
}

/// Lists transactions by station.
#[utoipa::path(
    get, path = "/api/v1/transactions", tag = "charging", params(TransactionQuery),
    responses((status = 200, body = Page<Transaction>), (status = 400, body = ProblemDetails)),
)]
pub async fn list(
    State(app): State<Arc<App>>,
    Query(query): Query<TransactionQuery>,
) -> Result<axum::Json<Page<Transaction>>, Problem> {
    let prefix = match &query.station {
        Some(station) => format!("{}\0", names::station(station)?),
        None => String::new(),
    };
    let cursor = query.cursor.as_deref();
    let listing = Listing::new(Table::Transaction, &prefix, false, query.limit, cursor)?;
    let page = app.node.read(move |reader| {
        listing.read(reader, |key, row| {
            let station = key.path.split('\0').next()?.into();
            listed::<row::Transaction>(key, row).map(|row| short(&station, &row.record))
        })
    });
    Ok(axum::Json(page.await?))
}

/// One transaction with all its messages.
#[utoipa::path(
    get, path = "/api/v1/transactions/{station}/{transaction}", tag = "charging",
    params(("station" = String, Path), ("transaction" = String, Path)),
    responses((status = 200, body = Transaction), (status = 404, body = ProblemDetails)),
)]
pub async fn get(
    State(app): State<Arc<App>>,
    Path((station, transaction)): Path<(String, String)>,
) -> Result<axum::Json<Transaction>, Problem> {
    let missing = || Kind::NotFound.because("there is no such transaction");
    let station = names::station(&station)?;
    names::plain("transaction", &transaction).map_err(|_| missing())?;
    let key = Key::transaction(&station, &TransactionId::from(&*transaction));
    let found = app.node.read(move |reader| body::<row::Transaction>(reader, &key)).await?;
    let record = found.ok_or_else(missing)?.record;
    let whole = short(&station, &record);
    Ok(axum::Json(Transaction {
        messages: Some(record.reports.into_iter().map(message).collect()),
        readings: Some(record.readings.into_iter().map(reading).collect()),
        ..whole
    }))
}

fn short(station: &StationId, record: &TransactionRecord) -> Transaction {
    Transaction {
        station_id: station.to_string(),
        id: record.transaction.to_string(),
        session_id: record.session.to_string(),
        visit_id: record.visit.to_string(),
        orphan: record.orphan,
        complete: record.complete,
        last_received_at: Time(record.last_received),
        message_count: record.reports.len(),
        messages: None,
        readings: None,
    }
}

fn message(record: ReportRecord) -> Message {
    let report = record.report;
    Message {
        received_at: Time(record.received),
        at: Time(report.at),
        kind: match report.kind {
            ReportKind::Started => MessageKind::Started,
            ReportKind::Updated => MessageKind::Updated,
            ReportKind::Ended => MessageKind::Ended,
        },
        sequence_number: report.seq,
        trigger: report.trigger.into(),
        offline: report.offline,
        evse_id: report.evse,
        connector_id: report.connector,
        token: report.token.as_ref().map(TokenName::from),
        state: report.state.map(state),
        stopped_reason: report.stopped_reason.map(Into::into),
        readings: report.readings.into_iter().map(reading).collect(),
    }
}

fn state(state: ChargingState) -> MessageState {
    match state {
        ChargingState::Idle => MessageState::Idle,
        ChargingState::EvConnected => MessageState::EvConnected,
        ChargingState::Charging => MessageState::Charging,
        ChargingState::SuspendedEv => MessageState::SuspendedEv,
        ChargingState::SuspendedEvse => MessageState::SuspendedEvse,
    }
}

fn reading(reading: StoredReading) -> Reading {
    let plain = Reading {
        at: Some(Time(reading.at)),
        context: match reading.context {
            ReadingContext::Begin => "begin",
            ReadingContext::Sample => "sample",
            ReadingContext::End => "end",
        },
        measurand: measurand(reading.measurand),
        phase: reading.phase.map(Into::into),
        location: reading.location.map(Into::into),
        ..Reading::default()
    };
    match reading.value {
        ReadingValue::Energy(energy) => Reading { energy_wh: Some(Wh(energy)), ..plain },
        ReadingValue::Power(power) => Reading { power_w: Some(W(power)), ..plain },
        ReadingValue::Current(current) => Reading { current_a: Some(A(current)), ..plain },
        ReadingValue::Other { thousandths, unit } => {
            let value = Some(Thousandths(thousandths));
            Reading { value, unit: Some(unit.into()), ..plain }
        }
        ReadingValue::Signed { data, .. } => Reading { signed: Some(data.into()), ..plain },
        ReadingValue::Unreadable(text) => Reading { unreadable: Some(text.into()), ..plain },
    }
}

/// As OCPP spells it.
fn measurand(measurand: Measurand) -> String {
    match measurand {
        Measurand::EnergyImport => "Energy.Active.Import.Register".into(),
        Measurand::EnergyImportInterval => "Energy.Active.Import.Interval".into(),
        Measurand::EnergyExport => "Energy.Active.Export.Register".into(),
        Measurand::PowerImport => "Power.Active.Import".into(),
        Measurand::CurrentImport => "Current.Import".into(),
        Measurand::Voltage => "Voltage".into(),
        Measurand::StateOfCharge => "SoC".into(),
        Measurand::Other(name) => name.into(),
    }
}
