//! Owns how a simulated station speaks OCPP 2.0.1. Must never decide what it does.

mod limits;
mod meter;
mod notices;
mod orders;
mod replies;

use busbar_ocpp::Leniency;
use busbar_ocpp::v201::{self as ocpp, Request, Response};
use busbar_ocpp::values::List;

pub(super) use orders::obey;

use super::{text, time};
use crate::settings::Setting;
use crate::spec::Spec;
use crate::words::{
    Answer, BootReason, Flow, Phase, Reason, Registration, Report, Status, Token, TokenKind,
    Trigger, TxEvent,
};

pub(super) fn request(spec: &Spec, report: &Report) -> (&'static str, String) {
    let request = match report {
        Report::Boot(reason) => boot(spec, *reason),
        Report::Heartbeat => ocpp::HeartbeatRequest::default().into(),
        Report::Status { evse, status, at_ms } => status_request(*evse, *status, *at_ms),
        Report::Authorize(token) => {
            ocpp::AuthorizeRequest { id_token: id_token(token), ..Default::default() }.into()
        }
        Report::Tx(event) => return self::event(spec, event),
        Report::Meter { evse, reading } => ocpp::MeterValuesRequest {
            evse_id: number(*evse),
            meter_value: List::one(meter::value(spec, reading)),
            ..Default::default()
        }
        .into(),
        Report::Firmware { request_id, .. } => firmware(*request_id),
        Report::Log { request_id } => log(*request_id),
        Report::Variables { request_id, at_ms, settings } => {
            variables(*request_id, *at_ms, settings)
        }
        Report::Profiles { request_id, evse, profiles, more } => {
            limits::report(*request_id, *evse, profiles, *more)
        }
        Report::Needs { evse, needs } => notices::needs(*evse, needs),
        Report::Limited { ma, at_ms } => notices::limited(*ma, *at_ms),
        // Only 2.1 has dynamic profiles.
        Report::Pull { .. } => ocpp::HeartbeatRequest::default().into(),
    };
    (request.action(), request.encode())
}

pub(super) fn event(spec: &Spec, event: &TxEvent) -> (&'static str, String) {
    let readings = event.readings.iter().map(|reading| meter::value(spec, reading));
    let started = event.phase == Phase::Started;
    let request: Request = ocpp::TransactionEventRequest {
        event_type: match event.phase {
            Phase::Started => ocpp::TransactionEventEnumType::Started,
            Phase::Updated => ocpp::TransactionEventEnumType::Updated,
            Phase::Ended => ocpp::TransactionEventEnumType::Ended,
        },
        meter_value: List::new(readings.collect()).ok().filter(|list| !list.is_empty()),
        timestamp: time(event.at_ms),
        trigger_reason: trigger(event.trigger),
        seq_no: seq_no(event.seq_no),
        offline: event.offline.then_some(true),
        reservation_id: event.reservation_id.map(seq_no),
        transaction_info: transaction(event),
        // Told once, when it becomes known, as E02 allows.
        evse: started.then(|| evse(event.evse)),
        id_token: event.token.as_ref().map(id_token),
        ..Default::default()
    }
    .into();
    (request.action(), request.encode())
}

pub(super) fn answer(report: &Report, payload: &str) -> Option<Answer> {
    match response(action_of(report), payload)? {
        Response::BootNotification(boot) => Some(Answer::Boot {
            registration: match boot.status {
                ocpp::RegistrationStatusEnumType::Accepted => Registration::Accepted,
                ocpp::RegistrationStatusEnumType::Pending => Registration::Pending,
                ocpp::RegistrationStatusEnumType::Rejected => Registration::Rejected,
            },
            interval_s: boot.interval,
            time_ms: boot.current_time.epoch_ms(),
        }),
        Response::Heartbeat(beat) => Some(Answer::Time(beat.current_time.epoch_ms())),
        Response::Authorize(answer) => Some(Answer::Authorized(accepted(&answer.id_token_info))),
        _ => Some(Answer::Noted),
    }
}

pub(super) fn event_answer(payload: &str) -> Option<Answer> {
    match response("TransactionEvent", payload)? {
        Response::TransactionEvent(answer) => {
            Some(Answer::Tx { number: None, accepted: answer.id_token_info.as_ref().map(accepted) })
        }
        _ => None,
    }
}

