//! Owns how the orders of a 1.6 server are read and answered. Must never decide what the station
//! does.

use busbar_ocpp::v16::{self as ocpp, Request, Response};
use busbar_ocpp::{ErrorCode, Leniency, Side, Version, accepts};

use super::super::text;
use super::limits;
use crate::settings::Written;
use crate::station::{Order, Reply, Station, Wanted};
use crate::words::{Report, Token};

pub(in crate::wire) fn obey(
    station: &mut Station,
    action: &str,
    payload: &str,
) -> Result<String, ErrorCode> {
    accepts(Version::V16, Side::Station, action)?;
    let decoded = Request::decode(action, payload, Leniency::Strict).map_err(|fault| fault.code)?;
    let response = charging(station, decoded.message)
        .or_else(|request| limits::obey(station, request))
        .or_else(|request| visits(station, request))
        .or_else(|request| upkeep(station, request));
    response.map(|response| response.encode()).map_err(|()| ErrorCode::NotSupported)
}

/// Orders about charging; gives back what is none.
fn charging(station: &mut Station, request: Request) -> Result<Response, Request> {
    Ok(match request {
        Request::RemoteStartTransaction(start) => {
            let reply = station.obey(Order::Start {
                evse: start.connector_id.map(evse),
                token: Token::card(start.id_tag.as_str()),
                remote_start_id: 0,
                limit: start.charging_profile.as_ref().map(|limit| limits::read(0, limit)),
            });
            let status = started(reply);
            ocpp::RemoteStartTransactionResponse { status, ..Default::default() }.into()
        }
        Request::RemoteStopTransaction(stop) => {
            let reply = station.obey(Order::Stop(stop.transaction_id.to_string()));
            let status = started(reply);
            ocpp::RemoteStopTransactionResponse { status, ..Default::default() }.into()
        }
        Request::UnlockConnector(unlock) => {
            let status = match station.obey(Order::Unlock(evse(unlock.connector_id))) {
                Reply::Accepted => ocpp::UnlockStatus::Unlocked,
                _ => ocpp::UnlockStatus::NotSupported,
            };
            ocpp::UnlockConnectorResponse { status, ..Default::default() }.into()
        }
        other => return Err(other),
    })
}

/// Orders about reservations; gives back what is none.
fn visits(station: &mut Station, request: Request) -> Result<Response, Request> {
    Ok(match request {
        Request::ReserveNow(reserve) => {
            let reply = station.obey(Order::Reserve {
                id: reserve.reservation_id,
                evse: evse(reserve.connector_id),
                token: Token::card(reserve.id_tag.as_str()),
                until_ms: reserve.expiry_date.epoch_ms(),
            });
            let status = reserved(reply);
            ocpp::ReserveNowResponse { status, ..Default::default() }.into()
        }
        Request::CancelReservation(cancel) => {
            let status = match station.obey(Order::CancelReservation(cancel.reservation_id)) {
                Reply::Accepted => ocpp::CancelReservationStatus::Accepted,
                _ => ocpp::CancelReservationStatus::Rejected,
            };
            ocpp::CancelReservationResponse { status, ..Default::default() }.into()
        }
        other => return Err(other),
    })
}

/// Orders about the station itself.
fn upkeep(station: &mut Station, request: Request) -> Result<Response, ()> {
    Ok(match request {
        Request::Reset(reset) => {
            let hard = reset.r#type == ocpp::ResetType::Hard;
            let status = match station.obey(Order::Reset { hard }) {
                Reply::Accepted => ocpp::ResetStatus::Accepted,
                _ => ocpp::ResetStatus::Rejected,
            };
            ocpp::ResetResponse { status, ..Default::default() }.into()
        }
        Request::ChangeAvailability(change) => {
            let operative = change.r#type == ocpp::AvailabilityType::Operative;
            let order = Order::Availability { evse: evse(change.connector_id), operative };
            let status = match station.obey(order) {
                Reply::Accepted => ocpp::AvailabilityStatus::Accepted,
                Reply::Scheduled => ocpp::AvailabilityStatus::Scheduled,
                _ => ocpp::AvailabilityStatus::Rejected,
            };
            ocpp::ChangeAvailabilityResponse { status, ..Default::default() }.into()
        }
        Request::TriggerMessage(trigger) => {
            let status = trigger_message(station, &trigger);
            ocpp::TriggerMessageResponse { status, ..Default::default() }.into()
        }
        Request::ExtendedTriggerMessage(trigger) => {
            let status = extended_trigger(station, &trigger);
            ocpp::ExtendedTriggerMessageResponse { status, ..Default::default() }.into()
        }
        Request::GetConfiguration(get) => configuration(station, &get).into(),
        Request::ChangeConfiguration(change) => {
            let status = match station.write(change.key.as_str(), change.value.as_str()) {
                Written::Accepted => ocpp::ConfigurationStatus::Accepted,
                Written::Rejected => ocpp::ConfigurationStatus::Rejected,
                Written::Unknown => ocpp::ConfigurationStatus::NotSupported,
            };
            ocpp::ChangeConfigurationResponse { status, ..Default::default() }.into()
        }
        Request::GetLocalListVersion(_) => ocpp::GetLocalListVersionResponse {
            list_version: station.list_version(),
            ..Default::default()
        }
        .into(),
        Request::SendLocalList(list) => {
            station.obey(Order::LocalList(list.list_version));
            ocpp::SendLocalListResponse::default().into()
        }
        other => return files(station, other),
    })
}

