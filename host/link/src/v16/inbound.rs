//! Owns what 1.6's requests say in the core's words.
//! Must never refuse what a station reports about a transaction for what it means (OCPP.md rule 5).

use busbar_charging::fact::metering::{ReadingContext, Report, ReportKind};
use busbar_charging::fact::station::ConnectorStatus;
use busbar_charging::ids::{IdToken, TokenKind, TransactionId};
use busbar_charging::input::{StationEvent, TransactionRef};
use busbar_ocpp::v16 as wire;
use busbar_ocpp::values::Time;
use busbar_ocpp::{Decoded, Fault, Leniency};

use super::{metering, outbound};
use crate::adapter::{Answer, Said};
use crate::metering::register;
use crate::words::{self, given, said, within};

/// Every connector of 1.6 is the first of an EVSE of its own.
const CONNECTOR: u32 = 1;
/// Why a transaction stopped where a station does not say (PITFALLS 16).
const DEFAULT_REASON: &str = "Local";

/// Reads the payload of a call.
pub(crate) fn read(
    action: &str,
    payload: &str,
    leniency: Leniency,
) -> Result<Decoded<Said>, Fault> {
    match wire::Request::decode(action, payload, leniency) {
        Ok(decoded) => Ok(decoded.map(|request| meaning(&request, payload))),
        Err(fault) if leniency == Leniency::Tolerant && action == "StatusNotification" => {
            occupied(payload, leniency, &fault).ok_or(fault)
        }
        Err(fault) => Err(fault),
    }
}

fn meaning(request: &wire::Request, payload: &str) -> Said {
    let (event, answer) = match request {
        wire::Request::Heartbeat(_) => return Said::Heartbeat,
        wire::Request::BootNotification(boot) => (booted(boot), Answer::Boot),
        wire::Request::Authorize(authorize) => {
            let token = id_token(&authorize.id_tag);
            (StationEvent::Authorize { token }, Answer::Authorize)
        }
        wire::Request::StartTransaction(start) => (started(start), Answer::Start),
        wire::Request::StopTransaction(stop) => {
            let token = stopping_token(stop).is_some();
            (stopped(stop), Answer::Stop { token })
        }
        wire::Request::MeterValues(values) => (metered(values), Answer::Plain("{}".into())),
        wire::Request::StatusNotification(status) => {
            (self::status(status), Answer::Plain("{}".into()))
        }
        other => {
            let event =
                StationEvent::Other { action: other.action().into(), payload: payload.into() };
            (event, Answer::Plain(outbound::plain(other).into()))
        }
    };
    Said::Events { events: vec![event], answer }
}

/// 1.6's idTag, of the one kind that it can be.
pub(super) fn id_token(id_tag: &str) -> IdToken {
    IdToken::new(TokenKind::Iso14443, id_tag)
}

fn booted(boot: &wire::BootNotificationRequest) -> StationEvent {
    let serial = boot.charge_point_serial_number.as_deref().and_then(said);
    let box_serial = boot.charge_box_serial_number.as_deref().and_then(said);
    StationEvent::Booted {
        vendor: boot.charge_point_vendor.as_str().into(),
        model: boot.charge_point_model.as_str().into(),
        serial: serial.or(box_serial).map(Into::into),
        firmware: boot.firmware_version.as_deref().and_then(said).map(Into::into),
        reason: None,
    }
}

fn started(start: &wire::StartTransactionRequest) -> StationEvent {
    let at = words::at(&start.timestamp);
    let report = Report {
        token: Some(id_token(&start.id_tag)),
        reservation: start.reservation_id.and_then(given),
        readings: vec![register(at, ReadingContext::Begin, start.meter_start)],
        ..report(ReportKind::Started, &start.timestamp, "StartTransaction", start.connector_id)
    };
    StationEvent::Transaction { transaction: TransactionRef::Issue, report, wants_cost: false }
}

fn stopped(stop: &wire::StopTransactionRequest) -> StationEvent {
    let at = words::at(&stop.timestamp);
    let data = stop.transaction_data.iter().flatten();
    let mut readings: Vec<_> =
        data.flat_map(|data| metering::readings(&data.timestamp, &data.sampled_value)).collect();
    readings.push(register(at, ReadingContext::End, stop.meter_stop));
    let reason = stop.reason.as_ref().map_or(DEFAULT_REASON, wire::Reason::as_str);
    let report = Report {
        token: stopping_token(stop).map(id_token),
        stopped_reason: Some(reason.into()),
        readings,
        ..report(ReportKind::Ended, &stop.timestamp, "StopTransaction", 0)
    };
    transaction(stop.transaction_id, report)
}