fn response(action: &str, payload: &str) -> Option<Response> {
    Response::decode(action, payload, Leniency::Tolerant).ok().map(|decoded| decoded.message)
}

fn action_of(report: &Report) -> &'static str {
    match report {
        Report::Boot(_) => "BootNotification",
        Report::Heartbeat => "Heartbeat",
        Report::Status { .. } => "StatusNotification",
        Report::Authorize(_) => "Authorize",
        Report::Tx(_) => "TransactionEvent",
        Report::Meter { .. } => "MeterValues",
        Report::Firmware { .. } => "FirmwareStatusNotification",
        Report::Log { .. } => "LogStatusNotification",
        Report::Variables { .. } => "NotifyReport",
        Report::Profiles { .. } => "ReportChargingProfiles",
        Report::Needs { .. } => "NotifyEVChargingNeeds",
        Report::Limited { ma: Some(_), .. } => "NotifyChargingLimit",
        Report::Limited { ma: None, .. } => "ClearedChargingLimit",
        Report::Pull { .. } => "Heartbeat",
    }
}

fn accepted(info: &ocpp::IdTokenInfoType) -> bool {
    info.status == ocpp::AuthorizationStatusEnumType::Accepted
}

fn number(evse: u16) -> i64 {
    i64::from(evse)
}

fn seq_no(number: i64) -> i64 {
    number
}

fn evse(evse: u16) -> ocpp::EVSEType {
    ocpp::EVSEType { id: number(evse), connector_id: Some(number(1)), ..Default::default() }
}

fn id_token(token: &Token) -> ocpp::IdTokenType {
    ocpp::IdTokenType {
        id_token: text(&token.id),
        r#type: match token.kind {
            TokenKind::Card => ocpp::IdTokenEnumType::ISO14443,
            TokenKind::Central => ocpp::IdTokenEnumType::Central,
            TokenKind::Contract => ocpp::IdTokenEnumType::EMAID,
        },
        ..Default::default()
    }
}

fn boot(spec: &Spec, reason: BootReason) -> Request {
    ocpp::BootNotificationRequest {
        charging_station: ocpp::ChargingStationType {
            serial_number: Some(text(&spec.identity)),
            model: text(&spec.model),
            vendor_name: text(&spec.vendor),
            firmware_version: Some(text("2.3.0")),
            ..Default::default()
        },
        reason: match reason {
            BootReason::PowerUp => ocpp::BootReasonEnumType::PowerUp,
            BootReason::RemoteReset => ocpp::BootReasonEnumType::RemoteReset,
            BootReason::Triggered => ocpp::BootReasonEnumType::Triggered,
        },
        ..Default::default()
    }
    .into()
}

fn status_request(evse: u16, status: Status, at_ms: i64) -> Request {
    ocpp::StatusNotificationRequest {
        timestamp: time(at_ms),
        connector_status: connector_status(status),
        evse_id: number(evse),
        connector_id: number(1),
        ..Default::default()
    }
    .into()
}

fn connector_status(status: Status) -> ocpp::ConnectorStatusEnumType {
    match status {
        Status::Available => ocpp::ConnectorStatusEnumType::Available,
        Status::Preparing
        | Status::Charging
        | Status::SuspendedEv
        | Status::SuspendedEvse
        | Status::Finishing => ocpp::ConnectorStatusEnumType::Occupied,
        Status::Reserved => ocpp::ConnectorStatusEnumType::Reserved,
        Status::Unavailable => ocpp::ConnectorStatusEnumType::Unavailable,
        Status::Faulted => ocpp::ConnectorStatusEnumType::Faulted,
    }
}

fn firmware(request_id: Option<i64>) -> Request {
    let status = match request_id {
        Some(_) => ocpp::FirmwareStatusEnumType::Installed,
        None => ocpp::FirmwareStatusEnumType::Idle,
    };
    ocpp::FirmwareStatusNotificationRequest { status, request_id, ..Default::default() }.into()
}

