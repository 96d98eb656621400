//! Owns how the orders of a 2.0.1 server are read and answered. Must never decide what the station
//! does.

use busbar_ocpp::v201::{self as ocpp, Request, Response};
use busbar_ocpp::{ErrorCode, Leniency, Side, Version, accepts};

use super::{limits, replies};
use crate::station::{Order, Reply, Station, Wanted};
use crate::words::{Token, TokenKind};

const VERSION: Version = Version::V201;

pub(in crate::wire) fn obey(
    station: &mut Station,
    action: &str,
    payload: &str,
) -> Result<String, ErrorCode> {
    accepts(VERSION, Side::Station, action)?;
    let decoded = Request::decode(action, payload, Leniency::Strict).map_err(|fault| fault.code)?;
    let answered = charging(station, decoded.message)
        .or_else(|request| limits::obey(station, request))
        .or_else(|request| visits(station, request))
        .or_else(|request| upkeep(station, request))
        .or_else(|request| replies::model(station, request))
        .map(|response| response.encode());
    answered.or_else(|request| replies::plausible(station, &request).ok_or(ErrorCode::NotSupported))
}

/// Orders about charging; gives back what is none.
fn charging(station: &mut Station, request: Request) -> Result<Response, Request> {
    Ok(match request {
        Request::RequestStartTransaction(start) => {
            let reply = station.obey(Order::Start {
                evse: start.evse_id.map(evse),
                token: token(&start.id_token),
                remote_start_id: start.remote_start_id,
                limit: start.charging_profile.as_ref().and_then(|limit| limits::read(0, limit)),
            });
            let status = started(reply);
            ocpp::RequestStartTransactionResponse { status, ..Default::default() }.into()
        }
        Request::RequestStopTransaction(stop) => {
            let reply = station.obey(Order::Stop(stop.transaction_id.as_str().to_owned()));
            let status = started(reply);
            ocpp::RequestStopTransactionResponse { status, ..Default::default() }.into()
        }
        Request::UnlockConnector(unlock) => {
            let status = match station.obey(Order::Unlock(evse(unlock.evse_id))) {
                Reply::Accepted => ocpp::UnlockStatusEnumType::Unlocked,
                Reply::Occupied => ocpp::UnlockStatusEnumType::OngoingAuthorizedTransaction,
                _ => ocpp::UnlockStatusEnumType::UnknownConnector,
            };
            ocpp::UnlockConnectorResponse { status, ..Default::default() }.into()
        }
        other => return Err(other),
    })
}

/// Orders about reservations, and questions about transactions; gives back what is none.
fn visits(station: &mut Station, request: Request) -> Result<Response, Request> {
    Ok(match request {
        Request::ReserveNow(reserve) => {
            let reply = station.obey(Order::Reserve {
                id: reserve.id,
                evse: reserve.evse_id.map_or(0, evse),
                token: token(&reserve.id_token),
                until_ms: reserve.expiry_date_time.epoch_ms(),
            });
            let status = match reply {
                Reply::Accepted => ocpp::ReserveNowStatusEnumType::Accepted,
                Reply::Occupied => ocpp::ReserveNowStatusEnumType::Occupied,
                Reply::Unavailable => ocpp::ReserveNowStatusEnumType::Unavailable,
                _ => ocpp::ReserveNowStatusEnumType::Rejected,
            };
            ocpp::ReserveNowResponse { status, ..Default::default() }.into()
        }
        Request::CancelReservation(cancel) => {
            let order = Order::CancelReservation(cancel.reservation_id);
            let status = match station.obey(order) {
                Reply::Accepted => ocpp::CancelReservationStatusEnumType::Accepted,
                _ => ocpp::CancelReservationStatusEnumType::Rejected,
            };
            ocpp::CancelReservationResponse { status, ..Default::default() }.into()
        }
        Request::GetTransactionStatus(get) => {
            let tx = get.transaction_id.as_ref().map(|id| id.as_str());
            let (runs, waits) = station.transaction_status(tx);
            ocpp::GetTransactionStatusResponse {
                ongoing_indicator: tx.map(|_| runs),
                messages_in_queue: waits,
                ..Default::default()
            }
            .into()
        }
        other => return Err(other),
    })
}