/// The stopping idTag; an empty one is none (QUIRKS Q41).
fn stopping_token(stop: &wire::StopTransactionRequest) -> Option<&str> {
    stop.id_tag.as_deref().and_then(said)
}

/// With the id of a transaction a message about it, else readings of a place: 0 and -1 are ids
/// that no CSMS gave (QUIRKS Q38, PITFALLS 48 and 85).
fn metered(values: &wire::MeterValuesRequest) -> StationEvent {
    let readings: Vec<_> = values
        .meter_value
        .iter()
        .flat_map(|value| metering::readings(&value.timestamp, &value.sampled_value))
        .collect();
    let first =
        values.meter_value.iter().map(|value| &value.timestamp).min_by_key(|t| t.epoch_ms());
    match (values.transaction_id.and_then(given), first) {
        (Some(id), Some(first)) => {
            let report = report(ReportKind::Updated, first, "MeterValues", values.connector_id);
            transaction(id, Report { readings, ..report })
        }
        _ => StationEvent::Readings {
            evse: words::place(values.connector_id).unwrap_or_default(),
            readings,
        },
    }
}

fn transaction(id: i64, report: Report) -> StationEvent {
    let transaction = TransactionRef::Known(TransactionId::from(id.to_string().as_str()));
    StationEvent::Transaction { transaction, report, wants_cost: false }
}

/// What all messages about a transaction have in common; `connector` 0 where none is told.
fn report(kind: ReportKind, time: &Time, action: &str, connector: i64) -> Report {
    let evse = within(connector);
    Report {
        kind,
        at: words::at(time),
        seq: None,
        trigger: action.into(),
        offline: false,
        evse,
        connector: evse.map(|_| CONNECTOR),
        token: None,
        state: None,
        stopped_reason: None,
        remote_start: None,
        reservation: None,
        readings: Vec::new(),
    }
}

fn status(status: &wire::StatusNotificationRequest) -> StationEvent {
    let evse = words::place(status.connector_id).unwrap_or_default();
    let known = words::connector_status(status.status.as_str());
    StationEvent::Status {
        evse,
        connector: if evse == 0 { 0 } else { CONNECTOR },
        // Every name of 1.6 is known; a fault is what shows if that should change.
        status: known.unwrap_or(ConnectorStatus::Faulted),
        reported: status.timestamp.as_ref().and_then(words::set_clock),
        error: error(status),
    }
}

/// What is wrong with a connector, in one line: the code and what came with it. Some stations
/// write out that there is nothing (QUIRKS Q29).
fn error(status: &wire::StatusNotificationRequest) -> Option<Box<str>> {
    if status.error_code == wire::ChargePointErrorCode::NoError {
        return None;
    }
    let nothing = |text: &&str| !matches!(*text, "null" | "0" | "0x0000");
    let vendor_code = status.vendor_error_code.as_deref().and_then(said).filter(nothing);
    let info = status.info.as_deref().and_then(said).filter(nothing);
    let vendor = status.vendor_id.as_deref().and_then(said).filter(|_| vendor_code.is_some());
    let parts = [Some(status.error_code.as_str()), vendor, vendor_code, info];
    Some(parts.into_iter().flatten().collect::<Vec<_>>().join(", ").into())
}

/// Stations of the days of 1.5 say `Occupied` (QUIRKS Q27): that loses nothing, since 2.x has the
/// word. Anything else that is wrong with the message still refuses it.
fn occupied(payload: &str, leniency: Leniency, fault: &Fault) -> Option<Decoded<Said>> {
    let mut message: serde_json::Value = serde_json::from_str(payload).ok()?;
    let status = message.get_mut("status").filter(|status| *status == "Occupied")?;
    *status = wire::ChargePointStatus::Available.as_str().into();
    let decoded =
        wire::Request::decode("StatusNotification", &message.to_string(), leniency).ok()?;
    let mut said = meaning(&decoded.message, payload);
    if let Said::Events { events, .. } = &mut said
        && let [StationEvent::Status { status, .. }] = events.as_mut_slice()
    {
        *status = ConnectorStatus::Occupied;
    }
    Some(Decoded { message: said, violations: fault.violations.clone() })
}