fn log(request_id: Option<i64>) -> Request {
    let status = match request_id {
        Some(_) => ocpp::UploadLogStatusEnumType::Uploaded,
        None => ocpp::UploadLogStatusEnumType::Idle,
    };
    ocpp::LogStatusNotificationRequest { status, request_id, ..Default::default() }.into()
}

fn variables(request_id: i64, at_ms: i64, settings: &[Setting]) -> Request {
    let data = settings.iter().map(|setting| ocpp::ReportDataType {
        component: ocpp::ComponentType { name: text(setting.component), ..Default::default() },
        variable: ocpp::VariableType { name: text(setting.variable), ..Default::default() },
        variable_attribute: List::one(ocpp::VariableAttributeType {
            value: Some(text(&setting.value)),
            mutability: Some(if setting.writable {
                ocpp::MutabilityEnumType::ReadWrite
            } else {
                ocpp::MutabilityEnumType::ReadOnly
            }),
            ..Default::default()
        }),
        ..Default::default()
    });
    ocpp::NotifyReportRequest {
        request_id,
        generated_at: time(at_ms),
        report_data: List::new(data.collect()).ok(),
        tbc: Some(false),
        seq_no: seq_no(0),
        ..Default::default()
    }
    .into()
}

fn transaction(event: &TxEvent) -> ocpp::TransactionType {
    let charged = event.phase == Phase::Ended && event.charged_s > 0;
    ocpp::TransactionType {
        transaction_id: text(&event.id),
        charging_state: Some(match event.flow {
            Flow::Connected => ocpp::ChargingStateEnumType::EVConnected,
            Flow::Charging => ocpp::ChargingStateEnumType::Charging,
            Flow::SuspendedEv => ocpp::ChargingStateEnumType::SuspendedEV,
            Flow::SuspendedEvse => ocpp::ChargingStateEnumType::SuspendedEVSE,
            Flow::Idle => ocpp::ChargingStateEnumType::Idle,
        }),
        time_spent_charging: charged.then_some(event.charged_s),
        stopped_reason: event.reason.map(reason),
        remote_start_id: event.remote_start_id,
        ..Default::default()
    }
}

fn trigger(trigger: Trigger) -> ocpp::TriggerReasonEnumType {
    match trigger {
        Trigger::Authorized => ocpp::TriggerReasonEnumType::Authorized,
        Trigger::CablePluggedIn => ocpp::TriggerReasonEnumType::CablePluggedIn,
        Trigger::FlowChanged => ocpp::TriggerReasonEnumType::ChargingStateChanged,
        Trigger::StopAuthorized => ocpp::TriggerReasonEnumType::StopAuthorized,
        Trigger::Deauthorized => ocpp::TriggerReasonEnumType::Deauthorized,
        Trigger::CommunicationLost => ocpp::TriggerReasonEnumType::EVCommunicationLost,
        Trigger::Periodic => ocpp::TriggerReasonEnumType::MeterValuePeriodic,
        Trigger::Asked | Trigger::Resumed => ocpp::TriggerReasonEnumType::Trigger,
        Trigger::RemoteStart => ocpp::TriggerReasonEnumType::RemoteStart,
        Trigger::RemoteStop => ocpp::TriggerReasonEnumType::RemoteStop,
        Trigger::Unlock => ocpp::TriggerReasonEnumType::UnlockCommand,
        Trigger::Reset => ocpp::TriggerReasonEnumType::ResetCommand,
        Trigger::Abnormal => ocpp::TriggerReasonEnumType::AbnormalCondition,
    }
}

fn reason(reason: Reason) -> ocpp::ReasonEnumType {
    match reason {
        Reason::Local => ocpp::ReasonEnumType::Local,
        Reason::Remote => ocpp::ReasonEnumType::Remote,
        Reason::Disconnected => ocpp::ReasonEnumType::EVDisconnected,
        Reason::DeAuthorized => ocpp::ReasonEnumType::DeAuthorized,
        Reason::SoftReset => ocpp::ReasonEnumType::Reboot,
        Reason::HardReset => ocpp::ReasonEnumType::ImmediateReset,
        Reason::PowerLoss => ocpp::ReasonEnumType::PowerLoss,
        Reason::Unlock => ocpp::ReasonEnumType::Other,
        Reason::Emergency => ocpp::ReasonEnumType::EmergencyStop,
    }
}