/// Orders about firmware, logs and certificates, and what has no effect here.
fn files(station: &mut Station, request: Request) -> Result<Response, ()> {
    Ok(match request {
        Request::ClearCache(_) => ocpp::ClearCacheResponse::default().into(),
        Request::DataTransfer(_) => ocpp::DataTransferResponse {
            status: ocpp::DataTransferStatus::UnknownVendorId,
            ..Default::default()
        }
        .into(),
        Request::GetDiagnostics(_) => {
            station.report(Report::Log { request_id: None });
            let file_name = Some(text("diagnostics.log"));
            ocpp::GetDiagnosticsResponse { file_name, ..Default::default() }.into()
        }
        Request::GetLog(get) => {
            station.report(Report::Log { request_id: Some(get.request_id) });
            let filename = Some(text("security.log"));
            ocpp::GetLogResponse { filename, ..Default::default() }.into()
        }
        Request::UpdateFirmware(_) => {
            station.report(Report::Firmware { request_id: None, signed: false });
            ocpp::UpdateFirmwareResponse::default().into()
        }
        Request::SignedUpdateFirmware(update) => {
            let request_id = Some(update.request_id);
            station.report(Report::Firmware { request_id, signed: true });
            ocpp::SignedUpdateFirmwareResponse::default().into()
        }
        Request::CertificateSigned(_) => ocpp::CertificateSignedResponse::default().into(),
        Request::InstallCertificate(_) => ocpp::InstallCertificateResponse::default().into(),
        Request::DeleteCertificate(_) => ocpp::DeleteCertificateResponse {
            status: ocpp::DeleteCertificateStatusEnumType::NotFound,
            ..Default::default()
        }
        .into(),
        Request::GetInstalledCertificateIds(_) => ocpp::GetInstalledCertificateIdsResponse {
            status: ocpp::GetInstalledCertificateStatusEnumType::NotFound,
            ..Default::default()
        }
        .into(),
        _ => return Err(()),
    })
}

pub(super) fn evse(connector_id: i64) -> u16 {
    u16::try_from(connector_id).unwrap_or(u16::MAX)
}

fn started(reply: Reply) -> ocpp::RemoteStartStopStatus {
    match reply {
        Reply::Accepted => ocpp::RemoteStartStopStatus::Accepted,
        _ => ocpp::RemoteStartStopStatus::Rejected,
    }
}

fn reserved(reply: Reply) -> ocpp::ReservationStatus {
    match reply {
        Reply::Accepted => ocpp::ReservationStatus::Accepted,
        Reply::Occupied => ocpp::ReservationStatus::Occupied,
        Reply::Unavailable => ocpp::ReservationStatus::Unavailable,
        _ => ocpp::ReservationStatus::Rejected,
    }
}

fn trigger_message(
    station: &mut Station,
    trigger: &ocpp::TriggerMessageRequest,
) -> ocpp::TriggerMessageStatus {
    let wanted = match trigger.requested_message {
        ocpp::MessageTrigger::BootNotification => Wanted::Boot,
        ocpp::MessageTrigger::DiagnosticsStatusNotification => Wanted::Log,
        ocpp::MessageTrigger::FirmwareStatusNotification => Wanted::Firmware,
        ocpp::MessageTrigger::Heartbeat => Wanted::Heartbeat,
        ocpp::MessageTrigger::MeterValues => Wanted::Readings,
        ocpp::MessageTrigger::StatusNotification => Wanted::Status,
    };
    match station.obey(Order::Trigger { wanted, evse: trigger.connector_id.map(evse) }) {
        Reply::Accepted => ocpp::TriggerMessageStatus::Accepted,
        _ => ocpp::TriggerMessageStatus::Rejected,
    }
}

fn extended_trigger(
    station: &mut Station,
    trigger: &ocpp::ExtendedTriggerMessageRequest,
) -> ocpp::TriggerMessageStatusEnumType {
    let wanted = match trigger.requested_message {
        ocpp::MessageTriggerEnumType::BootNotification => Wanted::Boot,
        ocpp::MessageTriggerEnumType::LogStatusNotification => Wanted::Log,
        ocpp::MessageTriggerEnumType::FirmwareStatusNotification => Wanted::Firmware,
        ocpp::MessageTriggerEnumType::Heartbeat => Wanted::Heartbeat,
        ocpp::MessageTriggerEnumType::MeterValues => Wanted::Readings,
        ocpp::MessageTriggerEnumType::StatusNotification => Wanted::Status,
        ocpp::MessageTriggerEnumType::SignChargePointCertificate => {
            return ocpp::TriggerMessageStatusEnumType::NotImplemented;
        }
    };
    match station.obey(Order::Trigger { wanted, evse: trigger.connector_id.map(evse) }) {
        Reply::Accepted => ocpp::TriggerMessageStatusEnumType::Accepted,
        _ => ocpp::TriggerMessageStatusEnumType::Rejected,
    }
}

fn configuration(
    station: &Station,
    get: &ocpp::GetConfigurationRequest,
) -> ocpp::GetConfigurationResponse {
    let asked = get.key.as_deref().unwrap_or_default();
    let wanted = |key: &str| asked.is_empty() || asked.iter().any(|k| k.eq_ignore_ascii_case(key));
    let known = station.settings().iter().filter(|setting| wanted(setting.key));
    let known = known.map(|setting| ocpp::KeyValue {
        key: text(setting.key),
        readonly: !setting.writable,
        value: Some(text(&setting.value)),
        ..Default::default()
    });
    let unknown = asked.iter().filter(|key| station.settings().by_key(key).is_none());
    let unknown: Vec<_> = unknown.map(|key| text(key.as_str())).collect();
    ocpp::GetConfigurationResponse {
        configuration_key: Some(known.collect()),
        unknown_key: (!unknown.is_empty()).then_some(unknown),
        ..Default::default()
    }
}