/// Orders about the station itself; gives back what is none.
fn upkeep(station: &mut Station, request: Request) -> Result<Response, Request> {
    Ok(match request {
        Request::Reset(reset) => {
            let hard = reset.r#type != ocpp::ResetEnumType::OnIdle;
            let status = match station.obey(Order::Reset { hard }) {
                Reply::Accepted => ocpp::ResetStatusEnumType::Accepted,
                _ => ocpp::ResetStatusEnumType::Rejected,
            };
            ocpp::ResetResponse { status, ..Default::default() }.into()
        }
        Request::ChangeAvailability(change) => {
            let operative = change.operational_status == ocpp::OperationalStatusEnumType::Operative;
            let evse = change.evse.as_ref().map_or(0, |at| evse(at.id));
            let status = match station.obey(Order::Availability { evse, operative }) {
                Reply::Accepted => ocpp::ChangeAvailabilityStatusEnumType::Accepted,
                Reply::Scheduled => ocpp::ChangeAvailabilityStatusEnumType::Scheduled,
                _ => ocpp::ChangeAvailabilityStatusEnumType::Rejected,
            };
            ocpp::ChangeAvailabilityResponse { status, ..Default::default() }.into()
        }
        Request::TriggerMessage(trigger) => {
            let status = trigger_message(station, &trigger);
            ocpp::TriggerMessageResponse { status, ..Default::default() }.into()
        }
        Request::GetLocalListVersion(_) => ocpp::GetLocalListVersionResponse {
            version_number: station.list_version(),
            ..Default::default()
        }
        .into(),
        Request::SendLocalList(list) => {
            station.obey(Order::LocalList(list.version_number));
            ocpp::SendLocalListResponse::default().into()
        }
        other => return Err(other),
    })
}

pub(super) fn evse(id: i64) -> u16 {
    u16::try_from(id).unwrap_or(u16::MAX)
}

fn started(reply: Reply) -> ocpp::RequestStartStopStatusEnumType {
    match reply {
        Reply::Accepted => ocpp::RequestStartStopStatusEnumType::Accepted,
        _ => ocpp::RequestStartStopStatusEnumType::Rejected,
    }
}

fn token(token: &ocpp::IdTokenType) -> Token {
    let kind = match token.r#type.as_str() {
        "Central" => TokenKind::Central,
        "eMAID" => TokenKind::Contract,
        _ => TokenKind::Card,
    };
    Token { id: token.id_token.as_str().to_owned(), kind }
}

fn trigger_message(
    station: &mut Station,
    trigger: &ocpp::TriggerMessageRequest,
) -> ocpp::TriggerMessageStatusEnumType {
    use ocpp::MessageTriggerEnumType as Asked;
    let wanted = match trigger.requested_message {
        Asked::BootNotification => Wanted::Boot,
        Asked::LogStatusNotification => Wanted::Log,
        Asked::FirmwareStatusNotification => Wanted::Firmware,
        Asked::Heartbeat => Wanted::Heartbeat,
        Asked::MeterValues | Asked::TransactionEvent => Wanted::Readings,
        Asked::StatusNotification => Wanted::Status,
        _ => return ocpp::TriggerMessageStatusEnumType::NotImplemented,
    };
    let evse = trigger.evse.as_ref().map(|at| evse(at.id));
    match station.obey(Order::Trigger { wanted, evse }) {
        Reply::Accepted => ocpp::TriggerMessageStatusEnumType::Accepted,
        _ => ocpp::TriggerMessageStatusEnumType::Rejected,
    }
}
